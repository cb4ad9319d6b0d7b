// Random words come in chunks of 64 elements: element 64 k + 16 w + j of a sample gets word w of its counter
// 16 k + j. So rows draw vectors of counters, lanes vectors of samples, and both get the same words.
#include "ops/dropout.h"

#include "cpu/broadcast.h"
#include "cpu/philox.h"

namespace fastnn::cpu {

namespace {

constexpr int64_t kChunk = kPhiloxGroup;

struct Multiply {
  template <class V>
  static FASTNN_INLINE V apply(V a, V b) {
    return a * b;
  }
};

// The words of the chunk's first `count` elements, [element][L], for L samples from `sample` on. May write
// all kChunk.
template <int L>
void chunk_words(uint32_t* out, int64_t chunk, int64_t count, int64_t sample, uint64_t seed,
                 const KernelCall& call, uint32_t node) {
  const auto step = static_cast<uint32_t>(call.step);
  const uint32_t stream = static_cast<uint32_t>(RandomStream::op) | node << 8;
  if constexpr (L == 1) {
    philox_fill(out, kChunk, {static_cast<uint32_t>(chunk * 16), static_cast<uint32_t>(sample), step, stream},
                seed);
  } else {
    using V = Vec<uint32_t, L>;
    V samples;
    for (int lane = 0; lane < L; ++lane) samples[lane] = static_cast<uint32_t>(sample + lane);
    for (int64_t j = 0; j < 16 && j < count; ++j) {
      V c0 = broadcast<V>(static_cast<uint32_t>(chunk * 16 + j)), c1 = samples;
      V c2 = broadcast<V>(step), c3 = broadcast<V>(stream);
      philox_vector(c0, c1, c2, c3, seed);
      store(out + j * L, c0);
      store(out + (j + 16) * L, c1);
      store(out + (j + 32) * L, c2);
      store(out + (j + 48) * L, c3);
    }
  }
}

template <class T, int L>
struct Dropout {
  static void run(const KernelCall& call) {
    const auto& c = call.configuration<ops::DropoutConfig>();
    const View& x = call.in[0];
    const View& y = call.out[0];
    auto* factors = reinterpret_cast<T*>(call.scratch);  // [pattern][L], or one chunk where x is as large
    const bool shared = !c.nest.flat;
    const T scale = static_cast<T>(1 / (1 - c.rate));
    const auto threshold = static_cast<uint64_t>(c.rate * 0x1p32 + 0.5);
    const uint32_t node = c.node >= 0 ? static_cast<uint32_t>(c.node) : call.node;
    alignas(64) uint32_t words[kChunk * L];
    for (int64_t g = 0; g < call.groups(L); ++g) {
      const T* source = x.as<T>() + g * x.size * L;
      T* target = y.as<T>() + g * y.size * L;
      for (int64_t chunk = 0; chunk * kChunk < c.pattern; ++chunk) {
        const int64_t first = chunk * kChunk;
        const int64_t count = c.pattern - first < kChunk ? c.pattern - first : kChunk;
        chunk_words<L>(words, chunk, count, call.first + g * L, call.seed + c.seed, call, node);
        T* made = shared ? factors + first * L : factors;
        for (int64_t i = 0; i < count * L; ++i) made[i] = words[i] >= threshold ? scale : T(0);
        if (!shared) {
          map_elements(source + first * L, made, target + first * L, count * L,
                       [](auto a, auto b) { return a * b; });
        }
      }
      if (shared) BroadcastTile<Multiply, T, L>::sample_group(c.nest, source, true, factors, true, target);
    }
  }
};

int64_t dropout_scratch(const KernelQuery& query) {
  const auto& c = *static_cast<const ops::DropoutConfig*>(query.config);
  const int64_t elements = c.nest.flat ? kChunk : (c.pattern + kChunk);
  return elements * query.lanes * static_cast<int64_t>(sizeof(double));
}

// Words in pairs, 16 elements apart, make pairs of normal numbers (Box and Muller); 24 bits of each word
// count, in float64 too, so that both types draw the same numbers.
template <class T, int L>
struct GaussianNoise {
  static void run(const KernelCall& call) {
    constexpr int W = vector_lanes<T>;
    using V = Vec<T, W>;
    const auto& c = call.configuration<ops::GaussianNoiseConfig>();
    const int64_t size = call.out[0].size;
    const V stddev = broadcast<V>(static_cast<T>(c.stddev));
    alignas(64) uint32_t words[kChunk * L] = {};
    alignas(64) T noise[kChunk * L];
    for (int64_t g = 0; g < call.groups(L); ++g) {
      const T* x = call.in[0].as<T>() + g * size * L;
      T* y = call.out[0].as<T>() + g * size * L;
      for (int64_t chunk = 0; chunk * kChunk < size; ++chunk) {
        const int64_t first = chunk * kChunk;
        const int64_t count = size - first < kChunk ? size - first : kChunk;
        chunk_words<L>(words, chunk, count, call.first + g * L, call.seed + c.seed, call, call.node);
        for (int64_t half = 0; half < 2 && half * 32 < count; ++half) {
          for (int64_t i = half * 32 * L; i < (half * 32 + 16) * L; i += W) {
            normal_pair(words + i, words + i + 16 * L, noise + i, noise + i + 16 * L);
          }
        }
        map_elements(x + first * L, noise, y + first * L, count * L,
                     [=](V a, V b) { return fma(b, stddev, a); });
      }
    }
  }

  static FASTNN_INLINE void normal_pair(const uint32_t* words0, const uint32_t* words1, T* first, T* second) {
    constexpr int W = vector_lanes<T>;
    using V = Vec<T, W>;
    using I = Vec<int32_t, W>;
    const auto uniform = [](const uint32_t* p) {
      return convert<V>(bit_cast<I>(load<Vec<uint32_t, W>>(p) >> 8)) * broadcast<V>(T(0x1p-24));
    };
    const V radius = sqrt(log(uniform(words0) + broadcast<V>(T(0x1p-24))) * broadcast<V>(T(-2)));
    const V angle = uniform(words1) * broadcast<V>(T(6.283185307179586476925));
    store(first, radius * cos(angle));
    store(second, radius * sin(angle));
  }
};

}  // namespace

extern const Kernel dropout_kernel;
const Kernel dropout_kernel{
    .f32 = tile_kernels_f32<Dropout>(), .f64 = tile_kernels_f64<Dropout>(), .scratch = dropout_scratch};

extern const Kernel gaussian_noise_kernel;
const Kernel gaussian_noise_kernel{.f32 = tile_kernels_f32<GaussianNoise>(),
                                   .f64 = tile_kernels_f64<GaussianNoise>()};

}  // namespace fastnn::cpu
