"""evaluate and test_on_batch."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from fastnn import _core
from fastnn.callbacks import CallbackList
from fastnn.layers._arguments import positive
from fastnn.models.compiling import Compilable
from fastnn.models.feeding import Batches, prepare
from fastnn.models.loop import Data, Logs, Loop, Outcome
from fastnn.progress import make_progress


class Evaluating(Compilable):
    """Mixin that gives a model `evaluate` and `test_on_batch`."""

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics over data, in inference mode.

        Parameters
        ----------
        x, y, sample_weight
            As in `fit`.
        batch_size : int, optional
            By default a size that runs fast.
        verbose : {"auto", 0, 1, 2}
        steps : int, optional
            Batches to look at; all by default.
        callbacks : list of Callback, optional
        return_dict : bool, default False

        Returns
        -------
        float, list or dict
            The loss; ``[loss, metric, …]`` if there are metrics; with `return_dict` a dict by name.

        Examples
        --------
        >>> import numpy as np, fastnn
        >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> model.evaluate(np.zeros((4, 2)), np.zeros((4, 1)), verbose=0)
        0.0
        """
        self._check_compiled()
        batch_size = 256 if batch_size is None else positive("evaluate", "batch_size", batch_size)
        steps = None if steps is None else positive("evaluate", "steps", steps)
        feed = prepare(self, x, y, sample_weight, None, "evaluate")
        hooks = CallbackList(callbacks, self, {"steps": steps, "verbose": verbose})
        progress = make_progress(verbose, None, steps)
        started = time.perf_counter()
        with progress:
            progress.begin_epoch(0)
            logs = self._evaluate(feed, batch_size, steps, hooks)
            progress.end_epoch(logs, time.perf_counter() - started)
        if return_dict:
            return logs
        values = list(logs.values())
        return values[0] if len(values) == 1 else values

    def _evaluate(
        self, feed: Data | Batches, batch_size: int, max_steps: int | None, hooks: CallbackList
    ) -> Logs:
        hooks.on_test_begin()
        total = Outcome()
        loop: Loop | None = None
        if isinstance(feed, Data) and not hooks.needs_test_batches:
            loop = self._loop(feed, False)
            batch_size = min(batch_size, feed.samples)
            total = loop.run(
                feed, {"batch_size": batch_size, "max_steps": max_steps or 0, "on_nonfinite": "ignore"}
            )
            if total.raised is not None:
                raise total.raised
        else:
            for number, (data, order) in enumerate(
                batches_of(self, feed, batch_size, False, max_steps, anew=True)
            ):
                hooks.on_test_batch_begin(number)
                loop = self._loop(data, False)
                options: dict[str, Any] = {"batch_size": batch_size if order is not None else data.samples}
                options["on_nonfinite"] = "ignore"
                if order is not None:
                    options["order"] = order
                outcome = loop.run(data, options)
                total.add(outcome)
                if outcome.raised is not None:
                    raise outcome.raised
                hooks.on_test_batch_end(number, loop.outcome_logs(total))
        if loop is None:
            raise ValueError("evaluate: there is no data")
        logs = loop.outcome_logs(total)
        hooks.on_test_end(logs)
        return logs

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Loss and metrics of one batch, in inference mode.

        Examples
        --------
        >>> import numpy as np, fastnn
        >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> model.test_on_batch(np.zeros((4, 2)), np.zeros((4, 1)))
        0.0
        """
        data = one_batch(prepare(self, x, y, sample_weight, None, "test_on_batch"))
        loop = self._loop(data, False)
        logs = loop.outcome_logs(loop.run(data, {"batch_size": data.samples, "on_nonfinite": "ignore"}))
        values = list(logs.values())
        return logs if return_dict else values[0] if len(values) == 1 else values


def one_batch(feed: Data | Batches) -> Data:
    """Return the data of one batch; TypeError for an iterable."""
    if isinstance(feed, Batches):
        raise TypeError("expected arrays for one batch, got an iterable; take a batch from it first")
    return feed


def batches_of(
    model: Any, feed: Data | Batches, batch_size: int, shuffle: bool, steps: int | None, anew: bool = False
) -> Any:
    """Yield (data, row numbers or None) of each batch, `steps` at most."""
    if isinstance(feed, Batches):
        for batch in feed.epoch(steps, anew):
            yield batch, None
        return
    if shuffle:
        order = _core.shuffled_rows(feed.samples, model._training_seed, model._epochs_run)
    else:
        order = np.arange(feed.samples, dtype=np.int64)
    for first in range(0, feed.samples, batch_size)[:steps]:
        yield feed, order[first : first + batch_size]
