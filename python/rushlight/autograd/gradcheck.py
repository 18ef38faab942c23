"""gradcheck: derivatives by backward and by forward mode against finite differences."""

import sys
import types
import warnings
from typing import Any

from rushlight import _C
from rushlight._C import Tensor
from rushlight.autograd import forward_ad
from rushlight.autograd import grad as _grad_of
from rushlight.autograd.function import Function
from rushlight.autograd.grad_mode import enable_grad

__all__ = ["gradcheck", "gradgradcheck", "GradcheckError"]


class GradcheckError(RuntimeError):
    """Backward, or forward mode, and finite differences disagree."""


def _as_tuple(value):
    if isinstance(value, (tuple, list)):
        return tuple(value)
    return (value,)


def _differentiable(value) -> bool:
    return isinstance(value, Tensor) and value.requires_grad


def _checked_inputs(inputs):
    differentiated = [each for each in inputs if _differentiable(each)]
    if not differentiated:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )
    for i, each in enumerate(inputs):
        if not _differentiable(each):
            continue
        if each.dtype is not _C.float64:
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or complex. "
                "This check will likely fail if all the inputs are not of double precision floating point or complex. ",
                stacklevel=3,
            )
        if any(stride == 0 and size > 1 for stride, size in zip(each.stride(), each.shape, strict=False)):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping "
                "to be able to compute the numerical gradients correctly. You should call .contiguous on the input before "
                "passing it to gradcheck."
            )
    return differentiated


def _outputs_of(function, inputs):
    return tuple(each for each in _as_tuple(function(*inputs)) if _differentiable(each))


def _numerical(function, inputs, differentiated, outputs, eps):
    """Jacobians by central differences: numerical[input][output], of shape (input elements, output elements)."""
    empty = _C._torch_functions["zeros"]
    result = []
    for input in differentiated:
        columns = [empty((input.numel(), output.numel()), dtype=output.dtype) for output in outputs]
        # Through .data, so that the caller's tensor is perturbed whatever its strides are.
        data = input.data
        positions = [()] if data.dim() == 0 else _positions(tuple(data.shape))
        for row, position in enumerate(positions):
            before = data[position].item()
            values = []
            for moved in (before - eps, before + eps):
                data[position] = moved
                values.append(_values(function, inputs, outputs))
            data[position] = before
            for column, low, high in zip(columns, *values, strict=False):
                column[row] = ((high - low) / (2 * eps)).reshape(-1)
        result.append(columns)
    return result


def _positions(shape):
    import itertools

    return list(itertools.product(*(range(size) for size in shape)))


def _values(function, inputs, outputs):
    """What the function gives now in the place of the differentiable `outputs`."""
    made = _as_tuple(function(*inputs))
    values = [made[i].detach().clone() for i in outputs.positions]
    for value, output in zip(values, outputs, strict=True):
        for what in ("shape", "dtype"):
            first, second = getattr(output, what), getattr(value, what)
            if first != second:
                raise AssertionError(
                    f"Expected `func` to return outputs with the same {what} when inputs are perturbed, but got: "
                    f"{what}s {second} and {first}."
                )
    return values


class _Outputs(tuple):
    positions: tuple = ()


def _positioned(function, inputs):
    made = _as_tuple(function(*inputs))
    positions = tuple(i for i, each in enumerate(made) if _differentiable(each))
    outputs = _Outputs(made[i] for i in positions)
    outputs.positions = positions
    return made, outputs


def _analytical(output, differentiated, weight_of):
    """Jacobians of one output, by one backward pass an element."""
    zeros = _C._torch_functions["zeros"]
    jacobians = [zeros((input.numel(), output.numel()), dtype=input.dtype) for input in differentiated]
    for column in range(output.numel()):
        grads = _grad_of(output, differentiated, weight_of(output, column), retain_graph=True, allow_unused=True)
        for jacobian, grad, input in zip(jacobians, grads, differentiated, strict=False):
            if grad is None:
                continue
            if grad.shape != input.shape or grad.dtype != input.dtype:
                raise GradcheckError(
                    f"Analytical gradient has incorrect {'size' if grad.shape != input.shape else 'type'}"
                )
            jacobian[:, column] = grad.detach().reshape(-1)
    return jacobians


def _unit(output, column):
    weight = output.new_zeros((output.numel(),))
    weight[column] = 1
    return weight.reshape(output.shape)


_NOT_REENTRANT = (
    "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives different "
    "values, although analytical gradient matches numerical gradient.The tolerance for nondeterminism was {}."
)


def _mismatch(i, j, numerical, analytical, by="", along=""):
    return GradcheckError(
        f"Jacobian {by}mismatch for output {i} with respect to input {j},\n"
        f"{along}numerical:{numerical}\nanalytical:{analytical}\n"
    )


_ALONG = "along a random direction: "
_FORWARD = "computed with forward mode "


def _compare(numerical, outputs, differentiated, rtol, atol, nondet_tol):
    for i, output in enumerate(outputs):
        analytical = _analytical(output, differentiated, _unit)
        again = _analytical(output, differentiated, _unit)
        for exact, repeated in zip(analytical, again, strict=True):
            if exact.numel() and (exact - repeated).abs().max().item() > nondet_tol:
                raise GradcheckError(_NOT_REENTRANT.format(nondet_tol))
        for j, exact in enumerate(analytical):
            approximate = numerical[j][i].to(exact.dtype)
            if not exact.allclose(approximate, rtol, atol):
                raise _mismatch(i, j, numerical[j][i], exact)


def _pushed(function, inputs, outputs, tangents):
    """The tangents that forward mode gives to `outputs` for those of `inputs`; None is none."""
    with forward_ad.dual_level():
        made = _as_tuple(
            function(*(
                (each.detach() if _differentiable(each) else each)
                if tangent is None
                else forward_ad.make_dual(each.detach(), tangent)
                for each, tangent in zip(inputs, tangents, strict=True)
            ))
        )  # fmt: skip
        return [forward_ad.unpack_dual(made[i]).tangent for i in outputs.positions]


def _tangents(inputs, chosen, tangent):
    """For `chosen` of the inputs `tangent`, for the others that are differentiated zeros."""
    return [
        tangent if each is chosen else each.new_zeros(each.shape) if _differentiable(each) else None for each in inputs
    ]


def _compare_forward(function, inputs, differentiated, outputs, numerical, rtol, atol):
    for j, input in enumerate(differentiated):
        exact = [each.new_zeros((input.numel(), each.numel())) for each in outputs]
        for row in range(input.numel()):
            pushed = _pushed(function, inputs, outputs, _tangents(inputs, input, _unit(input, row)))
            for jacobian, tangent in zip(exact, pushed, strict=True):
                if tangent is not None:
                    jacobian[row] = tangent.detach().reshape(-1)
        for i, analytical in enumerate(exact):
            if not analytical.allclose(numerical[j][i].to(analytical.dtype), rtol, atol):
                raise _mismatch(i, j, numerical[j][i], analytical, _FORWARD)


def _check_no_tangent(function, inputs, differentiated, outputs):
    """An input without a tangent must count as one whose tangent is zeros."""
    given = [_random_like(each).to(each.dtype) if _differentiable(each) else None for each in inputs]
    for input in differentiated:
        zeros = input.new_zeros(input.shape)
        with_zeros, without = (
            _pushed(function, inputs, outputs, [other if each is input else tangent for each, tangent in zip(inputs, given, strict=True)])
            for other in (zeros, None)
        )  # fmt: skip
        for i, (first, second) in enumerate(zip(with_zeros, without, strict=True)):
            if first is not None and second is not None and not first.allclose(second):
                raise GradcheckError(
                    "Mismatch in tangent values for output with index: ",
                    i,
                    " when input: ",
                    input,
                    " has an undefined tangent value. ",
                    " Got: ",
                    first,
                    " but expected: ",
                    second,
                )


_MULTIPLIED = "backward not multiplied by grad_output"


def _check_multiplied(outputs, differentiated):
    """Backward of zeros must give zeros."""
    weights = [each.new_zeros(each.shape) for each in outputs]
    grads = _grad_of(outputs, differentiated, weights, retain_graph=True, allow_unused=True)
    if any(grad is not None and grad.numel() and grad.ne(0).any().item() for grad in grads):
        raise GradcheckError(_MULTIPLIED)


_directions = _C.Generator()  # of its own: a check in one direction leaves the program's random numbers alone


def _random_like(tensor):
    """A random direction of length 1."""
    direction = _C._torch_functions["rand"](tuple(tensor.shape), dtype=_C.float64, generator=_directions)
    length = direction.norm().item() if direction.numel() else 1.0
    return direction / length


def _moved(function, inputs, input, by, outputs):
    data, before = input.data, input.detach().clone()
    data.add_(by.to(data.dtype))
    values = _values(function, inputs, outputs)
    data.copy_(before)
    return values


def _products_by_backward(outputs, nondet_tol):
    """vᵀ·J·u of each output, by backward of v."""

    def products(input, along, weights):
        for output, weight in zip(outputs, weights, strict=True):
            exact, again = (
                _grad_of(output, input, weight.to(output.dtype), retain_graph=True, allow_unused=True)[0]
                for _ in range(2)
            )
            if exact is not None and exact.numel() and (exact - again).abs().max().item() > nondet_tol:
                raise GradcheckError(_NOT_REENTRANT.format(nondet_tol))
            yield 0.0 if exact is None else (exact.double() * along).sum().item()

    return products


def _products_forward(function, inputs, outputs):
    """The same, by forward mode along u."""

    def products(input, along, weights):
        pushed = _pushed(function, inputs, outputs, _tangents(inputs, input, along.to(input.dtype)))
        for tangent, weight in zip(pushed, weights, strict=True):
            yield 0.0 if tangent is None else (tangent.double() * weight).sum().item()

    return products


def _compare_fast(function, inputs, differentiated, outputs, products, compare, eps, rtol, atol, by=""):
    """Compares vᵀ·J·u, for random u and v, with a difference along u. Where they differ, `compare` blames an element."""
    weights = [_random_like(each) for each in outputs]
    for j, input in enumerate(differentiated):
        along = _random_like(input)
        high = _moved(function, inputs, input, along * eps, outputs)
        low = _moved(function, inputs, input, along * -eps, outputs)
        for i, (weight, analytical) in enumerate(zip(weights, products(input, along, weights), strict=True)):
            numerical = ((high[i] - low[i]).double() * weight).sum().item() / (2 * eps)
            bound = atol * weight.sum().item() * along.sum().item() + rtol * abs(numerical)
            if not abs(analytical - numerical) <= bound:
                compare(_numerical(function, inputs, differentiated, outputs, eps))
                raise _mismatch(i, j, numerical, analytical, by, _ALONG)


class UndefinedGrad(Function):
    """Passes a tensor on, but no gradient back."""

    @staticmethod
    def forward(ctx, tensor) -> Any:
        return tensor.clone()

    @staticmethod
    def backward(ctx, grad) -> Any:
        return None


def _check_undefined(function, inputs, differentiated):
    """Backward must take undefined gradients for zeros: of all results, and of each."""
    _, outputs = _positioned(function, inputs)
    for undefined in [set(range(len(outputs)))] + ([{i} for i in range(len(outputs))] if len(outputs) > 1 else []):
        roots = [UndefinedGrad.apply(each) if i in undefined else each for i, each in enumerate(outputs)]
        weights = [each.new_zeros(each.shape) for each in roots]
        try:
            grads = _grad_of(roots, differentiated, weights, retain_graph=True, allow_unused=True)
        except RuntimeError as error:
            warnings.warn(
                "Backwards compatibility: New undefined gradient support checking feature is enabled by default; "
                "check_undefined_grad=False turns it off",
                stacklevel=2,
            )
            raise GradcheckError(
                f"Expected backward function to handle undefined output grads, but it raised: {error}"
            ) from error
        if any(grad is not None and grad.numel() and grad.ne(0).any().item() for grad in grads):
            raise GradcheckError(
                "Expected all input grads to be undefined or zero when all output grads are undefined or zero."
            )


def _run(
    function, inputs, eps, atol, rtol, nondet_tol, check_undefined_grad, fast_mode, check_backward_ad, check_forward_ad
):
    inputs = _as_tuple(inputs)
    differentiated = _checked_inputs(inputs)
    with enable_grad():
        made, outputs = _positioned(function, inputs)
    for each in made:
        if not isinstance(each, Tensor):
            raise ValueError(f"gradcheck: the function must return Tensors, but one result is of type {type(each)}")
    if not outputs:
        _check_zero(function, inputs, differentiated, made, eps)
        return
    at = function, inputs, differentiated, outputs

    def compare_backward(numerical):
        _compare(numerical, outputs, differentiated, rtol, atol, nondet_tol)

    def compare_forward(numerical):
        _compare_forward(*at, numerical, rtol, atol)

    if fast_mode and check_backward_ad:
        products = _products_by_backward(outputs, nondet_tol)
        _compare_fast(*at, products, compare_backward, eps, rtol, atol)
    if fast_mode and check_forward_ad:
        products = _products_forward(function, inputs, outputs)
        _compare_fast(*at, products, compare_forward, eps, rtol, atol, _FORWARD)
    if not fast_mode:
        numerical = _numerical(*at, eps)
        if check_backward_ad:
            compare_backward(numerical)
        if check_forward_ad:
            compare_forward(numerical)
    if check_forward_ad and check_undefined_grad:
        _check_no_tangent(*at)
    if check_backward_ad:
        _check_multiplied(outputs, differentiated)
        if check_undefined_grad:
            _check_undefined(function, inputs, differentiated)


def _check_zero(function, inputs, differentiated, made, eps):
    floating = _Outputs(each for each in made if each.is_floating_point())
    floating.positions = tuple(i for i, each in enumerate(made) if each.is_floating_point())
    for columns in _numerical(function, inputs, differentiated, floating, eps):
        for column in columns:
            if column.numel() and column.abs().max().item() > 1e-3:
                raise GradcheckError("Numerical gradient for function expected to be zero")


def _refuse(**options):
    for name, value in options.items():
        if value:
            raise NotImplementedError(f"gradcheck: {name}=True is not available: it needs vmap")


def gradcheck(
    func,
    inputs,
    *,
    eps=1e-6,
    atol=1e-5,
    rtol=1e-3,
    raise_exception=True,
    nondet_tol=0.0,
    check_undefined_grad=True,
    check_grad_dtypes=False,
    check_batched_grad=False,
    check_batched_forward_grad=False,
    check_forward_ad=False,
    check_backward_ad=True,
    fast_mode=False,
    masked=None,
    is_forward_ad=False,
) -> bool:
    """Whether backward of `func` at `inputs` (`check_backward_ad`), and forward mode (`check_forward_ad`), agree with
    central differences, elementwise within `atol` and `rtol`.

    Raises GradcheckError where it does not, unless `raise_exception` is False. Use float64 inputs. `fast_mode` compares
    along one random direction instead of all. Gradients must have their input's dtype with or without
    `check_grad_dtypes`; `masked` is about sparse tensors, which there are none of.
    """
    if check_batched_forward_grad and not check_forward_ad:
        raise AssertionError("Setting check_batched_forward_grad=True requires check_forward_ad to be True")
    _refuse(
        check_batched_grad=check_batched_grad,
        check_batched_forward_grad=check_batched_forward_grad,
    )
    if not check_forward_ad and not check_backward_ad:
        raise AssertionError("Expected at least one of check_forward_ad or check_backward_ad to be True")
    try:
        _run(
            func, inputs, eps, atol, rtol, nondet_tol, check_undefined_grad, fast_mode, check_backward_ad,
            check_forward_ad,
        )  # fmt: skip
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _random_weight(result, contiguous):
    """Numbers from -1 to 1, as PyTorch draws them."""
    shape = list(result.shape)
    if contiguous or not shape:
        return result.new_empty(shape).uniform_(-1, 1)
    shape[-1] *= 2
    return result.new_empty(shape).uniform_(-1, 1)[..., 1::2]


def gradgradcheck(
    func,
    inputs,
    grad_outputs=None,
    *,
    eps=1e-6,
    atol=1e-5,
    rtol=1e-3,
    gen_non_contig_grad_outputs=False,
    raise_exception=True,
    nondet_tol=0.0,
    check_undefined_grad=True,
    check_grad_dtypes=False,
    check_batched_grad=False,
    check_fwd_over_rev=False,
    check_rev_over_rev=True,
    fast_mode=False,
    masked=False,
) -> bool:
    """gradcheck of the gradients of `func`: second derivatives, by the inputs and by `grad_outputs` (random if None).

    By backward again (`check_rev_over_rev`), by forward mode over backward (`check_fwd_over_rev`), or both.
    """
    if not check_fwd_over_rev and not check_rev_over_rev:
        raise AssertionError("Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True")
    for name, value in (("check_undefined_grad", check_undefined_grad), ("check_batched_grad", check_batched_grad)):
        if value and not check_rev_over_rev:
            raise AssertionError(f"Setting {name}=True requires check_rev_over_rev to be True")
    _refuse(check_batched_grad=check_batched_grad)
    inputs = _as_tuple(inputs)
    if grad_outputs is None:
        outputs = _outputs_of(func, inputs)
        grad_outputs = tuple(_random_weight(each, not gen_non_contig_grad_outputs).requires_grad_() for each in outputs)
    else:
        grad_outputs = _as_tuple(grad_outputs)
    count = len(grad_outputs)
    required = [_differentiable(each) for each in inputs + grad_outputs]

    def gradients(*arguments):
        with enable_grad():
            # Forward mode gives what does not require grad.
            ready = [
                each.requires_grad_().view_as(each) if wanted else each
                for each, wanted in zip(arguments, required, strict=True)
            ]
            given, weights = ready[:-count], ready[-count:]
            outputs = _outputs_of(func, given)
            differentiated = tuple(each for each in given if _differentiable(each))
            grads = _grad_of(outputs, differentiated, weights, create_graph=True, allow_unused=True)
        return tuple(each for each in grads if each is not None)

    return gradcheck(
        gradients,
        inputs + grad_outputs,
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
        fast_mode=fast_mode,
    )


def _warn_of_private(name, grad_out) -> None:
    warnings.warn(
        f"`{name}` was part of PyTorch's private API and not meant to be exposed. We are deprecating it and it will be "
        "removed in a future version of PyTorch; use gradcheck or autograd.functional.jacobian.",
        FutureWarning,
        stacklevel=3,
    )
    if grad_out != 1.0:
        raise ValueError(f"Expected grad_out to be 1.0. {name} no longer supports values of grad_out != 1.0.")


def get_numerical_jacobian(fn, inputs, target=None, eps=1e-3, grad_out=1.0) -> tuple[Tensor, ...]:
    """The Jacobians of the first result of `fn(inputs)` by each of `target` (the inputs), by central differences."""
    _warn_of_private("get_numerical_jacobian", grad_out)

    def first(*inputs):
        return _as_tuple(fn(inputs))[0]

    targets = [each for each in _as_tuple(inputs if target is None else target) if _differentiable(each)]
    _, outputs = _positioned(first, inputs)
    return tuple(columns[0] for columns in _numerical(first, inputs, targets, outputs, eps))


def get_analytical_jacobian(
    inputs, output, nondet_tol=0.0, grad_out=1.0
) -> tuple[tuple[Tensor, ...], bool, bool, bool]:
    """The Jacobians of `output` by backward, whether a second pass gives the same, and whether sizes and dtypes of
    gradients fit, which the engine sees to."""
    _warn_of_private("get_analytical_jacobian", grad_out)
    differentiated = [each for each in _as_tuple(inputs) if _differentiable(each)]
    first, second = (_analytical(output, differentiated, _unit) for _ in range(2))
    differences = [(a - b).abs().max().item() for a, b in zip(first, second, strict=True) if a.numel()]
    return tuple(first), all(each <= nondet_tol for each in differences), True, True


class _CallableModule(types.ModuleType):
    """An import of this module puts it in the place of the function of the same name: let it do the same."""

    def __call__(self, *args, **kwargs):
        return gradcheck(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableModule
