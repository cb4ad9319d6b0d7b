"""A call of one of fastnn.ops in a functional model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fastnn.layers.base import Layer
from fastnn.layers.nest import leaves
from fastnn.tensor import Tensor


class Operation(Layer):
    """Applies a function of `fastnn.ops`: what is recorded where ops are called on an `Input`.

    Nobody needs to make one: ``fastnn.ops.exp(x)`` and ``x + 1`` do.

    Parameters
    ----------
    function : str
        The function's name; ``"activations.relu"`` for one of `fastnn.activations`.
    arguments : dict
        Its arguments by position (``"args"``) and name (``"kwargs"``); inputs, arrays and slices in them are
        described by dicts.
    **kwargs
        ``name``, ``dtype``.

    Examples
    --------
    >>> import fastnn
    >>> x = fastnn.Input(shape=(3,))
    >>> y = 2 * x + 1
    >>> y.shape, y.node.layer.function
    ((None, 3), 'add')
    """

    takes_unbatched = True

    def __init__(self, function: str, arguments: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if _find(function) is None:
            raise ValueError(f"{self.label}: fastnn.ops has no function {function!r}")
        self.function = function
        self.arguments: dict[str, Any] = {
            "args": list(arguments["args"]),
            "kwargs": dict(arguments["kwargs"]),
        }

    def _input_dtypes(self, inputs: Any) -> list[str | None]:
        return [None for _ in leaves(inputs)]

    def call(self, inputs: Any) -> Any:
        """Apply the function."""
        tensors = list(leaves(inputs))
        found = _find(self.function)
        assert found is not None
        kwargs = {name: restore(value, tensors) for name, value in self.arguments["kwargs"].items()}
        return found(*(restore(value, tensors) for value in self.arguments["args"]), **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make a layer like this one."""
        return {
            "name": self.name,
            "dtype": self.dtype_policy,
            "function": self.function,
            "arguments": self.arguments,
        }


def _find(name: str) -> Callable[..., Any] | None:
    """Return a function of fastnn.ops, or one of fastnn.activations for ``"activations.relu"``."""
    from fastnn import activations, ops

    module, _, last = name.rpartition(".")
    owner = {"": ops, "activations": activations}.get(module)
    return getattr(owner, last) if owner is not None and last in owner.__all__ else None


def describe(value: Any, tensors: list[Tensor]) -> Any:
    """Return an argument in plain values; tensors in it are added to a list and stand there by number."""
    if isinstance(value, Tensor):
        for number, known in enumerate(tensors):
            if known is value:
                return {"tensor": number}
        tensors.append(value)
        return {"tensor": len(tensors) - 1}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return {"array": value.tolist(), "dtype": str(value.dtype), "shape": list(value.shape)}
    if value is Ellipsis:
        return {"ellipsis": True}
    if isinstance(value, slice):
        return {"slice": [describe(part, tensors) for part in (value.start, value.stop, value.step)]}
    if isinstance(value, tuple):
        return {"tuple": [describe(item, tensors) for item in value]}
    if isinstance(value, list):
        return [describe(item, tensors) for item in value]
    if isinstance(value, (bool, int, float, str)) or value is None:
        return value
    if hasattr(value, "__array__"):
        raise TypeError(
            f"a {type(value).__name__} cannot be combined with tensors that have no graph: write a Layer "
            "that has it as a weight"
        )
    raise TypeError(f"an op on a tensor without a graph cannot keep a {type(value).__name__}: {value!r}")


def restore(value: Any, tensors: list[Tensor]) -> Any:
    """Undo `describe`."""
    if isinstance(value, list):
        return [restore(item, tensors) for item in value]
    if not isinstance(value, Mapping):
        return value
    if "tensor" in value:
        return tensors[value["tensor"]]
    if "array" in value:
        return np.asarray(value["array"], value["dtype"]).reshape(value["shape"])
    if "slice" in value:
        return slice(*(restore(part, tensors) for part in value["slice"]))
    if "tuple" in value:
        return tuple(restore(item, tensors) for item in value["tuple"])
    return Ellipsis
