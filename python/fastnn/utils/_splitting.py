"""Splitting a data set into training, validation and test parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ._checks import is_integer, is_real

_Array = npt.NDArray[Any]
_Indices = npt.NDArray[np.intp]
_WHO = "train_val_test_split"


def train_val_test_split(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    val: float = 0.1,
    test: float = 0.1,
    stratify: bool | npt.ArrayLike = True,
    seed: int = 0,
) -> tuple[tuple[_Array, _Array], tuple[_Array, _Array], tuple[_Array, _Array]]:
    """Shuffle a data set and split it into three parts with the same mix of classes.

    Parameters
    ----------
    x : array_like, shape (samples, ...)
        The inputs. For several inputs, use `train_val_test_indices`.
    y : array_like, shape (samples, ...)
        The targets.
    val, test : float or int, default 0.1
        The size of the validation and of the test part: a fraction of the samples below 1 (rounded to
        the nearest number, halves up), or a number of samples. 0 leaves the part empty.
    stratify : bool or array_like, default True
        Whether each part gets its share of each class of `y`, and at least one sample; or the classes
        to use instead, one a sample. Classes are numbers or strings of shape (samples,) or (samples, 1),
        or one-hot rows. Use False for regression.
    seed : int, default 0
        The same seed and data give the same parts, with any version of NumPy on any machine.

    Returns
    -------
    (x_train, y_train), (x_val, y_val), (x_test, y_test) : tuple of tuples of numpy.ndarray
        Copies, each part in random order. The parts have exactly the sizes asked for, also if
        stratified: fractions of samples go to the classes with the largest remainders.

    Raises
    ------
    ValueError
        If `x` and `y` differ in length, the parts leave nothing for training, a class has fewer
        samples than there are parts, or a part has fewer samples than there are classes.
    TypeError
        If `val`, `test` or `seed` is not a number.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.utils import train_val_test_split
    >>> x, y = np.arange(20).reshape(10, 2), [0, 1] * 5
    >>> (x_train, y_train), (x_val, y_val), (x_test, y_test) = train_val_test_split(x, y, val=0.2, test=2)
    >>> x_train.shape, x_val.shape, x_test.shape
    ((6, 2), (2, 2), (2, 2))
    >>> np.bincount(y_train), np.bincount(y_test)
    (array([3, 3]), array([1, 1]))
    """
    inputs, targets = np.asarray(x), np.asarray(y)
    if inputs.ndim == 0 or len(inputs) != (len(targets) if targets.ndim else 0):
        raise ValueError(
            f"{_WHO}: expected 'x' and 'y' of one length, got shapes {inputs.shape} and {targets.shape}"
        )
    train, validation, testing = (
        (inputs[part], targets[part])
        for part in train_val_test_indices(targets, val, test, stratify=stratify, seed=seed)
    )
    return train, validation, testing


def train_val_test_indices(
    y: npt.ArrayLike,
    val: float = 0.1,
    test: float = 0.1,
    stratify: bool | npt.ArrayLike = True,
    seed: int = 0,
) -> tuple[_Indices, _Indices, _Indices]:
    """Return the indices of the samples that `train_val_test_split` would put into each part.

    Parameters
    ----------
    y : array_like, shape (samples, ...)
        The targets.
    val, test, stratify, seed
        As in `train_val_test_split`.

    Returns
    -------
    train, val, test : numpy.ndarray of int
        Indices in random order; together each sample once.

    Raises
    ------
    ValueError, TypeError
        As in `train_val_test_split`.

    Examples
    --------
    >>> from fastnn.utils import train_val_test_indices
    >>> train, val, test = train_val_test_indices(["a", "b", "a", "b", "a", "b"], val=0, test=2)
    >>> len(train), len(val), len(test)
    (4, 0, 2)
    """
    targets = np.asarray(y)
    n = len(targets) if targets.ndim else 0
    if n == 0:
        raise ValueError(f"{_WHO}: expected at least one sample, got 'y' of shape {targets.shape}")
    if not is_integer(seed):
        raise TypeError(f"{_WHO}: expected 'seed' to be an integer, got {seed!r}")
    if seed < 0:
        raise ValueError(f"{_WHO}: expected 'seed' of at least 0, got {seed}")
    n_val, n_test = _part_size("val", val, n), _part_size("test", test, n)
    if n_val + n_test >= n:
        raise ValueError(
            f"{_WHO}: val={val} and test={test} take {n_val} + {n_test} of {n} samples, which leaves none "
            "to train"
        )
    # Raw Philox numbers, unlike Generator's methods, are the same in every version of NumPy.
    order = np.argsort(np.random.Philox(int(seed)).random_raw(n), kind="stable")

    if isinstance(stratify, (bool, np.bool_)):
        if not stratify:
            return order[n_val + n_test :], order[n_test : n_val + n_test], order[:n_test]
        stratify = targets
    classes, codes = _classes(np.asarray(stratify), n)
    counts = np.bincount(codes)
    _check_classes(classes, counts, n_val, n_test)
    test_share = _apportion(n_test, counts, counts - 1 - (n_val > 0))
    val_share = _apportion(n_val, counts, counts - 1 - test_share)

    # The rank of each sample among those of its class, in the shuffled order, decides on its part.
    shuffled = codes[order]
    by_class = np.argsort(shuffled, kind="stable")
    rank = np.empty(n, np.intp)
    rank[by_class] = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)
    in_test = rank < test_share[shuffled]
    in_val = ~in_test & (rank < (test_share + val_share)[shuffled])
    return order[~in_test & ~in_val], order[in_val], order[in_test]


def _part_size(name: str, size: float, n: int) -> int:
    if not is_real(size):
        raise TypeError(f"{_WHO}: expected '{name}' to be a fraction or a number of samples, got {size!r}")
    if is_integer(size):
        if not 0 <= size < n:
            raise ValueError(f"{_WHO}: expected '{name}' of 0 to {n - 1} of {n} samples, got {size}")
        return int(size)
    if not 0 <= size < 1:
        raise ValueError(
            f"{_WHO}: expected '{name}' to be a fraction of at least 0 and below 1, or an integer, got {size}"
        )
    count = int(n * float(size) + 0.5)
    if size > 0 and count == 0:
        raise ValueError(f"{_WHO}: {name}={size} of {n} samples is none; pass a number of samples")
    return count


def _classes(labels: _Array, n: int) -> tuple[_Array, _Indices]:
    """Return the distinct classes, and the place among them of each sample's class."""
    if labels.ndim == 0 or len(labels) != n:
        raise ValueError(f"{_WHO}: expected 'stratify' to hold {n} classes, got shape {labels.shape}")
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2:
        if not (((labels == 0) | (labels == 1)).all() and (labels.sum(1) == 1).all()):
            raise ValueError(
                f"{_WHO}: 'y' of shape {labels.shape} is not one-hot; pass the classes as 'stratify', or "
                "stratify=False"
            )
        labels = labels.argmax(1)
    if labels.ndim != 1:
        raise ValueError(
            f"{_WHO}: expected one class a sample to stratify by, got shape {labels.shape}; pass the classes "
            "as 'stratify', or stratify=False"
        )
    if labels.dtype.kind == "f" and np.isnan(labels).any():
        raise ValueError(f"{_WHO}: the class at index {int(np.isnan(labels).argmax())} is NaN")
    classes, codes = np.unique(labels, return_inverse=True)
    return classes, codes.astype(np.intp, copy=False)


def _check_classes(classes: _Array, counts: _Indices, n_val: int, n_test: int) -> None:
    parts = {"training": int(counts.sum()) - n_val - n_test, "validation": n_val, "test": n_test}
    used = {name: size for name, size in parts.items() if size}
    rarest = counts.argmin()
    if counts[rarest] < len(used):
        raise ValueError(
            f"{_WHO}: class {classes[rarest]} has too few samples ({counts[rarest]}): to stratify, each "
            f"class needs one for each of {', '.join(used)}; merge or drop rare classes, or pass "
            "stratify=False (for regression, always)"
        )
    for name, size in used.items():
        if size < len(classes):
            raise ValueError(
                f"{_WHO}: the {name} part has {size} samples, fewer than the {len(classes)} classes; enlarge "
                "it, or pass stratify=False"
            )


def _apportion(total: int, counts: _Indices, capacity: _Indices) -> _Indices:
    """Share `total` samples among classes in proportion to `counts`: at least 1 each, at most `capacity`."""
    if total == 0:
        return np.zeros_like(counts)
    ideal = total * counts / counts.sum()
    share: _Indices = np.clip(ideal.astype(counts.dtype), 1, capacity)
    while (rest := total - int(share.sum())) != 0:
        # One more for the class furthest below its due, or one less for that furthest above it.
        due = ideal - share
        if rest > 0:
            share[np.where(share < capacity, due, -np.inf).argmax()] += 1
        else:
            share[np.where(share > 1, due, np.inf).argmin()] -= 1
    return share
