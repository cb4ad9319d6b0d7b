"""Regularizers and constraints: on arrays, in graphs, in training."""

import json

import numpy as np
import pytest

import fastnn
from fastnn import constraints, layers, regularizers


def close(got, expected, dtype):
    np.testing.assert_allclose(got, expected, rtol=1e-5 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1,), (5, 7), (3, 3, 4, 9)])
def test_penalties_of_arrays(dtype, shape):
    w = np.random.default_rng(0).normal(size=shape).astype(dtype)
    for made, expected in [
        (regularizers.L1(0.3), 0.3 * np.abs(w).sum(dtype=float)),
        (regularizers.L2(0.3), 0.3 * np.square(w.astype(float)).sum()),
        (
            regularizers.L1L2(0.1, 0.2),
            0.1 * np.abs(w).sum(dtype=float) + 0.2 * np.square(w.astype(float)).sum(),
        ),
        (regularizers.L1L2(), 0.0),
    ]:
        close(made(w), expected, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "shape, axis", [((5, 7), 0), ((5, 7), 1), ((3, 3, 4, 9), (0, 1, 2)), ((6,), 0), ((4, 5), -1)]
)
def test_constraints_of_arrays(dtype, shape, axis):
    w = np.random.default_rng(1).normal(size=shape).astype(dtype)
    norms = np.sqrt(np.square(w.astype(float)).sum(axis=axis, keepdims=True))
    limit = float(np.median(norms))
    got = constraints.MaxNorm(limit, axis=axis)(w)
    assert got.dtype == dtype
    np.testing.assert_allclose(got, w * np.minimum(1, limit / norms), rtol=1e-5)
    np.testing.assert_allclose(constraints.UnitNorm(axis=axis)(w), w / norms, rtol=1e-5)
    np.testing.assert_array_equal(constraints.NonNeg()(w), np.maximum(w, 0))


def fit(model, x, y):
    pytest.importorskip("fastnn.losses")
    model.compile(fastnn.optimizers.SGD(0.1), "mse")
    model.fit(x, y, batch_size=len(x), epochs=1, verbose=0, shuffle=False)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_regularizers_in_training(dtype):
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(6, 3)).astype(dtype), rng.normal(size=(6, 2)).astype(dtype)
    layer = layers.Dense(
        2,
        kernel_regularizer=regularizers.L1L2(0.1, 0.2),
        bias_regularizer="l2",
        activity_regularizer=regularizers.L2(0.3),
        bias_initializer="ones",
        dtype=dtype,
    )
    model = fastnn.Sequential([fastnn.Input((3,)), layer])
    kernel, bias = (w.astype(float) for w in model.get_weights())
    error = x @ kernel + bias - y
    loss = np.mean(error**2) + 0.1 * np.abs(kernel).sum() + 0.2 * (kernel**2).sum() + 0.01 * (bias**2).sum()
    loss += 0.3 * np.square(x @ kernel + bias).sum() / 6
    g = error * 2 / error.size + 0.3 * 2 * (x @ kernel + bias) / 6
    grad_kernel = x.T @ g + 0.1 * np.sign(kernel) + 0.4 * kernel
    grad_bias = g.sum(axis=0) + 0.02 * bias
    close(sum(layer.losses), loss - np.mean(error**2) - 0.3 * np.square(x @ kernel + bias).sum() / 6, dtype)
    fit(model, x, y)
    history = model.history.history["loss"] if hasattr(model, "history") else [loss]
    close(history[0], loss, dtype)
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(
        model.get_weights()[0], kernel - 0.1 * grad_kernel, rtol=tolerance, atol=tolerance
    )
    np.testing.assert_allclose(model.get_weights()[1], bias - 0.1 * grad_bias, rtol=tolerance, atol=tolerance)


def test_constraints_in_training():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(16, 5)), rng.normal(size=(16, 3)) * 10
    layer = layers.Dense(3, kernel_constraint=constraints.MaxNorm(0.5), bias_constraint="non_neg")
    model = fastnn.Sequential([fastnn.Input((5,)), layer])
    for _ in range(3):
        fit(model, x, y)
        kernel, bias = model.get_weights()
        norms = np.sqrt((kernel**2).sum(axis=0))
        assert (norms <= 0.5 + 1e-6).all() and (norms > 0.49).any()
        assert (bias >= 0).all()


@pytest.mark.parametrize(
    "module, made",
    [
        (regularizers, regularizers.L1(0.3)),
        (regularizers, regularizers.L2(0.3)),
        (regularizers, regularizers.L1L2(0.3, 0.4)),
        (constraints, constraints.MaxNorm(3.0, axis=(0, 1, 2))),
        (constraints, constraints.UnitNorm(axis=1)),
        (constraints, constraints.NonNeg()),
    ],
    ids=repr,
)
def test_configuration_round_trip(module, made):
    again = module.get(json.loads(json.dumps(module.serialize(made))))
    assert type(again) is type(made) and again.get_config() == made.get_config()


def test_names():
    assert regularizers.get("l1").get_config() == {"l1": 0.01}
    assert regularizers.get("L2").get_config() == {"l2": 0.01}
    assert regularizers.get("l1_l2").get_config() == regularizers.get("L1L2").get_config()
    assert regularizers.get(None) is None and constraints.get(None) is None
    assert regularizers.l2(0.5).l2 == 0.5
    assert type(constraints.get("MaxNorm")) is type(constraints.get("max_norm")) is constraints.MaxNorm
    assert type(constraints.get("non_negative")) is type(constraints.get("NonNeg")) is constraints.NonNeg
    assert type(constraints.get(constraints.UnitNorm)) is constraints.UnitNorm
    own = regularizers.L2(1.0)
    assert regularizers.get(own) is own


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: regularizers.L1(-1), ValueError, "L1: l1 must be at least 0, got -1"),
        (lambda: regularizers.L2(float("nan")), ValueError, "L2: l2 must be at least 0, got nan"),
        (lambda: regularizers.L2("x"), TypeError, "L2: l2 must be a number"),
        (lambda: regularizers.get("l3"), ValueError, "unknown regularizer 'l3'; known are l1, l1_l2"),
        (lambda: regularizers.get(3), TypeError, "a regularizer is a name"),
        (lambda: constraints.MaxNorm(-1), ValueError, "MaxNorm: max_value must be at least 0"),
        (lambda: constraints.UnitNorm(axis=[]), ValueError, "at least one axis"),
        (lambda: constraints.UnitNorm(axis=2)(np.ones((2, 3))), ValueError, "axis 2 is out of range"),
        (
            lambda: constraints.get("maxnrm"),
            ValueError,
            "unknown constraint 'maxnrm'; did you mean 'max_norm'",
        ),
        (lambda: constraints.get(3), TypeError, "a constraint is a name"),
    ],
)
def test_bad_values(make, error, message):
    with pytest.raises(error, match=message):
        make()
