"""Schedules that let the learning rate fall step by step or along a curve."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from fastnn.schedules.base import Formula


class Constant(Formula):
    """The same rate at every step.

    Parameters
    ----------
    learning_rate : float
        The rate; not negative.
    name : str, default "Constant"
        A name.

    Examples
    --------
    >>> from fastnn import schedules
    >>> schedules.Constant(0.01)(1000)
    0.01
    """

    _kind = "constant"

    def __init__(self, learning_rate: float, name: str = "Constant") -> None:
        self._config = {"learning_rate": self._real("learning_rate", learning_rate), "name": name}


class StepDecay(Formula):
    """Multiply the rate by a factor every so many steps.

    ``initial_learning_rate * decay_rate ** (step // decay_steps)``

    Parameters
    ----------
    initial_learning_rate : float
        The rate at step 0.
    decay_steps : int
        Steps between two reductions; above 0.
    decay_rate : float, default 0.1
        The factor; not negative.
    name : str, default "StepDecay"
        A name.

    Examples
    --------
    >>> from fastnn import schedules
    >>> schedules.StepDecay(0.1, decay_steps=2, decay_rate=0.5).rates(0, 5)
    array([0.1  , 0.1  , 0.05 , 0.05 , 0.025])
    """

    _kind = "step"

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float = 0.1,
        name: str = "StepDecay",
    ) -> None:
        self._config = {
            "initial_learning_rate": self._real("initial_learning_rate", initial_learning_rate),
            "decay_steps": self._real("decay_steps", decay_steps, above=True),
            "decay_rate": self._real("decay_rate", decay_rate),
            "name": name,
        }


class ExponentialDecay(Formula):
    """Let the rate fall by the same factor in equal times.

    ``initial_learning_rate * decay_rate ** (step / decay_steps)``

    Parameters
    ----------
    initial_learning_rate : float
        The rate at step 0.
    decay_steps : int
        Steps in which the rate falls to `decay_rate` of itself; above 0.
    decay_rate : float
        The factor; not negative.
    staircase : bool, default False
        Whether the exponent is rounded down, so that the rate falls at once every `decay_steps` steps.
    name : str, default "ExponentialDecay"
        A name.

    Examples
    --------
    >>> from fastnn import schedules
    >>> schedules.ExponentialDecay(0.1, decay_steps=2, decay_rate=0.25).rates(0, 4)
    array([0.1   , 0.05  , 0.025 , 0.0125])
    """

    _kind = "exponential"

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        self._config = {
            "initial_learning_rate": self._real("initial_learning_rate", initial_learning_rate),
            "decay_steps": self._real("decay_steps", decay_steps, above=True),
            "decay_rate": self._real("decay_rate", decay_rate),
            "staircase": bool(staircase),
            "name": name,
        }


class InverseTimeDecay(Formula):
    """Let the rate fall as one over the time passed.

    ``initial_learning_rate / (1 + decay_rate * step / decay_steps)``

    Parameters
    ----------
    initial_learning_rate : float
        The rate at step 0.
    decay_steps : int
        Unit of time, in steps; above 0.
    decay_rate : float
        How fast it falls; not negative.
    staircase : bool, default False
        Whether ``step / decay_steps`` is rounded down.
    name : str, default "InverseTimeDecay"
        A name.

    Examples
    --------
    >>> from fastnn import schedules
    >>> schedules.InverseTimeDecay(0.6, decay_steps=1, decay_rate=1.0).rates(0, 3)
    array([0.6, 0.3, 0.2])
    """

    _kind = "inverse_time"

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        self._config = {
            "initial_learning_rate": self._real("initial_learning_rate", initial_learning_rate),
            "decay_steps": self._real("decay_steps", decay_steps, above=True),
            "decay_rate": self._real("decay_rate", decay_rate),
            "staircase": bool(staircase),
            "name": name,
        }


class PolynomialDecay(Formula):
    """Go from one rate to another along a power of the time left.

    ``(initial - end) * (1 - step / decay_steps) ** power + end``; after `decay_steps` the rate stays at the
    end's.

    Parameters
    ----------
    initial_learning_rate : float
        The rate at step 0.
    decay_steps : int
        Length of the way; above 0.
    end_learning_rate : float, default 0.0001
        The rate at its end.
    power : float, default 1.0
        1 is a straight line; not negative.
    cycle : bool, default False
        Whether the rate rises again after `decay_steps`: the way is then stretched to the next multiple.
    name : str, default "PolynomialDecay"
        A name.

    Examples
    --------
    >>> from fastnn import schedules
    >>> schedules.PolynomialDecay(0.5, decay_steps=4, end_learning_rate=0.1).rates(0, 6)
    array([0.5, 0.4, 0.3, 0.2, 0.1, 0.1])
    """

    _kind = "polynomial"

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        self._config = {
            "initial_learning_rate": self._real("initial_learning_rate", initial_learning_rate),
            "decay_steps": self._real("decay_steps", decay_steps, above=True),
            "end_learning_rate": self._real("end_learning_rate", end_learning_rate),
            "power": self._real("power", power),
            "cycle": bool(cycle),
            "name": name,
        }


class PiecewiseConstantDecay(Formula):
    """One rate up to a step, another up to the next, and so on.

    Parameters
    ----------
    boundaries : sequence of int
        Increasing steps; each still has the rate to its left.
    values : sequence of float
        Rates, one more than boundaries.
    name : str, default "PiecewiseConstantDecay"
        A name.

    Examples
    --------
    >>> from fastnn import schedules
    >>> schedules.PiecewiseConstantDecay([1, 3], [0.1, 0.05, 0.01]).rates(0, 6)
    array([0.1 , 0.1 , 0.05, 0.05, 0.01, 0.01])
    """

    _kind = "piecewise"

    def __init__(
        self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstantDecay"
    ) -> None:
        steps = [self._real(f"boundaries[{i}]", value) for i, value in enumerate(boundaries)]
        rates = [self._real(f"values[{i}]", value) for i, value in enumerate(values)]
        if len(rates) != len(steps) + 1:
            raise ValueError(
                f"PiecewiseConstantDecay: values must be one more than boundaries, got {len(rates)} values "
                f"and {len(steps)} boundaries"
            )
        if any(b <= a for a, b in pairwise(steps)):
            raise ValueError(f"PiecewiseConstantDecay: boundaries must increase, got {list(boundaries)}")
        self._config = {"boundaries": steps, "values": rates, "name": name}
