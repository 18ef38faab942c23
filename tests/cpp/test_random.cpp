// The random fills against numbers that PyTorch 2.13 drew (AVX2 and AVX-512 machines, glibc 2.36).

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "cpu/random.h"
#include "cpu/random_simd.h"
#include "runtime/cpu_features.h"
#include "runtime/parallel.h"
#include "rushlight/error.h"
#include "rushlight/generator.h"

namespace rushlight {
namespace {

using namespace rushlight::cpu;

// FNV-1a over bytes.
struct Hash {
  uint64_t value = 0xcbf29ce484222325u;
  void add(const void* bytes, size_t size) {
    for (size_t i = 0; i < size; ++i) {
      value = (value ^ static_cast<const uint8_t*>(bytes)[i]) * 0x100000001b3u;
    }
  }
};

struct Request {
  void* data;
  DType dtype;
  int64_t n;
  Generator& generator;
};
using Fill = void (*)(Request);

// Weights of multinomial are drawn from the same stream, in [0.1, 1).
void sample(Request r, int64_t samples, bool replacement, std::vector<int64_t>& indices) {
  std::vector<double> weights(size_t(r.n));
  fill_uniform(weights.data(), r.dtype, r.n, 0.1, 1.0, r.generator);
  indices.resize(size_t(samples));
  multinomial(indices.data(), weights.data(), r.dtype, 1, r.n, samples, replacement, r.generator);
}

const std::map<std::string, Fill> kFills = {
    {"uniform", [](Request r) { fill_uniform(r.data, r.dtype, r.n, 0, 1, r.generator); }},
    {"uniform(-0.3, 2.7)",
     [](Request r) { fill_uniform(r.data, r.dtype, r.n, -0.3, 2.7, r.generator); }},
    {"normal", [](Request r) { fill_normal(r.data, r.dtype, r.n, 0, 1, r.generator); }},
    {"normal(-0.7, 1.3)",
     [](Request r) { fill_normal(r.data, r.dtype, r.n, -0.7, 1.3, r.generator); }},
    {"normal, strided",
     [](Request r) { fill_normal(r.data, r.dtype, r.n, -0.7, 1.3, r.generator, false); }},
    {"random", [](Request r) { fill_random(r.data, r.dtype, r.n, r.generator); }},
    {"random(0, 2)",
     [](Request r) { fill_random_from_to(r.data, r.dtype, r.n, 0, 2, r.generator); }},
    {"random(3, 101)",
     [](Request r) { fill_random_from_to(r.data, r.dtype, r.n, 3, 101, r.generator); }},
    {"random(-5, 2^28)",
     [](Request r) { fill_random_from_to(r.data, r.dtype, r.n, -5, 1 << 28, r.generator); }},
    {"random(0, 2^40)",
     [](Request r) {
       fill_random_from_to(r.data, r.dtype, r.n, 0, int64_t{1} << 40, r.generator);
     }},
    {"random(1, end)",
     [](Request r) { fill_random_from_to(r.data, r.dtype, r.n, 1, std::nullopt, r.generator); }},
    {"random, 64 bits",
     [](Request r) {
       fill_random_from_to(r.data, r.dtype, r.n, std::numeric_limits<int64_t>::min(), std::nullopt,
                           r.generator);
     }},
    {"bernoulli(0.3)", [](Request r) { fill_bernoulli(r.data, r.dtype, r.n, 0.3, r.generator); }},
    {"bernoulli(tensor)",
     [](Request r) {
       fill_uniform(r.data, r.dtype, r.n, 0, 1, r.generator);
       fill_bernoulli(r.data, r.dtype, r.n, r.data, r.dtype, r.generator);
     }},
    {"exponential(1.7)",
     [](Request r) { fill_exponential(r.data, r.dtype, r.n, 1.7, r.generator); }},
    {"geometric(0.01)", [](Request r) { fill_geometric(r.data, r.dtype, r.n, 0.01, r.generator); }},
    {"log_normal(0.3, 0.9)",
     [](Request r) { fill_log_normal(r.data, r.dtype, r.n, 0.3, 0.9, r.generator); }},
    {"cauchy(0.3, 0.9)",
     [](Request r) { fill_cauchy(r.data, r.dtype, r.n, 0.3, 0.9, r.generator); }},
    {"poisson",
     [](Request r) {
       fill_uniform(r.data, r.dtype, r.n, 0, 30, r.generator);
       fill_poisson(r.data, r.data, r.dtype, r.n, r.generator);
     }},
    {"gamma",
     [](Request r) {
       fill_uniform(r.data, r.dtype, r.n, 0, 3, r.generator);
       fill_standard_gamma(r.data, r.data, r.dtype, r.n, r.generator);
     }},
    {"randperm", [](Request r) { fill_randperm(r.data, r.dtype, r.n, r.generator); }},
};

// What each fill draws from seed 2024 in sizes 1 to 40, 1000 and 100003, one after another, hashed
// with the state that it leaves.
struct Stream {
  std::string fill;
  DType dtype;
  uint64_t hash;
};
const Stream kStreams[] = {
    {"uniform", DType::Float16, 0xcecc313cb09af903},
    {"uniform", DType::BFloat16, 0xa761a27cf96a2d81},
    {"uniform", DType::Float32, 0xb8d47cfdfc8cdce9},
    {"uniform", DType::Float64, 0x05dd406db3f5c688},
    {"uniform(-0.3, 2.7)", DType::Float16, 0x88e4df9208407e38},
    {"uniform(-0.3, 2.7)", DType::BFloat16, 0x10ee46734a194aea},
    {"uniform(-0.3, 2.7)", DType::Float32, 0x99f8544e75b6b923},
    {"uniform(-0.3, 2.7)", DType::Float64, 0xf50d5fbf16ba4260},
    {"normal", DType::Float16, 0x883b5888edb8a427},
    {"normal", DType::BFloat16, 0x950ee2c414e60fe6},
    {"normal", DType::Float32, 0x147eb6f6bceb38fc},
    {"normal", DType::Float64, 0x32ffea454fc5e92f},
    {"normal(-0.7, 1.3)", DType::Float16, 0x5a03f3d9474736ce},
    {"normal(-0.7, 1.3)", DType::BFloat16, 0x17ebd3f7d5d77d4b},
    {"normal(-0.7, 1.3)", DType::Float32, 0x3cc912374b792779},
    {"normal(-0.7, 1.3)", DType::Float64, 0x2fab2513bcc6cb8b},
    {"normal, strided", DType::Float16, 0x3d84315d5a916f5d},
    {"normal, strided", DType::BFloat16, 0x69fa6b770f897caa},
    {"normal, strided", DType::Float32, 0xad23e0fe86fb2595},
    {"normal, strided", DType::Float64, 0xcb4fe2a2f381dc81},
    {"random", DType::Bool, 0x982bdd66ee3c39e2},
    {"random", DType::UInt8, 0x81aa360d28e49738},
    {"random", DType::Int8, 0xec780b1f2c5ec238},
    {"random", DType::Int16, 0x01e4e2290b1481f4},
    {"random", DType::Int32, 0x20dcd5d2d91413ab},
    {"random", DType::Int64, 0xede9bdd57361efa7},
    {"random", DType::Float16, 0x864626453c3fef9c},
    {"random", DType::BFloat16, 0x44a9586c3e428b0a},
    {"random", DType::Float32, 0x6b0428781271d943},
    {"random", DType::Float64, 0x8cb813ea70a6cfcc},
    {"random(0, 2)", DType::Bool, 0x982bdd66ee3c39e2},
    {"random(3, 101)", DType::UInt8, 0x2014307b75461d21},
    {"random(3, 101)", DType::Int8, 0x2014307b75461d21},
    {"random(3, 101)", DType::Int16, 0x4f669d97c74d6bbb},
    {"random(3, 101)", DType::Int32, 0xdac7ce984e57e333},
    {"random(3, 101)", DType::Int64, 0x514143ac33150763},
    {"random(3, 101)", DType::Float16, 0xb816993a5ebb82fd},
    {"random(3, 101)", DType::BFloat16, 0xc8bc9c4f523f5794},
    {"random(3, 101)", DType::Float32, 0x668713361ed224cc},
    {"random(3, 101)", DType::Float64, 0x55736db3c817934a},
    {"random(-5, 2^28)", DType::Int32, 0x90ed5c1bd454485c},
    {"random(-5, 2^28)", DType::Int64, 0x62a9a74cb74d79bc},
    {"random(-5, 2^28)", DType::Float32, 0x65f523148472a1f5},
    {"random(-5, 2^28)", DType::Float64, 0x5d0fb157dc7dbef9},
    {"random(-5, 2^28)", DType::BFloat16, 0xa4632c63a350f8c4},
    {"random(0, 2^40)", DType::Int64, 0xe71a5e530e2b4cba},
    {"random(0, 2^40)", DType::Float64, 0x3cc6ccfbcc8d8833},
    {"random(1, end)", DType::Bool, 0xbd8dd302c6ed6332},
    {"random(1, end)", DType::UInt8, 0xa4561e8479b0517f},
    {"random(1, end)", DType::Int8, 0x473346692ff528d2},
    {"random(1, end)", DType::Int16, 0x644ec0be6a507d75},
    {"random(1, end)", DType::Int32, 0xc3fed8d8ef244e4a},
    {"random(1, end)", DType::Int64, 0x25b6f394b9656ff2},
    {"random(1, end)", DType::Float16, 0xa8cae1cd949b8092},
    {"random(1, end)", DType::BFloat16, 0x1a2cc495a84919c9},
    {"random(1, end)", DType::Float32, 0xd1b369bfffe53d20},
    {"random(1, end)", DType::Float64, 0xf5d1bad0b3433633},
    {"random, 64 bits", DType::Int64, 0x92c16f4d82a89aa7},
    {"random, 64 bits", DType::Float64, 0x8caf799084544c8d},
    {"random, 64 bits", DType::Float32, 0xeefed761ff2759ef},
    {"random, 64 bits", DType::BFloat16, 0x83618f71ae081aa5},
    {"bernoulli(0.3)", DType::Bool, 0x38fd931c9a3e9f60},
    {"bernoulli(0.3)", DType::UInt8, 0x38fd931c9a3e9f60},
    {"bernoulli(0.3)", DType::Int8, 0x38fd931c9a3e9f60},
    {"bernoulli(0.3)", DType::Int16, 0x48afc37e90c05b74},
    {"bernoulli(0.3)", DType::Int32, 0xd5ab0849c751d134},
    {"bernoulli(0.3)", DType::Int64, 0xbd445e8bdc639d34},
    {"bernoulli(0.3)", DType::Float16, 0xcd51bc4247df2381},
    {"bernoulli(0.3)", DType::BFloat16, 0xb271bd9671f391e0},
    {"bernoulli(0.3)", DType::Float32, 0x2a824c8327d86ab8},
    {"bernoulli(0.3)", DType::Float64, 0xf43c456e2f026958},
    {"bernoulli(tensor)", DType::Float16, 0x064622c4397ad421},
    {"bernoulli(tensor)", DType::BFloat16, 0x4b9fbb6509a7df28},
    {"bernoulli(tensor)", DType::Float32, 0x646b57c1f4d0845d},
    {"bernoulli(tensor)", DType::Float64, 0x80e4eca3ba3a493e},
    {"exponential(1.7)", DType::Float16, 0x275339956375dcc4},
    {"exponential(1.7)", DType::BFloat16, 0xca434cc2f58e7836},
    {"exponential(1.7)", DType::Float32, 0xaa1b4757015df5db},
    {"exponential(1.7)", DType::Float64, 0x63313611a75082f1},
    {"geometric(0.01)", DType::UInt8, 0xaa2724f33c0ff13f},
    {"geometric(0.01)", DType::Int8, 0xaa2724f33c0ff13f},
    {"geometric(0.01)", DType::Int16, 0xf937fd245db3bcb7},
    {"geometric(0.01)", DType::Int32, 0x6ce68dae75a1a427},
    {"geometric(0.01)", DType::Int64, 0x1d17257b0bb402e7},
    {"geometric(0.01)", DType::Float16, 0x181c01588a5f702c},
    {"geometric(0.01)", DType::BFloat16, 0x08fa1961dbe1888e},
    {"geometric(0.01)", DType::Float32, 0x6eb20962b372fafa},
    {"geometric(0.01)", DType::Float64, 0xaee3fdf5a991a4c9},
    {"log_normal(0.3, 0.9)", DType::Float16, 0xc408ed48f2625fe5},
    {"log_normal(0.3, 0.9)", DType::BFloat16, 0xc5b74e42f4e14f14},
    {"log_normal(0.3, 0.9)", DType::Float32, 0xfa04f11bbd2f445d},
    {"log_normal(0.3, 0.9)", DType::Float64, 0xedaa164bb8dd67dd},
    {"cauchy(0.3, 0.9)", DType::Float16, 0x4edf7802319c8408},
    {"cauchy(0.3, 0.9)", DType::BFloat16, 0xa0c19861a5fd822b},
    {"cauchy(0.3, 0.9)", DType::Float32, 0x52ac2564e14b564f},
    {"cauchy(0.3, 0.9)", DType::Float64, 0x4c3f7535bf0aa55d},
    {"poisson", DType::Float16, 0xf06c0c2b02bc3e08},
    {"poisson", DType::BFloat16, 0x1b8bd65260b3f30e},
    {"poisson", DType::Float32, 0xd302a3c0a3cccc94},
    {"poisson", DType::Float64, 0xa01e1925d9275108},
    {"gamma", DType::Float32, 0xe7e4177a6c8dfe74},
    {"gamma", DType::Float64, 0x87758c5c429e6443},
    {"randperm", DType::Int32, 0x52bf6fc70b4a791d},
    {"randperm", DType::Int64, 0xc73f289a13464b5d},
    {"randperm", DType::Float32, 0x1ba1a8af97ceccf5},
    {"randperm", DType::Float64, 0x2b9f87dc5886e4ea},
    {"multinomial, 17 of n", DType::Float16, 0xa93bc1c908796f11},
    {"multinomial, 17 of n", DType::BFloat16, 0x06f89da7e99a136b},
    {"multinomial, 17 of n", DType::Float32, 0xd553cb150d88612f},
    {"multinomial, 17 of n", DType::Float64, 0xd9a705e746093743},
    {"multinomial, 1 of n", DType::Float16, 0x757795b84fd70af1},
    {"multinomial, 1 of n", DType::BFloat16, 0x757795b84fd70af1},
    {"multinomial, 1 of n", DType::Float32, 0x757795b84fd70af1},
    {"multinomial, 1 of n", DType::Float64, 0xafe222495df9d9f2},
    {"multinomial, n / 2", DType::Float16, 0x563304b112af4bf7},
    {"multinomial, n / 2", DType::BFloat16, 0xc46b138c0d66315a},
    {"multinomial, n / 2", DType::Float32, 0x7c8ab202f319734b},
    {"multinomial, n / 2", DType::Float64, 0x3f9c9be95659dfd8},
};

uint64_t stream_hash(const std::string& fill, DType dtype) {
  Generator generator(2024);
  Hash hash;
  std::vector<int64_t> indices;
  std::vector<double> buffer;
  for (int i = 1; i <= 42; ++i) {
    int64_t n = i <= 40 ? i : i == 41 ? 1000 : 100003;
    buffer.assign(size_t(n), 0.0);
    Request request{buffer.data(), dtype, n, generator};
    if (fill.starts_with("multinomial")) {
      if (fill.ends_with("17 of n"))
        sample(request, 17, true, indices);
      else
        sample(request, fill.ends_with("1 of n") ? 1 : std::max<int64_t>(1, n / 2), false, indices);
      hash.add(indices.data(), indices.size() * sizeof(int64_t));
    } else {
      kFills.at(fill)(request);
      hash.add(buffer.data(), size_t(n * size_of(dtype)));
    }
  }
  auto state = generator.get_state();
  hash.add(state.data(), state.size());
  return hash.value;
}

// Restores the SIMD target of the run.
struct KeepTarget {
  SimdTarget target = simd_level();
  ~KeepTarget() { set_simd_target(target); }
};

TEST(Random, StreamsArePyTorchs) {
  KeepTarget keep;
  set_warning_handler([](std::string_view) {});  // of integers that a dtype has no numbers for
  for (SimdTarget target : supported_simd_targets()) {
    if (target == SimdTarget::Baseline) continue;  // no fused multiply-add: see the next test
    set_simd_target(target);
    for (const Stream& stream : kStreams) {
      EXPECT_EQ(stream_hash(stream.fill, stream.dtype), stream.hash)
          << stream.fill << " " << info(stream.dtype).name << " on " << simd_target();
    }
  }
  set_warning_handler(nullptr);
}

TEST(Random, BaselineDiffersInTheLastPlaceAtMost) {
  KeepTarget keep;
  constexpr int64_t n = 100000;
  std::vector<float> best(n), baseline(n);
  Generator generator(5), same(5);
  fill_normal(best.data(), DType::Float32, n, 0, 1, generator);
  set_simd_target(SimdTarget::Baseline);
  fill_normal(baseline.data(), DType::Float32, n, 0, 1, same);
  for (int64_t i = 0; i < n; ++i) EXPECT_NEAR(best[size_t(i)], baseline[size_t(i)], 2e-6);
  EXPECT_EQ(generator.get_state(), same.get_state());
  EXPECT_EQ(stream_hash("uniform", DType::Float32), kStreams[2].hash);
  EXPECT_EQ(stream_hash("randperm", DType::Int64), [] {
    for (const Stream& s : kStreams) {
      if (s.fill == "randperm" && s.dtype == DType::Int64) return s.hash;
    }
    return uint64_t{0};
  }());
}

template <class T>
std::vector<T> filled(Generator& generator, const char* fill, int64_t n) {
  std::vector<T> values(static_cast<size_t>(n));
  kFills.at(fill)({values.data(), dtype_of<T>, n, generator});
  return values;
}

// Long fills share their transforms among threads.
TEST(Random, ThreadsDoNotChangeANumber) {
  const int before = num_threads();
  set_num_threads(1);
  Generator generator(9);
  const auto floats = filled<float>(generator, "normal(-0.7, 1.3)", 600001);
  const auto doubles = filled<double>(generator, "normal", 100001);
  for (int threads : {2, 4}) {
    set_num_threads(threads);
    Generator same(9);
    EXPECT_EQ(filled<float>(same, "normal(-0.7, 1.3)", 600001), floats);
    EXPECT_EQ(filled<double>(same, "normal", 100001), doubles);
  }
  set_num_threads(before);
}

// torch.manual_seed(0) and these calls in this order.
TEST(Random, InterleavedCallsShareOneStream) {
  Generator generator(0);
  EXPECT_EQ(filled<float>(generator, "uniform", 3),
            (std::vector{0x1.fc2abp-2f, 0x1.89545ep-1f, 0x1.6a675p-4f}));
  EXPECT_EQ(filled<float>(generator, "normal", 2), (std::vector{0x1.751512p-2f, 0x1.133e62p-3f}));
  auto sixteen = filled<float>(generator, "normal", 16);
  sixteen.resize(4);
  EXPECT_EQ(sixteen,
            (std::vector{-0x1.0ebf82p+1f, -0x1.6caceap-2f, 0x1.bfb75p-2f, 0x1.f718a6p-2f}));
  EXPECT_EQ(filled<float>(generator, "normal", 1), (std::vector{0x1.0c573ep+0f}));
  EXPECT_EQ(filled<int64_t>(generator, "randperm", 5), (std::vector<int64_t>{4, 2, 1, 0, 3}));
  std::vector<int64_t> digits(4);
  fill_random_from_to(digits.data(), DType::Int64, 4, 0, 10, generator);
  EXPECT_EQ(digits, (std::vector<int64_t>{2, 3, 0, 5}));
  EXPECT_EQ(filled<double>(generator, "uniform", 2),
            (std::vector{0x1.03d8b8e6a8ffcp-2, 0x1.c0e9fbd723b5ep-2}));
  std::vector<float> coins(6);
  fill_bernoulli(coins.data(), DType::Float32, 6, 0.5, generator);
  EXPECT_EQ(coins, (std::vector<float>{0, 0, 1, 0, 1, 0}));
  EXPECT_EQ(filled<double>(generator, "normal", 1), (std::vector{-0x1.6c8c3d8a108a2p-5}));
  Hash hash;
  auto state = generator.get_state();
  hash.add(state.data(), state.size());
  EXPECT_EQ(hash.value, 0x4e5e50b70bfa5abfu);
  EXPECT_EQ(filled<float>(generator, "uniform", 1), (std::vector{0x1.fe7f82p-1f}));
}

TEST(Generator, StateGoesRoundAndContinues) {
  Generator generator(7);
  filled<float>(generator, "normal", 3);  // leaves the second of a pair
  auto state = generator.get_state();
  ASSERT_EQ(state.size(), Generator::kStateBytes);
  auto expected = filled<float>(generator, "normal", 1001);
  Generator other(1);
  other.set_state(state);
  EXPECT_EQ(other.get_state(), state);
  EXPECT_EQ(other.initial_seed(), 7u);
  EXPECT_EQ(filled<float>(other, "normal", 1001), expected);
}

std::string message_of(auto&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Generator, RefusesForeignStates) {
  Generator generator(7);
  auto state = generator.get_state();
  auto refusal = [&](std::vector<uint8_t> bytes) {
    return message_of([&] { generator.set_state(bytes); });
  };
  EXPECT_EQ(
      refusal(std::vector<uint8_t>(5055)),
      "Expected a CPUGeneratorImplState of size 5056 but found the input RNG state size to be "
      "5055");
  EXPECT_EQ(refusal(std::vector<uint8_t>(5056)), "Invalid mt19937 state");
  auto beyond = state;
  beyond[8] = 0x70;  // left = 624 …
  beyond[9] = 0x02;
  beyond[16] = 0x70;  // … with next = 112
  EXPECT_EQ(refusal(beyond), "Invalid mt19937 state");
  EXPECT_EQ(generator.get_state(), state);
}

TEST(Generator, SeedsAndClones) {
  Generator generator;
  EXPECT_EQ(generator.initial_seed(), 67280421310721u);
  generator.manual_seed(uint64_t(-1));
  EXPECT_EQ(generator.initial_seed(), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(filled<float>(generator, "uniform", 1), (std::vector{0x1.fcd34600p-1f}));
  Generator clone = generator.clone(), shared = generator;
  EXPECT_FALSE(clone == generator);
  EXPECT_TRUE(shared == generator);
  uint32_t drawn = generator.random();
  EXPECT_EQ(clone.random(), drawn);
  EXPECT_EQ(shared.get_state(), generator.get_state());
  EXPECT_NE(generator.seed(), generator.seed());
  EXPECT_TRUE(default_generator() == default_generator());
}

TEST(Generator, DrawsAreThoseOfTheStandard) {
  // The standard's 10000th draw of mt19937 with seed 5489.
  Generator generator(5489);
  for (int i = 0; i < 9999; ++i) generator.random();
  EXPECT_EQ(generator.random(), 4123659995u);
  // Blocks of any length draw as single calls do.
  Mt19937 blocks(3), single(3);
  for (int64_t n : {1, 623, 1, 624, 7, 1248, 640, 2000}) {
    std::vector<uint32_t> bits(static_cast<size_t>(n));
    draw(blocks, bits.data(), n);
    for (uint32_t word : bits) ASSERT_EQ(word, single());
    ASSERT_EQ(blocks.left, single.left);
    ASSERT_EQ(blocks.next, single.next);
  }
}

TEST(Generator, ThreadsMayShareIt) {
  Generator generator(11), alone(11);
  auto draw_many = [&] {
    for (int i = 0; i < 2000; ++i) generator.random();
  };
  std::thread other(draw_many);
  draw_many();
  other.join();
  for (int i = 0; i < 4000; ++i) alone.random();
  EXPECT_EQ(generator.get_state(), alone.get_state());
}

TEST(Random, RefusalsUsePyTorchsWords) {
  Generator g(1);
  auto before = g.get_state();
  double data[4] = {};
  const float p[1] = {2.0f};
  const double weights[3] = {1, 2, -1}, zeros[3] = {};
  int64_t indices[4];
  auto refused = [](const char* words, auto&& call) {
    EXPECT_TRUE(message_of(call).starts_with(words)) << message_of(call) << "\n" << words;
  };
  refused("uniform_ expects to return a [from, to) range, but found from=1 > to=0",
          [&] { fill_uniform(data, DType::Float32, 4, 1, 0, g); });
  refused("to is out of bounds for float",
          [&] { fill_uniform(data, DType::Float32, 4, 0, 1e39, g); });
  refused("uniform_ expects to-from <= std::numeric_limits<Half>::max(), but found to=60000",
          [&] { fill_uniform(data, DType::Float16, 4, -60000, 60000, g); });
  refused("\"check_uniform_bounds\" not implemented for 'Long'",
          [&] { fill_uniform(data, DType::Int64, 4, 0, 1, g); });
  refused("normal expects std >= 0.0, but found std -1.23457",
          [&] { fill_normal(data, DType::Float32, 0, 0, -1.23456789, g); });
  refused("\"normal_kernel_cpu\" not implemented for 'Long'",
          [&] { fill_normal(data, DType::Int64, 4, 0, 1, g); });
  refused("random_ expects 'from' to be less than 'to', but got from=5 >= to=5",
          [&] { fill_random_from_to(data, DType::Int64, 4, 5, 5, g); });
  refused("to - 1 is out of bounds for int",
          [&] { fill_random_from_to(data, DType::Int32, 4, 0, int64_t{1} << 40, g); });
  refused("to - 1 is out of bounds for c10::Half",
          [&] { fill_random_from_to(data, DType::Float16, 4, 0, 70000, g); });
  refused(
      "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got "
      "from=65503 >= to=65472",
      [&] { fill_random_from_to(data, DType::Float16, 4, 65503, 65504, g); });
  refused("bernoulli_ expects p to be in [0, 1], but got p=nan",
          [&] { fill_bernoulli(data, DType::Float32, 4, std::nan(""), g); });
  refused("Expected p_in >= 0 && p_in <= 1 to be true, but got false.",
          [&] { fill_bernoulli(data, DType::Float32, 1, p, DType::Float32, g); });
  refused("exponential_ expects lambda > 0.0, but found lambda=0",
          [&] { fill_exponential(data, DType::Float32, 4, 0, g); });
  refused("geometric_ expects p to be in (0, 1), but got p=1.5",
          [&] { fill_geometric(data, DType::Float32, 4, 1.5, g); });
  refused("log_normal_ expects std > 0.0, but found std=0",
          [&] { fill_log_normal(data, DType::Float32, 4, 0, 0, g); });
  refused("cauchy_ expects sigma > 0.0, but found sigma=-1",
          [&] { fill_cauchy(data, DType::Float32, 4, 0, -1, g); });
  refused("n cannot be greater than 2049 for Half type.",
          [&] { fill_randperm(data, DType::Float16, 3000, g); });
  refused("value cannot be converted to type uint8_t without overflow",
          [&] { fill_randperm(data, DType::UInt8, 300, g); });
  refused("\"randperm\" not implemented for 'Bool'",
          [&] { fill_randperm(data, DType::Bool, 1, g); });
  refused("cannot sample n_sample > prob_dist.size(-1) samples without replacement",
          [&] { multinomial(indices, weights, DType::Float64, 1, 3, 4, false, g); });
  refused("invalid multinomial distribution (encountering probability entry < 0)",
          [&] { multinomial(indices, weights, DType::Float64, 1, 3, 2, true, g); });
  refused("probability tensor contains either `inf`, `nan` or element < 0",
          [&] { multinomial(indices, weights, DType::Float64, 1, 3, 2, false, g); });
  refused("invalid multinomial distribution (sum of probabilities <= 0)",
          [&] { multinomial(indices, zeros, DType::Float64, 1, 3, 1, true, g); });
  EXPECT_EQ(g.get_state(), before);
}

}  // namespace
}  // namespace rushlight
