"""Losses of numbers: a function of each prediction and its target, averaged over the last axis."""

from __future__ import annotations

from typing import Any

from fastnn import _core
from fastnn._numbers import real
from fastnn.losses.base import Loss


class ElementwiseLoss(Loss):
    """Base of losses that the op `elementwise_loss` computes; `kind` and `attributes` say how.

    Examples
    --------
    >>> import fastnn
    >>> issubclass(fastnn.losses.MeanSquaredError, fastnn.losses.Loss)
    True
    """

    kind = ""

    def attributes(self) -> dict[str, Any]:
        """Return the op's attributes beside the kind."""
        return {}

    def call(self, graph: _core.Graph, y_true: int, y_pred: int) -> int:
        """Add the losses' node."""
        attributes = {"kind": self.kind, **self.attributes()}
        return graph.add("elementwise_loss", [y_pred, y_true], attributes, self.name)[0]


class MeanSquaredError(ElementwiseLoss):
    """``mean((y_true - y_pred)²)`` over the last axis.

    Parameters
    ----------
    reduction, name, dtype
        See `Loss`.

    Examples
    --------
    >>> from fastnn.losses import MeanSquaredError
    >>> MeanSquaredError()([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, 0.0]])
    0.5
    """

    kind = "squared_error"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_error",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class MeanAbsoluteError(ElementwiseLoss):
    """``mean(|y_true - y_pred|)`` over the last axis.

    Parameters
    ----------
    reduction, name, dtype
        See `Loss`.

    Examples
    --------
    >>> from fastnn.losses import MeanAbsoluteError
    >>> MeanAbsoluteError()([[0.0, 1.0], [0.0, 0.0]], [[3.0, 1.0], [1.0, 0.0]])
    1.0
    """

    kind = "absolute_error"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_error",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class MeanAbsolutePercentageError(ElementwiseLoss):
    """``100 mean(|y_true - y_pred| / max(|y_true|, 1e-7))`` over the last axis.

    Parameters
    ----------
    reduction, name, dtype
        See `Loss`.

    Examples
    --------
    >>> from fastnn.losses import MeanAbsolutePercentageError
    >>> MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 5.0]])
    37.5
    """

    kind = "absolute_percentage_error"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_percentage_error",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class MeanSquaredLogarithmicError(ElementwiseLoss):
    """``mean((log(1 + y_true) - log(1 + y_pred))²)`` over the last axis; both are at least 1e-7.

    Parameters
    ----------
    reduction, name, dtype
        See `Loss`.

    Examples
    --------
    >>> from fastnn.losses import MeanSquaredLogarithmicError
    >>> round(MeanSquaredLogarithmicError()([[1.0, 0.0]], [[3.0, 0.0]]), 4)
    0.2402
    """

    kind = "squared_logarithmic_error"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_logarithmic_error",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class Huber(ElementwiseLoss):
    """Quadratic for errors within `delta`, linear beyond; averaged over the last axis.

    ``d² / 2`` where ``|d| <= delta``, else ``delta (|d| - delta / 2)`` (Huber 1964).

    Parameters
    ----------
    delta : float, default 1
        Error from which on the loss grows linearly; above 0.
    reduction, name, dtype
        See `Loss`.

    Examples
    --------
    >>> from fastnn.losses import Huber
    >>> Huber()([[0.0, 0.0]], [[0.5, 3.0]])
    1.3125
    """

    kind = "huber"

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.delta = real("Huber", "delta", delta, 0, above=True)

    def attributes(self) -> dict[str, Any]:
        """Return the op's attributes."""
        return {"delta": self.delta}


class LogCosh(ElementwiseLoss):
    """``mean(log(cosh(y_pred - y_true)))`` over the last axis: about ``d² / 2``, then ``|d| - log 2``.

    Parameters
    ----------
    reduction, name, dtype
        See `Loss`.

    Examples
    --------
    >>> from fastnn.losses import LogCosh
    >>> round(LogCosh()([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]]), 4)
    0.1084
    """

    kind = "log_cosh"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "log_cosh",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class Poisson(ElementwiseLoss):
    """``mean(y_pred - y_true log(y_pred + 1e-7))`` over the last axis, for counts.

    Parameters
    ----------
    reduction, name, dtype
        See `Loss`.

    Examples
    --------
    >>> from fastnn.losses import Poisson
    >>> round(Poisson()([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]]), 4)
    0.5
    """

    kind = "poisson"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "poisson",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class CosineSimilarity(Loss):
    """Minus the cosine of the angle between `y_true` and `y_pred` along the last axis: -1 is best.

    A zero vector gives 0.

    Parameters
    ----------
    axis : int, default -1
        The last axis; no other is served.
    reduction, name, dtype
        See `Loss`.

    Examples
    --------
    >>> from fastnn.losses import CosineSimilarity
    >>> CosineSimilarity()([[0.0, 2.0], [3.0, 0.0]], [[0.0, 5.0], [0.0, 1.0]])
    -0.5
    """

    over_classes = True

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.axis = last_axis(type(self).__name__, axis)

    def call(self, graph: _core.Graph, y_true: int, y_pred: int) -> int:
        """Add the losses' node."""
        return graph.add("cosine_similarity", [y_pred, y_true], {"negative": True}, self.name)[0]


def last_axis(owner: str, axis: Any) -> int:
    """Return -1, or raise ValueError for another axis."""
    if isinstance(axis, bool) or axis != -1:
        raise ValueError(
            f"{owner}: axis must be -1, got {axis!r}; move that axis to the end, for example with Permute"
        )
    return -1
