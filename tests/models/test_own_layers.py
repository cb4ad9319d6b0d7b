"""Layers of one's own: layers within layers, own weights, mistakes in call."""

import numpy as np
import pytest
from models.layer_checks import data

import fastnn
from fastnn import layers


class Twice(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.parts = [layers.Dense(units, "relu"), layers.Dense(units)]

    def call(self, inputs, training=False):
        for part in self.parts:
            inputs = part(inputs)
        return inputs


def test_layers_within_layers():
    layer = Twice(3, dtype="float64")
    for part in layer.parts:
        part.dtype = "float64"
    x = data(4, 5)
    out = layer(x)
    a, b, c, d = layer.get_weights()
    np.testing.assert_allclose(out, np.maximum(x @ a + b, 0) @ c + d)
    layer.trainable = False
    assert layer.trainable_weights == []
    assert not layer.parts[0].trainable


def test_own_weights():
    class Scale(layers.Layer):
        def build(self, input_shape):
            self.factor = self.add_weight(shape=(input_shape[-1], 2), initializer="ones", name="factor")
            self.count = self.add_weight((), "zeros", trainable=False, name="count")
            self.other = self.add_weight((2,))

        def call(self, inputs):
            return fastnn.tensor.apply("dense", [inputs, self.factor, self.other])

    layer = Scale()
    layer(np.ones((1, 3)))
    assert [(w.name, w.trainable) for w in layer.weights] == [
        ("factor", True),
        ("weight", True),
        ("count", False),
    ]
    with pytest.raises(ValueError, match="has a weight named 'factor' already"):
        layer.add_weight((2,), name="factor")
    with pytest.raises(ValueError, match="fixed shape"):
        layer.add_weight((None, 2))
    with pytest.raises(TypeError, match=r"add_weight\(shape, name='kernel'\)"):
        layer.add_weight("kernel", (2,))
    with pytest.raises(TypeError, match="did you mean 'initializer'"):
        layer.add_weight((2,), initialiser="ones")


@pytest.mark.parametrize(
    ("result", "match"),
    [(None, "returned nothing"), (np.zeros(3), "returned a ndarray"), (3, "returned a int")],
)
def test_calls_that_return_no_tensor(result, match):
    class Wrong(layers.Layer):
        def call(self, inputs):
            return result

    with pytest.raises(TypeError, match=f"Wrong 'wrong.*': call must return tensors, but it {match}"):
        Wrong()(np.zeros((1, 3)))


def test_layers_without_call():
    class Nothing(layers.Layer):
        pass

    with pytest.raises(NotImplementedError, match="no method call"):
        Nothing()(np.zeros((1, 3)))


def test_numpy_within_call():
    class Wrong(layers.Layer):
        def call(self, inputs):
            if inputs:
                return inputs
            return np.exp(inputs)

    with pytest.raises(TypeError, match="symbolic"):
        Wrong()(np.zeros((1, 3)))
    with pytest.raises(TypeError, match="symbolic"):
        np.exp(fastnn.Input((3,)))


def test_apply_outside_of_a_graph():
    with pytest.raises(RuntimeError, match="no graph is being built"):
        fastnn.tensor.apply("relu", [fastnn.Input((3,))])


def test_arguments_that_are_not_kept():
    class Forgetful(layers.Layer):
        def __init__(self, size, **kwargs):
            super().__init__(**kwargs)

    with pytest.raises(NotImplementedError, match="argument 'size' is kept in no attribute"):
        Forgetful(3).get_config()
