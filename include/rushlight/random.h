#pragma once
// The default random stream, as torch.manual_seed and its kin handle it.

#include <rushlight/tensor.h>

namespace rushlight {

/// Restarts the default stream; returns it. The same seed gives PyTorch's CPU numbers.
Generator& manual_seed(int64_t seed);
/// Restarts the default stream from the system's entropy; returns the seed.
uint64_t seed();
uint64_t initial_seed();

/// The state of a stream as PyTorch stores it: 5056 bytes in a uint8 tensor.
Tensor get_state(const Generator& generator);
/// Throws a TypeError if `state` is not a uint8 tensor in main memory, and Generator::set_state's
/// errors.
void set_state(Generator& generator, const Tensor& state);
inline Tensor get_rng_state() { return get_state(default_generator()); }
inline void set_rng_state(const Tensor& state) { set_state(default_generator(), state); }

}  // namespace rushlight
