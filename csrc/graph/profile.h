// Where the time of a workspace's runs went: one row a step of its plan.
#pragma once

#include <string>
#include <vector>

#include "graph/executor.h"

namespace fastnn {

struct ProfileRow {
  std::string op;
  std::string node;  ///< layer's name; empty for gathers, barriers and the like
  std::string kind;  ///< gather, tile, partial, combine, whole; "wait" for barriers
  std::string form;  ///< how it is computed where that could be told: "winograd"
  int32_t slot = -1;
  int32_t lanes = 1;
  int64_t calls = 0;
  double seconds = 0;  ///< of all threads together
  double flops = 0;    ///< arithmetic done
  double bytes = 0;    ///< operands read and written, were there no cache
};

/// Rows of a workspace that has been timing (see Workspace::time_steps); steps that never ran are left out.
FASTNN_API std::vector<ProfileRow> profile(const Workspace& workspace, int64_t runs);

}  // namespace fastnn
