#include "train/batcher.h"

#include <algorithm>
#include <cmath>

#include "graph/backend.h"

namespace fastnn {

namespace {

// One thread's share is worth a wake-up from about that many elements on.
constexpr int64_t kElementsPerThread = 1 << 17;
constexpr int64_t kTile = 64;

void check_range(const char* name, const AugmentRange& range, double low, double high, const char* what) {
  if (range.low >= low && range.low <= range.high && range.high <= high) return;
  throw_value("augmentation: ", name, " must be a range (low, high) of ", what, " between ", low, " and ",
              high, " with low <= high, got (", range.low, ", ", range.high, ")");
}

void check_number(const char* name, double value, double low, double high, const char* what) {
  if (value >= low && value <= high) return;
  throw_value("augmentation: ", name, " must be ", what, " between ", low, " and ", high, ", got ", value);
}

}  // namespace

void check_augment(const AugmentConfig& config) {
  if (config.height < 1 || config.width < 1 || config.channels < 1) {
    throw_value("augmentation: expected images of shape (height, width, channels), each at least 1, got (",
                config.height, ", ", config.width, ", ", config.channels, ")");
  }
  constexpr int64_t kMost = int64_t{1} << 26;
  const int64_t most_pixels = kMost / config.channels;
  if ((int64_t{config.height} + 3) > most_pixels / (int64_t{config.width} + 3)) {
    throw_value("augmentation: images of shape (", config.height, ", ", config.width, ", ", config.channels,
                ") are too large: at most ", kMost, " elements are served");
  }
  check_range("shift (vertical)", config.shift_y, -1e6, 1e6, "pixels");
  check_range("shift (horizontal)", config.shift_x, -1e6, 1e6, "pixels");
  check_range("rotation", config.rotation, -3600, 3600, "degrees");
  check_range("zoom", config.zoom, 0.01, 100, "factors");
  check_range("shear", config.shear, -85, 85, "degrees");
  check_number("horizontal_flip", config.flip, 0, 1, "a probability");
  check_number("elastic alpha", config.elastic_alpha, 0, 1e6, "a scale");
  check_number("elastic sigma", config.elastic_sigma, 0, 1000, "a number of pixels");
  if (config.elastic_alpha > 0 && config.elastic_sigma < 0.1) {
    throw_value("augmentation: elastic sigma must be at least 0.1 pixels, got ", config.elastic_sigma);
  }
  check_range("brightness", config.brightness, -1e3, 1e3, "fractions of the value range");
  check_range("contrast", config.contrast, 0, 1e3, "factors");
  check_number("noise", config.noise, 0, 1e6, "a fraction of the value range");
  check_number("cutout count", config.cutout_count, 0, 10000, "a number of rectangles");
  check_number("cutout height", config.cutout_height, 0, 1e6, "a number of pixels");
  check_number("cutout width", config.cutout_width, 0, 1e6, "a number of pixels");
  check_number("fill_value", config.fill_value, -1e30, 1e30, "a finite number");
  if (!(std::isfinite(config.value_low) && std::isfinite(config.value_high) &&
        config.value_low < config.value_high)) {
    throw_value("augmentation: value_range must be two finite numbers (low, high) with low < high, got (",
                config.value_low, ", ", config.value_high, ")");
  }
}

void gather_all(const BatchSource& source, const GatherRequest& request, std::byte* out) {
  const KernelTable& table = kernel_table();
  if (request.lanes != 1 && request.lanes != table.lanes_f32 && request.lanes != table.lanes_f64) {
    throw_value("lanes must be 1, ", table.lanes_f32, " or ", table.lanes_f64, ", got ", request.lanes);
  }
  if (source.augment != nullptr && source.augment->size() != request.size) {
    throw_value("augmentation is for images of ", source.augment->size(), " elements, rows have ",
                request.size);
  }
  const int64_t tiles = (request.count + kTile - 1) / kTile;
  const int64_t worth = request.count * request.size /
                        (source.augment != nullptr ? kElementsPerThread / 16 : kElementsPerThread);
  const int threads = static_cast<int>(std::clamp<int64_t>(std::min(worth, tiles), 1, num_threads()));
  const int64_t scratch = source.augment != nullptr ? align_up(table.augment_scratch(*source.augment)) : 0;
  const Buffer memory(scratch * threads);
  parallel(threads, [&](Team& team, int thread) {
    for (int64_t tile = thread; tile < tiles; tile += team.size) {
      GatherCall call;
      const int64_t first = tile * kTile;
      call.source = source.data;
      call.row_stride = source.row_stride;
      call.rows = request.rows == nullptr ? nullptr : request.rows + first;
      call.first_row = first;
      call.count = std::min(kTile, request.count - first);
      call.size = request.size;
      call.source_type = source.dtype;
      call.type = request.dtype;
      call.lanes = request.lanes;
      call.out = out + first * request.size * dtype_size(request.dtype);
      call.augment = source.augment;
      call.row_base = source.row_base;
      call.seed = request.seed;
      call.epoch = request.epoch;
      call.scratch = memory.data() + scratch * thread;
      table.gather(call);
    }
  });
}

}  // namespace fastnn
