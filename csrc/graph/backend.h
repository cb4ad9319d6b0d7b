// The kernel library in use: the best of those beside libfastnn that this processor runs, or FASTNN_ISA's.
#pragma once

#include <string>
#include <vector>

#include "core/kernel.h"

namespace fastnn {

/// Table of the instruction set in use. Loads it at the first call; throws Error(runtime) when there is none.
FASTNN_API const KernelTable& kernel_table();
/// Kernel of an op, or null.
FASTNN_API const Kernel* find_kernel(const std::string& op);
/// Adds a user's kernel for a registered op; it must live as long as the process.
FASTNN_API void register_kernel(const std::string& op, const Kernel& kernel);
/// Instruction sets whose library is present and which this processor runs, best first.
FASTNN_API std::vector<std::string> available_isas();
FASTNN_API std::string current_isa();

}  // namespace fastnn
