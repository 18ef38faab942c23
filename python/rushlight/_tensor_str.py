"""How tensors are shown."""

import contextlib
from typing import Any

from rushlight import _C


def set_printoptions(
    precision=None, threshold=None, edgeitems=None, linewidth=None, profile=None, sci_mode=None
) -> None:
    """Changes how tensors are shown.

    precision: digits after the point (4). threshold: tensors of more elements are summarised (1000). edgeitems: how
    many elements a summary shows at each end of a dim (3). linewidth: characters in a line (80). profile: "default",
    "short" or "full", which the other arguments then change. sci_mode: scientific notation always (True), never
    (False) or as the values demand (None, also if left out).
    """
    _C._set_printoptions(precision, threshold, edgeitems, linewidth, profile, sci_mode)


def get_printoptions() -> dict[str, Any]:
    """The options now, as keyword arguments of set_printoptions."""
    names = ("precision", "threshold", "edgeitems", "linewidth", "sci_mode")
    return dict(zip(names, _C._get_printoptions(), strict=True))


@contextlib.contextmanager
def printoptions(**kwargs) -> Any:
    """set_printoptions for the length of a `with` block."""
    before = get_printoptions()
    set_printoptions(**kwargs)
    try:
        yield
    finally:
        set_printoptions(**before)
