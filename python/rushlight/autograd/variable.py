"""Variable: the name tensors had when only some of them recorded."""

from rushlight._C import Tensor, _queue_callback


class _Engine:
    """What programs ask of PyTorch's engine."""

    @staticmethod
    def queue_callback(callback) -> None:
        """Calls `callback()` at the end of the backward pass that is running."""
        _queue_callback(callback)


class _VariableMeta(type):
    def __instancecheck__(cls, value):
        return isinstance(value, Tensor)


class Variable(metaclass=_VariableMeta):
    """Variable(data, requires_grad=False) is the tensor itself."""

    _execution_engine = _Engine()

    def __new__(cls, data, requires_grad=False, volatile=None):
        return data.detach().requires_grad_(requires_grad)
