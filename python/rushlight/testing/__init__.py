"""Comparing tensors in tests."""

import rushlight
from rushlight import Tensor

# (relative, absolute) tolerances by dtype, as PyTorch has them.
_TOLERANCES = {"float16": (1e-3, 1e-5), "bfloat16": (1.6e-2, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7)}


def _tolerances(dtypes, rtol, atol):
    if (rtol is None) != (atol is None):
        raise ValueError(
            f"Both 'rtol' and 'atol' must be either specified or unspecified, but got no "
            f"{'rtol' if rtol is None else 'atol'}."
        )
    if rtol is not None:
        return rtol, atol
    pairs = [_TOLERANCES.get(repr(dtype)[6:], (0.0, 0.0)) for dtype in dtypes]
    return max(pair[0] for pair in pairs), max(pair[1] for pair in pairs)


def assert_close(
    actual,
    expected,
    *,
    allow_subclasses=True,
    rtol=None,
    atol=None,
    equal_nan=False,
    check_device=True,
    check_dtype=True,
    check_layout=True,
    check_stride=False,
    msg=None,
) -> None:
    """AssertionError unless `actual` and `expected` (tensors, numbers, or sequences and mappings of them) are close:
    |actual - expected| <= atol + rtol |expected|, with tolerances by dtype unless both are given."""

    def fault(text):
        raise AssertionError(msg(text) if callable(msg) else msg or text)

    if isinstance(expected, dict) and isinstance(actual, dict):
        if set(actual) != set(expected):
            fault(f"The keys of the mappings do not match:\nactual {sorted(actual)}\nexpected {sorted(expected)}")
        pairs = [(actual[key], expected[key]) for key in expected]
    elif isinstance(expected, (list, tuple)) and isinstance(actual, (list, tuple)):
        if len(actual) != len(expected):
            fault(f"The length of the sequences mismatch: {len(actual)} != {len(expected)}")
        pairs = list(zip(actual, expected, strict=True))
    else:
        _assert_pair(actual, expected, rtol, atol, equal_nan, check_dtype, check_stride, fault)
        return
    for one, other in pairs:
        assert_close(
            one,
            other,
            rtol=rtol,
            atol=atol,
            equal_nan=equal_nan,
            check_dtype=check_dtype,
            check_stride=check_stride,
            msg=msg,
        )


def _assert_pair(actual, expected, rtol, atol, equal_nan, check_dtype, check_stride, fault):
    if actual is None or expected is None:
        if actual is not expected:
            fault(f"None mismatch: {actual} is not {expected}")
        return
    are_tensors = isinstance(actual, Tensor), isinstance(expected, Tensor)
    if are_tensors[0] != are_tensors[1] and not all(hasattr(value, "__array__") for value in (actual, expected)):
        raise TypeError(f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}.")
    if not any(are_tensors):
        actual, expected = (
            rushlight.as_tensor(value, dtype=rushlight.float64)
            if isinstance(value, float)
            else rushlight.as_tensor(value)
            for value in (actual, expected)
        )
        check_dtype = False
    if actual.shape != expected.shape:
        fault(f"The values for attribute 'shape' do not match: {actual.shape} != {expected.shape}.")
    if check_dtype and actual.dtype != expected.dtype:
        fault(f"The values for attribute 'dtype' do not match: {actual.dtype} != {expected.dtype}.")
    if check_stride and actual.stride() != expected.stride():
        fault(f"The values for attribute 'stride()' do not match: {actual.stride()} != {expected.stride()}.")
    rtol, atol = _tolerances((actual.dtype, expected.dtype), rtol, atol)
    dtype = rushlight.promote_types(actual.dtype, expected.dtype)
    one, other = actual.detach().to(dtype), expected.detach().to(dtype)
    close = rushlight.isclose(one, other, rtol=rtol, atol=atol, equal_nan=equal_nan)
    if bool(close.all()):
        return
    kind = "Scalars" if actual.dim() == 0 else "Tensor-likes"
    if actual.dim() == 0:
        difference = abs(one.item() - other.item())
        fault(
            f"{kind} are not close!\n\nExpected {other.item()} but got {one.item()}.\n"
            f"Absolute difference: {difference} (up to {atol} allowed)\n"
            f"Relative difference: {difference / abs(other.item()) if other.item() else float('inf')} "
            f"(up to {rtol} allowed)"
        )
    wrong, total = int((~close).sum()), close.numel()
    distance = (one.double() - other.double()).abs()
    largest = int(distance.argmax())
    place = tuple(int(index) for index in rushlight.nonzero(~close)[0])
    relative = distance / other.double().abs()
    fault(
        f"{kind} are not {'equal' if rtol == atol == 0 else 'close'}!\n\n"
        f"Mismatched elements: {wrong} / {total} ({100 * wrong / total:.1f}%)\n"
        f"Greatest absolute difference: {float(distance.flatten()[largest])} (up to {atol} allowed)\n"
        f"Greatest relative difference: {float(relative.max())} (up to {rtol} allowed)\n"
        f"First difference at index {place}"
    )


def assert_allclose(actual, expected, rtol=None, atol=None, equal_nan=True, msg="") -> None:
    """assert_close() that does not compare dtypes."""
    if not isinstance(actual, Tensor):
        actual = rushlight.tensor(actual)
    if not isinstance(expected, Tensor):
        expected = rushlight.tensor(expected, dtype=actual.dtype)
    assert_close(actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False, msg=msg or None)
