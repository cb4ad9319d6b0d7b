"""Slices: what ``x[...]`` of a tensor does."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.ops._dispatch import as_tensor, dims, is_batched, op
from fastnn.tensor import apply


@op
def getitem(x: Any, key: Any) -> Any:
    """Return ``x[key]``: integers, slices with steps, None and Ellipsis, as in NumPy.

    Parameters
    ----------
    x : Tensor or array_like
    key : int, slice, None, Ellipsis or tuple of them
        Axis 0 of a batched tensor, that of samples, can only be taken whole.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    IndexError
        If an index is out of range, or there are too many.
    ValueError
        If samples would be chosen, or nothing would be left.
    TypeError
        For any other key; see `take` for arrays of indices.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.getitem([1.0, 2.0, 3.0, 4.0], slice(None, None, -2))
    array([4., 2.], dtype=float32)
    """
    tensor = as_tensor(x)
    given = list(key) if isinstance(key, tuple) else [key]
    for part in given:
        if isinstance(part, (bool, np.bool_)) or not (
            part is None or part is Ellipsis or isinstance(part, (int, np.integer, slice))
        ):
            raise TypeError(
                f"a tensor is indexed by integers, slices, None and Ellipsis, got {part!r}: use "
                "fastnn.ops.take for arrays of indices, and fastnn.ops.where for masks"
            )
    if sum(part is Ellipsis for part in given) > 1:
        raise IndexError("a tensor's index can hold one Ellipsis only")
    used = sum(part is not None and part is not Ellipsis for part in given)
    if used > tensor.ndim:
        raise IndexError(f"too many indices for a tensor of shape {tensor.shape}: {used}")
    rest = [slice(None)] * (tensor.ndim - used)
    if any(part is Ellipsis for part in given):
        place = next(i for i, part in enumerate(given) if part is Ellipsis)
        parts = [*given[:place], *rest, *given[place + 1 :]]
    else:
        parts = [*given, *rest]
    if is_batched(tensor):
        if parts[0] != slice(None):
            raise ValueError(
                f"axis 0 of shape {tensor.shape} counts the samples of a batch: begin the index with ':', as "
                "in x[:, 0]"
            )
        parts = parts[1:]
    return _sliced(tensor, parts)


def _sliced(tensor: Any, parts: list[Any]) -> Any:
    begin, step, size, shape = [], [], [], []
    extents = iter(enumerate(dims(tensor)))
    for part in parts:
        if part is None:
            shape.append(1)
            continue
        axis, extent = next(extents)
        if isinstance(part, slice):
            chosen = range(extent)[part]
            if not chosen:
                raise ValueError(f"the slice {part} of {extent} elements is empty (shape {tensor.shape})")
            begin.append(chosen[0])
            step.append(chosen.step if len(chosen) > 1 else 1)
            size.append(len(chosen))
            shape.append(len(chosen))
        else:
            if not -extent <= part < extent:
                raise IndexError(
                    f"index {part} is out of range for axis {axis + is_batched(tensor)} of {tensor.shape}"
                )
            begin.append(int(part) % extent)
            step.append(1)
            size.append(1)
    if size != dims(tensor) or any(one != 1 for one in step):
        tensor = apply("slice", [tensor], {"begin": begin, "stride": step, "size": size})
    return tensor if shape == dims(tensor) else apply("reshape", [tensor], {"shape": shape})
