"""What the trainer reads of layers: penalties, updates of state, seeds, fused activations."""

import numpy as np
import pytest
from models.layer_checks import data

import fastnn
from fastnn import layers


def penalties(model, x):
    context = model.trace(training=True)
    out = fastnn._core.Function(context.graph, [t.id for t in context.penalties]).run([x])
    return [float(value) for value in out]


def test_penalties():
    model = fastnn.Sequential(
        [
            fastnn.Input((5,)),
            layers.Dense(
                4, kernel_regularizer="l2", bias_regularizer="l1", bias_initializer="ones", name="a"
            ),
            layers.Dense(3, "tanh", kernel_regularizer=fastnn.regularizers.L1L2(0.1, 0.2), name="b"),
            layers.Activation("relu", activity_regularizer=fastnn.regularizers.L2(0.5)),
        ]
    )
    x = data(6, 5).astype("float32")
    a, b = model.get_layer("a"), model.get_layer("b")
    kernel = b.kernel.numpy().astype("float64")
    expected = [
        0.01 * (a.kernel.numpy().astype("float64") ** 2).sum(),
        0.01 * 4,
        0.1 * np.abs(kernel).sum() + 0.2 * (kernel**2).sum(),
        0.5 * (model.predict(x, verbose=0).astype("float64") ** 2).sum(1).mean(),
    ]
    np.testing.assert_allclose(penalties(model, x), expected, rtol=1e-5)
    np.testing.assert_allclose(model.losses, expected[:3], rtol=1e-6)
    a.trainable = False  # weights that do not change have no penalty
    np.testing.assert_allclose(penalties(model, x), expected[2:], rtol=1e-5)
    np.testing.assert_allclose(model.losses, expected[2:3], rtol=1e-6)


def test_shared_layers_have_one_penalty():
    class Shared(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dense = layers.Dense(3, kernel_regularizer="l2")

        def call(self, inputs):
            return self.dense(self.dense(inputs))

    model = fastnn.Sequential([fastnn.Input((3,)), Shared()])
    assert len(penalties(model, np.zeros((2, 3), "float32"))) == 1
    assert len(model.trace().weights) == 2


def test_updates_and_training():
    model = fastnn.Sequential(
        [fastnn.Input((3,)), layers.BatchNormalization(name="n"), layers.Dropout(0.5), layers.Dense(1)]
    )
    context = model.trace(training=True)
    assert [(w.path, t.shape, t.dtype) for w, t in context.updates] == [
        ("n/moving_mean", (3,), "float32"),
        ("n/moving_variance", (3,), "float32"),
    ]
    assert [w.path.split("/")[1] for w, _ in context.weights][:2] == ["moving_mean", "moving_variance"]
    assert context.training
    assert not model.trace().updates
    model.get_layer("n").trainable = False
    assert not model.trace(training=True).updates


def test_training_flag_is_passed_on():
    seen = []

    class Spy(layers.Layer):
        def call(self, inputs, training=False):
            seen.append(training)
            return inputs

    class Outer(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.spy = Spy()

        def call(self, inputs):
            inputs = self.spy(inputs)
            return self.spy(inputs, training=False)

    model = fastnn.Sequential([fastnn.Input((3,)), Outer()])
    seen.clear()
    model.trace(training=True)
    model.trace()
    model(np.zeros((1, 3)), training=True)
    assert seen == [True, False, False, False, True, False]


def test_only_state_is_assigned():
    class Wrong(layers.Layer):
        def build(self, input_shape):
            self.kernel = self.add_weight((3,), name="kernel")

        def call(self, inputs):
            fastnn.layers.context.current("").assign(self.kernel, inputs)
            return inputs

    with pytest.raises(ValueError, match="'kernel' is a parameter, only state can be assigned"):
        Wrong()(np.zeros((1, 3)))


def test_random_seeds():
    x = np.ones((4, 100), "float32")
    layer = layers.Dropout(0.5)
    assert not np.array_equal(layer(x, training=True), layer(x, training=True))
    outs = []
    for _ in range(2):
        fastnn.random.set_seed(3)
        outs.append((layers.Dropout(0.5)(x, training=True), layers.Dense(3)(x)))
    for first, second in zip(*outs, strict=True):
        np.testing.assert_array_equal(first, second)


def test_dense_and_convolution_fuse_their_activation():
    """One node a layer, where the derivative follows from the output."""
    for activation, nodes in (
        ("relu", 1),
        ("tanh", 1),
        (None, 1),
        ("exponential", 1),
        ("sigmoid", 2),
        ("gelu", 2),
    ):
        model = fastnn.Sequential([fastnn.Input((4, 4, 2)), layers.Conv2D(3, 2, activation=activation)])
        assert model.trace().graph.node_count == nodes
        model = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(3, activation=activation)])
        assert model.trace().graph.node_count == nodes
