"""The base of all metrics: sums over samples in a graph, and a result from the sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnn import _core
from fastnn._names import snake_case
from fastnn.config import check_floating
from fastnn.losses.base import changed_arguments, config_of
from fastnn.losses.labels import match_labels, match_weight
from fastnn.losses.running import Evaluator, predictions, same_length
from fastnn.losses.tracing import of_graph, traced_all

Array = npt.NDArray[Any]


class Metric:
    """Base class of metrics.

    A metric adds nodes to a graph that sum something over samples, in float64; sums of batches are added up
    and `compute` makes the result of them. By itself it works on arrays: `update_state` adds a batch,
    `result` returns the value so far.

    Parameters
    ----------
    name : str, optional
        Key in logs; by default the class's name in snake case.
    dtype : {"float32", "float64"}, optional
        Type of calls on arrays; by default that of the predictions.

    Examples
    --------
    >>> import numpy as np, fastnn
    >>> class MeanPrediction(fastnn.metrics.Metric):
    ...     def build(self, graph, y_true, y_pred, sample_weight=None):
    ...         return graph.add("weighted_sum", [y_pred, sample_weight, None])[:2]
    ...     def compute(self, accumulators):
    ...         return float(accumulators[0] / accumulators[1])
    >>> metric = MeanPrediction()
    >>> metric.update_state(np.zeros((2, 1)), np.array([[1.0], [2.0]]))
    >>> metric.result()
    1.5

    Most are easier written with `fastnn.ops`, by `totals` in the place of `build`:

    >>> from fastnn import ops
    >>> class Dice(fastnn.metrics.Metric):
    ...     def totals(self, y_true, y_pred):
    ...         return [ops.sum(y_true * y_pred, axis=-1), ops.sum(y_true + y_pred, axis=-1)]
    ...     def compute(self, accumulators):
    ...         overlap, both, samples = accumulators
    ...         return float(2 * overlap / both)
    >>> metric = Dice()
    >>> metric.update_state([[1.0, 0.0], [1.0, 1.0]], np.array([[1.0, 0.0], [1.0, 0.0]]))
    >>> metric.result()
    0.8
    """

    direction: str | None = None  # "up" if more is better, "down" if less is
    label_kind: str = "any"  # see fastnn.losses.labels.match_labels
    over_classes: bool = False  # the last axis is one vector: a 1-D array is a single sample
    weight_each_element: bool = False  # whether weights may have the predictions' whole shape

    def __init__(self, name: str | None = None, dtype: str | None = None) -> None:
        self.name = snake_case(type(self).__name__) if name is None else str(name)
        self.dtype = None if dtype is None else check_floating(type(self).__name__, dtype)
        self._state: list[Array] | None = None

    @property
    def label(self) -> str:
        """Class and name, for messages."""
        return f"{type(self).__name__} '{self.name}'"

    # ---- in a graph ------------------------------------------------------------------------------------

    def build(
        self, graph: _core.Graph, y_true: int, y_pred: int, sample_weight: int | None = None
    ) -> list[int]:
        """Add the nodes that sum over a batch.

        Parameters
        ----------
        graph : Graph
        y_true, y_pred : int
            Labels and predictions.
        sample_weight : int, optional
            Weights, of the predictions' type.

        Returns
        -------
        list of int
            float64 tensors without a batch dimension; those of several batches are added up.
        """
        found = traced_all(graph, self.label, self.totals, y_true, y_pred)
        sums = [graph.add("weighted_sum", [values, sample_weight, None]) for values in found]
        return [*(total for total, *_ in sums), sums[-1][1]]

    def totals(self, y_true: Any, y_pred: Any) -> Any:
        """Return what is summed over samples, computed with `fastnn.ops`, where `build` is not defined.

        Parameters
        ----------
        y_true, y_pred : Tensor

        Returns
        -------
        Tensor or list of them
            A number for each sample, or each of its positions. `compute` gets the sums, weighted where there
            are weights, and after them the sum of the weights, or the number of what was summed.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define totals(y_true, y_pred), or build(graph, y_true, y_pred, "
            "sample_weight)"
        )

    def compute(self, accumulators: Sequence[Array]) -> Any:
        """Return the result of sums over all batches, in the order of `build`.

        Parameters
        ----------
        accumulators : sequence of numpy.ndarray

        Returns
        -------
        float or numpy.ndarray
        """
        raise NotImplementedError(f"{type(self).__name__} must define compute(accumulators)")

    # ---- on arrays -------------------------------------------------------------------------------------

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch.

        Parameters
        ----------
        y_true, y_pred : array_like
            Labels and predictions, a row a sample.
        sample_weight : array_like, optional
            One number, one a sample, or one for each position.

        Raises
        ------
        ValueError, TypeError
            If shapes do not fit, or a class index is out of range.
        """
        predicted = predictions(y_pred, self.dtype)
        if predicted.ndim == 0 or (predicted.ndim == 1 and self.over_classes):
            predicted, y_true = predicted[None], np.asarray(y_true)[None]
            sample_weight = None if sample_weight is None else np.reshape(sample_weight, 1)
        dims = predicted.shape[1:]
        true = match_labels(y_true, dims, self.label_kind, self.label, "y_true")
        same_length(self.label, true, predicted)
        weight = match_weight(
            sample_weight, len(predicted), dims if self.weight_each_element else dims[:-1], self.label
        )
        self._add(self._evaluator()(true, predicted, weight, true.shape[1:] != dims))

    def _add(self, sums: list[Array]) -> None:
        if self._state is None:
            self._state = [np.array(part, dtype=np.float64) for part in sums]
            return
        for known, part in zip(self._state, sums, strict=True):
            if known.shape != part.shape:
                raise ValueError(
                    f"{self.label}: this batch has another number of classes or outputs than those before; "
                    "call reset_state() first"
                )
            known += part

    def result(self, accumulators: Sequence[Array] | None = None) -> Any:
        """Return the value.

        Parameters
        ----------
        accumulators : sequence of numpy.ndarray, optional
            Sums of the tensors that `build` returned; by default those of `update_state`.

        Returns
        -------
        float or numpy.ndarray
            0 before the first update.
        """
        sums = self._state if accumulators is None else accumulators
        return 0.0 if sums is None else self.compute(sums)

    def reset_state(self) -> None:
        """Forget all batches."""
        self._state = None

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Add a batch and return the value so far."""
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()

    def _evaluator(self) -> Evaluator:
        made: Evaluator | None = self.__dict__.get("_made_evaluator")
        if made is None:
            made = self.__dict__["_made_evaluator"] = Evaluator(self.build)
        return made

    # ---- configuration ---------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments in plain values."""
        return config_of(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Make a metric from what `get_config` returned."""
        return cls(**config)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_made_evaluator"}

    def __repr__(self) -> str:
        changed = [f"{key}={value!r}" for key, value in changed_arguments(self).items()]
        return f"{type(self).__name__}({', '.join(changed)})"


class MeanMetric(Metric):
    """Base of metrics that are the weighted mean of a number for each position.

    Subclasses define ``values(self, y_true, y_pred)`` of symbolic tensors, written with `fastnn.ops`, or
    ``values(self, graph, y_true, y_pred)`` of a graph and its tensors' numbers.

    Parameters
    ----------
    name, dtype
        See `Metric`.

    Examples
    --------
    >>> import fastnn
    >>> class Overshoot(fastnn.metrics.MeanMetric):
    ...     def values(self, y_true, y_pred):
    ...         return fastnn.ops.cast(y_pred > y_true, "float32")
    >>> Overshoot()([1.0, 1.0, 1.0, 1.0], [0.5, 1.5, 2.0, 3.0])
    0.75
    """

    label_kind = "values"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "values" in cls.__dict__:
            cls.values = of_graph(cls.values)  # type: ignore[method-assign]

    def values(self, graph: _core.Graph, y_true: int, y_pred: int) -> int:
        """Add the nodes that compute a number for each position of each sample; return their tensor."""
        raise NotImplementedError(f"{type(self).__name__} must define values(graph, y_true, y_pred)")

    def mask(self, graph: _core.Graph, y_true: int, values: int) -> int | None:
        """Add a node, like the values, that is 1 where a position counts and 0 elsewhere; None if all do."""
        return None

    def build(
        self, graph: _core.Graph, y_true: int, y_pred: int, sample_weight: int | None = None
    ) -> list[int]:
        """Add the sums of weighted values and of weights."""
        values = self.values(graph, y_true, y_pred)
        mask = self.mask(graph, y_true, values)
        return graph.add("weighted_sum", [values, sample_weight, mask], {}, self.name)[:2]

    def compute(self, accumulators: Sequence[Array]) -> float:
        """Divide the one by the other; 0 if all weights are 0."""
        total, weights = (float(part) for part in accumulators)
        return total / weights if weights != 0 else 0.0


class Mean(MeanMetric):
    """The weighted mean of numbers.

    Parameters
    ----------
    name, dtype
        See `Metric`.

    Examples
    --------
    >>> from fastnn.metrics import Mean
    >>> mean = Mean()
    >>> mean.update_state([1.0, 3.0])
    >>> mean.update_state([8.0], sample_weight=2)
    >>> mean.result()
    5.0
    """

    def __init__(self, name: str | None = "mean", dtype: str | None = None) -> None:
        super().__init__(name, dtype)

    def values(self, graph: _core.Graph, y_true: int, y_pred: int) -> int:
        """Return the predictions."""
        return y_pred

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Add numbers.

        Parameters
        ----------
        values : array_like
        sample_weight : array_like, optional
            One number, or one for each row or each value.
        """
        numbers = predictions(values, self.dtype, f"{self.label}: values")
        numbers = numbers[None] if numbers.ndim == 0 else numbers
        weight = match_weight(sample_weight, len(numbers), numbers.shape[1:], self.label)
        self._add(self._evaluator()(numbers, numbers, weight, False))

    def __call__(self, values: Any, sample_weight: Any = None) -> Any:  # type: ignore[override]
        """Add numbers and return the mean so far."""
        self.update_state(values, sample_weight)
        return self.result()
