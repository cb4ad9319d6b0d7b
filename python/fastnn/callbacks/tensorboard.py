"""A callback that writes metrics for TensorBoard, through tensorboardX."""

from __future__ import annotations

import importlib
import math
import os
import time
from typing import Any

from fastnn.callbacks.base import Callback, Logs, Mode
from fastnn.callbacks.monitor import check_count


class TensorBoard(Callback):
    """Write metrics, and weights' histograms if asked to, for TensorBoard.

    Training metrics go to ``log_dir/train``, validation metrics to ``log_dir/validation``, as
    ``epoch_<metric>`` and ``batch_<metric>``. Needs tensorboardX: ``pip install 'fastnn[tensorboard]'``.

    Parameters
    ----------
    log_dir : str or path, default "logs"
        Folder of the event files; give each run its own.
    histogram_freq : int, default 0
        Write histograms of all weights every so many epochs; 0 writes none.
    write_graph : bool, default True
        Accepted, as Keras has it; there is no graph to write (`Model.summary` shows the layers).
    write_images : bool, default False
        Only False: weights are shown by their histograms alone.
    write_steps_per_second : bool, default False
        Also write the training steps per second of each epoch.
    update_freq : "epoch", "batch" or int, default "epoch"
        Also write training metrics after every batch, or every so many batches.
    profile_batch : int, default 0
        Only 0: `Model.profile` and ``FASTNN_PROFILE=1`` tell where the time goes.
    embeddings_freq : int, default 0
        Only 0: embeddings are not written.
    embeddings_metadata : None
        Only None.

    Raises
    ------
    ValueError
        If an argument is out of range, or asks for what is not written.
    ImportError
        If tensorboardX is not installed.

    Examples
    --------
    >>> import fastnn
    >>> board = fastnn.callbacks.TensorBoard("logs/run1", histogram_freq=1)  # doctest: +SKIP
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: int | tuple[int, int] = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: None = None,
    ) -> None:
        super().__init__()
        for name, value, cure in (
            ("write_images", write_images, "histogram_freq writes the weights' histograms"),
            ("profile_batch", profile_batch, "model.profile() shows where the time goes"),
            ("embeddings_freq", embeddings_freq, "histogram_freq writes the weights' histograms"),
            ("embeddings_metadata", embeddings_metadata, "leave it None"),
        ):
            if value:
                raise ValueError(f"TensorBoard: {name}={value!r} is not supported; {cure}")
        self.write_graph = bool(write_graph)
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = check_count("TensorBoard", "histogram_freq", histogram_freq)
        self.write_steps_per_second = bool(write_steps_per_second)
        if isinstance(update_freq, str) and update_freq not in ("epoch", "batch"):
            raise ValueError(
                f"TensorBoard: update_freq must be 'epoch', 'batch' or an integer, got {update_freq!r}"
            )
        self.update_freq = update_freq
        self._every = (
            {"epoch": 0, "batch": 1}.get(update_freq, 0)
            if isinstance(update_freq, str)
            else check_count("TensorBoard", "update_freq", update_freq, 1)
        )
        try:
            self._tensorboard_x: Any = importlib.import_module("tensorboardX")
        except ImportError:
            raise ImportError(
                "TensorBoard: this callback needs tensorboardX; install it by "
                "pip install 'fastnn[tensorboard]' or pip install tensorboardX"
            ) from None
        self._writers: dict[str, Any] = {}
        self._step = 0
        self._began = 0.0

    def wants_batches(self, mode: Mode) -> bool:
        """Only for training, and only if `update_freq` asks for it."""
        return mode == "train" and self._every > 0

    def _writer(self, name: str) -> Any:
        if name not in self._writers:
            self._writers[name] = self._tensorboard_x.SummaryWriter(os.path.join(self.log_dir, name))
        return self._writers[name]

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Begin new event files."""
        self._close()
        self._step = 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Start the clock."""
        self._began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Write the running averages, if `update_freq` asks for it."""
        self._step += 1
        if self._every and self._step % self._every == 0:
            for name, value in (logs or {}).items():
                if _is_scalar(value):
                    self._writer("train").add_scalar(f"batch_{name}", float(value), self._step)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the epoch's metrics and, when due, the weights' histograms."""
        for name, value in (logs or {}).items():
            if not _is_scalar(value):
                continue
            part = "validation" if name.startswith("val_") else "train"
            self._writer(part).add_scalar(f"epoch_{name.removeprefix('val_')}", float(value), epoch)
        steps = self.params.get("steps")
        if self.write_steps_per_second and steps:
            rate = float(steps) / max(time.perf_counter() - self._began, 1e-9)
            self._writer("train").add_scalar("epoch_steps_per_second", rate, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_histograms(epoch)
        for writer in self._writers.values():
            writer.flush()

    def _write_histograms(self, epoch: int) -> None:
        for layer in self.model.layers:
            variables = getattr(layer, "weights", None) or []
            for i, values in enumerate(layer.get_weights()):
                name = getattr(variables[i], "name", i) if i < len(variables) else i
                self._writer("train").add_histogram(f"{layer.name}/{name}", values, epoch)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Close the event files."""
        self._close()


def _is_scalar(value: Any) -> bool:
    try:
        return not math.isnan(float(value))
    except (TypeError, ValueError):
        return False
