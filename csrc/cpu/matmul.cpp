// Rows only: every matrix of a sample goes through the blocked product (gemm.h).
#include "ops/matmul.h"

#include "core/memory.h"
#include "cpu/gemm.h"
#include "cpu/matmul_stacks.h"

namespace fastnn::cpu {

namespace {

using Config = ops::MatmulConfig;

constexpr int64_t kRows = 128;  // rows of the result in a unit of work

template <class T>
Gemm<T> product_of(const Config& c) {
  Gemm<T> g;
  g.m = c.m;
  g.n = c.n;
  g.inner = c.k;
  g.a_row = c.transpose_a ? 1 : c.k;
  g.a_col = c.transpose_a ? c.m : 1;
  g.b_row = c.n;
  g.c_row = c.n;
  return g;
}

template <class T>
int64_t scratch_for(const Config& c) {
  const int64_t turned = c.transpose_b ? align_up(c.k * c.n * static_cast<int64_t>(sizeof(T))) : 0;
  return turned + gemm_scratch(product_of<T>(c));
}

int64_t matmul_scratch(const KernelQuery& query) {
  const auto& c = *static_cast<const Config*>(query.config);
  return query.out[0].dtype == DType::f64 ? scratch_for<double>(c) : scratch_for<float>(c);
}

// Rows [begin, end) of a . b.
template <class T>
void multiply(const Config& c, const T* a, const T* b, T* out, int64_t begin, int64_t end,
              std::byte* scratch) {
  Gemm<T> g = product_of<T>(c);
  if (c.transpose_b) {
    T* turned = reinterpret_cast<T*>(scratch);
    transpose_matrix(b, c.n, c.k, c.k, turned, c.n);
    scratch += align_up(c.k * c.n * static_cast<int64_t>(sizeof(T)));
    b = turned;
  }
  g.m = end - begin;
  g.a = a + begin * g.a_row;
  g.b = b;
  g.c = out + begin * c.n;
  gemm(g, scratch);
}

template <class T>
void matmul_rows(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  const View& a = call.in[0];
  const View& b = call.in[1];
  for (int64_t s = 0; s < call.count; ++s) {
    const T* of_a = a.as<T>() + (a.batched ? s * a.size : 0);
    const T* of_b = b.as<T>() + (b.batched ? s * b.size : 0);
    T* out = call.out[0].as<T>() + s * call.out[0].size;
    for_stacks(c, [&](int64_t number, int64_t at_a, int64_t at_b) {
      multiply(c, of_a + at_a * c.m * c.k, of_b + at_b * c.k * c.n, out + number * c.m * c.n, 0, c.m,
               call.scratch);
    });
  }
}

int64_t row_blocks(const Config& c) { return c.transpose_b ? 1 : (c.m + kRows - 1) / kRows; }

int64_t matmul_units(const KernelQuery& query) {
  const auto& c = *static_cast<const Config*>(query.config);
  return c.stacks * row_blocks(c);
}

template <class T>
void matmul_whole(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  const int64_t blocks = row_blocks(c);
  for_stacks(c, [&](int64_t number, int64_t at_a, int64_t at_b) {
    for (int64_t block = 0; block < blocks; ++block) {
      const int64_t unit = number * blocks + block;
      if (unit < call.unit_begin || unit >= call.unit_end) continue;
      const int64_t begin = blocks == 1 ? 0 : block * kRows;
      const int64_t end = blocks == 1 || begin + kRows > c.m ? c.m : begin + kRows;
      multiply(c, call.in[0].as<T>() + at_a * c.m * c.k, call.in[1].as<T>() + at_b * c.k * c.n,
               call.out[0].as<T>() + number * c.m * c.n, begin, end, call.scratch);
    }
  });
}

}  // namespace

extern const Kernel matmul_kernel;
const Kernel matmul_kernel{.f32 = {.rows = matmul_rows<float>, .whole = matmul_whole<float>},
                           .f64 = {.rows = matmul_rows<double>, .whole = matmul_whole<double>},
                           .scratch = matmul_scratch,
                           .whole_scratch = matmul_scratch,
                           .units = matmul_units};

}  // namespace fastnn::cpu
