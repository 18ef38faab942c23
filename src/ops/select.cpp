// Views of a part: one index, a range, a diagonal, windows; and tensors cut into such parts.

#include <rushlight/operators.h>

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

namespace {

Geometry selected(Geometry geometry, int64_t dim, int64_t index) {
  geometry.offset += index * geometry.strides[size_t(dim)];
  geometry.remove(dim);
  return geometry;
}

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

Geometry sliced(Geometry geometry, int64_t dim, const Range& range, int64_t step) {
  size_t at = size_t(dim);
  geometry.offset += range.start * geometry.strides[at];
  geometry.shape[at] = range.length;
  geometry.strides[at] *= step;
  return geometry;
}

constexpr auto slice_one = [](const Tensor& input, int64_t dim, std::optional<int64_t> start,
                              std::optional<int64_t> end, int64_t step) -> Tensor {
  check(input.dim() > 0, ErrorKind::Index, "slice() cannot be applied to a 0-dim tensor.");
  dim = wrap_dim(dim, input.dim());
  check(step > 0, "slice step must be positive");
  return sliced(Geometry(input), dim, Range(input.size(dim), start, end, step), step).of(input);
};

std::optional<int64_t> optional_integer(const Backward& b, Name name) {
  return b.argument<std::optional<int64_t>>(name);
}

}  // namespace

constinit const Op op::select_int = {
    .schema = "select.int(Tensor(a) input, int dim, int index) -> Tensor(a)",
    .doc = "A view of one index of a dim, without that dim: `x[index]` for dim 0.",
    .examples = "select(randn(3, 4), 0, 1)\nselect(randn(3, 4), 1, -1)",
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

}  // namespace rushlight
