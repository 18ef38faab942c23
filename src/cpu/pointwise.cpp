// How a CPU runs a pointwise kernel over strided operands of any dtype. In the order of reading:
// the fast path for contiguous operands, the general loop by rows, the loop by 2-D blocks for
// transposed operands, and the tiles both of them pack into.

#include "kernels/pointwise.h"

#include <algorithm>
#include <cstring>

#include "cpu/loops.h"
#include "cpu/tile.h"
#include "kernels/nd_loop.h"
#include "runtime/parallel.h"
#include "rushlight/error.h"

namespace rushlight {
namespace {

using cpu::kMaxElement;
using cpu::kTile;
using cpu::Loop;

constexpr int kMaxOperands = NdLoop::kMaxOperands;
constexpr int64_t kGrain = 128 << 10;   // elements of unit cost that make a chunk worth a thread
constexpr int64_t kShortRow = 64;       // shorter rows are packed several to a tile
constexpr int64_t kTinyRow = 16;        // and even if nothing else asks for packing
constexpr int64_t kBlockColumns = 128;  // of a 2-D block
constexpr int64_t kBlockRows = 16;

/// What a kernel call needs besides the shape: the loop, and the dtype it wants of each operand.
struct Call {
  Loop loop;
  std::span<const Param> params;
  int64_t cost;
  DType wants[kMaxOperands];
  bool copies = false;            // the loop only moves bytes
  Kernel kernel = Kernel::Copy;   // what `loop` runs
  bool has_scalar_loops = false;  // it may have loops for a single number among two inputs

  /// The loop for which input `o` is a single number; null if there is none.
  Loop scalar_loop(int o) const {
    return has_scalar_loops ? cpu::find_loop(kernel, wants[0], o) : nullptr;
  }
};

/// Elements to a chunk: equal parts of at least kGrain units of work.
int64_t chunk_size(int64_t n, int64_t cost) {
  int64_t least = std::max(kTile, kGrain / cost);
  int64_t chunks = std::clamp<int64_t>(n / least, 1, 256);
  return ((n + chunks - 1) / chunks + kTile - 1) / kTile * kTile;
}

// --- Operands as the kernel wants them ---

enum class Access : uint8_t {
  Direct,   ///< the kernel reads or writes the tensor itself
  Scalar,   ///< one value for the whole loop: in the tile from the start
  Splat,    ///< one value for the row
  Convert,  ///< contiguous, of another dtype
  Gather,   ///< any stride
};

struct View {
  Access access;
  DType dtype, wants;
  int64_t size;    // bytes of an element
  int64_t stride;  // bytes between elements of a row
};

struct Tiles {
  alignas(64) char packed[kMaxOperands][kTile * kMaxElement];  // in the dtype the kernel wants
  alignas(64) char raw[kTile * kMaxElement];                   // gathered, not yet converted
  alignas(64) char periodic[kMaxOperands][2 * kTile * kMaxElement];  // a repeated run of elements
};

void convert(DType from, DType to, int64_t n, const char* source, char* destination) {
  void* pointers[2] = {destination, const_cast<char*>(source)};
  cpu::find_convert(from, to)(pointers, n, {});
}

/// Converts `n` contiguous elements at `raw` into the packed tile, or leaves them where they are.
char* wanted(const View& view, char* raw, int64_t n, char* packed) {
  if (view.dtype == view.wants) return raw;
  convert(view.dtype, view.wants, n, raw, packed);
  return packed;
}

void fill_tile(const View& view, const char* from, int64_t n, char* packed) {
  alignas(8) char value[kMaxElement];
  if (view.dtype == view.wants)
    std::memcpy(value, from, size_t(view.size));
  else
    convert(view.dtype, view.wants, 1, from, value);
  cpu::splat(size_of(view.wants), n, value, packed);
}

/// Runs rows of a loop: packs what must be packed, calls the kernel, stores the result.
class Runner {
 public:
  Runner(const Call& call, const NdLoop& loop, std::span<const Operand> operands)
      : call_(call), loop_(loop), operands_(loop.operands), kernel_(call.loop) {
    for (int o = 0; o < operands_; ++o) {
      DType dtype = operands[size_t(o)].dtype;
      views_[o] = {Access::Direct, dtype, call.wants[o], size_of(dtype), loop.strides[o][0]};
      views_[o].access = access_of(views_[o], o);
    }
    short_rows_ = loop.rank > 1 && loop.sizes[0] < kShortRow;
    if (!short_rows_) use_scalar_loop();
    for (int o = 1; o < operands_; ++o) {
      if (views_[o].access != Access::Splat || !loop.is_scalar(o)) continue;
      views_[o].access = Access::Scalar;
      fill_tile(views_[o], loop.data[o], std::min(kTile, loop.count), tiles_.packed[o]);
    }
    all_direct_ = std::all_of(views_, views_ + operands_,
                              [](const View& view) { return view.access == Access::Direct; });
  }

  /// The elements [begin, end) of the loop.
  void run(int64_t begin, int64_t end) {
    if (short_rows_ && (!all_direct_ || loop_.sizes[0] < kTinyRow))
      return run_short_rows(begin, end);
    NdCursor cursor(loop_, begin);
    while (begin < end) {
      char* pointers[kMaxOperands];
      for (int o = 0; o < operands_; ++o)
        pointers[o] = cursor.row[o] + cursor.column * views_[o].stride;
      int64_t n = std::min(loop_.sizes[0] - cursor.column, end - begin);
      // Whole rows along dim 1 need no cursor.
      int64_t rows = 1;
      if (loop_.rank > 1 && n == loop_.sizes[0])
        rows = std::min(loop_.sizes[1] - cursor.index[1], (end - begin) / n);
      for (int64_t r = 0; r < rows; ++r) {
        if (all_direct_)
          kernel_(reinterpret_cast<void* const*>(pointers), n, call_.params);
        else
          run_row(pointers, n);
        if (r + 1 == rows) break;
        for (int o = 0; o < operands_; ++o) pointers[o] += loop_.strides[o][1];
      }
      begin += n * rows;
      if (begin < end) cursor.next_row(rows);
    }
  }

  /// A block of rows x columns at `corner`: rows step along dim `d`, columns along dim 0. Operands
  /// that are contiguous along `d` are transposed into the block's own memory first.
  void run_block(char* const* corner, int d, int64_t rows, int64_t columns, char* memory) {
    View saved[kMaxOperands];
    std::copy_n(views_, operands_, saved);
    char* start[kMaxOperands];
    int64_t step[kMaxOperands];
    for (int o = 0; o < operands_; ++o) {
      start[o] = corner[o];
      step[o] = loop_.strides[o][d];
      View& view = views_[o];
      if (o == 0 || view.access != Access::Gather || step[o] != view.size) continue;
      start[o] = memory + o * kBlockRows * kBlockColumns * kMaxElement;
      cpu::transpose_block(view.size, rows, columns, corner[o], view.stride, start[o],
                           kBlockColumns * view.size);
      step[o] = kBlockColumns * view.size;
      view.stride = view.size;
      view.access = access_of(view, o);
    }
    for (int64_t r = 0; r < rows; ++r) {
      char* pointers[kMaxOperands];
      for (int o = 0; o < operands_; ++o) pointers[o] = start[o] + r * step[o];
      run_row(pointers, columns);
    }
    std::copy_n(saved, operands_, views_);
  }

 private:
  /// One of two inputs is a number for a whole row: some kernels have a loop for that.
  void use_scalar_loop() {
    for (int o : {1, 2}) {
      if (!call_.has_scalar_loops) return;
      View& view = views_[o];
      bool fits = view.access == Access::Splat && view.dtype == view.wants;
      if (!fits || views_[3 - o].access == Access::Splat) continue;
      Loop loop = call_.scalar_loop(o);
      if (!loop) return;
      kernel_ = loop;
      view.access = Access::Direct;
    }
  }

  static Access access_of(const View& view, int o) {
    if (view.stride == view.size)
      return view.dtype == view.wants ? Access::Direct : Access::Convert;
    return view.stride == 0 && o > 0 ? Access::Splat : Access::Gather;
  }

  void run_row(char* const* pointers, int64_t n) {
    bool all_direct = true;
    for (int o = 0; o < operands_; ++o) {
      all_direct &= views_[o].access == Access::Direct;
      if (views_[o].access == Access::Splat)
        fill_tile(views_[o], pointers[o], std::min(n, kTile), tiles_.packed[o]);
    }
    if (all_direct) return call_.loop(reinterpret_cast<void* const*>(pointers), n, call_.params);
    for (int64_t i = 0; i < n; i += kTile) run_tile(pointers, i, std::min(kTile, n - i));
  }

  /// The elements [i, i + n) of a row, n <= kTile.
  void run_tile(char* const* row, int64_t i, int64_t n) {
    void* pointers[kMaxOperands];
    for (int o = 1; o < operands_; ++o) pointers[o] = input(o, row[o] + i * views_[o].stride, n);
    char* target = row[0] + i * views_[0].stride;
    const View& output = views_[0];
    pointers[0] = output.access == Access::Direct ? target : tiles_.packed[0];
    kernel_(pointers, n, call_.params);
    if (output.access == Access::Direct) return;
    if (output.access == Access::Convert)
      return convert(output.wants, output.dtype, n, tiles_.packed[0], target);
    cpu::copy_strided(output.size, n, converted_output(n), output.size, target, output.stride);
  }

  char* input(int o, char* from, int64_t n) {
    const View& view = views_[o];
    switch (view.access) {
      case Access::Direct: return from;
      case Access::Scalar:
      case Access::Splat: return tiles_.packed[o];
      case Access::Convert: return wanted(view, from, n, tiles_.packed[o]);
      case Access::Gather: break;
    }
    char* raw = view.dtype == view.wants ? tiles_.packed[o] : tiles_.raw;
    cpu::copy_strided(view.size, n, from, view.stride, raw, view.size);
    return wanted(view, raw, n, tiles_.packed[o]);
  }

  /// The result in the output's dtype.
  char* converted_output(int64_t n) {
    const View& output = views_[0];
    if (output.dtype == output.wants) return tiles_.packed[0];
    convert(output.wants, output.dtype, n, tiles_.packed[0], tiles_.raw);
    return tiles_.raw;
  }

  // --- Short rows: tiles hold several ---

  void run_short_rows(int64_t begin, int64_t end) {
    bool linear[kMaxOperands];
    for (int o = 0; o < operands_; ++o) linear[o] = loop_.is_linear(o, views_[o].size);
    if (call_.copies && linear[0])
      return pack(1, begin, end - begin, loop_.data[0] + begin * views_[0].size);
    int64_t periods[kMaxOperands] = {};
    for (int o = 1; o < operands_; ++o)
      if (!linear[o] && views_[o].access != Access::Scalar) periods[o] = repeat(o);
    for (int64_t i = begin; i < end; i += kTile) {
      int64_t n = std::min(kTile, end - i);
      void* pointers[kMaxOperands];
      for (int o = 1; o < operands_; ++o) {
        const View& view = views_[o];
        if (view.access == Access::Scalar) {
          pointers[o] = tiles_.packed[o];
          continue;
        }
        if (periods[o] > 0) {
          pointers[o] = tiles_.periodic[o] + i % periods[o] * size_of(view.wants);
          continue;
        }
        char* raw = view.dtype == view.wants ? tiles_.packed[o] : tiles_.raw;
        if (linear[o])
          raw = loop_.data[o] + i * view.size;
        else
          pack(o, i, n, raw);
        pointers[o] = wanted(view, raw, n, tiles_.packed[o]);
      }
      const View& output = views_[0];
      char* target = loop_.data[0] + i * output.size;
      bool direct = linear[0] && output.dtype == output.wants;
      pointers[0] = direct ? target : tiles_.packed[0];
      call_.loop(pointers, n, call_.params);
      if (direct) continue;
      char* result = converted_output(n);
      if (linear[0])
        std::memcpy(target, result, size_t(n * output.size));
      else
        unpack(i, n, result);
    }
  }

  /// If operand o repeats its first few elements over and over (a bias), writes out enough of them
  /// for a tile that starts anywhere, and says how many they are; else 0.
  int64_t repeat(int o) {
    int64_t period = 1;
    int d = 0;
    for (; d < loop_.rank && loop_.strides[o][d] != 0; ++d) period *= loop_.sizes[d];
    for (; d < loop_.rank; ++d)
      if (loop_.strides[o][d] != 0) return 0;
    if (period > kTile) return 0;
    const View& view = views_[o];
    pack(o, 0, period, tiles_.raw);
    const char* run = wanted(view, tiles_.raw, period, tiles_.packed[o]);
    int64_t bytes = period * size_of(view.wants);
    for (int64_t at = 0; at < kTile + period; at += period)
      std::memcpy(tiles_.periodic[o] + at * size_of(view.wants), run,
                  size_t(std::min(bytes, (2 * kTile - at) * size_of(view.wants))));
    return period;
  }

  /// Calls `row(address, done, m)` for the pieces of rows of operand o that hold [begin, begin +
  /// n).
  template <class Row>
  void for_rows(int o, int64_t begin, int64_t n, Row row) {
    int64_t index[NdLoop::kMaxRank];
    int64_t column = begin % loop_.sizes[0], rest = begin / loop_.sizes[0];
    char* start = loop_.data[o];
    for (int d = 1; d < loop_.rank; ++d) {
      index[d] = rest % loop_.sizes[d];
      rest /= loop_.sizes[d];
      start += index[d] * loop_.strides[o][d];
    }
    for (int64_t done = 0; done < n;) {
      int64_t m = std::min(loop_.sizes[0] - column, n - done);
      row(start + column * loop_.strides[o][0], done, m);
      done += m;
      column = 0;
      for (int d = 1; d < loop_.rank; ++d) {
        start += loop_.strides[o][d];
        if (++index[d] < loop_.sizes[d]) break;
        index[d] = 0;
        start -= loop_.strides[o][d] * loop_.sizes[d];
      }
    }
  }

  template <class Function>
  static void with_element(int64_t size, Function function) {
    switch (size) {
      case 1: return function(uint8_t{});
      case 2: return function(uint16_t{});
      case 4: return function(uint32_t{});
      default: return function(uint64_t{});
    }
  }

  void pack(int o, int64_t begin, int64_t n, char* raw) {
    int64_t stride = views_[o].stride;
    with_element(views_[o].size, [&]<class T>(T element) {
      for_rows(o, begin, n, [&](const char* from, int64_t done, int64_t m) {
        T* target = reinterpret_cast<T*>(raw) + done;
        if (stride == int64_t(sizeof(T))) {
          std::memcpy(target, from, size_t(m) * sizeof(T));
          return;
        }
        for (int64_t i = 0; i < m; ++i) {
          std::memcpy(&element, from + i * stride, sizeof(T));
          target[i] = element;
        }
      });
    });
  }

  void unpack(int64_t begin, int64_t n, const char* result) {
    int64_t stride = views_[0].stride;
    with_element(views_[0].size, [&]<class T>(T) {
      for_rows(0, begin, n, [&](char* to, int64_t done, int64_t m) {
        const T* source = reinterpret_cast<const T*>(result) + done;
        for (int64_t i = 0; i < m; ++i) std::memcpy(to + i * stride, source + i, sizeof(T));
      });
    });
  }

  const Call& call_;
  const NdLoop& loop_;
  int operands_;
  Loop kernel_;
  bool short_rows_, all_direct_;
  View views_[kMaxOperands];
  Tiles tiles_;
};

// --- Blocks ---

/// The dim along which some input is contiguous while dim 0 makes it jump: the loop then goes by
/// blocks of both. 0 if there is none worth it.
int transposed_dim(const NdLoop& loop, std::span<const Operand> operands) {
  if (loop.rank < 2 || loop.sizes[0] < 8) return 0;
  for (int o = 1; o < loop.operands; ++o) {
    int64_t size = size_of(operands[size_t(o)].dtype);
    if (loop.strides[o][0] == size || loop.strides[o][0] == 0) continue;
    for (int d = 1; d < loop.rank; ++d)
      if (loop.strides[o][d] == size && loop.sizes[d] >= 8) return d;
  }
  return 0;
}

void run_blocks(const Call& call, const NdLoop& loop, std::span<const Operand> operands, int d) {
  int64_t column_blocks = (loop.sizes[0] + kBlockColumns - 1) / kBlockColumns;
  int64_t row_blocks = (loop.sizes[d] + kBlockRows - 1) / kBlockRows;
  int64_t others = loop.count / (loop.sizes[0] * loop.sizes[d]);
  int64_t blocks = column_blocks * row_blocks * others;
  int64_t grain = std::max<int64_t>(1, kGrain / (kBlockRows * kBlockColumns) / (call.cost + 3));
  parallel_for(blocks, grain, [&](int64_t begin, int64_t end) {
    Runner runner(call, loop, operands);
    alignas(64) char memory[kMaxOperands * kBlockRows * kBlockColumns * kMaxElement];
    for (int64_t block = begin; block < end; ++block) {
      // Row blocks run fastest, so that transposed operands are read along their rows.
      int64_t r = block % row_blocks * kBlockRows;
      int64_t c = block / row_blocks % column_blocks * kBlockColumns;
      int64_t rest = block / row_blocks / column_blocks;
      char* corner[kMaxOperands];
      for (int o = 0; o < loop.operands; ++o)
        corner[o] = loop.data[o] + r * loop.strides[o][d] + c * loop.strides[o][0];
      for (int e = 1; e < loop.rank; ++e) {
        if (e == d) continue;
        int64_t index = rest % loop.sizes[e];
        rest /= loop.sizes[e];
        for (int o = 0; o < loop.operands; ++o) corner[o] += index * loop.strides[o][e];
      }
      runner.run_block(corner, d, std::min(kBlockRows, loop.sizes[d] - r),
                       std::min(kBlockColumns, loop.sizes[0] - c), memory);
    }
  });
}

// --- Calls ---

bool is_contiguous(const Operand& operand, std::span<const int64_t> shape) {
  int64_t expected = 1;
  for (size_t d = shape.size(); d-- > 0;) {
    if (shape[d] != 1 && operand.strides[d] != expected) return false;
    expected *= shape[d];
  }
  return true;
}

bool is_number(const Operand& operand, std::span<const int64_t> shape) {
  for (size_t d = 0; d < shape.size(); ++d)
    if (shape[d] != 1 && operand.strides[d] != 0) return false;
  return true;
}

/// A way to run over all operands as they are: `scalar` is the input that is a single number, or 0.
struct Direct {
  Loop loop;
  int scalar;
};

/// Its loop is null if an operand is not contiguous (but for a single number, with some kernels) or
/// not of the dtype the kernel wants.
Direct direct_loop(const Call& call, std::span<const int64_t> shape,
                   std::span<const Operand> operands) {
  Direct direct{call.loop, 0};
  for (size_t o = 0; o < operands.size(); ++o) {
    if (operands[o].dtype != call.wants[o]) return {nullptr, 0};
    if (is_contiguous(operands[o], shape)) continue;
    bool number = o > 0 && direct.scalar == 0 && is_number(operands[o], shape);
    direct = {number ? call.scalar_loop(int(o)) : nullptr, int(o)};
    if (!direct.loop) return direct;
  }
  return direct;
}

/// Runs a loop over chunks of `n` elements; `steps` are the bytes between those of an operand.
[[gnu::noinline]] void run_chunks(Loop loop, int64_t n, int64_t grain,
                                  std::span<void* const> pointers, const int64_t* steps,
                                  std::span<const Param> params) {
  parallel_for(n, grain, [&](int64_t begin, int64_t end) {
    void* moved[kMaxOperands];
    for (size_t o = 0; o < pointers.size(); ++o)
      moved[o] = static_cast<char*>(pointers[o]) + begin * steps[o];
    loop(moved, end - begin, params);
  });
}

void run_contiguous(Direct direct, const Call& call, int64_t n, std::span<const Operand> operands) {
  void* pointers[kMaxOperands];
  for (size_t o = 0; o < operands.size(); ++o) pointers[o] = operands[o].data;
  int64_t grain = chunk_size(n, call.cost);
  if (grain >= n) return direct.loop(pointers, n, call.params);
  int64_t steps[kMaxOperands];
  for (size_t o = 0; o < operands.size(); ++o) {
    bool number = direct.scalar != 0 && int(o) == direct.scalar;
    steps[o] = number ? 0 : size_of(operands[o].dtype);
  }
  run_chunks(direct.loop, n, grain, {pointers, operands.size()}, steps, call.params);
}

[[gnu::noinline]] void run_strided(const Call& call, std::span<const int64_t> shape,
                                   std::span<const Operand> operands) {
  NdLoop loop(shape, operands);
  if (int d = transposed_dim(loop, operands)) return run_blocks(call, loop, operands, d);
  parallel_for(loop.count, chunk_size(loop.count, call.cost),
               [&](int64_t begin, int64_t end) { Runner(call, loop, operands).run(begin, end); });
}

void run(const Call& call, std::span<const int64_t> shape, std::span<const Operand> operands) {
  int64_t n = 1;
  for (int64_t size : shape) n *= size;
  if (n == 0) return;
  Direct direct = direct_loop(call, shape, operands);
  if (direct.loop)
    run_contiguous(direct, call, n, operands);
  else
    run_strided(call, shape, operands);
}

[[noreturn, gnu::cold]] void no_such_kernel(Kernel kernel, DType dtype) {
  fail(ErrorKind::NotImplemented, "\"", info(kernel).name, "\" not implemented for '",
       info(dtype).spoken, "'");
}

}  // namespace

void run_copy(std::span<const int64_t> shape, const Operand& output, const Operand& input) {
  Call call{cpu::find_convert(input.dtype, output.dtype), {}, 1, {output.dtype, input.dtype}};
  call.copies = input.dtype == output.dtype;
  Operand operands[2] = {output, input};
  run(call, shape, operands);
}

void run_pointwise(Kernel kernel, DType compute, std::span<const int64_t> shape,
                   std::span<const Operand> operands, std::span<const Param> params) {
  const KernelInfo& about = info(kernel);
  check(operands.size() == size_t(about.inputs) + 1, about.name, ": got ", operands.size(),
        " operands; expected one output and ", int(about.inputs), " inputs");
  if (kernel == Kernel::Copy) return run_copy(shape, operands[0], operands[1]);
  if (is_half(compute)) compute = DType::Float32;
  Call call;
  call.loop = cpu::find_loop(kernel, compute);
  if (!call.loop) no_such_kernel(kernel, compute);
  call.params = params;
  call.cost = cpu::loop_cost(kernel);
  call.wants[0] = about.predicate ? DType::Bool : compute;
  for (size_t o = 1; o < operands.size(); ++o) call.wants[o] = compute;
  if (kernel == Kernel::Where) call.wants[1] = DType::Bool;
  call.kernel = kernel;
  // Those loops know no alpha.
  call.has_scalar_loops =
      about.inputs == 2 && !about.predicate && (params.empty() || params[0].to<double>() == 1.0);
  run(call, shape, operands);
}

bool run_pointwise(Kernel kernel, DType compute, int64_t n, std::span<void* const> pointers,
                   std::span<const Param> params, int scalar) {
  Loop loop = cpu::find_loop(kernel, compute, scalar);
  if (!loop) return false;
  int64_t grain = n <= kTile ? n : chunk_size(n, cpu::loop_cost(kernel));
  if (grain >= n) {
    loop(pointers.data(), n, params);
    return true;
  }
  int64_t steps[kMaxOperands];
  std::fill_n(steps, pointers.size(), size_of(compute));
  if (info(kernel).predicate) steps[0] = size_of(DType::Bool);
  if (scalar) steps[scalar] = 0;
  run_chunks(loop, n, grain, pointers, steps, params);
  return true;
}

}  // namespace rushlight
