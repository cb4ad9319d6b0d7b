#include "cpu/augment.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "cpu/gather.h"
#include "cpu/philox.h"

namespace fastnn::cpu {

namespace {

constexpr int L = vector_lanes<float>;
using V = Vec<float, L>;

// First word of the Philox counter of each use. Draws have fixed places, so that switching one change on or
// off leaves the others as they were.
enum Block : uint32_t {
  kGeometry = 0,
  kColour = 1,
  kCutout = 16,
  kElastic = 0x10000000u,
  kNoise = 0x20000000u
};

// What is drawn for one image, uniform on [0, 1).
struct Draws {
  double shift_y, shift_x, rotation, zoom, shear, flip, brightness, contrast;
};

double between(const AugmentRange& range, double draw) { return range.low + (range.high - range.low) * draw; }

Philox4 words_of(Philox4 counter, uint32_t block, uint64_t seed) {
  counter[0] = block;
  return philox(counter, static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32));
}

Draws draw(const Philox4& counter, uint64_t seed) {
  const Philox4 a = words_of(counter, kGeometry, seed), b = words_of(counter, kColour, seed);
  return {uniform_float(a[0]), uniform_float(a[1]), uniform_float(a[2]), uniform_float(a[3]),
          uniform_float(b[0]), uniform_float(b[1]), uniform_float(b[2]), uniform_float(b[3])};
}

// Undoes, about the centre: shift, rotation, shear, zoom, flip.
AffineMap affine_map(const AugmentConfig& config, const Draws& draws) {
  const double radian = std::numbers::pi / 180;
  const double angle = between(config.rotation, draws.rotation) * radian;
  const double slope = std::tan(between(config.shear, draws.shear) * radian);
  const double scale = 1 / between(config.zoom, draws.zoom);
  const double mirror = draws.flip < config.flip ? -1 : 1;
  const double cosine = std::cos(angle), sine = std::sin(angle);
  AffineMap map;
  map.yx = scale * sine;
  map.yy = scale * cosine;
  map.xx = mirror * scale * (cosine - slope * sine);
  map.xy = mirror * scale * (-sine - slope * cosine);
  const double centre_x = 0.5 * (config.width - 1), centre_y = 0.5 * (config.height - 1);
  const double from_x = centre_x + between(config.shift_x, draws.shift_x);
  const double from_y = centre_y + between(config.shift_y, draws.shift_y);
  map.x = centre_x - map.xx * from_x - map.xy * from_y;
  map.y = centre_y - map.yx * from_x - map.yy * from_y;
  return map;
}

// x -> factor * (x - its channel's mean) + mean + shift, clipped.
void recolour(const AugmentConfig& config, const Draws& draws, float* image) {
  const auto factor = static_cast<float>(between(config.contrast, draws.contrast));
  const double shift = between(config.brightness, draws.brightness) * (config.value_high - config.value_low);
  const auto low = static_cast<float>(config.value_low), high = static_cast<float>(config.value_high);
  const int64_t size = config.size(), channels = config.channels;
  for (int64_t c = 0; c < channels; ++c) {
    double mean = 0;
    if (factor != 1) {
      for (int64_t i = c; i < size; i += channels) mean += static_cast<double>(image[i]);
      mean /= static_cast<double>(size / channels);
    }
    const auto offset = static_cast<float>(mean * (1 - static_cast<double>(factor)) + shift);
    for (int64_t i = c; i < size; i += channels) image[i] = min(max(image[i] * factor + offset, low), high);
  }
}

void add_noise(const AugmentConfig& config, Philox4 counter, uint64_t seed, float* image) {
  const V scale = broadcast<V>(static_cast<float>(config.noise * (config.value_high - config.value_low)));
  const int64_t size = config.size();
  counter[0] = kNoise;
  uint32_t words[kPhiloxGroup];
  float normal[kPhiloxGroup];
  for (int64_t first = 0; first < size; first += kPhiloxGroup) {
    philox_fill(words, kPhiloxGroup, counter, seed);
    counter[0] += kPhiloxGroup / 4;
    constexpr int64_t kPairs = kPhiloxGroup / 2;
    for (int64_t i = 0; i < kPairs; i += L) {
      V a, b;
      normal_vectors(load<Vec<uint32_t, L>>(words + i), load<Vec<uint32_t, L>>(words + kPairs + i), a, b);
      store(normal + i, a * scale);
      store(normal + kPairs + i, b * scale);
    }
    const int64_t count = std::min(kPhiloxGroup, size - first);
    for (int64_t i = 0; i < count; ++i) image[first + i] += normal[i];
  }
}

void cut(const AugmentConfig& config, const Philox4& counter, uint64_t seed, float* image) {
  for (int32_t k = 0; k < config.cutout_count; ++k) {
    const Philox4 words = words_of(counter, kCutout + static_cast<uint32_t>(k), seed);
    const auto place = [](uint32_t word, int64_t extent, int64_t size, int64_t& begin, int64_t& end) {
      const auto centre = static_cast<int64_t>((uint64_t{word} * static_cast<uint64_t>(extent)) >> 32);
      begin = std::max<int64_t>(0, centre - size / 2);
      end = std::min(extent, centre - size / 2 + size);
    };
    int64_t top, bottom, left, right;
    place(words[0], config.height, config.cutout_height, top, bottom);
    place(words[1], config.width, config.cutout_width, left, right);
    for (int64_t y = top; y < bottom; ++y) {
      std::fill_n(image + (y * config.width + left) * config.channels, (right - left) * config.channels,
                  static_cast<float>(config.fill_value));
    }
  }
}

}  // namespace

int64_t augment_scratch(const AugmentConfig& config) {
  const int64_t images = vector_lanes<float> * config.size() * static_cast<int64_t>(sizeof(float));
  return (images + 63) / 64 * 64 + Warp(config, nullptr).bytes();
}

void gather_augmented(const GatherCall& call) {
  const AugmentConfig& config = *call.augment;
  const uint64_t seed = config.has_seed ? config.seed : call.seed;
  const int64_t size = config.size(), bytes = size * dtype_size(call.type);
  const auto images_bytes = vector_lanes<float> * size * static_cast<int64_t>(sizeof(float));
  float* images = reinterpret_cast<float*>(call.scratch);
  Warp warp(config, call.scratch + (images_bytes + 63) / 64 * 64);
  const ConvertFn convert = conversion(DType::f32, call.source_type);

  GatherCall finish;  // from the images of one group into the plan's layout
  finish.source = call.scratch;
  finish.row_stride = size * static_cast<int64_t>(sizeof(float));
  finish.size = size;
  finish.type = call.type;
  finish.lanes = call.lanes;

  const bool direct = call.lanes == 1 && call.type == DType::f32;
  for (int64_t first = 0; first < call.count; first += call.lanes) {
    auto* out = static_cast<std::byte*>(call.out) + first * bytes;
    finish.count = std::min<int64_t>(call.lanes, call.count - first);
    for (int64_t i = 0; i < finish.count; ++i) {
      const int64_t number = call.rows != nullptr ? call.rows[first + i] : call.first_row + first + i;
      const std::byte* source = call.source + number * call.row_stride;
      float* image = direct ? reinterpret_cast<float*>(out) : images + i * size;
      const auto row = static_cast<uint64_t>(number + call.row_base);
      const Philox4 counter = {
          0, static_cast<uint32_t>(row), static_cast<uint32_t>(call.epoch),
          static_cast<uint32_t>(RandomStream::augmentation) | static_cast<uint32_t>(row >> 32) << 8};
      const Draws draws = draw(counter, seed);
      const AffineMap map = config.warps() ? affine_map(config, draws) : AffineMap{};
      if (config.distorts() || !map.is_identity()) {
        Philox4 elastic = counter;
        elastic[0] = kElastic;
        warp.run(source, call.source_type, map, elastic, seed, image);
      } else {
        convert(source, size, image);
      }
      if (config.recolours()) recolour(config, draws, image);
      if (config.noise > 0) add_noise(config, counter, seed, image);
      if (config.cuts()) cut(config, counter, seed, image);
    }
    if (direct) continue;
    finish.out = out;
    gather(finish);
  }
}

}  // namespace fastnn::cpu
