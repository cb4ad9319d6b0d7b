"""Operators of what graphs compute with: tensors and weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class Operators:
    """Mixin: operators and slices are functions of `fastnn.ops`.

    Examples
    --------
    >>> import fastnn
    >>> (2 * fastnn.Input((3,)) + 1).shape
    (None, 3)
    """

    __slots__ = ()

    # Operators. == and != compare identities, so that tensors can be found in lists and dicts: see ops.equal.

    def __add__(self, other: Any) -> Any:
        return _operation("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return _operation("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return _operation("subtract", self, other)

    def __rsub__(self, other: Any) -> Any:
        return _operation("subtract", other, self)

    def __mul__(self, other: Any) -> Any:
        return _operation("multiply", self, other)

    def __rmul__(self, other: Any) -> Any:
        return _operation("multiply", other, self)

    def __truediv__(self, other: Any) -> Any:
        return _operation("divide", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _operation("divide", other, self)

    def __pow__(self, other: Any) -> Any:
        return _operation("power", self, other)

    def __rpow__(self, other: Any) -> Any:
        return _operation("power", other, self)

    def __matmul__(self, other: Any) -> Any:
        return _operation("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return _operation("matmul", other, self)

    def __lt__(self, other: Any) -> Any:
        return _operation("less", self, other)

    def __le__(self, other: Any) -> Any:
        return _operation("less_equal", self, other)

    def __gt__(self, other: Any) -> Any:
        return _operation("greater", self, other)

    def __ge__(self, other: Any) -> Any:
        return _operation("greater_equal", self, other)

    def __neg__(self) -> Any:
        return _operation("negative", self)

    def __abs__(self) -> Any:
        return _operation("abs", self)

    def __getitem__(self, key: Any) -> Any:
        return _operation("getitem", self, key)


_OPERATORS = (
    "add",
    "subtract",
    "multiply",
    "divide",
    "power",
    "matmul",
    "less",
    "less_equal",
    "greater",
    "greater_equal",
)


def operation_of(ufunc: Any, method: str, kwargs: Mapping[str, Any]) -> Callable[..., Any] | None:
    """Return the function of `fastnn.ops` that an operator of an array on the left comes to, or None."""
    from fastnn import ops

    if method == "__call__" and not kwargs and ufunc.__name__ in _OPERATORS:
        found: Callable[..., Any] = getattr(ops, ufunc.__name__)
        return found
    return None


def _operation(name: str, *operands: Any) -> Any:
    # Imported here: models without such operators have no need of ops.
    from fastnn import ops

    return getattr(ops, name)(*operands)
