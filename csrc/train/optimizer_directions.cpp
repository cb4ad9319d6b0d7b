// Lamb and Adafactor: steps whose length depends on the whole of an array. A first pass puts directions in
// the gradients' place and sums squares chunk by chunk; plain descent follows. Adafactor's means of rows and
// columns take a pass before.
#include <algorithm>
#include <cmath>
#include <limits>

#include "graph/backend.h"
#include "train/optimizer_rules.h"

namespace fastnn {

namespace {

// Of the last two dimensions of a factored parameter.
int64_t rows_of(const Shape& shape) { return shape.rbegin()[1]; }
int64_t columns_of(const Shape& shape) { return shape.back(); }

}  // namespace

// With one row, or one column, the product of means is the mean itself.
bool Optimizer::factored(size_t parameter) const {
  if (config_.kind != OptimizerKind::adafactor) return false;
  const Shape& shape = entry(parameter).shape;
  return shape.size() >= 2 && rows_of(shape) > 1 && columns_of(shape) > 1;
}

Shape Optimizer::slot_shape(size_t which, size_t parameter) const {
  Shape shape = entry(parameter).shape;
  if (which == 0 && factored(parameter)) {
    const int64_t both = rows_of(shape) + columns_of(shape);
    shape.pop_back();
    shape.back() = both;
  }
  return shape;
}

void Optimizer::reserve_sums() {
  chunk_sums_.assign(2 * chunks_.size(), 0.0);
  size_t rows = 0, columns = 0, sums = 0;
  for (size_t p = 0; p < parameters_.size(); ++p) {
    first_row_.push_back(rows);
    first_column_.push_back(columns);
    if (!factored(p)) continue;
    const Shape& shape = entry(p).shape;
    rows += static_cast<size_t>(counts_[p] / columns_of(shape));
    columns += static_cast<size_t>(counts_[p] / rows_of(shape));
  }
  for (const Chunk& chunk : chunks_) {
    first_column_sum_.push_back(sums);
    const auto p = static_cast<size_t>(chunk.parameter);
    if (factored(p)) sums += static_cast<size_t>(columns_of(entry(p).shape));
  }
  row_sums_.assign(rows, 0.0);
  column_factors_.assign(columns, 0.0);
  column_sums_.assign(sums, 0.0);
}

void Optimizer::make_directions(Team& team, int thread, double learning_rate, const UpdateCall& call) {
  const auto [first, last] = share(chunk_cost_, thread, team.size);
  UpdateCall one = call;
  const auto with = [&](size_t c, bool of_matrix) {
    const Chunk& chunk = chunks_[c];
    const auto p = static_cast<size_t>(chunk.parameter);
    aim(one, p, learning_rate);
    if (!of_matrix) return;
    const Shape& shape = entry(p).shape;
    one.columns_count = columns_of(shape);
    one.rows = &row_sums_[first_row_[p] + static_cast<size_t>(chunk.begin / one.columns_count)];
  };
  if (!row_sums_.empty()) {
    one.kind = UpdateKind::adafactor_squares;
    for (size_t c = first; c < last; ++c) {
      if (!factored(static_cast<size_t>(chunks_[c].parameter))) continue;
      with(c, true);
      one.columns = &column_sums_[first_column_sum_[c]];
      std::fill_n(one.columns, one.columns_count, 0.0);
      run_on_slot(one, chunks_[c], -1);
    }
    team.barrier.wait();
    for (size_t p = 0; p < parameters_.size(); ++p) {
      if (!factored(p) || first_chunk_[p] < first || first_chunk_[p] >= last) continue;
      if (entry(p).dtype == DType::f64) {
        take_means<double>(p, call.beta2);
      } else {
        take_means<float>(p, call.beta2);
      }
    }
    team.barrier.wait();
  }
  for (size_t c = first; c < last; ++c) {
    const Chunk& chunk = chunks_[c];
    const auto p = static_cast<size_t>(chunk.parameter);
    const bool of_matrix = factored(p);
    with(c, of_matrix);
    one.result = &chunk_sums_[2 * c];
    if (of_matrix) {
      const Shape& shape = entry(p).shape;
      const auto matrix = static_cast<size_t>(chunk.begin / (rows_of(shape) * columns_of(shape)));
      one.kind = UpdateKind::adafactor_factored;
      one.columns = &column_factors_[first_column_[p] + matrix * static_cast<size_t>(one.columns_count)];
      run_on_slot(one, chunk, -1);
    } else {
      one.kind = update_kind_;
      run(one, chunk);
    }
  }
  team.barrier.wait();
}

// The velocity of a factored parameter holds, for each matrix, the means of its rows, then of its columns.
template <class T>
void Optimizer::take_means(size_t p, double beta2) {
  const Shape& shape = entry(p).shape;
  const int64_t rows = rows_of(shape), columns = columns_of(shape);
  T* means = reinterpret_cast<T*>(slot(0, p));
  double* of_rows = &row_sums_[first_row_[p]];
  double* of_columns = &column_factors_[first_column_[p]];
  const auto moved = [&](T& mean, double square) {
    mean = static_cast<T>(beta2 * static_cast<double>(mean) + (1 - beta2) * square);
    return static_cast<double>(mean);
  };
  size_t chunk = first_chunk_[p];
  for (int64_t begin = 0; begin < counts_[p]; begin += rows * columns) {
    double total = 0;
    for (int64_t i = 0; i < rows; ++i) {
      of_rows[i] = moved(means[i], of_rows[i] / static_cast<double>(columns));
      total += of_rows[i];
    }
    const double mean = total / static_cast<double>(rows);
    for (int64_t i = 0; i < rows; ++i) of_rows[i] = of_rows[i] == 0 ? 0 : std::sqrt(mean / of_rows[i]);
    std::fill_n(of_columns, columns, 0.0);
    for (; chunk < first_chunk_[p + 1] && chunks_[chunk].begin < begin + rows * columns; ++chunk) {
      const double* part = &column_sums_[first_column_sum_[chunk]];
      for (int64_t j = 0; j < columns; ++j) of_columns[j] += part[j];
    }
    for (int64_t j = 0; j < columns; ++j) {
      const double square = moved(means[rows + j], of_columns[j] / static_cast<double>(rows));
      of_columns[j] = square == 0 ? 0 : 1 / std::sqrt(square);
    }
    means += rows + columns;
    of_rows += rows;
    of_columns += columns;
  }
}

// The step along the direction.
UpdateCall Optimizer::follow_direction(size_t p, double learning_rate) const {
  double parameter = 0, direction = 0;
  for (size_t c = first_chunk_[p]; c < first_chunk_[p + 1]; ++c) {
    parameter += chunk_sums_[2 * c];
    direction += chunk_sums_[2 * c + 1];
  }
  UpdateCall call;
  call.kind = UpdateKind::sgd;
  call.clip = std::numeric_limits<double>::infinity();
  call.rate = learning_rate * parameters_[p].rate_multiplier;
  if (config_.kind == OptimizerKind::lamb) {
    if (parameter > 0 && direction > 0) call.rate *= std::sqrt(parameter / direction);
    return call;
  }
  const auto count = static_cast<double>(counts_[p]);
  if (config_.relative_step) {
    call.rate = std::min(call.rate, 1 / std::sqrt(static_cast<double>(iterations() + 1)));
  }
  call.rate *= std::max(config_.epsilon2, std::sqrt(parameter / count));
  call.rate /= std::max(1.0, std::sqrt(direction / count) / config_.clip_threshold);
  return call;
}

}  // namespace fastnn
