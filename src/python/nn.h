#pragma once
// Module objects: what the files of nn's Python face share.

#include <rushlight/nn/layer.h>

#include "python/python.h"

namespace rushlight::python {

struct ModuleObject {
  PyObject_HEAD nn::Layer* layer;  ///< owned; lives exactly as long as this object
  PyObject* dict;
  PyObject* weak_references;
  vectorcallfunc vectorcall;
  bool initialised;  ///< Module.__init__ has run
  bool hooked;       ///< a call goes through Module._call_impl
};

extern PyTypeObject* module_type;     ///< _C.ModuleBase
extern PyTypeObject* parameter_type;  ///< rushlight.nn.Parameter, once it is there
extern bool all_modules_hooked;       ///< there are hooks that every module calls
extern bool registration_hooked;      ///< there are hooks of registering

inline bool is_module(PyObject* object) { return PyType_IsSubtype(Py_TYPE(object), module_type); }
inline ModuleObject* module_object(PyObject* self) { return reinterpret_cast<ModuleObject*>(self); }
inline nn::Layer& layer_of(PyObject* self) { return *module_object(self)->layer; }

/// The module's one object, made now if there is none; None for null. New reference.
PyObject* wrap_module(nn::Module* module);
/// The parameter's object, of class Parameter; None if undefined. New reference.
PyObject* wrap_parameter(const Tensor& tensor);
/// Whether the object is a Parameter.
bool is_parameter(PyObject* object);
/// Whether the object is a tensor that rushlight.nn.Buffer marked.
bool is_buffer(PyObject* object);
std::string_view text_of(PyObject* unicode);
/// "torch.FloatTensor" of a tensor, "module.Class" of other objects; as torch.typename has it.
std::string type_text(PyObject* object);

// -- Attributes and tables (nn_attributes.cpp) ---------------------------------------------------

PyObject* get_module_attribute(PyObject* self, PyObject* name);
int set_module_attribute(PyObject* self, PyObject* name, PyObject* value);
extern PyMethodDef module_table_methods[];
extern PyMethodDef registration_functions[];

// -- Layers (nn_layers.cpp) ----------------------------------------------------------------------

PyObject* wrap(const nn::Setting& setting);
/// Changes a setting; throws TypeError if `value` is not of its kind.
void set_setting(nn::Layer& layer, const nn::Setting& setting, PyObject* value);
/// The layer that the class is or derives from; null if it is none.
const nn::LayerEntry* entry_of(PyTypeObject* type);
/// Whether the class itself is what C++ makes of its layer.
bool is_native(PyTypeObject* type);
/// The layer whose C++ forward this object is; null if it is something else.
const nn::LayerEntry* native_forward(PyObject* object);
PyObject* call_layer(const nn::LayerEntry& entry, PyObject* self, PyObject* const* arguments,
                     size_t count, PyObject* names);
void add_layers(PyObject* module);

// -- Initialisation (nn_init.cpp) ----------------------------------------------------------------

void add_init(PyObject* module);

}  // namespace rushlight::python
