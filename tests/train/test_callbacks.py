"""Callbacks, tried on a stand-in for a model: their hooks, what they do and what they refuse."""

import csv
import functools
import importlib
import json
import math
import os
import warnings

import numpy as np
import pytest

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
    TensorBoard,
    TerminateOnNaN,
    Timing,
)


class FakeOptimizer:
    learning_rate = 0.1


class FakeLayer:
    name = "dense"

    def get_weights(self):
        return [np.arange(6.0).reshape(2, 3), np.zeros(3)]


class FakeModel:
    """Has the face that callbacks use; its one weight counts the epochs."""

    name = "fake"

    def __init__(self):
        self.optimizer = FakeOptimizer()
        self.layers = [FakeLayer()]
        self.stop_training = False
        self.weights = [np.zeros(1)]
        self.epochs_done = 0
        self.saved = []

    def get_weights(self):
        return [w.copy() for w in self.weights]

    def set_weights(self, weights):
        self.weights = [np.array(w) for w in weights]

    def save(self, path):
        with open(path, "w") as file:
            json.dump({"epoch": self.epochs_done, "w": self.weights[0].tolist()}, file)
        self.saved.append(str(path))

    def save_weights(self, path):
        self.save(path)
        self.saved[-1] = "weights:" + self.saved[-1]

    def _restore_training_state(self, path):
        with open(path) as file:
            state = json.load(file)
        self.weights = [np.array(state["w"])]
        self.epochs_done = state["epoch"]
        return state["epoch"]


def run(callbacks, logs_by_epoch, model=None, batches=0, initial_epoch=0, die_after=None):
    """Do what `fit` does with callbacks; return the model and the history."""
    model = model or FakeModel()
    model.stop_training = False
    history = History()
    hooks = CallbackList(callbacks, model, {"epochs": len(logs_by_epoch), "steps": batches or None}, history)
    hooks.on_train_begin()
    logs = {}
    for epoch in range(hooks.initial_epoch(initial_epoch), len(logs_by_epoch)):
        hooks.on_epoch_begin(epoch)
        for batch in range(batches):
            hooks.on_train_batch_begin(batch)
            hooks.on_train_batch_end(batch, {"loss": 1.0 / (batch + 1)})
        model.weights[0] += 1
        model.epochs_done = epoch + 1
        logs = dict(logs_by_epoch[epoch])
        hooks.on_epoch_end(epoch, logs)
        if die_after == epoch:
            raise KeyboardInterrupt
        if model.stop_training:
            break
    hooks.on_train_end(logs)
    return model, history


def losses(*values, name="val_loss"):
    return [{"loss": 1.0, name: v} for v in values]


# The base and the list -----------------------------------------------------------------------------


class Recorder(Callback):
    def __init__(self):
        super().__init__()
        self.calls = []

    def on_train_begin(self, logs=None):
        self.calls.append("train_begin")

    def on_epoch_end(self, epoch, logs=None):
        self.calls.append(("epoch_end", epoch, dict(logs)))

    def on_train_end(self, logs=None):
        self.calls.append(("train_end", dict(logs)))


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


# Stopping -------------------------------------------------------------------------------------------


def test_early_stopping_stops_after_patience():
    stop = EarlyStopping(patience=2)
    _, history = run([stop], losses(5, 4, 3, 3.5, 3.2, 1, 0))
    assert history.epoch == [0, 1, 2, 3, 4]
    assert (stop.stopped_epoch, stop.best, stop.best_epoch) == (4, 3, 2)


def test_early_stopping_restores_best_weights_with_and_without_stopping():
    for values, best in [((5, 1, 2, 3), 2), ((5, 1, 2), 2), ((1, 2, 3), 1)]:
        model, _ = run([EarlyStopping(patience=2, restore_best_weights=True)], losses(*values))
        assert model.weights[0][0] == best
    model, _ = run([EarlyStopping(patience=2)], losses(5, 1, 2, 3))
    assert model.weights[0][0] == 4


@pytest.mark.parametrize(
    "monitor",
    ["val_accuracy", "acc", "auc_1", "val_top_k_categorical_accuracy", "f1_score", "cosine_similarity"],
)
def test_auto_mode_rises(monitor):
    stop = EarlyStopping(monitor, patience=1)
    _, history = run([stop], losses(0.5, 0.6, 0.55, 0.9, name=monitor))
    assert len(history.epoch) == 3 and stop.best == 0.6


@pytest.mark.parametrize("monitor", ["val_loss", "loss_1", "mean_squared_error", "mae", "val_accuracy_loss"])
def test_auto_mode_falls(monitor):
    stop = EarlyStopping(monitor, patience=1)
    _, history = run([stop], losses(0.5, 0.4, 0.45, 0.1, name=monitor))
    assert len(history.epoch) == 3 and stop.best == 0.4


def test_unknown_direction_is_refused_before_training_unless_the_metric_or_user_tells():
    with pytest.raises(ValueError, match="mode='min' or mode='max'"):
        run([EarlyStopping("val_goodness")], [])
    run([EarlyStopping("val_goodness", mode="max")], [])
    model = FakeModel()
    model.metrics = [type("Metric", (), {"name": "goodness", "direction": "up"})()]
    stop = EarlyStopping("val_goodness", patience=5)
    run([stop], losses(1, 2, name="val_goodness"), model)
    assert stop.best == 2


def test_early_stopping_min_delta_baseline_and_start():
    stop = EarlyStopping(min_delta=0.5, patience=2)
    _, history = run([stop], losses(5, 4.8, 4.6, 4.4))
    assert len(history.epoch) == 3 and stop.best == 5
    _, history = run([EarlyStopping(patience=2, baseline=2)], losses(5, 4, 3, 1))
    assert len(history.epoch) == 2
    _, history = run([EarlyStopping(patience=1, start_from_epoch=3)], losses(1, 2, 3, 4, 5, 6))
    assert len(history.epoch) == 5


def test_early_stopping_ignores_nan_and_can_be_used_again():
    stop = EarlyStopping(patience=3)
    run([stop], losses(math.nan, 2, math.nan, 1))
    assert stop.best == 1
    run([stop], losses(7, 6))
    assert stop.best == 6


def test_unknown_monitor_warns_once_and_names_the_known():
    with pytest.warns(
        UserWarning, match=r"'val_loss' is not available; available are: loss, acc\..*valid"
    ) as caught:
        _, history = run([EarlyStopping()], [{"loss": 1.0, "acc": 0.5}] * 3)
    assert len(caught) == 1 and len(history.epoch) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"mode": "up"}, "mode must be"),
        ({"patience": -1}, "patience must be an integer of at least 0, got -1"),
        ({"patience": 1.5}, "patience"),
        ({"patience": True}, "patience"),
        ({"min_delta": "a"}, "min_delta must be a number"),
        ({"baseline": math.nan}, "baseline"),
        ({"start_from_epoch": -2}, "start_from_epoch"),
        ({"monitor": ""}, "monitor"),
    ],
)
def test_early_stopping_refuses(arguments, words):
    with pytest.raises(ValueError, match="EarlyStopping: .*" + words):
        EarlyStopping(**arguments)


def test_terminate_on_nan(capsys):
    guard = TerminateOnNaN()
    _, history = run([guard], [{"loss": 1.0}, {"loss": math.inf}, {"loss": 1.0}])
    assert len(history.epoch) == 2 and guard.terminated
    assert "terminating training" in capsys.readouterr().out
    model = FakeModel()
    assert not CallbackList([Recorder()], model).on_nonfinite_loss(3)
    assert CallbackList([Recorder(), guard], model).on_nonfinite_loss(3) and model.stop_training
    assert "batch 3" in capsys.readouterr().out


def test_terminate_on_nan_can_raise():
    import fastnn

    guard = TerminateOnNaN(raise_error=True)
    with pytest.raises(RuntimeError, match="loss is inf"):
        run([guard], [{"loss": 1.0}, {"loss": math.inf}])
    assert guard.terminated
    model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.full((4, 2), np.nan), np.zeros((4, 1))
    model.fit(x, y, verbose=0, callbacks=[TerminateOnNaN()])
    with pytest.raises(fastnn.errors.NonFiniteLossError, match="epoch 1, step 1"):
        model.fit(x, y, verbose=0, callbacks=[guard])


# Learning rates -------------------------------------------------------------------------------------


def test_reduce_lr_on_plateau():
    reduce = ReduceLROnPlateau(factor=0.5, patience=2, min_lr=0.03)
    model, history = run([reduce], losses(1, 1, 1, 1, 1, 1, 1))
    assert history.history["learning_rate"] == pytest.approx([0.1, 0.1, 0.1, 0.05, 0.05, 0.03, 0.03])
    assert model.optimizer.learning_rate == 0.03


def test_reduce_lr_cooldown_and_verbose(capsys):
    reduce = ReduceLROnPlateau(factor=0.5, patience=1, cooldown=3, verbose=1)
    model, _ = run([reduce], losses(1, 1, 1, 1))
    assert model.optimizer.learning_rate == 0.05
    assert capsys.readouterr().out == "Epoch 2: reducing the learning rate from 0.1 to 0.05\n"


def test_reduce_lr_refuses():
    for arguments in ({"factor": 1.0}, {"factor": -0.1}, {"cooldown": -1}, {"min_lr": -1}, {"patience": "x"}):
        with pytest.raises(ValueError, match=f"ReduceLROnPlateau: {next(iter(arguments))}"):
            ReduceLROnPlateau(**arguments)


def test_learning_rate_scheduler_one_or_two_arguments(capsys):
    _, history = run([LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1))], losses(1, 1))
    assert history.history["learning_rate"] == [0.1, 0.05]
    _, history = run([LearningRateScheduler(lambda epoch, lr: lr / 2, verbose=1)], losses(1, 1))
    assert history.history["learning_rate"] == [0.05, 0.025]
    assert "Epoch 2: setting the learning rate to 0.025" in capsys.readouterr().out
    run([LearningRateScheduler(lambda epoch: np.float32(0.1))], losses(1))


def test_learning_rate_scheduler_refuses():
    with pytest.raises(TypeError, match="callable"):
        LearningRateScheduler(0.1)

    def give(rate, epoch):
        return rate

    for bad in (None, "0.1", -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match=r"LearningRateScheduler.*epoch 0"):
            run([LearningRateScheduler(functools.partial(give, bad))], losses(1))

    def broken(epoch, lr):
        raise TypeError("mine")

    with pytest.raises(TypeError, match="mine"):
        run([LearningRateScheduler(broken)], losses(1))


# Files ----------------------------------------------------------------------------------------------


def test_csv_logger(tmp_path):
    path = tmp_path / "new" / "log.csv"
    run([CSVLogger(path)], losses(3.0, 2.0))
    assert path.read_text() == "epoch,loss,val_loss\n0,1.0,3.0\n1,1.0,2.0\n"
    run([CSVLogger(path)], losses(9.0))
    assert path.read_text() == "epoch,loss,val_loss\n0,1.0,9.0\n"


def test_csv_logger_append_new_columns_missing_values_and_separator(tmp_path):
    path = tmp_path / "log.csv"
    run([CSVLogger(path, separator=";", append=True)], [{"loss": 1.0}])
    run(
        [CSVLogger(path, separator=";", append=True)],
        [{}, {"loss": np.float32(0.5), "val_loss": 2, "cm": np.eye(2)}, {"val_loss": 1}],
        initial_epoch=1,
    )
    with open(path, newline="") as file:
        assert list(csv.reader(file, delimiter=";")) == [
            ["epoch", "loss", "val_loss", "cm"],
            ["0", "1.0", "NA", "NA"],
            ["1", "0.5", "2", "[[1.0, 0.0], [0.0, 1.0]]"],
            ["2", "NA", "1", "NA"],
        ]


def test_csv_logger_refuses(tmp_path):
    for separator in ("", ",,", '"', 3):
        with pytest.raises(ValueError, match="separator"):
            CSVLogger(tmp_path / "x.csv", separator=separator)
    (tmp_path / "foreign.csv").write_text("name,age\n")
    with pytest.raises(ValueError, match="cannot append"):
        run([CSVLogger(tmp_path / "foreign.csv", append=True)], losses(1))
    assert (tmp_path / "foreign.csv").read_text() == "name,age\n"


def test_checkpoint_every_epoch_with_names(tmp_path):
    check = ModelCheckpoint(tmp_path / "sub" / "m-{epoch:02d}-{val_loss:.2f}.safetensors")
    run([check], losses(0.256, 0.1))
    assert sorted(os.listdir(tmp_path / "sub")) == ["m-01-0.26.safetensors", "m-02-0.10.safetensors"]
    assert check.last_path.endswith("m-02-0.10.safetensors")


def test_checkpoint_best_only_weights_only_and_threshold(tmp_path, capsys):
    path = str(tmp_path / "best-{epoch}")
    check = ModelCheckpoint(path, save_best_only=True, save_weights_only=True, verbose=1)
    model, _ = run([check], losses(3, 4, 2))
    assert model.saved == [f"weights:{tmp_path}/best-1", f"weights:{tmp_path}/best-3"]
    out = capsys.readouterr().out
    assert "val_loss improved from 3 to 2" in out and "did not improve on 3" in out
    check = ModelCheckpoint(path, save_best_only=True, initial_value_threshold=2.5)
    model, _ = run([check], losses(3, 2))
    assert model.saved == [f"{tmp_path}/best-2"]
    check = ModelCheckpoint(path, monitor="val_accuracy", save_best_only=True)
    model, _ = run([check], losses(0.5, 0.4, 0.6, name="val_accuracy"))
    assert model.saved == [f"{tmp_path}/best-1", f"{tmp_path}/best-3"]


def test_checkpoint_every_n(tmp_path):
    model, _ = run([ModelCheckpoint(tmp_path / "{epoch}", every_n_epochs=2)], losses(*range(5)))
    assert [os.path.basename(p) for p in model.saved] == ["2", "4"]
    check = ModelCheckpoint(tmp_path / "{epoch}-{batch}", save_freq=4)
    assert CallbackList(check).needs_batches
    model, _ = run([check], losses(1, 1), batches=5)
    assert [os.path.basename(p) for p in model.saved] == ["1-4", "2-3"]


def test_checkpoint_warns_or_refuses(tmp_path):
    with pytest.warns(UserWarning, match="'val_loss' is not available"):
        model, _ = run([ModelCheckpoint(tmp_path / "m", save_best_only=True)], [{"loss": 1}])
    assert model.saved == []
    with pytest.raises(ValueError, match=r"needs 'val_los', .*available are: loss, val_loss, epoch"):
        run([ModelCheckpoint(tmp_path / "{val_los}")], losses(1))
    for arguments in ({"save_freq": 0}, {"save_freq": "batch"}, {"every_n_epochs": 0}, {"mode": "best"}):
        with pytest.raises(ValueError, match=f"ModelCheckpoint: {next(iter(arguments))}"):
            ModelCheckpoint(tmp_path / "m", **arguments)
    with pytest.raises(ValueError, match="not a valid format"):
        ModelCheckpoint("m-{epoch")


def test_backup_restores_after_an_interruption(tmp_path):
    folder = tmp_path / "backup"
    with pytest.raises(KeyboardInterrupt):
        run([BackupAndRestore(folder)], losses(*range(5)), die_after=2)
    assert os.listdir(folder) == ["backup.safetensors"]
    backup = BackupAndRestore(folder)
    model, history = run([backup], losses(*range(5)))
    assert history.epoch == [3, 4] and backup.restored_epoch == 3
    assert model.weights[0][0] == 5
    assert not folder.exists()


def test_backup_keeps_the_last_whole_file_when_saving_fails(tmp_path):
    model = FakeModel()

    def failing_save(path, save=model.save):
        save(path)
        if model.epochs_done == 2:
            raise OSError("disk full")

    model.save = failing_save
    with pytest.raises(OSError, match="disk full"):
        run([BackupAndRestore(tmp_path)], losses(*range(3)), model)
    assert os.listdir(tmp_path) == ["backup.safetensors"]
    assert json.loads((tmp_path / "backup.safetensors").read_text())["epoch"] == 1


def test_backup_options(tmp_path):
    run([BackupAndRestore(tmp_path / "a", delete_checkpoint=False)], losses(1))
    assert os.listdir(tmp_path / "a") == ["backup.safetensors"]
    backup = BackupAndRestore(tmp_path / "b", save_freq=2)
    assert CallbackList(backup).needs_batches
    model, _ = run([backup], losses(1), batches=5)
    assert len(model.saved) == 2
    with pytest.raises(ValueError, match="save_freq"):
        BackupAndRestore(tmp_path, -1, True, delete_checkpoint=False)
    with pytest.raises(ValueError, match="backup_dir"):
        BackupAndRestore("")


def test_tensorboard_writes_events(tmp_path):
    pytest.importorskip("tensorboardX")
    board = TensorBoard(
        tmp_path, 1, False, False, write_steps_per_second=True, update_freq=2, profile_batch=0
    )
    assert CallbackList(board).needs_batches
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tensorboardX's own
        run([board], losses(1.0, 0.5), batches=4)
    for part in ("train", "validation"):
        (events,) = (tmp_path / part).iterdir()
        content = events.read_bytes()
        assert b"epoch_loss" in content
        assert (b"batch_loss" in content) == (b"dense/0" in content) == (part == "train")


def test_tensorboard_without_tensorboardx_or_with_bad_arguments(monkeypatch, tmp_path):
    def missing(name):
        raise ImportError(name)

    with pytest.raises(ValueError, match="update_freq"):
        TensorBoard(tmp_path, update_freq="step")
    for unsupported in ({"write_images": True}, {"profile_batch": (2, 4)}, {"embeddings_freq": 1}):
        (name,) = unsupported
        with pytest.raises(ValueError, match=f"TensorBoard: {name}=.* is not supported"):
            TensorBoard(tmp_path, **unsupported)
    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ImportError, match=r"pip install 'fastnn\[tensorboard\]'"):
        TensorBoard(tmp_path)


# The rest -------------------------------------------------------------------------------------------


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
