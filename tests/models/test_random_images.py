"""Layers that change images at random: what they do for given numbers, against NumPy, and what they draw."""

import math

import numpy as np
import pytest
from models.graph_gradients import assert_weight_gradients, randomised
from models.layer_checks import data

import fastnn
from fastnn import layers


def within(place, extent, mode):
    """The index of a place beyond the borders; None: there is nothing."""
    if mode == "nearest":
        return min(max(place, 0), extent - 1)
    if mode == "wrap":
        return place % extent
    if mode == "reflect":
        place %= 2 * extent
        return min(place, 2 * extent - 1 - place)
    return place if 0 <= place < extent else None


def pixel(image, row, column, mode, fill):
    r, c = within(row, image.shape[0], mode), within(column, image.shape[1], mode)
    return np.full(image.shape[2], fill) if r is None or c is None else image[r, c]


def moved(image, source, mode, interpolation, fill=0.0):
    """Each pixel from ``source(y, x)``, of places counted from the middle."""
    height, width, _ = image.shape
    out = np.zeros_like(image)
    for i, j in np.ndindex(height, width):
        y, x = source(i - (height - 1) / 2, j - (width - 1) / 2)
        y, x = y + (height - 1) / 2, x + (width - 1) / 2
        if interpolation == "nearest":
            out[i, j] = pixel(image, round(y), round(x), mode, fill)
            continue
        top, left = math.floor(y), math.floor(x)
        down, right = y - top, x - left
        for r, c, share in (
            (top, left, (1 - down) * (1 - right)),
            (top, left + 1, (1 - down) * right),
            (top + 1, left, down * (1 - right)),
            (top + 1, left + 1, down * right),
        ):
            out[i, j] += share * pixel(image, r, c, mode, fill)
    return out


LOOKS = [(m, i) for m in ("reflect", "wrap", "constant", "nearest") for i in ("bilinear", "nearest")]


@pytest.mark.parametrize(("mode", "interpolation"), LOOKS)
def test_places(mode, interpolation):
    x = data(3, 7, 5, 2)
    look = {"fill_mode": mode, "interpolation": interpolation, "fill_value": 0.7, "dtype": "float64"}
    angle = 0.13 * 2 * np.pi
    cos, sin = np.cos(angle), np.sin(angle)
    cases = [
        (
            layers.RandomTranslation((0.31, 0.31), (-0.87, -0.87), **look),
            lambda y, x: (y - 0.31 * 7, x + 0.87 * 5),
        ),
        (layers.RandomRotation((0.13, 0.13), **look), lambda y, x: (cos * y + sin * x, cos * x - sin * y)),
        (layers.RandomZoom((0.43, 0.43), **look), lambda y, x: (1.43 * y, 1.43 * x)),
        (layers.RandomZoom((0.43, 0.43), (-0.27, -0.27), **look), lambda y, x: (1.43 * y, 0.73 * x)),
    ]
    for layer, source in cases:
        expected = np.stack([moved(image, source, mode, interpolation, 0.7) for image in x])
        np.testing.assert_allclose(layer(x, training=True), expected, rtol=1e-9, atol=1e-9)


def test_brightness_and_contrast():
    x = np.random.default_rng(1).uniform(0, 1, (4, 5, 3, 2))
    up = layers.RandomBrightness((0.25, 0.25), value_range=(0, 1), dtype="float64")
    np.testing.assert_allclose(up(x, training=True), np.minimum(x + 0.25, 1), rtol=1e-12)
    down = layers.RandomBrightness((-0.5, -0.5), value_range=(-1, 1), dtype="float64")
    np.testing.assert_allclose(down(x, training=True), x - 1, atol=1e-12)
    contrast = layers.RandomContrast(0.6, value_range=(0, 1), dtype="float64", seed=1)
    mean = x.mean((1, 2), keepdims=True)
    found = contrast(x, training=True)
    free = (found > 1e-9) & (found < 1 - 1e-9)
    factors = np.where(free, (found - mean) / (x - mean), np.nan)
    for factor in factors:
        values = factor[~np.isnan(factor)]
        np.testing.assert_allclose(values, values[0], rtol=1e-6)
        assert 0.4 <= values[0] <= 1.6


DRAWN = [
    lambda **k: layers.RandomFlip(**k),
    lambda **k: layers.RandomBrightness(0.3, **k),
    lambda **k: layers.RandomContrast(0.3, **k),
    lambda **k: layers.RandomTranslation(0.2, (-0.1, 0.3), **k),
    lambda **k: layers.RandomRotation(0.2, **k),
    lambda **k: layers.RandomZoom(0.2, 0.1, **k),
]


@pytest.mark.parametrize("make", DRAWN)
def test_what_all_do(make, tmp_path):
    x = np.random.default_rng(1).uniform(0, 255, (20, 6, 5, 3)).astype("float32")
    layer = make(seed=3)
    np.testing.assert_array_equal(layer(x), x)  # nothing but in training
    fastnn.random.set_seed(5)
    first, second = layer(x, training=True), layer(x, training=True)
    assert first.shape == x.shape and not np.array_equal(first, second)
    fastnn.random.set_seed(5)
    np.testing.assert_array_equal(layer(x, training=True), first)
    assert len({image.tobytes() for image in layer(np.repeat(x[:1], 20, 0), training=True)}) > 3
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert layer.compute_output_shape((None, 8, 9, 3)) == (None, 8, 9, 3)
    bytes_ = x.astype("uint8")
    np.testing.assert_array_equal(layer(bytes_), bytes_.astype("float32"))
    model = fastnn.Sequential(
        [fastnn.Input((None, None, 3)), layer, layers.Conv2D(2, 3), layers.GlobalAveragePooling2D()]
    )
    model.compile("adam", "mse")
    model.fit(x, np.zeros((20, 2)), epochs=2, batch_size=7, verbose=0)
    model.save(tmp_path / "m.safetensors")
    loaded = fastnn.models.load_model(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


def test_shares_are_even():
    x = np.zeros((4000, 1, 1, 1))
    layer = layers.RandomBrightness(1.0, value_range=(-1, 1), dtype="float64")
    found = np.sort(layer(x, training=True).ravel() / 2)
    inner = found[(found > -0.5) & (found < 0.5)]
    assert abs(len(inner) / 4000 - 0.5) < 0.04
    np.testing.assert_allclose(inner, np.linspace(-0.5, 0.5, len(inner)), atol=0.04)
    flips = layers.RandomFlip()(np.tile(np.arange(4.0).reshape(1, 2, 2, 1), (4000, 1, 1, 1)), training=True)
    kinds, counts = np.unique(flips[:, 0, 0, 0], return_counts=True)
    assert len(kinds) == 4 and counts.min() > 800
    for mode, expected in (("horizontal", {0.0, 1.0}), ("vertical", {0.0, 2.0})):
        flips = layers.RandomFlip(mode)(
            np.tile(np.arange(4.0).reshape(1, 2, 2, 1), (99, 1, 1, 1)), training=True
        )
        assert set(flips[:, 0, 0, 0]) == expected


@pytest.mark.parametrize("make", DRAWN[1:])
def test_gradients_pass(make):
    class Within(layers.Layer):
        def build(self, input_shape):
            self.dense, self.random = layers.Dense(2, dtype="float64"), make(seed=1, dtype="float64")

        def call(self, inputs):
            return self.random(self.dense(inputs) + 100.0)

    x = 0.1 * data(3, 5, 4, 2)
    layer = Within(dtype="float64")
    layer(x)
    assert_weight_gradients(randomised(layer), x, training=True, rel=1e-5)


def test_messages():
    with pytest.raises(ValueError, match=r"factor must be in \[-1, 1\], got 2"):
        layers.RandomRotation(2.0)
    with pytest.raises(ValueError, match="height_factor must be two numbers in order"):
        layers.RandomZoom((0.3, 0.1))
    with pytest.raises(ValueError, match="width_factor must be a number or two"):
        layers.RandomTranslation(0.1, (0.1, 0.2, 0.3))
    with pytest.raises(ValueError, match="unknown fill_mode 'mirror'"):
        layers.RandomRotation(0.1, fill_mode="mirror")
    with pytest.raises(ValueError, match="unknown mode 'diagonal'"):
        layers.RandomFlip("diagonal")
    with pytest.raises(ValueError, match="value_range must be two numbers in order"):
        layers.RandomBrightness(0.1, value_range=(1, 0))
    with pytest.raises(ValueError, match=r"factor must be in \[0, 1\]"):
        layers.RandomContrast(-0.1)
    with pytest.raises(ValueError, match="rank 4|expected"):
        layers.RandomFlip()(np.ones((2, 3, 3)))
    with pytest.raises(NotImplementedError, match="fastnn has no layer RandomCrop: images are augmented"):
        layers.RandomCrop(3, 3)
