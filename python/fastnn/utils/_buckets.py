"""Batches of sequences of like length."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ._checks import is_integer
from ._sequences import pad_sequences


class LengthBuckets:
    """Batches of padded sequences, each of sequences of like length: for `fit`, `evaluate` and `predict`.

    A batch is as long as its bucket, so that little of it is padding, and a model makes a plan for each
    bucket, not for each length. Every pass goes through all sequences once, in another order; what `predict`
    returns is in this order, too, which the attribute `order` tells.

    Parameters
    ----------
    sequences : iterable of sequences
        Each a list of numbers, or an array whose first dimension counts steps.
    y : array_like or list of sequences, optional
        Targets: a row for each sequence, or a sequence as long as it, which is padded like it. An array is
        never padded, a list is if each of its items is as long as its sequence.
    batch_size : int, default 32
    lengths : sequence of int, optional
        The buckets' lengths; longer sequences are cut at the end. By default about eight, of which each holds
        as many sequences as the others.
    padding : {"post", "pre"}, default "post"
    value : float, default 0.0
        What fills, in sequences and targets alike: `Embedding` with ``mask_zero=True`` leaves out 0.
    dtype : dtype, optional
        The batches' type; by default int32 for integers, else float32.
    shuffle : bool, default True
        Whether to draw the order anew for each pass; without it buckets come from the shortest on.
    seed : int, optional
        By default drawn from `fastnn.utils.set_random_seed`'s.

    Attributes
    ----------
    order : numpy.ndarray of int
        Row numbers of the sequences in the order of the last pass that was begun.

    Raises
    ------
    ValueError
        If there are no sequences, one is empty, or a length or the number of targets is wrong.

    Examples
    --------
    >>> from fastnn.utils import LengthBuckets
    >>> batches = LengthBuckets([[1], [2, 3], [4, 5, 6], [7]], [0, 1, 0, 1], 2, [2, 4], shuffle=False)
    >>> len(batches)
    3
    >>> for x, y in batches:
    ...     print(x.tolist(), y.tolist())
    [[1, 0], [2, 3]] [0, 1]
    [[7, 0]] [1]
    [[4, 5, 6, 0]] [0]
    """

    def __init__(
        self,
        sequences: Iterable[Sequence[Any] | npt.NDArray[Any]],
        y: Any = None,
        batch_size: int = 32,
        lengths: Sequence[int] | None = None,
        padding: str = "post",
        value: float = 0.0,
        dtype: npt.DTypeLike | None = None,
        shuffle: bool = True,
        seed: int | None = None,
    ) -> None:
        from fastnn import random

        self._rows = [np.asarray(sequence) for sequence in sequences]
        counts = np.array([len(row) if row.ndim else 0 for row in self._rows])
        if not len(counts) or counts.min() < 1:
            where = "there are none" if not len(counts) else f"sequence {int(counts.argmin())} has no steps"
            raise ValueError(f"LengthBuckets: expected sequences of at least one step, but {where}")
        if not is_integer(batch_size) or batch_size < 1:
            raise ValueError(
                f"LengthBuckets: batch_size must be an integer of at least 1, got {batch_size!r}"
            )
        if lengths is None:
            lengths = np.unique(np.quantile(counts, np.arange(1, 9) / 8, method="higher")).tolist()
        if not len(lengths) or not all(is_integer(n) and n >= 1 for n in lengths):
            raise ValueError(f"LengthBuckets: lengths must be integers of at least 1, got {lengths!r}")
        self.lengths = sorted({int(n) for n in lengths})
        self._y = _targets(y, counts)
        self._settings: dict[str, Any] = {"padding": padding, "truncating": "post", "value": value}
        if dtype is None:
            dtype = "int32" if all(row.dtype.kind in "biu" for row in self._rows) else "float32"
        self._dtype = dtype
        self.order = np.arange(len(counts))
        self._batch_size = int(batch_size)
        self._shuffle = bool(shuffle)
        self._seed = random.next_seed() if seed is None else seed
        self._passes = 0
        bucket = np.searchsorted(self.lengths, np.minimum(counts, self.lengths[-1]))
        self._members = [np.flatnonzero(bucket == b) for b in range(len(self.lengths))]
        pad_sequences(self._rows[:1], self.lengths[0], **self._settings)  # refuses wrong settings

    def __len__(self) -> int:
        """Return the number of batches of a pass."""
        return sum(math.ceil(len(members) / self._batch_size) for members in self._members)

    def __iter__(self) -> Iterator[Any]:
        """Go through all sequences once."""
        draw = np.random.default_rng([self._seed, self._passes])
        self._passes += 1
        batches = []
        for members, length in zip(self._members, self.lengths, strict=True):
            order = draw.permutation(members) if self._shuffle else members
            batches += [
                (order[i : i + self._batch_size], length) for i in range(0, len(order), self._batch_size)
            ]
        if self._shuffle:
            draw.shuffle(batches)
        self.order = np.concatenate([chosen for chosen, _ in batches])
        for chosen, length in batches:
            yield self._batch(chosen, length)

    def _batch(self, chosen: npt.NDArray[Any], length: int) -> Any:
        x = pad_sequences([self._rows[i] for i in chosen], length, self._dtype, **self._settings)
        if self._y is None:
            return x
        if isinstance(self._y, np.ndarray):
            return x, self._y[chosen]
        rows = [self._y[i] for i in chosen]
        return x, pad_sequences(rows, length, rows[0].dtype, **self._settings)


def _targets(y: Any, counts: npt.NDArray[Any]) -> Any:
    """Return an array with a row for each sequence, or a list of sequences as long as these."""
    if y is None:
        return None
    if len(y) != len(counts):
        raise ValueError(f"LengthBuckets: there are {len(counts)} sequences, but {len(y)} targets")
    if not isinstance(y, np.ndarray) and len(y) and np.ndim(y[0]) > 0:
        rows = [np.asarray(row) for row in y]
        if all(len(row) == count for row, count in zip(rows, counts, strict=True)):
            kind = np.result_type(*rows)
            return [row.astype(kind) for row in rows]
    try:
        return np.asarray(y)
    except ValueError as error:
        raise ValueError(
            "LengthBuckets: targets must be rows of one shape, or sequences as long as the inputs"
        ) from error
