// Views: the same bytes, seen with another shape and strides.

#include "ops/view.h"

#include <rushlight/operators.h>

#include <cstring>

#include "ops/forms.h"
#include "ops/pointwise.h"

namespace rushlight {

Tensor view_of(const Tensor& input, std::span<const int64_t> shape,
               std::span<const int64_t> strides, int64_t offset) {
  Tensor result = make_tensor(input.impl()->storage, input.dtype(), shape, strides, offset);
  result.impl()->device = input.impl()->device;
  return result;
}

Tensor Geometry::place(const Tensor& grad, Ints base) const {
  return _place(grad, base, strides, offset);
}

bool may_overlap_itself(std::span<const int64_t> shape, std::span<const int64_t> strides) {
  Dims order;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0) return false;
    if (shape[i] > 1) order.push_back(int64_t(i));
  }
  std::sort(order.begin(), order.end(),
            [&](int64_t a, int64_t b) { return strides[size_t(a)] < strides[size_t(b)]; });
  int64_t last = 0;  // the highest place that the dims so far reach
  for (int64_t dim : order) {
    if (strides[size_t(dim)] <= last) return true;
    last += (shape[size_t(dim)] - 1) * strides[size_t(dim)];
  }
  return false;
}

namespace {

/// The place in storage of the last element.
int64_t last_place(std::span<const int64_t> shape, std::span<const int64_t> strides,
                   int64_t start = 0) {
  int64_t last = start, span;
  bool overflow = false;
  for (size_t i = 0; i < shape.size(); ++i) {
    overflow |= __builtin_mul_overflow(std::max<int64_t>(shape[i] - 1, 0), strides[i], &span) ||
                __builtin_add_overflow(last, span, &last);
  }
  check(!overflow && last < INT64_MAX / 16,
        "Storage size calculation overflowed with sizes=", to_string(shape),
        " and strides=", to_string(strides));
  return last;
}

/// as_strided() after its checks by `make`, which is given the layout of the input as well.
template <auto make>
Tensor strided(const Tensor& input, Ints size, Ints stride, std::optional<int64_t> offset) {
  check(size.size() == stride.size(), "mismatch in length of strides and shape");
  int64_t start = offset.value_or(input.storage_offset());
  for (size_t i = 0; i < size.size(); ++i) {
    check(stride[i] >= 0,
          "as_strided: Negative strides are not supported at the moment, got strides: ",
          to_string(stride));
    check(size[i] >= 0, "Storage size calculation overflowed with sizes=", to_string(size),
          " and strides=", to_string(stride));
  }
  check(start >= 0, "Tensor: invalid storage offset ", start);
  int64_t last = last_place(size, stride, start);
  int64_t item = size_of(input.dtype());
  int64_t available = int64_t(input.impl()->storage->bytes()) / item;
  bool meta = input.impl()->device == DeviceType::Meta;
  check(meta || count_elements(size) == 0 || last < available, "setStorage: sizes ",
        to_string(size), ", strides ", to_string(stride), ", storage offset ", start,
        ", and itemsize ", item, " requiring a storage size of ", (last + 1) * item,
        " are out of bounds for storage of size ", input.impl()->storage->bytes());
  return make(input, size, stride, start, input.strides(), input.storage_offset());
}

/// Adds every element of `grad`, of `geometry`, to its place in a buffer that begins at `first`.
template <class T>
void add_to_places(T* buffer, int64_t length, int64_t first, const T* grad, Ints size,
                   Ints stride) {
  Dims index(size.size(), 0);
  int64_t elements = count_elements(size), place = first;
  for (int64_t i = 0; i < elements; ++i) {
    if (place >= 0 && place < length) buffer[place] = T(buffer[place] + grad[i]);
    for (size_t d = size.size(); d-- > 0;) {
      place += stride[d];
      if (++index[d] < size[d]) break;
      place -= size[d] * stride[d];
      index[d] = 0;
    }
  }
}

/// As PyTorch does: the gradient of the bytes, each element of an input that overlaps itself
/// getting its share of what its bytes got.
constexpr auto as_strided_backward = [](const Tensor& grad, Ints input_size, Ints input_stride,
                                        int64_t input_offset, Ints size, Ints stride,
                                        int64_t offset) -> Tensor {
  Tensor result = empty_strided(input_size, input_stride, grad.dtype());
  int64_t length = result.numel() == 0 ? 0 : last_place(input_size, input_stride) + 1;
  if (length == 0) return result;
  std::memset(result.data(), 0, size_t(length * size_of(grad.dtype())));
  Tensor source = grad.contiguous();
  bool shared = may_overlap_itself(input_size, input_stride);
  dispatch(grad.dtype(), [&]<class T>(CppType<T>) {
    T* buffer = result.data<T>();
    add_to_places(buffer, length, offset - input_offset, source.data<T>(), size, stride);
    if (!shared) return;
    std::vector<double> ones(size_t(result.numel()), 1), readers(size_t(length), 0);
    add_to_places(readers.data(), length, 0, ones.data(), input_size, input_stride);
    for (int64_t i = 0; i < length; ++i) {
      if (readers[size_t(i)] > 1) buffer[i] = T(double(buffer[i]) / readers[size_t(i)]);
    }
  });
  return result;
};

/// The other way round: the bytes that the input and the view reach, from the lower of their
/// offsets on, each with the sum of the gradients of the input's elements there, shared out to
/// these elements.
Tensor shared_by_places(Backward& b) {
  Ints size = b.ints("input_size"), stride = b.ints("input_stride");
  int64_t start = b.integer("offset") - b.integer("input_offset");  // of the view
  int64_t own = std::max<int64_t>(0, -start);                       // of the input
  int64_t length =
      std::max(own + last_place(size, stride),
               std::max<int64_t>(0, start) + last_place(b.ints("size"), b.ints("stride"))) +
      1;
  auto places = [&](const Tensor& tensor) {
    return _as_strided_backward(tensor, Ints{length}, Ints{1}, 0, size, stride, own);
  };
  Tensor sum = places(b.grad());
  if (!may_overlap_itself(size, stride)) return sum;
  return sum / places(rushlight::ones(size, b.grad().dtype())).clamp_min(1);
}

void strided_backward(Backward& b) {
  b.wrt("input", [&] {
    Ints size = b.ints("size"), stride = b.ints("stride"), shape = b.shape("input");
    int64_t start = b.integer("storage_offset") - b.integer("input_offset");
    bool inside = start >= 0 && start + last_place(size, stride) < count_elements(shape);
    bool plain = is_contiguous(shape, b.ints("input_stride"));
    if (inside && plain && !may_overlap_itself(size, stride))
      return _place(b.grad(), shape, stride, start);
    return _as_strided_backward(b.grad(), shape, b.ints("input_stride"), b.integer("input_offset"),
                                size, stride, b.integer("storage_offset"));
  });
}

}  // namespace

constinit const Op op::as_strided = {
    .schema =
        "as_strided(Tensor(a) input, int[] size, int[] stride, int? storage_offset=None) -> "
        "Tensor(a)",
    .doc = "A view with any shape, strides and offset (in elements of the storage).",
    .examples = "as_strided(randn(12), (2, 3), (6, 2))\nas_strided(randn(3, 4), (4, 3), (1, 4), 0)",
    .compose = run<strided<rushlight::_as_strided>>(),
};

constinit const Op op::as_strided_copy = {
    .schema =
        "as_strided_copy(Tensor input, int[] size, int[] stride, int? storage_offset=None) -> "
        "Tensor",
    .doc = "What as_strided() shows, in memory of its own.",
    .examples = "as_strided_copy(randn(3, 4), (4, 3), (1, 4), 0)",
    .variants = "copies",
    .compose = run<strided<rushlight::_as_strided_copy>>(),
};

constinit const Op op::as_strided_ = {
    .schema =
        "as_strided_(Tensor(a!) input, int[] size, int[] stride, int? storage_offset=None) -> "
        "Tensor(a!)",
    .doc = "as_strided(), in place: the shape changes, the bytes stay.",
    .examples = "as_strided_(randn(12), (2, 3), (6, 2), 1)\nrandn(3, 4).as_strided_((2,), (5,))",
    .compose = run<strided<rushlight::_as_strided_>>(),
};

constinit const Op op::_as_strided = {
    .schema =
        "_as_strided(Tensor(a) input, int[] size, int[] stride, int storage_offset, "
        "int[] input_stride, int input_offset) -> Tensor(a)",
    .doc = "as_strided() after its checks, with what backward must know of the input's layout.",
    .examples = "",
    .variants = "private, copy",
    .forward = run([](const Tensor& input, Ints size, Ints stride, int64_t storage_offset, Ints,
                      int64_t) { return view_of(input, size, stride, storage_offset); }),
    .backward = strided_backward,
};

constinit const Op op::_as_strided_ = {
    .schema =
        "_as_strided_(Tensor(a!) input, int[] size, int[] stride, int storage_offset, "
        "int[] input_stride, int input_offset) -> Tensor(a!)",
    .doc = "as_strided_() after its checks, with what backward must know of the input's layout.",
    .examples = "",
    .variants = "private, reshapes",
    .forward =
        run([](const Tensor& input, Ints size, Ints stride, int64_t storage_offset, Ints, int64_t) {
          TensorImpl* impl = input.impl();
          impl->shape = Dims(size);
          impl->strides = Dims(stride);
          impl->offset = storage_offset;
          impl->update_layout();
          return input;
        }),
    .backward = strided_backward,
    .node = "AsStridedBackward1",
};

constinit const Op op::_as_strided_backward = {
    .schema =
        "_as_strided_backward(Tensor grad, int[] input_size, int[] input_stride, "
        "int input_offset, int[] size, int[] stride, int offset) -> Tensor",
    .doc = "Gradient of as_strided: what several elements of the view read adds up.",
    .examples = "",
    .variants = "private",
    .forward = run(as_strided_backward),
    .backward =
        [](Backward& b) {
          b.wrt("grad", [&] {
            return shared_by_places(b).as_strided(
                b.ints("size"), b.ints("stride"),
                std::max<int64_t>(0, b.integer("offset") - b.integer("input_offset")));
          });
        },
};

constinit const Op op::_place = {
    .schema = "_place(Tensor grad, int[] input_size, int[] stride, int offset) -> Tensor",
    .doc =
        "Zeros of shape `input_size` in row-major order, with `grad` at the places that its shape, "
        "`stride` and `offset` describe, which are distinct: the gradient of a view.",
    .examples = "",
    .variants = "private",
    .forward = run([](const Tensor& grad, Ints input_size, Ints stride, int64_t offset) {
      Tensor result = rushlight::zeros(input_size, grad.dtype(), grad.device());
      copy_elements(view_of(result, grad.shape(), stride, offset), grad);
      return result;
    }),
    .backward =
        [](Backward& b) {
          b.wrt("grad", [&] {
            Tensor base = b.grad().contiguous();
            return base.as_strided(b.shape("grad"), b.ints("stride"),
                                   base.storage_offset() + b.integer("offset"));
          });
        },
};

constinit const Op op::expand = {
    .schema = "expand(Tensor(a) input, int[] size, *, bool implicit=False) -> Tensor(a)",
    .doc = "A view in which dims of size 1 repeat to fill `size`; -1 keeps a dim.",
    .examples = "randn(3, 1).expand(2, 3, 4)\nrandn(3, 1).expand((-1, 4))",
    .variants = "method-only, copy",
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
        check(wanted == old || (old == 1 && wanted >= 0), "The expanded size of the tensor (",
              wanted, ") must match the existing size (", old, ") at non-singleton dimension ", i,
              ".  Target sizes: ", to_string(size), ".  Tensor sizes: ", to_string(input.shape()));
        if (i >= lead && wanted == old) strides[size_t(i)] = input.strides()[size_t(i - lead)];
      }
      // A new dim of size 1 steps over all that follows it, as PyTorch has it.
      for (int64_t i = input.dim() ? lead - 1 : -1; i >= 0; --i) {
        size_t next = size_t(i + 1);
        if (shape[size_t(i)] == 1)
          strides[size_t(i)] = next < shape.size() ? shape[next] * strides[next] : 1;
      }
      return view_of(input, shape, strides);
    }),
    .backward = [](Backward& b) { b.wrt("input", [&] { return b.grad(); }); },
};

constinit const Op op::expand_as = {
    .schema = "expand_as(Tensor(a) input, Tensor other) -> Tensor(a)",
    .doc = "The tensor expanded to the shape of `other`.",
    .examples = "randn(3, 1).expand_as(randn(2, 3, 4))",
    .variants = "method-only",
    .compose =
        run([](const Tensor& input, const Tensor& other) { return input.expand(other.shape()); }),
};

constinit const Op op::broadcast_to = {
    .schema = "broadcast_to(Tensor(a) input, int[] size) -> Tensor(a)",
    .doc = "The tensor expanded to the shape `size`.",
    .examples = "broadcast_to(randn(3, 1), (2, 3, 4))",
    .compose = run([](const Tensor& input, Ints size) { return input.expand(size); }),
};

constinit const Op op::view = {
    .schema = "view(Tensor(a) input, int[] size) -> Tensor(a)",
    .doc = "The same elements with another shape; one size may be -1.",
    .examples = "randn(3, 4).view((2, 6))\nrandn(3, 4).view(-1)",
    .variants = "method-only",
    .forward = run([](const Tensor& input, Ints size) {
      Dims shape = infer_shape(size, input.numel()), strides;
      check(
          view_strides(input.shape(), input.strides(), shape, strides),
          "view size is not compatible with input tensor's size and stride (at least one dimension "
          "spans across two contiguous subspaces). Use .reshape(...) instead.");
      return view_of(input, shape, strides);
    }),
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return b.grad().reshape(b.shape("input")); }); },
};

constinit const Op op::view_copy = {
    .schema = "view_copy(Tensor input, int[] size) -> Tensor",
    .doc = "The same elements with another shape, in memory of their own; one size may be -1.",
    .examples = "view_copy(randn(3, 4), (2, 6))\nview_copy(randn(3, 4).t(), (-1,))",
    .variants = "copies",
    .forward = run([](const Tensor& input, Ints size) {
      return input.clone(MemoryFormat::Contiguous).view(size);
    }),
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return b.grad().reshape(b.shape("input")); }); },
    .node = "ViewBackward0_copy",
};

namespace {

/// The bytes read as another dtype: the last dim grows or shrinks with the size of an element.
constexpr auto reinterpret = [](const Tensor& input, DType dtype) -> Tensor {
  int64_t old_size = size_of(input.dtype()), new_size = size_of(dtype);
  Geometry seen(input);
  auto refuse = [&](std::string_view what, const std::string& got) {
    fail(ErrorKind::Runtime, what, " to view ", info(input.dtype()).spoken, " as ",
         info(dtype).spoken, " (different element sizes)", got);
  };
  if (old_size != new_size) {
    if (input.dim() == 0) refuse("self.dim() cannot be 0", "");
    int64_t& last = seen.shape.back();
    int64_t ratio = std::max(old_size, new_size) / std::min(old_size, new_size);
    bool grows = new_size < old_size;
    auto scale = [&](int64_t value) { return grows ? value * ratio : value / ratio; };
    std::string by = " must be divisible by " + std::to_string(ratio);
    if (grows && seen.strides.back() != 1)
      refuse("self.stride(-1) must be 1", ", but got " + std::to_string(seen.strides.back()));
    if (!grows && last % ratio) refuse("self.size(-1)" + by, ", but got " + std::to_string(last));
    if (!grows && seen.offset % ratio)
      refuse("self.storage_offset()" + by, ", but got " + std::to_string(seen.offset));
    for (size_t i = 0; i + 1 < seen.strides.size(); ++i) {
      if (!grows && seen.strides[i] % ratio)
        refuse("self.stride(" + std::to_string(i) + ")" + by,
               ", but got " + std::to_string(seen.strides[i]));
      seen.strides[i] = scale(seen.strides[i]);
    }
    if (!grows && seen.strides.back() != 1)
      refuse("self.stride(-1) must be 1", ", but got " + std::to_string(seen.strides.back()));
    last = scale(last);
    seen.offset = scale(seen.offset);
  }
  Tensor result = make_tensor(input.impl()->storage, dtype, seen.shape, seen.strides, seen.offset);
  result.impl()->device = input.impl()->device;
  return result;
};

}  // namespace

constinit const Op op::view_dtype = {
    .schema = "view.dtype(Tensor(a) input, dtype dtype) -> Tensor(a)",
    .doc = "The same bytes read as another dtype; not differentiable.",
    .examples = "arange(4.).view(int32)\narange(4.).view(uint8)",
    .variants = "method-only, copy",
    .forward = run(reinterpret),
};

constinit const Op op::_unsafe_view = {
    .schema = "_unsafe_view(Tensor input, int[] size) -> Tensor",
    .doc = "view() of a tensor that nothing else refers to: not recorded as a view.",
    .examples = "",
    .variants = "private",
    .forward = run([](const Tensor& input, Ints size) {
      Dims shape = infer_shape(size, input.numel());
      return view_of(input, shape, contiguous_strides(shape));
    }),
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return b.grad().reshape(b.shape("input")); }); },
};

constinit const Op op::_alias = {
    .schema = "_alias(Tensor(a) input) -> Tensor(a)",
    .doc = "A view of everything, as `x[...]` gives.",
    .examples = "",
    .variants = "private",
    .forward =
        run([](const Tensor& input) { return view_of(input, input.shape(), input.strides()); }),
    .backward = [](Backward& b) { b.wrt("input", [&] { return b.grad(); }); },
};

constinit const Op op::alias_copy = {
    .schema = "alias_copy(Tensor input) -> Tensor",
    .doc = "The same elements, in row-major order.",
    .examples = "alias_copy(randn(3, 4).t())",
    .variants = "copies",
    .forward = run([](const Tensor& input) { return input.clone(MemoryFormat::Contiguous); }),
    .backward = [](Backward& b) { b.wrt("input", [&] { return b.grad(); }); },
    .node = "AliasBackward0_copy",
};

constinit const Op op::detach_copy = {
    .schema = "detach_copy(Tensor input) -> Tensor",
    .doc = "The same elements without history, in row-major order.",
    .examples = "detach_copy(randn(3, 4).t())",
    .variants = "copies",
    .forward = run([](const Tensor& input) { return input.clone(MemoryFormat::Contiguous); }),
    .backward = not_differentiable,
    .node = "NotImplemented",
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

constinit const Op op::view_as = {
    .schema = "view_as(Tensor(a) input, Tensor other) -> Tensor(a)",
    .doc = "The same elements with the shape of `other`.",
    .examples = "randn(3, 4).view_as(randn(2, 6))",
    .variants = "method-only",
    .compose =
        run([](const Tensor& input, const Tensor& other) { return input.view(other.shape()); }),
};

constinit const Op op::reshape_as = {
    .schema = "reshape_as(Tensor(a) input, Tensor other) -> Tensor(a)",
    .doc = "reshape() to the shape of `other`.",
    .examples = "randn(3, 4).t().reshape_as(randn(2, 6))",
    .variants = "method-only",
    .compose =
        run([](const Tensor& input, const Tensor& other) { return input.reshape(other.shape()); }),
};

constinit const Op op::flatten_using_ints = {
    .schema = "flatten.using_ints(Tensor(a) input, int start_dim=0, int end_dim=-1) -> Tensor(a)",
    .doc = "The dims from `start_dim` to `end_dim`, both included, as one.",
    .examples =
        "flatten(randn(2, 3, 4))\nflatten(randn(2, 3, 4), 1)\nflatten(randn(2, 3, 4), 0, 1)",
    .compose = run([](const Tensor& input, int64_t start_dim, int64_t end_dim) {
      size_t start = size_t(wrap_dim(start_dim, input.dim()));
      size_t end = size_t(wrap_dim(end_dim, input.dim()));
      check(start <= end, "flatten() has invalid args: start_dim cannot come after end_dim");
      if (input.dim() == 0) return input.reshape(1);
      if (start == end) return input;
      Dims shape;
      int64_t merged = 1;
      for (size_t i = 0; i < input.shape().size(); ++i) {
        bool inside = i >= start && i <= end;
        merged = inside ? merged * input.shape()[i] : input.shape()[i];
        if (!inside || i == end) shape.push_back(merged);
        if (i + 1 == start) merged = 1;
      }
      return input.reshape(shape);
    }),
};

constinit const Op op::unflatten_int = {
    .schema = "unflatten.int(Tensor(a) input, int dim, int[] sizes) -> Tensor(a)",
    .doc = "One dim as several, whose sizes multiply up to it; one of them may be -1.",
    .examples = "unflatten(randn(3, 4), 1, (2, 2))\nunflatten(randn(6, 4), 0, (-1, 3))",
    .compose = run([](const Tensor& input, int64_t dim, Ints sizes) {
      dim = wrap_dim(dim, input.dim());
      check(!sizes.empty(), "unflatten: sizes must be non-empty");
      int64_t size = input.size(dim), known = 1, unknown = 0;
      bool overflow = false;
      for (int64_t part : sizes) {
        unknown += part == -1;
        if (part != -1) overflow |= __builtin_mul_overflow(known, part, &known);
      }
      check(unknown <= 1, "unflatten: only one dimension can be inferred, got sizes ",
            to_string(sizes));
      bool fits = unknown ? known > 0 && size % known == 0 : known == size;
      check(fits && !overflow, "unflatten: Provided sizes ", to_string(sizes),
            " don't multiply up to the size of dim ", dim, " (", size, ") in the input tensor");
      Dims shape(input.shape().first(size_t(dim)));
      for (int64_t part : sizes) shape.push_back(part == -1 ? size / known : part);
      for (size_t i = size_t(dim) + 1; i < input.shape().size(); ++i)
        shape.push_back(input.shape()[i]);
      return input.view(shape);
    }),
};

constinit const Op op::ravel = {
    .schema = "ravel(Tensor(a) input) -> Tensor(a)",
    .doc = "All elements in one dim: a view if the layout allows it.",
    .examples = "ravel(randn(3, 4))\nravel(randn(3, 4).t())",
    .compose = run([](const Tensor& input) { return input.contiguous().view(-1); }),
};

}  // namespace rushlight
