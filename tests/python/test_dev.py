"""./dev, where it must help before anything is built."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = ("demo", "test", "build", "bench", "check", "clean")


@pytest.fixture
def dev(tmp_path):
    """Calls a copy of ./dev in an empty folder, where it finds no program: no compiler, no apt-get, no sudo."""
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "dev", tmp_path)
    shutil.copy(ROOT / "tools" / "requirements.txt", tmp_path / "tools")

    def call(*arguments, **environment):
        environment = {"PATH": str(tmp_path / "nothing"), **environment}
        command = [sys.executable, tmp_path / "dev", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    return call


def test_alone_it_lists_its_commands(dev):
    done = dev()
    assert done.returncode == 0
    listed = [line.split()[0] for line in done.stdout.split("commands:")[1].splitlines() if line.startswith("    ")]
    assert [word for word in listed if word in COMMANDS] == list(COMMANDS)


@pytest.mark.parametrize("command", ["build", "demo", "test", "bench", "check"])
def test_a_missing_compiler_is_one_clear_error(dev, tmp_path, command):
    done = dev(command)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("dev: no C++ compiler was found. On Debian or Ubuntu run\n  sudo apt-get install g++")
    assert "Traceback" not in done.stderr and not (tmp_path / "build").exists()
    assert "(CXX=missing-compiler)" in dev(command, CXX="missing-compiler").stderr


@pytest.fixture
def only_a_compiler(tmp_path):
    """A PATH with a compiler and nothing else, as far as ./dev can see."""
    if not shutil.which("c++"):
        pytest.skip("there is no compiler")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "c++").symlink_to(shutil.which("c++"))
    return str(tmp_path / "bin")


def test_a_missing_venv_module_is_one_clear_error(dev, tmp_path, only_a_compiler):
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "sitecustomize.py").write_text("import sys; sys.modules['ensurepip'] = None\n")
    done = dev("build", PATH=only_a_compiler, PYTHONPATH=str(tmp_path / "without"))
    assert done.returncode == 1 and done.stdout == "" and "Traceback" not in done.stderr
    assert done.stderr.startswith(f"dev: missing for {sys.executable}: python3-venv")
    assert "sudo apt-get install python3-venv" in done.stderr


def test_without_a_network_the_failure_says_so(dev, only_a_compiler):
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": "/dev/null"}
    done = dev("build", PATH=only_a_compiler, PIP_NO_CACHE_DIR="1", **nowhere)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.startswith("dev: Installing the tools of tools/requirements.txt: failed")
    assert done.stderr.strip().endswith("name a package index?")


def test_clean_needs_nothing(dev, tmp_path):
    (tmp_path / "build" / "venv").mkdir(parents=True)
    (tmp_path / "build" / "product").write_text("")
    assert dev("clean").returncode == 0
    assert [path.name for path in (tmp_path / "build").iterdir()] == ["venv"]
    assert dev("clean", "--all").returncode == 0
    assert list((tmp_path / "build").iterdir()) == []
