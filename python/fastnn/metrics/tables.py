"""Metrics that keep a table: the confusion matrix, and the sums of R²."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnn import _core
from fastnn._names import one_of
from fastnn._numbers import count, real
from fastnn.losses.categorical import check_class
from fastnn.losses.tracing import logits_of
from fastnn.metrics.base import Metric

Array = npt.NDArray[Any]


class ConfusionMatrix(Metric):
    """How often each class was predicted as each class; weighted.

    Parameters
    ----------
    num_classes : int, optional
        Checked against the predictions; found there if None.
    normalize : {None, "true", "pred", "all"}
        Divide by the sums of rows, of columns, or by the total.
    threshold : float, default 0.5
        With one score a position: those above it predict class 1.
    ignore_class : int, optional
        Positions with this label do not count.
    name, dtype
        See `Metric`.

    Notes
    -----
    Labels are class indices or one-hot, predictions scores of the classes, of which the first largest counts.

    Examples
    --------
    >>> from fastnn.metrics import ConfusionMatrix
    >>> ConfusionMatrix()([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    array([[1., 0.],
           [1., 1.]])
    """

    over_classes = True

    def __init__(
        self,
        num_classes: int | None = None,
        normalize: str | None = None,
        threshold: float = 0.5,
        ignore_class: int | None = None,
        name: str | None = "confusion_matrix",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, dtype)
        kinds = ("true", "pred", "all")
        self.normalize = (
            None if normalize is None else one_of("ConfusionMatrix", "normalize", normalize, kinds)
        )
        self.num_classes = (
            None if num_classes is None else count("ConfusionMatrix", "num_classes", num_classes, 2)
        )
        self.threshold = real("ConfusionMatrix", "threshold", threshold)
        self.ignore_class = check_class("ConfusionMatrix", "ignore_class", ignore_class)

    def build(
        self, graph: _core.Graph, y_true: int, y_pred: int, sample_weight: int | None = None
    ) -> list[int]:
        """Add the table of counts."""
        logits = logits_of(graph, y_pred, "softmax")
        scores = y_pred if logits is None else logits
        attributes = {"threshold": self.threshold, "ignore_index": self.ignore_class}
        made = graph.add("confusion_counts", [scores, y_true, sample_weight], attributes, self.name)
        classes = graph.shape(made[0])[0]
        if self.num_classes not in (None, classes):
            raise ValueError(
                f"{self.label}: num_classes is {self.num_classes}, but the predictions have {classes} classes"
            )
        return made

    def compute(self, accumulators: Sequence[Array]) -> Array:
        """Return the table, normalized as asked; row: true class, column: predicted class."""
        table = np.array(accumulators[0], dtype=np.float64)
        if self.normalize is not None:
            total = table.sum(axis={"true": 1, "pred": 0, "all": None}[self.normalize], keepdims=True)
            np.divide(table, total, out=table, where=total != 0)
        return table


class R2Score(Metric):
    """Coefficient of determination: 1 for perfect predictions, 0 for the labels' mean.

    ``1 - sum((y - p)²) / sum((y - mean(y))²)`` for each output; 0 where the labels do not vary (1 if they
    are met exactly).

    Parameters
    ----------
    class_aggregation : {"uniform_average", "variance_weighted_average", None}
        The mean over outputs, the mean weighted by their labels' variance, or an array.
    num_regressors : int, default 0
        Number of independent variables, for the adjusted score; 0 for the plain one.
    name, dtype
        See `Metric`.

    Examples
    --------
    >>> from fastnn.metrics import R2Score
    >>> R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]]).__round__(4)
    0.5714
    """

    direction = "up"
    label_kind = "values"

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, dtype)
        kinds = ("uniform_average", "variance_weighted_average")
        self.class_aggregation = (
            None
            if class_aggregation is None
            else one_of("R2Score", "class_aggregation", class_aggregation, kinds)
        )
        self.num_regressors = count("R2Score", "num_regressors", num_regressors)

    def build(
        self, graph: _core.Graph, y_true: int, y_pred: int, sample_weight: int | None = None
    ) -> list[int]:
        """Add the sums of labels, of their squares and of squared errors."""
        return graph.add("regression_moments", [y_pred, y_true, sample_weight], {}, self.name)

    def compute(self, accumulators: Sequence[Array]) -> Any:
        """Return the score, aggregated as asked."""
        (weight, samples), (total, squares, missed) = accumulators
        if weight <= 0:
            return np.zeros(len(total)) if self.class_aggregation is None else 0.0
        # Rounding leaves a little of the squares of labels that do not vary.
        variation = squares - total * total / weight
        variation = np.where(variation > 1e-14 * np.abs(squares), variation, 0.0)
        scores = 1 - np.divide(missed, variation, out=np.ones(len(total)), where=variation > 0)
        scores = np.where((variation == 0) & (missed == 0), 1.0, scores)
        scores = np.where(np.isnan(missed), np.nan, scores)
        if self.class_aggregation is None:
            result: Any = scores
        elif self.class_aggregation == "uniform_average":
            result = float(scores.mean())
        else:
            spread = variation.sum()
            result = float((scores * variation).sum() / spread) if spread > 0 else float(scores.mean())
        return self._adjusted(result, float(samples))

    def _adjusted(self, score: Any, samples: float) -> Any:
        if self.num_regressors == 0:
            return score
        rest = samples - self.num_regressors - 1
        if rest <= 0:
            warnings.warn(
                f"{self.label}: {int(samples)} samples are too few to adjust for {self.num_regressors} "
                "regressors; this is the plain score",
                UserWarning,
                stacklevel=4,
            )
            return score
        return 1 - (1 - score) * (samples - 1) / rest
