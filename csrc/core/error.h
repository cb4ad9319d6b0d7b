// The one exception type of the core. Bindings turn its kind into ValueError, TypeError or RuntimeError.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

#include "core/export.h"

namespace fastnn {

enum class ErrorKind { value, type, runtime };

class FASTNN_API Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

/// Joins its arguments with operator<< into one string.
template <class... Parts>
std::string text(Parts&&... parts) {
  std::ostringstream out;
  (out << ... << std::forward<Parts>(parts));
  return out.str();
}

template <class... Parts>
[[noreturn]] void throw_value(Parts&&... parts) {
  throw Error(ErrorKind::value, text(std::forward<Parts>(parts)...));
}
template <class... Parts>
[[noreturn]] void throw_type(Parts&&... parts) {
  throw Error(ErrorKind::type, text(std::forward<Parts>(parts)...));
}
template <class... Parts>
[[noreturn]] void throw_runtime(Parts&&... parts) {
  throw Error(ErrorKind::runtime, text(std::forward<Parts>(parts)...));
}

}  // namespace fastnn
