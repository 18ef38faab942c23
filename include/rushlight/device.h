#pragma once
// Where a tensor's elements live.

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace rushlight {

enum class DeviceType : uint8_t { Cpu, Meta };

struct Device {
  DeviceType type = DeviceType::Cpu;
  int8_t index = -1;  ///< -1: the current one

  constexpr bool operator==(const Device&) const = default;
  /// Parses "cpu" or "cpu:0"; throws PyTorch's errors for what it does not know or have.
  static Device parse(std::string_view text);
};

inline constexpr Device kCpu{};

/// Set when the first tensor without data is made: until then nobody has to look for one.
inline std::atomic<bool> meta_in_use{false};

std::string to_string(const Device& device);

}  // namespace rushlight
