#include <rushlight/random.h>

#include <cstring>

namespace rushlight {

Generator& manual_seed(int64_t seed) {
  Generator& generator = default_generator();
  generator.manual_seed(uint64_t(seed));
  return generator;
}

uint64_t seed() { return default_generator().seed(); }
uint64_t initial_seed() { return default_generator().initial_seed(); }

Tensor get_state(const Generator& generator) {
  std::vector<uint8_t> bytes = generator.get_state();
  Tensor state = make_tensor({{int64_t(bytes.size())}}, DType::UInt8);
  std::memcpy(state.data(), bytes.data(), bytes.size());
  return state;
}

void set_state(Generator& generator, const Tensor& state) {
  check(state.defined() && state.dtype() == DType::UInt8 && state.impl()->device == DeviceType::Cpu,
        ErrorKind::Type, "RNG state must be a torch.ByteTensor");
  check(state.is_contiguous(), "RNG state must be contiguous");
  generator.set_state({static_cast<const uint8_t*>(state.data()), size_t(state.numel())});
}

}  // namespace rushlight
