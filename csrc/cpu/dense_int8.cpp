// dense_int8: rows of bytes times packed weights; see int8_product.h.
#include "ops/dense_int8.h"

#include <algorithm>
#include <cstring>

#include "cpu/int8_layer.h"
#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

using Config = ops::DenseInt8Config;

Int8Rows rows_of(const Config& c) {
  Int8Rows rows;
  rows.sample_step = rows.run = c.in;
  return rows;
}

// The last rows' quads reach behind x where rows are no whole quads: they are computed from a copy. The
// kernel may be unpacked, as where it is no parameter; then it is packed here.
int64_t dense_int8_scratch(const KernelQuery& query) {
  const auto& c = *static_cast<const Config*>(query.config);
  const int64_t row = (c.in + 67) / 64 * 64;
  const bool packed = query.in[1].rank == 1;
  return row + (packed ? 0 : int8_packed_bytes(rows_of(c), c.out));
}

void run(const KernelCall& call, int64_t first_row, int64_t end_row, int64_t first_panel, int64_t end_panel) {
  const auto& c = call.configuration<Config>();
  Int8Product p = int8_product_of(c.layer, call, c.out);
  p.rows = rows_of(c);
  p.rows.x = call.in[0].as<uint8_t>();
  if (call.in[1].rank != 1) {
    auto* packed = reinterpret_cast<int8_t*>(call.scratch) + (c.in + 67) / 64 * 64;
    int8_pack(p.rows, c.out, p.packed, 0, p.end_panel, packed);
    p.packed = packed;
  }
  p.first_panel = first_panel;
  p.end_panel = end_panel;
  // Rows are read in fours: those from which that would pass the input's end are read from a copy.
  const int64_t beyond = (4 - c.in % 4) % 4, rows = call.count * c.positions;
  const int64_t safe = std::max<int64_t>(0, rows - (beyond + c.in - 1) / c.in);
  p.first_row = first_row;
  p.end_row = std::min(end_row, safe);
  if (p.first_row < p.end_row) int8_product(p);
  const int64_t from = std::max(first_row, safe);
  if (from >= end_row) return;
  auto* copy = reinterpret_cast<uint8_t*>(call.scratch);
  std::memcpy(copy, p.rows.x + from * c.in, static_cast<size_t>((end_row - from) * c.in));
  p.rows.x = copy;
  p.first_row = 0;
  p.end_row = end_row - from;
  p.out = static_cast<std::byte*>(p.out) +
          from * c.out * (c.layer.to_bytes ? 1 : static_cast<int64_t>(sizeof(float)));
  int8_product(p);
}

void dense_int8_rows(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  run(call, 0, call.count * c.positions, 0, int8_panels(c.out));
}

// ---- Whole: all threads at one product, in blocks of its rows and panels ----------------------------------

struct Blocks {
  int64_t rows, panels, across;

  // Blocks that use each panel for many rows, and enough of them for many threads.
  Blocks(int64_t m, int64_t n) : rows(std::min<int64_t>(m, 192)), panels(2) {
    constexpr int64_t kEnough = 16;
    const int64_t all = int8_panels(n);
    const auto count = [&] { return (m + rows - 1) / rows * ((all + panels - 1) / panels); };
    if (count() < kEnough) panels = 1;
    while (rows > 24 && count() < kEnough) rows = (rows / 2 + 5) / 6 * 6;
    across = (all + panels - 1) / panels;
  }
};

int64_t dense_int8_units(const KernelQuery& query) {
  const auto& c = *static_cast<const Config*>(query.config);
  const int64_t m = query.samples * c.positions;
  const Blocks blocks(m, c.out);
  return (m + blocks.rows - 1) / blocks.rows * blocks.across;
}

void dense_int8_whole(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  const Blocks blocks(call.capacity * c.positions, c.out);
  const int64_t m = call.count * c.positions, all = int8_panels(c.out);
  for (int64_t u = call.unit_begin; u < call.unit_end; ++u) {
    const int64_t row = u / blocks.across * blocks.rows, panel = u % blocks.across * blocks.panels;
    if (row >= m) continue;
    run(call, row, std::min(m, row + blocks.rows), panel, std::min(all, panel + blocks.panels));
  }
}

// ---- Packing
// -----------------------------------------------------------------------------------------------

int64_t pack_elements(const KernelQuery& query) {
  const auto& c = *static_cast<const Config*>(query.config);
  return int8_packed_bytes(rows_of(c), c.out);
}
int64_t pack_units(const KernelQuery& query) {
  return int8_panels(static_cast<const Config*>(query.config)->out);
}
void pack(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  int8_pack(rows_of(c), c.out, call.in[0].as<int8_t>(), call.unit_begin, call.unit_end,
            call.out[0].as<int8_t>());
}

}  // namespace

extern const Kernel dense_int8_kernel;
const Kernel dense_int8_kernel{.f32 = {.rows = dense_int8_rows, .whole = dense_int8_whole},
                               .f64 = {},
                               .scratch = dense_int8_scratch,
                               .whole_scratch = dense_int8_scratch,
                               .units = dense_int8_units,
                               .team = true,
                               .whole_rows_inputs = 1,
                               .pack_input = 1,
                               .pack_elements = pack_elements,
                               .pack_f32 = pack,
                               .pack_units = pack_units};

}  // namespace fastnn::cpu
