// The special functions of torch.special: each is a plain function of doubles, so that no result
// depends on the SIMD target.

#include <rushlight/operators.h>

#include "kernels/special.h"
#include "ops/copy.h"
#include "ops/pointwise.h"
#include "runtime/parallel.h"

#include <cmath>
#include <numbers>

namespace rushlight {

namespace {

constexpr double kPi = std::numbers::pi, kRoot2 = std::numbers::sqrt2;
constexpr double kRootHalfPi = 1.25331413731550025121;  // sqrt(pi / 2)

DType floating_dtype(DType dtype) { return is_floating(dtype) ? dtype : default_dtype(); }

template <class Function>
Tensor map(const Tensor& input, Function function) {
  Tensor result = input.detach().to(DType::Float64).clone(MemoryFormat::Preserve);
  Tensor flat = result.is_contiguous() ? result : result.contiguous();
  if (!has_values(flat)) return flat.to(floating_dtype(input.dtype()));
  double* values = flat.data<double>();
  parallel_for(flat.numel(), 256, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) values[i] = function(values[i]);
  });
  return flat.to(floating_dtype(input.dtype()));
}

template <class Function>
Tensor map(const Tensor& a, const Tensor& b, Function function) {
  const Value both[] = {a, b};
  DType dtype = floating_dtype(promote_operands(both));
  Dims shape = broadcast_shapes(a.shape(), b.shape());
  Tensor result = a.detach().to(DType::Float64).expand(shape).clone(MemoryFormat::Contiguous);
  Tensor second = b.detach().to(DType::Float64).expand(shape).contiguous();
  if (!has_values(result) || !has_values(second))
    return make_tensor(shape, dtype, Device{DeviceType::Meta});
  double* x = result.data<double>();
  const double* y = second.data<double>();
  parallel_for(result.numel(), 256, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) x[i] = function(x[i], y[i]);
  });
  return result.to(dtype);
}

/// Forward of a function of one tensor.
template <double (*function)(double)>
void one(Call& call) {
  store(call.results, map(call.arguments[0].tensor(), function));
}

/// Forward of a function of two tensors, one of which may be a number.
template <double (*function)(double, double)>
void two(Call& call) {
  const Value &a = call.arguments[0], &b = call.arguments[1];
  check(a.is_tensor() || b.is_tensor(), ErrorKind::Type, call.op.info->schema.name,
        "(): one of input and other must be a Tensor");
  auto operand = [](const Value& value) {
    return value.is_tensor() ? value.tensor() : wrapped_number(value.scalar());
  };
  store(call.results, map(operand(a), operand(b), function));
}

Tensor gamma_density(const Tensor& a, const Tensor& x) {
  return (-x + (a - 1) * x.log() - a.lgamma()).exp();
}

Tensor incomplete(const Tensor& a, const Tensor& x, bool lower) {
  const Value both[] = {a, x};
  DType dtype = promote_operands(both);
  check(is_floating(dtype), ErrorKind::NotImplemented, "\"", lower ? "igamma" : "igammac",
        "_cpu\" not implemented for '", info(dtype).spoken, "'");
  return map(a, x, [lower](double p, double q) { return incomplete_gamma(p, q, lower); });
}

[[noreturn]] Tensor no_derivative(const char* name) {
  fail(ErrorKind::NotImplemented, "the derivative for '", name, "' is not implemented.");
}

}  // namespace

constinit const Op op::i0 = {
    .schema = "i0(Tensor input) -> Tensor",
    .doc = "The modified Bessel function of the first kind, of order 0.",
    .examples = "i0(randn(3, 4))",
    .variants = "in-place",
    .forward = one<bessel_i0>,
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad() * rushlight::special_i1(b.saved("input")); });
        },
};

constinit const Op op::special_i0e = {
    .schema = "special_i0e(Tensor input) -> Tensor",
    .doc = "exp(-|x|) times i0.",
    .examples = "torch.special.i0e(randn(3, 4))",
    .variants = "function-only",
    .forward = one<bessel_i0e>,
    .save = "input, result",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor x = b.saved("input");
            return b.grad() * (rushlight::special_i1e(x) - x.sgn() * b.saved("result"));
          });
        },
    .node = "SpecialI0EBackward0",
};

constinit const Op op::special_i1 = {
    .schema = "special_i1(Tensor input) -> Tensor",
    .doc = "The modified Bessel function of the first kind, of order 1.",
    .examples = "torch.special.i1(randn(3, 4))",
    .variants = "function-only",
    .forward = one<bessel_i1>,
    .save = "input, result",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor x = b.saved("input"), result = b.saved("result");
            Tensor tiny = x.abs() <= Scalar(1e-12);
            Tensor safe = x.masked_fill(tiny, 1);
            return b.grad() * (rushlight::i0(x) - result / safe).masked_fill(tiny, 0.5);
          });
        },
    .node = "SpecialI1Backward0",
};

constinit const Op op::special_i1e = {
    .schema = "special_i1e(Tensor input) -> Tensor",
    .doc = "exp(-|x|) times i1.",
    .examples = "torch.special.i1e(randn(3, 4))",
    .variants = "function-only",
    .forward = one<bessel_i1e>,
    .save = "input, result",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor x = b.saved("input"), result = b.saved("result");
            Tensor tiny = x.abs() <= Scalar(1e-12);
            Tensor safe = x.masked_fill(tiny, 1);
            return b.grad() * (rushlight::special_i0e(x) - result * (x.sgn() + safe.reciprocal()))
                                  .masked_fill(tiny, 0.5);
          });
        },
    .node = "SpecialI1EBackward0",
};

constinit const Op op::special_entr = {
    .schema = "special_entr(Tensor input) -> Tensor",
    .doc = "-x log(x); 0 at 0, -inf below.",
    .examples = "torch.special.entr(rand(3, 4))",
    .variants = "function-only",
    .forward = one<entropy>,
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad() * (b.saved("input").log() + 1).neg(); });
        },
};

constinit const Op op::special_ndtr = {
    .schema = "special_ndtr(Tensor input) -> Tensor",
    .doc = "The area below the standard normal density to the left of x.",
    .examples = "torch.special.ndtr(randn(3, 4))",
    .variants = "function-only",
    .compose = run([](const Tensor& input) {
      return rushlight::_mul_number((input * Scalar(1 / kRoot2)).erf() + 1, 0.5);
    }),
};

constinit const Op op::special_ndtri = {
    .schema = "special_ndtri(Tensor input) -> Tensor",
    .doc = "The inverse of ndtr.",
    .examples = "torch.special.ndtri(rand(3, 4) * 0.98 + 0.01)",
    .variants = "function-only",
    .forward = one<normal_quantile>,
    .save = "result",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            return b.grad() * (b.saved("result").square() * 0.5).exp() * Scalar(2 * kRootHalfPi);
          });
        },
};

constinit const Op op::special_log_ndtr = {
    .schema = "special_log_ndtr(Tensor input) -> Tensor",
    .doc = "The logarithm of ndtr, exact for very negative x.",
    .examples = "torch.special.log_ndtr(randn(3, 4) * 3)",
    .variants = "function-only",
    .forward = one<log_normal_below>,
    .save = "input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            return b.grad() / rushlight::special_erfcx(b.saved("input") * Scalar(-1 / kRoot2)) *
                   Scalar(1 / kRootHalfPi);
          });
        },
};

constinit const Op op::special_erfcx = {
    .schema = "special_erfcx(Tensor input) -> Tensor",
    .doc = "exp(x²) erfc(x).",
    .examples = "torch.special.erfcx(randn(3, 4))",
    .variants = "function-only",
    .forward = one<scaled_erfc>,
    .save = "input, result",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            return (b.saved("input") * b.saved("result") * 2 - Scalar(2 / std::sqrt(kPi))) *
                   b.grad();
          });
        },
};

constinit const Op op::special_bessel_j0 = {
    .schema = "special_bessel_j0(Tensor input) -> Tensor",
    .doc = "The Bessel function of the first kind, of order 0.",
    .examples = "torch.special.bessel_j0(randn(3, 4) * 5)",
    .variants = "function-only",
    .forward = one<bessel_j0>,
};

constinit const Op op::special_bessel_j1 = {
    .schema = "special_bessel_j1(Tensor input) -> Tensor",
    .doc = "The Bessel function of the first kind, of order 1.",
    .examples = "torch.special.bessel_j1(randn(3, 4) * 5)",
    .variants = "function-only",
    .forward = one<bessel_j1>,
};

constinit const Op op::special_bessel_y0 = {
    .schema = "special_bessel_y0(Tensor input) -> Tensor",
    .doc = "The Bessel function of the second kind, of order 0.",
    .examples = "torch.special.bessel_y0(rand(3, 4) * 5 + 0.1)",
    .variants = "function-only",
    .forward = one<bessel_y0>,
};

constinit const Op op::special_bessel_y1 = {
    .schema = "special_bessel_y1(Tensor input) -> Tensor",
    .doc = "The Bessel function of the second kind, of order 1.",
    .examples = "torch.special.bessel_y1(rand(3, 4) * 5 + 0.1)",
    .variants = "function-only",
    .forward = one<bessel_y1>,
};

constinit const Op op::special_modified_bessel_i0 = {
    .schema = "special_modified_bessel_i0(Tensor input) -> Tensor",
    .doc = "The modified Bessel function of the first kind, of order 0; without gradient.",
    .examples = "torch.special.modified_bessel_i0(randn(3, 4) * 5)",
    .variants = "function-only",
    .forward = one<bessel_i0>,
};

constinit const Op op::special_modified_bessel_i1 = {
    .schema = "special_modified_bessel_i1(Tensor input) -> Tensor",
    .doc = "The modified Bessel function of the first kind, of order 1; without gradient.",
    .examples = "torch.special.modified_bessel_i1(randn(3, 4) * 5)",
    .variants = "function-only",
    .forward = one<bessel_i1>,
};

constinit const Op op::special_modified_bessel_k0 = {
    .schema = "special_modified_bessel_k0(Tensor input) -> Tensor",
    .doc = "The modified Bessel function of the second kind, of order 0.",
    .examples = "torch.special.modified_bessel_k0(rand(3, 4) * 5 + 0.1)",
    .variants = "function-only",
    .forward = one<bessel_k0>,
};

constinit const Op op::special_modified_bessel_k1 = {
    .schema = "special_modified_bessel_k1(Tensor input) -> Tensor",
    .doc = "The modified Bessel function of the second kind, of order 1.",
    .examples = "torch.special.modified_bessel_k1(rand(3, 4) * 5 + 0.1)",
    .variants = "function-only",
    .forward = one<bessel_k1>,
};

constinit const Op op::special_scaled_modified_bessel_k0 = {
    .schema = "special_scaled_modified_bessel_k0(Tensor input) -> Tensor",
    .doc = "exp(x) times modified_bessel_k0.",
    .examples = "torch.special.scaled_modified_bessel_k0(rand(3, 4) * 5 + 0.1)",
    .variants = "function-only",
    .forward = one<bessel_k0e>,
};

constinit const Op op::special_scaled_modified_bessel_k1 = {
    .schema = "special_scaled_modified_bessel_k1(Tensor input) -> Tensor",
    .doc = "exp(x) times modified_bessel_k1.",
    .examples = "torch.special.scaled_modified_bessel_k1(rand(3, 4) * 5 + 0.1)",
    .variants = "function-only",
    .forward = one<bessel_k1e>,
};

constinit const Op op::special_spherical_bessel_j0 = {
    .schema = "special_spherical_bessel_j0(Tensor input) -> Tensor",
    .doc = "sin(x) / x.",
    .examples = "torch.special.spherical_bessel_j0(randn(3, 4) * 5)",
    .variants = "function-only",
    .forward = one<spherical_j0>,
};

constinit const Op op::special_airy_ai = {
    .schema = "special_airy_ai(Tensor input) -> Tensor",
    .doc = "Airy's function Ai.",
    .examples = "torch.special.airy_ai(randn(3, 4) * 5)",
    .variants = "function-only",
    .forward = one<airy>,
};

constinit const Op op::special_xlog1py = {
    .schema = "special_xlog1py(Tensor|Scalar input, Tensor|Scalar other) -> Tensor",
    .doc = "`input * log1p(other)`; 0 where `input` is 0. One of the two may be a number.",
    .examples =
        "torch.special.xlog1py(rand(3, 4), rand(4))\n"
        "torch.special.xlog1py(rand(3, 4), 2.0)\n"
        "torch.special.xlog1py(2.0, rand(4))",
    .variants = "function-only",
    .forward = two<x_log1p_y>,
    .save = "input, other",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Tensor x = b.saved("input"), y = b.saved("other");
            return (b.grad() * y.log1p()).masked_fill((x == Scalar(0)) & (y <= Scalar(-1)), 0);
          });
          b.wrt("other", [&] { return b.grad() * b.saved("input") / (b.saved("other") + 1); });
        },
    .node = "SpecialXlog1PyBackward0",
};

constinit const Op op::special_zeta = {
    .schema = "special_zeta(Tensor|Scalar input, Tensor|Scalar other) -> Tensor",
    .doc =
        "Hurwitz' zeta function: the sum of (other + k) ** -input over k >= 0. One of the two may "
        "be a number.",
    .examples =
        "torch.special.zeta(rand(3, 4) + 1.5, rand(4) + 0.5)\n"
        "torch.special.zeta(rand(3, 4) + 1.5, 2.0)\n"
        "torch.special.zeta(2.0, rand(4) + 0.5)",
    .variants = "function-only",
    .forward = two<zeta>,
    .save = "input, other",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&]() -> Tensor { return no_derivative("zeta"); });
          b.wrt("other", [&] {
            Tensor s = b.saved("input");
            return b.grad() * -s * rushlight::special_zeta(s + 1, b.saved("other"));
          });
        },
};

constinit const Op op::igamma = {
    .schema = "igamma(Tensor input, Tensor other) -> Tensor",
    .doc = "The regularised lower incomplete gamma function P(input, other).",
    .examples = "igamma(rand(3, 4) * 3, rand(4) * 3)",
    .variants = "in-place",
    .forward = run(
        [](const Tensor& input, const Tensor& other) { return incomplete(input, other, true); }),
    .save = "input, other",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&]() -> Tensor { return no_derivative("igamma: input"); });
          b.wrt("other",
                [&] { return b.grad() * gamma_density(b.saved("input"), b.saved("other")); });
        },
};

constinit const Op op::igammac = {
    .schema = "igammac(Tensor input, Tensor other) -> Tensor",
    .doc = "The regularised upper incomplete gamma function Q(input, other).",
    .examples = "igammac(rand(3, 4) * 3, rand(4) * 3)",
    .variants = "in-place",
    .forward = run(
        [](const Tensor& input, const Tensor& other) { return incomplete(input, other, false); }),
    .save = "input, other",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&]() -> Tensor { return no_derivative("igammac: input"); });
          b.wrt("other",
                [&] { return -b.grad() * gamma_density(b.saved("input"), b.saved("other")); });
        },
};

constinit const Op op::mvlgamma = {
    .schema = "mvlgamma(Tensor input, int p) -> Tensor",
    .doc = "The logarithm of the multivariate gamma function of dimension `p`.",
    .examples = "mvlgamma(rand(3, 4) + 1.5, 3)",
    .variants = "in-place",
    .compose = run([](const Tensor& input, int64_t p) {
      check(p >= 1, "p has to be greater than or equal to 1");
      Tensor x = is_floating(input.dtype()) ? input : input.to(default_dtype());
      Tensor shifts = rushlight::arange(p, x.dtype()) * Scalar(-0.5);
      double constant = double(p * (p - 1)) / 4 * std::log(kPi);
      return (x.unsqueeze(-1) + shifts).lgamma().sum(Ints{-1}) + constant;
    }),
};

}  // namespace rushlight
