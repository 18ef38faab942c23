"""Switches of how Module converts its parameters."""

_overwrite = False


def set_overwrite_module_params_on_conversion(value: bool) -> None:
    """Whether Module.to() and its like put new parameters in the place of the old ones, rather than change those."""
    global _overwrite
    _overwrite = value


def get_overwrite_module_params_on_conversion() -> bool:
    """What set_overwrite_module_params_on_conversion() was told; False at first."""
    return _overwrite


def set_swap_module_params_on_conversion(value: bool) -> None:
    """Accepts False: tensors do not exchange what they hold."""
    if value:
        raise NotImplementedError(
            "set_swap_module_params_on_conversion(True): tensors cannot be swapped; "
            "set_overwrite_module_params_on_conversion(True) gives a module new parameters"
        )


def get_swap_module_params_on_conversion() -> bool:
    """Never."""
    return False
