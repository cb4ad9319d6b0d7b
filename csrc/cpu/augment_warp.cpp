// Geometric changes: where each pixel comes from, and bilinear interpolation there.
#include <algorithm>
#include <cmath>

#include "cpu/augment.h"
#include "cpu/gather.h"
#include "cpu/philox.h"

namespace fastnn::cpu {

namespace {

constexpr int L = vector_lanes<float>;
using V = Vec<float, L>;
using I = Vec<int32_t, L>;

// Beyond three sigma the Gaussian is cut off. The random field goes on periodically, so that displacements
// are as large at the edges as in the middle; a Gaussian that is longer than the image is wrapped around.
int64_t tap_radius(double sigma) { return static_cast<int64_t>(std::ceil(3 * sigma)); }
int64_t tap_count(double sigma, int64_t extent) { return std::min(2 * tap_radius(sigma) + 1, extent); }
int64_t first_tap(double sigma, int64_t extent) {
  return 2 * tap_radius(sigma) + 1 <= extent ? -tap_radius(sigma) : 0;
}

void fill_taps(double sigma, int64_t extent, double scale, float* taps) {
  const auto weight = [&](int64_t d) {
    const double z = static_cast<double>(d) / sigma;
    return std::exp(-0.5 * z * z);
  };
  const int64_t radius = tap_radius(sigma), count = tap_count(sigma, extent);
  double total = 0;
  for (int64_t d = -radius; d <= radius; ++d) total += weight(d);
  for (int64_t k = 0; k < count; ++k) {
    // All distances that are this tap's modulo the extent.
    int64_t d = first_tap(sigma, extent) + k;
    d -= (d + radius) / extent * extent;
    double sum = 0;
    for (; d <= radius; d += extent) sum += weight(d);
    taps[k] = static_cast<float>(sum / total * scale);
  }
}

// Pixels from four neighbours each; the channels of a pixel lie together. C is their number, 0: any.
template <int C>
void interpolate(const float* padded, int64_t row, const int32_t* at, const float* part_x,
                 const float* part_y, int64_t width, int64_t any_channels, float* out) {
  const int64_t channels = C > 0 ? C : any_channels;
  for (int64_t x = 0; x < width; ++x) {
    const float* above = padded + at[x];
    const float* below = above + row;
    for (int64_t c = 0; c < channels; ++c) {
      const float upper = above[c] + part_x[x] * (above[channels + c] - above[c]);
      const float lower = below[c] + part_x[x] * (below[channels + c] - below[c]);
      out[x * channels + c] = upper + part_y[x] * (lower - upper);
    }
  }
}

}  // namespace

Warp::Warp(const AugmentConfig& config, std::byte* memory)
    : config_(config), pitch_((config.width + 15) / 16 * 16) {
  const auto take = [&]<class T>(T*& place, int64_t count) {
    place = memory != nullptr ? reinterpret_cast<T*>(memory + bytes_) : nullptr;
    bytes_ += (count * static_cast<int64_t>(sizeof(T)) + 63) / 64 * 64;
  };
  take(padded_, int64_t{config.height + 3} * (config.width + 3) * config.channels);
  take(at_, pitch_);
  take(part_x_, pitch_);
  take(part_y_, pitch_);
  if (!config.distorts()) return;
  taps_x_ = tap_count(config.elastic_sigma, config.width);
  taps_y_ = tap_count(config.elastic_sigma, config.height);
  first_x_ = first_tap(config.elastic_sigma, config.width);
  first_y_ = first_tap(config.elastic_sigma, config.height);
  take(tap_x_, taps_x_);
  take(tap_y_, taps_y_);
  const int64_t field = (config.height * pitch_ + kPhiloxGroup - 1) / kPhiloxGroup * kPhiloxGroup;
  take(field_x_, field);
  take(field_y_, field);
  take(line_x_, pitch_ + taps_x_ + 16);
  take(line_y_, pitch_ + taps_x_ + 16);
  if (memory == nullptr) return;
  fill_taps(config.elastic_sigma, config.width, config.elastic_alpha, tap_x_);
  fill_taps(config.elastic_sigma, config.height, 1.0, tap_y_);
}

void Warp::run(const std::byte* source, DType type, const AffineMap& map, Philox4 counter, uint64_t seed,
               float* out) {
  pad(source, type);
  if (config_.distorts()) draw_field(counter, seed);
  const int64_t width = config_.width, channels = config_.channels;
  const int64_t row = (width + 3) * channels;
  for (int64_t y = 0; y < config_.height; ++y, out += width * channels) {
    if (config_.distorts()) smooth_columns(y);
    place_row(map, y);
    if (channels == 1) {
      interpolate<1>(padded_, row, at_, part_x_, part_y_, width, 1, out);
    } else if (channels == 3) {
      interpolate<3>(padded_, row, at_, part_x_, part_y_, width, 3, out);
    } else {
      interpolate<0>(padded_, row, at_, part_x_, part_y_, width, channels, out);
    }
  }
}

void Warp::pad(const std::byte* source, DType type) {
  const int64_t channels = config_.channels, size = config_.width * channels;
  const int64_t row = size + 3 * channels, source_row = size * dtype_size(type);
  const ConvertFn convert = conversion(DType::f32, type);
  const auto fill = static_cast<float>(config_.fill_value);
  std::fill_n(padded_, row + channels, fill);
  float* target = padded_ + row + channels;
  for (int64_t y = 0; y < config_.height; ++y, target += row) {
    convert(source + y * source_row, size, target);
    std::fill_n(target + size, 3 * channels, fill);  // two behind this row, one before the next
  }
  std::fill_n(target, 2 * row - channels, fill);
}

// Uniform on (-1, 1), 16 bits each: a word serves both fields.
void Warp::draw_field(Philox4 counter, uint64_t seed) {
  const int64_t count = config_.height * pitch_;
  const V half = broadcast<V>(0.5f), scale = broadcast<V>(0x1p-15f);
  uint32_t words[kPhiloxGroup];
  for (int64_t first = 0; first < count; first += kPhiloxGroup) {
    philox_fill(words, kPhiloxGroup, counter, seed);
    counter[0] += kPhiloxGroup / 4;
    for (int64_t i = 0; i < kPhiloxGroup; i += L) {
      const I word = bit_cast<I>(load<Vec<uint32_t, L>>(words + i));
      store(field_x_ + first + i, (convert<V>((word << 16) >> 16) + half) * scale);
      store(field_y_ + first + i, (convert<V>(word >> 16) + half) * scale);
    }
  }
}

// Row y of both fields, smoothed along columns, into line_x_ and line_y_.
void Warp::smooth_columns(int64_t y) {
  const int64_t height = config_.height, width = config_.width;
  const int64_t before = -first_x_, behind = taps_x_ - 1 + first_x_;
  int64_t top = (y + first_y_) % height;
  if (top < 0) top += height;
  for (int64_t x = 0; x < pitch_; x += L) {
    V sum_x{}, sum_y{};
    int64_t at = top * pitch_ + x;
    for (int64_t k = 0; k < taps_y_; ++k) {
      const V tap = broadcast<V>(tap_y_[k]);
      sum_x = fma(tap, load<V>(field_x_ + at), sum_x);
      sum_y = fma(tap, load<V>(field_y_ + at), sum_y);
      at += pitch_;
      if (at >= height * pitch_) at -= height * pitch_;
    }
    store(line_x_ + before + x, sum_x);
    store(line_y_ + before + x, sum_y);
  }
  for (float* line : {line_x_, line_y_}) {
    for (int64_t i = 0; i < behind; ++i) line[before + width + i] = line[before + i];
    for (int64_t i = 1; i <= before; ++i) line[before - i] = line[before + width - i];
  }
}

// Where the pixels of row y come from.
void Warp::place_row(const AffineMap& map, int64_t y) {
  const V xx = broadcast<V>(static_cast<float>(map.xx)), yx = broadcast<V>(static_cast<float>(map.yx));
  const V start_x = broadcast<V>(static_cast<float>(map.xy * static_cast<double>(y) + map.x));
  const V start_y = broadcast<V>(static_cast<float>(map.yy * static_cast<double>(y) + map.y));
  // Outside lies fill_value, reached within one pixel; or the edge's pixel, on which positions end.
  const float reach = config_.fill_nearest ? 0.0f : 1.0f;
  const V least = broadcast<V>(-reach);
  const V most_x = broadcast<V>(static_cast<float>(config_.width - 1) + reach);
  const V most_y = broadcast<V>(static_cast<float>(config_.height - 1) + reach);
  const I row = broadcast<I>(config_.width + 3), channels = broadcast<I>(config_.channels);
  const I origin = row + broadcast<I>(1);
  V x;
  for (int i = 0; i < L; ++i) x[i] = static_cast<float>(i);
  for (int64_t first = 0; first < pitch_; first += L, x += broadcast<V>(L)) {
    V from_x = fma(xx, x, start_x), from_y = fma(yx, x, start_y);
    if (config_.distorts()) {
      V sum_x{}, sum_y{};
      for (int64_t k = 0; k < taps_x_; ++k) {
        const V tap = broadcast<V>(tap_x_[k]);
        sum_x = fma(tap, load<V>(line_x_ + first + k), sum_x);
        sum_y = fma(tap, load<V>(line_y_ + first + k), sum_y);
      }
      from_x += sum_x;
      from_y += sum_y;
    }
    from_x = min(max(from_x, least), most_x);
    from_y = min(max(from_y, least), most_y);
    const V whole_x = floor(from_x), whole_y = floor(from_y);
    store(part_x_ + first, from_x - whole_x);
    store(part_y_ + first, from_y - whole_y);
    store(at_ + first, (convert<I>(whole_y) * row + convert<I>(whole_x) + origin) * channels);
  }
}

}  // namespace fastnn::cpu
