// Permutations and multinomial sampling.
#include <cmath>
#include <numeric>
#include <vector>

#include "cpu/random.h"
#include "cpu/random_blocks.h"

namespace rushlight::cpu {
namespace {

// Fisher-Yates from the front: element i changes places with one of those from i on.
template <class T>
void shuffle(T* values, int64_t n, Mt19937& engine) {
  if constexpr (std::is_same_v<T, uint32_t>)
    count_up(values, n);
  else
    std::iota(values, values + n, T(0));
  if (n < 2) return;
  alignas(64) uint32_t offsets[kBlockWords];
  for_blocks(engine, n - 1, 1, [&](const uint32_t* bits, int64_t begin, int64_t count) {
    remainders_of_descending(bits, offsets, count, uint32_t(n - begin));
    T* first = values + begin;
    for (int64_t i = 0; i < count; ++i) std::swap(first[i], first[i + offsets[i]]);
  });
}

// The same through the narrowest integers, which stay in the cache: those of int64 wait in the
// second half of its own buffer.
template <class T>
void permute(T* values, int64_t n, Mt19937& engine) {
  if constexpr (std::is_same_v<T, int64_t>) {
    shuffle(reinterpret_cast<uint32_t*>(values) + n, n, engine);
    widen_from_behind(values, n);
  } else if constexpr (std::is_same_v<T, double>) {
    std::vector<uint32_t> numbers(static_cast<size_t>(n));
    shuffle(numbers.data(), n, engine);
    std::copy(numbers.begin(), numbers.end(), values);
  } else if constexpr (std::is_integral_v<T> || std::is_same_v<T, float>) {
    shuffle(values, n, engine);
  } else {
    std::vector<uint16_t> numbers(static_cast<size_t>(n));
    shuffle(numbers.data(), n, engine);
    std::transform(numbers.begin(), numbers.end(), values, element<T, uint16_t>);
  }
}

// The inside-out shuffle, with 64-bit draws: 32 bits would favour some permutations.
template <class T>
void shuffle_inside_out(T* values, int64_t n, Mt19937& engine) {
  for_blocks(engine, n, 2, [&](const uint32_t* bits, int64_t begin, int64_t count) {
    for (int64_t i = begin; i < begin + count; ++i) {
      int64_t other = int64_t(join_words(bits + 2 * (i - begin)) % uint64_t(i + 1));
      values[i] = element<T>(i);
      values[i] = values[other];
      values[other] = element<T>(i);
    }
  });
}

template <class T>
void check_holds(DType dtype, int64_t n) {
  if constexpr (std::is_integral_v<T>) {
    if constexpr (sizeof(T) < 8) {
      check(n - 1 <= int64_t(std::numeric_limits<T>::max()), "value cannot be converted to type ",
            info(dtype).name, "_t without overflow");
    }
  } else {
    constexpr int digits = kLimits<T>.digits;
    int64_t largest = (int64_t{1} << digits) + 1;
    std::string shown =
        digits < 24 ? std::to_string(largest) : "2^" + std::to_string(digits) + "+1";
    check(n <= largest, "n cannot be greater than ", shown, " for ", info(dtype).spoken, " type.");
  }
}

// Weights of `multinomial` with replacement, as a cumulative distribution that ends in 1.
template <class T, class Real>
void accumulate(const T* weights, std::vector<Real>& cumulative) {
  Real sum = 0;
  for (size_t j = 0; j < cumulative.size(); ++j) {
    Real weight = weights[j];
    check(weight >= 0, "invalid multinomial distribution (encountering probability entry < 0)");
    check(std::isfinite(weight),
          "invalid multinomial distribution (encountering probability entry = infinity or NaN)");
    sum += weight;
    cumulative[j] = sum;
  }
  check(sum > 0, "invalid multinomial distribution (sum of probabilities <= 0)");
  for (Real& value : cumulative) value /= sum;
  cumulative.back() = 1;
}

template <class T>
void sample_with_replacement(int64_t* indices, const T* weights, int64_t rows, int64_t categories,
                             int64_t samples, Mt19937& engine) {
  using Real = std::conditional_t<std::is_same_v<T, double>, double, float>;
  std::vector<Real> cumulative(static_cast<size_t>(categories));
  for (int64_t row = 0; row < rows; ++row) {
    accumulate(weights + row * categories, cumulative);
    for_uniforms(engine, samples, [&](int64_t i, double u) {
      auto slot = std::lower_bound(cumulative.begin(), cumulative.end(), u,
                                   [](Real edge, double value) { return edge < value; });
      indices[row * samples + i] = slot - cumulative.begin();
    });
  }
}

template <class T>
void check_weights(const T* weights, int64_t rows, int64_t categories) {
  bool positive = rows > 0;
  for (int64_t row = 0; row < rows; ++row) {
    double sum = 0;
    for (int64_t j = 0; j < categories; ++j) {
      double weight = double(weights[row * categories + j]);
      check(weight >= 0 && std::isfinite(weight),
            "probability tensor contains either `inf`, `nan` or element < 0");
      sum += weight;
    }
    positive = positive && sum > 0;
  }
  check(positive, "invalid multinomial distribution (sum of probabilities <= 0)");
}

// The largest weight / exponential are a sample without replacement (the Gumbel-max trick). Equal
// scores, which weights of 0 have, come in the order of PyTorch's topk.
template <class T>
void sample_without_replacement(int64_t* indices, const T* weights, int64_t rows,
                                int64_t categories, int64_t samples, Mt19937& engine) {
  using Real = std::conditional_t<std::is_same_v<T, double>, double, float>;
  using Scored = std::pair<Real, int64_t>;
  std::vector<Scored> scores(static_cast<size_t>(categories));
  auto before = [](const Scored& a, const Scored& b) {
    return (std::isnan(a.first) && !std::isnan(b.first)) || a.first > b.first;
  };
  for (int64_t row = 0; row < rows; ++row, weights += categories, indices += samples) {
    for_uniforms(engine, categories, [&](int64_t i, double u) {
      Real exponential = element<T>(-1.0 * std::log1p(-u));
      scores[size_t(i)] = {element<T>(Real(weights[i]) / exponential), i};
    });
    auto first = scores.begin(), chosen = first + samples;
    if (samples == 1) {
      std::iter_swap(first, std::min_element(first, scores.end(), before));
    } else if (samples * 64 <= categories) {
      std::partial_sort(first, chosen, scores.end(), before);
    } else {
      std::nth_element(first, chosen - 1, scores.end(), before);
      std::sort(first, chosen - 1, before);
    }
    for (int64_t i = 0; i < samples; ++i) indices[i] = scores[size_t(i)].second;
  }
}

}  // namespace

void fill_randperm(void* data, DType dtype, int64_t n, Generator& generator) {
  check(n >= 0, "Trying to create tensor with negative dimension ", n, ": [", n, "]");
  check(dtype != DType::Bool, ErrorKind::NotImplemented, "\"randperm\" not implemented for 'Bool'");
  dispatch(dtype, [&]<class T>(CppType<T>) {
    check_holds<T>(dtype, n);
    T* values = static_cast<T*>(data);
    std::lock_guard lock(generator.data().mutex);
    Mt19937& engine = generator.data().engine;
    constexpr int64_t kLarge = std::numeric_limits<uint32_t>::max() / 20;
    if (n >= kLarge) return shuffle_inside_out(values, n, engine);
    if constexpr (!std::is_same_v<T, bool>) permute(values, n, engine);
  });
}

void multinomial(int64_t* indices, const void* weights, DType dtype, int64_t rows,
                 int64_t categories, int64_t samples, bool replacement, Generator& generator) {
  check(is_floating(dtype),
        "multinomial only supports floating-point dtypes for input, got: ", info(dtype).spoken);
  check(samples > 0, "cannot sample n_sample <= 0 samples");
  check(replacement || samples <= categories,
        "cannot sample n_sample > prob_dist.size(-1) samples without replacement");
  check(categories <= int64_t{1} << 24, "number of categories cannot exceed 2^24");
  if (rows == 0) return;
  dispatch_floating(dtype, "multinomial", [&]<class T>(CppType<T>) {
    const T* source = static_cast<const T*>(weights);
    std::lock_guard lock(generator.data().mutex);
    Mt19937& engine = generator.data().engine;
    if (replacement && samples > 1) {
      sample_with_replacement(indices, source, rows, categories, samples, engine);
    } else {
      check_weights(source, rows, categories);
      sample_without_replacement(indices, source, rows, categories, samples, engine);
    }
  });
}

}  // namespace rushlight::cpu
