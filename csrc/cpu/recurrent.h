// Common parts of the recurrent kernels. A tile's samples go through the steps together. At each step the
// state's product with the recurrent kernel is computed panel by panel: a panel holds every gate of a few
// units, so that the gates follow while the product is in the first-level cache. For that the kernel is
// packed once a step of training: panels of [inner][columns], filled up with zeros.
#pragma once

#include <algorithm>
#include <cstring>

#include "core/memory.h"
#include "cpu/activation.h"
#include "cpu/activation_functions.h"
#include "cpu/gemm.h"
#include "cpu/kernels.h"
#include "ops/recurrent.h"

namespace fastnn::cpu {

/// Samples that a tile should hold: rows enough for the product of a step.
inline constexpr int32_t kRecurrentTile = 32;

/// Columns of panels: `gates` times `chunk` units.
struct GatePanels {
  int64_t units, gates, chunk, count;
  int64_t columns() const { return gates * chunk; }
  int64_t elements(int64_t inner) const { return count * columns() * inner; }
};

template <class T>
GatePanels gate_panels(int64_t units, int64_t gates) {
  constexpr int64_t L = vector_lanes<T>;
  const int64_t widest = gates >= 3 ? L : 4 / gates * L;
  const int64_t chunk = std::min(widest, (units + L - 1) / L * L);
  return {units, gates, chunk, (units + chunk - 1) / chunk};
}

/// kernel[k * row + g * units + j], k < inner -> panels of [inner][gates][chunk].
template <class T>
void pack_gates(const T* kernel, int64_t inner, int64_t row, const GatePanels& p, T* out) {
  for (int64_t panel = 0; panel < p.count; ++panel) {
    const int64_t first = panel * p.chunk;
    const int64_t valid = std::min(p.chunk, p.units - first);
    for (int64_t k = 0; k < inner; ++k) {
      for (int64_t g = 0; g < p.gates; ++g, out += p.chunk) {
        const T* source = kernel + k * row + g * p.units + first;
        std::copy(source, source + valid, out);
        std::fill(out + valid, out + p.chunk, T(0));
      }
    }
  }
}

/// kernel[j * row + k], j < units -> panels of [inner][chunk]: for products with the transposed kernel.
template <class T>
void pack_transposed_gates(const T* kernel, int64_t inner, int64_t row, const GatePanels& p, T* out) {
  for (int64_t panel = 0; panel < p.count; ++panel, out += inner * p.chunk) {
    const int64_t first = panel * p.chunk;
    const int64_t valid = std::min(p.chunk, p.units - first);
    transpose_matrix(kernel + first * row, valid, inner, row, out, p.chunk);
    for (int64_t k = 0; valid < p.chunk && k < inner; ++k) {
      std::fill(out + k * p.chunk + valid, out + (k + 1) * p.chunk, T(0));
    }
  }
}

/// Elements from row to row of state in scratch: whole vectors, and not a power of two, for the caches' sake.
template <class T>
constexpr int64_t state_row(int64_t elements) {
  constexpr int64_t L = vector_lanes<T>;
  return (elements + L - 1) / L * L + L;
}

/// Hands out scratch; with a null base it only counts.
class Arena {
 public:
  explicit Arena(std::byte* base) : base_(base) {}
  template <class T>
  T* take(int64_t elements) {
    T* here = base_ != nullptr ? reinterpret_cast<T*>(base_ + bytes_) : nullptr;
    bytes_ += align_up(elements * static_cast<int64_t>(sizeof(T)));
    return here;
  }
  int64_t bytes() const { return bytes_; }

 private:
  std::byte* base_;
  int64_t bytes_ = 0;
};

/// out[rows][columns] (+)= a . one panel. k is cut so that a part of the panel stays in the first-level
/// cache.
template <class T>
void panel_product(const T* a, int64_t a_row, int64_t rows, const T* panel, int64_t inner, int64_t columns,
                   T* out, int64_t out_row, int64_t wanted, bool accumulate) {
  const int64_t block =
      std::max<int64_t>(16, (int64_t{32} << 10) / (columns * static_cast<int64_t>(sizeof(T))));
  for (int64_t k = 0; k < inner; k += block) {
    Gemm<T> g;
    g.m = rows;
    g.n = wanted;
    g.inner = std::min(block, inner - k);
    g.a = a + k;
    g.a_row = a_row;
    g.b = panel + k * columns;
    g.b_row = columns;
    g.c = out;
    g.c_row = out_row;
    g.accumulate = accumulate || k > 0;
    gemm(g);
  }
}

/// out[rows][units] (+)= a . kernel rows [k, k + count) for all panels of one gate; the panels have `inner`
/// rows.
template <class T>
void panels_product(const T* a, int64_t a_row, int64_t rows, const T* packed, int64_t inner, int64_t k,
                    int64_t count, const GatePanels& p, T* out, int64_t out_row, bool accumulate) {
  for (int64_t panel = 0; panel < p.count; ++panel) {
    const int64_t first = panel * p.chunk;
    panel_product(a, a_row, rows, packed + (panel * inner + k) * p.columns(), count, p.columns(), out + first,
                  out_row, std::min(p.chunk, p.units - first), accumulate);
  }
}

/// Loads and stores of the vector at a column, whole or cut off at the number of units.
template <class T>
struct Columns {
  using V = Vec<T, vector_lanes<T>>;
  int64_t valid;
  V get(const T* p) const { return valid >= vector_lanes<T> ? load<V>(p) : load_partial<V>(p, valid); }
  void put(T* p, V v) const {
    if (valid >= vector_lanes<T>) {
      store(p, v);
    } else {
      store_partial<V>(p, v, valid);
    }
  }
};

/// The default activation is computed in registers (Fast); others take a detour through memory.
template <ActivationKind Usual, bool Fast, class V>
FASTNN_INLINE V recurrent_activate(const ops::ActivationConfig& config, V x) {
  using T = Elem<V>;
  if constexpr (Fast) {
    return activate<Usual>(x, T(1));
  } else {
    alignas(64) T values[lanes<V>];
    store(values, x);
    apply_activation(config, values, lanes<V>);
    return load<V>(values);
  }
}

/// Derivative of a recurrent kind, from its output.
template <ActivationKind Usual, bool Fast, class V>
FASTNN_INLINE V recurrent_derivative(const ops::ActivationConfig& config, V y) {
  using T = Elem<V>;
  if constexpr (Fast) {
    return activation_derivative<Usual>(y, y, T(1));
  } else {
    const V one = broadcast<V>(T(1));
    V result = one;
    if (config.kind == ActivationKind::hard_sigmoid) {
      const Mask<V> inside = mask_and(greater(y, zero<V>()), less(y, one));
      return select(inside, broadcast<V>(T(1.0 / 6.0)), zero<V>());
    }
    if (config.kind == ActivationKind::softsign) {
      const V rest = one - abs(y);
      return rest * rest;
    }
    with_activation(config.kind, [&]<ActivationKind K>() {
      if constexpr (ops::derivative_from_output(K)) {
        result = activation_derivative<K>(y, y, static_cast<T>(config.alpha));
      }
    });
    return result;
  }
}

inline bool fast_activations(const ops::RecurrentConfig& c) {
  return c.activation.kind == ActivationKind::tanh && c.recurrent_activation.kind == ActivationKind::sigmoid;
}

/// The order of steps, and which of a tile's samples take part in each.
template <class T>
struct Steps {
  const ops::RecurrentConfig& c;
  const T* mask;  ///< [samples][steps], or null
  int64_t at(int64_t s) const { return c.reverse ? c.steps - 1 - s : s; }
  int64_t out_at(int64_t s) const { return c.processed_order ? s : at(s); }
  bool taken(int64_t sample, int64_t t) const {
    return mask == nullptr || mask[sample * c.steps + t] != T(0);
  }
};

/// state[sample * row + j] = given[sample * units + j], or 0.
template <class T>
void load_state(const View& given, int64_t samples, int64_t units, T* state, int64_t row) {
  for (int64_t n = 0; n < samples; ++n) {
    if (given.data != nullptr) {
      std::copy_n(given.as<T>() + n * units, units, state + n * row);
    } else {
      std::fill_n(state + n * row, units, T(0));
    }
  }
}
template <class T>
void store_state(const T* state, int64_t row, int64_t samples, int64_t units, T* out) {
  for (int64_t n = 0; n < samples; ++n) std::copy_n(state + n * row, units, out + n * units);
}

/// Writes `keep * h` to where the product reads it (unless keep is absent: then that is h itself), and to
/// `states`. Returns what the product reads.
template <class T>
const T* enter_step(const ops::RecurrentConfig& c, const View& keep, const T* h, int64_t row, int64_t samples,
                    int64_t t, T* kept, T* states) {
  for (int64_t n = 0; n < samples; ++n) {
    const T* from = h + n * row;
    if (keep.data != nullptr) {
      const T* factor = keep.as<T>() + n * c.units;
      for (int64_t j = 0; j < c.units; ++j) kept[n * row + j] = from[j] * factor[j];
      from = kept + n * row;
    }
    std::copy_n(from, c.units, states + (n * c.steps + t) * c.units);
  }
  return keep.data != nullptr ? kept : h;
}

/// Writes a step's outputs: the new state, or where it is masked what came before.
template <class T>
void leave_step(const Steps<T>& steps, const T* h, int64_t row, int64_t samples, int64_t s, T* y) {
  const ops::RecurrentConfig& c = steps.c;
  const int64_t t = steps.at(s);
  const bool last = s + 1 == c.steps;
  for (int64_t n = 0; n < samples; ++n) {
    const bool taken = steps.taken(n, t);
    if (!c.sequences) {
      if (taken && (last || steps.mask != nullptr)) {
        std::copy_n(h + n * row, c.units, y + n * c.units);
      } else if (!taken && s == 0) {
        std::fill_n(y + n * c.units, c.units, T(0));
      }
      continue;
    }
    T* to = y + (n * c.steps + steps.out_at(s)) * c.units;
    if (taken) {
      std::copy_n(h + n * row, c.units, to);
    } else if (s == 0) {
      std::fill_n(to, c.units, T(0));
    } else {
      std::copy_n(y + (n * c.steps + steps.out_at(s - 1)) * c.units, c.units, to);
    }
  }
}

/// Adds the gradient of step s's output to dh. Where the step was masked it waits in `waiting` for the step
/// whose output was repeated.
template <class T>
void add_output_gradient(const Steps<T>& steps, const View& dy, int64_t samples, int64_t s, T* dh,
                         int64_t row, T* waiting) {
  const ops::RecurrentConfig& c = steps.c;
  if (dy.data == nullptr) return;
  const bool last = s + 1 == c.steps;
  for (int64_t n = 0; n < samples; ++n) {
    const T* from = nullptr;
    if (c.sequences) {
      from = dy.as<T>() + (n * c.steps + steps.out_at(s)) * c.units;
    } else if (last) {
      from = dy.as<T>() + n * c.units;
    }
    T* hold = waiting + n * row;
    if (steps.taken(n, steps.at(s))) {
      T* to = dh + n * row;
      if (from != nullptr) {
        for (int64_t j = 0; j < c.units; ++j) to[j] += from[j];
      }
      if (steps.mask != nullptr) {
        for (int64_t j = 0; j < c.units; ++j) to[j] += hold[j];
        std::fill_n(hold, c.units, T(0));
      }
    } else if (from != nullptr) {
      for (int64_t j = 0; j < c.units; ++j) hold[j] += from[j];
    }
  }
}

/// dh += keep * (dz . kernel^T). dz is 0 where the step was masked. `back` is used where there is `keep`.
template <class T>
void state_gradient(const ops::RecurrentConfig& c, const View& keep, const T* dz, int64_t dz_row,
                    int64_t inner, const T* packed, const GatePanels& p, int64_t samples, T* dh, int64_t row,
                    T* back) {
  const bool direct = keep.data == nullptr;
  panels_product(dz, dz_row, samples, packed, inner, 0, inner, p, direct ? dh : back, row, direct);
  for (int64_t n = 0; !direct && n < samples; ++n) {
    const T* factor = keep.as<T>() + n * c.units;
    for (int64_t j = 0; j < c.units; ++j) dh[n * row + j] += factor[j] * back[n * row + j];
  }
}

// ---- Packing as kernels
// ------------------------------------------------------------------------------------

/// `query` or call operands of a kernel (units, Gates * units), which may be packed already (rank 1).
inline bool is_packed(const View& kernel) { return kernel.rank == 1; }

template <int Gates>
int64_t packed_transposed_elements(const KernelQuery& query) {
  const int64_t units = query.in[0].dims[0];
  return query.in[0].dtype == DType::f64 ? gate_panels<double>(units, 1).elements(Gates * units)
                                         : gate_panels<float>(units, 1).elements(Gates * units);
}
template <class T, int Gates>
void pack_transposed_kernel(const KernelCall& call) {
  const int64_t units = call.in[0].dims[0];
  pack_transposed_gates(call.in[0].as<T>(), Gates * units, Gates * units, gate_panels<T>(units, 1),
                        call.out[0].as<T>());
}

/// Scratch of a tile kernel whose memory is a Memory<T>(config, samples, kernel is packed, arena). Memory
/// needs a name of its own: GCC takes templates of one name in different files' unnamed namespaces for the
/// same.
template <template <class> class Memory>
int64_t memory_scratch(const KernelQuery& query) {
  const auto& c = *static_cast<const ops::RecurrentConfig*>(query.config);
  Arena arena(nullptr);
  if (query.in[0].dtype == DType::f64) {
    Memory<double>(c, query.samples, is_packed(query.in[1]), arena);
  } else {
    Memory<float>(c, query.samples, is_packed(query.in[1]), arena);
  }
  return arena.bytes();
}

}  // namespace fastnn::cpu
