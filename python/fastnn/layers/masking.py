"""Masks of sequences: which steps are there, and which are padding."""

from __future__ import annotations

from typing import Any

from fastnn import ops
from fastnn._numbers import real
from fastnn.layers.activation import SameShape
from fastnn.layers.input_spec import InputSpec
from fastnn.tensor import Tensor, apply


def check_mask(label: str, mask: Any, inputs: Tensor, dtype: str) -> Tensor:
    """Return a mask of sequences as numbers; ValueError if its shape does not fit."""
    if not isinstance(mask, Tensor) or mask.shape != inputs.shape[:2]:
        got = mask.shape if isinstance(mask, Tensor) else repr(mask)
        raise ValueError(
            f"{label}: the mask must have shape {inputs.shape[:2]}, a value for each step, got {got}"
        )
    return mask if mask.dtype == dtype else ops.cast(mask, dtype)


class Masking(SameShape):
    """Masks the steps of sequences whose features all have one value.

    Parameters
    ----------
    mask_value : float, default 0.0
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Notes
    -----
    Input and output (None, steps, ...); masked steps become 0. Layers behind it that hand masks on do so;
    recurrent layers skip masked steps, and the loss leaves them out.

    Examples
    --------
    >>> import numpy as np, fastnn
    >>> x = np.array([[[1.0], [2.0], [0.0]]], "float32")
    >>> masked = fastnn.Sequential([fastnn.layers.Masking(), fastnn.layers.LSTM(2)])
    >>> bool(np.allclose(masked(x), masked(x[:, :2])))
    True
    """

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = real(self.label, "mask_value", mask_value)
        self.input_spec = InputSpec(min_ndim=3)

    def call(self, inputs: Tensor) -> Any:
        """Set masked steps to 0."""
        mask = self._steps(inputs)
        spread = ops.reshape(mask, (-1, *mask.shape[1:], *[1] * (inputs.ndim - 2)))
        return ops.multiply(inputs, spread)

    def _steps(self, inputs: Tensor) -> Any:
        flat = inputs if inputs.ndim == 3 else ops.reshape(inputs, (-1, inputs.shape[1], _rest(inputs)))
        return apply("step_mask", [flat], {"value": self.mask_value, "dtype": self.dtype})

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return which steps have a feature other than the value; those that were masked stay so."""
        own = self._steps(inputs)
        return own if mask is None else ops.multiply(own, mask)


def _rest(inputs: Tensor) -> int:
    size = 1
    for n in inputs.shape[2:]:
        size *= int(n or 1)
    return size
