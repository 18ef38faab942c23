"""Programs as people write them (programs/*.py): what they print on Rushlight is what they print on PyTorch.

All run in one process a library, each from a fresh random seed. A number may differ by what a sum in another order
makes of it; every other character must agree.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "programs"
PROGRAMS = sorted(path.stem for path in FOLDER.glob("*.py"))
NUMBER = re.compile(r"-?\d+\.?\d*(?:e[+-]?\d+)?")

DRIVER = """
import contextlib, io, json, pathlib, sys, traceback, warnings
import torch
printed = {}
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.py")):
    text = io.StringIO()
    torch.manual_seed(0)
    with contextlib.redirect_stdout(text), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exec(compile(path.read_text(), path.name, "exec"), {"__name__": "__main__"})
        except BaseException:
            traceback.print_exc(file=text)
        torch.set_default_dtype(torch.float32)
        torch.use_deterministic_algorithms(False)
        torch.set_printoptions(profile="default")
    printed[path.stem] = text.getvalue()
print(json.dumps(printed))
"""


def run_all(tmp_path_factory, *runner):
    driver = tmp_path_factory.mktemp("programs") / "driver.py"
    driver.write_text(DRIVER)
    command = [sys.executable, *runner, str(driver), str(FOLDER)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return run_all(tmp_path_factory, "-m", "rushlight")


@pytest.fixture(scope="module")
def theirs(torch, tmp_path_factory):
    return run_all(tmp_path_factory)


def numbers(text):
    return [float(number) for number in NUMBER.findall(text)]


@pytest.mark.parametrize("name", PROGRAMS)
def test_runs_to_its_end(ours, name):
    assert "Traceback" not in ours[name], ours[name]
    assert ours[name].count("\n") > 1


@pytest.mark.parametrize("name", PROGRAMS)
def test_prints_what_it_prints_on_pytorch(torch, ours, theirs, name):
    assert "Traceback" not in theirs[name], theirs[name]
    for mine, right in zip(ours[name].split("\n"), theirs[name].split("\n"), strict=True):
        mine, right = (re.sub("0x[0-9a-f]+", "0x", line) for line in (mine, right))
        if mine != right:
            assert NUMBER.sub("#", mine) == NUMBER.sub("#", right)
            assert numbers(mine) == pytest.approx(numbers(right), rel=2e-3, abs=1e-5), f"{mine}\n{right}"
