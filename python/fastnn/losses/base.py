"""The base of all losses: labels, reduction, and the way into a graph."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnn import _core
from fastnn._names import one_of, snake_case
from fastnn.config import check_floating
from fastnn.losses.labels import match_labels, match_weight
from fastnn.losses.running import Evaluator, predictions, same_length
from fastnn.losses.tracing import of_graph

Array = npt.NDArray[Any]

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none")


class Loss:
    """Base class of losses.

    A loss of one's own defines `call`, and `label_kind` if its labels are class indices or one-hot:
    ``call(self, y_true, y_pred)`` of symbolic tensors, written with `fastnn.ops`, or
    ``call(self, graph, y_true, y_pred)`` of a graph and its tensors' numbers.

    Parameters
    ----------
    name : str, optional
        Shown in messages; by default the class's name in snake case.
    reduction : {"sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none", None}
        What becomes of the losses of samples and positions, multiplied by their weights: their sum divided
        by their number (two names for it), their sum, their sum divided by the sum of weights, or nothing:
        an array. Positions that `ignore_class` leaves out do not count.
    dtype : {"float32", "float64"}, optional
        Type of calls on arrays; by default that of the predictions, as `fastnn.config.floatx` says for
        anything but float64 arrays.

    Raises
    ------
    ValueError
        If the reduction is not known.

    Examples
    --------
    >>> import numpy as np, fastnn
    >>> class SquaredError(fastnn.losses.Loss):
    ...     def call(self, y_true, y_pred):
    ...         return fastnn.ops.square(y_true - y_pred)
    >>> SquaredError(reduction="sum")(np.array([[1.0], [2.0]]), np.array([[1.5], [4.0]]))
    4.25
    """

    label_kind: str = "values"  # or "one-hot", "ids": see fastnn.losses.labels.match_labels
    over_classes: bool = False  # the last axis is one vector: a 1-D array is a single sample

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: str | None = None,
    ) -> None:
        self.name = snake_case(type(self).__name__) if name is None else str(name)
        self.reduction = one_of(
            type(self).__name__, "reduction", "none" if reduction is None else reduction, REDUCTIONS
        )
        self.dtype = None if dtype is None else check_floating(type(self).__name__, dtype)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "call" in cls.__dict__:
            cls.call = of_graph(cls.call)  # type: ignore[method-assign]

    @property
    def label(self) -> str:
        """Class and name, for messages."""
        return f"{type(self).__name__} '{self.name}'"

    # ---- in a graph ------------------------------------------------------------------------------------

    def call(self, graph: _core.Graph, y_true: int, y_pred: int) -> int:
        """Add the nodes that compute the losses: one number for each position of each sample.

        Parameters
        ----------
        graph : Graph
        y_true, y_pred : int
            Labels as `label_spec` describes them, and predictions.

        Returns
        -------
        int
            The losses' tensor.
        """
        raise NotImplementedError(f"{type(self).__name__} must define call(graph, y_true, y_pred)")

    def mask(self, graph: _core.Graph, y_true: int, losses: int) -> int | None:
        """Add a node, like the losses, that is 1 where a position counts and 0 elsewhere; None if all do."""
        return None

    def label_spec(self, prediction_dims: Sequence[int], dtype: str = "float32") -> tuple[list[int], str]:
        """Say what the labels' graph input must be.

        Parameters
        ----------
        prediction_dims : sequence of int
            Shape of the predictions without the batch dimension.
        dtype : str, default "float32"
            Type of the predictions.

        Returns
        -------
        tuple
            Shape without the batch dimension, and dtype.
        """
        dims = [int(n) for n in prediction_dims]
        return (dims[:-1], "int32") if self.label_kind == "ids" else (dims, dtype)

    def check_labels(self, y: Any, prediction_dims: Sequence[int], name: str = "y") -> Array:
        """Check labels by shape and dtype and return them in the shape of `label_spec`.

        Parameters
        ----------
        y : array_like
        prediction_dims : sequence of int
            Shape of the predictions without the batch dimension.
        name : str, default "y"
            The argument's name, for messages.

        Returns
        -------
        numpy.ndarray
            A view of `y` where that is possible; of any numeric dtype.

        Raises
        ------
        ValueError
            If the shape does not fit, as when labels are one-hot where class indices are meant.
        TypeError
            If they are no numbers.
        """
        return match_labels(y, prediction_dims, self.label_kind, self.label, name)

    def build(
        self,
        graph: _core.Graph,
        y_true: int,
        y_pred: int,
        sample_weight: int | None = None,
        name: str | None = None,
        mask: int | None = None,
    ) -> int:
        """Add the nodes that compute the batch's loss.

        Parameters
        ----------
        graph : Graph
        y_true, y_pred : int
            Labels as `label_spec` describes them, and predictions.
        sample_weight : int, optional
            Weights, of the predictions' type: one a sample, or one for each of its leading positions.
        name : str, optional
            Of the last node, for messages; by default the loss's.
        mask : int, optional
            The predictions' mask: 1 where a step counts, 0 where it is padding.

        Returns
        -------
        int
            A float64 number.

        Raises
        ------
        ValueError
            If the reduction is none.
        """
        if self.reduction == "none":
            raise ValueError(
                f"{self.label}: reduction=None gives a loss for each sample, but training needs one number; "
                "use reduction='sum_over_batch_size' or 'sum'"
            )
        title = self.name if name is None else name
        values = self.call(graph, y_true, y_pred)
        own = self.mask(graph, y_true, values)
        if mask is not None:
            missing = len(graph.shape(values)) - len(graph.shape(mask))
            if missing < 0 or graph.shape(values)[: len(graph.shape(mask))] != graph.shape(mask):
                steps, found = (None, *graph.shape(mask)), (None, *graph.shape(values))
                raise ValueError(
                    f"{self.label}: the predictions' mask has shape {steps}, but there are losses for {found}"
                )
            aligned = graph.add("reshape", [mask], {"shape": [*graph.shape(mask), *[1] * missing]})[0]
            aligned = graph.add("broadcast_to", [aligned], {"shape": graph.shape(values)})[0]
            own = aligned if own is None else graph.add("multiply", [own, aligned], {}, title)[0]
        mask = own
        operands = [values, sample_weight, mask]
        weighted = self.reduction == "mean_with_sample_weight" and sample_weight is not None
        if self.reduction == "sum":
            return graph.add("weighted_sum", operands, {}, title)[0]
        if mask is None and not weighted:
            return graph.add("weighted_sum", operands, {"mean": True}, title)[0]
        total, weights, count = graph.add("weighted_sum", operands, {}, title)
        return graph.add("safe_ratio", [total, weights if weighted else count], {}, title)[0]

    # ---- on arrays -------------------------------------------------------------------------------------

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Compute the loss of arrays.

        Parameters
        ----------
        y_true : array_like
            Labels; see the class.
        y_pred : array_like
            Predictions, a row a sample.
        sample_weight : array_like, optional
            One number, one a sample, or one for each position.

        Returns
        -------
        float or numpy.ndarray
            An array of all samples' losses if the reduction is none.

        Raises
        ------
        ValueError, TypeError
            If shapes do not fit, or a class index is out of range.
        """
        predicted = predictions(y_pred, self.dtype)
        single = predicted.ndim == 0 or (predicted.ndim == 1 and self.over_classes)
        if single:
            predicted, y_true = predicted[None], np.asarray(y_true)[None]
            sample_weight = None if sample_weight is None else np.reshape(sample_weight, 1)
        true = self.check_labels(y_true, predicted.shape[1:], "y_true")
        same_length(self.label, true, predicted)
        weight = match_weight(sample_weight, len(predicted), predicted.shape[1:-1], self.label)
        found = self._evaluator()(true, predicted, weight, self.label_kind == "ids")[0]
        if self.reduction != "none":
            return float(found)
        return found[0] if single else found

    def _evaluator(self) -> Evaluator:
        made: Evaluator | None = self.__dict__.get("_made_evaluator")
        if made is None:
            made = self.__dict__["_made_evaluator"] = Evaluator(self._fetch)
        return made

    def _fetch(self, graph: _core.Graph, y_true: int, y_pred: int, sample_weight: int | None) -> list[int]:
        if self.reduction != "none":
            return [self.build(graph, y_true, y_pred, sample_weight)]
        values = self.call(graph, y_true, y_pred)
        if sample_weight is not None:
            shape = graph.shape(sample_weight)
            missing = len(graph.shape(values)) - len(shape)
            aligned = graph.add("reshape", [sample_weight], {"shape": [*shape, *[1] * missing]})[0]
            values = graph.add("multiply", [values, aligned], {}, self.name)[0]
        return [values]

    # ---- configuration ---------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments in plain values."""
        return config_of(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Make a loss from what `get_config` returned."""
        return cls(**config)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_made_evaluator"}

    def __repr__(self) -> str:
        changed = [f"{key}={value!r}" for key, value in changed_arguments(self).items()]
        return f"{type(self).__name__}({', '.join(changed)})"


def config_of(owner: Any) -> dict[str, Any]:
    """Return the values of the constructor's arguments, which the object keeps under their names."""
    names = [name for name in inspect.signature(type(owner).__init__).parameters if name != "self"]
    return {name: getattr(owner, name) for name in names if hasattr(owner, name)}


def changed_arguments(owner: Any) -> dict[str, Any]:
    """Return those arguments that differ from their defaults."""
    parameters = inspect.signature(type(owner).__init__).parameters
    return {name: value for name, value in config_of(owner).items() if value != parameters[name].default}
