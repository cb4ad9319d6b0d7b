// The pairs of matrices that matmul multiplies.
#pragma once

#include "cpu/broadcast.h"
#include "ops/matmul.h"

namespace fastnn::cpu {

// Calls body(number, offset of a, offset of b) for every pair of matrices; offsets count matrices.
template <class Body>
void for_stacks(const ops::MatmulConfig& c, Body body) {
  const auto& l = c.leading;
  const int64_t count = l.rank > 0 ? l.dims[l.rank - 1] : 1;
  int64_t number = 0;
  for_rows(l, 1, 1, [&](int64_t a, int64_t b) {
    for (int64_t i = 0; i < count; ++i) {
      body(number++, l.rank > 0 ? a + i * l.a[l.rank - 1] : a, l.rank > 0 ? b + i * l.b[l.rank - 1] : b);
    }
  });
}

}  // namespace fastnn::cpu
