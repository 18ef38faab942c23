#include <rushlight/autograd.h>
#include <rushlight/operators.h>

#include <utility>

#include "autograd/accumulate.h"
#include "autograd/saved_tensor.h"
#include "runtime/allocator.h"

namespace rushlight::autograd {

namespace {

thread_local uint64_t t_sequence = 0;
// Nodes whose last reference is gone, waiting for the outermost destroy() to free them: a list
// linked through their marks, which no pass looks at any more.
thread_local Node* t_condemned = nullptr;
thread_local bool t_freeing = false;

}  // namespace

std::string qualified_name(const Node& node) {
  std::string name = node.name();
  for (const char* own : {"AccumulateGrad", "CopySlices", "CopyBackwards", "NotImplemented"}) {
    if (name == own) return "torch::autograd::" + name;
  }
  return name;
}

std::string spoken_name(const Node& node) {
  std::string name = qualified_name(node);
  constexpr std::string_view kBackward = "Backward";
  size_t end = name.rfind(kBackward);
  if (end == std::string::npos) return name;
  std::string overload = name.substr(end + kBackward.size());
  if (overload.find_first_not_of("0123456789") != name.npos) return name;  // CopyBackwards
  return name.substr(0, end) + (overload == "0" ? "" : overload);
}

void* Node::operator new(size_t bytes) { return allocate(bytes); }
void Node::operator delete(void* block, size_t bytes) noexcept { deallocate(block, bytes); }

Node::Node() : sequence_(t_sequence++) {
  if (anomaly_enabled() && anomaly_handler()) [[unlikely]]
    anomaly_handler()->recorded(*this);
}
Node::~Node() = default;

// -- Use: bits of Node::users_, and a count of readers above them --------------------------------

namespace {
constexpr uint16_t kClaimed = 1;  // the last use has begun
constexpr uint16_t kGone = 2;     // and is over: the last reader frees
constexpr uint16_t kReader = 4;
}  // namespace

bool Node::has_let_go() const { return users_.load(std::memory_order_relaxed) & kGone; }

void Node::let_go() {
  uint16_t before = users_.fetch_or(kClaimed | kGone);
  if (!(before & kGone) && before < kReader) release_saved();
}

void Use::begin(Node& node, bool last) {
  if (!node.keeps_) return;
  if (last) {
    uint16_t before = node.users_.fetch_or(kClaimed);
    if (before & kGone) return;
    check(!(before & kClaimed), kFreed);
  } else {
    uint16_t before = node.users_.load();
    do
      if (before & kGone) return;
    while (!node.users_.compare_exchange_weak(before, uint16_t(before + kReader)));
  }
  node_ = &node;
  is_last_ = last;
}

void Use::leave() {
  if (node_->users_.fetch_sub(kReader) == (kReader | kClaimed | kGone)) node_->release_saved();
}

void Use::finish() {
  if (!node_) return;
  if (is_last_)
    node_->let_go();
  else
    leave();
  node_ = nullptr;
}

Use::~Use() {
  if (!node_) return;
  if (is_last_)
    node_->users_.fetch_and(uint16_t(~kClaimed));
  else
    leave();
}

void Node::destroy(Node* node) noexcept {
  if (node->edges_.empty()) {
    // Leads no further. Another thread may take up an accumulator even now, and use its mark.
    if (node->may_die()) delete node;
    return;
  }
  // Freeing a node releases its inputs' nodes, which come back here: they queue instead of nesting,
  // so that a chain of a million nodes needs no stack.
  node->mark_ = reinterpret_cast<uintptr_t>(std::exchange(t_condemned, node));
  if (t_freeing) return;
  t_freeing = true;
  while (Node* next = t_condemned) {
    t_condemned = reinterpret_cast<Node*>(std::exchange(next->mark_, 0));
    if (next->may_die()) delete next;
  }
  t_freeing = false;
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
  if (gradient.dtype() != meta.dtype && !keeps_dtype(by.edges()[index])) [[unlikely]]
    gradient = gradient.to(meta.dtype);
  return gradient;
}

}  // namespace rushlight::autograd
