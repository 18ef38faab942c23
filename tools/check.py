"""Every check of ./dev check: format, lints, types, layering. --fix mends the format."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"
BIN = Path(sys.executable).parent
CPP = ("include", "src", "tests/cpp", "bench", "examples")
PYTHON = ("python", "tools", "tests/python", "bench", "examples", "dev")


def cpp_files(*endings: str) -> list[Path]:
    return sorted(p for folder in CPP for p in (ROOT / folder).rglob("*") if p.suffix in endings)


def call(command: Iterable, **environment: str) -> tuple[bool, str]:
    environment = {**os.environ, **environment}
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, env=environment)
    return done.returncode == 0, (done.stdout + done.stderr).strip()


def clang_format(fix: bool) -> tuple[bool, str]:
    how = ["-i"] if fix else ["--dry-run", "-Werror"]
    return call([BIN / "clang-format", *how, *cpp_files(".h", ".cpp")])


def ruff(fix: bool) -> tuple[bool, str]:
    folders = [folder for folder in PYTHON if (ROOT / folder).exists()]
    checked, faults = call([BIN / "ruff", "check", "-q", *(["--fix"] if fix else []), *folders])
    formatted, differences = call([BIN / "ruff", "format", *([] if fix else ["--check"]), *folders])
    places = [line.replace("-->", "not formatted:").strip() for line in differences.splitlines() if "-->" in line]
    return checked and formatted, "\n".join(filter(None, [faults, *places]))


def mypy(fix: bool) -> tuple[bool, str]:
    # Not through PYTHONPATH: what has been built by now must not change what is found.
    return call([BIN / "mypy", "--cache-dir", BUILD / "mypy"], PYTHONPATH="")


def layering(fix: bool) -> tuple[bool, str]:
    return call([sys.executable, ROOT / "tools" / "check_layering.py"])


def headers_of() -> dict[str, list[str]]:
    """For each object that ninja has built, the files of ours that it was built from."""
    known, listing = call([BIN / "ninja", "-C", BUILD, "-t", "deps"])
    depends: dict[str, list[str]] = {}
    current: list[str] = []
    for line in listing.splitlines() if known else []:
        if line.startswith("    "):
            path = os.path.normpath(BUILD / line.strip())
            if path.startswith(str(ROOT)):
                current.append(path)
        elif ": #deps" in line:
            current = depends.setdefault(line.split(":")[0], [])
    return {files[0]: files for files in depends.values() if files}


def clang_tidy(fix: bool) -> tuple[bool, str]:
    """Looks only at files that changed, or that include one that did, since they were last found clean."""
    tool = shutil.which("clang-tidy-14")
    if not tool:
        return True, "left out: clang-tidy-14 is not installed"
    clean = BUILD / "tidy"
    clean.mkdir(parents=True, exist_ok=True)
    depends = headers_of()
    configuration = (ROOT / ".clang-tidy").read_bytes()
    # One SIMD target stands for all: they are compiled from the same lines.
    options = ["--quiet", "--extra-arg=-DHWY_COMPILE_ONLY_STATIC"]

    def examine(path: Path) -> tuple[bool, str]:
        state = hashlib.sha256(configuration)
        for name in depends.get(str(path), cpp_files(".h") + [path]):
            state.update(Path(name).read_bytes())
        stamp = clean / state.hexdigest()
        if stamp.exists():
            return True, ""
        good, output = call([tool, "-p", BUILD, *options, path])
        if good:
            stamp.touch()
        lines = [line for line in output.splitlines() if "warnings generated" not in line]
        return good, "" if good else "\n".join(lines)

    files = [p for p in cpp_files(".cpp") if p.parts[len(ROOT.parts)] == "src"]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        results = list(pool.map(examine, files))
    told = dict.fromkeys(text for _, text in results if text)
    return all(good for good, _ in results), "\n".join(told)


def main() -> int:
    fix = "--fix" in sys.argv
    failed = 0
    for check in (clang_format, ruff, mypy, layering, clang_tidy):
        start = time.monotonic()
        good, output = check(fix)
        failed += not good
        name = check.__name__.replace("_", "-")
        print(f"{'ok  ' if good else 'FAIL'} {name} ({time.monotonic() - start:.1f} s)", flush=True)
        if output and (not good or "left out" in output):
            print("     " + output.replace("\n", "\n     "), flush=True)
    if failed and not fix:
        print("./dev check --fix mends the format and the simple lints.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
