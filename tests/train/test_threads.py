"""The same bits from 1, 2, 3 and 4 threads, by nets that are large enough to be shared among four."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import fastnn
from fastnn import Augmentation, _core, layers

SIDE, BATCH, SAMPLES = 12, 50, 170  # the last batch is smaller
rng = np.random.default_rng(0)
IMAGES = rng.integers(0, 256, (SAMPLES, SIDE, SIDE, 1)).astype("uint8")
LABELS = rng.integers(0, 4, SAMPLES)
COUNTS = (1, 2, 3, 4)


@pytest.fixture(autouse=True)
def keep_threads():
    before = _core.num_threads()
    yield
    _core.set_num_threads(before)


def convolutional():
    return [
        layers.Rescaling(1 / 255),
        layers.Conv2D(8, 3, kernel_constraint="max_norm", use_bias=False),
        layers.BatchNormalization(),
        layers.Activation("relu"),
        layers.MaxPooling2D(),
        layers.Dropout(0.3),
        layers.Conv2D(12, 3, activation="relu", kernel_regularizer="l2"),
        layers.Flatten(),
        layers.LayerNormalization(),
        layers.Dense(4, activation="softmax"),
    ]


def dense():
    return [
        layers.Flatten(),
        layers.Rescaling(1 / 255),
        layers.Dense(96, "tanh", kernel_constraint="unit_norm"),
        layers.BatchNormalization(),
        layers.GaussianNoise(0.1),
        layers.Dense(64, "gelu"),
        layers.Dropout(0.2),
        layers.Dense(4, activation="softmax"),
    ]


OPTIMIZERS = {
    "adam with averages": lambda: fastnn.optimizers.Adam(0.01, use_ema=True, ema_overwrite_frequency=3),
    "momentum, clipped": lambda: fastnn.optimizers.SGD(
        0.05, momentum=0.9, nesterov=True, global_clipnorm=0.5, gradient_accumulation_steps=2
    ),
}


def network(make, optimizer="adam with averages"):
    fastnn.utils.set_random_seed(7)
    model = fastnn.Sequential([layers.Input((SIDE, SIDE, 1)), *make()])
    model.compile(OPTIMIZERS[optimizer](), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def assert_worth_four(flops, in_long_region):
    _core.set_num_threads(4)
    assert _core.useful_threads(flops, in_long_region) == 4, f"only {flops:.3g} operations"


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("make", [convolutional, dense])
def test_training(make, optimizer):
    made = []
    for count in COUNTS:
        _core.set_num_threads(count)
        model = network(make, optimizer)
        augment = Augmentation(shift=2, rotation=20, noise=0.05, cutout=3, seed=3)
        history = model.fit(
            IMAGES, LABELS, batch_size=BATCH, epochs=2, validation_split=0.1, augment=augment, verbose=0
        ).history
        made.append((history, model.get_weights()))
    for loop in model._loops.values():
        assert_worth_four(loop.trainer.flops(BATCH), True)
    for history, weights in made[1:]:
        assert history == made[0][0]
        for got, expected in zip(weights, made[0][1], strict=True):
            assert np.array_equal(got, expected)


@pytest.mark.parametrize("make", [convolutional, dense])
def test_prediction_and_gradients(make):
    x = np.tile(IMAGES, (3, 1, 1, 1))
    found = []
    for count in COUNTS:
        _core.set_num_threads(count)
        model = network(make)
        predicted = model.predict(x, batch_size=256, verbose=0)
        dx, gradients = model.vjp(x.astype("float32"), np.ones_like(predicted))
        scores = model.evaluate(x, np.tile(LABELS, 3), verbose=0)
        found.append([predicted, dx, *gradients, *model.get_weights(), np.asarray(scores)])
    assert_worth_four(model._prediction_function([x])[0].flops(256), False)
    for other in found[1:]:
        for got, expected in zip(other, found[0], strict=True):
            assert np.array_equal(got, expected)


def test_prediction_from_many_threads_of_python():
    _core.set_num_threads(3)
    model = network(convolutional)
    x = np.tile(IMAGES, (3, 1, 1, 1))
    expected = model.predict(x, batch_size=256, verbose=0)
    assert_worth_four(model._prediction_function([x])[0].flops(256), False)
    wrong = []

    def work():
        for _ in range(5):
            if not np.array_equal(model.predict(x, batch_size=256, verbose=0), expected):
                wrong.append(1)

    callers = [threading.Thread(target=work) for _ in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


def test_many_more_threads_than_cores_are_capped_with_a_warning():
    most = 4 * _core.available_cores()
    with pytest.warns(UserWarning, match=rf"runs will use {most} threads") as caught:
        fastnn.set_num_threads(1000)
    assert caught[0].filename == __file__
    assert fastnn.num_threads() == most
    weights = []
    for count in (most, 1):
        fastnn.set_num_threads(count)  # without a warning
        model = network(dense)
        model.fit(IMAGES, LABELS, batch_size=BATCH, epochs=1, verbose=0)
        weights.append(model.get_weights())
    for many, one in zip(*weights, strict=True):
        np.testing.assert_array_equal(many, one)


@pytest.mark.parametrize("count", ["2", 2.0, None, True])
def test_counts_that_are_no_integers(count):
    with pytest.raises(TypeError, match="set_num_threads: count must be an integer, got"):
        fastnn.set_num_threads(count)


@pytest.mark.parametrize("count", [0, -2, 5000, 10**12])
def test_counts_out_of_bounds(count):
    with pytest.raises(ValueError, match=f"set_num_threads: count must be between 1 and 4096, got {count}"):
        fastnn.set_num_threads(count)


def run_with(**variables):
    program = "import fastnn; print(fastnn.num_threads())"
    environment = {k: v for k, v in os.environ.items() if k not in ("FASTNN_NUM_THREADS", "OMP_NUM_THREADS")}
    return subprocess.run(
        [sys.executable, "-c", program], env=environment | variables, capture_output=True, text=True
    )


@pytest.mark.parametrize("value", ["abc", "0", "-2", "2x", "1e3"])
def test_the_environments_count_must_be_right(value):
    done = run_with(FASTNN_NUM_THREADS=value)
    assert done.returncode == 1
    assert f"FASTNN_NUM_THREADS must be a whole number between 1 and 4096, got '{value}'" in done.stderr


def test_the_environments_count_is_capped():
    assert run_with(FASTNN_NUM_THREADS="3").stdout == "3\n"
    assert run_with(FASTNN_NUM_THREADS="", OMP_NUM_THREADS="2,1").stdout == "2\n"
    assert run_with(OMP_NUM_THREADS="1000").stdout == f"{_core.max_threads()}\n"
