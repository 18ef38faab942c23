// Shapes, parts, joins and index operations: values against worked examples, gradients (first and
// second order) against finite differences.

#include <gtest/gtest.h>
#include <rushlight/rushlight.h>

#include <cmath>

namespace rushlight {
namespace {

Tensor counting(Ints shape, DType dtype = DType::Float64) {
  Tensor result = zeros(shape, dtype);
  dispatch(dtype, [&]<class T>(CppType<T>) {
    for (int64_t i = 0; i < result.numel(); ++i) result.data<T>()[i] = T(i);
  });
  return result;
}

Tensor longs(std::initializer_list<int64_t> values, Ints shape) {
  Tensor result = zeros(shape, DType::Int64);
  std::copy(values.begin(), values.end(), result.data<int64_t>());
  return result;
}
Tensor longs(std::initializer_list<int64_t> values) {
  return longs(values, Ints(int64_t(values.size())));
}

Tensor odd_mask(Ints shape) {
  Tensor result = zeros(shape, DType::Bool);
  for (int64_t i = 0; i < result.numel(); ++i) result.data<bool>()[i] = i % 3 != 0;
  return result;
}

/// Irregular values in (-2, 2), all different.
Tensor irregular(Ints shape, double seed) {
  Tensor result = zeros(shape, DType::Float64);
  for (int64_t i = 0; i < result.numel(); ++i)
    result.data<double>()[i] = 2 * std::sin(12.9898 * (double(i) + seed));
  return result;
}

using List = std::vector<double>;
List values(const Tensor& tensor) {
  Tensor flat = tensor.to(DType::Float64).contiguous();
  return {flat.data<double>(), flat.data<double>() + flat.numel()};
}
using Shape = std::vector<int64_t>;
Shape shape(const Tensor& tensor) { return {tensor.shape().begin(), tensor.shape().end()}; }

struct Case {
  const char* name;
  Tensor (*function)(const Tensor& x);  ///< of a (3, 4) tensor
};

const Case kCases[] = {
    {"transpose", [](const Tensor& x) { return x.transpose(0, 1); }},
    {"t", [](const Tensor& x) { return x.t(); }},
    {"permute",
     [](const Tensor& x) {
       return x.view({3, 2, 2}).permute({2, 0, -2});
     }},
    {"movedim",
     [](const Tensor& x) {
       return x.view({3, 2, 2}).movedim(0, 2);
     }},
    {"squeeze",
     [](const Tensor& x) {
       return x.view({1, 3, 1, 4}).squeeze();
     }},
    {"squeeze.dim",
     [](const Tensor& x) {
       return x.view({1, 3, 1, 4}).squeeze(int64_t(0));
     }},
    {"unsqueeze", [](const Tensor& x) { return x.unsqueeze(-1); }},
    {"expand",
     [](const Tensor& x) {
       return x.unsqueeze(1).expand({2, 3, 5, 4});
     }},
    {"reshape",
     [](const Tensor& x) {
       return x.t().reshape({2, 6});
     }},
    {"flatten",
     [](const Tensor& x) {
       return x.view({3, 2, 2}).flatten(1);
     }},
    {"unflatten",
     [](const Tensor& x) {
       return x.unflatten(1, {2, -1});
     }},
    {"select", [](const Tensor& x) { return x.select(1, -2); }},
    {"slice", [](const Tensor& x) { return slice(x, 1, 1, 4, 2); }},
    {"narrow", [](const Tensor& x) { return x.narrow(0, 1, 2); }},
    {"as_strided",
     [](const Tensor& x) {
       return x.as_strided({2, 3}, {4, 1}, 1);
     }},
    {"as_strided overlapping",
     [](const Tensor& x) {
       return x.as_strided({4, 3}, {1, 2}, 1);
     }},
    {"unbind", [](const Tensor& x) { return x.unbind(1)[2]; }},
    {"split", [](const Tensor& x) { return x.split(int64_t(3), 1)[0]; }},
    {"split sizes",
     [](const Tensor& x) {
       return x.split({1, 3}, 1)[1];
     }},
    {"chunk", [](const Tensor& x) { return x.chunk(2)[1]; }},
    {"tensor_split", [](const Tensor& x) { return x.tensor_split(int64_t(3), 1)[0]; }},
    {"diagonal", [](const Tensor& x) { return x.diagonal(1); }},
    {"diagonal below", [](const Tensor& x) { return x.diagonal(-1, 1, 0); }},
    {"diag", [](const Tensor& x) { return x.diag(); }},
    {"diag_embed", [](const Tensor& x) { return x.diag_embed(-1, 0, 2); }},
    {"unfold", [](const Tensor& x) { return x.unfold(1, 3, 1); }},
    {"unfold apart", [](const Tensor& x) { return x.unfold(1, 2, 2); }},
    {"cat",
     [](const Tensor& x) {
       return cat({x, x.t().reshape({3, 4}), x * x}, 1);
     }},
    {"stack",
     [](const Tensor& x) {
       return stack({x, x * x}, -1);
     }},
    {"hstack",
     [](const Tensor& x) {
       return hstack({x, x});
     }},
    {"dstack",
     [](const Tensor& x) {
       return dstack({x, x});
     }},
    {"repeat",
     [](const Tensor& x) {
       return x.repeat({2, 1, 3});
     }},
    {"repeat_interleave", [](const Tensor& x) { return x.repeat_interleave(2, 1); }},
    {"repeat_interleave tensor",
     [](const Tensor& x) {
       return x.repeat_interleave(longs({2, 0, 1}), 0);
     }},
    {"flip",
     [](const Tensor& x) {
       return x.flip({0, 1});
     }},
    {"roll",
     [](const Tensor& x) {
       return x.roll({1, -2}, {0, 1});
     }},
    {"roll flat", [](const Tensor& x) { return x.roll(5); }},
    {"rot90", [](const Tensor& x) { return x.rot90(3); }},
    {"block_diag",
     [](const Tensor& x) {
       return block_diag({x, x.select(0, 1)});
     }},
    {"meshgrid",
     [](const Tensor& x) {
       return meshgrid({x[0], x[1]}, "xy")[1];
     }},
    {"index",
     [](const Tensor& x) {
       return x.index({longs({0, 2, 0}), longs({1, 3, 1})});
     }},
    {"mask",
     [](const Tensor& x) {
       return x.index({odd_mask({3, 4})});
     }},
    {"index_put",
     [](const Tensor& x) {
       return (x * x).index_put({{longs({0, 2})}}, x.narrow(0, 0, 2) * 3, true);
     }},
    {"index_put replacing",
     [](const Tensor& x) {
       return (x * x).index_put({{longs({0, 2})}}, x[1] * 3, false);
     }},
    {"index_select",
     [](const Tensor& x) {
       return x.index_select(1, longs({3, 0, 3}));
     }},
    {"index_add",
     [](const Tensor& x) {
       return x.index_add(0, longs({0, 2, 0}), x * x, 2);
     }},
    {"index_copy",
     [](const Tensor& x) {
       return x.index_copy(0, longs({2, 0}), x.narrow(0, 0, 2) * 2);
     }},
    {"index_fill",
     [](const Tensor& x) {
       return x.index_fill(1, longs({0, -1}), x[0][0]);
     }},
    {"take",
     [](const Tensor& x) {
       return x.take(longs({0, 5, -1, 5}));
     }},
    {"put",
     [](const Tensor& x) {
       return x.put(longs({0, 5}), x[0].narrow(0, 0, 2) * 4);
     }},
    {"gather",
     [](const Tensor& x) {
       return x.gather(0, longs({0, 2, 1, 1, 0, 0}, {2, 3}));
     }},
    {"take_along_dim",
     [](const Tensor& x) {
       return x.take_along_dim(longs({0, 3, 2}, {3, 1}), 1);
     }},
    {"scatter",
     [](const Tensor& x) {
       return x.scatter(1, longs({0, 3, 2, 1}, {2, 2}), x * x);
     }},
    {"scatter_add",
     [](const Tensor& x) {
       return x.scatter_add(1, longs({0, 3, 2, 0, 0, 0}, {2, 3}), x * x);
     }},
    {"scatter_reduce mean",
     [](const Tensor& x) {
       return x.scatter_reduce(1, longs({0, 3, 2, 0, 0, 0}, {2, 3}), x * x, "mean", false);
     }},
    {"scatter_reduce prod",
     [](const Tensor& x) {
       return x.scatter_reduce(1, longs({0, 3, 2, 0, 0, 0}, {2, 3}), x * x, "prod");
     }},
    {"scatter_reduce amax",
     [](const Tensor& x) {
       return x.scatter_reduce(1, longs({0, 3, 2, 0, 0, 0}, {2, 3}), x * x, "amax");
     }},
    {"where",
     [](const Tensor& x) {
       return where(odd_mask({3, 4}), x, x * x);
     }},
    {"masked_fill", [](const Tensor& x) { return x.masked_fill(odd_mask({4}), x[0][1]); }},
    {"masked_select",
     [](const Tensor& x) {
       return x.masked_select(odd_mask({2, 3, 4}));
     }},
    {"masked_scatter", [](const Tensor& x) { return x.masked_scatter(odd_mask({4}), x * x); }},
    {"tril", [](const Tensor& x) { return x.tril(1); }},
    {"triu", [](const Tensor& x) { return x.triu(-1); }},
    {"trace", [](const Tensor& x) { return x.trace(); }},
    {"fill_diagonal_", [](const Tensor& x) { return (x * 2).fill_diagonal_(1); }},
    {"t_", [](const Tensor& x) { return (x * 2).t_(); }},
    {"unsqueeze_ of a view", [](const Tensor& x) { return (x * 2)[1].unsqueeze_(0); }},
};

/// A number that depends on every element in its own way.
Tensor weighed(const Tensor& y) { return (y * y * irregular(y.shape(), 0.3)).sum(); }

TEST(Views, GradientsOfBothOrders) {
  for (const Case& test : kCases) {
    SCOPED_TRACE(test.name);
    Tensor x = irregular({3, 4}, 1), direction = irregular({3, 4}, 2);
    auto first = [&](const Tensor& at, bool create_graph) {
      Tensor leaf = at.detach().clone().requires_grad_();
      Tensor gradient =
          autograd::grad({weighed(test.function(leaf))}, {leaf}, {}, {}, create_graph)[0];
      return std::pair(leaf, gradient);
    };
    auto at = [&](double step) { return x + direction * step; };
    double h = 1e-5;
    auto [leaf, gradient] = first(x, true);
    double slope = (gradient * direction).sum().item<double>();
    double difference = (weighed(test.function(at(h))).item<double>() -
                         weighed(test.function(at(-h))).item<double>()) /
                        (2 * h);
    EXPECT_NEAR(slope, difference, 1e-6 * std::max(1.0, std::abs(slope)));
    // The gradient's own slope, against the difference of gradients.
    Tensor weights = irregular({3, 4}, 5);
    Tensor second = autograd::grad({(gradient * weights).sum()}, {leaf})[0];
    double slope2 = (second * direction).sum().item<double>();
    double difference2 = (((first(at(h), false).second - first(at(-h), false).second) * weights)
                              .sum()
                              .item<double>()) /
                         (2 * h);
    EXPECT_NEAR(slope2, difference2, 1e-5 * std::max(1.0, std::abs(slope2)));
  }
}

TEST(Views, Parts) {
  Tensor x = counting({3, 4});
  EXPECT_EQ(values(x.diagonal(1)), List({1, 6, 11}));
  EXPECT_EQ(values(x.unfold(1, 2, 2)[0]), List({0, 1, 2, 3}));
  EXPECT_EQ(shape(x.chunk(3, 1)[0]), Shape({3, 2}));
  EXPECT_EQ(x.chunk(3, 1).size(), 2u);
  EXPECT_EQ(values(x.tensor_split({1, 2}, 1)[2][2]), List({10, 11}));
  EXPECT_EQ(values(counting({2}).diag(-1)), List({0, 0, 0, 0, 0, 0, 0, 1, 0}));
  EXPECT_EQ(values(x.view(DType::Int64)), List(values(x.view(DType::Int64))));
  EXPECT_EQ(shape(x.view(DType::Float32)), Shape({3, 8}));
}

TEST(Views, JoinsAndRepeats) {
  Tensor x = counting({2, 2});
  EXPECT_EQ(values(cat({x, x.t()}, 1)), List({0, 1, 0, 2, 2, 3, 1, 3}));
  EXPECT_EQ(values(stack({x, x.t()}, 1)), List({0, 1, 0, 2, 2, 3, 1, 3}));
  EXPECT_EQ(cat({x, ones({1, 2}, DType::Int64)}).dtype(), DType::Float64);
  EXPECT_EQ(values(x.repeat({1, 2})), List({0, 1, 0, 1, 2, 3, 2, 3}));
  EXPECT_EQ(values(x.flip(0)), List({2, 3, 0, 1}));
  EXPECT_EQ(values(x.t().flip({0, 1})), List({3, 1, 2, 0}));
  EXPECT_EQ(values(x.rot90()), List({1, 3, 0, 2}));
  EXPECT_EQ(values(x.roll(1, 1)), List({1, 0, 3, 2}));
  EXPECT_EQ(values(combinations(counting({3}))), List({0, 1, 0, 2, 1, 2}));
  EXPECT_EQ(values(combinations(counting({2}), 2, true)), List({0, 0, 0, 1, 1, 1}));
  EXPECT_EQ(values(x.repeat_interleave(longs({1, 2}), 1)), List({0, 1, 1, 2, 3, 3}));
}

TEST(Views, IndexOperationsKeepTheOrderOfTheIndex) {
  Tensor x = zeros({3}, DType::Float32);
  x.scatter_(0, longs({1, 1, 1}), counting({3}, DType::Float32));
  EXPECT_EQ(values(x), List({0, 2, 0}));
  x.index_put_({{longs({2, 2})}}, counting({2}, DType::Float32));
  EXPECT_EQ(values(x), List({0, 2, 1}));
  EXPECT_EQ(values(counting({2, 3}).gather(1, longs({2, 0, 1, 1}, {2, 2}))), List({2, 0, 4, 4}));
  EXPECT_EQ(values(odd_mask({2, 3}).nonzero()), List({0, 1, 0, 2, 1, 1, 1, 2}));
  EXPECT_EQ(values(counting({2, 3}).t().masked_select(odd_mask({3, 2}))), List({3, 1, 2, 5}));
  EXPECT_EQ(values(one_hot(longs({1, 0}), 3)), List({0, 1, 0, 1, 0, 0}));
  EXPECT_EQ(values(tril_indices(2, 2)), List({0, 1, 1, 0, 0, 1}));
}

TEST(Views, ShapeChangesInPlaceKeepTheNode) {
  Tensor x = ones({2, 3}).requires_grad_(), y = x * 1;
  y.t_();
  EXPECT_EQ(shape(y), Shape({3, 2}));
  EXPECT_EQ(y.grad_fn()->name(), "TBackward1");
  Tensor view = (x * 1).view(-1);
  view.unsqueeze_(0);
  EXPECT_EQ(view.grad_fn()->name(), "UnsqueezeBackward1");
  EXPECT_THROW(x.t_(), Error);
}

}  // namespace
}  // namespace rushlight
