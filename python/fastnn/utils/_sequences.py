"""Sequences of differing lengths as one array."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ._checks import is_integer


def pad_sequences(
    sequences: Iterable[Sequence[Any] | npt.NDArray[Any]],
    maxlen: int | None = None,
    dtype: npt.DTypeLike = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: float = 0.0,
) -> npt.NDArray[Any]:
    """Bring sequences to one length, as Keras' function of this name does.

    Parameters
    ----------
    sequences : iterable of sequences
        Each a list of numbers, or an array whose first dimension counts steps.
    maxlen : int, optional
        The length; by default that of the longest sequence.
    dtype : dtype, default "int32"
    padding, truncating : {"pre", "post"}, default "pre"
        Whether short sequences are filled, and long ones cut, at the start or at the end.
    value : float, default 0.0
        What fills.

    Returns
    -------
    numpy.ndarray
        Shape (number of sequences, `maxlen`, …).

    Raises
    ------
    ValueError
        If `maxlen` is below 1, the steps differ in shape, or another word is given.
    TypeError
        If `maxlen` is not an integer.

    Examples
    --------
    >>> from fastnn.utils import pad_sequences
    >>> pad_sequences([[1], [2, 3, 4]], maxlen=2)
    array([[0, 1],
           [3, 4]], dtype=int32)
    >>> pad_sequences([[1], [2, 3, 4]], padding="post")
    array([[1, 0, 0],
           [2, 3, 4]], dtype=int32)
    """
    for name, word in (("padding", padding), ("truncating", truncating)):
        if word not in ("pre", "post"):
            raise ValueError(f"pad_sequences: {name} must be 'pre' or 'post', got {word!r}")
    rows = [np.asarray(sequence) for sequence in sequences]
    if maxlen is not None and not is_integer(maxlen):
        raise TypeError(f"pad_sequences: maxlen must be an integer, got {maxlen!r}")
    length = max((len(row) for row in rows), default=0) if maxlen is None else int(maxlen)
    if maxlen is not None and length < 1:
        raise ValueError(f"pad_sequences: maxlen must be at least 1, got {maxlen}")
    step = next((row.shape[1:] for row in rows if len(row)), ())
    result = np.full((len(rows), length, *step), value, dtype)
    for i, row in enumerate(rows):
        if not len(row):
            continue
        if row.shape[1:] != step:
            raise ValueError(
                f"pad_sequences: steps must have one shape, got {step} and, in sequence {i}, {row.shape[1:]}"
            )
        kept = row[-length:] if truncating == "pre" else row[:length]
        if padding == "pre":
            result[i, length - len(kept) :] = kept
        else:
            result[i, : len(kept)] = kept
    return result
