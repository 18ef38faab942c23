"""Sequences of different lengths in one tensor."""

from collections.abc import Iterable

from rushlight._lazy import getter as _getter

__all__ = ["pad_sequence", "unpad_sequence"]


def pad_sequence(sequences, batch_first=False, padding_value=0.0, padding_side="right"):
    """The sequences, (length, …) each, as (longest, batch, …), or (batch, longest, …) if `batch_first`."""
    from rushlight import stack

    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    sequences = tuple(sequences)
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    longest = max(sequence.size(0) for sequence in sequences)
    padded = [_padded(sequence, longest, padding_value, padding_side) for sequence in sequences]
    return stack(padded, 0 if batch_first else 1)


def _padded(sequence, length, value, side):
    from rushlight import constant_pad_nd

    more = length - sequence.size(0)
    if more == 0:
        return sequence
    before, after = (more, 0) if side == "left" else (0, more)
    return constant_pad_nd(sequence, [0, 0] * (sequence.dim() - 1) + [before, after], value)


def unpad_sequence(padded_sequences, lengths, batch_first=False):
    """The sequences of these lengths that pad_sequence() put together."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    return [sequence[: int(length)] for sequence, length in zip(padded_sequences, lengths, strict=True)]


__getattr__ = _getter(__name__)
