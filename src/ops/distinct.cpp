// Distinct elements, where each went and how many there were: unique and its kin.

#include <rushlight/operators.h>

#include "kernels/sort.h"
#include "ops/copy.h"
#include "ops/op.h"

#include <algorithm>
#include <numeric>

namespace rushlight {

namespace {

using Distinct = std::tuple<Tensor, Tensor, Tensor>;  // values, inverse, counts
using Order = std::vector<int64_t>;

/// Neighbours in `order` for which `same(row, row)` holds become one; `take(rows)` gives the
/// values.
template <class Same, class Take>
Distinct grouped(const Order& order, Ints inverse_shape, Same same, Take take) {
  int64_t n = int64_t(order.size());
  Tensor inverse = make_tensor(inverse_shape, DType::Int64);
  int64_t* group_of = inverse.data<int64_t>();
  Order firsts, rows;
  for (int64_t i = 0; i < n; ++i) {
    if (i == 0 || !same(order[size_t(i - 1)], order[size_t(i)])) {
      firsts.push_back(i);
      rows.push_back(order[size_t(i)]);
    }
    group_of[order[size_t(i)]] = int64_t(firsts.size()) - 1;
  }
  int64_t groups = int64_t(firsts.size());
  Tensor counts = rushlight::empty({groups}, DType::Int64);
  Tensor chosen = rushlight::empty({groups}, DType::Int64);
  firsts.push_back(n);
  for (int64_t g = 0; g < groups; ++g) {
    counts.data<int64_t>()[g] = firsts[size_t(g + 1)] - firsts[size_t(g)];
    chosen.data<int64_t>()[g] = rows[size_t(g)];
  }
  return {take(chosen), inverse, counts};
}

Order in_order(int64_t n) {
  Order order(size_t(n), 0);
  std::iota(order.begin(), order.end(), 0);
  return order;
}

Distinct distinct_elements(const Tensor& input, bool sorted) {
  check_has_values(input, "_unique2");
  Tensor flat = input.contiguous().reshape({input.numel()});
  Order order = in_order(flat.numel());
  if (sorted && flat.numel() > 0) {
    Tensor values = make_tensor(flat.shape(), flat.dtype());
    run_sort(flat.dtype(), 1, flat.numel(), false, flat.data(), values.data(), order.data());
  }
  return dispatch(flat.dtype(), [&]<class T>(CppType<T>) -> Distinct {
    const T* data = flat.data<T>();
    return grouped(
        order, input.shape(), [&](int64_t a, int64_t b) { return data[a] == data[b]; },
        [&](const Tensor& rows) { return flat.index_select(0, rows); });
  });
}

Distinct distinct_slices(const Tensor& input, int64_t dim, bool sorted, const char* name) {
  check_has_values(input, name);
  dim = wrap_dim(dim, input.dim());
  int64_t n = input.dim() == 0 ? 1 : input.size(dim);
  for (int64_t d = 0; d < input.dim(); ++d) {
    check(d == dim || input.size(d) > 0 || n == 0,
          "There are 0 sized dimensions, and they aren't selected, so ", name,
          " cannot be applied");
  }
  check(n > 0 || input.numel() > 0 ||
            std::ranges::count(input.shape(), int64_t(0)) == int64_t(n == 0),
        "There are 0 sized dimensions, and they aren't selected, so ", name, " cannot be applied");
  int64_t width = n == 0 ? 0 : input.numel() / n;
  Tensor rows = (input.dim() == 0 ? input : input.transpose(0, dim)).contiguous();
  Order order = in_order(n);
  return dispatch(input.dtype(), [&]<class T>(CppType<T>) -> Distinct {
    const T* data = rows.data<T>();
    auto row = [&](int64_t i) { return data + i * width; };
    if (sorted) {
      std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
        return std::lexicographical_compare(row(a), row(a) + width, row(b), row(b) + width);
      });
    }
    const int64_t shape[] = {n};
    return grouped(
        order, Ints(shape),
        [&](int64_t a, int64_t b) { return std::equal(row(a), row(a) + width, row(b)); },
        [&](const Tensor& chosen) { return input.index_select(dim, chosen); });
  });
}

[[noreturn]] void refuse_derivative(const char* name) {
  fail(ErrorKind::NotImplemented, "the derivative for '", name, "' is not implemented.");
}

}  // namespace

constinit const Op op::_unique2 = {
    .schema =
        "_unique2(Tensor input, bool sorted=True, bool return_inverse=False, "
        "bool return_counts=False) -> (Tensor, Tensor, Tensor)",
    .doc =
        "The distinct elements in order, the place of each element among them, and their counts.",
    .examples = "",
    .variants = "private",
    .forward =
        run([](const Tensor& input, bool, bool, bool) { return distinct_elements(input, true); }),
    .backward = [](Backward&) { refuse_derivative("_unique2"); },
    .node = "Unique2Backward0",
};

constinit const Op op::_unique_dim = {
    .schema =
        "_unique_dim(Tensor input, int dim, bool sorted=True, bool return_inverse=False, "
        "bool return_counts=False) -> (Tensor, Tensor, Tensor)",
    .doc = "The distinct slices along `dim` in order, the place of each among them, their counts.",
    .examples = "",
    .variants = "private",
    .forward = run([](const Tensor& input, int64_t dim, bool, bool, bool) {
      return distinct_slices(input, dim, true, "unique");
    }),
    .backward = [](Backward&) { refuse_derivative("unique_dim"); },
    .node = "UniqueDimBackward0",
};

constinit const Op op::_unique_consecutive = {
    .schema =
        "_unique_consecutive(Tensor input, bool return_inverse=False, bool return_counts=False, "
        "int? dim=None) -> (Tensor, Tensor, Tensor)",
    .doc = "The elements, or slices along `dim`, that differ from the one before them.",
    .examples = "",
    .variants = "private",
    .forward = run([](const Tensor& input, bool, bool, std::optional<int64_t> dim) {
      return dim ? distinct_slices(input, *dim, false, "unique_consecutive")
                 : distinct_elements(input, false);
    }),
    .backward = [](Backward&) { refuse_derivative("unique_consecutive"); },
    .node = "UniqueConsecutiveBackward0",
};

}  // namespace rushlight
