"""From what users pass to `fit` and `evaluate` to checked `Data`, or to batches of it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sized
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastnn.data_adapter import as_rows, is_batches, iterate_batches, split_batch
from fastnn.models.loop import Data

if TYPE_CHECKING:
    from fastnn.models.base import Model

_END = object()


class Batches:
    """An iterable of batches, each turned into `Data` when it comes.

    What can only be gone through once (a generator) is gone on with, epoch after epoch.

    Parameters
    ----------
    model : Model
    source : iterable
        Of ``x``, ``(x, y)`` or ``(x, y, sample_weight)``.
    class_weight : mapping, optional
    caller : str
        Named in messages.
    """

    def __init__(self, model: Model, source: Iterable[Any], class_weight: Any, caller: str) -> None:
        self.model = model
        self.source = source
        self.class_weight = class_weight
        self.caller = caller
        self.length: int | None = len(source) if isinstance(source, Sized) else None
        self._open: Iterator[Any] | None = None  # where the next epoch goes on

    def __iter__(self) -> Iterator[Data]:
        return self.epoch()

    def epoch(self, steps: int | None = None, anew: bool = False) -> Iterator[Data]:
        """Give the batches of one epoch.

        Parameters
        ----------
        steps : int, optional
            How many; no more than these are drawn. By default all that there are.
        anew : bool, default False
            Begin at the first batch even if the last epoch, of `steps` batches, ended before the last one.

        Yields
        ------
        Data
        """
        found = None if anew or steps is None else self._open
        fresh = found is None
        if found is None:
            found = iterate_batches(self.source)
        done = 0
        while done != steps:
            batch = next(found, _END)
            if batch is not _END:
                self._open = found
                done += 1
                yield self._prepared(batch)
                continue
            if hasattr(self.source, "on_epoch_end"):
                self.source.on_epoch_end()  # where Keras' sequences shuffle themselves
            if done or fresh:
                self._open = None
                self._warn_of_the_end(done, steps)
                return
            found, fresh = iterate_batches(self.source), True  # the last epoch took the last batch

    def _warn_of_the_end(self, done: int, steps: int | None) -> None:
        if done and steps is not None:
            warnings.warn(
                f"{self.caller}: the iterable ended after {done} of {steps} steps; give one with more "
                "batches, or take fewer steps",
                RuntimeWarning,
                stacklevel=2,
            )

    def _prepared(self, batch: Any) -> Data:
        x, y, weight = split_batch(batch, f"{self.caller}: batch")
        if y is None:
            raise ValueError(
                f"{self.caller}: an iterable must give (x, y) or (x, y, sample_weight) batches, "
                "but a batch came without y"
            )
        return _prepare_arrays(self.model, x, y, weight, self.class_weight, self.caller)


def prepare(
    model: Any, x: Any, y: Any, sample_weight: Any, class_weight: Mapping[int, float] | None, caller: str
) -> Data | Batches:
    """Check what a user passed and make it `Data`, or `Batches` of an iterable.

    Raises
    ------
    ValueError, TypeError
        With the argument's name, what was expected and what came.
    """
    if x is None:
        raise ValueError(f"{caller}: x is missing; pass arrays x and y, or an iterable of (x, y) batches")
    if y is None:
        if not is_batches(x):
            raise ValueError(f"{caller}: y is missing; pass the labels or targets of the rows of x")
        if sample_weight is not None:
            raise ValueError(
                f"{caller}: with an iterable, sample weights come as (x, y, sample_weight) batches"
            )
        return Batches(model, x, class_weight, caller)
    return _prepare_arrays(model, x, y, sample_weight, class_weight, caller)


def _prepare_arrays(
    model: Any, x: Any, y: Any, sample_weight: Any, class_weight: Mapping[int, float] | None, caller: str
) -> Data:
    rows = model._input_arrays(x)
    samples = int(rows[0].shape[0])
    shapes = model.output_shapes()
    given = list(y) if isinstance(y, (tuple, list)) and len(shapes) > 1 else [y]
    if len(given) != len(shapes):
        raise ValueError(f"{caller}: the model has {len(shapes)} outputs, but y has {len(given)} parts")
    labels = []
    for position, (item, loss, shape) in enumerate(zip(given, model.compiled.losses, shapes, strict=True)):
        name = "y" if len(given) == 1 else f"y[{position}]"
        array = as_rows(item, f"{caller}: {name}")
        if array.shape[0] != samples:
            raise ValueError(
                f"{caller}: x has {samples} rows, but {name} has {array.shape[0]}; "
                "they must be of the same length"
            )
        labels.append(loss.check_labels(array, [int(n) for n in shape[1:]], name))
    weight = None
    if sample_weight is not None:
        weight = as_rows(sample_weight, f"{caller}: sample_weight")
        if weight.ndim == 2 and weight.shape[1] == 1:
            weight = weight[:, 0]
        if weight.shape != (samples,):
            raise ValueError(f"{caller}: sample_weight must have shape ({samples},), got {weight.shape}")
    if class_weight is not None:
        factors = _class_factors(labels[0], class_weight, caller)
        weight = factors if weight is None else weight * factors
    return Data(rows, labels, weight)


def _class_factors(y: npt.NDArray[Any], class_weight: Mapping[int, float], caller: str) -> npt.NDArray[Any]:
    """Weight of each sample's class: a table look-up."""
    if not isinstance(class_weight, Mapping):
        raise TypeError(
            f"{caller}: class_weight must be a dict from class to weight, got {type(class_weight).__name__}"
        )
    ids = y.reshape(len(y), -1)
    ids = ids[:, 0] if ids.shape[1] == 1 else ids.argmax(axis=1)
    ids = ids.astype(np.int64)
    table = np.ones(int(max(ids.max(), *class_weight, 0)) + 1, dtype=np.float32)
    for number, factor in class_weight.items():
        table[int(number)] = factor
    return np.asarray(table[ids])


def split_validation(feed: Data | Batches, share: float) -> tuple[Data, Data]:
    """Part the last `share` of the rows off, as views."""
    if isinstance(feed, Batches):
        raise ValueError("fit: validation_split needs arrays; with an iterable pass validation_data")
    if not 0 < share < 1:
        raise ValueError(f"fit: validation_split must be between 0 and 1, got {share}")
    kept = int(feed.samples * (1.0 - share))
    if kept < 1 or kept >= feed.samples:
        raise ValueError(f"fit: validation_split={share} of {feed.samples} rows leaves one part empty")
    return feed.part(0, kept), feed.part(kept, feed.samples)
