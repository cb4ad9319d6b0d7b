// The loop over steps.
#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "graph/scan.h"

namespace fastnn {

namespace {

int64_t row_bytes(const TensorType& type) { return type.size() * dtype_size(type.dtype); }

// Random numbers of the body: another stream for each scan and step (the finaliser of splitmix64).
uint64_t step_seed(uint64_t seed, uint64_t key, uint64_t step) {
  uint64_t z = seed + 0x9E3779B97F4A7C15u * ((key << 32) + step + 1);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// Rows that lie `from_stride` bytes apart, to rows `to_stride` apart.
void copy_rows(const std::byte* from, int64_t from_stride, std::byte* to, int64_t to_stride, int64_t bytes,
               int64_t count) {
  if (from_stride == bytes && to_stride == bytes) {
    std::memcpy(to, from, static_cast<size_t>(bytes * count));
    return;
  }
  for (int64_t row = 0; row < count; ++row) {
    std::memcpy(to + row * to_stride, from + row * from_stride, static_cast<size_t>(bytes));
  }
}

}  // namespace

ScanProgram::ScanProgram(const ScanAttributes& attributes) : attributes_(attributes) {
  for (TensorId id : attributes_.carry_outputs) carries_.push_back(place_of(id, true));
  for (TensorId id : attributes_.outputs) outputs_.push_back(place_of(id, false));
  for (TensorId id : attributes_.residuals) residuals_.push_back(place_of(id, false));
  for (size_t i = 0; i < carries_.size(); ++i) {
    carries_[i].bytes = row_bytes(attributes_.body->type(attributes_.carries[i]));
    zeros_bytes_ = std::max(zeros_bytes_, carries_[i].bytes);
  }
  memory_bytes_ += align_up(zeros_bytes_);
}

ScanProgram::Place ScanProgram::place_of(TensorId tensor, bool carried) {
  if (tensor == kNoTensor) return {};
  const int64_t bytes = row_bytes(attributes_.body->type(tensor));
  auto found = std::find(fetches_.begin(), fetches_.end(), tensor);
  if (found == fetches_.end()) {
    found = fetches_.insert(found, tensor);
    fetch_offsets_.push_back(memory_bytes_);
    carried_.push_back(carried);
    memory_bytes_ += (carried ? 2 : 1) * align_up(kTile * bytes);
  }
  return {static_cast<int32_t>(found - fetches_.begin()), bytes};
}

void ScanProgram::prepare() const {
  std::lock_guard lock(mutex_);
  if (plan_ != nullptr) return;
  PlanRequest request;
  request.capacity = kTile;
  request.fetch = fetches_;
  request.layout = Layout::rows;
  request.alone = true;
  plan_ = std::make_shared<const Plan>(attributes_.body, request);
}

std::unique_ptr<ScanProgram::Lease> ScanProgram::lease() const {
  {
    std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Lease> found = std::move(idle_.back());
      idle_.pop_back();
      return found;
    }
  }
  auto made = std::make_unique<Lease>();
  made->workspace = std::make_unique<Workspace>(plan_, 1);
  made->arena.reserve(plan_->shared_bytes(), 1, made->workspace->thread_bytes());
  made->workspace->use(made->arena);
  made->sources.resize(attributes_.body->inputs().size());
  for (size_t i = 0; i < made->sources.size(); ++i) {
    made->sources[i].dtype = attributes_.body->type(attributes_.body->inputs()[i]).dtype;
  }
  made->externals.assign(static_cast<size_t>(plan_->externals()), nullptr);
  made->memory = Buffer(memory_bytes_);
  return made;
}

void ScanProgram::give_back(std::unique_ptr<Lease> lease) const {
  std::lock_guard lock(mutex_);
  idle_.push_back(std::move(lease));
}

std::byte* ScanProgram::fetched(const Lease& lease, int32_t fetch, bool odd) const {
  const auto f = static_cast<size_t>(fetch);
  const int64_t block = align_up(kTile * row_bytes(attributes_.body->type(fetches_[f])));
  return lease.memory.data() + fetch_offsets_[f] + (odd && carried_[f] ? block : 0);
}

void ScanProgram::run(const KernelCall& call) const {
  std::unique_ptr<Lease> mine = lease();
  mine->workspace->bind_parameters();
  bool fresh = true;
  for (int64_t unit = call.unit_begin; unit < call.unit_end; ++unit) {
    const int64_t first = unit * kTile;
    if (first >= call.count) break;
    run_unit(call, *mine, first, std::min(kTile, call.count - first), fresh);
    fresh = false;
  }
  Status& status = mine->workspace->status();
  if (const uint32_t code = status.code.load(); code != Status::ok) {
    call.status->report(static_cast<Status::Code>(code), call.node, status.sample, status.value,
                        status.limit);
    status.code.store(Status::ok);
  }
  give_back(std::move(mine));
}

void ScanProgram::run_unit(const KernelCall& call, Lease& lease, int64_t first, int64_t count,
                           bool fresh) const {
  const Graph& body = *attributes_.body;
  const std::vector<TensorId>& inputs = body.inputs();
  const auto source_of = [&](TensorId tensor) -> BatchSource& {
    return lease
        .sources[static_cast<size_t>(std::find(inputs.begin(), inputs.end(), tensor) - inputs.begin())];
  };
  const int64_t length = attributes_.length;
  const size_t carries = carries_.size();
  const std::byte* zeros = lease.memory.data() + memory_bytes_ - align_up(zeros_bytes_);

  // Where the unit's rows of a batched operand or output begin; the first row of an unbatched one.
  const auto rows = [&](const View& view, int64_t bytes) {
    return view.as<std::byte>() + (view.batched ? first * bytes : 0);
  };
  for (size_t i = 0; i < carries; ++i) {
    const View& begin = call.in[i];
    BatchSource& source = source_of(attributes_.carries[i]);
    const bool given = begin.data != nullptr;
    source.data = given ? rows(begin, carries_[i].bytes) : zeros;
    source.row_stride = given && begin.batched ? carries_[i].bytes : 0;
  }
  const View* sequences = call.in + carries;
  const View* constants = sequences + attributes_.sequences.size();
  for (size_t i = 0; i < attributes_.constants.size(); ++i) {
    const TensorId tensor = attributes_.constants[i];
    const int64_t bytes = row_bytes(body.type(tensor));
    BatchSource& source = source_of(tensor);
    source.data = rows(constants[i], bytes);
    source.row_stride = bytes;
    if (constants[i].batched) continue;
    const auto number = static_cast<size_t>(&source - lease.sources.data());
    const int32_t external = lease.workspace->plan().external_of_input(number);
    if (external >= 0) lease.externals[static_cast<size_t>(external)] = const_cast<std::byte*>(source.data);
  }

  const Plan& plan = lease.workspace->plan();
  Team alone(1);
  RunArguments args;
  args.sources = lease.sources.data();
  args.externals = lease.externals.data();
  args.samples = count;
  args.step = call.step;
  args.sample_base = first;
  const uint64_t key = attributes_.node >= 0 ? static_cast<uint64_t>(attributes_.node) : call.node;
  for (int64_t n = 0; n < length; ++n) {
    const int64_t t = attributes_.reverse ? length - 1 - n : n;
    // Row s of a sequence at step t; a sequence without samples is the same for all.
    const auto at_step = [&](const View& view, int64_t bytes) {
      return rows(view, length * bytes) + t * bytes;
    };
    for (size_t i = 0; i < attributes_.sequences.size(); ++i) {
      const int64_t bytes = row_bytes(body.type(attributes_.sequences[i]));
      BatchSource& source = source_of(attributes_.sequences[i]);
      source.data = at_step(sequences[i], bytes);
      source.row_stride = sequences[i].batched ? length * bytes : 0;
    }
    for (size_t i = 0; i < carries; ++i) {
      const View& incoming = call.out[carries + outputs_.size() + i];
      if (incoming.data == nullptr) continue;
      const BatchSource& source = source_of(attributes_.carries[i]);
      const int64_t bytes = carries_[i].bytes;
      copy_rows(source.data, source.row_stride, at_step(incoming, bytes), length * bytes, bytes, count);
    }
    for (size_t f = 0; f < fetches_.size(); ++f) {
      const PlanTensor& placed = plan.tensors()[static_cast<size_t>(plan.fetched(f))];
      lease.externals[static_cast<size_t>(placed.external)] =
          fetched(lease, static_cast<int32_t>(f), n % 2 != 0);
    }
    args.seed = step_seed(call.seed, key, static_cast<uint64_t>(t));
    args.first_slot = fresh && n == 0 ? 0 : plan.prologue();
    execute(*lease.workspace, args, alone, 0);
    const auto collect = [&](const std::vector<Place>& places, const View* views) {
      for (size_t i = 0; i < places.size(); ++i) {
        if (views[i].data == nullptr) continue;
        const int64_t bytes = places[i].bytes;
        copy_rows(fetched(lease, places[i].fetch, n % 2 != 0), bytes, at_step(views[i], bytes),
                  length * bytes, bytes, count);
      }
    };
    collect(outputs_, call.out + carries);
    collect(residuals_, call.out + carries + outputs_.size() + carries);
    for (size_t i = 0; i < carries; ++i) {
      BatchSource& source = source_of(attributes_.carries[i]);
      const bool made = carries_[i].fetch >= 0;
      source.data = made ? fetched(lease, carries_[i].fetch, n % 2 != 0) : zeros;
      source.row_stride = made ? carries_[i].bytes : 0;
    }
  }
  for (size_t i = 0; i < carries; ++i) {
    const View& last = call.out[i];
    if (last.data == nullptr) continue;
    const BatchSource& source = source_of(attributes_.carries[i]);
    copy_rows(source.data, source.row_stride, rows(last, carries_[i].bytes), carries_[i].bytes,
              carries_[i].bytes, count);
  }
}

}  // namespace fastnn
