// The axis runs over vectors of what lies behind it (inner elements and lanes); only rows with the axis last,
// where nothing lies behind, need vectors along the axis.
#include "ops/softmax.h"

#include <limits>

#include "cpu/kernels.h"
#include "cpu/sums.h"
#include "cpu/vector_math.h"

namespace fastnn::cpu {

namespace {

using Config = ops::AxisConfig;

template <class T>
constexpr T kLowest = -std::numeric_limits<T>::infinity();

// ---- One column: `extent` vectors, `stride` elements apart. At::get and At::put read and write n lanes.
// ----

template <class V>
struct WholeVector {
  V get(const Elem<V>* p) const { return load<V>(p); }
  void put(Elem<V>* p, V v) const { store(p, v); }
};
template <class V>
struct PartVector {
  int64_t count;
  V get(const Elem<V>* p) const { return load_partial<V>(p, count); }
  void put(Elem<V>* p, V v) const { store_partial(p, v, count); }
};

template <bool Log, class V, class At>
FASTNN_INLINE void forward_column(const Elem<V>* x, Elem<V>* y, int64_t extent, int64_t stride, At at) {
  V largest = at.get(x);
  for (int64_t i = 1; i < extent; ++i) largest = max(at.get(x + i * stride), largest);
  if constexpr (Log) {
    const V sum = block_sum<V>(extent, [&](int64_t i) { return exp(at.get(x + i * stride) - largest); });
    const V log_sum = log(sum);  // apart from `largest`, beside which it might vanish
    for (int64_t i = 0; i < extent; ++i) at.put(y + i * stride, at.get(x + i * stride) - largest - log_sum);
  } else {
    const V sum = block_sum<V>(extent, [&](int64_t i) {
      const V e = exp(at.get(x + i * stride) - largest);
      at.put(y + i * stride, e);
      return e;
    });
    const V scale = broadcast<V>(1) / sum;
    for (int64_t i = 0; i < extent; ++i) at.put(y + i * stride, at.get(y + i * stride) * scale);
  }
}

template <bool Log, class V, class At>
FASTNN_INLINE void backward_column(const Elem<V>* dy, const Elem<V>* y, Elem<V>* dx, int64_t extent,
                                   int64_t stride, At at) {
  const V sum = block_sum<V>(extent, [&](int64_t i) {
    const V g = at.get(dy + i * stride);
    return Log ? g : g * at.get(y + i * stride);
  });
  for (int64_t i = 0; i < extent; ++i) {
    const V g = at.get(dy + i * stride), value = at.get(y + i * stride);
    at.put(dx + i * stride, Log ? g - exp(value) * sum : value * (g - sum));
  }
}

// Calls body.template operator()<V>(offset, stride, At) for each column of the tile.
template <class T, int L, class Body>
FASTNN_INLINE void for_columns(const KernelCall& call, const Config& c, Body body) {
  constexpr int W = vector_lanes<T>;
  using V = Vec<T, W>;
  const int64_t run = c.inner * L;
  for (int64_t outer = 0; outer < call.groups(L) * c.outer; ++outer) {
    const int64_t first = outer * c.extent * run;
    int64_t j = 0;
    for (; j + W <= run; j += W) body.template operator()<V>(first + j, run, WholeVector<V>{});
    if (j < run) body.template operator()<V>(first + j, run, PartVector<V>{run - j});
  }
}

// ---- One row of contiguous classes ----

template <bool Log, class T>
void forward_row(const T* x, T* y, int64_t count) {
  using V = Vec<T, vector_lanes<T>>;
  constexpr int L = vector_lanes<T>;
  const int64_t rest = count % L, whole = count - rest;
  V most = broadcast<V>(kLowest<T>);
  for (int64_t i = 0; i < whole; i += L) most = max(load<V>(x + i), most);
  if (rest != 0) most = max(first_lanes(load_partial<V>(x + whole, rest), rest, kLowest<T>), most);
  const V largest = broadcast<V>(hmax(most));
  if constexpr (Log) {
    const V sum = run_sum<T>(x, count, [&](V v) { return exp(v - largest); });
    const V log_sum = broadcast<V>(log(hsum(sum)));
    for (int64_t i = 0; i < whole; i += L) store(y + i, load<V>(x + i) - largest - log_sum);
    if (rest != 0) store_partial(y + whole, load_partial<V>(x + whole, rest) - largest - log_sum, rest);
  } else {
    const V sum = block_sum<V>(whole / L, [&](int64_t i) {
      const V e = exp(load<V>(x + i * L) - largest);
      store(y + i * L, e);
      return e;
    });
    const V tail = first_lanes(exp(load_partial<V>(x + whole, rest) - largest), rest);
    const V scale = broadcast<V>(T(1) / hsum(sum + tail));
    for (int64_t i = 0; i < whole; i += L) store(y + i, load<V>(y + i) * scale);
    if (rest != 0) store_partial(y + whole, tail * scale, rest);
  }
}

template <bool Log, class T>
void backward_row(const T* dy, const T* y, T* dx, int64_t count) {
  using V = Vec<T, vector_lanes<T>>;
  constexpr int L = vector_lanes<T>;
  const int64_t rest = count % L, whole = count - rest;
  V lanes_sum = block_sum<V>(whole / L, [&](int64_t i) {
    const V g = load<V>(dy + i * L);
    return Log ? g : g * load<V>(y + i * L);
  });
  const V last_g = load_partial<V>(dy + whole, rest), last_y = load_partial<V>(y + whole, rest);
  lanes_sum += Log ? last_g : last_g * last_y;
  const V sum = broadcast<V>(hsum(lanes_sum));
  const auto gradient = [&](V g, V value) { return Log ? g - exp(value) * sum : value * (g - sum); };
  for (int64_t i = 0; i < whole; i += L) store(dx + i, gradient(load<V>(dy + i), load<V>(y + i)));
  if (rest != 0) store_partial(dx + whole, gradient(last_g, last_y), rest);
}

template <bool Log, class T, int L>
void forward(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  const T* x = call.in[0].as<T>();
  T* y = call.out[0].as<T>();
  if (L == 1 && c.inner == 1) {
    for (int64_t i = 0; i < call.count * c.outer; ++i)
      forward_row<Log>(x + i * c.extent, y + i * c.extent, c.extent);
    return;
  }
  for_columns<T, L>(call, c, [&]<class V>(int64_t offset, int64_t stride, auto at) {
    forward_column<Log, V>(x + offset, y + offset, c.extent, stride, at);
  });
}

template <bool Log, class T, int L>
void backward(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  const T* dy = call.in[0].as<T>();
  const T* y = call.in[1].as<T>();
  T* dx = call.out[0].as<T>();
  if (L == 1 && c.inner == 1) {
    for (int64_t i = 0; i < call.count * c.outer; ++i) {
      backward_row<Log>(dy + i * c.extent, y + i * c.extent, dx + i * c.extent, c.extent);
    }
    return;
  }
  for_columns<T, L>(call, c, [&]<class V>(int64_t offset, int64_t stride, auto at) {
    backward_column<Log, V>(dy + offset, y + offset, dx + offset, c.extent, stride, at);
  });
}

template <bool Log, class T>
constexpr KernelSet forward_set() {
  return {.rows = forward<Log, T, 1>,
          .lanes = forward<Log, T, vector_lanes<T>>,
          .whole = one_sample<forward<Log, T, 1>>};
}
template <bool Log, class T>
constexpr KernelSet backward_set() {
  return {.rows = backward<Log, T, 1>,
          .lanes = backward<Log, T, vector_lanes<T>>,
          .whole = one_sample<backward<Log, T, 1>>};
}

}  // namespace

extern const Kernel softmax_kernel;
const Kernel softmax_kernel{.f32 = forward_set<false, float>(), .f64 = forward_set<false, double>()};

extern const Kernel softmax_grad_kernel;
const Kernel softmax_grad_kernel{.f32 = backward_set<false, float>(), .f64 = backward_set<false, double>()};

extern const Kernel log_softmax_kernel;
const Kernel log_softmax_kernel{.f32 = forward_set<true, float>(), .f64 = forward_set<true, double>()};

extern const Kernel log_softmax_grad_kernel;
const Kernel log_softmax_grad_kernel{.f32 = backward_set<true, float>(), .f64 = backward_set<true, double>()};

}  // namespace fastnn::cpu
