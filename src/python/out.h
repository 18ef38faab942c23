#pragma once
// `out=`: results go into tensors that the caller has.

#include "ops/op.h"
#include "python/python.h"

namespace rushlight::python {

/// Before the call: throws where the write would be recorded or would change an argument that is
/// read; what has no dtype of its own takes that of `out`.
void prepare_out(const Op& op, Value* arguments, PyObject* out);

/// After it: the results replace the elements of `out`, a new reference to which is returned (None
/// for a list of tensors). Throws if a result does not fit its dtype; resizes, with PyTorch's
/// warning.
PyObject* store_out(const Op& op, Results& results, PyObject* out);

}  // namespace rushlight::python
