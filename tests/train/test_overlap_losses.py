"""Dice, Tversky and circle losses against NumPy: values, weights, reductions, gradients, configuration."""

import numpy as np
import pytest

import fastnn
from fastnn import layers, losses, optimizers

RANDOM = np.random.default_rng(8)


def tversky(y, p, alpha=0.5, beta=0.5, axis=None):
    both = (y * p).sum(axis)
    wrong, missed = ((1 - y) * p).sum(axis), (y * (1 - p)).sum(axis)
    return 1 - both / (both + alpha * wrong + beta * missed + 1e-7)


def dice(y, p, axis=None):
    return 1 - 2 * (y * p).sum(axis) / (y.sum(axis) + p.sum(axis) + 1e-7)


def circle(ids, x, gamma=80.0, margin=0.4, remove_diagonal=True):
    found = np.zeros(len(x))
    for i in range(len(x)):
        alike, other = [], []
        for j in range(len(x)):
            s = x[i] @ x[j]
            if ids[i] != ids[j]:
                other.append(gamma * max(s + margin, 0) * (s - margin))
            elif i != j or not remove_diagonal:
                alike.append(-gamma * max(1 + margin - s, 0) * (s - 1 + margin))
        if alike and other:
            found[i] = np.logaddexp(0, np.logaddexp.reduce(alike) + np.logaddexp.reduce(other))
    return found


KINDS = [
    (losses.Dice, dice, {}),
    (losses.Tversky, tversky, {}),
    (losses.Tversky, tversky, {"alpha": 0.2, "beta": 1.5}),
]


def images(samples):
    y = (RANDOM.random((samples, 5, 3, 2)) < 0.4).astype("float64")
    return y, RANDOM.random(y.shape)


@pytest.mark.parametrize(("cls", "formula", "options"), KINDS)
@pytest.mark.parametrize("samples", [1, 3, 17])
def test_overlap(cls, formula, options, samples):
    y, p = images(samples)
    weight = RANDOM.random(samples) + 0.5
    whole = formula(y, p, **options)
    for reduction in ("sum", "sum_over_batch_size", "mean", "mean_with_sample_weight", None):
        assert cls(reduction=reduction, **options)(y, p) == pytest.approx(whole)
    assert cls(**options)(y, p, weight) == pytest.approx(whole * weight.mean())
    assert cls(reduction="sum", **options)(y, p, weight) == pytest.approx(whole * weight.sum())
    np.testing.assert_allclose(cls(reduction=None, **options)(y, p, weight), whole * weight)
    for axis in ((1, 2, 3), (1, 2), 2, -1, [-3, -2]):
        places = tuple(np.atleast_1d(axis))
        expected = formula(y, p, axis=places, **options)
        np.testing.assert_allclose(cls(reduction=None, axis=axis, **options)(y, p), expected)
        assert cls(axis=axis, **options)(y, p) == pytest.approx(expected.mean())
        assert cls(axis=axis, reduction="sum", **options)(y, p) == pytest.approx(expected.sum())
    expected = formula(y, p, axis=(1, 2, 3), **options)
    weighted = cls(axis=(1, 2, 3), **options)(y, p, weight)
    assert weighted == pytest.approx((expected * weight).mean())
    single = cls(**options)(y.astype("float32"), p.astype("float32"))
    assert single == pytest.approx(whole, rel=1e-5)
    function = getattr(losses, cls.__name__.lower())
    assert function(y, p, **options) == pytest.approx(whole)
    np.testing.assert_allclose(function(y, p, axis=(1, 2), **options), formula(y, p, axis=(1, 2), **options))


def test_nothing_there_and_nothing_found():
    nothing = np.zeros((2, 3))
    assert losses.Dice()(nothing, nothing) == losses.Tversky()(nothing, nothing) == 1


def unit(*shape):
    x = RANDOM.normal(size=shape)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


@pytest.mark.parametrize("samples", [1, 2, 17, 70])
@pytest.mark.parametrize("options", [{}, {"gamma": 5.0, "margin": 0.2}, {"remove_diagonal": False}])
def test_circle(samples, options):
    x, ids = unit(samples, 6), RANDOM.integers(0, 4, samples)
    expected = circle(ids, x, **options)
    np.testing.assert_allclose(losses.Circle(reduction=None, **options)(ids, x), expected, atol=1e-12)
    np.testing.assert_allclose(losses.circle(ids[:, None], x, **options), expected, atol=1e-12)
    assert losses.Circle(**options)(ids, x) == pytest.approx(expected.mean())
    found = losses.Circle(reduction=None, **options)(ids, x.astype("float32"))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)


def test_circle_of_one_class_alone_is_nothing():
    x = unit(5, 3)
    np.testing.assert_array_equal(losses.Circle(reduction=None)(np.ones(5, int), x), 0)
    np.testing.assert_array_equal(losses.Circle(reduction=None)(np.arange(5), x), 0)
    model = fastnn.Sequential([fastnn.Input((3,)), layers.Dense(3), layers.UnitNormalization()])
    model.compile("sgd", losses.Circle())
    before = model.get_weights()
    model.fit(x, np.arange(5), verbose=0)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


TRAINED = [
    (losses.Dice(), lambda y, p: dice(y, p)),
    (losses.Dice(axis=1), lambda y, p: dice(y, p, 1).mean()),
    (losses.Tversky(0.3, 0.9), lambda y, p: tversky(y, p, 0.3, 0.9)),
    (losses.Tversky(0.3, 0.9, axis=-1, reduction="sum"), lambda y, p: tversky(y, p, 0.3, 0.9, 1).sum()),
    (losses.Circle(4.0), lambda y, p: circle(y, p, 4.0).mean()),
    (losses.Circle(2.0, 0.3, False), lambda y, p: circle(y, p, 2.0, 0.3, False).mean()),
]


@pytest.mark.parametrize(("loss", "formula"), TRAINED, ids=lambda v: repr(v)[:30])
@pytest.mark.parametrize("samples", [5, 37])
def test_a_step_follows_the_gradient(loss, formula, samples):
    """One step of plain descent at rate 1 takes the weights by the gradient."""
    of_ids = isinstance(loss, losses.Circle)
    last = (
        layers.UnitNormalization(dtype="float64") if of_ids else layers.Activation("sigmoid", dtype="float64")
    )
    dense = layers.Dense(3, dtype="float64")
    model = fastnn.Sequential([fastnn.Input((4,), dtype="float64"), dense, last])
    model.compile(optimizers.SGD(1.0), loss)
    x = RANDOM.normal(size=(samples, 4))
    y = RANDOM.integers(0, 3, samples) if of_ids else (RANDOM.random((samples, 3)) < 0.5).astype("float64")
    kernel, bias = dense.get_weights()

    def value(kernel):
        z = x @ kernel + bias
        p = z / np.linalg.norm(z, axis=1, keepdims=True) if of_ids else 1 / (1 + np.exp(-z))
        return formula(y, p)

    assert model.evaluate(x, y, verbose=0, batch_size=samples) == pytest.approx(value(kernel))
    model.fit(x, y, batch_size=samples, epochs=1, verbose=0, shuffle=False)
    found = kernel - dense.get_weights()[0]
    direction = RANDOM.normal(size=kernel.shape)
    numeric = (value(kernel + 1e-5 * direction) - value(kernel - 1e-5 * direction)) / 2e-5
    assert np.sum(found * direction) == pytest.approx(numeric, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("loss", [loss for loss, _ in TRAINED])
def test_they_are_described_and_made_again(loss):
    again = losses.deserialize(losses.serialize(loss))
    assert type(again) is type(loss) and again.get_config() == loss.get_config()
    assert repr(again) == repr(loss)


@pytest.mark.parametrize("name", ["dice", "tversky", "circle"])
def test_names(name, tmp_path):
    assert losses.get(name).name == name
    assert type(losses.get(getattr(losses, name))) is type(losses.get(name))
    model = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(3, "sigmoid")])
    model.compile("adam", name, metrics=[name])
    x = RANDOM.normal(size=(40, 4)).astype("float32")
    y = RANDOM.integers(0, 2, 40) if name == "circle" else (x[:, :3] > 0).astype(float)
    model.fit(x, y, epochs=2, verbose=0)
    model.save(tmp_path / "m.safetensors")
    again = fastnn.models.load_model(tmp_path / "m.safetensors")
    assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)


def test_messages():
    for wrong in (0, (0, 1), ()):
        with pytest.raises(ValueError, match="axis must name axes of one sample"):
            losses.Dice(axis=wrong)
    with pytest.raises(ValueError, match=r"axis \[4\] is not among the axes 1 to 2 of predictions"):
        losses.Dice(axis=4)(np.ones((2, 3, 1)), np.ones((2, 3, 1)))
    with pytest.raises(ValueError, match=r"axis \[-3\] is not among the axes 1 to 2"):
        losses.Tversky(axis=-3)(np.ones((2, 3, 1)), np.ones((2, 3, 1)))
    with pytest.raises(ValueError, match="Tversky: alpha must be at least 0"):
        losses.Tversky(-1)
    with pytest.raises(ValueError, match="expected y_true of shape"):
        losses.Dice()(np.ones((2, 3)), np.ones((2, 4)))
    with pytest.raises(ValueError, match="Circle: gamma must be above 0"):
        losses.Circle(0)
    with pytest.raises(
        ValueError, match=r"predictions must have shape \(None, features\), got \(None, 2, 4\)"
    ):
        losses.Circle()(np.zeros(5), np.zeros((5, 2, 4)))
    with pytest.raises(ValueError, match="class indices"):
        losses.Circle()(np.full(5, 0.5), np.zeros((5, 4)))
