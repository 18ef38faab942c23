#include <cstdio>

#include "rushlight/error.h"

namespace rushlight {

namespace {

void print_warning(std::string_view message) {
  std::fprintf(stderr, "Warning: %.*s\n", int(message.size()), message.data());
}

WarningHandler g_handler = print_warning;

}  // namespace

void set_warning_handler(WarningHandler handler) { g_handler = handler ? handler : print_warning; }

void warn(std::string_view message) { g_handler(message); }

}  // namespace rushlight
