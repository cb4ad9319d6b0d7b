#include "ops/elementwise.h"

#include <algorithm>
#include <array>

#include "ops/activation.h"
#include "ops/cast.h"
#include "ops/prelu.h"
#include "ops/scale_shift.h"
#include "ops/where.h"

namespace fastnn::ops {

Elementwise elementwise(const Op& op) {
  static const std::array kSame{&activation, &activation_grad, &cast, &scale_shift, &unary};
  static const std::array kBroadcast{&add,     &divide,           &greater,          &greater_equal,
                                     &maximum, &minimum,          &multiply,         &power,
                                     &prelu,   &prelu_grad_alpha, &prelu_grad_slope, &subtract};
  static const std::array kChoice{&compare, &logical, &where};
  const auto among = [&](const auto& list) {
    return std::any_of(list.begin(), list.end(), [&](const Op* one) { return one == &op; });
  };
  if (among(kSame)) return Elementwise::same;
  if (among(kBroadcast)) return Elementwise::broadcast;
  return among(kChoice) ? Elementwise::choice : Elementwise::no;
}

}  // namespace fastnn::ops
