#include "cpu/int8_product.h"

#include <cstdlib>
#include <cstring>

#include "cpu/int8_tiles.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace fastnn::cpu {

namespace {

// FASTNN_VNNI=0 leaves the instruction alone, so that both forms can be tested on one machine.
bool processor_has_vnni() {
  const char* asked = std::getenv("FASTNN_VNNI");
  if (asked != nullptr && std::strcmp(asked, "0") == 0) return false;
#if defined(__x86_64__) && defined(__AVX2__)
  unsigned a = 0, b = 0, c = 0, d = 0;
#if defined(__AVX512F__)
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (c & (1u << 11)) != 0;
#else
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & (1u << 4)) != 0;
#endif
#else
  return false;
#endif
}

const auto kProduct = int8_product_vnni != nullptr && processor_has_vnni() ? int8_product_vnni : &run_product;

}  // namespace

std::int64_t int8_panels(std::int64_t n) { return Int8Panels(n).count; }

std::int64_t int8_packed_bytes(const Int8Rows& rows, std::int64_t n) {
  const std::int64_t columns = Int8Panels(n).vectors * kInt8Lanes;
  return columns * (rows.all_quads() * 4 + static_cast<std::int64_t>(sizeof(std::int32_t)));
}

void int8_pack(const Int8Rows& rows, std::int64_t n, const std::int8_t* kernel, std::int64_t first,
               std::int64_t last, std::int8_t* packed) {
  constexpr int kWidest = kInt8MostVectors * kInt8Lanes;
  const Int8Panels panels(n);
  const std::int64_t quads = rows.quads(), runs = rows.outer_y * rows.outer_x;
  const std::int64_t all = rows.all_quads();
  auto* sums = reinterpret_cast<std::int32_t*>(packed + panels.vectors * all * 4 * kInt8Lanes);
  for (std::int64_t panel = first; panel < last; ++panel) {
    const std::int64_t begin = panels.begin(panel) * kInt8Lanes;
    const std::int64_t width = panels.begin(panel + 1) * kInt8Lanes - begin;
    const std::int64_t columns = std::min(width, n - begin);
    std::int8_t* out = packed + begin * all * 4;
    std::int32_t sum[kWidest] = {};
    std::int8_t four[4][kWidest] = {};  // weights of a quad; columns beyond the last stay 0
    for (std::int64_t r = 0; r < runs; ++r) {
      for (std::int64_t q = 0; q < quads; ++q, out += width * 4) {
        for (std::int64_t byte = 0; byte < 4; ++byte) {
          const std::int64_t k = 4 * q + byte;
          if (k < rows.run) {
            std::memcpy(four[byte], kernel + (r * rows.run + k) * n + begin, static_cast<size_t>(columns));
          } else {
            std::memset(four[byte], 0, sizeof four[byte]);
          }
        }
        for (std::int64_t j = 0; j < width; ++j) {
          for (int byte = 0; byte < 4; ++byte) out[4 * j + byte] = four[byte][j];
          sum[j] += four[0][j] + four[1][j] + four[2][j] + four[3][j];
        }
      }
    }
    std::memcpy(sums + begin, sum, static_cast<size_t>(width) * sizeof(std::int32_t));
  }
}

void int8_product(const Int8Product& product) { kProduct(product); }

}  // namespace fastnn::cpu
