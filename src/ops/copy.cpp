// Copies, conversions and fills.

#include "ops/copy.h"

#include <rushlight/operators.h>

#include "ops/pointwise.h"

#include <cmath>
#include <limits>

namespace rushlight {

namespace {

/// A tensor over the same elements, without history.
Tensor alias(const Tensor& input) {
  TensorImpl* impl = input.impl();
  Tensor result = make_tensor(impl->storage, impl->dtype, impl->shape, impl->strides, impl->offset);
  result.impl()->device = impl->device;
  result.impl()->own_version = impl->own_version;
  result.impl()->inference = impl->inference;
  return result;
}

}  // namespace

void check_has_values(const Tensor& tensor, std::string_view operation) {
  check(has_values(tensor), ErrorKind::NotImplemented, "aten::", operation,
        ": attempted to run this operator with Meta tensors, whose elements have no values");
}

namespace {

void check_has_data(const Tensor& source, Device target) {
  bool lost = source.impl()->device == DeviceType::Meta && target.type != DeviceType::Meta;
  check(!lost, ErrorKind::NotImplemented, "Cannot copy out of meta tensor; no data!");
}

Tensor copy_of(const Tensor& input, DType dtype, std::optional<MemoryFormat> format,
               std::optional<Device> device = {}) {
  check_has_data(input, device.value_or(input.device()));
  Tensor result = make_layout(input, dtype, format, device);
  copy_elements(result, input);
  return result;
}

/// The names that PyTorch's conversion errors give to dtypes.
std::string_view cpp_name(DType dtype) {
  constexpr std::string_view kNames[kDTypes] = {"bool",  "uint8_t", "int8_t",    "int16_t",
                                                "int",   "int64_t", "c10::Half", "c10::BFloat16",
                                                "float", "double"};
  return kNames[int(dtype)];
}

double largest(DType dtype) {
  if (dtype == DType::Float16) return 65504;
  if (dtype == DType::BFloat16) return 0x1.fep127;
  return dispatch(dtype, []<class T>(CppType<T>) { return double(std::numeric_limits<T>::max()); });
}

bool fits(const Scalar& value, DType dtype) {
  if (dtype == DType::Bool || dtype == DType::Float64) return true;
  double limit = largest(dtype);
  if (is_floating(dtype)) {
    return !std::isfinite(value.real()) || std::abs(value.real()) <= limit;
  }
  if (value.is_float()) {
    double lowest = dtype == DType::UInt8 ? 0 : -limit - 1;
    if (dtype == DType::Int64) lowest = -0x1p63;
    return value.real() >= lowest && value.real() <= limit;
  }
  if (dtype == DType::Int64) return true;
  int64_t bound = int64_t(limit), lowest = dtype == DType::UInt8 ? -bound : -bound - 1;
  return value.integer() >= lowest && value.integer() <= bound;
}

/// What all forms of `to` and the conversions by name do.
Tensor convert(const Tensor& input, std::optional<Device> device, std::optional<DType> dtype,
               bool copy = false, std::optional<MemoryFormat> format = {}) {
  DType wanted = dtype.value_or(input.dtype());
  bool same_place = !device || device->type == input.impl()->device;
  bool same_layout =
      !format || *format == MemoryFormat::Preserve ||
      (*format == MemoryFormat::Contiguous ? input.is_contiguous() : is_channels_last(input));
  if (!copy && wanted == input.dtype() && same_place && same_layout) return input;
  return rushlight::_to_copy(input, wanted, device, format);
}

void copy_into(const Tensor& input, const Tensor& source) {
  if (!same(input.shape(), source.shape())) {
    Dims shape = broadcast_shapes(input.shape(), source.shape());
    check(same(shape, input.shape()), "output with shape ", to_string(input.shape()),
          " doesn't match the broadcast shape ", to_string(shape));
  }
  check_distinct_elements(input);
  check_has_data(source, input.device());
  copy_elements(input, may_overlap(input, source) ? copy_of(source, source.dtype(), {}) : source);
}

void fill_from(const Tensor& input, const Tensor& value) {
  check(value.dim() == 0, "fill_ only supports 0-dimension value tensor but got tensor with ",
        value.dim(), " dimensions.");
  check_has_data(value, input.device());
  copy_elements(input, may_overlap(input, value) ? copy_of(value, value.dtype(), {}) : value);
}

}  // namespace

void check_fits(const Scalar& value, DType dtype) {
  check(fits(value, dtype), "value cannot be converted to type ", cpp_name(dtype),
        " without overflow");
}

void fill_elements(const Tensor& tensor, const Scalar& value) {
  check_fits(value, tensor.dtype());
  if (tensor.impl()->device == DeviceType::Meta) return;
  // A bool is true for any number but zero, so 0.5 must not be cut to 0 on its way.
  Scalar stored = tensor.dtype() == DType::Bool ? Scalar(value.to<bool>()) : value;
  Operand output = operand_of(tensor);
  run_pointwise(Kernel::Fill, tensor.dtype(), tensor.shape(), {&output, 1}, {{to_param(stored)}});
}

Dims channels_last_strides(std::span<const int64_t> shape) {
  check(shape.size() == 4, "required rank 4 tensor to use channels_last format");
  int64_t channels = std::max<int64_t>(shape[1], 1), height = std::max<int64_t>(shape[2], 1),
          width = std::max<int64_t>(shape[3], 1);
  return {channels * height * width, 1, channels * width, channels};
}

bool is_channels_last(const Tensor& tensor) {
  Dims strides = channels_last_strides(tensor.shape());
  for (size_t i = 0; i < strides.size(); ++i) {
    if (tensor.shape()[i] != 1 && tensor.strides()[i] != strides[i]) return false;
  }
  return true;
}

Tensor make_strided(std::span<const int64_t> shape, std::span<const int64_t> strides, DType dtype,
                    Device device) {
  check(shape.size() == strides.size(), "dimensionality of sizes (", shape.size(),
        ") must match dimensionality of strides (", strides.size(), ")");
  int64_t last = 0;
  for (size_t i = 0; i < shape.size(); ++i) {
    int64_t reach;
    bool overflow =
        strides[i] < 0 ||
        __builtin_mul_overflow(std::max<int64_t>(shape[i] - 1, 0), strides[i], &reach) ||
        __builtin_add_overflow(last, reach, &last);
    check(!overflow, "Storage size calculation overflowed with sizes=", to_string(shape),
          " and strides=", to_string(strides));
  }
  int64_t elements = count_elements(shape) == 0 ? 0 : last + 1;
  Tensor flat = make_tensor({{elements}}, dtype, device);
  Tensor result = make_tensor(flat.impl()->storage, dtype, shape, strides, 0);
  result.impl()->device = device.type;
  return result;
}

Tensor make_layout(const Tensor& input, DType dtype, std::optional<MemoryFormat> format,
                   std::optional<Device> device) {
  Device where = device.value_or(input.device());
  MemoryFormat chosen = format.value_or(MemoryFormat::Preserve);
  if (chosen == MemoryFormat::Contiguous) return make_tensor(input.shape(), dtype, where);
  if (chosen == MemoryFormat::ChannelsLast) {
    return make_strided(input.shape(), channels_last_strides(input.shape()), dtype, where);
  }
  if (where == input.device()) return make_like(input, dtype);
  Tensor pattern = make_like(alias(input), DType::Bool);
  return make_strided(input.shape(), pattern.strides(), dtype, where);
}

constinit const Op op::clone = {
    .schema = "clone(Tensor input, *, memory_format? memory_format=None) -> Tensor",
    .doc =
        "A copy with bytes of its own. The layout is kept unless `memory_format` says otherwise.",
    .examples = "clone(randn(3, 4))\nclone(randn(3, 4).t(), memory_format=contiguous_format)",
    .forward = run([](const Tensor& input, std::optional<MemoryFormat> format) {
      return copy_of(input, input.dtype(), format);
    }),
    .backward = [](Backward& b) { b.wrt("input", [&] { return b.grad(); }); },
};

constinit const Op op::detach = {
    .schema = "detach(Tensor input) -> Tensor",
    .doc = "The same elements without history: changes show in both, gradients stop here.",
    .examples = "detach(randn(3, 4))",
    .forward = run<alias>(),
};

constinit const Op op::contiguous = {
    .schema = "contiguous(Tensor(a) input, *, memory_format? memory_format=None) -> Tensor(a)",
    .doc = "The tensor itself if it is laid out in row-major order, else such a copy.",
    .examples = "randn(3, 4).contiguous()\nrandn(3, 4).t().contiguous()",
    .variants = "method-only",
    .compose = run([](const Tensor& input, std::optional<MemoryFormat> format) {
      MemoryFormat wanted = format.value_or(MemoryFormat::Contiguous);
      check(wanted != MemoryFormat::Preserve || input.is_contiguous(),
            "preserve memory format is unsupported by the contiguous operator");
      bool done =
          wanted == MemoryFormat::ChannelsLast ? is_channels_last(input) : input.is_contiguous();
      return done ? input : input.clone(wanted);
    }),
};

constinit const Op op::_to_copy = {
    .schema =
        "_to_copy(Tensor input, dtype dtype, device? device=None, "
        "memory_format? memory_format=None) -> Tensor",
    .doc = "A converted copy.",
    .examples = "",
    .variants = "private",
    .forward = run(
        [](const Tensor& input, DType dtype, std::optional<Device> device,
           std::optional<MemoryFormat> format) { return copy_of(input, dtype, format, device); }),
    // Converted here, though the engine would do it: a leaf may take gradients as they come.
    .backward = [](Backward& b) { b.wrt("input", [&] { return b.grad().to(b.dtype("input")); }); },
};

constinit const Op op::to_device = {
    .schema =
        "to.device(Tensor(a) input, device? device=None, dtype? dtype=None, "
        "bool non_blocking=False, bool copy=False, *, memory_format? memory_format=None) -> "
        "Tensor(a)",
    .doc = "The tensor on `device` and of `dtype`; itself if nothing changes and `copy` is false.",
    .examples =
        "randn(3, 4).to('cpu')\nrandn(3).to('cpu', float64)\n"
        "randn(2, 3, 4, 5).to(memory_format=channels_last)",
    .variants = "method-only",
    .compose = run([](const Tensor& input, std::optional<Device> device, std::optional<DType> dtype,
                      bool, bool copy, std::optional<MemoryFormat> format) {
      return convert(input, device, dtype, copy, format);
    }),
};

constinit const Op op::to_dtype = {
    .schema =
        "to.dtype(Tensor(a) input, dtype dtype, bool non_blocking=False, bool copy=False, *, "
        "memory_format? memory_format=None) -> Tensor(a)",
    .doc = "The tensor converted to `dtype`; itself if nothing changes and `copy` is false.",
    .examples = "randn(3, 4).to(float64)\nrandn(3).to(int64)\nrandn(3).to(float32, copy=True)",
    .variants = "method-only",
    .compose = run(
        [](const Tensor& input, DType dtype, bool, bool copy, std::optional<MemoryFormat> format) {
          return convert(input, {}, dtype, copy, format);
        }),
};

constinit const Op op::to_other = {
    .schema =
        "to.other(Tensor(a) input, Tensor tensor, bool non_blocking=False, bool copy=False, *, "
        "memory_format? memory_format=None) -> Tensor(a)",
    .doc = "The tensor with the dtype and on the device of `tensor`.",
    .examples = "randn(3, 4).to(zeros(2, dtype=float64))",
    .variants = "method-only",
    .compose = run([](const Tensor& input, const Tensor& other, bool, bool copy,
                      std::optional<MemoryFormat> format) {
      return convert(input, other.device(), other.dtype(), copy, format);
    }),
};

constinit const Op op::type_as = {
    .schema = "type_as(Tensor(a) input, Tensor other) -> Tensor(a)",
    .doc = "The tensor with the dtype of `other`; itself if it has that.",
    .examples = "randn(3, 4).type_as(zeros(2, dtype=float64))",
    .variants = "method-only",
    .compose = run([](const Tensor& input, const Tensor& other) {
      return convert(input, other.device(), other.dtype());
    }),
};

constinit const Op op::to_cpu = {
    .schema = "cpu(Tensor(a) input, *, memory_format? memory_format=None) -> Tensor(a)",
    .doc = "The tensor in main memory; itself if it is there.",
    .examples = "randn(3, 4).cpu()",
    .variants = "method-only",
    .compose = run([](const Tensor& input, std::optional<MemoryFormat> format) {
      return convert(input, kCpu, {}, false, format);
    }),
};

constinit const Op op::to_float = {
    .schema = "float(Tensor(a) input, *, memory_format? memory_format=None) -> Tensor(a)",
    .doc = "The tensor converted to float32; itself if it is that.",
    .examples = "randn(3, 4).float()",
    .variants = "method-only",
    .compose = run([](const Tensor& input, std::optional<MemoryFormat> format) {
      return convert(input, {}, DType::Float32, false, format);
    }),
};

constinit const Op op::to_double = {
    .schema = "double(Tensor(a) input, *, memory_format? memory_format=None) -> Tensor(a)",
    .doc = "The tensor converted to float64; itself if it is that.",
    .examples = "randn(3, 4).double()",
    .variants = "method-only",
    .compose = run([](const Tensor& input, std::optional<MemoryFormat> format) {
      return convert(input, {}, DType::Float64, false, format);
    }),
};

constinit const Op op::half = {
    .schema = "half(Tensor(a) input, *, memory_format? memory_format=None) -> Tensor(a)",
    .doc = "The tensor converted to float16; itself if it is that.",
    .examples = "randn(3, 4).half()",
    .variants = "method-only",
    .compose = run([](const Tensor& input, std::optional<MemoryFormat> format) {
      return convert(input, {}, DType::Float16, false, format);
    }),
};

constinit const Op op::bfloat16 = {
    .schema = "bfloat16(Tensor(a) input, *, memory_format? memory_format=None) -> Tensor(a)",
    .doc = "The tensor converted to bfloat16; itself if it is that.",
    .examples = "randn(3, 4).bfloat16()",
    .variants = "method-only",
    .compose = run([](const Tensor& input, std::optional<MemoryFormat> format) {
      return convert(input, {}, DType::BFloat16, false, format);
    }),
};

constinit const Op op::to_long = {
    .schema = "long(Tensor(a) input, *, memory_format? memory_format=None) -> Tensor(a)",
    .doc = "The tensor converted to int64; itself if it is that.",
    .examples = "randn(3, 4).long()",
    .variants = "method-only",
    .compose = run([](const Tensor& input, std::optional<MemoryFormat> format) {
      return convert(input, {}, DType::Int64, false, format);
    }),
};

constinit const Op op::to_int = {
    .schema = "int(Tensor(a) input, *, memory_format? memory_format=None) -> Tensor(a)",
    .doc = "The tensor converted to int32; itself if it is that.",
    .examples = "randn(3, 4).int()",
    .variants = "method-only",
    .compose = run([](const Tensor& input, std::optional<MemoryFormat> format) {
      return convert(input, {}, DType::Int32, false, format);
    }),
};

constinit const Op op::to_short = {
    .schema = "short(Tensor(a) input, *, memory_format? memory_format=None) -> Tensor(a)",
    .doc = "The tensor converted to int16; itself if it is that.",
    .examples = "randn(3, 4).short()",
    .variants = "method-only",
    .compose = run([](const Tensor& input, std::optional<MemoryFormat> format) {
      return convert(input, {}, DType::Int16, false, format);
    }),
};

constinit const Op op::to_char = {
    .schema = "char(Tensor(a) input, *, memory_format? memory_format=None) -> Tensor(a)",
    .doc = "The tensor converted to int8; itself if it is that.",
    .examples = "randn(3, 4).char()",
    .variants = "method-only",
    .compose = run([](const Tensor& input, std::optional<MemoryFormat> format) {
      return convert(input, {}, DType::Int8, false, format);
    }),
};

constinit const Op op::byte = {
    .schema = "byte(Tensor(a) input, *, memory_format? memory_format=None) -> Tensor(a)",
    .doc = "The tensor converted to uint8; itself if it is that.",
    .examples = "randn(3, 4).byte()",
    .variants = "method-only",
    .compose = run([](const Tensor& input, std::optional<MemoryFormat> format) {
      return convert(input, {}, DType::UInt8, false, format);
    }),
};

constinit const Op op::to_bool = {
    .schema = "bool(Tensor(a) input, *, memory_format? memory_format=None) -> Tensor(a)",
    .doc = "The tensor converted to bool; itself if it is that.",
    .examples = "randn(3, 4).bool()",
    .variants = "method-only",
    .compose = run([](const Tensor& input, std::optional<MemoryFormat> format) {
      return convert(input, {}, DType::Bool, false, format);
    }),
};

constinit const Op op::copy_ = {
    .schema = "copy_(Tensor(a!) input, Tensor src, bool non_blocking=False) -> Tensor(a!)",
    .doc = "Replaces the elements by those of `src`, broadcast and converted.",
    .examples = "zeros(3, 4).copy_(randn(4))",
    .variants = "method-only, any-device",
    .forward = run([](const Tensor& input, const Tensor& source, bool) {
      copy_into(input, source);
      return input;
    }),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return rushlight::zeros_like(b.grad()); });
          b.wrt("src", [&] { return b.grad(); });
        },
    .node = "CopyBackwards",
};

constinit const Op op::fill__Scalar = {
    .schema = "fill_.Scalar(Tensor(a!) input, Scalar value) -> Tensor(a!)",
    .doc = "Sets every element to `value`.",
    .examples = "fill_(zeros(3, 4), 2.5)",
    .forward = run([](const Tensor& input, const Scalar& value) {
      fill_elements(input, value);
      return input;
    }),
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return rushlight::zeros_like(b.grad()); }); },
    .node = "FillBackward2",
};

constinit const Op op::fill__Tensor = {
    .schema = "fill_.Tensor(Tensor(a!) input, Tensor value) -> Tensor(a!)",
    .doc = "Sets every element to the only one of the zero-dim tensor `value`.",
    .examples = "zeros(3, 4).fill_(tensor(2.5))",
    .forward = run([](const Tensor& input, const Tensor& value) {
      fill_from(input, value);
      return input;
    }),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return rushlight::zeros_like(b.grad()); });
          b.wrt("value", [&] { return b.grad().sum(); });
        },
    .node = "FillBackward3",
};

constinit const Op op::fill_Scalar = {
    .schema = "fill.Scalar(Tensor input, Scalar value) -> Tensor",
    .doc = "A tensor like `input` with every element set to `value`.",
    .examples = "fill(randn(3, 4), 2.5)",
    .variants = "function-only",
    .forward = run([](const Tensor& input, const Scalar& value) {
      Tensor result = make_like(input, input.dtype());
      fill_elements(result, value);
      return result;
    }),
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return rushlight::zeros_like(b.grad()); }); },
    .node = "FillBackward0",
};

constinit const Op op::fill_Tensor = {
    .schema = "fill.Tensor(Tensor input, Tensor value) -> Tensor",
    .doc = "A tensor like `input` with every element set to the zero-dim `value`.",
    .examples = "fill(randn(3, 4), tensor(2.5))",
    .variants = "function-only",
    .forward = run([](const Tensor& input, const Tensor& value) {
      Tensor result = make_like(input, input.dtype());
      fill_from(result, value);
      return result;
    }),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return rushlight::zeros_like(b.grad()); });
          b.wrt("value", [&] { return b.grad().sum(); });
        },
    .node = "FillBackward1",
};

constinit const Op op::zero_ = {
    .schema = "zero_(Tensor(a!) input) -> Tensor(a!)",
    .doc = "Sets every element to 0.",
    .examples = "zero_(ones(3, 4))",
    .forward = run([](const Tensor& input) {
      fill_elements(input, 0);
      return input;
    }),
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return rushlight::zeros_like(b.grad()); }); },
};

}  // namespace rushlight
