"""Initializers whose spread follows from the number of a unit's inputs and outputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastnn._names import nearest
from fastnn.initializers.base import Array, RandomInitializer, compute_fans

# Standard deviation of a standard normal number that lies within two of its standard deviations.
_TRUNCATED = 0.87962566103423978

_MODES = ("fan_in", "fan_out", "fan_avg")
_DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")


class VarianceScaling(RandomInitializer):
    """Random numbers of variance ``scale / n``, n being the inputs or outputs of a unit.

    Parameters
    ----------
    scale : float, default 1.0
        Above 0.
    mode : {"fan_in", "fan_out", "fan_avg"}, default "fan_in"
        What n is: inputs, outputs, or their mean.
    distribution : {"truncated_normal", "untruncated_normal", "uniform"}, default "truncated_normal"
        "normal" means "truncated_normal".
    seed : int, optional
        Gives the same values at each call; None takes new ones.

    Examples
    --------
    >>> from fastnn import initializers
    >>> values = initializers.VarianceScaling(scale=2.0, distribution="uniform")((200, 300))
    >>> bool(abs(values.var() - 2.0 / 200) < 2e-4)
    True
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
    ) -> None:
        super().__init__(seed)
        owner = type(self).__name__
        self.scale = self._real("scale", scale, 0.0, above=True)
        if mode not in _MODES:
            raise ValueError(f"{owner}: unknown mode {mode!r}{nearest(str(mode), _MODES)}")
        if distribution == "normal":
            distribution = "truncated_normal"
        if distribution not in _DISTRIBUTIONS:
            raise ValueError(
                f"{owner}: unknown distribution {distribution!r}{nearest(str(distribution), _DISTRIBUTIONS)}"
            )
        self.mode = mode
        self.distribution = distribution

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        """Return an array of random numbers."""
        extents = self._shape(shape)
        fan_in, fan_out = compute_fans(extents)
        fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
        variance = self.scale / max(1.0, fans[self.mode])
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return self._draw("uniform", extents, dtype, -limit, limit)
        if self.distribution == "truncated_normal":
            return self._draw("truncated_normal", extents, dtype, 0.0, math.sqrt(variance) / _TRUNCATED)
        return self._draw("normal", extents, dtype, 0.0, math.sqrt(variance))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, in plain values."""
        return {"scale": self.scale, "mode": self.mode, "distribution": self.distribution, "seed": self.seed}


class _Fixed(VarianceScaling):
    """Variance scaling with only a seed to choose."""

    _arguments: tuple[float, str, str]

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(*self._arguments, seed=seed)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, in plain values."""
        return {"seed": self.seed}


class GlorotUniform(_Fixed):
    """Uniform within ``sqrt(6 / (inputs + outputs))`` of 0.

    Glorot and Bengio, AISTATS 2010; also known as Xavier.

    Parameters
    ----------
    seed : int, optional
        Gives the same values at each call; None takes new ones.

    Examples
    --------
    >>> from fastnn import initializers
    >>> initializers.get("glorot_uniform")((3, 3, 1, 6)).shape
    (3, 3, 1, 6)
    """

    _arguments = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Fixed):
    """Normal of variance ``2 / (inputs + outputs)``, truncated at two standard deviations.

    Glorot and Bengio, AISTATS 2010; also known as Xavier.

    Parameters
    ----------
    seed : int, optional
        Gives the same values at each call; None takes new ones.

    Examples
    --------
    >>> from fastnn import initializers
    >>> initializers.get("glorot_normal")((3, 3, 1, 6)).shape
    (3, 3, 1, 6)
    """

    _arguments = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Fixed):
    """Uniform within ``sqrt(6 / inputs)`` of 0.

    He, Zhang, Ren and Sun, ICCV 2015; made for relu.

    Parameters
    ----------
    seed : int, optional
        Gives the same values at each call; None takes new ones.

    Examples
    --------
    >>> from fastnn import initializers
    >>> initializers.get("he_uniform")((3, 3, 1, 6)).shape
    (3, 3, 1, 6)
    """

    _arguments = (2.0, "fan_in", "uniform")


class HeNormal(_Fixed):
    """Normal of variance ``2 / inputs``, truncated at two standard deviations.

    He, Zhang, Ren and Sun, ICCV 2015; made for relu.

    Parameters
    ----------
    seed : int, optional
        Gives the same values at each call; None takes new ones.

    Examples
    --------
    >>> from fastnn import initializers
    >>> initializers.get("he_normal")((3, 3, 1, 6)).shape
    (3, 3, 1, 6)
    """

    _arguments = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Fixed):
    """Uniform within ``sqrt(3 / inputs)`` of 0.

    LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998; made for selu.

    Parameters
    ----------
    seed : int, optional
        Gives the same values at each call; None takes new ones.

    Examples
    --------
    >>> from fastnn import initializers
    >>> initializers.get("lecun_uniform")((3, 3, 1, 6)).shape
    (3, 3, 1, 6)
    """

    _arguments = (1.0, "fan_in", "uniform")


class LecunNormal(_Fixed):
    """Normal of variance ``1 / inputs``, truncated at two standard deviations.

    LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998; made for selu.

    Parameters
    ----------
    seed : int, optional
        Gives the same values at each call; None takes new ones.

    Examples
    --------
    >>> from fastnn import initializers
    >>> initializers.get("lecun_normal")((3, 3, 1, 6)).shape
    (3, 3, 1, 6)
    """

    _arguments = (1.0, "fan_in", "truncated_normal")
