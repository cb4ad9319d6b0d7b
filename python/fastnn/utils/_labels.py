"""Labels: class indices to one-hot rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ._checks import is_integer


def to_categorical(
    y: npt.ArrayLike, num_classes: int | None = None, dtype: npt.DTypeLike = "float32"
) -> npt.NDArray[Any]:
    """Turn class indices into one-hot rows, as Keras' function of this name does.

    Parameters
    ----------
    y : array_like of integers
        Class indices from 0 to ``num_classes - 1``, of any shape; floats and bools will do if their
        values are whole. A last dimension of 1 is dropped: (n, 1) is taken as (n,).
    num_classes : int, optional
        The number of classes; by default the largest index plus one.
    dtype : dtype, default "float32"
        The dtype of the result.

    Returns
    -------
    numpy.ndarray
        Ones at the classes' places, zeros elsewhere; shape ``y.shape + (num_classes,)``.

    Raises
    ------
    ValueError
        If an index is negative, not a whole number, or not below `num_classes`; if `y` is empty and
        `num_classes` is not given; if `num_classes` is below 1.
    TypeError
        If `y` is not numeric, `num_classes` not an integer, or `dtype` neither numeric nor bool.

    Examples
    --------
    >>> from fastnn.utils import to_categorical
    >>> to_categorical([0, 2, 1])
    array([[1., 0., 0.],
           [0., 0., 1.],
           [0., 1., 0.]], dtype=float32)
    >>> to_categorical([[1], [0]], num_classes=4, dtype="uint8")
    array([[0, 1, 0, 0],
           [1, 0, 0, 0]], dtype=uint8)
    """
    labels = np.asarray(y)
    if labels.dtype.kind not in "biuf":
        raise TypeError(f"to_categorical: expected 'y' to hold class indices, got dtype {labels.dtype}")
    kind = np.dtype(dtype)
    if kind.kind not in "biufc":
        raise TypeError(f"to_categorical: expected a numeric 'dtype', got {kind}")
    if num_classes is not None:
        if not is_integer(num_classes):
            raise TypeError(f"to_categorical: expected 'num_classes' to be an integer, got {num_classes!r}")
        if num_classes < 1:
            raise ValueError(f"to_categorical: expected 'num_classes' of at least 1, got {num_classes}")
    elif labels.size == 0:
        raise ValueError(f"to_categorical: 'y' is empty (shape {labels.shape}); pass 'num_classes'")
    if np.issubdtype(labels.dtype, np.floating):
        # A comparison with NaN is false, infinity is a whole number: both must not pass.
        _refuse(labels, ~(np.isfinite(labels) & (labels == np.rint(labels))), "a whole number")
    _refuse(labels, labels < 0, "0 or more")
    count = int(labels.max()) + 1 if num_classes is None else int(num_classes)
    _refuse(labels, labels >= count, f"below num_classes={count}")

    shape = labels.shape
    if len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    result = np.zeros((labels.size, count), kind)
    result[np.arange(labels.size), labels.astype(np.intp).ravel()] = 1
    return result.reshape(*shape, count)


def _refuse(labels: npt.NDArray[Any], bad: npt.NDArray[np.bool_], expected: str) -> None:
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"to_categorical: expected each class index to be {expected}, "
            f"got {labels[place]} at index {place} ({np.count_nonzero(bad)} such)"
        )
