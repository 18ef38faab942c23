#pragma once
// Pointwise kernels by number, and the one function that runs them.

#include <cstdint>
#include <span>
#include <string_view>

#include "kernels/operand.h"

namespace rushlight {

/// Every pointwise kernel. x, y, z are the inputs in order; p0, p1 the parameters, with their
/// defaults when left out. Unless said otherwise inputs and result have the compute dtype.
enum class Kernel : uint16_t {
  // --- moving ---
  Copy,  ///< x; also converts between any two dtypes (compute is then the output's dtype)
  Fill,  ///< p0, without inputs
  // --- arithmetic: integers wrap; on bool Add is "or", Mul is "and" ---
  Add,          ///< x + p0 * y; p0 = 1
  Sub,          ///< x - p0 * y; p0 = 1
  Mul,          ///< x * y
  Div,          ///< x / y (floating)
  FloorDivide,  ///< floor(x / y), Python's sign rules; integer zero: RuntimeError ZeroDivisionError
  TruncDivide,  ///< trunc(x / y)
  Remainder,    ///< x - floor(x / y) * y: sign of y
  Fmod,         ///< x - trunc(x / y) * y: sign of x
  Pow,          ///< x ** y; negative integer exponents give 0, or ±1 for x = ±1
  PowTo,        ///< x ** p0; 2, 3, 0.5, -0.5, -1, -2 as products, roots and quotients
  Maximum,      ///< NaN if either is
  Minimum,
  Fmax,  ///< the other if one is NaN
  Fmin,
  Atan2,
  Copysign,
  Nextafter,
  Xlogy,    ///< x * log(y); 0 where x = 0 (NaN where y is NaN)
  Lerp,     ///< (x, end y, weight z): x + z (y - x), from whichever end is nearer
  Addcmul,  ///< x + p0 * y * z; p0 = 1
  Addcdiv,  ///< x + p0 * y / z; p0 = 1
  Rsub,     ///< y - p0 * x; p0 = 1
  // --- comparing: the result is bool ---
  Eq,
  Ne,
  Lt,
  Le,
  Gt,
  Ge,
  LogicalAnd,
  LogicalOr,
  LogicalXor,
  LogicalNot,
  IsNan,
  IsInf,
  IsFinite,
  SignBit,
  // --- bits: integers and bool ---
  BitAnd,
  BitOr,
  BitXor,
  BitNot,
  ShiftLeft,   ///< 0 if y is negative or at least the width
  ShiftRight,  ///< arithmetic; sign fill if y is negative or at least the width
  // --- choosing ---
  Where,      ///< x ? y : z; x is bool
  Clamp,      ///< (x, low y, high z); NaN in any gives NaN; low > high gives high
  ClampMin,   ///< max(x, y), NaN from either
  ClampMax,   ///< min(x, y), NaN from either
  ClampTo,    ///< x clamped to [p0, p1]
  Threshold,  ///< x > p0 ? x : p1
  // --- functions of one input ---
  Neg,
  Abs,
  Sign,  ///< -1, 0, 1 (0 for NaN)
  Square,
  Reciprocal,
  Sqrt,
  Rsqrt,
  Exp,
  Exp2,
  Expm1,
  Log,
  Log2,
  Log10,
  Log1p,
  Sin,
  Cos,
  Tan,
  Asin,
  Acos,
  Atan,
  Sinh,
  Cosh,
  Tanh,
  Asinh,
  Acosh,
  Atanh,
  Sigmoid,
  LogSigmoid,
  Relu,
  LeakyRelu,  ///< x > 0 ? x : p0 * x; p0 = 0.01
  Elu,        ///< x > 0 ? x : p0 * expm1(x); p0 = 1
  Gelu,       ///< x * Φ(x)
  GeluTanh,   ///< its tanh approximation
  Silu,       ///< x * sigmoid(x)
  Softplus,   ///< log1p(exp(p0 x)) / p0, and x where p0 x > p1; p0 = 1, p1 = 20
  Erf,
  Erfc,
  Erfinv,
  Lgamma,
  Digamma,
  Floor,
  Ceil,
  Round,  ///< half to even, to p0 decimals; p0 = 0
  Trunc,
  Frac,
  // --- first derivatives in one pass: g is the gradient of the result ---
  SigmoidBackward,     ///< (g, y = sigmoid(x)): g * (1 - y) * y
  TanhBackward,        ///< (g, y = tanh(x)): g * (1 - y * y)
  ReluBackward,        ///< (g, y = relu(x)): y > 0 ? g : 0
  LeakyReluBackward,   ///< (g, x): x > 0 ? g : p0 * g; p0 = 0.01
  EluBackward,         ///< (g, x): x > 0 ? g : g * p0 * exp(x); p0 = 1
  GeluBackward,        ///< (g, x)
  GeluTanhBackward,    ///< (g, x)
  SiluBackward,        ///< (g, x)
  SoftplusBackward,    ///< (g, x): p0, p1 as Softplus
  LogSigmoidBackward,  ///< (g, x): g * sigmoid(-x)
  ThresholdBackward,   ///< (g, x): x > p0 ? g : 0; p0 = 0
  ClampToBackward,     ///< (g, x): p0 <= x <= p1 ? g : 0
};
inline constexpr int kKernels = int(Kernel::ClampToBackward) + 1;

struct KernelInfo {
  std::string_view name;  ///< "floor_divide"
  uint8_t inputs;
  bool predicate;  ///< the result is bool, whatever the compute dtype
};
const KernelInfo& info(Kernel kernel);

/// Runs one kernel over `shape` (any rank; no elements is a no-op). `operands`: the output, then
/// the inputs. Inputs are converted to `compute` (float16 and bfloat16 compute in float32), the
/// result from the compute dtype (bool for predicates) to the output's dtype, as PyTorch's `.to`
/// does. An input may be the very same memory as the output; other overlap is the caller's to
/// refuse. Raises a NotImplementedError if the kernel has no such compute dtype.
void run_pointwise(Kernel kernel, DType compute, std::span<const int64_t> shape,
                   std::span<const Operand> operands, std::span<const Param> params = {});

/// The same over `n` elements that lie one after another in every operand and already have the
/// dtype that the kernel wants: the shortest way. `pointers`: the output, then the inputs, of which
/// number `scalar`, if not 0, is a single element for all. False, and nothing done, if the kernel
/// has no loop for that.
bool run_pointwise(Kernel kernel, DType compute, int64_t n, std::span<void* const> pointers,
                   std::span<const Param> params, int scalar = 0);

/// Copies and converts `input` to `output`: run_pointwise(Kernel::Copy, …).
void run_copy(std::span<const int64_t> shape, const Operand& output, const Operand& input);

}  // namespace rushlight
