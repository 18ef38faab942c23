// Uniform, normal and integer fills.
#include "cpu/random.h"

#include <cmath>

#include "cpu/random_blocks.h"
#include "runtime/parallel.h"

namespace rushlight::cpu {
namespace {

template <class T>
void check_uniform_bounds(DType dtype, double from, double to) {
  constexpr double max = kLimits<T>.max;
  check(from >= -max && from <= max, "from is out of bounds for ", cpp_name(dtype));
  check(to >= -max && to <= max, "to is out of bounds for ", cpp_name(dtype));
  check(from <= to, "uniform_ expects to return a [from, to) range, but found from=", general(from),
        " > to=", general(to));
  check(to - from <= max, "uniform_ expects to-from <= std::numeric_limits<", info(dtype).spoken,
        ">::max(), but found to=", general(to), " and from=", general(from),
        " which result in to-from to exceed the limit");
}

template <class T>
void uniform(T* data, int64_t n, double from, double to, Mt19937& engine) {
  if constexpr (std::is_same_v<T, float>) {
    draw_floats(engine, data, n, float(from), float(to));
  } else if constexpr (std::is_same_v<T, double>) {
    for_blocks(engine, n, 2, [&](const uint32_t* bits, int64_t begin, int64_t count) {
      uniform_doubles(bits, data + begin, count, from, to);
    });
  } else {
    const T low{float(from)}, high{float(to)};
    for_float_blocks(engine, n, float(from), float(to),
                     [&](float* wide, int64_t begin, int64_t count) {
                       for (int64_t i = 0; i < count; ++i) {
                         T value(wide[i]);
                         data[begin + i] = float(value) == float(high) ? low : value;
                       }
                     });
  }
}

using cpu::normal_groups;

// Box-Muller on groups of sixteen, in double precision.
void normal_groups(double* values, int64_t n, double mean, double std) {
  for (int64_t group = 0; group + 16 <= n; group += 16) {
    for (double* u = values + group; u < values + group + 8; ++u) {
      double radius = std::sqrt(-2.0 * std::log(1.0 - u[0]));
      double theta = 2.0 * 3.14159265358979323846 * u[8];
      u[0] = std::fma(radius * std::cos(theta), std, mean);
      u[8] = std::fma(radius * std::sin(theta), std, mean);
    }
  }
}

constexpr int64_t kSharedGroups = 4096;  // some 25 µs of float transforms

// n >= 16. What the groups of sixteen leave over is drawn, and then forgotten: the last sixteen
// are drawn again.
void normal_wide(float* data, int64_t n, float mean, float std, Mt19937& engine) {
  // Only the transforms can be shared among threads, over pieces that stay in the cache.
  const bool share = num_threads() > 1 && n >= 2 * kSharedGroups * 16;
  const int64_t piece = share ? int64_t{1} << 18 : kBlockWords;
  for (int64_t begin = 0; begin < n; begin += piece) {
    int64_t count = std::min(n - begin, piece);
    float* values = data + begin;
    draw_floats(engine, values, count, 0.0f, 1.0f);
    if (!share) {
      normal_groups(values, count, mean, std);
      continue;
    }
    parallel_for(count / 16, kSharedGroups, [=](int64_t first, int64_t last) {
      normal_groups(values + first * 16, (last - first) * 16, mean, std);
    });
  }
  if (n % 16 != 0) normal_wide(data + n - 16, 16, mean, std, engine);
}

void normal_wide(double* data, int64_t n, double mean, double std, Mt19937& engine) {
  uniform(data, n, 0.0, 1.0, engine);
  parallel_for(n / 16, 128, [=](int64_t begin, int64_t end) {
    normal_groups(data + begin * 16, (end - begin) * 16, mean, std);
  });
  if (n % 16 != 0) normal_wide(data + n - 16, 16, mean, std, engine);
}

// In half precision nothing is drawn in vain.
template <class Half>
void normal_wide(Half* data, int64_t n, float mean, float std, Mt19937& engine) {
  for_float_blocks(engine, n / 16 * 16, 0.0f, 1.0f, [&](float* wide, int64_t begin, int64_t count) {
    normal_groups(wide, count, mean, std);
    for (int64_t i = 0; i < count; ++i) data[begin + i] = Half(wide[i]);
  });
  if (n % 16 != 0) normal_wide(data + n - 16, 16, mean, std, engine);
}

// value % divisor by two products (Lemire, Kaser and Kurz, 2019).
struct Remainder {
  uint64_t inverse, divisor;
  explicit Remainder(uint64_t by) : inverse(~uint64_t{0} / by + 1), divisor(by) {}
  uint64_t operator()(uint32_t value) const {
    return uint64_t(static_cast<unsigned __int128>(inverse * value) * divisor >> 64);
  }
};

template <class T>
void random_range(T* data, int64_t n, uint64_t range, int64_t from, Mt19937& engine) {
  // From 2^28 on, a 32-bit draw would favour the small remainders.
  if (range >= uint64_t{1} << 28) {
    for_blocks(engine, n, 2, [&](const uint32_t* bits, int64_t begin, int64_t count) {
      for (int64_t i = 0; i < count; ++i) {
        uint64_t value = join_words(bits + 2 * i) % range + uint64_t(from);
        data[begin + i] = element<T>(int64_t(value));
      }
    });
  } else {
    Remainder remainder(range);
    for_blocks(engine, n, 1, [&](const uint32_t* bits, int64_t begin, int64_t count) {
      for (int64_t i = 0; i < count; ++i) {
        data[begin + i] = element<T>(int64_t(remainder(bits[i]) + uint64_t(from)));
      }
    });
  }
}

// PyTorch's `update_from` and `update_to`: move the bounds to where rounding to T cannot leave
// [from, to).
template <class T>
int64_t rounded(uint64_t value) {
  return truncate_to<int64_t>(double(element<T>(int64_t(value))));
}
template <class T>
int64_t spacing_at(uint64_t value) {
  uint64_t magnitude = int64_t(value) < 0 ? 0 - value : value;
  return int64_t{1} << (std::bit_width(magnitude) - kLimits<T>.digits);
}
template <class T>
int64_t raise_from(int64_t from) {
  uint64_t after = uint64_t(from) + 1;
  if (rounded<T>(after) >= from) return from;
  return int64_t(uint64_t(rounded<T>(after)) + uint64_t(spacing_at<T>(after)));
}
template <class T>
int64_t lower_to(int64_t to) {
  uint64_t before = uint64_t(to) - 1;
  if (rounded<T>(before) < to) return to;
  return int64_t(uint64_t(rounded<T>(before)) - uint64_t(spacing_at<T>(before)));
}

// Beyond these limits not every integer is a number of the dtype.
template <class T>
void warn_of_gaps(DType dtype, const char* name, int64_t value) {
  constexpr int digits = kLimits<T>.digits;
  if (value >= -(int64_t(1) << digits) && value <= int64_t(1) << digits) return;
  std::string power = "(2^" + std::to_string(digits) + ")";
  std::string limits = "[-" + power + ", 2^" + std::to_string(digits) + "]";
  warn(std::string(name) + " is out of bounds " + limits + ". Due to precision limitations " +
       std::string(cpp_name(dtype)) +
       " can support discrete uniform distribution only within this range. This warning will "
       "become an error in version 1.7 release, please fix the code in advance");
}

template <class T>
void check_range(DType dtype, int64_t from, int64_t last) {
  auto inside = [](int64_t value) {
    if constexpr (std::is_integral_v<T>) {
      return value >= int64_t(std::numeric_limits<T>::lowest()) &&
             value <= int64_t(std::numeric_limits<T>::max());
    } else {
      return double(value) >= -kLimits<T>.max && double(value) <= kLimits<T>.max;
    }
  };
  check(inside(from), "from is out of bounds for ", cpp_name(dtype));
  check(inside(last), "to - 1 is out of bounds for ", cpp_name(dtype));
  if constexpr (!std::is_integral_v<T>) {
    warn_of_gaps<T>(dtype, "from", from);
    warn_of_gaps<T>(dtype, "to - 1", last);
  }
}

// [from, last] of random_(from, to), checked.
template <class T>
std::pair<int64_t, int64_t> random_bounds(DType dtype, int64_t from, std::optional<int64_t> to) {
  constexpr bool floating = !std::is_integral_v<T>;
  int64_t last;
  if (to) {
    check(from < *to, "random_ expects 'from' to be less than 'to', but got from=", from,
          " >= to=", *to);
    if constexpr (floating) {
      from = raise_from<T>(from);
      to = lower_to<T>(*to);
      check(from < *to,
            "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got "
            "from=",
            from, " >= to=", *to);
    }
    last = *to - 1;
  } else if constexpr (floating) {
    last = int64_t{1} << kLimits<T>.digits;
    from = raise_from<T>(from);
    check(from < last,
          "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to "
          "dtype, but got from=",
          from, " > to_inc=", last);
  } else {
    last = int64_t(std::numeric_limits<T>::max());
  }
  check_range<T>(dtype, from, last);
  return {from, last};
}

template <class T>
void random_64_bits(T* data, int64_t n, DType dtype, Generator& generator) {
  if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, Float16>) {
    fail(ErrorKind::NotImplemented,
         "\"random_full_64_bits_range_kernel_cpu\" not implemented for '", info(dtype).spoken, "'");
  } else if constexpr (std::is_integral_v<T> && sizeof(T) < 8) {
    fail(ErrorKind::Runtime,
         "random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16");
  } else {
    std::lock_guard lock(generator.data().mutex);
    for_blocks(generator.data().engine, n, 2,
               [&](const uint32_t* bits, int64_t begin, int64_t count) {
                 for (int64_t i = 0; i < count; ++i) {
                   data[begin + i] = element<T>(int64_t(join_words(bits + 2 * i)));
                 }
               });
  }
}

}  // namespace

void fill_uniform(void* data, DType dtype, int64_t n, double from, double to,
                  Generator& generator) {
  dispatch_floating(dtype, "check_uniform_bounds", [&]<class T>(CppType<T>) {
    check_uniform_bounds<T>(dtype, from, to);
    std::lock_guard lock(generator.data().mutex);
    uniform(static_cast<T*>(data), n, from, to, generator.data().engine);
  });
}

void fill_normal(void* data, DType dtype, int64_t n, double mean, double std, Generator& generator,
                 bool contiguous) {
  check(std >= 0.0, "normal expects std >= 0.0, but found std ", general(std));
  if (n == 0) return;
  dispatch_floating(dtype, "normal_kernel_cpu", [&]<class T>(CppType<T>) {
    T* values = static_cast<T*>(data);
    Generator::Data& stream = generator.data();
    std::lock_guard lock(stream.mutex);
    if (n < 16 || !contiguous) {
      for (int64_t i = 0; i < n; ++i) {
        values[i] = element<T>(std::fma(next_normal(stream), std, mean));
      }
    } else {
      using Real = std::conditional_t<std::is_same_v<T, double>, double, float>;
      normal_wide(values, n, Real(mean), Real(std), stream.engine);
    }
  });
}

void fill_random(void* data, DType dtype, int64_t n, Generator& generator) {
  dispatch(dtype, [&]<class T>(CppType<T>) {
    T* values = static_cast<T*>(data);
    std::lock_guard lock(generator.data().mutex);
    Mt19937& engine = generator.data().engine;
    constexpr bool wide = std::is_same_v<T, int64_t> || std::is_same_v<T, double>;
    constexpr uint64_t range = std::is_integral_v<T> ? uint64_t(std::numeric_limits<T>::max()) + 1
                                                     : (uint64_t{1} << kLimits<T>.digits) + 1;
    for_blocks(engine, n, wide ? 2 : 1, [&](const uint32_t* bits, int64_t begin, int64_t count) {
      for (int64_t i = 0; i < count; ++i) {
        uint64_t value = wide ? join_words(bits + 2 * i) : bits[i];
        values[begin + i] = element<T>(int64_t(value % range));
      }
    });
  });
}

void fill_random_from_to(void* data, DType dtype, int64_t n, int64_t from,
                         std::optional<int64_t> to, Generator& generator) {
  dispatch(dtype, [&]<class T>(CppType<T>) {
    T* values = static_cast<T*>(data);
    if (!to && from == std::numeric_limits<int64_t>::min()) {
      if (n != 0) random_64_bits(values, n, dtype, generator);
      return;
    }
    auto [first, last] = random_bounds<T>(dtype, from, to);
    std::lock_guard lock(generator.data().mutex);
    random_range(values, n, uint64_t(last) - uint64_t(first) + 1, first, generator.data().engine);
  });
}

}  // namespace rushlight::cpu
