// Module and the layers as a C++ program uses them.

#include <rushlight/nn.h>
#include <rushlight/rushlight.h>

#include <gtest/gtest.h>

#include <cmath>

namespace rushlight {
namespace {

struct Net : nn::Module {
  nn::Linear& hidden = add("hidden", nn::Linear(4, 8));
  nn::Linear& output = add("output", nn::Linear(8, 2, false));
  Tensor scale = add_parameter("scale", ones({2}));
  Tensor count = add_buffer("count", zeros({}));

  Tensor forward(const Tensor& x) override { return output(relu(hidden(x))) * scale; }
};

std::vector<std::string> names(const nn::NamedTensors& named) {
  std::vector<std::string> list;
  for (const auto& [name, tensor] : named) list.push_back(name);
  return list;
}

std::string error_of(auto&& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Module, ListsItsPartsInOrder) {
  Net net;
  EXPECT_EQ(names(net.named_parameters()),
            (std::vector<std::string>{"scale", "hidden.weight", "hidden.bias", "output.weight"}));
  EXPECT_EQ(names(net.state_dict()), (std::vector<std::string>{"scale", "count", "hidden.weight",
                                                               "hidden.bias", "output.weight"}));
  EXPECT_EQ(net.modules().size(), 3u);
  EXPECT_EQ(&net.get_submodule("hidden"), &net.hidden);
  EXPECT_TRUE(net.scale.requires_grad());
  EXPECT_FALSE(net.count.requires_grad());
}

TEST(Module, PrintsAsPyTorchDoes) {
  EXPECT_EQ(Net().to_string(),
            "Net(\n"
            "  (hidden): Linear(in_features=4, out_features=8, bias=True)\n"
            "  (output): Linear(in_features=8, out_features=2, bias=False)\n)");
  EXPECT_EQ(nn::LeakyReLU(0.2).to_string(), "LeakyReLU(negative_slope=0.2)");
  EXPECT_EQ(nn::Sequential(nn::Flatten(), nn::Dropout(0.25)).to_string(),
            "Sequential(\n  (0): Flatten(start_dim=1, end_dim=-1)\n"
            "  (1): Dropout(p=0.25, inplace=False)\n)");
}

TEST(Module, LearnsAndForgetsGradients) {
  Net net;
  Tensor x = ones({3, 4});
  net(x).sum().backward();
  EXPECT_TRUE(net.hidden.weight().grad().defined());
  net.zero_grad();
  EXPECT_FALSE(net.hidden.weight().grad().defined());
}

TEST(Module, StaysWholeWhenMoved) {
  Net net;
  Tensor x = ones({1, 4}), before = net(x);
  Net moved = std::move(net);
  EXPECT_TRUE(equal(moved(x), before));
  nn::Sequential outer(std::move(moved), nn::ReLU());
  EXPECT_TRUE(equal(outer(x), relu(before)));
}

TEST(Module, ConvertsInPlace) {
  Net net;
  Tensor weight = net.hidden.weight();
  net.to(DType::Float64);
  EXPECT_EQ(weight.dtype(), DType::Float64);
  EXPECT_EQ(net(ones({1, 4}, DType::Float64)).dtype(), DType::Float64);
  EXPECT_NE(error_of([&] { net.to(DType::Int64); }).find("only accepts floating point"),
            std::string::npos);
}

TEST(Module, TrainsAndEvaluates) {
  nn::Sequential net(nn::Dropout(0.5), nn::Sequential(nn::Dropout(1.0)));
  Tensor x = ones({50});
  EXPECT_EQ(net(x).sum().item<double>(), 0);
  net.eval();
  EXPECT_FALSE(net[1].is_training());
  EXPECT_TRUE(equal(net(x), x));
}

TEST(Module, LoadsWhatItSaved) {
  Net a, b;
  b.load_state_dict(a.state_dict());
  Tensor x = ones({1, 4});
  EXPECT_TRUE(equal(a(x), b(x)));
  auto state = a.state_dict();
  state[0].second = ones({3});
  state[1].first = "more";
  EXPECT_EQ(
      error_of([&] { b.load_state_dict(state); }),
      "Error(s) in loading state_dict for Net:\n"
      "\tMissing key(s) in state_dict: \"count\". \n"
      "\tUnexpected key(s) in state_dict: \"more\". \n"
      "\tsize mismatch for scale: copying a param with shape torch.Size([3]) from checkpoint, "
      "the shape in current model is torch.Size([2]).");
}

TEST(Module, RefusesNamesThatAreTaken) {
  Net net;
  EXPECT_EQ(error_of([&] { net.add("scale", nn::ReLU()); }), "attribute 'scale' already exists");
  EXPECT_EQ(error_of([&] { net.add("a.b", nn::ReLU()); }),
            "module name can't contain \".\", got: a.b");
  EXPECT_EQ(error_of([&] { nn::Module()(ones({1})); }),
            "Module [Module] is missing the required \"forward\" function");
}

TEST(Layers, DrawPyTorchsNumbers) {
  default_generator().manual_seed(0);
  nn::Linear linear(2, 1);
  // torch.manual_seed(0); torch.nn.Linear(2, 1)
  EXPECT_FLOAT_EQ(linear.weight().data<float>()[0], -0.005293981172f);
  EXPECT_FLOAT_EQ(linear.weight().data<float>()[1], 0.37932289f);
  EXPECT_FLOAT_EQ(linear.bias().data<float>()[0], -0.58198076f);
}

TEST(Layers, TakeSeveralInputs) {
  Tensor scores = zeros({2, 4}), target = zeros({2}, DType::Int64);
  EXPECT_FLOAT_EQ(nn::CrossEntropyLoss()(scores, target).item<float>(), std::log(4.0f));
  EXPECT_EQ(error_of([&] { nn::MSELoss()(scores); }),
            "MSELoss.forward() takes 2 tensors but 1 were given");
}

}  // namespace
}  // namespace rushlight
