"""What every Python test may use.

The fixture `torch` is PyTorch itself, the oracle. A test that asks for it is left out where PyTorch is not installed,
and the summary says so once, not once a test.
"""

import importlib.util

import pytest

ORACLE = "2.13"
LEFT_OUT = "PyTorch 2.13, the oracle, is not installed"


def oracle_is_installed() -> bool:
    if importlib.util.find_spec("torch") is None:
        return False
    from importlib.metadata import version

    return version("torch").startswith(ORACLE)


def pytest_collection_modifyitems(config, items):
    for item in items:
        if "torch" in getattr(item, "fixturenames", ()):
            item.add_marker("oracle")
    if not oracle_is_installed():
        chosen = [item for item in items if item.get_closest_marker("oracle")]
        config.left_out = len(chosen)
        for item in chosen:
            item.add_marker(pytest.mark.skip(reason=LEFT_OUT))


def pytest_terminal_summary(terminalreporter, config):
    count = getattr(config, "left_out", 0)
    if count:
        terminalreporter.write_line(f"{count} tests ask PyTorch and were left out: {LEFT_OUT} (./dev test --oracle).")


@pytest.fixture(scope="session")
def torch():
    """PyTorch, to be asked what is right."""
    import torch

    return torch
