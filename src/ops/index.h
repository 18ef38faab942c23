#pragma once
// What indexing operations share: from index tensors to the places of elements.

#include "kernels/index.h"
#include "ops/pointwise.h"
#include "ops/view.h"

namespace rushlight {

/// A table of int64, uninitialised.
using Table = std::unique_ptr<int64_t[]>;

/// The places that row-major coordinates over (`shape`, `strides`) reach; `table` keeps them if no
/// single step does.
PlaceAxis place_axis(std::span<const int64_t> shape, std::span<const int64_t> strides,
                     Table& table);

/// `x[indices]`: an undefined index takes its whole dim, a mask covers as many dims as it has.
class IndexPlan {
 public:
  /// Checks dtypes, mask shapes, broadcasting and ranges; throws PyTorch's IndexErrors.
  IndexPlan(const Tensor& input, Tensors indices);

  const Dims& shape() const { return shape_; }  ///< of the result
  PlaceCounts counts() const;
  /// The indexed elements of the tensor itself …
  Places places(const Tensor& input);
  /// … and those of a tensor of, or broadcast to, the result's shape.
  Places values(const Tensor& values);

 private:
  void add_indices(const Tensor& index, size_t dim);
  void add_mask(const Tensor& mask, size_t dim);
  void broadcast_parts();
  void merge_parts();

  /// What one index contributes: offsets of shape `shape`.
  struct Part {
    Dims shape;
    Tensor offsets;
  };

  const Tensor& input_;
  SmallVector<Part, 2> parts_;
  Dims picked_shape_, shape_;
  Geometry outer_, inner_;  // the dims that are not indexed, before and after the picked ones
  Tensor offsets_;
  Table tables_[6];
};

/// The index as contiguous int64 values.
Tensor as_long(const Tensor& index);

/// Throws PyTorch's error unless all indices are in [-size, size), or [0, size).
void check_range(const Tensor& index, int64_t size, int64_t dim, bool negative, ErrorKind kind);

/// Positions of the elements that are not zero, in row-major order.
Tensor nonzero_positions(const Tensor& tensor);

/// Throws PyTorch's error if `written` and `read` share elements.
void check_no_overlap(const Tensor& written, const Tensor& read);

/// The tensor that a writing operation writes: the destination of `op_`, else a copy of the input.
Tensor written_tensor(Call& call, MemoryFormat format);

/// Indices into one dim of several tensors.
class DimIndex {
 public:
  /// `index`: contiguous int64, within the size of that dim (negative from its end).
  DimIndex(const Tensor& index, int64_t dim) : index_(index), dim_(dim) {}

  PlaceCounts counts(const Tensor& tensor) const;
  /// The elements at the indices …
  Places picked(const Tensor& tensor);
  /// … and those of a tensor that has one index of the dim for each of them.
  Places all(const Tensor& tensor);

 private:
  Places sides(const Tensor& tensor, size_t first_table);

  Tensor index_;
  int64_t dim_;
  Table offsets_, tables_[4];
};

/// Forward of an operation that changes its first argument: `F{}(target, arguments...)`. Nothing
/// may be written before everything is checked.
template <MemoryFormat format, class F, class R, class... Parameters>
struct Writer {
  template <size_t... I>
  static void invoke(Call& call, std::index_sequence<I...>) {
    Tensor target = written_tensor(call, format);
    using Run = Runner<R (F::*)(const Tensor&, Parameters...) const>;
    F{}(target, Run::template argument<Parameters>(call.arguments[I + 1])...);
    call.results.tensors.push_back(std::move(target));
  }
  static void forward(Call& call) { invoke(call, std::index_sequence_for<Parameters...>()); }
};
template <MemoryFormat format, class F, class R, class... Parameters>
Writer<format, F, R, Parameters...> writer_of(R (F::*)(const Tensor&, Parameters...) const);

/// The copy that the operation without `_` makes has the layout of its input.
template <class F>
consteval Forward write(F) {
  return &decltype(writer_of<MemoryFormat::Preserve>(&F::operator()))::forward;
}
/// It is laid out in row-major order.
template <class F>
consteval Forward write_row_major(F) {
  return &decltype(writer_of<MemoryFormat::Contiguous>(&F::operator()))::forward;
}

}  // namespace rushlight
