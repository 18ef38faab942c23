// Views: the same bytes, seen with another shape and strides.

#include <rushlight/operators.h>

#include "ops/op.h"

#include <cstring>

namespace rushlight {

namespace {

Tensor view_of(const Tensor& input, std::span<const int64_t> shape,
               std::span<const int64_t> strides, int64_t offset) {
  Tensor result = make_tensor(input.impl()->storage, input.dtype(), shape, strides, offset);
  result.impl()->device = input.impl()->device;
  return result;
}

}  // namespace

constinit const Op op::as_strided = {
    .schema =
        "as_strided(Tensor(a) input, int[] size, int[] stride, int? storage_offset=None) -> "
        "Tensor(a)",
    .doc = "A view with any shape, strides and offset (in elements of the storage).",
    .examples = "as_strided(randn(12), (2, 3), (6, 2))\nas_strided(randn(3, 4), (4, 3), (1, 4), 0)",
    .forward = run([](const Tensor& input, Ints size, Ints stride, std::optional<int64_t> offset) {
      check(size.size() == stride.size(), "mismatch in length of strides and shape");
      int64_t start = offset.value_or(input.storage_offset());
      int64_t last = start;
      for (size_t i = 0; i < size.size(); ++i) {
        check(stride[i] >= 0,
              "as_strided: Negative strides are not supported at the moment, got strides: ",
              to_string(stride));
        last += (size[i] - 1) * stride[i];
      }
      int64_t available = int64_t(input.impl()->storage->bytes()) / size_of(input.dtype());
      check(start >= 0 && (count_elements(size) == 0 || last < available), "setStorage: sizes ",
            to_string(size), ", strides ", to_string(stride), ", storage offset ", start,
            ", and itemsize ", size_of(input.dtype()), " requiring a storage size of ",
            (last + 1) * size_of(input.dtype()), " are out of bounds for storage of size ",
            input.impl()->storage->bytes());
      return view_of(input, size, stride, start);
    }),
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor input = b.saved("input");
            int64_t offset =
                b.given("storage_offset") ? b.integer("storage_offset") : input.storage_offset();
            return rushlight::_as_strided_backward(b.grad(), input.shape(), input.strides(),
                                                   input.storage_offset(), b.ints("size"),
                                                   b.ints("stride"), offset);
          });
        },
};

constinit const Op op::expand = {
    .schema = "expand(Tensor(a) input, int[] size, *, bool implicit=False) -> Tensor(a)",
    .doc = "A view in which dims of size 1 repeat to fill `size`; -1 keeps a dim.",
    .examples = "randn(3, 1).expand(2, 3, 4)\nrandn(3, 1).expand(-1, 4)",
    .variants = "method-only",
    .forward = run([](const Tensor& input, Ints size, bool) {
      int64_t lead = int64_t(size.size()) - input.dim();
      check(lead >= 0, "expand(torch.", info(input.dtype()).legacy, "Tensor{",
            to_string(input.shape()), "}, size=", to_string(size),
            "): the number of sizes provided (", size.size(),
            ") must be greater or equal to the number of dimensions in the tensor (", input.dim(),
            ")");
      Dims shape(size), strides(size.size(), 0);
      for (int64_t i = 0; i < int64_t(size.size()); ++i) {
        int64_t old = i < lead ? 1 : input.shape()[size_t(i - lead)];
        int64_t& wanted = shape[size_t(i)];
        if (wanted == -1) {
          check(i >= lead,
                "The expanded size of the tensor (-1) isn't allowed in a leading, "
                "non-existing dimension ",
                i);
          wanted = old;
        }
        check(wanted == old || old == 1, "The expanded size of the tensor (", wanted,
              ") must match the existing size (", old, ") at non-singleton dimension ", i,
              ".  Target sizes: ", to_string(size), ".  Tensor sizes: ", to_string(input.shape()));
        if (i >= lead && wanted == old) strides[size_t(i)] = input.strides()[size_t(i - lead)];
      }
      return view_of(input, shape, strides, input.storage_offset());
    }),
    .backward = [](Backward& b) { b.wrt("input", [&] { return b.grad(); }); },
};

constinit const Op op::_as_strided_backward = {
    .schema =
        "_as_strided_backward(Tensor grad, int[] input_size, int[] input_stride, "
        "int input_offset, int[] size, int[] stride, int offset) -> Tensor",
    .doc = "Gradient of as_strided: what several elements of the view read adds up.",
    .examples = "",
    .variants = "private",
    .forward = run([](const Tensor& grad, Ints input_size, Ints input_stride, int64_t input_offset,
                      Ints size, Ints stride, int64_t offset) {
      Tensor result = rushlight::empty_strided(input_size, input_stride, grad.dtype());
      int64_t bytes = int64_t(result.impl()->storage->bytes());
      std::memset(result.impl()->storage->data(), 0, size_t(bytes));
      Tensor source = grad.contiguous();
      int64_t last = bytes / size_of(grad.dtype());
      dispatch(grad.dtype(), [&]<class T>(CppType<T>) {
        const T* from = source.data<T>();
        T* to = result.data<T>();
        Dims index(size.size(), 0);
        for (int64_t i = 0; i < source.numel(); ++i) {
          int64_t place = offset - input_offset;
          for (size_t d = 0; d < size.size(); ++d) place += index[d] * stride[d];
          if (place >= 0 && place < last) to[place] = T(to[place] + from[i]);
          for (size_t d = size.size(); d-- > 0 && ++index[d] == size[d];) index[d] = 0;
        }
      });
      return result;
    }),
    .backward =
        [](Backward& b) {
          b.wrt("grad", [&] {
            Tensor base = rushlight::empty_strided(b.ints("input_size"), b.ints("input_stride"),
                                                   b.grad().dtype());
            base.copy_(b.grad());
            return base.as_strided(b.ints("size"), b.ints("stride"),
                                   b.integer("offset") - b.integer("input_offset"));
          });
        },
};

constinit const Op op::view = {
    .schema = "view(Tensor(a) input, int[] size) -> Tensor(a)",
    .doc = "The same elements with another shape; one size may be -1.",
    .examples = "randn(3, 4).view(2, 6)\nrandn(3, 4).view(-1)",
    .variants = "method-only",
    .forward = run([](const Tensor& input, Ints size) {
      Dims shape = infer_shape(size, input.numel()), strides;
      check(
          view_strides(input.shape(), input.strides(), shape, strides),
          "view size is not compatible with input tensor's size and stride (at least one dimension "
          "spans across two contiguous subspaces). Use .reshape(...) instead.");
      return view_of(input, shape, strides, input.storage_offset());
    }),
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return b.grad().reshape(b.shape("input")); }); },
};

constinit const Op op::_unsafe_view = {
    .schema = "_unsafe_view(Tensor input, int[] size) -> Tensor",
    .doc = "view() of a tensor that nothing else refers to: not recorded as a view.",
    .examples = "",
    .variants = "private",
    .forward = run([](const Tensor& input, Ints size) {
      Dims shape = infer_shape(size, input.numel());
      return view_of(input, shape, contiguous_strides(shape), input.storage_offset());
    }),
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return b.grad().reshape(b.shape("input")); }); },
};

constinit const Op op::reshape = {
    .schema = "reshape(Tensor(a) input, int[] shape) -> Tensor(a)",
    .doc = "The same elements with another shape: a view if the layout allows it, else a copy.",
    .examples = "reshape(randn(3, 4), (2, 6))\nrandn(3, 4).t().reshape(-1)",
    .compose = run([](const Tensor& input, Ints size) {
      Dims shape = infer_shape(size, input.numel()), strides;
      bool viewable = view_strides(input.shape(), input.strides(), shape, strides);
      return viewable ? input.view(shape)
                      : rushlight::_unsafe_view(input.clone(MemoryFormat::Contiguous), shape);
    }),
};

}  // namespace rushlight
