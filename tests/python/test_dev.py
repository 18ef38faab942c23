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


def test_clean_needs_nothing(dev, tmp_path):
    (tmp_path / "build" / "venv").mkdir(parents=True)
    (tmp_path / "build" / "product").write_text("")
    assert dev("clean").returncode == 0
    assert [path.name for path in (tmp_path / "build").iterdir()] == ["venv"]
    assert dev("clean", "--all").returncode == 0
    assert list((tmp_path / "build").iterdir()) == []
