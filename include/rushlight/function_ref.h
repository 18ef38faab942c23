#pragma once
// A non-owning reference to a callable: two words, no allocation.

#include <memory>
#include <type_traits>
#include <utility>

namespace rushlight {

template <class Signature>
class FunctionRef;

/// Refers to a callable that outlives the call it is passed to (a lambda in an argument list does).
template <class Result, class... Args>
class FunctionRef<Result(Args...)> {
 public:
  template <class Function>
  requires(!std::is_same_v<std::remove_cvref_t<Function>, FunctionRef>)
      FunctionRef(Function&& function) {
    using Callable = std::remove_reference_t<Function>;
    if constexpr (std::is_function_v<Callable>) {
      object_ = reinterpret_cast<void*>(&function);
      call_ = [](void* object, Args... args) -> Result {
        return reinterpret_cast<Callable*>(object)(std::forward<Args>(args)...);
      };
    } else {
      object_ = const_cast<void*>(static_cast<const void*>(std::addressof(function)));
      call_ = [](void* object, Args... args) -> Result {
        return (*static_cast<Callable*>(object))(std::forward<Args>(args)...);
      };
    }
  }

  Result operator()(Args... args) const { return call_(object_, std::forward<Args>(args)...); }

 private:
  void* object_;
  Result (*call_)(void*, Args...);
};

}  // namespace rushlight
