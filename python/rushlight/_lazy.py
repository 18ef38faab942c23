"""Names of a module that are not there when it is imported: those found later, and those that Rushlight lacks."""

import importlib
import sys
from collections.abc import Callable, Mapping
from opcode import opmap
from typing import Any

_IMPORT_FROM = opmap["IMPORT_FROM"]


class AbsentError(AttributeError, NotImplementedError):
    """Rushlight does not have this name of PyTorch. To `hasattr` it is like any other name that is not there."""


def _refuse(module: str, name: str, message: str, depth: int, kind: type[AttributeError] = AttributeError) -> None:
    """Raises what a program that asks for a name expects: probing finds nothing, and using says what is missing.

    `depth`: how many calls away the program is.
    """
    caller = sys._getframe(depth)
    if caller.f_code.co_code[caller.f_lasti] == _IMPORT_FROM:  # which hides the words of an AttributeError
        raise ImportError(message, name=name, path=getattr(sys.modules[module], "__file__", None))
    raise kind(message)


def getter(
    module: str,
    later: Mapping[str, str] | None = None,
    absent: Mapping[str, str] | None = None,
    hint: str | Callable[[], str] = "Rushlight does not have it yet",
    home: str | None = None,
) -> Callable[..., Any]:
    """The `__getattr__` of a module.

    `later` tells in which submodule (of the package `home`, if given) a name stands, which is imported when the name is
    first asked for; a name that stands for itself is the submodule; dir() lists them from the start. `absent` says of
    names of PyTorch what to use instead, and `hint` what to say of any other.
    """
    names = vars(sys.modules[module])
    if later:
        names["__dir__"] = lambda: sorted({*names, *later})

    def __getattr__(name: str, depth: int = 1) -> Any:
        if later and name in later:
            found = importlib.import_module(f"{home or module}.{later[name]}")
            if name != later[name]:
                found = getattr(found, name)
                setattr(sys.modules[module], name, found)
            return found
        if absent and name in absent:
            _refuse(
                module, name, f"{module}.{name} is not available in Rushlight: {absent[name]}", depth + 1, AbsentError
            )
        message = f"module '{module}' has no attribute '{name}'"
        if name[:2] == "__":  # asked by Python itself
            raise AttributeError(message)
        more = hint() if callable(hint) else hint
        return _refuse(module, name, f"{message}: {more}" if more else message, depth + 1)

    return __getattr__
