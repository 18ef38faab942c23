// Padding: elements put before and after those of a tensor, along its last dims.

#include <rushlight/operators.h>

#include "ops/op.h"
#include "ops/view.h"

namespace rushlight {

namespace {

// A padding names the dims from the last: (before, after) of the last, of the one before it, …

int64_t padded_dims(Ints padding) { return int64_t(padding.size()) / 2; }

constexpr auto pad_with_constant = [](const Tensor& input, Ints padding,
                                      const Scalar& value) -> Tensor {
  check(padding.size() % 2 == 0, "Length of pad must be even but instead it equals ",
        padding.size());
  check(padded_dims(padding) <= input.dim(),
        "Length of pad should be no more than twice the number of dimensions of the input. Pad "
        "length is ",
        padding.size(), " while the input has ", input.dim(), " dimensions.");
  Dims shape(input.shape());
  Tensor kept = input;
  for (int64_t k = 0; k < padded_dims(padding); ++k) {
    int64_t dim = input.dim() - 1 - k, before = padding[size_t(2 * k)],
            after = padding[size_t(2 * k + 1)];
    int64_t start = std::max<int64_t>(-before, 0), end = std::max<int64_t>(-after, 0);
    int64_t size = shape[size_t(dim)];
    check(start + end <= size, "narrow(): length must be non-negative.");
    check(size + before + after >= 0, "The input size ", size, ", plus negative padding ", before,
          " and ", after, " resulted in a negative output size, which is invalid. Check dimension ",
          dim, " of your input.");
    kept = kept.narrow(dim, start, size - start - end);
    shape[size_t(dim)] = size + before + after;
  }
  Tensor result = rushlight::full(shape, value, input.dtype(), input.device());
  Tensor place = result;
  for (int64_t k = 0; k < padded_dims(padding); ++k) {
    int64_t dim = input.dim() - 1 - k;
    place = place.narrow(dim, std::max<int64_t>(padding[size_t(2 * k)], 0), kept.size(dim));
  }
  place.copy_(kept);
  return result;
};

enum class Beyond { Reflect, Replicate, Wrap };

/// Which elements of a dim of this size its padded form consists of.
Tensor places(int64_t size, int64_t before, int64_t after, Beyond beyond, const Device& device) {
  Tensor result = make_tensor({{size + before + after}}, DType::Int64, Device());
  int64_t* place = result.data<int64_t>();
  for (int64_t i = -before; i < size + after; ++i) {
    int64_t at = i;
    switch (beyond) {
      case Beyond::Reflect: at = i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i; break;
      case Beyond::Replicate: at = std::clamp<int64_t>(i, 0, size - 1); break;
      case Beyond::Wrap: at = (i % size + size) % size; break;
    }
    *place++ = at;
  }
  return result.to(device);
}

Tensor select_places(const Tensor& input, Ints padding, Beyond beyond) {
  Tensor result = input;
  for (int64_t k = 0; k < padded_dims(padding); ++k) {
    int64_t dim = input.dim() - 1 - k;
    Tensor index = places(input.size(dim), padding[size_t(2 * k)], padding[size_t(2 * k + 1)],
                          beyond, input.device());
    result = result.index_select(dim, index);
  }
  return result;
}

/// The gradients of all places of an element, added up.
Tensor sum_places(const Tensor& grad, Ints shape, Ints padding, Beyond beyond) {
  Tensor result = grad;
  int64_t ndim = int64_t(shape.size());
  for (int64_t k = padded_dims(padding) - 1; k >= 0; --k) {
    int64_t dim = ndim - 1 - k, size = shape[size_t(dim)];
    Tensor index =
        places(size, padding[size_t(2 * k)], padding[size_t(2 * k + 1)], beyond, grad.device());
    Dims sizes(result.shape());
    sizes[size_t(dim)] = size;
    result = result.new_zeros(sizes).index_add(dim, index, result);
  }
  return result;
}

void check_beyond(const Tensor& input, Ints padding, Beyond beyond) {
  int64_t count = padded_dims(padding), ndim = input.dim();
  bool empty = false;
  for (int64_t dim = ndim == count + 2 ? 1 : 0; dim < ndim; ++dim) empty |= input.size(dim) == 0;
  check(!empty, "Expected ", count + 1, "D or ", count + 2,
        "D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, "
        "but got: ",
        to_string(input.shape()));
  for (int64_t k = 0; k < count; ++k) {
    int64_t dim = ndim - 1 - k, before = padding[size_t(2 * k)], after = padding[size_t(2 * k + 1)],
            size = input.size(dim);
    check(beyond != Beyond::Reflect || (before < size && after < size), "Argument #", 4 + 2 * k,
          ": Padding size should be less than the corresponding input dimension, but got: padding "
          "(",
          before, ", ", after, ") at dimension ", dim, " of input ", to_string(input.shape()));
    check(beyond != Beyond::Wrap || (before <= size && after <= size),
          "Padding value causes wrapping around more than once.");
    check(size + before + after >= 0,
          beyond == Beyond::Wrap ? "Negative padding value is resulting in an empty dimension"
                                 : "Trying to create tensor with negative dimension",
          ": dim ", dim, " of ", to_string(input.shape()), " padded by (", before, ", ", after,
          ")");
  }
}

template <Beyond beyond>
constexpr auto pad_beyond = [](const Tensor& input, Ints padding) -> Tensor {
  check_beyond(input, padding, beyond);
  return select_places(input, padding, beyond);
};

template <Beyond beyond>
void pad_beyond_backward(Backward& b) {
  b.wrt("input", [&] { return sum_places(b.grad(), b.shape("input"), b.ints("padding"), beyond); });
}

constexpr auto pad_by_mode = [](const Tensor& input, Ints padding, std::string_view mode,
                                const std::optional<Scalar>& value) -> Tensor {
  check(padding.size() % 2 == 0, "Padding length must be divisible by 2");
  int64_t count = padded_dims(padding), ndim = input.dim();
  check(count <= ndim,
        "Padding length should be less than or equal to two times the input dimension but got "
        "padding length ",
        padding.size(), " and input of dimension ", ndim);
  if (mode == "constant")
    return rushlight::constant_pad_nd(input, padding, value.value_or(Scalar(0)));
  check(!value || *value == 0, "Padding mode \"", mode, "\" doesn't take in value argument");
  bool known = mode == "reflect" || mode == "replicate" || mode == "circular";
  bool fits = count >= 1 && count <= 3 && (ndim == count + 1 || ndim == count + 2);
  check(fits, ErrorKind::NotImplemented, "Padding size ", padding.size(), " is not supported for ",
        ndim,
        "D input tensor.\nSupported combinations for non-constant padding:\n"
        "  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
        "  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
        "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)");
  check(known, ErrorKind::NotImplemented, "Unrecognised padding mode ", mode);
  if (mode == "circular") return pad_beyond<Beyond::Wrap>(input, padding);
  bool reflect = mode == "reflect";
  if (count == 1)
    return reflect ? rushlight::_reflection_pad1d(input, padding)
                   : rushlight::_replication_pad1d(input, padding);
  if (count == 2)
    return reflect ? rushlight::_reflection_pad2d(input, padding)
                   : rushlight::_replication_pad2d(input, padding);
  return reflect ? rushlight::_reflection_pad3d(input, padding)
                 : rushlight::_replication_pad3d(input, padding);
};

}  // namespace

constinit const Op op::constant_pad_nd = {
    .schema = "constant_pad_nd(Tensor input, int[] pad, Scalar value=0) -> Tensor",
    .doc =
        "`value` before and after the elements: `pad` is (before, after) of the last dim, then of "
        "the one before it …; a negative number takes elements away.",
    .examples =
        "constant_pad_nd(randn(2, 3), (1, 2))\n"
        "constant_pad_nd(randn(2, 3, 2), (1, -1, 0, 2), 3.5)",
    .variants = "function-only",
    .forward = run(pad_with_constant),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Dims opposite;
            for (int64_t each : b.ints("pad")) opposite.push_back(-each);
            return rushlight::constant_pad_nd(b.grad(), opposite);
          });
        },
};

constinit const Op op::_reflection_pad1d = {
    .schema = "_reflection_pad1d(Tensor input, int[] padding) -> Tensor",
    .doc = "The last dim continued as a mirror would.",
    .examples = "",
    .variants = "private",
    .forward = run(pad_beyond<Beyond::Reflect>),
    .backward = pad_beyond_backward<Beyond::Reflect>,
    .node = "ReflectionPad1DBackward0",
};

constinit const Op op::_reflection_pad2d = {
    .schema = "_reflection_pad2d(Tensor input, int[] padding) -> Tensor",
    .doc = "The last two dims continued as a mirror would.",
    .examples = "",
    .variants = "private",
    .forward = run(pad_beyond<Beyond::Reflect>),
    .backward = pad_beyond_backward<Beyond::Reflect>,
    .node = "ReflectionPad2DBackward0",
};

constinit const Op op::_reflection_pad3d = {
    .schema = "_reflection_pad3d(Tensor input, int[] padding) -> Tensor",
    .doc = "The last three dims continued as a mirror would.",
    .examples = "",
    .variants = "private",
    .forward = run(pad_beyond<Beyond::Reflect>),
    .backward = pad_beyond_backward<Beyond::Reflect>,
    .node = "ReflectionPad3DBackward0",
};

constinit const Op op::_replication_pad1d = {
    .schema = "_replication_pad1d(Tensor input, int[] padding) -> Tensor",
    .doc = "The last dim continued by its end elements.",
    .examples = "",
    .variants = "private",
    .forward = run(pad_beyond<Beyond::Replicate>),
    .backward = pad_beyond_backward<Beyond::Replicate>,
    .node = "ReplicationPad1DBackward0",
};

constinit const Op op::_replication_pad2d = {
    .schema = "_replication_pad2d(Tensor input, int[] padding) -> Tensor",
    .doc = "The last two dims continued by their end elements.",
    .examples = "",
    .variants = "private",
    .forward = run(pad_beyond<Beyond::Replicate>),
    .backward = pad_beyond_backward<Beyond::Replicate>,
    .node = "ReplicationPad2DBackward0",
};

constinit const Op op::_replication_pad3d = {
    .schema = "_replication_pad3d(Tensor input, int[] padding) -> Tensor",
    .doc = "The last three dims continued by their end elements.",
    .examples = "",
    .variants = "private",
    .forward = run(pad_beyond<Beyond::Replicate>),
    .backward = pad_beyond_backward<Beyond::Replicate>,
    .node = "ReplicationPad3DBackward0",
};

constinit const Op op::pad = {
    .schema = "pad(Tensor input, int[] pad, str mode='constant', Scalar? value=None) -> Tensor",
    .doc =
        "Elements put before and after those of the last dims: `pad` is (before, after) of the "
        "last dim, then of the one before it …; `mode` is 'constant' (`value`, or 0), 'reflect', "
        "'replicate' or 'circular'.",
    .examples =
        "F.pad(randn(2, 3), (1, 2))\n"
        "F.pad(randn(2, 3, 4), (1, -1, 0, 2), value=2.0)\n"
        "F.pad(randn(2, 3, 4), (2, 3), mode='reflect')\n"
        "F.pad(randn(1, 2, 3, 4), (2, -1, 1, 2), mode='reflect')\n"
        "F.pad(randn(1, 2, 2, 3, 3), (1, 1, 2, 1, 1, 0), mode='reflect')\n"
        "F.pad(randn(2, 4), (2, 6), mode='replicate')\n"
        "F.pad(randn(2, 3, 4), (2, 3, 1, 0), mode='replicate')\n"
        "F.pad(randn(1, 2, 2, 3), (2, 3, 1, 0, 0, 1), mode='replicate')\n"
        "F.pad(randn(2, 3, 4), (2, 3, 1, 2), mode='circular')",
    .variants = "nn",
    .compose = run(pad_by_mode),
};

}  // namespace rushlight
