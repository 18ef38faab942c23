"""Starting values for parameters: the functions of rushlight::nn::init, under PyTorch's names."""

import warnings
from typing import Any

from rushlight._C import Generator, Tensor, _init


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform numbers in [a, b)."""
    return _init.uniform_(tensor, a, b, generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal numbers."""
    return _init.normal_(tensor, mean, std, generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Normal numbers, drawn again until they lie in [a, b]."""
    return _init.trunc_normal_(tensor, mean, std, a, b, generator)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """The same number everywhere."""
    return _init.constant_(tensor, val)


def ones_(tensor: Tensor) -> Tensor:
    """Ones."""
    return _init.constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Zeros."""
    return _init.constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix."""
    return _init.eye_(tensor)


def dirac_(tensor: Tensor, groups=1) -> Tensor:
    """The identity of convolutions."""
    return _init.dirac_(tensor, groups)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Glorot and Bengio, 2010: uniform with a variance of 2 / (fan_in + fan_out)."""
    return _init.xavier_uniform_(tensor, gain, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Glorot and Bengio, 2010: normal with a variance of 2 / (fan_in + fan_out)."""
    return _init.xavier_normal_(tensor, gain, generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """He et al., 2015: uniform with a variance of gain² / fan."""
    return _init.kaiming_uniform_(tensor, a, mode, nonlinearity, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """He et al., 2015: normal with a variance of gain² / fan."""
    return _init.kaiming_normal_(tensor, a, mode, nonlinearity, generator)


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Normal numbers, of which the fraction `sparsity` in each column is zero."""
    return _init.sparse_(tensor, sparsity, std, generator)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    raise NotImplementedError("nn.init.orthogonal_(): it needs the QR decomposition, which Rushlight does not have yet")


def calculate_gain(nonlinearity: str, param=None) -> float:
    """The factor by which a nonlinearity shrinks the standard deviation."""
    if param is not None and (isinstance(param, bool) or not isinstance(param, (int, float))):
        if nonlinearity == "leaky_relu":
            raise ValueError(f"negative_slope {param} not a valid number")
        param = None
    gain = _init.calculate_gain(nonlinearity, param)
    return 1 if gain == 1.0 else gain


def _calculate_fan_in_and_fan_out(tensor) -> tuple[int, int]:
    return _init.fans(tensor)


def _calculate_correct_fan(tensor, mode) -> int:
    if mode.lower() not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return _init.fans(tensor)[mode.lower() == "fan_out"]


def _deprecated(function) -> Any:
    new, old = function.__name__, function.__name__[:-1]

    def call(*args, **kwargs):
        warnings.warn(f"`nn.init.{old}` is now deprecated in favor of `nn.init.{new}`.", FutureWarning, stacklevel=2)
        return function(*args, **kwargs)

    call.__name__ = call.__qualname__ = old
    return call


for _function in (
    uniform_,
    normal_,
    constant_,
    eye_,
    dirac_,
    xavier_uniform_,
    xavier_normal_,
    kaiming_uniform_,
    kaiming_normal_,
    orthogonal_,
    sparse_,
):
    globals()[_function.__name__[:-1]] = _deprecated(_function)
