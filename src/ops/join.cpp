// Tensors joined along a dim: cat, stack and their kin.

#include <rushlight/operators.h>

#include <cstring>

#include "ops/pointwise.h"
#include "ops/view.h"
#include "runtime/parallel.h"

namespace rushlight {

namespace {

constexpr int64_t kBytesPerChunk = 1 << 18;

/// Copies blocks of bytes that lie at `step` from each other in the result.
void copy_blocks(char* to, int64_t step, const char* from, int64_t block, int64_t blocks) {
  if (blocks == 1) {
    parallel_for(block, kBytesPerChunk, [&](int64_t begin, int64_t end) {
      std::memcpy(to + begin, from + begin, size_t(end - begin));
    });
    return;
  }
  parallel_for(blocks, std::max<int64_t>(1, kBytesPerChunk / std::max<int64_t>(block, 1)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i)
                   std::memcpy(to + i * step, from + i * block, size_t(block));
               });
}

/// Fills consecutive ranges of `dim` of a row-major result; `parts` may be of any dtype.
class Joiner {
 public:
  Joiner(const Tensor& result, int64_t dim) : result_(result), dim_(dim) {
    for (size_t i = 0; i < result.shape().size(); ++i) {
      if (int64_t(i) < dim) blocks_ *= result.shape()[i];
      if (int64_t(i) >= dim) step_ *= result.shape()[i];
    }
    inner_ = step_ / std::max<int64_t>(result.shape()[size_t(dim)], 1);
  }

  /// The next `count` indices of the dim come from `part`.
  void add(const Tensor& part, int64_t count) {
    if (part.numel() > 0) {
      int64_t item = size_of(result_.dtype());
      if (part.is_contiguous() && part.dtype() == result_.dtype()) {
        copy_blocks(static_cast<char*>(result_.data()) + next_ * inner_ * item, step_ * item,
                    static_cast<const char*>(part.data()), count * inner_ * item, blocks_);
      } else {
        copy_strided(part, count);
      }
    }
    next_ += count;
  }

 private:
  void copy_strided(const Tensor& part, int64_t count) {
    Geometry place(result_);
    place.offset += next_ * inner_;
    place.shape[size_t(dim_)] = count;
    if (part.dim() < result_.dim()) place.remove(dim_);  // stack: a part has no such dim
    copy_elements(place.of(result_), part);
  }

  const Tensor& result_;
  int64_t dim_, next_ = 0, blocks_ = 1, step_ = 1, inner_ = 1;
};

DType joined_dtype(Tensors tensors) {
  Promotion promotion;
  for (const Tensor& tensor : tensors) promotion.add(tensor);
  return promotion.result();
}

/// A 1-d tensor without elements joins with anything, as it always has in PyTorch.
bool is_skipped(Ints shape) { return shape.size() == 1 && shape[0] == 0; }

constexpr auto cat_tensors = [](Tensors tensors, int64_t dim) -> Tensor {
  check(!tensors.empty(), ErrorKind::Value, "torch.cat(): expected a non-empty list of Tensors");
  const Tensor* first = nullptr;
  for (size_t i = 0; i < tensors.size(); ++i) {
    check(tensors[i].dim() > 0, "zero-dimensional tensor (at position ", i,
          ") cannot be concatenated");
    if (!first && !is_skipped(tensors[i].shape())) first = &tensors[i];
  }
  // Of nothing but empty vectors the result is one, whatever the dim.
  if (!first) return rushlight::empty({0}, joined_dtype(tensors));
  dim = wrap_dim(dim, first->dim());
  Dims shape(first->shape());
  shape[size_t(dim)] = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    Ints part = tensors[i].shape();
    if (is_skipped(part)) continue;
    check(part.size() == shape.size(), "Tensors must have same number of dimensions: got ",
          shape.size(), " and ", part.size());
    for (size_t d = 0; d < shape.size(); ++d) {
      check(part[d] == first->shape()[d] || int64_t(d) == dim,
            "Sizes of tensors must match except in dimension ", dim, ". Expected size ",
            first->shape()[d], " but got size ", part[d], " for tensor number ", i,
            " in the list.");
    }
    int64_t& total = shape[size_t(dim)];
    check(!__builtin_add_overflow(total, part[size_t(dim)], &total),
          "Storage size calculation overflowed: the sizes of dim ", dim, " add to more than 2^63");
  }
  Tensor result = make_tensor(shape, joined_dtype(tensors), first->device());
  if (result.impl()->device == DeviceType::Meta) return result;
  Joiner joiner(result, dim);
  for (const Tensor& part : tensors) {
    if (!is_skipped(part.shape())) joiner.add(part, part.size(dim));
  }
  return result;
};

void cat_backward(Backward& b) {
  std::span<const autograd::Meta> parts = b.metas("tensors");
  int64_t dim = b.grad().dim() == 1 ? 0 : wrap_dim(b.integer("dim"), b.grad().dim());
  std::vector<int64_t> starts;
  int64_t next = 0;
  for (const autograd::Meta& part : parts) {
    starts.push_back(next);
    if (!is_skipped(part.shape)) next += part.shape[size_t(dim)];
  }
  b.wrt_each("tensors", [&](size_t i) {
    const autograd::Meta& part = parts[i];
    if (is_skipped(part.shape)) return rushlight::zeros(part.shape, part.dtype);
    return b.grad().narrow(dim, starts[i], part.shape[size_t(dim)]);
  });
}

constexpr auto stack_tensors = [](Tensors tensors, int64_t dim) -> Tensor {
  check(!tensors.empty(), "stack expects a non-empty TensorList");
  const Tensor& first = tensors[0];
  dim = wrap_dim(dim, first.dim() + 1);
  for (size_t i = 1; i < tensors.size(); ++i) {
    check(same(tensors[i].shape(), first.shape()),
          "stack expects each tensor to be equal size, but got ", to_string(first.shape()),
          " at entry 0 and ", to_string(tensors[i].shape()), " at entry ", i);
  }
  Dims shape(first.shape());
  shape.insert(size_t(dim), int64_t(tensors.size()));
  Tensor result = make_tensor(shape, joined_dtype(tensors), first.device());
  if (result.impl()->device == DeviceType::Meta) return result;
  Joiner joiner(result, dim);
  for (const Tensor& part : tensors) joiner.add(part, 1);
  return result;
};

std::vector<Tensor> each_atleast(Tensors tensors, int dims) {
  std::vector<Tensor> raised;
  for (const Tensor& tensor : tensors) {
    raised.push_back(dims == 1   ? tensor.atleast_1d()
                     : dims == 2 ? tensor.atleast_2d()
                                 : tensor.atleast_3d());
  }
  return raised;
}

constexpr auto vertical = [](Tensors tensors) -> Tensor {
  check(!tensors.empty(), "vstack expects a non-empty TensorList");
  return rushlight::cat(each_atleast(tensors, 2), 0);
};

}  // namespace

constinit const Op op::cat = {
    .schema = "cat(Tensor[] tensors, int dim=0) -> Tensor",
    .doc = "Joins tensors along an existing dim; their other sizes must be equal.",
    .examples =
        "cat([randn(2, 3), randn(4, 3)])\n"
        "cat([randn(2, 3), randn(2, 1)], -1)\n"
        "cat([randn(2, 3), arange(6).reshape(2, 3)], dim=1)",
    .forward = run(cat_tensors),
    .backward = cat_backward,
};

constinit const Op op::concat = {
    .schema = "concat(Tensor[] tensors, int dim=0) -> Tensor",
    .doc = "cat() by another name.",
    .examples = "concat([randn(2, 3), randn(4, 3)])",
    .compose = run([](Tensors tensors, int64_t dim) { return rushlight::cat(tensors, dim); }),
};

constinit const Op op::concatenate = {
    .schema = "concatenate(Tensor[] tensors, int dim=0) -> Tensor",
    .doc = "cat() by NumPy's name.",
    .examples = "concatenate([randn(2, 3), randn(4, 3)])",
    .compose = run([](Tensors tensors, int64_t dim) { return rushlight::cat(tensors, dim); }),
};

constinit const Op op::stack = {
    .schema = "stack(Tensor[] tensors, int dim=0) -> Tensor",
    .doc = "Joins tensors of one shape along a new dim.",
    .examples = "stack([randn(2, 3), randn(2, 3)])\nstack([randn(2, 3), randn(2, 3)], -1)",
    .forward = run(stack_tensors),
    .backward =
        [](Backward& b) {
          int64_t dim = b.integer("dim");
          b.wrt_each("tensors", [&](size_t i) { return b.grad().select(dim, int64_t(i)); });
        },
};

constinit const Op op::hstack = {
    .schema = "hstack(Tensor[] tensors) -> Tensor",
    .doc = "Joins columns: along dim 1, or along dim 0 if the tensors have at most one.",
    .examples = "hstack([randn(2, 3), randn(2, 1)])\nhstack([randn(2), randn(3)])",
    .compose = run([](Tensors tensors) {
      check(!tensors.empty(), "hstack expects a non-empty TensorList");
      std::vector<Tensor> raised = each_atleast(tensors, 1);
      return rushlight::cat(raised, raised[0].dim() == 1 ? 0 : 1);
    }),
};

constinit const Op op::vstack = {
    .schema = "vstack(Tensor[] tensors) -> Tensor",
    .doc = "Joins rows: along dim 0, a vector being one row.",
    .examples = "vstack([randn(2, 3), randn(3)])",
    .compose = run(vertical),
};

constinit const Op op::row_stack = {
    .schema = "row_stack(Tensor[] tensors) -> Tensor",
    .doc = "vstack() by another name.",
    .examples = "row_stack([randn(2, 3), randn(3)])",
    .compose = run(vertical),
};

constinit const Op op::dstack = {
    .schema = "dstack(Tensor[] tensors) -> Tensor",
    .doc = "Joins along dim 2, after atleast_3d().",
    .examples = "dstack([randn(2, 3), randn(2, 3)])\ndstack([randn(3), randn(3)])",
    .compose = run([](Tensors tensors) {
      check(!tensors.empty(), "dstack expects a non-empty TensorList");
      return rushlight::cat(each_atleast(tensors, 3), 2);
    }),
};

constinit const Op op::column_stack = {
    .schema = "column_stack(Tensor[] tensors) -> Tensor",
    .doc = "Joins columns: along dim 1, a vector being one column.",
    .examples = "column_stack([randn(3), randn(3, 2)])",
    .compose = run([](Tensors tensors) {
      check(!tensors.empty(), "column_stack expects a non-empty TensorList");
      std::vector<Tensor> columns;
      for (const Tensor& tensor : tensors)
        columns.push_back(tensor.dim() <= 1 ? tensor.reshape({tensor.numel(), 1}) : tensor);
      return rushlight::cat(columns, 1);
    }),
};

constinit const Op op::atleast_1d = {
    .schema = "atleast_1d(Tensor(a) input) -> Tensor(a)",
    .doc = "A number as a vector of one; others as they are.",
    .examples = "atleast_1d(tensor(2.))",
    .compose = run([](const Tensor& input) { return input.dim() == 0 ? input.view(1) : input; }),
};

constinit const Op op::atleast_1d_Sequence = {
    .schema = "atleast_1d.Sequence(Tensor[] tensors) -> Tensor[]",
    .doc = "atleast_1d() of each.",
    .examples = "atleast_1d(tensor(2.), randn(3))",
    .variants = "varargs",
    .compose = run([](Tensors tensors) { return each_atleast(tensors, 1); }),
};

constinit const Op op::atleast_2d = {
    .schema = "atleast_2d(Tensor(a) input) -> Tensor(a)",
    .doc = "A vector as one row; matrices and more as they are.",
    .examples = "atleast_2d(randn(3))\natleast_2d(tensor(2.))",
    .compose = run([](const Tensor& input) {
      return input.dim() == 0 ? input.view({1, 1}) : input.dim() == 1 ? input.unsqueeze(0) : input;
    }),
};

constinit const Op op::atleast_2d_Sequence = {
    .schema = "atleast_2d.Sequence(Tensor[] tensors) -> Tensor[]",
    .doc = "atleast_2d() of each.",
    .examples = "atleast_2d(tensor(2.), randn(3))",
    .variants = "varargs",
    .compose = run([](Tensors tensors) { return each_atleast(tensors, 2); }),
};

constinit const Op op::atleast_3d = {
    .schema = "atleast_3d(Tensor(a) input) -> Tensor(a)",
    .doc = "A matrix with a last dim of 1, a vector with one on both sides.",
    .examples = "atleast_3d(randn(3, 4))\natleast_3d(randn(3))",
    .compose = run([](const Tensor& input) {
      return input.dim() == 0   ? input.view({1, 1, 1})
             : input.dim() == 1 ? input.unsqueeze(0).unsqueeze(-1)
             : input.dim() == 2 ? input.unsqueeze(-1)
                                : input;
    }),
};

constinit const Op op::atleast_3d_Sequence = {
    .schema = "atleast_3d.Sequence(Tensor[] tensors) -> Tensor[]",
    .doc = "atleast_3d() of each.",
    .examples = "atleast_3d(tensor(2.), randn(3))",
    .variants = "varargs",
    .compose = run([](Tensors tensors) { return each_atleast(tensors, 3); }),
};

}  // namespace rushlight
