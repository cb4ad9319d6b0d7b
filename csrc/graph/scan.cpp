// The op: its attributes, what it asks of its operands, and its entry in the tables.
#include "graph/scan.h"

#include "graph/planner.h"

namespace fastnn {

namespace {

std::vector<TensorId> tensor_list(const Attributes& attributes, const char* name) {
  std::vector<TensorId> result;
  for (int64_t id : attributes.integers(name, {})) result.push_back(static_cast<TensorId>(id));
  return result;
}

// A result that is worth its memory: it costs much more than to read it.
constexpr double kCostlyFlops = 16;  // for each element

bool is_costly(const Graph& body, const Node& node) {
  if (std::string(node.op->name) == "scan") return false;  // of what it could keep most is read by nobody
  int64_t elements = 0;
  for (TensorId id : node.out) {
    if (!body.type(id).batched) return false;
    elements += body.type(id).size();
  }
  return node_flops(body, node) >= kCostlyFlops * static_cast<double>(elements);
}

// What costly nodes make. Of a sum of that, the sum alone, for its gradient does not read its terms.
std::vector<TensorId> default_residuals(const Graph& body, const std::vector<char>& live) {
  std::vector<int32_t> readers(body.tensors().size(), 0);
  for (size_t n = 0; n < live.size(); ++n) {
    if (!live[n]) continue;
    for (TensorId id : body.nodes()[n].in) {
      if (id != kNoTensor) ++readers[static_cast<size_t>(id)];
    }
  }
  std::vector<char> kept(body.tensors().size(), 0);
  for (size_t n = 0; n < live.size(); ++n) {
    if (!live[n]) continue;
    const Node& node = body.nodes()[n];
    const bool sum = std::string(node.op->name) == "add" && kept[static_cast<size_t>(node.in[0])] != 0 &&
                     kept[static_cast<size_t>(node.in[1])] != 0;
    if (!sum && !is_costly(body, node)) continue;
    for (TensorId id : node.out) kept[static_cast<size_t>(id)] = 1;
    for (TensorId id : node.in) {
      if (sum && readers[static_cast<size_t>(id)] == 1) kept[static_cast<size_t>(id)] = 0;
    }
  }
  std::vector<TensorId> result;
  for (size_t t = 0; t < kept.size(); ++t) {
    if (kept[t]) result.push_back(static_cast<TensorId>(t));
  }
  return result;
}

}  // namespace

ScanAttributes::ScanAttributes(const Attributes& attributes, const std::string& name)
    : body(attributes.subgraph("body")),
      carries(tensor_list(attributes, "carries")),
      sequences(tensor_list(attributes, "sequences")),
      constants(tensor_list(attributes, "constants")),
      carry_outputs(tensor_list(attributes, "carry_outputs")),
      outputs(tensor_list(attributes, "outputs")),
      length(attributes.integer("length", 0)),
      reverse(attributes.flag("reverse", false)),
      node(attributes.integer("node", -1)) {
  if (body == nullptr) throw_value(name, ": scan needs a graph as its attribute 'body'");
  for (size_t t = 0; t < body->tensors().size(); ++t) {
    if (body->tensors()[t].role == Role::parameter) parameters.push_back(static_cast<TensorId>(t));
  }
  const bool given = attributes.has("residuals");
  residuals = given ? tensor_list(attributes, "residuals") : default_residuals(*body, live());
}

std::vector<char> ScanAttributes::live() const {
  std::vector<TensorId> wanted = carry_outputs;
  wanted.insert(wanted.end(), outputs.begin(), outputs.end());
  return live_nodes(*body, std::move(wanted));
}

namespace {

std::string typed(const TensorType& type) { return text(type.str(), " ", dtype_name(type.dtype)); }

void check_body(const InferContext& c, const ScanAttributes& a) {
  if (a.length < 1) throw_value(c.node, ": a scan needs at least one step, got length ", a.length);
  if (a.carry_outputs.size() != a.carries.size()) {
    throw_value(c.node, ": the body has ", a.carries.size(), " carries, but makes ", a.carry_outputs.size());
  }
  for (const auto* list : {&a.carries, &a.sequences, &a.constants}) {
    for (TensorId id : *list) {
      const Tensor& input = a.body->at(id);
      if (input.role != Role::input) throw_value(c.node, ": '", input.name, "' is no input of the body");
      if (!input.type.batched && list != &a.constants) {
        throw_value(c.node, ": input '", input.name, "' of the body must be batched");
      }
    }
  }
  for (size_t i = 0; i < a.carries.size(); ++i) {
    if (a.carry_outputs[i] == kNoTensor) continue;
    const Tensor& begin = a.body->at(a.carries[i]);
    const TensorType& made = a.body->type(a.carry_outputs[i]);
    if (made != begin.type) {
      throw_value(c.node, ": ", begin.name, " begins as ", typed(begin.type), ", but a step makes ",
                  typed(made), " of it; shape and dtype must stay the same");
    }
  }
  const std::vector<char> live = a.live();
  for (size_t n = 0; n < live.size(); ++n) {
    const Node& node = a.body->nodes()[n];
    if (live[n] && node.op->kind == OpKind::over_samples) {
      throw_value(c.node, ": '", node.name, "' (op '", node.op->name,
                  "') sums over the samples of a batch, which the body of a scan cannot do; "
                  "put it outside of the scan, or take what works a sample at a time (LayerNormalization)");
    }
  }
  for (TensorId id : a.outputs) {
    const Tensor& output = a.body->at(id);
    if (!output.type.batched) {
      throw_value(c.node, ": output '", output.name, "' of the body, of type ", typed(output.type),
                  ", does not depend on the samples; compute it outside of the scan");
    }
  }
}

void infer_scan(InferContext& c) {
  const ScanAttributes a(c.attributes, c.node);
  check_body(c, a);
  c.expect_inputs(a.operands(), a.operands());
  size_t operand = 0;
  const auto expect = [&](TensorId tensor, bool stepped, bool optional, const char* what) {
    const TensorType& got = c.in[operand++];
    const Tensor& input = a.body->at(tensor);
    if (optional && got.size() == 0) return;
    TensorType wanted = input.type;
    if (stepped) wanted.dims.insert(wanted.dims.begin(), a.length);
    const bool shared = stepped || optional;  // one for all samples will do
    if (got.dims != wanted.dims || got.dtype != wanted.dtype || (got.batched != wanted.batched && !shared) ||
        (got.batched && !wanted.batched)) {
      throw_value(c.node, ": ", what, " '", input.name, "' must be ", typed(wanted), ", got ", typed(got));
    }
  };
  for (TensorId id : a.carries) expect(id, false, true, "initial carry");
  for (TensorId id : a.sequences) expect(id, true, false, "sequence");
  for (TensorId id : a.constants) expect(id, false, false, "constant");
  for (TensorId id : a.parameters) expect(id, false, false, "weight");

  const auto sequence_of = [&](TensorId id) {
    TensorType type = a.body->type(id);
    type.dims.insert(type.dims.begin(), a.length);
    return type;
  };
  for (TensorId id : a.carries) c.out.push_back(a.body->type(id));
  for (TensorId id : a.outputs) c.out.push_back(sequence_of(id));
  for (TensorId id : a.carries) c.out.push_back(sequence_of(id));
  for (TensorId id : a.residuals) c.out.push_back(sequence_of(id));
  if (c.out.empty()) throw_value(c.node, ": the body of a scan has neither carries nor outputs");
}

Cost scan_cost(const NodeInfo& info) {
  const ScanAttributes a(info.attributes);
  const std::vector<char> live = a.live();
  double flops = 0;
  for (size_t n = 0; n < live.size(); ++n) {
    if (live[n]) flops += node_flops(*a.body, a.body->nodes()[n]);
  }
  return {flops * static_cast<double>(a.length)};
}

const Op scan_op{
    .name = "scan",
    .infer = infer_scan,
    .configure = [](const NodeInfo& info) -> Configuration {
      return std::make_shared<const ScanProgram>(ScanAttributes(info.attributes));
    },
    .gradient = scan_gradient,
    .cost = scan_cost,
};

void run_scan(const KernelCall& call) { call.configuration<ScanProgram>().run(call); }

int64_t scan_units(const KernelQuery& query) {
  static_cast<const ScanProgram*>(query.config)->prepare();
  return (query.samples + ScanProgram::kTile - 1) / ScanProgram::kTile;
}

const Kernel scan_kernel{
    .f32 = {.whole = run_scan}, .f64 = {.whole = run_scan}, .units = scan_units, .whole_rows_inputs = ~0u};

// It needs planner and executor, so it is an op of this library, as a user's would be.
[[maybe_unused]] const bool registered = [] {
  register_op(scan_op);
  register_kernel("scan", scan_kernel);
  return true;
}();

}  // namespace

}  // namespace fastnn
