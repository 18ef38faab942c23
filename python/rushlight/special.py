"""Special functions: the operations whose names begin with `special_`, and others by their names here."""

from rushlight import _C
from rushlight._lazy import getter as _getter

_OTHER_NAMES = {
    "digamma": "digamma",
    "erf": "erf",
    "erfc": "erfc",
    "erfinv": "erfinv",
    "exp2": "exp2",
    "expit": "sigmoid",
    "expm1": "expm1",
    "gammainc": "igamma",
    "gammaincc": "igammac",
    "gammaln": "lgamma",
    "i0": "i0",
    "log1p": "log1p",
    "log_softmax": "log_softmax",
    "logit": "logit",
    "logsumexp": "logsumexp",
    "multigammaln": "mvlgamma",
    "polygamma": "polygamma",
    "psi": "digamma",
    "round": "round",
    "sinc": "sinc",
    "softmax": "softmax",
    "xlogy": "xlogy",
}

globals().update({name: _C._torch_functions[operation] for name, operation in _OTHER_NAMES.items()})
globals().update(
    {name[len("special_") :]: function for name, function in _C._torch_functions.items() if name.startswith("special_")}
)


def _known() -> str:
    return "it has " + ", ".join(sorted(name for name in globals() if name[0] != "_"))


__getattr__ = _getter(__name__, hint=_known)
