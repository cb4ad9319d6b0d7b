#include "graph/backend.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "core/error.h"

namespace fastnn {

namespace {

std::string library_folder() {
  Dl_info info;
  if (dladdr(reinterpret_cast<const void*>(&current_isa), &info) == 0 || info.dli_fname == nullptr)
    return ".";
  const std::string path = info.dli_fname;
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

#if defined(__APPLE__)
constexpr const char* kSuffix = ".dylib";
#else
constexpr const char* kSuffix = ".so";
#endif

std::string library_path(const std::string& isa) {
  return library_folder() + "/libfastnn_cpu_" + isa + kSuffix;
}

bool processor_runs([[maybe_unused]] const std::string& isa) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool v2 =
      __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("popcnt");
  const bool v3 = v2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                  __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  return isa == "v2" ? v2 : isa == "v3" ? v3 : isa == "v4" ? v4 : false;
#else
  return isa == "neon";
#endif
}

struct Backend {
  const KernelTable* table = nullptr;
  std::unordered_map<std::string, const Kernel*> kernels;
};

// Kernels from outside the kernel library: known before that is loaded.
struct Registered {
  std::unordered_map<std::string, const Kernel*> kernels;
  std::shared_mutex mutex;
};

Registered& registered() {
  static auto* instance = new Registered;
  return *instance;
}

const KernelTable* load_table() {
  const std::vector<std::string> available = available_isas();
  std::string wanted;
  if (const char* forced = std::getenv("FASTNN_ISA"); forced != nullptr && *forced != '\0') {
    wanted = forced;
    bool found = false;
    for (const std::string& isa : available) found |= isa == wanted;
    if (!found) {
      std::string list;
      for (const std::string& isa : available) list += (list.empty() ? "" : ", ") + isa;
      throw_runtime("FASTNN_ISA=", wanted, " is not available here; this processor and installation offer: ",
                    list.empty() ? "none" : list);
    }
  } else if (available.empty()) {
    throw_runtime("no kernel library for this processor beside libfastnn in ", library_folder(),
                  "; reinstall fastnn");
  } else {
    wanted = available.front();
  }
  void* handle = dlopen(library_path(wanted).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) throw_runtime("cannot load ", library_path(wanted), ": ", dlerror());
  using Getter = const KernelTable* (*)();
  const auto getter = reinterpret_cast<Getter>(dlsym(handle, "fastnn_kernel_table"));
  if (getter == nullptr) throw_runtime(library_path(wanted), " is not a fastnn kernel library");
  return getter();
}

Backend& backend() {
  static Backend* instance = [] {
    auto* made = new Backend;
    made->table = load_table();
    for (int32_t i = 0; i < made->table->entry_count; ++i) {
      made->kernels.emplace(made->table->entries[i].op, made->table->entries[i].kernel);
    }
    return made;
  }();
  return *instance;
}

}  // namespace

const KernelTable& kernel_table() { return *backend().table; }

const Kernel* find_kernel(const std::string& op) {
  {
    Registered& own = registered();
    std::shared_lock lock(own.mutex);
    if (const auto found = own.kernels.find(op); found != own.kernels.end()) return found->second;
  }
  const Backend& loaded = backend();
  const auto found = loaded.kernels.find(op);
  return found == loaded.kernels.end() ? nullptr : found->second;
}

void register_kernel(const std::string& op, const Kernel& kernel) {
  Registered& own = registered();
  std::unique_lock lock(own.mutex);
  own.kernels[op] = &kernel;
}

std::vector<std::string> available_isas() {
  std::vector<std::string> result;
  for (const char* isa : {"v4", "v3", "v2", "neon"}) {
    if (processor_runs(isa) && access(library_path(isa).c_str(), R_OK) == 0) result.emplace_back(isa);
  }
  return result;
}

std::string current_isa() { return kernel_table().isa; }

}  // namespace fastnn
