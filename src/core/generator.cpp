#include "rushlight/generator.h"

#include <cstddef>
#include <cstring>
#include <random>

#include "rushlight/error.h"

namespace rushlight {
namespace {

// PyTorch's CPUGeneratorImplState: words are stored in 64 bits each, and the first and last of
// its three normal_ doubles have been unused since 2017.
struct SavedState {
  uint64_t seed;
  int32_t left;
  int32_t seeded;
  uint64_t next;
  uint64_t words[Mt19937::kWords];
  double normal_x;
  double normal_y;
  double normal_rho;
  int32_t normal_is_valid;
  int32_t padding;
  float next_float_normal;
  uint8_t next_float_normal_is_valid;
  uint8_t end_padding[3];
};
static_assert(sizeof(SavedState) == Generator::kStateBytes);

uint64_t entropy() {
  std::random_device device;
  uint64_t high = device();
  return high << 32 | device();
}

}  // namespace

Mt19937::Mt19937(uint64_t seed_value) : seed(seed_value) {
  words[0] = uint32_t(seed);
  for (uint32_t i = 1; i < kWords; ++i) {
    words[i] = 1812433253u * (words[i - 1] ^ (words[i - 1] >> 30)) + i;
  }
}

void Mt19937::twist() {
  constexpr int kShift = 397;
  auto mix = [](uint32_t high, uint32_t low) {
    uint32_t joined = (high & 0x80000000u) | (low & 0x7fffffffu);
    return (joined >> 1) ^ ((0u - (low & 1)) & 0x9908b0dfu);
  };
  int i = 0;
  for (; i < kWords - kShift; ++i) words[i] = words[i + kShift] ^ mix(words[i], words[i + 1]);
  for (; i < kWords - 1; ++i) {
    words[i] = words[i + kShift - kWords] ^ mix(words[i], words[i + 1]);
  }
  words[i] = words[kShift - 1] ^ mix(words[i], words[0]);
  left = kWords;
  next = 0;
}

Generator::Generator(uint64_t seed) : data_(std::make_shared<Data>(seed)) {}

void Generator::manual_seed(uint64_t seed) {
  Mt19937 engine(seed);
  std::lock_guard lock(data_->mutex);
  data_->engine = engine;
  data_->next_float_normal.reset();
  data_->next_double_normal.reset();
}

uint64_t Generator::seed() {
  uint64_t value = entropy();
  manual_seed(value);
  return value;
}

uint64_t Generator::initial_seed() const {
  std::lock_guard lock(data_->mutex);
  return data_->engine.seed;
}

std::vector<uint8_t> Generator::get_state() const {
  SavedState saved{};
  {
    std::lock_guard lock(data_->mutex);
    const Mt19937& engine = data_->engine;
    saved.seed = engine.seed;
    saved.left = engine.left;
    saved.seeded = 1;
    saved.next = engine.next;
    for (int i = 0; i < Mt19937::kWords; ++i) saved.words[i] = engine.words[i];
    saved.normal_y = data_->next_double_normal.value_or(0.0);
    saved.normal_is_valid = data_->next_double_normal.has_value();
    saved.next_float_normal = data_->next_float_normal.value_or(0.0f);
    saved.next_float_normal_is_valid = data_->next_float_normal.has_value();
  }
  std::vector<uint8_t> bytes(sizeof saved);
  std::memcpy(bytes.data(), &saved, sizeof saved);
  return bytes;
}

void Generator::set_state(std::span<const uint8_t> state) {
  check(state.size() == kStateBytes, "Expected a CPUGeneratorImplState of size ", kStateBytes,
        " but found the input RNG state size to be ", state.size());
  SavedState saved;
  std::memcpy(&saved, state.data(), sizeof saved);
  // The last condition keeps a forged state from reading beyond the words before the next twist.
  uint32_t next = uint32_t(saved.next);
  check(saved.seeded != 0 && saved.left > 0 && saved.left <= Mt19937::kWords &&
            next <= Mt19937::kWords && next + uint32_t(saved.left) <= Mt19937::kWords + 1,
        "Invalid mt19937 state");
  std::lock_guard lock(data_->mutex);
  Mt19937& engine = data_->engine;
  engine.seed = saved.seed;
  engine.left = saved.left;
  engine.next = next;
  for (int i = 0; i < Mt19937::kWords; ++i) engine.words[i] = uint32_t(saved.words[i]);
  data_->next_double_normal.reset();
  if (saved.normal_is_valid) data_->next_double_normal = saved.normal_y;
  data_->next_float_normal.reset();
  if (saved.next_float_normal_is_valid) data_->next_float_normal = saved.next_float_normal;
}

uint32_t Generator::random() {
  std::lock_guard lock(data_->mutex);
  return data_->engine();
}

uint64_t Generator::random64() {
  std::lock_guard lock(data_->mutex);
  return data_->random64();
}

Generator Generator::clone() const {
  Generator copy;
  std::lock_guard lock(data_->mutex);
  copy.data_->engine = data_->engine;
  copy.data_->next_float_normal = data_->next_float_normal;
  copy.data_->next_double_normal = data_->next_double_normal;
  return copy;
}

Generator& default_generator() {
  // Never destroyed: threads that outlive main may still draw.
  static Generator& generator = *new Generator(entropy());
  return generator;
}

}  // namespace rushlight
