// An op's attributes: a short list of named values, checked when the node is added.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/error.h"

namespace fastnn {

class Graph;
/// A graph within a node: the body of a scan. It must not change once it is an attribute.
using Subgraph = std::shared_ptr<Graph>;

using AttributeValue =
    std::variant<bool, int64_t, double, std::string, std::vector<int64_t>, std::vector<double>, Subgraph>;

class Attributes {
 public:
  Attributes() = default;
  Attributes(std::initializer_list<std::pair<std::string, AttributeValue>> items) : items_(items) {}

  void set(const std::string& name, AttributeValue value) {
    for (auto& item : items_) {
      if (item.first == name) {
        item.second = std::move(value);
        return;
      }
    }
    items_.emplace_back(name, std::move(value));
  }
  const AttributeValue* find(const std::string& name) const {
    for (const auto& item : items_) {
      if (item.first == name) return &item.second;
    }
    return nullptr;
  }
  bool has(const std::string& name) const { return find(name) != nullptr; }
  const std::vector<std::pair<std::string, AttributeValue>>& items() const { return items_; }

  bool flag(const std::string& name, bool fallback) const { return get<bool>(name, fallback, "a bool"); }
  std::string str(const std::string& name, const std::string& fallback) const {
    return get<std::string>(name, fallback, "a string");
  }
  int64_t integer(const std::string& name, int64_t fallback) const {
    return get<int64_t>(name, fallback, "an integer");
  }
  double real(const std::string& name, double fallback) const {
    const AttributeValue* value = find(name);
    if (value != nullptr) {
      if (const auto* whole = std::get_if<int64_t>(value)) return static_cast<double>(*whole);
    }
    return get<double>(name, fallback, "a number");
  }
  std::vector<int64_t> integers(const std::string& name, std::vector<int64_t> fallback) const {
    return get<std::vector<int64_t>>(name, std::move(fallback), "a sequence of integers");
  }

  Subgraph subgraph(const std::string& name) const { return get<Subgraph>(name, nullptr, "a graph"); }

  /// Numbers; a single one and a sequence of integers will do.
  std::vector<double> reals(const std::string& name, std::vector<double> fallback) const {
    const AttributeValue* value = find(name);
    if (value != nullptr) {
      if (const auto* whole = std::get_if<std::vector<int64_t>>(value)) return {whole->begin(), whole->end()};
      if (const auto* one = std::get_if<double>(value)) return {*one};
      if (const auto* one = std::get_if<int64_t>(value)) return {static_cast<double>(*one)};
    }
    return get<std::vector<double>>(name, std::move(fallback), "a sequence of numbers");
  }

 private:
  template <class T>
  T get(const std::string& name, T fallback, const char* expected) const {
    const AttributeValue* value = find(name);
    if (value == nullptr) return fallback;
    if (const T* typed = std::get_if<T>(value)) return *typed;
    throw_type("attribute '", name, "' must be ", expected);
  }

  std::vector<std::pair<std::string, AttributeValue>> items_;
};

}  // namespace fastnn
