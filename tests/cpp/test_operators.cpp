// Operators and pointwise operations from C++: values, dtypes, gradients, errors.

#include <gtest/gtest.h>
#include <rushlight/autograd.h>
#include <rushlight/operators.h>

#include <cmath>
#include <functional>
#include <vector>

namespace {

using namespace rushlight;

Tensor vector_of(std::initializer_list<double> values, DType dtype = DType::Float64) {
  Tensor result = zeros({int64_t(values.size())}, DType::Float64);
  std::copy(values.begin(), values.end(), result.data<double>());
  return result.to(dtype);
}

std::vector<double> values(const Tensor& tensor) {
  Tensor flat = tensor.to(DType::Float64).contiguous();
  return {flat.data<double>(), flat.data<double>() + flat.numel()};
}

using List = std::vector<double>;

TEST(Operators, ArithmeticOfTensorsAndNumbers) {
  Tensor x = vector_of({1, 2, 4});
  EXPECT_EQ(values(x + x), (List{2, 4, 8}));
  EXPECT_EQ(values(x - 1), (List{0, 1, 3}));
  EXPECT_EQ(values(1 - x), (List{0, -1, -3}));
  EXPECT_EQ(values(2.0 * x), (List{2, 4, 8}));
  EXPECT_EQ(values(x / 2), (List{0.5, 1, 2}));
  EXPECT_EQ(values(2 / x), (List{2, 1, 0.5}));
  EXPECT_EQ(values(-x % 3), (List{2, 1, 2}));
  EXPECT_EQ(values(x.pow(-1)), (List{1, 0.5, 0.25}));
  EXPECT_EQ(values(x.pow(3)), (List{1, 8, 64}));
  x += 1;
  x *= x;
  EXPECT_EQ(values(x), (List{4, 9, 25}));
  x -= vector_of({4, 4, 5});
  x /= 5;
  EXPECT_EQ(values(x), (List{0, 1, 4}));
}

TEST(Operators, IntegersStayIntegersExceptInDivision) {
  Tensor x = vector_of({-7, 7, 3}, DType::Int32);
  EXPECT_EQ((x + 1).dtype(), DType::Int32);
  EXPECT_EQ((x / 2).dtype(), DType::Float32);
  EXPECT_EQ(values(x.floor_divide(2)), (List{-4, 3, 1}));
  EXPECT_EQ(values(x.div(2, "trunc")), (List{-3, 3, 1}));
  EXPECT_EQ(values(x % 4), (List{1, 3, 3}));
  EXPECT_EQ(values(x.fmod(4)), (List{-3, 3, 3}));
  EXPECT_EQ((x + 1.5).dtype(), DType::Float32);
  EXPECT_THROW(x.div_(2), Error);
  EXPECT_THROW(x.pow(-1), Error);
  EXPECT_EQ(values(x), (List{-7, 7, 3}));
}

TEST(Operators, ComparisonsAndLogicGiveBool) {
  Tensor x = vector_of({1, 2, 3});
  EXPECT_EQ((x < 2).dtype(), DType::Bool);
  EXPECT_EQ(values(x < 2), (List{1, 0, 0}));
  EXPECT_EQ(values(2 < x), (List{0, 0, 1}));
  EXPECT_EQ(values(x == 2), (List{0, 1, 0}));
  EXPECT_EQ(values(2 != x), (List{1, 0, 1}));
  EXPECT_EQ(values((x >= 2) & !(x == 3)), (List{0, 1, 0}));
  EXPECT_EQ(values(~(x <= 1) ^ (x > 2)), (List{0, 1, 0}));
  EXPECT_TRUE(x.equal(x + 0));
  EXPECT_FALSE(x.equal(vector_of({1, 2})));
  EXPECT_TRUE(x.allclose(x + 1e-9));
}

TEST(Operators, ErrorsNameTheFault) {
  Tensor flags = vector_of({1, 0}, DType::Bool), small = vector_of({1, 2}, DType::UInt8);
  EXPECT_THROW(flags - flags, Error);
  EXPECT_THROW(-flags, Error);
  EXPECT_THROW(small.add(small, 300), Error);
  EXPECT_THROW(small.add(small, 0.5), Error);
  EXPECT_THROW(small.clamp(Tensor(), Tensor()), Error);
  EXPECT_EQ(values(small + 300), (List{45, 46}));
}

// -- gradients ---------------------------------------------------------------------------------

using Function = std::function<Tensor(const Tensor&)>;

double sum_at(const Function& function, const Tensor& x, int64_t i, double shift) {
  Tensor moved = x.detach().clone();
  moved.data<double>()[i] += shift;
  return function(moved).sum().item<double>();
}

/// Compares the gradient of `function` with central differences, in float64.
void expect_gradient(const char* name, const Function& function, const Tensor& at) {
  Tensor x = at.detach().clone().requires_grad_();
  function(x).sum().backward();
  ASSERT_TRUE(x.grad().defined()) << name;
  for (int64_t i = 0; i < x.numel(); ++i) {
    constexpr double kStep = 1e-6;
    double slope = (sum_at(function, at, i, kStep) - sum_at(function, at, i, -kStep)) / (2 * kStep);
    EXPECT_NEAR(x.grad().data<double>()[i], slope, 1e-6 * (1 + std::abs(slope)))
        << name << " at " << at.data<double>()[i];
  }
}

/// First and second derivatives: the latter as the gradient of the gradient.
void expect_gradients(const char* name, const Function& function, const Tensor& at) {
  expect_gradient(name, function, at);
  Function gradient = [&](const Tensor& point) {
    Tensor x = point.requires_grad() ? point : point.detach().clone().requires_grad_();
    Tensor weights = vector_of({1.0, -0.5, 2.0, 0.7});
    std::vector<Tensor> grads =
        autograd::grad({(function(x) * weights).sum()}, {x}, {}, true, true);
    return grads[0] * weights;
  };
  expect_gradient((std::string(name) + "'").c_str(), gradient, at);
}

TEST(Operators, FirstAndSecondDerivatives) {
  Tensor any = vector_of({-1.3, -0.4, 0.3, 1.7}), unit = vector_of({-0.8, -0.3, 0.4, 0.9});
  Tensor positive = vector_of({0.2, 0.7, 1.4, 3.1}), other = vector_of({0.6, -1.1, 0.9, 2.2});
  const std::tuple<const char*, Function, Tensor> kCases[] = {
      {"div", [&](const Tensor& x) { return x / other + other / x; }, any},
      {"pow3", [](const Tensor& x) { return x.pow(3); }, any},
      {"pow2", [](const Tensor& x) { return x.pow(2); }, any},
      {"pow1.7", [](const Tensor& x) { return x.pow(1.7); }, positive},
      {"pow", [](const Tensor& x) { return x.pow(x); }, positive},
      {"2**x", [](const Tensor& x) { return rushlight::pow(2.0, x); }, any},
      {"sqrt", [](const Tensor& x) { return x.sqrt(); }, positive},
      {"rsqrt", [](const Tensor& x) { return x.rsqrt(); }, positive},
      {"reciprocal", [](const Tensor& x) { return x.reciprocal(); }, any},
      {"abs", [](const Tensor& x) { return x.abs() * x; }, any},
      {"exp", [](const Tensor& x) { return x.exp(); }, any},
      {"expm1", [](const Tensor& x) { return x.expm1(); }, any},
      {"log", [](const Tensor& x) { return x.log(); }, positive},
      {"log1p", [](const Tensor& x) { return x.log1p(); }, positive},
      {"log2", [](const Tensor& x) { return x.log2(); }, positive},
      {"sin", [](const Tensor& x) { return x.sin(); }, any},
      {"tan", [](const Tensor& x) { return x.tan(); }, unit},
      {"tanh", [](const Tensor& x) { return x.tanh(); }, any},
      {"asin", [](const Tensor& x) { return x.asin(); }, unit},
      {"atanh", [](const Tensor& x) { return x.atanh(); }, unit},
      {"atan2", [&](const Tensor& x) { return x.atan2(other) + other.atan2(x); }, any},
      {"sinc", [](const Tensor& x) { return x.sinc(); }, any},
      {"logaddexp", [&](const Tensor& x) { return x.logaddexp(other); }, any},
      {"xlogy", [](const Tensor& x) { return x.xlogy(x); }, positive},
      {"sigmoid", [](const Tensor& x) { return x.sigmoid(); }, any},
      {"relu", [](const Tensor& x) { return x.relu() * x; }, any},
      {"leaky_relu", [](const Tensor& x) { return leaky_relu(x, 0.1) * x; }, any},
      {"elu", [](const Tensor& x) { return elu(x, 0.7); }, any},
      {"selu", [](const Tensor& x) { return selu(x); }, any},
      {"gelu", [](const Tensor& x) { return gelu(x); }, any},
      {"gelu tanh", [](const Tensor& x) { return gelu(x, "tanh"); }, any},
      {"silu", [](const Tensor& x) { return silu(x); }, any},
      {"softplus", [](const Tensor& x) { return softplus(x, 2.0); }, any},
      {"logsigmoid", [](const Tensor& x) { return logsigmoid(x); }, any},
      {"clamp", [](const Tensor& x) { return x.clamp(-0.5, 0.5) * x; }, any},
      {"maximum", [&](const Tensor& x) { return x.maximum(other) * x; }, any},
      {"lerp", [&](const Tensor& x) { return x.lerp(other, x); }, any},
      {"addcmul", [&](const Tensor& x) { return x.addcmul(x, x * other, 0.5); }, any},
      {"addcdiv", [&](const Tensor& x) { return other.addcdiv(x, x * x, 0.5); }, any},
      {"in place", [](const Tensor& x) { return x.clone().sin_().mul_(x).pow_(2); }, any},
      {"silu in place", [](const Tensor& x) { return silu(x.clone(), true); }, any},
      {"mish", [](const Tensor& x) { return mish(x); }, any},
      {"hardswish", [](const Tensor& x) { return hardswish(x * 2) * x; }, any},
      {"hardsigmoid", [](const Tensor& x) { return hardsigmoid(x * 2) * x; }, any},
      {"hardtanh", [](const Tensor& x) { return hardtanh(x) * x; }, any},
      {"softshrink", [](const Tensor& x) { return softshrink(x) * x; }, any},
      {"celu", [](const Tensor& x) { return celu(x, 0.6); }, any},
      {"prelu", [](const Tensor& x) { return prelu(x, x.narrow(0, 1, 1)) * x; }, any},
      {"glu",
       [](const Tensor& x) {
         return glu(x * x.reshape({4, 1})).reshape({8}).narrow(0, 2, 4);
       },
       any},
      {"erf", [](const Tensor& x) { return x.erf(); }, any},
      {"lgamma", [](const Tensor& x) { return x.lgamma(); }, positive},
      {"logit", [](const Tensor& x) { return x.logit(); }, vector_of({0.2, 0.4, 0.7, 0.9})},
  };
  for (const auto& [name, function, at] : kCases) {
    SCOPED_TRACE(name);
    expect_gradients(name, function, at);
  }
}

TEST(Operators, GradientsAtSpecialPoints) {
  auto gradient = [](const Function& function, double at) {
    Tensor x = vector_of({at}).requires_grad_();
    function(x).sum().backward();
    return x.grad().item<double>();
  };
  EXPECT_EQ(gradient([](const Tensor& x) { return x.abs(); }, 0), 0);
  EXPECT_EQ(gradient([](const Tensor& x) { return x.relu(); }, 0), 0);
  EXPECT_EQ(gradient([](const Tensor& x) { return x.clamp(0, 1); }, 0), 1);
  EXPECT_EQ(gradient([](const Tensor& x) { return x.clamp(0, 1); }, 1), 1);
  EXPECT_EQ(gradient([](const Tensor& x) { return x.pow(0); }, 0), 0);
  EXPECT_EQ(gradient([](const Tensor& x) { return x.pow(zeros({1}, DType::Float64)); }, 0), 0);
  EXPECT_EQ(gradient([](const Tensor& x) { return rushlight::pow(0.0, x); }, 2), 0);
  EXPECT_EQ(gradient([](const Tensor& x) { return x.maximum(zeros({1}, DType::Float64)); }, 0),
            0.5);
  EXPECT_EQ(gradient([](const Tensor& x) { return x.sqrt(); }, 0), INFINITY);
}

}  // namespace
