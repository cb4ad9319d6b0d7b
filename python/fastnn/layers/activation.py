"""Layers that apply an activation function without parameters."""

from __future__ import annotations

from typing import Any

from fastnn import activations
from fastnn.layers._arguments import integer
from fastnn.layers.base import Layer
from fastnn.layers.nest import batch_shape
from fastnn.tensor import Tensor


class Activation(Layer):
    """Applies an activation function.

    Parameters
    ----------
    activation : str or callable
        Name of a function in `fastnn.activations`, or a function of a tensor.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Activation
    >>> Activation("relu")(np.array([[-1.0, 2.0]], "float32"))
    array([[0., 2.]], dtype=float32)
    """

    supports_masking = True

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs: Tensor) -> Any:
        """Apply the function."""
        return self.activation(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return batch_shape(self.label, input_shape)


class SameShape(Layer):
    """Base of layers whose output has the input's shape, and its mask."""

    supports_masking = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return batch_shape(self.label, input_shape)


class SELU(SameShape):
    """Scaled exponential linear unit (Klambauer et al. 2017): 1.0507 x, below 0 1.7581 (exp x - 1).

    Parameters
    ----------
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import SELU
    >>> SELU()(np.array([[-1.0, 2.0]], "float32")).round(4)
    array([[-1.1113,  2.1014]], dtype=float32)
    """

    def call(self, inputs: Tensor) -> Any:
        """Apply the function."""
        return activations.selu(inputs)


class SiLU(SameShape):
    """``x * sigmoid(x)``, also called swish (Elfwing et al. 2017; Ramachandran et al. 2017).

    Parameters
    ----------
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import SiLU
    >>> SiLU()(np.array([[-1.0, 2.0]], "float32")).round(4)
    array([[-0.2689,  1.7616]], dtype=float32)
    """

    def call(self, inputs: Tensor) -> Any:
        """Apply the function."""
        return activations.silu(inputs)


class Mish(SameShape):
    """``x * tanh(softplus(x))`` (Misra 2019).

    Parameters
    ----------
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Mish
    >>> Mish()(np.array([[-1.0, 2.0]], "float32")).round(4)
    array([[-0.3034,  1.944 ]], dtype=float32)
    """

    def call(self, inputs: Tensor) -> Any:
        """Apply the function."""
        return activations.mish(inputs)


class Sigmoid(SameShape):
    """``1 / (1 + exp(-x))``.

    Parameters
    ----------
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Sigmoid
    >>> Sigmoid()(np.array([[-1.0, 2.0]], "float32")).round(4)
    array([[0.2689, 0.8808]], dtype=float32)
    """

    def call(self, inputs: Tensor) -> Any:
        """Apply the function."""
        return activations.sigmoid(inputs)


class HardSigmoid(SameShape):
    """``relu6(x + 3) / 6``: a sigmoid of straight lines.

    Parameters
    ----------
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import HardSigmoid
    >>> HardSigmoid()(np.array([[-1.0, 2.0]], "float32")).round(4)
    array([[0.3333, 0.8333]], dtype=float32)
    """

    def call(self, inputs: Tensor) -> Any:
        """Apply the function."""
        return activations.hard_sigmoid(inputs)


class Tanh(SameShape):
    """Hyperbolic tangent.

    Parameters
    ----------
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Tanh
    >>> Tanh()(np.array([[-1.0, 2.0]], "float32")).round(4)
    array([[-0.7616,  0.964 ]], dtype=float32)
    """

    def call(self, inputs: Tensor) -> Any:
        """Apply the function."""
        return activations.tanh(inputs)


class Softplus(SameShape):
    """``log(1 + exp(x))``.

    Parameters
    ----------
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Softplus
    >>> Softplus()(np.array([[-1.0, 2.0]], "float32")).round(4)
    array([[0.3133, 2.1269]], dtype=float32)
    """

    def call(self, inputs: Tensor) -> Any:
        """Apply the function."""
        return activations.softplus(inputs)


class Softsign(SameShape):
    """``x / (1 + abs(x))``.

    Parameters
    ----------
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Softsign
    >>> Softsign()(np.array([[-1.0, 2.0]], "float32")).round(4)
    array([[-0.5   ,  0.6667]], dtype=float32)
    """

    def call(self, inputs: Tensor) -> Any:
        """Apply the function."""
        return activations.softsign(inputs)


class Exponential(SameShape):
    """``exp(x)``.

    Parameters
    ----------
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Exponential
    >>> Exponential()(np.array([[-1.0, 2.0]], "float32")).round(4)
    array([[0.3679, 7.3891]], dtype=float32)
    """

    def call(self, inputs: Tensor) -> Any:
        """Apply the function."""
        return activations.exponential(inputs)


class Linear(SameShape):
    """The inputs unchanged.

    Parameters
    ----------
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Linear
    >>> Linear()(np.array([[-1.0, 2.0]], "float32")).round(4)
    array([[-1.,  2.]], dtype=float32)
    """

    def call(self, inputs: Tensor) -> Any:
        """Apply the function."""
        return activations.linear(inputs)


class Softmax(SameShape):
    """``exp(x)`` scaled to sum 1 along an axis, in the form that cannot overflow.

    Parameters
    ----------
    axis : int, default -1
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Softmax
    >>> Softmax()(np.array([[0.0, 0.0], [1000.0, 0.0]], "float32"))
    array([[0.5, 0.5],
           [1. , 0. ]], dtype=float32)
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = integer(self.label, "axis", axis, -16)

    def call(self, inputs: Tensor) -> Any:
        """Apply the function."""
        return activations.softmax(inputs, axis=self.axis)


class LogSoftmax(SameShape):
    """Logarithm of the softmax along an axis, without its rounding.

    Parameters
    ----------
    axis : int, default -1
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import LogSoftmax
    >>> LogSoftmax()(np.array([[0.0, 1000.0]], "float32"))
    array([[-1000.,     0.]], dtype=float32)
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = integer(self.label, "axis", axis, -16)

    def call(self, inputs: Tensor) -> Any:
        """Apply the function."""
        return activations.log_softmax(inputs, axis=self.axis)


Swish = SiLU
