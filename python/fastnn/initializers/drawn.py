"""Initializers that draw from one distribution, whatever the shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastnn import _core
from fastnn.initializers.base import Array, RandomInitializer


class RandomUniform(RandomInitializer):
    """Uniform between two values.

    Parameters
    ----------
    minval : float, default -0.05
        Lower bound, included.
    maxval : float, default 0.05
        Upper bound, left out.
    seed : int, optional
        Gives the same values at each call; None takes new ones.

    Examples
    --------
    >>> from fastnn import initializers
    >>> initializers.RandomUniform(0.0, 1.0, seed=1)((2, 2)).shape
    (2, 2)
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.minval = self._real("minval", minval)
        self.maxval = self._real("maxval", maxval)
        if self.minval > self.maxval:
            raise ValueError(f"RandomUniform: minval must not be above maxval, got {minval!r} and {maxval!r}")

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        """Return an array of random numbers."""
        return self._draw("uniform", shape, dtype, self.minval, self.maxval)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, in plain values."""
        return {"minval": self.minval, "maxval": self.maxval, "seed": self.seed}


class RandomNormal(RandomInitializer):
    """Normally distributed.

    Parameters
    ----------
    mean : float, default 0.0
        The mean.
    stddev : float, default 0.05
        The standard deviation; not negative.
    seed : int, optional
        Gives the same values at each call; None takes new ones.

    Examples
    --------
    >>> from fastnn import initializers
    >>> initializers.RandomNormal(stddev=1.0, seed=1)((2, 2)).shape
    (2, 2)
    """

    _distribution = "normal"

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean = self._real("mean", mean)
        self.stddev = self._real("stddev", stddev, 0.0)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        """Return an array of random numbers."""
        return self._draw(self._distribution, shape, dtype, self.mean, self.stddev)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, in plain values."""
        return {"mean": self.mean, "stddev": self.stddev, "seed": self.seed}


class TruncatedNormal(RandomNormal):
    """Normally distributed, drawn again where it is more than two standard deviations from the mean.

    Parameters
    ----------
    mean : float, default 0.0
        The mean.
    stddev : float, default 0.05
        The standard deviation before truncation; not negative.
    seed : int, optional
        Gives the same values at each call; None takes new ones.

    Examples
    --------
    >>> from fastnn import initializers
    >>> values = initializers.TruncatedNormal(stddev=1.0)((100, 100))
    >>> bool(abs(values).max() <= 2.0)
    True
    """

    _distribution = "truncated_normal"


class Orthogonal(RandomInitializer):
    """A random matrix with orthonormal columns, or rows if there are fewer of them.

    Kernels of more dimensions are looked at as matrices with a row for each input of a unit.
    Saxe, McClelland and Ganguli, ICLR 2014.

    Parameters
    ----------
    gain : float, default 1.0
        Factor of the whole.
    seed : int, optional
        Gives the same values at each call; None takes new ones.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import initializers
    >>> q = initializers.Orthogonal(seed=1)((5, 3), "float64")
    >>> np.allclose(q.T @ q, np.eye(3))
    True
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        super().__init__(seed)
        self.gain = self._real("gain", gain)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        """Return the matrix, in the shape asked for."""
        extents = self._shape(shape)
        if len(extents) < 2:
            raise ValueError(f"Orthogonal: the shape must have two dimensions or more, got {extents}")
        made: Array = _core.orthogonal_array(
            math.prod(extents[:-1]), extents[-1], self._dtype(dtype), self.gain, self._next_seed()
        )
        return made.reshape(extents)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, in plain values."""
        return {"gain": self.gain, "seed": self.seed}
