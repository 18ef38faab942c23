// Choosing by a mask: where, masked_fill, masked_select, masked_scatter.

#include <rushlight/operators.h>

#include "ops/copy.h"
#include "ops/index.h"

namespace rushlight {

namespace {

/// The condition as bool; uint8 is accepted with a warning, as in PyTorch.
Tensor as_condition(const Tensor& condition) {
  if (condition.dtype() == DType::UInt8) {
    static WarnOnce warn_once;
    warn_once(
        "where received a uint8 condition tensor. This behavior is deprecated and will be removed "
        "in a future version of PyTorch. Use a boolean condition instead.");
    return condition.to(DType::Bool);
  }
  check(condition.dtype() == DType::Bool,
        "where expected condition to be a boolean tensor, but got a tensor with dtype ",
        info(condition.dtype()).spoken);
  return condition;
}

constexpr auto choose = [](const Tensor& condition, const TensorOrScalar& input,
                           const TensorOrScalar& other) -> Tensor {
  Tensor mask = as_condition(condition);
  const Value operands[] = {mask, input, other};
  DType dtype = promote_operands({operands + 1, 2});
  return Pointwise{Kernel::Where, dtype, dtype}.run(operands);
};

void check_fill_mask(const Tensor& mask) {
  check(mask.dtype() == DType::Bool,
        "masked_fill_ only supports boolean masks, but got mask with dtype ",
        info(mask.dtype()).cpp);
}

/// Fills what an expanded tensor repeats where the mask has any of the repetitions.
void fill_repeated(const Tensor& target, const Tensor& mask, const Value& value) {
  Dims shape = broadcast_shapes(target.shape(), mask.shape());
  Tensor any = mask.expand(target.shape());
  for (size_t d = 0; d < shape.size(); ++d) {
    if (target.strides()[d] != 0) continue;
    shape[d] = std::min<int64_t>(shape[d], 1);
    any = any.any(int64_t(d), true);
  }
  Tensor once = view_of(target, shape, target.strides(), target.storage_offset());
  const Value operands[] = {any, value, once};
  Pointwise{Kernel::Where, target.dtype(), target.dtype(), &once}.run(operands);
}

/// Forward of both forms of masked_fill; the result keeps the dtype of the input.
void fill_masked(Call& call) {
  const Tensor &input = call.arguments[0].tensor(), &mask = call.arguments[1].tensor();
  check_fill_mask(mask);
  const Value& value = call.arguments[2];
  check(!value.is_tensor() || value.tensor().dim() == 0,
        "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with ",
        value.is_tensor() ? value.tensor().dim() : 0, " dimension(s).");
  if (call.destination && is_expanded(input)) {
    fill_repeated(input, mask, value);
    call.results.tensors.push_back(input);
    return;
  }
  const Value operands[] = {mask, value, input};
  Pointwise fill{Kernel::Where, input.dtype(), input.dtype(), call.destination};
  Tensor result = fill.run(operands);
  call.results.tensors.push_back(call.destination ? result : result.contiguous());  // as PyTorch's
}

constexpr auto select_masked = [](const Tensor& input, const Tensor& mask) -> Tensor {
  check(mask.dtype() == DType::Bool, "masked_select: expected BoolTensor for mask");
  Dims shape = broadcast_shapes(input.shape(), mask.shape());
  if (shape.empty()) shape.push_back(1);  // numbers give a vector of one or none
  check_has_values(input, "masked_select");
  Tensor source = input.expand(shape), chosen = mask.expand(shape);
  IndexPlan plan(source, {chosen});
  Tensor result = make_tensor(plan.shape(), input.dtype(), input.device());
  run_move_places(size_of(input.dtype()), plan.counts(), plan.values(result), plan.places(source),
                  true);
  return result;
};

constexpr auto scatter_masked = [](const Tensor& target, const Tensor& mask, const Tensor& source) {
  check(target.dtype() == source.dtype(),
        "masked_scatter: expected self and source to have same dtypes but got ",
        info(target.dtype()).spoken, " and ", info(source.dtype()).spoken);
  check(mask.dtype() == DType::Bool,
        "masked_scatter_ only supports boolean masks, but got mask with dtype ",
        info(mask.dtype()).spoken);
  Tensor positions = nonzero_positions(mask.expand(target.shape()));
  check(positions.numel() <= source.numel(),
        "Number of elements of source < number of ones in mask (", source.numel(), " < ",
        positions.numel(), ")");
  Tensor values = source.contiguous();
  check_no_overlap(target, source);
  if (!has_values(target)) return;
  check_has_values(source, "masked_scatter_");
  int64_t* places = positions.data<int64_t>();
  if (!target.is_contiguous()) {
    Table table;
    PlaceAxis axis = place_axis(target.shape(), target.strides(), table);
    for (int64_t i = 0; i < positions.numel(); ++i) places[i] = axis.at(places[i]);
  }
  run_move_places(size_of(target.dtype()), {1, positions.numel(), 1},
                  {target.data(), {}, {places, 0}, {}}, {values.data(), {}, {nullptr, 1}, {}},
                  true);
};

void masked_scatter_backward(Backward& b) {
  Tensor mask = b.saved("mask");
  b.wrt("input", [&] { return b.grad().masked_fill(mask, 0); });
  b.wrt("source", [&] {
    Tensor used = b.grad().masked_select(mask.expand(b.grad().shape()));
    Ints shape = b.shape("source");
    Tensor rest = rushlight::zeros(Ints(count_elements(shape) - used.numel()), used.dtype());
    return rushlight::cat({used, rest}).view(shape);
  });
}

/// Row-major positions as one coordinate tensor for each dim.
std::vector<Tensor> coordinates(const Tensor& input) {
  Tensor positions = nonzero_positions(input);
  const int64_t* position = positions.data<int64_t>();
  std::vector<Tensor> result;
  int64_t inner = input.numel();
  for (int64_t size : input.shape()) {
    inner = size == 0 ? 0 : inner / size;
    Tensor coordinate = make_tensor(positions.shape(), DType::Int64);
    int64_t* out = coordinate.data<int64_t>();
    for (int64_t i = 0; i < positions.numel(); ++i) out[i] = position[i] / inner % size;
    result.push_back(std::move(coordinate));
  }
  return result;
}

constexpr auto find_nonzero = [](const Tensor& input) -> Tensor {
  check_has_values(input, "nonzero");
  if (input.dim() == 1) {
    Tensor positions = nonzero_positions(input);
    return view_of(positions, Ints{positions.numel(), 1}, Ints{1, 1});
  }
  std::vector<Tensor> columns = coordinates(input);
  if (!columns.empty()) return rushlight::stack(columns, 1);
  return make_tensor({{run_count_nonzero(input.dtype(), input.data(), 1), 0}}, DType::Int64);
};

/// The first `size` rows of nonzero(), and as many of `fill` as there are too few.
Tensor nonzero_rows(const Tensor& input, int64_t size, int64_t fill) {
  check(size >= 0, "nonzero_static: 'size' must be an non-negative integer");
  Tensor result = rushlight::full({{size, input.dim()}}, fill, DType::Int64);
  Tensor rows = find_nonzero(input);
  int64_t count = std::min(rows.size(0), size);
  copy_elements(result.narrow(0, 0, count), rows.narrow(0, 0, count));
  return result;
}

constexpr auto nonzero_columns = [](const Tensor& input) -> std::vector<Tensor> {
  return coordinates(input.dim() == 0 ? input.reshape(1) : input);
};

}  // namespace

constinit const Op op::where_self = {
    .schema = "where.self(Tensor condition, Tensor|Scalar input, Tensor|Scalar other) -> Tensor",
    .doc = "`input` where `condition` is true, else `other`; all three broadcast.",
    .examples =
        "where(randn(3, 4) > 0, randn(3, 4), randn(4))\n"
        "where(randn(3) > 0, randn(3), 0.0)\n"
        "where(randn(3) > 0, 1, 2)",
    .variants = "function-only",
    .forward = run(choose),
    .save = "condition",
    .constants = "condition",
    .backward =
        [](Backward& b) {
          Tensor condition = b.saved("condition");
          if (condition.dtype() != DType::Bool) condition = condition.to(DType::Bool);
          b.wrt("input", [&] { return rushlight::where(condition, b.grad(), 0); });
          b.wrt("other", [&] { return rushlight::where(condition, 0, b.grad()); });
        },
};

constinit const Op op::where_method = {
    .schema = "where.method(Tensor input, Tensor condition, Tensor|Scalar other) -> Tensor",
    .doc = "The tensor where `condition` is true, else `other`.",
    .examples = "randn(3, 4).where(randn(3, 4) > 0, 0.0)",
    .variants = "method-only",
    .compose = run([](const Tensor& input, const Tensor& condition, const TensorOrScalar& other) {
      return rushlight::where(condition, input, other);
    }),
};

constinit const Op op::where_condition = {
    .schema = "where.condition(Tensor condition) -> Tensor[]",
    .doc = "The indices of the elements that are not zero, one tensor for each dim.",
    .examples = "where(randn(3, 4) > 0)",
    .variants = "function-only",
    .forward = run(nonzero_columns),
};

constinit const Op op::nonzero = {
    .schema = "nonzero(Tensor input) -> Tensor",
    .doc = "The indices of the elements that are not zero, in row-major order, an element a row.",
    .examples = "nonzero(randn(3, 4) > 0)",
    .forward = run(find_nonzero),
};

constinit const Op op::nonzero_static = {
    .schema = "nonzero_static(Tensor input, *, int size, int fill_value=-1) -> Tensor",
    .doc = "nonzero() cut or filled up with `fill_value` to `size` rows.",
    .examples =
        "nonzero_static(tensor([[0, 1], [2, 3]]), size=2)\n"
        "nonzero_static(tensor([[0, 1], [2, 3]]), size=5, fill_value=7)\n"
        "nonzero_static(tensor(1), size=2)\n"
        "nonzero_static(zeros(0, 3), size=1)\n"
        "randn(3, 4).nonzero_static(size=20)",
    .forward = run<nonzero_rows>(),
};

constinit const Op op::nonzero_numpy = {
    .schema = "nonzero_numpy(Tensor input) -> Tensor[]",
    .doc = "The same, one tensor for each dim: nonzero(as_tuple=True).",
    .examples = "nonzero(randn(3, 4) > 0, as_tuple=True)",
    .variants = "private",
    .forward = run(nonzero_columns),
};

constinit const Op op::argwhere = {
    .schema = "argwhere(Tensor input) -> Tensor",
    .doc = "nonzero() by NumPy's name.",
    .examples = "argwhere(randn(3, 4) > 0)",
    .forward = run(find_nonzero),
};

constinit const Op op::masked_fill_Tensor = {
    .schema = "masked_fill.Tensor(Tensor input, Tensor mask, Tensor value) -> Tensor",
    .doc = "The tensor with the number that `value` holds where `mask` is true.",
    .examples = "masked_fill(randn(3, 4), randn(4) > 0, tensor(0.5))",
    .variants = "in-place, may-expand",
    .forward = fill_masked,
    .save = "mask",
    .constants = "mask",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad().masked_fill(b.saved("mask"), 0); });
          b.wrt("value", [&] { return rushlight::where(b.saved("mask"), b.grad(), 0).sum(); });
        },
    .node = "MaskedFillBackward1",
};

constinit const Op op::masked_fill_Scalar = {
    .schema = "masked_fill.Scalar(Tensor input, Tensor mask, Scalar value) -> Tensor",
    .doc = "The tensor with `value` where `mask` is true.",
    .examples = "masked_fill(randn(3, 4), randn(3, 4) > 0, 0.5)",
    .variants = "in-place, may-expand",
    .forward = fill_masked,
    .save = "mask",
    .constants = "mask",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad().masked_fill(b.saved("mask"), 0); });
        },
};

constinit const Op op::masked_select = {
    .schema = "masked_select(Tensor input, Tensor mask) -> Tensor",
    .doc = "The elements where `mask` is true, in row-major order; both broadcast.",
    .examples = "masked_select(randn(3, 4), randn(3, 4) > 0)",
    .forward = run(select_masked),
    .save = "mask",
    .constants = "mask",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor mask = b.saved("mask");
            Dims shape = broadcast_shapes(b.shape("input"), mask.shape());
            return rushlight::zeros(shape, b.grad().dtype()).masked_scatter_(mask, b.grad());
          });
        },
};

constinit const Op op::_masked_scatter = {
    .schema = "_masked_scatter(Tensor input, Tensor mask, Tensor source) -> Tensor",
    .doc = "masked_scatter() of a tensor that has the broadcast shape.",
    .examples = "",
    .variants = "private",
    .forward = write_row_major(scatter_masked),
    .save = "mask",
    .constants = "mask",
    .backward = masked_scatter_backward,
};

constinit const Op op::masked_scatter_ = {
    .schema = "masked_scatter_(Tensor(a!) input, Tensor mask, Tensor source) -> Tensor(a!)",
    .doc = "Replaces the elements where `mask` is true by those of `source`, in order.",
    .examples = "zeros(3, 4).masked_scatter_(randn(3, 4) > 0, randn(12))",
    .variants = "method-only",
    .forward = run([](const Tensor& input, const Tensor& mask, const Tensor& source) {
      check_distinct_elements(input);
      scatter_masked(input, mask, source);
      return input;
    }),
    .save = "mask",
    .constants = "mask",
    .backward = masked_scatter_backward,
    .node = "MaskedScatterBackward0",
};

constinit const Op op::masked_scatter = {
    .schema = "masked_scatter(Tensor input, Tensor mask, Tensor source) -> Tensor",
    .doc = "The tensor with the elements where `mask` is true replaced by those of `source`.",
    .examples = "masked_scatter(zeros(3, 4), randn(3, 4) > 0, randn(12))",
    .compose = run([](const Tensor& input, const Tensor& mask, const Tensor& source) {
      Dims shape = broadcast_shapes(input.shape(), mask.shape());
      bool wider = !same(shape, input.shape());
      return rushlight::_masked_scatter(wider ? input.expand(Ints(shape)) : input, mask, source);
    }),
};

}  // namespace rushlight
