"""How often predictions are right."""

from __future__ import annotations

from typing import Any

from fastnn import _core
from fastnn._numbers import count, real
from fastnn.losses.categorical import check_class, ignore_mask
from fastnn.losses.tracing import logits_of
from fastnn.metrics.base import MeanMetric


class Accuracy(MeanMetric):
    """Share of predictions that equal their labels.

    In a model's `compile` the name ``"accuracy"`` stands for the accuracy that fits the shapes:
    `BinaryAccuracy`, `CategoricalAccuracy` or `SparseCategoricalAccuracy`.

    Parameters
    ----------
    name, dtype
        See `Metric`.

    Examples
    --------
    >>> from fastnn.metrics import Accuracy
    >>> Accuracy()([1, 2, 3, 4], [0, 2, 3, 4])
    0.75
    """

    direction = "up"

    def __init__(self, name: str | None = "accuracy", dtype: str | None = None) -> None:
        super().__init__(name, dtype)

    def values(self, graph: _core.Graph, y_true: int, y_pred: int) -> int:
        """Add the node of agreements."""
        return graph.add("elementwise_loss", [y_pred, y_true], {"kind": "equal"}, self.name)[0]


class BinaryAccuracy(MeanMetric):
    """Share of yes-or-no predictions that agree with their labels.

    Parameters
    ----------
    name, dtype
        See `Metric`.
    threshold : float, default 0.5
        Predictions above it are taken as 1; 0 for logits. Labels above 1/2 are 1.

    Examples
    --------
    >>> from fastnn.metrics import BinaryAccuracy
    >>> BinaryAccuracy()([[1], [1], [0], [0]], [[0.98], [1.0], [0.0], [0.6]])
    0.75
    """

    direction = "up"

    def __init__(
        self, name: str | None = "binary_accuracy", dtype: str | None = None, threshold: float = 0.5
    ) -> None:
        super().__init__(name, dtype)
        self.threshold = real("BinaryAccuracy", "threshold", threshold)

    def values(self, graph: _core.Graph, y_true: int, y_pred: int) -> int:
        """Add the node of agreements."""
        attributes = {"kind": "threshold_equal", "threshold": self.threshold}
        return graph.add("elementwise_loss", [y_pred, y_true], attributes, self.name)[0]


class CategoricalAccuracy(MeanMetric):
    """Share of positions where the class with the largest score is that of the one-hot label.

    Scores may be probabilities or logits. Where several are largest, the first one counts; scores with a
    NaN are wrong.

    Parameters
    ----------
    name, dtype
        See `Metric`.

    Examples
    --------
    >>> from fastnn.metrics import CategoricalAccuracy
    >>> CategoricalAccuracy()([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0.0]])
    0.5
    """

    direction = "up"
    label_kind = "one-hot"
    over_classes = True
    ignore_class: int | None = None

    def __init__(self, name: str | None = "categorical_accuracy", dtype: str | None = None) -> None:
        super().__init__(name, dtype)

    def attributes(self) -> dict[str, Any]:
        """Return the op's attributes."""
        return {"ignore_index": self.ignore_class}

    def values(self, graph: _core.Graph, y_true: int, y_pred: int) -> int:
        """Add the node of matches."""
        # The largest probability is that of the largest logit; so the softmax need not be computed for this.
        logits = logits_of(graph, y_pred, "softmax")
        scores = y_pred if logits is None else logits
        return graph.add("class_match", [scores, y_true], self.attributes(), self.name)[0]

    def mask(self, graph: _core.Graph, y_true: int, values: int) -> int | None:
        """Leave out positions with the label `ignore_class`."""
        return ignore_mask(graph, y_true, values, self.ignore_class, self.name)


class SparseCategoricalAccuracy(CategoricalAccuracy):
    """Share of positions where the class with the largest score is the label.

    Labels are class indices. Otherwise it is as `CategoricalAccuracy`.

    Parameters
    ----------
    name, dtype
        See `Metric`.
    ignore_class : int, optional
        Positions with this label do not count; in a model, by default, the class that the loss ignores.

    Examples
    --------
    >>> from fastnn.metrics import SparseCategoricalAccuracy
    >>> SparseCategoricalAccuracy()([2, 1], [[0.1, 0.6, 0.3], [0.05, 0.95, 0.0]])
    0.5
    """

    label_kind = "ids"

    def __init__(
        self,
        name: str | None = "sparse_categorical_accuracy",
        dtype: str | None = None,
        ignore_class: int | None = None,
    ) -> None:
        super().__init__(name, dtype)
        self.ignore_class = check_class("SparseCategoricalAccuracy", "ignore_class", ignore_class)


class TopKCategoricalAccuracy(CategoricalAccuracy):
    """Share of positions where fewer than `k` classes score higher than that of the one-hot label.

    Parameters
    ----------
    k : int, default 5
    name, dtype
        See `Metric`.

    Examples
    --------
    >>> from fastnn.metrics import TopKCategoricalAccuracy
    >>> TopKCategoricalAccuracy(k=2)([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0.0]])
    1.0
    """

    def __init__(
        self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: str | None = None
    ) -> None:
        super().__init__(name, dtype)
        self.k = count("TopKCategoricalAccuracy", "k", k, 1)

    def attributes(self) -> dict[str, Any]:
        """Return the op's attributes."""
        return {"top_k": self.k}


class SparseTopKCategoricalAccuracy(SparseCategoricalAccuracy):
    """Share of positions where fewer than `k` classes score higher than the label.

    Parameters
    ----------
    k : int, default 5
    name, dtype
        See `Metric`.
    ignore_class : int, optional
        See `SparseCategoricalAccuracy`.

    Examples
    --------
    >>> from fastnn.metrics import SparseTopKCategoricalAccuracy
    >>> SparseTopKCategoricalAccuracy(k=2)([2, 1], [[0.1, 0.9, 0.8], [0.05, 0.95, 0.0]])
    1.0
    """

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: str | None = None,
        ignore_class: int | None = None,
    ) -> None:
        super().__init__(name, dtype, ignore_class)
        self.k = count("SparseTopKCategoricalAccuracy", "k", k, 1)

    def attributes(self) -> dict[str, Any]:
        """Return the op's attributes."""
        return {"top_k": self.k, "ignore_index": self.ignore_class}
