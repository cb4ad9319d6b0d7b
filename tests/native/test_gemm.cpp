// Checks csrc/cpu/gemm.h bit by bit against the chain of fma that it documents: odd shapes, strides, two
// levels of k, start values, packing, splits by rows and columns, nothing touched beside C. Then prints
// rates, for reading.
#include <ctime>
#include <vector>

#include "../../csrc/cpu/gemm.cpp"
#include "checks.h"

namespace fc = fastnn::cpu;

namespace {

checks::Random rng;

template <class T>
std::vector<T> random_values(std::size_t count) {
  std::vector<T> values(count);
  for (T& x : values) x = static_cast<T>(rng.uniform());
  return values;
}

struct AlignedBytes {
  explicit AlignedBytes(std::int64_t size) {
    if (size > 0) data = static_cast<std::byte*>(std::aligned_alloc(64, (size + 63) / 64 * 64));
  }
  ~AlignedBytes() { std::free(data); }
  AlignedBytes(const AlignedBytes&) = delete;
  AlignedBytes& operator=(const AlignedBytes&) = delete;
  std::byte* data = nullptr;
};

template <class T>
void reference(const fc::Gemm<T>& g, bool relu) {
  for (std::int64_t i = 0; i < g.m; ++i) {
    for (std::int64_t j = 0; j < g.n; ++j) {
      T& c = g.c[i * g.c_row + j];
      T sum = g.accumulate ? c : g.bias != nullptr ? g.bias[j] : T(0);
      for (std::int64_t o = 0; o < g.outer; ++o) {
        for (std::int64_t k = 0; k < g.inner; ++k) {
          sum = fc::fma(g.a[i * g.a_row + o * g.a_outer + k * g.a_col], g.b[o * g.b_outer + k * g.b_row + j],
                        sum);
        }
      }
      c = relu && !(sum > 0) ? T(0) : sum;
    }
  }
}

enum class Layout { rows, transposed, lanes };

template <class T>
void test_shape(std::int64_t m, std::int64_t n, std::int64_t inner, std::int64_t outer, Layout layout,
                int start, bool relu, bool scratch) {
  const std::int64_t k = inner * outer, pad = 3;
  fc::Gemm<T> g;
  g.m = m, g.n = n, g.inner = inner, g.outer = outer;
  if (layout == Layout::rows) {  // rows of k, with a gap between rounds of the outer loop
    g.a_outer = inner + 1, g.a_row = (inner + 1) * outer + pad, g.a_col = 1;
  } else if (layout == Layout::transposed) {
    g.a_row = 1, g.a_col = m + pad, g.a_outer = (m + pad) * inner;
  } else {  // [outer][m][inner]: samples in groups of lanes
    g.a_row = inner, g.a_col = 1, g.a_outer = m * inner;
  }
  const std::vector<T> a = random_values<T>((m + pad) * (inner + 1) * outer + m * pad + 1);
  g.b_row = n + pad, g.b_outer = g.b_row * inner + 5;
  // B ends with its last element: reading on would be seen by the address sanitizer.
  const std::int64_t b_size = k == 0 ? 0 : (outer - 1) * g.b_outer + (inner - 1) * g.b_row + n;
  const std::vector<T> b = random_values<T>(b_size), bias = random_values<T>(n);
  g.c_row = n + pad;
  std::vector<T> c = random_values<T>(m * g.c_row), expected = c;
  g.a = a.data(), g.b = b.data();
  if (start == 1) g.bias = bias.data();
  g.accumulate = start == 2;

  g.c = expected.data();
  reference(g, relu);
  g.c = c.data();
  const AlignedBytes memory(scratch ? fc::gemm_scratch(g) : 0);
  if (relu) {
    fc::gemm_finished(g, memory.data, [](auto x) { return fc::max(x, decltype(x){}); });
  } else {
    fc::gemm(g, memory.data);
  }
  std::int64_t wrong = 0;
  for (std::size_t i = 0; i < c.size(); ++i) wrong += !checks::same_bits(c[i], expected[i]);
  CHECK(wrong == 0, "m=%ld n=%ld k=%ldx%ld layout=%d start=%d relu=%d scratch=%d: %ld wrong", long(m),
        long(n), long(outer), long(inner), int(layout), start, relu, scratch, long(wrong));
}

template <class T>
void test_sweep() {
  const std::int64_t sizes[] = {1, 2, 3, 5, 7, 9, 13, 16, 17, 31, 33, 65, 131};
  int count = 0;
  for (std::int64_t m : sizes) {
    for (std::int64_t n : sizes) {
      for (std::int64_t k : {0, 1, 2, 5, 37, 300}) {
        test_shape<T>(m, n, k, 1, Layout(count % 2), count % 3, count % 5 == 0, false);
        ++count;
      }
      test_shape<T>(m, n, 5, 3, Layout::rows, count % 3, false, false);
      test_shape<T>(m, n, 16, 4, Layout::lanes, count % 3, false, false);
      test_shape<T>(m, n, 150, 3, Layout::transposed, count % 3, true, false);
      ++count;
    }
  }
  // Large enough to be cut into blocks and packed.
  for (int start = 0; start < 3; ++start) {
    for (bool scratch : {false, true}) {
      test_shape<T>(65, 83, 700, 1, Layout::rows, start, start == 1, scratch);
      test_shape<T>(65, 83, 700, 1, Layout::transposed, start, false, scratch);
      test_shape<T>(47, 200, 16, 40, Layout::lanes, start, true, scratch);
      test_shape<T>(40, 67, 300, 3, Layout::rows, start, false, scratch);
      test_shape<T>(33, 260, 129, 7, Layout::rows, start, false, scratch);
      test_shape<T>(200, 83, 300, 2, Layout::rows, start, false, scratch);
      test_shape<T>(197, 261, 1100, 1, Layout::transposed, start, false, scratch);
      test_shape<T>(401, 300, 70, 3, Layout::transposed, start, true, scratch);
      test_shape<T>(250, 509, 600, 1, Layout::rows, start, false,
                    scratch);  // rows of B are a power of two apart
    }
  }
  test_shape<T>(0, 5, 5, 1, Layout::rows, 0, false, false);
  test_shape<T>(4, 6, 3, 0, Layout::rows, 1, true, false);
}

// Parts of C, computed one by one with and without scratch, have the bits of the whole.
template <class T>
void test_splits() {
  const std::int64_t m = 301, n = 1024, k = 600;
  const std::vector<T> a = random_values<T>(m * k), b = random_values<T>(k * n);
  std::vector<T> whole(m * n), parts(m * n);
  fc::Gemm<T> g;
  g.m = m, g.n = n, g.inner = k, g.a = a.data(), g.a_row = k, g.b = b.data(), g.b_row = n, g.c_row = n;
  g.c = whole.data();
  const AlignedBytes memory(fc::gemm_scratch(g));
  fc::gemm(g, memory.data);
  for (std::int64_t i = 0; i < m; i += 100) {
    for (std::int64_t j = 0; j < n; j += 347) {
      fc::Gemm<T> part = g;
      part.m = std::min<std::int64_t>(100, m - i), part.n = std::min<std::int64_t>(347, n - j);
      part.a += i * k, part.b += j, part.c = parts.data() + i * n + j;
      const AlignedBytes own(fc::gemm_scratch(part));
      fc::gemm(part, own.data);
    }
  }
  CHECK(std::memcmp(whole.data(), parts.data(), whole.size() * sizeof(T)) == 0, "split");
}

// B given as its transpose has the same products; scratch is exactly what was asked for.
template <class T>
void test_transposed_b() {
  for (std::int64_t m : {1, 2, 5, 14, 15, 40, 131}) {
    for (std::int64_t n : {1, 7, 16, 33, 65, 130, 257}) {
      for (std::int64_t k : {1, 5, 16, 37, 300, 1030}) {
        const std::vector<T> a = random_values<T>(m * k), b = random_values<T>(k * n);
        std::vector<T> transposed(n * k), c(m * n), expected(m * n);
        for (std::int64_t i = 0; i < k; ++i) {
          for (std::int64_t j = 0; j < n; ++j) transposed[j * k + i] = b[i * n + j];
        }
        fc::Gemm<T> g;
        g.m = m, g.n = n, g.inner = k, g.a = a.data(), g.a_row = k, g.c_row = n;
        g.b = b.data(), g.b_row = n, g.c = expected.data();
        reference(g, false);
        g.b = transposed.data(), g.b_row = 1, g.b_col = k, g.c = c.data();
        const AlignedBytes memory(fc::gemm_scratch(g));
        fc::gemm(g, memory.data);
        CHECK(std::memcmp(c.data(), expected.data(), c.size() * sizeof(T)) == 0, "m=%ld n=%ld k=%ld", long(m),
              long(n), long(k));
      }
    }
  }
}

template <class T>
void test_transpose() {
  for (std::int64_t rows : {1, 3, 16, 37, 64}) {
    for (std::int64_t cols : {1, 5, 16, 50, 129}) {
      const std::vector<T> src = random_values<T>((rows - 1) * (cols + 2) + cols);
      std::vector<T> dst((cols - 1) * (rows + 1) + rows);
      fc::transpose_matrix(src.data(), rows, cols, cols + 2, dst.data(), rows + 1);
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < cols; ++j) {
          CHECK(dst[j * (rows + 1) + i] == src[i * (cols + 2) + j], "%ldx%ld", long(rows), long(cols));
        }
      }
    }
  }
}

// Of this thread alone, so that a busy machine disturbs less.
double cpu_seconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

template <class T>
void time_shape(const char* name, std::int64_t m, std::int64_t n, std::int64_t k, Layout layout, bool pack) {
  const std::vector<T> a = random_values<T>(m * k), b = random_values<T>(k * n);
  std::vector<T> c(m * n);
  fc::Gemm<T> g;
  g.m = m, g.n = n, g.inner = k, g.a = a.data(), g.b = b.data(), g.b_row = n, g.c = c.data(), g.c_row = n;
  g.a_row = k;
  if (layout == Layout::transposed) g.a_row = 1, g.a_col = m;
  if (layout == Layout::lanes) {
    constexpr int L = fc::vector_lanes<T>;
    g.inner = L, g.outer = k / L, g.a_row = L, g.a_outer = m * L, g.b_outer = L * n;
  }
  const AlignedBytes memory(pack ? fc::gemm_scratch(g) : 0);
  const double work = 2e-9 * static_cast<double>(m * n * k);
  const int repeats = static_cast<int>(std::max(1.0, 0.002 / (work / 100)));
  double best = 1e9;
  for (int round = 0; round < 40; ++round) {
    const double begin = cpu_seconds();
    for (int i = 0; i < repeats; ++i) fc::gemm(g, memory.data);
    best = std::min(best, (cpu_seconds() - begin) / repeats);
  }
  std::printf("  %-10s %4ldx%4ldx%4ld %s %7.1f GFLOP/s %9.2f us\n", name, long(m), long(k), long(n),
              memory.data != nullptr ? "packed" : "      ", work / best, best * 1e6);
}

}  // namespace

int main(int argc, char**) {
  test_sweep<float>();
  test_sweep<double>();
  test_splits<float>();
  test_splits<double>();
  test_transposed_b<float>();
  test_transposed_b<double>();
  test_transpose<float>();
  test_transpose<double>();
  std::printf("gemm: %d-byte vectors, %d failures\n", fc::vector_bytes, checks::failures);
  if (argc > 1) {  // any argument: time
    for (bool pack : {false, true}) {
      time_shape<float>("rows", 256, 2048, 1024, Layout::rows, pack);
      time_shape<float>("rows", 128, 128, 784, Layout::rows, pack);
      time_shape<float>("rows", 128, 120, 400, Layout::rows, pack);
      time_shape<float>("transposed", 784, 128, 128, Layout::transposed, pack);
      time_shape<float>("lanes", 784, 128, 128, Layout::lanes, pack);
      time_shape<float>("lanes", 400, 120, 128, Layout::lanes, pack);
      time_shape<float>("rows", 128, 10, 128, Layout::rows, pack);
      time_shape<float>("rows", 128, 84, 120, Layout::rows, pack);
      time_shape<float>("rows", 1024, 1024, 1024, Layout::rows, pack);
      time_shape<float>("transposed", 1024, 2048, 256, Layout::transposed, pack);
      time_shape<float>("conv", 26, 32, 9, Layout::rows, pack);
      time_shape<float>("conv", 24, 64, 288, Layout::rows, pack);
      time_shape<float>("rows", 16, 128, 784, Layout::rows, pack);
      time_shape<float>("rows", 1, 128, 784, Layout::rows, pack);
      time_shape<float>("rows", 1, 10, 128, Layout::rows, pack);
      time_shape<double>("rows", 256, 1024, 1024, Layout::rows, pack);
    }
  }
  return checks::failures != 0;
}
