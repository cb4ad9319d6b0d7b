"""Losses that are a user's function of symbolic tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastnn import _core, _registry
from fastnn.losses.base import Loss
from fastnn.losses.tracing import traced
from fastnn.tensor import Tensor


class FunctionLoss(Loss):
    """A function of two symbolic tensors as a loss.

    Parameters
    ----------
    function : callable
        ``function(y_true, y_pred)`` gets `fastnn.tensor.Tensor` objects of one shape and returns the losses'
        tensor: one number for each sample, or for each of its positions. It is called when a graph is built
        and computes with fastnn's ops and layers.
    reduction, name, dtype
        See `Loss`; the name is the function's by default.

    Examples
    --------
    >>> from fastnn import ops
    >>> from fastnn.losses import FunctionLoss
    >>> def doubled(y_true, y_pred):
    ...     return 2 * ops.abs(y_true - y_pred)
    >>> FunctionLoss(doubled)([[1.0, 2.0]], [[2.0, 4.0]])
    3.0
    """

    def __init__(
        self,
        function: Callable[[Tensor, Tensor], Tensor],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        if not callable(function):
            raise TypeError(f"FunctionLoss: expected a function of y_true and y_pred, got {function!r}")
        super().__init__(name or getattr(function, "__name__", "loss"), reduction, dtype)
        self.function = function

    def call(self, graph: _core.Graph, y_true: int, y_pred: int) -> int:
        """Add the function's nodes."""
        return traced(graph, self.label, self.function, y_true, y_pred)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments; the function, which must be registered, by its name."""
        name = _registry.function_name(self.function)
        if name is None:
            raise TypeError(
                f"{self.label}: a model compiled with a function as its loss cannot be saved with it, unless "
                "the function is registered with fastnn.saving.register"
            )
        return {"function": name, "reduction": self.reduction, "name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Make a loss from what `get_config` returned."""
        values = dict(config)
        name = values.pop("function", None)
        function = _registry.find_function(name)
        if function is None:
            raise ValueError(f"unknown loss function {name!r}{_registry.CURE}")
        return cls(function, **values)
