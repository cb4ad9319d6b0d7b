"""Losses of how much of what is predicted and what is there overlaps, as for segmented images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastnn import _core
from fastnn._numbers import count, real
from fastnn.losses.base import Loss

_SMALLEST = 1e-7


class OverlapLoss(Loss):
    """Base of losses of sums over axes; over the whole batch, samples and all, if `axis` is None.

    Examples
    --------
    >>> import fastnn
    >>> issubclass(fastnn.losses.Dice, fastnn.losses.Loss)
    True
    """

    axis: list[int] | None = None

    def _axes(self, axis: Any) -> list[int] | None:
        owner = type(self).__name__
        if axis is None:
            return None
        axes = [count(owner, "axis", item, -16) for item in (axis if isinstance(axis, Sequence) else [axis])]
        if not axes or 0 in axes:
            raise ValueError(
                f"{owner}: axis must name axes of one sample, from 1 on, got {axis!r}; None takes all, "
                "that of the samples too"
            )
        return axes

    def _sum(self, values: Any) -> Any:
        """Sum over the axes."""
        from fastnn import ops

        if self.axis is None:
            return ops.sum(values)
        places = sorted({a + values.ndim if a < 0 else a for a in self.axis})
        if places[0] < 1 or places[-1] >= values.ndim:
            raise ValueError(
                f"{self.label}: axis {self.axis} is not among the axes 1 to {values.ndim - 1} of predictions "
                f"of shape {values.shape} (0 counts samples)"
            )
        return ops.sum(values, axis=tuple(places))

    # A loss of the whole batch is one number: it is not added up over samples.

    def build(
        self,
        graph: _core.Graph,
        y_true: int,
        y_pred: int,
        sample_weight: int | None = None,
        name: str | None = None,
        mask: int | None = None,
    ) -> int:
        """Add the nodes that compute the batch's loss."""
        reduction = self.reduction
        if self.axis is None and reduction == "sum" and sample_weight is None:
            values = self.call(graph, y_true, y_pred)
            return graph.add("weighted_sum", [values, None, None], {"mean": True}, name or self.name)[0]
        return super().build(graph, y_true, y_pred, sample_weight, name, mask)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Compute the loss of arrays; see `Loss`."""
        found = super().__call__(y_true, y_pred, sample_weight)
        whole = self.axis is None and self.reduction == "none" and sample_weight is None
        return found.flat[0] if whole else found


class Dice(OverlapLoss):
    """``1 - 2 sum(y_true y_pred) / (sum(y_true) + sum(y_pred))`` (Sørensen 1948; Milletari et al. 2016).

    Parameters
    ----------
    reduction, name
        See `Loss`.
    axis : int or sequence of int, optional
        Axes to sum over, such as (1, 2, 3) for a loss of each image; by default one loss is made of the whole
        batch, samples and all.
    dtype
        See `Loss`.

    Examples
    --------
    >>> from fastnn.losses import Dice
    >>> round(Dice()([[1.0, 1.0], [0.0, 0.0]], [[0.5, 1.0], [0.0, 0.5]]), 4)
    0.25
    >>> Dice(axis=1, reduction=None)([[1.0, 1.0], [0.0, 0.0]], [[0.5, 1.0], [0.0, 0.5]]).round(4)
    array([0.1429, 1.    ], dtype=float32)
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dice",
        axis: Any = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.axis = self._axes(axis)

    def call(self, y_true: Any, y_pred: Any) -> Any:  # type: ignore[override]
        """Compute the losses."""
        overlap = self._sum(y_true * y_pred)
        return 1.0 - 2.0 * overlap / (self._sum(y_true) + self._sum(y_pred) + _SMALLEST)


class Tversky(OverlapLoss):
    """``1 - tp / (tp + alpha fp + beta fn)``, of sums of probabilities (Salehi et al. 2017).

    ``tp = sum(y_true y_pred)``, ``fp = sum((1 - y_true) y_pred)``, ``fn = sum(y_true (1 - y_pred))``.

    Parameters
    ----------
    alpha, beta : float, default 0.5
        Weights of what is wrongly there and of what is missed, at least 0; with 0.5 both it is `Dice`.
    reduction, name
        See `Loss`.
    axis : int or sequence of int, optional
        Axes to sum over; by default one loss is made of the whole batch, samples and all.
    dtype
        See `Loss`.

    Examples
    --------
    >>> from fastnn.losses import Tversky
    >>> round(Tversky(alpha=0.0, beta=1.0)([[1.0, 1.0], [0.0, 0.0]], [[0.5, 1.0], [0.0, 0.5]]), 4)
    0.25
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tversky",
        axis: Any = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.alpha = real("Tversky", "alpha", alpha, 0)
        self.beta = real("Tversky", "beta", beta, 0)
        self.axis = self._axes(axis)

    def call(self, y_true: Any, y_pred: Any) -> Any:  # type: ignore[override]
        """Compute the losses."""
        both = self._sum(y_true * y_pred)
        wrong, missed = self._sum((1.0 - y_true) * y_pred), self._sum(y_true * (1.0 - y_pred))
        return 1.0 - both / (both + self.alpha * wrong + self.beta * missed + _SMALLEST)
