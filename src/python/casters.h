#pragma once
// How nanobind passes tensors, dtypes and devices to C++ and back.

#include <nanobind/nanobind.h>

#include "python/python.h"

namespace nanobind::detail {

template <>
struct type_caster<rushlight::Tensor> {
  NB_TYPE_CASTER(rushlight::Tensor, const_name("rushlight.Tensor"))

  bool from_python(handle source, uint8_t, cleanup_list*) noexcept {
    if (source.is_none()) return value = rushlight::Tensor(), true;
    if (!rushlight::python::is_tensor(source.ptr())) return false;
    value = rushlight::python::tensor_of(source.ptr());
    return true;
  }
  static handle from_cpp(const rushlight::Tensor& tensor, rv_policy, cleanup_list*) noexcept {
    return rushlight::python::wrap(tensor);
  }
};

template <>
struct type_caster<rushlight::DType> {
  NB_TYPE_CASTER(rushlight::DType, const_name("rushlight.dtype"))

  bool from_python(handle source, uint8_t, cleanup_list*) noexcept {
    return rushlight::python::to_dtype(source.ptr(), value);
  }
  static handle from_cpp(rushlight::DType dtype, rv_policy, cleanup_list*) noexcept {
    return rushlight::python::wrap(dtype);
  }
};

}  // namespace nanobind::detail
