"""What every Python test may use.

The fixture `torch` is PyTorch itself, the oracle. A test that asks for it is left out where PyTorch is not installed,
and the summary says so once, not once a test.
"""

import importlib.util
import subprocess
from pathlib import Path

import pytest

ORACLE = "2.13"
LEFT_OUT = "PyTorch 2.13, the oracle, is not installed"


def oracle_is_installed() -> bool:
    if importlib.util.find_spec("torch") is None:
        return False
    from importlib.metadata import version

    return version("torch").startswith(ORACLE)


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="let tests over random programs run thousands of them")


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

    torch.tensor(0)  # its first call imports, which fails inside of an eval() without builtins
    return torch


@pytest.fixture(scope="session")
def build_folder():
    """The CMake build folder that the extension under test came from."""
    import rushlight

    folder = Path(rushlight.__file__).parents[2]
    if not (folder / "CMakeCache.txt").exists():
        pytest.skip("rushlight was not imported from a build folder")
    return folder


@pytest.fixture(scope="session")
def installed(build_folder, tmp_path_factory):
    """Where cmake --install put the C++ package, to be found by find_package(rushlight)."""
    prefix = tmp_path_factory.mktemp("prefix")
    run_command("cmake", "--install", build_folder, "--prefix", prefix)
    return prefix


@pytest.fixture(scope="session")
def build_against(installed):
    """build_against(source, build): configures and builds a CMake project that uses the installed package."""

    def build(source, folder):
        found = f"-DCMAKE_PREFIX_PATH={installed}"
        run_command("cmake", "-G", "Ninja", "-S", source, "-B", folder, "-DCMAKE_BUILD_TYPE=Release", found)
        run_command("cmake", "--build", folder)

    return build


def run_command(*command):
    """Runs a command that must succeed; returns what it printed."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout
