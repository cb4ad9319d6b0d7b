"""Losses of yes-or-no predictions, and of margins."""

from __future__ import annotations

import warnings
from typing import Any

from fastnn import _core
from fastnn._numbers import real
from fastnn.losses.regression import ElementwiseLoss, last_axis
from fastnn.losses.tracing import logits_of


class BinaryCrossentropy(ElementwiseLoss):
    """Cross-entropy of independent yes-or-no predictions, averaged over the last axis.

    ``-(y log p + (1 - y) log(1 - p))``, computed from the logits where they are known: with
    `from_logits`, and in a model that ends in a sigmoid. Other probabilities are clipped to
    ``[1e-7, 1 - 1e-7]``.

    Parameters
    ----------
    from_logits : bool, default False
        Predictions are logits, not probabilities.
    label_smoothing : float, default 0
        Labels become ``y (1 - s) + s / 2``; at least 0 and below 1.
    axis : int, default -1
        The last axis; no other is served.
    reduction, name, dtype
        See `Loss`.

    Examples
    --------
    >>> from fastnn.losses import BinaryCrossentropy
    >>> round(BinaryCrossentropy()([[0.0, 1.0], [0.0, 0.0]], [[0.6, 0.4], [0.4, 0.6]]), 4)
    0.8149
    >>> BinaryCrossentropy(from_logits=True)([[1.0]], [[1000.0]])
    0.0
    """

    kind = "binary_cross_entropy"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits = bool(from_logits)
        self.label_smoothing = real(type(self).__name__, "label_smoothing", label_smoothing, 0, 1, below=True)
        self.axis = last_axis(type(self).__name__, axis)

    def attributes(self) -> dict[str, Any]:
        """Return the op's attributes."""
        return {"label_smoothing": self.label_smoothing}

    def call(self, graph: _core.Graph, y_true: int, y_pred: int) -> int:
        """Add the losses' node."""
        scores, logits = scores_of(self, graph, y_pred, "sigmoid")
        attributes = {"kind": self.kind + ("_logits" if logits else ""), **self.attributes()}
        return graph.add("elementwise_loss", [scores, y_true], attributes, self.name)[0]


class BinaryFocalCrossentropy(BinaryCrossentropy):
    """Binary cross-entropy that counts well-classified elements less (Lin et al. 2017).

    Cross-entropy times ``(1 - p_t)^gamma``, where ``p_t`` is the probability given to the label.

    Parameters
    ----------
    apply_class_balancing : bool, default False
        Multiply by `alpha` for label 1 and ``1 - alpha`` for label 0.
    alpha : float, default 0.25
        Between 0 and 1.
    gamma : float, default 2
        At least 0; 0 gives plain cross-entropy.
    from_logits, label_smoothing, axis
        See `BinaryCrossentropy`.
    reduction, name, dtype
        See `Loss`.

    Examples
    --------
    >>> from fastnn.losses import BinaryFocalCrossentropy
    >>> round(BinaryFocalCrossentropy()([[0.0, 1.0], [0.0, 0.0]], [[0.6, 0.4], [0.4, 0.6]]), 4)
    0.2678
    """

    kind = "binary_focal"

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_focal_crossentropy",
        dtype: str | None = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)
        self.apply_class_balancing = bool(apply_class_balancing)
        self.alpha = real("BinaryFocalCrossentropy", "alpha", alpha, 0, 1)
        self.gamma = real("BinaryFocalCrossentropy", "gamma", gamma, 0)

    def attributes(self) -> dict[str, Any]:
        """Return the op's attributes."""
        return {
            "label_smoothing": self.label_smoothing,
            "alpha": self.alpha,
            "gamma": self.gamma,
            "balanced": self.apply_class_balancing,
        }


class Hinge(ElementwiseLoss):
    """``mean(max(1 - y_true y_pred, 0))`` over the last axis.

    Labels are -1 and 1; a label 0 is taken as -1.

    Parameters
    ----------
    reduction, name, dtype
        See `Loss`.

    Examples
    --------
    >>> from fastnn.losses import Hinge
    >>> Hinge()([[0.0, 1.0]], [[0.5, 2.0]])
    0.75
    """

    kind = "hinge"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "hinge",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class SquaredHinge(ElementwiseLoss):
    """``mean(max(1 - y_true y_pred, 0)²)`` over the last axis.

    Labels are -1 and 1; a label 0 is taken as -1.

    Parameters
    ----------
    reduction, name, dtype
        See `Loss`.

    Examples
    --------
    >>> from fastnn.losses import SquaredHinge
    >>> SquaredHinge()([[0.0, 1.0]], [[0.5, 2.0]])
    1.125
    """

    kind = "squared_hinge"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "squared_hinge",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


def scores_of(loss: Any, graph: _core.Graph, y_pred: int, function: str) -> tuple[int, bool]:
    """Return what a cross-entropy computes from, and whether these are logits.

    Parameters
    ----------
    loss : Loss
        With `from_logits` and `label`.
    graph : Graph
    y_pred : int
    function : {"softmax", "sigmoid"}

    Returns
    -------
    tuple
        Tensor, and True for logits.

    Examples
    --------
    >>> import fastnn
    >>> from fastnn.losses.binary import scores_of
    >>> graph = fastnn._core.Graph()
    >>> z = graph.input("z", [3])
    >>> scores_of(fastnn.losses.BinaryCrossentropy(from_logits=True), graph, z, "sigmoid") == (z, True)
    True
    """
    logits = logits_of(graph, y_pred, function)
    if logits is not None:
        if loss.from_logits:
            warnings.warn(
                f"{loss.label}: from_logits=True, but the model ends in a {function}; the loss is computed "
                "from what goes into it. Leave out one of the two.",
                UserWarning,
                stacklevel=5,
            )
        return logits, True
    return y_pred, bool(loss.from_logits)
