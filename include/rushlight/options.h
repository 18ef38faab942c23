#pragma once
// Small enumerations that functions take besides dtype and device.

#include <cstdint>

namespace rushlight {

enum class MemoryFormat : uint8_t { Contiguous, Preserve, ChannelsLast };
enum class Layout : uint8_t { Strided, Sparse };

}  // namespace rushlight
