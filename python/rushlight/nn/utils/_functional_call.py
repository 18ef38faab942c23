"""A module called with other tensors in the places of its own."""

from contextlib import contextmanager

from rushlight._C import Tensor

__all__ = ["functional_call"]


def functional_call(module, parameter_and_buffer_dicts, args=None, kwargs=None, *, tie_weights=True, strict=False):
    """Calls `module` with the tensors of a dict, or of several, in place of the parameters and buffers of their paths.

    With `tie_weights`, a tensor stands for a parameter under all its names. With `strict`, there must be one for each
    parameter and buffer.
    """
    given = _joined(parameter_and_buffer_dicts)
    for value in given.values():
        if value is not None and not isinstance(value, Tensor):
            raise TypeError(f"{value} is not an instance of torch.Tensor")
    own = dict(module.named_parameters(remove_duplicate=False))
    own.update(module.named_buffers(remove_duplicate=False))
    if strict:
        _check_strictly(module, given, own, tie_weights)
    if tie_weights:
        given = _with_tied(given, own)
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _in_place_of(module, given):
        return module(*args, **(kwargs or {}))


def _joined(dicts):
    if isinstance(dicts, dict):
        return dict(dicts)
    if not isinstance(dicts, (list, tuple)) or not all(isinstance(each, dict) for each in dicts):
        raise ValueError(
            f"Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got {type(dicts)}"
        )
    names = [name for each in dicts for name in each]
    repeated = [name for i, name in enumerate(names) if name in names[:i]]
    if repeated:
        raise ValueError(f"{repeated} appeared in multiple dictionaries; behavior of functional call is ambiguous")
    return {name: value for each in dicts for name, value in each.items()}


def _check_strictly(module, given, own, tie_weights):
    held = {id(own[name]) for name in given if name in own} if tie_weights else set()
    missing = sorted(name for name in own if name not in given and id(own[name]) not in held)
    unexpected = sorted(set(given) - set(own))
    faults = []
    if unexpected:
        faults.append("Unexpected key(s): {}.".format(", ".join(map(repr, unexpected))))
    if missing:
        faults.append("Missing key(s): {}.".format(", ".join(map(repr, missing))))
    if faults:
        raise RuntimeError("Error(s) in reparametrizing for {}:\n\t{}".format(module._get_name(), "\n\t".join(faults)))


def _with_tied(given, own):
    names: dict = {}
    for name, tensor in own.items():
        names.setdefault(id(tensor), []).append(name)
    result = dict(given)
    for tied in names.values():
        present = [name for name in tied if name in given]
        if len({id(given[name]) for name in present}) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(present)}, which are tied. "
                "Consider using tie_weights=False"
            )
        for name in tied if present else ():
            result[name] = given[present[0]]
    return result


@contextmanager
def _in_place_of(module, tensors):
    before = []
    try:
        for path, tensor in tensors.items():
            parent, _, name = path.rpartition(".")
            owner = module.get_submodule(parent)
            for table in ("_parameters", "_buffers"):
                if name in getattr(owner, table):
                    before.append((owner, table, name, owner._exchange(table, name, tensor)))
        yield
    finally:
        for owner, table, name, tensor in reversed(before):
            owner._exchange(table, name, tensor)
