"""The operations of neural networks as functions: those of the op table that PyTorch keeps here."""

from rushlight import _C
from rushlight._C import Tensor

globals().update({name: function for name, function in _C._nn_functions.items() if name[0] != "_"})

__all__ = sorted(name for name in _C._nn_functions if name[0] != "_")


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A sample of the Gumbel-Softmax distribution (Jang et al., 2017); one-hot if `hard`, with the soft gradient."""
    import rushlight as torch

    if eps != 1e-10:
        import warnings

        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    noise = -torch.empty_like(logits).exponential_().log()
    soft = ((logits + noise) / tau).softmax(dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    return torch.zeros_like(logits).scatter_(dim, index, 1.0) - soft.detach() + soft


def __getattr__(name):
    raise AttributeError(
        f"module 'rushlight.nn.functional' has no attribute '{name}'"
        + ("" if name.startswith("__") else ": Rushlight does not have it yet")
    )
