#pragma once

#include <algorithm>
#include <string_view>

namespace rushlight {

/// The kinds of device that PyTorch knows and Rushlight lacks: they can be named, not used.
inline constexpr std::string_view kAbsentDevices[] = {
    "cuda", "ipu",  "xpu", "mkldnn", "opengl", "opencl", "ideep", "hip",  "ve",
    "fpga", "maia", "xla", "lazy",   "vulkan", "mps",    "hpu",   "mtia", "privateuseone"};

/// The kind that `text`, such as "cuda:0", begins with; empty if Rushlight has it or nobody knows
/// it.
inline std::string_view absent_device(std::string_view text) {
  const auto* found = std::ranges::find(kAbsentDevices, text.substr(0, text.find(':')));
  return found == std::end(kAbsentDevices) ? std::string_view() : *found;
}

}  // namespace rushlight
