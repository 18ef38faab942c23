// Spread and correlation: variance, standard deviation, covariance.

#include <rushlight/operators.h>

#include "ops/reduce.h"

#include <cmath>

namespace rushlight {

namespace {

/// Number of elements of `shape` that go into one of the result.
int64_t reduced_count(std::span<const int64_t> shape, std::span<const int64_t> dims) {
  Dims flags = wrap_dims(dims, int64_t(shape.size()));
  int64_t count = 1;
  for (size_t i = 0; i < shape.size(); ++i) count *= flags[i] ? shape[i] : 1;
  return count;
}

struct Spread {
  Tensor variance, mean;
};

Spread spread(const Tensor& input, std::optional<Ints> dim, std::optional<Scalar> correction,
              bool keepdim, bool square_root, bool wants_mean, const char* name) {
  check(is_floating(input.dtype()),
        name == std::string_view("std") || name[3] == 0 ? "std and var" : name,
        " only support floating point and complex dtypes; got ", info(input.dtype()).spoken,
        " (convert it with .float())");
  Ints dims = dim.value_or(Ints());
  double less = correction ? correction->real() : 1;
  Reduced reduced = reduced_layout(input, dims, keepdim);
  Spread result{make_tensor(reduced.shape, input.dtype(), input.device()), {}};
  if (wants_mean) result.mean = make_tensor(reduced.shape, input.dtype(), input.device());
  if (double(reduced_count(input.shape(), dims)) - less <= 0) {
    warn(std::string(name) +
         "(): degrees of freedom is <= 0. Correction should be strictly less than the reduction "
         "factor (input numel divided by output numel).");
  }
  if (result.variance.numel() == 0 || input.impl()->device == DeviceType::Meta) return result;
  Operand mean{wants_mean ? result.mean.data() : nullptr, input.dtype(), reduced.strides.data()};
  run_variance(input.dtype(), input.shape(), operand_of(input), less, square_root,
               {result.variance.data(), input.dtype(), reduced.strides.data()},
               wants_mean ? &mean : nullptr);
  return result;
}

Scalar correction_of(bool unbiased) { return int64_t(unbiased); }

Ints dims_of(const Backward& b) { return b.given("dim") ? b.ints("dim") : Ints(); }

/// 2 (x - mean) / (n - correction) times the gradient of the variance.
Tensor variance_gradient(Backward& b, const Tensor& grad) {
  Tensor input = b.saved("input");
  Ints dims = dims_of(b);
  double correction = b.given("correction") ? b.scalar("correction").real() : 1;
  double degrees = double(reduced_count(input.shape(), dims)) - correction;
  bool keepdim = b.flag("keepdim");
  Tensor mean = dims.empty() ? input.mean() : input.mean(dims, true);
  // As in PyTorch: without degrees of freedom the gradient is NaN, or infinite away from the mean.
  if (degrees <= 0) {
    Tensor spread_grad = unreduce(grad, input.shape(), dims, keepdim);
    if (degrees < 0) return (input - mean) * spread_grad * Scalar(2.0 / degrees);
    return spread_grad * ((input - mean) * INFINITY);
  }
  return unreduce(grad * (2.0 / degrees), input.shape(), dims, keepdim) * (input - mean);
}

/// From the gradient of the standard deviation to that of the variance; 0 where there is none.
Tensor root_gradient(const Tensor& grad, const Tensor& deviation) {
  return rushlight::where(deviation == Scalar(0), 0, grad / (deviation * 2));
}

Tensor mean_gradient(Backward& b, const Tensor& grad) {
  Ints shape = b.shape("input"), dims = dims_of(b);
  return unreduce(grad / reduced_count(shape, dims), shape, dims, b.flag("keepdim"));
}

/// Sum of the gradients that came through the spread and through the mean.
Tensor both_gradients(Backward& b, bool is_deviation) {
  Tensor total;
  if (b.has_grad(0)) {
    Tensor grad = is_deviation ? root_gradient(b.grad(0), b.saved("std")) : b.grad(0);
    total = variance_gradient(b, grad);
  }
  if (!b.has_grad(1)) return total;
  Tensor part = mean_gradient(b, b.grad(1));
  return total.defined() ? total + part : part;
}

Tensor covariance(const Tensor& given, int64_t correction, const Tensor& frequencies,
                  const Tensor& weights) {
  check(given.dim() <= 2,
        "cov(): expected input to have two or fewer dimensions but got an input with ", given.dim(),
        " dimensions");
  check(given.dtype() != DType::Bool, "cov(): bool dtype is not supported for input");
  Tensor input = given.dim() < 2 ? given.reshape({1, given.numel()}) : given;
  int64_t observations = input.size(1);
  Tensor w;
  if (frequencies.defined()) {
    check(frequencies.dim() <= 1,
          "cov(): expected fweights to have one or fewer dimensions but got fweights with ",
          frequencies.dim(), " dimensions");
    check(is_integral(frequencies.dtype()),
          "cov(): expected fweights to have integral dtype but got "
          "fweights with ",
          info(frequencies.dtype()).spoken, " dtype");
    check(frequencies.numel() == observations,
          "cov(): expected fweights to have the same numel as there are observations in the input "
          "but got ",
          frequencies.numel(), " != ", observations);
    check(observations == 0 || frequencies.min().item<int64_t>() >= 0,
          "cov(): fweights cannot be negative");
    w = frequencies;
  }
  if (weights.defined()) {
    check(weights.dim() <= 1,
          "cov(): expected aweights to have one or fewer dimensions but got aweights with ",
          weights.dim(), " dimensions");
    check(is_floating(weights.dtype()),
          "cov(): expected aweights to have floating point dtype but got aweights with ",
          info(weights.dtype()).spoken, " dtype");
    check(weights.numel() == observations,
          "cov(): expected aweights to have the same numel as there are observations in the input "
          "but got ",
          weights.numel(), " != ", observations);
    check(observations == 0 || weights.min().item<double>() >= 0,
          "cov(): aweights cannot be negative");
    w = w.defined() ? w * weights : weights;
  }
  Tensor total = w.defined() ? w.sum() : Tensor();
  Tensor mean =
      w.defined()
          ? (input * w).sum(1, true) / total
          : input.to(is_floating(input.dtype()) ? input.dtype() : default_dtype()).mean(1, true);
  Tensor centred = input - mean;
  Tensor norm;  // a tensor, as gradients flow to the weights through it
  if (!w.defined()) {
    norm = wrapped_number(double(observations - correction));
  } else if (weights.defined() && correction != 0) {
    Tensor squares = frequencies.defined() ? (w * weights).sum() : (w * w).sum();
    norm = total - squares * correction / total;
  } else {
    norm = total - correction;
  }
  if (norm.item<double>() <= 0) {
    warn(
        "cov(): degrees of freedom is <= 0. Correction should be strictly less than the number of "
        "observations.");
    norm = rushlight::zeros_like(norm);
  }
  Tensor right = (w.defined() ? centred * w : centred).t();
  return (centred.mm(right) / norm).squeeze();
}

}  // namespace

constinit const Op op::var = {
    .schema = "var(Tensor input, bool unbiased) -> Tensor",
    .doc = "The variance of all elements, over n - 1 if `unbiased`, else over n.",
    .examples = "var(randn(3, 4), False)",
    .compose = run([](const Tensor& input, bool unbiased) {
      return input.var(std::optional<Ints>(), correction_of(unbiased), false);
    }),
};

constinit const Op op::var_dim = {
    .schema = "var.dim(Tensor input, int[1]? dim, bool unbiased, bool keepdim=False) -> Tensor",
    .doc = "The variance over the dims given (all if none).",
    .examples = "var(randn(3, 4), 1, False)\nvar(randn(3, 4), 1, unbiased=True, keepdim=True)",
    .compose = run([](const Tensor& input, std::optional<Ints> dim, bool unbiased, bool keepdim) {
      return input.var(dim, correction_of(unbiased), keepdim);
    }),
};

constinit const Op op::var_correction = {
    .schema =
        "var.correction(Tensor input, int[1]? dim=None, *, Scalar? correction=None, "
        "bool keepdim=False) -> Tensor",
    .doc = "The variance over the dims given: squared deviations over max(0, n - correction).",
    .examples = "var(randn(3, 4))\nvar(randn(3, 4), 1)\nvar(randn(3, 4), 0, correction=0)",
    .forward = run([](const Tensor& input, std::optional<Ints> dim,
                      std::optional<Scalar> correction, bool keepdim) {
      return spread(input, dim, correction, keepdim, false, false, "var").variance;
    }),
    .save = "input",
    .backward = [](Backward& b) { b.wrt("input", [&] { return variance_gradient(b, b.grad()); }); },
};

constinit const Op op::std = {
    .schema = "std(Tensor input, bool unbiased) -> Tensor",
    .doc = "The standard deviation of all elements, over n - 1 if `unbiased`, else over n.",
    .examples = "std(randn(3, 4), False)",
    .compose = run([](const Tensor& input, bool unbiased) {
      return input.std(std::optional<Ints>(), correction_of(unbiased), false);
    }),
};

constinit const Op op::std_dim = {
    .schema = "std.dim(Tensor input, int[1]? dim, bool unbiased, bool keepdim=False) -> Tensor",
    .doc = "The standard deviation over the dims given (all if none).",
    .examples = "std(randn(3, 4), 1, False)\nstd(randn(3, 4), 1, unbiased=True, keepdim=True)",
    .compose = run([](const Tensor& input, std::optional<Ints> dim, bool unbiased, bool keepdim) {
      return input.std(dim, correction_of(unbiased), keepdim);
    }),
};

constinit const Op op::std_correction = {
    .schema =
        "std.correction(Tensor input, int[1]? dim=None, *, Scalar? correction=None, "
        "bool keepdim=False) -> Tensor",
    .doc = "The square root of the variance over the dims given.",
    .examples = "std(randn(3, 4))\nstd(randn(3, 4), 1)\nstd(randn(3, 4), 0, correction=0)",
    .forward = run([](const Tensor& input, std::optional<Ints> dim,
                      std::optional<Scalar> correction, bool keepdim) {
      return spread(input, dim, correction, keepdim, true, false, "std").variance;
    }),
    .save = "input, result",
    .backward =
        [](Backward& b) {
          b.wrt("input",
                [&] { return variance_gradient(b, root_gradient(b.grad(), b.saved("result"))); });
        },
};

constinit const Op op::var_mean = {
    .schema = "var_mean(Tensor input, bool unbiased) -> (Tensor, Tensor)",
    .doc = "The variance and the mean of all elements.",
    .examples = "var_mean(randn(3, 4), False)",
    .variants = "function-only",
    .compose = run([](const Tensor& input, bool unbiased) {
      return rushlight::var_mean(input, std::optional<Ints>(), correction_of(unbiased), false);
    }),
};

constinit const Op op::var_mean_dim = {
    .schema =
        "var_mean.dim(Tensor input, int[1]? dim, bool unbiased, bool keepdim=False) -> (Tensor, "
        "Tensor)",
    .doc = "The variance and the mean over the dims given.",
    .examples = "var_mean(randn(3, 4), 1, False)",
    .variants = "function-only",
    .compose = run([](const Tensor& input, std::optional<Ints> dim, bool unbiased, bool keepdim) {
      return rushlight::var_mean(input, dim, correction_of(unbiased), keepdim);
    }),
};

constinit const Op op::var_mean_correction = {
    .schema =
        "var_mean.correction(Tensor input, int[1]? dim=None, *, Scalar? correction=None, "
        "bool keepdim=False) -> (Tensor var, Tensor mean)",
    .doc = "The variance and the mean over the dims given.",
    .examples = "var_mean(randn(3, 4))\nvar_mean(randn(3, 4), 1, keepdim=True)",
    .variants = "function-only",
    .forward = run([](const Tensor& input, std::optional<Ints> dim,
                      std::optional<Scalar> correction, bool keepdim) {
      Spread both = spread(input, dim, correction, keepdim, false, true, "var_mean");
      return std::tuple(both.variance, both.mean);
    }),
    .save = "input",
    .backward = [](Backward& b) { b.wrt("input", [&] { return both_gradients(b, false); }); },
};

constinit const Op op::std_mean = {
    .schema = "std_mean(Tensor input, bool unbiased) -> (Tensor, Tensor)",
    .doc = "The standard deviation and the mean of all elements.",
    .examples = "std_mean(randn(3, 4), False)",
    .variants = "function-only",
    .compose = run([](const Tensor& input, bool unbiased) {
      return rushlight::std_mean(input, std::optional<Ints>(), correction_of(unbiased), false);
    }),
};

constinit const Op op::std_mean_dim = {
    .schema =
        "std_mean.dim(Tensor input, int[1]? dim, bool unbiased, bool keepdim=False) -> (Tensor, "
        "Tensor)",
    .doc = "The standard deviation and the mean over the dims given.",
    .examples = "std_mean(randn(3, 4), 1, False)",
    .variants = "function-only",
    .compose = run([](const Tensor& input, std::optional<Ints> dim, bool unbiased, bool keepdim) {
      return rushlight::std_mean(input, dim, correction_of(unbiased), keepdim);
    }),
};

constinit const Op op::std_mean_correction = {
    .schema =
        "std_mean.correction(Tensor input, int[1]? dim=None, *, Scalar? correction=None, "
        "bool keepdim=False) -> (Tensor std, Tensor mean)",
    .doc = "The standard deviation and the mean over the dims given.",
    .examples = "std_mean(randn(3, 4))\nstd_mean(randn(3, 4), 1, keepdim=True)",
    .variants = "function-only",
    .forward = run([](const Tensor& input, std::optional<Ints> dim,
                      std::optional<Scalar> correction, bool keepdim) {
      Spread both = spread(input, dim, correction, keepdim, true, true, "std_mean");
      return std::tuple(both.variance, both.mean);
    }),
    .save = "input, std",
    .backward = [](Backward& b) { b.wrt("input", [&] { return both_gradients(b, true); }); },
};

constinit const Op op::cov = {
    .schema =
        "cov(Tensor input, *, int correction=1, Tensor? fweights=None, Tensor? aweights=None) -> "
        "Tensor",
    .doc = "Covariances of the rows; columns are observations, counted `fweights` times.",
    .examples =
        "cov(randn(3, 4))\ncov(randn(2, 3), correction=0, fweights=tensor([1, 2, 1]), "
        "aweights=rand(3))",
    .compose = run<covariance>(),
};

constinit const Op op::corrcoef = {
    .schema = "corrcoef(Tensor input) -> Tensor",
    .doc = "Pearson's correlations of the rows; columns are observations.",
    .examples = "corrcoef(randn(3, 4))",
    .compose = run([](const Tensor& input) {
      check(input.dim() <= 2,
            "corrcoef(): expected input to have two or fewer dimensions but got an input with ",
            input.dim(), " dimensions");
      Tensor covariances = input.cov();
      if (covariances.dim() == 0) return covariances / covariances;
      int64_t step = covariances.stride(0) + covariances.stride(1);
      Tensor deviation = covariances.as_strided({covariances.size(0)}, {step}).sqrt();
      Tensor scaled = covariances / deviation.unsqueeze(1) / deviation.unsqueeze(0);
      return scaled.clamp(Scalar(-1), Scalar(1));
    }),
};

}  // namespace rushlight
