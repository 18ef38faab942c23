#include <rushlight/gradcheck.h>
#include <rushlight/operators.h>

#include <cmath>

namespace rushlight::autograd {

namespace {

using functional::Function;
using functional::List;

template <class... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) throw GradcheckError(((message_part(parts)) + ...));
}

/// The results that can be differentiated, in order; all of them where `which` was found before.
struct Selection {
  std::vector<size_t> which;

  List of(const List& results) const {
    List selected;
    for (size_t i : which) selected.push_back(results[i]);
    return selected;
  }
};

/// Writes element number `index` of a tensor of any strides, without autograd; returns it as it
/// was.
double exchange(const Tensor& tensor, int64_t index, double value) {
  int64_t offset = 0;
  for (size_t i = tensor.shape().size(); i-- > 0;) {
    offset += index % tensor.shape()[i] * tensor.strides()[i];
    index /= tensor.shape()[i];
  }
  return dispatch(tensor.dtype(), [&]<class T>(CppType<T>) {
    T* element = tensor.data<T>() + offset;
    double before = double(*element);
    *element = T(value);
    return before;
  });
}

/// The Jacobian of each result by one input: (elements of the input, elements of the result).
List differences(Function function, const List& inputs, const Tensor& input,
                 const Selection& selection, double eps) {
  std::vector<List> rows;  // by result
  auto values = [&](int64_t i, double value) {
    exchange(input, i, value);
    NoGrad guard;
    List results = selection.of(function(inputs));
    for (Tensor& result : results) result = result.detach().clone().to(DType::Float64);
    return results;
  };
  for (int64_t i = 0; i < input.numel(); ++i) {
    double before = exchange(input, i, 0);
    List low = values(i, before - eps), high = values(i, before + eps);
    exchange(input, i, before);
    rows.resize(low.size());
    for (size_t k = 0; k < low.size(); ++k)
      rows[k].push_back(((high[k] - low[k]) / (2 * eps)).reshape(Ints(-1)));
  }
  List jacobians;
  for (const List& row : rows) jacobians.push_back(stack(row, 0));
  return jacobians;
}

/// The same by backward, of one result by every input.
List by_backward(const Tensor& result, const List& inputs) {
  List jacobians;
  for (const Tensor& input : inputs)
    jacobians.push_back(zeros({input.numel(), result.numel()}, DType::Float64));
  for (int64_t i = 0; i < result.numel(); ++i) {
    Tensor weight = zeros({result.numel()}, result.dtype());
    weight.select(0, i).fill_(1);
    List grads = grad({result}, inputs, {weight.reshape(result.shape())}, true, false, true);
    for (size_t k = 0; k < inputs.size(); ++k) {
      if (!grads[k].defined()) continue;
      bool fits = same(grads[k].shape(), inputs[k].shape());
      require(fits && grads[k].dtype() == inputs[k].dtype(), "Analytical gradient has incorrect ",
              fits ? "type" : "size");
      jacobians[k].select(1, i).copy_(grads[k].detach().reshape(Ints(-1)));
    }
  }
  return jacobians;
}

void require_close(const Tensor& analytical, const Tensor& numerical, size_t i, size_t j,
                   const char* by, const GradcheckOptions& options) {
  require(allclose(analytical, numerical, options.rtol, options.atol), "Jacobian ", by,
          "mismatch for output ", i, " with respect to input ", j, ",\nnumerical:", numerical,
          "\nanalytical:", analytical, "\n");
}

/// `numerical`: by input, then by result.
void compare_backward(const List& results, const List& differentiated,
                      const std::vector<List>& numerical, const GradcheckOptions& options) {
  for (size_t i = 0; i < results.size(); ++i) {
    List analytical = by_backward(results[i], differentiated);
    List again = by_backward(results[i], differentiated);
    for (size_t j = 0; j < differentiated.size(); ++j) {
      if (analytical[j].numel() == 0) continue;
      require((analytical[j] - again[j]).abs().max().item<double>() <= options.nondet_tol,
              "Backward is not reentrant, i.e., running backward with same input and grad_output "
              "multiple times gives different values, although analytical gradient matches "
              "numerical gradient.The tolerance for nondeterminism was ",
              options.nondet_tol, ".");
      require_close(analytical[j], numerical[j][i], i, j, "", options);
    }
  }
}

void compare_forward(Function function, const List& inputs, const List& differentiated,
                     const Selection& selection, const std::vector<List>& numerical,
                     const GradcheckOptions& options) {
  auto moving = [&](const List& duals) {
    List given = inputs;
    size_t next = 0;
    for (Tensor& each : given) {
      if (each.requires_grad()) each = duals[next++];
    }
    return selection.of(function(given));
  };
  functional::Options forward;
  forward.forward_mode = true;
  auto exact = functional::jacobian(moving, differentiated, forward);
  for (size_t i = 0; i < exact.size(); ++i) {
    for (size_t j = 0; j < differentiated.size(); ++j) {
      const Tensor& expected = numerical[j][i];
      if (expected.numel() == 0) continue;
      Tensor rows = exact[i][j].reshape({expected.size(1), expected.size(0)});
      require_close(rows.t().to(expected.dtype()), expected, i, j, "computed with forward mode ",
                    options);
    }
  }
}

void compare(Function function, const List& inputs, const List& differentiated,
             const GradcheckOptions& options) {
  EnableGrad guard;
  List all = function(inputs);
  Selection selection;
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].requires_grad()) selection.which.push_back(i);
  }
  std::vector<List> numerical;
  for (const Tensor& input : differentiated)
    numerical.push_back(differences(function, inputs, input, selection, options.eps));
  if (options.check_backward_ad)
    compare_backward(selection.of(all), differentiated, numerical, options);
  if (options.check_forward_ad)
    compare_forward(function, inputs, differentiated, selection, numerical, options);
}

List differentiated_among(Tensors inputs) {
  List differentiated;
  for (const Tensor& input : inputs) {
    if (input.requires_grad()) differentiated.push_back(input);
  }
  check(!differentiated.empty(), ErrorKind::Value,
        "gradcheck expects at least one input tensor to require gradient, but none of them have "
        "requires_grad=True.");
  return differentiated;
}

}  // namespace

bool gradcheck(Function function, Tensors inputs, const GradcheckOptions& options) {
  check(options.check_backward_ad || options.check_forward_ad, ErrorKind::Assertion,
        "Expected at least one of check_forward_ad or check_backward_ad to be True");
  List differentiated = differentiated_among(inputs);
  try {
    compare(function, {inputs.begin(), inputs.end()}, differentiated, options);
  } catch (const GradcheckError&) {
    if (options.raise_exception) throw;
    return false;
  }
  return true;
}

bool gradgradcheck(Function function, Tensors inputs, Tensors grad_outputs,
                   const GradcheckOptions& options) {
  EnableGrad guard;
  List all(inputs.begin(), inputs.end());
  List weights(grad_outputs.begin(), grad_outputs.end());
  if (weights.empty()) {
    for (const Tensor& result : function(all)) {
      if (!result.requires_grad()) continue;
      weights.push_back(randn_like(result.detach()));
      weights.back().requires_grad_();
    }
  }
  const size_t count = all.size();
  all.insert(all.end(), weights.begin(), weights.end());
  std::vector<bool> required;
  for (const Tensor& each : all) required.push_back(each.requires_grad());
  auto gradients = [&](const List& given) {
    for (size_t i = 0; i < given.size(); ++i) {  // forward mode gives what does not require grad
      if (required[i]) given[i].requires_grad_();
    }
    List results, own(given.begin(), given.begin() + ptrdiff_t(count));
    for (Tensor& result : function(own)) {
      if (result.requires_grad()) results.push_back(std::move(result));
    }
    // Without grad mode, as finite differences call it, there is nothing to differentiate.
    List by = differentiated_among(own), with(given.begin() + ptrdiff_t(count), given.end());
    List grads = grad(results, by, with, true, true, true);
    for (size_t i = 0; i < grads.size(); ++i) {
      if (!grads[i].defined()) grads[i] = zeros(by[i].shape(), by[i].dtype());
    }
    return grads;
  };
  auto recorded = [&](const List& given) {
    EnableGrad inside;
    return gradients(given);
  };
  return gradcheck(recorded, all, options);
}

}  // namespace rushlight::autograd
