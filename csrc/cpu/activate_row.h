// An activation over elements in memory, in place: how ops that fuse one finish what they have computed.
#pragma once

#include "cpu/activation_functions.h"

namespace fastnn::cpu {

/// Kinds whose derivative follows from the output; others leave the elements as they are.
template <class T>
void activate_row(const ops::ActivationConfig& activation, T* row, int64_t count) {
  const T alpha = static_cast<T>(activation.alpha);
  with_activation(activation.kind, [&]<ActivationKind K>() {
    if constexpr (ops::derivative_from_output(K)) activate_run<K>(row, row, count, alpha);
  });
}

}  // namespace fastnn::cpu
