"""Callbacks that end training early."""

from __future__ import annotations

import math
from typing import Any

from fastnn.callbacks.base import Callback, Logs
from fastnn.callbacks.monitor import Monitor, check_count, check_number
from fastnn.errors import NonFiniteLossError
from fastnn.progress import say


class EarlyStopping(Callback):
    """Stop training when a metric no longer improves.

    Parameters
    ----------
    monitor : str, default "val_loss"
        Name of the metric in the epoch's logs.
    min_delta : float, default 0
        Smaller changes do not count as improvement.
    patience : int, default 0
        Epochs without improvement after which training stops.
    verbose : int, default 0
        1 prints a line when it stops or restores weights.
    mode : {"auto", "min", "max"}, default "auto"
        Whether the metric should fall or rise; "auto" goes by its name.
    baseline : float, optional
        Improvements count only once the metric is better than this.
    restore_best_weights : bool, default False
        End with the weights of the best epoch instead of the last one's.
    start_from_epoch : int, default 0
        Epochs to wait before watching.

    Attributes
    ----------
    best : float or None
        Best value so far.
    best_epoch, stopped_epoch : int
        Epoch of the best value, and the epoch (from 0) after which training stopped (0 if it did not).

    Examples
    --------
    >>> import fastnn
    >>> stop = fastnn.callbacks.EarlyStopping(monitor="val_accuracy", patience=3, restore_best_weights=True)
    >>> stop.patience
    3
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__()
        self._monitor = Monitor("EarlyStopping", monitor, mode, min_delta)
        self.monitor = monitor
        self.patience = check_count("EarlyStopping", "patience", patience)
        self.verbose = verbose
        self.baseline = None if baseline is None else check_number("EarlyStopping", "baseline", baseline)
        self.restore_best_weights = bool(restore_best_weights)
        self.start_from_epoch = check_count("EarlyStopping", "start_from_epoch", start_from_epoch)
        self._reset()

    def _reset(self) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best: float | None = None
        self.best_epoch = 0
        self.best_weights: Any = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget earlier runs."""
        self._reset()
        self._monitor.resolve(self.model)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare the epoch with the best one and stop when patience is used up."""
        current = self._monitor.value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            # Without any improvement later, the first epoch watched is the one to go back to.
            self.best_weights = self.model.get_weights()
            self.best_epoch = epoch
        self.wait += 1
        if self._monitor.improves(current, self.best):
            self.best = current
            self.best_epoch = epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._monitor.improves(current, self.baseline):
                self.wait = 0
                return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Put the best weights back, if asked to."""
        if self.stopped_epoch > 0 and self.verbose:
            say(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                say(f"Restoring the weights of the best epoch, {self.best_epoch + 1}")
            self.model.set_weights(self.best_weights)
            self.best_weights = None


class TerminateOnNaN(Callback):
    """Stop training quietly when the loss is NaN or infinite.

    Without it such a loss raises an error. The loss is looked at in every step, before anything
    is updated, so the weights are those of the last good step.

    Parameters
    ----------
    raise_error : bool, default False
        Raise `NonFiniteLossError`, a RuntimeError, as `fit` does without this callback.

    Attributes
    ----------
    terminated : bool
        Whether it has stopped the last run.

    Examples
    --------
    >>> import fastnn
    >>> guard = fastnn.callbacks.TerminateOnNaN()
    >>> guard.terminated
    False
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = bool(raise_error)
        self.terminated = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget earlier runs."""
        self.terminated = False

    def on_nonfinite_loss(self, batch: int | None = None) -> bool:
        """Stop; returning True tells `fit` that the loss needs no error."""
        self.terminated = True
        self.model.stop_training = True
        if self.raise_error:
            return False
        say(
            "Non-finite loss" + (f" in batch {batch}" if batch is not None else "") + ", terminating training"
        )
        return True

    def wants_batches(self, mode: str) -> bool:
        """Never by itself: `fit` reports a non-finite loss through `on_nonfinite_loss`."""
        return False

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Look at the loss after a batch, where another callback has asked for batches."""
        self._look(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Look at the epoch's loss."""
        self._look(None, logs)

    def _look(self, batch: int | None, logs: Logs | None) -> None:
        loss = (logs or {}).get("loss")
        if (
            loss is not None
            and not math.isfinite(float(loss))
            and not self.terminated
            and not self.on_nonfinite_loss(batch)
        ):
            where = "" if batch is None else f" in batch {batch}"
            raise NonFiniteLossError(f"TerminateOnNaN: the loss is {float(loss)}{where}")
