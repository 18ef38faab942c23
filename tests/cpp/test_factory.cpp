// Tensors from C++ data, and the default random stream.

#include <gtest/gtest.h>

#include <rushlight/rushlight.h>

namespace rushlight {
namespace {

TEST(Factory, BracesNestToDims) {
  EXPECT_EQ(tensor({1.0, 2.5}).to_string(), "tensor([1.0000, 2.5000])");
  EXPECT_EQ(tensor({{1, 2}, {3, 4}}).to_string(), "tensor([[1, 2],\n        [3, 4]])");
  EXPECT_EQ(tensor({{{1, 2}}}).to_string(), "tensor([[[1, 2]]])");
  EXPECT_EQ(tensor({7}).to_string(), "tensor([7])");
  EXPECT_EQ(tensor(2.5).to_string(), "tensor(2.5000)");
  EXPECT_EQ(tensor({}).to_string(), "tensor([])");
  EXPECT_EQ(tensor({{1.0}, {2.0}}).shape()[1], 1);
}

TEST(Factory, DtypesAreThoseOfPython) {
  EXPECT_EQ(tensor({1.0}).dtype(), DType::Float32);
  EXPECT_EQ(tensor({1.0f}).dtype(), DType::Float32);
  EXPECT_EQ(tensor({1}).dtype(), DType::Int64);
  EXPECT_EQ(tensor({true, false}).dtype(), DType::Bool);
  EXPECT_EQ(tensor({1.0, 2.0}, DType::Float64).dtype(), DType::Float64);
  EXPECT_EQ(tensor({BFloat16(1.5f)}).dtype(), DType::BFloat16);
  set_default_dtype(DType::Float64);
  EXPECT_EQ(tensor({0.1f}).dtype(), DType::Float64);
  EXPECT_EQ(tensor(0.1).item<double>(), 0.1);
  set_default_dtype(DType::Float32);
}

TEST(Factory, TakesVectors) {
  std::vector<float> row = {1, 2, 3};
  EXPECT_EQ(tensor(row).to_string(), "tensor([1., 2., 3.])");
  EXPECT_EQ(tensor({row, row}).to_string(), "tensor([[1., 2., 3.],\n        [1., 2., 3.]])");
  std::vector<std::vector<int64_t>> table = {{1, 2}, {3, 4}};
  EXPECT_EQ(tensor(table).to_string(), "tensor([[1, 2],\n        [3, 4]])");
  EXPECT_EQ(tensor(std::vector<uint8_t>{1, 2}).to_string(), "tensor([1, 2], dtype=torch.uint8)");
  EXPECT_EQ(tensor(std::vector<bool>{true, false}).to_string(), "tensor([ True, False])");
  EXPECT_EQ(tensor(std::vector<int>{}).to_string(), "tensor([], dtype=torch.int64)");
}

TEST(Factory, RefusesRaggedLists) {
  EXPECT_THROW(tensor({{1, 2}, {3}}), Error);
  EXPECT_THROW(tensor({{1, 2}, 3}), Error);
  EXPECT_THROW(tensor({1, {2, 3}}), Error);
  EXPECT_THROW(tensor({std::vector<float>{1, 2}, std::vector<float>{1}}), Error);
}

TEST(Factory, BlobsAreShared) {
  float values[6] = {0, 1, 2, 3, 4, 5};
  Tensor shared = from_blob(values, {2, 3});
  values[0] = 9;
  EXPECT_EQ(shared.to_string(), "tensor([[9., 1., 2.],\n        [3., 4., 5.]])");
  shared.fill_(1);
  EXPECT_EQ(values[5], 1);
  values[1] = 7;
  EXPECT_EQ(from_blob(values, {3, 2}, {1, 3}, DType::Float32).to_string(),
            "tensor([[1., 1.],\n        [7., 1.],\n        [1., 1.]])");
  void* released = nullptr;
  {
    Tensor owner = from_blob(
        values, {6}, [&](void* data) { released = data; }, DType::Float32);
    Tensor view = owner.as_strided({2}, {1});
    owner = Tensor();
    EXPECT_EQ(released, nullptr);
  }
  EXPECT_EQ(released, values);
}

TEST(DefaultStream, IsPyTorchs) {
  manual_seed(0);
  EXPECT_EQ(initial_seed(), 0u);
  EXPECT_EQ(rand({3}).to_string(), "tensor([0.4963, 0.7682, 0.0885])");
  Tensor state = get_rng_state();
  Tensor first = randn({5});
  set_rng_state(state);
  EXPECT_EQ(first.to_string(), randn({5}).to_string());
  EXPECT_THROW(set_rng_state(zeros({5056})), Error);
  EXPECT_EQ(manual_seed(-1).initial_seed(), ~uint64_t(0));
  Generator own(0);
  EXPECT_EQ(rand({3}, &own).to_string(), "tensor([0.4963, 0.7682, 0.0885])");
}

}  // namespace
}  // namespace rushlight
