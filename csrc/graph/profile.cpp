#include "graph/profile.h"

namespace fastnn {

std::vector<ProfileRow> profile(const Workspace& workspace, int64_t runs) {
  static constexpr const char* kKinds[] = {"gather", "tile", "partial", "combine", "whole", "constant"};
  const Plan& plan = workspace.plan();
  const std::vector<StepTime> times = workspace.step_times();
  std::vector<ProfileRow> rows;
  for (size_t s = 0; s < plan.steps().size(); ++s) {
    const Step& step = plan.steps()[s];
    const StepTime& time = times[s];
    if (time.calls == 0) continue;
    const bool by_tile = time.samples > 0;
    ProfileRow row;
    row.op = step.op;
    row.kind = kKinds[static_cast<int>(step.kind)];
    if (step.winograd) row.form = "winograd";
    row.slot = step.slot;
    row.lanes = step.lanes;
    row.calls = time.calls;
    row.seconds = static_cast<double>(time.nanoseconds) * 1e-9;
    if (step.kind == StepKind::gather) {
      row.node = plan.graph().at(plan.graph().inputs()[static_cast<size_t>(step.node)]).name;
    } else if (step.node >= 0) {
      row.node = plan.graph().nodes()[static_cast<size_t>(step.node)].name;
    }
    row.flops = step.flops * static_cast<double>(by_tile ? time.samples : runs);
    for (const auto* list : {&step.in, &step.out}) {
      for (int32_t id : *list) {
        if (id < 0) continue;
        const PlanTensor& tensor = plan.tensors()[static_cast<size_t>(id)];
        const auto size = static_cast<double>(tensor.bytes_per_sample());
        if (by_tile) {
          row.bytes += size * static_cast<double>(tensor.type.batched ? time.samples : time.calls);
        } else {
          const int64_t rows_read = tensor.type.batched ? plan.request().capacity : 1;
          row.bytes += size * static_cast<double>(rows_read * runs);
        }
      }
    }
    rows.push_back(std::move(row));
  }
  ProfileRow wait;
  wait.op = "barrier";
  wait.kind = "wait";
  const StepTime& barriers = times[plan.steps().size()];
  wait.calls = barriers.calls;
  wait.seconds = static_cast<double>(barriers.nanoseconds) * 1e-9;
  rows.push_back(std::move(wait));
  return rows;
}

}  // namespace fastnn
