"""What training changes in an optimizer: counts and slots; how they are saved and loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fastnn import _core, _numbers, schedules

Array = npt.NDArray[Any]

_SET_ASIDE = "set_aside"  # weights that wait while their averages stand in for them


class Parameter(Protocol):
    """What an optimizer needs to know of a weight."""

    @property
    def store(self) -> _core.Store:
        """Where its values are."""

    @property
    def name(self) -> str:
        """Its name in the store."""

    @property
    def path(self) -> str:
        """Its name in the model."""


class Stateful:
    """Base of `Optimizer`: the part that has to do with its state."""

    gradient_accumulation_steps: int | None
    _rate: float | schedules.LearningRateSchedule
    _parameters: list[Parameter]
    _paths: list[str]  # the parameters' names in the state
    _core: _core.Optimizer | None
    _pending: dict[str, Array] | None  # state that came before the parameters

    def __getstate__(self) -> dict[str, Any]:
        # Copies and pickles have the arrays, not the weights that these belong to: those are told anew.
        state = self.get_state()
        state.pop("learning_rate", None)
        return self.__dict__ | {"_core": None, "_parameters": [], "_paths": [], "_pending": state}

    @property
    def steps(self) -> int:
        """Steps so far, with or without an update: what schedules count."""
        if self._core is None:
            return 0 if self._pending is None else int(self._pending["steps"])
        return self._core.steps

    @property
    def iterations(self) -> int:
        """Updates so far."""
        return self.steps // (self.gradient_accumulation_steps or 1)

    @iterations.setter
    def iterations(self, value: int) -> None:
        number = _numbers.count(type(self).__name__, "iterations", value)
        steps = number * (self.gradient_accumulation_steps or 1)
        if self._core is not None:
            self._core.steps = steps
        else:
            self._pending = {**(self._pending or {}), "steps": np.array(steps)}

    @property
    def variables(self) -> list[Array]:
        """Copies of all arrays of the state."""
        return list(self.get_state().values())

    def get_state(self) -> dict[str, Array]:
        """Return a copy of all that training has changed, for saving.

        Returns
        -------
        dict of str to ndarray
            ``"steps"``, ``"learning_rate"`` unless a schedule gives it, and the slots of each weight, named
            by its path: ``"dense/kernel/momentum"``. While averages stand in for the weights, after `fit`
            with `use_ema`, the weights that training goes on from are ``"dense/kernel/set_aside"``.
        """
        state: dict[str, Array] = {"steps": np.array(self.steps, dtype=np.int64)}
        if isinstance(self._rate, float):
            state["learning_rate"] = np.array(self._rate)
        if self._core is not None:
            for key, array in self._core.get_state().items():
                slot, dot, number = key.rpartition(".")
                if dot:
                    state[f"{self._paths[int(number)]}/{slot}"] = array
        elif self._pending is not None:
            state |= {key: value for key, value in self._pending.items() if key not in state}
        return state

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` returned.

        Before training has begun, the state is kept until the weights are known.

        Parameters
        ----------
        state : mapping of str to array
            As from `get_state` of an optimizer with the same settings and weights of the same names.

        Raises
        ------
        ValueError
            If arrays are missing, too many, or of other shapes; nothing is changed then.
        """
        arrays = {key: np.asarray(value) for key, value in state.items()}
        if "steps" not in arrays:
            raise ValueError(f"{type(self).__name__}: the optimizer state lacks 'steps'")
        slots = {key: value for key, value in arrays.items() if key not in ("steps", "learning_rate")}
        rate = arrays.get("learning_rate")
        checked = None if rate is None else _numbers.real(type(self).__name__, "learning_rate", rate, 0.0)
        if self._core is None:
            self._pending = {"steps": arrays["steps"], **slots}
        elif slots or not self._core.slot_names:
            numbered = {"steps": arrays["steps"]}
            waiting = any(key.endswith(f"/{_SET_ASIDE}") for key in slots)
            for slot in [*self._core.slot_names, *([_SET_ASIDE] if waiting else [])]:
                for i, path in enumerate(self._paths):
                    key = f"{path}/{slot}"
                    if key not in slots:
                        raise ValueError(f"{type(self).__name__}: the optimizer state lacks '{key}'")
                    numbered[f"{slot}.{i}"] = slots.pop(key)
            if slots:
                raise ValueError(f"{type(self).__name__}: the optimizer state has an unknown '{min(slots)}'")
            self._core.set_state(numbered)
        else:  # of an optimizer that had not begun, but for its count
            self._core.steps = int(arrays["steps"])
        if checked is not None and isinstance(self._rate, float):
            self._rate = checked


def carry_over(
    old: _core.Optimizer, before: Sequence[Parameter], new: _core.Optimizer, now: Sequence[Parameter]
) -> None:
    """Copy counts, and the slots of the parameters that both have."""
    known, state = old.get_state(), new.get_state()
    place = {(id(p.store), p.name): i for i, p in enumerate(before)}
    state["steps"] = known["steps"]
    for i, parameter in enumerate(now):
        source = place.get((id(parameter.store), parameter.name))
        if source is not None:
            for slot in new.slot_names:
                state[f"{slot}.{i}"] = known[f"{slot}.{source}"]
    new.set_state(state)
