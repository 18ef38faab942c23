#pragma once
// The Python objects of graph nodes.

#include "python/python.h"

namespace rushlight::python {

struct NodeObject {
  PyObject_HEAD Ref<autograd::Node> node;
  PyObject* dict;
};

inline autograd::Node& node_of(PyObject* object) {
  return *reinterpret_cast<NodeObject*>(object)->node;
}

bool is_node(PyObject* object);

}  // namespace rushlight::python
