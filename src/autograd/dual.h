#pragma once
// What forward mode keeps with a tensor while a level is open.

#include <rushlight/forward_ad.h>

namespace rushlight::autograd {

/// Of a tensor that carries a tangent, or that forward mode takes for a base though it is a view.
/// All that live are listed, for the end of the level.
struct Dual {
  Dual();
  ~Dual();
  Dual(const Dual&) = delete;

  Tensor tangent;
  bool is_base = false;  // what its own base carries is not its concern
  Tensor base;           // of a view of such a tensor
  Dual *previous = nullptr, *next = nullptr;
};

namespace forward_ad {

/// Throws unless the shapes are the same.
void check_tangent(const Tensor& tensor, const Tensor& tangent);
/// The tangent that `tensor` carries; undefined if there is none. That of a view whose base became
/// dual after the view was made is made now.
Tensor tangent_of(const Tensor& tensor);
/// Lets `tensor` carry `tangent`, in the layout of `tensor`. If that is a view, so does its base:
/// zeros elsewhere. What it carries already is overwritten.
void set_tangent(const Tensor& tensor, Tensor tangent);
/// The same of zeros.
void set_zero_tangent(const Tensor& tensor);
/// The same for a tensor nobody has seen yet: `tangent` is laid out as it has to be.
void attach_tangent(const Tensor& tensor, Tensor tangent);
/// `to`, of the same bytes, carries what `from` does.
void share_tangent(const Tensor& from, const Tensor& to);
void drop_tangent(const Tensor& tensor);
/// Whose tangent holds that of `tensor`; undefined if that is its own affair.
Tensor base_of(const Tensor& tensor);
/// Makes a view the base of its own views, as far as tangents go.
void cut_from_base(const Tensor& view);
/// `view` has been made of `base`.
void note_view(const Tensor& view, const Tensor& base);

/// Whether operations hand tangents on now.
inline bool hands_on() { return level_is_open() && is_fwd_grad_enabled() && !inference_enabled(); }

}  // namespace forward_ad

}  // namespace rushlight::autograd
