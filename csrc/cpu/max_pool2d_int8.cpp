#include "ops/max_pool2d_int8.h"

#include <algorithm>

#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

// The part of the image that a window sees.
struct Seen {
  const uint8_t* first;
  int64_t rows, columns;
  int64_t row_step;  // bytes
  int64_t channels;
};

// W channels from `c` on.
template <int W>
FASTNN_INLINE void largest(const Seen& s, int64_t c, uint8_t* out) {
  using V = Vec<uint8_t, W>;
  V most = zero<V>();
  for (int64_t y = 0; y < s.rows; ++y) {
    for (int64_t x = 0; x < s.columns; ++x) {
      most = max(most, load<V>(s.first + y * s.row_step + x * s.channels + c));
    }
  }
  store(out + c, most);
}

// Whole vectors; the last one overlaps the one before.
template <int W>
FASTNN_INLINE void all_channels(const Seen& s, uint8_t* out) {
  int64_t c = 0;
  for (; c + W <= s.channels; c += W) largest<W>(s, c, out);
  if (c < s.channels) largest<W>(s, s.channels - W, out);
}

template <int W>
void pool(const ops::Pool2dConfig& c, const uint8_t* image, uint8_t* out) {
  const ops::Window2d& w = c.window;
  Seen s{};
  s.row_step = w.width * c.channels;
  s.channels = c.channels;
  for (int64_t y = 0; y < w.out_height; ++y) {
    const int64_t top = y * w.stride_y - w.pad_top;
    const int64_t from_y = std::max<int64_t>(top, 0);
    s.rows = std::min(top + w.rows, w.height) - from_y;
    for (int64_t x = 0; x < w.out_width; ++x, out += c.channels) {
      const int64_t left = x * w.stride_x - w.pad_left;
      const int64_t from_x = std::max<int64_t>(left, 0);
      s.columns = std::min(left + w.columns, w.width) - from_x;
      s.first = image + from_y * s.row_step + from_x * c.channels;
      all_channels<W>(s, out);
    }
  }
}

void max_pool2d_int8_rows(const KernelCall& call) {
  const auto& c = call.configuration<ops::Pool2dConfig>();
  const auto run = c.channels >= 32   ? pool<32>
                   : c.channels >= 16 ? pool<16>
                   : c.channels >= 8  ? pool<8>
                   : c.channels >= 4  ? pool<4>
                                      : pool<1>;
  for (int64_t i = 0; i < call.count; ++i) {
    run(c, call.in[0].as<uint8_t>() + i * call.in[0].size, call.out[0].as<uint8_t>() + i * call.out[0].size);
  }
}

}  // namespace

extern const Kernel max_pool2d_int8_kernel;
const Kernel max_pool2d_int8_kernel{.f32 = {.rows = max_pool2d_int8_rows}, .f64 = {}};

}  // namespace fastnn::cpu
