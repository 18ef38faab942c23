// Channels rearranged: into space, out of it, and among themselves.

#include <rushlight/operators.h>

#include "ops/op.h"

namespace rushlight {

namespace {

/// The sizes of all dims before the last three.
Dims batch_of(const Tensor& input) {
  Dims shape(input.shape());
  shape.resize(shape.size() - 3);
  return shape;
}

/// `input` with its last dims split as `split` says, permuted by `order`, and joined as `joined`.
Tensor rearranged(const Tensor& input, Ints split, Ints order, Ints joined) {
  Dims batch = batch_of(input), shape = batch, dims, result = batch;
  for (size_t i = 0; i < batch.size(); ++i) dims.push_back(int64_t(i));
  for (int64_t size : split) shape.push_back(size);
  for (int64_t dim : order) dims.push_back(int64_t(batch.size()) + dim);
  for (int64_t size : joined) result.push_back(size);
  return input.reshape(shape).permute(dims).reshape(result).contiguous();
}

constexpr auto shuffle_pixels = [](const Tensor& input, int64_t factor) -> Tensor {
  check(input.dim() >= 3,
        "pixel_shuffle expects input to have at least 3 dimensions, but got input with ",
        input.dim(), " dimension(s)");
  check(factor > 0, "pixel_shuffle expects a positive upscale_factor, but got ", factor);
  int64_t channels = input.size(-3), height = input.size(-2), width = input.size(-1);
  check(channels % (factor * factor) == 0,
        "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of "
        "upscale_factor, but input.size(-3)=",
        channels, " is not divisible by ", factor * factor);
  int64_t fewer = channels / (factor * factor);
  return rearranged(input, {{fewer, factor, factor, height, width}}, {{0, 3, 1, 4, 2}},
                    {{fewer, height * factor, width * factor}});
};

constexpr auto unshuffle_pixels = [](const Tensor& input, int64_t factor) -> Tensor {
  check(input.dim() >= 3,
        "pixel_unshuffle expects input to have at least 3 dimensions, but got input with ",
        input.dim(), " dimension(s)");
  check(factor > 0, "pixel_unshuffle expects a positive downscale_factor, but got ", factor);
  int64_t channels = input.size(-3), height = input.size(-2), width = input.size(-1);
  check(height % factor == 0,
        "pixel_unshuffle expects height to be divisible by downscale_factor, but input.size(-2)=",
        height, " is not divisible by ", factor);
  check(width % factor == 0,
        "pixel_unshuffle expects width to be divisible by downscale_factor, but input.size(-1)=",
        width, " is not divisible by ", factor);
  return rearranged(input, {{channels, height / factor, factor, width / factor, factor}},
                    {{0, 2, 4, 1, 3}},
                    {{channels * factor * factor, height / factor, width / factor}});
};

constexpr auto shuffle_channels = [](const Tensor& input, int64_t groups) -> Tensor {
  check(input.dim() > 2, "channel_shuffle expects input with > 2 dims, but got input with sizes ",
        to_string(input.shape()));
  check(groups > 0,
        "Number of groups to divide channels in must be positive. Value of groups:", groups);
  int64_t channels = input.size(1);
  check(channels % groups == 0, "Number of channels must be divisible by groups. Got ", channels,
        " channels and ", groups, " groups.");
  Dims split(input.shape());
  split[1] = channels / groups;
  split.insert(1, groups);
  return input.reshape(split).transpose(1, 2).reshape(input.shape()).contiguous();
};

}  // namespace

constinit const Op op::pixel_shuffle = {
    .schema = "pixel_shuffle(Tensor input, int upscale_factor) -> Tensor",
    .doc =
        "(*, C * r * r, H, W) as (*, C, H * r, W * r): each r * r channels become a square of "
        "pixels (Shi et al., 2016).",
    .examples = "pixel_shuffle(randn(2, 8, 3, 4), 2)\npixel_shuffle(randn(9, 1, 2), 3)",
    .variants = "function-only, also-nn",
    .forward = run(shuffle_pixels),
    .backward =
        [](Backward& b) {
          b.wrt("input",
                [&] { return rushlight::pixel_unshuffle(b.grad(), b.integer("upscale_factor")); });
        },
};

constinit const Op op::pixel_unshuffle = {
    .schema = "pixel_unshuffle(Tensor input, int downscale_factor) -> Tensor",
    .doc = "The inverse of pixel_shuffle: squares of pixels become channels.",
    .examples = "pixel_unshuffle(randn(2, 3, 4, 6), 2)\npixel_unshuffle(randn(1, 3, 6), 3)",
    .variants = "function-only, also-nn",
    .forward = run(unshuffle_pixels),
    .backward =
        [](Backward& b) {
          b.wrt("input",
                [&] { return rushlight::pixel_shuffle(b.grad(), b.integer("downscale_factor")); });
        },
};

constinit const Op op::channel_shuffle = {
    .schema = "channel_shuffle(Tensor input, int groups) -> Tensor",
    .doc =
        "The channels (dim 1) of `groups` groups, taken in turns: the first of each, then the "
        "second of each …",
    .examples = "channel_shuffle(randn(2, 6, 3), 2)\nchannel_shuffle(randn(1, 6, 2, 2), 3)",
    .variants = "function-only, also-nn",
    .forward = run(shuffle_channels),
    .backward =
        [](Backward& b) {
          b.wrt("input", [&] {
            return rushlight::channel_shuffle(b.grad(), b.shape("input")[1] / b.integer("groups"));
          });
        },
};

}  // namespace rushlight
