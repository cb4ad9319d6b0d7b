#include "core/random_fill.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "core/error.h"
#include "core/parallel.h"
#include "core/random.h"

namespace fastnn {

namespace {

struct Pair {
  double first, second;
};

/// Draw number `attempt` for pair `index` of elements: two uniform numbers on [0, 1).
Pair uniform_pair(uint64_t seed, int64_t index, uint32_t attempt) {
  const Philox4 counter = {static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32),
                           static_cast<uint32_t>(RandomStream::initializer), attempt};
  const Philox4 bits = philox(counter, static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32));
  return {uniform_double(bits[0], bits[1]), uniform_double(bits[2], bits[3])};
}

/// Box and Muller: two independent standard normal numbers.
Pair normal_pair(uint64_t seed, int64_t index, uint32_t attempt) {
  const Pair u = uniform_pair(seed, index, attempt);
  const double radius = std::sqrt(-2 * std::log1p(-u.first));
  const double angle = 2 * std::numbers::pi * u.second;
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

/// A normal number within two standard deviations, of its own stream of draws for each element.
double truncated_normal(uint64_t seed, int64_t element) {
  for (uint32_t attempt = 0;; ++attempt) {
    const Pair drawn = normal_pair(seed, element, attempt);
    if (std::abs(drawn.first) <= 2) return drawn.first;
    if (std::abs(drawn.second) <= 2) return drawn.second;
  }
}

/// Elements [begin, end) of which begin is even; calls put(element, value).
template <class Put>
void draw(Distribution distribution, double a, double b, uint64_t seed, int64_t begin, int64_t end, Put put) {
  if (distribution == Distribution::truncated_normal) {
    for (int64_t i = begin; i < end; ++i) put(i, a + b * truncated_normal(seed, i));
    return;
  }
  const bool uniform = distribution == Distribution::uniform;
  const double scale = uniform ? b - a : b;
  for (int64_t i = begin; i < end; i += 2) {
    const Pair drawn = uniform ? uniform_pair(seed, i / 2, 0) : normal_pair(seed, i / 2, 0);
    put(i, a + scale * drawn.first);
    if (i + 1 < end) put(i + 1, a + scale * drawn.second);
  }
}

int threads_for(double work, double share) {
  return static_cast<int>(std::clamp(work / share, 1.0, static_cast<double>(num_threads())));
}

template <class T>
void fill(T* out, int64_t count, Distribution distribution, double a, double b, uint64_t seed) {
  parallel(threads_for(static_cast<double>(count), 1e5), [&](Team& team, int thread) {
    const auto bound = [&](int part) { return part == team.size ? count : count * part / team.size / 2 * 2; };
    draw(distribution, a, b, seed, bound(thread), bound(thread + 1),
         [&](int64_t i, double value) { out[i] = static_cast<T>(value); });
  });
}

double dot(const double* a, const double* b, int64_t n) {
  double sums[8] = {};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int64_t j = 0; j < 8; ++j) sums[j] += a[i + j] * b[i + j];
  }
  for (; i < n; ++i) sums[i % 8] += a[i] * b[i];
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

/// Makes `count` vectors of `length` orthonormal, one after another (modified Gram-Schmidt, which keeps the
/// first vector's direction: R's diagonal is positive).
void orthonormalize(double* vectors, int64_t count, int64_t length) {
  const double work =
      2.0 * static_cast<double>(length) * static_cast<double>(count) * static_cast<double>(count);
  parallel(threads_for(work, 2e7), [&](Team& team, int thread) {
    for (int64_t done = 0; done < count; ++done) {
      double* pivot = vectors + done * length;
      if (done % team.size == thread) {
        const double scale = 1 / std::sqrt(dot(pivot, pivot, length));
        for (int64_t i = 0; i < length; ++i) pivot[i] *= scale;
      }
      team.barrier.wait();
      // Each vector belongs to one thread, so its bits do not depend on how many there are.
      for (int64_t v = done + 1; v < count; ++v) {
        if (v % team.size != thread) continue;
        double* vector = vectors + v * length;
        const double part = dot(pivot, vector, length);
        for (int64_t i = 0; i < length; ++i) vector[i] -= part * pivot[i];
      }
    }
  });
}

template <class T>
void spread(const std::vector<double>& vectors, T* out, int64_t rows, int64_t columns, double gain) {
  const bool tall = rows >= columns;  // the vectors are the columns
  const int64_t length = std::max(rows, columns);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) {
      const int64_t at = tall ? c * length + r : r * length + c;
      out[r * columns + c] = static_cast<T>(gain * vectors[static_cast<size_t>(at)]);
    }
  }
}

}  // namespace

void random_fill(std::byte* out, DType dtype, int64_t count, Distribution distribution, double a, double b,
                 uint64_t seed) {
  if (dtype == DType::f64) {
    fill(reinterpret_cast<double*>(out), count, distribution, a, b, seed);
  } else if (dtype == DType::f32) {
    fill(reinterpret_cast<float*>(out), count, distribution, a, b, seed);
  } else {
    throw_type("random numbers are float32 or float64, not ", dtype_name(dtype));
  }
}

void orthogonal_fill(std::byte* out, DType dtype, int64_t rows, int64_t columns, double gain, uint64_t seed) {
  if (!is_floating(dtype)) throw_type("an orthogonal matrix is float32 or float64, not ", dtype_name(dtype));
  std::vector<double> vectors(static_cast<size_t>(rows * columns));
  fill(vectors.data(), rows * columns, Distribution::normal, 0.0, 1.0, seed);
  orthonormalize(vectors.data(), std::min(rows, columns), std::max(rows, columns));
  if (dtype == DType::f64) {
    spread(vectors, reinterpret_cast<double*>(out), rows, columns, gain);
  } else {
    spread(vectors, reinterpret_cast<float*>(out), rows, columns, gain);
  }
}

}  // namespace fastnn
