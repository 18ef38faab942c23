// Views of a part: one index, a range, a diagonal, windows.

#include <rushlight/operators.h>

#include "ops/pointwise.h"
#include "ops/view.h"

namespace rushlight {

Range::Range(int64_t size, std::optional<int64_t> first, std::optional<int64_t> end, int64_t step) {
  auto place = [&](int64_t index, int64_t low) {
    if (index < 0) index += size;
    return std::clamp(index, low, size);
  };
  start = place(first.value_or(0), 0);
  length = (place(end.value_or(size), start) - start + step - 1) / step;
}

Geometry selected(Geometry geometry, int64_t dim, int64_t index) {
  geometry.offset += index * geometry.strides[size_t(dim)];
  geometry.remove(dim);
  return geometry;
}

Geometry sliced(Geometry geometry, int64_t dim, const Range& range, int64_t step) {
  size_t at = size_t(dim);
  geometry.offset += range.start * geometry.strides[at];
  geometry.shape[at] = range.length;
  geometry.strides[at] *= step;
  return geometry;
}

namespace {

int64_t wrap_index(const Tensor& input, int64_t dim, int64_t index) {
  int64_t size = input.shape()[size_t(dim)];
  check(index >= -size && index < size, ErrorKind::Index, "select(): index ", index,
        " out of range for tensor of size ", to_string(input.shape()), " at dimension ", dim);
  return index < 0 ? index + size : index;
}

constexpr auto select_one = [](const Tensor& input, int64_t dim, int64_t index) -> Tensor {
  check(input.dim() > 0, ErrorKind::Index, "select() cannot be applied to a 0-dim tensor.");
  dim = wrap_dim(dim, input.dim());
  return selected(Geometry(input), dim, wrap_index(input, dim, index)).of(input);
};

constexpr auto slice_one = [](const Tensor& input, int64_t dim, std::optional<int64_t> start,
                              std::optional<int64_t> end, int64_t step) -> Tensor {
  check(input.dim() > 0, ErrorKind::Index, "slice() cannot be applied to a 0-dim tensor.");
  dim = wrap_dim(dim, input.dim());
  check(step > 0, "slice step must be positive");
  return sliced(Geometry(input), dim, Range(input.size(dim), start, end, step), step).of(input);
};

Geometry diagonal_of(Geometry geometry, int64_t offset, int64_t dim1, int64_t dim2) {
  int64_t ndim = int64_t(geometry.shape.size());
  int64_t first = wrap_dim(dim1, ndim), second = wrap_dim(dim2, ndim);
  check(first != second, "diagonal dimensions cannot be identical ", dim1, ", ", dim2);
  int64_t rows = geometry.shape[size_t(first)], columns = geometry.shape[size_t(second)];
  int64_t row = geometry.strides[size_t(first)], column = geometry.strides[size_t(second)];
  int64_t length = std::max<int64_t>(
      0, offset >= 0 ? std::min(rows, columns - offset) : std::min(rows + offset, columns));
  if (length > 0) geometry.offset += offset >= 0 ? offset * column : -offset * row;
  geometry.remove(std::max(first, second));
  geometry.remove(std::min(first, second));
  geometry.shape.push_back(length);
  geometry.strides.push_back(row + column);
  return geometry;
}

constexpr auto take_diagonal = [](const Tensor& input, int64_t offset, int64_t dim1,
                                  int64_t dim2) -> Tensor {
  return diagonal_of(Geometry(input), offset, dim1, dim2).of(input);
};

void diagonal_backward(Backward& b) {
  b.wrt("input", [&] {
    Ints shape = b.shape("input");
    return diagonal_of(Geometry(shape), b.integer("offset"), b.integer("dim1"), b.integer("dim2"))
        .place(b.grad(), shape);
  });
}

constexpr auto embed_diagonal = [](const Tensor& input, int64_t offset, int64_t dim1,
                                   int64_t dim2) -> Tensor {
  int64_t ndim = input.dim() + 1;
  int64_t first = wrap_dim(dim1, ndim), second = wrap_dim(dim2, ndim);
  check(first != second, "diagonal dimensions cannot be identical ", dim1, ", ", dim2);
  int64_t side = input.size(-1) + std::abs(offset);
  Dims shape(input.shape().first(size_t(input.dim() - 1)));
  shape.insert(size_t(std::min(first, second)), side);
  shape.insert(size_t(std::max(first, second)), side);
  Tensor result = rushlight::zeros(shape, input.dtype(), input.device());
  copy_elements(diagonal_of(Geometry(result), offset, dim1, dim2).of(result), input);
  return result;
};

Geometry windows(Geometry geometry, int64_t dimension, int64_t size, int64_t step) {
  bool scalar = geometry.shape.empty();
  int64_t dim = wrap_dim(dimension, int64_t(geometry.shape.size()));
  int64_t available = scalar ? 1 : geometry.shape[size_t(dim)];
  int64_t stride = scalar ? 1 : geometry.strides[size_t(dim)];
  check(size >= 0, "size is ", size, " but must be >= 0");
  check(size <= available, "maximum size for tensor at dimension ", dim, " is ", available,
        " but size is ", size);
  check(step > 0, "step is ", step, " but must be > 0");
  if (!scalar) {
    geometry.shape[size_t(dim)] = (available - size) / step + 1;
    geometry.strides[size_t(dim)] = step * stride;
  }
  geometry.shape.push_back(size);
  geometry.strides.push_back(stride);
  return geometry;
}

std::optional<int64_t> optional_integer(const Backward& b, Name name) {
  return b.argument<std::optional<int64_t>>(name);
}

}  // namespace

constinit const Op op::select_int = {
    .schema = "select.int(Tensor(a) input, int dim, int index) -> Tensor(a)",
    .doc = "A view of one index of a dim, without that dim: `x[index]` for dim 0.",
    .examples = "select(randn(3, 4), 0, 1)\nselect(randn(3, 4), 1, -1)",
    .variants = "copy",
    .forward = run(select_one),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Ints shape = b.shape("input");
            size_t dim = size_t(wrap_dim(b.integer("dim"), int64_t(shape.size())));
            int64_t index = b.integer("index");
            if (index < 0) index += shape[dim];
            return selected(Geometry(shape), int64_t(dim), index).place(b.grad(), shape);
          });
        },
};

constinit const Op op::slice_Tensor = {
    .schema =
        "slice.Tensor(Tensor(a) input, int dim=0, int? start=None, int? end=None, int step=1) -> "
        "Tensor(a)",
    .doc = "A view of the indices start, start + step, … below end of a dim.",
    .examples = "randn(5, 4)[1:4]\nrandn(5, 4)[:, ::2]",
    .variants = "private",
    .forward = run(slice_one),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Ints shape = b.shape("input");
            int64_t dim = wrap_dim(b.integer("dim"), int64_t(shape.size())),
                    step = b.integer("step");
            Range range(shape[size_t(dim)], optional_integer(b, "start"),
                        optional_integer(b, "end"), step);
            return sliced(Geometry(shape), dim, range, step).place(b.grad(), shape);
          });
        },
};

constinit const Op op::slice_copy_Tensor = {
    .schema =
        "slice_copy.Tensor(Tensor input, int dim=0, int? start=None, int? end=None, int step=1) -> "
        "Tensor",
    .doc = "What `x[start:end:step]` shows in a dim, in memory of its own.",
    .examples = "slice_copy(randn(5, 4))\nslice_copy(randn(5, 4), -1, -3, None, 2)",
    .variants = "copies",
    .forward = copy_of_view<op::slice_Tensor>,
    .backward = backward_of<op::slice_Tensor>,
    .node = "SliceBackward0_copy",
};

constinit const Op op::narrow_Tensor = {
    .schema = "narrow.Tensor(Tensor(a) input, int dim, Tensor start, int length) -> Tensor(a)",
    .doc = "narrow() from the number in a zero-dim tensor.",
    .examples = "narrow(randn(3, 4), 1, tensor(1), 2)",
    .compose = run([](const Tensor& input, int64_t dim, const Tensor& start, int64_t length) {
      check(start.dim() == 0 && is_integral(start.dtype()),
            "start must be an 0-dim integral Tensor.");
      return input.narrow(dim, start.item<int64_t>(), length);
    }),
};

constinit const Op op::narrow = {
    .schema = "narrow(Tensor(a) input, int dim, int start, int length) -> Tensor(a)",
    .doc = "A view of `length` indices of a dim, from `start` on.",
    .examples = "narrow(randn(3, 4), 1, 1, 2)\nnarrow(randn(3, 4), 0, -2, 1)",
    .compose = run([](const Tensor& input, int64_t dim, int64_t start, int64_t length) {
      check(input.dim() > 0, "narrow() cannot be applied to a 0-dim tensor.");
      check(length >= 0, "narrow(): length must be non-negative.");
      int64_t size = input.size(dim);
      check(start >= -size && start <= size, ErrorKind::Index,
            "start out of range (expected to be in range of [", -size, ", ", size, "], but got ",
            start, ")");
      if (start < 0) start += size;
      check(start <= size - length, "start (", start, ") + length (", length,
            ") exceeds dimension size (", size, ").");
      return rushlight::slice(input, dim, start, start + length, 1);
    }),
};

constinit const Op op::diagonal = {
    .schema = "diagonal(Tensor(a) input, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)",
    .doc = "A view of a diagonal of the matrices in two dims; it is the last dim of the result.",
    .examples =
        "diagonal(randn(3, 4))\n"
        "diagonal(randn(3, 4), -1)\n"
        "diagonal(randn(2, 3, 4), 1, dim1=-1, dim2=0)",
    .variants = "copy",
    .forward = run(take_diagonal),
    .backward = diagonal_backward,
};

constinit const Op op::diag = {
    .schema = "diag(Tensor input, int diagonal=0) -> Tensor",
    .doc = "The diagonal of a matrix, or the matrix with this vector as its diagonal.",
    .examples =
        "diag(randn(3))\n"
        "diag(randn(3, 4), 1)\n"
        "diag(randn(2), -1)",
    .compose = run([](const Tensor& input, int64_t diagonal) {
      check(input.dim() == 1 || input.dim() == 2, "diag(): Supports 1D or 2D tensors. Got ",
            input.dim(), "D");
      return input.dim() == 1 ? input.diag_embed(diagonal)
                              : rushlight::diagonal_copy(input, diagonal, 0, 1);
    }),
};

constinit const Op op::diag_embed = {
    .schema = "diag_embed(Tensor input, int offset=0, int dim1=-2, int dim2=-1) -> Tensor",
    .doc = "Matrices of zeros with the last dim of the input as their diagonal.",
    .examples =
        "diag_embed(randn(2, 3))\n"
        "diag_embed(randn(2, 3), 1, 0, 2)",
    .forward = run(embed_diagonal),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            return b.grad().diagonal(b.integer("offset"), b.integer("dim1"), b.integer("dim2"));
          });
        },
};

constinit const Op op::unfold = {
    .schema = "unfold(Tensor(a) input, int dimension, int size, int step) -> Tensor(a)",
    .doc =
        "A view of all windows of `size` indices of a dim, `step` apart; the window is the last "
        "dim.",
    .examples =
        "randn(7).unfold(0, 3, 2)\n"
        "randn(3, 5).unfold(1, 2, 1)",
    .variants = "method-only, copy",
    .forward = run([](const Tensor& input, int64_t dimension, int64_t size, int64_t step) {
      return windows(Geometry(input), dimension, size, step).of(input);
    }),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Ints shape = b.shape("input");
            Geometry seen = windows(Geometry(shape), b.integer("dimension"), b.integer("size"),
                                    b.integer("step"));
            if (!may_overlap_itself(seen.shape, seen.strides)) return seen.place(b.grad(), shape);
            return rushlight::_as_strided_backward(b.grad(), shape, contiguous_strides(shape), 0,
                                                   seen.shape, seen.strides, 0);
          });
        },
};

}  // namespace rushlight
