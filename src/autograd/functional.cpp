#include <rushlight/forward_ad.h>
#include <rushlight/functional.h>
#include <rushlight/operators.h>

namespace rushlight::autograd::functional {

namespace {

/// Inputs to differentiate by: they stay in the caller's graph only if a graph is wanted.
List prepared(Tensors inputs, bool create_graph) {
  List list;
  for (const Tensor& input : inputs) {
    if (create_graph && input.requires_grad()) {
      list.push_back(input.view_as(input));
      continue;
    }
    list.push_back(create_graph ? input.clone() : input.detach());
    list.back().requires_grad_();
  }
  return list;
}

List returned(List results, bool create_graph) {
  if (!create_graph) {
    for (Tensor& result : results) result = result.detach();
  }
  return results;
}

Tensor zeros_of(const Tensor& like) { return zeros(like.shape(), like.dtype()); }

List zeros_to_differentiate(const List& like) {
  List list;
  for (const Tensor& each : like) list.push_back(zeros_of(each).requires_grad_());
  return list;
}

void check_results(const List& results, bool strict) {
  for (size_t i = 0; strict && i < results.size(); ++i) {
    check(results[i].requires_grad(), "Output ", i,
          " of the user-provided function does not require gradients. The outputs must be computed "
          "in a differentiable manner from the input when running in strict mode.");
  }
}

/// The gradients of `outputs` weighted by `weights`; undefined where there are none.
List gradients(const List& outputs, const List& inputs, const List& weights, bool create_graph,
               bool retain_graph) {
  List chosen, chosen_weights;
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i].requires_grad()) continue;
    chosen.push_back(outputs[i]);
    chosen_weights.push_back(weights[i]);
  }
  if (chosen.empty()) return List(inputs.size());
  return grad(chosen, inputs, chosen_weights, retain_graph, create_graph, true);
}

/// What strict mode says of a gradient that is missing, or that can't be differentiated further.
struct Complaint {
  const char *missing, *after_missing, *constant, *after_constant;
};
constexpr const char* kStrict = ". This is not allowed in strict mode";
constexpr const char* kWithGraph = ". This is not allowed in strict mode when create_graph=True";
constexpr const char* kOfResult =
    "The output of the user-provided function is independent of input ";
constexpr const char* kOfJacobian =
    "The jacobian of the user-provided function is independent of input ";
constexpr const char* kOfHessian =
    "The hessian of the user-provided function is independent of input ";
constexpr Complaint kFirst = {kOfResult, kStrict, kOfJacobian, kWithGraph};
constexpr Complaint kFirstByTrick = {
    "The gradient with respect to the input is independent of entry ",
    " in the grad_outputs when using the double backward trick to compute forward mode gradients. "
    "This is not allowed in strict mode",
    kOfJacobian, kWithGraph};
constexpr Complaint kSecond = {kOfJacobian, kStrict, kOfHessian, kWithGraph};
constexpr Complaint kSecondByTrick = {
    "The hessian of the user-provided function is independent of entry ",
    " in the grad_jacobian. This is not allowed in strict mode as it prevents from using the "
    "double backward trick to replace forward mode AD",
    kOfHessian, kWithGraph};

/// Zeros in place of what does not depend; in strict mode, the error that says so.
List filled(List grads, const List& like, Options options, const Complaint& complaint) {
  for (size_t i = 0; i < grads.size(); ++i) {
    bool missing = !grads[i].defined();
    check(!options.strict || !missing, complaint.missing, i, complaint.after_missing, ".");
    bool constant = !missing && options.create_graph && !grads[i].requires_grad();
    check(!options.strict || !constant, complaint.constant, i, complaint.after_constant, ".");
    if (missing) grads[i] = zeros_of(like[i]);
  }
  return grads;
}

void check_jacobian(const List& jacobian, bool strict) {
  for (size_t i = 0; strict && i < jacobian.size(); ++i) {
    check(jacobian[i].requires_grad(),
          "While computing the hessian, found that the jacobian of the user-provided function with "
          "respect to input ",
          i,
          " is independent of the input. This is not allowed in strict mode. You should ensure "
          "that your function is twice differentiable and that the jacobian depends on the inputs "
          "(this would be violated by a linear function for example).");
  }
}

/// The vector to multiply by: `v` if it fits `like`, or 1. `whose` says what `like` are.
List vector_for(const List& like, const std::optional<Tensors>& v, const char* whose) {
  if (!v) {
    check(like.size() == 1 && like[0].numel() == 1, "The vector v can only be None if the ", whose,
          " a single Tensor with a single element.");
    return {ones(like[0].shape(), like[0].dtype())};
  }
  check(like.size() != 1 || v->size() == 1, "The given v should contain a single Tensor.");
  check(v->size() == like.size(), "v is a tuple of invalid length: should be ", like.size(),
        " but got ", v->size(), ".");
  for (size_t i = 0; i < like.size(); ++i) {
    std::string place = like.size() > 1 ? "Entry " + std::to_string(i) + " in v" : "v";
    check(same((*v)[i].shape(), like[i].shape()), place, " has invalid size: should be torch.Size(",
          to_string(like[i].shape()), ") but got torch.Size(", to_string((*v)[i].shape()), ").");
  }
  return {v->begin(), v->end()};
}
constexpr const char* kOfResults = "user-provided function returns";
constexpr const char* kOfInputs = "input to the user-provided function is";

/// The Jacobian of one result, by input: a backward pass for each of its elements.
List rows(size_t index, const Tensor& result, const List& inputs, Options options) {
  std::vector<List> collected(inputs.size());
  for (int64_t j = 0; j < result.numel(); ++j) {
    Tensor weight = zeros({result.numel()}, result.dtype());
    weight.select(0, j).fill_(1);
    List grads =
        gradients({result}, inputs, {weight.reshape(result.shape())}, options.create_graph, true);
    for (size_t i = 0; i < inputs.size(); ++i) {
      check(!options.strict || grads[i].defined(), "Output ", index,
            " of the user-provided function is independent of input ", i, kStrict, ".");
      bool constant = grads[i].defined() && options.create_graph && !grads[i].requires_grad();
      check(!options.strict || !constant, kOfJacobian, i, kWithGraph, ".");
      collected[i].push_back(grads[i].defined() ? grads[i] : zeros_of(inputs[i]));
    }
  }
  List jacobians;
  for (size_t i = 0; i < inputs.size(); ++i) {
    Dims shape(result.shape());
    shape.append(inputs[i].shape().begin(), inputs[i].shape().end());
    Tensor flat = collected[i].empty() ? zeros(Ints(shape), inputs[i].dtype())
                                       : stack(collected[i], 0).reshape(shape);
    jacobians.push_back(std::move(flat));
  }
  return jacobians;
}

/// The results of a function at `inputs`, its input number `i` moving along element `j`.
List results_along(Function function, const List& inputs, size_t i, int64_t j) {
  List duals;
  for (size_t k = 0; k < inputs.size(); ++k) {
    Tensor tangent = zeros({inputs[k].numel()}, inputs[k].dtype());
    if (k == i) tangent.select(0, j).fill_(1);
    duals.push_back(forward_ad::make_dual(inputs[k], tangent.view(inputs[k].shape())));
  }
  return function(duals);
}

/// The Jacobians by forward mode: a column for each element of the inputs.
std::vector<List> columns(Function function, Tensors given) {
  List inputs = returned({given.begin(), given.end()}, false);
  List results = function(inputs);
  std::vector<List> by_result(results.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    std::vector<List> collected(results.size());
    for (int64_t j = 0; j < inputs[i].numel(); ++j) {
      forward_ad::DualLevel level;
      List moving = results_along(function, inputs, i, j);
      for (size_t k = 0; k < results.size(); ++k) {
        Tensor tangent = forward_ad::unpack_dual(moving.at(k)).tangent;
        collected[k].push_back(tangent.defined() ? tangent.detach() : zeros_of(results[k]));
      }
    }
    for (size_t k = 0; k < results.size(); ++k) {
      Dims shape(results[k].shape());
      shape.append(inputs[i].shape().begin(), inputs[i].shape().end());
      by_result[k].push_back(collected[k].empty() ? zeros(Ints(shape), results[k].dtype())
                                                  : stack(collected[k], -1).reshape(shape));
    }
  }
  return by_result;
}

/// The one number that the user's function returned.
Tensor number_of(const List& results, const char* by, bool strict) {
  check_results(results, strict);
  check(results.size() == 1, "The function given to ", by, " should return a single Tensor");
  check(results[0].numel() == 1, "The Tensor returned by the function given to ", by,
        " should contain a single element");
  return results[0].reshape(Ints());
}

/// The gradient of a number, to be differentiated again. A missing one is zero, hence constant,
/// where `named` does not ask for the complaint that names it.
List gradient_of(const Tensor& number, const List& inputs, bool strict, bool named) {
  List grads = gradients({number}, inputs, {ones(Ints(), number.dtype())}, true, true);
  grads = filled(std::move(grads), inputs, {false, strict && named}, kFirst);
  check_jacobian(grads, strict);
  return grads;
}

/// What vhp and hvp begin with.
struct SecondOrder {
  List inputs, v, results, gradient;
  SecondOrder(const char* name, Function function, Tensors given, std::optional<Tensors> vector,
              Options options)
      : inputs(prepared(given, options.create_graph)),
        v(vector_for(inputs, vector, kOfInputs)),
        results(function(inputs)),
        gradient(
            gradient_of(number_of(results, name, options.strict), inputs, options.strict, true)) {}
};

}  // namespace

std::vector<List> jacobian(Function function, Tensors given, Options options) {
  check(!options.forward_mode || !(options.create_graph || options.strict),
        "jacobian: forward_mode goes neither with create_graph nor with strict");
  if (options.forward_mode) return columns(function, given);
  EnableGrad guard;
  List inputs = prepared(given, options.create_graph);
  List results = function(inputs);
  check_results(results, options.strict);
  std::vector<List> by_result;
  for (size_t i = 0; i < results.size(); ++i) {
    by_result.push_back(returned(rows(i, results[i], inputs, options), options.create_graph));
  }
  return by_result;
}

std::vector<List> hessian(Function function, Tensors inputs, Options options) {
  auto gradient = [&](const List& given) {
    EnableGrad guard;
    if (options.forward_mode) {  // which gives what does not require grad
      for (const Tensor& each : given) each.requires_grad_();
    }
    return gradient_of(number_of(function(given), "hessian", options.strict), given, options.strict,
                       false);
  };
  return jacobian(gradient, inputs, options);
}

Product vjp(Function function, Tensors given, std::optional<Tensors> vector, Options options) {
  EnableGrad guard;
  List inputs = prepared(given, options.create_graph);
  List results = function(inputs);
  check_results(results, options.strict);
  List v = vector_for(results, vector, kOfResults);
  List products = gradients(results, inputs, v, options.create_graph, options.create_graph);
  products = filled(std::move(products), inputs, options, kFirst);
  return {returned(std::move(results), options.create_graph),
          returned(std::move(products), options.create_graph)};
}

Product jvp(Function function, Tensors given, std::optional<Tensors> vector, Options options) {
  EnableGrad guard;
  List inputs = prepared(given, options.create_graph);
  List v = vector_for(inputs, vector, kOfInputs);
  List results = function(inputs);
  check_results(results, options.strict);
  // u·J is linear in u, so its gradient by u, weighted by v, is J·v.
  List weights = zeros_to_differentiate(results);
  List backward = filled(gradients(results, inputs, weights, true, true), inputs, options, kFirst);
  List products = gradients(backward, weights, v, options.create_graph, options.create_graph);
  products = filled(std::move(products), results, options, kFirstByTrick);
  return {returned(std::move(results), options.create_graph),
          returned(std::move(products), options.create_graph)};
}

Product vhp(Function function, Tensors given, std::optional<Tensors> vector, Options options) {
  EnableGrad guard;
  SecondOrder second("vhp", function, given, vector, options);
  List products = gradients(second.gradient, second.inputs, second.v, options.create_graph,
                            options.create_graph);
  products = filled(std::move(products), second.inputs, options, kSecond);
  return {returned(std::move(second.results), options.create_graph),
          returned(std::move(products), options.create_graph)};
}

Product hvp(Function function, Tensors given, std::optional<Tensors> vector, Options options) {
  EnableGrad guard;
  SecondOrder second("hvp", function, given, vector, options);
  // u·H is linear in u, so its gradient by u, weighted by v, is H·v.
  List weights = zeros_to_differentiate(second.inputs);
  List backward = filled(gradients(second.gradient, second.inputs, weights, true, true),
                         second.inputs, {true, false}, kSecond);
  List products =
      gradients(backward, weights, second.v, options.create_graph, options.create_graph);
  products = filled(std::move(products), second.inputs, options, kSecondByTrick);
  return {returned(std::move(second.results), options.create_graph),
          returned(std::move(products), options.create_graph)};
}

}  // namespace rushlight::autograd::functional
