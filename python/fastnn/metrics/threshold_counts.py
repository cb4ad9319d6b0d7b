"""Counts of right and wrong yes-or-no decisions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnn._numbers import real
from fastnn.metrics.thresholds import ThresholdMetric

Array = npt.NDArray[Any]


class _Count(ThresholdMetric):
    """One of the four counts."""

    _which = 0  # among those of ThresholdMetric.counts

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, dtype)
        owner = type(self).__name__
        self.thresholds = thresholds
        self._several = thresholds is not None and np.ndim(thresholds) > 0
        given: Any = thresholds if self._several else [0.5 if thresholds is None else thresholds]
        used = [real(owner, "thresholds", item, 0, 1) for item in given]
        if not used:
            raise ValueError(f"{owner}: thresholds is empty; give at least one")
        self._order = np.argsort(used, kind="stable")
        self.attributes = {"thresholds": sorted(used), "top_k": None, "class_id": None}

    def compute(self, accumulators: Sequence[Array]) -> Any:
        """Return the count, one for each threshold."""
        found = self.counts(accumulators)[self._which].sum(axis=0)
        if not self._several:
            return float(found[0])
        result = np.empty_like(found)
        result[self._order] = found
        return result


class TruePositives(_Count):
    """Number, or sum of weights, of positive elements that were predicted positive.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        Predictions above are positive; 0.5 by default. Of several, `result` returns an array.
    name, dtype
        See `Metric`.

    Examples
    --------
    >>> from fastnn.metrics import TruePositives
    >>> TruePositives()([0, 1, 1, 1], [0.6, 0.9, 0.2, 0.7])
    2.0
    """

    direction = "up"
    _which = 0


class FalsePositives(_Count):
    """Number, or sum of weights, of negative elements that were predicted positive.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        Predictions above are positive; 0.5 by default. Of several, `result` returns an array.
    name, dtype
        See `Metric`.

    Examples
    --------
    >>> from fastnn.metrics import FalsePositives
    >>> FalsePositives()([0, 1, 1, 1], [0.6, 0.9, 0.2, 0.7])
    1.0
    """

    direction = "down"
    _which = 1


class FalseNegatives(_Count):
    """Number, or sum of weights, of positive elements that were predicted negative.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        Predictions above are positive; 0.5 by default. Of several, `result` returns an array.
    name, dtype
        See `Metric`.

    Examples
    --------
    >>> from fastnn.metrics import FalseNegatives
    >>> FalseNegatives()([0, 1, 1, 1], [0.6, 0.9, 0.2, 0.7])
    1.0
    """

    direction = "down"
    _which = 2


class TrueNegatives(_Count):
    """Number, or sum of weights, of negative elements that were predicted negative.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        Predictions above are positive; 0.5 by default. Of several, `result` returns an array.
    name, dtype
        See `Metric`.

    Examples
    --------
    >>> from fastnn.metrics import TrueNegatives
    >>> TrueNegatives()([0, 1, 1, 1], [0.6, 0.9, 0.2, 0.7])
    0.0
    """

    direction = "up"
    _which = 3
