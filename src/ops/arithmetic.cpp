// Sums, products, quotients and their kin.

#include <rushlight/operators.h>

#include "ops/pointwise.h"

namespace rushlight {

constinit const Op op::add = {
    .schema = "add(Tensor input, Tensor|Scalar other, *, Scalar alpha=1) -> Tensor",
    .doc = "`input + alpha * other`, elementwise, with broadcasting.",
    .examples =
        "add(randn(3, 4), randn(4))\n"
        "add(randn(5), 2.0)\n"
        "add(randn(2, 3), randn(2, 3), alpha=0.5)",
    .variants = "in-place",
    .forward = pointwise<Kernel::Add>,
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad(); });
          b.wrt("other", [&] {
            Scalar alpha = b.scalar("alpha");
            return alpha == 1 ? b.grad() : b.grad() * alpha;
          });
        },
};

constinit const Op op::sub = {
    .schema = "sub(Tensor input, Tensor|Scalar other, *, Scalar alpha=1) -> Tensor",
    .doc = "`input - alpha * other`, elementwise, with broadcasting.",
    .examples =
        "sub(randn(3, 4), randn(4))\n"
        "sub(randn(5), 2.0)",
    .variants = "in-place",
    .forward = pointwise<Kernel::Sub>,
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad(); });
          b.wrt("other", [&] {
            Scalar alpha = b.scalar("alpha");
            return alpha == 1 ? -b.grad() : b.grad() * -alpha.real();
          });
        },
};

constinit const Op op::mul = {
    .schema = "mul(Tensor input, Tensor|Scalar other) -> Tensor",
    .doc = "`input * other`, elementwise, with broadcasting.",
    .examples =
        "mul(randn(3, 4), randn(4))\n"
        "mul(randn(5), 2.0)",
    .variants = "in-place",
    .forward = pointwise<Kernel::Mul>,
    .save = "input for other, other for input",
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad() * b.saved("other"); });
          b.wrt("other", [&] { return b.grad() * b.saved("input"); });
        },
};

constinit const Op op::neg = {
    .schema = "neg(Tensor input) -> Tensor",
    .doc = "`-input`, elementwise.",
    .examples = "neg(randn(3, 4))",
    .variants = "in-place",
    .forward = pointwise<Kernel::Neg>,
    .backward = [](Backward& b) { b.wrt("input", [&] { return -b.grad(); }); },
};

}  // namespace rushlight
