// An activation over elements in memory, in place: how ops that fuse one finish what they have computed.
#pragma once

#include "cpu/activation_functions.h"

namespace fastnn::cpu {

/// Kinds whose derivative follows from the output; others leave the elements as they are.
template <class T>
void activate_row(const ops::ActivationConfig& activation, T* row, int64_t count) {
  constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;
  const T alpha = static_cast<T>(activation.alpha);
  with_activation(activation.kind, [&]<ActivationKind K>() {
    if constexpr (ops::derivative_from_output(K)) {
      int64_t i = 0;
      for (; i + L <= count; i += L) store(row + i, activate<K>(load<V>(row + i), alpha));
      if (i < count)
        store_partial<V>(row + i, activate<K>(load_partial<V>(row + i, count - i), alpha), count - i);
    }
  });
}

}  // namespace fastnn::cpu
