// Random numbers: PyTorch's, from the same seed. The distributions are in cpu/random.h.

#include <rushlight/operators.h>

#include "cpu/random.h"
#include "ops/copy.h"
#include "ops/forms.h"
#include "ops/pointwise.h"

#include <cmath>
#include <cstdio>

namespace rushlight {

namespace {

using OptionalDType = std::optional<DType>;
using OptionalDevice = std::optional<Device>;
using OptionalFormat = std::optional<MemoryFormat>;

/// What a fill of cpu/random.h is told besides the distribution's parameters.
struct Destination {
  void* data;
  DType dtype;
  int64_t n;
  Generator& generator;
};

Generator& stream(Generator* generator) { return generator ? *generator : default_generator(); }

/// Calls `fill(Destination)` on the elements of `tensor` in the order of their memory.
template <class Fill>
const Tensor& fill_randomly(const Tensor& tensor, Generator* generator, Fill fill) {
  check_distinct_elements(tensor);
  if (tensor.impl()->device == DeviceType::Meta) return tensor;
  if (tensor.is_contiguous()) {
    fill(Destination{tensor.data(), tensor.dtype(), tensor.numel(), stream(generator)});
  } else {
    Tensor dense = make_like(tensor, tensor.dtype());
    fill(Destination{dense.data(), tensor.dtype(), tensor.numel(), stream(generator)});
    copy_elements(tensor, dense);
  }
  return tensor;
}

const Tensor& fill_uniform(const Tensor& tensor, double from, double to, Generator* generator) {
  return fill_randomly(tensor, generator, [&](Destination d) {
    cpu::fill_uniform(d.data, d.dtype, d.n, from, to, d.generator);
  });
}

const Tensor& fill_normal(const Tensor& tensor, double mean, double std, Generator* generator) {
  return fill_randomly(tensor, generator, [&](Destination d) {
    cpu::fill_normal(d.data, d.dtype, d.n, mean, std, d.generator, tensor.is_contiguous());
  });
}

const Tensor& fill_integers(const Tensor& tensor, int64_t from, std::optional<int64_t> to,
                            Generator* generator) {
  return fill_randomly(tensor, generator, [&](Destination d) {
    cpu::fill_random_from_to(d.data, d.dtype, d.n, from, to, d.generator);
  });
}

const Tensor& fill_bernoulli(const Tensor& tensor, double p, Generator* generator) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", p);
  check(p >= 0 && p <= 1, "bernoulli_ expects p to be in [0, 1], but got p=", text);
  return fill_randomly(tensor, generator, [&](Destination d) {
    cpu::fill_bernoulli(d.data, d.dtype, d.n, p, d.generator);
  });
}

const Tensor& fill_bernoulli_each(const Tensor& tensor, const Tensor& p, Generator* generator) {
  // The probabilities are laid out like the destination, whose memory order is that of the draws.
  Tensor expanded = p.detach().expand(tensor.shape());
  Tensor probabilities = make_like(tensor, p.dtype());
  copy_elements(probabilities, expanded);
  return fill_randomly(tensor, generator, [&](Destination d) {
    cpu::fill_bernoulli(d.data, d.dtype, d.n, probabilities.data(), p.dtype(), d.generator);
  });
}

Tensor make(Ints size, OptionalDType dtype, OptionalDevice device) {
  return make_tensor(size, dtype.value_or(default_dtype()), device.value_or(kCpu));
}

Tensor like(const Tensor& input, OptionalDType dtype, OptionalDevice device,
            OptionalFormat format) {
  return make_layout(input, dtype.value_or(input.dtype()), format, device);
}

int64_t high_of(const Tensor& high) {
  check(high.numel() == 1 && high.impl()->device == DeviceType::Cpu,
        "high must be a scalar tensor and on CPU");
  return high.item<int64_t>();
}

/// Random numbers depend on no element: the gradient of what they replaced is zero.
void no_gradient(Backward& b) {
  b.wrt("input", [&] { return rushlight::zeros_like(b.grad()); });
}

void check_deviations(const Tensor& std) {
  bool negative = false;
  Tensor plain = std.detach().contiguous();
  if (plain.impl()->device == DeviceType::Meta) return;
  dispatch(plain.dtype(), [&]<class T>(CppType<T>) {
    const T* values = plain.data<T>();
    for (int64_t i = 0; i < plain.numel(); ++i) negative |= !(values[i] >= T(0));
  });
  check(!negative, "normal expects all elements of std >= 0.0");
}

/// z * std + mean with standard normal z, rounded after each operation as in PyTorch.
Tensor normal_around(const TensorOrScalar& mean, const Tensor& std, std::span<const int64_t> shape,
                     DType dtype, Generator* generator) {
  Tensor result = make_tensor(shape, dtype, std.device());
  return fill_normal(result, 0, 1, generator).mul_(std).add_(mean);
}

}  // namespace

constinit const Op op::rand = {
    .schema =
        "rand(int[] size, *, Generator? generator=None, dtype? dtype=None, "
        "device? device=None) -> Tensor",
    .doc = "Uniform random numbers in [0, 1).",
    .examples = "rand(2, 3)\nrand(4, dtype=float64)",
    .forward = run([](Ints size, Generator* generator, OptionalDType dtype, OptionalDevice device) {
      return fill_uniform(make(size, dtype, device), 0, 1, generator);
    }),
};

constinit const Op op::randn = {
    .schema =
        "randn(int[] size, *, Generator? generator=None, dtype? dtype=None, "
        "device? device=None) -> Tensor",
    .doc = "Random numbers of the standard normal distribution.",
    .examples = "randn(2, 3)\nrandn(20, dtype=float64)",
    .forward = run([](Ints size, Generator* generator, OptionalDType dtype, OptionalDevice device) {
      return fill_normal(make(size, dtype, device), 0, 1, generator);
    }),
};

constinit const Op op::randint = {
    .schema =
        "randint(int high, int[] size, *, Generator? generator=None, dtype? dtype=None, "
        "device? device=None) -> Tensor",
    .doc = "Random integers in [0, high), as int64 unless another dtype is given.",
    .examples = "randint(10, (2, 3))\nrandint(2, (4,), dtype=bool)",
    .forward = run([](int64_t high, Ints size, Generator* generator, OptionalDType dtype,
                      OptionalDevice device) {
      return fill_integers(make(size, dtype.value_or(DType::Int64), device), 0, high, generator);
    }),
};

constinit const Op op::randint_low = {
    .schema =
        "randint.low(int low, int high, int[] size, *, Generator? generator=None, "
        "dtype? dtype=None, device? device=None) -> Tensor",
    .doc = "Random integers in [low, high), as int64 unless another dtype is given.",
    .examples = "randint(-5, 10, (2, 3))\nrandint(3, 5, (4,), dtype=float32)",
    .forward = run([](int64_t low, int64_t high, Ints size, Generator* generator,
                      OptionalDType dtype, OptionalDevice device) {
      return fill_integers(make(size, dtype.value_or(DType::Int64), device), low, high, generator);
    }),
};

constinit const Op op::randperm = {
    .schema =
        "randperm(int n, *, Generator? generator=None, dtype? dtype=None, device? device=None) -> "
        "Tensor",
    .doc = "The integers from 0 to n - 1 in random order.",
    .examples = "randperm(10)\nrandperm(7, dtype=float32)",
    .forward = run([](int64_t n, Generator* generator, OptionalDType dtype, OptionalDevice device) {
      Tensor result = make({n}, dtype.value_or(DType::Int64), device);
      if (result.impl()->device == DeviceType::Cpu) {
        cpu::fill_randperm(result.data(), result.dtype(), n, stream(generator));
      }
      return result;
    }),
};

constinit const Op op::rand_like = {
    .schema =
        "rand_like(Tensor input, *, Generator? generator=None, dtype? dtype=None, "
        "device? device=None, memory_format? memory_format=None) -> Tensor",
    .doc = "Uniform random numbers in [0, 1) in the shape, dtype and layout of `input`.",
    .examples = "rand_like(randn(2, 3))",
    .variants = "function-only",
    .forward = run([](const Tensor& input, Generator* generator, OptionalDType dtype,
                      OptionalDevice device, OptionalFormat format) {
      return fill_uniform(like(input, dtype, device, format), 0, 1, generator);
    }),
};

constinit const Op op::randn_like = {
    .schema =
        "randn_like(Tensor input, *, Generator? generator=None, dtype? dtype=None, "
        "device? device=None, memory_format? memory_format=None) -> Tensor",
    .doc = "Standard normal random numbers in the shape, dtype and layout of `input`.",
    .examples = "randn_like(randn(2, 3))",
    .variants = "function-only",
    .forward = run([](const Tensor& input, Generator* generator, OptionalDType dtype,
                      OptionalDevice device, OptionalFormat format) {
      return fill_normal(like(input, dtype, device, format), 0, 1, generator);
    }),
};

constinit const Op op::randint_like = {
    .schema =
        "randint_like(Tensor input, int high, *, Generator? generator=None, dtype? dtype=None, "
        "device? device=None, memory_format? memory_format=None) -> Tensor",
    .doc = "Random integers in [0, high) in the shape, dtype and layout of `input`.",
    .examples = "randint_like(randn(2, 3), 10)",
    .variants = "function-only",
    .forward = run([](const Tensor& input, int64_t high, Generator* generator, OptionalDType dtype,
                      OptionalDevice device, OptionalFormat format) {
      return fill_integers(like(input, dtype, device, format), 0, high, generator);
    }),
};

constinit const Op op::randint_like_Tensor = {
    .schema =
        "randint_like.Tensor(Tensor input, Tensor high, *, Generator? generator=None, "
        "dtype? dtype=None, device? device=None, memory_format? memory_format=None) -> Tensor",
    .doc = "Random integers in [0, high), of which `high` is a zero-dim tensor.",
    .examples = "randint_like(randn(2, 3), tensor(10))",
    .variants = "function-only",
    .forward = run([](const Tensor& input, const Tensor& high, Generator* generator,
                      OptionalDType dtype, OptionalDevice device, OptionalFormat format) {
      int64_t limit = high_of(high);
      return fill_integers(like(input, dtype, device, format), 0, limit, generator);
    }),
};

constinit const Op op::randint_like_low_dtype = {
    .schema =
        "randint_like.low_dtype(Tensor input, int low, int high, *, Generator? generator=None, "
        "dtype? dtype=None, device? device=None, memory_format? memory_format=None) -> Tensor",
    .doc = "Random integers in [low, high) in the shape, dtype and layout of `input`.",
    .examples = "randint_like(randn(2, 3), 3, 10)",
    .variants = "function-only",
    .forward = run([](const Tensor& input, int64_t low, int64_t high, Generator* generator,
                      OptionalDType dtype, OptionalDevice device, OptionalFormat format) {
      return fill_integers(like(input, dtype, device, format), low, high, generator);
    }),
};

constinit const Op op::uniform_ = {
    .schema =
        "uniform_(Tensor(a!) input, float from=0, float to=1, *, Generator? generator=None) -> "
        "Tensor(a!)",
    .doc = "Replaces the elements by uniform random numbers in [from, to).",
    .examples = "zeros(2, 3).uniform_()\nzeros(2, 3).uniform_(-1, 2)",
    .variants = "method-only",
    .forward = run<fill_uniform>(),
    .backward = no_gradient,
};

constinit const Op op::normal_ = {
    .schema =
        "normal_(Tensor(a!) input, float mean=0, float std=1, *, Generator? generator=None) -> "
        "Tensor(a!)",
    .doc = "Replaces the elements by normally distributed random numbers.",
    .examples = "zeros(2, 3).normal_()\nzeros(20).normal_(5, 0.5)",
    .variants = "method-only",
    .forward = run<fill_normal>(),
    .backward = no_gradient,
};

constinit const Op op::random__from = {
    .schema =
        "random_.from(Tensor(a!) input, int from, int? to, *, Generator? generator=None) -> "
        "Tensor(a!)",
    .doc =
        "Replaces the elements by random integers in [from, to), or up to the largest if `to` is "
        "None.",
    .examples = "zeros(2, 3).random_(5, 10)",
    .variants = "method-only",
    .forward = run<fill_integers>(),
    .backward = no_gradient,
    .node = "RandomBackward0",
};

constinit const Op op::random__to = {
    .schema = "random_.to(Tensor(a!) input, int to, *, Generator? generator=None) -> Tensor(a!)",
    .doc = "Replaces the elements by random integers in [0, to).",
    .examples = "zeros(2, 3).random_(10)",
    .variants = "method-only",
    .forward = run([](const Tensor& input, int64_t to, Generator* generator) {
      return fill_integers(input, 0, to, generator);
    }),
    .backward = no_gradient,
    .node = "RandomBackward1",
};

constinit const Op op::random_ = {
    .schema = "random_(Tensor(a!) input, *, Generator? generator=None) -> Tensor(a!)",
    .doc =
        "Replaces the elements by random integers from 0 to the largest that the dtype holds "
        "exactly.",
    .examples = "zeros(2, 3).random_()",
    .variants = "method-only",
    .forward = run([](const Tensor& input, Generator* generator) {
      return fill_randomly(input, generator, [](Destination d) {
        cpu::fill_random(d.data, d.dtype, d.n, d.generator);
      });
    }),
    .backward = no_gradient,
    .node = "RandomBackward2",
};

constinit const Op op::bernoulli__Tensor = {
    .schema =
        "bernoulli_.Tensor(Tensor(a!) input, Tensor p, *, Generator? generator=None) -> Tensor(a!)",
    .doc = "Replaces each element by 1 with the probability in `p`, else by 0.",
    .examples = "zeros(2, 3).bernoulli_(full((3,), 0.3))",
    .variants = "method-only",
    .forward = run<fill_bernoulli_each>(),
    .backward =
        [](Backward& b) {
          no_gradient(b);
          b.wrt("p", [&] { return rushlight::zeros(b.shape("p"), b.dtype("p")); });
        },
    .node = "BernoulliBackward1",
};

constinit const Op op::bernoulli__float = {
    .schema =
        "bernoulli_.float(Tensor(a!) input, float p=0.5, *, Generator? generator=None) -> "
        "Tensor(a!)",
    .doc = "Replaces each element by 1 with probability `p`, else by 0.",
    .examples = "zeros(2, 3).bernoulli_()\nzeros(2, 3).bernoulli_(0.2)",
    .variants = "method-only",
    .forward = run<fill_bernoulli>(),
    .backward = no_gradient,
    .node = "BernoulliBackward2",
};

constinit const Op op::bernoulli = {
    .schema = "bernoulli(Tensor input, *, Generator? generator=None) -> Tensor",
    .doc = "1 with the probability that the element of `input` gives, else 0.",
    .examples = "bernoulli(full((2, 3), 0.3))",
    .forward = run([](const Tensor& input, Generator* generator) {
      return fill_bernoulli_each(make_like(input, input.dtype()), input, generator);
    }),
    .backward = no_gradient,
};

constinit const Op op::bernoulli_p = {
    .schema = "bernoulli.p(Tensor input, float p, *, Generator? generator=None) -> Tensor",
    .doc = "1 with probability `p`, else 0, in the shape and dtype of `input`.",
    .examples = "bernoulli(zeros(2, 3), 0.3)",
    .forward = run([](const Tensor& input, double p, Generator* generator) {
      return fill_bernoulli(make_like(input, input.dtype()), p, generator);
    }),
};

constinit const Op op::exponential_ = {
    .schema =
        "exponential_(Tensor(a!) input, float lambd=1, *, Generator? generator=None) -> Tensor(a!)",
    .doc = "Replaces the elements by exponentially distributed random numbers of rate `lambd`.",
    .examples = "zeros(2, 3).exponential_()\nzeros(2, 3).exponential_(2.5)",
    .variants = "method-only",
    .forward = run([](const Tensor& input, double lambda, Generator* generator) {
      return fill_randomly(input, generator, [&](Destination d) {
        cpu::fill_exponential(d.data, d.dtype, d.n, lambda, d.generator);
      });
    }),
    .backward = no_gradient,
};

constinit const Op op::geometric_ = {
    .schema = "geometric_(Tensor(a!) input, float p, *, Generator? generator=None) -> Tensor(a!)",
    .doc = "Replaces the elements by numbers of trials up to the first success.",
    .examples = "zeros(2, 3).geometric_(0.3)",
    .variants = "method-only",
    .forward = run([](const Tensor& input, double p, Generator* generator) {
      return fill_randomly(input, generator, [&](Destination d) {
        cpu::fill_geometric(d.data, d.dtype, d.n, p, d.generator);
      });
    }),
    .backward = no_gradient,
};

constinit const Op op::log_normal_ = {
    .schema =
        "log_normal_(Tensor(a!) input, float mean=1, float std=2, *, Generator? generator=None) "
        "-> Tensor(a!)",
    .doc = "Replaces the elements by exp of normal numbers of the given mean and deviation.",
    .examples = "zeros(2, 3).log_normal_()\nzeros(2, 3).log_normal_(0, 0.5)",
    .variants = "method-only",
    .forward = run([](const Tensor& input, double mean, double std, Generator* generator) {
      return fill_randomly(input, generator, [&](Destination d) {
        cpu::fill_log_normal(d.data, d.dtype, d.n, mean, std, d.generator);
      });
    }),
    .backward = no_gradient,
};

constinit const Op op::cauchy_ = {
    .schema =
        "cauchy_(Tensor(a!) input, float median=0, float sigma=1, *, Generator? generator=None) "
        "-> Tensor(a!)",
    .doc = "Replaces the elements by random numbers of the Cauchy distribution.",
    .examples = "zeros(2, 3).cauchy_()\nzeros(2, 3).cauchy_(1, 0.5)",
    .variants = "method-only",
    .forward = run([](const Tensor& input, double median, double sigma, Generator* generator) {
      return fill_randomly(input, generator, [&](Destination d) {
        cpu::fill_cauchy(d.data, d.dtype, d.n, median, sigma, d.generator);
      });
    }),
    .backward = no_gradient,
};

constinit const Op op::poisson = {
    .schema = "poisson(Tensor input, Generator? generator=None) -> Tensor",
    .doc = "Random numbers of the Poisson distribution with the rates in `input`.",
    .examples = "poisson(full((2, 3), 2.5))",
    .variants = "function-only",
    .forward = run([](const Tensor& input, Generator* generator) {
      Tensor result = make_tensor(input.shape(), input.dtype(), input.device());
      copy_elements(result, input);
      return fill_randomly(result, generator, [](Destination d) {
        cpu::fill_poisson(d.data, d.data, d.dtype, d.n, d.generator);
      });
    }),
    .backward = no_gradient,
};

constinit const Op op::binomial = {
    .schema = "binomial(Tensor count, Tensor prob, Generator? generator=None) -> Tensor",
    .doc = "How many of `count` trials succeed, each with probability `prob`; they broadcast.",
    .examples =
        "binomial(rand(3, 4).mul(9).round(), rand(4))\nbinomial(rand(3, 4).mul(100).round(), "
        "rand(3, 1))",
    .variants = "function-only",
    .forward = run([](const Tensor& count, const Tensor& prob, Generator* generator) {
      check(is_floating(count.dtype()), ErrorKind::Value,
            "binomial only supports floating-point dtypes for count, got: ",
            info(count.dtype()).spoken);
      check(is_floating(prob.dtype()), ErrorKind::Value,
            "binomial only supports floating-point dtypes for prob, got: ",
            info(prob.dtype()).spoken);
      check(prob.dtype() == count.dtype(), "Found dtype ", info(prob.dtype()).spoken,
            " but expected ", info(count.dtype()).spoken);
      Dims shape = broadcast_shapes(count.shape(), prob.shape());
      Tensor result = make_tensor(shape, count.dtype(), count.device());
      copy_elements(result, count.expand(shape));
      Tensor probabilities = prob.expand(shape).contiguous();
      return fill_randomly(result, generator, [&](Destination d) {
        cpu::fill_binomial(d.data, probabilities.data(), d.dtype, d.n, d.generator);
      });
    }),
    .backward = not_differentiable,
    .node = "NotImplemented",
};

constinit const Op op::multinomial = {
    .schema =
        "multinomial(Tensor input, int num_samples, bool replacement=False, *, "
        "Generator? generator=None) -> Tensor",
    .doc = "Indices drawn from each row of weights; a vector is one row.",
    .examples =
        "multinomial(rand(5), 3)\nmultinomial(rand(2, 5), 8, True)\n"
        "multinomial(rand(3, 4), 2, replacement=False)",
    .forward =
        run([](const Tensor& input, int64_t samples, bool replacement, Generator* generator) {
          check(input.dim() == 1 || input.dim() == 2, "prob_dist must be 1 or 2 dim");
          int64_t rows = input.dim() == 1 ? 1 : input.size(0);
          check(samples > 0, "cannot sample n_sample <= 0 samples");
          Tensor result = input.dim() == 1
                              ? make_tensor({{samples}}, DType::Int64, input.device())
                              : make_tensor({{rows, samples}}, DType::Int64, input.device());
          if (input.impl()->device == DeviceType::Meta) return result;
          Tensor weights = input.detach().contiguous();
          cpu::multinomial(result.data<int64_t>(), weights.data(), input.dtype(), rows,
                           input.size(-1), samples, replacement, stream(generator));
          return result;
        }),
};

constinit const Op op::normal_Tensor_float = {
    .schema =
        "normal.Tensor_float(Tensor mean, float std=1, *, Generator? generator=None) -> Tensor",
    .doc = "Normal random numbers around each element of `mean`.",
    .examples = "normal(randn(2, 3))\nnormal(randn(20), 0.5)",
    .variants = "function-only",
    .forward = run([](const Tensor& mean, double std, Generator* generator) {
      Tensor result = make_tensor(mean.shape(), mean.dtype(), mean.device());
      fill_normal(result, 0, std, generator);
      result.add_(mean);
      return result;
    }),
    .backward = [](Backward& b) { b.wrt("mean", [&] { return rushlight::zeros_like(b.grad()); }); },
    .node = "NormalBackward1",
};

constinit const Op op::normal_float_Tensor = {
    .schema = "normal.float_Tensor(float mean, Tensor std, *, Generator? generator=None) -> Tensor",
    .doc = "Normal random numbers with the standard deviations in `std`.",
    .examples = "normal(0.0, rand(2, 3))",
    .forward = run([](double mean, const Tensor& std, Generator* generator) {
      check_deviations(std);
      return normal_around(mean, std, std.shape(), std.dtype(), generator);
    }),
    .backward = [](Backward& b) { b.wrt("std", [&] { return rushlight::zeros_like(b.grad()); }); },
    .node = "NormalBackward2",
};

constinit const Op op::normal_Tensor_Tensor = {
    .schema =
        "normal.Tensor_Tensor(Tensor mean, Tensor std, *, Generator? generator=None) -> Tensor",
    .doc = "Normal random numbers with the means in `mean` and the deviations in `std`.",
    .examples = "normal(randn(2, 3), rand(3))",
    .variants = "function-only",
    .forward = run([](const Tensor& mean, const Tensor& std, Generator* generator) {
      check_deviations(std);
      Dims shape = broadcast_shapes(mean.shape(), std.shape());
      return normal_around(mean, std, shape, mean.dtype(), generator);
    }),
    .backward =
        [](Backward& b) {
          b.wrt("mean", [&] { return rushlight::zeros_like(b.grad()); });
          b.wrt("std", [&] { return rushlight::zeros_like(b.grad()); });
        },
    .node = "NormalBackward3",
};

constinit const Op op::normal_float_float = {
    .schema =
        "normal.float_float(float mean, float std, int[] size, *, Generator? generator=None, "
        "dtype? dtype=None, device? device=None) -> Tensor",
    .doc = "Normal random numbers of one mean and standard deviation.",
    .examples = "normal(1.0, 0.5, (2, 3))",
    .forward = run([](double mean, double std, Ints size, Generator* generator, OptionalDType dtype,
                      OptionalDevice device) {
      return fill_normal(make(size, dtype, device), mean, std, generator);
    }),
};

}  // namespace rushlight
