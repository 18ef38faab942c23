// Indices into one dim, or into the flattened tensor: index_select and its writing kin, take, put.

#include <rushlight/operators.h>

#include "ops/copy.h"
#include "ops/index.h"

namespace rushlight {

namespace {

bool is_long_or_int(const Tensor& index) {
  return index.dtype() == DType::Int64 || index.dtype() == DType::Int32;
}

/// Size of a dim; a number counts as a vector of one.
int64_t size_along(const Tensor& tensor, int64_t dim) {
  return tensor.dim() == 0 ? 1 : tensor.size(dim);
}

constexpr auto select_indices = [](const Tensor& input, int64_t dim,
                                   const Tensor& index) -> Tensor {
  dim = wrap_dim(dim, input.dim());
  check(index.dim() <= 1, ErrorKind::Index, "index_select(): Index is supposed to be a vector");
  check(is_long_or_int(index), "index_select(): Expected dtype int32 or int64 for index, got ",
        info(index.dtype()).name);
  check(input.dim() > 0 || index.numel() == 1,
        "index_select(): Index to scalar can have only 1 value, got ", index.numel(), " value(s)");
  Tensor longs = as_long(index);
  int64_t size = size_along(input, dim);
  std::span<const int64_t> values(longs.data<int64_t>(), size_t(longs.numel()));
  check(size > 0 || values.empty() || input.dim() < 2,
        "index_select(): self indexing axis dim should be positive");
  if (int64_t bad = find_out_of_range(values, size, false); bad >= 0) {
    int64_t wrong = values[size_t(bad)];
    // PyTorch has a loop of its own, with other words, for the second dim.
    check(dim != 1, "INDICES element is out of DATA bounds, id=", wrong, " axis_dim=", size);
    fail(ErrorKind::Index, "index out of range in self (index ", wrong, ", size ", size, " of dim ",
         dim, ")");
  }
  Dims shape(input.shape());
  if (input.dim() > 0) shape[size_t(dim)] = index.numel();
  Tensor result = make_tensor(shape, input.dtype(), input.device());
  DimIndex places(longs, dim);
  if (result.numel() > 0 && has_values(input))
    run_move_places(size_of(input.dtype()), places.counts(input), places.all(result),
                    places.picked(input), true);
  return result;
};

constexpr auto add_at_indices = [](const Tensor& target, int64_t dim, const Tensor& index,
                                   const Tensor& source, const Scalar& alpha) {
  dim = wrap_dim(dim, target.dim());
  check(is_long_or_int(index),
        "index_add_(): Expected dtype int32/int64 for index but got: ", info(index.dtype()).spoken);
  check(target.dtype() == source.dtype(), "index_add_(): self (", info(target.dtype()).spoken,
        ") and source (", info(source.dtype()).spoken, ") must have the same scalar type");
  check(index.dim() <= 1, ErrorKind::Index,
        "index_add_(): Index is supposed to be a vector, but got dim: ", index.dim(),
        " with type: ", info(index.dtype()).spoken, " and size: ", to_string(index.shape()));
  Dims expected(target.shape()), got(source.shape());
  bool same_rank = expected.size() == got.size();
  if (same_rank && !got.empty()) {
    check(index.numel() == got[size_t(dim)], "index_add_(): Number of indices (", index.numel(),
          ") should be equal to source.size(dim): (", got[size_t(dim)], "), for dim: ", dim);
    expected.erase(size_t(dim));
    got.erase(size_t(dim));
  }
  check(same_rank && expected == got,
        "source tensor shape must match self tensor shape, excluding the specified dimension. Got "
        "self.shape = ",
        to_string(target.shape()), " source.shape = ", to_string(source.shape()));
  Tensor longs = as_long(index);
  check_range(longs, size_along(target, dim), dim, false,
              target.dim() > 1 ? ErrorKind::Runtime : ErrorKind::Index);
  check_no_overlap(target, source);
  if (!has_values(target)) return;
  Tensor scaled = alpha == 1 ? source : (source * alpha).to(target.dtype());
  DimIndex places(longs, dim);
  run_add_places(target.dtype(), places.counts(target), places.picked(target), places.all(scaled));
};

constexpr auto copy_to_indices = [](const Tensor& target, int64_t dim, const Tensor& index,
                                    const Tensor& source) {
  dim = wrap_dim(dim, target.dim());
  check(index.dim() < 2, ErrorKind::Index,
        "index_copy_(): Index should have dimension 1 or 0 (got ", index.dim(), ")");
  check(source.dim() > 0 || index.numel() == 1, ErrorKind::Index,
        "index_copy_(): When source is scalar, index should have one element (got ", index.numel(),
        ")");
  check(source.dim() == target.dim() || source.dim() == 0 || target.dim() == 0, ErrorKind::Index,
        "index_copy_(): When source and destination are not scalars, their dimensionality must "
        "match. Source dimensionality (",
        source.dim(), "), destination dimensionality (", target.dim(), ")");
  check(index.dtype() == DType::Int64, "index_copy_(): Expected a long tensor for index, but got ",
        info(index.dtype()).spoken);
  check(target.dtype() == source.dtype(),
        "index_copy_(): self and source expected to have the same dtype, but got (self) ",
        info(target.dtype()).spoken, " and (source) ", info(source.dtype()).spoken);
  Dims expected(target.shape()), got(source.shape());
  if (!expected.empty()) expected.erase(size_t(dim));
  if (!got.empty()) got.erase(size_t(dim));
  check(expected == got,
        "index_copy_(): Source/destination tensor must have same slice shapes. Destination slice "
        "shape: ",
        to_string(expected), " at dimension ", dim, " and source slice shape: ", to_string(got),
        " at dimension ", dim, ".");
  check(source.dim() == 0 || index.numel() == source.size(dim), ErrorKind::Index,
        "index_copy_(): Number of indices (", index.numel(),
        ") should be equal to source.size(dim) (", size_along(source, dim), ")");
  Tensor longs = as_long(index);
  check_range(longs, size_along(target, dim), dim, false, ErrorKind::Index);
  check_no_overlap(target, source);
  if (!has_values(target)) return;
  check_has_values(source, "index_copy_");
  DimIndex places(longs, dim);
  run_move_places(size_of(target.dtype()), places.counts(target), places.picked(target),
                  places.all(source), false);
};

void fill_indices(const Tensor& target, int64_t dim, const Tensor& index, const Scalar& value) {
  check(index.dtype() == DType::Int64, ErrorKind::Index,
        "index_fill_(): Expected dtype int64 for index.");
  check(index.dim() <= 1, "Index has to be a vector/scalar");
  dim = wrap_dim(dim, target.dim());
  Tensor longs = as_long(index);
  check_range(longs, size_along(target, dim), dim, true, ErrorKind::Index);
  if (!has_values(target)) return;
  Tensor number = wrapped_number(value, target.dtype());
  DimIndex places(longs, dim);
  Places from{number.data(), {}, {}, {}};
  run_move_places(size_of(target.dtype()), places.counts(target), places.picked(target), from,
                  false);
}

constexpr auto fill_with_tensor = [](const Tensor& target, int64_t dim, const Tensor& index,
                                     const Tensor& value) {
  check(value.dim() == 0,
        "index_fill_ only supports a 0-dimensional value tensor, but got tensor with ", value.dim(),
        " dimension(s).");
  fill_indices(target, dim, index, value.item_scalar());
};

Tensor filled_with_zero(Backward& b) {
  return b.grad().index_fill(b.integer("dim"), b.saved("index"), 0);
}

/// Offsets of flat indices; throws PyTorch's IndexError.
Tensor flat_offsets(const Tensor& tensor, const Tensor& index) {
  Tensor longs = as_long(index);
  size_t count = size_t(longs.numel());
  int64_t bad = find_out_of_range({longs.data<int64_t>(), count}, tensor.numel(), true);
  check(bad < 0, ErrorKind::Index, "out of range: tried to access index ",
        bad < 0 ? 0 : longs.data<int64_t>()[bad], " on a tensor of ", tensor.numel(), " elements.");
  Tensor offsets = make_tensor(longs.shape(), DType::Int64);
  int64_t* places = offsets.data<int64_t>();
  std::fill_n(places, count, 0);
  run_add_index({places, count}, {longs.data<int64_t>(), count}, tensor.numel(), 1);
  if (tensor.is_contiguous()) return offsets;
  Table table;
  PlaceAxis axis = place_axis(tensor.shape(), tensor.strides(), table);
  for (size_t i = 0; i < count; ++i) places[i] = axis.at(places[i]);
  return offsets;
}

constexpr auto take_flat = [](const Tensor& input, const Tensor& index) -> Tensor {
  check(index.dtype() == DType::Int64, "take(): Expected a long tensor for index, but got ",
        info(index.dtype()).spoken);
  check(input.numel() > 0 || index.numel() == 0, ErrorKind::Index,
        "take(): tried to take from an empty tensor");
  Tensor offsets = flat_offsets(input, index);
  Tensor result = make_tensor(index.shape(), input.dtype(), input.device());
  if (!has_values(input)) return result;
  run_move_places(size_of(input.dtype()), {1, index.numel(), 1},
                  {result.data(), {}, {nullptr, 1}, {}},
                  {input.data(), {}, {offsets.data<int64_t>(), 0}, {}}, true);
  return result;
};

constexpr auto put_flat = [](const Tensor& target, const Tensor& index, const Tensor& source,
                             bool accumulate) {
  check(index.dtype() == DType::Int64, "put_(): Expected a long tensor for index, but got ",
        info(index.dtype()).spoken);
  check(target.dtype() == source.dtype(),
        "put_(): self and source expected to have the same dtype, but got self.dtype = ",
        info(target.dtype()).spoken, " and source.dtype = ", info(source.dtype()).spoken);
  check(index.numel() == source.numel(), ErrorKind::Index,
        "put_(): Expected source and index to have the same number of elements, but got "
        "source.numel() = ",
        source.numel(), ", index.numel() = ", index.numel());
  check(target.numel() > 0 || index.numel() == 0, ErrorKind::Index,
        "put_(): Tried to put elements into an empty tensor");
  Tensor offsets = flat_offsets(target, index), values = source.contiguous();
  check_no_overlap(target, source);
  if (!has_values(target)) return;
  check_has_values(source, "put_");
  PlaceCounts counts{1, index.numel(), 1};
  Places to{target.data(), {}, {offsets.data<int64_t>(), 0}, {}};
  Places from{values.data(), {}, {nullptr, 1}, {}};
  if (accumulate)
    run_add_places(target.dtype(), counts, to, from);
  else
    run_move_places(size_of(target.dtype()), counts, to, from, false);
};

}  // namespace

constinit const Op op::index_select = {
    .schema = "index_select(Tensor input, int dim, Tensor index) -> Tensor",
    .doc = "The indices of a dim that `index` lists, in its order.",
    .examples =
        "index_select(randn(3, 4), 0, tensor([2, 0]))\n"
        "index_select(randn(3, 4), 1, tensor([1, 1, 3]))",
    .forward = run(select_indices),
    .save = "index",
    .constants = "index",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor zeros = rushlight::zeros(b.shape("input"), b.grad().dtype());
            return zeros.index_add_(b.integer("dim"), b.saved("index"), b.grad());
          });
        },
};

constinit const Op op::index_add = {
    .schema =
        "index_add(Tensor input, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> "
        "Tensor",
    .doc = "Adds `alpha * source` at the indices of a dim, in their order.",
    .examples =
        "index_add(randn(3, 4), 0, tensor([0, 2, 0]), randn(3, 4))\n"
        "index_add(randn(3, 4), 1, tensor([1, 1]), randn(3, 2), alpha=2)",
    .variants = "in-place",
    .forward = write_row_major(add_at_indices),
    .save = "index",
    .constants = "index",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad(); });
          b.wrt("source", [&] {
            Tensor picked = b.grad().index_select(b.integer("dim"), b.saved("index"));
            Scalar alpha = b.scalar("alpha");
            return alpha == 1 ? picked : picked * alpha;
          });
        },
};

constinit const Op op::index_copy = {
    .schema = "index_copy(Tensor input, int dim, Tensor index, Tensor source) -> Tensor",
    .doc = "Replaces the indices of a dim by those of `source`, in order.",
    .examples = "index_copy(randn(3, 4), 0, tensor([2, 0]), randn(2, 4))",
    .variants = "in-place",
    .forward = write_row_major(copy_to_indices),
    .save = "index",
    .constants = "index",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return filled_with_zero(b); });
          b.wrt("source", [&] {
            return b.grad()
                .index_select(b.integer("dim"), b.saved("index"))
                .reshape(b.shape("source"));
          });
        },
};

constinit const Op op::index_fill_int_Tensor = {
    .schema = "index_fill.int_Tensor(Tensor input, int dim, Tensor index, Tensor value) -> Tensor",
    .doc = "Fills the indices of a dim with the number that `value` holds.",
    .examples = "index_fill(randn(3, 4), 1, tensor([0, 2]), tensor(1.5))",
    .variants = "in-place, may-expand",
    .forward = write(fill_with_tensor),
    .save = "index",
    .constants = "index",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return filled_with_zero(b); });
          b.wrt("value", [&] {
            Tensor zeros = rushlight::zeros_like(b.grad());
            return (zeros.index_fill(b.integer("dim"), b.saved("index"), 1) * b.grad()).sum();
          });
        },
    .node = "IndexFillBackward1",
};

constinit const Op op::index_fill_int_Scalar = {
    .schema = "index_fill.int_Scalar(Tensor input, int dim, Tensor index, Scalar value) -> Tensor",
    .doc = "Fills the indices of a dim with `value`.",
    .examples = "index_fill(randn(3, 4), 1, tensor([0, 2]), 1.5)",
    .variants = "in-place, may-expand",
    .forward = write([](const Tensor& target, int64_t dim, const Tensor& index,
                        const Scalar& value) { fill_indices(target, dim, index, value); }),
    .save = "index",
    .constants = "index",
    .backward = [](Backward& b) { b.wrt("input", [&] { return filled_with_zero(b); }); },
};

constinit const Op op::take = {
    .schema = "take(Tensor input, Tensor index) -> Tensor",
    .doc = "The elements of the flattened tensor at `index`, in its shape.",
    .examples = "take(randn(3, 4), tensor([[0, 5], [-1, 2]]))",
    .forward = run(take_flat),
    .save = "index",
    .constants = "index",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor zeros = rushlight::zeros(b.shape("input"), b.grad().dtype());
            return zeros.put_(b.saved("index"), b.grad(), true);
          });
        },
};

constinit const Op op::put = {
    .schema = "put(Tensor input, Tensor index, Tensor source, bool accumulate=False) -> Tensor",
    .doc = "Replaces, or adds to, the elements of the flattened tensor at `index`.",
    .examples =
        "put(randn(3, 4), tensor([0, 5]), randn(2))\n"
        "randn(3, 4).put(tensor([1, 1]), randn(2), accumulate=True)",
    .variants = "in-place",
    .forward = write(put_flat),
    .save = "index",
    .constants = "index",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            if (b.flag("accumulate")) return b.grad();
            Tensor zeros = rushlight::zeros(b.shape("source"), b.grad().dtype());
            return b.grad().put(b.saved("index"), zeros, false);
          });
          b.wrt("source",
                [&] { return b.grad().take(b.saved("index")).reshape(b.shape("source")); });
        },
};

}  // namespace rushlight
