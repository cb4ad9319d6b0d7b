"""Inputs of several types, and inputs whose dimensions vary from batch to batch."""

import numpy as np
import pytest

import fastnn
from fastnn import layers
from fastnn.tensor import apply

RANDOM = np.random.default_rng(9)


class Table(layers.Layer):
    """Rows of a table by number."""

    integer_inputs = True

    def __init__(self, rows, units, **kwargs):
        super().__init__(**kwargs)
        self.rows, self.units = rows, units

    def build(self, input_shape):
        self.table = self.add_weight((self.rows, self.units), "normal", name="table")

    def call(self, ids):
        return apply("embedding", [ids, self.table])


def ragged(lengths, size=6):
    for n in lengths:
        x = RANDOM.normal(size=(size, n, 3)).astype("float32")
        yield x, x.sum(axis=2, keepdims=True)


def network():
    fastnn.utils.set_random_seed(1)
    x = fastnn.Input((None, 3), name="x")
    h = layers.Dense(8, "tanh", name="h")(x)
    return fastnn.Model(x, layers.Dense(1, name="out")(h), name="net")


def test_shapes_are_declared_with_none():
    model = network()
    assert model.input_shape == (None, None, 3)
    assert model.output_shape == (None, None, 1)
    assert model.get_layer("h").output.shape == (None, None, 8)
    pooled = layers.GlobalAveragePooling1D()(model.get_layer("h").output)
    assert pooled.shape == (None, 8)


def test_predict_takes_any_length():
    model = network()
    a, b, c, d = (w.astype("float64") for w in model.get_weights())
    for n in (1, 5, 2, 5):
        x = RANDOM.normal(size=(4, n, 3))
        np.testing.assert_allclose(
            model.predict(x, verbose=0), np.tanh(x @ a + b) @ c + d, rtol=1e-4, atol=1e-5
        )
        np.testing.assert_allclose(model(x), model.predict_on_batch(x), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match=r"expected x of shape \(None, None, 3\), got \(4, 5, 2\)"):
        model.predict(np.zeros((4, 5, 2)), verbose=0)
    with pytest.raises(ValueError, match="different shapes.*cannot be joined"):
        model.predict(iter([(np.zeros((2, 4, 3)),), (np.zeros((2, 5, 3)),)]), verbose=0)


def test_fit_with_batches_of_many_lengths():
    model = network()
    model.compile(fastnn.optimizers.Adam(0.01), "mse", metrics=["mae"])
    batches = list(ragged([3, 7, 3, 11, 2, 7] * 3))

    class Source:
        def __iter__(self):
            return iter(batches)

    history = model.fit(Source(), epochs=20, verbose=0, validation_data=Source()).history
    assert history["val_loss"][-1] < 0.3 * history["val_loss"][0]
    x, y = batches[3]
    assert model.evaluate(x, y, verbose=0)[0] == pytest.approx(
        np.mean((model.predict(x, verbose=0) - y) ** 2), rel=1e-5
    )


def test_one_optimizer_over_all_lengths():
    """The steps are those of NumPy, momentum included, whatever the lengths."""
    x = fastnn.Input((None, 3), dtype="float64")
    model = fastnn.Model(x, layers.Dense(1, use_bias=False, dtype="float64")(x))
    model.compile(fastnn.optimizers.SGD(0.1, momentum=0.9), "mse")
    w, velocity = model.get_weights()[0].copy(), 0.0
    for a, y in ragged([2, 9, 4, 9, 2]):
        a, y = a.astype("float64"), y.astype("float64")
        d = 2 * np.einsum("bti,bto->io", a, a @ w - y) / y.size
        velocity = 0.9 * velocity - 0.1 * d
        w = w + velocity
        model.train_on_batch(a, y)
    np.testing.assert_allclose(model.get_weights()[0], w, rtol=1e-9)


def test_plans_are_bounded():
    model = network()
    model.compile("sgd", "mse")
    for x, y in ragged(range(1, 41), size=2):
        model.train_on_batch(x, y)
        model.predict_on_batch(x)
    assert len(model._loops) <= 16
    assert len(model._predictions) <= 16


def test_images_of_any_size(tmp_path):
    x = fastnn.Input((None, None, 1))
    h = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    down = layers.MaxPooling2D()(h)
    up = layers.Concatenate()([h, layers.UpSampling2D()(down)])
    model = fastnn.Model(x, [up, layers.Dense(3, "softmax")(layers.GlobalAveragePooling2D()(h))])
    assert model.output_shape == [(None, None, None, 8), (None, 3)]
    for size in (8, 12):
        found = model.predict(np.ones((2, size, size, 1)), verbose=0)
        assert found[0].shape == (2, size, size, 8)
    model.save(tmp_path / "m.safetensors")
    loaded = fastnn.load_model(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(
        loaded.predict(np.ones((2, 10, 6, 1)), verbose=0)[0],
        model.predict(np.ones((2, 10, 6, 1)), verbose=0)[0],
    )


def test_sequential_of_varying_length():
    model = fastnn.Sequential([fastnn.Input((None, 3)), layers.Dense(2), layers.GlobalMaxPooling1D()])
    assert model.output_shape == (None, 2)
    for n in (3, 6):
        assert model.predict(np.zeros((4, n, 3)), verbose=0).shape == (4, 2)


def test_what_needs_a_fixed_length():
    x = fastnn.Input((None, 3))
    with pytest.raises(ValueError, match=r"Dense 'd': weight 'kernel' needs a fixed shape"):
        layers.Dense(2, name="d")(layers.Flatten()(x))


def test_ids_and_numbers():
    ids = fastnn.Input((), name="ids")
    numbers = fastnn.Input((3,), name="numbers")
    table = Table(11, 4, name="table")
    joined = layers.Concatenate()([table(ids), numbers])
    model = fastnn.Model([ids, numbers], layers.Dense(1)(joined))
    assert model._network.input_dtypes == ["int32", "float32"]
    i = RANDOM.integers(0, 11, 50)
    n = RANDOM.normal(size=(50, 3))
    model.compile(fastnn.optimizers.Adam(0.05), "mse")
    y = (i == 4) + n[:, :1].sum(axis=1)
    history = model.fit([i, n], y, epochs=40, verbose=0).history
    assert history["loss"][-1] < 0.2 * history["loss"][0]
    expected = np.concatenate([table.table.numpy()[i], n], axis=1)
    kernel, bias = model.layers[-1].get_weights()
    np.testing.assert_allclose(
        model.predict([i, n], verbose=0), expected @ kernel + bias, rtol=1e-4, atol=1e-4
    )
    d_ids, d_numbers = model.vjp([i, n], np.ones((50, 1)))[0]
    assert d_ids is None
    np.testing.assert_allclose(d_numbers, np.repeat(kernel[4:].T, 50, axis=0), rtol=1e-5)


def test_ids_within_a_layer_of_ones_own():
    class Lookup(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.table = Table(5, 2)

        def call(self, ids):
            return self.table(ids)

    ids = fastnn.Input((3,), dtype="int32")
    assert fastnn.Model(ids, Lookup()(ids)).predict(np.array([[0, 4, 2]]), verbose=0).shape == (1, 3, 2)
    assert Lookup()(np.array([[0, 4, 2]])).shape == (1, 3, 2)

    class Net(fastnn.Model):
        def __init__(self):
            super().__init__()
            self.table, self.dense = Table(5, 2), layers.Dense(1)

        def call(self, inputs):
            return self.dense(self.table(inputs["ids"])), self.dense(inputs["pair"])

    made = Net().predict({"ids": np.array([0, 4]), "pair": np.array([[1, 2], [3, 4]])}, verbose=0)
    assert made[0].shape == (2, 1, 1)
    assert made[1].shape == (2, 1)


def test_bytes_and_integers_as_numbers():
    class Net(fastnn.Model):
        def __init__(self):
            super().__init__()
            self.flat, self.dense = layers.Flatten(), layers.Dense(3)

        def call(self, inputs):
            return self.dense(self.flat(inputs))

    model = Net()
    pixels = RANDOM.integers(0, 255, (4, 5, 5))
    found = [model.predict(pixels.astype(t), verbose=0) for t in ("uint8", "int32", "int64", "float64")]
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-4, atol=1e-3)
