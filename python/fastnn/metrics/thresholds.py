"""Metrics of yes-or-no decisions: predictions above a threshold, counted against labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnn import _core
from fastnn._names import one_of
from fastnn._numbers import count, real
from fastnn.losses.categorical import check_class
from fastnn.metrics.base import Metric

Array = npt.NDArray[Any]

_ALWAYS = -1e30  # a threshold that all exceed but those that top_k leaves out


class ThresholdMetric(Metric):
    """Base of metrics of true and false positives and negatives.

    Examples
    --------
    >>> import fastnn
    >>> issubclass(fastnn.metrics.Precision, fastnn.metrics.Metric)
    True
    """

    direction = "up"
    weight_each_element = True
    in_unit_interval = True  # scores outside [0, 1] are an error

    def __init__(self, name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.attributes: dict[str, Any] = {}

    def build(
        self, graph: _core.Graph, y_true: int, y_pred: int, sample_weight: int | None = None
    ) -> list[int]:
        """Add the histograms of positive and negative elements by thresholds exceeded."""
        return graph.add("threshold_histogram", [y_pred, y_true, sample_weight], self.attributes, self.name)

    def counts(self, accumulators: Sequence[Array]) -> tuple[Array, Array, Array, Array]:
        """Return true positives, false positives, false negatives and true negatives by class and threshold.

        Raises
        ------
        ValueError
            If scores were outside [0, 1].
        """
        positive, negative, outside = accumulators
        if self.in_unit_interval and outside > 0:
            raise ValueError(
                f"{self.label}: {int(outside)} predictions were outside [0, 1]: it needs probabilities; end "
                "the model in a sigmoid or softmax"
                + (", or use from_logits=True" if "from_logits" in self.attributes else "")
            )
        above = [np.cumsum(part[:, ::-1], axis=1)[:, ::-1] for part in (positive, negative)]
        hits, false_alarms = above[0][:, 1:], above[1][:, 1:]
        return hits, false_alarms, above[0][:, :1] - hits, above[1][:, :1] - false_alarms


class _PrecisionOrRecall(ThresholdMetric):
    """What `Precision` and `Recall` share."""

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, dtype)
        owner = type(self).__name__
        self.thresholds = thresholds
        self.top_k = None if top_k is None else count(owner, "top_k", top_k, 1)
        self.class_id = check_class(owner, "class_id", class_id)
        self._several = np.ndim(thresholds) > 0 if thresholds is not None else False
        if thresholds is None:
            used = [0.5 if top_k is None else _ALWAYS]
        else:
            items: Any = thresholds if self._several else [thresholds]
            used = [real(owner, "thresholds", item, 0, 1) for item in items]
            if not used:
                raise ValueError(f"{owner}: thresholds is empty; give at least one")
        self._order = np.argsort(used, kind="stable")
        self.attributes = {
            "thresholds": sorted(used),
            "top_k": self.top_k,
            "class_id": self.class_id,
        }

    def _ratio(self, hits: Array, misses: Array) -> Any:
        total = hits[0] + misses[0]
        ratio = np.divide(hits[0], total, out=np.zeros_like(total), where=total > 0)
        if not self._several:
            return float(ratio[0])
        result = np.empty_like(ratio)
        result[self._order] = ratio
        return result


class Precision(_PrecisionOrRecall):
    """Share of positive predictions that are right: ``tp / (tp + fp)``; 0 without any.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        Predictions above are positive; 0.5 by default, or, with `top_k`, all of the k. Of several, `result`
        returns an array.
    top_k : int, optional
        Only the k largest predictions of each position can be positive.
    class_id : int, optional
        Count this class alone. By default the elements of all classes are counted together.
    name, dtype
        See `Metric`.

    Notes
    -----
    Labels are 0 and 1 in the predictions' shape, or class indices.

    Examples
    --------
    >>> from fastnn.metrics import Precision
    >>> Precision()([0, 1, 1, 1], [1, 0, 1, 1])
    0.6666666666666666
    >>> Precision(thresholds=[0.2, 0.6])([0, 1, 1], [0.3, 0.5, 0.9]).round(3)
    array([0.667, 1.   ])
    """

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = "precision",
        dtype: str | None = None,
    ) -> None:
        super().__init__(thresholds, top_k, class_id, name, dtype)

    def compute(self, accumulators: Sequence[Array]) -> Any:
        """Return ``tp / (tp + fp)``."""
        hits, false_alarms, _, _ = self.counts(accumulators)
        return self._ratio(hits, false_alarms)


class Recall(_PrecisionOrRecall):
    """Share of positive labels that are found: ``tp / (tp + fn)``; 0 without any.

    Parameters
    ----------
    thresholds, top_k, class_id
        See `Precision`.
    name, dtype
        See `Metric`.

    Examples
    --------
    >>> from fastnn.metrics import Recall
    >>> Recall()([0, 1, 1, 1], [1, 0, 1, 1])
    0.6666666666666666
    """

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = "recall",
        dtype: str | None = None,
    ) -> None:
        super().__init__(thresholds, top_k, class_id, name, dtype)

    def compute(self, accumulators: Sequence[Array]) -> Any:
        """Return ``tp / (tp + fn)``."""
        hits, _, misses, _ = self.counts(accumulators)
        return self._ratio(hits, misses)


class FBetaScore(ThresholdMetric):
    """Weighted harmonic mean of precision and recall of each class.

    ``(1 + b²) tp / ((1 + b²) tp + b² fn + fp)``, 0 without any.

    Parameters
    ----------
    average : {None, "micro", "macro", "weighted"}
        Return the score of each class; that of all classes' counts together; the mean; or the mean
        weighted by the classes' frequency.
    beta : float, default 1
        How much more recall counts than precision.
    threshold : float, optional
        Predictions above are positive. By default the largest prediction of a position is, alone; with one
        score a position, one above 0.5.
    name, dtype
        See `Metric`.

    Notes
    -----
    Labels are 0 and 1 in the predictions' shape, or class indices.

    Examples
    --------
    >>> from fastnn.metrics import FBetaScore
    >>> score = FBetaScore(beta=2.0, threshold=0.5)
    >>> score([[1, 1, 1], [1, 0, 0], [1, 1, 0]], [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0.0]]).round(4)
    array([0.3846, 0.9091, 0.8333])
    """

    in_unit_interval = False
    over_classes = True

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, dtype)
        owner = type(self).__name__
        kinds = ("micro", "macro", "weighted")
        self.average = None if average is None else one_of(owner, "average", average, kinds)
        self.beta = real(owner, "beta", beta, 0, above=True)
        self.threshold = None if threshold is None else real(owner, "threshold", threshold)

    def build(
        self, graph: _core.Graph, y_true: int, y_pred: int, sample_weight: int | None = None
    ) -> list[int]:
        """Add the counts of each class."""
        dims = graph.shape(y_pred)
        largest = self.threshold is None and bool(dims) and dims[-1] > 1
        threshold = _ALWAYS if largest else 0.5 if self.threshold is None else self.threshold
        self.attributes = {
            "thresholds": [threshold],
            "per_class": True,
            "top_k": 1 if largest else None,
        }
        return super().build(graph, y_true, y_pred, sample_weight)

    def compute(self, accumulators: Sequence[Array]) -> Any:
        """Return the scores, averaged as asked."""
        hits, false_alarms, misses, _ = (part[:, 0] for part in self.counts(accumulators))
        if self.average == "micro":
            hits, false_alarms, misses = (part.sum(keepdims=True) for part in (hits, false_alarms, misses))
        square = self.beta**2
        total = (1 + square) * hits + square * misses + false_alarms
        score = np.divide((1 + square) * hits, total, out=np.zeros_like(total), where=total > 0)
        if self.average is None:
            return score
        if self.average == "weighted":
            support = hits + misses
            return float((score * support).sum() / support.sum()) if support.sum() > 0 else 0.0
        return float(score.mean())


class F1Score(FBetaScore):
    """Harmonic mean of precision and recall of each class: ``2 tp / (2 tp + fn + fp)``.

    Parameters
    ----------
    average, threshold
        See `FBetaScore`.
    name, dtype
        See `Metric`.

    Examples
    --------
    >>> from fastnn.metrics import F1Score
    >>> F1Score(average="macro")([0, 1, 2, 2], [[0.9, 0.1, 0], [0.2, 0.7, 0.1], [0, 0, 1], [0.5, 0.3, 0.2]])
    0.7777777777777777
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: str | None = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)
