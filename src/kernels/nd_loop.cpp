#include "kernels/nd_loop.h"

#include <algorithm>
#include <cstdlib>

#include "rushlight/error.h"

namespace rushlight {
namespace {

/// Whether dim `a` should lie inside dim `b`: the first operand whose strides tell decides.
bool inside(const NdLoop& loop, int a, int b) {
  for (int o = 0; o < loop.operands; ++o) {
    int64_t x = std::abs(loop.strides[o][a]), y = std::abs(loop.strides[o][b]);
    if (x != 0 && y != 0 && x != y) return x < y;
  }
  return false;
}

void swap_dims(NdLoop& loop, int a, int b) {
  std::swap(loop.sizes[a], loop.sizes[b]);
  for (int o = 0; o < loop.operands; ++o) std::swap(loop.strides[o][a], loop.strides[o][b]);
}

void sort_dims(NdLoop& loop) {
  for (int i = 1; i < loop.rank; ++i)
    for (int d = i; d > 0 && inside(loop, d, d - 1); --d) swap_dims(loop, d, d - 1);
}

bool can_merge(const NdLoop& loop, int inner, int outer) {
  for (int o = 0; o < loop.operands; ++o)
    if (loop.strides[o][outer] != loop.strides[o][inner] * loop.sizes[inner]) return false;
  return true;
}

void merge_dims(NdLoop& loop) {
  int last = 0;
  for (int d = 1; d < loop.rank; ++d) {
    if (can_merge(loop, last, d)) {
      loop.sizes[last] *= loop.sizes[d];
      continue;
    }
    ++last;
    loop.sizes[last] = loop.sizes[d];
    for (int o = 0; o < loop.operands; ++o) loop.strides[o][last] = loop.strides[o][d];
  }
  if (loop.rank > 0) loop.rank = last + 1;
}

}  // namespace

NdLoop::NdLoop(std::span<const int64_t> shape, std::span<const Operand> list, bool sorted)
    : rank(0), operands(int(list.size())), count(1) {
  check(shape.size() <= size_t(kMaxRank), "only tensors with up to ", kMaxRank,
        " dims are supported; got ", shape.size());
  for (int o = 0; o < operands; ++o) data[o] = static_cast<char*>(list[size_t(o)].data);
  for (size_t d = shape.size(); d-- > 0;) {
    count *= shape[d];
    if (shape[d] == 1) continue;
    sizes[rank] = shape[d];
    for (int o = 0; o < operands; ++o)
      strides[o][rank] = list[size_t(o)].strides[d] * size_of(list[size_t(o)].dtype);
    ++rank;
  }
  if (rank > 1) {
    if (sorted) sort_dims(*this);
    merge_dims(*this);
  }
  if (rank == 0) {  // one element is a loop of one
    rank = 1;
    sizes[0] = 1;
    for (int o = 0; o < operands; ++o) strides[o][0] = size_of(list[size_t(o)].dtype);
  }
}

bool NdLoop::is_linear(int o, int64_t element_size) const {
  int64_t expected = element_size;
  for (int d = 0; d < rank; ++d) {
    if (strides[o][d] != expected) return false;
    expected *= sizes[d];
  }
  return true;
}

bool NdLoop::is_scalar(int o) const {
  return std::all_of(strides[o], strides[o] + rank, [](int64_t stride) { return stride == 0; });
}

NdCursor::NdCursor(const NdLoop& over, int64_t linear) : loop(over) {
  column = linear % loop.sizes[0];
  linear /= loop.sizes[0];
  std::copy_n(loop.data, loop.operands, row);
  for (int d = 1; d < loop.rank; ++d) {
    index[d] = linear % loop.sizes[d];
    linear /= loop.sizes[d];
    for (int o = 0; o < loop.operands; ++o) row[o] += index[d] * loop.strides[o][d];
  }
}

void NdCursor::next_row(int64_t rows) {
  column = 0;
  for (int d = 1; d < loop.rank; ++d, rows = 1) {
    for (int o = 0; o < loop.operands; ++o) row[o] += rows * loop.strides[o][d];
    if ((index[d] += rows) < loop.sizes[d]) return;
    index[d] = 0;
    for (int o = 0; o < loop.operands; ++o) row[o] -= loop.strides[o][d] * loop.sizes[d];
  }
}

}  // namespace rushlight
