"""Callbacks that change the learning rate between epochs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from fastnn.callbacks.base import Callback, Logs
from fastnn.callbacks.monitor import Monitor, check_count, check_number
from fastnn.progress import say


class ReduceLROnPlateau(Callback):
    """Reduce the learning rate when a metric no longer improves.

    Parameters
    ----------
    monitor : str, default "val_loss"
        Name of the metric in the epoch's logs.
    factor : float, default 0.1
        The learning rate is multiplied by this; between 0 and 1.
    patience : int, default 10
        Epochs without improvement before the rate is reduced.
    verbose : int, default 0
        1 prints a line at each reduction.
    mode : {"auto", "min", "max"}, default "auto"
        Whether the metric should fall or rise; "auto" goes by its name.
    min_delta : float, default 1e-4
        Smaller changes do not count as improvement.
    cooldown : int, default 0
        Epochs to wait after a reduction before watching again.
    min_lr : float, default 0
        The rate is never set below this.

    Examples
    --------
    >>> import fastnn
    >>> reduce = fastnn.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.2, patience=5, min_lr=1e-5)
    >>> reduce.factor
    0.2
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__()
        owner = "ReduceLROnPlateau"
        self._monitor = Monitor(owner, monitor, mode, min_delta)
        self.monitor = monitor
        self.factor = check_number(owner, "factor", factor, 0.0, 1.0)
        if self.factor == 1.0:
            raise ValueError(
                f"{owner}: factor must be below 1, or the rate would never be reduced; got {factor!r}"
            )
        self.patience = check_count(owner, "patience", patience)
        self.cooldown = check_count(owner, "cooldown", cooldown)
        self.min_lr = check_number(owner, "min_lr", min_lr, 0.0)
        self.verbose = verbose
        self._reset()

    def _reset(self) -> None:
        self.best: float | None = None
        self.wait = 0
        self.cooldown_counter = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget earlier runs."""
        self._reset()
        self._monitor.resolve(self.model)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare the epoch with the best one and reduce the rate when patience is used up."""
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        current = self._monitor.value(logs)
        if current is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self._monitor.improves(current, self.best):
            self.best = current
            self.wait = 0
        elif self.cooldown_counter == 0:
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        old = float(self.model.optimizer.learning_rate)
        if old > self.min_lr:
            new = max(old * self.factor, self.min_lr)
            self.model.optimizer.learning_rate = new
            if self.verbose:
                say(f"Epoch {epoch + 1}: reducing the learning rate from {old:g} to {new:g}")
            self.cooldown_counter = self.cooldown
            self.wait = 0


class LearningRateScheduler(Callback):
    """Set the learning rate at the beginning of each epoch from a function.

    Parameters
    ----------
    schedule : callable
        ``schedule(epoch, learning_rate)`` or ``schedule(epoch)``, which returns the epoch's rate; the
        epoch counts from 0.
    verbose : int, default 0
        1 prints the rate of each epoch.

    Examples
    --------
    >>> import fastnn
    >>> halve = fastnn.callbacks.LearningRateScheduler(lambda epoch, lr: lr if epoch < 5 else lr * 0.5)
    >>> halve.schedule(6, 0.1)
    0.05
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        if not callable(schedule):
            raise TypeError(
                f"LearningRateScheduler: schedule must be callable, got {type(schedule).__name__}"
            )
        self.schedule = schedule
        self.verbose = verbose
        self._takes_rate = _takes_two(schedule)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Ask the schedule and set the rate."""
        optimizer = self.model.optimizer
        new: Any = (
            self.schedule(epoch, float(optimizer.learning_rate)) if self._takes_rate else self.schedule(epoch)
        )
        if isinstance(new, (str, bytes)) or not hasattr(new, "__float__"):
            raise ValueError(
                f"LearningRateScheduler: schedule must return a float, got {new!r} for epoch {epoch}"
            )
        rate = check_number("LearningRateScheduler", f"schedule's rate for epoch {epoch}", new, 0.0, 1e30)
        optimizer.learning_rate = rate
        if self.verbose:
            say(f"Epoch {epoch + 1}: setting the learning rate to {rate:g}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Note the rate in the epoch's logs."""
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


def _takes_two(function: Callable[..., Any]) -> bool:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some built-ins have no signature
        return True
    try:
        signature.bind(0, 0.1)
    except TypeError:
        return False
    return True
