"""Losses that bring vectors of what is alike together and keep others apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnn import _core
from fastnn._names import one_of
from fastnn._numbers import real
from fastnn.data_adapter import as_rows
from fastnn.losses.base import Loss
from fastnn.losses.labels import match_labels

_DISTANCES = ("euclidean", "squared_euclidean", "cosine")
_NEAREST = 1e-12  # squared distances below it count as that, so that the root has a slope


class SimilarityLoss(Loss):
    """Base of losses whose predictions hold several vectors a sample: (None, vectors, features).

    Examples
    --------
    >>> import fastnn
    >>> issubclass(fastnn.losses.Triplet, fastnn.losses.Loss)
    True
    """

    vectors = 2
    at_least = False  # whether there may be more of them
    has_labels = False

    def label_spec(self, prediction_dims: Sequence[int], dtype: str = "float32") -> tuple[list[int], str]:
        """Say what the labels' graph input must be: a number a sample."""
        return [], dtype

    def check_labels(self, y: Any, prediction_dims: Sequence[int], name: str = "y") -> npt.NDArray[Any]:
        """Check the predictions' shape, and labels if there are any: a number a sample."""
        dims = [int(n) for n in prediction_dims]
        if len(dims) != 2 or dims[0] < self.vectors or (dims[0] > self.vectors and not self.at_least):
            number = f"at least {self.vectors} vectors" if self.at_least else f"{self.vectors} vectors"
            raise ValueError(
                f"{self.label}: predictions must hold {number} a sample, (None, {self.vectors}, features), "
                f"got {(None, *dims)}"
            )
        if self.has_labels:
            return match_labels(y, [], "values", self.label, name)
        return np.zeros(len(as_rows(y, f"{self.label}: {name}")))


def _distance(a: Any, b: Any, kind: str) -> Any:
    from fastnn import ops

    if kind == "cosine":
        # The lengths are never 0: gradients of vectors of zeros are 0.
        lengths = ops.sqrt(ops.maximum(ops.sum(a * a, -1) * ops.sum(b * b, -1), _NEAREST))
        return 1.0 - ops.sum(a * b, -1) / lengths
    square = ops.sum(ops.square(a - b), -1)
    return square if kind == "squared_euclidean" else ops.sqrt(ops.maximum(square, _NEAREST))


class Triplet(SimilarityLoss):
    """An anchor should be nearer to a sample of its kind than to one of another, by a margin.

    ``max(0, d(anchor, positive) - d(anchor, negative) + margin)`` (Schroff et al. 2015). Predictions are
    (None, 3, features): anchor, positive and negative. Labels are not used; give any array with a row a
    sample.

    Parameters
    ----------
    margin : float, default 1.0
        At least 0.
    distance : {"euclidean", "squared_euclidean", "cosine"}, default "euclidean"
        "cosine" is 1 less the cosine of the angle.
    reduction, name, dtype
        See `Loss`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.losses import Triplet
    >>> vectors = np.array([[[0.0, 0.0], [0.0, 2.0], [0.0, 2.5]]])
    >>> Triplet()(np.zeros(1), vectors)
    0.5
    """

    vectors = 3

    def __init__(
        self,
        margin: float = 1.0,
        distance: str = "euclidean",
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "triplet",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.margin = real("Triplet", "margin", margin, 0)
        self.distance = one_of("Triplet", "distance", distance, _DISTANCES)

    def call(self, y_true: Any, y_pred: Any) -> Any:  # type: ignore[override]
        """Compute the losses."""
        from fastnn import ops

        anchor, positive, negative = (y_pred[:, i] for i in range(3))
        near, far = (_distance(anchor, other, self.distance) for other in (positive, negative))
        return ops.maximum(near - far + self.margin, 0.0)


class Contrastive(SimilarityLoss):
    """Pairs that are alike should be near, others at least a margin apart.

    ``y d^2 + (1 - y) max(0, margin - d)^2`` with the Euclidean distance d and labels 1 for pairs that are
    alike, 0 for others (Hadsell et al. 2006). Predictions are (None, 2, features).

    Parameters
    ----------
    margin : float, default 1.0
        At least 0.
    reduction, name, dtype
        See `Loss`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.losses import Contrastive
    >>> Contrastive(reduction=None)(np.array([1, 0]), np.array([[[0.0], [0.5]], [[0.0], [0.5]]]))
    array([0.25, 0.25])
    """

    has_labels = True

    def __init__(
        self,
        margin: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "contrastive",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.margin = real("Contrastive", "margin", margin, 0)

    def call(self, y_true: Any, y_pred: Any) -> Any:  # type: ignore[override]
        """Compute the losses."""
        from fastnn import ops

        first, second = (y_pred[:, i] for i in range(2))
        square = _distance(first, second, "squared_euclidean")
        short = ops.maximum(self.margin - _distance(first, second, "euclidean"), 0.0)
        return y_true * square + (1.0 - y_true) * ops.square(short)


class NTXent(SimilarityLoss):
    """Views of one sample should find each other among all views of the batch (Chen et al. 2020).

    The normalised, temperature-scaled cross-entropy: each view's cosines with all other views of the batch,
    divided by `temperature`, are the logits of which one belongs to the same sample. Predictions are
    (None, views, features), two views or more. Labels are not used; give any array with a row a sample.

    Parameters
    ----------
    temperature : float, default 0.5
        Above 0.
    reduction, name, dtype
        See `Loss`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.losses import NTXent
    >>> views = np.array([[[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]])
    >>> round(NTXent()(np.zeros(2), views), 4)
    0.2395
    """

    at_least = True

    def __init__(
        self,
        temperature: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "nt_xent",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.temperature = real("NTXent", "temperature", temperature, 0, above=True)

    def call(self, graph: _core.Graph, y_true: int, y_pred: int) -> int:
        """Add the losses' node."""
        return graph.add("nt_xent", [y_pred], {"temperature": self.temperature}, self.name)[0]


class Circle(Loss):
    """Vectors of one class should be alike, those of others not (Sun et al. 2020).

    With the cosines s of a sample and those of its class, and t of it and all others of the batch,
    ``log(1 + sum(exp(-gamma (1 + margin - s) (s - 1 + margin))) sum(exp(gamma (t + margin) (t - margin))))``;
    the first factors are at least 0. Predictions are (None, features), of length 1 (see
    `UnitNormalization`), labels class numbers, (None,) or (None, 1). Where there is no other sample of the
    class, or none of another, the loss is 0.

    Parameters
    ----------
    gamma : float, default 80.0
        Scale of the exponents, above 0.
    margin : float, default 0.4
        How far cosines may be from 1 and 0.
    remove_diagonal : bool, default True
        Whether a sample is not counted among those of its own class.
    reduction, name, dtype
        See `Loss`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.losses import Circle
    >>> vectors = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [-1.0, 0.0]])
    >>> Circle(gamma=4.0, reduction=None)([0, 0, 1, 1], vectors).round(4)
    array([0.9271, 2.1771, 5.3592, 4.0704])
    """

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "circle",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.gamma = real("Circle", "gamma", gamma, 0, above=True)
        self.margin = real("Circle", "margin", margin)
        self.remove_diagonal = bool(remove_diagonal)

    label_kind = "ids"

    def label_spec(self, prediction_dims: Sequence[int], dtype: str = "float32") -> tuple[list[int], str]:
        """Say what the labels' graph input must be: a class number a sample."""
        return [], "int32"

    def check_labels(self, y: Any, prediction_dims: Sequence[int], name: str = "y") -> npt.NDArray[Any]:
        """Check the predictions' shape, and that labels are whole numbers, one a sample."""
        dims = [int(n) for n in prediction_dims]
        if len(dims) != 1:
            raise ValueError(
                f"{self.label}: predictions must have shape (None, features), got {(None, *dims)}"
            )
        return match_labels(y, dims, "ids", self.label, name)

    def call(self, graph: _core.Graph, y_true: int, y_pred: int) -> int:
        """Add the losses' node."""
        attributes = {"gamma": self.gamma, "margin": self.margin, "remove_diagonal": self.remove_diagonal}
        return graph.add("circle_loss", [y_pred, y_true], attributes, self.name)[0]
