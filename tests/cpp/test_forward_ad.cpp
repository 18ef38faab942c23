// Forward mode from C++.

#include <gtest/gtest.h>
#include <rushlight/rushlight.h>

#include <thread>

namespace {

using namespace rushlight;
namespace forward_ad = autograd::forward_ad;

Tensor numbers(int64_t count) { return arange(1, 1 + count, 1, DType::Float64); }
bool close(const Tensor& a, const Tensor& b) { return allclose(a, b, 1e-9, 1e-12); }

TEST(ForwardAd, TangentsFollowTheOperations) {
  Tensor x = numbers(3), v = numbers(3) * 2.0;
  forward_ad::DualLevel level;
  Tensor y = (forward_ad::make_dual(x, v).exp() * x).sum();
  auto [primal, tangent] = forward_ad::unpack_dual(y);
  EXPECT_TRUE(close(primal, (x.exp() * x).sum()));
  EXPECT_TRUE(close(tangent, (x.exp() * x * v).sum()));
  EXPECT_FALSE(forward_ad::unpack_dual(primal).tangent.defined());
}

TEST(ForwardAd, ALevelEndsWithItsScope) {
  Tensor x = numbers(3), dual;
  {
    forward_ad::DualLevel level;
    dual = forward_ad::make_dual(x, x);
    EXPECT_THROW(forward_ad::enter_dual_level(), Error);
    EXPECT_NE(dual.to_string().find("tangent=tensor([1., 2., 3.]"), std::string::npos);
  }
  EXPECT_FALSE(forward_ad::unpack_dual(dual * 2).tangent.defined());
  EXPECT_THROW(forward_ad::make_dual(x, x), Error);
  EXPECT_THROW(forward_ad::exit_dual_level(), Error);
}

TEST(ForwardAd, OverBackwardGivesHessianProducts) {
  Tensor x = numbers(3).requires_grad_(), v = numbers(3);
  forward_ad::DualLevel level;
  Tensor dual = forward_ad::make_dual(x, v);
  Tensor gradient = autograd::grad({dual.exp().sum() + (dual * dual).prod()}, {x})[0];
  Tensor expected =
      autograd::functional::hvp(
          [](const autograd::functional::List& in) {
            return autograd::functional::List{in[0].exp().sum() + (in[0] * in[0]).prod()};
          },
          Tensors{x.detach()}, Tensors{v})
          .products[0];
  EXPECT_TRUE(close(forward_ad::unpack_dual(gradient).tangent, expected));
}

TEST(ForwardAd, InPlaceChangesReachTheBaseOfAView) {
  forward_ad::DualLevel level;
  Tensor base = zeros({2, 2}, DType::Float64);
  Tensor row = base[1];
  row.copy_(forward_ad::make_dual(numbers(2), numbers(2) * 3.0));
  Tensor tangent = forward_ad::unpack_dual(base).tangent;
  EXPECT_TRUE(close(tangent, tensor({{0.0, 0.0}, {3.0, 6.0}}).to(DType::Float64)));
  base.mul_(2);
  EXPECT_TRUE(close(forward_ad::unpack_dual(row).tangent, numbers(2) * 6.0));
}

TEST(ForwardAd, AFailedChangeInPlaceChangesNothing) {
  forward_ad::DualLevel level;
  Tensor x = forward_ad::make_dual(numbers(3), numbers(3));
  EXPECT_THROW(x.igamma_(numbers(3)), Error);
  EXPECT_TRUE(close(forward_ad::unpack_dual(x).primal, numbers(3)));
}

TEST(ForwardAd, ModesOfTheThread) {
  forward_ad::DualLevel level;
  Tensor dual = forward_ad::make_dual(numbers(3), numbers(3));
  {
    forward_ad::FwdGradMode off(false);
    EXPECT_FALSE(forward_ad::unpack_dual(dual * 2).tangent.defined());
  }
  autograd::NoGrad guard;
  std::thread other(
      [&] { EXPECT_TRUE(close(forward_ad::unpack_dual(dual * 2).tangent, numbers(3) * 2.0)); });
  other.join();
}

struct Square : autograd::Function<Square> {
  static Tensor forward(autograd::Context& context, const Tensor& x, double scale) {
    context.save_for_forward({x});
    context.saved_data["scale"] = scale;
    return x * x * scale;
  }
  static std::vector<Tensor> backward(autograd::Context&, std::vector<Tensor> gradients) {
    return {gradients[0], Tensor()};
  }
  static std::vector<Tensor> jvp(autograd::Context& context, std::vector<Tensor> tangents) {
    EXPECT_EQ(tangents.size(), 2u);
    double scale = std::any_cast<double>(context.saved_data["scale"]);
    return {context.get_saved_variables()[0] * tangents[0] * (2 * scale)};
  }
};
struct WithoutJvp : autograd::Function<WithoutJvp> {
  static Tensor forward(autograd::Context&, const Tensor& x) { return x * 2; }
  static std::vector<Tensor> backward(autograd::Context&, std::vector<Tensor> gradients) {
    return gradients;
  }
};

TEST(ForwardAd, CustomFunctionsHaveTheirJvp) {
  forward_ad::DualLevel level;
  Tensor dual = forward_ad::make_dual(numbers(3), ones({3}, DType::Float64));
  EXPECT_TRUE(close(forward_ad::unpack_dual(Square::apply(dual, 0.5)).tangent, numbers(3)));
  EXPECT_THROW(WithoutJvp::apply(dual), Error);
  EXPECT_TRUE(close(WithoutJvp::apply(numbers(3)), numbers(3) * 2));
}

TEST(ForwardAd, JacobiansByForwardMode) {
  autograd::functional::Options forward;
  forward.forward_mode = true;
  Tensor x = numbers(3);
  auto exp = [](const Tensor& t) { return t.exp(); };
  auto cube = [](const Tensor& t) { return (t * t * t).sum(); };
  EXPECT_TRUE(close(autograd::functional::jacobian(exp, x, forward), diag(x.exp())));
  EXPECT_TRUE(close(autograd::functional::hessian(cube, x, forward), diag(x * 6.0)));
  Tensor none = autograd::functional::jacobian(exp, x.narrow(0, 0, 0), forward);
  EXPECT_EQ(none.numel(), 0);
}

TEST(ForwardAd, GradcheckComparesIt) {
  autograd::GradcheckOptions both;
  both.check_forward_ad = true;
  Tensor x = numbers(3).requires_grad_();
  auto function = [](const autograd::functional::List& in) {
    return autograd::functional::List{in[0].exp(), (in[0] * in[0]).sum()};
  };
  EXPECT_TRUE(autograd::gradcheck(function, Tensors{x}, both));
  EXPECT_TRUE(autograd::gradgradcheck(function, Tensors{x}, {}, both));
  auto wrong = [](const autograd::functional::List& in) {
    return autograd::functional::List{Square::apply(in[0], 0.5)};  // whose backward is
  };
  EXPECT_THROW(autograd::gradcheck(wrong, Tensors{x}, both), autograd::GradcheckError);
  both.check_backward_ad = false;
  EXPECT_TRUE(autograd::gradcheck(wrong, Tensors{x}, both));
}

}  // namespace
