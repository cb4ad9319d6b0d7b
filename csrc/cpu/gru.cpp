// gru and its gradient, in rows; see recurrent.h. With reset_after one panel holds all three gates of its
// units; without, z and r come first, and n when r is known.
#include "ops/gru.h"

#include "cpu/recurrent.h"
#include "cpu/sum_positions.h"

namespace fastnn::cpu {

namespace {

using Config = ops::RecurrentConfig;
constexpr int kGates = 3;

// ---- Forward

/// Panels of the first product, and of the second, which is there without reset_after.
template <class T>
struct GruPanels {
  GatePanels first, second;
  explicit GruPanels(const Config& c)
      : first(gate_panels<T>(c.units, c.reset_after ? 3 : 2)), second(gate_panels<T>(c.units, 1)) {}
};
template <class T>
int64_t packed_size(const Config& c) {
  const GruPanels<T> p(c);
  return p.first.elements(c.units) + (c.reset_after ? 0 : p.second.elements(c.units));
}
template <class T>
void pack(const Config& c, const T* kernel, T* out) {
  const GruPanels<T> p(c);
  pack_gates(kernel, c.units, kGates * c.units, p.first, out);
  if (c.reset_after) return;
  pack_gates(kernel + 2 * c.units, c.units, kGates * c.units, p.second, out + p.first.elements(c.units));
}

template <class T>
struct GruForward {
  GruPanels<T> panels;
  int64_t row;
  T *packed, *h, *next, *kept, *reset, *product;

  GruForward(const Config& c, int64_t samples, bool is_packed, Arena& arena)
      : panels(c), row(state_row<T>(c.units)) {
    packed = is_packed ? nullptr : arena.take<T>(packed_size<T>(c));
    h = arena.take<T>(samples * row);
    next = arena.take<T>(samples * row);
    kept = arena.take<T>(samples * row);
    reset = arena.take<T>(samples * row);
    product = arena.take<T>(samples * std::max(panels.first.columns(), row));
  }
};

/// One step's places for one sample, from a unit on.
template <class T>
struct GruPlace {
  const T* xw;
  T *gates, *inner;
  const T* h;  // before the step
  T* next;
  const T* bias;  // null: none
};

template <class T, bool Fast>
struct GruStep {
  using K = ActivationKind;
  using V = Vec<T, vector_lanes<T>>;
  const Config& c;

  V gate(V product, const GruPlace<T>& p, Columns<T> at, int64_t number) const {
    const int64_t u = c.units;
    V z = product + at.get(p.xw + number * u);
    if (p.bias != nullptr) z += at.get(p.bias + number * u) + at.get(p.bias + (kGates + number) * u);
    const V y = recurrent_activate<K::sigmoid, Fast>(c.recurrent_activation, z);
    at.put(p.gates + number * u, y);
    return y;
  }
  void finish(V z, V n, const GruPlace<T>& p, Columns<T> at) const {
    at.put(p.gates + 2 * c.units, n);
    at.put(p.next, fma(z, at.get(p.h) - n, n));
  }
  void all(const T* product, int64_t chunk, const GruPlace<T>& p, Columns<T> at) const {
    const int64_t u = c.units;
    const V z = gate(load<V>(product), p, at, 0);
    const V r = gate(load<V>(product + chunk), p, at, 1);
    V inner = load<V>(product + 2 * chunk);
    V x = at.get(p.xw + 2 * u);
    if (p.bias != nullptr) {
      inner += at.get(p.bias + 5 * u);
      x += at.get(p.bias + 2 * u);
    }
    at.put(p.inner, inner);
    finish(z, recurrent_activate<K::tanh, Fast>(c.activation, fma(r, inner, x)), p, at);
  }
  void reset(const T* product, int64_t chunk, const T* kept, T* reset, const GruPlace<T>& p,
             Columns<T> at) const {
    gate(load<V>(product), p, at, 0);
    const V inner = gate(load<V>(product + chunk), p, at, 1) * at.get(kept);
    at.put(reset, inner);
    at.put(p.inner, inner);
  }
  void candidate(const T* product, const GruPlace<T>& p, Columns<T> at) const {
    const V x = at.get(product) + at.get(p.xw + 2 * c.units);
    finish(at.get(p.gates), recurrent_activate<K::tanh, Fast>(c.activation, x), p, at);
  }
};

template <class T, bool Fast>
void gru_tile(const KernelCall& call) {
  constexpr int64_t L = vector_lanes<T>;
  const auto& c = call.configuration<Config>();
  const int64_t u = c.units, samples = call.count;
  Arena arena(call.scratch);
  GruForward<T> m(c, samples, is_packed(call.in[1]), arena);
  const T* kernel = call.in[1].as<T>();
  if (m.packed != nullptr) {
    pack(c, kernel, m.packed);
    kernel = m.packed;
  }
  const Steps<T> steps{c, call.in[4].as<T>()};
  const GruStep<T, Fast> step{c};
  load_state(call.in[3], samples, u, m.h, m.row);
  const GatePanels& panels = m.panels.first;
  const int64_t columns = panels.columns();
  for (int64_t s = 0; s < c.steps; ++s) {
    const int64_t t = steps.at(s);
    const T* kept = enter_step(c, call.in[5], m.h, m.row, samples, t, m.kept, call.out[5].as<T>());
    const auto place = [&](int64_t n, int64_t unit) {
      const int64_t position = n * c.steps + t;
      const T* bias = call.in[2].as<T>();
      return GruPlace<T>{call.in[0].as<T>() + position * kGates * u + unit,
                         call.out[0].as<T>() + position * kGates * u + unit,
                         call.out[3].as<T>() + position * u + unit,
                         m.h + n * m.row + unit,
                         m.next + n * m.row + unit,
                         bias != nullptr ? bias + unit : nullptr};
    };
    for (int64_t n = 0; n < samples; ++n) {
      std::copy_n(m.h + n * m.row, u, call.out[4].as<T>() + (n * c.steps + t) * u);
    }
    for (int64_t p = 0; p < panels.count; ++p) {
      const int64_t first = p * panels.chunk;
      panel_product(kept, m.row, samples, kernel + p * u * columns, u, columns, m.product, columns, columns,
                    false);
      for (int64_t n = 0; n < samples; ++n) {
        if (!steps.taken(n, t)) continue;
        for (int64_t j = 0; j < panels.chunk && first + j < u; j += L) {
          const int64_t unit = first + j;
          const T* product = m.product + n * columns + j;
          if (c.reset_after) {
            step.all(product, panels.chunk, place(n, unit), {u - unit});
          } else {
            step.reset(product, panels.chunk, kept + n * m.row + unit, m.reset + n * m.row + unit,
                       place(n, unit), {u - unit});
          }
        }
      }
    }
    for (int64_t n = 0; n < samples; ++n) {
      if (steps.taken(n, t)) continue;
      const GruPlace<T> at = place(n, 0);
      std::fill_n(at.gates, kGates * u, T(0));
      std::fill_n(at.inner, u, T(0));
      std::fill_n(m.reset + n * m.row, u, T(0));
      std::copy_n(at.h, u, at.next);
    }
    if (!c.reset_after) {
      panels_product(m.reset, m.row, samples, kernel + panels.elements(u), u, 0, u, m.panels.second,
                     m.product, m.row, false);
      for (int64_t n = 0; n < samples; ++n) {
        if (!steps.taken(n, t)) continue;
        for (int64_t j = 0; j < u; j += L) {
          step.candidate(m.product + n * m.row + j, place(n, j), {u - j});
        }
      }
    }
    std::swap(m.h, m.next);
    leave_step(steps, m.h, m.row, samples, s, call.out[1].as<T>());
  }
  store_state(m.h, m.row, samples, u, call.out[2].as<T>());
}

// ---- Gradient

template <class T>
struct GruBackward {
  GatePanels panels;
  int64_t row, gate_row;
  T *packed, *dh, *dz, *waiting, *back;

  GruBackward(const Config& c, int64_t samples, bool is_packed, Arena& arena)
      : panels(gate_panels<T>(c.units, 1)),
        row(state_row<T>(c.units)),
        gate_row(state_row<T>(kGates * c.units)) {
    packed = is_packed ? nullptr : arena.take<T>(panels.elements(kGates * c.units));
    dh = arena.take<T>(samples * row);
    dz = arena.take<T>(samples * gate_row);
    waiting = arena.take<T>(samples * row);
    back = arena.take<T>(samples * row);
  }
};

// Without reset_after: from dn to the reset gate, and through it and z to the state before step t.
// inner = r * k: d inner = dn . kernel_n^T, of which r gets k times, and k gets r times.
template <class T, bool Fast>
void reset_gradient(const KernelCall& call, const GruBackward<T>& m, const Steps<T>& steps, const T* kernel,
                    int64_t t) {
  constexpr int64_t L = vector_lanes<T>;
  using V = Vec<T, L>;
  const Config& c = steps.c;
  const int64_t u = c.units, samples = call.count;
  const View& keep = call.in[5];
  panels_product(m.dz + 2 * u, m.gate_row, samples, kernel, kGates * u, 2 * u, u, m.panels, m.back, m.row,
                 false);
  for (int64_t n = 0; n < samples; ++n) {
    if (!steps.taken(n, t)) continue;
    const int64_t position = n * c.steps + t;
    for (int64_t j = 0; j < u; j += L) {
      const Columns<T> at{u - j};
      const V r = at.get(call.in[0].as<T>() + position * kGates * u + u + j);
      V k = at.get(call.in[3].as<T>() + position * u + j);
      if (keep.data != nullptr) k *= at.get(keep.as<T>() + n * u + j);
      T* back = m.back + n * m.row + j;
      const V d = at.get(back);
      const V dr = d * k * recurrent_derivative<ActivationKind::sigmoid, Fast>(c.recurrent_activation, r);
      at.put(back, d * r);
      at.put(call.out[0].as<T>() + position * kGates * u + u + j, dr);
      at.put(m.dz + n * m.gate_row + u + j, dr);
    }
  }
  panels_product(m.dz, m.gate_row, samples, kernel, kGates * u, 0, 2 * u, m.panels, m.back, m.row, true);
  for (int64_t n = 0; n < samples; ++n) {
    for (int64_t j = 0; j < u; ++j) {
      const T factor = keep.data != nullptr ? keep.as<T>()[n * u + j] : T(1);
      m.dh[n * m.row + j] += factor * m.back[n * m.row + j];
    }
  }
}

template <class T, bool Fast>
void gru_grad_tile(const KernelCall& call) {
  using K = ActivationKind;
  constexpr int64_t L = vector_lanes<T>;
  using V = Vec<T, L>;
  const auto& c = call.configuration<Config>();
  const int64_t u = c.units, samples = call.count;
  Arena arena(call.scratch);
  GruBackward<T> m(c, samples, is_packed(call.in[1]), arena);
  const T* kernel = call.in[1].as<T>();
  if (m.packed != nullptr) {
    pack_transposed_gates(kernel, kGates * u, kGates * u, m.panels, m.packed);
    kernel = m.packed;
  }
  const Steps<T> steps{c, call.in[4].as<T>()};
  const View& keep = call.in[5];
  load_state(call.in[7], samples, u, m.dh, m.row);
  std::fill_n(m.waiting, samples * m.row, T(0));
  for (int64_t s = c.steps - 1; s >= 0; --s) {
    const int64_t t = steps.at(s);
    add_output_gradient(steps, call.in[6], samples, s, m.dh, m.row, m.waiting);
    for (int64_t n = 0; n < samples; ++n) {
      const int64_t position = n * c.steps + t;
      const T* gates = call.in[0].as<T>() + position * kGates * u;
      const T* inner = call.in[2].as<T>() + position * u;
      const T* before = call.in[3].as<T>() + position * u;
      T* dxw = call.out[0].as<T>() + position * kGates * u;
      T* dn_out = call.out[1].as<T>() + position * u;
      T* dz_row = m.dz + n * m.gate_row;
      if (!steps.taken(n, t)) {
        std::fill_n(dxw, kGates * u, T(0));
        std::fill_n(dn_out, u, T(0));
        std::fill_n(dz_row, kGates * u, T(0));
        continue;
      }
      for (int64_t j = 0; j < u; j += L) {
        const Columns<T> at{u - j};
        const V z = at.get(gates + j), r = at.get(gates + u + j), y = at.get(gates + 2 * u + j);
        const V d = at.get(m.dh + n * m.row + j);
        const V one = broadcast<V>(T(1));
        const V dz =
            d * (at.get(before + j) - y) * recurrent_derivative<K::sigmoid, Fast>(c.recurrent_activation, z);
        const V dn = d * (one - z) * recurrent_derivative<K::tanh, Fast>(c.activation, y);
        at.put(m.dh + n * m.row + j, d * z);
        at.put(dxw + j, dz);
        at.put(dz_row + j, dz);
        if (c.reset_after) {
          const V slope = recurrent_derivative<K::sigmoid, Fast>(c.recurrent_activation, r);
          const V dr = dn * at.get(inner + j) * slope;
          at.put(dxw + u + j, dr);
          at.put(dz_row + u + j, dr);
        }
        const V dn_inner = c.reset_after ? dn * r : dn;
        at.put(dxw + 2 * u + j, dn);
        at.put(dn_out + j, dn_inner);
        at.put(dz_row + 2 * u + j, dn_inner);
      }
    }
    if (!c.reset_after) {
      reset_gradient<T, Fast>(call, m, steps, kernel, t);
    } else if (s > 0 || c.initial_gradient) {
      state_gradient(c, keep, m.dz, m.gate_row, kGates * u, kernel, m.panels, samples, m.dh, m.row, m.back);
    }
  }
  store_state(m.dh, m.row, samples, u, call.out[2].as<T>());
}

// ---- Gradients of kernel and bias

constexpr int64_t kUnitRows = 24;  // of the kernel's gradient

int64_t grad_kernel_units(const KernelQuery& query) {
  return (static_cast<const Config*>(query.config)->units + kUnitRows - 1) / kUnitRows;
}

/// Rows [first, first + rows) of left^T . right, summed over all samples and steps in order.
template <class T>
Gemm<T> sum_product(int64_t units, int64_t terms, int64_t rows, int64_t columns) {
  Gemm<T> g;
  g.m = rows;
  g.n = columns;
  g.inner = terms;
  g.a_row = 1;
  g.a_col = units;
  g.c_row = kGates * units;
  return g;
}

template <class T>
void gru_grad_kernel_whole(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  const int64_t u = c.units, terms = call.count * c.steps;
  for (int64_t unit = call.unit_begin; unit < call.unit_end; ++unit) {
    const int64_t first = unit * kUnitRows;
    const int64_t rows = std::min(kUnitRows, u - first);
    T* out = call.out[0].as<T>() + first * kGates * u;
    Gemm<T> g = sum_product<T>(u, terms, rows, 2 * u);
    g.a = call.in[0].as<T>() + first;
    g.b = call.in[2].as<T>();
    g.b_row = kGates * u;
    g.c = out;
    gemm(g);
    g.n = u;
    g.a = call.in[1].as<T>() + first;
    g.b = call.in[3].as<T>();
    g.b_row = u;
    g.c = out + 2 * u;
    gemm(g);
  }
}

template <class T>
void gru_grad_bias_rows(const KernelCall& call) {
  const int64_t u = call.in[1].dims[1], positions = call.count * call.in[1].dims[0];
  T* out = call.out[0].as<T>();
  sum_positions(call.in[0].as<T>(), positions, kGates * u, out);
  std::copy_n(out, 2 * u, out + kGates * u);
  sum_positions(call.in[1].as<T>(), positions, u, out + 5 * u);
}

// ---- Choice

template <class T>
void gru_rows(const KernelCall& call) {
  (fast_activations(call.configuration<Config>()) ? gru_tile<T, true> : gru_tile<T, false>)(call);
}
template <class T>
void gru_grad_rows(const KernelCall& call) {
  (fast_activations(call.configuration<Config>()) ? gru_grad_tile<T, true> : gru_grad_tile<T, false>)(call);
}

int64_t packed_elements(const KernelQuery& query) {
  const auto& c = *static_cast<const Config*>(query.config);
  return query.in[0].dtype == DType::f64 ? packed_size<double>(c) : packed_size<float>(c);
}
template <class T>
void pack_kernel(const KernelCall& call) {
  pack(call.configuration<Config>(), call.in[0].as<T>(), call.out[0].as<T>());
}

}  // namespace

extern const Kernel gru_kernel;
const Kernel gru_kernel{.f32 = {.rows = gru_rows<float>},
                        .f64 = {.rows = gru_rows<double>},
                        .scratch = memory_scratch<GruForward>,
                        .pack_input = 1,
                        .pack_elements = packed_elements,
                        .pack_f32 = pack_kernel<float>,
                        .pack_f64 = pack_kernel<double>,
                        .least_tile = kRecurrentTile};

extern const Kernel gru_grad_kernel;
const Kernel gru_grad_kernel{.f32 = {.rows = gru_grad_rows<float>},
                             .f64 = {.rows = gru_grad_rows<double>},
                             .scratch = memory_scratch<GruBackward>,
                             .pack_input = 1,
                             .pack_elements = packed_transposed_elements<kGates>,
                             .pack_f32 = pack_transposed_kernel<float, kGates>,
                             .pack_f64 = pack_transposed_kernel<double, kGates>,
                             .least_tile = kRecurrentTile};

extern const Kernel gru_grad_kernel_kernel;
const Kernel gru_grad_kernel_kernel{.f32 = {.whole = gru_grad_kernel_whole<float>},
                                    .f64 = {.whole = gru_grad_kernel_whole<double>},
                                    .units = grad_kernel_units,
                                    .whole_rows_inputs = 0b1111};

extern const Kernel gru_grad_bias_kernel;
const Kernel gru_grad_bias_kernel{.f32 = {.rows = gru_grad_bias_rows<float>},
                                  .f64 = {.rows = gru_grad_bias_rows<double>}};

}  // namespace fastnn::cpu
