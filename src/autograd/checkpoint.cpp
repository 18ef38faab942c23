#include <rushlight/checkpoint.h>
#include <rushlight/operators.h>

#include <mutex>

namespace rushlight {

namespace {

using List = std::vector<Tensor>;

/// One checkpoint: how to compute again, and what that gave.
struct Frame {
  std::shared_ptr<CheckpointFunction> function;
  List inputs;
  std::vector<uint32_t> writes;  // to the inputs, at the first computation
  std::vector<uint8_t> random;
  size_t saved = 0;  // tensors, at the first computation
  std::mutex mutex;
  List again;  // the same tensors from the second
  size_t used = 0;

  void compute_again();
};

/// The second computation: keeps what is saved.
struct Collect : autograd::SavedTensorHooks {
  explicit Collect(List& tensors) : tensors(tensors) {}
  std::shared_ptr<void> pack(const Tensor& tensor) override {
    tensors.push_back(tensor);
    return std::make_shared<Tensor>(tensor);
  }
  Tensor unpack(const std::shared_ptr<void>& packed) override {
    return *static_cast<Tensor*>(packed.get());
  }
  List& tensors;
};

/// The first one: keeps their numbers.
struct Number : autograd::SavedTensorHooks {
  explicit Number(std::shared_ptr<Frame> frame) : frame(std::move(frame)) {}
  std::shared_ptr<void> pack(const Tensor& tensor) override {
    return std::make_shared<Place>(Place{frame->saved++, autograd::Meta(tensor)});
  }
  Tensor unpack(const std::shared_ptr<void>& packed) override {
    const auto& [number, meta] = *static_cast<Place*>(packed.get());
    std::lock_guard lock(frame->mutex);
    if (frame->again.empty()) frame->compute_again();
    check(frame->again.size() == frame->saved,
          "checkpoint: A different number of tensors was saved during the original forward and "
          "recomputation.\nNumber of tensors saved during forward: ",
          frame->saved, "\nNumber of tensors saved during recomputation: ", frame->again.size());
    Tensor tensor = frame->again[number];
    check(same(tensor.shape(), meta.shape) && tensor.dtype() == meta.dtype,
          "checkpoint: Recomputed values for the following tensors have different metadata than "
          "during the forward pass: tensor at position ",
          number, " was ", to_string(meta.shape), ", is ", to_string(tensor.shape()));
    if (++frame->used == frame->saved) {
      frame->again.clear();
      frame->used = 0;
    }
    return tensor;
  }

 private:
  struct Place {
    size_t number;
    autograd::Meta meta;
  };
  std::shared_ptr<Frame> frame;
};

/// Draws from a saved state until the end of the scope.
struct RandomGuard {
  explicit RandomGuard(const std::vector<uint8_t>& state) : now(default_generator().get_state()) {
    default_generator().set_state(state);
  }
  ~RandomGuard() { default_generator().set_state(now); }
  RandomGuard(const RandomGuard&) = delete;
  std::vector<uint8_t> now;
};

void Frame::compute_again() {
  List detached;
  for (size_t i = 0; i < inputs.size(); ++i) {
    check(inputs[i].impl()->version().writes == writes[i], "checkpoint: input ", i,
          " has been modified by an inplace operation since it was given");
    detached.push_back(inputs[i].detach());
    detached.back().requires_grad_(inputs[i].requires_grad());
  }
  RandomGuard draws(random);
  autograd::EnableGrad guard;
  autograd::SavedTensorsHooks hooks(std::make_shared<Collect>(again));
  function->run(detached);
}

}  // namespace

List checkpoint(std::shared_ptr<CheckpointFunction> function, List inputs) {
  auto frame = std::make_shared<Frame>();
  frame->random = default_generator().get_state();
  for (const Tensor& input : inputs) frame->writes.push_back(input.impl()->version().writes);
  frame->function = std::move(function);
  frame->inputs = std::move(inputs);
  autograd::SavedTensorsHooks hooks(std::make_shared<Number>(frame));
  return frame->function->run(frame->inputs);
}

}  // namespace rushlight
