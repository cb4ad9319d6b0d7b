"""Normalisation by neighbouring channels."""

from __future__ import annotations

from typing import Any

from fastnn.layers._arguments import number, positive
from fastnn.layers.activation import SameShape
from fastnn.tensor import Tensor, apply


class LocalResponseNormalization(SameShape):
    """Divides each value by a power of its neighbours' energy in other channels (Krizhevsky et al. 2012).

    ``y = x / (k + alpha / size * sum of squares) ** beta``, the sum over `size` neighbouring channels at the
    same position. Names, defaults and the division of `alpha` by `size` are PyTorch's.

    Parameters
    ----------
    size : int, default 5
        Channels in the sum, ``size // 2`` of them before the value's own; those beyond the ends count as 0.
    alpha : float, default 0.0001
        Weight of the mean of squares.
    beta : float, default 0.75
        Exponent.
    k : float, default 1.0
        Added to the mean; above 0.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Notes
    -----
    Input (None, ..., channels). The paper's alpha, and TensorFlow's ``tf.nn.local_response_normalization``,
    multiply the sum, not the mean: the paper's n = 5, alpha = 1e-4, beta = 0.75, k = 2 are ``size=5,
    alpha=5e-4, beta=0.75, k=2``; TensorFlow's ``depth_radius=r, bias=b, alpha=a, beta=c`` are
    ``size=2 * r + 1, alpha=a * (2 * r + 1), beta=c, k=b``.

    References
    ----------
    A. Krizhevsky, I. Sutskever, G. E. Hinton, "ImageNet classification with deep convolutional neural
    networks", NIPS 2012, section 3.3.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import LocalResponseNormalization
    >>> x = np.array([[3.0, 4.0, 0.0, 1.0]], "float32")
    >>> LocalResponseNormalization(size=3, alpha=3, beta=0.5, k=1)(x).round(3)
    array([[0.588, 0.784, 0.   , 0.707]], dtype=float32)
    """

    def __init__(
        self, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.size = positive(self.label, "size", size)
        self.alpha = number(self.label, "alpha", alpha, 0.0)
        self.beta = number(self.label, "beta", beta)
        self.k = number(self.label, "k", k)
        if self.k <= 0:
            raise ValueError(f"{self.label}: k must be above 0, got {k!r}")

    def call(self, inputs: Tensor) -> Any:
        """Normalise."""
        attributes = {"size": self.size, "alpha": self.alpha, "beta": self.beta, "k": self.k}
        return apply("local_response_normalization", [inputs], attributes)
