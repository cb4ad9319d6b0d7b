"""Layers that regularise, standardise, repeat or do nothing."""

import numpy as np
import pytest
from models.layer_checks import check, data

import fastnn
from fastnn import layers


def test_identity():
    x = data(4, 3, 2)
    check(layers.Identity(dtype="float64"), x, x)


def test_repeat_vector():
    x = data(5, 3)
    check(layers.RepeatVector(4, dtype="float64"), x, np.repeat(x[:, None], 4, axis=1))
    with pytest.raises(ValueError, match="rank 2"):
        layers.RepeatVector(4)(np.ones((2, 3, 4)))
    with pytest.raises(ValueError, match="n must be at least 1"):
        layers.RepeatVector(0)


def test_activity_regularization_adds_to_the_loss():
    x = data(6, 3)
    check(layers.ActivityRegularization(0.1, 0.2, dtype="float64"), x, x)
    model = fastnn.Sequential([fastnn.Input((3,)), layers.ActivityRegularization(l1=0.1, l2=0.2)])
    model.compile("sgd", "mse")
    expected = np.mean(np.sum(0.1 * np.abs(x) + 0.2 * x**2, axis=1))
    assert model.evaluate(x, x, verbose=0) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("kind", "shape"), [("SpatialDropout1D", (7,)), ("SpatialDropout3D", (2, 3, 2))])
def test_spatial_dropout(kind, shape):
    layer = getattr(layers, kind)(0.4, seed=3, dtype="float64")
    x = data(300, *shape, 5)
    check(layer, x, x)
    factor = (layer(x, training=True) / x).reshape(300, -1, 5)
    np.testing.assert_allclose(factor, np.broadcast_to(factor[:, :1], factor.shape))
    dropped = factor[:, 0] == 0
    np.testing.assert_allclose(factor[:, 0][~dropped], 1 / 0.6)
    assert abs(dropped.mean() - 0.4) < 0.05
    with pytest.raises(ValueError, match="rank"):
        layer(data(2, 3))


def test_gaussian_dropout():
    layer = layers.GaussianDropout(0.2, seed=1, dtype="float64")
    x = data(200, 50)
    check(layer, x, x)
    factor = layer(x, training=True) / x
    assert abs(factor.mean() - 1) < 0.02
    assert abs(factor.std() - 0.5) < 0.02  # sqrt(0.2 / 0.8)
    assert abs(np.corrcoef(factor[:, 0], factor[:, 1])[0, 1]) < 0.3


def test_alpha_dropout_keeps_mean_and_variance():
    layer = layers.AlphaDropout(0.3, seed=1, dtype="float64")
    x = data(400, 50)
    check(layer, x, x)
    y = layer(x, training=True)
    assert abs(y.mean()) < 0.05 and abs(y.std() - 1) < 0.05
    limit = -1.7580993408473766
    a = (0.7 * (1 + 0.3 * limit**2)) ** -0.5
    b = -a * 0.3 * limit
    dropped = np.isclose(y, a * limit + b)
    assert abs(dropped.mean() - 0.3) < 0.02
    np.testing.assert_allclose(y[~dropped], a * x[~dropped] + b, rtol=1e-9)
    shared = layers.AlphaDropout(0.3, noise_shape=(None, 1), seed=1, dtype="float64")(x, training=True)
    rows = np.isclose(shared, a * limit + b)
    assert (rows == rows[:, :1]).all() and 0.1 < rows.mean() < 0.5
    with pytest.raises(ValueError, match="noise_shape"):
        layers.AlphaDropout(0.3, noise_shape=(None, 2))(x, training=True)


@pytest.mark.parametrize("layer", [layers.GaussianDropout(0.3), layers.AlphaDropout(0.3)])
def test_noise_trains(layer):
    model = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(8, "selu"), layer, layers.Dense(1)])
    model.compile("adam", "mse")
    x = data(200, 4)
    losses = model.fit(x, x.sum(axis=1), epochs=40, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("axis", [-1, 2, None, [1, 3], (1,)])
def test_normalization_adapts(axis):
    x = data(50, 3, 4, 5) * data(3, 1, 5) + data(4, 1)
    kept = [] if axis is None else [a % 4 for a in np.atleast_1d(axis)]
    others = tuple(a for a in range(4) if a not in kept)
    mean, variance = x.mean(axis=others, keepdims=True), x.var(axis=others, keepdims=True)
    layer = layers.Normalization(axis=axis, dtype="float64")
    layer.adapt(x)
    check(layer, x, (x - mean) / np.sqrt(variance))
    assert [w.name for w in layer.weights] == ["mean", "variance", "count"]
    assert layer.trainable_weights == []
    assert layer.count.numpy() == x.size / mean.size
    back = layers.Normalization(axis=axis, invert=True, dtype="float64")
    back.adapt(x)
    check(back, x, x * np.sqrt(variance) + mean)
    batches = layers.Normalization(axis=axis, dtype="float64")
    batches.adapt(x[i : i + 16] for i in range(0, 50, 16))
    for one, other in zip(layer.get_weights(), batches.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


def test_normalization_with_given_statistics(tmp_path):
    x = data(6, 3)
    mean, variance = np.array([1.0, 2.0, 3.0]), np.array([4.0, 9.0, 0.25])
    layer = layers.Normalization(mean=mean, variance=variance, dtype="float64")
    check(layer, x, (x - mean) / np.sqrt(variance))
    check(layers.Normalization(None, 2.0, 4.0, dtype="float64"), x, (x - 2) / 2)
    with pytest.raises(RuntimeError, match="nothing to adapt"):
        layer.adapt(x)
    for bad in ({"mean": 1.0}, {"mean": 0.0, "variance": -1.0}, {"axis": 0}):
        with pytest.raises(ValueError, match="Normalization"):
            layers.Normalization(**bad)
    with pytest.raises(ValueError, match="axis 3 does not fit inputs of rank 2"):
        layers.Normalization(axis=3)(x)


def test_normalization_in_a_saved_model(tmp_path):
    x = data(60, 3) * 100 + 500
    standard = layers.Normalization()
    standard.adapt(x)
    model = fastnn.Sequential([fastnn.Input((3,)), standard, layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x, x.sum(axis=1), verbose=0)
    np.testing.assert_allclose(standard(x.astype("float32")).mean(axis=0), 0, atol=1e-4)
    model.save(tmp_path / "m.safetensors")
    loaded = fastnn.load_model(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.parametrize("name", ["RandomCrop", "RandomShear", "RandomErasing"])
def test_random_layers_name_the_cure(name):
    with pytest.raises(NotImplementedError, match=rf"no layer {name}: .*augment=fastnn.Augmentation\("):
        getattr(layers, name)(0.1)
    assert name not in layers.__all__


def test_the_cures_are_right():
    from fastnn.layers.refused import CURES

    for cure in CURES.values():
        if "augment=" in cure:
            eval(cure.partition("augment=")[2][:-1], {"fastnn": fastnn})
