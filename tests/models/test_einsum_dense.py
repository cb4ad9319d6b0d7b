"""EinsumDense and UnitNormalization against NumPy."""

import numpy as np
import pytest
from models.graph_gradients import assert_weight_gradients, randomised
from models.layer_checks import check, data

import fastnn
from fastnn import layers

CASES = [  # equation, output_shape, bias_axes, input without samples, shapes of kernel and bias
    ("ab,bc->ac", 5, "c", (7,), (7, 5), (5,)),
    ("ab,bc->ac", (5,), None, (7,), (7, 5), None),
    ("abc,cd->abd", (None, 5), "d", (3, 7), (7, 5), (5,)),
    ("abc,cd->abd", (3, 5), "bd", (3, 7), (7, 5), (3, 5)),
    ("abc,cd->abd", (3, 5), "b", (3, 7), (7, 5), (3, 1)),
    ("...x,xy->...y", 5, "y", (7,), (7, 5), (5,)),
    ("...x,xy->...y", 5, "y", (3, 4, 7), (7, 5), (5,)),
    ("ab...,bc->ac...", 5, "c", (7, 3), (7, 5), (5, 1)),
    ("abc,cde->abde", (None, 2, 5), "de", (3, 7), (7, 2, 5), (2, 5)),
    ("abcd,cde->abe", (None, 5), "e", (3, 2, 4), (2, 4, 5), (5,)),
    ("abc,bd->adc", (5, None), None, (3, 7), (3, 5), None),
    ("abc,bcd->abd", (None, 5), "bd", (3, 7), (3, 7, 5), (3, 5)),
    ("ab,b->a", (), None, (7,), (7,), None),
]


@pytest.mark.parametrize(("equation", "output", "bias_axes", "shape", "kernel", "bias"), CASES)
def test_einsum_dense(equation, output, bias_axes, shape, kernel, bias):
    layer = layers.EinsumDense(equation, output, "tanh", bias_axes, dtype="float64")
    x = data(6, *shape)
    layer(x)
    randomised(layer)
    assert [w.shape for w in layer.weights] == [kernel, *([bias] if bias else [])]
    expected = np.einsum(equation, x, layer.kernel.numpy())
    expected = np.tanh(expected + (layer.bias.numpy() if bias else 0))
    if expected.ndim > 1:
        check(layer, x, expected)
        assert_weight_gradients(layer, x)
    else:
        np.testing.assert_allclose(layer(x), expected, rtol=1e-9)


def test_einsum_dense_in_a_model(tmp_path):
    model = fastnn.Sequential(
        [
            fastnn.Input((None, 6)),
            layers.EinsumDense("abc,cd->abd", (None, 4), "relu", "d", kernel_regularizer="l2"),
            layers.EinsumDense("...c,cd->...d", 2, bias_axes="d", kernel_constraint="unit_norm"),
        ]
    )
    model.compile(fastnn.optimizers.Adam(0.02), "mse")
    x = data(20, 5, 6)
    losses = model.fit(x, x[:, :, :2] ** 2, epochs=40, verbose=0).history["loss"]
    assert losses[-1] < 0.9 * losses[0]
    model.save(tmp_path / "m.safetensors")
    again = fastnn.models.load_model(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_einsum_dense_messages():
    for wrong in ("ab,bc", "ab->ac", "ab,bc,cd->ad", "aab,bc->ac", "a...b,b...c->ac", "ab,b1->a1", ",->"):
        with pytest.raises(ValueError, match="equation must be of input, kernel and output"):
            layers.EinsumDense(wrong, 3)
    with pytest.raises(ValueError, match="'z' of the output is in neither"):
        layers.EinsumDense("ab,bc->az", 3)
    with pytest.raises(ValueError, match="'b', which is not among the output's letters 'ac'"):
        layers.EinsumDense("ab,bc->ac", 3, bias_axes="b")
    with pytest.raises(
        ValueError, match=r"needs an input with a letter for each axis, got the shape \(None, 2, 3\)"
    ):
        layers.EinsumDense("ab,bc->ac", 3)(data(4, 2, 3))
    with pytest.raises(ValueError, match="must have 2 extents, for the axes 'bd'"):
        layers.EinsumDense("abc,cd->abd", 3)(data(4, 2, 3))
    with pytest.raises(ValueError, match="has 4 for 'b', of which the input has 2"):
        layers.EinsumDense("abc,cd->abd", (4, 3))(data(4, 2, 3))
    with pytest.raises(ValueError, match="the extent of 'd' in the kernel is not known"):
        layers.EinsumDense("abc,cd->abd", (None, None))(data(4, 2, 3))
    with pytest.raises(ValueError, match="names the axis of the samples"):
        layers.EinsumDense("ab,bc->ac", 3, bias_axes="a")(data(4, 2))
    with pytest.raises(ValueError, match="first axis of input and output must be the same"):
        layers.EinsumDense("ab,bc->ca", 3)(data(4, 2))


@pytest.mark.parametrize("axis", [-1, 1, 2, (1, 3), [1, 2, 3]])
def test_unit_normalization(axis):
    layer = layers.UnitNormalization(axis, dtype="float64")
    x = data(5, 3, 2, 7)
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    expected = x / np.sqrt((x**2).sum(axes, keepdims=True))
    check(layer, x, expected)
    model_in = layers.Dense(7, dtype="float64")

    class Within(layers.Layer):
        def build(self, input_shape):
            self.dense, self.unit = model_in, layers.UnitNormalization(axis, dtype="float64")

        def call(self, inputs):
            return self.unit(self.dense(inputs))

    within = Within(dtype="float64")
    within(x)
    # Short vectors bend the sphere: differences over 1e-5 would tell more of that than of the slope.
    assert_weight_gradients(randomised(within), x, step=1e-6)


def test_unit_normalization_of_nothing():
    np.testing.assert_array_equal(layers.UnitNormalization()(np.zeros((2, 3), "float32")), 0)
    with pytest.raises(ValueError, match="axis 3 is not among the axes 1 to 1"):
        layers.UnitNormalization(3)(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="axis 0 is not among"):
        layers.UnitNormalization(0)(np.zeros((2, 3)))
