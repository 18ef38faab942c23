// Copies, conversions and fills.

#include <rushlight/operators.h>

#include "ops/pointwise.h"

namespace rushlight {

namespace {

/// A tensor over the same elements, without history.
Tensor alias(const Tensor& input) {
  TensorImpl* impl = input.impl();
  Tensor result = make_tensor(impl->storage, impl->dtype, impl->shape, impl->strides, impl->offset);
  result.impl()->device = impl->device;
  result.impl()->own_version = impl->own_version;
  result.impl()->inference = impl->inference;
  return result;
}

Tensor new_layout(const Tensor& input, DType dtype, std::optional<MemoryFormat> format) {
  MemoryFormat chosen = format.value_or(MemoryFormat::Preserve);
  check(chosen != MemoryFormat::ChannelsLast, ErrorKind::NotImplemented,
        "memory_format=channels_last is not supported; use contiguous_format or preserve_format");
  return chosen == MemoryFormat::Contiguous ? make_tensor(input.shape(), dtype, input.device())
                                            : make_like(input, dtype);
}

Tensor copy_of(const Tensor& input, DType dtype, std::optional<MemoryFormat> format) {
  Tensor result = new_layout(input, dtype, format);
  copy_elements(result, input);
  return result;
}

/// A number is stored exactly as C++ converts it, after the check that it fits a float.
void fill(const Tensor& input, const Scalar& value) {
  check_distinct_elements(input);
  if (input.impl()->device == DeviceType::Meta) return;
  Operand output = operand_of(input);
  run_pointwise(Kernel::Fill, input.dtype(), input.shape(), {&output, 1}, {{to_param(value)}});
}

}  // namespace

constinit const Op op::clone = {
    .schema = "clone(Tensor input, *, memory_format? memory_format=None) -> Tensor",
    .doc =
        "A copy with bytes of its own. The layout is kept unless `memory_format` says otherwise.",
    .examples = "clone(randn(3, 4))",
    .forward = run([](const Tensor& input, std::optional<MemoryFormat> format) {
      return copy_of(input, input.dtype(), format);
    }),
    .backward = [](Backward& b) { b.wrt("input", [&] { return b.grad(); }); },
};

constinit const Op op::detach = {
    .schema = "detach(Tensor input) -> Tensor",
    .doc = "The same elements without history: changes show in both, gradients stop here.",
    .examples = "detach(randn(3, 4))",
    .forward = run([](const Tensor& input) { return alias(input); }),
};

constinit const Op op::contiguous = {
    .schema = "contiguous(Tensor(a) input, *, memory_format? memory_format=None) -> Tensor(a)",
    .doc = "The tensor itself if it is laid out in row-major order, else such a copy.",
    .examples = "randn(3, 4).contiguous()\nrandn(3, 4).t().contiguous()",
    .variants = "method-only",
    .compose = run([](const Tensor& input, std::optional<MemoryFormat> format) {
      return input.is_contiguous() ? input : input.clone(format.value_or(MemoryFormat::Contiguous));
    }),
};

constinit const Op op::_to_copy = {
    .schema = "_to_copy(Tensor input, dtype dtype, memory_format? memory_format=None) -> Tensor",
    .doc = "A converted copy.",
    .examples = "",
    .variants = "private",
    .forward = run([](const Tensor& input, DType dtype, std::optional<MemoryFormat> format) {
      return copy_of(input, dtype, format);
    }),
    .backward = [](Backward& b) { b.wrt("input", [&] { return b.grad(); }); },
};

constinit const Op op::to_dtype = {
    .schema =
        "to.dtype(Tensor(a) input, dtype dtype, bool non_blocking=False, bool copy=False, *, "
        "memory_format? memory_format=None) -> Tensor(a)",
    .doc = "The tensor converted to `dtype`; itself if nothing changes and `copy` is false.",
    .examples = "randn(3, 4).to(float64)\nrandn(3).to(int64)",
    .variants = "method-only",
    .compose = run([](const Tensor& input, DType dtype, bool, bool copy,
                      std::optional<MemoryFormat> format) {
      return dtype == input.dtype() && !copy ? input : rushlight::_to_copy(input, dtype, format);
    }),
};

constinit const Op op::copy_ = {
    .schema = "copy_(Tensor(a!) input, Tensor src, bool non_blocking=False) -> Tensor(a!)",
    .doc = "Replaces the elements by those of `src`, broadcast and converted.",
    .examples = "zeros(3, 4).copy_(randn(4))",
    .variants = "method-only",
    .forward = run([](const Tensor& input, const Tensor& source, bool) {
      if (!same(input.shape(), source.shape())) {
        bool fits = same(broadcast_shapes(input.shape(), source.shape()), input.shape());
        check(fits, "output with shape ", to_string(input.shape()),
              " doesn't match the broadcast shape ",
              to_string(broadcast_shapes(input.shape(), source.shape())));
      }
      check_distinct_elements(input);
      copy_elements(input,
                    may_overlap(input, source) ? copy_of(source, source.dtype(), {}) : source);
      return input;
    }),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return rushlight::zeros_like(b.grad()); });
          b.wrt("src", [&] { return b.grad(); });
        },
    .node = "CopyBackwards",
};

constinit const Op op::fill__Scalar = {
    .schema = "fill_.Scalar(Tensor(a!) input, Scalar value) -> Tensor(a!)",
    .doc = "Sets every element to `value`.",
    .examples = "zeros(3, 4).fill_(2.5)",
    .variants = "method-only",
    .forward = run([](const Tensor& input, const Scalar& value) {
      fill(input, value);
      return input;
    }),
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return rushlight::zeros_like(b.grad()); }); },
};

constinit const Op op::zero_ = {
    .schema = "zero_(Tensor(a!) input) -> Tensor(a!)",
    .doc = "Sets every element to 0.",
    .examples = "ones(3, 4).zero_()",
    .variants = "method-only",
    .forward = run([](const Tensor& input) {
      fill(input, 0);
      return input;
    }),
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return rushlight::zeros_like(b.grad()); }); },
};

}  // namespace rushlight
