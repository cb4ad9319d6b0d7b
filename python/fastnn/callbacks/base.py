"""The callback base class and the list through which a model calls its callbacks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

Logs = dict[str, Any]
Mode = Literal["train", "test", "predict"]

_BATCH_HOOKS: dict[str, tuple[str, ...]] = {
    "train": ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"),
    "test": ("on_test_batch_begin", "on_test_batch_end"),
    "predict": ("on_predict_batch_begin", "on_predict_batch_end"),
}


class Callback:
    """Base class of all callbacks: override the hooks that you need.

    Hooks get ``logs``, a dict of the metrics known at that point (running averages within an
    epoch); epochs and batches are counted from 0. A callback stops training by
    ``self.model.stop_training = True``. Overriding a batch hook makes `fit` come back to Python
    after every batch; without one, whole epochs run in C++.

    Attributes
    ----------
    model : Model
        The model that is being trained, set before the first hook.
    params : dict
        ``epochs``, ``steps`` and ``verbose``, and ``samples`` where it is known.

    Examples
    --------
    >>> import fastnn
    >>> class Target(fastnn.callbacks.Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         if logs["accuracy"] > 0.99:
    ...             self.model.stop_training = True
    >>> Target().wants_batches("train")
    False
    """

    model: Any = None
    params: dict[str, Any]

    def __init__(self) -> None:
        self.model = None
        self.params = {}

    def set_model(self, model: Any) -> None:
        """Remember the model whose hooks follow."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Remember the parameters of the run (``epochs``, ``steps``, ``verbose``, …)."""
        self.params = params

    def wants_batches(self, mode: Mode) -> bool:
        """Whether this callback needs the batch hooks of `mode`: ``"train"``, ``"test"`` or ``"predict"``.

        True if it overrides one of them; a class may narrow this further.
        """
        return _overrides_any(self, _BATCH_HOOKS[mode])

    # The run -------------------------------------------------------------------------------------

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Call when `fit` begins."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Call when `fit` ends normally, with the last epoch's logs."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Call when a training epoch begins."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Call when a training epoch and its validation are done; `logs` may be added to."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Call when `evaluate`, or the validation within `fit`, begins."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Call when `evaluate`, or the validation within `fit`, ends."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Call when `predict` begins."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Call when `predict` ends."""

    # Batches -------------------------------------------------------------------------------------

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Call before a training batch; the older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Call after a training batch; the older name of `on_train_batch_end`."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Call before a training batch."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Call after a training batch, with the epoch's averages so far."""
        self.on_batch_end(batch, logs)

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Call before a batch of `evaluate`."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Call after a batch of `evaluate`, with the averages so far."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Call before a batch of `predict`."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Call after a batch of `predict`."""


class CallbackList:
    """The callbacks of one run, called in order as if they were one.

    Parameters
    ----------
    callbacks : Callback, iterable of Callback, or None
        What the user passed; a `CallbackList` is taken as it is.
    model : Model, optional
        Handed to every callback's `set_model`.
    params : dict, optional
        Handed to every callback's `set_params`; all share this one dict, so entries that
        become known later (``steps`` of an iterable) reach them.
    history : Callback, optional
        Called after all others, so that it sees what they added to the logs.

    Attributes
    ----------
    needs_batches, needs_test_batches, needs_predict_batches : bool
        Whether any callback wants the batch hooks of training, testing or predicting. Where it
        is False the caller may leave those hooks out and run whole epochs at once.

    Examples
    --------
    >>> from fastnn.callbacks import CallbackList, EarlyStopping, History
    >>> history = History()
    >>> hooks = CallbackList([EarlyStopping("loss")], history=history)
    >>> hooks.needs_batches, len(hooks.callbacks)
    (False, 2)
    """

    def __init__(
        self,
        callbacks: Any = None,
        model: Any = None,
        params: dict[str, Any] | None = None,
        history: Callback | None = None,
    ) -> None:
        self.callbacks: list[Any] = _as_list(callbacks)
        if history is not None:
            self.callbacks.append(history)
        self._look()
        if params is not None:
            self.set_params(params)
        if model is not None:
            self.set_model(model)

    def _look(self) -> None:
        self.needs_batches = self._wants("train")
        self.needs_test_batches = self._wants("test")
        self.needs_predict_batches = self._wants("predict")

    def _wants(self, mode: Mode) -> bool:
        return any(
            c.wants_batches(mode) if hasattr(c, "wants_batches") else _overrides_any(c, _BATCH_HOOKS[mode])
            for c in self.callbacks
        )

    def __iter__(self) -> Any:
        return iter(self.callbacks)

    def __len__(self) -> int:
        return len(self.callbacks)

    def append(self, callback: Any) -> None:
        """Add a callback at the end."""
        self.callbacks += _as_list(callback)
        self._look()

    def set_model(self, model: Any) -> None:
        """Tell every callback its model."""
        for callback in self.callbacks:
            callback.set_model(model)

    def set_params(self, params: dict[str, Any]) -> None:
        """Tell every callback the run's parameters."""
        for callback in self.callbacks:
            callback.set_params(params)

    def initial_epoch(self, default: int = 0) -> int:
        """First epoch to run: `default`, or a later one that a callback restored in `on_train_begin`."""
        restored = [getattr(c, "restored_epoch", None) for c in self.callbacks]
        return max([default, *(int(e) for e in restored if e is not None)])

    def on_nonfinite_loss(self, batch: int | None = None) -> bool:
        """Ask whether a callback takes care of a non-finite loss; if so, training should end quietly."""
        handled = [c.on_nonfinite_loss(batch) for c in self.callbacks if hasattr(c, "on_nonfinite_loss")]
        return any(handled)

    def _call(self, hook: str, *args: Any) -> None:
        for callback in self.callbacks:
            method = getattr(callback, hook, None)
            if method is not None:
                method(*args)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Call every callback's `on_train_begin`."""
        self._call("on_train_begin", _given(logs))

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Call every callback's `on_train_end`."""
        self._call("on_train_end", _given(logs))

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Call every callback's `on_epoch_begin`."""
        self._call("on_epoch_begin", epoch, _given(logs))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Call every callback's `on_epoch_end`; what one adds to `logs`, the next ones and the caller see."""
        self._call("on_epoch_end", epoch, _given(logs))

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Call every callback's `on_train_batch_begin`."""
        self._call("on_train_batch_begin", batch, _given(logs))

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Call every callback's `on_train_batch_end`."""
        self._call("on_train_batch_end", batch, _given(logs))

    on_batch_begin = on_train_batch_begin
    on_batch_end = on_train_batch_end

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Call every callback's `on_test_begin`."""
        self._call("on_test_begin", _given(logs))

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Call every callback's `on_test_end`."""
        self._call("on_test_end", _given(logs))

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Call every callback's `on_test_batch_begin`."""
        self._call("on_test_batch_begin", batch, _given(logs))

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Call every callback's `on_test_batch_end`."""
        self._call("on_test_batch_end", batch, _given(logs))

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Call every callback's `on_predict_begin`."""
        self._call("on_predict_begin", _given(logs))

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Call every callback's `on_predict_end`."""
        self._call("on_predict_end", _given(logs))

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Call every callback's `on_predict_batch_begin`."""
        self._call("on_predict_batch_begin", batch, _given(logs))

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Call every callback's `on_predict_batch_end`."""
        self._call("on_predict_batch_end", batch, _given(logs))


def _given(logs: Logs | None) -> Logs:
    return {} if logs is None else logs


def _overrides_any(callback: Any, hooks: Iterable[str]) -> bool:
    """Whether the object's class, or the object itself, has its own version of one of the hooks."""
    for hook in hooks:
        if hook in getattr(callback, "__dict__", {}):
            return True
        own = getattr(type(callback), hook, None)
        if own is not None and own is not getattr(Callback, hook):
            return True
    return False


def _as_list(callbacks: Any) -> list[Any]:
    if callbacks is None:
        return []
    if isinstance(callbacks, CallbackList):
        return list(callbacks.callbacks)
    items = [callbacks] if _is_callback(callbacks) or not isinstance(callbacks, Iterable) else list(callbacks)
    for item in items:
        if isinstance(item, type):
            raise TypeError(
                f"callbacks: got the class {item.__name__}, expected an instance: write {item.__name__}(...)"
            )
        if not _is_callback(item):
            raise TypeError(
                f"callbacks: expected fastnn.callbacks.Callback objects, got {type(item).__name__}; "
                "subclass Callback, or wrap functions in LambdaCallback"
            )
    return items


def _is_callback(item: Any) -> bool:
    # Other libraries' callbacks with the same hooks serve as well.
    if isinstance(item, type):
        return False
    return isinstance(item, Callback) or all(
        callable(getattr(item, hook, None)) for hook in ("set_model", "set_params", "on_epoch_end")
    )
