#include "ops/cosine_similarity.h"

#include "cpu/kernels.h"
#include "cpu/last_axis.h"

namespace fastnn::cpu {

namespace {

template <class T, int L>
struct Norms {
  using Axis = LastAxis<T, L>;
  using Block = typename Axis::Block;
  using Value = typename Axis::Value;
  Value dot, a, b;

  Norms(const T* x, const T* y, int64_t extent) {
    LongSum<Block> xy, xx, yy;
    Axis::each(extent, [&](int64_t c, int valid) {
      const Block at_x = Axis::get(x + c, valid);
      const Block at_y = Axis::get(y + c, valid);
      xy.add(at_x * at_y);
      xx.add(at_x * at_x);
      yy.add(at_y * at_y);
    });
    const Value least = broadcast<Value>(kLeast);
    dot = Axis::sum(xy.value());
    a = max(least, sqrt(Axis::sum(xx.value())));
    b = max(least, sqrt(Axis::sum(yy.value())));
  }
  static constexpr T kLeast = T(1e-12);
};

template <class T, int L>
struct CosineSimilarity {
  static void run(const KernelCall& call) {
    using Value = Vec<T, L>;
    const auto& config = call.configuration<ops::CosineSimilarityConfig>();
    const Value sign = broadcast<Value>(config.negative ? T(-1) : T(1));
    for (int64_t at = 0; at < call.groups(L) * config.positions; ++at) {
      const int64_t first = at * config.extent * L;
      const Norms<T, L> norms(call.in[0].as<T>() + first, call.in[1].as<T>() + first, config.extent);
      store(call.out[0].as<T>() + at * L, sign * (norms.dot / norms.a / norms.b));
    }
  }
};

// d cos / da = (b / |b| - cos a / |a|) / |a|; the second term is missing where |a| was raised to the least
// norm.
template <class T, int L>
struct CosineSimilarityGrad {
  static void run(const KernelCall& call) {
    using Axis = LastAxis<T, L>;
    using Block = typename Axis::Block;
    using Value = typename Axis::Value;
    const auto& config = call.configuration<ops::CosineSimilarityConfig>();
    const Value sign = broadcast<Value>(config.negative ? T(-1) : T(1));
    for (int64_t at = 0; at < call.groups(L) * config.positions; ++at) {
      const int64_t first = at * config.extent * L;
      const T* a = call.in[1].as<T>() + first;
      const T* b = call.in[2].as<T>() + first;
      T* out = call.out[0].as<T>() + first;
      const Norms<T, L> norms(a, b, config.extent);
      const Value g = sign * load<Value>(call.in[0].as<T>() + at * L) / norms.a;
      const Value cosine = norms.dot / norms.a / norms.b;
      const auto raised = less_equal(norms.a, broadcast<Value>(Norms<T, L>::kLeast));
      const Block of_a = Axis::spread(select(raised, zero<Value>(), g * cosine / norms.a));
      const Block of_b = Axis::spread(g / norms.b);
      Axis::each(config.extent, [&](int64_t c, int valid) {
        Axis::put(out + c, of_b * Axis::get(b + c, valid) - of_a * Axis::get(a + c, valid), valid);
      });
    }
  }
};

}  // namespace

extern const Kernel cosine_similarity_kernel;
const Kernel cosine_similarity_kernel{.f32 = tile_kernels_f32<CosineSimilarity>(),
                                      .f64 = tile_kernels_f64<CosineSimilarity>()};

extern const Kernel cosine_similarity_grad_kernel;
const Kernel cosine_similarity_grad_kernel{.f32 = tile_kernels_f32<CosineSimilarityGrad>(),
                                           .f64 = tile_kernels_f64<CosineSimilarityGrad>()};

}  // namespace fastnn::cpu
