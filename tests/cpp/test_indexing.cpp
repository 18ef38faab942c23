// x[...] and x[...] = v in C++: shapes, values, views, nodes and errors.

#include <gtest/gtest.h>
#include <rushlight/rushlight.h>

namespace rushlight {
namespace {

/// 0, 1, 2, … in the shape given.
Tensor counting(Ints shape, DType dtype = DType::Float32) {
  Tensor result = zeros(shape, dtype);
  dispatch(dtype, [&]<class T>(CppType<T>) {
    for (int64_t i = 0; i < result.numel(); ++i) result.data<T>()[i] = T(i);
  });
  return result;
}

Tensor longs(std::initializer_list<int64_t> values) {
  Tensor result = zeros(Ints(int64_t(values.size())), DType::Int64);
  std::copy(values.begin(), values.end(), result.data<int64_t>());
  return result;
}

Tensor mask(std::initializer_list<bool> values, Ints shape) {
  Tensor result = zeros(shape, DType::Bool);
  std::copy(values.begin(), values.end(), result.data<bool>());
  return result;
}

std::vector<double> values(const Tensor& tensor) {
  Tensor flat = tensor.to(DType::Float64).contiguous();
  return {flat.data<double>(), flat.data<double>() + flat.numel()};
}

using List = std::vector<double>;

std::vector<int64_t> shape(const Tensor& tensor) {
  return {tensor.shape().begin(), tensor.shape().end()};
}
using Shape = std::vector<int64_t>;

template <class Function>
std::string error(Function&& function) {
  try {
    function();
  } catch (const Error& caught) {
    return caught.what();
  }
  return "no error";
}

TEST(Indexing, BasicEntriesMakeViews) {
  Tensor x = counting({2, 3, 4});
  EXPECT_EQ(values(x.index({1, 2, 3})), List({23}));
  EXPECT_EQ(values(x.index({-1, Slice{}, 0})), List({12, 16, 20}));
  EXPECT_EQ(values(x.index({0, Slice{1, {}, 2}, Slice{{}, 2, {}}})), List({4, 5}));
  EXPECT_EQ(shape(x.index({Ellipsis, NewDim, 1})), Shape({2, 3, 1}));
  EXPECT_EQ(shape(x.index({NewDim, Slice{5, 2, {}}})), Shape({1, 0, 3, 4}));
  EXPECT_EQ(values(x.index({Ellipsis, -1, Slice{-1, {}, {}}})), List({11, 23}));
  Tensor view = x.index({0, Slice{1, 2, {}}});
  view.fill_(7);
  EXPECT_EQ(values(x[0][1]), List({7, 7, 7, 7}));
  EXPECT_EQ(view.impl()->storage.get(), x.impl()->storage.get());
}

TEST(Indexing, TensorsPickAndBroadcast) {
  Tensor x = counting({3, 4});
  EXPECT_EQ(values(x.index({longs({2, 0})})), List({8, 9, 10, 11, 0, 1, 2, 3}));
  EXPECT_EQ(values(x.index({Slice{}, longs({-1, 0})})), List({3, 0, 7, 4, 11, 8}));
  EXPECT_EQ(values(x.index({longs({0, 2}), longs({1, 3})})), List({1, 11}));
  EXPECT_EQ(values(x.index({longs({0, 2}).unsqueeze(1), longs({1, 3})})), List({1, 3, 9, 11}));
  EXPECT_EQ(values(x.t().index({longs({1})})), List({1, 5, 9}));
  EXPECT_EQ(shape(x.index({longs({})})), Shape({0, 4}));
  EXPECT_EQ(shape(x.index({true})), Shape({1, 3, 4}));
  EXPECT_EQ(shape(x.index({false})), Shape({0, 3, 4}));
}

TEST(Indexing, PickedDimsStandWherePyTorchPutsThem) {
  Tensor x = counting({2, 3, 4, 5});
  Tensor i = longs({0, 1});
  EXPECT_EQ(shape(x.index({Slice{}, i, i})), Shape({2, 2, 5}));
  EXPECT_EQ(shape(x.index({i, Slice{}, i})), Shape({2, 3, 5}));
  EXPECT_EQ(shape(x.index({Slice{}, i, Slice{}, i})), Shape({2, 2, 4}));
  EXPECT_EQ(shape(x.index({0, Slice{}, i})), Shape({3, 2, 5}));
  EXPECT_EQ(values(x.index({i, Slice{}, i, 0})), List({0, 20, 40, 65, 85, 105}));
}

TEST(Indexing, Masks) {
  Tensor x = counting({2, 3});
  EXPECT_EQ(values(x.index({mask({true, false, false, true, true, false}, {2, 3})})),
            List({0, 3, 4}));
  EXPECT_EQ(values(x.index({mask({false, true}, {2})})), List({3, 4, 5}));
  EXPECT_EQ(values(x.index({Slice{}, mask({true, false, true}, {3})})), List({0, 2, 3, 5}));
  EXPECT_EQ(values(x.index({mask({true, true}, {2}), longs({2, 0})})), List({2, 3}));
}

TEST(Indexing, Assignment) {
  Tensor x = counting({3, 4});
  x.index_put_({0}, 9);
  x.index_put_({Slice{1, {}, {}}, 0}, counting({2}, DType::Float64));
  EXPECT_EQ(values(x), List({9, 9, 9, 9, 0, 5, 6, 7, 1, 9, 10, 11}));
  x.index_put_({mask({false, true, true}, {3})}, 2.5);
  EXPECT_EQ(values(x[2]), List({2.5, 2.5, 2.5, 2.5}));
  x.index_put_({longs({0, 2}), longs({1, 1})}, counting({2}));
  EXPECT_EQ(values(x), List({9, 0, 9, 9, 2.5, 2.5, 2.5, 2.5, 2.5, 1, 2.5, 2.5}));
  x.index_put_({Ellipsis}, zeros({1, 1, 4}));
  EXPECT_EQ(values(x), List(12, 0));
  Tensor sum = zeros({2});
  sum.index_put_({{longs({1, 1, 0, 1})}}, ones({4}), true);
  EXPECT_EQ(values(sum), List({1, 3}));
}

TEST(Indexing, Errors) {
  Tensor x = counting({3, 4}), s = zeros({});
  EXPECT_EQ(error([&] { x.index({5}); }), "index 5 is out of bounds for dimension 0 with size 3");
  EXPECT_EQ(error([&] {
              x.index({0, -5});
            }),
            "index -5 is out of bounds for dimension 1 with size 4");
  EXPECT_EQ(error([&] { x.index({0, 0, 0}); }), "too many indices for tensor of dimension 2");
  EXPECT_NE(error([&] { s.index({0}); }).find("invalid index of a 0-dim tensor"),
            std::string::npos);
  EXPECT_NE(error([&] {
              x.index({Slice{{}, {}, -1}});
            }).find("step must be greater than zero"),
            std::string::npos);
  EXPECT_EQ(error([&] {
              x.index({longs({0, 3})});
            }),
            "index 3 is out of bounds for dimension 0 with size 3");
  EXPECT_NE(error([&] { x.index({zeros({2})}); }).find("tensors used as indices must be long"),
            std::string::npos);
  EXPECT_EQ(error([&] { x.index({mask({true}, {1})}); }),
            "The shape of the mask [1] at index 0 does not match the shape of the indexed tensor "
            "[3, 4] at index 0");
  EXPECT_EQ(
      error([&] {
        x.index({longs({0, 1}), longs({0, 1, 2})});
      }),
      "shape mismatch: indexing tensors could not be broadcast together with shapes [2], [3]");
  EXPECT_EQ(error([&] {
              x.index_put_({longs({0, 2})}, zeros({3}));
            }),
            "shape mismatch: value tensor of shape [3] cannot be broadcast to indexing result of "
            "shape [2, 4]");
  EXPECT_EQ(values(x), values(counting({3, 4})));
}

std::string node(const Tensor& tensor) { return tensor.grad_fn()->name(); }

TEST(Indexing, NodesAreNamedAsPyTorchNamesThem) {
  Tensor x = ones({3, 4}).requires_grad_();
  EXPECT_EQ(node(x[0]), "SelectBackward0");
  EXPECT_EQ(node(x.index({Slice{1, {}, {}}})), "SliceBackward0");
  EXPECT_EQ(node(x.index({Slice{}})), "SliceBackward0");
  EXPECT_EQ(node(x.index({Slice{}, 0})), "SelectBackward0");
  EXPECT_EQ(node(x.index({NewDim})), "UnsqueezeBackward0");
  EXPECT_EQ(node(x.index({Ellipsis})), "AliasBackward0");
  EXPECT_EQ(node(x.index({longs({0})})), "IndexBackward0");
}

TEST(Indexing, Gradients) {
  Tensor x = counting({3, 4}).requires_grad_();
  (x.index({longs({0, 0, 2})}) * counting({3, 4})).sum().backward();
  EXPECT_EQ(values(x.grad()), List({4, 6, 8, 10, 0, 0, 0, 0, 8, 9, 10, 11}));
  x.set_grad(Tensor());
  (x.index({Slice{1, {}, {}}, 0}) * counting({2})).sum().backward();
  EXPECT_EQ(values(x.grad()), List({0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0}));
  x.set_grad(Tensor());
  Tensor y = x * 2, v = counting({2}).requires_grad_();
  y.index_put_({longs({0, 2}), 1}, v);
  (y * y).sum().backward();
  EXPECT_EQ(values(x.grad()), List({0, 0, 16, 24, 32, 40, 48, 56, 64, 0, 80, 88}));
  EXPECT_EQ(values(v.grad()), List({0, 2}));
}

}  // namespace
}  // namespace rushlight
