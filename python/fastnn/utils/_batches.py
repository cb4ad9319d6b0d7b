"""Batches that are made when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class PyDataset:
    """Base class of data sets that are read batch by batch; `Sequence` is its other name, as in Keras.

    A subclass defines ``__len__``, the number of batches, and ``__getitem__(index)``, which returns
    ``(x, y)`` or ``(x, y, sample_weight)``; and, if it likes, `on_epoch_end`, to shuffle. Batches come in
    order, in the thread that trains.

    Parameters
    ----------
    workers, use_multiprocessing, max_queue_size : optional
        Accepted, as Keras has them, and without effect.

    Examples
    --------
    >>> import numpy as np, fastnn
    >>> class Squares(fastnn.utils.PyDataset):
    ...     def __len__(self):
    ...         return 4
    ...     def __getitem__(self, index):
    ...         x = np.linspace(index, index + 1, 8)[:, None]
    ...         return x, x**2
    >>> model = fastnn.Sequential([fastnn.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> model.fit(Squares(), epochs=2, verbose=0).epoch
    [0, 1]
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __len__(self) -> int:
        """Return the number of batches."""
        raise NotImplementedError(f"{type(self).__name__} must define __len__(self), the number of batches")

    def __getitem__(self, index: int) -> Any:
        """Return a batch."""
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(self, index), a batch")

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self)))

    @property
    def num_batches(self) -> int:
        """The number of batches."""
        return len(self)

    def on_epoch_begin(self) -> None:
        """Do nothing; `fit` does not call it."""

    def on_epoch_end(self) -> None:
        """Call after the last batch of an epoch."""


Sequence = PyDataset
