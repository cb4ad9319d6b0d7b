"""Callbacks, tried on a stand-in for a model: the base, the list, and what fits in few lines."""

import math

import pytest
from train.callback_fakes import Recorder, losses, run

from fastnn.callbacks import (
    BackupAndRestore,
    Callback,
    CallbackList,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TerminateOnNaN,
    Timing,
)


def test_hooks_are_called_in_order_with_model_and_params():
    recorder = Recorder()
    model, _ = run([recorder], losses(3.0, 2.0))
    assert recorder.model is model
    assert recorder.params["epochs"] == 2
    assert recorder.calls == [
        "train_begin",
        ("epoch_end", 0, {"loss": 1.0, "val_loss": 3.0}),
        ("epoch_end", 1, {"loss": 1.0, "val_loss": 2.0}),
        ("train_end", {"loss": 1.0, "val_loss": 2.0}),
    ]


@pytest.mark.parametrize(
    "hook", ["on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"]
)
def test_needs_batches_only_when_a_batch_hook_is_overridden(hook):
    seen = []

    def method(self, batch, logs=None):
        seen.append(batch)

    watching = type("Watching", (Callback,), {hook: method})()
    assert not CallbackList([Recorder()]).needs_batches
    hooks = CallbackList([Recorder(), watching])
    assert hooks.needs_batches and not hooks.needs_test_batches and not hooks.needs_predict_batches
    run([watching], losses(1.0), batches=3)
    assert seen == [0, 1, 2]


def test_needs_test_and_predict_batches():
    test = LambdaCallback(on_test_batch_end=lambda batch, logs: None)
    predict = LambdaCallback(on_predict_batch_begin=lambda batch, logs: None)
    assert CallbackList([test]).needs_test_batches
    assert CallbackList([predict]).needs_predict_batches
    assert not CallbackList([test, predict]).needs_batches
    hooks = CallbackList([])
    hooks.append(test)
    assert hooks.needs_test_batches


def test_no_built_in_callback_needs_batches_by_default(tmp_path):
    built_in = [
        EarlyStopping(), ModelCheckpoint(tmp_path / "m"), ReduceLROnPlateau(), History(), Timing(),
        TerminateOnNaN(), LearningRateScheduler(lambda e: 0.1), CSVLogger(tmp_path / "c.csv"),
        BackupAndRestore(tmp_path / "b"), LambdaCallback(on_epoch_end=lambda epoch, logs: None),
    ]  # fmt: skip
    hooks = CallbackList(built_in)
    assert not (hooks.needs_batches or hooks.needs_test_batches or hooks.needs_predict_batches)


def test_list_takes_one_callback_none_or_a_list_object():
    recorder = Recorder()
    assert len(CallbackList(None)) == 0
    assert list(CallbackList(recorder)) == [recorder]
    assert list(CallbackList(CallbackList((recorder,)))) == [recorder]


def test_list_refuses_what_is_not_a_callback():
    with pytest.raises(TypeError, match=r"class EarlyStopping.*write EarlyStopping\("):
        CallbackList([EarlyStopping])
    with pytest.raises(TypeError, match="class History"):
        CallbackList(History)
    with pytest.raises(TypeError, match="got int"):
        CallbackList([3])
    with pytest.raises(TypeError, match="got function"):
        CallbackList(lambda: None)


def test_list_takes_foreign_objects_with_the_same_hooks():
    class Foreign:
        seen = ()

        def set_model(self, model): ...
        def set_params(self, params): ...
        def on_epoch_end(self, epoch, logs=None):
            self.seen = (*self.seen, epoch)

    foreign = Foreign()
    run([foreign], losses(1.0, 1.0))
    assert foreign.seen == (0, 1)
    assert not CallbackList(foreign).needs_batches


def test_history_comes_last_and_sees_added_logs():
    adding = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(extra=epoch * 10))
    _, history = run([adding], losses(3.0, 2.0))
    assert history.history == {"loss": [1.0, 1.0], "val_loss": [3.0, 2.0], "extra": [0, 10]}
    assert history.epoch == [0, 1]


def test_lambda_callback():
    seen = []
    callback = LambdaCallback(
        on_train_begin=lambda logs: seen.append("begin"),
        on_train_batch_end=lambda batch, logs: seen.append(batch),
        on_test_begin=lambda logs: seen.append("test"),
    )
    hooks = CallbackList([callback])
    assert hooks.needs_batches
    hooks.on_train_begin()
    hooks.on_train_batch_end(7, {})
    hooks.on_test_begin()
    assert seen == ["begin", 7, "test"]
    with pytest.raises(TypeError, match=r"on_epoch_ends.*did you mean on_epoch_end"):
        LambdaCallback(on_epoch_ends=print)
    with pytest.raises(TypeError, match="on_epoch_end must be callable"):
        LambdaCallback(on_epoch_end=3)


def test_timing():
    timing = Timing(add_to_logs=True)
    timing.set_params({"steps": 10, "samples": 1280})
    timing.on_train_begin()
    timing.on_epoch_begin(0)
    timing.on_test_begin()
    timing.on_test_end()
    logs = {}
    timing.on_epoch_end(0, logs)
    assert 0 < timing.train_seconds[0] <= timing.seconds[0]
    assert timing.samples_per_second[0] == pytest.approx(128 * timing.steps_per_second[0])
    assert set(logs) == {"seconds", "steps_per_second", "samples_per_second"}
    timing.set_params({"steps": None})
    timing.on_epoch_end(1, {})
    assert math.isnan(timing.steps_per_second[1])
