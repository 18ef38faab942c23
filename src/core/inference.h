#pragma once
// Whether this thread is in inference mode: tensors made meanwhile stay out of autograd for good.

namespace rushlight {

extern constinit thread_local bool inference_mode;

}  // namespace rushlight
