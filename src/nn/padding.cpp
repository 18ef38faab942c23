// Layers that pad the last dims, and that rearrange channels and pixels.

#include <rushlight/ops.h>

#include "nn/layer_table.h"

namespace rushlight::nn {

namespace {

Tensor pad_with(Layer& layer, const Tensor& input, const char* mode) {
  return pad(input, layer.ints("padding"), mode);
}

/// The circular ones take inputs of as many dims as they pad, with channels, with or without batch.
Tensor pad_circularly(Layer& layer, const Tensor& input) {
  int64_t count = int64_t(layer.ints("padding").size()) / 2;
  check(input.dim() == count + 1 || input.dim() == count + 2, ErrorKind::Value, "expected ",
        count + 1, "D or ", count + 2, "D input (got ", input.dim(), "D input)");
  return pad_with(layer, input, "circular");
}

Tensor pad_with_value(Layer& layer, const Tensor& input) {
  return constant_pad_nd(input, layer.ints("padding"), layer.number("value"));
}

Tensor pad_with_zero(Layer& layer, const Tensor& input) {
  return constant_pad_nd(input, layer.ints("padding"), 0);
}

}  // namespace

constinit const LayerEntry layer::ConstantPad1d = {
    .schema = "ConstantPad1d(int[2] padding, Scalar value) -> ()",
    .doc = "`value` before and after the last dim.",
    .file = "padding",
    .repr = "padding={padding}, value={value}",
    .forward = [](Layer& layer, Tensors x) { return pad_with_value(layer, x[0]); },
};

constinit const LayerEntry layer::ConstantPad2d = {
    .schema = "ConstantPad2d(int[4] padding, Scalar value) -> ()",
    .doc = "`value` before and after the last two dims.",
    .file = "padding",
    .repr = "padding={padding}, value={value}",
    .forward = [](Layer& layer, Tensors x) { return pad_with_value(layer, x[0]); },
};

constinit const LayerEntry layer::ConstantPad3d = {
    .schema = "ConstantPad3d(int[6] padding, Scalar value) -> ()",
    .doc = "`value` before and after the last three dims.",
    .file = "padding",
    .repr = "padding={padding}, value={value}",
    .forward = [](Layer& layer, Tensors x) { return pad_with_value(layer, x[0]); },
};

constinit const LayerEntry layer::ZeroPad1d = {
    .schema = "ZeroPad1d(int[2] padding) -> ()",
    .doc = "Zeros before and after the last dim.",
    .file = "padding",
    .repr = "{padding}",
    .forward = [](Layer& layer, Tensors x) { return pad_with_zero(layer, x[0]); },
};

constinit const LayerEntry layer::ZeroPad2d = {
    .schema = "ZeroPad2d(int[4] padding) -> ()",
    .doc = "Zeros before and after the last two dims.",
    .file = "padding",
    .repr = "{padding}",
    .forward = [](Layer& layer, Tensors x) { return pad_with_zero(layer, x[0]); },
};

constinit const LayerEntry layer::ZeroPad3d = {
    .schema = "ZeroPad3d(int[6] padding) -> ()",
    .doc = "Zeros before and after the last three dims.",
    .file = "padding",
    .repr = "{padding}",
    .forward = [](Layer& layer, Tensors x) { return pad_with_zero(layer, x[0]); },
};

constinit const LayerEntry layer::ReflectionPad1d = {
    .schema = "ReflectionPad1d(int[2] padding) -> ()",
    .doc = "A mirror image before and after the last dim.",
    .file = "padding",
    .repr = "{padding}",
    .forward = [](Layer& layer, Tensors x) { return pad_with(layer, x[0], "reflect"); },
};

constinit const LayerEntry layer::ReflectionPad2d = {
    .schema = "ReflectionPad2d(int[4] padding) -> ()",
    .doc = "A mirror image before and after the last two dims.",
    .file = "padding",
    .repr = "{padding}",
    .forward = [](Layer& layer, Tensors x) { return pad_with(layer, x[0], "reflect"); },
};

constinit const LayerEntry layer::ReflectionPad3d = {
    .schema = "ReflectionPad3d(int[6] padding) -> ()",
    .doc = "A mirror image before and after the last three dims.",
    .file = "padding",
    .repr = "{padding}",
    .forward = [](Layer& layer, Tensors x) { return pad_with(layer, x[0], "reflect"); },
};

constinit const LayerEntry layer::ReplicationPad1d = {
    .schema = "ReplicationPad1d(int[2] padding) -> ()",
    .doc = "The end elements before and after the last dim.",
    .file = "padding",
    .repr = "{padding}",
    .forward = [](Layer& layer, Tensors x) { return pad_with(layer, x[0], "replicate"); },
};

constinit const LayerEntry layer::ReplicationPad2d = {
    .schema = "ReplicationPad2d(int[4] padding) -> ()",
    .doc = "The end elements before and after the last two dims.",
    .file = "padding",
    .repr = "{padding}",
    .forward = [](Layer& layer, Tensors x) { return pad_with(layer, x[0], "replicate"); },
};

constinit const LayerEntry layer::ReplicationPad3d = {
    .schema = "ReplicationPad3d(int[6] padding) -> ()",
    .doc = "The end elements before and after the last three dims.",
    .file = "padding",
    .repr = "{padding}",
    .forward = [](Layer& layer, Tensors x) { return pad_with(layer, x[0], "replicate"); },
};

constinit const LayerEntry layer::CircularPad1d = {
    .schema = "CircularPad1d(int[2] padding) -> ()",
    .doc = "The other end before and after the last dim.",
    .file = "padding",
    .repr = "{padding}",
    .forward = [](Layer& layer, Tensors x) { return pad_circularly(layer, x[0]); },
};

constinit const LayerEntry layer::CircularPad2d = {
    .schema = "CircularPad2d(int[4] padding) -> ()",
    .doc = "The other end before and after the last two dims.",
    .file = "padding",
    .repr = "{padding}",
    .forward = [](Layer& layer, Tensors x) { return pad_circularly(layer, x[0]); },
};

constinit const LayerEntry layer::CircularPad3d = {
    .schema = "CircularPad3d(int[6] padding) -> ()",
    .doc = "The other end before and after the last three dims.",
    .file = "padding",
    .repr = "{padding}",
    .forward = [](Layer& layer, Tensors x) { return pad_circularly(layer, x[0]); },
};

constinit const LayerEntry layer::PixelShuffle = {
    .schema = "PixelShuffle(int upscale_factor) -> ()",
    .doc = "(*, C * r * r, H, W) as (*, C, H * r, W * r).",
    .file = "pixelshuffle",
    .repr = "upscale_factor={upscale_factor}",
    .forward = [](Layer& layer,
                  Tensors x) { return pixel_shuffle(x[0], layer.integer("upscale_factor")); },
};

constinit const LayerEntry layer::PixelUnshuffle = {
    .schema = "PixelUnshuffle(int downscale_factor) -> ()",
    .doc = "The inverse of PixelShuffle.",
    .file = "pixelshuffle",
    .repr = "downscale_factor={downscale_factor}",
    .forward = [](Layer& layer,
                  Tensors x) { return pixel_unshuffle(x[0], layer.integer("downscale_factor")); },
};

constinit const LayerEntry layer::ChannelShuffle = {
    .schema = "ChannelShuffle(int groups) -> ()",
    .doc = "The channels of `groups` groups, taken in turns.",
    .file = "channelshuffle",
    .repr = "groups={groups}",
    .forward = [](Layer& layer,
                  Tensors x) { return channel_shuffle(x[0], layer.integer("groups")); },
};

}  // namespace rushlight::nn
