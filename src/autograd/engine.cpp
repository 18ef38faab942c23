// Backward: runs the nodes in order of need, on the calling thread, without recursion.
// Read backward() and grad() at the end first, then Task::run().

#include <rushlight/operators.h>

#include <algorithm>
#include <unordered_map>

#include "autograd/accumulate.h"
#include "autograd/saved_tensor.h"

namespace rushlight::autograd {

class Task;

namespace {

// A pass is long, and lets others have the interpreter, from this many nodes or elements on.
constexpr size_t kLongNodes = 64;
constexpr int64_t kLongElements = 1 << 14;
constexpr size_t kKeptStates = 1 << 14;  // larger working memory is given back after the pass

std::atomic<int> g_active_tasks{0};
std::atomic<uint32_t> g_task_number{0};
thread_local Task* t_task = nullptr;
thread_local Node* t_running = nullptr;

struct State {
  Node* node = nullptr;
  uint32_t dependencies = 0;  // edges into the node that have not delivered yet
  int32_t target = -1;        // the first of its targets
  bool needed = true;
  bool wanted = false;  // its gradient is to go on into the leaf, though others' need not
  bool visited = false;
  Gradients arrived;
};
struct Target {
  uint32_t input;
  size_t slot;
  int32_t next;
};

/// The working memory of a pass, kept for the next one of this thread.
struct Workspace {
  std::vector<State> states;
  std::vector<uint32_t> ready, stack;
  std::vector<Target> targets;
};
thread_local std::unique_ptr<Workspace> t_spare;

}  // namespace

/// One backward pass.
class Task {
 public:
  explicit Task(const BackwardOptions& options)
      : options_(options),
        number_(++g_task_number),
        marks_(g_active_tasks.fetch_add(1) == 0),
        outer_(t_task),
        saved_hooks_(saved_tensor_hooks_depth()),
        depth_(t_task ? t_task->depth_ + 1 : 1),
        work_(t_spare ? std::move(t_spare) : std::make_unique<Workspace>()),
        states_(work_->states) {
    t_task = this;
  }
  ~Task() {
    t_task = outer_;
    drop_saved_tensor_hooks(saved_hooks_);
    g_active_tasks.fetch_sub(1);
    states_.clear();
    if (states_.capacity() > kKeptStates) return;
    work_->ready.clear();
    work_->stack.clear();
    work_->targets.clear();
    t_spare = std::move(work_);
  }
  Task(const Task&) = delete;

  /// Only paths to targets are run. What arrives there is kept, or goes on into the leaf.
  void add_target(const Edge& edge, size_t slot, bool accumulate);
  void run(std::vector<Root>& roots, std::vector<Tensor>* captured);
  int depth() const { return depth_; }
  uint32_t number() const { return number_; }
  bool is_restricted() const { return restricted_; }
  bool retains_graph() const { return options_.retain_graph; }
  std::vector<Node*> starts() const;
  bool returns_gradients() const { return !work_->targets.empty(); }
  bool runs(const Node& node) const;
  void queue(std::unique_ptr<Callback> callback) { callbacks_.push_back(std::move(callback)); }
  bool needs(Node* node) { return !restricted_ || leads_on(states_[state(node)]); }

 private:
  static bool leads_on(const State& state) { return state.needed || state.target >= 0; }
  /// Index of the node's state. The node itself remembers it, unless another pass runs meanwhile.
  uint32_t state(Node* node);
  Tensor& arrived(uint32_t index, uint32_t input) {
    Gradients& gradients = states_[index].arrived;
    if (gradients.size() <= input)
      gradients.resize(std::max<size_t>(input + 1, states_[index].node->outputs.size()));
    return gradients[input];
  }
  void count_dependencies();
  void find_needed(std::span<const uint32_t> starts);
  void run_node(uint32_t index, std::vector<Tensor>* captured);
  void apply(Node* node, Use& use, Gradients& gradients, Gradients& computed);
  void deliver(Node* node, Gradients& computed);
  void push(uint32_t index);
  uint32_t pop();
  void note_length(const Gradients& gradients);

  const BackwardOptions& options_;
  uint32_t number_;
  bool marks_;
  bool restricted_ = false;
  bool is_long_ = false;
  size_t nodes_run_ = 0;
  Task* outer_;
  size_t
      saved_hooks_;  // those that were pushed before; what is pushed meanwhile ends with the pass
  int depth_;
  std::unique_ptr<Workspace> work_;
  std::vector<State>& states_;
  SmallVector<uint32_t, 4> starts_;
  std::vector<std::unique_ptr<Callback>> callbacks_;  // run when all nodes have
  std::unordered_map<Node*, uint32_t> index_;         // only when marks are not ours to use
};

uint32_t Task::state(Node* node) {
  if (marks_) {
    if (node->mark_ >> 32 == number_) return uint32_t(node->mark_);
    node->mark_ = uint64_t(number_) << 32 | states_.size();
  } else {
    auto [found, inserted] = index_.try_emplace(node, uint32_t(states_.size()));
    if (!inserted) return found->second;
  }
  states_.emplace_back().node = node;
  return uint32_t(states_.size() - 1);
}

bool Task::runs(const Node& node) const {
  const State* found = nullptr;
  if (marks_) {
    if (node.mark_ >> 32 == number_) found = &states_[uint32_t(node.mark_)];
  } else if (auto at = index_.find(const_cast<Node*>(&node)); at != index_.end()) {
    found = &states_[at->second];
  }
  return found && found->visited && (!restricted_ || leads_on(*found));
}

void Task::add_target(const Edge& edge, size_t slot, bool accumulate) {
  restricted_ = true;
  if (!edge) return;  // a view made under no_grad: nothing flows to it
  State& target = states_[state(edge.node.get())];
  if (accumulate) {
    target.wanted = true;
    return;
  }
  work_->targets.push_back({edge.input, slot, target.target});
  target.target = int32_t(work_->targets.size() - 1);
}

void Task::count_dependencies() {
  std::vector<uint32_t>& stack = work_->stack;
  while (!stack.empty()) {
    Node* node = states_[stack.back()].node;
    stack.pop_back();
    for (const Edge& edge : node->edges()) {
      if (!edge) continue;
      uint32_t next = state(edge.node.get());
      State& reached = states_[next];
      ++reached.dependencies;
      if (!reached.visited) {
        reached.visited = true;
        stack.push_back(next);
      }
    }
  }
}

/// A node is needed if it leads to a target. Sorts the nodes, then goes through them backwards.
void Task::find_needed(std::span<const uint32_t> starts) {
  std::vector<uint32_t> remaining(states_.size()), order(starts.begin(), starts.end());
  for (size_t i = 0; i < states_.size(); ++i) {
    remaining[i] = states_[i].dependencies;
    states_[i].needed = states_[i].wanted;
  }
  for (size_t i = 0; i < order.size(); ++i) {
    for (const Edge& edge : states_[order[i]].node->edges()) {
      if (!edge) continue;
      uint32_t next = state(edge.node.get());
      if (--remaining[next] == 0) order.push_back(next);
    }
  }
  for (size_t i = order.size(); i-- > 0;) {
    State& current = states_[order[i]];
    for (const Edge& edge : current.node->edges()) {
      if (current.needed) break;
      current.needed = edge && leads_on(states_[state(edge.node.get())]);
    }
  }
}

// A heap of ready nodes: the one recorded last runs first, as in PyTorch.
void Task::push(uint32_t index) {
  std::vector<uint32_t>& ready = work_->ready;
  ready.push_back(index);
  std::push_heap(ready.begin(), ready.end(), [this](uint32_t a, uint32_t b) {
    return states_[a].node->sequence() < states_[b].node->sequence();
  });
}

uint32_t Task::pop() {
  std::vector<uint32_t>& ready = work_->ready;
  std::pop_heap(ready.begin(), ready.end(), [this](uint32_t a, uint32_t b) {
    return states_[a].node->sequence() < states_[b].node->sequence();
  });
  uint32_t index = ready.back();
  ready.pop_back();
  return index;
}

void Task::run(std::vector<Root>& roots, std::vector<Tensor>* captured) {
  GradMode mode(options_.create_graph);
  std::vector<uint32_t>& stack = work_->stack;
  for (Root& root : roots) {
    uint32_t index = state(root.edge.node.get());
    if (!states_[index].visited) {
      states_[index].visited = true;
      stack.push_back(index);
    }
    add_gradient(arrived(index, root.edge.input), std::move(root.gradient));
  }
  SmallVector<uint32_t, 4> first(stack.begin(), stack.end());
  count_dependencies();
  for (uint32_t index : first) {
    if (states_[index].dependencies == 0) starts_.push_back(index);
  }
  if (restricted_) find_needed(starts_);
  for (uint32_t start : starts_) push(start);
  while (!work_->ready.empty()) run_node(pop(), captured);
  for (size_t i = 0; i < callbacks_.size(); ++i) callbacks_[i]->run();  // one may queue another
}

std::vector<Node*> Task::starts() const {
  std::vector<Node*> nodes;
  for (uint32_t start : starts_) nodes.push_back(states_[start].node);
  return nodes;
}

void Task::note_length(const Gradients& gradients) {
  bool is_long = ++nodes_run_ > kLongNodes;
  for (const Tensor& gradient : gradients) {
    is_long |= gradient.defined() && gradient.numel() > kLongElements;
  }
  if (!is_long) return;
  is_long_ = true;
  if (options_.long_pass) options_.long_pass(options_.context);
}

namespace {

/// Those that are not removed: a copy, since a hook may register others; one that a hook removes
/// runs for the last time.
template <class T>
std::vector<std::shared_ptr<T>> current(const std::vector<std::shared_ptr<T>>& hooks) {
  std::vector<std::shared_ptr<T>> chosen;
  for (const auto& hook : hooks) {
    if (!hook->removed()) chosen.push_back(hook);
  }
  return chosen;
}

[[gnu::noinline]] void run_tensor_hooks(const NodeHooks& hooks, Gradients& gradients) {
  std::vector<NodeHooks::OnOutput> tensor;
  for (const auto& item : hooks.tensor) {
    if (!item.hook->removed()) tensor.push_back(item);
  }
  for (auto& [output, hook] : tensor) {
    if (output >= gradients.size()) continue;
    Tensor replaced = hook->run(gradients[output]);
    if (replaced.defined()) gradients[output] = std::move(replaced);
  }
  for (auto& [output, grad] : hooks.retained) {
    if (output >= gradients.size() || !gradients[output].defined()) continue;
    if (!grad->defined())
      *grad = grad_enabled() ? gradients[output] : clone(gradients[output]);
    else
      *grad = add(*grad, gradients[output]);
  }
}

/// `arrived` is empty if there was no such hook when the node was run: what arrived may be gone.
[[gnu::noinline]] void run_post_hooks(const Node& node, Gradients& computed,
                                      const Gradients& arrived) {
  for (auto& hook : current(node.hooks->post)) hook->run(computed, arrived);
}

[[gnu::noinline]] void check_nan(Node& node, const Gradients& computed) {
  NoGrad guard;
  for (size_t i = 0; i < computed.size(); ++i) {
    if (!computed[i].defined() || !is_floating(computed[i].dtype())) continue;
    check(!computed[i].ne(computed[i]).any().item<bool>(), "Function '", node.name(),
          "' returned nan values in its ", i, "th output.");
  }
}

const AnomalyHandler* g_anomaly_handler = nullptr;
std::atomic<bool> g_anomaly{false}, g_anomaly_nan{true};

}  // namespace

void set_anomaly_handler(const AnomalyHandler* handler) { g_anomaly_handler = handler; }
bool anomaly_enabled() { return g_anomaly.load(std::memory_order_relaxed); }
bool anomaly_checks_nan() { return g_anomaly_nan.load(std::memory_order_relaxed); }
void set_anomaly_enabled(bool enabled, bool check_nan) {
  g_anomaly = enabled;
  g_anomaly_nan = check_nan;
}
const AnomalyHandler* anomaly_handler() { return g_anomaly_handler; }
Node* running_node() { return t_running; }
bool any_pass_runs() { return g_active_tasks.load() > 0; }
uint32_t running_pass() { return t_task ? t_task->number() : 0; }
int pass_depth() { return t_task ? t_task->depth() : 0; }
bool pass_is_restricted() { return t_task && t_task->is_restricted(); }
void queue_callback(std::unique_ptr<Callback> callback) {
  check(t_task, "Final callbacks can only be installed during backward pass.");
  t_task->queue(std::move(callback));
}
bool pass_runs(const Node& node) { return t_task && t_task->runs(node); }
bool pass_retains_graph() { return t_task && t_task->retains_graph(); }
std::vector<Node*> pass_starts() { return t_task ? t_task->starts() : std::vector<Node*>(); }
bool pass_returns_gradients() { return t_task && t_task->returns_gradients(); }

void Task::apply(Node* node, Use& use, Gradients& gradients, Gradients& computed) {
  struct Running {
    Node* before = t_running;
    ~Running() { t_running = before; }
  } running;
  t_running = node;
  auto run = [&] {
    use.begin(*node, !options_.retain_graph);
    node->apply(gradients, computed);
  };
  if (!anomaly_enabled()) [[likely]]
    return run();
  try {
    run();
    if (anomaly_checks_nan()) check_nan(*node, computed);
  } catch (...) {
    if (g_anomaly_handler) g_anomaly_handler->failed(*node);
    throw;
  }
}

void Task::run_node(uint32_t index, std::vector<Tensor>* captured) {
  Node* node = states_[index].node;
  Gradients gradients = std::move(states_[index].arrived);
  bool needed = states_[index].needed;
  if (gradients.size() < node->outputs.size()) gradients.resize(node->outputs.size());
  if (!is_long_) note_length(gradients);
  NodeHooks* hooks = node->hooks.get();
  if (hooks && !needed && states_[index].target >= 0) run_tensor_hooks(*hooks, gradients);
  for (int32_t i = states_[index].target; i >= 0;) {
    const Target& target = work_->targets[size_t(i)];
    (*captured)[target.slot] = gradients[target.input];
    i = target.next;
  }
  Gradients computed;
  if (needed) {
    Gradients arrived;
    if (hooks) [[unlikely]] {
      run_tensor_hooks(*hooks, gradients);
      for (auto& hook : current(hooks->pre)) hook->run(gradients);
      if (!hooks->post.empty()) arrived = gradients;
    }
    Use use;
    apply(node, use, gradients, computed);
    if (node->hooks) [[unlikely]]  // it may have got some meanwhile
      run_post_hooks(*node, computed, arrived);
    use.finish();
  }
  deliver(node, computed);
}

void Task::deliver(Node* node, Gradients& computed) {
  const auto& edges = node->edges();
  for (size_t i = 0; i < edges.size(); ++i) {
    if (!edges[i]) continue;
    uint32_t next = state(edges[i].node.get());
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

/// The 1 that may be left out where there is one element.
Tensor one_like(const Tensor& root) {
  check(root.numel() == 1, "grad can be implicitly created only for scalar outputs (got shape ",
        to_string(root.shape()), "; call .sum() first, or give backward() a gradient)");
  check(is_floating(root.dtype()),
        "grad can be implicitly created only for real scalar outputs but got torch.",
        info(root.dtype()).name);
  if (root.dtype() != DType::Float32) return ones_like(root);
  Tensor one = make_tensor(root.shape(), DType::Float32, root.device());
  if (root.device().type == DeviceType::Cpu) *static_cast<float*>(one.data()) = 1;
  return one;
}

Tensor root_gradient(const Tensor& root, const Tensor& given, size_t i) {
  if (!given.defined()) return one_like(root);
  check(same(given.shape(), root.shape()), "Mismatch in shape: grad_output[", i,
        "] has a shape of torch.Size(", to_string(given.shape()), ") and output[", i,
        "] has a shape of torch.Size(", to_string(root.shape()), ").");
  return given.dtype() == root.dtype() ? given : given.to(root.dtype());
}

std::vector<Edge> target_edges(Tensors inputs) {
  std::vector<Edge> edges;
  for (const Tensor& input : inputs) {
    check(input.requires_grad(), "One of the differentiated Tensors does not require grad");
    edges.push_back(gradient_edge(input));
  }
  return edges;
}

std::vector<Root> make_roots(Tensors roots, Tensors gradients) {
  check(gradients.empty() || gradients.size() == roots.size(), "got ", roots.size(),
        " tensors and ", gradients.size(), " gradients");
  std::vector<Root> made;
  for (size_t i = 0; i < roots.size(); ++i) {
    made.push_back(make_root(roots[i], gradients.empty() ? Tensor() : gradients[i], i));
  }
  return made;
}

}  // namespace

void warn_of_cycle() {
  static WarnOnce warn_once;
  warn_once(
      "Using backward() with create_graph=True will create a reference cycle between the parameter "
      "and its gradient which can cause a memory leak. We recommend using autograd.grad when "
      "creating the graph to avoid this. If you have to use this function, make sure to reset the "
      ".grad fields of your parameters to None after use to break the cycle and avoid the leak.");
}

Root make_root(const Tensor& tensor, const Tensor& gradient, size_t i) {
  Edge edge = gradient_edge(tensor);
  check(bool(edge), "element ", i, " of tensors does not require grad and does not have a grad_fn");
  return {std::move(edge), root_gradient(tensor, gradient, i)};
}

std::vector<Tensor> run_backward(std::vector<Root> roots, std::span<const Edge> targets,
                                 bool accumulate, const BackwardOptions& options) {
  std::vector<Tensor> captured(accumulate ? 0 : targets.size());
  Task task(options);
  for (size_t i = 0; i < targets.size(); ++i) task.add_target(targets[i], i, accumulate);
  task.run(roots, &captured);  // `roots` holds the graph meanwhile
  return captured;
}

void backward(Tensors roots, Tensors gradients, std::optional<bool> retain_graph, bool create_graph,
              Tensors inputs) {
  if (create_graph) warn_of_cycle();
  for (const Tensor& input : inputs) {
    if (input.requires_grad() && !input.is_leaf()) retain_grad(input);
  }
  run_backward(make_roots(roots, gradients), target_edges(inputs), true,
               {retain_graph.value_or(create_graph), create_graph});
}

void refuse_unused(size_t index) {
  fail(ErrorKind::Runtime, "The differentiated Tensor at index ", index,
       " appears to not have been used in the graph. Set allow_unused=True if this is the desired "
       "behavior.");
}

std::vector<Tensor> grad(Tensors outputs, Tensors inputs, Tensors grad_outputs,
                         std::optional<bool> retain_graph, bool create_graph, bool allow_unused,
                         bool materialize_grads) {
  check(!inputs.empty(), "`inputs` argument to `grad()` cannot be empty.");
  std::vector<Tensor> results =
      run_backward(make_roots(outputs, grad_outputs), target_edges(inputs), false,
                   {retain_graph.value_or(create_graph), create_graph});
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i].defined()) continue;
    if (materialize_grads)
      results[i] = zeros_like(inputs[i]).requires_grad_(create_graph);
    else if (!allow_unused)
      refuse_unused(i);
  }
  return results;
}

}  // namespace rushlight::autograd
