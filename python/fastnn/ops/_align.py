"""Broadcasting as NumPy's, where axis 0 of some tensors counts samples."""

from __future__ import annotations

from typing import Any

from fastnn.ops._dispatch import dims, is_batched, operands
from fastnn.tensor import Tensor, apply


def aligned(name: str, *values: Any) -> list[Tensor]:
    """Make operands of one dtype whose axes NumPy would align as the core does, or raise."""
    return align(name, operands(*values))


def align(name: str, tensors: list[Tensor]) -> list[Tensor]:
    """Take the axis of samples out of unbatched tensors that have one; raise where axes do not fit."""
    ranks = [tensor.ndim for tensor in tensors if is_batched(tensor)]
    if not ranks:
        return tensors
    result = []
    for tensor in tensors:
        if is_batched(tensor):
            if tensor.ndim != ranks[0]:
                shapes = " and ".join(str(t.shape) for t in tensors)
                raise ValueError(
                    f"{name}: shapes {shapes} do not broadcast: axis 0 of batched tensors counts samples, so "
                    "both need as many dimensions; see expand_dims"
                )
        elif tensor.ndim >= ranks[0]:
            if tensor.ndim > ranks[0] or tensor.shape[0] != 1:
                shapes = " and ".join(str(t.shape) for t in tensors)
                raise ValueError(
                    f"{name}: shapes {shapes} do not broadcast: axis 0 of a batched tensor counts samples, "
                    "which an unbatched one does not have"
                )
            tensor = apply("reshape", [tensor], {"shape": dims(tensor)[1:]})
        result.append(tensor)
    return result


def spread(tensors: list[Tensor]) -> list[Tensor]:
    """Repeat unbatched tensors for every sample where others are batched."""
    batched = [tensor for tensor in tensors if is_batched(tensor)]
    if not batched or len(batched) == len(tensors):
        return tensors
    return [tensor if is_batched(tensor) else over_samples(tensor, batched[0]) for tensor in tensors]


def over_samples(tensor: Tensor, like: Tensor) -> Tensor:
    """Repeat an unbatched tensor for every sample of another."""
    count = len(dims(like))
    first = apply("slice", [like], {"begin": [0] * count, "size": [1] * count})
    number = apply("reshape", [first], {"shape": [1] * len(dims(tensor))})
    if number.dtype == "bool":
        number = apply("cast", [number], {"dtype": "int32"})
    either = apply("compare", [number, number], {"kind": "equal"})  # one truth a sample, whichever
    return apply("where", [either, tensor, tensor])
