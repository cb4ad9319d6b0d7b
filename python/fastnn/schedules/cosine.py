"""Schedules of half cosines, and the one-cycle schedule."""

from __future__ import annotations

from typing import Any

from fastnn import _numbers
from fastnn.schedules.base import Formula


class CosineDecay(Formula):
    """Let the rate fall along half a cosine, if asked for after a linear warm-up.

    Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017.

    Parameters
    ----------
    initial_learning_rate : float
        The rate at step 0.
    decay_steps : int
        Steps of the fall, which begins after the warm-up; above 0.
    alpha : float, default 0.0
        The last rate, as a part of the one from which it falls.
    name : str, default "CosineDecay"
        A name.
    warmup_target : float, optional
        The rate to which the warm-up rises; None: no warm-up.
    warmup_steps : int, default 0
        Steps of the warm-up.

    Examples
    --------
    >>> from fastnn import schedules
    >>> schedules.CosineDecay(0.1, decay_steps=2).rates(0, 4)
    array([0.1 , 0.05, 0.  , 0.  ])
    """

    _kind = "cosine"

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        self._config = {
            "initial_learning_rate": self._real("initial_learning_rate", initial_learning_rate),
            "decay_steps": self._real("decay_steps", decay_steps, above=True),
            "alpha": self._real("alpha", alpha),
            "name": name,
            "warmup_target": None if warmup_target is None else self._real("warmup_target", warmup_target),
            "warmup_steps": _numbers.count("CosineDecay", "warmup_steps", warmup_steps),
        }

    def _settings(self) -> dict[str, Any]:
        if self._config["warmup_target"] is None:
            return self._config | {"warmup_target": 0.0, "warmup_steps": 0}
        if self._config["warmup_steps"] == 0:  # at once at the target
            return self._config | {"initial_learning_rate": self._config["warmup_target"]}
        return self._config


class CosineDecayRestarts(Formula):
    """Let the rate fall along half cosines that begin again and again.

    Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017.

    Parameters
    ----------
    initial_learning_rate : float
        The rate at step 0.
    first_decay_steps : int
        Steps of the first fall; above 0.
    t_mul : float, default 2.0
        Each fall is so many times as long as the one before; at least 1.
    m_mul : float, default 1.0
        Each fall begins at so many times the rate of the one before.
    alpha : float, default 0.0
        The lowest rate, as a part of the initial one.
    name : str, default "CosineDecayRestarts"
        A name.

    Examples
    --------
    >>> from fastnn import schedules
    >>> schedules.CosineDecayRestarts(0.1, first_decay_steps=2).rates(0, 7)
    array([0.1       , 0.05      , 0.1       , 0.08535534, 0.05      ,
           0.01464466, 0.1       ])
    """

    _kind = "cosine_restarts"

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "CosineDecayRestarts",
    ) -> None:
        self._config = {
            "initial_learning_rate": self._real("initial_learning_rate", initial_learning_rate),
            "first_decay_steps": self._real("first_decay_steps", first_decay_steps, above=True),
            "t_mul": self._real("t_mul", t_mul, 1.0),
            "m_mul": self._real("m_mul", m_mul),
            "alpha": self._real("alpha", alpha),
            "name": name,
        }


class OneCycle(Formula):
    """Raise the rate to a high one and let it fall far below where it began.

    Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates",
    2018.

    Parameters
    ----------
    max_learning_rate : float
        The highest rate.
    total_steps : int
        Steps of the whole cycle, at least 1; after it the rate stays at the lowest.
    pct_start : float, default 0.3
        Part of the steps in which the rate rises.
    anneal_strategy : {"cos", "linear"}, default "cos"
        Half cosines or straight lines.
    div_factor : float, default 25.0
        The highest rate over the first one.
    final_div_factor : float, default 1e4
        The first rate over the last one.
    three_phase : bool, default False
        Whether the rate first falls as long as it rose, back to the first rate, and then on to the last.
    name : str, default "OneCycle"
        A name.

    Examples
    --------
    >>> from fastnn import schedules
    >>> cycle = schedules.OneCycle(0.1, 10, pct_start=0.5, div_factor=10, anneal_strategy="linear")
    >>> cycle.rates(0, 6).round(4)
    array([0.01  , 0.0325, 0.055 , 0.0775, 0.1   , 0.08  ])
    """

    _kind = "one_cycle"

    def __init__(
        self,
        max_learning_rate: float,
        total_steps: int,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        name: str = "OneCycle",
    ) -> None:
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"OneCycle: anneal_strategy must be 'cos' or 'linear', got {anneal_strategy!r}")
        self._config = {
            "max_learning_rate": self._real("max_learning_rate", max_learning_rate),
            "total_steps": _numbers.count("OneCycle", "total_steps", total_steps, 1),
            "pct_start": self._real("pct_start", pct_start, high=0.5 if three_phase else 1.0),
            "anneal_strategy": anneal_strategy,
            "div_factor": self._real("div_factor", div_factor, above=True),
            "final_div_factor": self._real("final_div_factor", final_div_factor, above=True),
            "three_phase": bool(three_phase),
            "name": name,
        }

    def _settings(self) -> dict[str, Any]:
        return self._config | {"linear": self._config["anneal_strategy"] == "linear"}
