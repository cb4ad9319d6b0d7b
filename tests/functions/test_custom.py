"""Layers, losses, metrics, regularizers and activations written with ops: trained, saved and loaded."""

import numpy as np
import pytest

import fastnn
from fastnn import layers, ops
from fastnn.saving import register

RANDOM = np.random.default_rng(7)
X = RANDOM.uniform(-1, 1, (256, 4)).astype("float32")
Y = (X[:, :1] * X[:, 1:2] + 0.5).astype("float32")


@register
class Gate(layers.Layer):
    """An inner product and a gate, from weights of its own."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], 2 * self.units), name="kernel")
        self.bias = self.add_weight((2 * self.units,), "zeros", name="bias")

    def call(self, inputs, training):
        value, gate = ops.split(inputs @ self.kernel + self.bias, 2, axis=-1)
        return value * ops.sigmoid(gate)


@register
def squiggle(x):
    return x + ops.square(ops.sin(x))


@register
class SoftAbsolute(fastnn.losses.Loss):
    def call(self, y_true, y_pred):
        error = y_pred - y_true
        return ops.mean(error + ops.softplus(-2.0 * error) - np.log(2), axis=-1)


@register
def within(y_true, y_pred):
    return ops.cast(ops.abs(y_true - y_pred) < 0.25, "float32")


@register
class Overshoot(fastnn.metrics.MeanMetric):
    def values(self, y_true, y_pred):
        return ops.maximum(y_pred - y_true, 0.0)


@register
class Orthogonal(fastnn.regularizers.Regularizer):
    def __init__(self, factor=0.01):
        self.factor = factor

    def __call__(self, x):
        product = ops.matmul(ops.transpose(x), x)
        return self.factor * ops.sum(ops.square(product - np.eye(product.shape[0])))

    def activity(self, x):
        return self.factor * ops.mean(ops.square(x))

    def get_config(self):
        return {"factor": self.factor}


def make():
    model = fastnn.Sequential(
        [
            fastnn.Input((4,)),
            Gate(8),
            layers.Dense(
                8, squiggle, kernel_regularizer=Orthogonal(0.02), activity_regularizer=Orthogonal(0.1)
            ),
            layers.Dense(1),
        ]
    )
    model.compile(fastnn.optimizers.Adam(0.02), SoftAbsolute(), metrics=[within, Overshoot()])
    return model


def test_all_of_them_train_and_come_back(tmp_path):
    fastnn.random.set_seed(3)
    model = make()
    first = model.evaluate(X, Y, verbose=0)
    model.fit(X, Y, epochs=20, batch_size=32, verbose=0)
    last = model.evaluate(X, Y, verbose=0)
    assert last[0] < first[0] and last[1] > first[1]
    model.save(tmp_path / "model.safetensors")
    again = fastnn.load_model(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    assert again.evaluate(X, Y, verbose=0) == last


def test_values_are_those_of_numpy():
    fastnn.random.set_seed(3)
    model = make()
    predicted = model.predict(X, verbose=0)
    gate, dense, last = model.layers
    inner = X @ gate.kernel.numpy() + gate.bias.numpy()
    value = inner[:, :8] / (1 + np.exp(-inner[:, 8:]))
    hidden = value @ dense.kernel.numpy() + dense.bias.numpy()
    hidden = hidden + np.sin(hidden) ** 2
    expected = hidden @ last.kernel.numpy() + last.bias.numpy()
    np.testing.assert_allclose(predicted, expected, rtol=1e-5, atol=1e-6)
    kernel = dense.kernel.numpy()
    penalty = 0.02 * np.sum((kernel.T @ kernel - np.eye(8)) ** 2) + 0.1 * np.mean(hidden**2)
    loss = np.mean(np.log(np.cosh(predicted - Y))) + penalty
    logs = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(loss, rel=1e-5)
    assert logs["within"] == pytest.approx(np.mean(np.abs(predicted - Y) < 0.25))
    assert logs["overshoot"] == pytest.approx(np.mean(np.maximum(predicted - Y, 0)), rel=1e-5)
    assert Orthogonal(0.02)(kernel) == pytest.approx(
        0.02 * np.sum((kernel.T @ kernel - np.eye(8)) ** 2), rel=1e-5
    )
    assert SoftAbsolute()(Y, predicted) == pytest.approx(np.mean(np.log(np.cosh(predicted - Y))), rel=1e-4)


def test_a_scalar_loss_stands_for_all_samples():
    model = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(1)])
    model.compile("sgd", lambda y_true, y_pred: ops.mean(ops.square(y_true - y_pred)))
    predicted = model.predict(X, verbose=0)
    assert model.evaluate(X, Y, verbose=0, batch_size=256) == pytest.approx(
        np.mean((predicted - Y) ** 2), rel=1e-5
    )
    model.fit(X, Y, epochs=1, verbose=0)


def test_losses_over_the_batch():
    """Not a sum over samples: a correlation, with gradients through means over samples."""

    def decorrelated(y_true, y_pred):
        a, b = y_true - ops.mean(y_true, axis=0), y_pred - ops.mean(y_pred, axis=0)
        return 1 - ops.mean(a * b) / ops.sqrt(ops.mean(a * a) * ops.mean(b * b) + 1e-8)

    model = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(16, "tanh"), layers.Dense(1)])
    model.compile(fastnn.optimizers.Adam(0.02), decorrelated)
    model.fit(X, Y, epochs=30, batch_size=64, verbose=0)
    predicted = model.predict(X, verbose=0)
    assert np.corrcoef(predicted[:, 0], Y[:, 0])[0, 1] > 0.8


def test_functional_models_with_operators_train_and_come_back(tmp_path):
    x = fastnn.Input((4,))
    h = layers.Dense(8)(x)
    h = fastnn.activations.leaky_relu(h, 0.1) * ops.sigmoid(h) + np.linspace(0, 1, 8, dtype="float32")
    y = ops.sum(h[:, ::2] * h[:, 1::2], axis=-1, keepdims=True) / 2
    model = fastnn.Model(x, y)
    model.compile(fastnn.optimizers.Adam(0.02), "mse")
    before = model.evaluate(X, Y, verbose=0)
    model.fit(X, Y, epochs=10, verbose=0)
    assert model.evaluate(X, Y, verbose=0) < 0.5 * before
    model.save(tmp_path / "model.safetensors")
    again = fastnn.load_model(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


def test_what_is_not_registered_is_named():
    class Unknown(layers.Layer):
        def call(self, inputs):
            return ops.exp(inputs)

    description = layers.serialize(Unknown(name="mine"))
    with pytest.raises(ValueError, match=r"unknown layer class 'Unknown' .*saving.register"):
        layers.deserialize(description)


def test_layers_do_not_take_unbatched_tensors():
    dense = layers.Dense(2)
    with pytest.raises(ValueError, match=r"'argument 0' of shape \(5, 3\) is unbatched.*batched=0"):
        fastnn.grad(lambda x: ops.sum(dense(x)))(np.ones((5, 3), "float32"))


def test_a_call_that_changes_shape_is_traced_anew():
    class Pairs(layers.Layer):
        def call(self, inputs):
            return ops.reshape(inputs, (-1, inputs.shape[1] // 2, 2))

    layer = Pairs()
    assert layer(np.ones((3, 4))).shape == (3, 2, 2)
    assert layer(np.ones((3, 6))).shape == (3, 3, 2)
