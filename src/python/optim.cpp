// Steps of optimizers over Python's param_groups (dicts that users change) and state (a dict of
// dicts, keyed by parameter): one call a step.

#include <rushlight/autograd.h>
#include <rushlight/ops.h>

#include <array>
#include <vector>

#include "optim/step.h"
#include "python/python.h"

namespace rushlight::python {

namespace {

using namespace rushlight::optim;

struct Key {
  PyObject* text;
  explicit Key(const char* name) : text(PyUnicode_InternFromString(name)) {}
};

/// Names in groups and states, made once.
struct Keys {
  Key params{"params"}, maximize{"maximize"}, lr{"lr"}, eps{"eps"};
  Key momentum{"momentum"}, dampening{"dampening"}, weight_decay{"weight_decay"};
  Key nesterov{"nesterov"}, betas{"betas"}, amsgrad{"amsgrad"}, alpha{"alpha"}, rho{"rho"};
  Key decoupled_weight_decay{"decoupled_weight_decay"}, centered{"centered"};
  Key lr_decay{"lr_decay"}, initial_accumulator_value{"initial_accumulator_value"};
  Key momentum_decay{"momentum_decay"}, etas{"etas"}, step_sizes{"step_sizes"};
  Key lambd{"lambd"}, t0{"t0"};
  Key step{"step"}, momentum_buffer{"momentum_buffer"}, exp_avg{"exp_avg"};
  Key exp_avg_sq{"exp_avg_sq"}, max_exp_avg_sq{"max_exp_avg_sq"}, square_avg{"square_avg"};
  Key grad_avg{"grad_avg"}, sum{"sum"}, acc_delta{"acc_delta"}, exp_inf{"exp_inf"};
  Key mu_product{"mu_product"}, prev{"prev"}, step_size{"step_size"}, eta{"eta"}, mu{"mu"};
  Key ax{"ax"};
};
const Keys& keys() {
  static const Keys keys;
  return keys;
}

double to_double(PyObject* object) {
  if (PyFloat_CheckExact(object)) return PyFloat_AS_DOUBLE(object);
  Object number = checked(PyNumber_Float(object));
  return PyFloat_AS_DOUBLE(number.get());
}

/// Reads the entries of a group; throws KeyError for one that is missing.
class GroupReader {
 public:
  explicit GroupReader(PyObject* group) : group_(group) {
    check(PyDict_Check(group), ErrorKind::Type, "param_group must be a dict, but got ",
          Py_TYPE(group)->tp_name);
  }
  PyObject* get(const Key& key) const {
    PyObject* found = PyDict_GetItemWithError(group_, key.text);
    if (!found) {
      if (!PyErr_Occurred()) PyErr_SetObject(PyExc_KeyError, key.text);
      throw PythonError();
    }
    return found;
  }
  const GroupReader& operator()(const Key& key, double& value) const {
    value = to_double(get(key));
    return *this;
  }
  const GroupReader& operator()(const Key& key, bool& value) const {
    int truth = PyObject_IsTrue(get(key));
    checked(truth);
    value = truth == 1;
    return *this;
  }
  const GroupReader& operator()(const Key& key, std::pair<double, double>& value) const {
    Object pair = checked(PySequence_Fast(get(key), "expected a pair of numbers"));
    check(PySequence_Fast_GET_SIZE(pair.get()) == 2, ErrorKind::Value,
          "expected a pair of numbers, but got ", PySequence_Fast_GET_SIZE(pair.get()));
    value = {to_double(PySequence_Fast_GET_ITEM(pair.get(), 0)),
             to_double(PySequence_Fast_GET_ITEM(pair.get(), 1))};
    return *this;
  }

 private:
  PyObject* group_;
};

/// What a parameter's state holds, in PyTorch's order: step, numbers, tensors.
struct Layout {
  const Key* numbers[2] = {};
  const Key* tensors[3] = {};
  bool counts = true;  ///< has a `step`
};

// What each optimizer reads of a group, and what its state holds.

Layout read(const GroupReader& group, SGDOptions& o) {
  const Keys& k = keys();
  group(k.lr, o.lr)(k.momentum, o.momentum)(k.dampening, o.dampening)(
      k.weight_decay, o.weight_decay)(k.nesterov, o.nesterov)(k.maximize, o.maximize);
  Layout layout{.counts = false};
  if (o.momentum != 0) layout.tensors[0] = &k.momentum_buffer;
  return layout;
}

Layout read(const GroupReader& group, AdamOptions& o) {
  const Keys& k = keys();
  group(k.lr, o.lr)(k.betas, o.betas)(k.eps, o.eps)(k.weight_decay, o.weight_decay)(
      k.amsgrad, o.amsgrad)(k.maximize, o.maximize)(k.decoupled_weight_decay,
                                                    o.decoupled_weight_decay);
  return {.tensors = {&k.exp_avg, &k.exp_avg_sq, o.amsgrad ? &k.max_exp_avg_sq : nullptr}};
}

Layout read(const GroupReader& group, RMSpropOptions& o) {
  const Keys& k = keys();
  group(k.lr, o.lr)(k.alpha, o.alpha)(k.eps, o.eps)(k.weight_decay, o.weight_decay)(
      k.momentum, o.momentum)(k.centered, o.centered)(k.maximize, o.maximize);
  return {.tensors = {&k.square_avg, o.momentum > 0 ? &k.momentum_buffer : nullptr,
                      o.centered ? &k.grad_avg : nullptr}};
}

Layout read(const GroupReader& group, AdagradOptions& o) {
  const Keys& k = keys();
  group(k.lr, o.lr)(k.lr_decay, o.lr_decay)(k.eps, o.eps)(k.weight_decay, o.weight_decay)(
      k.initial_accumulator_value, o.initial_accumulator_value)(k.maximize, o.maximize);
  return {.tensors = {&k.sum}};
}

Layout read(const GroupReader& group, AdadeltaOptions& o) {
  const Keys& k = keys();
  group(k.lr, o.lr)(k.rho, o.rho)(k.eps, o.eps)(k.weight_decay, o.weight_decay)(k.maximize,
                                                                                o.maximize);
  return {.tensors = {&k.square_avg, &k.acc_delta}};
}

Layout read(const GroupReader& group, AdamaxOptions& o) {
  const Keys& k = keys();
  group(k.lr, o.lr)(k.betas, o.betas)(k.eps, o.eps)(k.weight_decay, o.weight_decay)(k.maximize,
                                                                                    o.maximize);
  return {.tensors = {&k.exp_avg, &k.exp_inf}};
}

Layout read(const GroupReader& group, NAdamOptions& o) {
  const Keys& k = keys();
  group(k.lr, o.lr)(k.betas, o.betas)(k.eps, o.eps)(k.weight_decay, o.weight_decay)(
      k.momentum_decay, o.momentum_decay)(k.maximize, o.maximize)(k.decoupled_weight_decay,
                                                                  o.decoupled_weight_decay);
  return {.numbers = {&k.mu_product}, .tensors = {&k.exp_avg, &k.exp_avg_sq}};
}

Layout read(const GroupReader& group, RAdamOptions& o) {
  const Keys& k = keys();
  group(k.lr, o.lr)(k.betas, o.betas)(k.eps, o.eps)(k.weight_decay, o.weight_decay)(
      k.maximize, o.maximize)(k.decoupled_weight_decay, o.decoupled_weight_decay);
  return {.tensors = {&k.exp_avg, &k.exp_avg_sq}};
}

Layout read(const GroupReader& group, RpropOptions& o) {
  const Keys& k = keys();
  group(k.lr, o.lr)(k.etas, o.etas)(k.step_sizes, o.step_sizes)(k.maximize, o.maximize);
  return {.tensors = {&k.prev, &k.step_size}};
}

Layout read(const GroupReader& group, ASGDOptions& o) {
  const Keys& k = keys();
  group(k.lr, o.lr)(k.lambd, o.lambd)(k.alpha, o.alpha)(k.t0, o.t0)(k.weight_decay, o.weight_decay)(
      k.maximize, o.maximize);
  return {.numbers = {&k.eta, &k.mu}, .tensors = {&k.ax}};
}

/// The dict of a parameter in `states`, made if there is none; borrowed.
PyObject* state_of(PyObject* states, PyObject* parameter) {
  PyObject* found = PyDict_GetItemWithError(states, parameter);
  if (!found) {
    if (PyErr_Occurred()) throw PythonError();
    Object fresh = checked(PyDict_New());
    checked(PyDict_SetItem(states, parameter, fresh.get()));
    found = fresh.get();  // `states` keeps it
  }
  check(PyDict_Check(found), ErrorKind::Type, "the state of a parameter must be a dict, but got ",
        Py_TYPE(found)->tp_name);
  return found;
}

/// A number that PyTorch keeps in a zero-dim tensor.
void read_number(PyObject* state, const Key* key, double& value) {
  if (!key) return;
  if (PyObject* found = PyDict_GetItemWithError(state, key->text)) {
    bool plain = is_tensor(found) && tensor_of(found).dtype() == DType::Float32;
    value =
        plain && tensor_of(found).numel() == 1 ? *tensor_of(found).data<float>() : to_double(found);
  } else if (PyErr_Occurred()) {
    throw PythonError();
  }
}

void write_number(PyObject* state, const Key* key, double value) {
  if (!key) return;
  PyObject* found = PyDict_GetItemWithError(state, key->text);
  if (found && is_tensor(found) && is_floating(tensor_of(found).dtype())) {
    const Tensor& tensor = tensor_of(found);
    if (tensor.dtype() == DType::Float32) {
      *tensor.data<float>() = float(value);
      ++tensor.impl()->version().writes;
    } else {
      autograd::NoGrad off;
      tensor.fill_(value);
    }
    return;
  }
  Object tensor = Object::steal(wrap(full({}, value, default_dtype())));
  checked(PyDict_SetItem(state, key->text, tensor.get()));
}

/// One parameter's part of a step.
struct Work {
  Tensor parameter, gradient;
  PyObject* state = nullptr;  ///< borrowed from the optimizer; null if nothing is remembered
  State remembered;
  std::array<TensorImpl*, 3> known = {};  ///< what `state` holds already
};

void load_state(const Layout& layout, Work& work) {
  if (layout.counts) read_number(work.state, &keys().step, work.remembered.step);
  for (int i = 0; i < 2; ++i) {
    read_number(work.state, layout.numbers[i], work.remembered.numbers[size_t(i)]);
  }
  for (size_t i = 0; i < 3; ++i) {
    if (!layout.tensors[i]) continue;
    PyObject* found = PyDict_GetItemWithError(work.state, layout.tensors[i]->text);
    if (!found && PyErr_Occurred()) throw PythonError();
    if (!found || found == Py_None) continue;
    check(is_tensor(found), ErrorKind::Type, "the optimizer's state must hold tensors, but got ",
          Py_TYPE(found)->tp_name);
    work.remembered.tensors[i] = tensor_of(found);
    work.known[i] = work.remembered.tensors[i].impl();
  }
}

void store_state(const Layout& layout, Work& work) {
  if (layout.counts) write_number(work.state, &keys().step, work.remembered.step);
  for (int i = 0; i < 2; ++i) {
    write_number(work.state, layout.numbers[i], work.remembered.numbers[size_t(i)]);
  }
  for (size_t i = 0; i < 3; ++i) {
    if (!layout.tensors[i]) continue;
    Tensor& tensor = work.remembered.tensors[i];
    if (tensor.impl() == work.known[i]) {
      ++tensor.impl()->version().writes;
      continue;
    }
    Object object = Object::steal(wrap(tensor));
    checked(PyDict_SetItem(work.state, layout.tensors[i]->text, object.get()));
  }
}

/// The parameters of a group that have a gradient, with their state.
std::vector<Work> collect(const GroupReader& group, const Layout& layout, PyObject* states) {
  std::vector<Work> list;
  const bool stateful = layout.counts || layout.tensors[0];
  Object parameters = checked(PySequence_Fast(group.get(keys().params), "params must be a list"));
  list.reserve(size_t(PySequence_Fast_GET_SIZE(parameters.get())));
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(parameters.get()); ++i) {
    PyObject* object = PySequence_Fast_GET_ITEM(parameters.get(), i);
    check(is_tensor(object), ErrorKind::Type,
          "optimizer can only optimize Tensors, but one of the ", "params is ",
          Py_TYPE(object)->tp_name);
    const Tensor& parameter = tensor_of(object);
    Tensor gradient = parameter.grad();
    if (!gradient.defined()) continue;
    check_step(parameter, gradient);
    Work& work = list.emplace_back();
    work.parameter = parameter;
    work.gradient = std::move(gradient);
    if (!stateful) continue;
    work.state = state_of(states, object);
    load_state(layout, work);
  }
  return list;
}

constexpr int64_t kLong = 1 << 18;  // elements, from which other Python threads may run

template <class Options>
void step_group(PyObject* entry, PyObject* states) {
  GroupReader group(entry);
  Options options;
  Layout layout = read(group, options);
  std::vector<Work> list = collect(group, layout, states);
  int64_t elements = 0;
  for (const Work& work : list) elements += work.parameter.numel();
  {
    WithoutGil guard(elements >= kLong);
    for (Work& work : list) optim::step(options, work.parameter, work.gradient, work.remembered);
  }
  for (Work& work : list) {
    if (work.state) store_state(layout, work);
  }
}

/// _NAME_step(param_groups, state)
template <class Options>
PyObject* step(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    check(count == 2 && PyDict_Check(args[1]), ErrorKind::Type,
          "step(): expected param_groups and state, a dict");
    Object groups = checked(PySequence_Fast(args[0], "param_groups must be a list"));
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(groups.get()); ++i) {
      step_group<Options>(PySequence_Fast_GET_ITEM(groups.get(), i), args[1]);
    }
    return Py_NewRef(Py_None);
  });
}

/// _zero_grad(param_groups, set_to_none)
PyObject* zero_grad(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    check(count == 2, ErrorKind::Type, "zero_grad(): expected param_groups and set_to_none");
    int set_to_none = PyObject_IsTrue(args[1]);
    checked(set_to_none);
    Object groups = checked(PySequence_Fast(args[0], "param_groups must be a list"));
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(groups.get()); ++i) {
      GroupReader group(PySequence_Fast_GET_ITEM(groups.get(), i));
      Object list = checked(PySequence_Fast(group.get(keys().params), "params must be a list"));
      for (Py_ssize_t j = 0; j < PySequence_Fast_GET_SIZE(list.get()); ++j) {
        PyObject* object = PySequence_Fast_GET_ITEM(list.get(), j);
        if (is_tensor(object)) clear_gradient(tensor_of(object), set_to_none == 1);
      }
    }
    return Py_NewRef(Py_None);
  });
}

template <class Options>
PyMethodDef entry(const char* name) {
  return {name, (PyCFunction)(void (*)())step<Options>, METH_FASTCALL, nullptr};
}

PyMethodDef functions[] = {
    entry<SGDOptions>("_sgd_step"),
    entry<AdamOptions>("_adam_step"),
    entry<RMSpropOptions>("_rmsprop_step"),
    entry<AdagradOptions>("_adagrad_step"),
    entry<AdadeltaOptions>("_adadelta_step"),
    entry<AdamaxOptions>("_adamax_step"),
    entry<NAdamOptions>("_nadam_step"),
    entry<RAdamOptions>("_radam_step"),
    entry<RpropOptions>("_rprop_step"),
    entry<ASGDOptions>("_asgd_step"),
    {"_zero_grad", (PyCFunction)(void (*)())zero_grad, METH_FASTCALL, nullptr},
    {}};

}  // namespace

void add_optim(PyObject* module) { add_functions(module, functions); }

}  // namespace rushlight::python
