// Matrix products for row layouts: dense layers, convolutions over rows, and their gradients.
//
//   C[m, n] = finish(start + sum over o < outer, k < inner of A(m, o, k) * B(o, k, n))
//
// where start is 0, a bias over n, or (accumulate) C itself, and finish an optional function of the finished
// vectors (an activation). A is read element by element with any strides, so that it may be transposed or lie
// in the batch-lane layout; rows of C are contiguous over n, those of B too, or its columns are over k. Two
// levels of k serve convolutions (kernel rows, then columns and channels) and sums over samples in lanes
// (groups, then lanes).
//
// Every element of C is one chain of fma(a, b, sum) in the order of o and k, whatever the tiles, blocks and
// packing; so its bits depend on its own operands only: not on how rows or columns are shared among threads,
// on the scratch given, or on m and n. (Where has_fma is false, each step is a product, then a sum.)
#pragma once

#include <cstddef>
#include <cstdint>

#include "simd.h"

namespace fastnn::cpu {

template <class T>
struct Gemm {
  std::int64_t m = 0, n = 0;
  std::int64_t inner = 0, outer = 1;  // k = 0 altogether gives start
  const T* a = nullptr;               // A(m, o, k) = a[m * a_row + o * a_outer + k * a_col]
  std::int64_t a_row = 0, a_col = 1, a_outer = 0;
  const T* b = nullptr;  // B(o, k, n) = b[o * b_outer + k * b_row + n * b_col]
  std::int64_t b_row = 0, b_outer = 0;
  std::int64_t b_col = 1;  // else b_row must be 1 (B is transposed), and scratch must be given
  T* c = nullptr;          // C[m, n] = c[m * c_row + n]
  std::int64_t c_row = 0;
  const T* bias = nullptr;  // n values
  bool accumulate = false;  // start from C; bias must be null
};

// Called on blocks of C, each once, when their sums are complete.
template <class T>
struct GemmFinish {
  void (*apply)(const void* context, T* c, std::int64_t c_row, std::int64_t rows,
                std::int64_t cols) = nullptr;
  const void* context = nullptr;
};

// Bytes of scratch with which gemm() packs where that pays; a function of shape and strides alone. 0: it
// never does.
template <class T>
std::int64_t gemm_scratch(const Gemm<T>& g);

// `scratch` is null or 64-byte aligned with gemm_scratch(g) bytes, or those of a g with more rows.
template <class T>
void gemm(const Gemm<T>& g, std::byte* scratch = nullptr, GemmFinish<T> finish = {});

// The same with finish(Vec<T, L>) -> Vec<T, L>, called with L = vector_lanes<T>.
template <class T, class F>
void gemm_finished(const Gemm<T>& g, std::byte* scratch, const F& finish) {
  const auto apply = [](const void* context, T* c, std::int64_t c_row, std::int64_t rows, std::int64_t cols) {
    constexpr int L = vector_lanes<T>;
    using V = Vec<T, L>;
    const F& f = *static_cast<const F*>(context);
    for (std::int64_t i = 0; i < rows; ++i, c += c_row) {
      std::int64_t j = 0;
      for (; j + L <= cols; j += L) store(c + j, f(load<V>(c + j)));
      if (j < cols) store_partial<V>(c + j, f(load_partial<V>(c + j, cols - j)), cols - j);
    }
  };
  gemm(g, scratch, GemmFinish<T>{apply, &finish});
}

// dst[j * dst_row + i] = src[i * src_row + j] for i < rows, j < cols.
template <class T>
void transpose_matrix(const T* src, std::int64_t rows, std::int64_t cols, std::int64_t src_row, T* dst,
                      std::int64_t dst_row);

}  // namespace fastnn::cpu
