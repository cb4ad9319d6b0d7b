"""predict and predict_on_batch."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastnn import _core, data_adapter
from fastnn.callbacks import CallbackList
from fastnn.layers._arguments import positive
from fastnn.layers.nest import leaves
from fastnn.progress import make_progress
from fastnn.tensor import Tensor

Array = npt.NDArray[Any]
Runs = Iterator[tuple[Callable[[], list[Array]], int]]

_KEPT = 16  # functions, each for the shapes of some inputs
_LARGEST_BATCH = 4096
_SMALL_BATCH = 32  # rows that `predict` computes in one go, without looking at the keyboard
_LARGEST_TENSOR = 2**24  # elements in a tensor of a batch whose size was not asked for
_LONGEST_RUN = 0.1  # seconds between looks at the keyboard and the progress bar


class Predicting:
    """Mixin that gives a model `predict` and `predict_on_batch`."""

    label: Any
    structure_version: int
    trace: Callable[..., Any]
    _lock: threading.RLock
    _arenas: _core.ArenaPool
    _predictions: dict[Any, tuple[Any, int]]
    _ready: tuple[int, tuple[int, ...], Callable[..., list[Array]]] | None
    _pace: tuple[Any, float] | None  # the function that ran last, and its seconds a sample
    _input_arrays: Callable[[Any], list[Array]]
    _inputs_like: Callable[[list[Array]], Any]
    _shapes_key: Callable[[list[Array]], Any]
    _pack: Callable[[list[Any]], Any]
    _output: Any

    if TYPE_CHECKING:

        @property
        def _fixed_inputs(self) -> bool: ...

        @property
        def output_names(self) -> list[str]:
            """The outputs' names."""

    def _prediction_function(self, arrays: list[Array]) -> tuple[Any, int]:
        """Return the function for inputs of these shapes, and a batch size that suits it."""
        with self._lock:
            key = (self.structure_version, self._shapes_key(arrays))
            found = self._predictions.pop(key, None)
            if found is None:
                context = self.trace(training=False, inputs=self._inputs_like(arrays))
                fetch = [t.id for t in context.outputs]
                suited = min(max(_LARGEST_TENSOR // context.largest, 32), _LARGEST_BATCH)
                if context.updates:
                    stateful = _Stateful(
                        context.graph, fetch, context.updates, context.batch_size, self._arenas
                    )
                    found = stateful, context.batch_size or suited
                else:
                    found = _core.Function(context.graph, fetch, arenas=self._arenas), suited
            self._predictions[key] = found  # most recently used last
            if len(self._predictions) > _KEPT:
                self._predictions.pop(next(iter(self._predictions)))
            return found

    def _run(self, arrays: list[Array], capacity: int | None = None) -> list[Array]:
        """Return the outputs for all rows, by the plan for batches of `capacity`."""
        function, suited = self._prediction_function(arrays)
        found: list[Array] = function.run(arrays, capacity or min(suited, _rounded(len(arrays[0]))))
        return found

    def predict_on_batch(self, x: Any) -> Any:
        """Return the outputs for one batch, computed at once.

        Parameters
        ----------
        x : array_like, or list or dict of them

        Returns
        -------
        numpy.ndarray, or a structure of them like the model's outputs
        """
        ready = self._ready
        if ready is not None and self._is_ready(x):
            return self._pack(ready[2]([x], _rounded(len(x))))
        arrays = self._input_arrays(x)
        result = self._pack(self._run(arrays))
        if len(arrays) == 1 and self._fixed_inputs:
            run = self._prediction_function(arrays)[0].run
            self._ready = (self.structure_version, arrays[0].shape[1:], run)
        return result

    def _is_ready(self, x: Any) -> bool:
        """Whether nothing of a small batch is to be converted or checked."""
        ready = self._ready
        return (
            ready is not None
            and type(x) is np.ndarray
            and x.shape[1:] == ready[1]
            and 0 < len(x) <= _SMALL_BATCH
            and x.dtype in data_adapter.READ
            and x.flags.carray
            and x.size > 0
            and ready[0] == self.structure_version
        )

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Return the outputs for all samples.

        Parameters
        ----------
        x : array_like, list or dict of them, or iterable of batches
            What `fit` takes; targets in the batches of an iterable are left aside.
        batch_size : int, optional
            Samples that are computed together; the default suits most models. The result does not depend
            on it but for rounding.
        verbose : {0, 1, 2, "auto"}, default "auto"
            1 shows a progress bar, 2 a line, 0 nothing.
        steps : int, optional
            Number of batches after which to stop.
        callbacks : list of Callback, optional

        Returns
        -------
        numpy.ndarray, or a structure of them like the model's outputs
            With a row a sample.

        Raises
        ------
        ValueError
            If the data are empty or do not fit the model.
        TypeError
            If they are not numbers.
        """
        batch_size = None if batch_size is None else positive(self.label, "batch_size", batch_size)
        steps = None if steps is None else positive(self.label, "steps", steps)
        if verbose == 0 and callbacks is None and steps is None and batch_size is None and self._is_ready(x):
            return self.predict_on_batch(x)
        hooks = CallbackList(callbacks, model=self)
        if data_adapter.is_batches(x):
            if batch_size is not None:
                raise ValueError(
                    f"{self.label}: batch_size must not be given where x is an iterable of batches"
                )
            total = steps if steps is not None else _length(x)
            runs = self._runs_over_batches(x, steps)
        else:
            arrays = self._input_arrays(x)
            size = batch_size or self._prediction_function(arrays)[1]
            if steps is not None:
                arrays = [a[: steps * size] for a in arrays]
            total = -(-len(arrays[0]) // size)
            if total > 1:
                self._refuse_outputs_of_batches()
            runs = self._runs_over_arrays(arrays, size, hooks.needs_predict_batches)
        hooks.set_params({"steps": total, "verbose": verbose})
        parts: list[list[Array]] = []
        done = 0
        with make_progress(verbose, steps=total) as progress:
            progress.begin_epoch(0)
            hooks.on_predict_begin()
            for run, count in runs:
                if hooks.needs_predict_batches:
                    hooks.on_predict_batch_begin(done)
                parts.append(run())
                if hooks.needs_predict_batches:
                    hooks.on_predict_batch_end(done, {"outputs": self._pack(parts[-1])})
                done += count
                progress.update(done)
            if not parts:
                raise ValueError(f"{self.label}: x gave no batches")
            progress.end_epoch({}, steps=done)
        hooks.on_predict_end()
        return self._pack([self._joined(column) for column in zip(*parts, strict=True)])

    def _refuse_outputs_of_batches(self) -> None:
        for name, tensor in zip(self.output_names, leaves(self._output), strict=False):
            if isinstance(tensor, Tensor) and tensor.shape[:1] != (None,):
                raise ValueError(
                    f"{self.label}: output '{name}' of shape {tensor.shape} is one for a batch, not one for "
                    "each sample, and those of several batches cannot be joined; use predict_on_batch, or a "
                    "larger batch_size"
                )

    def _joined(self, parts: tuple[Array, ...]) -> Array:
        if len(parts) == 1:
            return parts[0]
        shapes = {part.shape[1:] for part in parts}
        if len(shapes) > 1:
            raise ValueError(
                f"{self.label}: the outputs of the batches have different shapes, "
                f"{' and '.join(str((None, *shape)) for shape in sorted(shapes)[:3])}, and cannot be joined; "
                "use predict_on_batch for each"
            )
        return np.concatenate(parts)

    def _runs_over_arrays(self, arrays: list[Array], size: int, single: bool) -> Runs:
        """Yield runs over ever more batches at once, as long as they take next to no time.

        Only the number of calls depends on the time, never the batches nor the plan that computes them.
        """
        first, count, samples = 0, 1, len(arrays[0])
        capacity = min(size, _rounded(samples))
        function = self._prediction_function(arrays)[0]
        pace = self._pace
        if pace is not None and pace[0] is function and not single:
            count = max(1, int(_LONGEST_RUN / 2 / (pace[1] * size)))
        while first < samples:
            last = min(first + count * size, samples)
            rows = [a[first:last] for a in arrays]
            began = time.perf_counter()
            yield (lambda rows=rows: self._run(rows, capacity)), -(-(last - first) // size)  # type: ignore[misc]
            took = time.perf_counter() - began
            self._pace = function, max(took / (last - first), 1e-12)
            if not single and took < _LONGEST_RUN / 2:
                count *= 4 if took < _LONGEST_RUN / 8 else 2
            first = last

    def _runs_over_batches(self, x: Any, steps: int | None) -> Runs:
        for batch in itertools.islice(data_adapter.iterate_batches(x), steps):
            arrays = self._input_arrays(data_adapter.split_batch(batch, f"{self.label}: x")[0])
            yield (lambda arrays=arrays: self._run(arrays)), 1  # type: ignore[misc]


class _Stateful:
    """A function of layers that keep state: it goes batch by batch and hands the state on."""

    def __init__(
        self,
        graph: _core.Graph,
        fetch: list[int],
        updates: list[tuple[Any, Any]],
        samples: int | None,
        arenas: _core.ArenaPool,
    ) -> None:
        fetched = [*fetch, *(value.id for _, value in updates)]
        self._function = _core.Function(graph, fetched, arenas=arenas)
        self._weights = [weight for weight, _ in updates]
        self._outputs = len(fetch)
        self._samples = samples  # in a batch, if state has a row for each of them

    def run(self, arrays: list[Array], capacity: int) -> list[Array]:
        parts: list[list[Array]] = []
        samples = self._samples or capacity
        for first in range(0, len(arrays[0]), samples):
            found = self._function.run([a[first : first + samples] for a in arrays])
            parts.append(found[: self._outputs])
            for weight, value in zip(self._weights, found[self._outputs :], strict=True):
                weight.assign(value)
        return [c[0] if len(c) == 1 else np.concatenate(c) for c in zip(*parts, strict=True)]


def _rounded(samples: int) -> int:
    """Capacity of the plan for so many rows: few plans serve, though the number of rows varies."""
    return 1 << (samples - 1).bit_length()


def _length(x: Any) -> int | None:
    try:
        return len(x)
    except TypeError:
        return None
