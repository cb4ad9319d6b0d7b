"""Losses as metrics: their weighted mean over all samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnn import _core, losses
from fastnn.losses.base import Loss
from fastnn.losses.regression import last_axis
from fastnn.metrics.base import MeanMetric


class LossMetric(MeanMetric):
    """The weighted mean of a loss.

    Parameters
    ----------
    loss : Loss or str
        Its reduction does not matter.
    name : str, optional
        By default the loss's.
    dtype
        See `Metric`.

    Examples
    --------
    >>> from fastnn.metrics import LossMetric
    >>> metric = LossMetric("huber")
    >>> metric.update_state([1.0, 2.0], [1.5, 5.0])
    >>> metric.update_state([0.0], [0.0])
    >>> metric.result()
    0.875
    """

    direction = "down"

    def __init__(self, loss: Any, name: str | None = None, dtype: str | None = None) -> None:
        self.loss: Loss = losses.get(loss)
        super().__init__(self.loss.name if name is None else name, dtype)
        self.label_kind = self.loss.label_kind
        self.over_classes = self.loss.over_classes

    def values(self, graph: _core.Graph, y_true: int, y_pred: int) -> int:
        """Add the loss's nodes."""
        return self.loss.call(graph, y_true, y_pred)

    def mask(self, graph: _core.Graph, y_true: int, values: int) -> int | None:
        """Leave out what the loss leaves out."""
        return self.loss.mask(graph, y_true, values)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments in plain values."""
        config = super().get_config()
        return {**config, "loss": losses.serialize(self.loss)} if "loss" in config else config

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Make a metric from what `get_config` returned."""
        return cls(**config)


class MeanSquaredError(LossMetric):
    """The mean of ``(y_true - y_pred)²``.

    Parameters
    ----------
    name, dtype
        See `Metric`.

    Examples
    --------
    >>> from fastnn.metrics import MeanSquaredError
    >>> MeanSquaredError()([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]])
    0.25
    """

    def __init__(self, name: str | None = "mean_squared_error", dtype: str | None = None) -> None:
        super().__init__(losses.MeanSquaredError(), name, dtype)


class RootMeanSquaredError(LossMetric):
    """The root of the mean of ``(y_true - y_pred)²``.

    Parameters
    ----------
    name, dtype
        See `Metric`.

    Examples
    --------
    >>> from fastnn.metrics import RootMeanSquaredError
    >>> RootMeanSquaredError()([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]])
    0.5
    """

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: str | None = None) -> None:
        super().__init__(losses.MeanSquaredError(), name, dtype)

    def compute(self, accumulators: Sequence[npt.NDArray[Any]]) -> float:
        """Return the root of the mean."""
        return float(np.sqrt(super().compute(accumulators)))


class MeanAbsoluteError(LossMetric):
    """The mean of ``|y_true - y_pred|``.

    Parameters
    ----------
    name, dtype
        See `Metric`.

    Examples
    --------
    >>> from fastnn.metrics import MeanAbsoluteError
    >>> MeanAbsoluteError()([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]])
    0.25
    """

    def __init__(self, name: str | None = "mean_absolute_error", dtype: str | None = None) -> None:
        super().__init__(losses.MeanAbsoluteError(), name, dtype)


class MeanAbsolutePercentageError(LossMetric):
    """The mean of ``100 |y_true - y_pred| / max(|y_true|, 1e-7)``.

    Parameters
    ----------
    name, dtype
        See `Metric`.

    Examples
    --------
    >>> from fastnn.metrics import MeanAbsolutePercentageError
    >>> MeanAbsolutePercentageError()([2.0, 4.0], [1.0, 5.0])
    37.5
    """

    def __init__(self, name: str | None = "mean_absolute_percentage_error", dtype: str | None = None) -> None:
        super().__init__(losses.MeanAbsolutePercentageError(), name, dtype)


class MeanSquaredLogarithmicError(LossMetric):
    """The mean of ``(log(1 + y_true) - log(1 + y_pred))²``.

    Parameters
    ----------
    name, dtype
        See `Metric`.

    Examples
    --------
    >>> from fastnn.metrics import MeanSquaredLogarithmicError
    >>> round(MeanSquaredLogarithmicError()([1.0, 0.0], [3.0, 0.0]), 4)
    0.2402
    """

    def __init__(self, name: str | None = "mean_squared_logarithmic_error", dtype: str | None = None) -> None:
        super().__init__(losses.MeanSquaredLogarithmicError(), name, dtype)


class LogCoshError(LossMetric):
    """The mean of ``log(cosh(y_pred - y_true))``.

    Parameters
    ----------
    name, dtype
        See `Metric`.

    Examples
    --------
    >>> from fastnn.metrics import LogCoshError
    >>> round(LogCoshError()([0.0, 1.0], [1.0, 1.0]), 4)
    0.2169
    """

    def __init__(self, name: str | None = "logcosh", dtype: str | None = None) -> None:
        super().__init__(losses.LogCosh(), name, dtype)


class Poisson(LossMetric):
    """The mean of ``y_pred - y_true log(y_pred + 1e-7)``.

    Parameters
    ----------
    name, dtype
        See `Metric`.

    Examples
    --------
    >>> from fastnn.metrics import Poisson
    >>> round(Poisson()([0.0, 1.0], [1.0, 1.0]), 4)
    1.0
    """

    def __init__(self, name: str | None = "poisson", dtype: str | None = None) -> None:
        super().__init__(losses.Poisson(), name, dtype)


class CosineSimilarity(LossMetric):
    """The mean cosine of the angle between `y_true` and `y_pred` along the last axis: 1 is best.

    Parameters
    ----------
    name, dtype
        See `Metric`.
    axis : int, default -1
        The last axis; no other is served.

    Examples
    --------
    >>> from fastnn.metrics import CosineSimilarity
    >>> CosineSimilarity()([[0.0, 2.0], [3.0, 0.0]], [[0.0, 5.0], [0.0, 1.0]])
    0.5
    """

    direction = "up"

    def __init__(
        self, name: str | None = "cosine_similarity", dtype: str | None = None, axis: int = -1
    ) -> None:
        super().__init__(losses.CosineSimilarity(), name, dtype)
        self.axis = last_axis("CosineSimilarity", axis)

    def values(self, graph: _core.Graph, y_true: int, y_pred: int) -> int:
        """Add the cosines' node."""
        return graph.add("cosine_similarity", [y_pred, y_true], {}, self.name)[0]


class Hinge(LossMetric):
    """The mean of ``max(1 - y_true y_pred, 0)``.

    Parameters
    ----------
    name, dtype
        See `Metric`.

    Examples
    --------
    >>> from fastnn.metrics import Hinge
    >>> Hinge()([0.0, 1.0], [0.5, 2.0])
    0.75
    """

    def __init__(self, name: str | None = "hinge", dtype: str | None = None) -> None:
        super().__init__(losses.Hinge(), name, dtype)


class SquaredHinge(LossMetric):
    """The mean of ``max(1 - y_true y_pred, 0)²``.

    Parameters
    ----------
    name, dtype
        See `Metric`.

    Examples
    --------
    >>> from fastnn.metrics import SquaredHinge
    >>> SquaredHinge()([0.0, 1.0], [0.5, 2.0])
    1.125
    """

    def __init__(self, name: str | None = "squared_hinge", dtype: str | None = None) -> None:
        super().__init__(losses.SquaredHinge(), name, dtype)


class CategoricalHinge(LossMetric):
    """The mean of `fastnn.losses.CategoricalHinge`.

    Parameters
    ----------
    name, dtype
        See `Metric`.

    Examples
    --------
    >>> from fastnn.metrics import CategoricalHinge
    >>> CategoricalHinge()([[0.0, 1.0], [0.0, 1.0]], [[0.5, 0.25], [0.0, 2.0]])
    0.625
    """

    def __init__(self, name: str | None = "categorical_hinge", dtype: str | None = None) -> None:
        super().__init__(losses.CategoricalHinge(), name, dtype)


class KLDivergence(LossMetric):
    """The mean of `fastnn.losses.KLDivergence`.

    Parameters
    ----------
    name, dtype
        See `Metric`.

    Examples
    --------
    >>> from fastnn.metrics import KLDivergence
    >>> round(KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]]), 4)
    0.1438
    """

    def __init__(self, name: str | None = "kl_divergence", dtype: str | None = None) -> None:
        super().__init__(losses.KLDivergence(), name, dtype)


class BinaryCrossentropy(LossMetric):
    """The mean of `fastnn.losses.BinaryCrossentropy`.

    Parameters
    ----------
    name, dtype
        See `Metric`.
    from_logits, label_smoothing
        See the loss.

    Examples
    --------
    >>> from fastnn.metrics import BinaryCrossentropy
    >>> round(BinaryCrossentropy()([[0.0, 1.0], [0.0, 0.0]], [[0.6, 0.4], [0.4, 0.6]]), 4)
    0.8149
    """

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: str | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(losses.BinaryCrossentropy(from_logits, label_smoothing), name, dtype)
        self.from_logits = bool(from_logits)
        self.label_smoothing = label_smoothing


class CategoricalCrossentropy(LossMetric):
    """The mean of `fastnn.losses.CategoricalCrossentropy`.

    Parameters
    ----------
    name, dtype
        See `Metric`.
    from_logits, label_smoothing
        See the loss.
    axis : int, default -1
        The last axis; no other is served.

    Examples
    --------
    >>> from fastnn.metrics import CategoricalCrossentropy
    >>> round(CategoricalCrossentropy()([[0, 1, 0], [0, 0, 1]], [[0.05, 0.95, 0.0], [0.1, 0.8, 0.1]]), 3)
    1.177
    """

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: str | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
    ) -> None:
        super().__init__(losses.CategoricalCrossentropy(from_logits, label_smoothing, axis), name, dtype)
        self.from_logits = bool(from_logits)
        self.label_smoothing = label_smoothing
        self.axis = axis


class SparseCategoricalCrossentropy(LossMetric):
    """The mean of `fastnn.losses.SparseCategoricalCrossentropy`.

    Parameters
    ----------
    name, dtype
        See `Metric`.
    from_logits, ignore_class
        See the loss.
    axis : int, default -1
        The last axis; no other is served.

    Examples
    --------
    >>> from fastnn.metrics import SparseCategoricalCrossentropy
    >>> round(SparseCategoricalCrossentropy()([1, 2], [[0.05, 0.95, 0.0], [0.1, 0.8, 0.1]]), 3)
    1.177
    """

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: str | None = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(losses.SparseCategoricalCrossentropy(from_logits, ignore_class), name, dtype)
        self.from_logits = bool(from_logits)
        self.ignore_class = ignore_class
        self.axis = last_axis("SparseCategoricalCrossentropy", axis)
