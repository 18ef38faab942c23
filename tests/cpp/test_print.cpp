// Printing: each expected text is what PyTorch 2.13 prints.

#include <gtest/gtest.h>

#include <rushlight/rushlight.h>

#include <cmath>
#include <limits>

namespace rushlight {
namespace {

Tensor of(std::vector<double> values, DType dtype = DType::Float32) {
  Tensor result = empty({int64_t(values.size())}, dtype);
  dispatch(dtype, [&]<class T>(CppType<T>) {
    for (size_t i = 0; i < values.size(); ++i) result.data<T>()[i] = T(values[i]);
  });
  return result;
}

TEST(Print, ChoosesDigitsByTheValues) {
  double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  EXPECT_EQ(of({1, 2.5, -3.25}).to_string(), "tensor([ 1.0000,  2.5000, -3.2500])");
  EXPECT_EQ(of({1, 20, -3}).to_string(), "tensor([ 1., 20., -3.])");
  EXPECT_EQ(of({1, 1e-5}).to_string(), "tensor([1.0000e+00, 1.0000e-05])");
  EXPECT_EQ(of({0.5, 1000}).to_string(), "tensor([5.0000e-01, 1.0000e+03])");
  EXPECT_EQ(of({1e8, 1}).to_string(), "tensor([1.0000e+08, 1.0000e+00])");
  EXPECT_EQ(of({nan, inf, -inf, 1}).to_string(), "tensor([nan, inf, -inf, 1.])");
  EXPECT_EQ(of({nan, 0.5}).to_string(), "tensor([   nan, 0.5000])");
  EXPECT_EQ(of({0.0, -0.0}).to_string(), "tensor([0., -0.])");
}

TEST(Print, NamesWhatTheValuesDoNotShow) {
  EXPECT_EQ(of({1, -20}, DType::Int64).to_string(), "tensor([  1, -20])");
  EXPECT_EQ(of({1, 0}, DType::Bool).to_string(), "tensor([ True, False])");
  EXPECT_EQ(of({1, 2}, DType::UInt8).to_string(), "tensor([1, 2], dtype=torch.uint8)");
  EXPECT_EQ(of({1.1}, DType::BFloat16).to_string(), "tensor([1.1016], dtype=torch.bfloat16)");
  EXPECT_EQ(full({}, 3.5).to_string(), "tensor(3.5000)");
  EXPECT_EQ(empty({0, 3}).to_string(), "tensor([], size=(0, 3))");
  EXPECT_EQ(empty({0}, DType::Int64).to_string(), "tensor([], dtype=torch.int64)");
  EXPECT_EQ(empty({2, 3}, DType::Int64, Device{DeviceType::Meta}).to_string(),
            "tensor(..., device='meta', size=(2, 3), dtype=torch.int64)");
  Tensor leaf = of({1, 2});
  leaf.requires_grad_();
  EXPECT_EQ(leaf.to_string(), "tensor([1., 2.], requires_grad=True)");
  EXPECT_EQ((leaf * 2).to_string(), "tensor([2., 4.], grad_fn=<MulBackward0>)");
}

TEST(Print, BreaksLinesAndNests) {
  EXPECT_EQ(eye(2).to_string(), "tensor([[1., 0.],\n        [0., 1.]])");
  EXPECT_EQ(zeros({2, 1, 2}).to_string(), "tensor([[[0., 0.]],\n\n        [[0., 0.]]])");
  EXPECT_EQ(arange(20, DType::Float64).to_string(),
            "tensor([ 0.,  1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11., 12., 13.,\n"
            "        14., 15., 16., 17., 18., 19.], dtype=torch.float64)");
}

TEST(Print, SummarisesManyElements) {
  EXPECT_EQ(arange(1001).to_string(), "tensor([   0,    1,    2,  ...,  998,  999, 1000])");
  EXPECT_EQ(zeros({300, 4}).to_string(),
            "tensor([[0., 0., 0., 0.],\n        [0., 0., 0., 0.],\n        [0., 0., 0., 0.],\n"
            "        ...,\n        [0., 0., 0., 0.],\n        [0., 0., 0., 0.],\n"
            "        [0., 0., 0., 0.]])");
}

TEST(Print, ObeysOptions) {
  PrintOptions before = get_printoptions();
  set_printoptions(2, {}, {}, {}, {}, {});
  EXPECT_EQ(of({1.125, 2}).to_string(), "tensor([1.12, 2.00])");
  set_printoptions({}, 5, 1, {}, {}, true);
  EXPECT_EQ(arange(6.0).to_string(), "tensor([0.00e+00,  ..., 5.00e+00])");
  set_printoptions({}, {}, {}, {}, "default", {});
  EXPECT_EQ(of({1.125, 2}).to_string(), "tensor([1.1250, 2.0000])");
  EXPECT_THROW(set_printoptions(-1, {}, {}, {}, {}, {}), Error);
  EXPECT_EQ(get_printoptions().precision, 4);
  set_printoptions(before);
}

}  // namespace
}  // namespace rushlight
