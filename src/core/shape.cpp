#include <rushlight/shape.h>

namespace rushlight {

ShapeText::operator std::string() const {
  std::string text(open_);
  for (size_t i = 0; i < shape_.size(); ++i) {
    if (i) text += separator_;
    text += std::to_string(shape_[i]);
  }
  return text += close_;
}

int64_t count_elements(std::span<const int64_t> shape) {
  int64_t count = 1;
  bool overflow = false, empty = false;
  for (int64_t size : shape) {
    check(size >= 0, "Trying to create tensor with negative dimension ", size, ": ",
          to_string(shape));
    empty |= size == 0;
    overflow |= __builtin_mul_overflow(count, size, &count);
  }
  if (empty) return 0;
  check(!overflow, "Storage size calculation overflowed with sizes=", to_string(shape));
  return count;
}

Dims contiguous_strides(std::span<const int64_t> shape) {
  Dims strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) {
    strides[i - 1] = strides[i] * std::max<int64_t>(shape[i], 1);
  }
  return strides;
}

bool is_contiguous(std::span<const int64_t> shape, std::span<const int64_t> strides) {
  int64_t expected = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] == 0) return true;
    if (shape[i] != 1 && strides[i] != expected) expected = -1;
    if (expected > 0) expected *= shape[i];
  }
  return expected > 0;
}

int64_t wrap_dim(int64_t dim, int64_t ndim) {
  int64_t range = ndim == 0 ? 1 : ndim;
  check(dim >= -range && dim < range, ErrorKind::Index,
        "Dimension out of range (expected to be in range of [", -range, ", ", range - 1,
        "], but got ", dim, ")");
  return dim < 0 ? dim + range : dim;
}

Dims wrap_dims(std::span<const int64_t> dims, int64_t ndim, bool empty_is_all) {
  Dims chosen(size_t(std::max<int64_t>(ndim, 1)), dims.empty() && empty_is_all);
  for (int64_t dim : dims) {
    int64_t& flag = chosen[size_t(wrap_dim(dim, ndim))];
    check(!flag, "dim ", wrap_dim(dim, ndim), " appears multiple times in the list of dims");
    flag = true;
  }
  chosen.resize(size_t(ndim));
  return chosen;
}

Dims broadcast_shapes(std::span<const int64_t> a, std::span<const int64_t> b) {
  size_t ndim = std::max(a.size(), b.size());
  Dims result(ndim);
  for (size_t i = ndim; i-- > 0;) {  // from the last dim, which the message then names first
    size_t from_end = ndim - i;
    int64_t size_a = from_end <= a.size() ? a[a.size() - from_end] : 1;
    int64_t size_b = from_end <= b.size() ? b[b.size() - from_end] : 1;
    check(size_a == size_b || size_a == 1 || size_b == 1, "The size of tensor a (", size_a,
          ") must match the size of tensor b (", size_b, ") at non-singleton dimension ", i,
          " (shapes ", to_string(a), " and ", to_string(b), ")");
    result[i] = size_a == 1 ? size_b : size_a;
  }
  return result;
}

Dims broadcast_strides(std::span<const int64_t> shape, std::span<const int64_t> strides,
                       std::span<const int64_t> target) {
  Dims result(target.size(), 0);
  size_t lead = target.size() - shape.size();
  for (size_t i = 0; i < shape.size(); ++i) {
    result[lead + i] = shape[i] == 1 && target[lead + i] != 1 ? 0 : strides[i];
  }
  return result;
}

Dims infer_shape(std::span<const int64_t> requested, int64_t elements) {
  Dims shape(requested);
  int64_t known = 1;
  bool overflow = false, empty = false;
  int unknown = -1;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == -1) {
      check(unknown < 0, "only one dimension can be inferred");
      unknown = int(i);
    } else {
      check(shape[i] >= 0, "invalid shape dimension ", shape[i]);
      empty |= shape[i] == 0;
      overflow |= __builtin_mul_overflow(known, shape[i], &known);
    }
  }
  if (empty) known = 0;
  bool fits = unknown < 0 ? known == elements : known > 0 ? elements % known == 0 : elements == 0;
  check(fits && (empty || !overflow), "shape '", to_string(requested),
        "' is invalid for input of size ", elements);
  if (unknown >= 0) {
    check(known != 0, "cannot reshape tensor of 0 elements into shape ", to_string(requested),
          " because the unspecified dimension size -1 can be any value and is ambiguous");
    shape[size_t(unknown)] = elements / known;
  }
  return shape;
}

bool view_strides(std::span<const int64_t> old_shape, std::span<const int64_t> old_strides,
                  std::span<const int64_t> shape, Dims& strides) {
  if (count_elements(shape) == 0) {
    if (same(old_shape, shape))
      strides.assign(old_strides.begin(), old_strides.end());
    else
      strides = contiguous_strides(shape);
    return true;
  }
  strides.clear();
  strides.resize(shape.size());
  // Walk from the last dim: each run of old dims that is laid out evenly must be filled exactly.
  size_t next = shape.size();
  int64_t chunk_stride = old_shape.empty() ? 1 : old_strides.back();
  int64_t old_elements = 1, new_elements = 1;
  for (size_t i = old_shape.size(); i-- > 0;) {
    old_elements *= old_shape[i];
    bool chunk_ends =
        i == 0 || (old_shape[i - 1] != 1 && old_strides[i - 1] != old_elements * chunk_stride);
    if (!chunk_ends) continue;
    while (next > 0 && (new_elements < old_elements || shape[next - 1] == 1)) {
      strides[next - 1] = new_elements * chunk_stride;
      new_elements *= shape[next - 1];
      --next;
    }
    if (new_elements != old_elements) return false;
    if (i > 0) {
      chunk_stride = old_strides[i - 1];
      old_elements = new_elements = 1;
    }
  }
  while (next > 0) strides[--next] = 1;  // a zero-dim tensor seen with dims of size 1
  return true;
}

}  // namespace rushlight
