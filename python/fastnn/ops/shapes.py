"""Ops that move elements about. Axis 0 of batched tensors counts samples and stays where it is."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn.ops._align import spread
from fastnn.ops._dispatch import as_tensor, axis_number, dims, is_batched, op, operands, sample_axis
from fastnn.tensor import Tensor, apply


@op
def reshape(x: Any, newshape: Any) -> Any:
    """Give the elements other axes.

    Parameters
    ----------
    x : Tensor or array_like
    newshape : tuple of int
        One extent may be -1, which is worked out. Where x is batched the first entry is that of the samples:
        None or -1.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If the elements do not fit.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.reshape([1.0, 2.0, 3.0, 4.0], (2, -1))
    array([[1., 2.],
           [3., 4.]], dtype=float32)
    """
    tensor = as_tensor(x)
    shape = [newshape] if isinstance(newshape, (int, np.integer)) else list(newshape)
    if is_batched(tensor):
        if not shape or shape[0] not in (None, -1):
            raise ValueError(
                f"reshape: axis 0 of shape {tensor.shape} counts samples, so the new shape must begin with "
                f"None or -1, got {tuple(shape)}"
            )
        shape = shape[1:]
    if any(n is None for n in shape):
        raise ValueError(f"reshape: extents must be integers, got {tuple(newshape)}")
    return apply("reshape", [tensor], {"shape": [int(n) for n in shape]})


@op
def transpose(x: Any, axes: Sequence[int] | None = None) -> Any:
    """Put axes into another order.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point or int32.
    axes : sequence of int, optional
        Which of x's axes each new one is; reversed by default, that of samples kept first.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If `axes` is no order of the axes, or moves that of the samples.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.transpose([[1.0, 2.0], [3.0, 4.0]])
    array([[1., 3.],
           [2., 4.]], dtype=float32)
    """
    tensor = as_tensor(x)
    first = 1 if is_batched(tensor) else 0
    if axes is None:
        order = [*range(first), *reversed(range(first, tensor.ndim))]
    else:
        order = [axis_number("transpose", axis, tensor.ndim) for axis in axes]
    if sorted(order) != list(range(tensor.ndim)):
        raise ValueError(f"transpose: axes {axes} are no order of those of shape {tensor.shape}")
    if first and order[0] != 0:
        raise ValueError(
            f"transpose: axis 0 of shape {tensor.shape} counts samples and must stay first, got axes {axes}"
        )
    if order == list(range(tensor.ndim)):
        return tensor
    return apply("transpose", [tensor], {"perm": [axis - first for axis in order[first:]]})


@op
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Exchange two axes.

    Parameters
    ----------
    x : Tensor or array_like
    axis1, axis2 : int

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If there is no such axis, or one counts samples.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.swapaxes([[1.0, 2.0]], 0, 1).shape
    (2, 1)
    """
    tensor = as_tensor(x)
    order = list(range(tensor.ndim))
    a, b = (axis_number("swapaxes", axis, tensor.ndim) for axis in (axis1, axis2))
    order[a], order[b] = order[b], order[a]
    return transpose(tensor, order)


@op
def expand_dims(x: Any, axis: Any) -> Any:
    """Insert axes with an extent of 1.

    Parameters
    ----------
    x : Tensor or array_like
    axis : int or tuple of int
        Where they are in the result.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If there is no such axis, or it would stand before that of the samples.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.expand_dims([1.0, 2.0], -1).shape
    (2, 1)
    """
    tensor = as_tensor(x)
    given = list(axis) if isinstance(axis, (tuple, list)) else [axis]
    ndim = tensor.ndim + len(given)
    places = [axis_number("expand_dims", one, ndim) for one in given]
    if len(set(places)) < len(places):
        raise ValueError(f"expand_dims: axis {axis} names an axis twice")
    if is_batched(tensor) and 0 in places:
        raise ValueError(
            f"expand_dims: axis 0 of shape {tensor.shape} counts samples, and no axis can stand before it"
        )
    rest = iter(tensor.shape)
    shape = [1 if place in places else next(rest) for place in range(ndim)]
    return apply("reshape", [tensor], {"shape": [n for n in shape if n is not None]})


@op
def squeeze(x: Any, axis: Any = None) -> Any:
    """Take away axes with an extent of 1.

    Parameters
    ----------
    x : Tensor or array_like
    axis : int, tuple of int or None
        None for all of them.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If there is no such axis, or its extent is not 1.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.squeeze([[1.0], [2.0]], -1)
    array([1., 2.], dtype=float32)
    """
    tensor = as_tensor(x)
    if axis is None:
        places = [place for place, n in enumerate(tensor.shape) if n == 1]
    else:
        given = list(axis) if isinstance(axis, (tuple, list)) else [axis]
        places = [axis_number("squeeze", one, tensor.ndim) for one in given]
    for place in places:
        if tensor.shape[place] != 1:
            raise ValueError(f"squeeze: axis {place} of shape {tensor.shape} has not the extent 1")
    left = [n for place, n in enumerate(tensor.shape) if place not in places and n is not None]
    return apply("reshape", [tensor], {"shape": left})


@op
def broadcast_to(x: Any, shape: Any) -> Any:
    """Repeat along axes of extent 1, and along new ones in front.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point.
    shape : tuple of int
        Begins with None or -1 where x is batched.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If x does not broadcast to the shape.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.broadcast_to([[1.0], [2.0]], (2, 2))
    array([[1., 1.],
           [2., 2.]], dtype=float32)
    """
    tensor = as_tensor(x)
    extents = list(shape)
    if is_batched(tensor):
        if len(extents) != tensor.ndim or extents[0] not in (None, -1):
            raise ValueError(
                f"broadcast_to: axis 0 of shape {tensor.shape} counts samples, so the shape must begin with "
                f"None and have as many axes, got {tuple(extents)}"
            )
        extents = extents[1:]
    return apply("broadcast_to", [tensor], {"shape": [int(n) for n in extents]})


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
def repeat(x: Any, repeats: int, axis: int | None = None) -> Any:
    """Repeat each element along an axis.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point.
    repeats : int
        How often.
    axis : int or None
        None for the elements laid flat, where x is not batched.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If `repeats` is below 1, there is no such axis, or it counts samples.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.repeat([1.0, 2.0], 2)
    array([1., 1., 2., 2.], dtype=float32)
    """
    tensor = as_tensor(x)
    if repeats < 1:
        raise ValueError(f"repeat: repeats must be at least 1, got {repeats}")
    if axis is None:
        if is_batched(tensor):
            raise ValueError(f"repeat: give an axis of shape {tensor.shape}; samples cannot be laid flat")
        tensor = apply("reshape", [tensor], {"shape": [math.prod(dims(tensor))]})
        axis = 0
    place = sample_axis("repeat", axis, tensor)
    extents = dims(tensor)
    counts = [1] * (2 * len(extents))
    counts[2 * place + 1] = int(repeats)
    return _repeated(tensor, counts, extents)
