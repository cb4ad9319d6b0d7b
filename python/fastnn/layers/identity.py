"""Layers that leave values as they are: as a place holder, with a penalty, or repeated."""

from __future__ import annotations

from typing import Any

from fastnn import regularizers
from fastnn.layers._arguments import positive
from fastnn.layers.activation import SameShape
from fastnn.layers.base import Layer
from fastnn.layers.input_spec import InputSpec
from fastnn.layers.nest import batch_shape
from fastnn.tensor import Tensor, apply


class Identity(SameShape):
    """Returns its input.

    Parameters
    ----------
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Identity
    >>> Identity()(np.ones((1, 2), "float32"))
    array([[1., 1.]], dtype=float32)
    """

    def call(self, inputs: Tensor) -> Any:
        """Return the input."""
        return inputs


class ActivityRegularization(SameShape):
    """Returns its input, whose magnitudes and squares are added to the loss: the mean over samples.

    Parameters
    ----------
    l1, l2 : float, default 0.0
        Factors of the sum of magnitudes and of the sum of squares.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import ActivityRegularization
    >>> ActivityRegularization(l2=0.1)(np.ones((1, 2), "float32"))
    array([[1., 1.]], dtype=float32)
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1, l2), **kwargs)
        self.l1, self.l2 = float(l1), float(l2)

    def call(self, inputs: Tensor) -> Any:
        """Return the input."""
        return inputs

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make a layer like this one."""
        own = {"name": self.name, "trainable": self._trainable, "dtype": self.dtype_policy}
        return {**own, "l1": self.l1, "l2": self.l2}


class RepeatVector(Layer):
    """Repeats a vector: ``(None, features)`` becomes ``(None, n, features)``.

    Parameters
    ----------
    n : int
        How often.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import RepeatVector
    >>> RepeatVector(2)(np.array([[1.0, 3.0]], "float32"))
    array([[[1., 3.],
            [1., 3.]]], dtype=float32)
    """

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = positive(self.label, "n", n)
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs: Tensor) -> Any:
        """Repeat the vectors."""
        features = inputs.shape[1]
        row = apply("reshape", [inputs], {"shape": [1, features]})
        return apply("broadcast_to", [row], {"shape": [self.n, features]})

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for an input's."""
        return (None, self.n, *batch_shape(self.label, input_shape)[1:])
