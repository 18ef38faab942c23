"""The demo: in Python and in C++ the same numbers, on any number of threads and any SIMD unit."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import rushlight

EXAMPLES = Path(__file__).parents[2] / "examples"
# Of the parameters after training, as little-endian float32, on processors with fused multiply-add.
WEIGHTS = "c9ea7f461d50411521f48feeea353213e39766df259e0b3fe306985dfcc54931"


def run(*command, threads, **variables):
    environment = {**os.environ, "RUSHLIGHT_NUM_THREADS": str(threads), **variables}
    done = subprocess.run([str(word) for word in command], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return re.sub(r"after [0-9.]+ seconds", "after a while", done.stdout)


def run_python(threads, **variables):
    return run(sys.executable, "-m", "rushlight", EXAMPLES / "digits.py", threads=threads, **variables)


@pytest.fixture(scope="module")
def printed():
    return run_python(1)


@pytest.fixture(scope="module")
def program(build_against, tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    build_against(EXAMPLES, folder)
    return folder / "digits"


def test_it_learns(printed):
    losses = [float(loss) for loss in re.findall(r"loss ([0-9.]+)", printed)]
    assert len(losses) == 20 and losses[-1] < 0.01 < losses[0]
    assert float(re.search(r"([0-9.]+) % of 360", printed)[1]) >= 97


@pytest.mark.parametrize("threads", [2, 4])
def test_threads_change_nothing(printed, threads):
    assert run_python(threads) == printed


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_the_program_in_cpp_prints_the_same(printed, program, threads):
    assert run(program, EXAMPLES / "data" / "digits.bin", threads=threads) == printed


def test_the_program_says_what_it_misses(program, tmp_path):
    done = subprocess.run([program, tmp_path / "none.bin"], capture_output=True, text=True)
    assert done.returncode == 1 and "can't read" in done.stderr


def test_trained_weights_are_known(tmp_path):
    """The bits that every processor with fused multiply-add must give."""
    if rushlight._C._simd_target() not in ("avx2", "avx512"):
        pytest.skip("this processor has no fused multiply-add: its last places may differ")
    script = tmp_path / "hash.py"
    script.write_text(
        "import runpy\n"
        f"names = runpy.run_path({str(EXAMPLES / 'digits.py')!r})\n"
        "import hashlib, struct\n"
        "numbers = [n for p in names['model'].parameters() for n in p.detach().flatten().tolist()]\n"
        "digest = hashlib.sha256(struct.pack(f'<{len(numbers)}f', *numbers)).hexdigest()\n"
        "print('weights', digest)\n"
    )
    for variables in ({}, {"RUSHLIGHT_SIMD": "avx2"}):
        told = run(sys.executable, "-m", "rushlight", script, threads=2, **variables)
        assert re.search(r"^weights (\w+)$", told, re.M)[1] == WEIGHTS
