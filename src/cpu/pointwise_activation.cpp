// Activations of neural networks, and their first derivatives.

#include "cpu/loops.h"
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/pointwise_activation.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "cpu/math-inl.h"
#include "cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rushlight::cpu::HWY_NAMESPACE {

constexpr double kRootHalf = 0.70710678118654752440;       // 1 / sqrt(2)
constexpr double kRootTwoByPi = 0.79788456080286535588;    // sqrt(2 / pi)
constexpr double kNormalDensity = 0.39894228040143267794;  // 1 / sqrt(2 pi)
constexpr double kGeluCubic = 0.044715;

struct Sigmoid {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return sigmoid(d, x);
  }
};
/// log(sigmoid(x)) = min(x, 0) - log1p(exp(-|x|))
struct LogSigmoid {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    V negative = hn::IfThenElse(hn::Gt(x, hn::Zero(d)), hn::Zero(d), x);
    return hn::Sub(negative, log1p(d, exp(d, hn::Neg(hn::Abs(x)))));
  }
};
struct LogSigmoidBackward {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V grad, V x) const {
    return hn::Mul(grad, sigmoid(d, hn::Neg(x)));
  }
};
struct Silu {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return hn::Div(x, hn::Add(number(d, 1), exp_flushed(d, hn::Neg(x))));
  }
};
struct SiluBackward {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V grad, V x) const {
    V one = number(d, 1), s = sigmoid(d, x);
    V slope = hn::MulAdd(x, hn::Sub(one, s), one);
    return hn::Mul(grad, hn::Mul(s, slope));
  }
};

struct Elu {
  explicit Elu(std::span<const Param> params) : alpha(param_or<double>(params, 0, 1)) {}
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), x, hn::Mul(number(d, alpha), expm1(d, x)));
  }
  double alpha;
};
struct EluBackward {
  explicit EluBackward(std::span<const Param> params) : alpha(param_or<double>(params, 0, 1)) {}
  template <class D, class V>
  HWY_INLINE V operator()(D d, V grad, V x) const {
    V curved = hn::Mul(grad, hn::Mul(number(d, alpha), exp(d, x)));
    return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), grad, curved);
  }
  double alpha;
};

struct Softplus {
  explicit Softplus(std::span<const Param> params)
      : beta(param_or<double>(params, 0, 1)), threshold(param_or<double>(params, 1, 20)) {}
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    V scaled = hn::Mul(x, number(d, beta));
    V curved = hn::Div(log1p(d, exp(d, scaled)), number(d, beta));
    return hn::IfThenElse(hn::Gt(scaled, number(d, threshold)), x, curved);
  }
  double beta, threshold;
};
struct SoftplusBackward {
  explicit SoftplusBackward(std::span<const Param> params)
      : beta(param_or<double>(params, 0, 1)), threshold(param_or<double>(params, 1, 20)) {}
  template <class D, class V>
  HWY_INLINE V operator()(D d, V grad, V x) const {
    V scaled = hn::Mul(x, number(d, beta));
    V curved = hn::Mul(grad, sigmoid(d, scaled));
    return hn::IfThenElse(hn::Gt(scaled, number(d, threshold)), grad, curved);
  }
  double beta, threshold;
};

struct Erf {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return erf(d, x);
  }
};
/// x Φ(x), Φ the normal distribution
struct Gelu {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    V half = hn::Mul(x, number(d, 0.5));
    return hn::Mul(half, hn::Add(number(d, 1), erf_roughly(d, hn::Mul(x, number(d, kRootHalf)))));
  }
};
struct GeluBackward {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V grad, V x) const {
    V one = number(d, 1), half = number(d, 0.5);
    V distribution = hn::Mul(half, hn::Add(one, erf_roughly(d, hn::Mul(x, number(d, kRootHalf)))));
    V density = hn::Mul(exp(d, hn::Mul(hn::Mul(x, x), number(d, -0.5))), number(d, kNormalDensity));
    return hn::Mul(grad, hn::MulAdd(x, density, distribution));
  }
};

/// sqrt(2/pi) (x + 0.044715 x³), whose tanh approximates erf(x / sqrt(2))
template <class D, class V>
HWY_INLINE V gelu_inner(D d, V x) {
  V cube = hn::Mul(hn::Mul(x, x), x);
  return hn::Mul(number(d, kRootTwoByPi), hn::MulAdd(number(d, kGeluCubic), cube, x));
}
struct GeluTanh {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    V half = hn::Mul(x, number(d, 0.5));
    return hn::Mul(half, hn::Add(number(d, 1), tanh(d, gelu_inner(d, x))));
  }
};
struct GeluTanhBackward {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V grad, V x) const {
    V one = number(d, 1), half = number(d, 0.5);
    V t = tanh(d, gelu_inner(d, x));
    V inner_slope =
        hn::Mul(number(d, kRootTwoByPi), hn::MulAdd(number(d, 3 * kGeluCubic), hn::Mul(x, x), one));
    V left = hn::Mul(half, hn::Add(one, t));
    V right = hn::Mul(hn::Mul(hn::Mul(half, x), hn::NegMulAdd(t, t, one)), inner_slope);
    return hn::Mul(grad, hn::Add(left, right));
  }
};

template <class Op, int inputs = 1>
Loop float_vector(DType dtype) {
  return dtype == DType::Float32 ? &vector_loop<float, Op, inputs> : nullptr;
}

Loop find_activation(Kernel kernel, DType dtype) {
  switch (kernel) {
    case Kernel::Sigmoid: return floating_vector<Sigmoid>(dtype);
    case Kernel::LogSigmoid: return floating_vector<LogSigmoid>(dtype);
    case Kernel::LogSigmoidBackward: return floating_vector<LogSigmoidBackward, 2>(dtype);
    case Kernel::Silu: return floating_vector<Silu>(dtype);
    case Kernel::SiluBackward: return floating_vector<SiluBackward, 2>(dtype);
    case Kernel::Elu: return floating_vector<Elu>(dtype);
    case Kernel::EluBackward: return floating_vector<EluBackward, 2>(dtype);
    case Kernel::Softplus: return floating_vector<Softplus>(dtype);
    case Kernel::SoftplusBackward: return floating_vector<SoftplusBackward, 2>(dtype);
    case Kernel::GeluTanh: return floating_vector<GeluTanh>(dtype);
    case Kernel::GeluTanhBackward: return floating_vector<GeluTanhBackward, 2>(dtype);
    // In float64 the error function comes from the library: see special.cpp.
    case Kernel::Erf: return float_vector<Erf>(dtype);
    case Kernel::Gelu: return float_vector<Gelu>(dtype);
    case Kernel::GeluBackward: return float_vector<GeluBackward, 2>(dtype);
    default: return nullptr;
  }
}

}  // namespace rushlight::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rushlight::cpu {
HWY_EXPORT(find_activation);
Loop find_activation(Kernel kernel, DType dtype) {
  return HWY_DYNAMIC_DISPATCH(find_activation)(kernel, dtype);
}
}  // namespace rushlight::cpu
#endif
