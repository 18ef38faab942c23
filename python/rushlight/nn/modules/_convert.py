"""What Module does to convert its parameters and buffers."""

from typing import TYPE_CHECKING

from rushlight import _C, __future__
from rushlight._C import ModuleBase, Tensor

if TYPE_CHECKING:
    from typing_extensions import Self


class Convertible(ModuleBase):
    def _apply(self, fn, recurse=True) -> "Self":
        from rushlight import no_grad

        if recurse:
            for module in self.children():
                module._apply(fn)
        for name, parameter in self._parameters.items():
            if parameter is None:
                continue
            with no_grad():
                value = fn(parameter)
                if __future__.get_overwrite_module_params_on_conversion() or value.device != parameter.device:
                    self._parameters[name] = _converted(parameter, value, fn)
                    continue
                _replace(parameter, value)
                if parameter.grad is not None:
                    _replace(parameter.grad, fn(parameter.grad))
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args, **kwargs) -> "Self":
        """Converts parameters and buffers: to(dtype), to(device), to(device, dtype), to(tensor)."""
        device, dtype, non_blocking, memory_format = _parse_to(*args, **kwargs)
        if dtype is not None and not dtype.is_floating_point:
            raise TypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
            )

        def convert(tensor):
            if tensor.is_meta and device is not None and device.type != "meta":
                raise NotImplementedError(
                    "Cannot copy out of meta tensor; no data! Please use torch.nn.Module.to_empty() instead of "
                    "torch.nn.Module.to() when moving module from meta to a different device."
                )
            wanted = dtype if tensor.is_floating_point() else None
            if memory_format is not None and tensor.dim() in (4, 5):
                return tensor.to(device, wanted, non_blocking, memory_format=memory_format)
            return tensor.to(device, wanted, non_blocking)

        return self._apply(convert)

    def type(self, dst_type) -> "Self":
        """Converts all parameters and buffers."""
        return self._apply(lambda tensor: tensor.type(dst_type))

    def float(self) -> "Self":
        """Converts floating-point parameters and buffers to float32."""
        return self._apply(lambda tensor: tensor.float() if tensor.is_floating_point() else tensor)

    def double(self) -> "Self":
        """Converts floating-point parameters and buffers to float64."""
        return self._apply(lambda tensor: tensor.double() if tensor.is_floating_point() else tensor)

    def half(self) -> "Self":
        """Converts floating-point parameters and buffers to float16."""
        return self._apply(lambda tensor: tensor.half() if tensor.is_floating_point() else tensor)

    def bfloat16(self) -> "Self":
        """Converts floating-point parameters and buffers to bfloat16."""
        return self._apply(lambda tensor: tensor.bfloat16() if tensor.is_floating_point() else tensor)

    def cpu(self) -> "Self":
        """Moves parameters and buffers to the CPU, where they are."""
        return self._apply(lambda tensor: tensor.cpu())

    def cuda(self, device=None) -> "Self":
        """Raises: there is no CUDA."""
        return self._apply(lambda tensor: tensor.cuda(device))

    def to_empty(self, *, device, recurse=True) -> "Self":
        """Replaces parameters and buffers by uninitialised ones on `device`."""
        from rushlight import empty_like

        return self._apply(lambda tensor: empty_like(tensor, device=device), recurse=recurse)

    def share_memory(self) -> "Self":
        """Raises: tensors are not shared between processes."""
        raise NotImplementedError("Module.share_memory(): Rushlight does not share tensors between processes yet")


def _converted(parameter, value, fn):
    """Another parameter, and its gradient."""
    from rushlight.nn import Parameter

    result = Parameter(value, parameter.requires_grad)
    if parameter.grad is not None:
        result.grad = fn(parameter.grad).requires_grad_(parameter.grad.requires_grad)
    return result


def _replace(tensor, converted):
    if converted is not tensor:
        tensor.data = converted


def _parse_to(
    *args, device=None, dtype=None, non_blocking=False, tensor=None, copy=False, memory_format=None, **unknown
):
    """(device, dtype, non_blocking, memory_format) of the arguments that Tensor.to takes."""
    rest = list(args)
    typed = tensor is not None or dtype is not None
    if copy:
        raise RuntimeError(".to() does not accept copy argument")
    if rest and isinstance(rest[0], Tensor):
        tensor, typed = rest.pop(0), True
    elif rest and isinstance(rest[0], _C.dtype):
        dtype, typed = rest.pop(0), True
    elif rest and (rest[0] is None or isinstance(rest[0], (str, int, _C.device))):
        device = rest.pop(0)
        if rest and (rest[0] is None or isinstance(rest[0], _C.dtype)):
            dtype, typed = rest.pop(0), True
    if typed and rest and isinstance(rest[0], bool):
        non_blocking = rest.pop(0)
    if rest or unknown:
        options = "bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = None"
        raise TypeError(
            "to() received an invalid combination of arguments - got ("
            + ", ".join([type(argument).__name__ for argument in args])
            + "".join(f"{name}={type(argument).__name__}, " for name, argument in unknown.items())
            + f"), but expected one of:\n * (torch.device device = None, torch.dtype dtype = None, {options})\n"
            f" * (torch.dtype dtype, {options})\n * (Tensor tensor, {options})\n"
        )
    if tensor is not None:
        device, dtype = tensor.device, tensor.dtype
    return (None if device is None else _C.device(device)), dtype, non_blocking, memory_format
