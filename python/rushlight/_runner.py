"""Runs a script, a module or a line of code in which `torch` means Rushlight: python -m rushlight.

A program sees what it would see under plain Python: its own `sys.argv`, `sys.path[0]`, `__main__`, tracebacks and exit
codes. Processes that it starts through multiprocessing see the same `torch`.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import io
import itertools
import os
import runpy
import signal
import sys
from collections.abc import Callable, Sequence
from types import CodeType, ModuleType, TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from traceback import FrameSummary

USAGE = """usage: python -m rushlight script.py [argument ...]
       python -m rushlight -m module [argument ...]
       python -m rushlight -c code [argument ...]
Runs a PyTorch program on Rushlight: `torch` and its submodules mean `rushlight` and its own."""

OURS, THEIRS = "rushlight", "torch"


# ---- torch means rushlight ----


class AliasFinder(importlib.abc.MetaPathFinder):
    """Finds `torch` and `torch.x` as the very modules `rushlight` and `rushlight.x`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname == "multiprocessing.spawn":
            return spec_with_children_prepared(fullname, path)
        if fullname != THEIRS and not fullname.startswith(THEIRS + "."):
            return None
        ours = OURS + fullname[len(THEIRS) :]
        try:
            module = importlib.import_module(ours)
        except ModuleNotFoundError as error:
            # Only an absent module of ours is news about `torch`; any other fault is told as it is.
            if error.name is None or not (ours + ".").startswith(error.name + "."):
                raise
            message = f"No module named {fullname!r}: Rushlight has no {ours}"
            raise ModuleNotFoundError(message, name=fullname) from None
        return importlib.machinery.ModuleSpec(
            fullname,
            AliasLoader(module),
            origin=getattr(module, "__file__", None),
            is_package=hasattr(module, "__path__"),
        )


class AliasLoader(importlib.abc.Loader):
    """Hands out a module that is loaded already, as itself."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.spec = getattr(module, "__spec__", None)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just written the alias's spec over the module's own.
        module.__spec__ = self.spec

    def get_code(self, fullname: str) -> CodeType | None:
        get_code = getattr(self.spec and self.spec.loader, "get_code", None)
        return get_code(self.module.__name__) if get_code else None


def install() -> None:
    """Makes `torch` mean Rushlight in this process."""
    if not any(isinstance(finder, AliasFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, AliasFinder())
        if "multiprocessing.spawn" in sys.modules:
            prepare_children(sys.modules["multiprocessing.spawn"])


# ---- processes started by multiprocessing ----


def spec_with_children_prepared(fullname: str, path: Sequence[str] | None) -> importlib.machinery.ModuleSpec | None:
    """The ordinary spec of multiprocessing.spawn, with `prepare_children` run after its own code."""
    spec = importlib.machinery.PathFinder.find_spec(fullname, path)
    if spec is None or spec.loader is None:
        return spec
    execute = spec.loader.exec_module

    def exec_module(module: ModuleType) -> None:
        execute(module)
        prepare_children(module)

    spec.loader.exec_module = exec_module  # type: ignore[method-assign]
    return spec


def prepare_children(spawn: ModuleType) -> None:
    """A spawned process imports its parent's main module by name: give it ours, which installs the alias first."""
    original = spawn.get_preparation_data  # type: ignore[attr-defined]

    def get_preparation_data(name: str) -> dict:
        data = original(name)
        kind, main = "module", data.pop("init_main_from_name", None)
        if main is None:
            kind, main = "path", data.pop("init_main_from_path", None)
        os.environ["RUSHLIGHT_MAIN"] = f"{kind}:{main}" if main else ""
        data["init_main_from_name"] = f"{OURS}._spawned"
        return data

    spawn.get_preparation_data = get_preparation_data  # type: ignore[attr-defined]


def main_of_parent() -> dict:
    """In a spawned process: the names of the parent's main module, run as multiprocessing runs it."""
    install()
    kind, _, main = os.environ.get("RUSHLIGHT_MAIN", "").partition(":")
    if kind == "module":
        return runpy.run_module(main, run_name="__mp_main__", alter_sys=True)
    return runpy.run_path(main, run_name="__mp_main__") if kind == "path" else {}


# ---- the program ----


RUNNERS = (__file__, "<frozen runpy>", runpy.__file__)


def own_frames(traceback: TracebackType | None) -> TracebackType | None:
    """A traceback from the program's first frame on."""
    while traceback and traceback.tb_frame.f_code.co_filename in RUNNERS:
        traceback = traceback.tb_next
    return traceback


def own_stack(frames: Sequence[FrameSummary]) -> list[FrameSummary]:
    """A stack from the program's first frame on."""
    start = 1 + max((i for i, frame in enumerate(frames) if frame.filename == __file__), default=-1)
    return list(itertools.dropwhile(lambda frame: frame.filename in RUNNERS, frames[start:]))


def run(program: Callable[[], object]) -> None:
    """Runs a program to its end; what it raises is reported, and ends the process, as under plain Python."""
    try:
        program()
    except SystemExit:
        raise
    except BaseException as error:
        error.__traceback__ = own_frames(error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        if isinstance(error, KeyboardInterrupt):
            sys.stdout.flush()
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        sys.exit(1)


def new_main(**names: object) -> dict:
    """A fresh `__main__`; returns its namespace."""
    module = ModuleType("__main__")
    module.__dict__.update(__builtins__=sys.modules["builtins"], **names)
    # Whoever still holds the old one keeps it; nothing looks it up by name any more.
    sys.modules["__main__"] = module
    return module.__dict__


def set_first_path(folder: str) -> None:
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = folder


def run_script(script: str, arguments: list[str]) -> None:
    path = os.path.abspath(script)
    folder = os.path.dirname(os.path.realpath(path))
    if os.path.isdir(path):
        # As plain Python does, a folder is run by the __main__.py in it.
        folder, path = path, os.path.join(path, "__main__.py")
        if not os.path.exists(path):
            sys.exit(f"{sys.executable}: can't find '__main__' module in {folder!r}")
    try:
        with io.open_code(path) as file:
            source = file.read()
    except OSError as error:
        reason = f"[Errno {error.errno}] {error.strerror}"
        sys.stderr.write(f"{sys.executable}: can't open file {path!r}: {reason}\n")
        sys.exit(2)
    sys.argv[:] = [script, *arguments]
    set_first_path(folder)
    loader = importlib.machinery.SourceFileLoader("__main__", path)
    names = new_main(__file__=path, __cached__=None, __loader__=loader)
    run(lambda: exec(compile(source, path, "exec", dont_inherit=True), names))


def run_module(name: str, arguments: list[str]) -> None:
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        kind = type(error).__name__
        sys.exit(f"{sys.executable}: Error while finding module specification for {name!r} ({kind}: {error})")
    if found is None:
        sys.exit(f"{sys.executable}: No module named {name}")
    sys.argv[:] = ["-m", *arguments]
    run(lambda: runpy.run_module(name, run_name="__main__", alter_sys=True))


def run_code(code: str, arguments: list[str]) -> None:
    sys.argv[:] = ["-c", *arguments]
    set_first_path("")
    names = new_main(__loader__=importlib.machinery.BuiltinImporter)
    run(lambda: exec(compile(code, "<string>", "exec", dont_inherit=True), names))


def main() -> None:
    arguments = sys.argv[1:]
    first = arguments[0] if arguments else ""
    if first in ("-h", "--help"):
        print(USAGE)
        sys.exit(0)
    if first in ("-m", "-c"):
        if len(arguments) < 2:
            sys.stderr.write(f"{USAGE}\nrushlight: argument expected for the {first} option\n")
            sys.exit(2)
        install()
        (run_module if first == "-m" else run_code)(arguments[1], arguments[2:])
    elif not first or first.startswith("-"):
        unknown = f"\nrushlight: unknown option {first}" if first else ""
        sys.stderr.write(f"{USAGE}{unknown}\n")
        sys.exit(2)
    else:
        install()
        run_script(first, arguments[1:])
