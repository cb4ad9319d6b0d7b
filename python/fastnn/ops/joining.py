"""Ops that join, cut and repeat. Axis 0 of batched tensors counts samples and stays as it is."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn.ops._align import spread
from fastnn.ops._dispatch import as_tensor, axis_number, dims, is_batched, op, operands, sample_axis
from fastnn.ops.gathering import take
from fastnn.ops.shapes import expand_dims
from fastnn.tensor import Tensor, apply


def _joined(name: str, values: Any) -> list[Tensor]:
    if isinstance(values, (Tensor, np.ndarray)) or not isinstance(values, (list, tuple)):
        raise TypeError(f"{name}: expected a list or tuple of tensors, got {values!r}")
    if not values:
        raise ValueError(f"{name}: nothing is given")
    tensors = spread(operands(*values))
    for tensor in tensors[1:]:
        if tensor.ndim != tensors[0].ndim:
            raise ValueError(
                f"{name}: shapes {', '.join(str(t.shape) for t in tensors)} have not as many dimensions"
            )
    return tensors


@op
def concatenate(xs: Sequence[Any], axis: int = 0) -> Any:
    """Put tensors one after the other along an axis.

    Parameters
    ----------
    xs : list or tuple of Tensor or array_like
        Of one dtype, and of one shape but for that axis.
    axis : int, default 0
        Not that of samples.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If the shapes do not fit, or there is no such axis.
    TypeError
        If the dtypes differ.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.concatenate([[1.0, 2.0], [3.0]], axis=0)
    array([1., 2., 3.], dtype=float32)
    """
    tensors = _joined("concatenate", xs)
    place = sample_axis("concatenate", axis, tensors[0])
    return apply("concatenate", tensors, {"axis": place})


@op
def stack(xs: Sequence[Any], axis: int = 0) -> Any:
    """Put tensors beside each other along a new axis.

    Parameters
    ----------
    xs : list or tuple of Tensor or array_like
        Of one dtype and shape.
    axis : int, default 0
        The new axis's place; after that of samples.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If the shapes differ, or there is no such axis.
    TypeError
        If the dtypes differ.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.stack([[1.0, 2.0], [3.0, 4.0]], axis=1)
    array([[1., 3.],
           [2., 4.]], dtype=float32)
    """
    tensors = _joined("stack", xs)
    place = axis_number("stack", axis, tensors[0].ndim + 1)
    return concatenate([expand_dims(tensor, place) for tensor in tensors], place)


@op
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """Cut into pieces along an axis.

    Parameters
    ----------
    x : Tensor or array_like
    indices_or_sections : int or sequence of int
        Number of equal pieces, or where to cut.
    axis : int, default 0
        Not that of samples.

    Returns
    -------
    list of Tensor or of numpy.ndarray

    Raises
    ------
    ValueError
        If the pieces would not be equal, a cut does not lie within, or there is no such axis.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.split([1.0, 2.0, 3.0, 4.0], 2)
    [array([1., 2.], dtype=float32), array([3., 4.], dtype=float32)]
    """
    tensor = as_tensor(x)
    place = sample_axis("split", axis, tensor)
    extents = dims(tensor)
    if isinstance(indices_or_sections, (int, np.integer)):
        pieces = int(indices_or_sections)
        if pieces < 1 or extents[place] % pieces:
            raise ValueError(f"split: {extents[place]} elements do not make {pieces} equal pieces")
        cuts = [extents[place] // pieces * i for i in range(1, pieces)]
    else:
        cuts = [int(cut) for cut in indices_or_sections]
    ends = [0, *cuts, extents[place]]
    if any(end <= begin for begin, end in itertools.pairwise(ends)):
        raise ValueError(f"split: cuts at {cuts} do not part {extents[place]} elements into pieces")
    made = []
    for start, end in itertools.pairwise(ends):
        begin, size = [0] * len(extents), list(extents)
        begin[place], size[place] = start, end - start
        made.append(apply("slice", [tensor], {"begin": begin, "size": size}))
    return made


@op
def flip(x: Any, axis: Any = None) -> Any:
    """Reverse the order of elements.

    Parameters
    ----------
    x : Tensor or array_like
    axis : int, tuple of int or None
        Along which axes; None for all but that of samples.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If there is no such axis, or it counts samples.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.flip([1.0, 2.0, 3.0])
    array([3., 2., 1.], dtype=float32)
    """
    tensor = as_tensor(x)
    extents = dims(tensor)
    if axis is None:
        places = list(range(len(extents)))
    else:
        given = axis if isinstance(axis, (tuple, list)) else [axis]
        places = [sample_axis("flip", one, tensor) for one in given]
    begin = [n - 1 if place in places else 0 for place, n in enumerate(extents)]
    step = [-1 if place in places else 1 for place in range(len(extents))]
    return apply("slice", [tensor], {"begin": begin, "stride": step, "size": extents})


@op
def tile(x: Any, repeats: Any) -> Any:
    """Repeat the whole along axes.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point.
    repeats : int or tuple of int
        For each axis, aligned at the last; 1 for that of samples.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If a number is below 1, or samples would be repeated.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.tile([1.0, 2.0], 2)
    array([1., 2., 1., 2.], dtype=float32)
    """
    tensor = as_tensor(x)
    counts = [int(n) for n in (repeats if isinstance(repeats, (tuple, list)) else [repeats])]
    extents = dims(tensor)
    samples = counts.pop(0) if is_batched(tensor) and len(counts) >= tensor.ndim else 1
    if samples != 1 or (is_batched(tensor) and len(counts) >= tensor.ndim):
        raise ValueError(f"tile: axis 0 of shape {tensor.shape} counts samples, which cannot be repeated")
    if any(n < 1 for n in counts):
        raise ValueError(f"tile: repeats must be at least 1, got {repeats}")
    rank = max(len(counts), len(extents))
    counts = [1] * (rank - len(counts)) + counts
    extents = [1] * (rank - len(extents)) + extents
    return _repeated(tensor, [n for pair in zip(counts, [1] * rank, strict=True) for n in pair], extents)


def _repeated(tensor: Tensor, counts: list[int], extents: list[int]) -> Tensor:
    """Repeat whole axes (even entries of `counts`) and single elements (odd ones)."""
    thin: list[int] = []
    wide: list[int] = []
    for i, n in enumerate(extents):
        before, behind = counts[2 * i], counts[2 * i + 1]
        for extent, count in ((1, before), (n, n), (1, behind)):
            if extent != 1 or count != 1:
                thin.append(extent)
                wide.append(count)
    made = apply("reshape", [tensor], {"shape": thin})
    made = apply("broadcast_to", [made], {"shape": wide})
    shape = [n * counts[2 * i] * counts[2 * i + 1] for i, n in enumerate(extents)]
    return apply("reshape", [made], {"shape": shape})


@op
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Repeat each element along an axis.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point.
    repeats : int or sequence of int
        How often; with a sequence, how often each of them along the axis.
    axis : int or None
        None for the elements laid flat, where x is not batched.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If `repeats` is below 1, or has not a number (0 or more) for each element, or there is no such axis,
        or it counts samples.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.repeat([1.0, 2.0], 2)
    array([1., 1., 2., 2.], dtype=float32)
    """
    tensor = as_tensor(x)
    numbers = np.asarray(repeats)
    if numbers.dtype.kind not in "iu":
        raise TypeError(f"repeat: repeats must be an integer, or a sequence of them, got {repeats!r}")
    if numbers.ndim == 0 and repeats < 1:
        raise ValueError(f"repeat: repeats must be at least 1, got {repeats}")
    if axis is None:
        if is_batched(tensor):
            raise ValueError(f"repeat: give an axis of shape {tensor.shape}; samples cannot be laid flat")
        tensor = apply("reshape", [tensor], {"shape": [math.prod(dims(tensor))]})
        axis = 0
    place = sample_axis("repeat", axis, tensor)
    extents = dims(tensor)
    if numbers.ndim > 0:
        if numbers.shape != (extents[place],) or numbers.min() < 0 or numbers.sum() < 1:
            raise ValueError(
                f"repeat: repeats must have a number, 0 or more, for each of the {extents[place]} elements "
                f"along the axis, and not all 0, got {repeats!r}"
            )
        chosen: Any = take(tensor, np.repeat(np.arange(extents[place]), numbers), axis)
        return chosen
    counts = [1] * (2 * len(extents))
    counts[2 * place + 1] = int(repeats)
    return _repeated(tensor, counts, extents)
