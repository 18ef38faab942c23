"""What is installed: a C++ package that find_package finds, and an extension that needs only the system."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
VERSION = re.search(r"project\(rushlight VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text())[1]

PROGRAM = """
#include <rushlight/rushlight.h>

#include <cstdio>

int main() {
  rushlight::Tensor x = rushlight::ones({3});
  x.requires_grad_(true);
  ((x * x + x) * 2).sum().backward();
  std::printf("%g\\n", x.grad().sum().item<double>());
}
"""

PROJECT = """
cmake_minimum_required(VERSION 3.22)
project(hello LANGUAGES CXX)
find_package(rushlight {version} REQUIRED)
add_executable(hello hello.cpp)
target_link_libraries(hello PRIVATE rushlight::rushlight)
"""


def test_a_program_finds_the_installed_package_and_differentiates(build_against, tmp_path):
    (tmp_path / "hello.cpp").write_text(PROGRAM)
    (tmp_path / "CMakeLists.txt").write_text(PROJECT.format(version=VERSION))
    build_against(tmp_path, tmp_path / "build")
    done = subprocess.run([tmp_path / "build" / "hello"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "18\n")


def test_installed_headers_stand_on_their_own(installed):
    headers = list((installed / "include" / "rushlight").rglob("*.h"))
    assert headers
    for header in headers:
        for name in re.findall(r'#include [<"]([^>"]+)[>"]', header.read_text()):
            if "/" in name and not name.startswith("sys/"):
                assert (installed / "include" / name).exists(), f"{header.name} includes {name}, which is not installed"


def test_extension_needs_only_the_system_libraries(build_folder):
    (extension,) = (build_folder / "python" / "rushlight").glob("_C*.so")
    needed = re.findall(
        r"^\s*(\S+?)\.so", subprocess.run(["ldd", extension], capture_output=True, text=True).stdout, re.M
    )
    allowed = {"linux-vdso", "libc", "libm", "libstdc++", "libgcc_s", "libpthread", "ld-linux-x86-64"}
    assert {Path(name).name for name in needed} <= allowed
    assert extension.stat().st_size < 25e6


def test_version_stands_in_one_place():
    code = "import rushlight; print(rushlight.__version__)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == VERSION
