"""Anomaly mode: which operation of the forward pass is to blame when backward fails or computes nan."""

import sys
import warnings

from rushlight._C import is_anomaly_check_nan_enabled, is_anomaly_enabled, set_anomaly_enabled

__all__ = ["detect_anomaly", "set_detect_anomaly"]


class set_detect_anomaly:
    """Turns anomaly mode on or off: at once, and until the end of a `with` block."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.before = is_anomaly_enabled(), is_anomaly_check_nan_enabled()
        set_anomaly_enabled(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception) -> None:
        set_anomaly_enabled(*self.before)


class detect_anomaly(set_detect_anomaly):
    """In a `with` block: a failing backward shows the call that recorded the operation; nan is an error."""

    def __init__(self, check_nan: bool = True) -> None:
        self.before = is_anomaly_enabled(), is_anomaly_check_nan_enabled()
        self.check_nan = check_nan
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be "
            "enabled for debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        self.before = is_anomaly_enabled(), is_anomaly_check_nan_enabled()
        set_anomaly_enabled(True, self.check_nan)


def _forward_call() -> list[str]:
    """The lines of a traceback of the program as it stands now; the extension keeps them with each new node."""
    import traceback

    stack = traceback.extract_stack()[:-1]
    runner = sys.modules.get("rushlight._runner")
    return traceback.format_list(runner.own_stack(stack) if runner else stack)
