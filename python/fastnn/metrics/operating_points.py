"""The best of one figure of yes-or-no decisions where another is good enough, over many thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnn._numbers import count, real
from fastnn.losses.categorical import check_class
from fastnn.metrics.thresholds import ThresholdMetric

Array = npt.NDArray[Any]


class _OperatingPoint(ThresholdMetric):
    """Base: the largest of what `_figures` gives second where what it gives first reaches `value`."""

    _what = ""  # the argument that is the least value

    def __init__(
        self,
        value: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, dtype)
        owner = type(self).__name__
        self._least = real(owner, self._what, value, 0, 1)
        setattr(self, self._what, self._least)
        self.num_thresholds = count(owner, "num_thresholds", num_thresholds, 1)
        self.class_id = check_class(owner, "class_id", class_id)
        last = self.num_thresholds - 1
        thresholds = [0.5] if last == 0 else [i / last for i in range(self.num_thresholds)]
        self.attributes = {"thresholds": thresholds, "class_id": self.class_id}

    def _figures(self, hits: Array, false_alarms: Array, misses: Array, rejected: Array) -> Any:
        """Return, by threshold, the figure that must be good enough and the one to be large."""
        raise NotImplementedError

    def compute(self, accumulators: Sequence[Array]) -> float:
        """Return the largest value; 0 if no threshold is good enough."""
        enough, wanted = self._figures(*(part.sum(axis=0) for part in self.counts(accumulators)))
        return float(wanted.max(initial=0.0, where=enough >= self._least))


class SensitivityAtSpecificity(_OperatingPoint):
    """The best sensitivity ``tp / (tp + fn)`` where the specificity ``tn / (tn + fp)`` is large enough.

    Parameters
    ----------
    specificity : float
        The least specificity, from 0 to 1.
    num_thresholds : int, default 200
        Thresholds, evenly spaced from 0 to 1; 1 of them is 0.5.
    class_id : int, optional
        Count this class alone. By default the elements of all classes are counted together.
    name, dtype
        See `Metric`.

    Notes
    -----
    Labels are 0 and 1 in the predictions' shape, or class indices.

    Examples
    --------
    >>> from fastnn.metrics import SensitivityAtSpecificity
    >>> SensitivityAtSpecificity(0.5)([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8])
    0.5
    """

    _what = "specificity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name, dtype)

    def _figures(self, hits: Array, false_alarms: Array, misses: Array, rejected: Array) -> Any:
        return _share(rejected, false_alarms), _share(hits, misses)


class SpecificityAtSensitivity(_OperatingPoint):
    """The best specificity ``tn / (tn + fp)`` where the sensitivity ``tp / (tp + fn)`` is large enough.

    Parameters
    ----------
    sensitivity : float
        The least sensitivity, from 0 to 1.
    num_thresholds, class_id
        See `SensitivityAtSpecificity`.
    name, dtype
        See `Metric`.

    Examples
    --------
    >>> from fastnn.metrics import SpecificityAtSensitivity
    >>> round(SpecificityAtSensitivity(0.5)([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8]), 4)
    0.6667
    """

    _what = "sensitivity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)

    def _figures(self, hits: Array, false_alarms: Array, misses: Array, rejected: Array) -> Any:
        return _share(hits, misses), _share(rejected, false_alarms)


class PrecisionAtRecall(_OperatingPoint):
    """The best precision ``tp / (tp + fp)`` where the recall ``tp / (tp + fn)`` is large enough.

    Parameters
    ----------
    recall : float
        The least recall, from 0 to 1.
    num_thresholds, class_id
        See `SensitivityAtSpecificity`.
    name, dtype
        See `Metric`.

    Examples
    --------
    >>> from fastnn.metrics import PrecisionAtRecall
    >>> PrecisionAtRecall(0.5)([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8])
    0.5
    """

    _what = "recall"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name, dtype)

    def _figures(self, hits: Array, false_alarms: Array, misses: Array, rejected: Array) -> Any:
        return _share(hits, misses), _share(hits, false_alarms)


class RecallAtPrecision(_OperatingPoint):
    """The best recall ``tp / (tp + fn)`` where the precision ``tp / (tp + fp)`` is large enough.

    Parameters
    ----------
    precision : float
        The least precision, from 0 to 1.
    num_thresholds, class_id
        See `SensitivityAtSpecificity`.
    name, dtype
        See `Metric`.

    Examples
    --------
    >>> from fastnn.metrics import RecallAtPrecision
    >>> RecallAtPrecision(0.8)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9])
    0.5
    """

    _what = "precision"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name, dtype)

    def _figures(self, hits: Array, false_alarms: Array, misses: Array, rejected: Array) -> Any:
        return _share(hits, false_alarms), _share(hits, misses)


def _share(part: Array, rest: Array) -> Array:
    whole = part + rest
    result: Array = np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)
    return result
