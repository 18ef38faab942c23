#pragma once
// What embedding and embedding_bag share.

#include <rushlight/tensor.h>

#include <optional>

namespace rushlight {

/// Scales the rows of `weight` that `indices` name, where their norm of order `norm_type` is above
/// `max_norm`, down to it. Nothing is recorded.
void renormalise_rows(const Tensor& weight, const Tensor& indices, double max_norm,
                      double norm_type);

/// The number of the padding row counted from the front, -1 for none. AssertionError if there is no
/// such row.
int64_t padding_row(std::optional<int64_t> padding, int64_t rows);

}  // namespace rushlight
