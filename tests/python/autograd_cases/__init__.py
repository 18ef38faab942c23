"""Small programs, each run by test_autograd.py on Rushlight and on PyTorch: the same results, the same errors."""

from types import FunctionType

from autograd_cases import (
    changes,
    forward_mode,
    function_contexts,
    functional,
    functions,
    graphs,
    hooks,
    modes,
    saved_tensors,
)
from autograd_cases.common import notes, use

__all__ = ["CASES", "notes", "use"]

CASES = {
    name: case
    for part in (changes, forward_mode, function_contexts, functional, functions, graphs, hooks, modes, saved_tensors)
    for name, case in vars(part).items()
    if isinstance(case, FunctionType) and case.__module__ == part.__name__
}
