"""Callbacks that remember: metrics by epoch, and times."""

from __future__ import annotations

import time
from typing import Any

from fastnn.callbacks.base import Callback, Logs


class History(Callback):
    """The metrics of every epoch; `fit` makes one and returns it.

    Attributes
    ----------
    history : dict of str to list
        One list a metric, one entry an epoch.
    epoch : list of int
        The epochs' numbers, from 0. They go on from `initial_epoch` where it is given.

    Examples
    --------
    >>> from fastnn.callbacks import History
    >>> history = History()
    >>> history.on_epoch_end(0, {"loss": 0.5, "accuracy": 0.8})
    >>> history.history
    {'loss': [0.5], 'accuracy': [0.8]}
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Append the epoch's metrics."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def __repr__(self) -> str:
        return f"History(epochs={len(self.epoch)}, metrics={list(self.history)})"


class Timing(Callback):
    """Measure each epoch: seconds, and training steps and samples per second.

    Parameters
    ----------
    add_to_logs : bool, default False
        Also write ``seconds``, ``steps_per_second`` and ``samples_per_second`` into the epoch's logs,
        so that they appear in `History`, CSV files and the progress line.

    Attributes
    ----------
    seconds : list of float
        Wall-clock seconds of each epoch, validation included.
    train_seconds : list of float
        The same without validation.
    steps_per_second, samples_per_second : list of float
        Rates of training, without validation; NaN where the number of steps or samples is not known.

    Examples
    --------
    >>> from fastnn.callbacks import Timing
    >>> timing = Timing()
    >>> timing.set_params({"steps": 10, "samples": 1000})
    >>> timing.on_epoch_begin(0)
    >>> timing.on_epoch_end(0, {})
    >>> len(timing.seconds)
    1
    """

    def __init__(self, add_to_logs: bool = False) -> None:
        super().__init__()
        self.add_to_logs = bool(add_to_logs)
        self._reset()

    def _reset(self) -> None:
        self.seconds: list[float] = []
        self.train_seconds: list[float] = []
        self.steps_per_second: list[float] = []
        self.samples_per_second: list[float] = []
        self._begin = self._test_begin = time.perf_counter()
        self._testing = 0.0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget earlier runs."""
        self._reset()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Start the clock."""
        self._testing = 0.0
        self._begin = time.perf_counter()

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Stop the clock of training."""
        self._test_begin = time.perf_counter()

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Go on with the clock of training."""
        self._testing += time.perf_counter() - self._test_begin

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Stop the clock and note the rates."""
        seconds = time.perf_counter() - self._begin
        train = max(seconds - self._testing, 1e-9)
        rates = [float(self.params.get(k) or "nan") / train for k in ("steps", "samples")]
        self.seconds.append(seconds)
        self.train_seconds.append(train)
        self.steps_per_second.append(rates[0])
        self.samples_per_second.append(rates[1])
        if self.add_to_logs and logs is not None:
            logs.update(seconds=seconds, steps_per_second=rates[0], samples_per_second=rates[1])
