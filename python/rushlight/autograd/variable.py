"""Variable: the name tensors had when only some of them recorded."""

from rushlight._C import Tensor


class _VariableMeta(type):
    def __instancecheck__(cls, value):
        return isinstance(value, Tensor)


class Variable(metaclass=_VariableMeta):
    """Variable(data, requires_grad=False) is the tensor itself."""

    def __new__(cls, data, requires_grad=False, volatile=None):
        return data.detach().requires_grad_(requires_grad)
