"""Asks both libraries the same question."""

import rushlight


def outcome(library, source, words, names):
    """What `source` gives where `torch` means `library`: a description, or the error's class and first words."""
    try:
        value = eval(source, {"torch": library, **names})
    except Exception as error:
        text = str(error)
        return type(error).__name__, text[:words] if words else text
    return describe(value, library)


def describe(value, library):
    if isinstance(value, library.Tensor):
        text = repr(value.tolist()) if value.device.type == "cpu" else "no data"
        return str(value.dtype).split(".")[1], tuple(value.shape), tuple(value.stride()), text
    if isinstance(value, (tuple, list)):
        return [describe(item, library) for item in value]
    return str(value)


def assert_same(torch, source, words=30, seed=None, **names):
    """Both give the same tensors bit for bit, or errors of one class whose first `words` characters agree."""
    seen = []
    for library in (rushlight, torch):
        if seed is not None:
            library.manual_seed(seed)
        seen.append(outcome(library, source, words, names))
    assert seen[0] == seen[1], source
