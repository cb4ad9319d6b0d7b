"""`Model.profile` and the table that FASTNN_PROFILE asks for."""

import os
import subprocess
import sys

import numpy as np
import pytest

import fastnn
from fastnn import layers


def model():
    made = fastnn.Sequential(
        [layers.Input((6,)), layers.Dense(5, "relu"), layers.BatchNormalization(), layers.Dense(3)]
    )
    made.compile("adam", fastnn.losses.SparseCategoricalCrossentropy(from_logits=True))
    return made


def test_every_step_of_training_is_in_the_table():
    made = model()
    x, y = np.ones((40, 6), "float32"), np.zeros(40, "int32")
    profile = made.profile(x, y, batch_size=16, epochs=2)
    assert profile.steps == 6
    ops = {row["op"] for row in profile.rows}
    assert {"gather", "dense", "dense_grad_kernel", "barrier", "update"} <= ops
    assert all(row["calls"] > 0 and row["seconds"] >= 0 for row in profile.rows)
    # 2 * 6 * 5 operations a sample in the first layer
    first = next(row for row in profile.rows if row["op"] == "dense" and "dense" in row["layer"])
    assert first["flops"] == 2 * 6 * 5 * 40 * 2
    text = str(profile)
    assert "GFLOP/s" in text and "dense_grad_kernel" in text and "6 steps" in text


def test_inference_has_no_gradients():
    rows = model().profile(batch_size=16, training=False).rows
    assert not any("grad" in row["op"] or row["op"] == "update" for row in rows)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_winograds_form_is_named(policy):
    made = fastnn.Sequential(
        [
            layers.Input((16, 16, 1)),
            layers.Conv2D(32, 3, padding="same", dtype=policy),
            layers.Conv2D(64, 3, padding="same", dtype=policy, name="second"),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    made.compile("adam", "mse")
    profile = made.profile(np.ones((16, 16, 16, 1), "float32"), np.ones((16, 2), "float32"), batch_size=16)
    named = {(row["op"], row["layer"]) for row in profile.rows if row["form"] == "winograd"}
    ops = {"conv2d", "conv2d_grad_input", "conv2d_grad_kernel"}
    assert named == {(op, "Conv2D 'second'") for op in ops}
    assert "conv2d_grad_kernel winograd" in str(profile)


def test_the_model_stays_as_it_is():
    made = model()
    x, y = np.random.default_rng(0).normal(size=(40, 6)), np.zeros(40, "int32")
    made.fit(x, y, verbose=0)
    before, steps = made.get_weights(), made.optimizer.iterations
    made.profile(x, y, batch_size=8)
    assert made.optimizer.iterations == steps
    for a, b in zip(before, made.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_misuse_is_named():
    made = fastnn.Sequential([layers.Input((6,)), layers.Dense(3)])
    with pytest.raises(RuntimeError, match="not compiled"):
        made.profile()
    with pytest.raises(ValueError, match="batch_size"):
        model().profile(batch_size=0)
    with pytest.raises(TypeError, match="arrays"):
        model().profile(iter([(np.ones((2, 6)), np.zeros(2))]))


def test_the_environment_asks_for_a_table_after_fit():
    code = (
        "import numpy as np, fastnn; m = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1)]);"
        "m.compile('sgd', 'mse'); m.fit(np.ones((8, 2)), np.ones((8, 1)), verbose=0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "FASTNN_PROFILE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "1 steps in" in done.stderr and "dense_grad_kernel" in done.stderr
