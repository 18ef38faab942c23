"""Starting values for parameters: the functions of rushlight::nn::init, under PyTorch's names."""

import warnings

from rushlight._C import _init


def uniform_(tensor, a=0.0, b=1.0, generator=None):
    """Uniform numbers in [a, b)."""
    return _init.uniform_(tensor, a, b, generator)


def normal_(tensor, mean=0.0, std=1.0, generator=None):
    """Normal numbers."""
    return _init.normal_(tensor, mean, std, generator)


def trunc_normal_(tensor, mean=0.0, std=1.0, a=-2.0, b=2.0, generator=None):
    """Normal numbers, drawn again until they lie in [a, b]."""
    return _init.trunc_normal_(tensor, mean, std, a, b, generator)


def constant_(tensor, val):
    """The same number everywhere."""
    return _init.constant_(tensor, val)


def ones_(tensor):
    """Ones."""
    return _init.constant_(tensor, 1.0)


def zeros_(tensor):
    """Zeros."""
    return _init.constant_(tensor, 0.0)


def eye_(tensor):
    """The identity matrix."""
    return _init.eye_(tensor)


def dirac_(tensor, groups=1):
    """The identity of convolutions."""
    return _init.dirac_(tensor, groups)


def xavier_uniform_(tensor, gain=1.0, generator=None):
    """Glorot and Bengio, 2010: uniform with a variance of 2 / (fan_in + fan_out)."""
    return _init.xavier_uniform_(tensor, gain, generator)


def xavier_normal_(tensor, gain=1.0, generator=None):
    """Glorot and Bengio, 2010: normal with a variance of 2 / (fan_in + fan_out)."""
    return _init.xavier_normal_(tensor, gain, generator)


def kaiming_uniform_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """He et al., 2015: uniform with a variance of gain² / fan."""
    return _init.kaiming_uniform_(tensor, a, mode, nonlinearity, generator)


def kaiming_normal_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """He et al., 2015: normal with a variance of gain² / fan."""
    return _init.kaiming_normal_(tensor, a, mode, nonlinearity, generator)


def sparse_(tensor, sparsity, std=0.01, generator=None):
    """Normal numbers, of which the fraction `sparsity` in each column is zero."""
    return _init.sparse_(tensor, sparsity, std, generator)


def orthogonal_(tensor, gain=1, generator=None):
    raise NotImplementedError("nn.init.orthogonal_(): it needs the QR decomposition, which Rushlight does not have yet")


def calculate_gain(nonlinearity, param=None):
    """The factor by which a nonlinearity shrinks the standard deviation."""
    if param is not None and (isinstance(param, bool) or not isinstance(param, (int, float))):
        if nonlinearity == "leaky_relu":
            raise ValueError(f"negative_slope {param} not a valid number")
        param = None
    gain = _init.calculate_gain(nonlinearity, param)
    return 1 if gain == 1.0 else gain


def _calculate_fan_in_and_fan_out(tensor):
    return _init.fans(tensor)


def _calculate_correct_fan(tensor, mode):
    if mode.lower() not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return _init.fans(tensor)[mode.lower() == "fan_out"]


def _deprecated(function):
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
