"""`model.profile`: where the time of a training step, or of inference, goes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastnn import _core
from fastnn.models.feeding import prepare
from fastnn.models.loop import Data, Loop

__all__ = ["Profile", "print_profiles", "profile_model"]


@dataclass
class Profile:
    """Table of a plan's steps with their times.

    Attributes
    ----------
    rows : list of dict
        ``op``, ``layer``, ``kind``, ``form`` ("winograd" where a convolution is computed so, else ""),
        ``slot``, ``lanes``, ``calls``, ``seconds`` (all threads together), ``flops``, ``bytes``; in the order
        in which a step runs them.
    steps : int
        Batches that were run.
    seconds : float
        Time of all of them by the clock.
    threads : int
        Threads that the runs were allowed.
    peak : float
        Multiply-add operations a second that one thread reaches, measured alongside.

    Examples
    --------
    >>> import numpy as np, fastnn
    >>> model = fastnn.models.mlp()
    >>> model.compile("adam", "sparse_categorical_crossentropy")
    >>> x, y = np.zeros((256, 28, 28), "uint8"), np.zeros(256, "int32")
    >>> profile = model.profile(x, y, batch_size=128, epochs=1)
    >>> profile.steps
    2
    """

    rows: list[dict[str, Any]]
    steps: int
    seconds: float
    threads: int = 1
    peak: float = field(default=0.0, repr=False)

    def __str__(self) -> str:
        busy = sum(row["seconds"] for row in self.rows) or 1.0
        lines = [
            f"{self.steps} steps in {self.seconds:.3f} s ({1e3 * self.seconds / max(1, self.steps):.3f} ms "
            f"a step), {self.threads} threads, multiply-add peak {1e-9 * self.peak:.0f} GFLOP/s a thread",
            f"{'op':<28} {'layer':<24} {'kind':<8} {'lanes':>5} {'calls':>8} {'us/step':>9} {'share':>6} "
            f"{'GFLOP/s':>8} {'of peak':>7} {'MB/step':>8}",
        ]
        for row in sorted(self.rows, key=lambda r: -r["seconds"]):
            rate = row["flops"] / row["seconds"] if row["seconds"] > 0 else 0.0
            arithmetic = row["flops"] > 0 and self.peak > 0
            op = f"{row['op']} {row.get('form', '')}"
            lines.append(
                f"{op[:28]:<28} {row['layer'][:24]:<24} {row['kind']:<8} {row['lanes']:>5} "
                f"{row['calls']:>8} {1e6 * row['seconds'] / max(1, self.steps):>9.1f} "
                f"{100 * row['seconds'] / busy:>5.1f}% "
                + (f"{1e-9 * rate:>8.1f} {100 * rate / self.peak:>6.1f}% " if arithmetic else " " * 17)
                + f"{1e-6 * row['bytes'] / max(1, self.steps):>8.2f}"
            )
        return "\n".join(lines)


def profile_of(loop: Loop) -> Profile:
    """Make the table of a loop whose trainer has been profiling."""
    made = loop.trainer.profile()
    return Profile(
        made["rows"], made["steps"], made["seconds"], _core.num_threads(), float(_core.fma_peak(1))
    )


def print_profiles(loops: Iterable[Loop]) -> None:
    """Print the tables of loops that have run, to the standard error stream, and begin new ones."""
    for loop in loops:
        if loop.trainer.profiling and loop.optimizer is not None:
            print(profile_of(loop), file=sys.stderr)
            loop.trainer.profiling = True


@contextmanager
def _kept(model: Any) -> Iterator[None]:
    """Put weights (moving statistics with them) and the optimizer back afterwards."""
    from fastnn import optimizers

    values = [np.array(value) for value in model.get_weights()]
    optimizer = model.optimizer
    model.optimizer = optimizers.deserialize(optimizers.serialize(optimizer))
    try:
        yield
    finally:
        model.optimizer = optimizer
        model.set_weights(values)


def _made_up(model: Any, samples: int) -> Data:
    """Make data of the model's shapes: noise and zeros, for values do not change the time."""
    context = model.trace(training=False)
    generator = np.random.default_rng(0)

    def array(shape: Any, dtype: str, noise: bool) -> Any:
        extents = (samples, *(int(n) for n in shape))
        if noise and dtype.startswith("float"):
            return generator.standard_normal(extents, dtype=np.dtype(dtype).type)
        return np.zeros(extents, dtype)

    x = [array(tensor.shape[1:], tensor.dtype, True) for tensor in context.inputs]
    y: list[Any] = []
    for loss, output in zip(model._objectives().losses, context.outputs, strict=True):
        if loss is None:
            y.append(None)
            continue
        dims, dtype = loss.label_spec([int(n or 1) for n in output.shape[1:]], output.dtype)
        y.append(array(dims, dtype, False))
    return Data(x, y)


def profile_model(
    model: Any,
    x: Any,
    y: Any,
    batch_size: int,
    epochs: int,
    training: bool,
) -> Profile:
    """Run over the data and time every step of the plan; see `Model.profile`."""
    feed = _made_up(model, 20 * batch_size) if x is None else prepare(model, x, y, None, None, "profile")
    if not isinstance(feed, Data):
        raise TypeError("profile: x and y must be arrays, not an iterable of batches")
    with _kept(model):
        loop = Loop(model, feed, training)
        options: dict[str, Any] = {"batch_size": min(batch_size, feed.samples), "on_nonfinite": "ignore"}
        if training:
            options.update(shuffle=True, learning_rates=[0.0])
        loop.run(feed, {**options, "max_steps": 1})  # memory is touched for the first time
        loop.trainer.profiling = True
        for _ in range(epochs):
            loop.run(feed, options)
        return profile_of(loop)
