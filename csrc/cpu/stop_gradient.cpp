#include "ops/stop_gradient.h"

#include "cpu/kernels.h"

namespace fastnn::cpu {

// Never run: the planner gives the output its input's memory.
extern const Kernel stop_gradient_kernel;
const Kernel stop_gradient_kernel{};

}  // namespace fastnn::cpu
