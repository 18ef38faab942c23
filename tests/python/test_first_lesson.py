"""The first lesson prints the same text on both libraries, character by character."""

import os
import subprocess
import sys
from pathlib import Path

import rushlight

LESSON = Path(__file__).parents[2] / "examples" / "first_lesson.py"


def output_of(*command, **environment):
    paths = [str(Path(rushlight.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **environment}
    # The numbers of normals are those of PyTorch's AVX2 path, whatever this machine has.
    environment["ATEN_CPU_CAPABILITY"] = "avx2"
    done = subprocess.run([sys.executable, "-W", "ignore", *command], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_lesson_prints_what_pytorch_prints(torch):
    theirs = output_of(str(LESSON)).splitlines()
    ours = output_of("-m", "rushlight", str(LESSON)).splitlines()
    assert ours == theirs


def test_lesson_prints_the_same_on_any_number_of_threads():
    alone = output_of("-m", "rushlight", str(LESSON), RUSHLIGHT_NUM_THREADS="1")
    assert "accumulated" in alone
    for threads in ("2", "4"):
        assert output_of("-m", "rushlight", str(LESSON), RUSHLIGHT_NUM_THREADS=threads) == alone
