// Greatest common divisors and least common multiples.

#include <rushlight/operators.h>

#include "ops/copy.h"
#include "ops/pointwise.h"
#include "runtime/parallel.h"

#include <numeric>

namespace rushlight {

namespace {

uint64_t magnitude(int64_t value) { return value < 0 ? 0 - uint64_t(value) : uint64_t(value); }

int64_t common_divisor(int64_t a, int64_t b) {
  return int64_t(std::gcd(magnitude(a), magnitude(b)));
}

int64_t common_multiple(int64_t a, int64_t b) {
  uint64_t divisor = std::gcd(magnitude(a), magnitude(b));
  return divisor == 0 ? 0 : int64_t(magnitude(a) / divisor * magnitude(b));
}

/// Runs `function` in int64 over both, broadcast; the result has their promoted dtype.
template <int64_t (*function)(int64_t, int64_t)>
Tensor over_integers(const Tensor& input, const Tensor& other, std::string_view name) {
  const Value operands[] = {input, other};
  DType dtype = promote_operands(operands);
  check(is_integral(dtype), ErrorKind::NotImplemented, "\"", name, "_cpu\" not implemented for '",
        info(dtype).spoken, "'");
  Dims shape = broadcast_shapes(input.shape(), other.shape());
  Tensor a = input.to(DType::Int64).expand(shape).clone(MemoryFormat::Contiguous);
  Tensor b = other.to(DType::Int64).expand(shape).contiguous();
  if (!has_values(a) || !has_values(b)) return make_tensor(shape, dtype, Device{DeviceType::Meta});
  int64_t* values = a.data<int64_t>();
  const int64_t* others = b.data<int64_t>();
  parallel_for(a.numel(), 1024, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) values[i] = function(values[i], others[i]);
  });
  return a.to(dtype);
}

}  // namespace

constinit const Op op::gcd = {
    .schema = "gcd(Tensor input, Tensor other) -> Tensor",
    .doc = "The greatest common divisor of integers; never negative.",
    .examples = "gcd(randint(-9, 9, (3, 4)), randint(1, 9, (4,)))",
    .variants = "in-place",
    .forward = run([](const Tensor& input, const Tensor& other) {
      return over_integers<common_divisor>(input, other, "gcd");
    }),
};

constinit const Op op::lcm = {
    .schema = "lcm(Tensor input, Tensor other) -> Tensor",
    .doc = "The least common multiple of integers; never negative.",
    .examples = "lcm(randint(-9, 9, (3, 4)), randint(1, 9, (4,)))",
    .variants = "in-place",
    .forward = run([](const Tensor& input, const Tensor& other) {
      return over_integers<common_multiple>(input, other, "lcm");
    }),
};

}  // namespace rushlight
