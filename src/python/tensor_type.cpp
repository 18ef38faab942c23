// The Tensor class: its objects' lives, operators and attributes. Methods that are operations come
// from the op table (operations.cpp), conversions to and from data from data.cpp.

#include <rushlight/operators.h>
#include <rushlight/print.h>

#include <cstring>

#include "ops/op.h"
#include "python/binder.h"
#include "python/hooks.h"
#include "python/indexing.h"
#include "python/tensor_methods.h"

namespace rushlight::python {

PyTypeObject* tensor_type;

namespace {

PyTypeObject* g_meta_type;

TensorObject* object_of(PyObject* self) { return reinterpret_cast<TensorObject*>(self); }

// -- Lives ---------------------------------------------------------------------------------------
// While Python holds the object, it owns a reference to the TensorImpl. When Python lets go of an
// object that carries something (attributes, a subclass, weak references) but C++ still holds the
// tensor, ownership turns round: the TensorImpl keeps the object until Python asks for it again.

bool worth_keeping(TensorObject* object) {
  return Py_TYPE(object) != tensor_type || object->dict || object->weak_references;
}

/// Called when a TensorImpl dies that owns its Python object.
bool release_python(TensorImpl* impl) noexcept {
  if (!Py_IsInitialized()) return true;
  WithGil gil;
  PyObject* object = static_cast<PyObject*>(impl->python);
  impl->python_owned = false;
  if (Py_REFCNT(object) > 1) {
    // Somebody got the object through a weak reference: it owns the TensorImpl again.
    impl->revive();
    Py_DECREF(object);
    return false;
  }
  object_of(object)->tensor.ref().leak();
  impl->python = nullptr;
  Py_DECREF(object);
  return true;
}

/// Lets go of what a subclass keeps in its __slots__.
void clear_slots(PyObject* self) {
  for (PyTypeObject* type = Py_TYPE(self); type && type != tensor_type; type = type->tp_base) {
    for (PyMemberDef* member = type->tp_members; member && member->name; ++member) {
      if (member->type != T_OBJECT_EX || (member->flags & READONLY)) continue;
      auto* slot = reinterpret_cast<PyObject**>(reinterpret_cast<char*>(self) + member->offset);
      Py_CLEAR(*slot);
    }
  }
}

void tensor_dealloc(PyObject* self) {
  TensorObject* object = object_of(self);
  if (TensorImpl* impl = object->tensor.impl()) {
    if (impl->use_count() > 1 && worth_keeping(object)) {
      Py_SET_REFCNT(self, 1);  // of the TensorImpl, from now on
#ifdef Py_TRACE_REFS
      _Py_NewReference(self);
#endif
      impl->python_owned = true;
      impl->release();  // the object still points to the tensor, but no longer owns it
      return;
    }
  }
  PyTypeObject* type = Py_TYPE(self);
  // A __del__ may keep the object.
  if (type->tp_finalize && PyObject_CallFinalizerFromDealloc(self) < 0) return;
  if (PyObject_GC_IsTracked(self)) PyObject_GC_UnTrack(self);
  if (object->weak_references) PyObject_ClearWeakRefs(self);
  if (type != tensor_type) clear_slots(self);
  Py_CLEAR(object->dict);
  if (TensorImpl* impl = object->tensor.impl()) impl->python = nullptr;
  object->tensor.~Tensor();
  type->tp_free(self);
  Py_DECREF(type);
}

int tensor_traverse(PyObject* self, visitproc visit, void* arg) {
  TensorObject* object = object_of(self);
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(object->dict);
  TensorImpl* impl = object->tensor.impl();
  return impl && !impl->python_owned ? visit_tensor(impl, visit, arg) : 0;
}

int tensor_clear(PyObject* self) {
  Py_CLEAR(object_of(self)->dict);
  clear_tensor(object_of(self)->tensor.impl());
  return 0;
}

/// Subclasses made in Python get a dealloc that clears attributes first, which must not happen to
/// an object that lives on in C++.
int meta_init(PyObject* type, PyObject* args, PyObject* kwargs) {
  if (PyType_Type.tp_init(type, args, kwargs) < 0) return -1;
  reinterpret_cast<PyTypeObject*>(type)->tp_dealloc = tensor_dealloc;
  return 0;
}

PyObject* new_object(PyTypeObject* type, Tensor tensor) {
  TensorImpl* impl = tensor.impl();
  auto* object = PyObject_GC_New(TensorObject, type);
  if (!object) return nullptr;
  // A plain tensor refers to no Python object, so the collector need not look at it.
  object->dict = nullptr;
  object->weak_references = nullptr;
  // Subclasses may have __slots__ behind our own members.
  size_t slots = size_t(type->tp_basicsize) - sizeof(TensorObject);
  if (slots) std::memset(static_cast<void*>(object + 1), 0, slots);
  new (&object->tensor) Tensor(std::move(tensor));
  impl->python = object;
  if (type != tensor_type) PyObject_GC_Track(object);
  return reinterpret_cast<PyObject*>(object);
}

/// torch.Tensor(data or sizes): the old constructor, always of the default dtype.
PyObject* tensor_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guarded([&] { return new_legacy_tensor(type, args, kwargs); });
}

// -- Operators -----------------------------------------------------------------------------------

/// A tensor or number as a value; false for anything else, which Python may still handle.
bool operand(PyObject* object, Value& value) {
  if (is_tensor(object)) {
    value = Value(tensor_of(object));
    return true;
  }
  Scalar scalar;
  if (!to_scalar(object, scalar)) return false;
  value = Value(scalar);
  return true;
}

PyObject* run(const Op& op, const Value* arguments) {
  Results results;
  {
    bool is_long = arguments[0].is_tensor() && arguments[0].tensor().numel() > (1 << 16);
    WithoutGil guard(is_long);
    call(op, arguments, results);
  }
  return wrap(std::move(results.tensors[0]));
}

/// Reflected forms of operations whose first operand must be a tensor.
using Reflected = Tensor (*)(const Scalar&, const Tensor&);

template <const Op& op, Reflected reflected = nullptr, bool has_alpha = false>
PyObject* binary(PyObject* a, PyObject* b) {
  return guarded([&]() -> PyObject* {
    Value arguments[3];
    if (!operand(a, arguments[0]) || !operand(b, arguments[1])) return Py_NewRef(Py_NotImplemented);
    if (has_alpha) arguments[2] = Value(int64_t(1));
    if (arguments[0].is_tensor()) return run(op, arguments);
    if constexpr (reflected != nullptr) {
      return wrap(reflected(arguments[0].scalar(), arguments[1].tensor()));
    } else {
      std::swap(arguments[0], arguments[1]);  // commutative
      return run(op, arguments);
    }
  });
}

template <const Op& op, bool has_alpha = false>
PyObject* in_place(PyObject* a, PyObject* b) {
  return guarded([&]() -> PyObject* {
    Value arguments[3];
    arguments[0] = Value(tensor_of(a));
    if (!operand(b, arguments[1])) return Py_NewRef(Py_NotImplemented);
    if (has_alpha) arguments[2] = Value(int64_t(1));
    Results results;
    call(op, arguments, results, &tensor_of(a));
    return Py_NewRef(a);
  });
}

template <const Op& op>
PyObject* unary(PyObject* a) {
  return guarded([&] {
    const Value arguments[] = {tensor_of(a)};
    return run(op, arguments);
  });
}

PyObject* invert(PyObject* a) {
  if (!is_floating(tensor_of(a).dtype())) return unary<op::bitwise_not>(a);
  PyErr_SetString(PyExc_TypeError,
                  "~ (operator.invert) is only implemented on integer and Boolean-type tensors");
  return nullptr;
}

Tensor number_minus(const Scalar& a, const Tensor& b) { return rsub(b, a); }
Tensor number_over(const Scalar& a, const Tensor& b) { return b.reciprocal() * a; }

/// An operator that goes through the callable of this name, for the rarer ones.
PyObject* by_name(const char* name, PyObject* a, PyObject* b) {
  return guarded([&]() -> PyObject* {
    Value ignored;
    if (!operand(a, ignored) || !operand(b, ignored)) return Py_NewRef(Py_NotImplemented);
    PyObject* arguments[] = {a, b};
    const Callable* callable = is_tensor(a) ? find_method(name) : find_function(name);
    if (!callable) callable = find_function(name);
    check(callable != nullptr, ErrorKind::NotImplemented, name, " is not available");
    return call(*callable, arguments, 2, nullptr);
  });
}

template <auto name>
PyObject* named(PyObject* a, PyObject* b) {
  return by_name(name, a, b);
}

constexpr char kFloorDivide[] = "floor_divide", kRemainder[] = "remainder",
               kBitAnd[] = "bitwise_and", kBitOr[] = "bitwise_or", kBitXor[] = "bitwise_xor",
               kShiftLeft[] = "bitwise_left_shift", kShiftRight[] = "bitwise_right_shift",
               kFloorDivide_[] = "floor_divide_", kRemainder_[] = "remainder_",
               kBitAnd_[] = "bitwise_and_", kBitOr_[] = "bitwise_or_", kBitXor_[] = "bitwise_xor_",
               kShiftLeft_[] = "bitwise_left_shift_", kShiftRight_[] = "bitwise_right_shift_",
               kPow[] = "pow", kPow_[] = "pow_";

PyObject* power(PyObject* a, PyObject* b, PyObject* modulus) {
  if (modulus != Py_None) return Py_NewRef(Py_NotImplemented);
  return by_name(kPow, a, b);
}
PyObject* power_in_place(PyObject* a, PyObject* b, PyObject*) { return by_name(kPow_, a, b); }

PyObject* multiply_matrices(PyObject* a, PyObject* b) {
  return guarded([&]() -> PyObject* {
    if (!is_tensor(a) || !is_tensor(b)) return Py_NewRef(Py_NotImplemented);
    const Value arguments[] = {tensor_of(a), tensor_of(b)};
    return run(op::matmul, arguments);
  });
}

PyObject* compare(PyObject* a, PyObject* b, int operation) {
  return guarded([&]() -> PyObject* {
    Value arguments[2] = {tensor_of(a)};
    Tensor array;
    if (!operand(b, arguments[1])) {
      if (!is_array(b)) return Py_NewRef(Py_NotImplemented);
      array = tensor_from_data(b, {});
      arguments[1] = Value(array);
    }
    switch (operation) {
      case Py_LT: return run(op::lt, arguments);
      case Py_LE: return run(op::le, arguments);
      case Py_EQ: return run(op::eq, arguments);
      case Py_NE: return run(op::ne, arguments);
      case Py_GT: return run(op::gt, arguments);
      default: return run(op::ge, arguments);
    }
  });
}

int truth(PyObject* self) {
  return guarded(
      [&] {
        const Tensor& tensor = tensor_of(self);
        check(tensor.numel() != 0, "Boolean value of Tensor with no values is ambiguous");
        check(tensor.numel() == 1,
              "Boolean value of Tensor with more than one value is ambiguous (shape ",
              to_string(tensor.shape()), "; use .any() or .all())");
        return int(tensor.item<bool>());
      },
      -1);
}

Py_hash_t identity_hash(PyObject* self) { return Py_hash_t(reinterpret_cast<intptr_t>(self) >> 4); }

Py_ssize_t length(PyObject* self) {
  return guarded(
      [&] {
        check(tensor_of(self).dim() > 0, ErrorKind::Type, "len() of a 0-d tensor");
        return Py_ssize_t(tensor_of(self).shape()[0]);
      },
      Py_ssize_t(-1));
}

PyObject* iterate(PyObject* self) {
  return guarded([&]() -> PyObject* {
    check(tensor_of(self).dim() > 0, ErrorKind::Type, "iteration over a 0-d tensor");
    std::vector<Tensor> parts = tensor_of(self).unbind(0);
    Object list = checked(PyList_New(Py_ssize_t(parts.size())));
    for (size_t i = 0; i < parts.size(); ++i) {
      PyList_SET_ITEM(list.get(), Py_ssize_t(i), wrap(std::move(parts[i])));
    }
    return PyObject_GetIter(list.get());
  });
}

PyObject* represent(PyObject* self) {
  // A subclass shows its name, but for Parameter, which puts "Parameter containing:" before it.
  return guarded([&] {
    std::string_view name = Py_TYPE(self)->tp_name;
    name = name.substr(name.rfind('.') + 1);
    bool plain = name == "Tensor" || name == "Parameter";
    std::string text = format_tensor(tensor_of(self), plain ? "tensor(" : std::string(name) + "(");
    return PyUnicode_FromStringAndSize(text.data(), Py_ssize_t(text.size()));
  });
}

// -- Attributes ----------------------------------------------------------------------------------

using Getter = PyObject* (*)(const Tensor&);

template <Getter get>
PyObject* attribute(PyObject* self, void*) {
  return guarded([&] { return get(tensor_of(self)); });
}

PyObject* get_grad(PyObject* self, void*) {
  return guarded([&] {
    const Tensor& tensor = tensor_of(self);
    Tensor grad = tensor.grad();
    const autograd::Metadata* meta = tensor.impl()->autograd;
    if (!grad.defined() && meta && meta->grad_fn && !meta->retained) {
      warn(
          "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad "
          "attribute won't be populated during autograd.backward(). If you indeed want the .grad "
          "field to be populated for a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor. "
          "If you access the non-leaf Tensor by mistake, make sure you access the leaf Tensor "
          "instead.");
    }
    return wrap(std::move(grad));
  });
}

int set_grad(PyObject* self, PyObject* value, void*) {
  return guarded(
      [&] {
        const Tensor& tensor = tensor_of(self);
        if (!value || value == Py_None) return tensor.set_grad(Tensor()), 0;
        check(is_tensor(value), ErrorKind::Type,
              "assigned grad expected to be a Tensor or None but got grad of type ",
              Py_TYPE(value)->tp_name);
        check(value != self, "can't assign Variable as its own grad");
        const Tensor& grad = tensor_of(value);
        std::optional<DType> expected =
            tensor.is_leaf() ? autograd::grad_dtype(tensor) : tensor.dtype();
        check(!expected || grad.dtype() == *expected,
              "attempting to assign a gradient with dtype '", info(grad.dtype()).cpp,
              "' to a tensor with grad_dtype '", info(expected.value_or(DType::Float32)).spoken,
              "'. The gradient must match the tensor's grad_dtype (defaults to the tensor's "
              "dtype). Convert it with .to(tensor.grad_dtype).");
        tensor.set_grad(grad);
        return 0;
      },
      -1);
}

int set_requires_grad(PyObject* self, PyObject* value, void*) {
  return guarded(
      [&] {
        check(value && PyBool_Check(value), "requires_grad must be a bool");
        const Tensor& tensor = tensor_of(self);
        check(value == Py_False || is_floating(tensor.dtype()),
              "only Tensors of floating point and complex dtype can require gradients");
        tensor.requires_grad_(value == Py_True);
        return 0;
      },
      -1);
}

int set_data(PyObject* self, PyObject* value, void*) {
  return guarded(
      [&] {
        check(value, "Deleting tensor data is not allowed. Delete tensor instead!");
        check(is_tensor(value), ErrorKind::Type, "Variable data has to be a tensor, but got ",
              Py_TYPE(value)->tp_name);
        tensor_of(self).set_data(tensor_of(value));
        return 0;
      },
      -1);
}

/// `x._grad_fn = None` takes a tensor out of the graph.
int detach(PyObject* self, PyObject* value, void*) {
  return guarded(
      [&] {
        check(value, "Deletion of _grad_fn not allowed. Detach tensor instead!");
        check(value == Py_None, ErrorKind::Type, "_grad_fn can be only set to None");
        autograd::detach_(tensor_of(self));
        return 0;
      },
      -1);
}

PyObject* get_grad_dtype(const Tensor& tensor) {
  std::optional<DType> dtype = autograd::grad_dtype(tensor);
  return dtype ? wrap(*dtype) : Py_NewRef(Py_None);
}

int set_grad_dtype(PyObject* self, PyObject* value, void*) {
  return guarded(
      [&] {
        DType dtype;
        bool none = !value || value == Py_None;
        check(none || (is_dtype(value) && to_dtype(value, dtype)),
              "grad_dtype must be a torch.dtype or None, but got ",
              none ? "" : Py_TYPE(value)->tp_name);
        autograd::set_grad_dtype(tensor_of(self), none ? std::nullopt : std::optional(dtype));
        return 0;
      },
      -1);
}

int set_grad_fn(PyObject*, PyObject*, void*) {
  PyErr_SetString(PyExc_AttributeError,
                  "attribute 'grad_fn' of 'torch._C.TensorBase' objects is not writable");
  return -1;
}

template <const Op& op>
PyObject* view_attribute(PyObject* self, void*) {
  return unary<op>(self);
}

PyObject* get_base(const Tensor& tensor) {
  return tensor.impl()->is_view ? wrap(tensor.impl()->autograd->view.base) : Py_NewRef(Py_None);
}

PyGetSetDef attributes[] = {
    {"shape", attribute<[](const Tensor& t) { return wrap_size(t.shape()); }>, nullptr,
     "Sizes of the dims.", nullptr},
    {"dtype", attribute<[](const Tensor& t) { return wrap(t.dtype()); }>, nullptr,
     "Type of the elements.", nullptr},
    {"device", attribute<[](const Tensor& t) { return wrap(t.device()); }>, nullptr,
     "Where the elements live.", nullptr},
    {"ndim", attribute<[](const Tensor& t) { return PyLong_FromLongLong(t.dim()); }>, nullptr,
     "Number of dims.", nullptr},
    {"itemsize", attribute<[](const Tensor& t) { return PyLong_FromLongLong(size_of(t.dtype())); }>,
     nullptr, "Bytes per element.", nullptr},
    {"nbytes",
     attribute<[](const Tensor& t) { return PyLong_FromLongLong(t.numel() * size_of(t.dtype())); }>,
     nullptr, "Bytes of all elements.", nullptr},
    {"requires_grad", attribute<[](const Tensor& t) { return PyBool_FromLong(t.requires_grad()); }>,
     set_requires_grad, "Whether operations on this tensor are recorded.", nullptr},
    {"is_leaf", attribute<[](const Tensor& t) {
       if (t.impl()->is_view) t.grad_fn();  // a view that has lost its history says so
       return PyBool_FromLong(t.is_leaf());
     }>,
     nullptr, "Whether this tensor was made by the user rather than by a recorded operation.",
     nullptr},
    {"grad", get_grad, set_grad, "The accumulated gradient, or None.", nullptr},
    {"grad_fn", attribute<[](const Tensor& t) { return wrap(t.grad_fn()); }>, set_grad_fn,
     "The node that computed this tensor, or None.", nullptr},
    {"_grad_fn", attribute<[](const Tensor& t) { return wrap(t.grad_fn()); }>, detach, nullptr,
     nullptr},
    {"grad_dtype", attribute<get_grad_dtype>, set_grad_dtype,
     "The dtype that the gradient of a leaf is converted to: its own, unless another is set; None "
     "leaves gradients as they come.",
     nullptr},
    {"data", attribute<[](const Tensor& t) { return wrap(t.variable_data()); }>, set_data,
     "The elements without history; writes through it are not seen by autograd.", nullptr},
    {"retains_grad",
     attribute<[](const Tensor& t) { return PyBool_FromLong(autograd::retains_grad(t)); }>, nullptr,
     "Whether this non-leaf keeps its gradient.", nullptr},
    {"output_nr", attribute<[](const Tensor& t) {
       return PyLong_FromLong(t.impl()->autograd ? int(t.impl()->autograd->output) : 0);
     }>,
     nullptr, "Which result of its grad_fn this is.", nullptr},
    {"_version", attribute<[](const Tensor& t) {
       check(!t.impl()->inference, "Inference tensors do not track version counter.");
       return PyLong_FromUnsignedLong(t.impl()->version().writes);
     }>,
     nullptr, "Number of in-place changes.", nullptr},
    {"_base", attribute<get_base>, nullptr, "The tensor of which this is a view, or None.",
     nullptr},
    {"T", view_attribute<op::numpy_T>, nullptr, "The dims in reversed order.", nullptr},
    {"mT", view_attribute<op::mT>, nullptr, "The last two dims exchanged.", nullptr},
    {"H", view_attribute<op::matrix_H>, nullptr, "The matrix transposed.", nullptr},
    {"mH", view_attribute<op::mT>, nullptr, "The last two dims exchanged.", nullptr},
    {"layout", attribute<[](const Tensor&) {
       Object module = checked(PyImport_ImportModule("rushlight._C"));
       return PyObject_GetAttrString(module.get(), "strided");
     }>,
     nullptr, "How elements are stored: always strided.", nullptr},
    {"is_cuda", attribute<[](const Tensor&) { return Py_NewRef(Py_False); }>, nullptr, nullptr,
     nullptr},
    {"is_sparse", attribute<[](const Tensor&) { return Py_NewRef(Py_False); }>, nullptr, nullptr,
     nullptr},
    {"is_quantized", attribute<[](const Tensor&) { return Py_NewRef(Py_False); }>, nullptr, nullptr,
     nullptr},
    {"is_xpu", attribute<[](const Tensor&) { return Py_NewRef(Py_False); }>, nullptr, nullptr,
     nullptr},
    {"is_mps", attribute<[](const Tensor&) { return Py_NewRef(Py_False); }>, nullptr, nullptr,
     nullptr},
    {"is_meta", attribute<[](const Tensor& t) {
       return PyBool_FromLong(t.device().type == DeviceType::Meta);
     }>,
     nullptr, nullptr, nullptr},
    {"is_cpu",
     attribute<[](const Tensor& t) { return PyBool_FromLong(t.device().type == DeviceType::Cpu); }>,
     nullptr, nullptr, nullptr},
    {"real", attribute<[](const Tensor& t) { return wrap(t); }>, nullptr, nullptr, nullptr},
    {"name", attribute<[](const Tensor&) { return Py_NewRef(Py_None); }>, nullptr, nullptr,
     nullptr},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {}};

PyMemberDef members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(TensorObject, dict), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(TensorObject, weak_references), READONLY, nullptr},
    {}};

/// Setting an attribute may give the object a dict, and with it references for the collector to
/// see.
int set_attribute(PyObject* self, PyObject* name, PyObject* value) {
  int status = PyObject_GenericSetAttr(self, name, value);
  if (status == 0 && object_of(self)->dict && !PyObject_GC_IsTracked(self)) PyObject_GC_Track(self);
  return status;
}

PyType_Slot slots[] = {
    {Py_tp_new, (void*)tensor_new},
    {Py_tp_dealloc, (void*)tensor_dealloc},
    {Py_tp_traverse, (void*)tensor_traverse},
    {Py_tp_clear, (void*)tensor_clear},
    {Py_tp_repr, (void*)represent},
    {Py_tp_hash, (void*)identity_hash},
    {Py_tp_richcompare, (void*)compare},
    {Py_tp_iter, (void*)iterate},
    {Py_tp_setattro, (void*)set_attribute},
    {Py_tp_getset, attributes},
    {Py_tp_members, members},
    {Py_tp_methods, tensor_methods},
    {Py_nb_add, (void*)binary<op::add, nullptr, true>},
    {Py_nb_subtract, (void*)binary<op::sub, number_minus, true>},
    {Py_nb_multiply, (void*)binary<op::mul>},
    {Py_nb_true_divide, (void*)binary<op::div, number_over>},
    {Py_nb_floor_divide, (void*)named<kFloorDivide>},
    {Py_nb_remainder, (void*)named<kRemainder>},
    {Py_nb_power, (void*)power},
    {Py_nb_matrix_multiply, (void*)multiply_matrices},
    {Py_nb_inplace_matrix_multiply, (void*)multiply_matrices},
    {Py_nb_and, (void*)named<kBitAnd>},
    {Py_nb_or, (void*)named<kBitOr>},
    {Py_nb_xor, (void*)named<kBitXor>},
    {Py_nb_lshift, (void*)named<kShiftLeft>},
    {Py_nb_rshift, (void*)named<kShiftRight>},
    {Py_nb_inplace_add, (void*)in_place<op::add, true>},
    {Py_nb_inplace_subtract, (void*)in_place<op::sub, true>},
    {Py_nb_inplace_multiply, (void*)in_place<op::mul>},
    {Py_nb_inplace_true_divide, (void*)in_place<op::div>},
    {Py_nb_inplace_floor_divide, (void*)named<kFloorDivide_>},
    {Py_nb_inplace_remainder, (void*)named<kRemainder_>},
    {Py_nb_inplace_power, (void*)power_in_place},
    {Py_nb_inplace_and, (void*)named<kBitAnd_>},
    {Py_nb_inplace_or, (void*)named<kBitOr_>},
    {Py_nb_inplace_xor, (void*)named<kBitXor_>},
    {Py_nb_inplace_lshift, (void*)named<kShiftLeft_>},
    {Py_nb_inplace_rshift, (void*)named<kShiftRight_>},
    {Py_nb_negative, (void*)unary<op::neg>},
    {Py_nb_positive, (void*)unary<op::positive>},
    {Py_nb_absolute, (void*)unary<op::abs>},
    {Py_nb_invert, (void*)invert},
    {Py_nb_bool, (void*)truth},
    {Py_nb_float, (void*)to_python_float},
    {Py_nb_int, (void*)to_python_int},
    {Py_nb_index, (void*)to_python_index},
    {Py_mp_length, (void*)length},
    {Py_mp_subscript, (void*)get_item},
    {Py_mp_ass_subscript, (void*)set_item},
    {Py_sq_contains, (void*)contains},
    {Py_tp_doc, (void*)"An array of numbers of one type that remembers how it was computed."},
    {0, nullptr}};

PyType_Spec spec = {"rushlight.Tensor", sizeof(TensorObject), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};

PyType_Slot meta_slots[] = {{Py_tp_init, (void*)meta_init}, {0, nullptr}};
PyType_Spec meta_spec = {"rushlight._C._TensorMeta", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
                         meta_slots};

}  // namespace

PyObject* wrap(Tensor tensor) {
  TensorImpl* impl = tensor.impl();
  if (!impl) return Py_NewRef(Py_None);
  if (!impl->python) return new_object(tensor_type, std::move(tensor));
  auto* object = static_cast<TensorObject*>(impl->python);
  if (!impl->python_owned) return Py_NewRef(reinterpret_cast<PyObject*>(object));
  impl->python_owned = false;  // the reference that the TensorImpl held becomes the caller's
  tensor.ref().leak();         // and the object owns the tensor again
  return reinterpret_cast<PyObject*>(object);
}

PyObject* wrap_as(PyTypeObject* type, Tensor tensor) { return new_object(type, std::move(tensor)); }

void add_tensor(PyObject* module) {
  g_meta_type = add_class(module, meta_spec, (PyObject*)&PyType_Type);
  set_python_release(release_python);
  tensor_type = add_class(module, spec);
  tensor_type->tp_name = "Tensor";  // as Python's own messages name a class
  Py_SET_TYPE(reinterpret_cast<PyObject*>(tensor_type), g_meta_type);
  checked(PyModule_AddObjectRef(module, "TensorBase", (PyObject*)tensor_type));
}

}  // namespace rushlight::python
