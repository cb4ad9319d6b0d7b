"""Normalisation: activations to mean 0 and variance 1, then scaled and shifted by trained weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn import constraints, initializers, regularizers
from fastnn.layers._arguments import integer, number
from fastnn.layers.activation import SameShape
from fastnn.layers.context import current
from fastnn.layers.input_spec import InputSpec
from fastnn.layers.weight import Weight
from fastnn.tensor import Tensor, apply, apply_all


class Normalization(SameShape):
    """Arguments and weights that normalisations with gamma and beta share."""

    def __init__(
        self,
        epsilon: float,
        center: bool,
        scale: bool,
        beta_initializer: Any,
        gamma_initializer: Any,
        beta_regularizer: Any,
        gamma_regularizer: Any,
        beta_constraint: Any,
        gamma_constraint: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.epsilon = number(self.label, "epsilon", epsilon, 0.0)
        self.center = bool(center)
        self.scale = bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.gamma: Weight | None = None
        self.beta: Weight | None = None

    def _add_gamma_and_beta(self, shape: tuple[int, ...]) -> None:
        if self.scale:
            self.gamma = self.add_weight(
                shape,
                self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                name="gamma",
            )
        if self.center:
            self.beta = self.add_weight(
                shape,
                self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                name="beta",
            )


class BatchNormalization(Normalization):
    """Normalises each channel over the samples of the batch (Ioffe and Szegedy 2015).

    In training with the batch's own mean and variance, of which moving averages are kept; otherwise, and
    where the layer is frozen (``trainable = False``), with those averages.

    Parameters
    ----------
    axis : int, default -1
        The axis of channels; statistics are taken over all others.
    momentum : float, default 0.99
        Part of the old moving average that stays at each step.
    epsilon : float, default 0.001
        Added to the variance.
    center, scale : bool, default True
        Whether there are ``beta``, which is added, and ``gamma``, which multiplies.
    beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer : optional
        "zeros", "ones", "zeros" and "ones" by default.
    beta_regularizer, gamma_regularizer : str, Regularizer or None
    beta_constraint, gamma_constraint : str, Constraint or None
    **kwargs
        ``name``, ``trainable``, ``dtype``, ``input_shape``.

    Notes
    -----
    Weights, in this order, all of shape (channels,): ``gamma``, ``beta``, ``moving_mean``,
    ``moving_variance``. The variance is that of the batch itself, divided by its number of values.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import BatchNormalization
    >>> layer = BatchNormalization(epsilon=0)
    >>> layer(np.array([[1.0], [3.0]], "float32"), training=True)
    array([[-1.],
           [ 1.]], dtype=float32)
    >>> [w.name for w in layer.weights]
    ['gamma', 'beta', 'moving_mean', 'moving_variance']
    """

    def __init__(
        self,
        axis: Any = -1,
        momentum: float = 0.99,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            **kwargs,
        )
        if isinstance(axis, (list, tuple)) and len(axis) == 1:
            axis = axis[0]
        self.axis = integer(self.label, "axis", axis, -16)
        self.momentum = number(self.label, "momentum", momentum, 0.0, 1.0)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)

    foldable = True

    def _place(self, rank: int) -> int:
        place = self.axis + rank if self.axis < 0 else self.axis
        if not 1 <= place < rank:
            raise ValueError(
                f"{self.label}: axis {self.axis} is not one of the axes 1 to {rank - 1} of its input "
                "(0 counts samples)"
            )
        return place

    def build(self, input_shape: Any) -> None:
        """Create gamma, beta and the moving averages."""
        place = self._place(len(input_shape))
        channels = input_shape[place]
        if self.quantization is not None:
            return
        self._add_gamma_and_beta((channels,))
        self.moving_mean = self.add_weight(
            (channels,), self.moving_mean_initializer, trainable=False, name="moving_mean"
        )
        self.moving_variance = self.add_weight(
            (channels,), self.moving_variance_initializer, trainable=False, name="moving_variance"
        )
        self.input_spec = InputSpec(
            ndim=len(input_shape), axes={place: channels}, what="channels", part="statistics"
        )

    def call(self, inputs: Tensor, training: bool = False) -> Any:
        """Normalise; in training, note the moving averages' next values."""
        if self.quantization is not None:  # the layer before it does it
            return inputs
        place = self._place(inputs.ndim)
        inputs, back = moved_last(inputs, [place])
        own = training and self.trainable
        mean: Tensor | Weight = self.moving_mean
        variance: Tensor | Weight = self.moving_variance
        if own:
            moments = apply_all("batch_moments", [inputs, self.moving_mean])
            mean, variance = apply_all("batch_statistics", [*moments, self.moving_mean])
            context = current(self.label)
            for weight, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
                context.assign(weight, apply("moving_average", [weight, value], {"momentum": self.momentum}))
        out = apply(
            "normalize",
            [inputs, mean, variance, self.gamma, self.beta],
            {"epsilon": self.epsilon, "batch_statistics": own},
        )
        return out if back is None else apply("transpose", [out], {"perm": back})


class LayerNormalization(Normalization):
    """Normalises each sample by itself over some of its axes (Ba et al. 2016).

    Parameters
    ----------
    axis : int or sequence of int, default -1
        The axes to normalise over.
    epsilon : float, default 0.001
        Added to the variance.
    center, scale : bool, default True
        Whether there are ``beta``, which is added, and ``gamma``, which multiplies.
    beta_initializer, gamma_initializer : optional
        "zeros" and "ones" by default.
    beta_regularizer, gamma_regularizer : str, Regularizer or None
    beta_constraint, gamma_constraint : str, Constraint or None
    **kwargs
        ``name``, ``trainable``, ``dtype``, ``input_shape``.

    Notes
    -----
    Weights: ``gamma`` and ``beta``, of the shape of the normalised axes.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import LayerNormalization
    >>> LayerNormalization(epsilon=0)(np.array([[1.0, 3.0], [2.0, 10.0]], "float32"))
    array([[-1.,  1.],
           [-1.,  1.]], dtype=float32)
    """

    def __init__(
        self,
        axis: Any = -1,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            **kwargs,
        )
        self.axis = normalized_axes(self.label, axis)

    def build(self, input_shape: Any) -> None:
        """Create gamma and beta."""
        places = axes_of_rank(self.label, self.axis, len(input_shape))
        self._add_gamma_and_beta(tuple(input_shape[i] for i in places))
        self.input_spec = InputSpec(
            ndim=len(input_shape), axes={i: input_shape[i] for i in places}, what="entries", part="gamma"
        )

    def call(self, inputs: Tensor) -> Any:
        """Normalise."""
        places = axes_of_rank(self.label, self.axis, inputs.ndim)
        inputs, back = moved_last(inputs, places)
        attributes = {"dims": len(places), "epsilon": self.epsilon}
        out = apply_all("layer_norm", [inputs, self.gamma, self.beta], attributes)[0]
        return out if back is None else apply("transpose", [out], {"perm": back})


class RMSNormalization(SameShape):
    """Divides each sample by the root of its mean square along some axes (Zhang and Sennrich 2019).

    Parameters
    ----------
    axis : int or sequence of int, default -1
        The axes to take the mean over.
    epsilon : float, default 1e-6
        Added to the mean square.
    **kwargs
        ``name``, ``trainable``, ``dtype``, ``input_shape``.

    Notes
    -----
    Weights: ``scale``, of the shape of those axes, which multiplies; ones at first.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import RMSNormalization
    >>> RMSNormalization(epsilon=0)(np.array([[3.0, 3.0], [1.0, -1.0]], "float32"))
    array([[ 1.,  1.],
           [ 1., -1.]], dtype=float32)
    """

    def __init__(self, axis: Any = -1, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = normalized_axes(self.label, axis)
        self.epsilon = number(self.label, "epsilon", epsilon, 0.0)

    def build(self, input_shape: Any) -> None:
        """Create scale."""
        places = axes_of_rank(self.label, self.axis, len(input_shape))
        self.scale = self.add_weight(tuple(input_shape[i] for i in places), "ones", name="scale")
        self.input_spec = InputSpec(
            ndim=len(input_shape), axes={i: input_shape[i] for i in places}, what="entries", part="scale"
        )

    def call(self, inputs: Tensor) -> Any:
        """Normalise."""
        places = axes_of_rank(self.label, self.axis, inputs.ndim)
        inputs, back = moved_last(inputs, places)
        attributes = {"dims": len(places), "epsilon": self.epsilon, "centred": False}
        out = apply_all("layer_norm", [inputs, self.scale, None], attributes)[0]
        return out if back is None else apply("transpose", [out], {"perm": back})


def normalized_axes(label: str, axis: Any) -> tuple[int, ...]:
    """Return an ``axis`` argument as a tuple of at least one."""
    axes = (axis,) if isinstance(axis, (int, np.integer)) else tuple(axis)
    if not axes:
        raise ValueError(f"{label}: axis must name at least one axis, got {axis!r}")
    return tuple(integer(label, "axis", a, -16) for a in axes)


def axes_of_rank(label: str, axes: tuple[int, ...], rank: int) -> list[int]:
    """Return axes counted from 0, in order; that of the samples is not one of them."""
    places = sorted({a + rank if a < 0 else a for a in axes})
    if not places[0] >= 1 or places[-1] >= rank:
        shown = axes[0] if len(axes) == 1 else axes
        raise ValueError(
            f"{label}: axis {shown} is not among the axes 1 to {rank - 1} of its input (0 counts samples)"
        )
    return places


def moved_last(inputs: Tensor, places: list[int]) -> tuple[Tensor, list[int] | None]:
    """Move axes to the end; return also the permutation that brings them back, None if nothing moved."""
    order = [i for i in range(1, inputs.ndim) if i not in places] + places
    if order == sorted(order):
        return inputs, None
    moved = apply("transpose", [inputs], {"perm": [i - 1 for i in order]})
    return moved, [order.index(i) for i in range(1, inputs.ndim)]
