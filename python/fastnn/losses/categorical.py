"""Losses of one class among several."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn import _core
from fastnn._numbers import real
from fastnn.losses.base import Loss
from fastnn.losses.binary import scores_of
from fastnn.losses.regression import ElementwiseLoss, last_axis


class CategoricalLoss(Loss):
    """Base of losses over classes in the last axis, with one-hot labels or distributions.

    Examples
    --------
    >>> import fastnn
    >>> issubclass(fastnn.losses.CategoricalHinge, fastnn.losses.Loss)
    True
    """

    label_kind = "one-hot"
    over_classes = True

    def check_classes(self, graph: _core.Graph, y_pred: int) -> None:
        """Warn of predictions with one class, whose loss says nothing."""
        dims = graph.shape(y_pred)
        if not dims or dims[-1] == 1:
            warnings.warn(
                f"{self.label}: predictions have shape {(None, *dims)}, but a score for each of several "
                "classes is expected in the last dimension; for two classes with one score use "
                "BinaryCrossentropy",
                UserWarning,
                stacklevel=5,
            )


class CategoricalCrossentropy(CategoricalLoss):
    """Cross-entropy between one-hot labels, or distributions, and predicted classes.

    ``-sum(y log p)`` over the last axis, computed from the logits where they are known: with
    `from_logits`, and in a model that ends in a softmax. Other probabilities are divided by their sum and
    clipped to ``[1e-7, 1 - 1e-7]``.

    Parameters
    ----------
    from_logits : bool, default False
        Predictions are logits, not probabilities.
    label_smoothing : float, default 0
        Labels become ``y (1 - s) + s / classes``; at least 0 and below 1.
    axis : int, default -1
        The last axis; no other is served.
    reduction, name, dtype
        See `Loss`.

    Examples
    --------
    >>> from fastnn.losses import CategoricalCrossentropy
    >>> y = [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    >>> round(CategoricalCrossentropy()(y, [[0.05, 0.95, 0.0], [0.1, 0.8, 0.1]]), 3)
    1.177
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits = bool(from_logits)
        self.label_smoothing = real(type(self).__name__, "label_smoothing", label_smoothing, 0, 1, below=True)
        self.axis = last_axis(type(self).__name__, axis)

    def call(self, graph: _core.Graph, y_true: int, y_pred: int) -> int:
        """Add the losses' node."""
        self.check_classes(graph, y_pred)
        scores, logits = scores_of(self, graph, y_pred, "softmax")
        op = "softmax_cross_entropy" if logits else "cross_entropy"
        return graph.add(op, [scores, y_true], {"label_smoothing": self.label_smoothing}, self.name)[0]


class SparseCategoricalCrossentropy(CategoricalLoss):
    """Cross-entropy between class indices and predicted classes.

    ``-log p[y]`` over the last axis, computed from the logits where they are known: with `from_logits`,
    and in a model that ends in a softmax. Other probabilities are divided by their sum and clipped to
    ``[1e-7, 1 - 1e-7]``. Labels have the predictions' shape without the last axis; a last axis of 1 may
    stay.

    Parameters
    ----------
    from_logits : bool, default False
        Predictions are logits, not probabilities.
    ignore_class : int, optional
        Positions with this label (often -1 or 255) have no loss and do not count in means.
    reduction, name, dtype
        See `Loss`.
    label_smoothing : float, default 0
        The one-hot rows of the labels become ``y (1 - s) + s / classes``; at least 0 and below 1.

    Examples
    --------
    >>> from fastnn.losses import SparseCategoricalCrossentropy
    >>> round(SparseCategoricalCrossentropy()([1, 2], [[0.05, 0.95, 0.0], [0.1, 0.8, 0.1]]), 3)
    1.177
    """

    label_kind = "ids"

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "sparse_categorical_crossentropy",
        dtype: str | None = None,
        label_smoothing: float = 0.0,
        axis: int = -1,
    ) -> None:
        super().__init__(name, reduction, dtype)
        if axis != -1:
            raise ValueError(f"SparseCategoricalCrossentropy: classes must lie along axis -1, got {axis!r}")
        self.from_logits = bool(from_logits)
        self.ignore_class = check_class("SparseCategoricalCrossentropy", "ignore_class", ignore_class)
        self.label_smoothing = real(type(self).__name__, "label_smoothing", label_smoothing, 0, 1, below=True)

    def call(self, graph: _core.Graph, y_true: int, y_pred: int) -> int:
        """Add the losses' node."""
        self.check_classes(graph, y_pred)
        scores, logits = scores_of(self, graph, y_pred, "softmax")
        op = "sparse_softmax_cross_entropy" if logits else "sparse_cross_entropy"
        attributes = {"label_smoothing": self.label_smoothing, "ignore_index": self.ignore_class}
        return graph.add(op, [scores, y_true], attributes, self.name)[0]

    def mask(self, graph: _core.Graph, y_true: int, losses: int) -> int | None:
        """Leave out positions with the label `ignore_class`."""
        return ignore_mask(graph, y_true, losses, self.ignore_class, self.name)


class CategoricalFocalCrossentropy(CategoricalCrossentropy):
    """Categorical cross-entropy that counts well-classified samples less (Lin et al. 2017).

    ``-sum(alpha y (1 - p)^gamma log p)`` over the last axis.

    Parameters
    ----------
    alpha : float or sequence of float, default 0.25
        Weight of all classes, or one for each.
    gamma : float, default 2
        At least 0; 0 gives plain cross-entropy times `alpha`.
    from_logits, label_smoothing, axis
        See `CategoricalCrossentropy`.
    reduction, name, dtype
        See `Loss`.

    Examples
    --------
    >>> from fastnn.losses import CategoricalFocalCrossentropy
    >>> y = [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    >>> round(CategoricalFocalCrossentropy()(y, [[0.05, 0.95, 0.0], [0.1, 0.8, 0.1]]), 4)
    0.2332
    """

    def __init__(
        self,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_focal_crossentropy",
        dtype: str | None = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)
        owner = "CategoricalFocalCrossentropy"
        several = isinstance(alpha, (list, tuple, np.ndarray)) and np.ndim(alpha) > 0
        self.alpha: float | list[float] = (
            [real(owner, "alpha", item) for item in alpha]  # type: ignore[union-attr]
            if several
            else real(owner, "alpha", alpha)
        )
        self.gamma = real(owner, "gamma", gamma, 0)

    def call(self, graph: _core.Graph, y_true: int, y_pred: int) -> int:
        """Add the losses' node."""
        self.check_classes(graph, y_pred)
        scores, logits = scores_of(self, graph, y_pred, "softmax")
        attributes = {
            "from_logits": logits,
            "label_smoothing": self.label_smoothing,
            "gamma": self.gamma,
            "alpha": self.alpha,
        }
        return graph.add("categorical_focal", [scores, y_true], attributes, self.name)[0]


class CategoricalHinge(CategoricalLoss):
    """``max(0, neg - pos + 1)``: ``pos = sum(y p)``, ``neg = max((1 - y) p)`` over the last axis.

    Labels are one-hot, or -1 and 1.

    Parameters
    ----------
    reduction, name, dtype
        See `Loss`.

    Examples
    --------
    >>> from fastnn.losses import CategoricalHinge
    >>> CategoricalHinge()([[0.0, 1.0], [0.0, 1.0]], [[0.5, 0.25], [0.0, 2.0]])
    0.625
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_hinge",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, graph: _core.Graph, y_true: int, y_pred: int) -> int:
        """Add the losses' node."""
        return graph.add("categorical_hinge", [y_pred, y_true], {}, self.name)[0]


class KLDivergence(ElementwiseLoss):
    """``sum(y_true log(y_true / y_pred))`` over the last axis; both are clipped to ``[1e-7, 1]``.

    Parameters
    ----------
    reduction, name, dtype
        See `Loss`.

    Examples
    --------
    >>> from fastnn.losses import KLDivergence
    >>> round(KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]]), 4)
    0.1438
    """

    kind = "kl_divergence"
    label_kind = "one-hot"
    over_classes = True

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "kl_divergence",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


def check_class(owner: str, name: str, value: Any) -> int | None:
    """Return a class's number, or None."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{owner}: {name} must be an integer or None, got {value!r}")
    return int(value)


def ignore_mask(
    graph: _core.Graph, y_true: int, like: int, ignore_class: int | None, name: str
) -> int | None:
    """Add a node that is 0 where the label is `ignore_class`, else 1; None if no class is ignored."""
    if ignore_class is None:
        return None
    return graph.add("label_weight", [y_true, like, None], {"ignore_index": ignore_class}, name)[0]
