// Dropout (Srivastava et al., 2014) and its forms: noise drawn from the generator, times the input.

#include <rushlight/operators.h>
#include <rushlight/ops.h>

#include "ops/pointwise.h"

#include <cmath>

namespace rushlight {

namespace {

void check_probability(double p) {
  check(p >= 0 && p <= 1, ErrorKind::Value,
        "dropout probability has to be between 0 and 1, but got ", Scalar(p));
}

/// One number for each element, or with `features` for each channel of (N, C, …).
Tensor noise_for(const Tensor& input, bool features) {
  if (!features) return empty_like(input);
  check(input.dim() >= 2, "Feature dropout requires at least 2 dimensions in the input; got ",
        to_string(input.shape()));
  Dims shape(size_t(input.dim()), 1);
  shape[0] = input.size(0);
  shape[1] = input.size(1);
  return empty(shape, input.dtype(), input.device());
}

Tensor times(const Tensor& input, const Tensor& noise, bool inplace) {
  if (inplace) return input.mul_(noise);
  return input * noise;
}

Tensor drop(const Tensor& input, double p, bool training, bool inplace, bool features) {
  check_probability(p);
  if (p == 0 || !training || input.numel() == 0) return input;
  if (p == 1) return times(input, zeros({}, input.dtype()), inplace);
  Tensor noise = noise_for(input, features);
  noise.bernoulli_(1 - p);
  noise.div_(1 - p);
  return times(input, noise, inplace);
}

/// Klambauer et al., 2017: what is dropped becomes SELU's lower limit; the affine map restores mean
/// and variance.
Tensor drop_alpha(const Tensor& input, double p, bool training, bool inplace, bool features) {
  constexpr double kAlpha = 1.7580993408473766;
  check_probability(p);
  if (p == 0 || !training || input.numel() == 0) return input;
  if (p == 1) return times(input, zeros({}, input.dtype()), inplace);
  Tensor noise = noise_for(input, features);
  noise.bernoulli_(1 - p);
  double a = 1 / std::sqrt((kAlpha * kAlpha * p + 1) * (1 - p));
  Tensor shift = noise - 1;
  shift.mul_(kAlpha * a);
  shift.add_(kAlpha * a * p);
  noise.mul_(a);
  if (inplace) {
    input.mul_(noise);
    return input.add_(shift);
  }
  return input * noise + shift;
}

/// Inputs of as many dims as `batched`, or one less for a sample without a batch dim.
Tensor drop_channels(const Tensor& input, double p, bool training, bool inplace, int64_t batched,
                     const char* name) {
  check_probability(p);
  bool single = input.dim() == batched - 1;
  if (!single && input.dim() != batched) {
    auto text = [](int64_t number) { return std::to_string(number); };
    warn(std::string(name) + ": Received a " + text(input.dim()) + "-D input to " + name +
         ", which is deprecated and will result in an error in a future release. To retain the "
         "behavior and silence this warning, please use dropout instead. Note that " +
         name + " exists to provide channel-wise dropout on inputs with " + text(batched - 2) +
         " spatial dimensions, a channel dimension, and an optional batch dimension (i.e. " +
         text(batched - 1) + "D or " + text(batched) + "D inputs).");
  }
  if (batched == 4) {  // PyTorch's dropout2d sees a batch of sequences in three dims
    if (single)
      warn(
          "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout "
          "behavior is desired - input is interpreted as shape (N, C, L), where C is the channel "
          "dim. This behavior will change in a future release to interpret the input as one "
          "without a batch dimension, i.e. shape (C, H, W). To maintain the 1D channel-wise "
          "dropout behavior, please switch to using dropout1d instead.");
    return drop(input, p, training, inplace, true);
  }
  if (!single) return drop(input, p, training, inplace, true);
  if (inplace) {
    drop(input.unsqueeze(0), p, training, true, true);
    return input;
  }
  return drop(input.unsqueeze(0), p, training, false, true).squeeze(0);
}

/// dropout(input, p, train) and dropout_() of torch itself, of one of the kinds above.
template <Tensor (*kind)(const Tensor&, double, bool, bool, bool), bool features>
void drop_or_drop_in_place(Call& call) {
  double p = call.arguments[1].as<double>();
  bool train = call.arguments[2].as<bool>();
  check(p >= 0 && p <= 1, "dropout probability has to be between 0 and 1, but got ", Scalar(p));
  store(call.results, kind(call.arguments[0].tensor(), p, train, call.destination, features));
}

}  // namespace

constinit const Op op::dropout = {
    .schema =
        "dropout(Tensor input, float p=0.5, bool training=True, bool inplace=False) -> Tensor",
    .doc =
        "While training, zeroes elements with probability `p` and scales the others by "
        "1 / (1 - p).",
    .examples = "F.dropout(randn(4, 5), 0.5, False)\nF.dropout(randn(3), p=0.0)",
    .variants = "nn",
    .compose = run([](const Tensor& input, double p, bool training, bool inplace) {
      return drop(input, p, training, inplace, false);
    }),
};

constinit const Op op::dropout1d = {
    .schema =
        "dropout1d(Tensor input, float p=0.5, bool training=True, bool inplace=False) -> Tensor",
    .doc = "While training, zeroes whole channels of (N, C, L) or (C, L).",
    .examples = "F.dropout1d(randn(2, 3, 4), 0.5, False)",
    .variants = "nn",
    .compose = run([](const Tensor& input, double p, bool training, bool inplace) {
      check(input.dim() == 2 || input.dim() == 3,
            "dropout1d: Expected 2D or 3D input, but received a ", input.dim(),
            "D input. Note that dropout1d exists to provide channel-wise dropout on inputs with 1 "
            "spatial dimension, a channel dimension, and an optional batch dimension (i.e. 2D or "
            "3D inputs).");
      return drop_channels(input, p, training, inplace, 3, "dropout1d");
    }),
};

constinit const Op op::dropout2d = {
    .schema =
        "dropout2d(Tensor input, float p=0.5, bool training=True, bool inplace=False) -> Tensor",
    .doc = "While training, zeroes whole channels of (N, C, H, W).",
    .examples = "F.dropout2d(randn(2, 3, 4, 4), 0.5, False)",
    .variants = "nn",
    .compose = run([](const Tensor& input, double p, bool training, bool inplace) {
      return drop_channels(input, p, training, inplace, 4, "dropout2d");
    }),
};

constinit const Op op::dropout3d = {
    .schema =
        "dropout3d(Tensor input, float p=0.5, bool training=True, bool inplace=False) -> Tensor",
    .doc = "While training, zeroes whole channels of (N, C, D, H, W) or (C, D, H, W).",
    .examples = "F.dropout3d(randn(2, 3, 2, 2, 2), 0.5, False)",
    .variants = "nn",
    .compose = run([](const Tensor& input, double p, bool training, bool inplace) {
      return drop_channels(input, p, training, inplace, 5, "dropout3d");
    }),
};

constinit const Op op::alpha_dropout = {
    .schema =
        "alpha_dropout(Tensor input, float p=0.5, bool training=False, bool inplace=False) -> "
        "Tensor",
    .doc = "Dropout that keeps the mean 0 and variance 1 of what SELU gives.",
    .examples = "F.alpha_dropout(randn(4, 5), 0.5, False)",
    .variants = "nn",
    .compose = run([](const Tensor& input, double p, bool training, bool inplace) {
      return drop_alpha(input, p, training, inplace, false);
    }),
};

constinit const Op op::feature_alpha_dropout = {
    .schema =
        "feature_alpha_dropout(Tensor input, float p=0.5, bool training=False, "
        "bool inplace=False) -> Tensor",
    .doc = "alpha_dropout of whole channels of (N, C, …).",
    .examples = "F.feature_alpha_dropout(randn(2, 3, 4), 0.5, False)",
    .variants = "nn",
    .compose = run([](const Tensor& input, double p, bool training, bool inplace) {
      return drop_alpha(input, p, training, inplace, true);
    }),
};

constinit const Op op::dropout_torch = {
    .schema = "dropout.torch(Tensor input, float p, bool train) -> Tensor",
    .doc = "nn.functional's.",
    .examples = "dropout(randn(4, 5), 0.5, False)\ndropout(randn(4, 5), 1.0, train=True)",
    .variants = "torch-only, in-place",
    .compose = drop_or_drop_in_place<drop, false>,
};

constinit const Op op::feature_dropout = {
    .schema = "feature_dropout(Tensor input, float p, bool train) -> Tensor",
    .doc = "While training, zeroes whole channels of (N, C, …).",
    .examples = "feature_dropout(randn(4, 5), 0.5, False)",
    .variants = "function-only, in-place",
    .compose = drop_or_drop_in_place<drop, true>,
};

constinit const Op op::alpha_dropout_torch = {
    .schema = "alpha_dropout.torch(Tensor input, float p, bool train) -> Tensor",
    .doc = "nn.functional's.",
    .examples = "alpha_dropout(randn(4, 5), 0.5, False)",
    .variants = "torch-only, in-place",
    .compose = drop_or_drop_in_place<drop_alpha, false>,
};

constinit const Op op::feature_alpha_dropout_torch = {
    .schema = "feature_alpha_dropout.torch(Tensor input, float p, bool train) -> Tensor",
    .doc = "nn.functional's.",
    .examples = "feature_alpha_dropout(randn(2, 3, 4), 0.5, False)",
    .variants = "torch-only, in-place",
    .compose = drop_or_drop_in_place<drop_alpha, true>,
};

constinit const Op op::native_dropout = {
    .schema = "native_dropout(Tensor input, float p, bool? train) -> (Tensor, Tensor)",
    .doc = "dropout(), and which elements it kept; `train` None means True.",
    .examples = "native_dropout(randn(4, 5), 0.5, False)\nnative_dropout(randn(4, 5), 1.0, None)",
    .variants = "function-only",
    .compose = run([](const Tensor& input, double p, std::optional<bool> train) {
      if (input.numel() == 0) return std::tuple(input, rushlight::empty_like(input));
      if (!train.value_or(true)) {
        return std::tuple(input.clone(), rushlight::ones_like(input, DType::Bool));
      }
      check_can_cast(DType::Float32, input.dtype());
      Tensor mask = rushlight::empty_like(input, DType::Bool).bernoulli_(1 - p);
      return std::tuple(input * mask * (p == 1 ? 0 : 1 / (1 - p)), mask);
    }),
};

}  // namespace rushlight
