// conv2d_int8: what a position of the window sees are runs of bytes in the image, so that it is a product of
// int8_product.h over the image as it lies, without copies of windows.
#include "ops/conv2d_int8.h"

#include <algorithm>
#include <cstring>

#include "cpu/int8_layer.h"
#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

using Config = ops::Conv2dInt8Config;

int64_t whole_lines(int64_t bytes) { return (bytes + 63) / 64 * 64; }

// The image that the window slides over: the sample itself, or a copy with its padding.
struct Image {
  int64_t height, width;
  bool padded;
  int64_t bytes;

  explicit Image(const Config& c) {
    const ops::Window2d& w = c.window;
    const int64_t reach_y = (w.out_height - 1) * w.stride_y + w.span_y();
    const int64_t reach_x = (w.out_width - 1) * w.stride_x + w.span_x();
    padded = w.pad_top > 0 || w.pad_left > 0 || reach_y > w.height || reach_x > w.width;
    height = padded ? reach_y : w.height;
    width = padded ? reach_x : w.width;
    bytes = height * width * c.in;
  }
};

Int8Rows rows_of(const Config& c, const Image& image) {
  const ops::Window2d& w = c.window;
  Int8Rows rows;
  rows.columns = w.out_width;
  rows.lines = w.out_height;
  rows.column_step = w.stride_x * c.in;
  rows.line_step = w.stride_y * image.width * c.in;
  rows.sample_step = image.bytes;
  rows.outer_y = w.rows;
  rows.outer_y_step = w.dilation_y * image.width * c.in;
  if (w.dilation_x == 1) {
    rows.run = w.columns * c.in;
  } else {
    rows.outer_x = w.columns;
    rows.outer_x_step = w.dilation_x * c.in;
    rows.run = c.in;
  }
  if (c.pools) {
    rows.windows = true;
    rows.beside = rows.column_step;
    rows.below = rows.line_step;
    rows.columns = c.pool.window.out_width;
    rows.lines = c.pool.window.out_height;
    rows.column_step *= 2;
    rows.line_step *= 2;
  }
  return rows;
}

// Samples that are padded together: enough rows for tall tiles.
int64_t together(const Config& c, int64_t samples) {
  return std::clamp<int64_t>(96 / c.window.positions(), 1, samples);
}

// A sample's rows into a padded copy, whose border is there already.
void place(const Config& c, const Image& image, const uint8_t* sample, uint8_t* copy) {
  const ops::Window2d& w = c.window;
  const int64_t columns = std::min(w.width, image.width - w.pad_left) * c.in;
  const int64_t lines = std::min(w.height, image.height - w.pad_top);
  for (int64_t y = 0; y < lines; ++y) {
    std::memcpy(copy + ((y + w.pad_top) * image.width + w.pad_left) * c.in, sample + y * w.width * c.in,
                static_cast<size_t>(columns));
  }
}

// Copies of images (3 bytes behind the last one are read), and the packed kernel where it is no parameter.
int64_t conv2d_int8_scratch(const KernelQuery& query) {
  const auto& c = *static_cast<const Config*>(query.config);
  const Image image(c);
  const int64_t copies = whole_lines(together(c, query.samples) * image.bytes + 3);
  return copies + (query.in[1].rank == 1 ? 0 : int8_packed_bytes(rows_of(c, image), c.out));
}

void conv2d_int8_rows(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  const Image image(c);
  const int64_t positions = c.pools ? c.pool.window.positions() : c.window.positions();
  const int64_t size = call.in[0].size;
  const auto* x = call.in[0].as<uint8_t>();
  auto* copies = reinterpret_cast<uint8_t*>(call.scratch);
  const int64_t group = together(c, call.count);
  Int8Product p = int8_product_of(c.layer, call, c.out);
  p.rows = rows_of(c, image);
  if (call.in[1].rank != 1) {
    auto* packed = reinterpret_cast<int8_t*>(copies + whole_lines(group * image.bytes + 3));
    int8_pack(p.rows, c.out, p.packed, 0, p.end_panel, packed);
    p.packed = packed;
  }
  auto* out = static_cast<std::byte*>(call.out[0].data);
  const int64_t out_bytes = positions * c.out * (c.layer.to_bytes ? 1 : static_cast<int64_t>(sizeof(float)));
  const auto run = [&](const uint8_t* from, int64_t sample, int64_t samples) {
    p.rows.x = from;
    p.end_row = samples * positions;
    p.out = out + sample * out_bytes;
    int8_product(p);
  };
  int64_t done = 0;
  if (!image.padded) {
    // The last window's quads may reach up to 3 bytes behind an image, and so behind the last of all: the
    // images from which they do (one, but for images of a byte or two) are computed from copies.
    done = p.rows.run % 4 == 0 ? call.count : std::max<int64_t>(0, call.count - (size + 2) / size);
    if (done > 0) run(x, 0, done);
  } else {
    std::memset(copies, c.layer.input.zero, static_cast<size_t>(group * image.bytes));
  }
  for (; done < call.count; done += group) {
    const int64_t samples = std::min(group, call.count - done);
    for (int64_t s = 0; s < samples; ++s) place(c, image, x + (done + s) * size, copies + s * image.bytes);
    run(copies, done, samples);
  }
}

int64_t pack_elements(const KernelQuery& query) {
  const auto& c = *static_cast<const Config*>(query.config);
  return int8_packed_bytes(rows_of(c, Image(c)), c.out);
}
int64_t pack_units(const KernelQuery& query) {
  return int8_panels(static_cast<const Config*>(query.config)->out);
}
void pack(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  int8_pack(rows_of(c, Image(c)), c.out, call.in[0].as<int8_t>(), call.unit_begin, call.unit_end,
            call.out[0].as<int8_t>());
}

}  // namespace

extern const Kernel conv2d_int8_kernel;
const Kernel conv2d_int8_kernel{.f32 = {.rows = conv2d_int8_rows},
                                .f64 = {},
                                .scratch = conv2d_int8_scratch,
                                .pack_input = 1,
                                .pack_elements = pack_elements,
                                .pack_f32 = pack,
                                .pack_units = pack_units};

}  // namespace fastnn::cpu
