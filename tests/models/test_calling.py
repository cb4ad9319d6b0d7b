"""Calls of layers on tensors without a graph: nodes, dimensions that are not given, further arguments."""

import numpy as np
import pytest

import fastnn
from fastnn import layers
from fastnn.tensor import Tensor, apply


class Blend(layers.Layer):
    """a + share * b, both tensors; `b` may be missing."""

    def call(self, a, b=None, share=1.0, training=False):
        if b is None:
            return a
        return apply("add", [a, apply("scale_shift", [b], {"scale": share})])


def test_nodes_are_recorded():
    x, y = fastnn.Input((4,), name="x"), fastnn.Input((4,), name="y")
    blend = Blend()
    out = blend(x, y, share=0.5)
    node = out.node
    assert (node.layer, node.inputs, node.arguments) == (blend, x, {"b": y, "share": 0.5})
    assert node.tensors() == (x, y)
    assert out.origin == (blend, (x, y), 0)
    assert blend.input is x
    assert blend.output is out
    blend(out)
    with pytest.raises(ValueError, match=r"Blend 'blend.*': was called 2 times.*get_output_at"):
        _ = blend.output
    assert blend.get_input_at(1) is out
    with pytest.raises(ValueError, match="no call 2"):
        blend.get_output_at(2)
    with pytest.raises(ValueError, match="has no input yet"):
        _ = Blend().input


def test_arrays_among_further_arguments():
    a, b = np.ones((3, 2), "float32"), np.full((3, 2), 2, "float32")
    blend = Blend()
    np.testing.assert_allclose(blend(a, b, 0.5), np.full((3, 2), 2.0))
    np.testing.assert_allclose(blend(a, b, share=0.25), np.full((3, 2), 1.5))
    np.testing.assert_allclose(blend(a), a)


def test_wrong_arguments():
    x = fastnn.Input((2,))
    with pytest.raises(TypeError, match=r"Blend 'b': call has no argument 'shar'; did you mean 'share'"):
        Blend(name="b")(x, shar=1)
    with pytest.raises(TypeError, match="twice: 'b'"):
        Blend()(x, x, b=x)
    with pytest.raises(TypeError, match="takes 3 arguments after the inputs, got 4"):
        Blend()(x, x, 1.0, True, 5)
    with pytest.raises(TypeError, match="ndarray among tensors"):
        Blend()(x, np.ones((1, 2)))


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (layers.Dense(3), (None, 4), (None, None, 3)),
        (layers.Conv2D(2, 3), (None, None, 1), (None, None, None, 2)),
        (layers.Conv2D(2, 3, padding="same", strides=2), (None, 9, 1), (None, None, 5, 2)),
        (layers.MaxPooling2D(), (None, None, 3), (None, None, None, 3)),
        (layers.GlobalAveragePooling2D(), (None, None, 3), (None, 3)),
        (layers.Flatten(), (None, 3), (None, None)),
        (layers.Reshape((-1, 6)), (None, 3), (None, None, 6)),
        (layers.LayerNormalization(), (None, 3), (None, None, 3)),
        (layers.BatchNormalization(), (None, 3), (None, None, 3)),
        (layers.Dropout(0.5), (None,), (None, None)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, layers.Layer) else "",
)
def test_dimensions_that_are_not_given(layer, shape, expected):
    assert layer(fastnn.Input(shape)).shape == expected


def test_dimensions_that_must_be_given():
    with pytest.raises(ValueError, match=r"Dense 'd': weight 'kernel' needs a fixed shape, got \(None, 3\)"):
        layers.Dense(3, name="d")(fastnn.Input((None,)))
    with pytest.raises(ValueError, match=r"Conv2D 'c': needs dimensions that are not given"):
        layers.Conv2D(3, 3, name="c")(fastnn.Input((8, 8, None)))

    class Composed(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dense = layers.Dense(2)

        def call(self, inputs):
            return self.dense(inputs)

    with pytest.raises(ValueError, match=r"Composed 'c': does not take inputs of shape \(None, None\)"):
        Composed(name="c")(fastnn.Input((None,)))


def test_a_layer_within_itself():
    class Loop(layers.Layer):
        def call(self, inputs):
            return self.inner(inputs)

    a, b = Loop(name="a"), Loop(name="b")
    a.inner, b.inner = b, a
    with pytest.raises(ValueError, match=r"Loop 'a' -> Loop 'b' -> Loop 'a' is a cycle"):
        a(fastnn.Input((2,)))


def test_add_loss_of_something_else():
    class Wrong(layers.Layer):
        def call(self, inputs):
            self.add_loss(3.0)
            return inputs

    with pytest.raises(TypeError, match=r"Wrong 'w': add_loss takes a tensor"):
        Wrong(name="w")(fastnn.Input((2,)))
    with pytest.raises(RuntimeError, match="no graph is being built"):
        layers.Dense(1).add_loss(Tensor((None,)))


def test_layers_and_nothing_as_inputs():
    with pytest.raises(TypeError, match=r"Dense 'a': was called on Dense 'b' itself"):
        layers.Dense(2, name="a")(layers.Dense(3, name="b"))
    for nothing in (None, [], [None]):
        with pytest.raises(TypeError, match="called without inputs"):
            layers.Dense(2)(nothing)
