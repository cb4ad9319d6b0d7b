"""Intersection over union: how well areas of classes overlap, as for segmented images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnn import _core
from fastnn._numbers import count, real
from fastnn.losses.tracing import traced_all
from fastnn.metrics.tables import ConfusionMatrix

Array = npt.NDArray[Any]


class _Overlap(ConfusionMatrix):
    """Base: the mean over some classes of ``tp / (tp + fp + fn)``, those that do not occur left out."""

    direction = "up"
    target_class_ids: list[int] | None = None  # None: all
    sparse_y_pred = False

    def _choose(self, num_classes: Any, target_class_ids: Any) -> None:
        owner = type(self).__name__
        given = target_class_ids if isinstance(target_class_ids, (list, tuple, np.ndarray)) else None
        if given is None or not len(given):
            raise ValueError(
                f"{owner}: target_class_ids must list at least one class, got {target_class_ids!r}"
            )
        self.target_class_ids = [count(owner, "target_class_ids", item) for item in given]
        if max(self.target_class_ids) >= num_classes:
            raise ValueError(
                f"{owner}: target_class_ids has {max(self.target_class_ids)}, but there are {num_classes} "
                f"classes, 0 to {num_classes - 1}"
            )

    def _take_ids(self, sparse_y_true: Any, sparse_y_pred: Any, axis: Any = -1) -> None:
        """Note whether predictions are class indices."""
        owner = type(self).__name__
        if isinstance(axis, bool) or axis != -1:
            raise ValueError(f"{owner}: axis must be -1, got {axis!r}: the classes' axis is the last one")
        self.sparse_y_true, self.sparse_y_pred, self.axis = bool(sparse_y_true), bool(sparse_y_pred), -1
        if self.sparse_y_pred and not self.sparse_y_true:
            raise ValueError(
                f"{owner}: predictions that are class indices need labels that are (sparse_y_true=True): "
                "take IoU or MeanIoU, and y_true.argmax(axis=-1)"
            )
        if self.sparse_y_pred:
            if self.num_classes is None:
                raise ValueError(f"{owner}: with sparse_y_pred=True num_classes must be given")
            self.weight_each_element, self.over_classes, self.label_kind = True, False, "values"

    def build(
        self, graph: _core.Graph, y_true: int, y_pred: int, sample_weight: int | None = None
    ) -> list[int]:
        """Add the table of counts."""
        if not self.sparse_y_pred:
            return super().build(graph, y_true, y_pred, sample_weight)
        places = int(self.num_classes or 0) + 1  # the last one is for what is no class
        true, scores = traced_all(graph, self.label, self._one_hot, y_true, y_pred)
        attributes = {"ignore_index": self.ignore_class}
        made = graph.add("confusion_counts", [scores, true, sample_weight], attributes, self.name)
        assert graph.shape(made[0]) == [places, places]
        return made

    def _one_hot(self, y_true: Any, y_pred: Any) -> list[Any]:
        from fastnn import ops

        classes, ids = int(self.num_classes or 0), ops.cast(y_pred, "int32")
        known = ops.logical_and(ids >= 0, ids < classes)
        ids = ops.where(known, ids, classes)
        return [ops.cast(y_true, "int32"), ops.one_hot(ids, classes + 1, dtype=y_pred.dtype)]

    def compute(self, accumulators: Sequence[Array]) -> Any:
        """Return the mean over the classes; 0 if none of them occurs."""
        table = np.asarray(accumulators[0], dtype=np.float64)
        if self.sparse_y_pred:
            classes = int(self.num_classes or 0)
            if table[classes].any() or table[:, classes].any():
                raise ValueError(
                    f"{self.label}: labels or predictions hold class indices that are not among the "
                    f"{classes} classes, 0 to {classes - 1}; for scores of classes set sparse_y_pred=False"
                )
            table = table[:classes, :classes]
        right = np.diagonal(table)
        union = table.sum(axis=0) + table.sum(axis=1) - right
        if self.target_class_ids is not None:
            right, union = right[self.target_class_ids], union[self.target_class_ids]
        there = union > 0
        return float((right[there] / union[there]).mean()) if there.any() else 0.0


class IoU(_Overlap):
    """Intersection over union of true and predicted positions, averaged over some classes.

    For each class ``tp / (tp + fp + fn)``; classes that do not occur are left out.

    Parameters
    ----------
    num_classes : int
    target_class_ids : sequence of int
        The classes to average over.
    name, dtype
        See `Metric`.
    ignore_class : int, optional
        Positions with this label do not count.
    sparse_y_true : bool, default True
        Labels may be class indices or one-hot, as their shape says, where predictions are scores; where these
        are indices, labels must be, too.
    sparse_y_pred : bool, default True
        Whether predictions are class indices; False: scores of the classes, as models give them, of which the
        first largest counts.
    axis : int, default -1
        Of the classes' scores; no other is served.

    Examples
    --------
    >>> from fastnn.metrics import IoU
    >>> round(IoU(num_classes=2, target_class_ids=[0])([0, 0, 1, 1], [0, 1, 0, 1]), 4)
    0.3333
    >>> IoU(2, [0, 1], sparse_y_pred=False)([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    0.5
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, ignore_class=ignore_class, name=name, dtype=dtype)
        self._choose(self.num_classes, target_class_ids)
        self._take_ids(sparse_y_true or not sparse_y_pred, sparse_y_pred, axis)
        self.sparse_y_true = bool(sparse_y_true)


class BinaryIoU(_Overlap):
    """Intersection over union of yes-or-no decisions, averaged over one or both of no (0) and yes (1).

    Parameters
    ----------
    target_class_ids : sequence of int, default (0, 1)
    threshold : float, default 0.5
        Predictions from it on are yes.
    name, dtype
        See `Metric`.

    Notes
    -----
    Labels are 0 and 1 in the predictions' shape.

    Examples
    --------
    >>> from fastnn.metrics import BinaryIoU
    >>> round(BinaryIoU(threshold=0.3)([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7]), 4)
    0.3333
    """

    over_classes = False
    label_kind = "values"
    weight_each_element = True

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(2, threshold=real("BinaryIoU", "threshold", threshold), name=name, dtype=dtype)
        self._choose(2, target_class_ids)

    def build(
        self, graph: _core.Graph, y_true: int, y_pred: int, sample_weight: int | None = None
    ) -> list[int]:
        """Add the table of counts."""
        true, yes = traced_all(graph, self.label, self._decisions, y_true, y_pred)
        return graph.add("confusion_counts", [yes, true, sample_weight], {"threshold": 0.5}, self.name)

    def _decisions(self, y_true: Any, y_pred: Any) -> list[Any]:
        from fastnn import ops

        yes = ops.cast(y_pred >= self.threshold, y_pred.dtype)
        return [ops.expand_dims(y_true, -1), ops.expand_dims(yes, -1)]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments in plain values."""
        names = ("target_class_ids", "threshold", "name", "dtype")
        return {name: getattr(self, name) for name in names}


class MeanIoU(_Overlap):
    """Intersection over union of true and predicted positions, averaged over the classes that occur.

    For each class ``tp / (tp + fp + fn)``, as for segmented images.

    Parameters
    ----------
    num_classes : int, optional
        Checked against the predictions; found there if None.
    name, dtype
        See `Metric`.
    ignore_class : int, optional
        Positions with this label do not count.
    sparse_y_true : bool, default True
        Labels may be class indices or one-hot, as their shape says, where predictions are scores.
    sparse_y_pred : bool, default False
        Whether predictions are class indices. Keras' default is True; here they are scores, as models give
        them, of which the first largest counts.
    axis : int, default -1
        Of the classes' scores; no other is served.

    Examples
    --------
    >>> from fastnn.metrics import MeanIoU
    >>> MeanIoU(2)([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    0.5
    >>> MeanIoU(2, sparse_y_pred=True)([0, 1, 1], [0, 1, 0])
    0.5
    """

    def __init__(
        self,
        num_classes: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, ignore_class=ignore_class, name=name or "mean_io_u", dtype=dtype)
        self._take_ids(sparse_y_true or not sparse_y_pred, sparse_y_pred, axis)
        self.sparse_y_true = bool(sparse_y_true)


class OneHotIoU(IoU):
    """`IoU` of predictions that are scores of the classes.

    Parameters
    ----------
    num_classes : int
    target_class_ids : sequence of int
        The classes to average over.
    name, dtype
        See `Metric`.
    ignore_class : int, optional
        Positions with this label do not count.
    sparse_y_pred : bool, default False
        True is an error: take `IoU` for predictions that are class indices.
    axis : int, default -1
        Of the classes' scores; no other is served.

    Notes
    -----
    Labels are one-hot, or class indices.

    Examples
    --------
    >>> from fastnn.metrics import OneHotIoU
    >>> y = [[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0]]
    >>> scores = [[0.2, 0.3, 0.5], [0.1, 0.2, 0.7], [0.5, 0.3, 0.1], [0.1, 0.4, 0.5]]
    >>> round(OneHotIoU(num_classes=3, target_class_ids=[0, 2])(y, scores), 4)
    0.1667
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        _refuse_ids("OneHotIoU", "IoU", sparse_y_pred)
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, False, axis)


class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` of predictions that are scores of the classes.

    Parameters
    ----------
    num_classes : int
    name, dtype
        See `Metric`.
    ignore_class : int, optional
        Positions with this label do not count.
    sparse_y_pred : bool, default False
        True is an error: take `MeanIoU` for predictions that are class indices.
    axis : int, default -1
        Of the classes' scores; no other is served.

    Notes
    -----
    Labels are one-hot, or class indices.

    Examples
    --------
    >>> from fastnn.metrics import OneHotMeanIoU
    >>> y = [[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0]]
    >>> scores = [[0.2, 0.3, 0.5], [0.1, 0.2, 0.7], [0.5, 0.3, 0.1], [0.1, 0.4, 0.5]]
    >>> round(OneHotMeanIoU(num_classes=3)(y, scores), 4)
    0.1111
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        _refuse_ids("OneHotMeanIoU", "MeanIoU", sparse_y_pred)
        name = "one_hot_mean_io_u" if name is None else name
        super().__init__(num_classes, name, dtype, ignore_class, False, False, axis)


def _refuse_ids(owner: str, other: str, sparse_y_pred: Any) -> None:
    if sparse_y_pred:
        raise ValueError(
            f"{owner}: sparse_y_pred=True is not supported: for predictions that are class indices take "
            f"{other}(sparse_y_pred=True), with y_true.argmax(axis=-1)"
        )
