// Print options as Python sees them.

#include <rushlight/print.h>

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include "python/casters.h"

namespace nb = nanobind;

namespace rushlight::python {

void add_print(PyObject* module) {
  nb::module_ m = nb::borrow<nb::module_>(module);
  m.def(
      "_set_printoptions",
      [](std::optional<int64_t> precision, std::optional<double> threshold,
         std::optional<int64_t> edgeitems, std::optional<int64_t> linewidth,
         std::optional<std::string> profile, std::optional<bool> sci_mode) {
        set_printoptions(precision, threshold, edgeitems, linewidth, profile, sci_mode);
      },
      nb::arg("precision").none(), nb::arg("threshold").none(), nb::arg("edgeitems").none(),
      nb::arg("linewidth").none(), nb::arg("profile").none(), nb::arg("sci_mode").none());
  m.def("_get_printoptions", [] {
    PrintOptions options = get_printoptions();
    return nb::make_tuple(options.precision, options.threshold, options.edgeitems,
                          options.linewidth, options.sci_mode);
  });
}

}  // namespace rushlight::python
