#include <rushlight/autograd.h>

namespace rushlight::autograd {

const CallSiteSource* call_site_source = nullptr;

void set_call_site_source(const CallSiteSource* source) { call_site_source = source; }

}  // namespace rushlight::autograd
