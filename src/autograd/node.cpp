#include <rushlight/autograd.h>
#include <rushlight/operators.h>

#include "autograd/accumulate.h"
#include "runtime/allocator.h"

namespace rushlight::autograd {

namespace {

thread_local uint64_t t_sequence = 0;
// Nodes whose last reference is gone, waiting for the outermost destroy() to free them.
thread_local std::vector<Node*>* t_condemned = nullptr;

}  // namespace

void* Node::operator new(size_t bytes) { return allocate(bytes); }
void Node::operator delete(void* block, size_t bytes) noexcept { deallocate(block, bytes); }

Node::Node() : sequence_(t_sequence++) {
  if (anomaly_enabled() && anomaly_handler()) [[unlikely]]
    anomaly_handler()->recorded(*this);
}
Node::~Node() = default;

void Node::destroy(Node* node) noexcept {
  // Freeing a node releases its inputs' nodes, which come back here: they queue instead of nesting,
  // so that a chain of a million nodes needs no stack.
  if (t_condemned) {
    t_condemned->push_back(node);
    return;
  }
  std::vector<Node*> condemned;
  t_condemned = &condemned;
  if (node->may_die()) delete node;
  while (!condemned.empty()) {
    Node* next = condemned.back();
    condemned.pop_back();
    if (next->may_die()) delete next;
  }
  t_condemned = nullptr;
}

Tensor fit_gradient(Tensor gradient, const Meta& meta, const Node& by, size_t index) {
  if (!same(gradient.shape(), meta.shape)) {
    size_t lead = gradient.shape().size() - meta.shape.size();
    bool fits = gradient.shape().size() >= meta.shape.size();
    for (size_t i = 0; fits && i < meta.shape.size(); ++i) {
      fits = meta.shape[i] == 1 || meta.shape[i] == gradient.shape()[lead + i];
    }
    check(fits, "Function ", by.name(), " returned an invalid gradient at index ", index, " - got ",
          to_string(gradient.shape()), " but expected shape compatible with ",
          to_string(meta.shape));
    gradient = gradient.sum_to_size(meta.shape);
  }
  if (gradient.dtype() != meta.dtype) gradient = gradient.to(meta.dtype);
  return gradient;
}

}  // namespace rushlight::autograd
