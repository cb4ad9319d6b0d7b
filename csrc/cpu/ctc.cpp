// ctc by the forward and backward variables of Graves et al. 2006: states are the labels with blanks between
// and around them; forward(t, s) is the logarithm of the probability of being in state s after step t with
// all before spelled right, backward(t, s) that of spelling the rest. Float64 throughout; samples are by
// themselves.
#include "ops/ctc.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cpu/kernels.h"

namespace fastnn::cpu {

namespace {

using Config = ops::CtcConfig;

constexpr double kNever = -std::numeric_limits<double>::infinity();

double log_add(double a, double b) {
  if (a < b) std::swap(a, b);
  return b == kNever ? a : a + std::log1p(std::exp(b - a));
}

// One sample; arrays lie in scratch, as scratch_doubles counts.
template <class T>
class Sample {
 public:
  Sample(const Config& c, const T* logits, const int32_t* labels, const T* mask, double* scratch)
      : c_(c),
        logits_(logits),
        labels_(labels),
        mask_(mask),
        log_sums_(scratch),
        forward_(scratch + c.steps) {
    while (count_ < c.labels && labels[count_] >= 0 && labels[count_] != c.blank) ++count_;
    states_ = 2 * count_ + 1;
    backward_ = forward_ + c.steps * (2 * c.labels + 1);
  }

  // The first label that is no class, or -1.
  int64_t wrong_label() const {
    for (int64_t i = 0; i < count_; ++i) {
      if (labels_[i] >= c_.classes) return i;
    }
    return -1;
  }
  int32_t label(int64_t i) const { return labels_[i]; }

  double loss() {
    int64_t before = -1;
    for (int64_t t = 0; t < c_.steps; ++t) {
      if (!counts(t)) continue;
      log_sums_[t] = log_sum(logits_ + t * c_.classes);
      double* now = forward_ + t * states_;
      for (int64_t s = 0; s < states_; ++s) {
        double reached = before < 0 ? (s < 2 ? 0.0 : kNever) : from(forward_ + before * states_, s);
        now[s] = reached + log_probability(t, s);
      }
      before = t;
    }
    last_ = before;
    if (before < 0) return count_ == 0 ? 0.0 : -kNever;
    const double* end = forward_ + before * states_;
    total_ = states_ > 1 ? log_add(end[states_ - 1], end[states_ - 2]) : end[0];
    return -total_;
  }

  // After loss().
  void gradient(double dloss, T* dlogits) {
    std::fill_n(dlogits, c_.steps * c_.classes, T(0));
    if (last_ < 0 || !(total_ > kNever)) return;
    double* here = backward_;
    double* next = backward_ + 2 * c_.labels + 1;
    for (int64_t s = 0; s < states_; ++s) here[s] = s + 2 >= states_ ? 0.0 : kNever;
    for (int64_t t = last_;;) {
      T* row = dlogits + t * c_.classes;
      const T* logits = logits_ + t * c_.classes;
      for (int64_t k = 0; k < c_.classes; ++k) {
        row[k] = static_cast<T>(dloss * std::exp(static_cast<double>(logits[k]) - log_sums_[t]));
      }
      for (int64_t s = 0; s < states_; ++s) {
        const double share = std::exp(forward_[t * states_ + s] + here[s] - total_);
        row[class_of(s)] -= static_cast<T>(dloss * share);
      }
      const int64_t now = t;
      do --t;
      while (t >= 0 && !counts(t));
      if (t < 0) return;
      std::swap(here, next);  // backward(t, .) from backward(now, .)
      for (int64_t s = 0; s < states_; ++s) {
        double rest = next[s] + log_probability(now, s);
        if (s + 1 < states_) rest = log_add(rest, next[s + 1] + log_probability(now, s + 1));
        if (s + 2 < states_ && may_skip_to(s + 2))
          rest = log_add(rest, next[s + 2] + log_probability(now, s + 2));
        here[s] = rest;
      }
    }
  }

 private:
  bool counts(int64_t t) const { return mask_ == nullptr || mask_[t] != T(0); }
  int64_t class_of(int64_t s) const { return s % 2 == 0 ? c_.blank : labels_[s / 2]; }
  // Can a label follow the one before at once, without a blank?
  bool may_skip_to(int64_t s) const { return s % 2 == 1 && labels_[s / 2] != labels_[s / 2 - 1]; }
  double from(const double* before, int64_t s) const {
    double reached = before[s];
    if (s >= 1) reached = log_add(reached, before[s - 1]);
    if (s >= 2 && may_skip_to(s)) reached = log_add(reached, before[s - 2]);
    return reached;
  }
  double log_probability(int64_t t, int64_t s) const {
    return static_cast<double>(logits_[t * c_.classes + class_of(s)]) - log_sums_[t];
  }
  double log_sum(const T* logits) const {
    const auto largest = static_cast<double>(*std::max_element(logits, logits + c_.classes));
    double sum = 0;
    for (int64_t k = 0; k < c_.classes; ++k) sum += std::exp(static_cast<double>(logits[k]) - largest);
    return largest + std::log(sum);
  }

  const Config& c_;
  const T* logits_;
  const int32_t* labels_;
  const T* mask_;
  double* log_sums_;  // of each step's logits
  double* forward_;   // [steps][states]
  double* backward_;  // two rows of states
  int64_t count_ = 0, states_ = 1, last_ = -1;
  double total_ = 0;
};

int64_t scratch_doubles(const Config& c) { return c.steps + (c.steps + 2) * (2 * c.labels + 1); }

// Calls f(sample, its number) for the samples of a tile; operands are logits, labels and mask, from `first`
// on.
template <class T, class F>
void each_sample(const KernelCall& call, int first, F f) {
  const auto& c = call.configuration<Config>();
  const View* in = call.in + first;
  for (int64_t i = 0; i < call.count; ++i) {
    Sample<T> sample(c, in[0].as<T>() + i * in[0].size, in[1].as<int32_t>() + i * in[1].size,
                     in[2].data != nullptr ? in[2].as<T>() + i * in[2].size : nullptr,
                     reinterpret_cast<double*>(call.scratch));
    f(sample, i);
  }
}

template <class T>
void ctc_rows(const KernelCall& call) {
  const auto& c = call.configuration<Config>();
  each_sample<T>(call, 0, [&](Sample<T>& sample, int64_t i) {
    T* loss = call.out[0].as<T>() + i;
    if (const int64_t wrong = sample.wrong_label(); wrong >= 0) {
      call.status->report(Status::id_out_of_range, call.node, call.first + i, sample.label(wrong), c.classes);
      *loss = T(0);
    } else {
      *loss = static_cast<T>(sample.loss());
    }
  });
}

template <class T>
void ctc_grad_rows(const KernelCall& call) {
  const View& out = call.out[0];
  each_sample<T>(call, 1, [&](Sample<T>& sample, int64_t i) {
    T* dlogits = out.as<T>() + i * out.size;
    if (sample.wrong_label() >= 0) {
      std::fill_n(dlogits, out.size, T(0));
      return;
    }
    sample.loss();
    sample.gradient(static_cast<double>(call.in[0].as<T>()[i]), dlogits);
  });
}

int64_t ctc_scratch(const KernelQuery& query) {
  return scratch_doubles(*static_cast<const Config*>(query.config)) * static_cast<int64_t>(sizeof(double));
}

}  // namespace

extern const Kernel ctc_kernel;
const Kernel ctc_kernel{
    .f32 = {.rows = ctc_rows<float>}, .f64 = {.rows = ctc_rows<double>}, .scratch = ctc_scratch};

extern const Kernel ctc_grad_kernel;
const Kernel ctc_grad_kernel{
    .f32 = {.rows = ctc_grad_rows<float>}, .f64 = {.rows = ctc_grad_rows<double>}, .scratch = ctc_scratch};

}  // namespace fastnn::cpu
