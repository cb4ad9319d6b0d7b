"""What learning-rate schedules have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnn import _core, _numbers


class LearningRateSchedule:
    """Base class: a learning rate for each step.

    Subclasses define ``__call__(step)``, and ``get_config()`` if models that use them are to be saved.

    Examples
    --------
    >>> from fastnn import schedules
    >>> class Halving(schedules.LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.1 * 0.5**step
    >>> Halving().rates(0, 3)
    array([0.1  , 0.05 , 0.025])
    """

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, step)")

    def rates(self, first_step: int, count: int) -> npt.NDArray[np.float64]:
        """Return the learning rates of a range of steps.

        Parameters
        ----------
        first_step : int
            The first step of the range.
        count : int
            How many.

        Returns
        -------
        ndarray of float64, shape (count,)
        """
        return np.array(
            [float(self(step)) for step in range(first_step, first_step + count)], dtype=np.float64
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, in plain values."""
        raise NotImplementedError(f"{type(self).__name__} must define get_config() to be saved")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> LearningRateSchedule:
        """Make a schedule from what `get_config` returned."""
        return cls(**config)


class Formula(LearningRateSchedule):
    """A schedule that the core computes: `_kind` names it, `_config` has the constructor's arguments."""

    _kind = ""
    _config: dict[str, Any]

    def _settings(self) -> dict[str, Any]:
        return self._config

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        return float(self.rates(_numbers.count(type(self).__name__, "step", step), 1)[0])

    def rates(self, first_step: int, count: int) -> npt.NDArray[np.float64]:
        """Return the learning rates of a range of steps."""
        return _core.schedule_rates(self._kind, self._settings(), first_step, count)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, in plain values."""
        return dict(self._config)

    def __getattr__(self, name: str) -> Any:
        # The arguments can be read as attributes, as in `schedule.decay_steps`.
        if not name.startswith("_") and name in self._config:
            return self._config[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self._config.items() if key != "name")
        return f"{type(self).__name__}({arguments})"

    def _real(self, name: str, value: Any, low: float = 0.0, above: bool = False, **bounds: Any) -> float:
        return _numbers.real(type(self).__name__, name, value, low, above=above, **bounds)
