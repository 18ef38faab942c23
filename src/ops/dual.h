#pragma once
// Forward mode of one call (see dual.cpp).

#include <rushlight/function_ref.h>

#include "autograd/dual.h"
#include "ops/op_node.h"

namespace rushlight {

/// Whether an argument that has a derivative carries a tangent.
bool any_is_dual(const OpInfo& info, const Value* arguments);

/// The call as it would be without tangents, by `run`, which returns the node that it recorded, if
/// any; then its results carry the tangents that follow from those of its arguments.
void call_dual(Call& call, FunctionRef<Ref<OpNode>(Call& call)> run);

/// Number of results that may have derivatives: without the indices that come last.
size_t count_differentiable(const Results& results);

}  // namespace rushlight
