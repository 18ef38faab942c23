"""Rushlight beside PyTorch: each workload in both libraries, alternating in one run, as times and their ratio.

    ./dev bench [words]      only the workloads whose name contains one of the words
    --threads N              threads of both libraries (1)
    --quick                  fewer repetitions

A library runs in a process of its own, so that their thread pools and allocators do not meet. Each round measures a
workload in one process, then in the other; the best of all rounds counts.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# name: (what is set up, what is timed). `torch` is the library; the timed lines run in a function.
WORKLOADS = {
    "a + b, 4 floats": ("a, b = torch.ones(4), torch.ones(4)", "a + b"),
    "a * 2.0, 4 floats": ("a = torch.ones(4)", "a * 2.0"),
    "a.sum(), 4 floats": ("a = torch.ones(4)", "a.sum()"),
    "a[1]": ("a = torch.ones(4)", "a[1]"),
    "a[:, 1:3]": ("a = torch.ones(4, 4)", "a[:, 1:3]"),
    "a.item()": ("a = torch.ones(())", "a.item()"),
    "a.shape": ("a = torch.ones(2, 3)", "a.shape"),
    "tensor([1., 2., 3., 4.])": ("", "torch.tensor([1., 2., 3., 4.])"),
    "(x*w+b).sum().backward()": (
        "x, w, b = (torch.ones(4, requires_grad=True) for _ in range(3))",
        "(x * w + b).sum().backward()",
    ),
    "Linear(4, 4)(x), 8 rows": ("layer, x = torch.nn.Linear(4, 4), torch.ones(8, 4)", "layer(x)"),
    "MLP 4-16-16-3, batch 8, SGD step": (
        "nn = torch.nn\n"
        "model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3))\n"
        "loss_of, optimizer = nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.01)\n"
        "x, y = torch.randn(8, 4), torch.randint(0, 3, (8,))",
        "optimizer.zero_grad(); loss = loss_of(model(x), y); loss.backward(); optimizer.step()",
    ),
    "MLP 4-16-16-3, batch 8, Adam step": (
        "nn = torch.nn\n"
        "model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3))\n"
        "loss_of, optimizer = nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters())\n"
        "x, y = torch.randn(8, 4), torch.randint(0, 3, (8,))",
        "optimizer.zero_grad(); loss = loss_of(model(x), y); loss.backward(); optimizer.step()",
    ),
    "MLP 784-256-10, batch 64, SGD step": (
        "nn = torch.nn\n"
        "model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))\n"
        "loss_of, optimizer = nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.01)\n"
        "x, y = torch.randn(64, 784), torch.randint(0, 10, (64,))",
        "optimizer.zero_grad(); loss = loss_of(model(x), y); loss.backward(); optimizer.step()",
    ),
    "chain of 1,000 sums and products, forward and backward": (
        "x = torch.ones(4, requires_grad=True)\n"
        "def chain():\n"
        "    y = x\n"
        "    for _ in range(500): y = y * 1.001 + 0.1\n"
        "    y.sum().backward()",
        "chain()",
    ),
    "1,000 branches, forward and backward": (
        "x = torch.ones(4, requires_grad=True)\n"
        "def wide():\n"
        "    sum(((x * 1.5) for _ in range(1000)), x).sum().backward()",
        "wide()",
    ),
    "double backward of an MLP": (
        "nn = torch.nn\n"
        "model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))\n"
        "x = torch.randn(8, 4, requires_grad=True)\n"
        "def twice():\n"
        "    g, = torch.autograd.grad(model(x).sum(), x, create_graph=True)\n"
        "    (g * g).sum().backward()",
        "twice()",
    ),
    "custom Function, forward and backward": (
        "class Double(torch.autograd.Function):\n"
        "    @staticmethod\n"
        "    def forward(ctx, x):\n"
        "        return x * 2\n"
        "    @staticmethod\n"
        "    def backward(ctx, g):\n"
        "        return g * 2\n"
        "x = torch.ones(4, requires_grad=True)",
        "Double.apply(x).sum().backward()",
    ),
    "DataLoader, 10,000 rows, batch 256, an epoch": (
        "data = torch.utils.data.TensorDataset(torch.randn(10000, 5), torch.randn(10000))\n"
        "loader = torch.utils.data.DataLoader(data, batch_size=256, shuffle=True)",
        "for batch in loader: pass",
    ),
    **{
        f"{name}, {size} elements": (f"a = torch.randn({size}) ; b = torch.randn({size})", code)
        for size in (10_000, 1_000_000)
        for name, code in {"add": "a + b", "exp": "a.exp()", "tanh": "a.tanh()", "sigmoid": "a.sigmoid()"}.items()
    },
    "where(a > b, a, b), 1e6": ("a, b = torch.randn(1000000), torch.randn(1000000)", "torch.where(a > b, a, b)"),
    "a + b.T, 2048²": ("a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)", "a + b.T"),
    "a.T.contiguous(), 2048²": ("a = torch.randn(2048, 2048)", "a.T.contiguous()"),
    "sum, 2048²": ("a = torch.randn(2048, 2048)", "a.sum()"),
    "sum of dim 0, 2048²": ("a = torch.randn(2048, 2048)", "a.sum(0)"),
    "max of dim 1, 2048²": ("a = torch.randn(2048, 2048)", "a.max(1)"),
    "var of dim 1, 2048²": ("a = torch.randn(2048, 2048)", "a.var(1)"),
    "softmax, 1024²": ("a = torch.randn(1024, 1024)", "a.softmax(1)"),
    "sort, 1e6": ("a = torch.randn(1000000)", "a.sort()"),
    "boolean mask, 1e6": ("a = torch.randn(1000000)", "a[a > 0]"),
    "randn, 1e6": ("", "torch.randn(1000000)"),
    "rand, 1e6": ("", "torch.rand(1000000)"),
    "randperm, 1e6": ("", "torch.randperm(1000000)"),
    **{
        f"matmul {n}": (f"a, b = torch.randn({n}, {n}), torch.randn({n}, {n})", "a @ b")
        for n in (8, 32, 64, 128, 256, 512, 1024)
    },
    "bmm 96 x 64³": ("a, b = torch.randn(96, 64, 64), torch.randn(96, 64, 64)", "a @ b"),
}


def serve(library: str, threads: int) -> None:
    """Answers each line (a workload's name and a time to spend) with the best time of one run, in seconds."""
    torch = __import__("rushlight" if library == "rushlight" else "torch")
    for module in ("nn", "optim", "utils.data", "autograd"):
        try:
            __import__(f"{torch.__name__}.{module}")
        except ImportError:
            pass
    torch.set_num_threads(threads)
    for line in sys.stdin:
        name, seconds = json.loads(line)
        try:
            print(json.dumps(best_time(torch, *WORKLOADS[name], seconds)), flush=True)
        except Exception as error:
            print(json.dumps(f"{type(error).__name__}: {error}"), flush=True)


def best_time(torch, setup: str, code: str, seconds: float) -> float:
    torch.manual_seed(0)
    namespace = {"torch": torch}
    exec(setup, namespace)
    exec(f"def repeat(n):\n    for _ in range(n):\n        {code}\n", namespace)
    repeat, clock = namespace["repeat"], time.perf_counter
    count, taken = 1, 0.0
    while True:  # enough repetitions for the clock
        start = clock()
        repeat(count)
        taken = clock() - start
        if taken > seconds / 10 or count > 1_000_000:
            break
        count *= 4
    best, end = taken / count, clock() + seconds
    while clock() < end:
        start = clock()
        repeat(count)
        best = min(best, (clock() - start) / count)
    return best


class Library:
    """A process that measures one library."""

    def __init__(self, name: str, threads: int):
        environment = {
            key: value for key, value in os.environ.items() if key not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
        }
        environment.update(OMP_NUM_THREADS=str(threads), RUSHLIGHT_NUM_THREADS=str(threads))
        command = [sys.executable, __file__, "--serve", name, "--threads", str(threads)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def measure(self, workload: str, seconds: float) -> "float | str":
        self.process.stdin.write(json.dumps([workload, seconds]) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def process_cost(library: str) -> "tuple[float, float]":
    """Seconds and resident megabytes of a process that only imports the library (the best of five)."""
    code = f"import {library}, resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    # As an installed package is: compiled. The first process does that.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    best, memory = float("inf"), 0.0
    for _ in range(5):
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
        best = min(best, time.perf_counter() - start)
        memory = int(done.stdout) / 1024
    return best, memory


# What is asked of the cost of call sites is asked of these.
SMALL = ("(x*w+b).sum().backward()", "MLP 4-16-16-3, batch 8, SGD step", "MLP 4-16-16-3, batch 8, Adam step")


def call_site_cost(rounds: int) -> None:
    """Prints what it costs that operations remember where they were called, on and off alternating in one process."""
    import rushlight

    for name in SMALL:
        best = {True: float("inf"), False: float("inf")}
        for _ in range(rounds):
            for enabled in best:
                rushlight._C._set_call_sites(enabled)
                best[enabled] = min(best[enabled], best_time(rushlight, *WORKLOADS[name], 0.1))
        print(f"call sites, {name}: {best[True] / best[False] - 1:+.1%}")
    rushlight._C._set_call_sites(True)


HELLO = """#include <rushlight/rushlight.h>
#include <cstdio>
int main() {
  auto x = rushlight::ones({3}).requires_grad_();
  (x * x).sum().backward();
  std::puts(x.grad().to_string().c_str());
}
"""


def cpp_face(build: Path) -> None:
    """Prints what a call from C++ costs, and what a first program does: to compile and link, and to run."""
    subprocess.run([build / "rushlight_bench_call"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        source, program = Path(folder, "hello.cpp"), Path(folder, "hello")
        source.write_text(HELLO)
        include = [f"-I{ROOT / 'include'}", f"-I{build / 'generated'}"]
        compiler = os.environ.get("CXX", "c++")
        command = [compiler, "-std=c++20", *include, source, build / "librushlight.a", "-lpthread", "-o", program]
        taken = []
        for each in (command, [program]):
            start = time.perf_counter()
            subprocess.run(each, check=True, stdout=subprocess.DEVNULL)
            taken.append(time.perf_counter() - start)
    print(f"a first C++ program: {taken[0]:.2f} s to compile and link, {taken[1] * 1e3:.0f} ms to run")
    extension = sum(path.stat().st_size for path in (build / "python").rglob("*") if "__pycache__" not in path.parts)
    print(f"the package as built: {extension / 1e6:.1f} MB")


def show(name: str, ours, theirs) -> None:
    def text(value):
        return f"{value * 1e6:12,.2f}" if isinstance(value, float) else f"{str(value)[:40]:>12}"

    ratio = f"{theirs / ours:7.1f}x" if isinstance(ours, float) and isinstance(theirs, float) else ""
    print(f"{name:56}{text(ours)}{text(theirs)} {ratio}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("words", nargs="*")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.threads)
        return
    try:
        import importlib.util

        has_oracle = importlib.util.find_spec("torch") is not None
    except ImportError:
        has_oracle = False
    if not has_oracle:
        print("PyTorch is not installed: its column stays empty (./dev bench --oracle installs it)")
    print(f"{'microseconds; best of several runs':56}{'Rushlight':>12}{'PyTorch':>12}   ratio")
    chosen = [name for name in WORKLOADS if not options.words or any(word in name for word in options.words)]
    ours = Library("rushlight", options.threads)
    theirs = Library("torch", options.threads) if has_oracle else None
    rounds, seconds = (2, 0.05) if options.quick else (4, 0.15)
    for name in chosen:
        a: float | str = float("inf")
        b: float | str = float("inf") if theirs else ""
        for _ in range(rounds):
            a = better(a, ours.measure(name, seconds))
            if theirs:
                b = better(b, theirs.measure(name, seconds))
        show(name, a, b)
    if not options.words:
        costs = {name: process_cost(name) for name in ["rushlight"] + ["torch"] * has_oracle}
        show("import, whole process", costs["rushlight"][0], costs["torch"][0] if has_oracle else "")
        for name, (_, memory) in costs.items():
            print(f"import {name}: {memory:.1f} MB resident")
        call_site_cost(8)
        cpp_face(ROOT / "build")


def better(a, b):
    return min(a, b) if isinstance(a, float) and isinstance(b, float) else b


if __name__ == "__main__":
    main()
