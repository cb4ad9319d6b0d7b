// Updates in two passes, of optimizers whose step depends on the whole of an array (Lamb, Adafactor): here
// the first, which puts a direction into the gradient's place and sums squares; the second is plain descent.
#include <algorithm>

#include "cpu/optimizer_runs.h"

namespace fastnn::cpu {

namespace {

struct LambDirection {
  template <class V>
  static FASTNN_INLINE V direction(const Scalars<V>& c, V g, const Slots<V>& slots) {
    const V first = c.mix(c.beta1, slots.get(0), c.rest1, g);
    const V second = c.mix(c.beta2, slots.get(1), c.rest2, g * g);
    slots.put(0, first);
    slots.put(1, second);
    return c.correction1 * first / fma(sqrt(second), c.correction2, c.epsilon);
  }
};

struct AdafactorDirection {
  template <class V>
  static FASTNN_INLINE V direction(const Scalars<V>& c, V g, const Slots<V>& slots) {
    const V square = c.mix(c.beta2, slots.get(0), c.rest2, fma(g, g, c.epsilon));
    slots.put(0, square);
    return select(equal(square, zero<V>()), zero<V>(), V(g / sqrt(square)));
  }
};

template <class T, class Rule>
void make_direction(const UpdateCall& call) {
  constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;
  using Wide = Vec<double, L>;
  const Scalars<V> c(call);
  const Arrays<T> arrays(call);
  Wide of_parameter = zero<Wide>(), of_direction = zero<Wide>();
  each(
      call, arrays.slots, [&](const Slots<V>& slots) __attribute__((always_inline)) {
        const Slots<V> operands{arrays.operands, slots.at, slots.count};
        const V p = operands.get(0) * c.keep;
        V direction = Rule::direction(c, V(c.clamped(operands.get(1)) * c.scale), slots);
        operands.put(0, p);
        operands.put(1, direction);
        if (slots.count < L) direction = operands.get(1);  // 0 in the lanes that are not in use
        const Wide wide = convert<Wide>(p), far = convert<Wide>(direction);
        of_parameter = fma(wide, wide, of_parameter);
        of_direction = fma(far, far, of_direction);
      });
  call.result[0] = hsum(of_parameter);
  call.result[1] = hsum(of_direction);
}

/// Calls body(row, column, lanes in use) for every vector of every row; a run is whole rows.
template <class T, class Body>
FASTNN_INLINE void each_of_rows(const UpdateCall& call, Body body) {
  constexpr int L = vector_lanes<T>;
  const int64_t columns = call.columns_count;
  for (int64_t row = 0; row * columns < call.count; ++row) {
    for (int64_t j = 0; j < columns; j += L) body(row, j, std::min<int64_t>(L, columns - j));
  }
}

template <class V>
FASTNN_INLINE V some(const Elem<V>* at, int64_t count) {
  return count == lanes<V> ? load<V>(at) : load_partial<V>(at, count);
}

template <class V>
FASTNN_INLINE void put_some(Elem<V>* at, V value, int64_t count) {
  if (count == lanes<V>) {
    store(at, value);
  } else {
    store_partial(at, value, count);
  }
}

template <class T>
void adafactor_squares(const UpdateCall& call) {
  constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;
  using Wide = Vec<double, L>;
  const Scalars<V> c(call);
  const T* gradient = static_cast<const T*>(call.gradient);
  const Wide epsilon = broadcast<Wide>(call.epsilon);
  std::fill_n(call.rows, call.count / call.columns_count, 0.0);
  each_of_rows<T>(
      call, [&](int64_t row, int64_t j, int64_t count) __attribute__((always_inline)) {
        const V g = c.clamped(some<V>(gradient + row * call.columns_count + j, count)) * c.scale;
        const Wide wide = convert<Wide>(g);
        Wide square = fma(wide, wide, epsilon);
        const Wide column = some<Wide>(call.columns + j, count) + square;
        put_some(call.columns + j, column, count);
        if (count < L) {  // 0 in the lanes that are not in use
          double kept[L];
          store(kept, square);
          square = load_partial<Wide>(kept, count);
        }
        call.rows[row] += hsum(square);
      });
}

template <class T>
void adafactor_factored(const UpdateCall& call) {
  constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;
  using Wide = Vec<double, L>;
  const Scalars<V> c(call);
  T* const gradient = static_cast<T*>(call.gradient);
  T* const parameter = static_cast<T*>(call.parameter);
  Wide of_parameter = zero<Wide>(), of_direction = zero<Wide>();
  each_of_rows<T>(
      call, [&](int64_t row, int64_t j, int64_t count) __attribute__((always_inline)) {
        const int64_t at = row * call.columns_count + j;
        const V g = c.clamped(some<V>(gradient + at, count)) * c.scale;
        const Wide factor = some<Wide>(call.columns + j, count) * broadcast<Wide>(call.rows[row]);
        const Wide direction = convert<Wide>(g) * factor;
        const V p = some<V>(parameter + at, count) * c.keep;
        put_some(gradient + at, convert<V>(direction), count);
        put_some(parameter + at, p, count);
        const Wide wide = convert<Wide>(p);
        of_parameter = fma(wide, wide, of_parameter);
        of_direction = fma(direction, direction, of_direction);
      });
  call.result[0] = hsum(of_parameter);
  call.result[1] = hsum(of_direction);
}

template <class T>
void directions(const UpdateCall& call) {
  switch (call.kind) {
    case UpdateKind::lamb_direction:
      return make_direction<T, LambDirection>(call);
    case UpdateKind::adafactor_direction:
      return make_direction<T, AdafactorDirection>(call);
    case UpdateKind::adafactor_factored:
      return adafactor_factored<T>(call);
    default:
      return adafactor_squares<T>(call);
  }
}

}  // namespace

void make_directions(const UpdateCall& call, float) { directions<float>(call); }
void make_directions(const UpdateCall& call, double) { directions<double>(call); }

}  // namespace fastnn::cpu
