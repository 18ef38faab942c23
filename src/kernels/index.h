#pragma once
// Moving elements between places that tables of indices name. All single-order: where places
// repeat, later elements win or add to what earlier ones left, whatever the number of threads.

#include <cstdint>
#include <span>

#include "kernels/operand.h"

namespace rushlight {

/// One coordinate of a place, in elements: table[i] if there is a table, else i * step.
struct PlaceAxis {
  const int64_t* table = nullptr;
  int64_t step = 0;
  int64_t at(int64_t i) const { return table ? table[i] : i * step; }
};

/// Places data[outer.at(i) + picked.at(j) + inner.at(k)]. A row gather x[index] picks `index * row`
/// and has an inner step of 1.
struct Places {
  void* data;
  PlaceAxis outer, picked, inner;
};

struct PlaceCounts {
  int64_t outer, picked, inner;
};

/// to = from, element by element of `item` bytes (1, 2, 4 or 8). `distinct`: no place of `to`
/// repeats.
void run_move_places(int64_t item, PlaceCounts counts, const Places& to, const Places& from,
                     bool distinct);
/// to += from (or, for bool, to |= from).
void run_add_places(DType dtype, PlaceCounts counts, const Places& to, const Places& from);

/// Finds the first of `indices` outside [0, size), or [-size, size) if they may count from the end;
/// -1 if there is none.
int64_t find_out_of_range(std::span<const int64_t> indices, int64_t size, bool from_end);

/// places[i] += stride * index, where negative indices count from the end of `size`.
void run_add_index(std::span<int64_t> places, std::span<const int64_t> indices, int64_t size,
                   int64_t stride);

/// Number of elements that are not zero, of `count` contiguous ones.
int64_t run_count_nonzero(DType dtype, const void* data, int64_t count);
/// Their positions, in order; `positions` has room for one more than there are.
void run_nonzero(DType dtype, const void* data, int64_t count, int64_t* positions);

/// result[i] = source[i with coordinate `dim` replaced by index[i]], over the shape of `index`.
/// `source` has stride 0 along `dim`, where it moves by `stride` instead; `index` is int64 and
/// within [0, size).
void run_gather(std::span<const int64_t> shape, const Operand& result, const Operand& index,
                const Operand& source, int64_t stride);

enum class ScatterMode : uint8_t { Assign, Add, Multiply, Max, Min };

/// The other way round: target[i with coordinate `dim` replaced by index[i]] = or op= source[i].
/// `target` and `source` have the same dtype.
void run_scatter(ScatterMode mode, std::span<const int64_t> shape, const Operand& target,
                 int64_t stride, const Operand& index, const Operand& source);

}  // namespace rushlight
