// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror and Shaw, SC 2011). A number is a pure
// function of its key and counter, so results never depend on which thread draws them or in which order.
#pragma once

#include <array>
#include <cstdint>

namespace fastnn {

using Philox4 = std::array<uint32_t, 4>;

inline Philox4 philox(Philox4 counter, uint32_t key0, uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * counter[0];
    const uint64_t p1 = uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ key0, static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ key1, static_cast<uint32_t>(p0)};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return counter;
}

/// Uniform on [0, 1) with 24 bits.
constexpr float uniform_float(uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }
/// Uniform on [0, 1) with 53 bits, from two words.
constexpr double uniform_double(uint32_t high, uint32_t low) {
  return static_cast<double>((uint64_t{high} << 21) ^ (low >> 11)) * 0x1p-53;
}

/// What a draw is for: part of the Philox counter, so that streams never overlap.
enum class RandomStream : uint32_t { initializer = 1, shuffle = 2, augmentation = 3, op = 4, user = 5 };

}  // namespace fastnn
