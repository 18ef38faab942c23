// Gathers and scatters by tables of places.

#include "kernels/index.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/nd_loop.h"
#include "runtime/parallel.h"

namespace rushlight {
namespace {

constexpr int64_t kElementsPerChunk = 1 << 15;

int64_t rows_per_chunk(int64_t row) {
  return std::max<int64_t>(1, kElementsPerChunk / std::max<int64_t>(row, 1));
}

/// Calls `function` with an unsigned integer type of `item` bytes.
template <class Function>
void dispatch_size(int64_t item, Function&& function) {
  switch (item) {
    case 1: return function(CppType<uint8_t>{});
    case 2: return function(CppType<uint16_t>{});
    case 4: return function(CppType<uint32_t>{});
    default: return function(CppType<uint64_t>{});
  }
}

/// combine(to, from) along one row.
template <class T, class Combine>
void walk_row(T* to, const PlaceAxis& to_axis, const T* from, const PlaceAxis& from_axis, int64_t n,
              Combine combine) {
  if (to_axis.table && from_axis.table) {
    for (int64_t i = 0; i < n; ++i) combine(to[to_axis.table[i]], from[from_axis.table[i]]);
  } else if (to_axis.table) {
    int64_t step = from_axis.step;
    for (int64_t i = 0; i < n; ++i) combine(to[to_axis.table[i]], from[i * step]);
  } else if (from_axis.table) {
    int64_t step = to_axis.step;
    for (int64_t i = 0; i < n; ++i) combine(to[i * step], from[from_axis.table[i]]);
  } else {
    int64_t to_step = to_axis.step, from_step = from_axis.step;
    if (to_step == 1 && from_step == 1) {
      for (int64_t i = 0; i < n; ++i) combine(to[i], from[i]);
    } else {
      for (int64_t i = 0; i < n; ++i) combine(to[i * to_step], from[i * from_step]);
    }
  }
}

/// A row of one element each is no row: the picked places become the row instead.
void turn_rows(PlaceCounts& counts, Places& to, Places& from) {
  if (counts.inner != 1) return;
  counts.inner = counts.picked;
  counts.picked = 1;
  for (Places* places : {&to, &from}) std::swap(places->inner, places->picked);
}

template <class Row>
void for_rows(const PlaceCounts& counts, const Places& to, const Places& from, bool parallel,
              Row row) {
  int64_t rows = counts.outer * counts.picked;
  auto chunk = [&](int64_t begin, int64_t end) {
    int64_t i = begin / counts.picked, j = begin % counts.picked;
    for (int64_t r = begin; r < end; ++r) {
      row(to.outer.at(i) + to.picked.at(j), from.outer.at(i) + from.picked.at(j));
      if (++j == counts.picked) j = 0, ++i;
    }
  };
  if (parallel)
    parallel_for(rows, rows_per_chunk(counts.inner), chunk);
  else
    chunk(0, rows);
}

bool is_run(const PlaceAxis& axis) { return !axis.table && axis.step == 1; }

/// One row that is all there is, cut into chunks.
template <class T>
void move_long_row(T* to, const PlaceAxis& to_axis, const T* from, const PlaceAxis& from_axis,
                   int64_t n) {
  auto from_here = [](const PlaceAxis& axis, int64_t begin) {
    return axis.table ? PlaceAxis{axis.table + begin, 0} : axis;
  };
  parallel_for(n, kElementsPerChunk, [&](int64_t begin, int64_t end) {
    walk_row(to + (to_axis.table ? 0 : begin * to_axis.step), from_here(to_axis, begin),
             from + (from_axis.table ? 0 : begin * from_axis.step), from_here(from_axis, begin),
             end - begin, [](T& a, const T& b) { a = b; });
  });
}

}  // namespace

void run_move_places(int64_t item, PlaceCounts counts, const Places& target, const Places& source,
                     bool distinct) {
  if (counts.outer * counts.picked * counts.inner == 0) return;
  Places to = target, from = source;
  turn_rows(counts, to, from);
  dispatch_size(item, [&]<class T>(CppType<T>) {
    T* to_data = static_cast<T*>(to.data);
    const T* from_data = static_cast<const T*>(from.data);
    bool runs = is_run(to.inner) && is_run(from.inner);
    if (distinct && counts.outer == 1 && counts.picked == 1 && !runs) {
      move_long_row(to_data + to.outer.at(0) + to.picked.at(0), to.inner,
                    from_data + from.outer.at(0) + from.picked.at(0), from.inner, counts.inner);
      return;
    }
    for_rows(counts, to, from, distinct, [&](int64_t a, int64_t b) {
      if (runs) {
        std::memcpy(to_data + a, from_data + b, size_t(counts.inner) * sizeof(T));
      } else {
        walk_row(to_data + a, to.inner, from_data + b, from.inner, counts.inner,
                 [](T& x, const T& y) { x = y; });
      }
    });
  });
}

void run_add_places(DType dtype, PlaceCounts counts, const Places& target, const Places& source) {
  if (counts.outer * counts.picked * counts.inner == 0) return;
  Places to = target, from = source;
  turn_rows(counts, to, from);
  dispatch(dtype, [&]<class T>(CppType<T>) {
    T* to_data = static_cast<T*>(to.data);
    const T* from_data = static_cast<const T*>(from.data);
    for_rows(counts, to, from, false, [&](int64_t a, int64_t b) {
      walk_row(to_data + a, to.inner, from_data + b, from.inner, counts.inner,
               [](T& x, const T& y) { x = T(x + y); });
    });
  });
}

int64_t find_out_of_range(std::span<const int64_t> indices, int64_t size, bool from_end) {
  int64_t lowest = from_end ? -size : 0;
  uint64_t bad = 0;  // without a branch, so that the loop runs in vectors
  for (int64_t index : indices) bad |= uint64_t(index - lowest) | uint64_t(size - 1 - index);
  if (!(bad >> 63)) return -1;
  auto outside = [&](int64_t index) { return index < lowest || index >= size; };
  return std::find_if(indices.begin(), indices.end(), outside) - indices.begin();
}

void run_add_index(std::span<int64_t> places, std::span<const int64_t> indices, int64_t size,
                   int64_t stride) {
  for (size_t i = 0; i < indices.size(); ++i) {
    int64_t wrapped = indices[i] + ((indices[i] >> 63) & size);
    places[i] += wrapped * stride;
  }
}

int64_t run_count_nonzero(DType dtype, const void* data, int64_t count) {
  return dispatch(dtype, [&]<class T>(CppType<T>) {
    const T* from = static_cast<const T*>(data);
    int64_t total = 0;
    if constexpr (sizeof(T) == 1) {
      // Sums of bytes in blocks short enough for 8 bits.
      const auto* bytes = static_cast<const uint8_t*>(data);
      for (int64_t i = 0; i < count; i += 255) {
        uint8_t block = 0;
        for (int64_t k = i; k < std::min(i + 255, count); ++k) block += bytes[k] != 0;
        total += block;
      }
    } else {
      for (int64_t i = 0; i < count; ++i) total += from[i] != T(0);
    }
    return total;
  });
}

void run_nonzero(DType dtype, const void* data, int64_t count, int64_t* positions) {
  dispatch(dtype, [&]<class T>(CppType<T>) {
    const T* from = static_cast<const T*>(data);
    int64_t* next = positions;
    for (int64_t i = 0; i < count; ++i) {
      *next = i;
      next += from[i] != T(0);
    }
  });
}

namespace {

/// Calls row(cursor pointers, n) for the rows of [begin, end).
template <class Row>
void walk(const NdLoop& loop, int64_t begin, int64_t end, Row row) {
  NdCursor cursor(loop, begin);
  for (int64_t done = begin; done < end;) {
    int64_t n = std::min(loop.sizes[0] - cursor.column, end - done);
    char* at[3];
    for (int o = 0; o < 3; ++o) at[o] = cursor.row[o] + cursor.column * loop.strides[o][0];
    row(at, n);
    done += n;
    cursor.next_row();
  }
}

/// One row of a scatter; `combine` takes what is there and what comes.
template <class T, class Combine>
void scatter_rows(const NdLoop& loop, int64_t stride, Combine combine) {
  int64_t index_step = loop.strides[0][0], source_step = loop.strides[1][0];
  int64_t target_step = loop.strides[2][0];
  walk(loop, 0, loop.count, [=](char* const* at, int64_t n) {
    const char *index = at[0], *source = at[1];
    char* target = at[2];
    for (int64_t i = 0; i < n; ++i) {
      T& to = reinterpret_cast<T*>(target)[*reinterpret_cast<const int64_t*>(index) * stride];
      to = combine(to, *reinterpret_cast<const T*>(source));
      index += index_step;
      source += source_step;
      target += target_step;
    }
  });
}

}  // namespace

void run_gather(std::span<const int64_t> shape, const Operand& result, const Operand& index,
                const Operand& source, int64_t stride) {
  const Operand operands[] = {result, index, source};
  NdLoop loop(shape, operands);
  int64_t result_step = loop.strides[0][0], index_step = loop.strides[1][0];
  int64_t source_step = loop.strides[2][0];
  dispatch_size(size_of(result.dtype), [&]<class T>(CppType<T>) {
    parallel_for(loop.count, kElementsPerChunk, [&](int64_t begin, int64_t end) {
      walk(loop, begin, end, [=](char* const* at, int64_t n) {
        char* to = at[0];
        const char *picked = at[1], *from = at[2];
        for (int64_t i = 0; i < n; ++i) {
          *reinterpret_cast<T*>(to) =
              reinterpret_cast<const T*>(from)[*reinterpret_cast<const int64_t*>(picked) * stride];
          to += result_step;
          picked += index_step;
          from += source_step;
        }
      });
    });
  });
}

void run_scatter(ScatterMode mode, std::span<const int64_t> shape, const Operand& target,
                 int64_t stride, const Operand& index, const Operand& source) {
  // The index leads, so that the loop follows it in memory order. Elements that meet in one place
  // meet in the order of `dim`, since every dim is walked upwards.
  const Operand operands[] = {index, source, target};
  NdLoop loop(shape, operands);
  dispatch(target.dtype, [&]<class T>(CppType<T>) {
    switch (mode) {
      case ScatterMode::Assign: return scatter_rows<T>(loop, stride, [](T, T b) { return b; });
      case ScatterMode::Add:
        return scatter_rows<T>(loop, stride, [](T a, T b) { return T(a + b); });
      case ScatterMode::Multiply:
        return scatter_rows<T>(loop, stride, [](T a, T b) { return T(a * b); });
      case ScatterMode::Max:
        return scatter_rows<T>(loop, stride, [](T a, T b) { return b > a || b != b ? b : a; });
      default:
        return scatter_rows<T>(loop, stride, [](T a, T b) { return b < a || b != b ? b : a; });
    }
  });
}

}  // namespace rushlight
