"""Labels and sample weights as losses and metrics want them: checked, in shape, not converted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnn.data_adapter import as_rows

Array = npt.NDArray[Any]

_INT32 = np.iinfo(np.int32)


def match_labels(y: Any, dims: Sequence[int], kind: str, owner: str, name: str = "y") -> Array:
    """Return labels in the shape that predictions ask for.

    Parameters
    ----------
    y : array_like
        Labels, a row a sample.
    dims : sequence of int
        Shape of the predictions without the batch dimension.
    kind : {"values", "one-hot", "ids", "any"}
        Targets of the predictions' shape; the same, but the last axis is one of classes; class indices,
        the predictions' shape without the last axis; or class indices if the shape is theirs, else
        targets.
    owner, name : str
        Loss or metric, and the argument, for messages.

    Returns
    -------
    numpy.ndarray
        A view wherever that is possible. A last dimension of 1 is dropped or added as needed.

    Raises
    ------
    ValueError
        If the shape does not fit, or class indices are no whole numbers.
    TypeError
        If `y` does not hold numbers.

    Examples
    --------
    >>> from fastnn.losses.labels import match_labels
    >>> match_labels([1, 0, 2], [10], "ids", "loss").shape, match_labels([1, 0], [1], "values", "loss").shape
    ((3,), (2, 1))
    """
    array = as_rows(y, f"{owner}: {name}")
    rows, wanted = list(array.shape[1:]), list(dims)
    of_ids = wanted[:-1]
    looks_like_ids = bool(wanted) and (rows == of_ids or rows == [*of_ids, 1])
    if kind == "any":
        kind = "ids" if looks_like_ids and rows != wanted and wanted[-1] > 1 else "values"
    if kind == "ids":
        if not wanted:
            raise ValueError(
                f"{owner}: class indices need predictions with a score for each class, of shape "
                "(None, classes); these have shape (None,)"
            )
        if rows == of_ids:
            return class_ids(array, owner, name)
        if rows == [*of_ids, 1]:
            return class_ids(array[..., 0], owner, name)
        if rows == wanted:
            raise ValueError(
                f"{owner}: {name} has shape {array.shape}, a column for each class, but class indices of "
                f"shape {_shape(of_ids)} are expected. If it is one-hot, use CategoricalCrossentropy or a "
                f"categorical metric, or pass {name}.argmax(axis=-1)."
            )
        raise ValueError(
            f"{owner}: expected {name} with class indices of shape {_shape(of_ids)}, got {array.shape}"
        )
    if rows == wanted:
        return array
    if [*rows, 1] == wanted:
        return array[..., None]
    if rows == [*wanted, 1]:
        return array[..., 0]
    if kind == "one-hot" and looks_like_ids:
        raise ValueError(
            f"{owner}: {name} has shape {array.shape}, as class indices have, but one-hot rows of shape "
            f"{_shape(wanted)} are expected. Use SparseCategoricalCrossentropy or a sparse metric, or pass "
            f"fastnn.utils.to_categorical({name}, {wanted[-1]})."
        )
    cure = " For class indices use SparseCategoricalCrossentropy." if looks_like_ids else ""
    raise ValueError(
        f"{owner}: expected {name} of shape {_shape(wanted)}, as the predictions have, got "
        f"{array.shape}.{cure}"
    )


def class_ids(array: Array, owner: str, name: str) -> Array:
    """Return an array of class indices unchanged if all are whole numbers that int32 can hold.

    Parameters
    ----------
    array : numpy.ndarray
    owner, name : str
        For messages.

    Returns
    -------
    numpy.ndarray

    Raises
    ------
    ValueError
        If an entry is NaN, no whole number, or too large.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.losses.labels import class_ids
    >>> class_ids(np.array([1.0, 2.0]), "loss", "y")
    array([1., 2.])
    """
    if array.dtype.kind == "f":
        bad = ~(np.abs(array) <= _INT32.max) | (array != np.rint(array))
    elif array.dtype == np.int64:
        bad = (array > _INT32.max) | (array < _INT32.min)
    else:
        return array
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"{owner}: {name} must hold class indices, but {name}[{', '.join(map(str, place))}] is "
            f"{array[place]}"
        )
    return array


def match_weight(weight: Any, samples: int, dims: Sequence[int], owner: str) -> Array | None:
    """Return sample weights with a row a sample.

    Parameters
    ----------
    weight : array_like or None
        One number; one a sample, of shape (n,) or (n, 1); or one for each of the leading positions.
    samples : int
        Number of samples.
    dims : sequence of int
        Shape of one sample's losses.
    owner : str
        For messages.

    Returns
    -------
    numpy.ndarray or None

    Raises
    ------
    ValueError
        If the shape does not fit.
    TypeError
        If the weights are no numbers.

    Examples
    --------
    >>> from fastnn.losses.labels import match_weight
    >>> match_weight([[1.0], [2.0]], 2, [], "loss").shape
    (2,)
    """
    if weight is None:
        return None
    if np.ndim(weight) == 0:
        weight = np.full(samples, weight)
    array = as_rows(weight, f"{owner}: sample_weight")
    rows, wanted = list(array.shape[1:]), list(dims)
    if array.shape[0] == samples:
        if rows == wanted[: len(rows)]:
            return array
        if rows[-1] == 1 and rows[:-1] == wanted[: len(rows) - 1]:
            return array[..., 0]
    shapes = " or ".join(dict.fromkeys(str((samples, *wanted[:k])) for k in (0, len(wanted))))
    raise ValueError(f"{owner}: expected sample_weight of shape {shapes}, got {array.shape}")


def _shape(dims: Sequence[int]) -> str:
    return "(None,)" if not dims else str((None, *dims))
