"""From what users pass to `fit` and `evaluate` to checked `Data`, or to batches of it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastnn import _numbers
from fastnn.data_adapter import as_rows, is_batches, iterate_batches, split_batch
from fastnn.models.loop import Data
from fastnn.models.structure import by_name, distribute

if TYPE_CHECKING:
    from fastnn.models.base import Model
    from fastnn.models.compiled import Objectives


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
        if y is None and self.model._needs_labels(x):
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
    if y is None and (is_batches(x) or _lists_batches(x)):
        if sample_weight is not None:
            raise ValueError(
                f"{caller}: with an iterable, sample weights come as (x, y, sample_weight) batches"
            )
        return Batches(model, x, class_weight, caller)
    if y is None and model._needs_labels(x):
        raise ValueError(f"{caller}: y is missing; pass the labels or targets of the rows of x")
    return _prepare_arrays(model, x, y, sample_weight, class_weight, caller)


def _lists_batches(x: Any) -> bool:
    """Whether this is a list of (x, y) or (x, y, sample_weight) batches, and not of arrays."""
    return (
        isinstance(x, list)
        and bool(x)
        and all(isinstance(batch, tuple) and len(batch) in (2, 3) for batch in x)
        and all(np.ndim(part) > 0 for part in x[0][:2] if not isinstance(part, (dict, list, tuple)))
    )


def _prepare_arrays(
    model: Any, x: Any, y: Any, sample_weight: Any, class_weight: Mapping[Any, Any] | None, caller: str
) -> Data:
    from fastnn.losses.labels import match_labels

    rows = model._input_arrays(x)
    samples = int(rows[0].shape[0])
    objectives = model._objectives()
    names = objectives.names
    dims = model._output_dims(rows)
    given: list[Any] = [None] * len(names)
    if y is not None:
        given = distribute(caller, "y", y, model.output, names, optional=True)
    labels: list[npt.NDArray[Any] | None] = []
    for position, (item, loss) in enumerate(zip(given, objectives.losses, strict=True)):
        name = "y" if len(given) == 1 else f"y[{names[position]!r}]"
        if not objectives.needs_labels(position):
            labels.append(None)
            continue
        if item is None:
            raise ValueError(f"{caller}: {name} is missing, but compile gave this output a loss or metrics")
        if (
            isinstance(item, (list, tuple))
            and len(item) == 1 < samples
            and np.shape(item[0])[:1] == (samples,)
        ):
            item = item[0]  # [y], as Keras takes it
        array = as_rows(item, f"{caller}: {name}")
        if array.shape[0] != samples:
            raise ValueError(
                f"{caller}: x has {samples} rows, but {name} has {array.shape[0]}; "
                "they must be of the same length"
            )
        if loss is None:
            labels.append(match_labels(array, dims[position], "any", caller, name))
        else:
            labels.append(loss.check_labels(array, dims[position], name))
    weights = _sample_weights(sample_weight, samples, dims, model.output, names, caller)
    tables = _class_tables(class_weight, objectives, labels, dims, caller)
    return Data(rows, labels, weights, tables)


def _sample_weights(
    given: Any, samples: int, dims: list[list[int]], structure: Any, names: Sequence[str], caller: str
) -> list[npt.NDArray[Any] | None]:
    """Weights for each output: one array for all of them, or a list or dict."""
    if given is None:
        return [None] * len(names)
    several = isinstance(given, Mapping) or (
        isinstance(given, (list, tuple)) and len(names) > 1 and (not given or np.ndim(given[0]) > 0)
    )
    if isinstance(given, (list, tuple)) and len(names) > 1 and any(item is None for item in given):
        several = True
    parts = [given] * len(names)
    if several:
        parts = distribute(caller, "sample_weight", given, structure, names, optional=True)
    from fastnn.losses.labels import match_weight

    result = []
    for part, extents, name in zip(parts, dims, names, strict=True):
        what = caller if len(names) == 1 else f"{caller}: output '{name}'"
        result.append(match_weight(part, samples, extents[:-1], what))
    return result


def _class_tables(
    given: Any, objectives: Objectives, labels: Sequence[Any], dims: list[list[int]], caller: str
) -> list[tuple[float, ...] | None]:
    """Weights of each output's classes, in order."""
    names = objectives.names
    if given is None:
        return [None] * len(names)
    if not isinstance(given, Mapping):
        raise TypeError(
            f"{caller}: class_weight must be a dict from class to weight, got {type(given).__name__}"
        )
    if len(names) > 1:
        if not all(isinstance(part, Mapping) for part in given.values()):
            raise ValueError(
                f"{caller}: for several outputs class_weight must be a dict of dicts by output: "
                f"{{'{names[0]}': {{0: 1.0}}}}"
            )
        parts = by_name(caller, "class_weight", given, names)
    else:
        parts = [given]
    tables: list[tuple[float, ...] | None] = []
    for part, extents, y, name in zip(parts, dims, labels, names, strict=True):
        if part is None or y is None:
            tables.append(None)
            continue
        classes = max(extents[-1] if extents else 1, 2)
        if not (np.equal(y, np.rint(y)) & (y >= 0)).all():
            raise ValueError(
                f"{caller}: class_weight is for labels of classes, but the labels of output '{name}' are not "
                "0, 1, … or one-hot; pass sample_weight instead"
            )
        table = [1.0] * classes
        for number, factor in part.items():
            if isinstance(number, (bool, np.bool_)) or not isinstance(number, (int, np.integer)):
                raise TypeError(f"{caller}: class_weight must have class indices as keys, got {number!r}")
            if not 0 <= number < classes:
                raise ValueError(
                    f"{caller}: class_weight has a weight for class {number}, but output '{name}' has "
                    f"{classes} classes"
                )
            table[int(number)] = _numbers.real(caller, f"class_weight[{number}]", factor, 0)
        tables.append(tuple(table))
    return tables


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
