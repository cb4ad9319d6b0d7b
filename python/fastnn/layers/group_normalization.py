"""Normalisation of groups of channels, each sample by itself."""

from __future__ import annotations

from typing import Any

from fastnn.layers._arguments import integer
from fastnn.layers.input_spec import InputSpec
from fastnn.layers.normalization import Normalization, axes_of_rank, moved_last
from fastnn.tensor import Tensor, apply, apply_all


class GroupNormalization(Normalization):
    """Normalises groups of channels over all positions, each sample by itself (Wu and He 2018).

    Parameters
    ----------
    groups : int, default 32
        Number of groups, which must divide that of the channels; -1 makes each channel a group.
    axis : int, default -1
        The axis of channels.
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
    Weights: ``gamma`` and ``beta`` (channels,).

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import GroupNormalization
    >>> GroupNormalization(groups=2, epsilon=0)(np.array([[1.0, 3.0, 10.0, 20.0]], "float32"))
    array([[-1.,  1., -1.,  1.]], dtype=float32)
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
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
        self.groups = integer(self.label, "groups", groups, -1)
        if self.groups == 0:
            raise ValueError(f"{self.label}: groups must be at least 1, or -1 for a group a channel, got 0")
        self.axis = integer(self.label, "axis", axis, -16)

    def build(self, input_shape: Any) -> None:
        """Create gamma and beta."""
        (place,) = axes_of_rank(self.label, (self.axis,), len(input_shape))
        channels = input_shape[place]
        if self.groups > 0 and channels is not None and channels % self.groups != 0:
            raise ValueError(
                f"{self.label}: groups={self.groups} does not divide the {channels} channels of its input "
                f"(input shape {tuple(input_shape)})"
            )
        self._add_gamma_and_beta((channels,))
        self.input_spec = InputSpec(
            ndim=len(input_shape), axes={place: channels}, what="channels", part="gamma"
        )

    def call(self, inputs: Tensor) -> Any:
        """Normalise."""
        (place,) = axes_of_rank(self.label, (self.axis,), inputs.ndim)
        groups = inputs.shape[place] if self.groups == -1 else self.groups
        inputs, back = moved_last(inputs, [place])
        attributes = {"groups": groups, "epsilon": self.epsilon}
        out = apply_all("group_norm", [inputs, self.gamma, self.beta], attributes)[0]
        return out if back is None else apply("transpose", [out], {"perm": back})


class InstanceNormalization(GroupNormalization):
    """Normalises each channel of each sample over all positions (Ulyanov et al. 2016).

    Parameters
    ----------
    **kwargs
        Those of `GroupNormalization` but ``groups``, by name: ``axis``, ``epsilon``, ``center``, ``scale``, …

    Notes
    -----
    Weights: ``gamma`` and ``beta`` (channels,).

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import InstanceNormalization
    >>> InstanceNormalization(epsilon=0)(np.array([[[1.0, 5.0], [3.0, 5.5]]], "float32"))
    array([[[-1., -1.],
            [ 1.,  1.]]], dtype=float32)
    """

    def __init__(self, **kwargs: Any) -> None:
        if "groups" in kwargs:
            raise TypeError(
                "InstanceNormalization: takes no groups, each channel is one; see GroupNormalization"
            )
        super().__init__(groups=-1, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make a layer like this one."""
        config = super().get_config()
        del config["groups"]
        return config
