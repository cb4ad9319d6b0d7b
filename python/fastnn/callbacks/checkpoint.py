"""Callbacks that save the model while it trains."""

from __future__ import annotations

import contextlib
import os
import string
from typing import Any

from fastnn.callbacks.base import Callback, Logs, Mode
from fastnn.callbacks.monitor import Monitor, check_count, check_number
from fastnn.progress import say


class ModelCheckpoint(Callback):
    """Save the model, or its weights, after every epoch, every so many, or whenever it is the best so far.

    Parameters
    ----------
    filepath : str or path
        File to save to. It may hold ``{epoch}`` (from 1), ``{batch}`` and the names of metrics with
        Python's format rules: ``"lenet-{epoch:02d}-{val_loss:.2f}.safetensors"``. Missing folders are made.
    monitor : str, default "val_loss"
        Name of the metric that says which epoch is best.
    verbose : int, default 0
        1 prints a line at each save.
    save_best_only : bool, default False
        Save only when the metric is better than ever before.
    save_weights_only : bool, default False
        Save the weights alone (`save_weights`) instead of the whole model and its training state.
    mode : {"auto", "min", "max"}, default "auto"
        Whether the metric should fall or rise; "auto" goes by its name.
    save_freq : "epoch" or int, default "epoch"
        Look after each epoch, or after every so many batches, counted across epochs.
    initial_value_threshold : float, optional
        With `save_best_only`, a value that must be beaten first: the best of an earlier run.
    every_n_epochs : int, default 1
        With ``save_freq="epoch"``, look after every n-th epoch only.

    Attributes
    ----------
    best : float or None
        Best value so far.
    last_path : str or None
        File that was written last.

    Examples
    --------
    >>> import fastnn
    >>> keep_best = fastnn.callbacks.ModelCheckpoint(
    ...     "best.safetensors", monitor="val_accuracy", save_best_only=True)
    >>> keep_best.wants_batches("train")
    False
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
        every_n_epochs: int = 1,
    ) -> None:
        super().__init__()
        owner = "ModelCheckpoint"
        self.filepath = os.fspath(filepath)
        try:
            list(string.Formatter().parse(self.filepath))
        except ValueError as error:
            raise ValueError(f"{owner}: filepath {self.filepath!r} is not a valid format: {error}") from None
        self._monitor = Monitor(owner, monitor, mode)
        self.monitor = monitor
        self.verbose = verbose
        self.save_best_only = bool(save_best_only)
        self.save_weights_only = bool(save_weights_only)
        self.save_freq = _check_freq(owner, save_freq)
        self.every_n_epochs = check_count(owner, "every_n_epochs", every_n_epochs, 1)
        self.best = (
            None
            if initial_value_threshold is None
            else check_number(owner, "initial_value_threshold", initial_value_threshold)
        )
        self.last_path: str | None = None
        self._epoch = 0
        self._batches = 0
        self._epochs = 0

    def wants_batches(self, mode: Mode) -> bool:
        """Only for training, and only if `save_freq` counts batches."""
        return mode == "train" and self.save_freq != "epoch"

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Settle which way the metric should go."""
        if self.save_best_only:
            self._monitor.resolve(self.model)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Remember the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Save when `save_freq` batches have passed."""
        if isinstance(self.save_freq, int):
            self._batches += 1
            if self._batches >= self.save_freq:
                self._batches = 0
                self._consider(self._epoch, batch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Save when `every_n_epochs` epochs have passed."""
        if self.save_freq == "epoch":
            self._epochs += 1
            if self._epochs >= self.every_n_epochs:
                self._epochs = 0
                self._consider(epoch, None, logs)

    def _consider(self, epoch: int, batch: int | None, logs: Logs | None) -> None:
        path = self._path(epoch, batch, logs or {})
        where = f"Epoch {epoch + 1}"
        if not self.save_best_only:
            self._save(path, f"{where}: saving the model to {path}")
            return
        current = self._monitor.value(logs)
        if current is None:
            return
        if self._monitor.improves(current, self.best):
            before = "" if self.best is None else f" from {self.best:.5g}"
            self.best = current
            self._save(path, f"{where}: {self.monitor} improved{before} to {current:.5g}, saving to {path}")
        elif self.verbose:
            say(f"{where}: {self.monitor} did not improve on {self.best:.5g}")

    def _path(self, epoch: int, batch: int | None, logs: Logs) -> str:
        fields: dict[str, Any] = {**logs, "epoch": epoch + 1}
        if batch is not None:
            fields["batch"] = batch + 1
        try:
            return self.filepath.format(**fields)
        except (KeyError, IndexError) as error:
            raise ValueError(
                f"ModelCheckpoint: filepath {self.filepath!r} needs {error}, which is not known here; "
                f"available are: {', '.join(fields)}"
            ) from None
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"ModelCheckpoint: filepath {self.filepath!r} cannot be filled in: {error}"
            ) from None

    def _save(self, path: str, message: str) -> None:
        if self.verbose:
            say(message)
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)
        self.last_path = path


class BackupAndRestore(Callback):
    """Keep a backup of the training, and go on from it when an interrupted `fit` is run again.

    The backup holds the weights, the optimizer's slots, the epoch and the random state, so that the
    rest of the run gives the same bits as without the interruption (other callbacks begin afresh). A
    new backup replaces the last only when it is complete. When `fit` ends normally the backup is
    removed.

    Parameters
    ----------
    backup_dir : str or path
        Folder for the backup; use one for each run. It is made if it is missing.
    save_freq : "epoch" or int, default "epoch"
        Back up after each epoch, or after every so many batches. After an interruption in the
        middle of an epoch that epoch is run again from its beginning, with the weights of the backup.
    double_checkpoint : bool, default False
        Accepted, as Keras has it, and without effect: a backup is replaced whole or not at all.
    delete_checkpoint : bool, default True
        Remove the backup when `fit` ends normally.

    Attributes
    ----------
    restored_epoch : int or None
        First epoch (from 0) of the run if it goes on from a backup.

    Examples
    --------
    >>> import fastnn
    >>> backup = fastnn.callbacks.BackupAndRestore("backup")
    >>> backup.restored_epoch is None
    True
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        self.backup_dir = os.fspath(backup_dir)
        if not self.backup_dir:
            raise ValueError("BackupAndRestore: backup_dir must name a folder, got an empty string")
        self.save_freq = _check_freq("BackupAndRestore", save_freq)
        self.double_checkpoint = bool(double_checkpoint)
        self.delete_checkpoint = bool(delete_checkpoint)
        self.restored_epoch: int | None = None
        self._batches = 0

    @property
    def path(self) -> str:
        """The backup's file."""
        return os.path.join(self.backup_dir, "backup.safetensors")

    @property
    def _unfinished(self) -> str:
        return os.path.join(self.backup_dir, f"unfinished-{os.getpid()}.safetensors")

    def wants_batches(self, mode: Mode) -> bool:
        """Only for training, and only if `save_freq` counts batches."""
        return mode == "train" and self.save_freq != "epoch"

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Restore the backup, if there is one."""
        self.restored_epoch = None
        self._batches = 0
        os.makedirs(self.backup_dir, exist_ok=True)
        if os.path.exists(self.path):
            self.restored_epoch = int(self.model._restore_training_state(self.path))

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Back up when `save_freq` batches have passed."""
        if isinstance(self.save_freq, int):
            self._batches += 1
            if self._batches >= self.save_freq:
                self._batches = 0
                self._backup()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Back up after the epoch."""
        if self.save_freq == "epoch":
            self._backup()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Remove the backup: the run is complete."""
        if self.delete_checkpoint:
            _remove(self.path)
            with contextlib.suppress(OSError):  # there may be other files in it
                os.rmdir(self.backup_dir)

    def _backup(self) -> None:
        try:
            self.model.save(self._unfinished)
            os.replace(self._unfinished, self.path)
        except BaseException:
            _remove(self._unfinished)
            raise


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.remove(path)


def _check_freq(owner: str, save_freq: str | int) -> str | int:
    if isinstance(save_freq, str):
        if save_freq != "epoch":
            raise ValueError(f"{owner}: save_freq must be 'epoch' or a number of batches, got {save_freq!r}")
        return save_freq
    return check_count(owner, "save_freq", save_freq, 1)
