// Views that reorder, drop and add dims, and their in-place forms.

#include <rushlight/operators.h>

#include "autograd/accumulate.h"
#include "ops/copy.h"
#include "ops/view.h"

namespace rushlight {

namespace {

Geometry swapped(const Tensor& input, int64_t dim0, int64_t dim1) {
  size_t a = size_t(wrap_dim(dim0, input.dim())), b = size_t(wrap_dim(dim1, input.dim()));
  Geometry geometry(input);
  if (a != b) {
    std::swap(geometry.shape[a], geometry.shape[b]);
    std::swap(geometry.strides[a], geometry.strides[b]);
  }
  return geometry;
}

constexpr auto transposed = [](const Tensor& input, int64_t dim0, int64_t dim1) -> Tensor {
  return swapped(input, dim0, dim1).of(input);
};

Geometry matrix_transposed(const Tensor& input) {
  check(input.dim() <= 2, "t() expects a tensor with <= 2 dimensions, but self is ", input.dim(),
        "D");
  return input.dim() < 2 ? Geometry(input) : swapped(input, 0, 1);
}

/// Without the dims of size 1 that `flags` marks.
Geometry squeezed(const Tensor& input, const Dims& flags) {
  Geometry geometry(input);
  for (int64_t i = input.dim(); i-- > 0;) {
    if (flags[size_t(i)] && geometry.shape[size_t(i)] == 1) geometry.remove(i);
  }
  return geometry;
}

Geometry squeezed(const Tensor& input) { return squeezed(input, Dims(size_t(input.dim()), 1)); }
Geometry squeezed(const Tensor& input, Ints dims) {
  return squeezed(input, wrap_dims(dims, input.dim(), false));
}

Geometry unsqueezed(const Tensor& input, int64_t dim) {
  size_t at = size_t(wrap_dim(dim, input.dim() + 1));
  Geometry geometry(input);
  int64_t stride = at < geometry.shape.size() ? geometry.shape[at] * geometry.strides[at] : 1;
  geometry.shape.insert(at, 1);
  geometry.strides.insert(at, stride);
  return geometry;
}

/// Undoes squeeze: `tensor` with the shape from which dims were dropped.
Tensor unsqueeze_to(const Tensor& tensor, Ints shape) { return tensor.reshape(shape); }

const Tensor& reshaped_in_place(const Tensor& input, const Geometry& geometry) {
  TensorImpl* impl = input.impl();
  impl->shape = geometry.shape;
  impl->strides = geometry.strides;
  impl->update_layout();
  return input;
}

/// Row-major (or as `format` says) over the first bytes of the storage, which grows if it must; new
/// elements are uninitialised, as in PyTorch.
constexpr auto resized = [](const Tensor& input, Ints size,
                            std::optional<MemoryFormat> format) -> Tensor {
  check(!input.requires_grad() || input.impl()->inference,
        "cannot resize variables that require grad");
  check(format != MemoryFormat::Preserve, "Unsupported memory formatPreserve");
  int64_t stride = 1;
  for (size_t i = size.size(); i-- > 1;) {
    check(!__builtin_mul_overflow(stride, std::max<int64_t>(size[i], 1), &stride),
          "Stride calculation overflowed: sizes=", to_string(size));
  }
  Geometry geometry(size);
  if (format == MemoryFormat::ChannelsLast) geometry.strides = channels_last_strides(size);
  int64_t needed = input.storage_offset();
  bool overflow = __builtin_add_overflow(needed, count_elements(size), &needed) ||
                  __builtin_mul_overflow(needed, size_of(input.dtype()), &needed);
  check(!overflow, "Storage size calculation overflowed with sizes=", to_string(size));
  if (!format && same(size, input.shape()) && !input.impl()->inference) {
    --input.impl()->version().writes;  // the call path counts a write: this is none
    return input;
  }
  Storage& storage = *input.impl()->storage;
  if (needed > int64_t(storage.bytes()) && count_elements(size) > 0 && has_values(input))
    storage.resize(size_t(needed));
  return reshaped_in_place(input, geometry);
};

constexpr auto permuted = [](const Tensor& input, Ints dims) -> Tensor {
  check(int64_t(dims.size()) == input.dim(),
        "permute(sparse_coo): number of dimensions in the tensor input does not match the length "
        "of the desired ordering of dimensions i.e. input.dim() = ",
        input.dim(), " is not equal to len(dims) = ", dims.size());
  Geometry geometry(input);
  Dims seen(dims.size(), 0);
  for (size_t i = 0; i < dims.size(); ++i) {
    size_t from = size_t(wrap_dim(dims[i], input.dim()));
    check(!seen[from], "permute(): duplicate dims are not allowed.");
    seen[from] = 1;
    geometry.shape[i] = input.shape()[from];
    geometry.strides[i] = input.strides()[from];
  }
  return geometry.of(input);
};

Dims inverse(Ints dims) {
  Dims result(dims.size(), 0);
  for (size_t i = 0; i < dims.size(); ++i) {
    result[size_t(wrap_dim(dims[i], int64_t(dims.size())))] = int64_t(i);
  }
  return result;
}

constexpr auto reversed_dims = [](const Tensor& input) -> Tensor {
  static WarnOnce of_many_dims, of_none;
  if (input.dim() == 0)
    of_none("Tensor.T is deprecated on 0-D tensors. This function is the identity in these cases.");
  else if (input.dim() != 2)
    of_many_dims(
        "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is "
        "deprecated and it will throw an error in a future release. Consider `x.mT` to transpose "
        "batches of matrices or `x.permute(*torch.arange(x.ndim - 1, -1, -1))` to reverse the "
        "dimensions of a tensor.");
  Dims order;
  for (int64_t i = input.dim(); i-- > 0;) order.push_back(i);
  return input.permute(order);
};

constexpr auto moved = [](const Tensor& input, Ints source, Ints destination) -> Tensor {
  check(source.size() == destination.size(),
        "movedim: Invalid source or destination dims: source (", to_string(source),
        " dims) should contain the same number of dims as destination (", to_string(destination),
        " dims)");
  size_t ndim = size_t(input.dim());
  Dims order(ndim, -1), taken(ndim, 0);
  Dims from, to;
  for (size_t i = 0; i < source.size(); ++i) {
    from.push_back(wrap_dim(source[i], input.dim()));
    to.push_back(wrap_dim(destination[i], input.dim()));
  }
  auto repeats = [](Dims dims) {
    std::sort(dims.begin(), dims.end());
    return std::adjacent_find(dims.begin(), dims.end()) != dims.end();
  };
  check(!repeats(from), "movedim: repeated dim in `source` (", to_string(source), ")");
  check(!repeats(to), "movedim: repeated dim in `destination` (", to_string(destination), ")");
  if (input.dim() == 0) return input.permute(Ints(order));
  for (size_t i = 0; i < from.size(); ++i) {
    order[size_t(to[i])] = from[i];
    taken[size_t(from[i])] = 1;
  }
  int64_t next = 0;
  for (int64_t& place : order) {
    if (place >= 0) continue;
    while (taken[size_t(next)]) ++next;
    place = next++;
  }
  return input.permute(order);
};

const Tensor& rebound(const Tensor& input, const Tensor& source, int64_t storage_offset, Ints size,
                      Ints stride) {
  check(size.size() == stride.size() && storage_offset >= 0,
        "set_(): as many strides as sizes and an offset of at least 0 are wanted");
  int64_t last = storage_offset;
  for (size_t i = 0; i < size.size(); ++i) {
    check(size[i] >= 0 && stride[i] >= 0, "set_(): sizes and strides must not be negative");
    last += (size[i] - 1) * stride[i];
  }
  const Ref<Storage>& storage = source.impl()->storage;
  check(
      count_elements(size) == 0 || (last + 1) * size_of(input.dtype()) <= int64_t(storage->bytes()),
      "setStorage: sizes ", to_string(size), ", strides ", to_string(stride), ", storage offset ",
      storage_offset, " are out of bounds for storage of size ", storage->bytes());
  autograd::reset_accumulator(input);
  input.impl()->rebind(storage, input.dtype(), size, stride, storage_offset);
  return input;
}

}  // namespace

constinit const Op op::transpose_int = {
    .schema = "transpose.int(Tensor(a) input, int dim0, int dim1) -> Tensor(a)",
    .doc = "A view with two dims exchanged.",
    .examples = "transpose(randn(2, 3, 4), 0, 2)\ntranspose(randn(3, 4), -1, 0)",
    .variants = "copy",
    .forward = run(transposed),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad().transpose(b.integer("dim0"), b.integer("dim1")); });
        },
};

constinit const Op op::t = {
    .schema = "t(Tensor(a) input) -> Tensor(a)",
    .doc = "A matrix transposed; vectors and scalars as they are.",
    .examples = "t(randn(3, 4))\nt(randn(3))",
    .variants = "copy",
    .forward = run([](const Tensor& input) { return matrix_transposed(input).of(input); }),
    .backward = [](Backward& b) { b.wrt("input", [&] { return b.grad().t(); }); },
};

constinit const Op op::numpy_T = {
    .schema = "numpy_T(Tensor(a) input) -> Tensor(a)",
    .doc = "All dims in reversed order: what `x.T` gives.",
    .examples = "randn(3, 4).T",
    .variants = "private",
    .compose = run(reversed_dims),
};

constinit const Op op::mT = {
    .schema = "mT(Tensor(a) input) -> Tensor(a)",
    .doc = "The last two dims exchanged: what `x.mT` gives.",
    .examples = "randn(2, 3, 4).mT",
    .variants = "private",
    .compose = run([](const Tensor& input) {
      static WarnOnce warn_once;
      if (input.dim() == 0) {
        warn_once(
            "Tensor.mT is deprecated on 0-D tensors. This function is the identity in these "
            "cases.");
        return input;
      }
      check(input.dim() >= 2,
            "tensor.mT is only supported on matrices or batches of matrices. Got ", input.dim(),
            "-D tensor.");
      return input.transpose(-2, -1);
    }),
};

constinit const Op op::matrix_H = {
    .schema = "matrix_H(Tensor(a) input) -> Tensor(a)",
    .doc = "The matrix transposed, which for real numbers is what `x.H` gives.",
    .examples = "randn(3, 4).H",
    .variants = "private",
    .compose = run([](const Tensor& input) {
      check(input.dim() == 0 || input.dim() == 2,
            "tensor.H is only supported on matrices (2-D tensors). Got ", input.dim(), "-D tensor.",
            input.dim() > 2 ? " For batches of matrices, consider using tensor.mH" : "");
      static WarnOnce warn_once;
      if (input.dim() == 0)
        warn_once("Tensor.H is deprecated on 0-D tensors. Consider using x.conj().");
      return input.dim() == 0 ? input : input.transpose(0, 1);
    }),
};

constinit const Op op::adjoint = {
    .schema = "adjoint(Tensor(a) input) -> Tensor(a)",
    .doc = "The last two dims exchanged (and conjugated, were it complex).",
    .examples = "adjoint(randn(2, 3, 4))",
    .compose = run([](const Tensor& input) {
      check(input.dim() != 1,
            "tensor.adjoint() is only supported on matrices or batches of matrices. Got 1-D "
            "tensor.");
      return input.dim() == 0 ? input : input.transpose(-2, -1);
    }),
};

constinit const Op op::swapaxes = {
    .schema = "swapaxes(Tensor(a) input, int axis0, int axis1) -> Tensor(a)",
    .doc = "transpose() by NumPy's name.",
    .examples = "swapaxes(randn(2, 3, 4), 0, 2)",
    .compose = run([](const Tensor& input, int64_t axis0, int64_t axis1) {
      return input.transpose(axis0, axis1);
    }),
};

constinit const Op op::swapdims = {
    .schema = "swapdims(Tensor(a) input, int dim0, int dim1) -> Tensor(a)",
    .doc = "transpose() by another name.",
    .examples = "swapdims(randn(2, 3, 4), 0, 2)",
    .compose = run([](const Tensor& input, int64_t dim0, int64_t dim1) {
      return input.transpose(dim0, dim1);
    }),
};

constinit const Op op::permute = {
    .schema = "permute(Tensor(a) input, int[] dims) -> Tensor(a)",
    .doc = "A view whose dim i is dim `dims[i]` of the input.",
    .examples = "permute(randn(2, 3, 4), (2, 0, 1))\nrandn(2, 3, 4).permute(-1, 0, 1)",
    .variants = "copy",
    .forward = run(permuted),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad().permute(inverse(b.ints("dims"))); });
        },
};

constinit const Op op::movedim_intlist = {
    .schema = "movedim.intlist(Tensor(a) input, int[] source, int[] destination) -> Tensor(a)",
    .doc = "A view with dims moved from `source` to `destination`; the others keep their order.",
    .examples = "movedim(randn(2, 3, 4), (0, 1), (2, 0))",
    .compose = run(moved),
};

constinit const Op op::movedim_int = {
    .schema = "movedim.int(Tensor(a) input, int source, int destination) -> Tensor(a)",
    .doc = "A view with one dim moved; the others keep their order.",
    .examples = "movedim(randn(2, 3, 4), 0, 2)",
    .compose = run([](const Tensor& input, int64_t source, int64_t destination) {
      return input.movedim(Ints(source), Ints(destination));
    }),
};

constinit const Op op::moveaxis_intlist = {
    .schema = "moveaxis.intlist(Tensor(a) input, int[] source, int[] destination) -> Tensor(a)",
    .doc = "movedim() by NumPy's name.",
    .examples = "moveaxis(randn(2, 3, 4), (0, 1), (2, 0))",
    .compose = run(moved),
};

constinit const Op op::moveaxis_int = {
    .schema = "moveaxis.int(Tensor(a) input, int source, int destination) -> Tensor(a)",
    .doc = "movedim() by NumPy's name.",
    .examples = "moveaxis(randn(2, 3, 4), 0, 2)",
    .compose = run([](const Tensor& input, int64_t source, int64_t destination) {
      return input.movedim(Ints(source), Ints(destination));
    }),
};

constinit const Op op::squeeze = {
    .schema = "squeeze(Tensor(a) input) -> Tensor(a)",
    .doc = "A view without the dims of size 1.",
    .examples = "squeeze(randn(1, 3, 1))",
    .variants = "copy",
    .forward = run([](const Tensor& input) { return squeezed(input).of(input); }),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return unsqueeze_to(b.grad(), b.shape("input")); });
        },
};

constinit const Op op::squeeze_dim = {
    .schema = "squeeze.dim(Tensor(a) input, int dim) -> Tensor(a)",
    .doc = "A view without dim `dim` if its size is 1.",
    .examples = "squeeze(randn(1, 3, 1), 0)\nsqueeze(randn(1, 3, 1), 1)",
    .variants = "copy",
    .forward =
        run([](const Tensor& input, int64_t dim) { return squeezed(input, Ints(dim)).of(input); }),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return unsqueeze_to(b.grad(), b.shape("input")); });
        },
    .node = "SqueezeBackward1",
};

constinit const Op op::squeeze_dims = {
    .schema = "squeeze.dims(Tensor(a) input, int[] dim) -> Tensor(a)",
    .doc = "A view without those of the dims given that have size 1.",
    .examples = "squeeze(randn(1, 3, 1), (0, 1))",
    .variants = "copy",
    .forward = run([](const Tensor& input, Ints dim) { return squeezed(input, dim).of(input); }),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return unsqueeze_to(b.grad(), b.shape("input")); });
        },
    .node = "SqueezeBackward2",
};

constinit const Op op::unsqueeze = {
    .schema = "unsqueeze(Tensor(a) input, int dim) -> Tensor(a)",
    .doc = "A view with a new dim of size 1 at `dim`.",
    .examples = "unsqueeze(randn(3), 0)\nunsqueeze(randn(3), -1)",
    .variants = "copy",
    .forward =
        run([](const Tensor& input, int64_t dim) { return unsqueezed(input, dim).of(input); }),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return unsqueeze_to(b.grad(), b.shape("input")); });
        },
};

constinit const Op op::transpose_ = {
    .schema = "transpose_(Tensor(a!) input, int dim0, int dim1) -> Tensor(a!)",
    .doc = "transpose(), in place: the shape changes, the bytes stay.",
    .examples = "randn(2, 3, 4).transpose_(0, 2)",
    .variants = "method-only, reshapes",
    .forward = run([](const Tensor& input, int64_t dim0, int64_t dim1) {
      return reshaped_in_place(input, swapped(input, dim0, dim1));
    }),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad().transpose(b.integer("dim0"), b.integer("dim1")); });
        },
    .node = "TransposeBackward1",
};

constinit const Op op::swapaxes_ = {
    .schema = "swapaxes_(Tensor(a!) input, int axis0, int axis1) -> Tensor(a!)",
    .doc = "swapaxes(), in place.",
    .examples = "randn(2, 3, 4).swapaxes_(0, 2)",
    .variants = "method-only",
    .compose = run([](const Tensor& input, int64_t axis0, int64_t axis1) {
      return input.transpose_(axis0, axis1);
    }),
};

constinit const Op op::swapdims_ = {
    .schema = "swapdims_(Tensor(a!) input, int dim0, int dim1) -> Tensor(a!)",
    .doc = "swapdims(), in place.",
    .examples = "randn(2, 3, 4).swapdims_(0, 2)",
    .variants = "method-only",
    .compose = run([](const Tensor& input, int64_t dim0, int64_t dim1) {
      return input.transpose_(dim0, dim1);
    }),
};

constinit const Op op::t_ = {
    .schema = "t_(Tensor(a!) input) -> Tensor(a!)",
    .doc = "t(), in place.",
    .examples = "randn(3, 4).t_()",
    .variants = "method-only, reshapes",
    .forward =
        run([](const Tensor& input) { return reshaped_in_place(input, matrix_transposed(input)); }),
    .backward = [](Backward& b) { b.wrt("input", [&] { return b.grad().t(); }); },
    .node = "TBackward1",
};

constinit const Op op::squeeze_ = {
    .schema = "squeeze_(Tensor(a!) input) -> Tensor(a!)",
    .doc = "squeeze(), in place.",
    .examples = "randn(1, 3, 1).squeeze_()",
    .variants = "method-only, reshapes",
    .forward = run([](const Tensor& input) { return reshaped_in_place(input, squeezed(input)); }),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return unsqueeze_to(b.grad(), b.shape("input")); });
        },
    .node = "SqueezeBackward3",
};

constinit const Op op::squeeze__dim = {
    .schema = "squeeze_.dim(Tensor(a!) input, int dim) -> Tensor(a!)",
    .doc = "squeeze(), in place.",
    .examples = "randn(1, 3, 1).squeeze_(0)",
    .variants = "method-only, reshapes",
    .forward = run([](const Tensor& input, int64_t dim) {
      return reshaped_in_place(input, squeezed(input, Ints(dim)));
    }),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return unsqueeze_to(b.grad(), b.shape("input")); });
        },
    .node = "SqueezeBackward4",
};

constinit const Op op::squeeze__dims = {
    .schema = "squeeze_.dims(Tensor(a!) input, int[] dim) -> Tensor(a!)",
    .doc = "squeeze(), in place.",
    .examples = "randn(1, 3, 1).squeeze_((0, 1))",
    .variants = "method-only, reshapes",
    .forward = run([](const Tensor& input, Ints dim) {
      return reshaped_in_place(input, squeezed(input, dim));
    }),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return unsqueeze_to(b.grad(), b.shape("input")); });
        },
    .node = "SqueezeBackward5",
};

constinit const Op op::unsqueeze_ = {
    .schema = "unsqueeze_(Tensor(a!) input, int dim) -> Tensor(a!)",
    .doc = "unsqueeze(), in place.",
    .examples = "randn(3).unsqueeze_(0)",
    .variants = "method-only, reshapes",
    .forward = run([](const Tensor& input, int64_t dim) {
      return reshaped_in_place(input, unsqueezed(input, dim));
    }),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return unsqueeze_to(b.grad(), b.shape("input")); });
        },
    .node = "UnsqueezeBackward1",
};

constinit const Op op::resize_ = {
    .schema =
        "resize_(Tensor(a!) input, int[] size, *, memory_format? memory_format=None) -> "
        "Tensor(a!)",
    .doc =
        "Another shape over the same storage, which grows if needed; not for tensors with history.",
    .examples = "arange(6.).resize_(2, 3)\narange(6.).resize_(2, 2)",
    .variants = "method-only",
    .forward = run(resized),
};

constinit const Op op::resize_as_ = {
    .schema =
        "resize_as_(Tensor(a!) input, Tensor the_template, *, "
        "memory_format? memory_format=None) -> Tensor(a!)",
    .doc = "resize_() to the shape of another tensor.",
    .examples = "resize_as_(arange(6.), randn(3, 2))",
    .compose = run(
        [](const Tensor& input, const Tensor& the_template, std::optional<MemoryFormat> format) {
          if (format == MemoryFormat::Preserve) {
            bool image = the_template.dim() == 4 && !the_template.is_contiguous();
            format = image && is_channels_last(the_template) ? MemoryFormat::ChannelsLast
                                                             : MemoryFormat::Contiguous;
          }
          return input.resize_(the_template.shape(), format);
        }),
};

constinit const Op op::set_ = {
    .schema =
        "set_(Tensor(a!) input, Tensor source, int storage_offset, int[] size, int[] stride) -> "
        "Tensor(a!)",
    .doc = "Becomes elements of the storage of `source`, whatever the dtype of that.",
    .examples = "",
    .variants = "private, reshapes",
    .forward = run<rebound>(),
    .backward = [](Backward& b) { b.refuse(); },
    .node = "NotImplemented",
};

}  // namespace rushlight
