// simple_rnn and its gradient, in rows; see recurrent.h.
#include "ops/simple_rnn.h"

#include "cpu/recurrent.h"

namespace fastnn::cpu {

namespace {

using Config = ops::RecurrentConfig;

template <class T>
struct SimpleRnnForward {
  GatePanels panels;
  int64_t row;
  T *packed, *h, *next, *kept;

  SimpleRnnForward(const Config& c, int64_t samples, bool is_packed, Arena& arena)
      : panels(gate_panels<T>(c.units, 1)), row(state_row<T>(c.units)) {
    packed = is_packed ? nullptr : arena.take<T>(panels.elements(c.units));
    h = arena.take<T>(samples * row);
    next = arena.take<T>(samples * row);
    kept = arena.take<T>(samples * row);
  }
};

template <class T, bool Fast>
void simple_rnn_tile(const KernelCall& call) {
  constexpr int64_t L = vector_lanes<T>;
  const auto& c = call.configuration<Config>();
  const int64_t u = c.units, samples = call.count;
  Arena arena(call.scratch);
  SimpleRnnForward<T> m(c, samples, is_packed(call.in[1]), arena);
  const T* kernel = call.in[1].as<T>();
  if (m.packed != nullptr) {
    pack_gates(kernel, u, u, m.panels, m.packed);
    kernel = m.packed;
  }
  const Steps<T> steps{c, call.in[3].as<T>()};
  load_state(call.in[2], samples, u, m.h, m.row);
  for (int64_t s = 0; s < c.steps; ++s) {
    const int64_t t = steps.at(s);
    const T* a = enter_step(c, call.in[4], m.h, m.row, samples, t, m.kept, call.out[3].as<T>());
    panels_product(a, m.row, samples, kernel, u, 0, u, m.panels, m.next, m.row, false);
    for (int64_t n = 0; n < samples; ++n) {
      const int64_t place = (n * c.steps + t) * u;
      const bool taken = steps.taken(n, t);
      for (int64_t j = 0; j < u; j += L) {
        const Columns<T> at{u - j};
        T* h = m.next + n * m.row + j;
        T* after = call.out[0].as<T>() + place + j;
        if (taken) {
          const auto z = at.get(h) + at.get(call.in[0].as<T>() + place + j);
          const auto value = recurrent_activate<ActivationKind::tanh, Fast>(c.activation, z);
          at.put(h, value);
          at.put(after, value);
        } else {
          at.put(h, at.get(m.h + n * m.row + j));
          at.put(after, zero<Vec<T, L>>());
        }
      }
    }
    std::swap(m.h, m.next);
    leave_step(steps, m.h, m.row, samples, s, call.out[1].as<T>());
  }
  store_state(m.h, m.row, samples, u, call.out[2].as<T>());
}

template <class T>
struct SimpleRnnBackward {
  GatePanels panels;
  int64_t row;
  T *packed, *dh, *dz, *waiting, *back;

  SimpleRnnBackward(const Config& c, int64_t samples, bool is_packed, Arena& arena)
      : panels(gate_panels<T>(c.units, 1)), row(state_row<T>(c.units)) {
    packed = is_packed ? nullptr : arena.take<T>(panels.elements(c.units));
    dh = arena.take<T>(samples * row);
    dz = arena.take<T>(samples * row);
    waiting = arena.take<T>(samples * row);
    back = arena.take<T>(samples * row);
  }
};

template <class T, bool Fast>
void simple_rnn_grad_tile(const KernelCall& call) {
  constexpr int64_t L = vector_lanes<T>;
  using V = Vec<T, L>;
  const auto& c = call.configuration<Config>();
  const int64_t u = c.units, samples = call.count;
  Arena arena(call.scratch);
  SimpleRnnBackward<T> m(c, samples, is_packed(call.in[1]), arena);
  const T* kernel = call.in[1].as<T>();
  if (m.packed != nullptr) {
    pack_transposed_gates(kernel, u, u, m.panels, m.packed);
    kernel = m.packed;
  }
  const Steps<T> steps{c, call.in[2].as<T>()};
  load_state(call.in[5], samples, u, m.dh, m.row);
  std::fill_n(m.waiting, samples * m.row, T(0));
  for (int64_t s = c.steps - 1; s >= 0; --s) {
    const int64_t t = steps.at(s);
    add_output_gradient(steps, call.in[4], samples, s, m.dh, m.row, m.waiting);
    for (int64_t n = 0; n < samples; ++n) {
      const int64_t place = (n * c.steps + t) * u;
      const bool taken = steps.taken(n, t);
      for (int64_t j = 0; j < u; j += L) {
        const Columns<T> at{u - j};
        T* dh = m.dh + n * m.row + j;
        V dz = zero<V>();
        if (taken) {
          const V y = at.get(call.in[0].as<T>() + place + j);
          dz = at.get(dh) * recurrent_derivative<ActivationKind::tanh, Fast>(c.activation, y);
          at.put(dh, zero<V>());
        }
        at.put(m.dz + n * m.row + j, dz);
        at.put(call.out[0].as<T>() + place + j, dz);
      }
    }
    if (s == 0 && !c.initial_gradient) break;
    state_gradient(c, call.in[3], m.dz, m.row, u, kernel, m.panels, samples, m.dh, m.row, m.back);
  }
  store_state(m.dh, m.row, samples, u, call.out[1].as<T>());
}

template <class T>
void simple_rnn_rows(const KernelCall& call) {
  (fast_activations(call.configuration<Config>()) ? simple_rnn_tile<T, true>
                                                  : simple_rnn_tile<T, false>)(call);
}
template <class T>
void simple_rnn_grad_rows(const KernelCall& call) {
  (fast_activations(call.configuration<Config>()) ? simple_rnn_grad_tile<T, true>
                                                  : simple_rnn_grad_tile<T, false>)(call);
}

template <class T>
void pack_kernel(const KernelCall& call) {
  const int64_t units = call.in[0].dims[0];
  pack_gates(call.in[0].as<T>(), units, units, gate_panels<T>(units, 1), call.out[0].as<T>());
}

}  // namespace

extern const Kernel simple_rnn_kernel;
const Kernel simple_rnn_kernel{.f32 = {.rows = simple_rnn_rows<float>},
                               .f64 = {.rows = simple_rnn_rows<double>},
                               .scratch = memory_scratch<SimpleRnnForward>,
                               .pack_input = 1,
                               .pack_elements = packed_transposed_elements<1>,
                               .pack_f32 = pack_kernel<float>,
                               .pack_f64 = pack_kernel<double>,
                               .least_tile = kRecurrentTile};

extern const Kernel simple_rnn_grad_kernel;
const Kernel simple_rnn_grad_kernel{.f32 = {.rows = simple_rnn_grad_rows<float>},
                                    .f64 = {.rows = simple_rnn_grad_rows<double>},
                                    .scratch = memory_scratch<SimpleRnnBackward>,
                                    .pack_input = 1,
                                    .pack_elements = packed_transposed_elements<1>,
                                    .pack_f32 = pack_transposed_kernel<float, 1>,
                                    .pack_f64 = pack_transposed_kernel<double, 1>,
                                    .least_tile = kRecurrentTile};

}  // namespace fastnn::cpu
