"""`ops.scan` in layers of one's own and in functional models."""

import numpy as np
import pytest
from models.graph_gradients import assert_weight_gradients, draw, randomised

import fastnn
from fastnn import layers, ops


class Scanned(layers.Layer):
    """Applies a function by scan, in a layer's call."""

    keeps_layers_used = True  # those that the function makes are of no use afterwards

    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self.function = function

    def call(self, inputs):
        return ops.scan(self.function, ops.multiply(inputs[:, 0], 0.0), inputs)[0]


def test_scan_between_layers_has_the_weights_it_uses():
    dense = layers.Dense(3, name="inner")
    x = fastnn.Input((4, 3))
    last, _ = ops.scan(lambda h, x: (ops.tanh(dense(h) + x), None), ops.multiply(x[:, 0], 0.0), x)
    model = fastnn.Model(x, last)
    assert len(model.trainable_weights) == 2
    model.compile("sgd", "mse")
    before = dense.get_weights()[0]
    model.fit(draw(8, 4, 3, dtype="float32"), np.ones((8, 3), "float32"), verbose=0)
    assert (dense.get_weights()[0] != before).any()
    with pytest.raises(NotImplementedError, match="function of a scan cannot be saved"):
        model.get_config()


def test_scan_uses_what_is_around_it():
    class Around(layers.Layer):
        def call(self, inputs):
            total = ops.sum(inputs, axis=1)
            weight = np.full((3, 3), 0.5, "float32")
            return ops.scan(lambda h, x: (ops.matmul(h, weight) + total * x, None), total, inputs)[0]

    x = draw(5, 4, 3, dtype="float32")
    h = total = x.sum(1)
    for t in range(4):
        h = h @ np.full((3, 3), 0.5) + total * x[:, t]
    np.testing.assert_allclose(Around()(x), h, rtol=1e-5)


class Orbit(layers.Layer):
    """Points that move in a potential: its gradient is taken at each step."""

    def __init__(self, potential, **kwargs):
        super().__init__(**kwargs)
        self.potential = potential

    def call(self, inputs):
        def step(state, _):
            place, speed = state
            speed = speed - 0.1 * ops.gradients(self.potential(place), place)
            place = place + 0.1 * speed
            return (place, speed), place

        return ops.scan(step, (inputs, inputs * 0.0), length=5)[1]


def test_gradients_within_a_scan():
    potential = layers.Dense(1, activation="tanh", dtype="float64")
    layer = Orbit(potential, dtype="float64")
    x = draw(3, 2)
    layer(x)
    randomised(layer)
    kernel, bias = potential.get_weights()
    place, speed, path = x, np.zeros_like(x), []
    for _ in range(5):
        speed = speed - 0.1 * (1 - np.tanh(place @ kernel + bias) ** 2) @ kernel.T
        place = place + 0.1 * speed
        path.append(place)
    np.testing.assert_allclose(layer(x), np.stack(path, 1), rtol=1e-12)
    assert_weight_gradients(layer, x)


class Ids(layers.Layer):
    """Sums the rows of ids, damped, a step at a time."""

    integer_inputs = True

    def __init__(self, embedding, **kwargs):
        super().__init__(**kwargs)
        self.embedding = embedding

    def call(self, inputs):
        begin = ops.multiply(self.embedding(inputs[:, 0]), 0.0)
        return ops.scan(lambda h, x: (ops.tanh(h + self.embedding(x)), None), begin, inputs[:, 1:])[0]


def test_an_error_of_the_data_names_the_layer():
    layer = Ids(layers.Embedding(4, 3), name="ids")
    with pytest.raises(ValueError, match="Ids 'ids'.*got class or id 9, expected an integer from 0 to 3"):
        layer(np.array([[0, 1, 9]]))


def test_embedding_in_a_scan():
    layer = Ids(layers.Embedding(4, 3, dtype="float64"), name="ids", dtype="float64")
    ids = np.array([[0, 1, 1, 3], [2, 2, 1, 0]], "int32")
    layer(ids)
    model = fastnn.Sequential([fastnn.Input((4,), dtype="int32"), layer])
    _, (gradient,) = model.vjp(ids, np.ones((2, 3)))
    table = layer.embedding.embeddings
    before, direction, sums = table.numpy(), draw(4, 3), []
    for distance in (1e-6, -1e-6):
        table.assign(before + distance * direction)
        sums.append(float(np.sum(layer(ids))))
    assert np.sum(gradient * direction) == pytest.approx((sums[0] - sums[1]) / 2e-6, rel=1e-6)


BAD = [
    (lambda h, x: (ops.concatenate([h, x], axis=-1), None), ValueError,
     r"carry begins as \(None, 3\) float32, but the function returns \(None, 6\) float32"),
    (lambda h, x: (ops.cast(h, "int32"), None), TypeError, "carry begins as .* float32, .* returns .* int32"),
    (lambda h, x: None, TypeError, r"must return a pair \(carry, y\), got None"),
    (lambda h, x: (None, None), TypeError, "must return tensors, got None"),
    (lambda h, x: ((h, h), None), ValueError, "not like the one it got: carry is missing"),
    (lambda h, x: (np.zeros(3), None), TypeError, "must return tensors, got array"),
    (lambda h, x: (layers.BatchNormalization()(h, training=True), None), ValueError,
     "cannot be assigned in a scan"),
    (lambda h, x: (layers.Dense(3, activity_regularizer="l2")(h), None), ValueError,
     "activity regularizers cannot be added within a scan"),
    (lambda h, x: (h - ops.mean(h, axis=0), None), ValueError, "sums over the samples|axis 0"),
]  # fmt: skip


@pytest.mark.parametrize("function, error, message", BAD)
def test_bad_functions(function, error, message):
    with pytest.raises(error, match=message) as caught:
        Scanned(function, name="bad")(draw(2, 4, 3, dtype="float32"))
    assert "bad" in str(caught.value)


def test_bad_arguments():
    x = fastnn.Input((4, 3))
    with pytest.raises(ValueError, match="xs have 4 steps .*, expected 5"):
        ops.scan(lambda h, x: (h, None), x[:, 0], x, length=5)
    with pytest.raises(ValueError, match="must be given as length"):
        ops.scan(lambda h, x: (h, None), x[:, 0])
    with pytest.raises(ValueError, match="length must be at least 1"):
        ops.scan(lambda h, x: (h, None), x[:, 0], length=0)
    with pytest.raises(TypeError, match="f must be a function"):
        ops.scan(3, x[:, 0], x)
    with pytest.raises(TypeError, match="works on tensors"):
        ops.scan(lambda h, x: (h, None), np.zeros(3), np.zeros((4, 3)))


class Images(layers.Layer):
    """A convolution from step to step: its kernel's gradient is summed a step at a time."""

    def __init__(self, convolution, **kwargs):
        super().__init__(**kwargs)
        self.convolution = convolution

    def call(self, inputs):
        return ops.scan(lambda h, x: (self.convolution(h) + x, None), inputs[:, 0], inputs)[0]


def test_any_layer_in_a_scan():
    convolution = layers.Conv2D(2, 3, padding="same", name="conv", dtype="float64")
    layer = Images(convolution, name="images", dtype="float64")
    x = draw(3, 4, 5, 5, 2)
    layer(x)
    randomised(layer)
    assert_weight_gradients(layer, x, step=1e-6)


def test_too_many_sums_are_named():
    layer = Images(layers.Conv2D(1, 3, padding="same", name="conv"), name="images")
    model = fastnn.Sequential([fastnn.Input((200, 3, 3, 1)), layer, layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.zeros((4, 200, 3, 3, 1), "float32"), np.zeros((4, 1))
    with pytest.raises(ValueError, match=r"images.*conv.*200 steps.*'conv2d_grad_kernel', once a step"):
        model.fit(x, y, verbose=0)
    layer.convolution.trainable = False
    model.fit(x, y, verbose=0)


def test_integers_and_truth_values_are_carried_and_collected():
    class Kinds(layers.Layer):
        def call(self, inputs):
            def step(carry, x):
                total, _, _ = carry
                mask, number = x
                return (ops.where(mask, total + 1.0, total), number, mask), (mask, number)

            positive, rounded = ops.greater(inputs, 0.0), ops.cast(ops.round(inputs * 3), "int32")
            zero = inputs[:, 0] * 0
            begin = (zero, ops.cast(zero, "int32"), ops.greater(zero, 0.0))
            last, collected = ops.scan(step, begin, (positive, rounded))
            return [*last, *collected]

    x = draw(5, 4, 3, dtype="float32")
    positive, rounded = x > 0, np.round(x * 3).astype("int32")
    expected = [positive.sum(1), rounded[:, -1], positive[:, -1], positive, rounded]
    for found, wanted in zip(Kinds()(x), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_values_that_are_not_finite_are_traced_to_the_scan():
    layer = Scanned(lambda h, x: (ops.log(h - 1.0), None), name="logs")
    model = fastnn.Sequential([fastnn.Input((4, 3)), layer, layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(fastnn.errors.NonFiniteLossError, match="Scanned 'logs'' \\(op 'scan'\\)"):
        model.fit(draw(4, 4, 3, dtype="float32"), np.zeros((4, 1)), verbose=0)
