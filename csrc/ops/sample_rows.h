// State that is kept for each sample of a batch of fixed size:
//   sample_rows_of(state (rows, ...), like (None, ...)) -> (None, ...): row n for sample n of the batch.
//   sample_rows(x (None, ...); rows) -> (rows, ...): the samples one after the other.
//   A batch that has not `rows` samples is reported.
#pragma once

#include "ops/op.h"

namespace fastnn::ops {

inline const Op sample_rows{
    .name = "sample_rows",
    .kind = OpKind::over_samples,
    .infer =
        [](InferContext& c) {
          c.expect_inputs(1, 1);
          const int64_t rows = c.attributes.integer("rows", 0);
          if (rows < 1) throw_value(c.node, ": sample_rows needs rows >= 1, got ", rows);
          c.out = {{c.in[0].dtype, {rows}, false}};
          c.out[0].dims.insert(c.out[0].dims.end(), c.in[0].dims.begin(), c.in[0].dims.end());
        },
};

inline const Op sample_rows_of{
    .name = "sample_rows_of",
    .infer =
        [](InferContext& c) {
          c.expect_inputs(2, 2);
          const TensorType& state = c.in[0];
          if (state.batched || state.dims.empty() || !c.in[1].batched) {
            throw_value(c.node, ": sample_rows_of needs a state (rows, ...) and a batch, got ", state.str(),
                        " and ", c.in[1].str());
          }
          c.out = {{state.dtype, Shape(state.dims.begin() + 1, state.dims.end()), true}};
        },
    .gradient =
        [](GradientContext& g) {
          return std::vector<TensorId>{
              g.add("sample_rows", {g.out_gradients[0]}, {{"rows", g.graph.type(g.in[0]).dims[0]}}),
              kNoTensor};
        },
};

}  // namespace fastnn::ops
