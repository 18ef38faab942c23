"""Names of a module that are not there when it is imported: those found later, and those that Rushlight lacks."""

import importlib
import sys
from collections.abc import Callable, Mapping
from opcode import opmap
from typing import Any

_IMPORT_FROM = opmap["IMPORT_FROM"]


class AbsentError(AttributeError, NotImplementedError):
    """Rushlight does not have this name of PyTorch. To `hasattr` it is like any other name that is not there."""


def _refuse(module: str, name: str, message: str, kind: type[AttributeError] = AttributeError) -> None:
    """Raises what a program that asks for a name expects: probing finds nothing, and using says what is missing."""
    caller = sys._getframe(1)
    while caller.f_back and caller.f_code.co_name == "__getattr__":
        caller = caller.f_back
    if caller.f_code.co_code[caller.f_lasti] == _IMPORT_FROM:  # which hides the words of an AttributeError
        raise ImportError(message, name=name, path=getattr(sys.modules[module], "__file__", None))
    raise kind(message)


def getter(
    module: str,
    later: Mapping[str, str] | None = None,
    absent: Mapping[str, str] | None = None,
    hint: str | Callable[[], str] = "Rushlight does not have it yet",
) -> Callable[[str], Any]:
    """The `__getattr__` of a module.

    `later` tells in which submodule a name stands, which is imported when the name is first asked for; a name that
    stands for itself is the submodule. `absent` says of names of PyTorch what to use instead, and `hint` what to say
    of any other.
    """

    def __getattr__(name: str) -> Any:
        if later and name in later:
            found = importlib.import_module(f"{module}.{later[name]}")
            if name != later[name]:
                found = getattr(found, name)
                setattr(sys.modules[module], name, found)
            return found
        if absent and name in absent:
            _refuse(module, name, f"{module}.{name} is not available in Rushlight: {absent[name]}", AbsentError)
        message = f"module '{module}' has no attribute '{name}'"
        if name[:2] == "__":  # asked by Python itself
            raise AttributeError(message)
        more = hint() if callable(hint) else hint
        return _refuse(module, name, f"{message}: {more}" if more else message)

    return __getattr__
