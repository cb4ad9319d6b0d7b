"""What initializers have in common."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnn import _core, _numbers, random

Array = npt.NDArray[Any]


class Initializer:
    """Base class: makes the first values of a weight.

    Subclasses define ``__call__(shape, dtype)``, and ``get_config()`` if they have arguments.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import initializers
    >>> class Counting(initializers.Initializer):
    ...     def __call__(self, shape, dtype=None):
    ...         return np.arange(np.prod(shape), dtype=dtype or "float32").reshape(shape)
    >>> Counting()((2, 2))
    array([[0., 1.],
           [2., 3.]], dtype=float32)
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        """Return an array of this shape; dtype None means `fastnn.config.floatx()`."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, shape, dtype=None)")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, in plain values."""
        return {}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Make an initializer from what `get_config` returned."""
        return cls(**config)

    def clone(self) -> Any:
        """Make another one with the same arguments."""
        return type(self).from_config(self.get_config())

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"

    def _shape(self, shape: Any) -> tuple[int, ...]:
        extents = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
        return tuple(_numbers.count(type(self).__name__, "shape", extent) for extent in extents)

    def _dtype(self, dtype: Any) -> str:
        """Return float32 or float64, as the core's random numbers are."""
        from fastnn import config

        return config.floatx() if dtype is None else config.check_floating(type(self).__name__, dtype)

    def _real(self, name: str, value: Any, low: float = -math.inf, above: bool = False) -> float:
        return _numbers.real(type(self).__name__, name, value, low, above=above)


class RandomInitializer(Initializer):
    """Base class of initializers that draw random numbers.

    Parameters
    ----------
    seed : int, optional
        Gives the same values at each call; None takes new ones, from `fastnn.random`.

    Examples
    --------
    >>> from fastnn import initializers
    >>> isinstance(initializers.get("he_normal"), initializers.RandomInitializer)
    True
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = None if seed is None else random.check_seed(type(self).__name__, seed)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, in plain values."""
        return {"seed": self.seed}

    def _next_seed(self) -> int:
        return random.next_seed() if self.seed is None else self.seed

    def _draw(self, distribution: str, shape: Any, dtype: Any, a: float, b: float) -> Array:
        made: Array = _core.random_array(
            distribution, self._shape(shape), self._dtype(dtype), a, b, self._next_seed()
        )
        return made


def compute_fans(shape: Sequence[int]) -> tuple[int, int]:
    """Return how many inputs and outputs a unit with a kernel of this shape has.

    Parameters
    ----------
    shape : sequence of int
        (inputs, outputs) of a dense kernel; a convolution's has the extents of its window before them.

    Returns
    -------
    fan_in, fan_out : int

    Raises
    ------
    Nothing.

    Examples
    --------
    >>> from fastnn.initializers import compute_fans
    >>> compute_fans((400, 120)), compute_fans((3, 3, 6, 16))
    ((400, 120), (54, 144))
    """
    extents = [int(n) for n in shape]
    if not extents:
        return 1, 1
    if len(extents) == 1:
        return extents[0], extents[0]
    window = math.prod(extents[:-2])
    return extents[-2] * window, extents[-1] * window
