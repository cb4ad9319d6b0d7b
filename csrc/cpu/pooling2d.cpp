// Pooling. All channels of a position, and in the batch-lane layout all samples of the group, lie one after
// the other and are treated alike, so one kernel over runs of elements serves both layouts.
#include "ops/pooling2d.h"

#include <algorithm>
#include <limits>

#include "cpu/kernels.h"
#include "cpu/max_pool.h"

namespace fastnn::cpu {

namespace {

using Config = ops::Pool2dConfig;
using Window = ops::Window2d;

/// How a gradient reaches dx.
enum class Write { set, add };

// Windows that share no cell write theirs once; what no window covers is cleared before.
template <class T>
Write prepare_gradient(const Window& w, T* dx, int64_t n) {
  const bool apart = w.stride_y >= w.span_y() && w.stride_x >= w.span_x();
  const bool touching = apart && w.stride_y == w.rows && w.stride_x == w.columns;
  const int64_t row = w.width * n;
  if (!touching) {
    std::fill_n(dx, w.height * row, T(0));
    return apart ? Write::set : Write::add;
  }
  const int64_t height = std::min(w.height, w.out_height * w.rows - w.pad_top);
  const int64_t width = std::min(w.width, w.out_width * w.columns - w.pad_left);
  if (width < w.width) {
    for (int64_t y = 0; y < height; ++y) std::fill(dx + y * row + width * n, dx + (y + 1) * row, T(0));
  }
  std::fill(dx + height * row, dx + w.height * row, T(0));
  return Write::set;
}

template <Write W, bool Full, class V>
FASTNN_INLINE void give(Elem<V>* p, V v, int64_t width) {
  if constexpr (W == Write::set) {
    put<Full>(p, v, width);
  } else {
    put<Full>(p, get<Full, V>(p, width) + v, width);
  }
}

// Gives `left`, what no cell of the window has taken yet, to the cell if it is as large as the window's
// result. Not "equal": when NaN made the result NaN, the first cell takes the gradient.
template <Write W, bool Full, class V>
FASTNN_INLINE void give_largest(const Elem<V>* x, Elem<V>* dx, V largest, V& left, int64_t width) {
  const auto smaller = less(get<Full, V>(x, width), largest);
  give<W, Full>(dx, select(smaller, zero<V>(), left), width);
  left = select(smaller, left, zero<V>());
}

template <class T, Write W>
void max_gradient(const Config& c, const T* dy, const T* x, const T* y, T* dx, int64_t n) {
  constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;
  const int64_t row = c.window.width * n;
  const auto gradient = [&](V largest, V g) {
    return c.relu ? select(greater(largest, zero<V>()), g, zero<V>()) : g;
  };
  if (is_quarter(c.window)) {
    for_quarters(c.window, n, [&](int64_t first, int64_t position) {
      for_vectors<L>(n, [&]<bool Full>(int64_t i, int64_t width) {
        const V largest = get<Full, V>(y + position * n + i, width);
        V left = gradient(largest, get<Full, V>(dy + position * n + i, width));
        for (const int64_t cell : {first, first + n, first + row, first + row + n}) {
          give_largest<Write::set, Full>(x + cell + i, dx + cell + i, largest, left, width);
        }
      });
    });
    return;
  }
  for_windows(c.window, [&](const Cells& cells, int64_t position) {
    for_vectors<L>(n, [&]<bool Full>(int64_t i, int64_t width) {
      const V largest = get<Full, V>(y + position * n + i, width);
      V left = gradient(largest, get<Full, V>(dy + position * n + i, width));
      for (int64_t cy = cells.y; cy < cells.y_end; cy += cells.step_y) {
        for (int64_t cx = cells.x; cx < cells.x_end; cx += cells.step_x) {
          const int64_t cell = cy * row + cx * n + i;
          give_largest<W, Full>(x + cell, dx + cell, largest, left, width);
        }
      }
    });
  });
}

// ---- By the largest cells' places -------------------------------------------------------------------------

template <bool Full, class V>
FASTNN_INLINE void put_places(std::uint8_t* to, V places, int64_t width) {
  constexpr int L = lanes<V>;
  // Through int32, for which every instruction set has a conversion.
  const auto bytes = convert<Vec<std::uint8_t, L>>(convert<Vec<std::int32_t, L>>(places));
  if constexpr (Full) {
    store(to, bytes);
  } else {
    std::uint8_t copy[L];
    store(copy, bytes);
    std::copy_n(copy, width, to);
  }
}

// y = the largest values, and their places: of the first cell that is as large, or of the first NaN.
template <class T>
void max_places(const Window& w, const T* x, T* y, std::uint8_t* places, int64_t n) {
  constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;
  const int64_t row = w.width * n;
  const auto at = [](int64_t place) { return broadcast<V>(static_cast<T>(place)); };
  if (is_quarter(w)) {
    for_quarters(w, n, [&](int64_t first, int64_t position) {
      for_vectors<L>(n, [&]<bool Full>(int64_t i, int64_t width) {
        const T* cell = x + first + i;
        const V x0 = get<Full, V>(cell, width), x1 = get<Full, V>(cell + n, width);
        const V x2 = get<Full, V>(cell + row, width), x3 = get<Full, V>(cell + row + n, width);
        const V largest = larger(larger(x0, x1), larger(x2, x3));
        V place = select(less(x2, largest), at(3), at(2));
        place = select(less(x1, largest), place, at(1));
        place = select(less(x0, largest), place, at(0));
        put<Full>(y + position * n + i, largest, width);
        put_places<Full>(places + position * n + i, place, width);
      });
    });
    return;
  }
  for_windows(w, [&](const Cells& cells, int64_t position) {
    for_vectors<L>(n, [&]<bool Full>(int64_t i, int64_t width) {
      const auto each_cell = [&](auto body) {
        int64_t place = 0;
        for (int64_t cy = cells.y; cy < cells.y_end; cy += cells.step_y) {
          for (int64_t cx = cells.x; cx < cells.x_end; cx += cells.step_x) {
            body(get<Full, V>(x + cy * row + cx * n + i, width), place++);
          }
        }
      };
      V largest = broadcast<V>(-std::numeric_limits<T>::infinity());
      each_cell([&](V value, int64_t) { largest = larger(largest, value); });
      V found = at(-1);
      each_cell([&](V value, int64_t place) {
        const V here = select(less(value, largest), at(-1), at(place));
        found = select(less(found, zero<V>()), here, found);
      });
      put<Full>(y + position * n + i, largest, width);
      put_places<Full>(places + position * n + i, max(found, zero<V>()), width);
    });
  });
}

template <class T, Write W>
void places_gradient(const Config& c, const T* dy, const std::uint8_t* places, const T* y, T* dx, int64_t n) {
  constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;
  const int64_t row = c.window.width * n;
  const auto each_vector = [&](int64_t position, auto body) {
    for_vectors<L>(n, [&]<bool Full>(int64_t i, int64_t width) {
      const int64_t at = position * n + i;
      const V place = load_convert_partial<V>(places + at, width);
      V g = get<Full, V>(dy + at, width);
      if (c.relu) g = select(greater(get<Full, V>(y + at, width), zero<V>()), g, zero<V>());
      body([&]<Write How>(int64_t cell, int64_t number) {
        const V here = broadcast<V>(static_cast<T>(number));
        give<How, Full>(dx + cell + i, select(equal(place, here), g, zero<V>()), width);
      });
    });
  };
  if (is_quarter(c.window)) {
    for_quarters(c.window, n, [&](int64_t first, int64_t position) {
      each_vector(position, [&](auto give_to) {
        int64_t number = 0;
        for (const int64_t cell : {first, first + n, first + row, first + row + n}) {
          give_to.template operator()<Write::set>(cell, number++);
        }
      });
    });
    return;
  }
  for_windows(c.window, [&](const Cells& cells, int64_t position) {
    each_vector(position, [&](auto give_to) {
      int64_t number = 0;
      for (int64_t cy = cells.y; cy < cells.y_end; cy += cells.step_y) {
        for (int64_t cx = cells.x; cx < cells.x_end; cx += cells.step_x) {
          give_to.template operator()<W>(cy * row + cx * n, number++);
        }
      }
    });
  });
}

template <class T>
void average_image(const Window& w, const T* x, T* y, int64_t n) {
  constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;
  const int64_t row = w.width * n;
  if (is_quarter(w)) {
    for_quarters(w, n, [&](int64_t first, int64_t position) {
      const T* upper = x + first;
      const T* lower = upper + row;
      for_vectors<L>(n, [&]<bool Full>(int64_t i, int64_t width) {
        const V a = get<Full, V>(upper + i, width) + get<Full, V>(upper + n + i, width);
        const V b = get<Full, V>(lower + i, width) + get<Full, V>(lower + n + i, width);
        put<Full>(y + position * n + i, (a + b) * T(0.25), width);
      });
    });
    return;
  }
  for_windows(w, [&](const Cells& cells, int64_t position) {
    const V count = broadcast<V>(static_cast<T>(cells.count()));
    for_vectors<L>(n, [&]<bool Full>(int64_t i, int64_t width) {
      V sum{};
      for (int64_t cy = cells.y; cy < cells.y_end; cy += cells.step_y) {
        V row_sum{};  // sums of sums: large windows round less
        for (int64_t cx = cells.x; cx < cells.x_end; cx += cells.step_x) {
          row_sum += get<Full, V>(x + cy * row + cx * n + i, width);
        }
        sum += row_sum;
      }
      put<Full>(y + position * n + i, sum / count, width);
    });
  });
}

template <class T, Write W>
void average_gradient(const Window& w, const T* dy, T* dx, int64_t n) {
  constexpr int L = vector_lanes<T>;
  using V = Vec<T, L>;
  const int64_t row = w.width * n;
  if (is_quarter(w)) {
    for_quarters(w, n, [&](int64_t first, int64_t position) {
      for_vectors<L>(n, [&]<bool Full>(int64_t i, int64_t width) {
        const V share = get<Full, V>(dy + position * n + i, width) * T(0.25);
        for (const int64_t cell : {first, first + n, first + row, first + row + n}) {
          put<Full>(dx + cell + i, share, width);
        }
      });
    });
    return;
  }
  for_windows(w, [&](const Cells& cells, int64_t position) {
    const V count = broadcast<V>(static_cast<T>(cells.count()));
    for_vectors<L>(n, [&]<bool Full>(int64_t i, int64_t width) {
      const V share = get<Full, V>(dy + position * n + i, width) / count;
      for (int64_t cy = cells.y; cy < cells.y_end; cy += cells.step_y) {
        for (int64_t cx = cells.x; cx < cells.x_end; cx += cells.step_x) {
          give<W, Full>(dx + cy * row + cx * n + i, share, width);
        }
      }
    });
  });
}

// Calls image(in, out, run) for every group of samples of the tile.
template <class T, int E>
struct MaxPool2d {
  static void run(const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    for (int64_t g = 0; g < call.groups(E); ++g) {
      const T* x = call.in[0].as<T>() + g * call.in[0].size * E;
      T* y = call.out[0].as<T>() + g * call.out[0].size * E;
      if (c.places) {
        max_places(c.window, x, y, call.out[1].as<std::uint8_t>() + g * call.out[1].size * E, c.channels * E);
      } else {
        max_pool_image(c.window, x, y, c.channels * E);
      }
    }
  }
};

template <class T, int E>
struct MaxPool2dGrad {
  static void run(const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    const int64_t n = c.channels * E;
    for (int64_t g = 0; g < call.groups(E); ++g) {
      const T* dy = call.in[0].as<T>() + g * call.in[0].size * E;
      const T* y = call.in[2].as<T>() + g * call.in[2].size * E;
      T* dx = call.out[0].as<T>() + g * call.out[0].size * E;
      const bool sets = prepare_gradient(c.window, dx, n) == Write::set;
      if (c.places) {
        const auto* places = call.in[1].as<std::uint8_t>() + g * call.in[1].size * E;
        sets ? places_gradient<T, Write::set>(c, dy, places, y, dx, n)
             : places_gradient<T, Write::add>(c, dy, places, y, dx, n);
        continue;
      }
      const T* x = call.in[1].as<T>() + g * call.in[1].size * E;
      sets ? max_gradient<T, Write::set>(c, dy, x, y, dx, n)
           : max_gradient<T, Write::add>(c, dy, x, y, dx, n);
    }
  }
};

template <class T, int E>
struct AveragePool2d {
  static void run(const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    for (int64_t g = 0; g < call.groups(E); ++g) {
      average_image(c.window, call.in[0].as<T>() + g * call.in[0].size * E,
                    call.out[0].as<T>() + g * call.out[0].size * E, c.channels * E);
    }
  }
};

template <class T, int E>
struct AveragePool2dGrad {
  static void run(const KernelCall& call) {
    const auto& c = call.configuration<Config>();
    const int64_t n = c.channels * E;
    for (int64_t g = 0; g < call.groups(E); ++g) {
      const T* dy = call.in[0].as<T>() + g * call.in[0].size * E;
      T* dx = call.out[0].as<T>() + g * call.out[0].size * E;
      if (prepare_gradient(c.window, dx, n) == Write::set) {
        average_gradient<T, Write::set>(c.window, dy, dx, n);
      } else {
        average_gradient<T, Write::add>(c.window, dy, dx, n);
      }
    }
  }
};

}  // namespace

extern const Kernel max_pool2d_kernel;
const Kernel max_pool2d_kernel{.f32 = tile_kernels_f32<MaxPool2d>(), .f64 = tile_kernels_f64<MaxPool2d>()};

extern const Kernel max_pool2d_grad_kernel;
const Kernel max_pool2d_grad_kernel{.f32 = tile_kernels_f32<MaxPool2dGrad>(),
                                    .f64 = tile_kernels_f64<MaxPool2dGrad>()};

extern const Kernel average_pool2d_kernel;
const Kernel average_pool2d_kernel{.f32 = tile_kernels_f32<AveragePool2d>(),
                                   .f64 = tile_kernels_f64<AveragePool2d>()};

extern const Kernel average_pool2d_grad_kernel;
const Kernel average_pool2d_grad_kernel{.f32 = tile_kernels_f32<AveragePool2dGrad>(),
                                        .f64 = tile_kernels_f64<AveragePool2dGrad>()};

}  // namespace fastnn::cpu
