// From index tensors to places: bounds, masks, broadcasting, and where PyTorch puts the picked
// dims.

#include "ops/copy.h"
#include "ops/index.h"

#include <rushlight/operators.h>

#include <cstring>

namespace rushlight {

namespace {

Table make_table(int64_t count) { return std::make_unique_for_overwrite<int64_t[]>(size_t(count)); }

bool is_mask(const Tensor& index) {
  return index.dtype() == DType::Bool || index.dtype() == DType::UInt8;
}

/// Writes the offset of every coordinate, in row-major order.
void fill_offsets(std::span<const int64_t> shape, std::span<const int64_t> strides, int64_t* out) {
  *out = 0;
  int64_t filled = 1;
  // From the last dim outwards: each block of offsets repeats, shifted.
  for (size_t d = shape.size(); d-- > 0;) {
    if (shape[d] == 1) continue;
    for (int64_t i = 1; i < shape[d]; ++i) {
      for (int64_t k = 0; k < filled; ++k) out[i * filled + k] = out[k] + i * strides[d];
    }
    filled *= shape[d];
  }
}

}  // namespace

PlaceAxis place_axis(std::span<const int64_t> shape, std::span<const int64_t> strides,
                     Table& table) {
  int64_t count = count_elements(shape), step = 0, expected = 0;
  bool first = true, single = true;
  for (size_t d = shape.size(); d-- > 0;) {
    if (shape[d] == 1) continue;
    if (first) step = expected = strides[d];
    first = false;
    single &= strides[d] == expected;
    expected *= shape[d];
  }
  if (single || count == 0) return {nullptr, step};
  table = make_table(count);
  fill_offsets(shape, strides, table.get());
  return {table.get(), 0};
}

Tensor as_long(const Tensor& index) {
  check_has_values(index, "index");
  Tensor longs = index.dtype() == DType::Int64 ? index : index.to(DType::Int64);
  return longs.contiguous();
}

void check_range(const Tensor& index, int64_t size, int64_t dim, bool negative, ErrorKind kind) {
  std::span<const int64_t> values(index.data<int64_t>(), size_t(index.numel()));
  int64_t bad = find_out_of_range(values, size, negative);
  check(bad < 0, kind, "index ", bad < 0 ? 0 : values[size_t(bad)],
        " is out of bounds for dimension ", dim, " with size ", size);
}

Tensor nonzero_positions(const Tensor& tensor) {
  check_has_values(tensor, "nonzero");
  Tensor source = tensor.contiguous();
  int64_t count = run_count_nonzero(source.dtype(), source.data(), source.numel());
  Tensor room = make_tensor({{count + 1}}, DType::Int64);
  run_nonzero(source.dtype(), source.data(), source.numel(), room.data<int64_t>());
  return view_of(room, Ints(count), Ints{1});
}

void check_no_overlap(const Tensor& written, const Tensor& read) {
  check_overlap(written, read, false);
  check(!may_overlap(written, read),
        "unsupported operation: some elements of the input tensor and the written-to tensor refer "
        "to a single memory location. Please clone() the tensor before performing the operation.");
}

Tensor written_tensor(Call& call, MemoryFormat format) {
  if (!call.destination) return call.arguments[0].tensor().clone(format);
  const Tensor& target = *call.destination;
  if (!call.op.info->may_expand) check_distinct_elements(target);
  // Of the index or the mask; the elements to write are for the operation to check.
  for (uint16_t index : call.op.info->tensor_parameters) {
    if (call.op.info->with_edge >> index & 1) continue;
    const Value& argument = call.arguments[index];
    if (argument.is_tensor()) check_no_overlap(target, argument.tensor());
    if (argument.kind() != Value::Kind::Tensors) continue;
    for (const Tensor& tensor : argument.tensors()) {
      if (tensor.defined()) check_no_overlap(target, tensor);
    }
  }
  return target;
}

PlaceCounts DimIndex::counts(const Tensor& tensor) const {
  if (tensor.dim() == 0) return {1, index_.numel(), 1};
  size_t dim = size_t(dim_);
  return {count_elements(tensor.shape().first(dim)), index_.numel(),
          count_elements(tensor.shape().subspan(dim + 1))};
}

Places DimIndex::sides(const Tensor& tensor, size_t first_table) {
  Places places{tensor.data(), {}, {}, {}};
  if (tensor.dim() == 0) return places;
  size_t dim = size_t(dim_);
  Ints shape = tensor.shape(), strides = tensor.strides();
  places.outer = place_axis(shape.first(dim), strides.first(dim), tables_[first_table]);
  places.inner =
      place_axis(shape.subspan(dim + 1), strides.subspan(dim + 1), tables_[first_table + 1]);
  return places;
}

Places DimIndex::picked(const Tensor& tensor) {
  Places places = sides(tensor, 0);
  size_t count = size_t(index_.numel());
  offsets_ = std::make_unique<int64_t[]>(count);
  int64_t size = tensor.dim() == 0 ? 1 : tensor.size(dim_);
  run_add_index({offsets_.get(), count}, {index_.data<int64_t>(), count}, size,
                tensor.dim() == 0 ? 0 : tensor.stride(dim_));
  places.picked.table = offsets_.get();
  return places;
}

Places DimIndex::all(const Tensor& tensor) {
  Places places = sides(tensor, 2);
  places.picked.step = tensor.dim() == 0 ? 0 : tensor.stride(dim_);
  return places;
}

IndexPlan::IndexPlan(const Tensor& input, Tensors indices)
    : input_(input), outer_(Ints()), inner_(Ints()) {
  size_t dim = 0, ndim = size_t(input.dim()), runs = 0;
  bool in_run = false;
  size_t needed = 0;
  for (const Tensor& index : indices)
    needed += index.defined() && is_mask(index) ? size_t(index.dim()) : 1;
  check(needed <= ndim, ErrorKind::Index, "too many indices for tensor of dimension ", ndim,
        " (got ", needed, ")");
  Geometry rest(Ints{});
  size_t first_picked = 0;
  auto keep = [&](size_t d) {
    rest.shape.push_back(input.shape()[d]);
    rest.strides.push_back(input.strides()[d]);
  };
  for (const Tensor& index : indices) {
    if (!index.defined()) {
      keep(dim++);
      in_run = false;
      continue;
    }
    if (!in_run && ++runs == 1) first_picked = rest.shape.size();
    in_run = true;
    if (is_mask(index)) {
      if (index.dtype() == DType::UInt8)
        warn(
            "indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool "
            "instead.");
      add_mask(index, dim);
      dim += size_t(index.dim());
    } else {
      add_indices(index, dim++);
    }
  }
  while (dim < ndim) keep(dim++);
  if (runs != 1) first_picked = 0;  // indexed dims apart from each other: PyTorch puts them first
  broadcast_parts();
  merge_parts();
  for (size_t d = 0; d < rest.shape.size(); ++d) {
    Geometry& side = d < first_picked ? outer_ : inner_;
    side.shape.push_back(rest.shape[d]);
    side.strides.push_back(rest.strides[d]);
  }
  shape_ = outer_.shape;
  shape_.append(picked_shape_.begin(), picked_shape_.end());
  shape_.append(inner_.shape.begin(), inner_.shape.end());
}

void IndexPlan::add_indices(const Tensor& index, size_t dim) {
  check(index.dtype() == DType::Int64 || index.dtype() == DType::Int32, ErrorKind::Index,
        "tensors used as indices must be long, int, byte or bool tensors (got ",
        info(index.dtype()).name, ")");
  Tensor longs = as_long(index);
  int64_t size = input_.shape()[dim];
  check_range(longs, size, int64_t(dim), true, ErrorKind::Index);
  Tensor offsets = make_tensor(longs.shape(), DType::Int64);
  size_t count = size_t(longs.numel());
  std::fill_n(offsets.data<int64_t>(), count, 0);
  run_add_index({offsets.data<int64_t>(), count}, {longs.data<int64_t>(), count}, size,
                input_.strides()[dim]);
  parts_.push_back({Dims(index.shape()), std::move(offsets)});
}

void IndexPlan::add_mask(const Tensor& mask, size_t dim) {
  Ints shape = input_.shape().subspan(dim, size_t(mask.dim()));
  for (size_t d = 0; d < shape.size(); ++d) {
    check(shape[d] == mask.shape()[d], ErrorKind::Index, "The shape of the mask ",
          to_string(mask.shape()), " at index ", d,
          " does not match the shape of the indexed tensor ", to_string(input_.shape()),
          " at index ", dim + d);
  }
  Tensor offsets = nonzero_positions(mask);
  Table table;
  PlaceAxis axis = place_axis(shape, input_.strides().subspan(dim, size_t(mask.dim())), table);
  int64_t* values = offsets.data<int64_t>();
  if (axis.table || axis.step != 1) {
    for (int64_t i = 0; i < offsets.numel(); ++i) values[i] = axis.at(values[i]);
  }
  parts_.push_back({Dims(offsets.shape()), std::move(offsets)});
}

void IndexPlan::broadcast_parts() {
  auto shapes = [&] {
    std::string text;
    for (const Part& part : parts_) text += (text.empty() ? "" : ", ") + to_string(part.shape);
    return text;
  };
  for (const Part& part : parts_) {
    size_t ndim = std::max(picked_shape_.size(), part.shape.size());
    Dims merged(ndim, 1);
    for (size_t i = 1; i <= ndim; ++i) {
      int64_t a = i <= picked_shape_.size() ? picked_shape_[picked_shape_.size() - i] : 1;
      int64_t b = i <= part.shape.size() ? part.shape[part.shape.size() - i] : 1;
      check(a == b || a == 1 || b == 1, ErrorKind::Index,
            "shape mismatch: indexing tensors could not be broadcast together with shapes ",
            shapes());
      merged[ndim - i] = a == 1 ? b : a;
    }
    picked_shape_ = merged;
  }
}

void IndexPlan::merge_parts() {
  bool one = parts_.size() == 1;
  if (one) {
    offsets_ = parts_[0].offsets;
    return;
  }
  int64_t count = count_elements(picked_shape_);
  offsets_ = make_tensor({{count}}, DType::Int64);
  int64_t* sum = offsets_.data<int64_t>();
  std::fill_n(sum, count, 0);
  for (const Part& part : parts_) {
    Dims strides = broadcast_strides(part.shape, part.offsets.strides(), picked_shape_);
    Table table;
    PlaceAxis axis = place_axis(picked_shape_, strides, table);
    const int64_t* offsets = part.offsets.data<int64_t>();
    for (int64_t i = 0; i < count; ++i) sum[i] += offsets[axis.at(i)];
  }
}

PlaceCounts IndexPlan::counts() const {
  return {count_elements(outer_.shape), count_elements(picked_shape_),
          count_elements(inner_.shape)};
}

Places IndexPlan::places(const Tensor& input) {
  Places places{input.data(), {}, {}, {}};
  places.outer = place_axis(outer_.shape, outer_.strides, tables_[0]);
  places.picked = {offsets_.data<int64_t>(), 0};
  places.inner = place_axis(inner_.shape, inner_.strides, tables_[1]);
  return places;
}

Places IndexPlan::values(const Tensor& values) {
  Dims strides = broadcast_strides(values.shape(), values.strides(), shape_);
  std::span<const int64_t> all(strides);
  size_t a = outer_.shape.size(), b = picked_shape_.size();
  return {values.data(), place_axis(outer_.shape, all.first(a), tables_[2]),
          place_axis(picked_shape_, all.subspan(a, b), tables_[3]),
          place_axis(inner_.shape, all.subspan(a + b), tables_[4])};
}

}  // namespace rushlight
