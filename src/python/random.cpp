// The random generator as Python sees it.

#include <rushlight/random.h>

#include "python/casters.h"

namespace nb = nanobind;

namespace rushlight::python {

namespace {

/// PyTorch takes any integer from -2^63 to 2^64 - 1; negative ones wrap.
uint64_t to_seed(nb::handle object) {
  check(!PyUnicode_Check(object.ptr()), "manual_seed expected a long, but got str");
  nb::object number = nb::steal(PyNumber_Long(object.ptr()));
  if (!number.is_valid()) throw nb::python_error();
  int overflow;
  long long value = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
  if (!overflow) return uint64_t(value);
  unsigned long long large = PyLong_AsUnsignedLongLong(number.ptr());
  if (PyErr_Occurred()) {
    PyErr_Clear();
    fail(ErrorKind::Value, "Overflow when unpacking long long");
  }
  return large;
}

}  // namespace

Generator* to_generator(PyObject* object) {
  nb::handle handle(object);
  return nb::isinstance<Generator>(handle) ? nb::inst_ptr<Generator>(handle) : nullptr;
}

void add_random(PyObject* module) {
  nb::module_ m = nb::borrow<nb::module_>(module);
  auto device = [](nb::handle) { return nb::steal(wrap(kCpu)); };
  nb::class_<Generator>(m, "Generator", nb::is_weak_referenceable(),
                        "A stream of random numbers: PyTorch's CPU numbers for the same seed.")
      .def(
          "__init__",
          [](Generator* self, nb::object place) {
            Device device;
            bool known = place.is_none() || to_device(place.ptr(), device);
            check(known, ErrorKind::Type, "Generator(): argument 'device' must be torch.device");
            new (self) Generator();
          },
          nb::arg("device") = nb::none())
      .def(
          "manual_seed",
          [](nb::handle self, nb::handle seed) {
            nb::cast<Generator&>(self).manual_seed(to_seed(seed));
            return nb::borrow(self);
          },
          nb::arg("seed"), "Restarts the stream; returns the generator.")
      .def("seed", &Generator::seed, "Restarts the stream from the system's entropy.")
      .def("initial_seed", &Generator::initial_seed, "The seed with which the stream started.")
      .def("get_state", &get_state, "The state: a uint8 tensor of 5056 elements, as PyTorch's.")
      .def("set_state", &set_state, nb::arg("new_state"), "Continues from a saved state.")
      .def("clone_state", &Generator::clone, "A generator of its own with the same state.")
      .def_prop_ro("device", device);
  m.attr("default_generator") = nb::cast(&default_generator(), nb::rv_policy::reference);
}

}  // namespace rushlight::python
