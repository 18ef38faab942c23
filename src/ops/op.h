#pragma once
// The op table's entry. One entry holds all that is known of an operation; see CONTRIBUTING.md for
// how to write one, call.cpp for what happens when it is called.

#include <rushlight/autograd.h>

#include "ops/schema.h"

#include <rushlight/op_names.h>

namespace rushlight {

struct Op;
class Backward;

/// What an operation returned.
struct Results {
  SmallVector<Tensor, 2> tensors;
  Scalar scalar;  ///< of operations that return a number
};

/// One call on its way through an operation.
struct Call {
  const Op& op;
  const Value* arguments;
  Results& results;
  /// Where the result goes for `op_` and `out=`; null: into a new tensor.
  const Tensor* destination = nullptr;
};

/// Which existing tensor a call writes to, if any.
const Tensor* written(const Call& call);

using Forward = void (*)(Call&);

/// The parsed side of an entry, made once at start-up.
struct OpInfo {
  Schema schema;
  std::string full_name;      ///< "max.dim"
  std::string in_place_name;  ///< "add_"
  std::string spoken_name;    ///< "max", as messages give it: "linear" of _linear
  std::string node_name;      ///< "MaxBackward0"
  struct Saved {
    uint16_t index;  ///< of the parameter, or of the result
    bool is_result;
    int16_t for_input;  ///< save only if this parameter's gradient is needed; -1: always
  };
  SmallVector<Saved, 3> saved;
  SmallVector<uint16_t, 4> tensor_parameters;  ///< indices of those that may be or hold tensors
  uint32_t with_edge = 0;                      ///< bit i: parameter i may have a gradient
  int view_of = -1;                            ///< parameter whose bytes the result shares
  int mutated = -1;                            ///< parameter that is written
  int linear = -1;  ///< whose tangent gives that of the result by the same operation
  struct Transposed {
    uint16_t index;  ///< of a parameter that PyTorch passes through t() first
    int16_t flag;    ///< if this parameter is true; -1: always
  };
  SmallVector<Transposed, 1> transposed;
  bool composite = false;
  bool differentiable = false;
  bool differentiable_in_place = false;  ///< only in that form
  bool in_place = false;                 ///< has the derived form `name_`
  bool is_function = true, is_method = true, is_nn = false, is_private = false;
  bool multi_view = false;   ///< returns several views (split, unbind)
  bool varargs = false;      ///< Python may pass the list of tensors as arguments of their own
  bool copies_view = false;  ///< a copy of what a view shows
  bool reshapes = false;     ///< changes the shape of the tensor that it is given, not its bytes
  bool any_device = false;   ///< looks itself after arguments of which some have no data
  bool may_expand = false;   ///< warns only where what it writes to shares memory with itself
};

struct Op {
  const char* schema;
  const char* doc;
  /// One call a line, in Python; each is documentation and test.
  const char* examples;
  /// Besides function and method: "in-place", "also-nn" (lives in nn.functional too); or
  /// "function-only", "method-only", "nn", "private". "reshapes" for t_() and its kin,
  /// "varargs" where Python writes `einsum(equation, a, b)` for `einsum(equation, [a, b])`.
  /// "copy" derives `name_copy` (whose own variant is "copies") from a view. "torch-only" is a
  /// function of Python's torch whose name in C++ is taken by its twin of nn.functional. "boolean":
  /// the result is no float, and `.backward` is for the form in place. "any-device" and
  /// "may-expand": see OpInfo.
  const char* variants = "";
  /// Computes the results from plain data; exactly one of `forward` and `compose` is given.
  Forward forward = nullptr;
  /// Computes the results by calling other operations, which makes it differentiable.
  Forward compose = nullptr;
  /// What backward needs: "input, other", "result"; "input for other" if only for that gradient.
  const char* save = "";
  /// Tensor parameters that have no gradient by nature, as "index, mask": they get no edge.
  const char* constants = "";
  void (*backward)(Backward&) = nullptr;
  /// The parameter in which the results are linear, where `.backward` is not their derivative:
  /// their tangents are computed by the operation itself.
  const char* linear = "";
  /// Name of the node where it is not CamelCase(name) + "Backward0".
  const char* node = nullptr;
  /// Matrices that PyTorch passes through t() first ("mat2", or "mat2 if flag"): who looks at the
  /// graph finds TBackward0 there.
  const char* transposed = "";
  mutable const OpInfo* info = nullptr;
};

/// All entries, in the order of the files.
std::span<const Op* const> all_ops();
/// Parses them; done once, before the first call.
void prepare_ops();
/// Replaces the elements of `target` by those of `source`, of the same shape: no autograd.
void copy_elements(const Tensor& target, const Tensor& source);

/// Throws if writing to `written` changes `read`, unless they are one and the same place and that
/// is fine, as it is element by element. Knows contiguous tensors only, as PyTorch does.
void check_overlap(const Tensor& written, const Tensor& read, bool same_place_is_fine);

/// The one way in, from C++ and Python alike: runs forward, records the node, marks views and
/// writes.
void call(const Op& op, const Value* arguments, Results& results,
          const Tensor* destination = nullptr);

inline Tensor call_tensor(const Op& op, const Value* arguments) {
  Results results;
  call(op, arguments, results);
  return std::move(results.tensors[0]);
}

/// `op_(input, ...)`: the result replaces the first argument's elements.
inline const Tensor& call_in_place(const Op& op, const Value* arguments) {
  Results results;
  const Tensor& target = arguments[0].tensor();
  call(op, arguments, results, &target);
  return target;
}

// -- run(lambda): a typed, stateless function as a Forward -------------------------------------

inline void store(Results& results, Tensor tensor) { results.tensors.push_back(std::move(tensor)); }
inline void store(Results& results, std::vector<Tensor> list) {
  for (Tensor& tensor : list) results.tensors.push_back(std::move(tensor));
}
template <class T>
requires(std::is_arithmetic_v<T> || std::is_same_v<T, Scalar>) void store(Results& results,
                                                                          T number) {
  results.scalar = number;
}
template <class... T>
void store(Results& results, std::tuple<T...> tuple) {
  std::apply([&](auto&... item) { (store(results, std::move(item)), ...); }, tuple);
}

template <class Function>
struct Runner;
template <class R, class... Parameters>
struct Runner<R(Parameters...)> {
  template <class Parameter>
  static decltype(auto) argument(const Value& value) {
    if constexpr (std::is_same_v<Parameter, const Tensor&>)
      return value.tensor_or_undefined();
    else
      return value.as<std::remove_cvref_t<Parameter>>();
  }
  template <class F, size_t... I>
  static void invoke(Call& call, F function, std::index_sequence<I...>) {
    if constexpr (std::is_void_v<R>)
      function(argument<Parameters>(call.arguments[I])...);
    else
      store(call.results, function(argument<Parameters>(call.arguments[I])...));
  }
  template <class F>
  static void run(Call& call, F function) {
    invoke(call, function, std::index_sequence_for<Parameters...>());
  }
};
template <class R, class... Parameters>
struct Runner<R (*)(Parameters...)> : Runner<R(Parameters...)> {};
template <class R, class F, class... Parameters>
struct Runner<R (F::*)(Parameters...) const> : Runner<R(Parameters...)> {};

/// Adapts `[](const Tensor& input, int64_t dim) -> Tensor { … }`; its parameters are the schema's.
template <class F>
consteval Forward run(F) {
  return [](Call& call) { Runner<decltype(&F::operator())>::run(call, F{}); };
}
/// Adapts a function of such parameters: `run<spaced>()`.
template <auto function>
consteval Forward run() {
  return [](Call& call) { Runner<decltype(function)>::run(call, function); };
}

// -- Backward: what a `.backward` formula sees ---------------------------------------------------

class OpNode;

class Backward {
 public:
  /// `unpacked`: all that the node saved, if that has been unpacked already.
  Backward(const OpNode& node, autograd::Gradients& arrived, autograd::Gradients& computed,
           const Tensor* unpacked)
      : node_(node), arrived_(arrived), computed_(computed), unpacked_(unpacked) {}

  /// Gradient of a result; zeros if none arrived.
  const Tensor& grad(size_t result = 0);
  bool has_grad(size_t result) const { return arrived_[result].defined(); }
  size_t results() const { return arrived_.size(); }
  /// A tensor named in `.save`; of a `Tensor|Scalar` parameter also the number, as a tensor.
  Tensor saved(Name name) const;
  std::vector<Tensor> saved_list(Name name) const;
  template <class T>
  T argument(Name name) const {
    return value(name).as<T>();
  }
  int64_t integer(Name name) const { return argument<int64_t>(name); }
  bool flag(Name name) const { return argument<bool>(name); }
  /// True if the text argument `name` is `option`.
  bool option(Name name, Name option) const { return given(name) && integer(name) == option.hash; }
  Scalar scalar(Name name) const { return argument<Scalar>(name); }
  Ints ints(Name name) const { return value(name).ints(); }
  bool given(Name name) const;
  /// Shape and dtype of a tensor parameter, saved or not.
  Ints shape(Name name) const;
  DType dtype(Name name) const;
  std::span<const autograd::Meta> metas(Name list) const;
  bool needs(Name name) const;
  /// Throws: the operation has no derivative.
  [[noreturn]] void refuse() const;

  /// Sets the gradient of a parameter to what `formula` returns; it is run only if that is needed.
  template <class Formula>
  void wrt(Name name, Formula&& formula) {
    int edge = edge_of(name);
    if (edge >= 0) computed_[size_t(edge)] = formula();
  }
  /// The same for a list parameter: `formula(i)` gives the gradient of element `i`.
  template <class Formula>
  void wrt_each(Name name, Formula&& formula) {
    auto [first, count] = edges_of(name);
    for (size_t i = 0; i < count; ++i) {
      if (needs_edge(first + i)) computed_[first + i] = formula(i);
    }
  }

 private:
  const Value& value(Name name) const;
  int edge_of(Name name) const;
  std::pair<size_t, size_t> edges_of(Name name) const;
  bool needs_edge(size_t edge) const;

  const OpNode& node_;
  autograd::Gradients& arrived_;
  autograd::Gradients& computed_;
  const Tensor* unpacked_;
};

}  // namespace rushlight
