"""The seeds of everything random: initial weights, shuffling, dropout, augmentation.

Whoever needs random numbers and was given no seed takes one from here. Unless `set_seed` was called, the
sequence of seeds begins anywhere, so that every run of a program differs.

Examples
--------
>>> from fastnn import random
>>> random.set_seed(42)
>>> first = [random.next_seed() for _ in range(3)]
>>> random.set_seed(42)
>>> [random.next_seed() for _ in range(3)] == first
True
"""

from __future__ import annotations

import os
import threading

from fastnn import _numbers

__all__ = ["get_state", "next_seed", "set_seed", "set_state"]

_MASK = (1 << 64) - 1
_lock = threading.Lock()
_seed: int | None = None  # None: to be taken from the system at first use
_count = 0  # seeds given out since it was set


def set_seed(seed: int) -> None:
    """Begin the sequence of seeds anew.

    `fastnn.utils.set_random_seed` does this, and seeds Python and NumPy as well.

    Parameters
    ----------
    seed : int
        At least 0, below 2**64.

    Raises
    ------
    TypeError, ValueError
        If it is no integer or out of range.

    Examples
    --------
    >>> from fastnn import random
    >>> random.set_seed(7)
    """
    global _seed, _count
    checked = check_seed("set_seed", seed)
    with _lock:
        _seed, _count = checked, 0


def next_seed() -> int:
    """Return the next seed of the sequence.

    Returns
    -------
    int
        At least 0, below 2**63.

    Raises
    ------
    Nothing.

    Examples
    --------
    >>> from fastnn import random
    >>> random.next_seed() == random.next_seed()
    False
    """
    global _seed, _count
    with _lock:
        if _seed is None:
            _seed = int.from_bytes(os.urandom(8), "little")
        _count += 1
        return _mix(_mix(_seed) + _count) >> 1


def get_state() -> tuple[int, int]:
    """Return where in the sequence of seeds we are, for saving.

    Returns
    -------
    tuple of two ints
        The seed, and how many were drawn since it was set.

    Raises
    ------
    Nothing.

    Examples
    --------
    >>> from fastnn import random
    >>> random.set_seed(3)
    >>> random.get_state()
    (3, 0)
    """
    global _seed
    with _lock:
        if _seed is None:
            _seed = int.from_bytes(os.urandom(8), "little")
        return _seed, _count


def set_state(state: tuple[int, int]) -> None:
    """Go on from what `get_state` returned.

    Parameters
    ----------
    state : tuple of two ints
        The seed, and how many were drawn since it was set.

    Raises
    ------
    TypeError, ValueError
        If these are no integers or out of range.

    Examples
    --------
    >>> from fastnn import random
    >>> state = random.get_state()
    >>> seed = random.next_seed()
    >>> random.set_state(state)
    >>> random.next_seed() == seed
    True
    """
    global _seed, _count
    seed, count = state
    seed = check_seed("set_state", seed)
    count = _numbers.count("set_state", "count", count)
    with _lock:
        _seed, _count = seed, count


def check_seed(owner: str, seed: object, name: str = "seed") -> int:
    """Return a seed as an int, if it is one: at least 0, below 2**64."""
    number = _numbers.count(owner, name, seed)
    if number > _MASK:
        raise ValueError(f"{owner}: {name} must be below 2**64, got {seed!r}")
    return number


def _mix(value: int) -> int:
    """Scramble 64 bits: the finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)
