// Autograd from C++: graphs, modes, hooks, custom functions, threads.

#include <gtest/gtest.h>
#include <rushlight/function.h>
#include <rushlight/operators.h>

#include <atomic>
#include <thread>
#include <vector>

#include "runtime/allocator.h"

namespace {

using namespace rushlight;

Tensor leaf(std::initializer_list<float> values) {
  Tensor result = zeros({int64_t(values.size())});
  std::copy(values.begin(), values.end(), result.data<float>());
  return result.requires_grad_();
}

std::vector<float> values(const Tensor& tensor) {
  Tensor flat = tensor.detach().contiguous();
  return {flat.data<float>(), flat.data<float>() + flat.numel()};
}

using List = std::vector<float>;

TEST(Autograd, GradientsAccumulateInLeaves) {
  Tensor x = leaf({1, 2, 3}), w = leaf({4, 5, 6});
  (x * w).sum().backward();
  EXPECT_EQ(values(x.grad()), (List{4, 5, 6}));
  (x * w).sum().backward();
  EXPECT_EQ(values(x.grad()), (List{8, 10, 12}));
  EXPECT_EQ(values(w.grad()), (List{2, 4, 6}));
}

TEST(Autograd, HigherDerivatives) {
  Tensor x = leaf({1, 2, 3});
  Tensor y = x.pow(3).sum();
  Tensor first = autograd::grad({y}, {x}, {}, {}, true)[0];
  Tensor second = autograd::grad({first.sum()}, {x}, {}, {}, true)[0];
  EXPECT_EQ(values(first), (List{3, 12, 27}));
  EXPECT_EQ(values(second), (List{6, 12, 18}));
}

TEST(Autograd, BackwardToSomeInputsOnly) {
  Tensor x = leaf({1, 2}), w = leaf({3, 4});
  Tensor y = x * w;
  autograd::backward({y.sum()}, {}, {}, false, {x, y});
  EXPECT_EQ(values(x.grad()), (List{3, 4}));
  EXPECT_EQ(values(y.grad()), (List{1, 1}));
  EXPECT_FALSE(w.grad().defined());
}

TEST(Autograd, ModesHoldUntilTheEndOfTheScope) {
  Tensor x = leaf({1});
  {
    autograd::NoGrad guard;
    EXPECT_FALSE((x * 2).requires_grad());
    autograd::EnableGrad inner;
    EXPECT_TRUE((x * 2).requires_grad());
  }
  EXPECT_TRUE((x * 2).requires_grad());
  Tensor made;
  {
    autograd::InferenceMode guard;
    made = x * 2;
  }
  EXPECT_TRUE(made.impl()->inference);
  EXPECT_THROW(made.add_(1), Error);
  EXPECT_THROW(x * made, Error);
}

TEST(Autograd, HooksOfTensors) {
  Tensor x = leaf({1, 2});
  Tensor y = x * 3;
  List seen;
  autograd::register_hook(y, [](const Tensor& gradient) { return gradient * 10; });
  autograd::register_hook(y, [&](const Tensor& gradient) { seen = values(gradient); });
  auto removed = autograd::register_hook(y, [](const Tensor& gradient) { return gradient * 0; });
  removed.remove();
  autograd::retain_grad(y);
  int leaves = 0;
  autograd::register_post_accumulate_grad_hook(x, [&](const Tensor& leaf) {
    ++leaves;
    EXPECT_TRUE(leaf.is_same(x));
  });
  y.sum().backward();
  EXPECT_EQ(seen, (List{10, 10}));
  EXPECT_EQ(values(y.grad()), (List{10, 10}));
  EXPECT_EQ(values(x.grad()), (List{30, 30}));
  EXPECT_EQ(leaves, 1);
}

TEST(Autograd, HooksOfTensorsThatGetNoGradient) {
  Tensor x = leaf({1, 2});
  std::vector<Tensor> parts = x.unbind();
  int calls = 0;
  autograd::register_hook(parts[0], [&](const Tensor& gradient) {
    ++calls;
    return gradient * 2;
  });
  parts[1].backward();
  EXPECT_EQ(calls, 0);
  parts[0].backward();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(values(x.grad()), (List{2, 1}));
}

TEST(Autograd, SecondDerivativesThroughAChangeOfAView) {
  Tensor x = leaf({1, 2, 3});
  Tensor y = x * 1;
  y.narrow(0, 1, 2).exp_();
  Tensor first = autograd::grad({y.pow(2).sum()}, {x}, {}, {}, true)[0];
  Tensor second = autograd::grad({first.sum()}, {x})[0];
  Tensor expected = (x.detach() * 2).exp() * 4;
  EXPECT_EQ(values(second)[0], 2);
  EXPECT_NEAR(values(second)[2], values(expected)[2], 1e-2);
}

TEST(Autograd, DataIsReplacedUnderTheSameCountOfWrites) {
  Tensor weight = ones(Ints{3});
  weight.requires_grad_();
  Tensor alias = weight.detach(), loss = (weight * weight).sum();
  weight.set_data(zeros(Ints{3}));
  EXPECT_EQ(alias.sum().item<float>(), 3);
  alias.add_(1);  // counts as a write to the weight, as it would have before
  EXPECT_THROW(loss.backward(), Error);
  Tensor integers = arange(3);
  EXPECT_THROW(weight.set_data(integers), Error);
  (weight * 2).sum().backward();
  EXPECT_EQ(weight.grad().sum().item<float>(), 6);
}

TEST(Autograd, ALinearMapShowsItsTransposition) {
  Tensor x = ones(Ints{2, 3}), weight = ones(Ints{4, 3}), bias = ones(Ints{4});
  weight.requires_grad_();
  Tensor y = linear(x, weight, bias);
  auto node = y.grad_fn();
  node->unfold();
  ASSERT_EQ(node->edges().size(), 3u);
  EXPECT_EQ(node->edges()[2].node->name(), "TBackward0");
  y.sum().backward();
  EXPECT_TRUE(weight.grad().is_contiguous());
  EXPECT_EQ(weight.grad().sum().item<float>(), 24);
}

TEST(Autograd, CallbacksAtTheEndOfAPass) {
  struct Count : autograd::Callback {
    explicit Count(int& count) : count(count) {}
    void run() override { ++count; }
    int& count;
  };
  Tensor x = leaf({1, 2});
  int count = 0;
  autograd::register_hook(x, [&](const Tensor&) {
    autograd::queue_callback(std::make_unique<Count>(count));
    EXPECT_EQ(count, 0);
  });
  (x * 2).sum().backward();
  EXPECT_EQ(count, 1);
  EXPECT_THROW(autograd::queue_callback(std::make_unique<Count>(count)), Error);
}

TEST(Autograd, HooksOfNodes) {
  Tensor x = leaf({1, 2});
  Tensor y = x * 3;
  autograd::register_prehook(*y.grad_fn(),
                             [](autograd::Gradients& arrived) { arrived[0] = arrived[0] * 2; });
  autograd::register_hook(*y.grad_fn(),
                          [](autograd::Gradients& computed, const autograd::Gradients& arrived) {
                            computed[0] = computed[0] + arrived[0];
                          });
  y.sum().backward();
  EXPECT_EQ(values(x.grad()), (List{8, 8}));
}

TEST(Autograd, AHookThatThrowsLeavesAWorkingEngine) {
  Tensor x = leaf({1, 2});
  auto handle =
      autograd::register_hook(x, [](const Tensor&) { fail(ErrorKind::Value, "on purpose"); });
  EXPECT_THROW((x * 2).sum().backward(), Error);
  handle.remove();
  (x * 2).sum().backward();
  EXPECT_EQ(values(x.grad()), (List{2, 2}));
}

struct Exp : autograd::Function<Exp> {
  static Tensor forward(autograd::Context& context, const Tensor& x, double scale) {
    Tensor result = (x * scale).exp();
    context.save_for_backward({result});
    context.saved_data["scale"] = scale;
    return result;
  }
  static std::vector<Tensor> backward(autograd::Context& context, std::vector<Tensor> gradients) {
    double scale = std::any_cast<double>(context.saved_data["scale"]);
    return {gradients[0] * context.get_saved_variables()[0] * scale, Tensor()};
  }
};

TEST(Autograd, CustomFunctions) {
  Tensor x = leaf({0, 1});
  Tensor y = Exp::apply(x, 2.0);
  EXPECT_EQ(y.grad_fn()->name(), "ExpBackward");
  Tensor first = autograd::grad({y.sum()}, {x}, {}, {}, true)[0];
  EXPECT_EQ(values(first), values(y * 2));
  Tensor second = autograd::grad({first.sum()}, {x})[0];
  EXPECT_EQ(values(second), values(y * 4));
}

struct WeightedSum : autograd::Function<WeightedSum> {
  static Tensor forward(const std::vector<Tensor>& parts, const std::optional<Tensor>& shift,
                        double weight) {
    Tensor sum = (parts[0] + parts[1]) * weight;
    return shift ? sum + *shift : sum;
  }
  static void setup_context(autograd::Context& context, const auto& inputs, const Tensor& result) {
    auto& [parts, shift, weight] = inputs;
    context.save_for_backward({parts[0], result});
    context.saved_data["weight"] = weight;
  }
  static std::vector<Tensor> backward(autograd::Context& context, std::vector<Tensor> gradients) {
    EXPECT_EQ(context.get_saved_variables().size(), 2u);
    Tensor part = gradients[0] * std::any_cast<double>(context.saved_data["weight"]);
    return {part, part, gradients[0], Tensor()};
  }
};

TEST(Autograd, CustomFunctionsOfListsWithContextSetUpAfterwards) {
  Tensor x = leaf({0, 1}), y = leaf({2, 3}), z = leaf({4, 5});
  std::vector<Tensor> parts = {x, y};
  WeightedSum::apply(parts, std::optional<Tensor>(z), 2.0).sum().backward();
  WeightedSum::apply(parts, std::optional<Tensor>(), 3.0).sum().backward();
  EXPECT_EQ(values(x.grad()), (List{5, 5}));
  EXPECT_EQ(values(y.grad()), (List{5, 5}));
  EXPECT_EQ(values(z.grad()), (List{1, 1}));
}

TEST(Autograd, WhatWasNotUsedHasZeroGradientsIfAsked) {
  Tensor x = leaf({0, 1}), y = leaf({2, 3});
  EXPECT_THROW(autograd::grad({x.sum()}, {y}), Error);
  EXPECT_THROW(autograd::grad({x.sum()}, {}), Error);
  EXPECT_FALSE(autograd::grad({x.sum()}, {y}, {}, {}, false, true)[0].defined());
  EXPECT_EQ(values(autograd::grad({x.sum()}, {y}, {}, {}, false, false, true)[0]), (List{0, 0}));
}

TEST(Autograd, WhatDoesNotFitIsRefused) {
  Tensor x = leaf({0, 1});
  EXPECT_THROW(x.set_grad(ones({3})), Error);
  auto of_other_size = autograd::register_hook(x, [](const Tensor&) { return ones({3}); });
  EXPECT_THROW((x * 2).sum().backward(), Error);
  of_other_size.remove();
  autograd::register_hook(x, [](const Tensor& g) { return g.to(DType::Int64); });
  EXPECT_THROW((x * 2).sum().backward(), Error);
}

TEST(Autograd, TheErrorNamesTheCulprits) {
  Tensor x = leaf({1, 2});
  Tensor y = (x * 1).exp();
  y.mul_(2);
  try {
    y.sum().backward();
    FAIL();
  } catch (const Error& error) {
    std::string text = error.what();
    EXPECT_NE(text.find("`exp` saved its result for backward, but `mul_` changed it since"),
              std::string::npos)
        << text;
  }
}

TEST(Autograd, AChainOfAMillionIsFreed) {
  int64_t before = allocator_stats().live_blocks;
  {
    Tensor x = leaf({1});
    Tensor y = x;
    for (int i = 0; i < 1'000'000; ++i) y = y + 1;
    y.backward();
    EXPECT_EQ(values(x.grad()), (List{1}));
  }
  EXPECT_EQ(allocator_stats().live_blocks, before);
}

// -- Threads: these also run under ThreadSanitizer -----------------------------------------------

/// Calls `work(number)` in four threads at once.
template <class Work>
void in_threads(Work work) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) threads.emplace_back([&, t] { work(t); });
  for (std::thread& thread : threads) thread.join();
}

TEST(AutogradThreads, SeparateGraphsAndSharedLeaves) {
  Tensor shared = leaf({1, 2});
  in_threads([&](int) {
    for (int i = 0; i < 200; ++i) {
      Tensor own = leaf({3, 4});
      (shared * own.detach()).sum().backward();
      (own * own).sum().backward();
      EXPECT_EQ(values(own.grad()), (List{6, 8}));
    }
  });
  EXPECT_EQ(values(shared.grad()), (List{2400, 3200}));
}

TEST(AutogradThreads, ASharedLeafIsTakenUpAndLetGo) {
  Tensor shared = leaf({1, 2});  // each thread makes and frees its accumulator
  in_threads([&](int t) {
    for (int i = 0; i < 500; ++i) {
      Tensor y = shared * 2;
      if ((i + t) % 3 == 0) y.sum().backward();
    }
  });
  EXPECT_EQ(values(shared.grad())[0], values(shared.grad())[1]);
}

TEST(AutogradThreads, ASharedPartOfTheGraphIsRetained) {
  Tensor shared = leaf({0, 1});
  Tensor middle = (shared * shared).exp();
  in_threads([&](int t) {
    for (int i = 0; i < 100; ++i) {
      Tensor loss = (middle * double(t + 1)).sum();
      Tensor gradient = autograd::grad({loss}, {shared}, {}, true)[0];
      EXPECT_EQ(values(gradient), values(shared.detach() * middle.detach() * (2.0 * (t + 1))));
    }
  });
}

TEST(AutogradThreads, OnePassFreesWhatOthersRead) {
  for (int i = 0; i < 100; ++i) {
    Tensor x = leaf({0.5, 1});
    Tensor y = Exp::apply(x, 1.0);
    for (int k = 0; k < 20; ++k) y = (y * y).sin();
    y.narrow(0, 0, 1).mul_(y.exp().narrow(0, 0, 1));  // and a base that was changed
    Tensor loss = y.sum();
    std::atomic<int> last{0};
    in_threads([&](int t) {
      try {
        autograd::grad({loss}, {x}, {}, /*retain_graph=*/t % 2 == 1);
        last += t % 2 == 0;
      } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("a second time"), std::string::npos);
      }
    });
    EXPECT_EQ(last, 1);
    EXPECT_THROW(loss.backward(), Error);
  }
}

TEST(AutogradThreads, SecondDerivativesThroughSharedLeaves) {
  Tensor shared = leaf({1, 2});
  in_threads([&](int) {
    for (int i = 0; i < 50; ++i) {
      Tensor first = autograd::grad({shared.pow(3).sum()}, {shared}, {}, {}, true)[0];
      EXPECT_EQ(values(autograd::grad({first.sum()}, {shared})[0]), (List{6, 12}));
    }
  });
}

TEST(AutogradThreads, HooksAndFunctionsOfTheirOwn) {
  Tensor shared = leaf({0, 1});
  std::atomic<int> arrived{0};
  autograd::register_hook(shared, [&](const Tensor&) { ++arrived; });
  autograd::register_post_accumulate_grad_hook(shared, [&](const Tensor&) { ++arrived; });
  in_threads([&](int t) {
    for (int i = 0; i < 50; ++i) {
      Tensor y = Exp::apply(shared, 2.0);
      autograd::retain_grad(y);
      auto handle = autograd::register_hook(y, [](const Tensor& gradient) { return gradient * 2; });
      if (i % 2) handle.remove();
      autograd::InferenceMode mode(false);
      (y * double(t)).sum().backward();
      EXPECT_EQ(values(y.grad())[0], float(t * (i % 2 ? 1 : 2)));
    }
  });
  EXPECT_EQ(arrived, 400);
}

TEST(AutogradThreads, AFailureStaysInItsThread) {
  Tensor shared = leaf({1, 2});
  in_threads([&](int t) {
    for (int i = 0; i < 50; ++i) {
      Tensor y = shared * 2;
      if (t % 2) autograd::register_hook(y, [](const Tensor&) { fail(ErrorKind::Value, "mine"); });
      if (t % 2)
        EXPECT_THROW(y.sum().backward(), Error);
      else
        y.sum().backward();
    }
  });
  EXPECT_EQ(values(shared.grad()), (List{200, 200}));
}

TEST(AutogradThreads, GraphsDieInOtherThreadsThanTheirOwn) {
  Tensor shared = leaf({1});
  auto chain = [&] {
    Tensor y = shared;
    for (int i = 0; i < 1000; ++i) y = y * 1;
    return y;
  };
  std::thread([y = chain()]() mutable { y = Tensor(); }).join();
  // Each thread frees what its neighbour has made, while others run backward on the same leaf.
  std::vector<Tensor> made(4);
  for (Tensor& each : made) each = chain();
  in_threads([&](int t) {
    chain().backward();
    made[size_t(t + 1) % 4] = Tensor();
    chain().backward();
  });
  EXPECT_EQ(values(shared.grad()), (List{8}));
}

}  // namespace
