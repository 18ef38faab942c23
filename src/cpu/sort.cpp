// Sorting by radix on ordered keys, and choosing single elements.

#include "kernels/sort.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include "runtime/parallel.h"

namespace rushlight {

namespace {

template <class T>
bool is_nan(T value) {
  if constexpr (std::is_integral_v<T>)
    return false;
  else
    return std::isnan(float(value));
}
template <>
bool is_nan(double value) {
  return std::isnan(value);
}

/// Unsigned numbers that order as the values do: NaN last, -0 as +0.
template <class T>
struct Key {
  using Bits = std::conditional_t<
      sizeof(T) == 1, uint8_t,
      std::conditional_t<sizeof(T) == 2, uint16_t,
                         std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>>>;
  static constexpr Bits kSign = Bits(Bits(1) << (8 * sizeof(T) - 1));

  static Bits of(T value) {
    Bits bits;
    std::memcpy(&bits, &value, sizeof bits);
    if constexpr (std::is_same_v<T, bool> || std::is_unsigned_v<T>) {
      return bits;
    } else if constexpr (std::is_integral_v<T>) {
      return Bits(bits ^ kSign);
    } else {
      if (is_nan(value)) return Bits(~Bits(0));
      if (bits == kSign) bits = 0;
      return bits & kSign ? Bits(~bits) : Bits(bits | kSign);
    }
  }
};

template <class Bits>
struct Item {
  Bits key;
  int64_t index;
};

constexpr int64_t kRadixFrom = 256;  // shorter rows are merged: clearing counters would cost more

/// One stable counting pass per byte in which keys differ.
template <class Bits>
void radix_sort(std::vector<Item<Bits>>& items, std::vector<Item<Bits>>& spare) {
  spare.resize(items.size());
  for (size_t byte = 0; byte < sizeof(Bits); ++byte) {
    size_t counts[256] = {};
    auto digit = [&](const Item<Bits>& item) { return uint8_t(item.key >> (8 * byte)); };
    for (const Item<Bits>& item : items) ++counts[digit(item)];
    if (counts[digit(items[0])] == items.size()) continue;
    size_t next = 0;
    for (size_t& count : counts) next += std::exchange(count, next);
    for (const Item<Bits>& item : items) spare[counts[digit(item)]++] = item;
    std::swap(items, spare);
  }
}

/// Runs `body(row)` for all rows, several at a time if they are long.
template <class Body>
void for_each_row(int64_t rows, int64_t n, Body&& body) {
  int64_t grain = std::max<int64_t>(1, 4096 / std::max<int64_t>(n, 1));
  parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) body(row);
  });
}

template <class T>
void sort_rows(int64_t rows, int64_t n, bool descending, const T* input, T* values,
               int64_t* indices) {
  using Bits = typename Key<T>::Bits;
  for_each_row(rows, n, [&](int64_t row) {
    const T* x = input + row * n;
    std::vector<Item<Bits>> items(static_cast<size_t>(n)), spare;
    for (int64_t i = 0; i < n; ++i) {
      Bits key = Key<T>::of(x[i]);
      items[size_t(i)] = {descending ? Bits(~key) : key, i};
    }
    if (n < kRadixFrom) {
      std::stable_sort(items.begin(), items.end(),
                       [](const auto& a, const auto& b) { return a.key < b.key; });
    } else {
      radix_sort(items, spare);
    }
    for (int64_t i = 0; i < n; ++i) {
      indices[row * n + i] = items[size_t(i)].index;
      values[row * n + i] = x[items[size_t(i)].index];
    }
  });
}

template <class T>
void topk_rows(int64_t rows, int64_t n, int64_t k, bool largest, const T* input, T* values,
               int64_t* indices) {
  using Bits = typename Key<T>::Bits;
  using Entry = Item<Bits>;
  if (k == 0) return;
  for_each_row(rows, n, [&](int64_t row) {
    const T* x = input + row * n;
    std::vector<Entry> items(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) {
      Bits key = Key<T>::of(x[i]);
      items[size_t(i)] = {largest ? Bits(~key) : key, i};
    }
    auto less = [](const Entry& a, const Entry& b) { return a.key < b.key; };
    if (k * 64 <= n) {
      std::partial_sort(items.begin(), items.begin() + k, items.end(), less);
    } else {
      std::nth_element(items.begin(), items.begin() + k - 1, items.end(), less);
      std::sort(items.begin(), items.begin() + k - 1, less);
    }
    for (int64_t i = 0; i < k; ++i) {
      indices[row * k + i] = items[size_t(i)].index;
      values[row * k + i] = x[items[size_t(i)].index];
    }
  });
}

/// The first index whose key is the k-th in order; `keys` is scratch.
template <class T>
int64_t place_of_kth(const T* x, int64_t n, int64_t k, std::vector<typename Key<T>::Bits>& keys) {
  keys.resize(size_t(n));
  for (int64_t i = 0; i < n; ++i) keys[size_t(i)] = Key<T>::of(x[i]);
  std::nth_element(keys.begin(), keys.begin() + k, keys.end());
  auto wanted = keys[size_t(k)];
  int64_t place = 0;
  while (Key<T>::of(x[place]) != wanted) ++place;
  return place;
}

template <class T>
void kth_rows(int64_t rows, int64_t n, int64_t k, const T* input, T* values, int64_t* indices) {
  for_each_row(rows, n, [&](int64_t row) {
    std::vector<typename Key<T>::Bits> keys;
    const T* x = input + row * n;
    indices[row] = place_of_kth(x, n, k, keys);
    values[row] = x[indices[row]];
  });
}

template <class T>
void median_rows(int64_t rows, int64_t n, bool skip_nan, const T* input, T* values,
                 int64_t* indices) {
  for_each_row(rows, n, [&](int64_t row) {
    const T* x = input + row * n;
    int64_t nans = std::count_if(x, x + n, [](T value) { return is_nan(value); });
    if (nans > 0 && !skip_nan) {
      indices[row] = std::find_if(x, x + n, [](T value) { return is_nan(value); }) - x;
    } else {
      // Of equal elements the one that libstdc++'s selection of indices finds, as in PyTorch.
      std::vector<int64_t> order(static_cast<size_t>(n));
      std::iota(order.begin(), order.end(), 0);
      auto middle = order.begin() + std::max<int64_t>(n - nans - 1, 0) / 2;
      std::nth_element(order.begin(), middle, order.end(),
                       [&](int64_t i, int64_t j) { return Key<T>::of(x[i]) < Key<T>::of(x[j]); });
      indices[row] = *middle;
    }
    values[row] = x[indices[row]];
  });
}

template <class T>
void mode_rows(int64_t rows, int64_t n, const T* input, T* values, int64_t* indices) {
  using Bits = typename Key<T>::Bits;
  for_each_row(rows, n, [&](int64_t row) {
    const T* x = input + row * n;
    std::vector<Item<Bits>> items(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) items[size_t(i)] = {Key<T>::of(x[i]), i};
    std::stable_sort(items.begin(), items.end(),
                     [](const auto& a, const auto& b) { return a.key < b.key; });
    int64_t best = 0, length = 0, run = 0;
    for (int64_t i = 0; i < n; ++i) {
      // NaN differs from itself.
      bool again = i > 0 && items[size_t(i)].key == items[size_t(i - 1)].key &&
                   !is_nan(x[items[size_t(i)].index]);
      run = again ? run + 1 : 1;
      if (run > length) {
        length = run;
        best = items[size_t(i)].index;
      }
    }
    indices[row] = best;
    values[row] = x[best];
  });
}

}  // namespace

void run_sort(DType dtype, int64_t rows, int64_t n, bool descending, const void* input,
              void* values, int64_t* indices) {
  dispatch(dtype, [&]<class T>(CppType<T>) {
    sort_rows(rows, n, descending, static_cast<const T*>(input), static_cast<T*>(values), indices);
  });
}

void run_topk(DType dtype, int64_t rows, int64_t n, int64_t k, bool largest, const void* input,
              void* values, int64_t* indices) {
  dispatch(dtype, [&]<class T>(CppType<T>) {
    topk_rows(rows, n, k, largest, static_cast<const T*>(input), static_cast<T*>(values), indices);
  });
}

void run_kth(DType dtype, int64_t rows, int64_t n, int64_t k, const void* input, void* values,
             int64_t* indices) {
  dispatch(dtype, [&]<class T>(CppType<T>) {
    kth_rows(rows, n, k, static_cast<const T*>(input), static_cast<T*>(values), indices);
  });
}

void run_median(DType dtype, int64_t rows, int64_t n, bool skip_nan, const void* input,
                void* values, int64_t* indices) {
  dispatch(dtype, [&]<class T>(CppType<T>) {
    median_rows(rows, n, skip_nan, static_cast<const T*>(input), static_cast<T*>(values), indices);
  });
}

void run_mode(DType dtype, int64_t rows, int64_t n, const void* input, void* values,
              int64_t* indices) {
  dispatch(dtype, [&]<class T>(CppType<T>) {
    mode_rows(rows, n, static_cast<const T*>(input), static_cast<T*>(values), indices);
  });
}

}  // namespace rushlight
