// Losses of classification: negative log-likelihood and cross-entropy.

#include "ops/loss.h"

#include <rushlight/operators.h>

#include "ops/reduce.h"

#include <cstring>

namespace rushlight {

LossReduction loss_reduction(std::optional<bool> size_average, std::optional<bool> reduce,
                             std::string_view reduction) {
  if (size_average || reduce) [[unlikely]] {
    bool average = size_average.value_or(true), reduces = reduce.value_or(true);
    reduction = !reduces ? "none" : average ? "mean" : "sum";
    warn("size_average and reduce args will be deprecated, please use reduction='" +
         std::string(reduction) + "' instead.");
  }
  if (reduction == "mean") return LossReduction::Mean;
  if (reduction == "sum") return LossReduction::Sum;
  check(reduction == "none", ErrorKind::Value, reduction,
        " is not a valid value for reduction; it is 'none', 'mean' or 'sum'");
  return LossReduction::None;
}

std::string_view reduction_name(int64_t number) {
  if (number == int64_t(LossReduction::Mean)) return "mean";
  return number == int64_t(LossReduction::Sum) ? "sum" : "none";
}

Tensor reduce_loss(const Tensor& losses, LossReduction reduction) {
  if (reduction == LossReduction::None) return losses;
  return reduction == LossReduction::Mean ? losses.mean() : losses.sum();
}

Tensor loss_gradient(const Tensor& grad, LossReduction reduction, int64_t count) {
  return reduction == LossReduction::Mean ? grad / count : grad;
}

std::string size_text(const Tensor& tensor) {
  return "torch.Size(" + to_string(tensor.shape()) + ")";
}

void refuse_grad(const Tensor& argument, const char* name, const char* function) {
  check(!argument.defined() || !argument.requires_grad() || !autograd::grad_enabled(),
        "The function '", function, "' is not differentiable with respect to argument '", name,
        "'. This input cannot have requires_grad True.");
}

void warn_broadcast(const Tensor& input, const Tensor& target) {
  if (same(input.shape(), target.shape())) [[likely]]
    return;
  warn("Using a target size (" + size_text(target) + ") that is different to the input size (" +
       size_text(input) +
       "). This will likely lead to incorrect results due to broadcasting. Please ensure they have "
       "the same size.");
}

namespace {

/// Scores of `classes` classes for each of batch * inner places, contiguous as (batch, classes,
/// inner); targets as (batch, inner).
struct Places {
  int64_t batch, classes, inner;
  explicit Places(std::span<const int64_t> shape)
      : batch(shape.size() == 1 ? 1 : shape[0]), classes(shape[shape.size() > 1]), inner(1) {
    for (size_t i = 2; i < shape.size(); ++i) inner *= shape[i];
  }
};

void check_nll(const Tensor& input, const Tensor& target, const Tensor& weight) {
  int64_t dims = input.dim();
  if (dims <= 2) {
    check(target.dim() <= 1, "0D or 1D target tensor expected, multi-target not supported; got ",
          to_string(target.shape()), " for the input ", to_string(input.shape()));
    check(dims == 2 || target.numel() == 1, ErrorKind::Value,
          "For 1D input, 1D target must have size 1, but got target size: ", target.numel());
  } else if (dims == 4) {
    check(target.dim() == 3,
          "only batches of spatial targets supported (3D tensors) but got targets of dimension: ",
          target.dim());
    check(input.shape()[0] == target.shape()[0] && input.shape()[2] == target.shape()[1] &&
              input.shape()[3] == target.shape()[2],
          "size mismatch (got input: ", to_string(input.shape()),
          " , target: ", to_string(target.shape()));
  } else {
    Dims expected(input.shape());
    expected.erase(1);
    check(same(expected, target.shape()), "Expected target size ", to_string(expected), ", got ",
          to_string(target.shape()));
  }
  check(target.dtype() == DType::Int64 || target.dtype() == DType::UInt8,
        "expected target dtype to be Long or Byte, but got ", info(target.dtype()).spoken,
        "; class indices are integers: convert with target.long()");
  check(is_floating(input.dtype()), ErrorKind::NotImplemented,
        "\"nll_loss_out_frame\" not implemented for '", info(input.dtype()).spoken, "'");
  if (!weight.defined()) return;
  int64_t classes = input.shape()[dims > 1];
  check(weight.dim() == 1 && weight.numel() == classes,
        "weight tensor should be defined either for all ", classes,
        " classes or no classes but got weight tensor of shape: ", to_string(weight.shape()));
  check(weight.dtype() == input.dtype(), "expected scalar type ", info(input.dtype()).spoken,
        " but found ", info(weight.dtype()).spoken);
}

/// Calls `visit(place, class, index of the score)` for each target that is not ignored.
template <class Index, class Visit>
void for_each_target(const Places& places, const Index* target, int64_t ignore_index,
                     Visit&& visit) {
  int64_t count = places.batch * places.inner;
  for (int64_t i = 0; i < count; ++i) {
    int64_t label = target[i];
    if (label == ignore_index) continue;
    check(label >= 0 && label < places.classes, ErrorKind::Index, "Target ", label,
          " is out of bounds. There are ", places.classes, " classes, from 0 to ",
          places.classes - 1);
    int64_t row = places.inner == 1 ? i : i / places.inner;
    int64_t column = places.inner == 1 ? 0 : i % places.inner;
    visit(i, label, (row * places.classes + label) * places.inner + column);
  }
}

void set_zero(const Tensor& fresh) {
  if (fresh.numel() > 0)
    std::memset(fresh.data(), 0, size_t(fresh.numel() * size_of(fresh.dtype())));
}

template <class Function>
void dispatch_floating(DType dtype, Function&& function) {
  dispatch(dtype, [&]<class T>(CppType<T> type) {
    if constexpr (!std::is_integral_v<T>) function(type);
  });
}

template <class Visit>
void visit_targets(const Places& places, const Tensor& target, int64_t ignore_index,
                   Visit&& visit) {
  Tensor labels = target.contiguous();
  if (labels.dtype() == DType::Int64)
    for_each_target(places, labels.data<int64_t>(), ignore_index, visit);
  else
    for_each_target(places, labels.data<uint8_t>(), ignore_index, visit);
}

std::tuple<Tensor, Tensor> nll_forward(const Tensor& input, const Tensor& target,
                                       const Tensor& weight, LossReduction reduction,
                                       int64_t ignore_index) {
  check_nll(input, target, weight);
  bool each = reduction == LossReduction::None;
  Tensor output = make_tensor(each ? target.shape() : Ints(), input.dtype(), input.device());
  Tensor total_weight = make_tensor({}, input.dtype(), input.device());
  if (input.impl()->device == DeviceType::Meta) return {output, total_weight};
  Tensor scores = input.contiguous();
  Tensor weights = weight.defined() ? weight.contiguous() : weight;
  if (each) set_zero(output);
  dispatch_floating(input.dtype(), [&]<class T>(CppType<T>) {
    const T* x = scores.data<T>();
    const T* w = weights.defined() ? weights.data<T>() : nullptr;
    T* result = output.data<T>();
    double sum = 0, total = 0;
    visit_targets(Places(input.shape()), target, ignore_index,
                  [&](int64_t place, int64_t label, int64_t index) {
                    double factor = w ? double(w[label]) : 1.0;
                    double loss = -double(x[index]) * factor;
                    if (each)
                      result[place] = T(loss);
                    else
                      sum += loss;
                    total += factor;
                  });
    if (!each) *result = T(reduction == LossReduction::Mean ? sum / total : sum);
    *total_weight.data<T>() = T(each ? 0 : total);
  });
  return {output, total_weight};
}

Tensor nll_gradient(const Tensor& grad, const Tensor& target, const Tensor& weight,
                    const Tensor& total_weight, std::span<const int64_t> shape,
                    LossReduction reduction, int64_t ignore_index) {
  Tensor result = make_tensor(shape, grad.dtype(), grad.device());
  if (result.impl()->device == DeviceType::Meta) return result;
  set_zero(result);
  Tensor arrived = grad.contiguous();
  Tensor weights = weight.defined() ? weight.contiguous() : weight;
  dispatch_floating(grad.dtype(), [&]<class T>(CppType<T>) {
    using Real = std::conditional_t<std::is_same_v<T, double>, double, float>;
    const T* g = arrived.data<T>();
    const T* w = weights.defined() ? weights.data<T>() : nullptr;
    T* x = result.data<T>();
    bool each = reduction == LossReduction::None;
    Real common = each ? Real(0) : -Real(*g);
    if (reduction == LossReduction::Mean) common /= Real(*total_weight.data<T>());
    visit_targets(Places(shape), target, ignore_index,
                  [&](int64_t place, int64_t label, int64_t index) {
                    Real value = each ? -Real(g[place]) : common;
                    x[index] = T(w ? value * Real(w[label]) : value);
                  });
  });
  return result;
}

Tensor nll_loss_backward(Backward& b) {
  return rushlight::_nll_loss_backward(b.grad(), b.saved("target"), b.saved("weight"),
                                       b.saved("total_weight"), b.shape("input"),
                                       b.integer("reduction"), b.integer("ignore_index"));
}

/// The loss of log-probabilities, for any number of dims.
std::tuple<Tensor, Tensor> nll_of(const Tensor& input, const Tensor& target, const Tensor& weight,
                                  LossReduction reduction, int64_t ignore_index) {
  check(input.dim() > 0, ErrorKind::Value, "Expected 1 or more dimensions (got 0)");
  check(input.dim() == 1 || (target.dim() > 0 && input.shape()[0] == target.shape()[0]),
        ErrorKind::Value, "Expected input batch_size (", input.shape()[0],
        ") to match target batch_size (", target.dim() > 0 ? target.shape()[0] : 1, ").");
  refuse_grad(weight, "weight", input.dim() <= 2 ? "nll_loss_forward" : "nll_loss2d_forward");
  return input.dim() <= 2
             ? rushlight::_nll_loss(input, target, weight, int64_t(reduction), ignore_index)
             : rushlight::_nll_loss2d(input, target, weight, int64_t(reduction), ignore_index);
}

/// A weight for each class, in the shape that multiplies scores of `dims` dims.
Tensor class_weights(const Tensor& weight, int64_t dims, int64_t class_dim) {
  Dims shape(size_t(dims), 1);
  shape[size_t(class_dim)] = weight.numel();
  return weight.view(shape);
}

Tensor probability_cross_entropy(const Tensor& input, const Tensor& target, const Tensor& weight,
                                 LossReduction reduction, int64_t ignore_index, double smoothing) {
  int64_t class_dim = input.dim() == 1 ? 0 : 1;
  check(is_floating(target.dtype()),
        "Expected floating point type for target with class probabilities, got ",
        info(target.dtype()).spoken);
  check(ignore_index < 0, "ignore_index is not supported for floating point target");
  int64_t classes = input.size(class_dim);
  check(!weight.defined() || (weight.dim() == 1 && weight.numel() == classes),
        "cross_entropy: weight tensor should be defined either for all ", classes,
        " classes or no classes but got weight tensor of shape: ",
        to_string(weight.defined() ? weight.shape() : Ints()));
  Tensor scores = rushlight::_log_softmax(input, class_dim);
  Tensor wanted = smoothing > 0 ? target * (1 - smoothing) + smoothing / double(classes) : target;
  Tensor product = scores * wanted;
  if (weight.defined()) product = product * class_weights(weight, input.dim(), class_dim);
  if (reduction == LossReduction::None) return -product.sum(class_dim);
  Tensor sum = -product.sum();
  if (reduction == LossReduction::Sum) return sum;
  return rushlight::_div_number(sum, double(input.numel()) / double(classes));
}

/// (1 - smoothing) * the loss + smoothing / classes * the sum of all classes' losses.
Tensor smoothed_cross_entropy(const Tensor& input, const Tensor& target, const Tensor& weight,
                              LossReduction reduction, int64_t ignore_index, double smoothing) {
  int64_t class_dim = input.dim() == 1 ? 0 : 1;
  int64_t classes = input.size(class_dim);
  Tensor scores = rushlight::_log_softmax(input, class_dim);
  auto [loss, total_weight] = nll_of(scores, target, weight, reduction, ignore_index);
  Tensor weighted =
      weight.defined() ? scores * class_weights(weight, input.dim(), class_dim) : scores;
  Tensor smooth = -weighted.sum(class_dim);
  Tensor ignored = (target == Scalar(ignore_index)).reshape(smooth.shape());
  smooth = smooth.masked_fill(ignored, 0);
  if (reduction == LossReduction::None) smooth = smooth.reshape(loss.shape());
  if (reduction != LossReduction::None) smooth = smooth.sum();
  if (reduction == LossReduction::Mean) smooth = smooth / total_weight.detach();
  return rushlight::_mul_number(loss, 1 - smoothing) +
         rushlight::_mul_number(smooth, smoothing / double(classes));
}

}  // namespace

constinit const Op op::_nll_loss = {
    .schema =
        "_nll_loss(Tensor input, Tensor target, Tensor? weight, int reduction, int ignore_index) "
        "-> (Tensor output, Tensor total_weight)",
    .doc = "Minus the weighted scores of the target classes; and the sum of their weights.",
    .examples = "",
    .variants = "private",
    .forward = run([](const Tensor& input, const Tensor& target, const Tensor& weight,
                      int64_t reduction, int64_t ignore_index) {
      return nll_forward(input, target, weight, LossReduction(reduction), ignore_index);
    }),
    .save = "target, weight, total_weight",
    .constants = "weight, target",
    .backward = [](Backward& b) { b.wrt("input", [&] { return nll_loss_backward(b); }); },
};

constinit const Op op::_nll_loss2d = {
    .schema =
        "_nll_loss2d(Tensor input, Tensor target, Tensor? weight, int reduction, int ignore_index) "
        "-> (Tensor output, Tensor total_weight)",
    .doc = "_nll_loss of more than two dims, named as PyTorch names its node.",
    .examples = "",
    .variants = "private",
    .forward = run([](const Tensor& input, const Tensor& target, const Tensor& weight,
                      int64_t reduction, int64_t ignore_index) {
      return nll_forward(input, target, weight, LossReduction(reduction), ignore_index);
    }),
    .save = "target, weight, total_weight",
    .constants = "weight, target",
    .backward = [](Backward& b) { b.wrt("input", [&] { return nll_loss_backward(b); }); },
    .node = "NllLoss2DBackward0",
};

constinit const Op op::_nll_loss_backward = {
    .schema =
        "_nll_loss_backward(Tensor grad, Tensor target, Tensor? weight, Tensor total_weight, "
        "int[] shape, int reduction, int ignore_index) -> Tensor",
    .doc = "Gradient of the scores: minus the weights at the target classes, 0 elsewhere.",
    .examples = "",
    .variants = "private",
    .forward =
        run([](const Tensor& grad, const Tensor& target, const Tensor& weight,
               const Tensor& total_weight, Ints shape, int64_t reduction, int64_t ignore_index) {
          return nll_gradient(grad, target, weight, total_weight, shape, LossReduction(reduction),
                              ignore_index);
        }),
    .save = "target, weight",
    .constants = "weight, target, total_weight",
    .backward =
        [](Backward& b) {
          b.wrt("grad", [&] {
            return std::get<0>(rushlight::_nll_loss(b.grad(), b.saved("target"), b.saved("weight"),
                                                    b.integer("reduction"),
                                                    b.integer("ignore_index")));
          });
        },
};

constinit const Op op::nll_loss = {
    .schema =
        "nll_loss(Tensor input, Tensor target, Tensor? weight=None, bool? size_average=None, "
        "int ignore_index=-100, bool? reduce=None, str reduction='mean') -> Tensor",
    .doc = "Minus the log-probability, dim 1 of `input`, of the class that `target` names.",
    .examples =
        "F.nll_loss(randn(5, 3), tensor([0, 2, 1, 1, 0]))\n"
        "F.nll_loss(randn(3, 3), tensor([0, -100, 1]), weight=rand(3))\n"
        "F.nll_loss(randn(2, 3, 4), zeros(2, 4, dtype=int64), reduction='none')\n"
        "F.nll_loss(randn(3, 3), tensor([0, 2, 1]), ignore_index=2, reduction='sum')",
    .variants = "nn",
    .compose = run([](const Tensor& input, const Tensor& target, const Tensor& weight,
                      std::optional<bool> size_average, int64_t ignore_index,
                      std::optional<bool> reduce, std::string_view reduction) {
      LossReduction chosen = loss_reduction(size_average, reduce, reduction);
      return std::get<0>(nll_of(input, target, weight, chosen, ignore_index));
    }),
};

constinit const Op op::cross_entropy = {
    .schema =
        "cross_entropy(Tensor input, Tensor target, Tensor? weight=None, "
        "bool? size_average=None, int ignore_index=-100, bool? reduce=None, "
        "str reduction='mean', float label_smoothing=0.0) -> Tensor",
    .doc =
        "nll_loss of log_softmax(input, 1). A `target` of the input's shape holds probabilities, "
        "else class indices.",
    .examples =
        "F.cross_entropy(randn(5, 3), tensor([0, 2, 1, 1, 0]))\n"
        "F.cross_entropy(randn(3, 3), tensor([0, -100, 1]), weight=rand(3))\n"
        "F.cross_entropy(randn(5, 3), softmax(randn(5, 3), 1))\n"
        "F.cross_entropy(randn(5, 3), softmax(randn(5, 3), 1), rand(3), label_smoothing=0.2)\n"
        "F.cross_entropy(randn(3, 3), tensor([0, -100, 1]), label_smoothing=0.1)\n"
        "F.cross_entropy(randn(2, 3, 4), zeros(2, 4, dtype=int64), rand(3), label_smoothing=0.1)\n"
        "F.cross_entropy(randn(3), tensor(1), reduction='sum')",
    .variants = "nn",
    .compose = run([](const Tensor& input, const Tensor& target, const Tensor& weight,
                      std::optional<bool> size_average, int64_t ignore_index,
                      std::optional<bool> reduce, std::string_view reduction, double smoothing) {
      LossReduction chosen = loss_reduction(size_average, reduce, reduction);
      check(smoothing >= 0 && smoothing <= 1,
            "label_smoothing must be between 0.0 and 1.0. Got: ", Scalar(smoothing));
      if (same(input.shape(), target.shape()))
        return probability_cross_entropy(input, target, weight, chosen, ignore_index, smoothing);
      check(input.dim() > 0, ErrorKind::Value, "Expected 1 or more dimensions (got 0)");
      if (smoothing > 0)
        return smoothed_cross_entropy(input, target, weight, chosen, ignore_index, smoothing);
      Tensor scores = rushlight::_log_softmax(input, input.dim() == 1 ? 0 : 1);
      return std::get<0>(nll_of(scores, target, weight, chosen, ignore_index));
    }),
};

}  // namespace rushlight
