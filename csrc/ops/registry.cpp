// The table of ops, made from ops.inc; open for users' ops at run time.
#include <algorithm>
#include <map>
#include <mutex>
#include <shared_mutex>

#include "ops/all_ops.h"
#include "ops/op.h"

namespace fastnn {

namespace {

struct Registry {
  std::map<std::string, const Op*> ops;
  std::shared_mutex mutex;
};

Registry& registry() {
  static Registry* instance = [] {
    auto* made = new Registry;
#define FASTNN_OP(stem, name) made->ops.emplace(#name, &ops::name);
#include "ops/ops.inc"
#undef FASTNN_OP
    return made;
  }();
  return *instance;
}

size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

const Op& find_op(const std::string& name) {
  Registry& table = registry();
  std::shared_lock lock(table.mutex);
  const auto found = table.ops.find(name);
  if (found != table.ops.end()) return *found->second;
  std::string nearest;
  size_t best = std::max<size_t>(3, name.size() / 3) + 1;
  for (const auto& [known, op] : table.ops) {
    const size_t distance = edit_distance(name, known);
    if (distance < best) {
      best = distance;
      nearest = known;
    }
  }
  throw_value("unknown op '", name, "'", nearest.empty() ? "" : "; did you mean '" + nearest + "'?");
}

std::vector<std::string> op_names() {
  Registry& table = registry();
  std::shared_lock lock(table.mutex);
  std::vector<std::string> names;
  for (const auto& item : table.ops) names.push_back(item.first);
  return names;
}

void register_op(const Op& op) {
  Registry& table = registry();
  std::unique_lock lock(table.mutex);
  if (!table.ops.emplace(op.name, &op).second) throw_value("op '", op.name, "' is registered already");
}

}  // namespace fastnn
