// Indexing by tensors: x[i, j], x[mask], and assignment to such.

#include <rushlight/operators.h>

#include "ops/copy.h"
#include "ops/index.h"

namespace rushlight {

namespace {

constexpr auto index_elements = [](const Tensor& input, Tensors indices) -> Tensor {
  IndexPlan plan(input, indices);
  Tensor result = make_tensor(plan.shape(), input.dtype(), input.device());
  if (result.numel() > 0 && has_values(input))
    run_move_places(size_of(input.dtype()), plan.counts(), plan.values(result), plan.places(input),
                    true);
  return result;
};

constexpr auto put_elements = [](const Tensor& target, Tensors indices, const Tensor& values,
                                 bool accumulate) {
  IndexPlan plan(target, indices);
  bool fits = values.dim() <= int64_t(plan.shape().size());
  for (int64_t i = 1; fits && i <= values.dim(); ++i) {
    int64_t size = values.size(-i);
    fits = size == 1 || size == plan.shape()[plan.shape().size() - size_t(i)];
  }
  check(fits, "shape mismatch: value tensor of shape ", to_string(values.shape()),
        " cannot be broadcast to indexing result of shape ", to_string(plan.shape()));
  check(target.dtype() == values.dtype(),
        "Index put requires the source and destination dtypes match, got ",
        info(target.dtype()).spoken, " for the destination and ", info(values.dtype()).spoken,
        " for the source.");
  check_no_overlap(target, values);
  if (!has_values(target)) return;
  check_has_values(values, "index_put_");
  if (accumulate)
    run_add_places(target.dtype(), plan.counts(), plan.places(target), plan.values(values));
  else
    run_move_places(size_of(target.dtype()), plan.counts(), plan.places(target),
                    plan.values(values), false);
};

}  // namespace

constinit const Op op::_index = {
    .schema = "_index(Tensor input, Tensor?[] indices) -> Tensor",
    .doc =
        "`x[i, j, …]` by index tensors, which broadcast with each other: int64 or int32 indices, "
        "or masks of bool. An undefined index takes its whole dim.",
    .examples = "randn(3, 4)[tensor([0, 2])]\nrandn(3, 4)[:, tensor([[0, 1], [2, -1]])]",
    .variants = "private",
    .forward = run(index_elements),
    .save = "indices",
    .constants = "indices",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor zeros = rushlight::zeros(b.shape("input"), b.grad().dtype());
            return zeros.index_put_(b.saved_list("indices"), b.grad(), true);
          });
        },
};

constinit const Op op::index_put = {
    .schema =
        "index_put(Tensor input, Tensor?[] indices, Tensor values, bool accumulate=False) -> "
        "Tensor",
    .doc =
        "The tensor with the elements at `indices` replaced by `values`, or added to in order of "
        "the indices when `accumulate`.",
    .examples =
        "index_put(randn(3, 4), [tensor([0, 2])], tensor(1.))\n"
        "index_put(randn(3, 4), [tensor([0, 0]), tensor([1, 1])], randn(2), accumulate=True)",
    .variants = "in-place, may-expand",
    .forward = write(put_elements),
    .save = "indices",
    .constants = "indices",
    .backward =
        [](Backward& b) {
          std::vector<Tensor> indices = b.saved_list("indices");
          b.wrt("input", [&] {
            if (b.flag("accumulate")) return b.grad();
            Tensor zero = rushlight::zeros(Ints(), b.grad().dtype());
            return b.grad().index_put(indices, zero, false);
          });
          b.wrt("values", [&] { return rushlight::_index(b.grad(), indices); });
        },
};

}  // namespace rushlight
