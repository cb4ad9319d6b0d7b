"""The progress display of `fit`, `evaluate` and `predict`."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

INTERVAL = 0.1  # seconds between updates of a bar: at most ten a second


def make_progress(
    verbose: int | str = "auto",
    epochs: int | None = None,
    steps: int | None = None,
    file: TextIO | None = None,
) -> Progress:
    """Return the display for a run.

    Parameters
    ----------
    verbose : {0, 1, 2, "auto"}, default "auto"
        0 shows nothing, 1 a bar and a line an epoch, 2 lines only; "auto" is 1 in a terminal or a
        notebook and 2 where the output goes to a file or a pipe.
    epochs : int, optional
        Number of epochs; None (`evaluate`, `predict`) leaves the "Epoch 1/10" lines out.
    steps : int, optional
        Steps in an epoch; None if they are not known.
    file : text stream, optional
        Where to write; standard output by default.

    Returns
    -------
    Progress

    Raises
    ------
    ValueError
        For another `verbose`.

    Examples
    --------
    >>> from fastnn.progress import make_progress
    >>> progress = make_progress(2, epochs=3, steps=469)
    >>> progress.begin_epoch(0)
    Epoch 1/3
    >>> progress.end_epoch({"loss": 0.0512, "accuracy": 0.9843}, seconds=1.1)
    469/469 - 1.1s - loss: 0.0512 - accuracy: 0.9843
    """
    level = _level(verbose, file)
    if level == 0:
        return Progress(epochs, steps, file)
    return BarProgress(epochs, steps, file) if level == 1 else LineProgress(epochs, steps, file)


class Progress:
    """A display that shows nothing; the base of the others.

    Parameters
    ----------
    epochs, steps : int, optional
        Numbers of epochs and of steps in each, where they are known.
    file : text stream, optional
        Where to write; standard output by default.

    Attributes
    ----------
    wants_updates : bool
        Whether `update` shows anything: if False, the caller need not call it.
    interval : float
        Seconds between two updates that are shown.
    steps : int or None
        Steps in an epoch; may be set when they become known.

    Examples
    --------
    >>> from fastnn.progress import Progress
    >>> Progress(epochs=1).wants_updates
    False
    """

    wants_updates = False
    interval = INTERVAL

    def __init__(
        self, epochs: int | None = None, steps: int | None = None, file: TextIO | None = None
    ) -> None:
        self.epochs = epochs
        self.steps = steps
        self.file = file
        self._step: int | None = None
        self._began = time.perf_counter()

    def begin_epoch(self, epoch: int) -> None:
        """Begin epoch number `epoch`, counted from 0."""
        self._step = None
        self._began = time.perf_counter()

    def update(self, step: int, logs: Mapping[str, Any] | None = None) -> None:
        """Note that `step` steps are done, with the metrics so far."""
        self._step = step

    def end_epoch(
        self, logs: Mapping[str, Any] | None = None, seconds: float | None = None, steps: int | None = None
    ) -> None:
        """End the epoch; `seconds` are measured if None, `steps` tell a number that was not known."""
        if steps is not None:
            self._step = steps

    def close(self) -> None:
        """Take an unfinished bar away (an epoch was interrupted); may be called at any time."""

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class LineProgress(Progress):
    """Two lines an epoch, when it begins and when it ends.

    Examples
    --------
    >>> from fastnn.progress import LineProgress
    >>> with LineProgress(epochs=10, steps=5) as progress:
    ...     progress.begin_epoch(2)
    ...     progress.end_epoch({"loss": 0.25}, seconds=0.4)
    Epoch 3/10
    5/5 - 0.4s - loss: 0.2500
    """

    def _print(self, text: str) -> None:
        print(text, file=self.file or sys.stdout, flush=True)

    def begin_epoch(self, epoch: int) -> None:
        """Print the epoch's number."""
        super().begin_epoch(epoch)
        if self.epochs is not None:
            self._print(f"Epoch {epoch + 1}/{self.epochs}")

    def end_epoch(
        self, logs: Mapping[str, Any] | None = None, seconds: float | None = None, steps: int | None = None
    ) -> None:
        """Print the epoch's steps, time and metrics."""
        super().end_epoch(logs, seconds, steps)
        if seconds is None:
            seconds = time.perf_counter() - self._began
        done = self._step if self.steps is None or steps is not None else self.steps
        parts = [] if done is None else [f"{done}/{self.steps or done}"]
        self._print(" - ".join([*parts, format_seconds(seconds), *_metric_parts(logs)]))


class BarProgress(LineProgress):
    """A bar that moves at most ten times a second, replaced by the epoch's line when it ends.

    Examples
    --------
    >>> import io
    >>> from fastnn.progress import BarProgress
    >>> with BarProgress(epochs=1, steps=2, file=io.StringIO()) as progress:
    ...     progress.begin_epoch(0)
    ...     progress.update(1, {"loss": 0.5})
    ...     progress.end_epoch({"loss": 0.25})
    """

    wants_updates = True

    def __init__(
        self, epochs: int | None = None, steps: int | None = None, file: TextIO | None = None
    ) -> None:
        super().__init__(epochs, steps, file)
        self._bar: Any = None
        self._next = 0.0

    def begin_epoch(self, epoch: int) -> None:
        """Print the epoch's number; the bar comes with the first update."""
        self.close()
        super().begin_epoch(epoch)
        # An epoch that is over at once needs no bar.
        self._next = time.perf_counter() + self.interval

    def update(self, step: int, logs: Mapping[str, Any] | None = None) -> None:
        """Move the bar, unless it moved less than `interval` ago."""
        super().update(step, logs)
        now = time.perf_counter()
        if now < self._next:
            return
        self._next = now + self.interval
        if self._bar is None:
            self._bar = _make_bar(self.steps, self.file or sys.stdout)
            self._bar.start_t -= now - self._began  # tqdm's clock begins with the epoch
        self._bar.n = step
        self._bar.set_description_str(" - ".join(_metric_parts(logs)), refresh=False)
        self._bar.refresh()

    def end_epoch(
        self, logs: Mapping[str, Any] | None = None, seconds: float | None = None, steps: int | None = None
    ) -> None:
        """Put the epoch's line in the bar's place."""
        self.close()
        super().end_epoch(logs, seconds, steps)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def say(text: str) -> None:
    """Print a line without spoiling a bar that may be on the screen.

    Examples
    --------
    >>> from fastnn.progress import say
    >>> say("Epoch 3: early stopping")
    Epoch 3: early stopping
    """
    if "tqdm" in sys.modules:
        sys.modules["tqdm"].tqdm.write(text, file=sys.stdout)
    else:
        print(text, flush=True)


def format_seconds(seconds: float) -> str:
    """Return a duration as people write it: ``0.4s``, ``75s``, ``12m05s``.

    Examples
    --------
    >>> from fastnn.progress import format_seconds
    >>> format_seconds(1.08), format_seconds(725)
    ('1.1s', '12m05s')
    """
    if seconds < 100:
        return f"{seconds:.1f}s" if seconds >= 0.1 else f"{seconds:.2g}s" if seconds >= 0.001 else "0.0s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m{rest:02d}s" if hours else f"{minutes}m{rest:02d}s"


def format_metric(value: Any) -> str:
    """Return a metric with four decimals, or as a power of ten where those would say nothing.

    Examples
    --------
    >>> from fastnn.progress import format_metric
    >>> format_metric(0.98431), format_metric(1e-5)
    ('0.9843', '1.0000e-05')
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    if number == 0 or not math.isfinite(number) or 1e-3 <= abs(number) < 1e7:
        return f"{number:.4f}"
    return f"{number:.4e}"


def _metric_parts(logs: Mapping[str, Any] | None) -> list[str]:
    # Array-valued metrics (a confusion matrix) have no place on one line.
    return [
        f"{name}: {format_metric(value)}"
        for name, value in (logs or {}).items()
        if not getattr(value, "ndim", 0)
    ]


def _level(verbose: int | str, file: TextIO | None) -> int:
    if verbose == "auto":
        stream = file or sys.stdout
        try:
            interactive = stream.isatty()
        except (AttributeError, ValueError):  # no such method, or a closed stream
            interactive = False
        return 1 if interactive or (file is None and _in_notebook()) else 2
    if verbose in (0, 1, 2):
        return int(verbose)
    raise ValueError(f"verbose must be 0, 1, 2 or 'auto', got {verbose!r}")


def _in_notebook() -> bool:
    if "IPython" not in sys.modules:
        return False
    shell: Any = sys.modules["IPython"].get_ipython()
    return type(shell).__name__ == "ZMQInteractiveShell" or "google.colab" in str(type(shell))


def _make_bar(steps: int | None, file: TextIO) -> Any:
    import importlib.util
    import shutil

    widgets = file is sys.stdout and _in_notebook() and importlib.util.find_spec("ipywidgets")
    base: Any = importlib.import_module("tqdm.notebook" if widgets else "tqdm").tqdm

    class Bar(base):  # type: ignore[misc]
        monitor_interval = 0  # no watching thread: updates come from the training loop

    size = shutil.get_terminal_size()  # 80 x 24 where a terminal says that it has no size
    known = "{n_fmt}/{total_fmt} |{bar}| {elapsed}<{remaining} - {desc}"
    unknown = "{n_fmt} steps - {elapsed} - {desc}"
    return Bar(
        total=steps,
        file=file,
        leave=False,
        ncols=size.columns - 1,
        nrows=size.lines,
        mininterval=INTERVAL,
        bar_format=known if steps else unknown,
    )
