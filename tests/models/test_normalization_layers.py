"""Normalisation, dropout and noise against NumPy."""

import numpy as np
import pytest
from models import layer_reference as ref
from models.layer_checks import RANDOM, check, data, names, randomise

from fastnn import layers


@pytest.mark.parametrize(("axis", "shape"), [(-1, (5,)), (-1, (4, 3, 5)), (1, (5, 3, 4)), (2, (4, 5, 3))])
@pytest.mark.parametrize("options", [{}, {"center": False}, {"scale": False, "epsilon": 0.1}])
def test_batch_normalization(axis, shape, options):
    layer = layers.BatchNormalization(axis, momentum=0.9, dtype="float64", **options)
    x = data(20, *shape) * 2 + 3
    layer.build(x.shape)
    axes = tuple(i for i in range(x.ndim) if i != axis % x.ndim)
    channels = x.shape[axis]
    present = [n for n in ("gamma", "beta") if {"gamma": layer.scale, "beta": layer.center}[n]]
    assert names(layer) == [(n, (channels,)) for n in (*present, "moving_mean", "moving_variance")]
    assert [w.trainable for w in layer.weights] == [True] * len(present) + [False] * 2
    moving_mean, moving_variance = layer.get_weights()[-2:]
    np.testing.assert_array_equal(moving_mean, np.zeros(channels))
    np.testing.assert_array_equal(moving_variance, np.ones(channels))
    layer.set_weights([np.abs(RANDOM.normal(size=channels)) + 0.5 for _ in layer.weights])
    weights = {w.name: w.numpy() for w in layer.weights}
    along = [channels if i == axis % x.ndim else 1 for i in range(x.ndim)]

    def normalised(mean, variance):
        out = (x - mean.reshape(along)) / np.sqrt(variance.reshape(along) + layer.epsilon)
        out *= weights.get("gamma", np.ones(channels)).reshape(along)
        return out + weights.get("beta", np.zeros(channels)).reshape(along)

    check(layer, x, normalised(weights["moving_mean"], weights["moving_variance"]))
    mean = x.mean(axes)
    variance = ((x - mean.reshape(along)) ** 2).mean(axes)
    np.testing.assert_allclose(layer(x, training=True), normalised(mean, variance), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(layer.moving_mean.numpy(), 0.9 * weights["moving_mean"] + 0.1 * mean)
    np.testing.assert_allclose(
        layer.moving_variance.numpy(), 0.9 * weights["moving_variance"] + 0.1 * variance
    )
    layer.trainable = False
    after = layer.get_weights()
    frozen = normalised(after[-2], after[-1])
    np.testing.assert_allclose(layer(x, training=True), frozen, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(layer.moving_mean.numpy(), after[-2])


@pytest.mark.parametrize(
    ("axis", "weights"),
    [(-1, (5,)), (1, (3,)), ((-1,), (5,)), ((2, 3), (4, 5)), ([1, 3], (3, 5)), ((-1, 1, 2), (3, 4, 5))],
)
@pytest.mark.parametrize("options", [{}, {"center": False}, {"scale": False, "epsilon": 0.1}])
def test_layer_normalization(axis, weights, options):
    layer = layers.LayerNormalization(axis, dtype="float64", **options)
    x = data(7, 3, 4, 5) * 2 + 3
    layer.build(x.shape)
    present = [n for n in ("gamma", "beta") if {"gamma": layer.scale, "beta": layer.center}[n]]
    assert names(layer) == [(n, weights) for n in present]
    randomise(layer)
    values = {w.name: w.numpy() for w in layer.weights}
    axes = tuple(sorted(a % 4 for a in layer.axis))
    gamma, beta = values.get("gamma", np.ones(weights)), values.get("beta", np.zeros(weights))
    check(layer, x, ref.layer_normalization(x, gamma, beta, axes, layer.epsilon))


@pytest.mark.parametrize(("axis", "weights"), [(-1, (5,)), (1, (3,)), ((2, 3), (4, 5))])
def test_rms_normalization(axis, weights):
    layer = layers.RMSNormalization(axis, epsilon=1e-4, dtype="float64")
    x = data(7, 3, 4, 5) * 2 + 3
    layer.build(x.shape)
    assert names(layer) == [("scale", weights)]
    randomise(layer)
    axes = tuple(sorted(a % 4 for a in layer.axis))
    scale = layer.get_weights()[0].reshape([x.shape[i] if i in axes else 1 for i in range(1, 4)])
    check(layer, x, x / np.sqrt((x**2).mean(axes, keepdims=True) + 1e-4) * scale)


@pytest.mark.parametrize("groups", [1, 2, -1])
@pytest.mark.parametrize("shape", [(6,), (3, 6), (3, 4, 6)])
@pytest.mark.parametrize("options", [{}, {"center": False}, {"scale": False, "epsilon": 0.1}])
def test_group_normalization(groups, shape, options):
    if groups == -1:
        layer = layers.InstanceNormalization(dtype="float64", **options)
    else:
        layer = layers.GroupNormalization(groups, dtype="float64", **options)
    x = data(7, *shape) * 2 + 3
    layer.build(x.shape)
    present = [n for n in ("gamma", "beta") if {"gamma": layer.scale, "beta": layer.center}[n]]
    assert names(layer) == [(n, (6,)) for n in present]
    randomise(layer)
    values = {w.name: w.numpy() for w in layer.weights}
    parts = x.reshape(7, -1, 6 if groups == -1 else groups, 1 if groups == -1 else 6 // groups)
    mean, variance = parts.mean((1, 3), keepdims=True), parts.var((1, 3), keepdims=True)
    normal = ((parts - mean) / np.sqrt(variance + layer.epsilon)).reshape(x.shape)
    check(layer, x, normal * values.get("gamma", 1.0) + values.get("beta", 0.0))


@pytest.mark.parametrize("options", [{}, {"size": 4, "alpha": 2, "beta": 1.5, "k": 0.5}, {"size": 1}])
@pytest.mark.parametrize("shape", [(6,), (3, 4, 6), (2, 19)])
def test_local_response_normalization(shape, options):
    layer = layers.LocalResponseNormalization(dtype="float64", **options)
    x = data(7, *shape) * 9
    size, alpha, beta, k = ({"size": 5, "alpha": 1e-4, "beta": 0.75, "k": 1.0} | options).values()
    squares = np.pad(x**2, [(0, 0)] * (x.ndim - 1) + [(size // 2, (size - 1) // 2)])
    mean = sum(squares[..., i : i + x.shape[-1]] for i in range(size)) / size
    check(layer, x, x / (k + alpha * mean) ** beta)
    assert names(layer) == []


def test_local_response_normalization_refuses():
    for argument, value, message in (
        ("size", 0, "size must be at least 1, got 0"),
        ("alpha", -1.0, "alpha must be at least 0, got -1.0"),
        ("beta", np.inf, "beta must be finite"),
        ("k", 0, "'lrn': k must be above 0, got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            layers.LocalResponseNormalization(**{argument: value}, name="lrn")
    with pytest.raises(TypeError, match="size must be an integer, got 2.5"):
        layers.LocalResponseNormalization(2.5)


def test_group_normalization_over_another_axis():
    layer = layers.GroupNormalization(2, axis=1, dtype="float64")
    x = data(3, 4, 5)
    moved = layers.GroupNormalization(2, dtype="float64")(np.moveaxis(x, 1, -1))
    np.testing.assert_allclose(layer(x), np.moveaxis(moved, -1, 1), rtol=1e-12)


def test_group_normalization_refuses():
    with pytest.raises(ValueError, match=r"'norm': groups=4 does not divide the 6 channels.*\(None, 3, 6\)"):
        layers.GroupNormalization(4, name="norm")(data(2, 3, 6))
    with pytest.raises(ValueError, match="groups must be at least 1, or -1"):
        layers.GroupNormalization(0)
    with pytest.raises(TypeError, match="takes no groups"):
        layers.InstanceNormalization(groups=2)
    with pytest.raises(ValueError, match="axis 0 is not among the axes 1 to 1"):
        layers.GroupNormalization(1, axis=0)(data(2, 3))
    with pytest.raises(ValueError, match="epsilon"):
        layers.RMSNormalization(epsilon=-1)
    with pytest.raises(ValueError, match="input has 4 entries, but its scale was built for 3"):
        norm = layers.RMSNormalization()
        norm(data(2, 3))
        norm(data(2, 4))


def test_normalization_axes():
    for make in (layers.BatchNormalization, layers.LayerNormalization, layers.RMSNormalization):
        for axis in (0, 3, -3):
            with pytest.raises(ValueError, match="axis"):
                make(axis)(data(5, 4, 3))


@pytest.mark.parametrize("cls", [layers.Dropout, layers.SpatialDropout2D])
def test_dropout(cls):
    x = np.ones((50, 6, 7, 8))
    layer = cls(0.25, dtype="float64")
    check(layer, x, x)
    out = layer(x, training=True)
    assert set(np.unique(out)) == {0.0, 1 / 0.75}
    kept = (out > 0).mean()
    assert abs(kept - 0.75) < (0.01 if cls is layers.Dropout else 0.06)
    if cls is layers.SpatialDropout2D:
        np.testing.assert_array_equal(out, np.broadcast_to(out[:, :1, :1], x.shape))
    assert np.array_equal(cls(0.0)(x, training=True), x)


def test_dropout_noise_shape():
    x = np.ones((50, 6, 8), "float32")
    out = layers.Dropout(0.5, noise_shape=(None, 1, None))(x, training=True)
    np.testing.assert_array_equal(out, np.broadcast_to(out[:, :1], x.shape))
    assert 0.3 < (out > 0).mean() < 0.7
    with pytest.raises(ValueError, match="noise_shape"):
        layers.Dropout(0.5, noise_shape=(None, 2, None))(x, training=True)


def test_gaussian_noise():
    x = np.full((200, 40), 3.0)
    layer = layers.GaussianNoise(0.5, dtype="float64")
    check(layer, x, x)
    noise = layer(x, training=True) - x
    assert abs(noise.mean()) < 0.03
    assert abs(noise.std() - 0.5) < 0.02
