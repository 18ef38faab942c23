// Tensors brought to one shape, and combinations of vectors.

#include <rushlight/operators.h>

#include "ops/pointwise.h"
#include "ops/view.h"

namespace rushlight {

namespace {

std::vector<Tensor> grids(Tensors tensors, bool swap_first_two) {
  check(!tensors.empty(), "meshgrid expects a non-empty TensorList");
  size_t count = tensors.size();
  Dims shape;
  for (const Tensor& tensor : tensors) {
    check(tensor.dim() <= 1,
          "torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got a ", tensor.dim(),
          "D tensor of shape ", to_string(tensor.shape()));
    check(tensor.dtype() == tensors[0].dtype(),
          "meshgrid expects all tensors to have the same dtype");
    shape.push_back(tensor.numel());
  }
  bool swap = swap_first_two && count > 1;
  if (swap) std::swap(shape[0], shape[1]);
  std::vector<Tensor> result;
  for (size_t i = 0; i < count; ++i) {
    size_t dim = swap && i < 2 ? 1 - i : i;
    Dims view(count, 1);
    view[dim] = tensors[i].numel();
    result.push_back(tensors[i].view(view).expand(Ints(shape)));
  }
  return result;
}

constexpr auto mesh = [](Tensors tensors, std::optional<std::string_view> indexing) {
  static WarnOnce warn_once;
  if (!indexing)
    warn_once(
        "torch.meshgrid: in an upcoming release, it will be required to pass the indexing "
        "argument.");
  check(!indexing || *indexing == "ij" || *indexing == "xy",
        "torch.meshgrid: indexing must be one of \"xy\" or \"ij\", but received: ",
        indexing.value_or(""));
  return grids(tensors, indexing && *indexing == "xy");
};

/// Where each block begins; the last entry is the shape of the whole.
std::vector<std::pair<int64_t, int64_t>> block_corners(std::span<const autograd::Meta> blocks) {
  std::vector<std::pair<int64_t, int64_t>> corners = {{0, 0}};
  for (const autograd::Meta& block : blocks) {
    auto [row, column] = corners.back();
    const Dims& shape = block.shape;
    corners.push_back(
        {row + (shape.size() < 2 ? 1 : shape[0]), column + (shape.empty() ? 1 : shape.back())});
  }
  return corners;
}

constexpr auto blocks_on_diagonal = [](Tensors tensors) -> Tensor {
  std::vector<autograd::Meta> metas;
  Promotion promotion;
  for (size_t i = 0; i < tensors.size(); ++i) {
    check(tensors[i].dim() <= 2,
          "torch.block_diag: Input tensors must have 2 or fewer dimensions. "
          "Input ",
          i, " has ", tensors[i].dim(), " dimensions");
    metas.emplace_back(tensors[i]);
    promotion.add(tensors[i]);
  }
  if (tensors.empty()) return rushlight::zeros({1, 0});
  auto corners = block_corners(metas);
  Tensor result = rushlight::zeros({corners.back().first, corners.back().second},
                                   promotion.result(), tensors[0].device());
  for (size_t i = 0; i < tensors.size(); ++i) {
    Geometry block(result);
    block.offset += corners[i].first * block.strides[0] + corners[i].second;
    block.shape = {corners[i + 1].first - corners[i].first,
                   corners[i + 1].second - corners[i].second};
    copy_elements(block.of(result), tensors[i]);
  }
  return result;
};

void block_diag_backward(Backward& b) {
  auto corners = block_corners(b.metas("tensors"));
  b.wrt_each("tensors", [&](size_t i) {
    auto [row, column] = corners[i];
    auto [next_row, next_column] = corners[i + 1];
    return b.grad()
        .narrow(0, row, next_row - row)
        .narrow(1, column, next_column - column)
        .reshape(b.metas("tensors")[i].shape);
  });
}

}  // namespace

constinit const Op op::broadcast_tensors = {
    .schema = "broadcast_tensors(Tensor[] tensors) -> Tensor[]",
    .doc = "All tensors expanded to the shape to which they broadcast.",
    .examples = "broadcast_tensors(randn(3, 1), randn(4))",
    .variants = "varargs",
    .compose = run([](Tensors tensors) {
      Dims shape;
      for (const Tensor& tensor : tensors) shape = broadcast_shapes(shape, tensor.shape());
      std::vector<Tensor> result;
      for (const Tensor& tensor : tensors)
        result.push_back(same(tensor.shape(), shape) ? tensor : tensor.expand(Ints(shape)));
      return result;
    }),
};

constinit const Op op::meshgrid = {
    .schema = "meshgrid(Tensor[] tensors, *, str? indexing=None) -> Tensor[]",
    .doc =
        "The coordinates of a grid whose axes are the vectors given: axis i is dim i ('ij'), or "
        "the first two exchanged ('xy').",
    .examples =
        "meshgrid(randn(3), randn(4), indexing='ij')\n"
        "meshgrid(randn(3), randn(4), indexing='xy')",
    .variants = "varargs",
    .compose = run(mesh),
};

constinit const Op op::block_diag = {
    .schema = "block_diag(Tensor[] tensors) -> Tensor",
    .doc = "The matrices along the diagonal of a larger one, zeros elsewhere.",
    .examples = "block_diag(randn(2, 3), randn(2), tensor(1.))",
    .variants = "varargs",
    .forward = run(blocks_on_diagonal),
    .backward = block_diag_backward,
};

constinit const Op op::cartesian_prod = {
    .schema = "cartesian_prod(Tensor[] tensors) -> Tensor",
    .doc = "All tuples with one element from each vector, a tuple a row.",
    .examples = "cartesian_prod(randn(2), randn(3))\ncartesian_prod(randn(3))",
    .variants = "varargs",
    .compose = run([](Tensors tensors) {
      for (const Tensor& tensor : tensors)
        check(tensor.dim() == 1, "Expect a 1D vector, but got shape ", to_string(tensor.shape()));
      if (tensors.size() == 1) return tensors[0];
      std::vector<Tensor> columns;
      for (const Tensor& grid : grids(tensors, false)) columns.push_back(grid.flatten());
      return rushlight::stack(columns, 1);
    }),
};

constinit const Op op::combinations = {
    .schema = "combinations(Tensor input, int r=2, bool with_replacement=False) -> Tensor",
    .doc = "All choices of `r` elements of a vector, in order, a choice a row.",
    .examples =
        "combinations(randn(4))\n"
        "combinations(randn(3), r=3, with_replacement=True)",
    .compose = run([](const Tensor& input, int64_t r, bool with_replacement) {
      check(input.dim() == 1, "Expect a 1D vector, but got shape ", to_string(input.shape()));
      check(r >= 0, "Expect a non-negative number, but got ", r);
      if (r == 0) return rushlight::empty(0, input.dtype());
      int64_t count = input.numel(), step = with_replacement ? 0 : 1;
      std::vector<int64_t> chosen, rows;
      for (int64_t i = 0; i < r; ++i) chosen.push_back(i * step);
      bool more = count > chosen.back();
      while (more) {
        rows.insert(rows.end(), chosen.begin(), chosen.end());
        int64_t place = r - 1;
        while (place >= 0 && chosen[size_t(place)] == count - 1 - (r - 1 - place) * step) --place;
        more = place >= 0;
        for (int64_t i = place, next = more ? chosen[size_t(place)] + 1 : 0; more && i < r; ++i) {
          chosen[size_t(i)] = next;
          next += step;
        }
      }
      Tensor index = make_tensor({{int64_t(rows.size())}}, DType::Int64);
      std::copy(rows.begin(), rows.end(), index.data<int64_t>());
      return input.index_select(0, index).view({int64_t(rows.size()) / r, r});
    }),
};

}  // namespace rushlight
