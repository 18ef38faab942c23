// An index for every element: gather, scatter and their kin.

#include <rushlight/function.h>
#include <rushlight/operators.h>

#include "ops/copy.h"
#include "ops/index.h"

namespace rushlight {

namespace {

bool is_long_or_int(const Tensor& index) {
  return index.dtype() == DType::Int64 || index.dtype() == DType::Int32;
}

/// A number counts as a vector of one.
Ints at_least_1d(Ints shape) {
  static constexpr int64_t one = 1;
  return shape.empty() ? Ints(one) : shape;
}

/// True if `index` is nowhere larger than `tensor`, except along `dim`.
bool fits(Ints index, Ints tensor, int64_t dim) {
  for (size_t d = 0; d < index.size(); ++d) {
    if (int64_t(d) != dim && index[d] > tensor[d]) return false;
  }
  return true;
}

/// The operand that stays in place along `dim`, where the index moves it instead.
Operand pinned(const Tensor& tensor, int64_t dim, Dims& strides) {
  strides = Dims(tensor.strides());
  if (strides.empty()) strides.push_back(0);
  strides[size_t(dim)] = 0;
  return {tensor.data(), tensor.dtype(), strides.data()};
}

Operand raised(const Tensor& tensor, Dims& strides) {
  strides = Dims(tensor.strides());
  if (strides.empty()) strides.push_back(0);
  return {tensor.data(), tensor.dtype(), strides.data()};
}

int64_t stride_along(const Tensor& tensor, int64_t dim) {
  return tensor.dim() == 0 ? 0 : tensor.stride(dim);
}

void check_dims(const Tensor& tensor, const Tensor& index, const char* what) {
  bool same_rank = at_least_1d(tensor.shape()).size() == at_least_1d(index.shape()).size();
  check(same_rank, "Index tensor must have the same number of dimensions as ", what,
        " tensor (got index ", to_string(index.shape()), " and ", what, " ",
        to_string(tensor.shape()), ")");
}

constexpr auto gather_elements = [](const Tensor& input, int64_t dim, const Tensor& index,
                                    bool) -> Tensor {
  dim = wrap_dim(dim, input.dim());
  Tensor result = make_tensor(index.shape(), input.dtype(), input.device());
  if (index.numel() == 0) return result;
  check(is_long_or_int(index), "gather(): Expected dtype int32/int64 for index, got ",
        info(index.dtype()).name);
  check_dims(input, index, "input");
  Ints shape = at_least_1d(index.shape()), source = at_least_1d(input.shape());
  for (size_t d = 0; d < shape.size(); ++d) {
    check(int64_t(d) == dim || shape[d] <= source[d], "Size does not match at dimension ", d,
          " expected index ", to_string(index.shape()), " to be no larger than self ",
          to_string(input.shape()), " apart from dimension ", dim);
  }
  Tensor longs = as_long(index);
  check_range(longs, source[size_t(dim)], dim, false, ErrorKind::Runtime);
  if (!has_values(input)) return result;
  Dims out, in, from;
  run_gather(shape, raised(result, out), raised(longs, in), pinned(input, dim, from),
             stride_along(input, dim));
  return result;
};

/// Checks everything, then writes; `source` null: the number `value` everywhere.
void scatter_elements(const char* name, ScatterMode mode, const Tensor& target, int64_t dim,
                      const Tensor& index, const Tensor* source, const Scalar& value) {
  dim = wrap_dim(dim, target.dim());
  check(is_long_or_int(index) || index.numel() == 0, name,
        "(): Expected dtype int32/int64 for index, got ", info(index.dtype()).name);
  check(!source || source->dtype() == target.dtype(), name,
        "(): Expected self.dtype to be equal to src.dtype, got ", info(target.dtype()).name,
        " and ", source ? info(source->dtype()).name : "");
  if (index.numel() == 0) return;
  check_dims(target, index, "self");
  Ints shape = at_least_1d(index.shape());
  bool source_fits = true;
  if (source) {
    check_dims(*source, index, "src");
    source_fits = fits(shape, at_least_1d(source->shape()), -1);
  }
  check(source_fits && fits(shape, at_least_1d(target.shape()), dim), "Expected index ",
        to_string(index.shape()), " to be no larger than self ", to_string(target.shape()),
        " apart from dimension ", dim,
        source ? " and to be no larger size than src " + to_string(source->shape()) : "");
  Tensor longs = as_long(index);
  check_range(longs, at_least_1d(target.shape())[size_t(dim)], dim, false, ErrorKind::Runtime);
  if (source) check_no_overlap(target, *source);
  if (!has_values(target)) return;
  Dims to, at, from(shape.size(), 0);
  Tensor number = source ? Tensor() : wrapped_number(value, target.dtype());
  Operand values =
      source ? raised(*source, from) : Operand{number.data(), number.dtype(), from.data()};
  run_scatter(mode, shape, pinned(target, dim, to), stride_along(target, dim), raised(longs, at),
              values);
}

ScatterMode legacy_mode(std::string_view reduce) {
  check(reduce == "add" || reduce == "multiply", "reduce argument must be either add or multiply.");
  return reduce == "add" ? ScatterMode::Add : ScatterMode::Multiply;
}

/// The gradient of the scattered elements; zeros where `index` is smaller than the source.
Tensor gathered(const Tensor& grad, int64_t dim, const Tensor& index, Ints shape) {
  Tensor picked = grad.gather(dim, index);
  if (same(picked.shape(), shape)) return picked;
  return Geometry(shape).place(picked, shape);
}

Tensor gathered_source(Backward& b) {
  return gathered(b.grad(), b.integer("dim"), b.saved("index"), b.shape("src"));
}

Tensor scattered_zero(Backward& b) {
  return b.grad().scatter(b.integer("dim"), b.saved("index"), 0);
}

/// PyTorch has no gradient for these either.
void no_scatter_gradient(Backward&) {
  fail(ErrorKind::Runtime,
       "derivative for aten::scatter is not implemented with `reduce`; scatter_add() and "
       "scatter_reduce() have one");
}

// -- scatter_reduce ------------------------------------------------------------------------------

enum Reduce : int64_t { kSum, kProd, kMean, kMax, kMin };

int64_t reduce_named(std::string_view name) {
  constexpr std::string_view kNames[] = {"sum", "prod", "mean", "amax", "amin"};
  auto found = std::find(std::begin(kNames), std::end(kNames), name);
  check(found != std::end(kNames),
        "reduce argument must be either sum, prod, mean, amax or amin, got ", name);
  return found - std::begin(kNames);
}

/// What an element starts from when `include_self` is false.
Scalar start_of(int64_t reduce, DType dtype) {
  if (reduce == kProd) return 1;
  if (reduce < kMax) return 0;
  bool low = reduce == kMax;
  double infinity = std::numeric_limits<double>::infinity();
  if (is_floating(dtype)) return low ? -infinity : infinity;
  return dispatch(dtype, [&]<class T>(CppType<T>) -> Scalar {
    if constexpr (std::is_integral_v<T>)
      return low ? std::numeric_limits<T>::lowest() : std::numeric_limits<T>::max();
    else
      return 0;
  });
}

constexpr auto reduce_elements = [](const Tensor& target, int64_t dim, const Tensor& index,
                                    const Tensor& src, int64_t reduce, bool include_self) {
  constexpr ScatterMode kModes[] = {ScatterMode::Add, ScatterMode::Multiply, ScatterMode::Add,
                                    ScatterMode::Max, ScatterMode::Min};
  // A trial run on copies makes every check before the first write.
  Tensor result = target.clone();
  if (!include_self)
    scatter_elements("scatter_reduce", ScatterMode::Assign, result, dim, index, nullptr,
                     start_of(reduce, target.dtype()));
  scatter_elements("scatter_reduce", kModes[reduce], result, dim, index, &src, 0);
  if (reduce == kMean) {
    Tensor count = include_self ? rushlight::ones_like(target) : rushlight::zeros_like(target);
    Tensor ones = rushlight::ones(src.shape(), target.dtype());
    scatter_elements("scatter_reduce", ScatterMode::Add, count, dim, index, &ones, 0);
    count = count.clamp_min(1);
    result = is_floating(target.dtype()) ? result.div(count) : result.floor_divide(count);
  }
  copy_elements(target, result);
};

struct ReduceGradients {
  Tensor input, src;
};

/// PyTorch's formulas (FunctionsManual: scatter_reduce_backward).
ReduceGradients reduce_gradients(Backward& b) {
  int64_t dim = b.integer("dim"), reduce = b.integer("reduce");
  bool include_self = b.flag("include_self");
  Tensor grad = b.grad(), input = b.saved("input"), src = b.saved("src");
  Tensor index = b.saved("index"), result = b.saved("result");
  DType dtype = grad.dtype();
  auto gather = [&](const Tensor& tensor) { return gathered(tensor, dim, index, src.shape()); };
  ReduceGradients gradients;
  if (reduce == kSum) {
    gradients = {grad, gather(grad)};
  } else if (reduce == kMean) {
    Tensor count = include_self ? rushlight::ones_like(grad) : rushlight::zeros_like(grad);
    count = count.scatter_add(dim, index, rushlight::ones_like(src)).clamp_min(1);
    Tensor share = grad.div(count);
    gradients = {share, gather(share)};
  } else if (reduce == kProd) {
    Tensor no_zeros = input.masked_fill(input.eq(0), 1);
    Tensor others = no_zeros.scatter_reduce(dim, index, src, "prod", include_self);
    Tensor is_zero = src.eq(0);
    Tensor zeros = rushlight::zeros_like(grad).scatter_add(dim, index, is_zero.to(dtype));
    Tensor only_zero = is_zero.logical_and(gather(zeros).eq(1));
    Tensor without =
        input.scatter_reduce(dim, index, src.masked_fill(only_zero, 1), "prod", include_self);
    Tensor usual = gather(grad * result).div(src.masked_fill(is_zero, 1));
    gradients = {(grad * others).div(no_zeros),
                 rushlight::where(only_zero, gather(grad * without), usual)};
    if (autograd::grad_enabled() && zeros.gt(1).any().item<bool>()) {
      gradients.src = autograd::refuse_backward(
          gradients.src,
          "scatter_reduce(): Double backward is unsupported for src when >1 zeros in src are "
          "scattered to the same position in self");
    }
  } else {
    Tensor input_is = input.eq(result).to(dtype);
    Tensor src_is = src.eq(gather(result)).to(dtype);
    Tensor share = grad.div(input_is.scatter_add(dim, index, src_is));
    gradients = {input_is * share, src_is * gather(share)};
  }
  if (!include_self) gradients.input = gradients.input.scatter(dim, index, 0);
  return gradients;
}

/// The indices of index_reduce, one for each element of `source`. Throws unless the shapes fit.
Tensor spread_index(const Tensor& input, int64_t along, const Tensor& index, const Tensor& source,
                    std::string_view reduce) {
  check(reduce == "prod" || reduce == "mean" || reduce == "amax" || reduce == "amin",
        "index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got ", reduce,
        ".");
  check(is_long_or_int(index), "index_reduce_(): Expected dtype int32/int64 for index but got: ",
        info(index.dtype()).spoken);
  check(input.dtype() == source.dtype(), "index_reduce_(): self (", info(input.dtype()).spoken,
        ") and source (", info(source.dtype()).spoken, ") must have the same scalar type");
  check(index.dim() <= 1, ErrorKind::Index,
        "index_reduce_(): Index is supposed to be a vector, but got dim: ", index.dim());
  check(source.dim() == 0 || along < source.dim(), "index_reduce_(): Indexing dim ", along,
        " is out of bounds of the source tensor with dim ", source.dim());
  Dims expected(input.shape());
  if (source.dim() > 0) expected[size_t(along)] = source.size(along);
  check(source.dim() == 0 || same(expected, source.shape()),
        "source tensor shape must match self tensor shape, excluding the specified dimension. "
        "Got self.shape = ",
        to_string(input.shape()), " source.shape = ", to_string(source.shape()));
  int64_t count = source.dim() == 0 ? 1 : source.size(along);
  check(index.numel() == count, "index_reduce_(): Number of indices (", index.numel(),
        ") should be equal to source.size(dim): (", count, "), for dim: ", along);
  Dims shape(size_t(source.dim()), 1);
  if (source.dim() > 0) shape[size_t(along)] = count;
  return index.reshape(shape).expand(source.shape());
}

}  // namespace

constinit const Op op::gather = {
    .schema = "gather(Tensor input, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor",
    .doc = "For dim 0: result[i, j] = input[index[i, j], j]; the result has the shape of `index`.",
    .examples =
        "gather(randn(3, 4), 0, tensor([[0, 2, 1], [1, 1, 0]]))\n"
        "gather(randn(3, 4), 1, tensor([[0, 3], [2, 2]]))",
    .forward = run(gather_elements),
    .save = "index",
    .constants = "index",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor zeros = rushlight::zeros(b.shape("input"), b.grad().dtype());
            return zeros.scatter_add_(b.integer("dim"), b.saved("index"), b.grad());
          });
        },
};

constinit const Op op::take_along_dim = {
    .schema = "take_along_dim(Tensor input, Tensor indices, int? dim=None) -> Tensor",
    .doc = "gather() whose operands broadcast; without `dim`, of the flattened tensor.",
    .examples =
        "take_along_dim(randn(3, 4), tensor([[0], [2], [1]]), 1)\n"
        "take_along_dim(randn(3, 4), tensor([5, 0]))\n"
        "take_along_dim(randn(3, 4), tensor([[-1], [2], [-4]]), 1)",
    .compose = run([](const Tensor& input, const Tensor& indices,
                      std::optional<int64_t> dim) -> Tensor {
      check(!dim || input.dim() == indices.dim(),
            "torch.take_along_dim(): input and indices should have the same number of "
            "dimensions, but got ",
            input.dim(), " dimensions for input, and ", indices.dim(), " dimensions for indices");
      check(indices.dtype() == DType::Int64 || (!dim && indices.dtype() == DType::Int32),
            "torch.take_along_dim(): dtype of indices should be Long but got ",
            info(indices.dtype()).spoken);
      auto from_start = [&](int64_t size) {
        return rushlight::where(indices < Scalar(0), indices + size, indices);
      };
      if (!dim) return input.reshape(-1).gather(0, from_start(input.numel()).reshape(-1));
      size_t along = size_t(wrap_dim(*dim, input.dim()));
      Dims source(input.shape()), index(indices.shape());
      source[along] = index[along] = 1;
      Dims shape = broadcast_shapes(source, index);
      source = index = shape;
      source[along] = input.shape()[along];
      index[along] = indices.shape()[along];
      return input.expand(source).gather(int64_t(along), from_start(source[along]).expand(index));
    }),
};

constinit const Op op::scatter_src = {
    .schema = "scatter.src(Tensor input, int dim, Tensor index, Tensor src) -> Tensor",
    .doc =
        "For dim 0: result[index[i, j], j] = src[i, j]; where places repeat, the last in order of "
        "the index wins.",
    .examples = "scatter(zeros(3, 4), 0, tensor([[0, 2, 1]]), randn(2, 3))",
    .variants = "in-place",
    .forward = write_row_major(
        [](const Tensor& target, int64_t dim, const Tensor& index, const Tensor& src) {
          scatter_elements("scatter", ScatterMode::Assign, target, dim, index, &src, 0);
        }),
    .save = "index",
    .constants = "index",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return scattered_zero(b); });
          b.wrt("src", [&] { return gathered_source(b); });
        },
};

constinit const Op op::scatter_value = {
    .schema = "scatter.value(Tensor input, int dim, Tensor index, Scalar value) -> Tensor",
    .doc = "For dim 0: result[index[i, j], j] = value.",
    .examples = "scatter(zeros(3, 4), 1, tensor([[0], [2], [1]]), 1.5)",
    .variants = "in-place",
    .forward = write_row_major(
        [](const Tensor& target, int64_t dim, const Tensor& index, const Scalar& value) {
          scatter_elements("scatter", ScatterMode::Assign, target, dim, index, nullptr, value);
        }),
    .save = "index",
    .constants = "index",
    .backward = [](Backward& b) { b.wrt("input", [&] { return scattered_zero(b); }); },
    .node = "ScatterBackward1",
};

constinit const Op op::scatter_reduce = {
    .schema =
        "scatter.reduce(Tensor input, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor",
    .doc = "Adds or multiplies (`reduce` is 'add' or 'multiply') instead of replacing.",
    .examples = "scatter(ones(3, 4), 0, tensor([[0, 0, 1]]), ones(2, 3), reduce='add')",
    .variants = "in-place",
    .forward = write_row_major([](const Tensor& target, int64_t dim, const Tensor& index,
                                  const Tensor& src, std::string_view reduce) {
      static WarnOnce warn_once;
      warn_once(
          "The reduce argument of torch.scatter with Tensor src is deprecated and will be removed "
          "in a future PyTorch release. Use torch.scatter_reduce instead for more reduction "
          "options.");
      scatter_elements("scatter", legacy_mode(reduce), target, dim, index, &src, 0);
    }),
    .constants = "index",
    .backward = no_scatter_gradient,
    .node = "NotImplemented",
};

constinit const Op op::scatter_value_reduce = {
    .schema =
        "scatter.value_reduce(Tensor input, int dim, Tensor index, Scalar value, *, str reduce) "
        "-> Tensor",
    .doc = "Adds or multiplies a number (`reduce` is 'add' or 'multiply') instead of replacing.",
    .examples = "scatter(ones(3, 4), 0, tensor([[0, 0, 1]]), 2.0, reduce='multiply')",
    .variants = "in-place",
    .forward = write_row_major([](const Tensor& target, int64_t dim, const Tensor& index,
                                  const Scalar& value, std::string_view reduce) {
      scatter_elements("scatter", legacy_mode(reduce), target, dim, index, nullptr, value);
    }),
    .constants = "index",
    .backward = no_scatter_gradient,
    .node = "NotImplemented",
};

constinit const Op op::scatter_add = {
    .schema = "scatter_add(Tensor input, int dim, Tensor index, Tensor src) -> Tensor",
    .doc = "For dim 0: result[index[i, j], j] += src[i, j], in order of the index.",
    .examples = "scatter_add(zeros(3, 4), 0, tensor([[0, 2, 1], [0, 0, 1]]), randn(2, 3))",
    .variants = "in-place",
    .forward = write_row_major(
        [](const Tensor& target, int64_t dim, const Tensor& index, const Tensor& src) {
          scatter_elements("scatter", ScatterMode::Add, target, dim, index, &src, 0);
        }),
    .save = "index",
    .constants = "index",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad(); });
          b.wrt("src", [&] { return gathered_source(b); });
        },
};

constinit const Op op::scatter_reduce_two = {
    .schema =
        "scatter_reduce.two(Tensor input, int dim, Tensor index, Tensor src, str reduce, *, "
        "bool include_self=True) -> Tensor",
    .doc =
        "Combines all of `src` that meets in a place by 'sum', 'prod', 'mean', 'amax' or 'amin', "
        "with the element that was there if `include_self`.",
    .examples =
        "scatter_reduce(randn(3, 4), 0, tensor([[0, 2, 1], [0, 0, 1]]), randn(2, 3), 'sum')\n"
        "scatter_reduce(randn(3), 0, tensor([0, 0, 2]), randn(3), 'amax', include_self=False)",
    .variants = "in-place",
    .compose =
        [](Call& call) {
          const Value* given = call.arguments;
          const Value arguments[] = {
              given[0], given[1], given[2], given[3], reduce_named(given[4].text()), given[5]};
          rushlight::call(op::_scatter_reduce, arguments, call.results, call.destination);
        },
};

constinit const Op op::_scatter_reduce = {
    .schema =
        "_scatter_reduce(Tensor input, int dim, Tensor index, Tensor src, int reduce, "
        "bool include_self) -> Tensor",
    .doc = "scatter_reduce() with its mode as a number.",
    .examples = "",
    .variants = "private",
    .forward = write_row_major(reduce_elements),
    .save = "input, index, src, result",
    .constants = "index",
    .backward =
        [](Backward& b) {
          ReduceGradients gradients = reduce_gradients(b);
          b.wrt("input", [&] { return gradients.input; });
          b.wrt("src", [&] { return gradients.src; });
        },
};

constinit const Op op::index_reduce = {
    .schema =
        "index_reduce(Tensor input, int dim, Tensor index, Tensor source, str reduce, *, "
        "bool include_self=True) -> Tensor",
    .doc =
        "Combines the slices of `source` that meet at an index of `dim` by 'prod', 'mean', 'amax' "
        "or 'amin', with the slice that was there if `include_self`.",
    .examples =
        "index_reduce(randn(3, 4), 0, tensor([0, 2, 0]), randn(3, 4), 'prod')\n"
        "index_reduce(randn(3, 4), 1, tensor([1, 1]), randn(3, 2), 'amax', include_self=False)",
    .variants = "in-place",
    .compose =
        [](Call& call) {
          const Value* given = call.arguments;
          const Tensor &input = given[0].tensor(), &source = given[3].tensor();
          int64_t along = wrap_dim(given[1].as<int64_t>(), input.dim());
          std::string_view reduce = given[4].text();
          const Tensor spread = spread_index(input, along, given[2].tensor(), source, reduce);
          const Value arguments[] = {input, along, spread, source, reduce_named(reduce), given[5]};
          rushlight::call(op::_scatter_reduce, arguments, call.results, call.destination);
        },
};

}  // namespace rushlight
