"""Products of matrices."""

from __future__ import annotations

from typing import Any

from fastnn.ops._dispatch import dims, floating, is_batched, op, operands
from fastnn.tensor import Tensor, apply


def _with_shape(tensor: Tensor, shape: list[int]) -> Tensor:
    return tensor if shape == dims(tensor) else apply("reshape", [tensor], {"shape": shape})


@op
def matmul(x1: Any, x2: Any) -> Any:
    """Product of matrices, or of stacks of them; also ``x1 @ x2``.

    Parameters
    ----------
    x1, x2 : Tensor or array_like
        Floating point, as in NumPy: matrices in the last two axes, other axes broadcast; a vector counts as a
        row on the left, as a column on the right. Of a batched tensor with two axes the samples are the rows
        of one matrix, so that it can only stand on the left.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If the shapes do not fit, or a product would sum over samples.
    TypeError
        If the operands are integers, or the dtypes differ.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.matmul([[1.0, 2.0], [3.0, 4.0]], [1.0, 10.0])
    array([21., 43.], dtype=float32)
    """
    a, b = operands(x1, x2)
    floating(a, "matmul")
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError(f"matmul: numbers have no axis to multiply along, got {a.shape} and {b.shape}")
    inner = (a.shape[-1], b.shape[-2] if b.ndim > 1 else b.shape[0])
    if None in inner:
        raise ValueError(
            f"matmul: {a.shape} times {b.shape} would sum over samples; see einsum, which can, or sum"
        )
    if inner[0] != inner[1]:
        raise ValueError(
            f"matmul: cannot multiply {a.shape} and {b.shape}: {inner[0]} columns against {inner[1]} rows"
        )
    if is_batched(a) and not is_batched(b) and b.ndim <= 2:
        weight = b if b.ndim == 2 else _with_shape(b, [*dims(b), 1])
        made = apply("dense", [a, weight, None])
        return made if b.ndim == 2 else _with_shape(made, dims(made)[:-1])
    for tensor, other in ((a, b), (b, a)):
        if is_batched(tensor) and tensor.ndim == 2 and (is_batched(other) or other.ndim > 2):
            raise ValueError(
                f"matmul: of shape {tensor.shape} the samples are the rows of one matrix; insert an axis, as "
                "by expand_dims, to multiply each sample by itself"
            )
    row, column = a.ndim == 1, b.ndim == 1
    a = _with_shape(a, [1, *dims(a)]) if row else a
    b = _with_shape(b, [*dims(b), 1]) if column else b
    both = is_batched(a) and is_batched(b)
    if (both and a.ndim != b.ndim) or (is_batched(a) != is_batched(b) and _too_many(a, b)):
        raise ValueError(
            f"matmul: stacks of shapes {a.shape} and {b.shape} do not broadcast: axis 0 of a batched tensor "
            "counts samples"
        )
    made = apply("matmul", [a, b])
    shape = dims(made)
    if column:
        shape = shape[:-1]
    if row:
        shape = shape[:-2] + shape[-1:] if not column else shape[:-1]
    return _with_shape(made, shape)


def _too_many(a: Tensor, b: Tensor) -> bool:
    batched, other = (a, b) if is_batched(a) else (b, a)
    return other.ndim >= batched.ndim


@op
def dot(x1: Any, x2: Any) -> Any:
    """Product of vectors or matrices; `matmul` for at most two axes.

    Parameters
    ----------
    x1, x2 : Tensor or array_like

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If the shapes do not fit.
    TypeError
        If the operands are integers, or the dtypes differ.

    Examples
    --------
    >>> from fastnn import ops
    >>> float(ops.dot([1.0, 2.0], [3.0, 4.0]))
    11.0
    """
    a, b = operands(x1, x2)
    if a.ndim > 2 or b.ndim > 2:
        raise ValueError(f"dot: takes at most two axes, got {a.shape} and {b.shape}; use matmul or einsum")
    return matmul(a, b)
