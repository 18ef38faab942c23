// New tensors from sizes and numbers.

#include <rushlight/operators.h>

#include "cpu/arange.h"
#include "ops/copy.h"
#include "ops/pointwise.h"

#include <cmath>
#include <cstdio>

namespace rushlight {

namespace {

using OptionalDType = std::optional<DType>;
using OptionalDevice = std::optional<Device>;
using OptionalFormat = std::optional<MemoryFormat>;

Tensor filled(std::span<const int64_t> size, const Scalar& value, DType dtype,
              OptionalDevice device) {
  check_fits(value, dtype);
  Tensor result = make_tensor(size, dtype, device.value_or(kCpu));
  fill_elements(result, value);
  return result;
}

Tensor filled_like(const Tensor& input, const Scalar& value, OptionalDType dtype,
                   OptionalDevice device, OptionalFormat format) {
  check_fits(value, dtype.value_or(input.dtype()));
  Tensor result = make_layout(input, dtype.value_or(input.dtype()), format, device);
  fill_elements(result, value);
  return result;
}

/// Strides of a new tensor, and the checks of `torch.empty_permuted`.
Dims permuted_strides(Ints size, Ints order) {
  int64_t dims = int64_t(size.size());
  check(size.size() == order.size(),
        "Number of dimensions in size does not match the length of the physical_layout; i.e. "
        "len(size) = ",
        dims, " is not equal to len(physical_layout) = ", order.size());
  Dims strides(size.size(), -1);
  int64_t step = 1;
  for (int64_t i = dims - 1; i >= 0; --i) {
    int64_t dim = order[size_t(i)];
    check(dim >= 0 && dim < dims, "Dimension out of range (expected to be between 0 and ", dims - 1,
          ", but got ", dim, " at index ", i, "). Negative dims are not supported here.");
    check(strides[size_t(dim)] < 0, "Duplicate dim not allowed");
    strides[size_t(dim)] = step;
    step *= std::max<int64_t>(size[size_t(dim)], 1);
  }
  return strides;
}

/// A number as C++ streams print it, which PyTorch's messages show.
std::string general(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

/// The checks that arange and range share.
void check_range(double first, double last, double by) {
  check(by > 0 || by < 0, "step must be nonzero");
  check(std::isfinite(first) && std::isfinite(last), "unsupported range: ", general(first), " -> ",
        general(last));
  check(by > 0 ? last >= first : last <= first,
        "upper bound and lower bound inconsistent with step sign");
}

/// How many elements arange has; throws PyTorch's errors. For int64 the count is exact.
int64_t arange_size(const Scalar& start, const Scalar& end, const Scalar& step, DType dtype) {
  double first = start.real(), last = end.real(), by = step.real();
  check_range(first, last, by);
  double size = std::ceil((last - first) / by);
  if (dtype == DType::Int64) {
    check_fits(start, dtype), check_fits(end, dtype), check_fits(step, dtype);
    uint64_t whole = uint64_t(step.integer());
    check(whole != 0, ErrorKind::Value, "step must be nonzero");
    uint64_t sign = step.integer() > 0 ? 1 : uint64_t(-1);
    uint64_t reach = uint64_t(end.integer()) - uint64_t(start.integer()) + whole - sign;
    // Whole steps; -1 apart, because the lowest integer divided by it has no result.
    int64_t steps = whole == uint64_t(-1) ? int64_t(-reach) : int64_t(reach) / int64_t(whole);
    size = double(steps);
  }
  check(size >= 0 && size < 0x1p63, "invalid size, possible overflow?");
  return int64_t(size);
}

Tensor count_up(const Scalar& start, const Scalar& end, const Scalar& step, OptionalDType dtype,
                OptionalDevice device) {
  bool floating = start.is_float() || end.is_float() || step.is_float();
  DType chosen = dtype.value_or(floating ? default_dtype() : DType::Int64);
  check(chosen != DType::Bool, ErrorKind::NotImplemented,
        "\"arange_cpu\" not implemented for 'Bool'");
  int64_t size = arange_size(start, end, step, chosen);
  Tensor result = make_tensor({{size}}, chosen, device.value_or(kCpu));
  if (result.impl()->device == DeviceType::Cpu) {
    cpu::fill_arange(result.data(), chosen, size, start, step);
  }
  return result;
}

/// torch.range, which includes its end.
Tensor count_up_to(const Scalar& start, const Scalar& end, const Scalar& step, DType dtype,
                   OptionalDevice device) {
  warn(
      "torch.range is deprecated and will be removed in a future release because its behavior is "
      "inconsistent with Python's range builtin. Instead, use torch.arange, which produces values "
      "in [start, end).");
  check(dtype != DType::Bool, ErrorKind::NotImplemented,
        "\"range_cpu\" not implemented for 'Bool'");
  check_range(start.real(), end.real(), step.real());
  double size = std::floor((end.real() - start.real()) / step.real()) + 1;
  check(size < 0x1p63, "invalid size, possible overflow?");
  Tensor result = make_tensor({{int64_t(size)}}, dtype, device.value_or(kCpu));
  if (result.impl()->device == DeviceType::Cpu) {
    cpu::fill_range(result.data(), dtype, int64_t(size), start, step);
  }
  return result;
}

Tensor spaced(const Scalar& start, const Scalar& end, int64_t steps, std::optional<double> base,
              OptionalDType dtype, OptionalDevice device) {
  DType chosen = dtype.value_or(default_dtype());
  check(steps >= 0, "number of steps must be non-negative");
  if (steps == 1) {
    return filled({{1}}, base ? Scalar(std::pow(*base, start.real())) : start, chosen, device);
  }
  check(steps == 0 || chosen != DType::Bool, ErrorKind::NotImplemented, "\"",
        base ? "logspace" : "linspace", "_cpu\" not implemented for 'Bool'");
  if (steps > 0) check_fits(start, chosen), check_fits(end, chosen);
  Tensor result = make_tensor({{steps}}, chosen, device.value_or(kCpu));
  if (result.impl()->device == DeviceType::Cpu) {
    if (base)
      cpu::fill_logspace(result.data(), chosen, steps, start, end, *base);
    else
      cpu::fill_linspace(result.data(), chosen, steps, start, end);
  }
  return result;
}

/// The number in a zero-dim tensor.
Scalar bound(const Tensor& tensor, std::string_view op, std::string_view name) {
  check(tensor.dim() == 0, op, " only supports 0-dimensional start and end tensors, but got ", name,
        " with ", tensor.dim(), " dimension(s).");
  return tensor.item_scalar();
}

Tensor identity(int64_t rows, int64_t columns, OptionalDType dtype, OptionalDevice device) {
  check(rows >= 0, "n must be greater or equal to 0, got ", rows);
  check(columns >= 0, "m must be greater or equal to 0, got ", columns);
  Tensor result = filled({{rows, columns}}, 0, dtype.value_or(default_dtype()), device);
  if (result.impl()->device == DeviceType::Meta) return result;
  dispatch(result.dtype(), [&]<class T>(CppType<T>) {
    T* values = result.data<T>();
    for (int64_t i = 0; i < std::min(rows, columns); ++i) values[i * columns + i] = T(1);
  });
  return result;
}

}  // namespace

constinit const Op op::empty = {
    .schema =
        "empty(int[] size, *, dtype? dtype=None, device? device=None, "
        "memory_format? memory_format=None) -> Tensor",
    .doc = "A tensor of uninitialised elements.",
    .examples = "empty(0, 3)",
    .forward =
        run([](Ints size, OptionalDType dtype, OptionalDevice device, OptionalFormat format) {
          check(format != MemoryFormat::Preserve, "unsupported memory format Preserve");
          DType chosen = dtype.value_or(default_dtype());
          if (format == MemoryFormat::ChannelsLast) {
            return make_strided(size, channels_last_strides(size), chosen, device.value_or(kCpu));
          }
          return make_tensor(size, chosen, device.value_or(kCpu));
        }),
};

constinit const Op op::empty_strided = {
    .schema =
        "empty_strided(int[] size, int[] stride, *, dtype? dtype=None, device? device=None) -> "
        "Tensor",
    .doc = "A tensor of uninitialised elements, laid out with the given strides (in elements).",
    .examples = "empty_strided((0, 3), (3, 1))",
    .forward = run([](Ints size, Ints stride, OptionalDType dtype, OptionalDevice device) {
      return make_strided(size, stride, dtype.value_or(default_dtype()), device.value_or(kCpu));
    }),
};

constinit const Op op::empty_permuted = {
    .schema =
        "empty_permuted(int[] size, int[] physical_layout, *, dtype? dtype=None, "
        "device? device=None) -> Tensor",
    .doc = "A tensor of uninitialised elements whose dims lie in memory in the order given.",
    .examples = "empty_permuted((0, 3, 2), (2, 0, 1))",
    .forward = run([](Ints size, Ints order, OptionalDType dtype, OptionalDevice device) {
      return make_strided(size, permuted_strides(size, order), dtype.value_or(default_dtype()),
                          device.value_or(kCpu));
    }),
};

constinit const Op op::zeros = {
    .schema = "zeros(int[] size, *, dtype? dtype=None, device? device=None) -> Tensor",
    .doc = "A tensor of zeros.",
    .examples = "zeros(2, 3)\nzeros(2, 0, dtype=int64)\nzeros(())",
    .forward = run([](Ints size, OptionalDType dtype, OptionalDevice device) {
      for (int64_t length : size) {
        check(length >= 0, "zeros: Dimension size must be non-negative. The shape is ",
              to_string(size));
      }
      return filled(size, 0, dtype.value_or(default_dtype()), device);
    }),
};

constinit const Op op::ones = {
    .schema = "ones(int[] size, *, dtype? dtype=None, device? device=None) -> Tensor",
    .doc = "A tensor of ones.",
    .examples = "ones(2, 3)\nones(2, dtype=bool)",
    .forward = run([](Ints size, OptionalDType dtype, OptionalDevice device) {
      return filled(size, 1, dtype.value_or(default_dtype()), device);
    }),
};

constinit const Op op::full = {
    .schema =
        "full(int[] size, Scalar fill_value, *, dtype? dtype=None, device? device=None) -> Tensor",
    .doc = "A tensor of one number, whose kind gives the dtype unless that is given.",
    .examples = "full((2, 3), 2.5)\nfull((2,), 7)\nfull((2,), True)\nfull((2,), 3, dtype=float64)",
    .forward = run([](Ints size, const Scalar& value, OptionalDType dtype, OptionalDevice device) {
      return filled(size, value, dtype.value_or(value.dtype()), device);
    }),
};

constinit const Op op::scalar_tensor = {
    .schema = "scalar_tensor(Scalar s, *, dtype? dtype=None, device? device=None) -> Tensor",
    .doc = "A zero-dim tensor of one number, in the default dtype unless another is given.",
    .examples = "scalar_tensor(3)\nscalar_tensor(3, dtype=int64)",
    .forward = run([](const Scalar& value, OptionalDType dtype, OptionalDevice device) {
      return filled({}, value, dtype.value_or(default_dtype()), device);
    }),
};

constinit const Op op::empty_like = {
    .schema =
        "empty_like(Tensor input, *, dtype? dtype=None, device? device=None, "
        "memory_format? memory_format=None) -> Tensor",
    .doc = "Uninitialised elements in the shape, dtype and layout of `input`.",
    .examples = "empty_like(randn(0, 3))",
    .variants = "function-only",
    .forward = run(
        [](const Tensor& input, OptionalDType dtype, OptionalDevice device, OptionalFormat format) {
          return make_layout(input, dtype.value_or(input.dtype()), format, device);
        }),
};

constinit const Op op::zeros_like = {
    .schema =
        "zeros_like(Tensor input, *, dtype? dtype=None, device? device=None, "
        "memory_format? memory_format=None) -> Tensor",
    .doc = "Zeros in the shape, dtype and layout of `input`.",
    .examples = "zeros_like(randn(2, 3))\nzeros_like(randn(2, 3), dtype=int64)",
    .variants = "function-only",
    .forward =
        run([](const Tensor& input, OptionalDType dtype, OptionalDevice device,
               OptionalFormat format) { return filled_like(input, 0, dtype, device, format); }),
};

constinit const Op op::ones_like = {
    .schema =
        "ones_like(Tensor input, *, dtype? dtype=None, device? device=None, "
        "memory_format? memory_format=None) -> Tensor",
    .doc = "Ones in the shape, dtype and layout of `input`.",
    .examples = "ones_like(randn(2, 3))\nones_like(randn(2, 3), dtype=bool)",
    .variants = "function-only",
    .forward =
        run([](const Tensor& input, OptionalDType dtype, OptionalDevice device,
               OptionalFormat format) { return filled_like(input, 1, dtype, device, format); }),
};

constinit const Op op::full_like = {
    .schema =
        "full_like(Tensor input, Scalar fill_value, *, dtype? dtype=None, device? device=None, "
        "memory_format? memory_format=None) -> Tensor",
    .doc = "One number in the shape, dtype and layout of `input`.",
    .examples = "full_like(randn(2, 3), 2.5)\nfull_like(randn(2, 3), 7, dtype=int64)",
    .variants = "function-only",
    .forward = run<filled_like>(),
};

constinit const Op op::new_empty = {
    .schema =
        "new_empty(Tensor input, int[] size, *, dtype? dtype=None, device? device=None) -> Tensor",
    .doc = "Uninitialised elements of the dtype of `input`.",
    .examples = "randn(2).new_empty(0, 3)",
    .variants = "method-only",
    .forward = run([](const Tensor& input, Ints size, OptionalDType dtype, OptionalDevice device) {
      return make_tensor(size, dtype.value_or(input.dtype()), device.value_or(input.device()));
    }),
};

constinit const Op op::new_empty_strided = {
    .schema =
        "new_empty_strided(Tensor input, int[] size, int[] stride, *, dtype? dtype=None, "
        "device? device=None) -> Tensor",
    .doc = "Uninitialised elements of the dtype of `input`, laid out with the given strides.",
    .examples = "randn(2).new_empty_strided((0, 3), (3, 1))",
    .variants = "method-only",
    .forward = run([](const Tensor& input, Ints size, Ints stride, OptionalDType dtype,
                      OptionalDevice device) {
      return make_strided(size, stride, dtype.value_or(input.dtype()),
                          device.value_or(input.device()));
    }),
};

constinit const Op op::new_zeros = {
    .schema =
        "new_zeros(Tensor input, int[] size, *, dtype? dtype=None, device? device=None) -> Tensor",
    .doc = "Zeros of the dtype of `input`.",
    .examples = "randn(2).new_zeros(2, 3)\nrandn(2).new_zeros(2, dtype=int64)",
    .variants = "method-only",
    .forward = run([](const Tensor& input, Ints size, OptionalDType dtype, OptionalDevice device) {
      return filled(size, 0, dtype.value_or(input.dtype()), device.value_or(input.device()));
    }),
};

constinit const Op op::new_ones = {
    .schema =
        "new_ones(Tensor input, int[] size, *, dtype? dtype=None, device? device=None) -> Tensor",
    .doc = "Ones of the dtype of `input`.",
    .examples = "randn(2).new_ones(2, 3)\nrandn(2).new_ones(2, dtype=int64)",
    .variants = "method-only",
    .forward = run([](const Tensor& input, Ints size, OptionalDType dtype, OptionalDevice device) {
      return filled(size, 1, dtype.value_or(input.dtype()), device.value_or(input.device()));
    }),
};

constinit const Op op::new_full = {
    .schema =
        "new_full(Tensor input, int[] size, Scalar fill_value, *, dtype? dtype=None, "
        "device? device=None) -> Tensor",
    .doc = "One number in the dtype of `input`.",
    .examples = "randn(2).new_full((2, 3), 2.5)\nrandn(2).new_full((2,), 7, dtype=int64)",
    .variants = "method-only",
    .forward = run([](const Tensor& input, Ints size, const Scalar& value, OptionalDType dtype,
                      OptionalDevice device) {
      return filled(size, value, dtype.value_or(input.dtype()), device.value_or(input.device()));
    }),
};

constinit const Op op::arange = {
    .schema = "arange(Scalar end, *, dtype? dtype=None, device? device=None) -> Tensor",
    .doc = "The numbers 0, 1, … below `end`; int64 if `end` is an integer.",
    .examples = "arange(5)\narange(5.5)\narange(5, dtype=float64)",
    .forward = run([](const Scalar& end, OptionalDType dtype, OptionalDevice device) {
      return count_up(0, end, 1, dtype, device);
    }),
};

constinit const Op op::arange_start = {
    .schema =
        "arange.start(Scalar start, Scalar end, *, dtype? dtype=None, device? device=None) -> "
        "Tensor",
    .doc = "The numbers start, start + 1, … below `end`.",
    .examples = "arange(2, 5)\narange(-1.5, 3)",
    .forward = run([](const Scalar& start, const Scalar& end, OptionalDType dtype,
                      OptionalDevice device) { return count_up(start, end, 1, dtype, device); }),
};

constinit const Op op::arange_start_step = {
    .schema =
        "arange.start_step(Scalar start, Scalar end, Scalar step=1, *, dtype? dtype=None, "
        "device? device=None) -> Tensor",
    .doc = "The numbers start, start + step, … before `end`.",
    .examples = "arange(0, 1, 0.1)\narange(5, 0, -2)\narange(1, 6, step=2, dtype=float64)",
    .forward = run<count_up>(),
};

constinit const Op op::range_step = {
    .schema =
        "range.step(Scalar start, Scalar end, Scalar step=1, *, dtype? dtype=None, "
        "device? device=None) -> Tensor",
    .doc = "The numbers start, start + step, … up to and including `end`. Deprecated: use arange.",
    .examples = "range(0, 3)\nrange(0, 3, 0.5)\nrange(5, 1, -2, dtype=int64)",
    .forward = run([](const Scalar& start, const Scalar& end, const Scalar& step,
                      OptionalDType dtype, OptionalDevice device) {
      return count_up_to(start, end, step, dtype.value_or(default_dtype()), device);
    }),
};

constinit const Op op::linspace = {
    .schema =
        "linspace(Scalar start, Scalar end, int steps, *, dtype? dtype=None, "
        "device? device=None) -> Tensor",
    .doc = "`steps` evenly spaced numbers from `start` to `end`, both included.",
    .examples = "linspace(0, 1, 5)\nlinspace(-10, 3, 7, dtype=int64)\nlinspace(3, 4, 1)",
    .forward =
        run([](const Scalar& start, const Scalar& end, int64_t steps, OptionalDType dtype,
               OptionalDevice device) { return spaced(start, end, steps, {}, dtype, device); }),
};

constinit const Op op::linspace_Tensor_Tensor = {
    .schema =
        "linspace.Tensor_Tensor(Tensor start, Tensor end, int steps, *, dtype? dtype=None, "
        "device? device=None) -> Tensor",
    .doc = "`steps` evenly spaced numbers from `start` to `end`, both zero-dim.",
    .examples = "linspace(tensor(0.0), tensor(1), 5)",
    .variants = "function-only",
    .forward = run([](const Tensor& start, const Tensor& end, int64_t steps, OptionalDType dtype,
                      OptionalDevice device) {
      return spaced(bound(start, "linspace", "start"), bound(end, "linspace", "end"), steps, {},
                    dtype, device);
    }),
};

constinit const Op op::linspace_Tensor_Scalar = {
    .schema =
        "linspace.Tensor_Scalar(Tensor start, Scalar end, int steps, *, dtype? dtype=None, "
        "device? device=None) -> Tensor",
    .doc = "`steps` evenly spaced numbers from the zero-dim `start` to `end`.",
    .examples = "linspace(tensor(0.0), 1, 5)",
    .variants = "function-only",
    .forward = run([](const Tensor& start, const Scalar& end, int64_t steps, OptionalDType dtype,
                      OptionalDevice device) {
      return spaced(bound(start, "linspace", "start"), end, steps, {}, dtype, device);
    }),
};

constinit const Op op::linspace_Scalar_Tensor = {
    .schema =
        "linspace.Scalar_Tensor(Scalar start, Tensor end, int steps, *, dtype? dtype=None, "
        "device? device=None) -> Tensor",
    .doc = "`steps` evenly spaced numbers from `start` to the zero-dim `end`.",
    .examples = "linspace(0, tensor(1.0), 5)",
    .forward = run([](const Scalar& start, const Tensor& end, int64_t steps, OptionalDType dtype,
                      OptionalDevice device) {
      return spaced(start, bound(end, "linspace", "end"), steps, {}, dtype, device);
    }),
};

constinit const Op op::logspace = {
    .schema =
        "logspace(Scalar start, Scalar end, int steps, float base=10.0, *, dtype? dtype=None, "
        "device? device=None) -> Tensor",
    .doc = "`base` to the power of `steps` evenly spaced numbers from `start` to `end`.",
    .examples = "logspace(0, 3, 4)\nlogspace(0, 3, 4, base=2, dtype=int64)",
    .forward = run<spaced>(),
};

constinit const Op op::logspace_Tensor_Tensor = {
    .schema =
        "logspace.Tensor_Tensor(Tensor start, Tensor end, int steps, float base=10.0, *, "
        "dtype? dtype=None, device? device=None) -> Tensor",
    .doc = "logspace() between the numbers in zero-dim tensors.",
    .examples = "logspace(tensor(0.0), tensor(1), 5)",
    .variants = "function-only",
    .forward = run([](const Tensor& start, const Tensor& end, int64_t steps, double base,
                      OptionalDType dtype, OptionalDevice device) {
      return spaced(bound(start, "logspace", "start"), bound(end, "logspace", "end"), steps, base,
                    dtype, device);
    }),
};

constinit const Op op::logspace_Tensor_Scalar = {
    .schema =
        "logspace.Tensor_Scalar(Tensor start, Scalar end, int steps, float base=10.0, *, "
        "dtype? dtype=None, device? device=None) -> Tensor",
    .doc = "logspace() from the number in a zero-dim tensor.",
    .examples = "logspace(tensor(0.0), 1, 5)",
    .variants = "function-only",
    .forward = run([](const Tensor& start, const Scalar& end, int64_t steps, double base,
                      OptionalDType dtype, OptionalDevice device) {
      return spaced(bound(start, "logspace", "start"), end, steps, base, dtype, device);
    }),
};

constinit const Op op::logspace_Scalar_Tensor = {
    .schema =
        "logspace.Scalar_Tensor(Scalar start, Tensor end, int steps, float base=10.0, *, "
        "dtype? dtype=None, device? device=None) -> Tensor",
    .doc = "logspace() to the number in a zero-dim tensor.",
    .examples = "logspace(0, tensor(1.0), 5, base=2)",
    .variants = "function-only",
    .forward = run([](const Scalar& start, const Tensor& end, int64_t steps, double base,
                      OptionalDType dtype, OptionalDevice device) {
      return spaced(start, bound(end, "logspace", "end"), steps, base, dtype, device);
    }),
};

constinit const Op op::eye = {
    .schema = "eye(int n, *, dtype? dtype=None, device? device=None) -> Tensor",
    .doc = "The n by n identity matrix.",
    .examples = "eye(3)\neye(2, dtype=int64)",
    .forward = run([](int64_t rows, OptionalDType dtype, OptionalDevice device) {
      return identity(rows, rows, dtype, device);
    }),
};

constinit const Op op::eye_m = {
    .schema = "eye.m(int n, int m, *, dtype? dtype=None, device? device=None) -> Tensor",
    .doc = "The first n rows and m columns of the identity matrix.",
    .examples = "eye(2, 3)\neye(3, 2, dtype=bool)",
    .forward = run<identity>(),
};

}  // namespace rushlight
