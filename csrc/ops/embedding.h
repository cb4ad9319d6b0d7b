// embedding(ids int32 (None, ...), table (rows, width)) -> (None, ..., width): the ids' rows of the table.
//   An id out of range is reported with its sample, and its row is 0.
// embedding_grad(ids, dy; rows) -> (rows, width): for each row of the table the sum of dy over its ids, in
// the
//   order of samples and positions, whatever the number of threads.
#pragma once

#include "ops/op.h"

namespace fastnn::ops {

struct EmbeddingConfig {
  int64_t positions;  ///< ids in a sample
  int64_t rows;
  int64_t width;
};

inline const Op embedding{
    .name = "embedding",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          const TensorType& ids = c.in[0];
          const TensorType& table = c.in[1];
          if (ids.dtype != DType::i32) {
            throw_type(c.node, ": ids must be int32, got ", dtype_name(ids.dtype));
          }
          if (!ids.batched || table.batched || table.dims.size() != 2 || !is_floating(table.dtype)) {
            throw_value(c.node, ": embedding needs ids (None, ...) and a table (rows, width), got ",
                        ids.str(), " and ", table.str());
          }
          c.out = {{table.dtype, ids.dims, true}};
          c.out[0].dims.push_back(table.dims[1]);
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(EmbeddingConfig{n.in[0].size(), n.in[1].dims[0], n.in[1].dims[1]});
        },
    .gradient =
        [](GradientContext& g) {
          return std::vector<TensorId>{kNoTensor, g.add("embedding_grad", {g.in[0], g.out_gradients[0]},
                                                        {{"rows", g.graph.type(g.in[1]).dims[0]}})};
        },
    .cost = [](const NodeInfo& n) { return Cost{static_cast<double>(n.out[0].size())}; },
};

inline const Op embedding_grad{
    .name = "embedding_grad",
    .kind = OpKind::over_samples,
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          const int64_t rows = c.attributes.integer("rows", 0);
          if (rows < 1) throw_value(c.node, ": embedding_grad needs rows >= 1, got ", rows);
          c.out = {{c.in[1].dtype, {rows, c.in[1].dims.back()}, false}};
        },
    .configure =
        [](const NodeInfo& n) {
          return make_configuration(EmbeddingConfig{n.in[0].size(), n.out[0].dims[0], n.out[0].dims[1]});
        },
    .cost = [](const NodeInfo& n) { return Cost{static_cast<double>(n.in[1].size())}; },
    .sums_positions = true,
};

}  // namespace fastnn::ops
