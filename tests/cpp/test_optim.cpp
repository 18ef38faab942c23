// Optimizers in C++: the same kernels as in Python, whose numbers test_optim.py compares with
// PyTorch's; here the C++ face, and the same bits on every SIMD target and number of threads.

#include <gtest/gtest.h>
#include <rushlight/optim.h>
#include <rushlight/rushlight.h>

#include <cstring>
#include <string>

#include "runtime/cpu_features.h"
#include "runtime/parallel.h"

namespace rushlight {
namespace {

using namespace optim;

Tensor leaf(std::initializer_list<double> values) {
  Tensor result = tensor(std::vector<double>(values), DType::Float32);
  result.requires_grad_();
  return result;
}

std::vector<float> numbers(const Tensor& tensor) {
  Tensor flat = tensor.detach().contiguous();
  return {flat.data<float>(), flat.data<float>() + flat.numel()};
}

template <class Action>
std::pair<ErrorKind, std::string> error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return {error.kind(), error.what()};
  }
  return {ErrorKind::Runtime, "nothing was thrown"};
}

TEST(Optim, DescendsAndClearsGradients) {
  Tensor x = leaf({1, -2});
  SGD optimizer({x}, {.lr = 0.25});
  (x * x).sum().backward();
  optimizer.step();
  EXPECT_EQ(numbers(x), (std::vector<float>{0.5f, -1}));
  optimizer.zero_grad(false);
  EXPECT_EQ(numbers(x.grad()), (std::vector<float>{0, 0}));
  optimizer.zero_grad();
  EXPECT_FALSE(x.grad().defined());
  optimizer.step();  // nothing to do without a gradient
  EXPECT_EQ(numbers(x), (std::vector<float>{0.5f, -1}));
}

TEST(Optim, GroupsHaveOptionsOfTheirOwn) {
  Tensor a = leaf({1}), b = leaf({1});
  SGD optimizer({a}, {.lr = 1});
  optimizer.add_group({b}, {.lr = 0.5});
  a.set_grad(ones({1}));
  b.set_grad(ones({1}));
  optimizer.step();
  optimizer.options(1).lr = 0.25;
  optimizer.step();
  EXPECT_EQ(numbers(a)[0], -1);
  EXPECT_EQ(numbers(b)[0], 0.25f);
  EXPECT_EQ(optimizer.groups().size(), 2u);
}

template <class Optimizer>
void expect_progress(double lr) {
  Tensor x = leaf({3, -4});
  Optimizer optimizer({x}, {.lr = lr});
  double first = 25, last = first;
  for (int i = 0; i < 50; ++i) {
    optimizer.zero_grad();
    Tensor loss = (x * x).sum();
    loss.backward();
    optimizer.step();
    last = loss.template item<double>();
  }
  EXPECT_LT(last, first);
}

TEST(Optim, EachMethodMakesProgress) {
  expect_progress<SGD>(0.1);
  expect_progress<Adam>(0.1);
  expect_progress<AdamW>(0.1);
  expect_progress<RMSprop>(0.1);
  expect_progress<Adagrad>(0.1);
  expect_progress<Adadelta>(1);
  expect_progress<Adamax>(0.1);
  expect_progress<NAdam>(0.1);
  expect_progress<RAdam>(0.1);
  expect_progress<Rprop>(0.1);
  expect_progress<ASGD>(0.1);
}

std::vector<float> trained() {
  manual_seed(0);
  Tensor x = randn({257, 259});
  x.requires_grad_();
  Adam optimizer({x}, {.weight_decay = 0.01, .amsgrad = true});
  SGD other({x}, {.lr = 0.1, .momentum = 0.9, .nesterov = true});
  for (int i = 0; i < 3; ++i) {
    x.set_grad(randn({257, 259}));
    optimizer.step();
    other.step();
  }
  return numbers(x);
}

TEST(Optim, SameBitsOnAnyTargetWithFusedMultiplyAdd) {
  SimdTarget before = simd_level();
  std::vector<std::vector<float>> results;
  for (SimdTarget target : supported_simd_targets()) {
    if (target == SimdTarget::Baseline) continue;
    set_simd_target(target);
    results.push_back(trained());
  }
  set_simd_target(before);
  for (size_t i = 1; i < results.size(); ++i) {
    EXPECT_EQ(std::memcmp(results[0].data(), results[i].data(), results[0].size() * 4), 0);
  }
}

TEST(Optim, SameBitsOnAnyNumberOfThreads) {
  int before = num_threads();
  set_num_threads(1);
  std::vector<float> one = trained();
  set_num_threads(4);
  EXPECT_EQ(one, trained());
  set_num_threads(before);
}

TEST(Optim, Errors) {
  auto value = [](const char* text) { return std::pair(ErrorKind::Value, std::string(text)); };
  Tensor x = leaf({1});
  EXPECT_EQ(error_of([&] { SGD({x}, {.lr = -1}); }), value("Invalid learning rate: -1"));
  EXPECT_EQ(error_of([&] { SGD({x}, {.momentum = -0.5}); }), value("Invalid momentum value: -0.5"));
  EXPECT_EQ(error_of([&] { SGD({x}, {.nesterov = true}); }),
            value("Nesterov momentum requires a momentum and zero dampening"));
  EXPECT_EQ(error_of([&] {
              Adam({x}, {.betas = {1, 0.9}});
            }),
            value("Invalid beta parameter at index 0: 1"));
  EXPECT_EQ(error_of([&] { SGD(std::vector<Tensor>{}); }),
            value("optimizer got an empty parameter list"));
  EXPECT_EQ(error_of([&] { SGD({x * 2}); }), value("can't optimize a non-leaf Tensor"));
  SGD optimizer({x});
  EXPECT_EQ(error_of([&] { optimizer.add_group({x}); }),
            value("some parameters appear in more than one parameter group"));
  x.set_grad(ones({1}));
  x.set_data(ones({2}));
  EXPECT_EQ(error_of([&] { optimizer.step(); }).second,
            "step(): a parameter has shape [2], but its grad has shape [1]");
}

}  // namespace
}  // namespace rushlight
