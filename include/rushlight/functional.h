#pragma once
// Derivatives of functions of tensors: jacobian, hessian, and their products with vectors.
//
//   Tensor j = autograd::functional::jacobian([](const Tensor& x) { return x.exp(); }, x);

#include <rushlight/autograd.h>
#include <rushlight/function_ref.h>

namespace rushlight::autograd::functional {

using List = std::vector<Tensor>;
/// A function of any number of tensors with any number of results.
using Function = FunctionRef<List(const List& inputs)>;

struct Options {
  bool create_graph = false;  ///< the results can be differentiated further
  bool strict = false;        ///< what does not depend on an input is an error, not zero
  /// jacobian, and hessian over its gradients, evaluate the function once for each element of the
  /// inputs instead of running backward for each of the results. Without the two others.
  bool forward_mode = false;
};

/// d results / d inputs, by result, then by input; each of the shape of the result and the input,
/// one after the other. A backward pass for each element of the results.
std::vector<List> jacobian(Function function, Tensors inputs, Options options = {});
/// The second derivatives of a function whose one result has one element; by input, then by input.
std::vector<List> hessian(Function function, Tensors inputs, Options options = {});

struct Product {
  List results;   ///< of the function
  List products;  ///< shaped like the inputs (vjp, vhp, hvp) or like the results (jvp)
};
/// v·J for `v` of the shapes of the results; 1 if it is left out and there is one element.
Product vjp(Function function, Tensors inputs, std::optional<Tensors> v = {}, Options options = {});
/// J·v for `v` of the shapes of the inputs, by the double backward trick.
Product jvp(Function function, Tensors inputs, std::optional<Tensors> v = {}, Options options = {});
/// v·H of a function whose one result has one element.
Product vhp(Function function, Tensors inputs, std::optional<Tensors> v = {}, Options options = {});
/// H·v, by three passes where vhp takes two.
Product hvp(Function function, Tensors inputs, std::optional<Tensors> v = {}, Options options = {});

// Of one tensor, with one result.

template <class F>
concept OfOneTensor = std::is_invocable_r_v<Tensor, F&, const Tensor&>;

template <OfOneTensor F>
auto as_list_function(F& function) {
  return [&function](const List& inputs) { return List{function(inputs[0])}; };
}
template <OfOneTensor F>
Tensor jacobian(F function, const Tensor& input, Options options = {}) {
  return jacobian(Function(as_list_function(function)), Tensors{input}, options)[0][0];
}
template <OfOneTensor F>
Tensor hessian(F function, const Tensor& input, Options options = {}) {
  return hessian(Function(as_list_function(function)), Tensors{input}, options)[0][0];
}

}  // namespace rushlight::autograd::functional
