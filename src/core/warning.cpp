#include <cstdio>

#include "rushlight/error.h"

namespace rushlight {

namespace {

void print_warning(std::string_view message) {
  std::fprintf(stderr, "Warning: %.*s\n", int(message.size()), message.data());
}

WarningHandler g_handler = print_warning;
std::atomic<bool> g_always{false};

}  // namespace

void set_warning_handler(WarningHandler handler) { g_handler = handler ? handler : print_warning; }

void warn(std::string_view message) { g_handler(message); }

void WarnOnce::operator()(std::string_view message) {
  if (!warned_.exchange(true) || warns_always()) warn(message);
}
bool warns_always() { return g_always; }
void set_warn_always(bool always) { g_always = always; }

}  // namespace rushlight
