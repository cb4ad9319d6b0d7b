"""fit and train_on_batch."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from fastnn._keywords import named
from fastnn._numbers import real
from fastnn.callbacks import CallbackList, History
from fastnn.errors import NonFiniteLossError
from fastnn.layers._arguments import integer, positive
from fastnn.models.augmenting import Augmentations, check_augment, configs_of
from fastnn.models.evaluation import Evaluating, batches_of, one_batch
from fastnn.models.feeding import Batches, prepare, split_validation
from fastnn.models.loop import Data, Logs, Loop, Outcome
from fastnn.progress import make_progress


class Trainable(Evaluating):
    """Mixin that gives a model `fit` and `train_on_batch`, with `compile` and `evaluate` of its bases."""

    stop_training: bool = False
    _in_step: bool = False
    history: History | None = None

    # ---- fit -------------------------------------------------------------------------------------------

    @named("fit")
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
        augment: Augmentations = None,
        transform_gradients: Callable[[list[Any]], None] | None = None,
    ) -> History:
        """Train.

        Parameters
        ----------
        x : array-like, list or dict of them, or iterable of batches
            Inputs, one row a sample, for several inputs in a list or a dict by name; or an iterable of
            ``(x, y)`` or ``(x, y, sample_weight)`` batches. Arrays are read where they lie, whatever their
            dtype.
        y : array-like, list or dict of them, optional
            Labels or targets, of several outputs in a list or a dict by name; None with an iterable.
        batch_size : int, default 32
        epochs : int, default 1
            Index of the epoch to end before, as in Keras: with `initial_epoch` 5 and `epochs` 10 five
            epochs are run.
        verbose : {"auto", 0, 1, 2}
            0 silent, 1 progress bar, 2 a line an epoch; "auto" is 1 on a terminal, else 2.
        callbacks : list of Callback, optional
        validation_split : float, default 0
            Share of the rows, taken from the end before shuffling, to evaluate on after each epoch.
        validation_data : tuple or iterable of batches, optional
            ``(x, y)`` or ``(x, y, sample_weight)``; goes before `validation_split`.
        shuffle : bool, default True
            Take the rows in another order each epoch.
        class_weight : dict, optional
            Weight of each class, for integer or one-hot labels; of several outputs a dict of such dicts by
            name.
        sample_weight : array-like, list or dict of them, optional
            Weight of each sample, shape (n,), or of each position, (n, length); for all outputs, or for each.
        initial_epoch : int, default 0
        steps_per_epoch : int, optional
            Steps an epoch; by default all rows, or the whole iterable.
        validation_steps, validation_batch_size, validation_freq : optional
            Steps, batch size and epochs (every so many, or a list) of the evaluations.
        augment : Augmentation, or list or dict of them, optional
            Random changes of the images in `x`, new in each epoch: of several inputs in the first, or in
            those that a dict names or a list does not have as None. Augmentations without a seed of their own
            draw the same numbers, so that images that belong together move together. Validation data stay
            as they are.
        transform_gradients : callable, optional
            Gets the list of gradients (arrays, one for each trainable weight) between reduction and
            update and may change them in place.

        Returns
        -------
        History
            ``history.history`` maps each name to its values, one an epoch.

        Raises
        ------
        ValueError, TypeError
            If data or arguments do not fit the model; the message says what was expected.
        NonFiniteLossError
            If the loss is NaN or Inf (see `compile`).

        Examples
        --------
        >>> import numpy as np, fastnn
        >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]); y = x.sum(axis=1, keepdims=True)
        >>> len(model.fit(x, y, epochs=3, verbose=0).history["loss"])
        3
        """
        self._check_compiled()
        self._refuse_quantized("fit")
        epochs = integer("fit", "epochs", epochs, 0)
        initial_epoch = integer("fit", "initial_epoch", initial_epoch, 0)
        batch_size = 32 if batch_size is None else positive("fit", "batch_size", batch_size)
        steps_per_epoch = _optional("fit", "steps_per_epoch", steps_per_epoch)
        validation_steps = _optional("fit", "validation_steps", validation_steps)
        validation_batch_size = _optional("fit", "validation_batch_size", validation_batch_size)
        _check_frequency(validation_freq)
        if not isinstance(shuffle, (bool, np.bool_)):
            raise TypeError(f"fit: shuffle must be True or False, got {shuffle!r}")
        check_augment(augment)
        feed = prepare(self, x, y, sample_weight, class_weight, "fit")
        held_out: Data | Batches | None = None
        if validation_data is not None:
            held_out = prepare(
                self, *_validation_parts(validation_data), class_weight=None, caller="fit: validation_data"
            )
        elif real("fit", "validation_split", validation_split, 0, 1, below=True):
            feed, held_out = split_validation(feed, validation_split)
        rows = feed.samples if isinstance(feed, Data) else None
        if rows is not None and batch_size > rows:
            batch_size = rows
        steps = steps_per_epoch
        if steps is None and rows is not None:
            steps = -(-rows // batch_size)
        elif steps is None and isinstance(feed, Batches):
            steps = feed.length

        self.stop_training = False
        history = History()
        self.history = history
        params = {
            "epochs": epochs,
            "steps": steps,
            "verbose": verbose,
            "samples": rows,
            "batch_size": batch_size,
        }
        hooks = CallbackList(callbacks, self, params, history=history)
        progress = make_progress(verbose, epochs, steps)
        logs: Logs = {}
        with progress:
            hooks.on_train_begin()
            first = hooks.initial_epoch(initial_epoch)
            for epoch in range(first, epochs):
                started = time.perf_counter()
                self._next_epoch = epoch
                hooks.on_epoch_begin(epoch)
                progress.begin_epoch(epoch)
                try:
                    self._in_step = True
                    logs = self._run_epoch(
                        epoch,
                        feed,
                        batch_size,
                        steps_per_epoch,
                        shuffle,
                        hooks,
                        progress,
                        augment,
                        transform_gradients,
                    )
                except NonFiniteLossError as error:
                    if not hooks.on_nonfinite_loss(error.step):
                        raise
                    self.stop_training = True
                    break
                finally:
                    self._in_step = False
                if held_out is not None and _validates(epoch, validation_freq):
                    found = self._evaluate(
                        held_out, validation_batch_size or batch_size, validation_steps, hooks
                    )
                    logs.update({f"val_{name}": value for name, value in found.items()})
                self._epochs_run += 1
                self._next_epoch = epoch + 1
                hooks.on_epoch_end(epoch, logs)
                progress.end_epoch(logs, time.perf_counter() - started)
                if self.stop_training:
                    break
            self.optimizer.finalize_variable_values()
            hooks.on_train_end(logs)
        if os.environ.get("FASTNN_PROFILE"):
            from fastnn.models.profiling import print_profiles

            print_profiles(self._loops.values())
        return history

    def _run_epoch(
        self,
        epoch: int,
        feed: Data | Batches,
        batch_size: int,
        max_steps: int | None,
        shuffle: bool,
        hooks: CallbackList,
        progress: Any,
        augment: Augmentations,
        transform_gradients: Any,
    ) -> Logs:
        options: dict[str, Any] = {"seed": self._training_seed, "epoch": self._epochs_run}
        options.update(on_nonfinite=self.on_nonfinite, shown_epoch=epoch + 1)
        if transform_gradients is not None:
            options["transform_gradients"] = _in_place(transform_gradients)
        report = progress.update if progress.wants_updates else None
        total = Outcome()
        loop: Loop | None = None
        if augment is not None and isinstance(feed, Data):
            options["augment"] = configs_of(self, augment, feed.x)
        if isinstance(feed, Data) and not hooks.needs_batches:
            loop = self._loop(feed, True)
            steps = -(-feed.samples // batch_size)
            steps = steps if max_steps is None else min(steps, max_steps)
            options.update(batch_size=batch_size, shuffle=shuffle, max_steps=max_steps or 0)
            total = self._train(loop, feed, options, steps, report)
        else:
            largest = batch_size if isinstance(feed, Data) else 0
            for number, batch in enumerate(batches_of(self, feed, batch_size, shuffle, max_steps)):
                hooks.on_train_batch_begin(number)
                data, order = batch
                loop = self._loop(data, True)
                step_options = dict(options, shown_step=number + 1)
                if order is not None:
                    step_options["order"] = order
                elif augment is not None:
                    # Rows are numbered through all batches, so that each gets changes of its own.
                    step_options.update(augment=configs_of(self, augment, data.x), row_base=total.samples)
                # A last, smaller batch runs in the plan of the others, with the same bits as in an array.
                largest = max(largest, data.samples if order is None else len(order))
                step_options["batch_size"] = largest
                total.add(self._train(loop, data, step_options, 1, None))
                if hooks.needs_batches:
                    hooks.on_train_batch_end(number, loop.outcome_logs(total))
                if report is not None:
                    report(number + 1, loop.outcome_logs(total))
                if self.stop_training:
                    break
        if loop is None:
            raise ValueError(
                "fit: the iterable gave no batches; give one that can be iterated anew each epoch"
            )
        if total.nonfinite_steps and self.on_nonfinite == "warn":
            warnings.warn(
                f"the loss was not finite in {total.nonfinite_steps} of {total.steps} steps",
                RuntimeWarning,
                stacklevel=3,
            )
        return loop.outcome_logs(total)

    def _train(self, loop: Loop, data: Data, options: dict[str, Any], steps: int, report: Any) -> Outcome:
        options["learning_rates"] = self.optimizer.learning_rates(loop.optimizer.steps, max(1, steps))
        options["first_step"] = self._steps_run
        outcome = loop.run(data, options, report)
        self._steps_run += outcome.steps
        if outcome.raised is not None:
            raise outcome.raised
        return outcome

    # ---- one batch -------------------------------------------------------------------------------------

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Take one training step on one batch; returns what `evaluate` returns, for that batch.

        Examples
        --------
        >>> import numpy as np, fastnn
        >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> model.train_on_batch(np.zeros((4, 2)), np.zeros((4, 1)))
        0.0
        """
        self._refuse_quantized("train_on_batch")
        data = one_batch(prepare(self, x, y, sample_weight, class_weight, "train_on_batch"))
        loop = self._loop(data, True)
        options: dict[str, Any] = {"seed": self._training_seed, "epoch": self._epochs_run}
        options.update(batch_size=data.samples, on_nonfinite=self.on_nonfinite)
        logs = loop.outcome_logs(self._train(loop, data, options, 1, None))
        values = list(logs.values())
        return logs if return_dict else values[0] if len(values) == 1 else values


def _in_place(transform: Any) -> Callable[[list[Any]], None]:
    if not callable(transform):
        raise TypeError(f"fit: transform_gradients must be a function of a list of arrays, got {transform!r}")

    def checked(gradients: list[Any]) -> None:
        returned = transform(gradients)
        if returned is not None:
            raise TypeError(
                "fit: transform_gradients must change the arrays in place and return None, as in "
                f"'gradients[0][...] *= 2', but it returned a {type(returned).__name__}"
            )

    return checked


def _validation_parts(given: Any) -> tuple[Any, Any, Any]:
    if isinstance(given, (tuple, list)) and len(given) in (2, 3):
        return given[0], given[1], given[2] if len(given) == 3 else None
    return given, None, None


def _validates(epoch: int, frequency: int | Sequence[int]) -> bool:
    if isinstance(frequency, Collection):
        return epoch + 1 in frequency
    return (epoch + 1) % frequency == 0


def _check_frequency(frequency: Any) -> None:
    """Refuse what is neither a number of epochs nor a list of epochs."""
    if isinstance(frequency, Collection) and not isinstance(frequency, (str, bytes)):
        for epoch in frequency:
            positive("fit", "validation_freq", epoch)
    else:
        positive("fit", "validation_freq", frequency)


def _optional(caller: str, name: str, value: Any) -> int | None:
    return None if value is None else positive(caller, name, value)
