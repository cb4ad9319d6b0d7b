"""Sums of products in Einstein's notation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn.ops._dispatch import constant, dims, floating, is_batched, op, operands
from fastnn.ops.linear_algebra import matmul
from fastnn.ops.reductions import sum as sum_
from fastnn.ops.shapes import transpose
from fastnn.tensor import Tensor, apply


@op
def einsum(subscripts: str, *xs: Any) -> Any:
    """Sum products over letters, each of which names an axis.

    Parameters
    ----------
    subscripts : str
        As in NumPy: ``"bij,bjk->bik"``. A letter that stands twice in an operand takes its diagonal
        (``"ii->"``: the trace); an Ellipsis stands for the same axes in all operands. The letter of the
        samples of batched operands comes first in the result, or is summed over.
    *xs : Tensor or array_like
        Floating point. More than two are taken from the left.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If the subscripts do not fit the operands, or extents of one letter differ.
    TypeError
        If the operands are integers, or the dtypes differ.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.einsum("ij,jk->ik", [[1.0, 2.0]], [[3.0], [4.0]])
    array([[11.]], dtype=float32)
    """
    tensors = operands(*xs)
    for tensor in tensors:
        floating(tensor, "einsum")
    inputs, output = _parsed(subscripts, tensors)
    for i, letters in enumerate(inputs):
        while len(set(letters)) < len(letters):
            letters, tensors[i] = _diagonal(subscripts, letters, tensors[i])
        inputs[i] = letters
    extents: dict[str, Any] = {}
    for letters, tensor in zip(inputs, tensors, strict=True):
        for letter, extent in zip(letters, tensor.shape, strict=True):
            if extents.setdefault(letter, extent) != extent:
                raise ValueError(
                    f"einsum: {subscripts!r} gives the letter '{letter}' the extents {extents[letter]} and "
                    f"{extent} (None counts samples)"
                )
    samples = [letter for letter, extent in extents.items() if extent is None]
    if samples and samples[0] in output[1:]:
        raise ValueError(
            f"einsum: {subscripts!r}: the samples' letter '{samples[0]}' must come first in the result"
        )
    letters, result = inputs[0], tensors[0]
    for i in range(1, len(tensors)):
        later = set(output).union(*inputs[i + 1 :])
        letters, result = _pair(letters, result, inputs[i], tensors[i], later, samples)
    return _single(letters, result, output)


def _parsed(subscripts: str, tensors: Sequence[Tensor]) -> tuple[list[str], str]:
    text = subscripts.replace(" ", "")
    left, arrow, output = text.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(tensors):
        raise ValueError(f"einsum: {subscripts!r} names {len(inputs)} operands, got {len(tensors)}")
    dots = ""
    for letters, tensor in zip(inputs, tensors, strict=True):
        if "..." in letters:
            count = tensor.ndim - len(letters) + 3
            found = "".join(chr(ord("①") + i) for i in range(max(count, 0)))
            if count < 0 or (dots and dots != found):
                raise ValueError(f"einsum: '...' of {subscripts!r} does not fit shape {tensor.shape}")
            dots = found
    inputs = [letters.replace("...", dots) for letters in inputs]
    every = "".join(inputs)
    if not arrow:
        output = dots + "".join(sorted(c for c in set(every) - set(dots) if every.count(c) == 1))
    output = output.replace("...", dots)
    for letters, tensor in zip(inputs, tensors, strict=True):
        if len(letters) != tensor.ndim:
            raise ValueError(f"einsum: {subscripts!r} needs one letter for each axis of shape {tensor.shape}")
    allowed = all(c in dots or c.isalpha() for c in every)
    if not allowed or len(set(output)) != len(output) or not set(output) <= set(every):
        raise ValueError(f"einsum: the result of {subscripts!r} must name letters of the operands, each once")
    return inputs, output


def _diagonal(subscripts: str, letters: str, tensor: Tensor) -> tuple[str, Tensor]:
    """Take the diagonal of the first two axes that have one letter, in the place of the first."""
    letter = next(c for c in letters if letters.count(c) > 1)
    first = letters.index(letter)
    second = letters.index(letter, first + 1)
    extent = tensor.shape[first]
    if extent is None or extent != tensor.shape[second]:
        raise ValueError(
            f"einsum: {subscripts!r} gives the letter '{letter}' the extents {extent} and "
            f"{tensor.shape[second]} (None counts samples)"
        )
    shape = [
        extent if i in (first, second) else 1 for i in range(1 if is_batched(tensor) else 0, tensor.ndim)
    ]
    chosen = constant(np.eye(extent, dtype=bool).reshape(shape), "bool")
    zero = constant(0.0, tensor.dtype)
    picked = sum_(apply("where", [chosen, tensor, zero]), second)
    return letters[:second] + letters[second + 1 :], picked


def _single(letters: str, tensor: Tensor, output: str) -> Any:
    """Sum over letters that the result lacks, and put the others in its order."""
    gone = tuple(i for i, c in enumerate(letters) if c not in output)
    if gone:
        tensor = sum_(tensor, gone)
        letters = "".join(c for c in letters if c in output)
    return transpose(tensor, [letters.index(c) for c in output]) if letters != output else tensor


def _ordered(letters: str, tensor: Tensor, *groups: str) -> Tensor:
    """Put letters into the order of groups, one axis each (but for that of samples, which comes first)."""
    first = 1 if is_batched(tensor) else 0
    order = [letters.index(c) for c in (letters[:first] + "".join(groups))]
    ordered = transpose(tensor, order)
    extents = dict(zip(letters, tensor.shape, strict=True))
    shape = [math.prod(extents[c] or 1 for c in group) for group in groups]
    return apply("reshape", [ordered], {"shape": shape})


def _pair(a: str, x: Tensor, b: str, y: Tensor, later: set[str], samples: list[str]) -> tuple[str, Tensor]:
    """Multiply two operands and sum over the letters that nothing needs later."""
    # What one operand alone has is summed first.
    a, x = _without(a, x, set(b) | later)
    b, y = _without(b, y, set(a) | later)
    sample = samples[0] if samples and (samples[0] in a or samples[0] in b) else ""
    both = [c for c in a if c in b and c != sample]
    stacked = "".join(c for c in both if c in later)
    summed = "".join(c for c in both if c not in later)
    free_a = "".join(c for c in a if c not in b and c != sample)
    free_b = "".join(c for c in b if c not in a and c != sample)
    extents = dict(zip(a + b, x.shape + y.shape, strict=True))
    if sample and sample in a and sample in b and sample not in later and not stacked:
        # Summed over samples, as gradients of weights are, in which lanes without a sample must be 0.
        left, right = _ordered(a, x, summed, free_a), _ordered(b, y, summed, free_b)
        right = apply("mask_padding", [right])
        made = apply("dense_grad_kernel", [left, right])
        kept = free_a + free_b
        return kept, apply("reshape", [made], {"shape": [extents[c] for c in kept]})
    kept = sample + stacked + free_a + free_b
    plain = sample and sample in a and sample not in b and not stacked
    if plain:
        left = _ordered(a, x, free_a, summed)
        made = matmul(left, _ordered(b, y, summed, free_b))
    else:
        left, right = _ordered(a, x, stacked, free_a, summed), _ordered(b, y, stacked, summed, free_b)
        made = apply("matmul", [left, right])
    made = apply("reshape", [made], {"shape": [extents[c] for c in kept if c != sample]})
    if sample and sample not in later:
        return kept[1:], sum_(made, 0)
    return kept, made


def _without(letters: str, tensor: Tensor, needed: set[str]) -> tuple[str, Tensor]:
    gone = tuple(i for i, c in enumerate(letters) if c not in needed)
    if not gone or (is_batched(tensor) and 0 in gone and len(dims(tensor)) == 0):
        return letters, sum_(tensor, gone) if gone else tensor
    return "".join(c for c in letters if c in needed), sum_(tensor, gone)
