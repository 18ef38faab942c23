// The level of forward mode, and which tensor carries which tangent. How operations hand tangents
// on is in ops/dual.cpp.

#include <rushlight/operators.h>

#include <mutex>

#include "autograd/dual.h"

namespace rushlight::autograd {

namespace {

std::mutex g_mutex;     // guards the list
Dual* g_all = nullptr;  // that are alive
thread_local bool t_enabled = true;

}  // namespace

std::atomic<bool> dual_level_open{false};

Dual::Dual() {
  std::lock_guard lock(g_mutex);
  next = g_all;
  if (next) next->previous = this;
  g_all = this;
}

Dual::~Dual() {
  std::lock_guard lock(g_mutex);
  (previous ? previous->next : g_all) = next;
  if (next) next->previous = previous;
}

namespace forward_ad {

namespace {

constexpr const char* kSameLevel = "has a forward gradient at the same level";

Dual* dual_of(const Tensor& tensor) {
  Metadata* meta = tensor.impl()->autograd;
  return meta ? meta->dual.get() : nullptr;
}

Dual& own_dual(const Tensor& tensor) {
  std::unique_ptr<Dual>& dual = metadata(tensor).dual;
  if (!dual) dual = std::make_unique<Dual>();
  return *dual;
}

/// Whether views of both are made alike: the same strides in storages of as many elements.
bool laid_out_alike(const Tensor& tensor, const Tensor& tangent) {
  const TensorImpl &a = *tensor.impl(), &b = *tangent.impl();
  if (a.elements == 0) return true;
  if (a.offset != b.offset) return false;
  for (size_t i = 0; i < a.shape.size(); ++i) {
    if (a.shape[i] != 1 && a.strides[i] != b.strides[i]) return false;
  }
  return a.storage->bytes() / size_of(a.dtype) == b.storage->bytes() / size_of(b.dtype);
}

Tensor zeros_laid_out_like(const Tensor& tensor, DType dtype) {
  const TensorImpl& impl = *tensor.impl();
  int64_t elements = int64_t(impl.storage->bytes()) / size_of(impl.dtype);
  Tensor flat = rushlight::zeros({elements}, dtype);
  return make_tensor(flat.impl()->storage, dtype, impl.shape, impl.strides, impl.offset);
}

Tensor laid_out_like(const Tensor& tensor, Tensor tangent) {
  if (laid_out_alike(tensor, tangent)) return tangent;
  Tensor copy = zeros_laid_out_like(tensor, tangent.dtype());
  copy.copy_(tangent);
  return copy;
}

/// The place of a view in the tangent of its base.
Tensor region(const Tensor& of_base, const Tensor& base, const Tensor& view) {
  return of_base.as_strided(
      view.shape(), view.strides(),
      of_base.storage_offset() + view.storage_offset() - base.storage_offset());
}

}  // namespace

Tensor base_of(const Tensor& tensor) {
  if (!tensor.impl()->is_view) return Tensor();
  const Dual* dual = dual_of(tensor);
  if (dual && dual->is_base) return Tensor();
  return dual && dual->base.defined() ? dual->base : tensor.impl()->autograd->view.base;
}

int64_t enter_dual_level() {
  check(!dual_level_open.exchange(true), "Nested forward mode AD is not supported at the moment");
  return 0;
}

void exit_dual_level(int64_t level) {
  check(level == 0 && dual_level_open.load(), "Dual level ", level, " is not open.");
  std::vector<Tensor> released;  // after the lock: they may carry tangents themselves
  {
    std::lock_guard lock(g_mutex);
    for (Dual* dual = g_all; dual; dual = dual->next) {
      released.push_back(std::move(dual->tangent));
      released.push_back(std::move(dual->base));
      dual->is_base = false;
    }
  }
  dual_level_open = false;
}

bool is_fwd_grad_enabled() { return t_enabled; }
void set_fwd_grad_enabled(bool enabled) { t_enabled = enabled; }

void check_tangent(const Tensor& tensor, const Tensor& tangent) {
  check(same(tensor.shape(), tangent.shape()),
        "Trying to set a forward gradient that has a different size than that of the original "
        "Tensor, this is not supported. Tensor is of size ",
        to_string(tensor.shape()), " while the given forward gradient is of size ",
        to_string(tangent.shape()), ".");
}

Tensor tangent_of(const Tensor& tensor) {
  const Dual* dual = dual_of(tensor);
  if (dual && dual->tangent.defined()) return dual->tangent;
  Tensor base = base_of(tensor);
  if (!base.defined()) return base;
  const Dual* of_base = dual_of(base);
  if (!of_base || !of_base->tangent.defined()) return Tensor();
  FwdGradMode off(false);
  return own_dual(tensor).tangent = region(of_base->tangent, base, tensor);
}

void attach_tangent(const Tensor& tensor, Tensor tangent) {
  FwdGradMode off(false);
  own_dual(tensor).tangent = laid_out_like(tensor, std::move(tangent));
}

void set_tangent(const Tensor& tensor, Tensor tangent) {
  FwdGradMode off(false);
  if (Tensor carried = tangent_of(tensor); carried.defined()) {
    if (!carried.is_same(tangent)) carried.copy_(tangent);
    return;
  }
  Tensor base = base_of(tensor);
  if (!base.defined()) return attach_tangent(tensor, std::move(tangent));
  Tensor of_base = zeros_laid_out_like(base, tangent.dtype());
  Tensor part = region(of_base, base, tensor);
  part.copy_(tangent);
  own_dual(base).tangent = std::move(of_base);
  own_dual(tensor).tangent = std::move(part);
}

void set_zero_tangent(const Tensor& tensor) {
  FwdGradMode off(false);
  if (Tensor carried = tangent_of(tensor); carried.defined())
    carried.zero_();  // a copy would refuse where elements share their bytes
  else
    set_tangent(tensor, zeros_like(tensor.detach()));
}

void share_tangent(const Tensor& from, const Tensor& to) {
  if (Tensor tangent = tangent_of(from); tangent.defined())
    own_dual(to).tangent = std::move(tangent);
}

void drop_tangent(const Tensor& tensor) {
  if (Dual* dual = dual_of(tensor)) dual->tangent = Tensor();
}

void cut_from_base(const Tensor& view) { own_dual(view).is_base = true; }

void note_view(const Tensor& view, const Tensor& base) {
  const Dual* dual = dual_of(base);
  if (!dual) return;
  if (dual->is_base)
    own_dual(view).base = base;
  else if (dual->base.defined())
    own_dual(view).base = dual->base;
}

Tensor make_dual(const Tensor& primal, const Tensor& tangent) {
  check(level_is_open(),
        "Trying to create a dual Tensor for forward AD but no level exists, make sure to "
        "enter_dual_level() first.");
  for (auto [name, tensor] : {std::pair("primal", &primal), std::pair("tangent", &tangent)}) {
    check(is_floating(tensor->dtype()), ErrorKind::Value, "Expected ", name,
          " to be floating point or complex, but got: torch.", info(tensor->dtype()).name);
  }
  check(!tangent_of(primal).defined(), "Making a dual Tensor based on a Tensor that already ",
        kSameLevel, " 0 is not supported.");
  check(!tangent_of(tangent).defined(), "Setting a forward grad that itself ", kSameLevel,
        "0 is not supported.");
  check_tangent(primal, tangent);
  FwdGradMode off(false);
  Tensor dual = _make_dual(primal);
  cut_from_base(dual);
  attach_tangent(dual, tangent);
  return dual;
}

DualTensor unpack_dual(const Tensor& tensor) {
  Tensor tangent = is_fwd_grad_enabled() ? tangent_of(tensor) : Tensor();
  FwdGradMode off(false);
  Tensor primal = _fw_primal(tensor);
  if (level_is_open()) cut_from_base(primal);
  return {primal, tangent};
}

}  // namespace forward_ad

}  // namespace rushlight::autograd
