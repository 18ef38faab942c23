// Tensors cut along a dim into views: unbind, split, chunk and their kin.

#include <rushlight/operators.h>

#include "ops/copy.h"
#include "ops/view.h"

namespace rushlight {

namespace {

/// Lengths of the parts along `dim`; throws PyTorch's errors.
constexpr auto split_to = [](const Tensor& input, Ints split_sizes,
                             int64_t dim) -> std::vector<Tensor> {
  check(input.dim() > 0, "split expects at least a 1-dimensional tensor");
  dim = wrap_dim(dim, input.dim());
  int64_t size = input.size(dim), sum = 0, start = 0;
  for (int64_t part : split_sizes) {
    check(part >= 0,
          "split_with_sizes expects split_sizes have only non-negative entries, but got "
          "split_sizes=",
          to_string(split_sizes));
    sum += part;
  }
  check(sum == size, "split_with_sizes expects split_sizes to sum exactly to ", size,
        " (input tensor's size at dimension ", dim,
        "), but got split_sizes=", to_string(split_sizes));
  std::vector<Tensor> parts;
  for (int64_t part : split_sizes) {
    parts.push_back(sliced(Geometry(input), dim, Range(size, start, start + part, 1), 1).of(input));
    start += part;
  }
  return parts;
};

constexpr auto split_evenly = [](const Tensor& input, int64_t split_size,
                                 int64_t dim) -> std::vector<Tensor> {
  check(input.dim() > 0, "split expects at least a 1-dimensional tensor");
  check(split_size >= 0,
        "split expects split_size be non-negative, but got split_size=", split_size);
  dim = wrap_dim(dim, input.dim());
  int64_t size = input.size(dim);
  check(split_size > 0 || size == 0,
        "split_size can only be 0 if dimension size is 0, but got dimension size of ", size);
  int64_t count = split_size == 0 ? 1 : std::max<int64_t>((size + split_size - 1) / split_size, 1);
  std::vector<Tensor> parts;
  for (int64_t i = 0; i < count; ++i) {
    Range range(size, i * split_size, i * split_size + split_size, 1);
    parts.push_back(sliced(Geometry(input), dim, range, 1).of(input));
  }
  return parts;
};

std::vector<Tensor> all_gradients(Backward& b) {
  std::vector<Tensor> gradients;
  for (size_t i = 0; i < b.results(); ++i) gradients.push_back(b.grad(i));
  return gradients;
}

/// Of both forms of split.
void split_backward(Backward& b) {
  b.wrt("input", [&] { return rushlight::cat(all_gradients(b), b.integer("dim")); });
}

/// Parts of which a change counts as one of no other tensor.
std::vector<Tensor> with_own_versions(std::vector<Tensor> parts) {
  for (Tensor& part : parts) part.impl()->own_version = Ref<OwnVersion>::adopt(new OwnVersion());
  return parts;
}

using SplitEvenly = std::vector<Tensor> (Tensor::*)(int64_t split_size, int64_t dim) const;

/// At most `chunks` parts of equal length, by a method for parts of a length and one for lengths.
template <auto split, auto split_with_sizes>
std::vector<Tensor> chunked(const Tensor& input, int64_t chunks, int64_t dim) {
  check(input.dim() > 0, "chunk expects at least a 1-dimensional tensor");
  check(chunks > 0, "chunk expects `chunks` to be greater than 0, got: ", chunks);
  int64_t size = input.size(dim);
  if (size == 0) return (input.*split_with_sizes)(Dims(size_t(chunks), 0), dim);
  return (input.*split)((size + chunks - 1) / chunks, dim);
}

int64_t splittable_dim(const Tensor& input, int64_t dim) {
  check(input.dim() > 0,
        "tensor_split expected at least a 1-dimensional tensor, but got a tensor "
        "with ",
        input.dim(), " dims");
  return wrap_dim(dim, input.dim());
}

constexpr auto split_sections = [](const Tensor& input, int64_t sections,
                                   int64_t dim) -> std::vector<Tensor> {
  dim = splittable_dim(input, dim);
  check(sections > 0, "number of sections must be larger than 0, got ", sections);
  int64_t size = input.size(dim), least = size / sections, longer = size % sections, start = 0;
  std::vector<Tensor> parts;
  for (int64_t i = 0; i < sections; ++i) {
    int64_t end = start + least + (i < longer);
    parts.push_back(rushlight::slice(input, dim, start, end, 1));
    start = end;
  }
  return parts;
};

constexpr auto split_at = [](const Tensor& input, Ints indices,
                             int64_t dim) -> std::vector<Tensor> {
  dim = splittable_dim(input, dim);
  std::vector<Tensor> parts;
  int64_t start = 0;
  for (int64_t index : indices) {
    parts.push_back(rushlight::slice(input, dim, start, index, 1));
    start = index;
  }
  parts.push_back(rushlight::slice(input, dim, start, {}, 1));
  return parts;
};

/// hsplit, vsplit and dsplit: the dim, after the checks that they share.
int64_t named_split_dim(const Tensor& input, const char* name, int64_t least, int64_t dim,
                        std::optional<int64_t> sections) {
  check(input.dim() >= least, "torch.", name, " requires a tensor with at least ", least,
        " dimension, but got a tensor with ", input.dim(), " dimensions!");
  if (sections) {
    check(*sections > 0 && input.size(dim) % *sections == 0, "torch.", name,
          " attempted to split along dimension ", dim, ", but the size of the dimension ",
          input.size(dim), " is not divisible by the split_size ", *sections, "!");
  }
  return dim;
}

}  // namespace

constinit const Op op::unbind_int = {
    .schema = "unbind.int(Tensor(a) input, int dim=0) -> Tensor(a)[]",
    .doc = "Views of every index of a dim.",
    .examples =
        "unbind(randn(3, 4))\n"
        "unbind(randn(3, 4), -1)",
    .variants = "copy",
    .forward = run([](const Tensor& input, int64_t dim) {
      check(input.dim() > 0, ErrorKind::Index, "Dimension specified as ", dim,
            " but tensor has no dimensions");
      dim = wrap_dim(dim, input.dim());
      std::vector<Tensor> parts;
      for (int64_t i = 0; i < input.size(dim); ++i)
        parts.push_back(selected(Geometry(input), dim, i).of(input));
      return parts;
    }),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] { return rushlight::stack(all_gradients(b), b.integer("dim")); });
        },
};

constinit const Op op::split_Tensor = {
    .schema = "split.Tensor(Tensor(a) input, int split_size, int dim=0) -> Tensor(a)[]",
    .doc = "Views of `split_size` indices each along a dim; the last may be shorter.",
    .examples =
        "split(randn(5, 4), 2)\n"
        "split(randn(5, 4), 3, dim=1)",
    .variants = "copy",
    .forward = run(split_evenly),
    .backward = split_backward,
};

constinit const Op op::split_sizes = {
    .schema = "split.sizes(Tensor(a) input, int[] split_size, int dim=0) -> Tensor(a)[]",
    .doc = "Views of the lengths given along a dim.",
    .examples = "split(randn(5, 4), [2, 3])",
    .compose = run([](const Tensor& input, Ints split_size, int64_t dim) {
      return input.split_with_sizes(split_size, dim);
    }),
};

constinit const Op op::split_with_sizes = {
    .schema = "split_with_sizes(Tensor(a) input, int[] split_sizes, int dim=0) -> Tensor(a)[]",
    .doc = "Views of the lengths given along a dim.",
    .examples =
        "split_with_sizes(randn(5, 4), [2, 3])\n"
        "randn(5, 4).split_with_sizes((1, 3), -1)",
    .variants = "copy",
    .forward = run(split_to),
    .backward = split_backward,
};

constinit const Op op::chunk = {
    .schema = "chunk(Tensor(a) input, int chunks, int dim=0) -> Tensor(a)[]",
    .doc = "At most `chunks` views of equal length along a dim; the last may be shorter.",
    .examples =
        "chunk(randn(5, 4), 2)\n"
        "chunk(randn(5, 4), 3, dim=1)",
    .compose = run<chunked<static_cast<SplitEvenly>(&Tensor::split), &Tensor::split_with_sizes>>(),
};

constinit const Op op::unsafe_split_Tensor = {
    .schema = "unsafe_split.Tensor(Tensor input, int split_size, int dim=0) -> Tensor[]",
    .doc = "split() whose parts may be changed in place, at your own risk: they share bytes.",
    .examples = "unsafe_split(randn(5, 4), 2)\nunsafe_split(randn(5, 4), 3, dim=-1)",
    .forward = run([](const Tensor& input, int64_t split_size, int64_t dim) {
      return with_own_versions(split_evenly(input, split_size, dim));
    }),
    .backward = split_backward,
};

constinit const Op op::unsafe_split_with_sizes = {
    .schema = "unsafe_split_with_sizes(Tensor input, int[] split_sizes, int dim=0) -> Tensor[]",
    .doc =
        "split_with_sizes() whose parts may be changed in place, at your own risk: they share "
        "bytes.",
    .examples = "unsafe_split_with_sizes(randn(5, 4), [2, 3])",
    .forward = run([](const Tensor& input, Ints split_sizes, int64_t dim) {
      return with_own_versions(split_to(input, split_sizes, dim));
    }),
    .backward = split_backward,
};

constinit const Op op::unsafe_chunk = {
    .schema = "unsafe_chunk(Tensor input, int chunks, int dim=0) -> Tensor[]",
    .doc = "chunk() whose parts may be changed in place, at your own risk: they share bytes.",
    .examples = "unsafe_chunk(randn(5, 4), 2)\nunsafe_chunk(randn(0, 4), 2)",
    .compose = run<chunked<&Tensor::unsafe_split, &Tensor::unsafe_split_with_sizes>>(),
};

constinit const Op op::tensor_split_tensor_indices_or_sections = {
    .schema =
        "tensor_split.tensor_indices_or_sections(Tensor(a) input, Tensor "
        "tensor_indices_or_sections, "
        "int dim=0) -> Tensor(a)[]",
    .doc = "tensor_split() with a number or a list of indices in a tensor.",
    .examples = "tensor_split(randn(7, 4), tensor([2, 5]))",
    .compose = run([](const Tensor& input, const Tensor& cuts, int64_t dim) {
      check(cuts.dtype() == DType::Int64,
            "tensor_split expected tensor_indices_or_sections to have dtype of long, but got ",
            info(cuts.dtype()).spoken);
      check(cuts.dim() <= 1,
            "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or "
            "one-dimensional tensor, but got a tensor with ",
            cuts.dim(), " dims");
      if (cuts.dim() == 0) return input.tensor_split(cuts.item<int64_t>(), dim);
      check_has_values(cuts, "tensor_split");
      Tensor indices = cuts.contiguous();
      return input.tensor_split(Ints(indices.data<int64_t>(), size_t(indices.numel())), dim);
    }),
};

constinit const Op op::tensor_split_sections = {
    .schema = "tensor_split.sections(Tensor(a) input, int sections, int dim=0) -> Tensor(a)[]",
    .doc = "`sections` views along a dim, whose lengths differ by at most one.",
    .examples = "tensor_split(randn(7, 4), 3)",
    .compose = run(split_sections),
};

constinit const Op op::tensor_split_indices = {
    .schema = "tensor_split.indices(Tensor(a) input, int[] indices, int dim=0) -> Tensor(a)[]",
    .doc = "Views of a dim cut before each of the indices.",
    .examples =
        "tensor_split(randn(7, 4), (2, 5))\n"
        "tensor_split(randn(7, 4), (1, 3), dim=1)",
    .compose = run(split_at),
};

constinit const Op op::hsplit_int = {
    .schema = "hsplit.int(Tensor(a) input, int sections) -> Tensor(a)[]",
    .doc = "Equal parts by columns: dim 1 (dim 0 of a vector).",
    .examples = "hsplit(randn(2, 4), 2)",
    .compose = run([](const Tensor& input, int64_t sections) {
      int64_t dim = named_split_dim(input, "hsplit", 1, input.dim() == 1 ? 0 : 1, sections);
      return input.tensor_split(sections, dim);
    }),
};

constinit const Op op::hsplit_array = {
    .schema = "hsplit.array(Tensor(a) input, int[] indices) -> Tensor(a)[]",
    .doc = "Parts by columns: dim 1 (dim 0 of a vector), cut before each index.",
    .examples = "hsplit(randn(2, 4), (1, 3))",
    .compose = run([](const Tensor& input, Ints indices) {
      int64_t dim = named_split_dim(input, "hsplit", 1, input.dim() == 1 ? 0 : 1, {});
      return input.tensor_split(indices, dim);
    }),
};

constinit const Op op::vsplit_int = {
    .schema = "vsplit.int(Tensor(a) input, int sections) -> Tensor(a)[]",
    .doc = "Equal parts by rows: dim 0.",
    .examples = "vsplit(randn(4, 2), 2)",
    .compose = run([](const Tensor& input, int64_t sections) {
      int64_t dim = named_split_dim(input, "vsplit", 2, 0, sections);
      return input.tensor_split(sections, dim);
    }),
};

constinit const Op op::vsplit_array = {
    .schema = "vsplit.array(Tensor(a) input, int[] indices) -> Tensor(a)[]",
    .doc = "Parts by rows: dim 0, cut before each index.",
    .examples = "vsplit(randn(4, 2), (1, 3))",
    .compose = run([](const Tensor& input, Ints indices) {
      int64_t dim = named_split_dim(input, "vsplit", 2, 0, {});
      return input.tensor_split(indices, dim);
    }),
};

constinit const Op op::dsplit_int = {
    .schema = "dsplit.int(Tensor(a) input, int sections) -> Tensor(a)[]",
    .doc = "Equal parts by depth: dim 2.",
    .examples = "dsplit(randn(2, 3, 4), 2)",
    .compose = run([](const Tensor& input, int64_t sections) {
      int64_t dim = named_split_dim(input, "dsplit", 3, 2, sections);
      return input.tensor_split(sections, dim);
    }),
};

constinit const Op op::dsplit_array = {
    .schema = "dsplit.array(Tensor(a) input, int[] indices) -> Tensor(a)[]",
    .doc = "Parts by depth: dim 2, cut before each index.",
    .examples = "dsplit(randn(2, 3, 4), (1, 3))",
    .compose = run([](const Tensor& input, Ints indices) {
      int64_t dim = named_split_dim(input, "dsplit", 3, 2, {});
      return input.tensor_split(indices, dim);
    }),
};

}  // namespace rushlight
