"""python -m rushlight: a program sees what it would see under plain Python, but for what `torch` means."""

import signal
import subprocess
import sys

import pytest


def python(*arguments, cwd, check_code=None):
    done = subprocess.run([sys.executable, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=120)
    if check_code is not None:
        assert done.returncode == check_code, done.stderr
    return done


def rushlight(*arguments, cwd, check_code=None):
    return python("-m", "rushlight", *arguments, cwd=cwd, check_code=check_code)


def outcome(done):
    return done.returncode, done.stdout, done.stderr


def test_torch_and_its_submodules_are_the_modules_of_rushlight(tmp_path):
    (tmp_path / "script.py").write_text(
        "import torch, torch.nn as nn, torch.nn.functional as F, rushlight, rushlight.nn.functional\n"
        "from torch.utils.data import DataLoader\n"
        "from torch import nn as again\n"
        "import rushlight.utils.data\n"
        "assert torch is rushlight and nn is rushlight.nn is again and F is rushlight.nn.functional\n"
        "assert DataLoader is rushlight.utils.data.DataLoader\n"
        "assert torch.__name__ == torch.__spec__.name == 'rushlight' and nn.__spec__.name == 'rushlight.nn'\n"
        "print('same')\n"
    )
    assert rushlight("script.py", cwd=tmp_path, check_code=0).stdout == "same\n"


def test_programs_for_any_device_import_their_backends(tmp_path):
    code = (
        "import torch.backends.cudnn as cudnn, torch.backends.mps, torch.distributed as dist\n"
        "from torch.backends import cuda\n"
        "import torch\n"
        "cudnn.benchmark = True\n"
        "print(torch.backends.cudnn.benchmark, cudnn is torch.backends.cudnn, cudnn.__name__, dist.is_available())\n"
        "print(torch.backends.mps.is_available(), cuda.is_built(), cuda.matmul.allow_tf32)\n"
    )
    done = rushlight("-c", code, cwd=tmp_path, check_code=0)
    assert done.stdout == "True True rushlight.backends.cudnn False\nFalse False False\n"


def test_missing_submodule_is_named(tmp_path):
    code = "import torch\ntry:\n  import torch.nothing.at_all\nexcept ModuleNotFoundError as e: print(e.name, '|', e)"
    done = rushlight("-c", code, cwd=tmp_path, check_code=0)
    assert done.stdout == "torch.nothing | No module named 'torch.nothing': Rushlight has no rushlight.nothing\n"


def test_a_script_has_its_own_argv_path_file_and_name(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "beside.py").write_text("value = 41\n")
    (folder / "script.py").write_text(
        "import sys, beside\n"
        "print(sys.argv, sys.path[0], __name__, __file__, __spec__, __package__, __doc__, beside.value)\n"
        "print(sys.modules['__main__'].__dict__ is globals(), __loader__.get_source('__main__')[:6])\n"
    )
    arguments = ("folder/script.py", "one", "-m", "--two")
    ours = rushlight(*arguments, cwd=tmp_path, check_code=0)
    assert outcome(ours) == outcome(python(*arguments, cwd=tmp_path))


FAULTS = {
    "exception": "def f(): raise ValueError('no')\nf()\n",
    "chained": "try: 1/0\nexcept ZeroDivisionError as e: raise KeyError('x') from e\n",
    "syntax": "x = (\n",
    "exit code": "import sys; sys.exit(7)\n",
    "exit message": "raise SystemExit('bye')\n",
    "hook": "import sys\nsys.excepthook = lambda *a: print('hooked', a[0].__name__)\n1/0\n",
    "at exit": "import atexit; atexit.register(print, 'last'); print('first'); 1/0\n",
}


@pytest.mark.parametrize("source", FAULTS.values(), ids=FAULTS.keys())
def test_ends_and_reports_as_plain_python_does(tmp_path, source):
    (tmp_path / "script.py").write_text(source, errors="surrogateescape")
    assert outcome(rushlight("script.py", cwd=tmp_path)) == outcome(python("script.py", cwd=tmp_path))


def test_anomaly_mode_shows_the_program_alone(tmp_path):
    (tmp_path / "script.py").write_text(
        "import torch, warnings\n"
        "warnings.showwarning = lambda message, *_: print(message)\n"
        "def forward(x): return x.sqrt()\n"
        "with torch.autograd.set_detect_anomaly(True):\n"
        "  try: forward(torch.tensor(-1.0, requires_grad=True)).backward()\n"
        "  except RuntimeError as error: print(error)\n"
    )
    for arguments in (("script.py",), ("-m", "script")):
        lines = rushlight(*arguments, cwd=tmp_path, check_code=0).stdout.splitlines()
        assert lines[0].startswith("Error detected in SqrtBackward0. Traceback of forward call")
        assert [line.split(", ")[-1] for line in lines if line.startswith("  File ")] == ["in <module>", "in forward"]


def test_interrupt_ends_by_its_signal(tmp_path):
    # The handler is set, since whoever started the tests may have chosen to ignore the signal.
    program = "import os, signal; signal.signal(signal.SIGINT, signal.default_int_handler); os.kill(os.getpid(), signal.SIGINT)"
    done = rushlight("-c", program, cwd=tmp_path)
    assert done.returncode == -signal.SIGINT and done.stderr.endswith("KeyboardInterrupt\n")


@pytest.mark.parametrize("script", ["nothing.py", "folder_without_main", "no/such/folder/script.py"])
def test_script_that_cannot_be_opened(tmp_path, script):
    (tmp_path / "folder_without_main").mkdir()
    ours, plain = rushlight(script, cwd=tmp_path), python(script, cwd=tmp_path)
    assert ours.returncode == plain.returncode and ours.returncode != 0
    assert ours.stderr == plain.stderr


def test_module_and_code(tmp_path):
    (tmp_path / "program.py").write_text(
        "import sys, torch; print(sys.argv, __name__, __spec__.name, torch.__name__)\n"
    )
    done = rushlight("-m", "program", "a", cwd=tmp_path, check_code=0)
    assert done.stdout == f"['{tmp_path}/program.py', 'a'] __main__ program rushlight\n"
    done = rushlight("-c", "import sys, torch; print(sys.argv, sys.path[0] == '', torch.__name__)", "b", cwd=tmp_path)
    assert done.stdout == "['-c', 'b'] True rushlight\n"


@pytest.mark.parametrize("name", ["no_such_module", "no_such_package.module"])
def test_module_that_does_not_exist(tmp_path, name):
    assert outcome(rushlight("-m", name, cwd=tmp_path)) == outcome(python("-m", name, cwd=tmp_path))


def test_folder_with_a_main_module(tmp_path):
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__main__.py").write_text("import sys, torch; print(sys.argv, torch.__name__, __name__)\n")
    assert rushlight("app", "x", cwd=tmp_path, check_code=0).stdout == "['app', 'x'] rushlight __main__\n"


def test_usage(tmp_path):
    assert rushlight("--help", cwd=tmp_path, check_code=0).stdout.startswith("usage: python -m rushlight")
    for wrong in ((), ("-m",), ("-c",), ("--wrong",)):
        done = rushlight(*wrong, cwd=tmp_path, check_code=2)
        assert done.stderr.startswith("usage: python -m rushlight") and done.stdout == ""


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_processes_of_a_script_mean_the_same_torch(tmp_path, method):
    (tmp_path / "script.py").write_text(
        "import multiprocessing, sys, torch\n"
        "class Work:\n"
        "  def __call__(self): return torch.__name__, sys.argv[1]\n"
        "def answer(queue, work): queue.put(work())\n"
        "if __name__ == '__main__':\n"
        f"  context = multiprocessing.get_context('{method}')\n"
        "  queue = context.SimpleQueue()\n"
        "  process = context.Process(target=answer, args=(queue, Work()))\n"
        "  process.start(); print(*queue.get()); process.join()\n"
    )
    assert rushlight("script.py", "argument", cwd=tmp_path, check_code=0).stdout == "rushlight argument\n"
