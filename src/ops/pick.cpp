// Elements chosen by their index along a dim, and their way back: the derivative of each is the
// other.

#include <rushlight/operators.h>

#include "ops/op.h"

#include <cstring>

namespace rushlight {

namespace {

/// Rows along a dim of contiguous tensors: `outer` blocks of (n, inner).
struct Rows {
  int64_t outer = 1, inner = 1;
  Rows(std::span<const int64_t> shape, size_t dim) {
    for (size_t i = 0; i < shape.size(); ++i) {
      if (i < dim) outer *= shape[i];
      if (i > dim) inner *= shape[i];
    }
  }
};

/// Calls `visit(place among the indices, place in rows of `size`)` for every index.
template <class Visit>
void for_each_index(const Tensor& indices, int64_t dim, int64_t size, Visit&& visit) {
  Rows rows(indices.shape(), size_t(dim));
  int64_t count = indices.shape()[size_t(dim)];
  const int64_t* index = indices.data<int64_t>();
  int64_t place = 0;
  for (int64_t o = 0; o < rows.outer; ++o) {
    for (int64_t k = 0; k < count; ++k) {
      for (int64_t i = 0; i < rows.inner; ++i, ++place) {
        visit(place, (o * size + index[place]) * rows.inner + i);
      }
    }
  }
}

}  // namespace

constinit const Op op::_pick = {
    .schema = "_pick(Tensor input, Tensor indices, int dim) -> Tensor",
    .doc = "input[…, indices[…, k, …], …] along `dim`; the other dims have the same sizes.",
    .examples = "",
    .variants = "private",
    .forward = run([](const Tensor& input, const Tensor& indices, int64_t dim) {
      Tensor result = make_tensor(indices.shape(), input.dtype(), input.device());
      Tensor source = input.contiguous();
      dispatch(input.dtype(), [&]<class T>(CppType<T>) {
        const T* from = source.data<T>();
        T* to = result.data<T>();
        for_each_index(indices.contiguous(), dim, input.shape()[size_t(dim)],
                       [&](int64_t place, int64_t target) { to[place] = from[target]; });
      });
      return result;
    }),
    .save = "indices",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            int64_t dim = b.integer("dim");
            return rushlight::_unpick(b.grad(), b.saved("indices"), dim,
                                      b.shape("input")[size_t(dim)]);
          });
        },
    .node = "GatherBackward0",
};

constinit const Op op::_unpick = {
    .schema = "_unpick(Tensor grad, Tensor indices, int dim, int size) -> Tensor",
    .doc = "Zeros of `size` along `dim`, to which grad is added where `indices` say.",
    .examples = "",
    .variants = "private",
    .forward = run([](const Tensor& grad, const Tensor& indices, int64_t dim, int64_t size) {
      Dims shape(grad.shape());
      shape[size_t(dim)] = size;
      Tensor result = make_tensor(shape, grad.dtype(), grad.device());
      if (result.numel() > 0)
        std::memset(result.data(), 0, size_t(result.numel() * size_of(result.dtype())));
      Tensor source = grad.contiguous();
      dispatch(grad.dtype(), [&]<class T>(CppType<T>) {
        const T* from = source.data<T>();
        T* to = result.data<T>();
        for_each_index(indices.contiguous(), dim, size, [&](int64_t place, int64_t target) {
          to[target] = T(to[target] + from[place]);
        });
      });
      return result;
    }),
    .save = "indices",
    .backward =
        [](Backward& b) {
          b.wrt("grad",
                [&] { return rushlight::_pick(b.grad(), b.saved("indices"), b.integer("dim")); });
        },
    .node = "ScatterAddBackward0",
};

}  // namespace rushlight
