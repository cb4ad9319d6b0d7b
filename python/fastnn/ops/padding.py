"""Padding, running sums and differences."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.ops._dispatch import (
    as_tensor,
    axis_number,
    dims,
    floating,
    is_batched,
    op,
    placed,
    sample_axis,
)
from fastnn.tensor import Tensor, apply


@op
def cumsum(x: Any, axis: int | None = None, reverse: bool = False, exclusive: bool = False) -> Any:
    """Sum what comes before each element, along an axis.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point.
    axis : int or None
        Not that of samples; None for the elements laid flat, where x is not batched.
    reverse : bool, default False
        Whether it runs from the end.
    exclusive : bool, default False
        Whether each sum leaves out the element itself.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If there is no such axis, or it counts samples.
    TypeError
        If x holds integers.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.cumsum([1.0, 2.0, 3.0])
    array([1., 3., 6.], dtype=float32)
    """
    tensor, place = placed("cumsum", axis, floating(x, "cumsum"))
    return apply("cumsum", [tensor], {"axis": place, "reverse": bool(reverse), "exclusive": bool(exclusive)})


def _widths(pad_width: Any, tensor: Tensor) -> list[tuple[int, int]]:
    """Amounts before and after each axis, that of samples left out."""
    if isinstance(pad_width, (int, np.integer)):
        pad_width = (pad_width, pad_width)
    pairs = [(n, n) if isinstance(n, (int, np.integer)) else tuple(n) for n in pad_width]
    if len(pairs) == 2 and all(isinstance(n, (int, np.integer)) for n in pad_width):
        first = (0, 0) if is_batched(tensor) else (pad_width[0], pad_width[1])
        pairs = [first, *[(pad_width[0], pad_width[1])] * (tensor.ndim - 1)]
    if len(pairs) != tensor.ndim or any(len(pair) != 2 or min(pair) < 0 for pair in pairs):
        raise ValueError(
            f"pad: pad_width must be an amount, (before, after), or a pair of them for each of the "
            f"{tensor.ndim} axes, got {pad_width!r}"
        )
    if is_batched(tensor):
        if pairs[0] != (0, 0):
            raise ValueError(f"pad: axis 0 of shape {tensor.shape} counts samples, which cannot be padded")
        pairs = pairs[1:]
    return [(int(before), int(after)) for before, after in pairs]


@op
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: float = 0) -> Any:
    """Put elements before and after those that are there.

    Parameters
    ----------
    x : Tensor or array_like
    pad_width : int, (int, int) or sequence of pairs
        Amounts before and after: of all axes but that of samples, or for each axis, (0, 0) for samples.
    mode : {"constant", "edge", "reflect", "symmetric"}
        What is put there: a constant, the element at the edge, or the elements mirrored at it, without or
        with that at the edge itself.
    constant_values : float, default 0

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If the amounts do not fit the axes, or more is mirrored than is there.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.pad([1.0, 2.0, 3.0], (2, 1), mode="reflect")
    array([3., 2., 1., 2., 3., 2.], dtype=float32)
    """
    tensor = as_tensor(x)
    pairs = _widths(pad_width, tensor)
    if mode == "constant":
        before, after = ([pair[i] for pair in pairs] for i in (0, 1))
        return apply("pad", [tensor], {"before": before, "after": after, "value": float(constant_values)})
    if mode not in ("edge", "reflect", "symmetric"):
        raise ValueError(f"pad: mode must be constant, edge, reflect or symmetric, got {mode!r}")
    for axis, (before_, after_) in enumerate(pairs):
        extent = dims(tensor)[axis]
        if mode != "edge" and max(before_, after_) > extent - (mode == "reflect"):
            raise ValueError(f"pad: cannot {mode} {max(before_, after_)} of {extent} elements")
        if before_ or after_:
            places = np.pad(np.arange(extent), (before_, after_), mode=mode)  # type: ignore[call-overload]
            tensor = apply("take", [tensor, as_tensor(places.astype("int32"))], {"axis": axis})
    return tensor


@op
def diff(x: Any, axis: int = -1) -> Any:
    """Return the differences of neighbouring elements along an axis.

    Parameters
    ----------
    x : Tensor or array_like
    axis : int, default -1
        Not that of samples.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If there is no such axis, it counts samples, or there is a single element.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.diff([1.0, 4.0, 9.0])
    array([3., 5.], dtype=float32)
    """
    tensor = as_tensor(x)
    place = axis_number("diff", axis, tensor.ndim)
    whole = [slice(None)] * tensor.ndim
    upper, lower = list(whole), list(whole)
    upper[place], lower[place] = slice(1, None), slice(None, -1)
    sample_axis("diff", axis, tensor)
    return tensor[tuple(upper)] - tensor[tuple(lower)]
