// How a CPU reduces strided tensors. Two shapes of work: rows (the innermost dim is reduced: one
// state for each output) and columns (the innermost dim is kept: rows are combined elementwise).
// Both are cut into tasks by the shape alone; states of one output are merged in order.

#include "kernels/reduce.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "cpu/loops.h"
#include "cpu/reducers.h"
#include "cpu/tile.h"
#include "kernels/nd_loop.h"
#include "runtime/parallel.h"
#include "rushlight/error.h"

namespace rushlight {
namespace {

using cpu::kColumns;
using cpu::kColumnState;
using cpu::kMaxElement;
using cpu::kRowState;
using cpu::kTile;
using cpu::Reducer;

constexpr int64_t kChunk = 128 << 10;  // elements that make a task worth a thread
constexpr int64_t kPackedRows = 8;     // rows of a tile of columns
constexpr int64_t kShortRow = 32;      // shorter rows are better seen as columns

enum Part { kInput, kOutput, kSecond, kPosition };  // operands of the loop

/// Some dims of the loop, walked as one: innermost first.
struct Space {
  void add(int dim, int64_t size) {
    dims[rank] = dim;
    sizes[rank++] = size;
    count *= size;
  }
  /// The offset of element `linear` for operand `part`, in bytes (positions: in elements).
  int64_t offset(const NdLoop& loop, Part part, int64_t linear) const {
    int64_t at = 0;
    for (int i = 0; i < rank; ++i) {
      at += linear % sizes[i] * loop.strides[part][dims[i]];
      linear /= sizes[i];
    }
    return at;
  }
  int rank = 0;
  int dims[NdLoop::kMaxRank];
  int64_t sizes[NdLoop::kMaxRank];
  int64_t count = 1;
};

const Reducer* find_reducer(Reduction reduction, DType compute, bool indices) {
  const Reducer* reducer = cpu::find_sum(reduction, compute);
  if (!reducer) reducer = cpu::find_extreme(reduction, compute, indices);
  if (!reducer)
    fail(ErrorKind::NotImplemented, "this reduction is not implemented for '", info(compute).spoken,
         "'");
  return reducer;
}

class Reduce {
 public:
  /// `positions`: the reducer needs logical indices. `second` may be null.
  Reduce(const Reducer* reducer, bool positions, DType compute, std::span<const int64_t> shape,
         const Operand& input, const Operand& output, const Operand* second, cpu::Ending ending)
      : reducer_(reducer),
        compute_(compute),
        input_(input),
        output_(output),
        second_(second ? *second : output),
        has_second_(second != nullptr),
        ending_(ending),
        loop_(make_loop(positions, shape)) {
    convert_ = cpu::find_convert(input.dtype, compute);
    direct_ = input.dtype == compute;
    choose_inner_dim();
    for (int d = 0; d < loop_.rank; ++d) {
      if (d == inner_) continue;
      (reduced(d) ? reduced_ : kept_).add(d, loop_.sizes[d]);
    }
    ending_.count = reduced_.count * (reduced(inner_) ? loop_.sizes[inner_] : 1);
  }

  void run() {
    if (reduced(inner_))
      run_rows();
    else
      run_columns();
  }

 private:
  NdLoop make_loop(bool track, std::span<const int64_t> shape) {
    check(shape.size() <= size_t(NdLoop::kMaxRank), "only tensors with up to ", NdLoop::kMaxRank,
          " dims are supported; got ", shape.size());
    int64_t step = 1;
    int reduced_dims = 0;
    for (size_t d = shape.size(); d-- > 0;) {
      bool is_reduced = output_.strides[d] == 0 && shape[d] > 1;
      positions_[d] = is_reduced ? step : 0;
      if (is_reduced) step *= shape[d], ++reduced_dims;
    }
    // Positions are counted in bytes, so that strides are logical indices.
    Operand position{nullptr, DType::UInt8, track ? positions_ : output_.strides};
    Operand list[] = {input_, output_, second_, position};
    // Several reduced dims with positions keep their order: the first of equals is the first there.
    NdLoop loop(shape, list, !track || reduced_dims <= 1);
    if (!track)
      for (int d = 0; d < loop.rank; ++d) loop.strides[kPosition][d] = 0;
    return loop;
  }

  bool reduced(int d) const { return loop_.sizes[d] > 1 && loop_.strides[kOutput][d] == 0; }

  /// Short rows leave the vectors half empty: then the nearest kept dim becomes the inner one.
  void choose_inner_dim() {
    inner_ = 0;
    if (!reduced(0) || loop_.sizes[0] >= kShortRow) return;
    for (int d = 1; d < loop_.rank; ++d)
      if (!reduced(d) && loop_.sizes[d] > loop_.sizes[0]) {
        inner_ = d;
        return;
      }
  }

  int64_t stride(Part part) const { return loop_.strides[part][inner_]; }

  // --- Rows ---

  /// Reduces elements [begin, end) of the row that starts at `x` into `state`.
  void reduce_row(void* state, const char* x, int64_t begin, int64_t end, int64_t position) const {
    int64_t step = stride(kInput), size = size_of(input_.dtype), index_step = stride(kPosition);
    if (direct_ && step == size)
      return reducer_->row(state, x + begin * step, end - begin, position + begin * index_step,
                           index_step);
    alignas(64) char raw[kTile * kMaxElement], packed[kTile * kMaxElement];
    for (int64_t i = begin; i < end; i += kTile) {
      int64_t n = std::min(kTile, end - i);
      const char* from = x + i * step;
      if (step != size) {
        cpu::copy_strided(size, n, from, step, raw, size);
        from = raw;
      }
      if (!direct_) {
        void* pointers[2] = {packed, const_cast<char*>(from)};
        convert_(pointers, n, {});
        from = packed;
      }
      reducer_->row(state, from, n, position + i * index_step, index_step);
    }
  }

  /// Stores `n` contiguous elements of dtype `from` as `part`, whose elements are `step` apart.
  void store_part(Part part, DType from, const char* values, char* target, int64_t n,
                  int64_t step) const {
    DType to = part == kOutput ? output_.dtype : second_.dtype;
    alignas(64) char converted[kColumns * kMaxElement];
    if (from != to) {
      void* pointers[2] = {converted, const_cast<char*>(values)};
      cpu::find_convert(from, to)(pointers, n, {});
      values = converted;
    }
    cpu::copy_strided(size_of(to), n, values, size_of(to), target, step);
  }

  void store(int64_t kept, const void* state) const {
    alignas(8) char value[kMaxElement], second[kMaxElement];
    reducer_->finish(state, ending_, value, second);
    auto target = [&](Part part) { return loop_.data[part] + kept_.offset(loop_, part, kept); };
    store_part(kOutput, reducer_->result, value, target(kOutput), 1, 0);
    if (has_second_) store_part(kSecond, reducer_->second, second, target(kSecond), 1, 0);
  }

  /// Task `t` of an output's rows: a part of one row if rows are long, else some whole rows.
  void reduce_task(void* state, int64_t kept, int64_t task, int64_t row_parts,
                   int64_t rows_a_task) const {
    int64_t n = loop_.sizes[inner_];
    int64_t first = row_parts > 1 ? task / row_parts : task * rows_a_task;
    int64_t last = row_parts > 1 ? first + 1 : std::min(reduced_.count, first + rows_a_task);
    int64_t part = (n + row_parts - 1) / row_parts;
    int64_t begin = row_parts > 1 ? task % row_parts * part : 0;
    int64_t end = row_parts > 1 ? std::min(n, begin + part) : n;
    const char* start = loop_.data[kInput] + kept_.offset(loop_, kInput, kept);
    for (int64_t row = first; row < last; ++row)
      reduce_row(state, start + reduced_.offset(loop_, kInput, row), begin, end,
                 reduced_.offset(loop_, kPosition, row));
  }

  void run_rows() const {
    int64_t n = loop_.sizes[inner_];
    int64_t row_parts = std::max<int64_t>(1, n / kChunk);
    int64_t rows_a_task = std::max<int64_t>(1, kChunk / n);
    int64_t tasks = row_parts > 1 ? row_parts * reduced_.count
                                  : (reduced_.count + rows_a_task - 1) / rows_a_task;
    if (tasks == 1) {
      int64_t grain = std::max<int64_t>(1, kChunk / (n * reduced_.count + 64));
      parallel_for(kept_.count, grain, [&](int64_t begin, int64_t end) {
        alignas(64) char state[kRowState];
        for (int64_t kept = begin; kept < end; ++kept) {
          reducer_->start(state);
          reduce_task(state, kept, 0, 1, rows_a_task);
          store(kept, state);
        }
      });
      return;
    }
    auto states = std::make_unique_for_overwrite<char[]>(size_t(tasks * kRowState));
    for (int64_t kept = 0; kept < kept_.count; ++kept) {
      parallel_for(tasks, 1, [&](int64_t begin, int64_t end) {
        for (int64_t task = begin; task < end; ++task) {
          reducer_->start(&states[size_t(task * kRowState)]);
          reduce_task(&states[size_t(task * kRowState)], kept, task, row_parts, rows_a_task);
        }
      });
      for (int64_t task = 1; task < tasks; ++task)
        reducer_->merge(&states[0], &states[size_t(task * kRowState)]);
      store(kept, &states[0]);
    }
  }

  // --- Columns ---

  /// Reduces rows [begin, end) of the reduced space, at `columns` columns from `start` on.
  void reduce_columns(void* states, const char* start, int64_t columns, int64_t begin,
                      int64_t end) const {
    bool plain = direct_ && stride(kInput) == size_of(input_.dtype);
    int64_t run = reduced_.rank > 0 ? reduced_.sizes[0] : 1;
    int64_t step = reduced_.rank > 0 ? loop_.strides[kInput][reduced_.dims[0]] : 0;
    int64_t index_step = reduced_.rank > 0 ? loop_.strides[kPosition][reduced_.dims[0]] : 0;
    for (int64_t row = begin; row < end;) {
      int64_t rows = std::min(run - row % run, end - row);
      const char* x = start + reduced_.offset(loop_, kInput, row);
      int64_t index = reduced_.offset(loop_, kPosition, row);
      if (plain)
        reducer_->columns(states, x, step, rows, columns, index, index_step);
      else
        reduce_packed_columns(states, x, step, rows, columns, index, index_step);
      row += rows;
    }
  }

  void reduce_packed_columns(void* states, const char* x, int64_t step, int64_t rows,
                             int64_t columns, int64_t index, int64_t index_step) const {
    alignas(64) char raw[kColumns * kMaxElement], packed[kPackedRows * kColumns * kMaxElement];
    int64_t size = size_of(input_.dtype), packed_row = kColumns * size_of(compute_);
    for (int64_t r = 0; r < rows; r += kPackedRows) {
      int64_t m = std::min(kPackedRows, rows - r);
      for (int64_t i = 0; i < m; ++i) {
        const char* from = x + (r + i) * step;
        char* target = packed + i * packed_row;
        if (stride(kInput) != size) {
          char* gathered = direct_ ? target : raw;
          cpu::copy_strided(size, columns, from, stride(kInput), gathered, size);
          from = gathered;
        }
        if (from == target) continue;
        void* pointers[2] = {target, const_cast<char*>(from)};
        convert_(pointers, columns, {});
      }
      reducer_->columns(states, packed, packed_row, m, columns, index + r * index_step, index_step);
    }
  }

  void store_columns(const void* states, int64_t kept, int64_t first, int64_t columns) const {
    alignas(64) char values[kColumns * kMaxElement], seconds[kColumns * kMaxElement];
    reducer_->finish_columns(states, columns, ending_, values, seconds);
    auto target = [&](Part part) {
      return loop_.data[part] + kept_.offset(loop_, part, kept) + first * stride(part);
    };
    store_part(kOutput, reducer_->result, values, target(kOutput), columns, stride(kOutput));
    if (has_second_)
      store_part(kSecond, reducer_->second, seconds, target(kSecond), columns, stride(kSecond));
  }

  void run_columns() const {
    int64_t width = loop_.sizes[inner_];
    int64_t blocks = (width + kColumns - 1) / kColumns;
    int64_t block = (width + blocks - 1) / blocks;
    int64_t outputs = kept_.count * blocks;
    // Rows are split only if there are too few outputs to go round, and then by the shape alone.
    int64_t parts = 1;
    if (outputs < 16) parts = std::clamp<int64_t>(block * reduced_.count / kChunk, 1, 64);
    int64_t part = (reduced_.count + parts - 1) / parts;
    parts = (reduced_.count + part - 1) / part;
    auto first_column = [&](int64_t output) { return output % blocks * block; };
    auto columns_of = [&](int64_t output) { return std::min(block, width - first_column(output)); };
    auto reduce_part = [&](void* states, int64_t output, int64_t p) {
      const char* start = loop_.data[kInput] + kept_.offset(loop_, kInput, output / blocks) +
                          first_column(output) * stride(kInput);
      reducer_->start_columns(states, columns_of(output));
      reduce_columns(states, start, columns_of(output), p * part,
                     std::min(reduced_.count, (p + 1) * part));
    };
    constexpr int64_t bytes = kColumns * kColumnState;
    if (parts == 1) {
      int64_t grain = std::max<int64_t>(1, kChunk / (block * reduced_.count + 64));
      parallel_for(outputs, grain, [&](int64_t begin, int64_t end) {
        alignas(64) char states[bytes];
        for (int64_t output = begin; output < end; ++output) {
          reduce_part(states, output, 0);
          store_columns(states, output / blocks, first_column(output), columns_of(output));
        }
      });
      return;
    }
    auto states = std::make_unique_for_overwrite<char[]>(size_t(outputs * parts * bytes));
    parallel_for(outputs * parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        reduce_part(&states[size_t(i * bytes)], i / parts, i % parts);
    });
    for (int64_t output = 0; output < outputs; ++output) {
      char* first = &states[size_t(output * parts * bytes)];
      for (int64_t p = 1; p < parts; ++p)
        reducer_->merge_columns(first, first + p * bytes, columns_of(output));
      store_columns(first, output / blocks, first_column(output), columns_of(output));
    }
  }

  const Reducer* reducer_;
  DType compute_;
  Operand input_, output_, second_;
  bool has_second_;
  cpu::Ending ending_;
  int64_t positions_[NdLoop::kMaxRank];  // strides of the logical index
  NdLoop loop_;
  cpu::Loop convert_ = nullptr;
  bool direct_ = false;
  int inner_ = 0;
  Space kept_, reduced_;  // the dims other than the inner one
};

/// Reducing nothing: every output gets the value of an untouched state.
void fill_empty(const Reducer* reducer, cpu::Ending ending, std::span<const int64_t> shape,
                const Operand& output, const Operand* second) {
  alignas(64) char state[kRowState];
  alignas(8) char value[kMaxElement], second_value[kMaxElement];
  reducer->start(state);
  reducer->finish(state, ending, value, second_value);
  std::vector<int64_t> outputs(shape.begin(), shape.end()), zeros(shape.size(), 0);
  for (size_t d = 0; d < shape.size(); ++d)
    if (output.strides[d] == 0) outputs[d] = 1;
  run_copy(outputs, output, {value, reducer->result, zeros.data()});
  if (second) run_copy(outputs, *second, {second_value, reducer->second, zeros.data()});
}

/// All elements of a contiguous input, if they make one task: a row without the loop around it.
bool reduce_at_once(const Reducer* reducer, bool positions, DType compute,
                    std::span<const int64_t> shape, const Operand& input, const Operand& output,
                    cpu::Ending ending) {
  if (input.dtype != compute || output.dtype != reducer->result) return false;
  int64_t count = 1;
  for (size_t d = shape.size(); d-- > 0; count *= shape[d]) {
    if (shape[d] > 1 && (output.strides[d] != 0 || input.strides[d] != count)) return false;
  }
  if (count < 2 || count > kChunk) return false;
  alignas(64) char state[kRowState], second[kMaxElement];
  reducer->start(state);
  reducer->row(state, input.data, count, 0, positions);
  ending.count = count;
  reducer->finish(state, ending, output.data, second);
  return true;
}

void run(const Reducer* reducer, bool positions, DType compute, std::span<const int64_t> shape,
         const Operand& input, const Operand& output, const Operand* second, cpu::Ending ending) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end())
    return fill_empty(reducer, ending, shape, output, second);
  if (!second && reduce_at_once(reducer, positions, compute, shape, input, output, ending)) return;
  Reduce(reducer, positions, compute, shape, input, output, second, ending).run();
}

}  // namespace

void run_reduce(Reduction reduction, DType compute, std::span<const int64_t> shape,
                const Operand& input, const Operand& output, const Operand* indices) {
  if (is_half(compute)) compute = DType::Float32;
  const Reducer* reducer = find_reducer(reduction, compute, indices != nullptr);
  bool positions = indices || reduction == Reduction::ArgMax || reduction == Reduction::ArgMin;
  run(reducer, positions, compute, shape, input, output, indices, {.count = 0});
}

void run_variance(DType compute, std::span<const int64_t> shape, const Operand& input,
                  double correction, bool square_root, const Operand& variance,
                  const Operand* mean) {
  if (is_half(compute)) compute = DType::Float32;
  const Reducer* reducer = cpu::find_variance(compute);
  if (!reducer)
    fail(ErrorKind::Runtime, "std and var only support floating point and complex dtypes; got '",
         info(compute).spoken, "'");
  run(reducer, false, compute, shape, input, variance, mean,
      {.count = 0, .correction = correction, .square_root = square_root});
}

}  // namespace rushlight
