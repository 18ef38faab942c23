"""Mixed precision, switched off: scripts that carry it run in full precision, and what asks for half is refused."""

import functools
import warnings
from collections.abc import Callable
from typing import Any

from rushlight import _C

__all__ = ["autocast", "custom_fwd", "custom_bwd", "GradScaler", "is_autocast_available"]

_ACCELERATORS = ("cuda", "mps", "xpu", "hpu", "xla", "ipu", "mtia", "maia", "privateuseone")


def is_autocast_available(device_type: str) -> bool:
    """Whether autocast() may be written for a device: it does nothing for any. RuntimeError for one that PyTorch does
    not know."""
    return device_type in _ACCELERATORS or _C.device(device_type).type == "cpu"


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Never."""
    return False


def get_autocast_dtype(device_type: str) -> _C.dtype:
    """The dtype that autocast would compute in."""
    return _C.float16 if device_type in _ACCELERATORS or _C.device(device_type).type != "cpu" else _C.bfloat16


def _refuse(what: str):
    raise NotImplementedError(
        f"{what}: mixed precision is not supported; pass enabled=False, and convert tensors with .to() where half "
        "precision is wanted"
    )


class autocast:
    """A context manager and decorator that changes nothing: NotImplementedError on entering it if `enabled` with a
    half dtype on the CPU. PyTorch's warnings tell what else switches it off."""

    def __init__(
        self,
        device_type: str,
        dtype: _C.dtype | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        self.device = device_type
        self.fast_dtype = get_autocast_dtype(device_type) if dtype is None else dtype
        self._cache_enabled = True if cache_enabled is None else cache_enabled
        if enabled and device_type != "cpu":
            warnings.warn(
                f"{device_type.upper()} is not available or torch_xla is imported. Disabling autocast.", stacklevel=2
            )
            enabled = False
        elif enabled and self.fast_dtype not in (_C.bfloat16, _C.float16):
            warnings.warn(
                "In CPU autocast, but the target dtype is not supported. Disabling autocast.\n"
                "CPU Autocast only supports dtypes of torch.bfloat16, torch.float16 currently.",
                stacklevel=2,
            )
            enabled = False
        self._enabled = enabled

    def __enter__(self) -> "autocast":
        if self._enabled:
            _refuse(f"autocast('{self.device}', dtype={self.fast_dtype})")
        return self

    def __exit__(self, *exception: Any) -> None:
        pass

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return decorated


def custom_fwd(
    fwd: Callable[..., Any] | None = None, *, device_type: str, cast_inputs: _C.dtype | None = None
) -> Callable[..., Any]:
    """Decorates the forward of an autograd Function: as it is, since autocast is never on."""
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    return fwd if fwd is not None else lambda function: function


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str) -> Callable[..., Any]:
    """Decorates the backward of an autograd Function: as it is, since autocast is never on."""
    return custom_fwd(bwd, device_type=device_type)


class GradScaler:
    """PyTorch's scaler of losses, disabled: losses pass as they are, and step() steps. It says so when it is asked to
    scale for an accelerator, and raises NotImplementedError for the CPU."""

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device = device
        self._enabled = False
        if not enabled:
            return
        if growth_factor <= 1.0:
            raise AssertionError("The growth factor must be > 1.0.")
        if backoff_factor >= 1.0:
            raise AssertionError("The backoff factor must be < 1.0.")
        if device == "cpu":
            _refuse("GradScaler('cpu')")
        warnings.warn(
            f"torch.{device}.amp.GradScaler is enabled, but {device.upper()} is not available.  Disabling.",
            stacklevel=2,
        )

    def scale(self, outputs: Any) -> Any:
        """The outputs as they are."""
        return outputs

    def unscale_(self, optimizer: Any) -> None:
        """Leaves the gradients as they are."""

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """What the optimizer's step() returns."""
        return optimizer.step(*args, **kwargs)

    def update(self, new_scale: Any = None) -> None:
        """There is no scale to update."""

    def is_enabled(self) -> bool:
        """Never."""
        return False

    def get_scale(self) -> float:
        """One."""
        return 1.0

    def state_dict(self) -> dict[str, Any]:
        """Empty."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """There is no state to load."""
