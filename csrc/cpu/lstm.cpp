// lstm and its gradient, in rows; see recurrent.h.
#include "ops/lstm.h"

#include "cpu/recurrent.h"

namespace fastnn::cpu {

namespace {

using Config = ops::RecurrentConfig;
constexpr int kGates = 4;

// ---- Forward

template <class T>
struct LstmForward {
  GatePanels panels;
  int64_t row;
  T *packed, *h, *next, *kept, *cell, *product;

  LstmForward(const Config& c, int64_t samples, bool is_packed, Arena& arena)
      : panels(gate_panels<T>(c.units, kGates)), row(state_row<T>(c.units)) {
    packed = is_packed ? nullptr : arena.take<T>(panels.elements(c.units));
    h = arena.take<T>(samples * row);
    next = arena.take<T>(samples * row);
    kept = arena.take<T>(samples * row);
    cell = arena.take<T>(samples * row);
    product = arena.take<T>(samples * panels.columns());
  }
};

// Gates of one sample's units at one vector.
template <class T, bool Fast>
FASTNN_INLINE void lstm_gates(const Config& c, const T* product, const T* xw, int64_t chunk, Columns<T> at,
                              T* gates, T* cell, T* cells, T* h) {
  using K = ActivationKind;
  const int64_t u = c.units;
  const auto z = [&](int64_t gate) {
    return load<Vec<T, vector_lanes<T>>>(product + gate * chunk) + at.get(xw + gate * u);
  };
  const auto i = recurrent_activate<K::sigmoid, Fast>(c.recurrent_activation, z(0));
  const auto f = recurrent_activate<K::sigmoid, Fast>(c.recurrent_activation, z(1));
  const auto g = recurrent_activate<K::tanh, Fast>(c.activation, z(2));
  const auto o = recurrent_activate<K::sigmoid, Fast>(c.recurrent_activation, z(3));
  const auto state = fma(f, at.get(cell), i * g);
  at.put(gates, i);
  at.put(gates + u, f);
  at.put(gates + 2 * u, g);
  at.put(gates + 3 * u, o);
  at.put(cell, state);
  at.put(cells, state);
  at.put(h, o * recurrent_activate<K::tanh, Fast>(c.activation, state));
}

template <class T, bool Fast>
void lstm_tile(const KernelCall& call) {
  constexpr int64_t L = vector_lanes<T>;
  const auto& c = call.configuration<Config>();
  const int64_t u = c.units, samples = call.count;
  Arena arena(call.scratch);
  LstmForward<T> m(c, samples, is_packed(call.in[1]), arena);
  const T* kernel = call.in[1].as<T>();
  if (m.packed != nullptr) {
    pack_gates(kernel, u, kGates * u, m.panels, m.packed);
    kernel = m.packed;
  }
  const Steps<T> steps{c, call.in[4].as<T>()};
  const View& keep = call.in[5];
  load_state(call.in[2], samples, u, m.h, m.row);
  load_state(call.in[3], samples, u, m.cell, m.row);
  T* cells = call.out[4].as<T>();
  const int64_t columns = m.panels.columns();
  for (int64_t s = 0; s < c.steps; ++s) {
    const int64_t t = steps.at(s);
    const T* a = enter_step(c, keep, m.h, m.row, samples, t, m.kept, call.out[5].as<T>());
    for (int64_t p = 0; p < m.panels.count; ++p) {
      panel_product(a, m.row, samples, kernel + p * u * columns, u, columns, m.product, columns, columns,
                    false);
      for (int64_t n = 0; n < samples; ++n) {
        const int64_t position = n * c.steps + t;
        const bool taken = steps.taken(n, t);
        for (int64_t j = 0; j < m.panels.chunk && p * m.panels.chunk + j < u; j += L) {
          const int64_t unit = p * m.panels.chunk + j;
          const Columns<T> at{u - unit};
          T* gates = call.out[0].as<T>() + position * kGates * u + unit;
          T* cell = m.cell + n * m.row + unit;
          T* h = m.next + n * m.row + unit;
          if (taken) {
            lstm_gates<T, Fast>(c, m.product + n * columns + j,
                                call.in[0].as<T>() + position * kGates * u + unit, m.panels.chunk, at, gates,
                                cell, cells + position * u + unit, h);
            continue;
          }
          for (int64_t gate = 0; gate < kGates; ++gate) at.put(gates + gate * u, zero<Vec<T, L>>());
          at.put(cells + position * u + unit, at.get(cell));
          at.put(h, at.get(m.h + n * m.row + unit));
        }
      }
    }
    std::swap(m.h, m.next);
    leave_step(steps, m.h, m.row, samples, s, call.out[1].as<T>());
  }
  store_state(m.h, m.row, samples, u, call.out[2].as<T>());
  store_state(m.cell, m.row, samples, u, call.out[3].as<T>());
}

// ---- Gradient

template <class T>
struct LstmBackward {
  GatePanels panels;
  int64_t row, gate_row;
  T *packed, *dh, *dc, *dz, *waiting, *back;

  LstmBackward(const Config& c, int64_t samples, bool is_packed, Arena& arena)
      : panels(gate_panels<T>(c.units, 1)),
        row(state_row<T>(c.units)),
        gate_row(state_row<T>(kGates * c.units)) {
    packed = is_packed ? nullptr : arena.take<T>(panels.elements(kGates * c.units));
    dh = arena.take<T>(samples * row);
    dc = arena.take<T>(samples * row);
    dz = arena.take<T>(samples * gate_row);
    waiting = arena.take<T>(samples * row);
    back = arena.take<T>(samples * row);
  }
};

// One sample's gradients at one vector; `before` is c before the step, or null for zeros.
template <class T, bool Fast>
FASTNN_INLINE void lstm_gates_gradient(const Config& c, Columns<T> at, const T* gates, const T* cell,
                                       const T* before, T* dh, T* dc, T* dz, T* dxw) {
  using K = ActivationKind;
  using V = Vec<T, vector_lanes<T>>;
  const int64_t u = c.units;
  const V i = at.get(gates), f = at.get(gates + u), g = at.get(gates + 2 * u), o = at.get(gates + 3 * u);
  const V squashed = recurrent_activate<K::tanh, Fast>(c.activation, at.get(cell));
  const V h = at.get(dh);
  const V slope = h * o * recurrent_derivative<K::tanh, Fast>(c.activation, squashed);
  const V d = at.get(dc) + slope;
  const V c_before = before != nullptr ? at.get(before) : zero<V>();
  const V di = d * g * recurrent_derivative<K::sigmoid, Fast>(c.recurrent_activation, i);
  const V df = d * c_before * recurrent_derivative<K::sigmoid, Fast>(c.recurrent_activation, f);
  const V dg = d * i * recurrent_derivative<K::tanh, Fast>(c.activation, g);
  const V d_o = h * squashed * recurrent_derivative<K::sigmoid, Fast>(c.recurrent_activation, o);
  const V values[kGates] = {di, df, dg, d_o};
  for (int gate = 0; gate < kGates; ++gate) {
    at.put(dz + gate * u, values[gate]);
    at.put(dxw + gate * u, values[gate]);
  }
  at.put(dc, d * f);
  at.put(dh, zero<V>());
}

template <class T, bool Fast>
void lstm_grad_tile(const KernelCall& call) {
  constexpr int64_t L = vector_lanes<T>;
  const auto& c = call.configuration<Config>();
  const int64_t u = c.units, samples = call.count;
  Arena arena(call.scratch);
  LstmBackward<T> m(c, samples, is_packed(call.in[1]), arena);
  const T* kernel = call.in[1].as<T>();
  if (m.packed != nullptr) {
    pack_transposed_gates(kernel, kGates * u, kGates * u, m.panels, m.packed);
    kernel = m.packed;
  }
  const Steps<T> steps{c, call.in[4].as<T>()};
  const T* cells = call.in[2].as<T>();
  load_state(call.in[7], samples, u, m.dh, m.row);
  load_state(call.in[8], samples, u, m.dc, m.row);
  std::fill_n(m.waiting, samples * m.row, T(0));
  for (int64_t s = c.steps - 1; s >= 0; --s) {
    const int64_t t = steps.at(s);
    add_output_gradient(steps, call.in[6], samples, s, m.dh, m.row, m.waiting);
    for (int64_t n = 0; n < samples; ++n) {
      const int64_t position = n * c.steps + t;
      T* dxw = call.out[0].as<T>() + position * kGates * u;
      if (!steps.taken(n, t)) {
        std::fill_n(dxw, kGates * u, T(0));
        std::fill_n(m.dz + n * m.gate_row, kGates * u, T(0));
        continue;
      }
      const T* before = nullptr;
      if (s > 0) {
        before = cells + (n * c.steps + steps.at(s - 1)) * u;
      } else if (call.in[3].data != nullptr) {
        before = call.in[3].as<T>() + n * u;
      }
      for (int64_t j = 0; j < u; j += L) {
        lstm_gates_gradient<T, Fast>(c, {u - j}, call.in[0].as<T>() + position * kGates * u + j,
                                     cells + position * u + j, before != nullptr ? before + j : nullptr,
                                     m.dh + n * m.row + j, m.dc + n * m.row + j, m.dz + n * m.gate_row + j,
                                     dxw + j);
      }
    }
    if (s == 0 && !c.initial_gradient) break;
    state_gradient(c, call.in[5], m.dz, m.gate_row, kGates * u, kernel, m.panels, samples, m.dh, m.row,
                   m.back);
  }
  store_state(m.dh, m.row, samples, u, call.out[1].as<T>());
  store_state(m.dc, m.row, samples, u, call.out[2].as<T>());
}

// ---- Choice

template <class T>
void lstm_rows(const KernelCall& call) {
  (fast_activations(call.configuration<Config>()) ? lstm_tile<T, true> : lstm_tile<T, false>)(call);
}
template <class T>
void lstm_grad_rows(const KernelCall& call) {
  (fast_activations(call.configuration<Config>()) ? lstm_grad_tile<T, true> : lstm_grad_tile<T, false>)(call);
}

int64_t packed_elements(const KernelQuery& query) {
  const int64_t units = query.in[0].dims[0];
  return query.in[0].dtype == DType::f64 ? gate_panels<double>(units, kGates).elements(units)
                                         : gate_panels<float>(units, kGates).elements(units);
}
template <class T>
void pack_kernel(const KernelCall& call) {
  const int64_t units = call.in[0].dims[0];
  pack_gates(call.in[0].as<T>(), units, kGates * units, gate_panels<T>(units, kGates), call.out[0].as<T>());
}

}  // namespace

extern const Kernel lstm_kernel;
const Kernel lstm_kernel{.f32 = {.rows = lstm_rows<float>},
                         .f64 = {.rows = lstm_rows<double>},
                         .scratch = memory_scratch<LstmForward>,
                         .pack_input = 1,
                         .pack_elements = packed_elements,
                         .pack_f32 = pack_kernel<float>,
                         .pack_f64 = pack_kernel<double>,
                         .least_tile = kRecurrentTile};

extern const Kernel lstm_grad_kernel;
const Kernel lstm_grad_kernel{.f32 = {.rows = lstm_grad_rows<float>},
                              .f64 = {.rows = lstm_grad_rows<double>},
                              .scratch = memory_scratch<LstmBackward>,
                              .pack_input = 1,
                              .pack_elements = packed_transposed_elements<kGates>,
                              .pack_f32 = pack_transposed_kernel<float, kGates>,
                              .pack_f64 = pack_transposed_kernel<double, kGates>,
                              .least_tile = kRecurrentTile};

}  // namespace fastnn::cpu
