// Copies in which a part has been replaced: views the other way round.

#include <rushlight/operators.h>

#include "ops/op.h"

namespace rushlight {

namespace {

using Limit = std::optional<int64_t>;

/// A copy of `input` in which the part that `view(copy)` shows is `source`.
template <class View>
Tensor with_part(const Tensor& input, const Tensor& source, View&& view) {
  Tensor result = input.clone();
  Tensor part = view(result);
  check(same(part.shape(), source.shape()),
        "expected src to have a size equal to the slice of self. src size = ",
        to_string(source.shape()), ", slice size = ", to_string(part.shape()));
  copy_elements(part, source);
  return result;
}

Tensor zeros_for_source(Backward& b) { return rushlight::zeros(b.shape("src"), b.grad().dtype()); }

Limit limit(Backward& b, Name name) { return b.given(name) ? Limit(b.integer(name)) : Limit(); }

}  // namespace

constinit const Op op::select_scatter = {
    .schema = "select_scatter(Tensor input, Tensor src, int dim, int index) -> Tensor",
    .doc = "A copy of `input` whose slice `index` of `dim` is `src`.",
    .examples =
        "select_scatter(randn(3, 4), randn(4), 0, 1)\nselect_scatter(randn(3, 4), randn(3), 1, -1)",
    .forward = run([](const Tensor& input, const Tensor& src, int64_t dim, int64_t index) {
      return with_part(input, src, [&](const Tensor& x) { return x.select(dim, index); });
    }),
    .backward =
        [](Backward& b) {
          int64_t dim = b.integer("dim"), index = b.integer("index");
          b.wrt("input", [&] { return b.grad().select_scatter(zeros_for_source(b), dim, index); });
          b.wrt("src", [&] { return b.grad().select(dim, index); });
        },
};

constinit const Op op::slice_scatter = {
    .schema =
        "slice_scatter(Tensor input, Tensor src, int dim=0, int? start=None, int? end=None, "
        "int step=1) -> Tensor",
    .doc = "A copy of `input` whose part [start:end:step] along `dim` is `src`.",
    .examples =
        "slice_scatter(randn(4, 3), randn(2, 3), 0, 1, 3)\n"
        "slice_scatter(randn(3, 4), randn(3, 2), dim=1, step=2)",
    .forward = run([](const Tensor& input, const Tensor& src, int64_t dim, Limit start, Limit end,
                      int64_t step) {
      return with_part(input, src,
                       [&](const Tensor& x) { return rushlight::slice(x, dim, start, end, step); });
    }),
    .backward =
        [](Backward& b) {
          int64_t dim = b.integer("dim"), step = b.integer("step");
          Limit start = limit(b, "start"), end = limit(b, "end");
          b.wrt("input",
                [&] { return b.grad().slice_scatter(zeros_for_source(b), dim, start, end, step); });
          b.wrt("src", [&] { return rushlight::slice(b.grad(), dim, start, end, step); });
        },
};

constinit const Op op::diagonal_scatter = {
    .schema =
        "diagonal_scatter(Tensor input, Tensor src, int offset=0, int dim1=0, int dim2=1) -> "
        "Tensor",
    .doc = "A copy of `input` whose diagonal of the two dims is `src`.",
    .examples =
        "diagonal_scatter(randn(3, 4), randn(3))\n"
        "diagonal_scatter(randn(3, 4), randn(3), offset=1)\n"
        "diagonal_scatter(randn(2, 3, 4), randn(3, 2), dim1=0, dim2=2)",
    .forward = run([](const Tensor& input, const Tensor& src, int64_t offset, int64_t dim1,
                      int64_t dim2) {
      return with_part(input, src, [&](const Tensor& x) { return x.diagonal(offset, dim1, dim2); });
    }),
    .backward =
        [](Backward& b) {
          int64_t offset = b.integer("offset"), one = b.integer("dim1"), two = b.integer("dim2");
          b.wrt("input",
                [&] { return b.grad().diagonal_scatter(zeros_for_source(b), offset, one, two); });
          b.wrt("src", [&] { return b.grad().diagonal(offset, one, two); });
        },
};

constinit const Op op::as_strided_scatter = {
    .schema =
        "as_strided_scatter(Tensor input, Tensor src, int[] size, int[] stride, "
        "int? storage_offset=None) -> Tensor",
    .doc = "A contiguous copy of `input` whose elements at the places of as_strided() are `src`.",
    .examples = "as_strided_scatter(randn(3, 4).contiguous(), randn(2, 2), (2, 2), (1, 4), 1)",
    .compose =
        run([](const Tensor& input, const Tensor& src, Ints size, Ints stride, Limit offset) {
          Tensor result = input.clone(MemoryFormat::Contiguous);
          Tensor part = result.as_strided(size, stride, offset.value_or(0));
          check(same(part.shape(), src.shape()),
                "expected src to have a size equal to the slice of self. src size = ",
                to_string(src.shape()), ", slice size = ", to_string(part.shape()));
          part.copy_(src);
          return result;
        }),
};

constinit const Op op::narrow_copy = {
    .schema = "narrow_copy(Tensor input, int dim, int start, int length) -> Tensor",
    .doc = "narrow(), as a copy.",
    .examples = "narrow_copy(randn(3, 4), 1, 1, 2)",
    .forward = run([](const Tensor& input, int64_t dim, int64_t start, int64_t length) {
      return input.narrow(dim, start, length).clone(MemoryFormat::Contiguous);
    }),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor none = rushlight::zeros(b.shape("input"), b.grad().dtype());
            none.narrow(b.integer("dim"), b.integer("start"), b.integer("length")).copy_(b.grad());
            return none;
          });
        },
};

constinit const Op op::diagflat = {
    .schema = "diagflat(Tensor input, int offset=0) -> Tensor",
    .doc = "A square matrix with the elements of `input` on a diagonal.",
    .examples = "diagflat(randn(2, 2))\ndiagflat(randn(3), 1)",
    .compose = run([](const Tensor& input, int64_t offset) {
      return input.contiguous().reshape({input.numel()}).diag(offset);
    }),
};

}  // namespace rushlight
