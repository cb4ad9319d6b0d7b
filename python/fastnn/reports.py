"""Reports about predicted classes: the confusion matrix and the classification report.

Both count labels, so they work on whole arrays in NumPy; the streaming metrics of training are in
`fastnn.metrics`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["classification_report", "confusion_matrix"]

Array = npt.NDArray[Any]


def confusion_matrix(
    y_true: Any,
    y_pred: Any,
    labels: Sequence[Any] | None = None,
    normalize: str | None = None,
    sample_weight: Any = None,
) -> Array:
    """Count how often each true class was predicted as each class.

    Parameters
    ----------
    y_true, y_pred : array_like
        Class ids of shape (n,) or (n, 1); one-hot rows, probabilities or logits of shape (n, classes),
        of which the largest counts; or, of shape (n,) or (n, 1), the second of two classes' probability.
    labels : sequence, optional
        The classes and their order; samples of others are left out. By default all that occur, sorted,
        and as many as there are columns.
    normalize : {None, "true", "pred", "all"}
        Divide by the sums of rows, of columns, or by the total.
    sample_weight : array_like of shape (n,), optional
        Weight of each sample, 1 by default.

    Returns
    -------
    ndarray of shape (classes, classes)
        Row: true class; column: predicted class. int64, or float64 if normalized or weighted.

    Raises
    ------
    ValueError
        If lengths differ, values are not labels, or no label of `labels` occurs.

    Examples
    --------
    >>> from fastnn.reports import confusion_matrix
    >>> confusion_matrix([0, 1, 1, 2], [0, 1, 2, 2])
    array([[1, 0, 0],
           [0, 1, 1],
           [0, 0, 1]])
    """
    if normalize not in (None, "true", "pred", "all"):
        raise ValueError(
            f"confusion_matrix: normalize must be None, 'true', 'pred' or 'all', got {normalize!r}"
        )
    counted = _Counts(y_true, y_pred, labels, sample_weight, "confusion_matrix")
    n = len(counted.labels)
    if labels is not None:
        if n == 0:
            raise ValueError("confusion_matrix: labels is empty; name at least one class")
        if len(counted.true) and not np.any(counted.true < n):
            raise ValueError(f"confusion_matrix: none of labels={list(labels)!r} occurs in y_true")
    matrix = counted.matrix()
    if normalize is None:
        return matrix
    axis = {"true": 1, "pred": 0, "all": None}[normalize]
    total = np.asarray(matrix.sum(axis=axis, keepdims=True), dtype=np.float64)
    out = np.zeros(matrix.shape)
    np.divide(matrix, total, out=out, where=total != 0)
    return out


def classification_report(
    y_true: Any,
    y_pred: Any,
    target_names: Sequence[str] | None = None,
    digits: int = 2,
    output_dict: bool = False,
    labels: Sequence[Any] | None = None,
    zero_division: float = 0.0,
    sample_weight: Any = None,
) -> str | dict[str, Any]:
    """Return precision, recall, F1 score and support of every class, and their averages.

    Parameters
    ----------
    y_true, y_pred : array_like
        Class ids, one-hot rows or probabilities; see `confusion_matrix`.
    target_names : sequence of str, optional
        Names to show, in the order of `labels`.
    digits : int, default 2
        Decimals in the text.
    output_dict : bool, default False
        Return a dict instead of text; its numbers are not rounded.
    labels : sequence, optional
        The classes to report and their order; by default all that occur, sorted. If some are left out,
        the line "accuracy" becomes "micro avg".
    zero_division : float, default 0
        Value of a ratio whose denominator is 0; NaN leaves it out of the averages.
    sample_weight : array_like of shape (n,), optional
        Weight of each sample, 1 by default.

    Returns
    -------
    str or dict

    Raises
    ------
    ValueError
        If lengths differ, values are not labels, or `target_names` does not fit the classes.

    Examples
    --------
    >>> from fastnn.reports import classification_report
    >>> print(classification_report([0, 0, 1, 1], [0, 1, 1, 1], target_names=["cat", "dog"]))
                  precision    recall  f1-score   support
    <BLANKLINE>
             cat       1.00      0.50      0.67         2
             dog       0.67      1.00      0.80         2
    <BLANKLINE>
        accuracy                           0.75         4
       macro avg       0.83      0.75      0.73         4
    weighted avg       0.83      0.75      0.73         4
    <BLANKLINE>
    """
    given: object = digits
    if isinstance(given, bool) or not isinstance(given, (int, np.integer)) or given < 0:
        raise ValueError(f"classification_report: digits must be an integer of at least 0, got {digits!r}")
    try:
        zero = float(zero_division)
    except (TypeError, ValueError):
        raise ValueError(
            f"classification_report: zero_division must be a number, got {zero_division!r}"
        ) from None
    counted = _Counts(y_true, y_pred, labels, sample_weight, "classification_report")
    n = len(counted.labels)
    if n == 0:
        raise ValueError("classification_report: there are no classes to report: y_true is empty")
    names = (
        [str(label) for label in counted.labels] if target_names is None else [str(t) for t in target_names]
    )
    if len(names) != n:
        message = (
            f"classification_report: target_names has {len(names)} names, but there are {n} classes "
            f"({', '.join(map(str, counted.labels[:12]))}{', …' if n > 12 else ''})"
        )
        if labels is None:
            raise ValueError(
                f"{message}; pass labels=range({len(names)}) to report classes that do not occur"
            )
        warnings.warn(message, UserWarning, stacklevel=2)

    hits, predicted, support = counted.per_class()
    rows = _scores(hits, predicted, support, zero)
    sums = [np.array([float(x.sum())]) for x in (hits, predicted, support)]
    micro = [float(x[0]) for x in _scores(sums[0], sums[1], sums[2], zero)[:3]]
    total = support.sum()
    averages: list[tuple[str, list[float], Any]] = [
        ("macro avg", [_average(x, None, zero) for x in rows[:3]], total),
        ("weighted avg", [_average(x, support, zero) for x in rows[:3]], total),
    ]

    if output_dict:
        keys = ("precision", "recall", "f1-score", "support")
        result: dict[str, Any] = {}
        for i, name in zip(range(n), names, strict=False):
            result[name] = dict(zip(keys, (float(column[i]) for column in rows), strict=True))
        if counted.complete:
            result["accuracy"] = micro[2]
        else:
            result["micro avg"] = dict(zip(keys, [*micro, float(total)], strict=True))
        for heading, values, count in averages:
            result[heading] = dict(zip(keys, [*values, float(count)], strict=True))
        return result

    width = max(*(len(name) for name in names), len("weighted avg"), int(digits))

    def line(heading: str, cells: Sequence[Any]) -> str:
        texts = [c if isinstance(c, str) else f"{c:.{digits}f}" for c in cells[:3]]
        return f"{heading:>{width}} " + "".join(f" {text:>9}" for text in [*texts, str(cells[3])])

    out = [line("", ["precision", "recall", "f1-score", "support"]), ""]
    out += [line(name, [column[i] for column in rows]) for i, name in zip(range(n), names, strict=False)]
    out += [""]
    out += [
        line("accuracy", ["", "", micro[2], total])
        if counted.complete
        else line("micro avg", [*micro, total])
    ]
    out += [line(heading, [*values, count]) for heading, values, count in averages]
    return "\n".join(out) + "\n"


class _Counts:
    """Labels turned into indices 0 … n-1 (n: a label that is not reported), ready to be counted."""

    def __init__(self, y_true: Any, y_pred: Any, labels: Any, sample_weight: Any, owner: str) -> None:
        true, true_classes = _to_ids(y_true, f"{owner}: y_true")
        pred, pred_classes = _to_ids(y_pred, f"{owner}: y_pred")
        if len(true) != len(pred):
            raise ValueError(
                f"{owner}: y_true has {len(true)} samples, y_pred {len(pred)}; they must be as many"
            )
        if true.dtype.kind in "iu" and pred.dtype.kind in "iu":
            columns = np.arange(max(true_classes, pred_classes))
        elif true.dtype.kind == "U" and pred.dtype.kind == "U":
            columns = np.empty(0, dtype=true.dtype)
        else:
            raise ValueError(
                f"{owner}: y_true and y_pred must both hold class ids or both strings, "
                f"got {true.dtype} and {pred.dtype}"
            )
        present = np.unique(np.concatenate([columns, true, pred]))
        if labels is None:
            self.labels = present
        else:
            self.labels = np.asarray(labels)
            if self.labels.ndim != 1 or len(np.unique(self.labels)) != len(self.labels):
                raise ValueError(f"{owner}: labels must be a list of different classes, got {labels!r}")
        self.complete = labels is None or bool(np.isin(np.union1d(true, pred), self.labels).all())
        self.weight: Array | None = None
        if sample_weight is not None:
            self.weight = np.asarray(sample_weight, dtype=np.float64).ravel()
            if len(self.weight) != len(true):
                raise ValueError(
                    f"{owner}: sample_weight has {len(self.weight)} entries for {len(true)} samples"
                )
        self.true = self._index(true)
        self.pred = self._index(pred)

    def _index(self, ids: Array) -> npt.NDArray[np.int64]:
        n = len(self.labels)
        if n == 0:
            return np.zeros(len(ids), dtype=np.int64)
        order = np.argsort(self.labels, kind="stable")
        ordered = self.labels[order]
        place = np.minimum(np.searchsorted(ordered, ids), n - 1)
        return np.where(ordered[place] == ids, order[place], n).astype(np.int64)

    def _count(self, index: Array, keep: Array) -> Array:
        n = len(self.labels)
        weight = None if self.weight is None else self.weight[keep]
        return np.bincount(index[keep], weights=weight, minlength=n)[:n]

    def matrix(self) -> Array:
        n = len(self.labels)
        keep = (self.true < n) & (self.pred < n)
        weight = None if self.weight is None else self.weight[keep]
        flat = np.bincount((self.true * n + self.pred)[keep], weights=weight, minlength=n * n)
        return flat.reshape(n, n)

    def per_class(self) -> tuple[Array, Array, Array]:
        n = len(self.labels)
        hits = self._count(self.true, (self.true == self.pred) & (self.true < n))
        return hits, self._count(self.pred, self.pred < n), self._count(self.true, self.true < n)


def _scores(hits: Array, predicted: Array, support: Array, zero: float) -> list[Array]:
    def ratio(a: Array, b: Array) -> Array:
        out = np.full(len(a), zero)
        np.divide(a, b, out=out, where=b != 0)
        return out

    return [ratio(hits, predicted), ratio(hits, support), ratio(2.0 * hits, predicted + support), support]


def _average(values: Array, weights: Array | None, zero: float) -> float:
    keep = ~np.isnan(values)
    if weights is None:
        return float(values[keep].mean()) if keep.any() else float("nan")
    total = weights[keep].sum()
    if total == 0:
        return zero
    return float((values[keep] * weights[keep]).sum() / total)


def _to_ids(values: Any, what: str) -> tuple[Array, int]:
    """Return class ids (n,), and the number of classes if it is known from the columns (else 0)."""
    y = np.asarray(values)
    if y.dtype.kind in "OUST":
        texts = y.ravel().tolist()
        if y.ndim > 2 or (y.ndim == 2 and y.shape[1] != 1) or not all(isinstance(t, str) for t in texts):
            raise ValueError(
                f"{what}: expected class ids or strings, got an array of {y.dtype} of shape {y.shape}"
            )
        return np.array(texts, dtype=np.str_), 0
    if y.dtype.kind not in "biuf":
        raise ValueError(f"{what}: expected class ids, one-hot rows or probabilities, got dtype {y.dtype}")
    if y.dtype.kind == "f" and np.isnan(y).any():
        raise ValueError(f"{what}: contains NaN")
    if y.ndim == 2 and y.shape[1] > 1:
        if y.dtype.kind != "f" or np.isin(y, (0, 1)).all():
            wrong = np.flatnonzero(((y != 0).sum(axis=1) != 1) | (y.max(axis=1) != 1))
            if len(wrong):
                raise ValueError(
                    f"{what}: row {wrong[0]} is not one-hot; every row must hold exactly one 1 "
                    "(several classes a sample are not supported)"
                )
        return y.argmax(axis=1).astype(np.int64), y.shape[1]
    if y.ndim not in (1, 2):
        raise ValueError(f"{what}: expected shape (n,) or (n, classes), got {y.shape}")
    y = y.reshape(-1)
    if y.dtype.kind == "f" and not np.array_equal(y, np.floor(y)):
        if y.min() < 0 or y.max() > 1:
            raise ValueError(
                f"{what}: numbers from {y.min():g} to {y.max():g} are neither class ids nor probabilities"
            )
        return (y > 0.5).astype(np.int64), 2
    return y.astype(np.int64), 0
