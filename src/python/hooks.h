#pragma once
// Python functions as hooks of backward, and what the garbage collector must know of them.

#include "python/python.h"

namespace rushlight::python {

/// Registers a Python function; the result removes it (an object of `_C._HookHandle`).
PyObject* add_tensor_hook(const Tensor& tensor, PyObject* function);
PyObject* add_node_hook(autograd::Node& node, PyObject* function);
PyObject* add_node_prehook(autograd::Node& node, PyObject* function);

/// The dict that belongs to a node; made now if there is none. Borrowed.
PyObject* node_metadata(autograd::Node& node);

/// What only this tensor holds: visits the Python objects in its hooks and those of its node.
int visit_tensor(TensorImpl* impl, visitproc visit, void* arg);
/// Breaks cycles through them.
void clear_tensor(TensorImpl* impl);
int visit_hooks(const autograd::NodeHooks* hooks, visitproc visit, void* arg);

/// Makes the collector look at an object that was not worth its time before.
void track(PyObject* tensor);

/// The gradients as a tuple, None for undefined ones.
Object gradients_as_tuple(std::span<const Tensor> gradients);

/// A Python object that a C++ one keeps: releases it under the GIL.
std::shared_ptr<void> keep(PyObject* object);

/// Whether the node is that of a Python Function and owns its object.
bool owns_object(const autograd::Node& node);
/// Its object, as a new reference; takes it up again if the node owned it.
PyObject* take_function_object(autograd::Node& node);

/// Python functions as hooks of what is saved.
std::shared_ptr<autograd::SavedTensorHooks> saved_tensor_hooks(PyObject* pack, PyObject* unpack);

/// What `node` saved as number `index`, as an object that takes hooks; those from begin to end.
Object wrap_saved(autograd::Node& node, size_t index);
Object wrap_saved(autograd::Node& node, size_t begin, size_t end);
constexpr size_t kNothingSaved = size_t(-1);  // an index

void add_saved_tensors(PyObject* module);
void add_hooks(PyObject* module);
void add_functions_of_autograd(PyObject* module);
void add_call_sites(PyObject* module);

}  // namespace rushlight::python
