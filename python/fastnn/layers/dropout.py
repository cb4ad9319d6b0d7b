"""Noise that keeps a network from learning its samples by heart; in training only."""

from __future__ import annotations

import math
from typing import Any

from fastnn.layers._arguments import channels_last, integer, number
from fastnn.layers.activation import SameShape
from fastnn.layers.input_spec import InputSpec
from fastnn.tensor import Tensor, apply

_SELU_LIMIT = -1.6732632423543772 * 1.0507009873554805  # of very negative inputs


def _seed(label: str, seed: Any) -> int | None:
    return None if seed is None else integer(label, "seed", seed, 0)


def _pattern(label: str, given: tuple[Any, ...], shape: Any) -> list[int]:
    if len(given) != len(shape) or any(
        n not in (None, 1, extent) for n, extent in zip(given[1:], shape[1:], strict=True)
    ):
        raise ValueError(
            f"{label}: noise_shape {given} does not fit the input shape {shape}: each entry must be "
            "None, 1 or the input's"
        )
    return [extent if n is None else int(n) for n, extent in zip(given[1:], shape[1:], strict=True)]


class Dropout(SameShape):
    """Sets a random part of the inputs to 0 in training, and scales the others up (Srivastava et al. 2014).

    Parameters
    ----------
    rate : float
        The part that is set to 0, from 0 up to but not including 1.
    noise_shape : tuple of int, optional
        Shape of the pattern, with None for the samples: axes of extent 1 share theirs.
    seed : int, optional
        Makes the pattern independent of other layers'; by default it follows from the seed of `fit`.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Dropout
    >>> Dropout(0.5)(np.ones((1, 3), "float32"))
    array([[1., 1., 1.]], dtype=float32)
    """

    def __init__(self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = number(self.label, "rate", rate, 0.0, 1.0, below=True)
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        self.seed = _seed(self.label, seed)

    def call(self, inputs: Tensor, training: bool = False) -> Any:
        """Leave out some of the inputs in training."""
        if not training or self.rate == 0.0:
            return inputs
        attributes: dict[str, Any] = {"rate": self.rate, "seed": self.seed}
        if self.noise_shape is not None:
            attributes["noise_shape"] = _pattern(self.label, self.noise_shape, inputs.shape)
        return apply("dropout", [inputs], attributes)


class SpatialDropout2D(SameShape):
    """Sets whole channels of images to 0 in training, and scales the others up (Tompson et al. 2014).

    Parameters
    ----------
    rate : float
        The part of the channels that is set to 0, from 0 up to but not including 1.
    data_format : {None, "channels_last"}
    seed : int, optional
        Makes the pattern independent of other layers'; by default it follows from the seed of `fit`.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import SpatialDropout2D
    >>> SpatialDropout2D(0.5)(np.ones((1, 1, 2, 3), "float32"))
    array([[[[1., 1., 1.],
             [1., 1., 1.]]]], dtype=float32)
    """

    _dimensions = 2

    def __init__(
        self, rate: float, data_format: str | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.rate = number(self.label, "rate", rate, 0.0, 1.0, below=True)
        self.data_format = channels_last(self.label, data_format)
        self.seed = _seed(self.label, seed)
        self.input_spec = InputSpec(ndim=self._dimensions + 2)

    def call(self, inputs: Tensor, training: bool = False) -> Any:
        """Leave out some of the channels in training."""
        if not training or self.rate == 0.0:
            return inputs
        pattern = [*[1] * self._dimensions, inputs.shape[-1]]
        return apply("dropout", [inputs], {"rate": self.rate, "seed": self.seed, "noise_shape": pattern})


class SpatialDropout1D(SpatialDropout2D):
    """Sets whole channels of sequences to 0 in training, and scales the others up (Tompson et al. 2014).

    Parameters
    ----------
    rate, data_format, seed, **kwargs
        See `SpatialDropout2D`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import SpatialDropout1D
    >>> SpatialDropout1D(0.5)(np.ones((1, 2, 3), "float32"))
    array([[[1., 1., 1.],
            [1., 1., 1.]]], dtype=float32)
    """

    _dimensions = 1


class SpatialDropout3D(SpatialDropout2D):
    """Sets whole channels of volumes to 0 in training, and scales the others up (Tompson et al. 2014).

    Parameters
    ----------
    rate, data_format, seed, **kwargs
        See `SpatialDropout2D`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import SpatialDropout3D
    >>> SpatialDropout3D(0.5)(np.ones((1, 1, 1, 2, 3), "float32"))
    array([[[[[1., 1., 1.],
              [1., 1., 1.]]]]], dtype=float32)
    """

    _dimensions = 3


class GaussianNoise(SameShape):
    """Adds normally distributed noise in training.

    Parameters
    ----------
    stddev : float
        Standard deviation of the noise.
    seed : int, optional
        Makes the noise independent of other layers'; by default it follows from the seed of `fit`.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import GaussianNoise
    >>> GaussianNoise(0.1)(np.ones((1, 3), "float32"))
    array([[1., 1., 1.]], dtype=float32)
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stddev = number(self.label, "stddev", stddev, 0.0)
        self.seed = _seed(self.label, seed)

    def call(self, inputs: Tensor, training: bool = False) -> Any:
        """Add the noise in training."""
        if not training or self.stddev == 0.0:
            return inputs
        return apply("gaussian_noise", [inputs], {"stddev": self.stddev, "seed": self.seed})


class GaussianDropout(SameShape):
    """Multiplies by normally distributed noise of mean 1 in training (Srivastava et al. 2014).

    Parameters
    ----------
    rate : float
        From 0 up to but not including 1; the noise's standard deviation is ``sqrt(rate / (1 - rate))``.
    seed : int, optional
        Makes the noise independent of other layers'; by default it follows from the seed of `fit`.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import GaussianDropout
    >>> GaussianDropout(0.1)(np.ones((1, 3), "float32"))
    array([[1., 1., 1.]], dtype=float32)
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = number(self.label, "rate", rate, 0.0, 1.0, below=True)
        self.seed = _seed(self.label, seed)

    def call(self, inputs: Tensor, training: bool = False) -> Any:
        """Multiply by the noise in training."""
        if not training or self.rate == 0.0:
            return inputs
        from fastnn import ops

        stddev = math.sqrt(self.rate / (1.0 - self.rate))
        return inputs * apply(
            "gaussian_noise", [ops.ones_like(inputs)], {"stddev": stddev, "seed": self.seed}
        )


class AlphaDropout(SameShape):
    """Dropout for `selu`: keeps mean 0 and variance 1 as they are (Klambauer et al. 2017).

    Parameters
    ----------
    rate : float
        The part that is set to selu's limit, from 0 up to but not including 1.
    noise_shape : tuple of int, optional
        Shape of the pattern, with None for the samples: axes of extent 1 share theirs.
    seed : int, optional
        Makes the pattern independent of other layers'; by default it follows from the seed of `fit`.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import AlphaDropout
    >>> AlphaDropout(0.1)(np.ones((1, 3), "float32"))
    array([[1., 1., 1.]], dtype=float32)
    """

    def __init__(self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = number(self.label, "rate", rate, 0.0, 1.0, below=True)
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        self.seed = _seed(self.label, seed)

    def call(self, inputs: Tensor, training: bool = False) -> Any:
        """Put some of the inputs at the limit in training."""
        if not training or self.rate == 0.0:
            return inputs
        from fastnn import ops

        attributes: dict[str, Any] = {"rate": self.rate, "seed": self.seed}
        if self.noise_shape is not None:
            attributes["noise_shape"] = _pattern(self.label, self.noise_shape, inputs.shape)
        kept = apply("dropout", [ops.ones_like(inputs)], attributes) * (1.0 - self.rate)
        scale = ((1.0 - self.rate) * (1.0 + self.rate * _SELU_LIMIT**2)) ** -0.5
        shift = -scale * _SELU_LIMIT * self.rate
        return (inputs * kept + (1.0 - kept) * _SELU_LIMIT) * scale + shift
