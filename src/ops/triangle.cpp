// Triangles and diagonals of matrices.

#include <rushlight/operators.h>

#include <cstring>

#include "ops/copy.h"
#include "ops/pointwise.h"
#include "ops/view.h"

namespace rushlight {

namespace {

/// Sets the elements on the other side of the diagonal to zero; bytes of zero are 0 in every dtype.
void clear_triangle(const Tensor& matrices, bool keep_lower, int64_t diagonal) {
  int64_t rows = matrices.size(-2), columns = matrices.size(-1), item = size_of(matrices.dtype());
  int64_t total = columns == 0 ? 0 : matrices.numel() / columns;
  char* data = static_cast<char*>(matrices.data());
  for (int64_t r = 0; r < total; ++r) {
    int64_t row = r % rows;
    int64_t cut = std::clamp<int64_t>(row + diagonal + (keep_lower ? 1 : 0), 0, columns);
    int64_t begin = keep_lower ? cut : 0, end = keep_lower ? columns : cut;
    std::memset(data + (r * columns + begin) * item, 0, size_t((end - begin) * item));
  }
}

template <bool keep_lower>
void keep_triangle(Call& call) {
  const Tensor& input = call.arguments[0].tensor();
  check(input.dim() >= 2, keep_lower ? "tril" : "triu",
        ": input tensor must have at least 2 dimensions");
  bool direct = call.destination && call.destination->is_contiguous();
  Tensor result =
      direct ? *call.destination : make_tensor(input.shape(), input.dtype(), input.device());
  if (!direct) copy_elements(result, input);
  if (result.numel() > 0 && result.impl()->device != DeviceType::Meta)
    clear_triangle(result, keep_lower, call.arguments[1].as<int64_t>());
  if (call.destination && !direct) {
    check_distinct_elements(*call.destination);
    copy_elements(*call.destination, result);
    result = *call.destination;
  }
  call.results.tensors.push_back(std::move(result));
}

/// How many elements of a matrix are on or below a diagonal.
__int128 lower_count(int64_t rows, int64_t columns, int64_t offset) {
  int64_t empty = std::max<int64_t>(0, -offset);
  if (empty >= rows || columns == 0) return 0;
  // Then rows of first, first + 1, ... elements, until all columns are taken.
  __int128 first = std::min(columns, empty + offset + 1);
  __int128 growing = std::min<__int128>(rows - empty, columns - first + 1);
  return growing * (2 * first + growing - 1) / 2 + (rows - empty - growing) * columns;
}

/// Row and column of every element of a triangle, in row-major order.
Tensor triangle_indices(int64_t rows, int64_t columns, int64_t offset, bool lower,
                        std::optional<DType> dtype, std::optional<Device> device) {
  check(rows >= 0, "row must be non-negative, got ", rows);
  check(columns >= 0, "col must be non-negative, got ", columns);
  offset = std::clamp(offset, -rows, columns);
  __int128 count = lower ? lower_count(rows, columns, offset)
                         : __int128(rows) * columns - lower_count(rows, columns, offset - 1);
  check(count <= INT64_MAX / 2, "Storage size calculation overflowed with sizes=[2, ", rows, " * ",
        columns, "]");
  const int64_t shape[] = {2, int64_t(count)};
  if (device && device->type == DeviceType::Meta)
    return make_tensor(shape, dtype.value_or(DType::Int64), *device);
  Tensor result = make_tensor(shape, DType::Int64);
  int64_t *row_of = result.data<int64_t>(), *column_of = row_of + int64_t(count);
  int64_t first_row = lower ? std::max<int64_t>(0, -offset) : 0;
  for (int64_t row = first_row; count > 0; ++row) {
    int64_t begin = lower ? 0 : std::max<int64_t>(0, row + offset);
    int64_t end = lower ? std::min(columns, row + offset + 1) : columns;
    for (int64_t column = begin; column < end; ++column, --count) {
      *row_of++ = row;
      *column_of++ = column;
    }
  }
  return dtype.value_or(DType::Int64) == DType::Int64 ? result : result.to(*dtype);
}

constexpr auto fill_diagonal = [](const Tensor& input, const Scalar& fill_value,
                                  bool wrap) -> Tensor {
  check(input.dim() >= 2, "dimensions must larger than 1");
  int64_t shortest = input.size(0), stride = 0;
  for (int64_t d = 0; d < input.dim(); ++d) {
    check(input.dim() == 2 || input.size(d) == input.size(0),
          "all dimensions of input must be of equal length, got ", to_string(input.shape()));
    shortest = std::min(shortest, input.size(d));
    stride += input.stride(d);
  }
  Dims size{shortest}, step{stride};
  input.as_strided(size, step, input.storage_offset()).fill_(fill_value);
  if (!wrap || input.dim() != 2 || input.size(0) <= input.size(1) + 1) return input;
  // In tall matrices the diagonal begins again, one row below where it ended.
  int64_t columns = input.size(1), rows = input.size(0) - columns - 1;
  for (int64_t start = columns + 1; rows > 0; start += columns + 1, rows -= columns + 1) {
    Dims length{std::min(rows, columns)};
    input.as_strided(length, step, input.storage_offset() + start * input.stride(0))
        .fill_(fill_value);
  }
  return input;
};

/// x⁰, x¹, …, x^(n-1) along a new last dim; integers in int64.
Tensor powers(const Tensor& x, int64_t n) {
  DType dtype = is_floating(x.dtype()) ? x.dtype() : DType::Int64;
  Dims shape(x.shape()), one(x.shape());
  one.push_back(std::min<int64_t>(n, 1));
  shape.push_back(std::max<int64_t>(n - 1, 0));
  Tensor rising = x.to(dtype).unsqueeze(-1).expand(shape).cumprod(-1);
  const Tensor parts[] = {rushlight::ones(one, dtype, x.device()), rising};
  return rushlight::cat(parts, -1);
}

}  // namespace

constinit const Op op::tril = {
    .schema = "tril(Tensor input, int diagonal=0) -> Tensor",
    .doc = "The lower triangle of each matrix, up to a diagonal; zeros above.",
    .examples = "tril(randn(3, 4))\ntril(randn(2, 3, 3), diagonal=-1)",
    .variants = "in-place",
    .forward = keep_triangle<true>,
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return b.grad().tril(b.integer("diagonal")); }); },
};

constinit const Op op::triu = {
    .schema = "triu(Tensor input, int diagonal=0) -> Tensor",
    .doc = "The upper triangle of each matrix, from a diagonal on; zeros below.",
    .examples = "triu(randn(3, 4))\ntriu(randn(2, 3, 3), diagonal=1)",
    .variants = "in-place",
    .forward = keep_triangle<false>,
    .backward =
        [](Backward& b) { b.wrt("input", [&] { return b.grad().triu(b.integer("diagonal")); }); },
};

constinit const Op op::tril_indices = {
    .schema =
        "tril_indices(int row, int col, int offset=0, *, dtype? dtype=None, layout? layout=None, "
        "device? device=None, bool? pin_memory=None) -> Tensor",
    .doc = "Rows and columns of the lower triangle of a (row, col) matrix, in row-major order.",
    .examples = "tril_indices(3, 4)\ntril_indices(3, 3, -1)",
    .forward = run([](int64_t row, int64_t col, int64_t offset, std::optional<DType> dtype,
                      std::optional<Layout>, std::optional<Device> device, std::optional<bool>) {
      return triangle_indices(row, col, offset, true, dtype, device);
    }),
};

constinit const Op op::triu_indices = {
    .schema =
        "triu_indices(int row, int col, int offset=0, *, dtype? dtype=None, layout? layout=None, "
        "device? device=None, bool? pin_memory=None) -> Tensor",
    .doc = "Rows and columns of the upper triangle of a (row, col) matrix, in row-major order.",
    .examples = "triu_indices(3, 4)\ntriu_indices(3, 3, 1)",
    .forward = run([](int64_t row, int64_t col, int64_t offset, std::optional<DType> dtype,
                      std::optional<Layout>, std::optional<Device> device, std::optional<bool>) {
      return triangle_indices(row, col, offset, false, dtype, device);
    }),
};

constinit const Op op::trace = {
    .schema = "trace(Tensor input) -> Tensor",
    .doc = "The sum of the diagonal of a matrix.",
    .examples = "trace(randn(3, 4))",
    .forward = run([](const Tensor& input) {
      check(input.dim() == 2, "trace: expected a matrix, but got tensor with dim ", input.dim());
      check(input.dtype() != DType::Bool, ErrorKind::NotImplemented,
            "\"trace\" not implemented for 'Bool'");
      return input.diagonal().sum();
    }),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            Ints shape = b.shape("input");
            int64_t length = std::min(shape[0], shape[1]);
            Geometry diagonal(shape);
            diagonal.shape = {length};
            diagonal.strides = {shape[1] + 1};
            return diagonal.place(b.grad().expand(Ints(length)), shape);
          });
        },
};

constinit const Op op::fill_diagonal_ = {
    .schema = "fill_diagonal_(Tensor(a!) input, Scalar fill_value, bool wrap=False) -> Tensor(a!)",
    .doc = "Fills the main diagonal; in a tall matrix it begins again below if `wrap`.",
    .examples = "zeros(3, 3).fill_diagonal_(5)\nzeros(7, 3).fill_diagonal_(5, wrap=True)",
    .variants = "method-only",
    .compose = run(fill_diagonal),
};

constinit const Op op::one_hot = {
    .schema = "one_hot(Tensor input, int num_classes=-1) -> Tensor",
    .doc = "For each class a row of zeros with a 1 at the class; `num_classes` -1: all that occur.",
    .examples = "F.one_hot(tensor([0, 2, 1]))\nF.one_hot(tensor([0, 2, 1]), num_classes=5)",
    .variants = "nn",
    .forward = run([](const Tensor& input, int64_t num_classes) {
      check(input.dtype() == DType::Int64,
            "one_hot is only applicable to index tensor of type LongTensor, got ",
            info(input.dtype()).name, ".");
      check(input.numel() > 0 || num_classes != -1,
            "Can not infer total number of classes from empty tensor.");
      check(input.numel() > 0 || num_classes > 0,
            "Can not infer total number of classes from empty tensor.");
      check_has_values(input, "one_hot");
      Tensor classes = input.contiguous();
      const int64_t* values = classes.data<int64_t>();
      int64_t highest = -1;
      for (int64_t i = 0; i < classes.numel(); ++i) {
        check(values[i] >= 0, "Class values must be non-negative, got ", values[i]);
        highest = std::max(highest, values[i]);
      }
      check(num_classes >= -1, "num_classes should be positive");
      int64_t columns = num_classes == -1 ? highest + 1 : num_classes;
      check(highest < columns, "Class values must be smaller than num_classes.");
      Dims shape(input.shape());
      shape.push_back(columns);
      Tensor result = rushlight::zeros(shape, DType::Int64);
      int64_t* out = result.data<int64_t>();
      for (int64_t i = 0; i < classes.numel(); ++i) out[i * columns + values[i]] = 1;
      return result;
    }),
};

constinit const Op op::linalg_diagonal = {
    .schema = "linalg_diagonal(Tensor A, *, int offset=0, int dim1=-2, int dim2=-1) -> Tensor",
    .doc = "A view of the diagonals of matrices.",
    .examples = "linalg.diagonal(randn(2, 3, 4))\nlinalg.diagonal(randn(3, 4), offset=1)",
    .variants = "function-only",
    .compose = run([](const Tensor& matrix, int64_t offset, int64_t dim1, int64_t dim2) {
      return matrix.diagonal(offset, dim1, dim2);
    }),
};

constinit const Op op::vander = {
    .schema = "vander(Tensor x, int? N=None, bool increasing=False) -> Tensor",
    .doc = "Powers of each element, N - 1 down to 0 (or up, if `increasing`), a row for each.",
    .examples = "vander(randn(3))\nvander(randn(4), N=3, increasing=True)",
    .variants = "function-only",
    .compose = run([](const Tensor& x, std::optional<int64_t> count, bool increasing) {
      check(x.dim() == 1, "x must be a one-dimensional tensor.");
      int64_t n = count.value_or(x.size(0));
      check(n >= 0, "N must be non-negative.");
      Tensor rising = powers(x, n);
      return increasing ? rising : rising.flip({1});
    }),
};

constinit const Op op::linalg_vander = {
    .schema = "linalg_vander(Tensor x, *, int? N=None) -> Tensor",
    .doc = "Powers 0 to N - 1 of each element, along a new last dim.",
    .examples = "linalg.vander(randn(3))\nlinalg.vander(randn(2, 4), N=3)",
    .variants = "function-only",
    .compose = run([](const Tensor& x, std::optional<int64_t> count) {
      DType dtype = x.dtype();
      check(dtype != DType::Float16 && dtype != DType::BFloat16 && dtype != DType::Bool,
            "linalg.vander supports floating point, complex, and integer tensors, but got ",
            info(dtype).spoken);
      check(count ? *count > 1 : x.dim() > 0, "N must be greater than 1.");
      return powers(x.dim() ? x : x.reshape({1}), count ? *count : x.size(-1));
    }),
};

}  // namespace rushlight
