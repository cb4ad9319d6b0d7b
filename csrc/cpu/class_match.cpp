#include "ops/class_match.h"

#include "cpu/kernels.h"
#include "cpu/labels.h"
#include "cpu/last_axis.h"

namespace fastnn::cpu {

namespace {

template <class T, int L>
struct ClassMatch {
  using Axis = LastAxis<T, L>;
  using Block = typename Axis::Block;
  using Value = typename Axis::Value;

  static void run(const KernelCall& call) {
    const auto& config = call.configuration<ops::ClassMatchConfig>();
    const int64_t classes = config.classes;
    const int64_t targets = call.in[1].dtype == DType::i32 ? 0 : classes;
    for (int64_t at = 0; at < call.groups(L) * config.positions; ++at) {
      const T* scores = call.in[0].as<T>() + at * classes * L;
      alignas(64) T id[L];
      alignas(64) T score[L];
      for (int lane = 0; lane < L; ++lane) {
        const int64_t label = targets > 0 && classes == 1 ? 0 : class_at<T, L>(call.in[1], targets, at, lane);
        const bool ignored = config.has_ignore && label == config.ignore_index;
        const bool valid = !ignored && check_class(call, label, classes, at / config.positions * L + lane);
        id[lane] = valid ? static_cast<T>(label) : T(-1);
        score[lane] = valid ? scores[label * L + lane] : T(0);
      }
      const Value own = load<Value>(score);
      const Value ahead = count_ahead(scores, classes, own, load<Value>(id), config.top_k == 0);
      const Value allowed = broadcast<Value>(config.top_k == 0 ? T(1) : static_cast<T>(config.top_k));
      auto match = mask_and(less(ahead, allowed), greater_equal(load<Value>(id), zero<Value>()));
      match = mask_and(match, mask_not(isnan(own)));
      store(call.out[0].as<T>() + at * L, select(match, broadcast<Value>(T(1)), zero<Value>()));
    }
  }

  // Scores that rank before the label's own; a NaN ranks before everything.
  static FASTNN_INLINE Value count_ahead(const T* scores, int64_t classes, Value own, Value id,
                                         bool first_wins) {
    const Block one = broadcast<Block>(T(1));
    const Block own_score = Axis::spread(own);
    const Block own_id = Axis::spread(id);
    Block count = zero<Block>();
    Axis::each(classes, [&](int64_t c, int valid) {
      const Block x = Axis::get(scores + c, valid);
      auto ahead = greater(x, own_score);
      if (first_wins) ahead = mask_or(ahead, mask_and(equal(x, own_score), less(number(c), own_id)));
      const Block term = select(isnan(x), broadcast<Block>(T(1e6)), select(ahead, one, zero<Block>()));
      count += Axis::fill_rest(term, valid, T(0));
    });
    return Axis::sum(count);
  }

  static FASTNN_INLINE Block number(int64_t c) {
    if constexpr (L == 1) {
      Block out;
      for (int i = 0; i < Axis::width; ++i) out[i] = static_cast<T>(c + i);
      return out;
    } else {
      return broadcast<Block>(static_cast<T>(c / L));
    }
  }
};

}  // namespace

extern const Kernel class_match_kernel;
const Kernel class_match_kernel{.f32 = tile_kernels_f32<ClassMatch>(), .f64 = tile_kernels_f64<ClassMatch>()};

}  // namespace fastnn::cpu
