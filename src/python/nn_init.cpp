// rushlight::nn::init as the module _C._init, which rushlight/nn/init.py names the arguments of.

#include <rushlight/nn/init.h>

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>

#include "python/casters.h"
#include "python/nn.h"

namespace nb = nanobind;

namespace rushlight::python {

namespace {

Generator* generator_in(nb::handle object) {
  if (object.is_none()) return nullptr;
  Generator* generator = to_generator(object.ptr());
  check(generator, ErrorKind::Type, "generator must be torch.Generator, not ",
        Py_TYPE(object.ptr())->tp_name);
  return generator;
}

const Tensor& tensor_in(nb::handle object) {
  check(is_tensor(object.ptr()), ErrorKind::Type, "argument 'tensor' must be Tensor, not ",
        Py_TYPE(object.ptr())->tp_name);
  return tensor_of(object.ptr());
}

}  // namespace

/// Each function gives back the object that it was given.
void add_init(PyObject* parent) {
  using nb::handle, nb::borrow;
  nb::module_ m = nb::borrow<nb::module_>(parent).def_submodule("_init");
  m.def(
      "uniform_",
      [](handle x, double a, double b, handle generator) {
        nn::init::uniform_(tensor_in(x), a, b, generator_in(generator));
        return borrow(x);
      },
      nb::arg(), nb::arg(), nb::arg(), nb::arg().none());
  m.def(
      "normal_",
      [](handle x, double mean, double std, handle generator) {
        nn::init::normal_(tensor_in(x), mean, std, generator_in(generator));
        return borrow(x);
      },
      nb::arg(), nb::arg(), nb::arg(), nb::arg().none());
  m.def(
      "trunc_normal_",
      [](handle x, double mean, double std, double a, double b, handle generator) {
        nn::init::trunc_normal_(tensor_in(x), mean, std, a, b, generator_in(generator));
        return borrow(x);
      },
      nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg().none());
  m.def("constant_", [](handle x, handle value) {
    Scalar scalar;
    check(to_scalar(value.ptr(), scalar), ErrorKind::Type, "argument 'val' must be Number, not ",
          Py_TYPE(value.ptr())->tp_name);
    nn::init::constant_(tensor_in(x), scalar);
    return borrow(x);
  });
  m.def("eye_", [](handle x) {
    nn::init::eye_(tensor_in(x));
    return borrow(x);
  });
  m.def("dirac_", [](handle x, int64_t groups) {
    nn::init::dirac_(tensor_in(x), groups);
    return borrow(x);
  });
  m.def(
      "xavier_uniform_",
      [](handle x, double gain, handle generator) {
        nn::init::xavier_uniform_(tensor_in(x), gain, generator_in(generator));
        return borrow(x);
      },
      nb::arg(), nb::arg(), nb::arg().none());
  m.def(
      "xavier_normal_",
      [](handle x, double gain, handle generator) {
        nn::init::xavier_normal_(tensor_in(x), gain, generator_in(generator));
        return borrow(x);
      },
      nb::arg(), nb::arg(), nb::arg().none());
  m.def(
      "kaiming_uniform_",
      [](handle x, double a, const std::string& mode, const std::string& nonlinearity,
         handle generator) {
        nn::init::kaiming_uniform_(tensor_in(x), a, mode, nonlinearity, generator_in(generator));
        return borrow(x);
      },
      nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg().none());
  m.def(
      "kaiming_normal_",
      [](handle x, double a, const std::string& mode, const std::string& nonlinearity,
         handle generator) {
        nn::init::kaiming_normal_(tensor_in(x), a, mode, nonlinearity, generator_in(generator));
        return borrow(x);
      },
      nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg().none());
  m.def(
      "sparse_",
      [](handle x, double sparsity, double std, handle generator) {
        nn::init::sparse_(tensor_in(x), sparsity, std, generator_in(generator));
        return borrow(x);
      },
      nb::arg(), nb::arg(), nb::arg(), nb::arg().none());
  m.def(
      "calculate_gain",
      [](const std::string& nonlinearity, std::optional<double> parameter) {
        return nn::init::calculate_gain(nonlinearity, parameter);
      },
      nb::arg(), nb::arg().none());
  m.def("fans", [](handle x) { return nn::init::fans(tensor_in(x)); });
}

}  // namespace rushlight::python
