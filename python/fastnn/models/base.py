"""What all models share: tracing, prediction, summary."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastnn import _core, data_adapter
from fastnn._names import nearest
from fastnn.callbacks import CallbackList
from fastnn.layers._arguments import positive
from fastnn.layers.base import Layer
from fastnn.layers.context import BuildContext
from fastnn.layers.weight import Weight
from fastnn.models.differentiable import Differentiable
from fastnn.models.training import Trainable
from fastnn.progress import make_progress
from fastnn.tensor import Shape

if TYPE_CHECKING:
    from fastnn.models.profiling import Profile

Array = npt.NDArray[Any]
Runs = Iterator[tuple[Callable[[], list[Array]], int]]

_LARGEST_BATCH = 4096
_SMALL_BATCH = 32  # rows that `predict` computes in one go, without looking at the keyboard
_LARGEST_TENSOR = 2**24  # elements in a tensor of a batch whose size was not asked for
_LONGEST_RUN = 0.1  # seconds between looks at the keyboard and the progress bar


class Model(Trainable, Differentiable, Layer):
    """Base of all models: a layer that can be traced into a graph by itself.

    Parameters
    ----------
    name : str, optional
    **kwargs
        Those of `Layer`.

    Attributes
    ----------
    structure_version : int
        Grows whenever layers come or go, so that what was made of the old structure can be thrown away.

    Examples
    --------
    >>> import fastnn
    >>> issubclass(fastnn.Sequential, fastnn.Model)
    True
    """

    def __init__(self, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.structure_version = 0
        self._prediction: tuple[int, _core.Function, int] | None = None
        self._ready: tuple[int, tuple[int, ...], Callable[..., list[Array]]] | None = None

    # Structure -----------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers that the model is made of, in order."""
        return self._sublayers()

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return a layer by its name or its index.

        Raises
        ------
        ValueError
            If there is no such layer, or not exactly one of `name` and `index` is given.
        """
        layers = self.layers
        if (name is None) == (index is None):
            raise ValueError(f"{self.label}: get_layer takes either a name or an index")
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ValueError(f"{self.label}: no layer {index}, there are {len(layers)}")
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        raise ValueError(
            f"{self.label}: no layer named {name!r}{nearest(str(name), [x.name for x in layers])}"
        )

    def input_shapes(self) -> list[Shape]:
        """Return the shapes of the inputs, each beginning with None; the model must be built."""
        raise NotImplementedError

    def layer_output_shapes(self) -> list[Shape | None]:
        """Return each layer's output shape; None where it is not known."""
        return [None] * len(self.layers)

    def trace(self, training: bool = False) -> BuildContext:
        """Make a graph of the model.

        Parameters
        ----------
        training : bool, default False

        Returns
        -------
        BuildContext
            With graph, inputs, outputs, weights, updates and penalties.
        """
        raise NotImplementedError

    def summary(
        self,
        line_length: int | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
    ) -> None:
        """Print a table of the layers, their output shapes and numbers of parameters.

        Parameters
        ----------
        line_length : int, optional
            Width of the table.
        print_fn : callable, optional
            Gets the whole table as a string, instead of `print`.
        expand_nested : bool, default False
            Show the layers of models within the model.
        show_trainable : bool, default False
            Show which layers are trainable.
        """
        from fastnn.models.summary import summary_text

        (print_fn or print)(summary_text(self, line_length, expand_nested, show_trainable))

    def profile(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int = 128,
        epochs: int = 1,
        training: bool = True,
    ) -> Profile:
        """Time every step of the plan that trains (or evaluates) the model.

        Weights, moving statistics and the optimizer are as before afterwards. The environment's
        ``FASTNN_PROFILE=1`` lets every `fit` print such a table at its end.

        Parameters
        ----------
        x, y : array_like, optional
            Data, as for `fit`; the model must be compiled. Without them 20 batches of noise are used.
        batch_size : int, default 128
        epochs : int, default 1
            Times to run over the data.
        training : bool, default True
            Whether to time training steps, or evaluation.

        Returns
        -------
        Profile
            A table when printed: op, layer, calls, time a step, GFLOP/s, share of the multiply-add peak,
            bytes.

        Examples
        --------
        >>> import fastnn
        >>> model = fastnn.models.mlp()
        >>> model.compile("adam", "sparse_categorical_crossentropy")
        >>> table = model.profile(batch_size=32)
        >>> "dense_grad_kernel" in str(table)
        True
        """
        from fastnn.models.profiling import profile_model

        size = positive(self.label, "batch_size", batch_size)
        return profile_model(self, x, y, size, positive(self.label, "epochs", epochs), training)

    # Files ---------------------------------------------------------------------------------------

    def named_weights(self) -> dict[str, Weight]:
        """Return all weights by their names in the model: ``"dense/kernel"``, ``"block/dense/kernel"``.

        Raises
        ------
        ValueError
            If two weights have the same name.
        """
        found: dict[str, Weight] = {}
        seen: set[int] = set()

        def visit(layer: Layer, prefix: str) -> None:
            if id(layer) in seen:
                return
            seen.add(id(layer))
            for weight in layer._weights:
                if found.setdefault(prefix + weight.name, weight) is not weight:
                    raise ValueError(f"{self.label}: two weights are named '{prefix + weight.name}'")
            for inner in layer._sublayers():
                visit(inner, f"{prefix}{inner.name}/")

        visit(self, "")
        return found

    def save(self, filepath: Any, overwrite: bool = True) -> None:
        """Save architecture, weights, what `compile` got and the training state; see `fastnn.saving`."""
        from fastnn.saving import save_model

        save_model(self, filepath, overwrite)

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Save the weights alone; see `fastnn.saving`."""
        from fastnn.saving import save_weights

        save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: Any, skip_mismatch: bool = False) -> None:
        """Load weights by name from a file of weights or of a whole model; see `fastnn.saving`."""
        from fastnn.saving import load_weights

        load_weights(self, filepath, skip_mismatch)

    def _restore_training_state(self, filepath: Any) -> int:
        """Set weights and training state from a file of this model; return the next epoch."""
        from fastnn.saving import restore_training_state

        return restore_training_state(self, filepath)

    def __reduce__(self) -> Any:
        from fastnn.models.copying import pack, unpack

        return unpack, pack(self)

    # Prediction ----------------------------------------------------------------------------------

    def _input_arrays(self, x: Any) -> list[Array]:
        """Arrays for the model's inputs, checked; builds the model if that is still to be done."""
        array = data_adapter.as_rows(x, f"{self.label}: x")
        if not self.built:
            with self._lock:
                if not self.built:
                    self.build((None, *array.shape[1:]) if array.ndim > 1 else (None, 1))
        (shape,) = self.input_shapes()
        return [data_adapter.match_shape(array, shape, self.label, "x")]

    def _prediction_function(self) -> tuple[_core.Function, int]:
        """Return the function and a batch size that suits it."""
        with self._lock:
            if self._prediction is None or self._prediction[0] != self.structure_version:
                context = self.trace(training=False)
                function = _core.Function(context.graph, [t.id for t in context.outputs])
                batch = min(max(_LARGEST_TENSOR // context.largest, 32), _LARGEST_BATCH)
                self._prediction = (self.structure_version, function, batch)
            return self._prediction[1:]

    def _run(self, arrays: list[Array], capacity: int | None = None) -> list[Array]:
        """Return the outputs for all rows, by the plan for batches of `capacity`."""
        function, suited = self._prediction_function()
        return function.run(arrays, capacity or min(suited, _rounded(len(arrays[0]))))

    def predict_on_batch(self, x: Any) -> Any:
        """Return the outputs for one batch, computed at once.

        Parameters
        ----------
        x : array_like

        Returns
        -------
        numpy.ndarray
        """
        ready = self._ready
        if ready is not None and self._is_ready(x):
            return _single(ready[2]([x], _rounded(len(x))))
        arrays = self._input_arrays(x)
        result = _single(self._run(arrays))
        if len(arrays) == 1:
            self._ready = (self.structure_version, arrays[0].shape[1:], self._prediction_function()[0].run)
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
        x : array_like or iterable of batches
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
        numpy.ndarray
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
            size = batch_size or self._prediction_function()[1]
            if steps is not None:
                arrays = [a[: steps * size] for a in arrays]
            total = -(-len(arrays[0]) // size)
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
                    hooks.on_predict_batch_end(done, {"outputs": _single(parts[-1])})
                done += count
                progress.update(done)
            if not parts:
                raise ValueError(f"{self.label}: x gave no batches")
            progress.end_epoch({}, steps=done)
        hooks.on_predict_end()
        return _single(
            [column[0] if len(column) == 1 else np.concatenate(column) for column in zip(*parts, strict=True)]
        )

    def _runs_over_arrays(self, arrays: list[Array], size: int, single: bool) -> Runs:
        """Yield runs over ever more batches at once, as long as they take next to no time.

        Only the number of calls depends on the time, never the batches nor the plan that computes them.
        """
        first, count, samples = 0, 1, len(arrays[0])
        capacity = min(size, _rounded(samples))
        while first < samples:
            last = min(first + count * size, samples)
            rows = [a[first:last] for a in arrays]
            began = time.perf_counter()
            yield (lambda rows=rows: self._run(rows, capacity)), -(-(last - first) // size)  # type: ignore[misc]
            took = time.perf_counter() - began
            if not single and took < _LONGEST_RUN / 2:
                count *= 4 if took < _LONGEST_RUN / 8 else 2
            first = last

    def _runs_over_batches(self, x: Any, steps: int | None) -> Runs:
        for batch in itertools.islice(data_adapter.iterate_batches(x), steps):
            arrays = self._input_arrays(data_adapter.split_batch(batch, f"{self.label}: x")[0])
            yield (lambda arrays=arrays: self._run(arrays)), 1  # type: ignore[misc]


def _rounded(samples: int) -> int:
    """Capacity of the plan for so many rows: few plans serve, though the number of rows varies."""
    return 1 << (samples - 1).bit_length()


def _single(values: list[Array]) -> Any:
    return values[0] if len(values) == 1 else values


def _length(x: Any) -> int | None:
    try:
        return len(x)
    except TypeError:
        return None
