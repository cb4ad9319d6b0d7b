// Rows only. f32 kernels serve every 4-byte type (and bytes), f64 kernels every 8-byte type; gradients
// floats.
#include "ops/take.h"

#include <algorithm>
#include <cstring>

#include "cpu/kernels.h"
#include "cpu/labels.h"

namespace fastnn::cpu {

namespace {

using Config = ops::TakeConfig;

// An id as a place from 0; out of range: reported, and 0.
inline int64_t place_of(const KernelCall& call, int64_t id, int64_t extent, int64_t sample) {
  const int64_t place = id < 0 ? id + extent : id;
  if (place >= 0 && place < extent) return place;
  check_class(call, id < 0 ? id : place, extent, sample);
  return 0;
}

template <class T>
const T* sample_of(const View& view, int64_t sample) {
  return view.as<T>() + (view.batched ? sample * view.size : 0);
}

template <class T>
void take_samples(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  T* out = call.out[0].as<T>();
  for (int64_t s = 0; s < call.count; ++s) {
    const T* x = sample_of<T>(call.in[0], s);
    const auto* ids = sample_of<int32_t>(call.in[1], s);
    for (int64_t o = 0; o < c.outer; ++o, x += c.extent * c.inner) {
      for (int64_t i = 0; i < c.count; ++i, out += c.inner) {
        const int64_t place = place_of(call, ids[i], c.extent, s);
        if (c.inner == 1) {
          *out = x[place];
        } else {
          std::memcpy(out, x + place * c.inner, static_cast<size_t>(c.inner) * sizeof(T));
        }
      }
    }
  }
}

template <class T>
void take_rows(const KernelCall& call) {
  if (dtype_size(call.out[0].dtype) == 1) return take_samples<uint8_t>(call);
  take_samples<T>(call);
}

template <class T>
void add_run(T* to, const T* from, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] += from[i];
}

// Adds a sample's dy to its place in x.
template <class T>
void scatter_sample(const KernelCall& call, const Config& c, int64_t sample, T* x) {
  const T* dy = sample_of<T>(call.in[0], sample);
  const auto* ids = sample_of<int32_t>(call.in[1], sample);
  for (int64_t o = 0; o < c.outer; ++o, x += c.extent * c.inner) {
    for (int64_t i = 0; i < c.count; ++i, dy += c.inner)
      add_run(x + place_of(call, ids[i], c.extent, sample) * c.inner, dy, c.inner);
  }
}

template <class T>
void take_grad_rows(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  const int64_t size = call.out[0].size;
  std::fill_n(call.out[0].as<T>(), call.count * size, T(0));
  for (int64_t s = 0; s < call.count; ++s) scatter_sample<T>(call, c, s, call.out[0].as<T>() + s * size);
}

template <class T>
void take_grad_sum_rows(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  for (int64_t s = 0; s < call.count; ++s) scatter_sample<T>(call, c, s, call.out[0].as<T>());
}

// Units are runs of places along the axis: each goes through all ids and adds those that are its own.
constexpr int64_t kMostUnits = 64;

int64_t take_units(const KernelQuery& query) {
  return std::min(kMostUnits, static_cast<const Config*>(query.config)->extent);
}

template <class T>
void take_grad_sum_whole(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  const int64_t units = std::min(kMostUnits, c.extent);
  const int64_t first = c.extent * call.unit_begin / units, last = c.extent * call.unit_end / units;
  const int64_t row = c.extent * c.inner;
  T* out = call.out[0].as<T>();
  for (int64_t o = 0; o < c.outer; ++o)
    std::fill_n(out + o * row + first * c.inner, (last - first) * c.inner, T(0));
  for (int64_t s = 0; s < call.count; ++s) {
    const T* dy = sample_of<T>(call.in[0], s);
    const auto* ids = sample_of<int32_t>(call.in[1], s);
    for (int64_t o = 0; o < c.outer; ++o) {
      for (int64_t i = 0; i < c.count; ++i, dy += c.inner) {
        const int64_t place = place_of(call, ids[i], c.extent, s);
        if (place >= first && place < last) add_run(out + o * row + place * c.inner, dy, c.inner);
      }
    }
  }
}

// Calls body(offset among the taken, offset among the whole) for every element of one sample.
template <class Body>
void for_along(const KernelCall& call, const Config& c, int64_t sample, Body body) {
  const auto* ids = sample_of<int32_t>(call.in[1], sample);
  int64_t at = 0;
  for (int64_t o = 0; o < c.outer; ++o) {
    for (int64_t i = 0; i < c.count; ++i) {
      for (int64_t j = 0; j < c.inner; ++j, ++at)
        body(at, (o * c.extent + place_of(call, ids[at], c.extent, sample)) * c.inner + j);
    }
  }
}

template <class T>
void take_along_samples(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  for (int64_t s = 0; s < call.count; ++s) {
    const T* x = sample_of<T>(call.in[0], s);
    T* out = call.out[0].as<T>() + s * call.out[0].size;
    for_along(call, c, s, [&](int64_t taken, int64_t whole) { out[taken] = x[whole]; });
  }
}

template <class T>
void take_along_rows(const KernelCall& call) {
  if (dtype_size(call.out[0].dtype) == 1) return take_along_samples<uint8_t>(call);
  take_along_samples<T>(call);
}

template <class T>
void take_along_grad_rows(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  const int64_t size = call.out[0].size;
  std::fill_n(call.out[0].as<T>(), call.count * size, T(0));
  for (int64_t s = 0; s < call.count; ++s) {
    const T* dy = sample_of<T>(call.in[0], s);
    T* x = call.out[0].as<T>() + s * size;
    for_along(call, c, s, [&](int64_t taken, int64_t whole) { x[whole] += dy[taken]; });
  }
}

}  // namespace

#define FASTNN_TAKE(name)                                                           \
  extern const Kernel name##_kernel;                                                \
  const Kernel name##_kernel{                                                       \
      .f32 = {.rows = name##_rows<float>, .whole = one_sample<name##_rows<float>>}, \
      .f64 = {.rows = name##_rows<double>, .whole = one_sample<name##_rows<double>>}};
FASTNN_TAKE(take)
FASTNN_TAKE(take_grad)
FASTNN_TAKE(take_along)
FASTNN_TAKE(take_along_grad)
#undef FASTNN_TAKE

extern const Kernel take_grad_sum_kernel;
const Kernel take_grad_sum_kernel{
    .f32 = {.rows = take_grad_sum_rows<float>, .whole = take_grad_sum_whole<float>},
    .f64 = {.rows = take_grad_sum_rows<double>, .whole = take_grad_sum_whole<double>},
    .units = take_units,
    .whole_rows_inputs = 0b11};

}  // namespace fastnn::cpu
