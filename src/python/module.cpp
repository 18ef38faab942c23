// The extension module rushlight._C.

#include <nanobind/nanobind.h>

#include <climits>

#include "python/casters.h"
#include "python/hooks.h"
#include "python/python.h"
#include "runtime/allocator.h"
#include "runtime/cpu_features.h"
#include "runtime/parallel.h"

namespace nb = nanobind;

NB_MODULE(_C, m) {
  using namespace rushlight;
  using namespace rushlight::python;
  nb::set_leak_warnings(false);
  set_warning_handler(warn_in_python);
  nb::register_exception_translator([](const std::exception_ptr& error, void*) {
    try {
      std::rethrow_exception(error);
    } catch (const Error&) {
      set_python_error();
    } catch (const PythonError&) {
      set_python_error();
    }
  });
  PyObject* module = m.ptr();
  add_values(module);
  add_tensor(module);
  add_nodes(module);
  add_operations(module);
  add_data(module);
  add_dlpack(module);
  add_autograd(module);
  add_hooks(module);
  add_saved_tensors(module);
  add_functions_of_autograd(module);
  add_call_sites(module);
  add_print(module);
  add_random(module);
  add_nn(module);
  add_optim(module);
  m.attr("__version__") = RUSHLIGHT_VERSION;
  m.def("get_num_threads", &num_threads, "Threads that a kernel may use.");
  m.def(
      "set_num_threads",
      [](nb::handle count) {
        int64_t number;
        check(to_integer(count.ptr(), number), "set_num_threads expects an int, but got ",
              Py_TYPE(count.ptr())->tp_name);
        check(number > 0 && number <= INT_MAX, "set_num_threads expects a positive integer");
        set_num_threads(int(number));
      },
      nb::arg("count"), "Sets get_num_threads().");
  m.def("is_warn_always_enabled", &warns_always,
        "Whether warnings that are given once are given each time.");
  m.def("_set_warn_always", &set_warn_always);
  m.def("release_memory", &release_memory, "Gives cached memory back to the system.");
  m.def(
      "_allocator_stats",
      [] {
        AllocatorStats stats = allocator_stats();
        return nb::make_tuple(stats.live_blocks, stats.live_bytes, stats.cached_bytes);
      },
      "(live blocks, live bytes, cached bytes)");
  m.def("_promote_types", &promote);
  m.def("_result_type", [](nb::handle a, nb::handle b) {
    Promotion promotion;
    for (nb::handle operand : {a, b}) {
      Scalar number;
      bool is_number = to_scalar(operand.ptr(), number);
      check(is_number || is_tensor(operand.ptr()), ErrorKind::Type,
            "result_type(): arguments must be Tensor or Number, not ",
            Py_TYPE(operand.ptr())->tp_name);
      if (is_number)
        promotion.add(number);
      else
        promotion.add(tensor_of(operand.ptr()));
    }
    return promotion.result();
  });
  m.def("_simd_target", [] { return nb::str(simd_target().data(), simd_target().size()); });
  m.def("_set_simd_target", [](const char* name) { set_simd_target(std::string_view(name)); });
  m.def("_simd_targets", [] {
    nb::list names;
    for (SimdTarget target : supported_simd_targets()) {
      std::string_view name = to_string_view(target);
      names.append(nb::str(name.data(), name.size()));
    }
    return names;
  });
  m.def(
      "get_default_dtype", [] { return nb::steal(wrap(default_dtype())); },
      "The dtype of new floating-point tensors.");
  m.def(
      "set_default_dtype",
      [](nb::handle object) {
        DType dtype;
        check(is_dtype(object.ptr()) && to_dtype(object.ptr(), dtype), ErrorKind::Type,
              "invalid dtype object: only floating-point types are supported as the default type");
        set_default_dtype(dtype);
      },
      nb::arg("d"), "Sets the dtype of new floating-point tensors.");
}
