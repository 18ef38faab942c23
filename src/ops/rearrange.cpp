// Elements repeated, reversed and turned.

#include <rushlight/operators.h>

#include "ops/copy.h"
#include "ops/pointwise.h"
#include "ops/view.h"

namespace rushlight {

namespace {

/// Dims (r0, s0, r1, s1, …) of a repeated tensor, with leading sizes of 1 where it had no dim.
Dims repeated_pairs(Ints shape, Ints repeats) {
  Dims pairs;
  size_t lead = repeats.size() - shape.size();
  for (size_t i = 0; i < repeats.size(); ++i) {
    pairs.push_back(repeats[i]);
    pairs.push_back(i < lead ? 1 : shape[i - lead]);
  }
  return pairs;
}

constexpr auto repeated = [](const Tensor& input, Ints repeats) -> Tensor {
  check(int64_t(repeats.size()) >= input.dim(),
        "Number of dimensions of repeat dims can not be smaller than number of dimensions of "
        "tensor");
  Dims pairs = repeated_pairs(input.shape(), repeats), shape, once;
  for (size_t i = 0; i < pairs.size(); i += 2) {
    int64_t size;
    bool overflow = __builtin_mul_overflow(pairs[i], pairs[i + 1], &size);
    check(!overflow, "Storage size calculation overflowed with sizes=", to_string(pairs));
    shape.push_back(size);
    once.push_back(1);
    once.push_back(pairs[i + 1]);
  }
  Tensor result = make_tensor(shape, input.dtype(), input.device());
  Tensor blocks = view_of(result, pairs, contiguous_strides(pairs));
  Geometry source(input);
  for (size_t i = 0; i < repeats.size(); ++i) {
    size_t at = 2 * i;
    if (at >= source.shape.size() || repeats.size() - i > input.shape().size()) {
      source.shape.insert(at, 1);
      source.strides.insert(at, 0);
    }
    source.shape.insert(at, 1);
    source.strides.insert(at, 0);
  }
  copy_elements(blocks, source.of(input));
  return result;
};

void repeat_backward(Backward& b) {
  b.wrt("input", [&] {
    Dims pairs = repeated_pairs(b.shape("input"), b.ints("repeats")), dims;
    for (int64_t i = 0; i < int64_t(pairs.size()); i += 2) dims.push_back(i);
    // No dims would mean all of them.
    return dims.empty() ? b.grad() : b.grad().reshape(pairs).sum(Ints(dims));
  });
}

/// A copy that reads the marked dims backwards.
constexpr auto flipped = [](const Tensor& input, Ints dims) -> Tensor {
  Dims flags = wrap_dims(dims, input.dim(), false);
  Tensor result = make_like(input, input.dtype());
  if (input.numel() == 0 || result.impl()->device == DeviceType::Meta) return result;
  Dims strides(input.strides());
  int64_t first = 0;
  for (size_t d = 0; d < flags.size(); ++d) {
    if (!flags[d]) continue;
    first += (input.shape()[d] - 1) * strides[d];
    strides[d] = -strides[d];
  }
  char* data = static_cast<char*>(input.data()) + first * size_of(input.dtype());
  run_copy(input.shape(), operand_of(result), {data, input.dtype(), strides.data()});
  return result;
};

Tensor rolled_dim(const Tensor& input, int64_t shift, int64_t dim) {
  int64_t size = input.size(dim), start = size == 0 ? 0 : ((-shift % size) + size) % size;
  Tensor result = make_tensor(input.shape(), input.dtype(), input.device());
  auto part = [&](const Tensor& tensor, int64_t begin, int64_t end) {
    return sliced(Geometry(tensor), dim, Range(size, begin, end, 1), 1).of(tensor);
  };
  copy_elements(part(result, 0, size - start), part(input, start, size));
  copy_elements(part(result, size - start, size), part(input, 0, start));
  return result;
}

constexpr auto rolled = [](const Tensor& input, Ints shifts, Ints dims) -> Tensor {
  check(!shifts.empty(), "`shifts` required");
  if (dims.empty() && shifts.size() == 1) {
    Tensor flat = input.contiguous().view(-1);
    return view_of(rolled_dim(flat, shifts[0], 0), input.shape(),
                   contiguous_strides(input.shape()));
  }
  check(shifts.size() == dims.size(), "shifts and dimensions must align. shifts: ", shifts.size(),
        ", dims:", dims.size());
  check(input.dim() > 0, ErrorKind::Index, "Dimension specified as ", dims[0],
        " but tensor has no dimensions");
  for (int64_t dim : dims) wrap_dim(dim, input.dim());
  Tensor result = input;
  for (size_t i = 0; i < dims.size(); ++i)
    result = rolled_dim(result, shifts[i], wrap_dim(dims[i], input.dim()));
  return result;
};

constexpr auto rotated = [](const Tensor& input, int64_t k, Ints dims) -> Tensor {
  check(dims.size() == 2, "expected total rotation dims == 2, but got dims = ", dims.size());
  check(input.dim() >= 2, "expected total dims >= 2, but got total dims = ", input.dim());
  int64_t first = wrap_dim(dims[0], input.dim()), second = wrap_dim(dims[1], input.dim());
  check(first != second, "expected rotation dims to be different, but got dim0 = ", dims[0],
        " and dim1 = ", dims[1]);
  switch (((k % 4) + 4) % 4) {
    case 0: return input.clone(MemoryFormat::Contiguous);
    case 1: return input.flip(Ints(second)).transpose_(first, second);
    case 2: return input.flip(dims);
    default: return input.flip(Ints(first)).transpose_(first, second);
  }
};

/// How often each index of `dim` stands in the result, as checked int64.
constexpr auto interleave_index = [](const Tensor& repeats,
                                     std::optional<int64_t> output_size) -> Tensor {
  check(repeats.dim() == 1, "repeat_interleave only accept 1D vector as repeat");
  check(repeats.dtype() == DType::Int64 || repeats.dtype() == DType::Int32,
        ErrorKind::NotImplemented, "\"repeat_interleave_cpu\" not implemented for '",
        info(repeats.dtype()).spoken, "'");
  check_has_values(repeats, "repeat_interleave");
  Tensor counts = repeats.to(DType::Int64).contiguous();
  const int64_t* count = counts.data<int64_t>();
  int64_t total = 0;
  for (int64_t i = 0; i < counts.numel(); ++i) {
    check(count[i] >= 0, "repeats can not be negative");
    bool overflow = __builtin_add_overflow(total, count[i], &total);
    check(!overflow, "repeat_interleave: the sum of the repeats overflows");
  }
  check(!output_size || *output_size == total,
        "allocated size does not match required size: ", output_size.value_or(0), " given, ", total,
        " needed");
  Tensor index = make_tensor({{total}}, DType::Int64);
  int64_t* next = index.data<int64_t>();
  for (int64_t i = 0; i < counts.numel(); ++i) next = std::fill_n(next, count[i], i);
  return repeats.dtype() == DType::Int64 ? index : index.to(repeats.dtype());
};

constexpr auto interleaved = [](const Tensor& input, const Tensor& repeats,
                                std::optional<int64_t> dim,
                                std::optional<int64_t> output_size) -> Tensor {
  check(repeats.dim() <= 1, "repeats must be 0-dim or 1-dim tensor");
  Tensor source = dim ? input : input.flatten();
  int64_t along = wrap_dim(dim.value_or(0), source.dim());
  int64_t size = source.dim() == 0 ? 1 : source.size(along);
  Tensor counts = repeats;
  if (repeats.numel() == 1 && size != 1) counts = repeats.reshape(1).expand(Ints(size));
  if (counts.dim() == 0) counts = counts.reshape(1);
  check(counts.size(0) == size,
        "repeats must have the same size as input along dim, but got repeats.size(0) = ",
        counts.size(0), " and input.size(", along, ") = ", size);
  return source.index_select(along, interleave_index(counts, output_size));
};

constexpr auto interleaved_evenly = [](const Tensor& input, int64_t repeats,
                                       std::optional<int64_t> dim,
                                       std::optional<int64_t> output_size) -> Tensor {
  Tensor source = dim ? input : input.flatten();
  int64_t along = wrap_dim(dim.value_or(0), source.dim() + (source.dim() == 0));
  check(repeats >= 0, "Repeats must be non-negative");
  if (source.dim() == 0) source = source.reshape(1);
  int64_t total = count_elements(Ints{source.size(along), repeats});
  check(!output_size || *output_size == total, "repeat_interleave: Invalid output_size, expected ",
        total, " but got ", output_size.value_or(0));
  Tensor pairs = source.unsqueeze(along + 1);
  Dims shape(pairs.shape());
  shape[size_t(along) + 1] = repeats;
  return pairs.expand(shape).clone(MemoryFormat::Contiguous).flatten(along, along + 1);
};

}  // namespace

constinit const Op op::repeat = {
    .schema = "repeat(Tensor input, int[] repeats) -> Tensor",
    .doc = "The tensor laid `repeats[i]` times along each dim; leading dims are added as needed.",
    .examples = "randn(2, 3).repeat(2, 1)\nrandn(3).repeat(2, 2)",
    .variants = "method-only",
    .forward = run(repeated),
    .backward = repeat_backward,
};

constinit const Op op::tile = {
    .schema = "tile(Tensor input, int[] dims) -> Tensor",
    .doc = "repeat() that adds leading ones to `dims` as needed.",
    .examples = "tile(randn(2, 3), (2,))\nrandn(3).tile(2, 2)",
    .compose = run([](const Tensor& input, Ints dims) {
      Dims repeats(dims);
      while (int64_t(repeats.size()) < input.dim()) repeats.insert(0, 1);
      return input.repeat(repeats);
    }),
};

constinit const Op op::repeat_interleave_self_Tensor = {
    .schema =
        "repeat_interleave.self_Tensor(Tensor input, Tensor repeats, int? dim=None, *, "
        "int? output_size=None) -> Tensor",
    .doc = "Each index of a dim (of the flattened tensor if None) as often as `repeats` says.",
    .examples = "repeat_interleave(randn(3, 2), tensor([1, 0, 2]), dim=0)",
    .compose = run(interleaved),
};

constinit const Op op::repeat_interleave_self_int = {
    .schema =
        "repeat_interleave.self_int(Tensor input, int repeats, int? dim=None, *, "
        "int? output_size=None) -> Tensor",
    .doc = "Each index of a dim (of the flattened tensor if None) `repeats` times.",
    .examples = "repeat_interleave(randn(3, 2), 2)\nrepeat_interleave(randn(3, 2), 2, dim=1)",
    .compose = run(interleaved_evenly),
};

constinit const Op op::repeat_interleave_Tensor = {
    .schema = "repeat_interleave.Tensor(Tensor repeats, *, int? output_size=None) -> Tensor",
    .doc = "The index i `repeats[i]` times, in order.",
    .examples = "repeat_interleave(tensor([1, 0, 2]))",
    .variants = "function-only",
    .forward = run(interleave_index),
};

constinit const Op op::flip = {
    .schema = "flip(Tensor input, int[] dims) -> Tensor",
    .doc = "A copy with the order along the dims reversed.",
    .examples = "flip(randn(3, 4), (0,))\nrandn(2, 3, 4).flip(0, -1)",
    .forward = run(flipped),
    .backward = [](Backward& b) { b.wrt("input", [&] { return b.grad().flip(b.ints("dims")); }); },
};

constinit const Op op::fliplr = {
    .schema = "fliplr(Tensor input) -> Tensor",
    .doc = "A copy with the columns reversed.",
    .examples = "fliplr(randn(3, 4))",
    .compose = run([](const Tensor& input) {
      check(input.dim() >= 2, "Input must be >= 2-d.");
      return input.flip(1);
    }),
};

constinit const Op op::flipud = {
    .schema = "flipud(Tensor input) -> Tensor",
    .doc = "A copy with the rows reversed.",
    .examples = "flipud(randn(3, 4))",
    .compose = run([](const Tensor& input) {
      check(input.dim() >= 1, "Input must be >= 1-d.");
      return input.flip(0);
    }),
};

constinit const Op op::roll = {
    .schema = "roll(Tensor input, int[1] shifts, int[1] dims=[]) -> Tensor",
    .doc =
        "A copy with the elements moved by `shifts` along the dims; those that leave come back at "
        "the other end. Without dims the flattened tensor rolls.",
    .examples = "roll(randn(3, 4), 1)\nroll(randn(3, 4), (1, -2), (0, 1))\nroll(randn(3, 4), 5, 1)",
    .forward = run(rolled),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Dims back(b.ints("shifts"));
            for (int64_t& shift : back) shift = -shift;
            return b.grad().roll(back, b.ints("dims"));
          });
        },
};

constinit const Op op::rot90 = {
    .schema = "rot90(Tensor input, int k=1, int[] dims=[0,1]) -> Tensor",
    .doc =
        "A copy turned `k` times by a right angle in the plane of two dims, the first to the "
        "second.",
    .examples = "rot90(randn(3, 4))\nrot90(randn(3, 4), 2)\nrot90(randn(2, 3, 4), -1, (1, 2))",
    .forward = run(rotated),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return b.grad().rot90(-b.integer("k"), b.ints("dims")); });
        },
};

}  // namespace rushlight
