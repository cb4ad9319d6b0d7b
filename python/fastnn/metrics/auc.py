"""The area under ROC and precision-recall curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnn._names import one_of
from fastnn._numbers import count, real
from fastnn.metrics.thresholds import ThresholdMetric

Array = npt.NDArray[Any]

_EPSILON = 1e-7


class AUC(ThresholdMetric):
    """Area under the curve of decisions at many thresholds.

    Parameters
    ----------
    num_thresholds : int, default 200
        Thresholds, evenly spaced from 0 to 1; the more, the closer to the exact area.
    curve : {"ROC", "PR"}
        Recall over the false positives' rate, or precision over recall.
    summation_method : {"interpolation", "minoring", "majoring"}
        Between two points: their mean (for PR, the interpolation of Davis and Goadrich 2006), the smaller
        or the larger height.
    name, dtype
        See `Metric`.
    thresholds : sequence of float, optional
        Thresholds between 0 and 1 to use instead; 0 and 1 are added.
    multi_label : bool, default False
        Compute each class's area and average them, instead of counting all elements together.
    num_labels : int, optional
        Number of classes; found in the data.
    label_weights : sequence of float, optional
        Weight of each class, in the average or in the counts.
    from_logits : bool, default False
        Take the sigmoid of predictions first.

    Notes
    -----
    Labels are 0 and 1 in the predictions' shape, or class indices.

    Examples
    --------
    >>> from fastnn.metrics import AUC
    >>> AUC(num_thresholds=3)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9])
    0.75
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = "auc",
        dtype: str | None = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(name, dtype)
        self.curve = one_of("AUC", "curve", str(curve).upper(), ("ROC", "PR"))
        self.summation_method = one_of(
            "AUC",
            "summation_method",
            str(summation_method).lower(),
            ("interpolation", "minoring", "majoring"),
        )
        if thresholds is None:
            self.num_thresholds = count("AUC", "num_thresholds", num_thresholds, 2)
            inner = [(i + 1) / (self.num_thresholds - 1) for i in range(self.num_thresholds - 2)]
        else:
            inner = sorted({real("AUC", "thresholds", item, 0, 1) for item in thresholds} - {0.0, 1.0})
            self.num_thresholds = len(inner) + 2
        self.thresholds = None if thresholds is None else list(inner)
        self.multi_label = bool(multi_label)
        self.num_labels = None if num_labels is None else count("AUC", "num_labels", num_labels, 1)
        self.label_weights = (
            None if label_weights is None else [real("AUC", "label_weights", w, 0) for w in label_weights]
        )
        self.from_logits = bool(from_logits)
        self.attributes = {
            # A little beyond the ends, so that 0 exceeds the first and 1 does not exceed the last.
            "thresholds": [-_EPSILON, *inner, 1 + _EPSILON],
            "per_class": self.multi_label or self.label_weights is not None,
            "from_logits": self.from_logits,
        }

    def compute(self, accumulators: Sequence[Array]) -> float:
        """Return the area, averaged over classes if asked."""
        counts = self.counts(accumulators)
        classes = counts[0].shape[0]
        for known, what in ((self.num_labels, "num_labels"), (self.label_weights, "label_weights")):
            length = known if known is None or isinstance(known, int) else len(known)
            if length is not None and self.attributes["per_class"] and length != classes:
                raise ValueError(f"{self.label}: {what} is for {length} classes, but there are {classes}")
        weights = np.ones(classes) if self.label_weights is None else np.asarray(self.label_weights)
        if self.multi_label:
            areas = self._areas(*counts)
        else:
            sums = [(part * weights[:, None]).sum(axis=0, keepdims=True) for part in counts]
            areas, weights = self._areas(*sums), np.ones(1)
        total = weights.sum()
        return float((areas * weights).sum() / total) if total > 0 else 0.0

    def _areas(self, hits: Array, false_alarms: Array, misses: Array, rejected: Array) -> Array:
        if self.curve == "PR" and self.summation_method == "interpolation":
            return _interpolated_pr(hits, false_alarms, misses)
        recall = _ratio(hits, hits + misses)
        if self.curve == "ROC":
            x, y = _ratio(false_alarms, false_alarms + rejected), recall
        else:
            x, y = recall, _ratio(hits, hits + false_alarms)
        left, right = y[:, :-1], y[:, 1:]
        height = {
            "interpolation": (left + right) / 2,
            "minoring": np.minimum(left, right),
            "majoring": np.maximum(left, right),
        }[self.summation_method]
        return np.asarray(((x[:, :-1] - x[:, 1:]) * height).sum(axis=1))


def _ratio(a: Array, b: Array) -> Array:
    return np.divide(a, b, out=np.zeros(np.shape(b)), where=b > 0)


def _interpolated_pr(hits: Array, false_alarms: Array, misses: Array) -> Array:
    """Integrate precision over recall, both taken as functions of true positives (Davis, Goadrich 2006)."""
    found = hits + false_alarms
    new_hits = hits[:, :-1] - hits[:, 1:]
    slope = _ratio(new_hits, found[:, :-1] - found[:, 1:])
    intercept = hits[:, 1:] - slope * found[:, 1:]
    both = (found[:, :-1] > 0) & (found[:, 1:] > 0)
    growth = np.divide(found[:, :-1], found[:, 1:], out=np.ones(new_hits.shape), where=both)
    area = slope * (new_hits + intercept * np.log(growth))
    return np.asarray(_ratio(area, hits[:, 1:] + misses[:, 1:]).sum(axis=1))
