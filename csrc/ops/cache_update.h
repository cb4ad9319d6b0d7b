// cache_update(cache, rows, index) -> cache with `rows` in the place of its rows index, index + 1, ...
//   cache (None, S, ...), rows (None, n, ...), n <= S, both of one floating-point type; index int32 (None,).
//   An index below 0 or above S - n is reported with its sample. Made for inference: it has no gradient.
#pragma once

#include "ops/op.h"

namespace fastnn::ops {

struct CacheUpdateConfig {
  int64_t length;  ///< rows of a sample's cache
  int64_t rows;    ///< that are written
  int64_t width;   ///< elements of a row
};

inline const Op cache_update{
    .name = "cache_update",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(3, 3);
          const TensorType& cache = c.in[0];
          const TensorType& rows = c.in[1];
          bool fits = is_floating(cache.dtype) && cache.dtype == rows.dtype && cache.batched &&
                      rows.batched && !cache.dims.empty() && cache.dims.size() == rows.dims.size() &&
                      rows.dims[0] <= cache.dims[0];
          for (size_t i = 1; fits && i < cache.dims.size(); ++i) fits = cache.dims[i] == rows.dims[i];
          if (!fits) {
            throw_value(
                c.node,
                ": cache_update needs a floating-point cache (None, S, ...) and rows (None, n, ...) of ",
                "its type with n <= S, got ", dtype_name(cache.dtype), " ", cache.str(), " and ",
                dtype_name(rows.dtype), " ", rows.str());
          }
          const TensorType& index = c.in[2];
          if (index.dtype != DType::i32 || !index.batched || !index.dims.empty()) {
            throw_value(c.node, ": the index must be int32 (None,), got ", dtype_name(index.dtype), " ",
                        index.str());
          }
          c.out = {cache};
        },
    .configure =
        [](const NodeInfo& n) {
          const int64_t length = n.in[0].dims[0];
          return make_configuration(CacheUpdateConfig{length, n.in[1].dims[0], n.in[0].size() / length});
        },
    .cost = [](const NodeInfo& n) { return Cost{static_cast<double>(n.in[0].size())}; },
};

}  // namespace fastnn::ops
