// Backward: runs the nodes in order of need, on the calling thread, without recursion.
// Read backward() and grad() at the end first, then Task::run().

#include <rushlight/operators.h>

#include <algorithm>
#include <unordered_map>

#include "autograd/accumulate.h"

namespace rushlight::autograd {

class Task;

namespace {

std::atomic<int> g_active_tasks{0};
std::atomic<uint32_t> g_task_number{0};
thread_local Task* t_task = nullptr;

}  // namespace

/// One backward pass.
class Task {
 public:
  Task() : number_(++g_task_number), marks_(g_active_tasks.fetch_add(1) == 0), outer_(t_task) {
    t_task = this;
  }
  ~Task() {
    t_task = outer_;
    g_active_tasks.fetch_sub(1);
  }
  Task(const Task&) = delete;

  void add_root(const Edge& edge, Tensor gradient) {
    add_gradient(arrived(state(edge.node.get()), edge.input), std::move(gradient));
  }
  /// Asks for the gradient that reaches `edge`; only paths to such edges are then run.
  void capture(const Edge& edge, size_t slot) {
    captures_[edge.node.get()].push_back({edge.input, slot});
  }
  void run(bool retain_graph, bool create_graph, std::vector<Tensor>* captured);
  bool needs(const Node* node) {
    return captures_.empty() || states_[state(const_cast<Node*>(node))].needed;
  }

 private:
  struct State {
    Node* node;
    int64_t dependencies = 0;  // edges into the node that have not delivered yet
    Gradients arrived;
    Ref<Node> keep;  // while it waits in the heap
    bool needed = true;
    bool visited = false;
  };

  /// Index of the node's state. The node itself remembers it, unless another pass runs meanwhile.
  size_t state(Node* node);
  Tensor& arrived(size_t index, uint32_t input) {
    Gradients& gradients = states_[index].arrived;
    if (gradients.size() <= input)
      gradients.resize(std::max<size_t>(input + 1, states_[index].node->outputs.size()));
    return gradients[input];
  }
  void count_dependencies();
  void find_needed(const std::vector<size_t>& order);
  void run_node(size_t index, bool retain_graph, std::vector<Tensor>* captured);
  void deliver(Node* node, Gradients& computed);
  void push(size_t index);
  size_t pop();

  uint32_t number_;
  bool marks_;
  Task* outer_;
  std::vector<State> states_;
  std::unordered_map<Node*, size_t> index_;  // only when marks are not ours to use
  std::unordered_map<Node*, std::vector<std::pair<uint32_t, size_t>>> captures_;
  std::vector<size_t> ready_;
};

size_t Task::state(Node* node) {
  if (marks_) {
    if (node->mark_ >> 32 == number_) return size_t(uint32_t(node->mark_));
    node->mark_ = uint64_t(number_) << 32 | states_.size();
  } else {
    auto [found, inserted] = index_.try_emplace(node, states_.size());
    if (!inserted) return found->second;
  }
  states_.push_back({node, 0, {}, Ref<Node>::share(node)});
  return states_.size() - 1;
}

void Task::count_dependencies() {
  std::vector<size_t> stack, order;
  for (size_t i = 0; i < states_.size(); ++i) {
    states_[i].visited = true;
    stack.push_back(i);
  }
  while (!stack.empty()) {
    size_t index = stack.back();
    stack.pop_back();
    order.push_back(index);
    Node* node = states_[index].node;
    for (const Edge& edge : node->edges()) {
      if (!edge) continue;
      size_t next = state(edge.node.get());
      ++states_[next].dependencies;
      if (!states_[next].visited) {
        states_[next].visited = true;
        stack.push_back(next);
      }
    }
  }
  if (!captures_.empty()) find_needed(order);
}

/// A node is needed if a gradient is captured at it or at one that it leads to. Sweeps until
/// nothing changes; nodes were found before what they lead to, so few sweeps are enough.
void Task::find_needed(const std::vector<size_t>& order) {
  for (State& state : states_) state.needed = captures_.count(state.node) != 0;
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = order.size(); i-- > 0;) {
      State& current = states_[order[i]];
      if (current.needed) continue;
      for (const Edge& edge : current.node->edges()) {
        if (edge && states_[state(edge.node.get())].needed) {
          current.needed = changed = true;
          break;
        }
      }
    }
  }
}

// A heap of ready nodes: the one recorded last runs first, as in PyTorch.
void Task::push(size_t index) {
  ready_.push_back(index);
  std::push_heap(ready_.begin(), ready_.end(), [this](size_t a, size_t b) {
    return states_[a].node->sequence() < states_[b].node->sequence();
  });
}

size_t Task::pop() {
  std::pop_heap(ready_.begin(), ready_.end(), [this](size_t a, size_t b) {
    return states_[a].node->sequence() < states_[b].node->sequence();
  });
  size_t index = ready_.back();
  ready_.pop_back();
  return index;
}

void Task::run(bool retain_graph, bool create_graph, std::vector<Tensor>* captured) {
  GradMode mode(create_graph);
  size_t roots = states_.size();
  count_dependencies();
  for (size_t i = 0; i < roots; ++i) {
    if (states_[i].dependencies == 0) push(i);
  }
  while (!ready_.empty()) run_node(pop(), retain_graph, captured);
}

void Task::run_node(size_t index, bool retain_graph, std::vector<Tensor>* captured) {
  Ref<Node> keep = std::move(states_[index].keep);
  Node* node = keep.get();
  Gradients gradients = std::move(states_[index].arrived);
  gradients.resize(std::max<size_t>(node->outputs.size(), 1));
  NodeHooks* hooks = node->hooks.get();
  if (hooks) {
    auto tensor_pre = hooks->tensor_pre;  // copies: a hook may remove itself
    for (auto& [key, hook] : tensor_pre) hook->run(gradients);
    auto capture = hooks->capture;
    for (auto& [key, hook] : capture) hook->run(gradients);
  }
  if (captured) {
    if (auto found = captures_.find(node); found != captures_.end()) {
      for (auto [input, slot] : found->second) (*captured)[slot] = gradients[input];
    }
  }
  Gradients computed;
  bool is_accumulator = node->edges().empty();
  if (states_[index].needed && !(is_accumulator && captured)) {
    if (hooks) {
      auto pre = hooks->pre;
      for (auto& [key, hook] : pre) hook->run(gradients);
    }
    if (hooks && !hooks->post.empty()) {
      Gradients arrived = gradients;
      node->apply(gradients, computed);
      auto post = hooks->post;
      for (auto& [key, hook] : post) hook->run(computed, arrived);
    } else {
      node->apply(gradients, computed);
    }
    if (!retain_graph) node->release_saved();
  }
  deliver(node, computed);
}

void Task::deliver(Node* node, Gradients& computed) {
  const auto& edges = node->edges();
  for (size_t i = 0; i < edges.size(); ++i) {
    if (!edges[i]) continue;
    size_t next = state(edges[i].node.get());
    if (i < computed.size() && computed[i].defined()) {
      add_gradient(arrived(next, edges[i].input), std::move(computed[i]));
    }
    if (--states_[next].dependencies == 0) push(next);
  }
}

bool Node::needs(size_t i) const {
  return i < edges_.size() && edges_[i] && (!t_task || t_task->needs(edges_[i].node.get()));
}

namespace {

/// Checks what the user passed as the gradient of a root; makes the 1 that may be left out.
Tensor root_gradient(const Tensor& root, const Tensor& given) {
  if (!given.defined()) {
    check(root.numel() == 1, "grad can be implicitly created only for scalar outputs");
    check(is_floating(root.dtype()),
          "grad can be implicitly created only for real scalar outputs but got torch.",
          info(root.dtype()).name);
    return ones_like(root);
  }
  check(same(given.shape(), root.shape()), "Mismatch in shape: grad_output[0] has a shape of ",
        "torch.Size(", to_string(given.shape()), ") and output[0] has a shape of torch.Size(",
        to_string(root.shape()), ").");
  return given.dtype() == root.dtype() ? given : given.to(root.dtype());
}

void add_roots(Task& task, Tensors roots, Tensors gradients) {
  check(gradients.empty() || gradients.size() == roots.size(), "got ", roots.size(),
        " tensors and ", gradients.size(), " gradients");
  for (size_t i = 0; i < roots.size(); ++i) {
    Edge edge = gradient_edge(roots[i]);
    check(bool(edge), "element ", i,
          " of tensors does not require grad and does not have a grad_fn");
    task.add_root(edge, root_gradient(roots[i], gradients.empty() ? Tensor() : gradients[i]));
  }
}

}  // namespace

void backward(Tensors roots, Tensors gradients, std::optional<bool> retain_graph, bool create_graph,
              Tensors inputs) {
  std::vector<Tensor> leaf_gradients(inputs.size());
  {
    Task task;
    add_roots(task, roots, gradients);
    for (size_t i = 0; i < inputs.size(); ++i) {
      check(inputs[i].requires_grad(), "One of the differentiated Tensors does not require grad");
      task.capture(gradient_edge(inputs[i]), i);
    }
    task.run(retain_graph.value_or(create_graph), create_graph,
             inputs.empty() ? nullptr : &leaf_gradients);
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!leaf_gradients[i].defined()) continue;
    GradMode mode(create_graph);
    Tensor sum = inputs[i].grad();
    if (sum.defined() && !create_graph)
      sum.add_(leaf_gradients[i]);
    else
      inputs[i].set_grad(sum.defined() ? add(sum, leaf_gradients[i]) : clone(leaf_gradients[i]));
  }
}

std::vector<Tensor> grad(Tensors outputs, Tensors inputs, Tensors grad_outputs,
                         std::optional<bool> retain_graph, bool create_graph, bool allow_unused) {
  std::vector<Tensor> results(inputs.size());
  Task task;
  add_roots(task, outputs, grad_outputs);
  for (size_t i = 0; i < inputs.size(); ++i) {
    check(inputs[i].requires_grad(), "One of the differentiated Tensors does not require grad");
    task.capture(gradient_edge(inputs[i]), i);
  }
  task.run(retain_graph.value_or(create_graph), create_graph, &results);
  for (const Tensor& result : results) {
    check(result.defined() || allow_unused,
          "One of the differentiated Tensors appears to not have been used in the graph. Set "
          "allow_unused=True if this is the desired behavior.");
  }
  return results;
}

}  // namespace rushlight::autograd
