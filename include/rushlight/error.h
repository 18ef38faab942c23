#pragma once
// Errors: one exception type that knows which Python class it becomes.

#include <atomic>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace rushlight {

enum class ErrorKind {
  Runtime,
  Value,
  Type,
  Index,
  NotImplemented,
  Memory,
  Attribute,
  Key,
  Assertion,
  Buffer,
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

/// Anything that can stand in a message: text, numbers, and types with `std::string to_string(T)`.
template <class T>
std::string message_part(const T& part) {
  if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    return std::string(std::string_view(part));
  } else if constexpr (std::is_same_v<T, char>) {
    return std::string(1, part);
  } else if constexpr (std::is_same_v<T, bool>) {
    return part ? "True" : "False";
  } else if constexpr (std::is_arithmetic_v<T>) {
    return std::to_string(part);
  } else {
    return to_string(part);
  }
}

/// Throws an Error of `kind` whose message joins the parts.
template <class... Parts>
[[noreturn, gnu::cold, gnu::noinline]] void fail(ErrorKind kind, const Parts&... parts) {
  std::string message;
  ((message += message_part(parts)), ...);
  throw Error(kind, message);
}

/// "op: what we got; what we expected (hint)", as a RuntimeError unless a kind is given.
template <class... Parts>
inline void check(bool condition, const Parts&... parts) {
  if (!condition) [[unlikely]]
    fail(ErrorKind::Runtime, parts...);
}
template <class... Parts>
inline void check(bool condition, ErrorKind kind, const Parts&... parts) {
  if (!condition) [[unlikely]]
    fail(kind, parts...);
}

/// Tells the user of something that works but is likely a mistake: Python's UserWarning. Printed to
/// stderr unless there is a handler, which may throw.
void warn(std::string_view message);
/// Warns the first time it is called, and each time under set_warn_always(true). One a place:
/// `static WarnOnce warn_once; warn_once("…");`
class WarnOnce {
 public:
  void operator()(std::string_view message);

 private:
  std::atomic<bool> warned_{false};
};
bool warns_always();
void set_warn_always(bool always);
using WarningHandler = void (*)(std::string_view message);
/// Replaces what `warn` does; null restores the default.
void set_warning_handler(WarningHandler handler);

}  // namespace rushlight
