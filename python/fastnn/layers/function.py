"""A function as a layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastnn import _registry
from fastnn.layers.base import Layer
from fastnn.layers.nest import leaves


class Lambda(Layer):
    """Applies a function of tensors, without weights.

    Where weights are needed, or a configuration, a subclass of `Layer` is the better choice.

    Parameters
    ----------
    function : callable
        It gets the inputs, and `arguments` by name, and computes with layers and ops.
    output_shape : optional
        Accepted, as Keras has it, and without effect: shapes are found by calling the function.
    arguments : dict, optional
        Further arguments of the function.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Notes
    -----
    Models with such a layer can be saved if the function is registered with `fastnn.saving.register`; its
    code is never saved.

    Examples
    --------
    >>> import numpy as np, fastnn
    >>> double = fastnn.layers.Lambda(lambda x, factor: factor * x, arguments={"factor": 2.0})
    >>> double(np.ones((1, 2), "float32"))
    array([[2., 2.]], dtype=float32)
    """

    def __init__(
        self,
        function: Callable[..., Any] | str,
        output_shape: Any = None,
        arguments: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(function, str):
            found = _registry.find_function(function)
            if found is None:
                raise ValueError(f"{self.label}: unknown function {function!r}{_registry.CURE}")
            function = found
        if not callable(function):
            raise TypeError(f"{self.label}: expected a function of tensors, got {function!r}")
        self.function = function
        self.arguments = dict(arguments or {})

    def _input_dtypes(self, inputs: Any) -> list[str | None]:
        return [None for _ in leaves(inputs)]

    def call(self, inputs: Any) -> Any:
        """Apply the function."""
        return self.function(inputs, **self.arguments)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make a layer like this one; the function, if registered, by its name."""
        name = _registry.function_name(self.function)
        if name is None:
            raise ValueError(
                f"{self.label}: its function has no name by which it could be found again; write a named one "
                "and register it with fastnn.saving.register, or write a subclass of Layer"
            )
        own = {"name": self.name, "trainable": self._trainable, "dtype": self.dtype_policy}
        return {**own, "function": name, "arguments": self.arguments}
