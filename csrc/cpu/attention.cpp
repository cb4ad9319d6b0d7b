// Attention by blocks of queries and keys with a running softmax (Milakov and Gimelshein 2018; Dao et al.
// 2022): a block of scores is made by a matrix product, turned into probabilities and used up while it is in
// the cache. The gradient makes each block again from the logarithm of the softmax's sum. Samples and heads
// are by themselves, and keys and values of a head are transposed once for all query heads that share them.
#include "ops/attention.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "cpu/gemm.h"
#include "cpu/kernels.h"
#include "cpu/philox.h"
#include "cpu/sums.h"
#include "cpu/vector_math.h"

namespace fastnn::cpu {

namespace {

using Config = ops::AttentionConfig;

constexpr int64_t kQueries = 32;         // of a block
constexpr int64_t kKeys = kPhiloxGroup;  // of a block: the words of dropout come in such groups
static_assert(kKeys % vector_lanes<float> == 0);

template <class T>
constexpr T lowest = -std::numeric_limits<T>::max();  // score of a key that is not seen

// C = A . B, or C += A . B; rows of B and C are contiguous.
template <class T>
struct Product {
  int64_t m, n, k;
  const T* a;
  int64_t a_row, a_col;
  const T* b;
  int64_t b_row;
  T* c;
  int64_t c_row;
  bool accumulate = false;

  void run() const {
    Gemm<T> g;
    g.m = m, g.n = n, g.inner = k;
    g.a = a, g.a_row = a_row, g.a_col = a_col;
    g.b = b, g.b_row = b_row;
    g.c = c, g.c_row = c_row;
    g.accumulate = accumulate;
    gemm(g);
  }
};

// One head of one sample.
template <class T>
class Head {
  static constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;

 public:
  Head(const Config& config, const KernelCall& call, const View& mask, int64_t sample, int64_t head)
      : c_(config),
        head_(head),
        sample_(static_cast<uint32_t>(call.first + sample)),
        step_(static_cast<uint32_t>(call.step)),
        stream_(static_cast<uint32_t>(RandomStream::op) |
                (config.node >= 0 ? static_cast<uint32_t>(config.node) : call.node) << 8),
        seed_(call.seed + config.seed),
        mask_type_(mask.dtype) {
    if (mask.data == nullptr) return;
    const int64_t first = (mask.batched ? sample * mask.size : 0) + head * config.mask_head;
    mask_ = static_cast<const std::byte*>(mask.data) + first * dtype_size(mask.dtype);
  }

  // Keys that the query reaches.
  int64_t reach(int64_t query) const { return c_.causal ? std::min(query + 1, c_.keys) : c_.keys; }

  // Scaled scores s + e of a block's row that begins with `key`; `lowest` for keys that are not seen.
  V score(const T* s, int64_t e, int64_t query, int64_t key) const {
    V v = load<V>(s + e) * broadcast<V>(static_cast<T>(c_.scale));
    if (mask_ != nullptr) v = select(seen(query, key + e), v, broadcast<V>(lowest<T>));
    const int64_t left = reach(query) - key - e;
    return left < L ? first_lanes(v, left, lowest<T>) : v;
  }

  // Factors of dropout, 0 or 1 / (1 - rate), for the row of a block.
  void draw(int64_t query, int64_t key, T* factors) const {
    alignas(64) uint32_t words[kKeys];
    const int64_t blocks = (c_.keys + kKeys - 1) / kKeys;
    const int64_t group = (head_ * c_.queries + query) * blocks + key / kKeys;
    philox_fill(words, kKeys, {static_cast<uint32_t>(group * (kKeys / 4)), sample_, step_, stream_}, seed_);
    const auto threshold = static_cast<uint64_t>(c_.dropout * 0x1p32 + 0.5);
    const T kept = static_cast<T>(1 / (1 - c_.dropout));
    for (int64_t i = 0; i < kKeys; ++i) factors[i] = words[i] >= threshold ? kept : T(0);
  }

 private:
  Mask<V> seen(int64_t query, int64_t key) const {
    const int64_t at = query * c_.mask_query + key * c_.mask_key;
    const int64_t count = std::min<int64_t>(L, c_.keys - key);
    if (mask_type_ == DType::i32) return is_set<int32_t>(at, count);
    return mask_type_ == DType::boolean ? is_set<uint8_t>(at, count) : is_set<T>(at, count);
  }
  template <class U>
  Mask<V> is_set(int64_t at, int64_t count) const {
    const U* p = reinterpret_cast<const U*>(mask_) + at;
    const V v = c_.mask_key == 0 ? broadcast<V>(static_cast<T>(*p)) : load_convert_partial<V>(p, count);
    return not_equal(v, zero<V>());
  }

  const Config& c_;
  const int64_t head_;
  const uint32_t sample_, step_, stream_;
  const uint64_t seed_;
  const std::byte* mask_ = nullptr;
  const DType mask_type_;
};

// Scratch, in elements: the transposed keys (and values), then blocks.
int64_t rounded(int64_t n) { return (n + 15) / 16 * 16; }
template <class T>
int64_t scratch_bytes(const Config& c, bool gradient) {
  const int64_t transposed = rounded(c.size * c.keys) + (gradient ? rounded(c.value_size * c.keys) : 0);
  const int64_t blocks = (gradient ? 2 : 1) * kQueries * kKeys + kKeys + 3 * kQueries;
  return (transposed + blocks) * static_cast<int64_t>(sizeof(T));
}

template <class T>
struct Attention {
  static constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;

  // A block's rows of queries; `sum` is kept without the dropped keys' factors.
  struct Rows {
    T* block;    // [kQueries][kKeys]
    T* factors;  // [kKeys]
    T* largest;  // [kQueries]
    T* sum;      // [kQueries]
  };

  static void run(const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    T* keys = reinterpret_cast<T*>(call.scratch);
    Rows rows;
    rows.block = keys + rounded(c.size * c.keys);
    rows.factors = rows.block + kQueries * kKeys;
    rows.largest = rows.factors + kKeys;
    rows.sum = rows.largest + kQueries;
    const int64_t shared = c.heads / c.key_heads;
    for (int64_t i = 0; i < call.count; ++i) {
      for (int64_t k = 0; k < c.key_heads; ++k) {
        transpose_matrix(call.in[1].as<T>() + i * call.in[1].size + k * c.size, c.keys, c.size,
                         c.key_heads * c.size, keys, c.keys);
        for (int64_t h = k * shared; h < (k + 1) * shared; ++h) {
          const Head<T> head(c, call, call.in[3], i, h);
          for (int64_t first = 0; first < c.queries; first += kQueries) {
            block_of_queries(call, c, head, rows, keys, i, h, first);
          }
        }
      }
    }
  }

  static void block_of_queries(const KernelCall& call, const Config& c, const Head<T>& head, const Rows& rows,
                               const T* keys, int64_t sample, int64_t h, int64_t first) {
    const int64_t count = std::min(kQueries, c.queries - first);
    const int64_t reach = head.reach(first + count - 1);
    const int64_t query_row = c.heads * c.size, value_row = c.key_heads * c.value_size,
                  y_row = c.heads * c.value_size;
    const T* q = call.in[0].as<T>() + sample * call.in[0].size + first * query_row + h * c.size;
    const T* v = call.in[2].as<T>() + sample * call.in[2].size + h / (c.heads / c.key_heads) * c.value_size;
    T* y = call.out[0].as<T>() + sample * call.out[0].size + first * y_row + h * c.value_size;
    T* log_sum = call.out[1].as<T>() + sample * call.out[1].size + first * c.heads + h;
    std::fill_n(rows.largest, count, lowest<T>);
    std::fill_n(rows.sum, count, T(0));
    for (int64_t key = 0; key < reach; key += kKeys) {
      const int64_t width = std::min(kKeys, reach - key);
      Product<T>{count, width, c.size, q, query_row, 1, keys + key, c.keys, rows.block, kKeys}.run();
      for (int64_t r = 0; r < count; ++r) {
        const T before = rows.largest[r];
        const T factor = probabilities(c, head, rows, r, first + r, key, width);
        if (key > 0 && before != rows.largest[r]) scale(y + r * y_row, c.value_size, factor);
      }
      Product<T>{count, c.value_size, width,  rows.block, kKeys, 1, v + key * value_row, value_row,
                 y,     y_row,        key > 0}
          .run();
    }
    for (int64_t r = 0; r < count; ++r) {
      const bool any = rows.sum[r] != T(0);  // NaN is some
      scale(y + r * y_row, c.value_size, any ? 1 / rows.sum[r] : T(0));
      log_sum[r * c.heads] = any ? rows.largest[r] + log(rows.sum[r]) : std::numeric_limits<T>::max();
    }
  }

  // Turns a row of scores into exp(score - largest so far); returns what sums made earlier are to be
  // multiplied by.
  static T probabilities(const Config& c, const Head<T>& head, const Rows& rows, int64_t r, int64_t query,
                         int64_t key, int64_t width) {
    T* s = rows.block + r * kKeys;
    V top = broadcast<V>(rows.largest[r]);
    for (int64_t e = 0; e < width; e += L) {
      const V v = head.score(s, e, query, key);
      store(s + e, v);
      top = max(top, v);
    }
    const T largest = hmax(top);
    if (largest == lowest<T>) {
      std::fill_n(s, width, T(0));
      return 1;
    }
    const T factor = exp(rows.largest[r] - largest);
    rows.largest[r] = largest;
    V sum = zero<V>();
    for (int64_t e = 0; e < width; e += L) {
      const V p = exp(load<V>(s + e) - broadcast<V>(largest));
      store(s + e, p);
      sum += p;
    }
    rows.sum[r] = rows.sum[r] * factor + hsum(sum);
    if (c.dropout > 0) {
      head.draw(query, key, rows.factors);
      for (int64_t e = 0; e < width; e += L) store(s + e, load<V>(s + e) * load<V>(rows.factors + e));
    }
    return factor;
  }

  static void scale(T* p, int64_t count, T factor) {
    const V f = broadcast<V>(factor);
    int64_t i = 0;
    for (; i + L <= count; i += L) store(p + i, load<V>(p + i) * f);
    if (i < count) store_partial<V>(p + i, load_partial<V>(p + i, count - i) * f, count - i);
  }
};

template <class T>
struct AttentionGrad {
  static constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;

  struct Scratch {
    T* keys;     // transposed
    T* values;   // transposed
    T* p;        // [kQueries][kKeys]
    T* ds;       // [kQueries][kKeys]
    T* factors;  // [kKeys]
    T* delta;    // [kQueries]: dy . y
  };

  static void run(const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    Scratch s;
    s.keys = reinterpret_cast<T*>(call.scratch);
    s.values = s.keys + rounded(c.size * c.keys);
    s.p = s.values + rounded(c.value_size * c.keys);
    s.ds = s.p + kQueries * kKeys;
    s.factors = s.ds + kQueries * kKeys;
    s.delta = s.factors + kKeys;
    const int64_t shared = c.heads / c.key_heads;
    for (int64_t i = 0; i < call.count; ++i) {
      for (int o = 1; o < 3; ++o) {
        std::fill_n(call.out[o].as<T>() + i * call.out[o].size, call.out[o].size, T(0));
      }
      for (int64_t k = 0; k < c.key_heads; ++k) {
        transpose_matrix(call.in[2].as<T>() + i * call.in[2].size + k * c.size, c.keys, c.size,
                         c.key_heads * c.size, s.keys, c.keys);
        transpose_matrix(call.in[3].as<T>() + i * call.in[3].size + k * c.value_size, c.keys, c.value_size,
                         c.key_heads * c.value_size, s.values, c.keys);
        for (int64_t h = k * shared; h < (k + 1) * shared; ++h) {
          const Head<T> head(c, call, call.in[4], i, h);
          for (int64_t first = 0; first < c.queries; first += kQueries) {
            block_of_queries(call, c, head, s, i, h, first);
          }
        }
      }
    }
  }

  static void block_of_queries(const KernelCall& call, const Config& c, const Head<T>& head, const Scratch& s,
                               int64_t sample, int64_t h, int64_t first) {
    const int64_t count = std::min(kQueries, c.queries - first);
    const int64_t reach = head.reach(first + count - 1);
    const int64_t query_row = c.heads * c.size, key_row = c.key_heads * c.size,
                  value_row = c.key_heads * c.value_size, y_row = c.heads * c.value_size;
    const int64_t key_head = h / (c.heads / c.key_heads);
    const int64_t at_query = first * query_row + h * c.size, at_y = first * y_row + h * c.value_size;
    const T* dy = call.in[0].as<T>() + sample * call.in[0].size + at_y;
    const T* q = call.in[1].as<T>() + sample * call.in[1].size + at_query;
    const T* k = call.in[2].as<T>() + sample * call.in[2].size + key_head * c.size;
    const T* y = call.in[5].as<T>() + sample * call.in[5].size + at_y;
    const T* log_sum = call.in[6].as<T>() + sample * call.in[6].size + first * c.heads + h;
    T* dq = call.out[0].as<T>() + sample * call.out[0].size + at_query;
    T* dk = call.out[1].as<T>() + sample * call.out[1].size + key_head * c.size;
    T* dv = call.out[2].as<T>() + sample * call.out[2].size + key_head * c.value_size;
    for (int64_t r = 0; r < count; ++r) s.delta[r] = dot(dy + r * y_row, y + r * y_row, c.value_size);
    for (int64_t key = 0; key < reach; key += kKeys) {
      const int64_t width = std::min(kKeys, reach - key);
      Product<T>{count, width, c.size, q, query_row, 1, s.keys + key, c.keys, s.p, kKeys}.run();
      Product<T>{count, width, c.value_size, dy, y_row, 1, s.values + key, c.keys, s.ds, kKeys}.run();
      for (int64_t r = 0; r < count; ++r) {
        slopes(c, head, s, r, first + r, key, width, log_sum[r * c.heads]);
      }
      Product<T>{count, c.size, width, s.ds, kKeys, 1, k + key * key_row, key_row, dq, query_row, key > 0}
          .run();
      Product<T>{width, c.size, count, s.ds, 1, kKeys, q, query_row, dk + key * key_row, key_row, true}.run();
      Product<T>{width, c.value_size, count, s.p, 1, kKeys, dy, y_row, dv + key * value_row, value_row, true}
          .run();
    }
  }

  // From scores and dy . values of a row: probabilities (those that were used) and gradients of q . k.
  static void slopes(const Config& c, const Head<T>& head, const Scratch& s, int64_t r, int64_t query,
                     int64_t key, int64_t width, T log_sum) {
    T* p = s.p + r * kKeys;
    T* ds = s.ds + r * kKeys;
    const V shift = broadcast<V>(log_sum), delta = broadcast<V>(s.delta[r]);
    const V scale = broadcast<V>(static_cast<T>(c.scale));
    if (c.dropout > 0) head.draw(query, key, s.factors);
    for (int64_t e = 0; e < width; e += L) {
      const V probability = exp(head.score(p, e, query, key) - shift);
      V gradient = load<V>(ds + e);
      V used = probability;
      if (c.dropout > 0) {
        const V factor = load<V>(s.factors + e);
        gradient *= factor;
        used *= factor;
      }
      store(p + e, used);
      store(ds + e, probability * (gradient - delta) * scale);
    }
  }

  static T dot(const T* a, const T* b, int64_t count) {
    V sum = zero<V>();
    for (int64_t i = 0; i < count; i += L) {
      sum = fma(load_partial<V>(a + i, std::min<int64_t>(L, count - i)),
                load_partial<V>(b + i, std::min<int64_t>(L, count - i)), sum);
    }
    return hsum(sum);
  }
};

template <bool Gradient>
int64_t attention_scratch(const KernelQuery& query) {
  const auto& c = *static_cast<const Config*>(query.config);
  return query.out[0].dtype == DType::f64 ? scratch_bytes<double>(c, Gradient)
                                          : scratch_bytes<float>(c, Gradient);
}

}  // namespace

extern const Kernel attention_kernel;
const Kernel attention_kernel{.f32 = {.rows = Attention<float>::run},
                              .f64 = {.rows = Attention<double>::run},
                              .scratch = attention_scratch<false>};

extern const Kernel attention_grad_kernel;
const Kernel attention_grad_kernel{.f32 = {.rows = AttentionGrad<float>::run},
                                   .f64 = {.rows = AttentionGrad<double>::run},
                                   .scratch = attention_scratch<true>};

}  // namespace fastnn::cpu
