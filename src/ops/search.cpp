// Finding values among others: searchsorted, bucketize, isin.

#include <rushlight/operators.h>

#include "ops/copy.h"
#include "ops/pointwise.h"
#include "runtime/parallel.h"

#include <algorithm>
#include <limits>

namespace rushlight {

namespace {

using Side = std::optional<std::string_view>;

bool wants_right(bool right, Side side) {
  if (!side) return right;
  check(*side == "left" || *side == "right",
        "torch.searchsorted(): side can only be 'left' or 'right' but got ", *side);
  check(!right || *side == "right",
        "torch.searchsorted(): side and right can't be set to opposites, got side of ", *side,
        " while right was True");
  return *side == "right";
}

void check_search(const Tensor& boundaries, const Tensor& input, const Tensor& sorter) {
  if (sorter.defined()) {
    check(same(sorter.shape(), boundaries.shape()),
          "torch.searchsorted(): boundary and sorter must have the same size, but got boundary "
          "tensor ",
          to_string(boundaries.shape()), "and got sorter tensor ", to_string(sorter.shape()));
    check(sorter.dtype() == DType::Int64,
          "torch.searchsorted(): sorter must be a tensor of long dtype but got dtype ",
          info(sorter.dtype()).spoken);
    bool inside = sorter.numel() == 0 || (sorter.min().item<int64_t>() >= 0 &&
                                          sorter.max().item<int64_t>() < boundaries.size(-1));
    check(inside, "torch.searchsorted(): sorter index out of range");
  }
  check(boundaries.dim() > 0,
        "torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 "
        "dimension");
  if (boundaries.dim() == 1) return;
  check(input.dim() > 0,
        "torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension "
        "is 1, but we got boundaries tensor dim(",
        boundaries.dim(), ") and input value's dim(", input.dim(), ") numel(", input.numel(), ")");
  Ints a = boundaries.shape(), b = input.shape();
  check(a.size() == b.size() && std::equal(a.begin(), a.end() - 1, b.begin()),
        "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions "
        "of boundaries tensor and input value tensor must match, but we got boundaries tensor ",
        to_string(a), " and input value tensor ", to_string(b));
}

/// The first place of `row` before which `value` may stand; NaN stands behind everything.
template <class T>
int64_t place_of(T value, const T* row, const int64_t* sorter, int64_t n, bool right) {
  int64_t begin = 0, end = n;
  while (begin < end) {
    int64_t middle = begin + (end - begin) / 2;
    T there = row[sorter ? sorter[middle] : middle];
    bool behind = right ? !(there > value) : !(there >= value);
    behind ? begin = middle + 1 : end = middle;
  }
  return begin;
}

Tensor places(const Tensor& boundaries, const Tensor& input, bool out_int32, bool right,
              const Tensor& sorter) {
  check_search(boundaries, input, sorter);
  const Value both[] = {boundaries, input};
  DType dtype = promote_operands(both);
  check(dtype != DType::Bool, ErrorKind::NotImplemented,
        "\"searchsorted_out_cpu\" not implemented for 'Bool'");
  Tensor rows = boundaries.to(dtype).contiguous(), values = input.to(dtype).contiguous();
  Tensor order = sorter.defined() ? sorter.contiguous() : Tensor();
  Tensor result = make_tensor(input.shape(), DType::Int64, input.device());
  if (!has_values(input)) return out_int32 ? result.to(DType::Int32) : result;
  check_has_values(boundaries, "searchsorted");
  int64_t n = rows.size(-1), count = values.numel();
  int64_t a_row = boundaries.dim() == 1 ? count : values.size(-1);
  dispatch(dtype, [&]<class T>(CppType<T>) {
    parallel_for(count, 512, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        int64_t first = boundaries.dim() == 1 ? 0 : i / a_row * n;
        const int64_t* at = order.defined() ? order.data<int64_t>() + first : nullptr;
        result.data<int64_t>()[i] =
            place_of(values.data<T>()[i], rows.data<T>() + first, at, n, right);
      }
    });
  });
  return out_int32 ? result.to(DType::Int32) : result;
}

/// A number as a tensor that takes the dtype of `other` where that can hold it.
Tensor number_like(const Scalar& number, const Tensor& other) {
  bool floats = number.is_float() && !is_floating(other.dtype());
  return rushlight::scalar_tensor(number, floats ? default_dtype() : other.dtype());
}

void check_one_dim(const Tensor& boundaries) {
  check(boundaries.dim() == 1, "boundaries tensor must be 1 dimension, but got dim(",
        boundaries.dim(), ")");
}

/// Which of `elements` occur in `tests`; NaN occurs nowhere.
Tensor contained(const Tensor& elements, const Tensor& tests, bool invert) {
  for (const Tensor* tensor : {&elements, &tests}) {
    check(tensor->dtype() != DType::Bool, "Unsupported input type encountered for isin(): Bool");
  }
  const Value both[] = {elements, tests};
  DType dtype = promote_operands(both);
  Tensor source = elements.to(dtype).contiguous();
  Tensor sorted = tests.to(dtype).clone(MemoryFormat::Contiguous);
  Tensor result = make_tensor(elements.shape(), DType::Bool, elements.device());
  if (!has_values(elements)) return result;
  check_has_values(tests, "isin");
  dispatch(dtype, [&]<class T>(CppType<T>) {
    T *first = sorted.data<T>(), *last = first + sorted.numel();
    last = std::remove_if(first, last, [](T value) { return value != value; });
    std::sort(first, last);
    const T* x = source.data<T>();
    parallel_for(source.numel(), 512, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        bool found = x[i] == x[i] && std::binary_search(first, last, x[i]);
        result.data<bool>()[i] = found != invert;
      }
    });
  });
  return result;
}

}  // namespace

constinit const Op op::searchsorted_Tensor = {
    .schema =
        "searchsorted.Tensor(Tensor sorted_sequence, Tensor input, *, bool out_int32=False, "
        "bool right=False, str? side=None, Tensor? sorter=None) -> Tensor",
    .doc =
        "Where each element of `input` would stand in the sorted rows: before its equals, or after "
        "them if `right`.",
    .examples =
        "searchsorted(tensor([1, 3, 5, 5, 7]), tensor([[5, 0], [8, 3]]))\n"
        "searchsorted(randn(3, 5).sort()[0], randn(3, 4), right=True, out_int32=True)\n"
        "searchsorted(tensor([3.0, 1.0]), tensor([2.0]), side='left', sorter=tensor([1, 0]))",
    .variants = "function-only",
    .forward = run([](const Tensor& boundaries, const Tensor& input, bool out_int32, bool right,
                      Side side, const Tensor& sorter) {
      return places(boundaries, input, out_int32, wants_right(right, side), sorter);
    }),
};

constinit const Op op::searchsorted_Scalar = {
    .schema =
        "searchsorted.Scalar(Tensor sorted_sequence, Scalar input, *, bool out_int32=False, "
        "bool right=False, str? side=None, Tensor? sorter=None) -> Tensor",
    .doc = "Where a number would stand in the sorted vector.",
    .examples = "searchsorted(tensor([1, 3, 5]), 4)\nsearchsorted(tensor([1.0, 3.0]), 1.5)",
    .variants = "function-only",
    .forward = run([](const Tensor& boundaries, const Scalar& input, bool out_int32, bool right,
                      Side side, const Tensor& sorter) {
      Tensor number = number_like(input, boundaries);
      return places(boundaries, number, out_int32, wants_right(right, side), sorter);
    }),
};

constinit const Op op::bucketize_Tensor = {
    .schema =
        "bucketize.Tensor(Tensor input, Tensor boundaries, *, bool out_int32=False, "
        "bool right=False) -> Tensor",
    .doc = "Which of the parts that the sorted `boundaries` make each element falls into.",
    .examples =
        "bucketize(randn(3, 4), tensor([-0.5, 0.0, 0.5]))\n"
        "bucketize(tensor([1, 3]), tensor([1, 2, 3]), right=True, out_int32=True)",
    .variants = "function-only",
    .forward = run([](const Tensor& input, const Tensor& boundaries, bool out_int32, bool right) {
      check_one_dim(boundaries);
      return places(boundaries, input, out_int32, right, {});
    }),
};

constinit const Op op::bucketize_Scalar = {
    .schema =
        "bucketize.Scalar(Scalar input, Tensor boundaries, *, bool out_int32=False, "
        "bool right=False) -> Tensor",
    .doc = "Which of the parts that the sorted `boundaries` make a number falls into.",
    .examples = "bucketize(2, tensor([1, 2, 3]))",
    .variants = "function-only",
    .forward = run([](const Scalar& input, const Tensor& boundaries, bool out_int32, bool right) {
      check_one_dim(boundaries);
      return places(boundaries, number_like(input, boundaries), out_int32, right, {});
    }),
};

constinit const Op op::isin_Tensor_Tensor = {
    .schema =
        "isin.Tensor_Tensor(Tensor elements, Tensor test_elements, *, bool assume_unique=False, "
        "bool invert=False) -> Tensor",
    .doc = "Which elements occur in `test_elements`, or do not if `invert`.",
    .examples =
        "isin(tensor([[1, 2], [3, 4]]), tensor([2, 3]))\n"
        "isin(tensor([1, 2, 5]), tensor([2, 3]), assume_unique=True, invert=True)",
    .variants = "function-only",
    .forward = run([](const Tensor& elements, const Tensor& tests, bool, bool invert) {
      return contained(elements, tests, invert);
    }),
};

constinit const Op op::isin_Tensor_Scalar = {
    .schema =
        "isin.Tensor_Scalar(Tensor elements, Scalar test_element, *, bool assume_unique=False, "
        "bool invert=False) -> Tensor",
    .doc = "Which elements equal the number, or do not if `invert`.",
    .examples = "isin(tensor([1, 2, 5]), 2)",
    .variants = "function-only",
    .forward = run([](const Tensor& elements, const Scalar& test, bool, bool invert) {
      return contained(elements, number_like(test, elements), invert);
    }),
};

constinit const Op op::isin_Scalar_Tensor = {
    .schema =
        "isin.Scalar_Tensor(Scalar element, Tensor test_elements, *, bool assume_unique=False, "
        "bool invert=False) -> Tensor",
    .doc = "Whether the number occurs in `test_elements`, or does not if `invert`.",
    .examples = "isin(2, tensor([1, 2, 5]))",
    .variants = "function-only",
    .forward = run([](const Scalar& element, const Tensor& tests, bool, bool invert) {
      return contained(number_like(element, tests), tests, invert);
    }),
};

}  // namespace rushlight
