#include "cpu/gather.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "cpu/augment.h"
#include "cpu/simd.h"

namespace fastnn::cpu {

namespace {

// Element type of DType::boolean.
struct Bool {
  uint8_t byte;
};

constexpr int64_t kLine = 64;  // bytes that come from memory together

// ---- Conversions ----------------------------------------------------------------------------------------

// To is float, double, int32_t, int64_t, uint8_t or Bool.
template <class To, class From>
FASTNN_INLINE To convert_element(From x) {
  if constexpr (std::is_same_v<To, From>) {
    return x;
  } else if constexpr (std::is_same_v<From, Bool>) {
    return convert_element<To>(static_cast<uint8_t>(x.byte != 0));
  } else if constexpr (std::is_same_v<To, Bool>) {
    return {static_cast<uint8_t>(x != 0)};
  } else if constexpr (std::is_floating_point_v<To>) {
    return static_cast<To>(x);
  } else if constexpr (std::is_floating_point_v<From>) {
    // One more than the largest To is a power of two and thus exact.
    constexpr From low = static_cast<From>(std::numeric_limits<To>::min());
    constexpr From end = static_cast<From>(std::numeric_limits<To>::max() / 2 + 1) * 2;
    return x >= end  ? std::numeric_limits<To>::max()
           : x > low ? static_cast<To>(x)
                     : std::numeric_limits<To>::min();
  } else {
    if (std::cmp_greater(x, std::numeric_limits<To>::max())) return std::numeric_limits<To>::max();
    if (std::cmp_less(x, std::numeric_limits<To>::min())) return std::numeric_limits<To>::min();
    return static_cast<To>(x);
  }
}

// Rows may lie at any address.
template <class To, class From>
FASTNN_INLINE To read(const std::byte* p) {
  From x;
  std::memcpy(&x, p, sizeof(From));
  return convert_element<To>(x);
}

template <class From>
inline constexpr bool is_integer = std::is_integral_v<From> || std::is_same_v<From, Bool>;
template <class To, class From>
inline constexpr bool has_vector_form =
    std::is_floating_point_v<To> || (std::is_integral_v<To> && sizeof(To) >= 4 && is_integer<From>);

template <class V, class From>
FASTNN_INLINE V read_vector(const std::byte* p) {
  if constexpr (std::is_same_v<From, Bool>) {
    return min(load_convert<V>(reinterpret_cast<const uint8_t*>(p)), broadcast<V>(1));
  } else if constexpr (sizeof(From) == 1) {
    return load_convert<V>(reinterpret_cast<const From*>(p));
  } else {
    using W = Vec<From, lanes<V>>;
    W x;
    std::memcpy(&x, p, sizeof(W));
    if constexpr (std::is_same_v<From, int64_t> && std::is_same_v<Elem<V>, int32_t>) {
      x = max(min(x, broadcast<W>(std::numeric_limits<int32_t>::max())),
              broadcast<W>(std::numeric_limits<int32_t>::min()));
    }
    return convert<V>(x);
  }
}

// `size` elements at `source` into `out`.
template <class To, class From>
void convert_row(const std::byte* source, int64_t size, void* out) {
  To* target = static_cast<To*>(out);
  if constexpr (std::is_same_v<To, From>) {
    std::memcpy(target, source, static_cast<size_t>(size) * sizeof(To));
  } else {
    constexpr int64_t bytes = sizeof(From);
    if constexpr (has_vector_form<To, From>) {
      constexpr int L = vector_lanes<To>;
      using V = Vec<To, L>;
      if (size >= L) {
        int64_t e = 0;
        for (; e + L <= size; e += L) store(target + e, read_vector<V, From>(source + e * bytes));
        // The last vector overlaps the one before.
        if (e < size) store(target + size - L, read_vector<V, From>(source + (size - L) * bytes));
        return;
      }
    }
    for (int64_t e = 0; e < size; ++e) target[e] = read<To, From>(source + e * bytes);
  }
}

template <class Use>
auto with_type(DType type, Use use) {
  switch (type) {
    case DType::f32:
      return use(float{});
    case DType::f64:
      return use(double{});
    case DType::i32:
      return use(int32_t{});
    case DType::i64:
      return use(int64_t{});
    case DType::u8:
      return use(uint8_t{});
    case DType::boolean:
      break;
  }
  return use(Bool{});
}

}  // namespace

ConvertFn conversion(DType to, DType from) {
  return with_type(to, [&](auto target) {
    return with_type(
        from, [](auto source) -> ConvertFn { return convert_row<decltype(target), decltype(source)>; });
  });
}

namespace {

// ---- Layouts --------------------------------------------------------------------------------------------

// One group's rows, and those of the next, to be fetched meanwhile (or null).
struct Rows {
  const std::byte* const* here;
  const std::byte* const* ahead;

  // Fetches what the elements from byte `offset` on, `step` bytes of them, will bring in the next group.
  template <int L>
  FASTNN_INLINE void prefetch(int64_t offset, int64_t step) const {
    if (ahead == nullptr || offset % kLine >= step) return;
    for (int lane = 0; lane < L; ++lane) __builtin_prefetch(ahead[lane] + offset, 0, 2);
  }
};

// out[e * L + lane] = row[lane][e], converted, where conversion and transposition fit the registers.
template <class To, class From, int L>
void fill_group(const Rows& rows, int64_t size, To* out) {
  static_assert(L == vector_lanes<To>);
  using V = Vec<To, L>;
  for (int64_t e = 0; e < size; e += L) {
    if (e + L > size) e = size - L;  // the last block overlaps the one before
    const int64_t offset = e * static_cast<int64_t>(sizeof(From));
    rows.prefetch<L>(offset, L * sizeof(From));
    V r[L];
    for (int i = 0; i < L; ++i) r[i] = read_vector<V, From>(rows.here[i] + offset);
    detail::transpose_registers<To, L>(r);
    for (int j = 0; j < L; ++j) store(out + (e + j) * L, r[j]);
  }
}

// The same for rows of fewer elements than a vector has: tables of few columns, targets.
template <int L>
void fill_narrow_group(const Rows& rows, int64_t size, float* out) {
  using V = Vec<float, L>;
  if (size <= 2) {
    for (int64_t e = 0; e < size; ++e) {
      for (int lane = 0; lane < L; ++lane)
        out[e * L + lane] = read<float, float>(rows.here[lane] + e * static_cast<int64_t>(sizeof(float)));
    }
    return;
  }
  // Four columns at a time, in blocks of 16 bytes: block q of vector k is row 4 q + k, until a transposition
  // inside the blocks makes vector c column c.
  using Block = Vec<float, 4>;
  constexpr detail::Indices<L> all{};
  for (int64_t e = 0; e < size; e += 4) {
    if (size >= 4 && e + 4 > size) e = size - 4;  // the last columns overlap those before
    V r[4];
    for (int k = 0; k < 4; ++k) {
      const auto block = [&](int q) {
        const float* row = reinterpret_cast<const float*>(rows.here[4 * q + k]) + e;
        return size >= 4 ? load<Block>(row) : load_partial<Block>(row, size);
      };
      if constexpr (L == 16) {
        r[k] = combine(combine(block(0), block(1)), combine(block(2), block(3)));
      } else if constexpr (L == 8) {
        r[k] = combine(block(0), block(1));
      } else {
        r[k] = block(0);
      }
    }
    const V a = detail::interleave<1, 0>(r[0], r[1], all), b = detail::interleave<1, 1>(r[0], r[1], all);
    const V c = detail::interleave<1, 0>(r[2], r[3], all), d = detail::interleave<1, 1>(r[2], r[3], all);
    float* to = out + e * L;
    store(to, detail::interleave<2, 0>(a, c, all));
    store(to + L, detail::interleave<2, 1>(a, c, all));
    store(to + 2 * L, detail::interleave<2, 0>(b, d, all));
    if (size > 3) store(to + 3 * L, detail::interleave<2, 1>(b, d, all));
  }
}

// The same for all types, by blocks of rows that are converted first. Word is an integer of To's size.
template <class Word, int L>
void fill_group(const Rows& rows, int64_t size, int64_t source_bytes, ConvertFn convert, Word* out) {
  constexpr int B = L < vector_lanes<Word> ? L : vector_lanes<Word>;
  constexpr int64_t kBlock = 64;
  alignas(64) Word block[L * kBlock];
  for (int64_t e = 0; e < size; e += kBlock) {
    const int64_t count = size - e < kBlock ? size - e : kBlock;
    const int64_t offset = e * source_bytes;
    for (int lane = 0; lane < L; ++lane) convert(rows.here[lane] + offset, count, block + lane * kBlock);
    for (int64_t byte = 0; byte < count * source_bytes; byte += kLine)
      rows.prefetch<L>(offset + byte, kLine + 1);
    int64_t j = 0;
    if constexpr (sizeof(Word) >= 4 && B * sizeof(Word) >= 16) {
      for (; j + B <= count; j += B) {
        for (int part = 0; part < L; part += B) {
          transpose<Word, B>(block + part * kBlock + j, kBlock, out + (e + j) * L + part, L);
        }
      }
    }
    for (; j < count; ++j) {
      for (int lane = 0; lane < L; ++lane) out[(e + j) * L + lane] = block[lane * kBlock + j];
    }
  }
}

const std::byte* row_of(const GatherCall& call, int64_t i) {
  const int64_t number = call.rows != nullptr ? call.rows[i] : call.first_row + i;
  return call.source + number * call.row_stride;
}

void gather_rows(const GatherCall& call) {
  const ConvertFn convert = conversion(call.type, call.source_type);
  std::byte* out = static_cast<std::byte*>(call.out);
  const int64_t bytes = call.size * dtype_size(call.type);
  // The processor cannot guess where the next row lies; once in it, it fetches ahead by itself.
  const int64_t fetched = std::min<int64_t>(call.size * dtype_size(call.source_type), 1024);
  for (int64_t i = 0; i < call.count; ++i) {
    if (call.rows != nullptr && i + 1 < call.count) {
      const std::byte* next = row_of(call, i + 1);
      for (int64_t byte = 0; byte < fetched; byte += kLine) __builtin_prefetch(next + byte, 0, 2);
    }
    convert(row_of(call, i), call.size, out + i * bytes);
  }
}

// Calls fill(rows, first) for each group of L samples; lanes past the last sample repeat it.
template <int L, class Fill>
void each_group(const GatherCall& call, Fill fill) {
  const std::byte* rows[2][L];
  const auto find = [&](int64_t first, const std::byte** found) {
    for (int lane = 0; lane < L; ++lane) {
      const int64_t i = first + lane;
      found[lane] = row_of(call, i < call.count ? i : call.count - 1);
    }
  };
  find(0, rows[0]);
  for (int64_t first = 0, side = 0; first < call.count; first += L, side ^= 1) {
    const bool more = first + L < call.count;
    if (more) find(first + L, rows[side ^ 1]);
    fill(Rows{rows[side], more ? rows[side ^ 1] : nullptr}, first);
  }
}

bool aligned(const GatherCall& call) {
  const auto address = reinterpret_cast<uintptr_t>(call.source) | static_cast<uintptr_t>(call.row_stride);
  return address % alignof(float) == 0;
}

template <int L>
void gather_lanes(const GatherCall& call) {
  if constexpr (L == vector_lanes<float>) {
    float* out = static_cast<float*>(call.out);
    if (call.type == DType::f32 && call.source_type == DType::f32 && call.size < L && aligned(call)) {
      each_group<L>(call, [&](const Rows& rows, int64_t first) {
        fill_narrow_group<L>(rows, call.size, out + first * call.size);
      });
      return;
    }
    const bool fast = call.type == DType::f32 && call.size >= L;
    if (fast && call.source_type == DType::f32) {
      each_group<L>(call, [&](const Rows& rows, int64_t first) {
        fill_group<float, float, L>(rows, call.size, out + first * call.size);
      });
      return;
    }
    if (fast && call.source_type == DType::u8) {
      each_group<L>(call, [&](const Rows& rows, int64_t first) {
        fill_group<float, uint8_t, L>(rows, call.size, out + first * call.size);
      });
      return;
    }
  }
  const ConvertFn convert = conversion(call.type, call.source_type);
  const int64_t source_bytes = dtype_size(call.source_type);
  const auto run = [&](auto* out) {
    each_group<L>(call, [&](const Rows& rows, int64_t first) {
      fill_group<std::remove_pointer_t<decltype(out)>, L>(rows, call.size, source_bytes, convert,
                                                          out + first * call.size);
    });
  };
  switch (dtype_size(call.type)) {
    case 4:
      return run(static_cast<int32_t*>(call.out));
    case 8:
      return run(static_cast<int64_t*>(call.out));
    default:
      return run(static_cast<uint8_t*>(call.out));
  }
}

}  // namespace

void gather(const GatherCall& call) {
  if (call.augment != nullptr) {
    gather_augmented(call);
  } else if (call.lanes == 1) {
    gather_rows(call);
  } else if (call.lanes == vector_lanes<float>) {
    gather_lanes<vector_lanes<float>>(call);
  } else {
    gather_lanes<vector_lanes<double>>(call);
  }
}

}  // namespace fastnn::cpu
