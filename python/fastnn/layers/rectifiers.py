"""Rectifiers with parameters: straight above 0, something else below."""

from __future__ import annotations

from typing import Any

from fastnn import activations, constraints, initializers, regularizers
from fastnn.layers._arguments import integer, number
from fastnn.layers.activation import SameShape
from fastnn.layers.input_spec import InputSpec
from fastnn.tensor import Tensor, apply


class ReLU(SameShape):
    """``max(x, 0)``, or with a slope below the threshold and a ceiling.

    Parameters
    ----------
    max_value : float, optional
        The ceiling.
    negative_slope : float, default 0.0
        The slope below the threshold.
    threshold : float, default 0.0
        Where the function begins: from there on it is x.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import ReLU
    >>> ReLU(max_value=6)(np.array([[-1.0, 2.0, 9.0]], "float32"))
    array([[0., 2., 6.]], dtype=float32)
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.max_value = None if max_value is None else number(self.label, "max_value", max_value, 0.0)
        self.negative_slope = number(self.label, "negative_slope", negative_slope, 0.0)
        self.threshold = number(self.label, "threshold", threshold, 0.0)

    def call(self, inputs: Tensor) -> Any:
        """Apply the function."""
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(SameShape):
    """x, below 0 `negative_slope` times x (Maas et al. 2013).

    Parameters
    ----------
    negative_slope : float, default 0.3
        The slope below 0.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import LeakyReLU
    >>> LeakyReLU()(np.array([[-1.0, 2.0]], "float32")).round(4)
    array([[-0.3,  2. ]], dtype=float32)
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        if "alpha" in kwargs:  # its older name
            negative_slope = kwargs.pop("alpha")
        super().__init__(**kwargs)
        self.negative_slope = number(self.label, "negative_slope", negative_slope, 0.0)

    def call(self, inputs: Tensor) -> Any:
        """Apply the function."""
        return activations.leaky_relu(inputs, negative_slope=self.negative_slope)


class ELU(SameShape):
    """Exponential linear unit (Clevert et al. 2015): x, below 0 alpha (exp x - 1).

    Parameters
    ----------
    alpha : float, default 1.0
        Minus the limit towards minus infinity.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import ELU
    >>> ELU()(np.array([[-1.0, 2.0]], "float32")).round(4)
    array([[-0.6321,  2.    ]], dtype=float32)
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = number(self.label, "alpha", alpha)

    def call(self, inputs: Tensor) -> Any:
        """Apply the function."""
        return activations.elu(inputs, alpha=self.alpha)


class CELU(SameShape):
    """Continuously differentiable ELU (Barron 2017): x, below 0 alpha (exp(x / alpha) - 1).

    Parameters
    ----------
    alpha : float, default 1.0
        Minus the limit towards minus infinity; not 0.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import CELU
    >>> CELU()(np.array([[-1.0, 2.0]], "float32")).round(4)
    array([[-0.6321,  2.    ]], dtype=float32)
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = number(self.label, "alpha", alpha)

    def call(self, inputs: Tensor) -> Any:
        """Apply the function."""
        return activations.celu(inputs, alpha=self.alpha)


class GELU(SameShape):
    """Gaussian error linear unit (Hendrycks and Gimpel 2016): x times the normal distribution's function.

    Parameters
    ----------
    approximate : bool, default False
        Use the form with tanh instead of the error function.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import GELU
    >>> GELU()(np.array([[-1.0, 2.0]], "float32")).round(4)
    array([[-0.1587,  1.9545]], dtype=float32)
    """

    def __init__(self, approximate: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.approximate = bool(approximate)

    def call(self, inputs: Tensor) -> Any:
        """Apply the function."""
        return activations.gelu(inputs, self.approximate)


class PReLU(SameShape):
    """x, below 0 times a slope that is learned (He et al. 2015).

    Parameters
    ----------
    alpha_initializer : str or Initializer, default "zeros"
    alpha_regularizer : str, Regularizer or None
    alpha_constraint : str, Constraint or None
    shared_axes : int or sequence of int, optional
        Axes along which one slope serves all: (1, 2) for a slope a channel in images.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import PReLU
    >>> PReLU(alpha_initializer="ones")(np.array([[-1.0, 2.0]], "float32"))
    array([[-1.,  2.]], dtype=float32)
    """

    def __init__(
        self,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        if shared_axes is not None:
            axes = (shared_axes,) if isinstance(shared_axes, int) else tuple(shared_axes)
            shared_axes = tuple(integer(self.label, "shared_axes", axis, 1) for axis in axes)
        self.shared_axes: tuple[int, ...] | None = shared_axes

    def build(self, input_shape: Any) -> None:
        """Create the slopes."""
        shape = list(input_shape[1:])
        for axis in self.shared_axes or ():
            if axis > len(shape):
                raise ValueError(
                    f"{self.label}: there is no axis {axis} to share (input shape {input_shape})"
                )
            shape[axis - 1] = 1
        self.alpha = self.add_weight(
            tuple(shape),
            self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
            name="alpha",
        )
        shared = self.shared_axes or ()
        self.input_spec = InputSpec(
            ndim=len(input_shape),
            axes={i: n for i, n in enumerate(input_shape) if i > 0 and i not in shared},
            what="entries",
            part="slopes",
        )

    def call(self, inputs: Tensor) -> Any:
        """Apply the function."""
        return apply("prelu", [inputs, self.alpha])
