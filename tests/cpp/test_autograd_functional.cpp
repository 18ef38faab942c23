// Derivatives of functions, gradcheck, checkpoints and the guards of autograd, from C++.

#include <gtest/gtest.h>
#include <rushlight/rushlight.h>

namespace {

using namespace rushlight;
namespace functional = autograd::functional;
using functional::List;

Tensor numbers(int64_t count) { return arange(1, 1 + count, 1, DType::Float64); }
Tensor cube(const Tensor& x) { return (x * x * x).sum(); }
List pair(const List& in) { return {in[0] * in[1], in[0] + in[1] * in[1]}; }
bool close(const Tensor& a, const Tensor& b) { return allclose(a, b, 1e-9, 1e-12); }

TEST(AutogradFunctional, JacobianAndHessian) {
  Tensor x = numbers(3), y = numbers(3) * 2.0;
  EXPECT_TRUE(
      close(functional::jacobian([](const Tensor& t) { return t.exp(); }, x), diag(x.exp())));
  EXPECT_TRUE(close(functional::hessian(cube, x), diag(x * 6.0)));
  auto blocks = functional::jacobian(pair, Tensors{x, y});
  ASSERT_EQ(blocks.size(), 2u);
  EXPECT_TRUE(close(blocks[0][1], diag(x)));
  EXPECT_TRUE(close(blocks[1][1], diag(y * 2.0)));
  EXPECT_FALSE(blocks[0][0].requires_grad());
}

TEST(AutogradFunctional, ProductsAreRowsAndColumnsOfTheJacobian) {
  Tensor x = numbers(3), y = numbers(3) * 2.0, v = numbers(3) - 2.0;
  auto blocks = functional::jacobian(pair, Tensors{x, y});
  auto left = functional::vjp(pair, Tensors{x, y}, Tensors{v, v});
  EXPECT_TRUE(close(left.products[1], matmul(v, blocks[0][1]) + matmul(v, blocks[1][1])));
  auto right = functional::jvp(pair, Tensors{x, y}, Tensors{v, v});
  EXPECT_TRUE(close(right.products[0], matmul(blocks[0][0], v) + matmul(blocks[0][1], v)));
  EXPECT_TRUE(close(right.results[0], x * y));
  auto sum_of_cubes = [](const List& in) { return List{cube(in[0])}; };
  EXPECT_TRUE(
      close(functional::hvp(sum_of_cubes, Tensors{x}, Tensors{v}).products[0], x * 6.0 * v));
  EXPECT_TRUE(
      close(functional::vhp(sum_of_cubes, Tensors{x}, Tensors{v}).products[0], x * 6.0 * v));
}

TEST(AutogradFunctional, WhatDoesNotFitIsRefused) {
  Tensor x = numbers(3);
  auto expect = [](auto call, const char* text) {
    try {
      call();
      ADD_FAILURE() << "no error; expected: " << text;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
    }
  };
  auto constant = [](const List& in) { return List{zeros_like(in[0])}; };
  expect([&] { functional::jacobian(constant, Tensors{x}, {.strict = true}); },
         "Output 0 of the user-provided function does not require gradients");
  expect(
      [&] {
        functional::vjp(pair, Tensors{x, x}, Tensors{x});
      },
      "v is a tuple of invalid length");
  expect(
      [&] {
        functional::jvp(pair, Tensors{x, x}, Tensors{x, numbers(2)});
      },
      "Entry 1 in v has invalid size: should be torch.Size([3]) but got torch.Size([2])");
  expect([&] { functional::hessian(pair, Tensors{x, x}); }, "should return a single Tensor");
}

struct Wrong : autograd::Function<Wrong> {
  static Tensor forward(autograd::Context&, const Tensor& x) { return x * 2.0; }
  static std::vector<Tensor> backward(autograd::Context&, std::vector<Tensor> gradients) {
    return {gradients[0] * 3.0};
  }
};

TEST(Gradcheck, FindsWrongGradientsAndPutsInputsBack) {
  Tensor x = numbers(3).requires_grad_(), before = x.detach().clone();
  auto right = [](const List& in) { return List{in[0].sin() * in[0]}; };
  auto wrong = [](const List& in) { return List{Wrong::apply(in[0])}; };
  EXPECT_TRUE(autograd::gradcheck(right, Tensors{x}));
  EXPECT_TRUE(autograd::gradgradcheck(right, Tensors{x}));
  EXPECT_THROW(autograd::gradcheck(wrong, Tensors{x}), autograd::GradcheckError);
  EXPECT_FALSE(autograd::gradcheck(wrong, Tensors{x}, {.raise_exception = false}));
  EXPECT_THROW(autograd::gradcheck(right, Tensors{before}), Error);
  EXPECT_TRUE(equal(x.detach(), before));
  Tensor columns = numbers(6).view({2, 3}).t().requires_grad_();
  EXPECT_TRUE(autograd::gradcheck(right, Tensors{columns}));
}

TEST(Checkpoint, GivesTheGradientsOfTheFunctionAndCallsItAgain) {
  Tensor x = numbers(4).requires_grad_();
  int calls = 0;
  auto part = [&](const Tensor& t) {
    ++calls;
    return t.exp().sin() * rand_like(t.detach());
  };
  manual_seed(1);
  checkpoint(part, x).sum().backward();
  Tensor after = rand({2});
  EXPECT_EQ(calls, 2);
  Tensor expected = x.detach().clone().requires_grad_();
  manual_seed(1);
  part(expected).sum().backward();
  EXPECT_TRUE(equal(x.grad(), expected.grad()));
  EXPECT_TRUE(equal(after, rand({2})));
}

TEST(Checkpoint, NoticesThatTheSecondTimeDiffers) {
  Tensor x = numbers(4).requires_grad_();
  int calls = 0;
  auto changing = [&](const Tensor& t) { return ++calls == 1 ? t.exp().sin() : t.exp(); };
  Tensor y = checkpoint(changing, x).sum();
  EXPECT_THROW(y.backward(), Error);
}

struct SquareOnce : autograd::Function<SquareOnce> {
  static constexpr bool once_differentiable = true;
  static Tensor forward(autograd::Context& context, const Tensor& x) {
    context.save_for_backward({x});
    return x * x;
  }
  static std::vector<Tensor> backward(autograd::Context& context, std::vector<Tensor> gradients) {
    EXPECT_FALSE(autograd::grad_enabled());
    return {gradients[0] * context.get_saved_variables()[0] * 2.0};
  }
};

TEST(AutogradFunctional, AFunctionMayBeDifferentiableOnce) {
  autograd::SaveOnCpu guard;
  Tensor x = numbers(3).requires_grad_();
  SquareOnce::apply(x).sum().backward();
  EXPECT_TRUE(close(x.grad(), x.detach() * 2.0));
  Tensor y = (SquareOnce::apply(x) * x).sum();
  Tensor first = autograd::grad(Tensors{y}, Tensors{x}, {}, true, true)[0];
  EXPECT_TRUE(close(first.detach(), x.detach() * x.detach() * 3.0));
  EXPECT_THROW((first * x).sum().backward(), Error);
}

TEST(AutogradGuards, HooksOnWhatIsSavedLastUntilTheEndOfTheScope) {
  Tensor x = numbers(3).requires_grad_();
  int packed = 0, unpacked = 0;
  Tensor y;
  {
    autograd::SavedTensorsHooks hooks(
        [&](const Tensor& tensor) { return ++packed, tensor.clone(); },
        [&](const Tensor& tensor) { return ++unpacked, tensor; });
    y = x * x;
  }
  (x * x).sum().backward();
  EXPECT_EQ(packed, 2);
  EXPECT_EQ(unpacked, 0);
  y.sum().backward();
  EXPECT_EQ(unpacked, 2);
  EXPECT_TRUE(close(x.grad(), x.detach() * 4.0));
}

TEST(Autograd, ALeafMayHaveAGradientOfAnotherDtype) {
  Tensor x = zeros({3}).requires_grad_();
  std::vector<DType> seen;
  autograd::register_hook(x, [&](const Tensor& gradient) { seen.push_back(gradient.dtype()); });
  autograd::set_grad_dtype(x, DType::Float64);
  (x * 2).sum().backward();
  EXPECT_EQ(x.grad().dtype(), DType::Float64);
  EXPECT_EQ(seen, std::vector{DType::Float64});
  EXPECT_THROW(autograd::set_grad_dtype(x, DType::Float16), Error);
  EXPECT_THROW(autograd::set_grad_dtype(x, DType::Int64), Error);
  EXPECT_THROW(autograd::set_grad_dtype(x * 2, std::nullopt), Error);
  autograd::set_grad_dtype(x, std::nullopt);
  x.set_grad(Tensor());
  (x * 2).sum().backward();
  EXPECT_EQ(x.grad().dtype(), DType::Float32);
  EXPECT_EQ(autograd::grad_dtype(x), std::nullopt);
}

TEST(Warnings, AreGivenOnceOrEachTime) {
  static int given;
  given = 0;
  set_warning_handler([](std::string_view) { ++given; });
  WarnOnce warn_once;
  for (int i = 0; i < 3; ++i) warn_once("so");
  EXPECT_EQ(given, 1);
  set_warn_always(true);
  warn_once("so");
  set_warn_always(false);
  set_warning_handler(nullptr);
  EXPECT_EQ(given, 2);
}

TEST(AutogradGuards, AnomalyModeNamesTheNodeThatMadeNan) {
  Tensor x = zeros({1}).requires_grad_();
  Tensor y = (x.sqrt() * 0.0).sum();
  {
    autograd::DetectAnomaly guard;
    try {
      y.backward();
      ADD_FAILURE() << "nan was not noticed";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("SqrtBackward0"), std::string::npos);
    }
  }
  EXPECT_FALSE(autograd::anomaly_enabled());
}

}  // namespace
