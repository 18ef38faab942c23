#pragma once
// Random numbers: PyTorch's CPU generator, number for number.

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace rushlight {

/// The Mersenne Twister mt19937 (Matsumoto and Nishimura, 1998), with its fields open so that
/// kernels can take a block of 624 words at a time.
struct Mt19937 {
  static constexpr int kWords = 624;

  uint64_t seed = 0;  ///< as given; only its low 32 bits set the words
  int left = 1;       ///< draws until the next twist, plus one; next + left <= 625
  uint32_t next = 0;  ///< the word that the next draw tempers
  std::array<uint32_t, kWords> words;

  explicit Mt19937(uint64_t seed_value);
  /// Replaces all words by their successors.
  void twist();
  uint32_t operator()() {
    if (--left == 0) twist();
    return temper(words[next++]);
  }
  static constexpr uint32_t temper(uint32_t word) {
    word ^= word >> 11;
    word ^= (word << 7) & 0x9d2c5680u;
    word ^= (word << 15) & 0xefc60000u;
    return word ^ (word >> 18);
  }
};

/// A random stream. Copies share the stream; clone() makes an independent one. The same seed or
/// state gives the numbers of PyTorch's CPU generator. Every member function may be called from
/// any thread; the fills in cpu/random.h hold the lock for a whole fill.
class Generator {
 public:
  static constexpr uint64_t kDefaultSeed = 67280421310721;
  /// Bytes of a saved state: that of torch.Generator.get_state().
  static constexpr size_t kStateBytes = 5056;

  explicit Generator(uint64_t seed = kDefaultSeed);

  /// Restarts the stream. A negative seed of PyTorch's is its two's complement: -1 is 2^64 - 1.
  void manual_seed(uint64_t seed);
  /// Restarts the stream from the system's entropy and returns the seed.
  uint64_t seed();
  /// The seed of the last manual_seed(), seed() or set_state().
  uint64_t initial_seed() const;

  /// The state in PyTorch's own layout, kStateBytes long.
  std::vector<uint8_t> get_state() const;
  /// Takes a state saved here or in PyTorch. Throws, and changes nothing, if the size is wrong
  /// ("Expected a CPUGeneratorImplState of size 5056 …") or the contents are ("Invalid mt19937
  /// state").
  void set_state(std::span<const uint8_t> state);

  /// The next 32 bits; the next 64 (two draws, high half first).
  uint32_t random();
  uint64_t random64();

  /// A stream with the same state and a life of its own.
  Generator clone() const;
  /// Whether both are the same stream.
  friend bool operator==(const Generator& a, const Generator& b) { return a.data_ == b.data_; }

  /// What a kernel works on while it holds the lock.
  struct Data {
    std::mutex mutex;
    Mt19937 engine;
    std::optional<float> next_float_normal;    ///< the other half of a Box-Muller pair
    std::optional<double> next_double_normal;  ///< (float is kept for PyTorch's states only)

    explicit Data(uint64_t seed) : engine(seed) {}
    uint64_t random64() {
      uint64_t high = engine();
      return high << 32 | engine();
    }
  };
  Data& data() const { return *data_; }

 private:
  std::shared_ptr<Data> data_;
};

/// The stream of every call that names none; starts from the system's entropy.
Generator& default_generator();

}  // namespace rushlight
