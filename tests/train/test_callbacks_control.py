"""Callbacks that stop training or change its rate, tried on a stand-in for a model."""

import functools
import math

import numpy as np
import pytest
from train.callback_fakes import FakeModel, Recorder, losses, run

from fastnn.callbacks import (
    CallbackList,
    EarlyStopping,
    LearningRateScheduler,
    ReduceLROnPlateau,
    TerminateOnNaN,
)


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
