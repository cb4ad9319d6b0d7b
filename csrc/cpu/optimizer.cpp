// Optimizers' updates: one pass over parameter, gradient and slots. A rule gets the parameter's elements p
// and the gradient's g as vectors, loads and stores its slots through `Slots`, and returns the new p.
#include "cpu/optimizer.h"

#include "cpu/optimizer_runs.h"
#include "cpu/vector_math.h"

namespace fastnn::cpu {

namespace {

template <class V>
FASTNN_INLINE V descend(const Scalars<V>& c, V p, V direction) {
  return fma(V(-c.rate), direction, p);
}

struct Sgd {
  template <class V>
  static FASTNN_INLINE V step(const Scalars<V>& c, V p, V g, const Slots<V>&) {
    return descend(c, p, g);
  }
};

template <bool Nesterov>
struct SgdMomentum {
  template <class V>
  static FASTNN_INLINE V step(const Scalars<V>& c, V p, V g, const Slots<V>& slots) {
    const V velocity = fma(c.beta1, slots.get(0), g);
    slots.put(0, velocity);
    return descend(c, p, Nesterov ? fma(c.beta1, velocity, g) : velocity);
  }
};

struct Adagrad {
  template <class V>
  static FASTNN_INLINE V step(const Scalars<V>& c, V p, V g, const Slots<V>& slots) {
    const V sum = fma(g, g, slots.get(0));
    slots.put(0, sum);
    return descend(c, p, V(g / (sqrt(sum) + c.epsilon)));
  }
};

struct Adadelta {
  template <class V>
  static FASTNN_INLINE V step(const Scalars<V>& c, V p, V g, const Slots<V>& slots) {
    const V square = c.mix(c.beta2, slots.get(0), c.rest2, g * g);
    slots.put(0, square);
    const V before = slots.get(1);
    const V delta = sqrt(V(before + c.epsilon)) / sqrt(V(square + c.epsilon)) * g;
    slots.put(1, c.mix(c.beta2, before, c.rest2, delta * delta));
    return descend(c, p, delta);
  }
};

template <bool Centered, bool Momentum>
struct Rmsprop {
  template <class V>
  static FASTNN_INLINE V step(const Scalars<V>& c, V p, V g, const Slots<V>& slots) {
    V square = c.mix(c.beta2, slots.get(0), c.rest2, g * g);
    slots.put(0, square);
    if constexpr (Centered) {
      const V average = c.mix(c.beta2, slots.get(1), c.rest2, g);
      slots.put(1, average);
      // The variance cannot be negative; its rounding can.
      square = max(zero<V>(), V(fma(V(-average), average, square)));
    }
    V direction = g / (sqrt(square) + c.epsilon);
    if constexpr (Momentum) {
      constexpr int which = Centered ? 2 : 1;
      direction = fma(c.beta1, slots.get(which), direction);
      slots.put(which, direction);
    }
    return descend(c, p, direction);
  }
};

template <bool Amsgrad>
struct Adam {
  template <class V>
  static FASTNN_INLINE V step(const Scalars<V>& c, V p, V g, const Slots<V>& slots) {
    const V first = c.mix(c.beta1, slots.get(0), c.rest1, g);
    V second = c.mix(c.beta2, slots.get(1), c.rest2, g * g);
    slots.put(0, first);
    slots.put(1, second);
    if constexpr (Amsgrad) {
      second = max(slots.get(2), second);
      slots.put(2, second);
    }
    return descend(c, p, V(c.correction1 * first / fma(sqrt(second), c.correction2, c.epsilon)));
  }
};

struct Adamax {
  template <class V>
  static FASTNN_INLINE V step(const Scalars<V>& c, V p, V g, const Slots<V>& slots) {
    const V first = c.mix(c.beta1, slots.get(0), c.rest1, g);
    const V norm = max(V(c.beta2 * slots.get(1)), V(abs(g) + c.epsilon));
    slots.put(0, first);
    slots.put(1, norm);
    return descend(c, p, V(c.correction1 * first / norm));
  }
};

struct Nadam {
  template <class V>
  static FASTNN_INLINE V step(const Scalars<V>& c, V p, V g, const Slots<V>& slots) {
    const V first = c.mix(c.beta1, slots.get(0), c.rest1, g);
    const V second = c.mix(c.beta2, slots.get(1), c.rest2, g * g);
    slots.put(0, first);
    slots.put(1, second);
    const V ahead = fma(c.correction1, first, c.look_ahead * g);
    return descend(c, p, V(ahead / fma(sqrt(second), c.correction2, c.epsilon)));
  }
};

struct Lion {
  template <class V>
  static FASTNN_INLINE V step(const Scalars<V>& c, V p, V g, const Slots<V>& slots) {
    const V momentum = slots.get(0);
    const V mixed = c.mix(c.beta1, momentum, c.rest1, g);
    slots.put(0, c.mix(c.beta2, momentum, c.rest2, g));
    const V one = broadcast<V>(1);
    const V below = select(less(mixed, zero<V>()), V(-one), mixed);  // 0 and NaN stay
    return descend(c, p, select(greater(mixed, zero<V>()), one, below));
  }
};

/// Root: the power is 1/2.
template <bool Root>
struct Ftrl {
  template <class V>
  static FASTNN_INLINE V step(const Scalars<V>& c, V p, V g, const Slots<V>& slots) {
    const V before = slots.get(0);
    const V sum = fma(g, g, before);
    slots.put(0, sum);
    V low, high;
    if constexpr (Root) {
      low = sqrt(before);
      high = sqrt(sum);
    } else {
      low = pow(before, c.power);
      high = pow(sum, c.power);
    }
    const V linear = slots.get(1) + fma(c.shrinkage, p, g) - (high - low) / c.rate * p;
    slots.put(1, linear);
    const V beyond = linear - min(c.l1, max(V(-c.l1), linear));
    return V(-c.rate) * beyond / (high + c.l2);
  }
};

template <class T, class Rule>
void update_with(const UpdateCall& call) {
  using V = Vec<T, vector_lanes<T>>;
  const Scalars<V> c(call);
  const Arrays<T> arrays(call);
  each(
      call, arrays.slots, [&](const Slots<V>& slots) __attribute__((always_inline)) {
        const Slots<V> operands{arrays.operands, slots.at, slots.count};
        const V g = c.clamped(operands.get(1)) * c.scale;
        operands.put(0, Rule::template step<V>(c, operands.get(0) * c.keep, g, slots));
      });
}

template <class T>
void accumulate(const UpdateCall& call) {
  using V = Vec<T, vector_lanes<T>>;
  const Arrays<T> arrays(call);
  each(
      call, arrays.slots, [&](const Slots<V>& slots) __attribute__((always_inline)) {
        const Slots<V> operands{arrays.operands, slots.at, slots.count};
        slots.put(0, slots.get(0) + operands.get(1));
      });
}

template <class T>
void take_mean(const UpdateCall& call) {
  using V = Vec<T, vector_lanes<T>>;
  const Scalars<V> c(call);
  const Arrays<T> arrays(call);
  each(
      call, arrays.slots, [&](const Slots<V>& slots) __attribute__((always_inline)) {
        const Slots<V> operands{arrays.operands, slots.at, slots.count};
        operands.put(1, (slots.get(0) + operands.get(1)) / c.scale);
        slots.put(0, zero<V>());
      });
}

template <class T>
void move_average(const UpdateCall& call) {
  using V = Vec<T, vector_lanes<T>>;
  const Scalars<V> c(call);
  const Arrays<T> arrays(call);
  each(
      call, arrays.slots, [&](const Slots<V>& slots) __attribute__((always_inline)) {
        const Slots<V> operands{arrays.operands, slots.at, slots.count};
        slots.put(0, c.mix(c.beta1, slots.get(0), c.rest1, operands.get(0)));
      });
}

template <class T>
void overwrite(const UpdateCall& call) {
  using V = Vec<T, vector_lanes<T>>;
  const Arrays<T> arrays(call);
  each(
      call, arrays.slots, [&](const Slots<V>& slots) __attribute__((always_inline)) {
        const Slots<V> operands{arrays.operands, slots.at, slots.count};
        operands.put(0, slots.get(0));
      });
}

template <class T>
void sum_of_squares(const UpdateCall& call) {
  constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;
  using Wide = Vec<double, L>;
  const Scalars<V> c(call);
  const Arrays<T> arrays(call);
  Wide sum = zero<Wide>();
  each(
      call, arrays.slots, [&](const Slots<V>& slots) __attribute__((always_inline)) {
        const Slots<V> operands{arrays.operands, slots.at, slots.count};
        const Wide g = convert<Wide>(c.clamped(operands.get(1)));
        sum = fma(g, g, sum);
      });
  *call.result = hsum(sum);
}

template <class T>
void update(const UpdateCall& call) {
  // Where gradients stay 0 (dead units), slots decay into the denormals and would remain there for ever.
  const DenormalsOff scope;
  switch (call.kind) {
    case UpdateKind::sgd:
      return update_with<T, Sgd>(call);
    case UpdateKind::sgd_momentum:
      return update_with<T, SgdMomentum<false>>(call);
    case UpdateKind::sgd_nesterov:
      return update_with<T, SgdMomentum<true>>(call);
    case UpdateKind::adagrad:
      return update_with<T, Adagrad>(call);
    case UpdateKind::adadelta:
      return update_with<T, Adadelta>(call);
    case UpdateKind::rmsprop:
      return update_with<T, Rmsprop<false, false>>(call);
    case UpdateKind::rmsprop_momentum:
      return update_with<T, Rmsprop<false, true>>(call);
    case UpdateKind::rmsprop_centered:
      return update_with<T, Rmsprop<true, false>>(call);
    case UpdateKind::rmsprop_centered_momentum:
      return update_with<T, Rmsprop<true, true>>(call);
    case UpdateKind::adam:
      return update_with<T, Adam<false>>(call);
    case UpdateKind::adam_amsgrad:
      return update_with<T, Adam<true>>(call);
    case UpdateKind::adamax:
      return update_with<T, Adamax>(call);
    case UpdateKind::nadam:
      return update_with<T, Nadam>(call);
    case UpdateKind::lion:
      return update_with<T, Lion>(call);
    case UpdateKind::ftrl:
      return call.power == 0.5 ? update_with<T, Ftrl<true>>(call) : update_with<T, Ftrl<false>>(call);
    case UpdateKind::lamb_direction:
    case UpdateKind::adafactor_direction:
    case UpdateKind::adafactor_factored:
    case UpdateKind::adafactor_squares:
      return make_directions(call, T());
    case UpdateKind::accumulate:
      return accumulate<T>(call);
    case UpdateKind::take_mean:
      return take_mean<T>(call);
    case UpdateKind::sum_of_squares:
      return sum_of_squares<T>(call);
    case UpdateKind::move_average:
      return move_average<T>(call);
    case UpdateKind::overwrite:
      return overwrite<T>(call);
  }
}

}  // namespace

void update_f32(const UpdateCall& call) { update<float>(call); }
void update_f64(const UpdateCall& call) { update<double>(call); }

}  // namespace fastnn::cpu
