"""Data flows one way: a file may include only its own layer and those below it.

    runtime <- core <- {autograd, kernels} <- cpu <- ops <- {nn, optim, data, io} <- python

Folders in braces do not see each other. A public header belongs to the layer of the folder or the source file that
has its name, or to the one given below.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LAYERS = (
    ("runtime",),
    ("core",),
    ("autograd", "kernels"),
    ("cpu",),
    ("ops",),
    ("nn", "optim", "data", "io"),
    ("python",),
)
LEVEL = {folder: level for level, folders in enumerate(LAYERS) for folder in folders}

# The language of every layer; and the headers that no folder or source file gives a layer.
EVERYWHERE = {"dtype.h", "error.h", "function_ref.h"}
PUBLIC = {
    "ops.h": "ops",
    "ops_methods.inc": "ops",
    "operators.h": "ops",
    "rushlight.h": "python",
    "function.h": "autograd",
}

# Declarations that reach upwards: the methods of Tensor are ops, and so is the sum of two gradients.
UPWARDS = {
    ("core", "rushlight/ops_methods.inc"),
    ("autograd", "rushlight/ops.h"),
    ("autograd", "rushlight/operators.h"),
}

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)
INTRINSICS = re.compile(r"(x86|[a-z]mm|arm_neon|arm_sve)intrin\.h|immintrin\.h|arm_(neon|sve)\.h")
HEAVY = {"iostream", "regex", "functional"}


def public_layer(name: str) -> str | None:
    """The layer of include/rushlight/<name>; None if every layer may include it."""
    path = Path(name)
    if name in EVERYWHERE:
        return None
    if name in PUBLIC:
        return PUBLIC[name]
    for folder in (path.parts[0], path.stem):
        if folder in LEVEL:
            return folder
    homes = [
        folder
        for folder in LEVEL
        for ending in ("cpp", "h")
        if (ROOT / "src" / folder / f"{path.stem}.{ending}").exists()
    ]
    return max(homes, key=lambda folder: LEVEL[folder]) if len(set(homes)) == 1 else "core"


def included_layer(target: str) -> str | None:
    """The layer of an included path; None for the standard library, other projects and `EVERYWHERE`."""
    first, _, rest = target.partition("/")
    if first == "rushlight" and rest:
        return public_layer(rest)
    return first if rest and first in LEVEL else None


def faults_of(path: Path) -> list[str]:
    relative = path.relative_to(ROOT)
    is_public = relative.parts[0] == "include"
    own = public_layer("/".join(relative.parts[2:])) if is_public else relative.parts[1]
    if own not in LEVEL:
        return [] if own is None else [f"{relative}: unknown layer '{own}'"]
    faults = []
    for _, target in INCLUDE.findall(path.read_text()):
        if INTRINSICS.fullmatch(target):
            faults.append(f"{relative}: includes <{target}>: intrinsics are Highway's business")
        if target in HEAVY and path.suffix == ".h":
            faults.append(f"{relative}: includes <{target}>, too heavy for a header")
        other = included_layer(target)
        if other is None or other == own or (own, target) in UPWARDS:
            continue
        if LEVEL[other] >= LEVEL[own] and own != "python":
            faults.append(f"{relative} ({own}) includes {target} ({other}), which is not below it")
    return faults


def main() -> int:
    files = [
        p for folder in ("include", "src") for p in sorted((ROOT / folder).rglob("*")) if p.suffix in (".h", ".cpp")
    ]
    faults = [fault for path in files for fault in faults_of(path)]
    print("\n".join(faults) or f"{len(files)} files keep their layers")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
