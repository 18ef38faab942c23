// Learns to read handwritten digits: digits.py in C++, number for number.
//
//   cmake -S examples -B build/examples -DCMAKE_PREFIX_PATH=where/rushlight/is
//   cmake --build build/examples && build/examples/digits examples/data/digits.bin

#include <rushlight/rushlight.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace rl = rushlight;
using rl::Tensor;

/// Images and labels; sample i is the pair of the i-th of each.
struct Digits : rl::data::Dataset<2> {
  Tensor images, labels;

  /// Reads 1,797 rows of 64 pixels, from 0 (paper) to 16 (ink), and a label: see data/README.md.
  explicit Digits(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("can't read " + path);
    std::vector<int> halves;
    for (char byte; file.get(byte);) {
      halves.push_back((byte >> 4) & 15);
      halves.push_back(byte & 15);
    }
    std::vector<int64_t> numbers;
    for (size_t i = 0; numbers.size() < 1797 * 65; ++i) {
      int number = halves.at(i);
      numbers.push_back(number < 15 ? number : 15 + halves.at(++i));
    }
    Tensor rows = rl::tensor(numbers).reshape({1797, 65});
    images = rows.narrow(1, 0, 64).to_float();
    labels = rows.select(1, 64);
  }
  int64_t size() const override { return labels.size(0); }
  rl::data::Sample<2> get(int64_t i) const override { return {images[i], labels[i]}; }
};

double accuracy(rl::nn::Module& model, const Tensor& images, const Tensor& labels) {
  rl::autograd::NoGrad off;
  return model(images).argmax(1).eq(labels).to_float().mean().item<double>();
}

/// Draws images side by side, with the prediction below each.
void show(const Tensor& images, const Tensor& predictions) {
  auto print = [](std::string line) {
    std::printf("%s\n", line.substr(0, line.find_last_not_of(' ') + 1).c_str());
  };
  for (int64_t row = 0; row < 8; ++row) {
    std::string line;
    for (int64_t i = 0; i < images.size(0); ++i) {
      for (int64_t column = 0; column < 8; ++column) {
        int ink = images[i][8 * row + column].item<int>();
        line += std::string(2, " .:-=+*#%@"[ink * 9 / 16]);
      }
      line += "   ";
    }
    print(line);
  }
  std::string line;
  for (int64_t i = 0; i < images.size(0); ++i)
    line += "read as " + std::to_string(predictions[i].item<int>()) + "          ";
  print(line);
}

int main(int count, char** arguments) try {
  // The data: most of it to learn from, the rest to see what was learnt.
  Digits digits(count > 1 ? arguments[1] : "examples/data/digits.bin");
  rl::Generator splitter(1);
  auto parts = rl::data::random_split(digits, {1437, 360}, &splitter);
  const auto &train = parts[0], &test = parts[1];

  // Pixels are scaled to mean 0 and deviation 1, as seen in the training images.
  Tensor seen = digits.images.index_select(0, rl::tensor(train.rows));
  Tensor mean = seen.mean(), deviation = seen.std();
  Tensor unseen = digits.images.index_select(0, rl::tensor(test.rows));
  Tensor test_images = (unseen - mean) / deviation;
  Tensor test_labels = digits.labels.index_select(0, rl::tensor(test.rows));

  // The network and how it learns. Braces, because C++ evaluates what is in them in order: so the
  // layers draw their first weights as in Python.
  rl::manual_seed(0);
  rl::nn::Sequential model{rl::nn::Linear(64, 64), rl::nn::ReLU(), rl::nn::Linear(64, 32),
                           rl::nn::ReLU(), rl::nn::Linear(32, 10)};
  rl::nn::CrossEntropyLoss loss_function;
  rl::optim::SGD optimizer(model.parameters(), {.lr = 0.05, .momentum = 0.9, .weight_decay = 1e-4});
  rl::data::DataLoader loader(train, {.batch_size = 32, .shuffle = true});
  std::printf("%s\n", model.to_string().c_str());

  auto start = std::chrono::steady_clock::now();
  for (int epoch = 1; epoch <= 20; ++epoch) {
    double total = 0;
    for (auto& [images, labels] : loader) {
      Tensor loss = loss_function(model((images - mean) / deviation), labels);
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
      total += loss.item<double>() * double(labels.size(0));
    }
    double correct = accuracy(model, test_images, test_labels);
    std::printf("epoch %2d   loss %.12f   test accuracy %.2f %%\n", epoch,
                total / double(train.size()), 100 * correct);
  }
  std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;

  std::printf("\nSome images it has not seen before:\n\n");
  rl::autograd::NoGrad off;
  show(unseen.narrow(0, 0, 4), model(test_images.narrow(0, 0, 4)).argmax(1));
  std::printf("\n%.2f %% of %lld read correctly, after %.2f seconds of training.\n",
              100 * accuracy(model, test_images, test_labels), (long long)test.size(),
              taken.count());
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
