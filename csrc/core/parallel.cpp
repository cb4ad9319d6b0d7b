#include "core/parallel.h"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#endif
#if defined(_OPENMP) && !defined(FASTNN_STD_THREADS)
#include <omp.h>
#define FASTNN_USE_OPENMP 1
#endif

#include "core/error.h"

namespace fastnn {

namespace {

std::atomic<int> g_requested{0};
// An OpenMP runtime that has started threads cannot be used in a forked child: it would wait for threads that
// do not exist there.
std::atomic<bool> g_threads_started{false};
std::atomic<bool> g_forked{false};

constexpr int kMostThreads = 4096;
constexpr int kThreadsACore = 4;

/// A count from the environment; 0 if there is none. Our own variable must be right; what others read too,
/// such as "4,2", counts as far as it is a number.
int environment_threads(const char* name, bool strict) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return 0;
  char* end = nullptr;
  const long count = std::strtol(value, &end, 10);
  const bool valid = end != value && count >= 1 && count <= kMostThreads;
  if (strict && (!valid || *end != '\0'))
    throw_value("the environment's ", name, " must be a whole number between 1 and ", kMostThreads, ", got '",
                value, "'");
  return valid ? static_cast<int>(count) : 0;
}

int default_threads() {
  static const int count = [] {
    if (int n = environment_threads("FASTNN_NUM_THREADS", true)) return n;
    if (int n = environment_threads("OMP_NUM_THREADS", false)) return n;
    return available_cores();
  }();
  return count;
}

void watch_forks() {
#if defined(__linux__) || defined(__APPLE__)
  static const int once = pthread_atfork(nullptr, nullptr, [] {
    if (g_threads_started) g_forked = true;
  });
  (void)once;
#endif
}

inline void cpu_pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

int available_cores() {
  static const int count = [] {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
    return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  }();
  return count;
}

int max_threads() { return kThreadsACore * available_cores(); }

int num_threads() {
  if (g_forked) return 1;
  const int requested = g_requested;
  return std::min(requested > 0 ? requested : default_threads(), max_threads());
}

void set_num_threads(int count) {
  if (count < 1 || count > kMostThreads)
    throw_value("set_num_threads: count must be between 1 and ", kMostThreads, ", got ", count);
  g_requested = count;
}

void Barrier::wait() {
  if (members_ == 1) return;
  const uint32_t round = round_.load(std::memory_order_acquire);
  if (waiting_.fetch_add(1, std::memory_order_acq_rel) + 1 == members_) {
    waiting_.store(0, std::memory_order_relaxed);
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
    return;
  }
  // Spin for some tens of microseconds (a step's phases are about as unequal as that), then sleep. Where
  // there are more threads than cores, spinning keeps those from running that are waited for.
  const int spins = members_ > available_cores() ? 0 : 2000;
  for (int spin = 0; spin < spins; ++spin) {
    if (round_.load(std::memory_order_acquire) != round) return;
    cpu_pause();
  }
  while (round_.load(std::memory_order_acquire) == round) round_.wait(round, std::memory_order_acquire);
}

void parallel(int threads, const std::function<void(Team&, int)>& body) {
  if (threads <= 1 || g_forked) {
    Team alone(1);
    body(alone, 0);
    return;
  }
  watch_forks();
  g_threads_started = true;
  std::vector<std::exception_ptr> failures(static_cast<size_t>(threads));
  auto guarded = [&](Team& team, int thread) {
    try {
      body(team, thread);
    } catch (...) {
      failures[static_cast<size_t>(thread)] = std::current_exception();
    }
  };
#if defined(FASTNN_USE_OPENMP)
  std::optional<Team> team;
#pragma omp parallel num_threads(threads)
  {
#pragma omp single
    team.emplace(omp_get_num_threads());  // the runtime may give fewer than asked for
    guarded(*team, omp_get_thread_num());
  }
#else
  Team team(threads);
  std::vector<std::thread> others;
  for (int thread = 1; thread < threads; ++thread)
    others.emplace_back([&, thread] { guarded(team, thread); });
  guarded(team, 0);
  for (std::thread& thread : others) thread.join();
#endif
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

}  // namespace fastnn
