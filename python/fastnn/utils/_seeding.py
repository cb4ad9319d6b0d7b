"""One seed for everything."""

from __future__ import annotations

import random

import numpy as np

from fastnn.random import check_seed, set_seed


def set_random_seed(seed: int) -> None:
    """Make a program repeatable: seed fastnn, NumPy's global generator and Python's random module.

    Same seed and same instruction set give the same bits, whatever the number of threads.

    Parameters
    ----------
    seed : int
        At least 0, below 2**32.

    Raises
    ------
    TypeError, ValueError
        If it is no integer or out of range.

    Examples
    --------
    >>> from fastnn import initializers, utils
    >>> utils.set_random_seed(1)
    >>> first = initializers.RandomNormal()((2, 2))
    >>> utils.set_random_seed(1)
    >>> bool((initializers.RandomNormal()((2, 2)) == first).all())
    True
    """
    number = check_seed("set_random_seed", seed)
    if number >= 1 << 32:
        raise ValueError(f"set_random_seed: seed must be below 2**32, got {seed!r}")
    set_seed(number)
    random.seed(number)
    np.random.seed(number)  # noqa: NPY002 - users' own code may draw from it
