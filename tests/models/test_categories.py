"""CategoryEncoding and Discretization against NumPy."""

import numpy as np
import pytest

import fastnn
from fastnn import layers

RANDOM = np.random.default_rng(1)


def counts(ids, classes, weights=None):
    out = np.zeros((*ids.shape[:-1], classes))
    for place in np.ndindex(ids.shape):
        out[(*place[:-1], ids[place])] += 1 if weights is None else weights[place]
    return out


@pytest.mark.parametrize("shape", [(5, 3), (17, 1), (3, 4, 2), (2, 3, 2, 5)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_category_encoding(shape, dtype):
    ids = RANDOM.integers(0, 6, shape)
    weights = RANDOM.normal(size=shape)
    hot = layers.CategoryEncoding(6, dtype=dtype)
    np.testing.assert_array_equal(hot(ids), counts(ids, 6) > 0)
    assert hot(ids).dtype == dtype
    count = layers.CategoryEncoding(6, "count", dtype=dtype)
    np.testing.assert_array_equal(count(ids), counts(ids, 6))
    np.testing.assert_allclose(
        count(ids, count_weights=weights), counts(ids, 6, weights), rtol=1e-5, atol=1e-6
    )
    one = layers.CategoryEncoding(6, "one_hot", dtype=dtype)
    expected = np.eye(6)[ids[..., 0] if shape[-1] == 1 else ids]
    np.testing.assert_array_equal(one(ids), expected)
    for layer, found in ((hot, hot(ids)), (count, count(ids)), (one, expected)):
        assert layer.compute_output_shape((None, *shape[1:])) == (None, *found.shape[1:])
        assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


def test_single_numbers():
    ids = np.array([2, 0, 1])
    for mode in ("one_hot", "multi_hot", "count"):
        np.testing.assert_array_equal(layers.CategoryEncoding(3, mode)(ids), np.eye(3)[ids])


def test_category_encoding_in_a_model(tmp_path):
    model = fastnn.Sequential(
        [fastnn.Input((None,), dtype="int32"), layers.CategoryEncoding(9, "count"), layers.Dense(1)]
    )
    model.compile(fastnn.optimizers.Adam(0.1), "mse")
    ids = RANDOM.integers(0, 9, (60, 5))
    y = (ids == 4).sum(axis=1)
    losses = model.fit(ids, y, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.2 * losses[0]
    model.save(tmp_path / "m.safetensors")
    again = fastnn.models.load_model(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict(ids, verbose=0), model.predict(ids, verbose=0))


BOUNDARIES = [-1.0, 0.25, 2.0]


@pytest.mark.parametrize("shape", [(7,), (5, 3), (2, 3, 4)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_discretization(shape, dtype):
    x = np.round(RANDOM.normal(size=shape) * 2, 1)
    x.flat[:3] = BOUNDARIES
    bins = np.digitize(x, BOUNDARIES)
    layer = layers.Discretization(BOUNDARIES, dtype=dtype)
    np.testing.assert_array_equal(layer(x), bins)
    assert layer(x).dtype == np.int32
    assert layer.compute_output_shape((None, *shape[1:])) == (None, *shape[1:])
    rows = bins if bins.ndim > 1 else bins[:, None]
    for mode, expected in (
        ("one_hot", np.eye(4)[rows] if rows.shape[-1] > 1 else np.eye(4)[bins]),
        ("multi_hot", counts(rows, 4) > 0),
        ("count", counts(rows, 4)),
    ):
        layer = layers.Discretization(bin_boundaries=BOUNDARIES, output_mode=mode, dtype=dtype)
        np.testing.assert_array_equal(layer(x), expected)
        assert layer.compute_output_shape((None, *shape[1:])) == (None, *expected.shape[1:])
        assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()
    np.testing.assert_array_equal(layers.Discretization([0, 10, 20])(np.array([[5, 20, -3]])), [[1, 3, 0]])


def test_discretization_adapts(tmp_path):
    x = RANDOM.normal(size=(200, 3))
    layer = layers.Discretization(num_bins=8)
    with pytest.raises(RuntimeError, match="call adapt with training data first"):
        layer(x)
    layer.adapt(x)
    shares = np.bincount(layer(x).ravel(), minlength=8)
    assert shares.max() - shares.min() <= 2
    first = layer.bin_boundaries
    layer.adapt(x[i : i + 33] for i in range(0, 200, 33))
    assert layer.bin_boundaries == first
    layer.adapt(x * 2)
    np.testing.assert_allclose(layer.bin_boundaries, 2 * np.array(first))
    np.testing.assert_array_equal(layer(2 * x[:, 0]), np.digitize(2 * x[:, 0], layer.bin_boundaries))
    model = fastnn.Sequential(
        [fastnn.Input((3,)), layer, layers.Embedding(8, 2), layers.Flatten(), layers.Dense(1)]
    )
    model.compile("adam", "mse")
    model.fit(x, x[:, 0], verbose=0)
    model.save(tmp_path / "m.safetensors")
    again = fastnn.models.load_model(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_messages():
    with pytest.raises(ValueError, match="num_tokens must be at least 1"):
        layers.CategoryEncoding(0)
    with pytest.raises(ValueError, match="unknown output_mode 'hot'"):
        layers.CategoryEncoding(3, "hot")
    with pytest.raises(ValueError, match="sparse=True is not supported"):
        layers.CategoryEncoding(3, sparse=True)
    with pytest.raises(ValueError, match="count_weights are for output_mode='count'"):
        layers.CategoryEncoding(3)(np.array([[1]]), count_weights=np.ones((1, 1)))
    with pytest.raises(ValueError, match=r"count_weights must have the inputs' shape \(None, 2\)"):
        layers.CategoryEncoding(3, "count")(np.array([[1, 2]]), count_weights=np.ones((1, 3)))
    for mode in ("one_hot", "multi_hot", "count"):
        for ids in (np.array([[1, 3]]), np.array([[[1, 2], [0, 3]]])):
            with pytest.raises((ValueError, IndexError), match="3"):
                layers.CategoryEncoding(3, mode)(ids)
    with pytest.raises(ValueError, match="give bin_boundaries, or num_bins"):
        layers.Discretization()
    with pytest.raises(ValueError, match="each above the one before"):
        layers.Discretization([1.0, 1.0])
    with pytest.raises(ValueError, match="num_bins is 4, but 1 bin_boundaries make 2 bins"):
        layers.Discretization([1.0], 4)
    with pytest.raises(RuntimeError, match="nothing to adapt"):
        layers.Discretization([1.0]).adapt(np.ones(3))
    with pytest.raises(ValueError, match="must be finite"):
        layers.Discretization(num_bins=2).adapt(np.array([np.nan, 1.0]))
