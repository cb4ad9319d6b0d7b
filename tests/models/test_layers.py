"""Every layer against NumPy: outputs, weights' names and shapes, configuration."""

import numpy as np
import pytest
from models import layer_reference as ref
from models.layer_checks import check, data, names, randomise

import fastnn
from fastnn import activations, layers


@pytest.mark.parametrize("activation", [None, *ref.ACTIVATIONS])
@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 3, 5)])
def test_dense(activation, shape):
    layer = layers.Dense(4, activation, dtype="float64")
    x = data(7, *shape)
    layer.build(x.shape)
    assert names(layer) == [("kernel", (5, 4)), ("bias", (4,))]
    randomise(layer)
    kernel, bias = layer.get_weights()
    check(layer, x, ref.ACTIVATIONS[activation or "linear"](x @ kernel + bias))


def test_dense_without_bias():
    layer = layers.Dense(4, use_bias=False, dtype="float64")
    x = data(3, 5)
    layer(x)
    assert names(layer) == [("kernel", (5, 4))]
    check(layer, x, x @ layer.get_weights()[0])


CONVOLUTIONS = [
    {"kernel_size": 3},
    {"kernel_size": (2, 3), "padding": "same"},
    {"kernel_size": (3, 2), "strides": (2, 1), "padding": "same"},
    {"kernel_size": 3, "strides": 2},
    {"kernel_size": 2, "strides": 3, "padding": "same"},
    {"kernel_size": 2, "dilation_rate": (2, 3)},
    {"kernel_size": 3, "dilation_rate": 2, "padding": "same"},
    {"kernel_size": 3, "groups": 2},
    {"kernel_size": 1, "groups": 4, "padding": "same"},
    {"kernel_size": 3, "use_bias": False},
    {"kernel_size": 3, "activation": "relu"},
    {"kernel_size": 3, "activation": "gelu"},
]


@pytest.mark.parametrize("options", CONVOLUTIONS)
def test_conv2d(options):
    layer = layers.Conv2D(8, dtype="float64", **options)
    x = data(3, 7, 6, 4)
    layer.build(x.shape)
    groups = options.get("groups", 1)
    expected = [("kernel", (*layer.kernel_size, 4 // groups, 8)), ("bias", (8,))]
    assert names(layer) == expected[: len(layer.weights)]
    randomise(layer)
    kernel, bias = (*layer.get_weights(), np.zeros(8))[:2]
    out = ref.conv2d(x, kernel, bias, layer.strides, layer.padding, layer.dilation_rate, groups)
    check(layer, x, ref.ACTIVATIONS[options.get("activation", "linear")](out))


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("size", "strides"), [(2, None), ((3, 2), None), (3, 2), ((2, 3), (1, 2))])
def test_pooling(size, strides, padding):
    x = data(3, 7, 8, 3)
    for cls, function in ((layers.MaxPooling2D, np.nanmax), (layers.AveragePooling2D, np.nanmean)):
        layer = cls(size, strides, padding, dtype="float64")
        check(layer, x, ref.pool2d(x, layer.pool_size, layer.strides, padding, function))
        assert layer.weights == []


@pytest.mark.parametrize("keepdims", [False, True])
def test_global_pooling(keepdims):
    x = data(3, 5, 4, 2)
    check(layers.GlobalMaxPooling2D(keepdims=keepdims, dtype="float64"), x, x.max((1, 2), keepdims=keepdims))
    check(
        layers.GlobalAveragePooling2D(keepdims=keepdims, dtype="float64"),
        x,
        x.mean((1, 2), keepdims=keepdims),
    )


def test_reshaping():
    x = data(3, 4, 5, 6)
    check(layers.Flatten(dtype="float64"), x, x.reshape(3, -1))
    check(layers.Flatten(dtype="float64"), x[:, :, 0, 0], x[:, :, 0, 0])
    check(layers.Reshape((2, -1), dtype="float64"), x, x.reshape(3, 2, 60))
    check(layers.Reshape([120], dtype="float64"), x, x.reshape(3, 120))
    check(layers.Permute((3, 1, 2), dtype="float64"), x, x.transpose(0, 3, 1, 2))
    check(layers.Permute((1, 2, 3), dtype="float64"), x, x)


@pytest.mark.parametrize("name", ref.ACTIVATIONS)
def test_activation_functions(name):
    x = data(3, 4, 5) * 2
    expected = ref.ACTIVATIONS[name](x)
    check(layers.Activation(name, dtype="float64"), x, expected)
    function = getattr(activations, name)
    np.testing.assert_allclose(function(x), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(function(x.astype("float32")), expected, rtol=2e-4, atol=1e-5)
    assert function(x.tolist()).dtype == np.float32
    np.testing.assert_allclose(function(x[:, ::2, ::-1]), ref.ACTIVATIONS[name](x[:, ::2, ::-1]), rtol=1e-9)
    assert activations.get(name) is function
    assert activations.deserialize(activations.serialize(function)) is function
    assert function(np.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        ("SELU", "selu"),
        ("SiLU", "silu"),
        ("Swish", "silu"),
        ("Mish", "mish"),
        ("Sigmoid", "sigmoid"),
        ("HardSigmoid", "hard_sigmoid"),
        ("Tanh", "tanh"),
        ("Softplus", "softplus"),
        ("Softsign", "softsign"),
        ("Exponential", "exponential"),
        ("Linear", "linear"),
        ("Softmax", "softmax"),
        ("LogSoftmax", "log_softmax"),
        ("ReLU", "relu"),
        ("ELU", "elu"),
        ("CELU", "celu"),
        ("GELU", "gelu"),
    ],
)
def test_activation_layers(layer, name):
    x = data(3, 4, 5)
    check(getattr(layers, layer)(dtype="float64"), x, ref.ACTIVATIONS[name](x))


def test_rectifiers_with_parameters():
    x = data(3, 40) * 4
    check(layers.LeakyReLU(dtype="float64"), x, np.where(x > 0, x, 0.3 * x))
    check(layers.LeakyReLU(0.1, dtype="float64"), x, np.where(x > 0, x, 0.1 * x))
    check(layers.LeakyReLU(alpha=0.1, dtype="float64"), x, np.where(x > 0, x, 0.1 * x))
    check(layers.ELU(2.0, dtype="float64"), x, ref.elu(x, 2.0))
    check(layers.CELU(2.0, dtype="float64"), x, np.where(x > 0, x, 2 * (np.exp(np.minimum(x, 0) / 2) - 1)))
    tanh = x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    check(layers.GELU(approximate=True, dtype="float64"), x, tanh)
    check(layers.ReLU(6.0, dtype="float64"), x, np.clip(x, 0, 6))
    check(layers.ReLU(negative_slope=0.5, dtype="float64"), x, np.where(x > 0, x, 0.5 * x))
    check(layers.ReLU(threshold=1.0, dtype="float64"), x, np.where(x >= 1, x, 0))
    all_of_them = np.minimum(np.where(x >= 1, x, 0.1 * (x - 1)), 5)
    check(layers.ReLU(5.0, 0.1, 1.0, dtype="float64"), x, all_of_them)
    np.testing.assert_allclose(activations.relu(x, 0.1, 5.0, 1.0), all_of_them)


@pytest.mark.parametrize(
    ("axes", "shape"), [(None, (4, 5, 3)), ((1, 2), (1, 1, 3)), (1, (1, 5, 3)), ([3], (4, 5, 1))]
)
def test_prelu(axes, shape):
    layer = layers.PReLU(shared_axes=axes, dtype="float64")
    x = data(6, 4, 5, 3)
    layer.build(x.shape)
    assert names(layer) == [("alpha", shape)]
    randomise(layer)
    check(layer, x, np.where(x > 0, x, layer.get_weights()[0] * x))


@pytest.mark.parametrize("axis", [-1, 1, 2])
def test_softmax_axis(axis):
    x = data(3, 4, 5)
    expected = np.exp(x) / np.exp(x).sum(axis, keepdims=True)
    check(layers.Softmax(axis, dtype="float64"), x, expected)
    check(layers.LogSoftmax(axis, dtype="float64"), x, np.log(expected))
    np.testing.assert_allclose(activations.softmax(x, axis=axis), expected, rtol=1e-12)
    np.testing.assert_allclose(activations.softmax(x, axis=0).sum(0), np.ones((4, 5)), rtol=1e-12)
    with pytest.raises(ValueError, match="axis 3 is not one of the axes 1 to 2"):
        layers.Softmax(3)(x)
    with pytest.raises(ValueError, match="axis 0"):
        layers.Softmax(0)(x)


def test_rescaling():
    x = data(3, 4, 2)
    check(layers.Rescaling(2.0, 1.0, dtype="float64"), x, x * 2 + 1)
    check(layers.Rescaling([2.0, 3.0], [1.0, -1.0], dtype="float64"), x, x * [2, 3] + [1, -1])
    check(layers.Rescaling(2.0, np.array([1.0, -1.0]), dtype="float64"), x, x * 2 + [1, -1])
    check(layers.Rescaling([2.0, 3.0], dtype="float64"), x, x * [2, 3])
    bytes_ = np.arange(256, dtype="uint8").reshape(2, 128)
    np.testing.assert_allclose(layers.Rescaling(1 / 255)(bytes_), bytes_ / 255, rtol=1e-6)
    with pytest.raises(ValueError, match="scale has 3 values, but the input has 2"):
        layers.Rescaling([1, 2, 3])(x)


def test_input_layer():
    assert fastnn.Input((3, 4)).shape == (None, 3, 4)
    assert fastnn.Input(7).shape == (None, 7)
    assert fastnn.Input(batch_shape=(32, 7), name="pixels").name == "pixels"
    assert layers.InputLayer(input_shape=(3,)).batch_shape == (None, 3)
    with pytest.raises(ValueError, match=r"either shape=.*or batch_shape="):
        fastnn.Input()
    with pytest.raises(ValueError, match="at least 1"):
        fastnn.Input((3, 0))
    assert fastnn.Input((None, 3)).shape == (None, None, 3)
    with pytest.raises(TypeError, match="integers"):
        fastnn.Input((3.5,))
    with pytest.raises(ValueError, match="dtype"):
        fastnn.Input((3,), dtype="complex64")
