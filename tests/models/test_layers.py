"""Every layer against NumPy: outputs, weights' names and shapes, configuration, messages."""

import numpy as np
import pytest
from models import layer_reference as ref

import fastnn
from fastnn import activations, layers
from fastnn.tensor import Tensor

RANDOM = np.random.default_rng(11)


def data(*shape):
    return RANDOM.normal(size=shape)


def randomise(layer):
    """Give a layer weights that are not special."""
    layer.set_weights([RANDOM.normal(size=w.shape) * 0.5 + 0.3 for w in layer.get_weights()])


def check(layer, x, expected, training=False):
    """Output of a float64 layer; and its shape, as predicted and as declared."""
    out = layer(x, training=training)
    assert out.dtype == np.float64
    np.testing.assert_allclose(out, expected, rtol=1e-9, atol=1e-9)
    shape = (None, *x.shape[1:])
    assert layer.compute_output_shape(shape) == (None, *expected.shape[1:])
    assert type(layer).from_config(layer.get_config()).compute_output_shape(shape) == (
        None,
        *expected.shape[1:],
    )
    assert layer(Tensor(shape)).shape == (None, *expected.shape[1:])
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()
    single = type(layer).from_config({**layer.get_config(), "dtype": "float32"})
    single.build(shape)
    single.set_weights(layer.get_weights())
    assert single(x).dtype == np.float32
    if not training:
        np.testing.assert_allclose(single(x), expected, rtol=2e-4, atol=2e-5)


def names(layer):
    return [(w.name, w.shape) for w in layer.weights]


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


# ---- messages -----------------------------------------------------------------------------------


def test_wrong_number_of_features():
    layer = layers.Dense(2, name="head")
    layer.build((None, 400))
    message = (
        "Dense 'head': input has 3 features, but its kernel was built for 400 (input shape (None, 3)). "
        "Flatten the input, or rebuild the layer."
    )
    for x in (np.zeros((5, 3)), Tensor((None, 3))):
        with pytest.raises(ValueError) as caught:
            layer(x)
        assert str(caught.value) == message
    layer = layers.Conv2D(2, 3, name="first")
    layer.build((None, 8, 8, 1))
    with pytest.raises(
        ValueError, match=r"Conv2D 'first': input has 3 channels, but its kernel was built for 1"
    ):
        layer(np.zeros((5, 8, 8, 3)))


@pytest.mark.parametrize(
    ("make", "shape", "match"),
    [
        (
            lambda: layers.Conv2D(2, 3, name="c"),
            (2, 28, 28),
            r"Conv2D 'c': expected an input of rank 4.*x\[\.\.\., None\]",
        ),
        (lambda: layers.Conv2D(2, 3), (2, 784), "rank 4.*Reshape"),
        (lambda: layers.MaxPooling2D(name="p"), (2, 10), "MaxPooling2D 'p': expected an input of rank 4"),
        (
            lambda: layers.Dense(2, name="d"),
            (2,),
            "Dense 'd': expected an input of rank 2 or more, got rank 1",
        ),
        (
            lambda: layers.Conv2D(2, 5, name="c"),
            (2, 4, 9, 1),
            "Conv2D 'c': kernel_size covers 5 pixels.*has 4 there",
        ),
        (lambda: layers.Conv2D(2, 3, dilation_rate=2), (2, 4, 9, 1), "covers 5 pixels"),
        (lambda: layers.MaxPooling2D(5, name="p"), (2, 4, 9, 1), "MaxPooling2D 'p': pool_size covers 5"),
        (lambda: layers.Conv2D(4, 3, groups=2), (2, 9, 9, 3), "3 channels must be a multiple of groups"),
        (lambda: layers.Reshape((7,), name="r"), (2, 3, 2), "Reshape 'r': cannot reshape"),
        (lambda: layers.Permute((2, 1)), (2, 3, 2, 2), "rank 3"),
        (lambda: layers.PReLU(shared_axes=4), (2, 3, 2), "no axis 4"),
    ],
)
def test_inputs_that_do_not_fit(make, shape, match):
    with pytest.raises(ValueError, match=match):
        make()(np.zeros(shape))


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: layers.Dense(0, name="d"), ValueError, "Dense 'd': units must be at least 1, got 0"),
        (lambda: layers.Dense(-3), ValueError, "units must be at least 1"),
        (lambda: layers.Dense(2.5), TypeError, "units must be an integer, got 2.5"),
        (lambda: layers.Dense(True), TypeError, "units must be an integer"),
        (lambda: layers.Dense(2, "rellu"), ValueError, "unknown activation 'rellu'; did you mean 'relu'"),
        (lambda: layers.Dense(2, activation=3), TypeError, "activation: expected a name"),
        (lambda: layers.Dense(2, unit=3), TypeError, "unknown argument 'unit'; did you mean 'units'"),
        (lambda: layers.Dense(2, kernel_initializer="glorot_unifrm"), ValueError, "glorot_uniform"),
        (lambda: layers.Dense(2, kernel_regularizer="l3"), ValueError, "l3"),
        (lambda: layers.Dense(2, kernel_constraint="maxnorm_"), ValueError, "max_norm"),
        (lambda: layers.Dense(2, dtype="int32"), ValueError, "dtype must be 'float32' or 'float64'"),
        (lambda: layers.Dense(2, dtype="floot"), ValueError, "dtype"),
        (lambda: layers.Dense(2, name=""), ValueError, "name"),
        (lambda: layers.Dense(2, name="a/b"), ValueError, "name"),
        (lambda: layers.Dense(2, input_shape=(0,)), ValueError, "at least 1"),
        (lambda: layers.Conv2D(2, (3, 3, 3)), ValueError, "kernel_size must be an integer or two"),
        (lambda: layers.Conv2D(2, 0), ValueError, "kernel_size must be at least 1"),
        (lambda: layers.Conv2D(2, 3, strides=0), ValueError, "strides"),
        (
            lambda: layers.Conv2D(2, 3, padding="sam"),
            ValueError,
            "unknown padding 'sam'; did you mean 'same'",
        ),
        (lambda: layers.Conv2D(3, 3, groups=2), ValueError, "multiple of groups"),
        (lambda: layers.Conv2D(2, 3, strides=2, dilation_rate=2), ValueError, "cannot both"),
        (lambda: layers.Conv2D(2, 3, data_format="channels_first"), ValueError, "moveaxis"),
        (lambda: layers.Dropout(1.0), ValueError, r"rate must be in \[0, 1\), got 1.0"),
        (lambda: layers.Dropout(-0.1), ValueError, "rate"),
        (lambda: layers.Dropout(float("nan")), ValueError, "rate"),
        (lambda: layers.Dropout("0.5"), TypeError, "rate must be a number"),
        (lambda: layers.GaussianNoise(-1), ValueError, "stddev must be at least 0"),
        (lambda: layers.Permute((1, 3)), ValueError, "dims must hold each of 1 to 2 once"),
        (lambda: layers.Reshape((-1, -1)), ValueError, "at most one -1"),
        (lambda: layers.Reshape((0,)), ValueError, "at least 1"),
    ],
)
def test_arguments(make, error, match):
    with pytest.raises(error, match=match):
        make()


def test_layers_used_before_they_are_built():
    layer = layers.Dense(2, name="head")
    assert layer.get_weights() == []
    with pytest.raises(
        ValueError, match="Dense 'head': count_params needs its weights, and it is not built yet"
    ):
        layer.count_params()
    with pytest.raises(ValueError, match="not built yet"):
        layer.set_weights([np.zeros((3, 2)), np.zeros(2)])
    with pytest.raises(ValueError, match="not built yet"):
        layer.set_weights([np.zeros((3, 2))])


def test_set_weights():
    layer = layers.Dense(2, name="head")
    layer.build((None, 3))
    before = layer.get_weights()
    with pytest.raises(ValueError, match=r"'kernel' has shape \(3, 2\), got \(2, 3\)"):
        layer.set_weights([np.zeros((2, 3)), np.zeros(2)])
    with pytest.raises(ValueError, match="'bias'"):
        layer.set_weights([np.zeros((3, 2)), np.zeros(3)])
    with pytest.raises(ValueError, match="got 1 arrays, but there are 2 weights"):
        layer.set_weights([np.zeros((3, 2))])
    with pytest.raises(TypeError, match="numbers"):
        layer.set_weights([np.full((3, 2), "a"), np.zeros(2)])
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    kernel = np.arange(6, dtype=">f8").reshape(2, 3).T  # big-endian, not contiguous
    layer.set_weights([kernel, [1, 2]])
    np.testing.assert_array_equal(layer.kernel.numpy(), kernel)
    np.testing.assert_array_equal(layer.get_weights()[1], [1, 2])
    np.testing.assert_array_equal(np.asarray(layer.bias), [1, 2])


def test_eager_calls_follow_the_weights():
    layer = layers.Dense(1, use_bias=False)
    x = np.ones((2, 3), "float32")
    layer(x)
    for value in (1.0, 2.0):
        layer.set_weights([np.full((3, 1), value)])
        np.testing.assert_array_equal(layer(x), np.full((2, 1), 3 * value))


def test_trainable():
    layer = layers.Dense(2)
    layer.build((None, 3))
    assert len(layer.trainable_weights) == 2
    layer.trainable = False
    assert layer.trainable_weights == []
    assert [w.name for w in layer.non_trainable_weights] == ["kernel", "bias"]
    assert not layer.kernel.trainable
    layer.trainable = True
    layer.bias.trainable = False
    assert [w.name for w in layer.trainable_weights] == ["kernel"]
    assert layers.Dense(2, trainable=False).get_config()["trainable"] is False


def test_names_are_unique():
    first, second = layers.Dense(1), layers.Dense(1)
    assert first.name != second.name
    assert second.name.startswith("dense_")
    assert layers.MaxPooling2D().name.startswith("max_pooling2d")


def test_float64_by_default():
    try:
        fastnn.config.set_floatx("float64")
        assert layers.Dense(1)(np.zeros((1, 2))).dtype == np.float64
    finally:
        fastnn.config.set_floatx("float32")
    with pytest.raises(ValueError, match="float32"):
        fastnn.config.set_floatx("float16")


def test_dtypes_that_differ():
    with pytest.raises(TypeError, match=r"Dense 'b': computes in float64, but its input .* is float32"):
        fastnn.Sequential([fastnn.Input((3,)), layers.Dense(2), layers.Dense(1, dtype="float64", name="b")])


# ---- layers of one's own ------------------------------------------------------------------------


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
    with pytest.raises(ValueError, match="exists already"):
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
        activations.relu(fastnn.Input((3,)))


def test_arguments_that_are_not_kept():
    class Forgetful(layers.Layer):
        def __init__(self, size, **kwargs):
            super().__init__(**kwargs)

    with pytest.raises(NotImplementedError, match="argument 'size' is kept in no attribute"):
        Forgetful(3).get_config()


# ---- normalisation and noise --------------------------------------------------------------------


@pytest.mark.parametrize(("axis", "shape"), [(-1, (5,)), (-1, (4, 3, 5)), (1, (5, 3, 4)), (2, (4, 5, 3))])
@pytest.mark.parametrize("options", [{}, {"center": False}, {"scale": False, "epsilon": 0.1}])
def test_batch_normalization(axis, shape, options):
    layer = layers.BatchNormalization(axis, momentum=0.9, dtype="float64", **options)
    x = data(20, *shape) * 2 + 3
    layer.build(x.shape)
    axes = tuple(i for i in range(x.ndim) if i != axis % x.ndim)
    channels = x.shape[axis]
    present = [n for n in ("gamma", "beta") if {"gamma": layer.scale, "beta": layer.center}[n]]
    assert names(layer) == [(n, (channels,)) for n in (*present, "moving_mean", "moving_variance")]
    assert [w.trainable for w in layer.weights] == [True] * len(present) + [False] * 2
    moving_mean, moving_variance = layer.get_weights()[-2:]
    np.testing.assert_array_equal(moving_mean, np.zeros(channels))
    np.testing.assert_array_equal(moving_variance, np.ones(channels))
    layer.set_weights([np.abs(RANDOM.normal(size=channels)) + 0.5 for _ in layer.weights])
    weights = {w.name: w.numpy() for w in layer.weights}
    along = [channels if i == axis % x.ndim else 1 for i in range(x.ndim)]

    def normalised(mean, variance):
        out = (x - mean.reshape(along)) / np.sqrt(variance.reshape(along) + layer.epsilon)
        out *= weights.get("gamma", np.ones(channels)).reshape(along)
        return out + weights.get("beta", np.zeros(channels)).reshape(along)

    check(layer, x, normalised(weights["moving_mean"], weights["moving_variance"]))
    mean = x.mean(axes)
    variance = ((x - mean.reshape(along)) ** 2).mean(axes)
    np.testing.assert_allclose(layer(x, training=True), normalised(mean, variance), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(layer.moving_mean.numpy(), 0.9 * weights["moving_mean"] + 0.1 * mean)
    np.testing.assert_allclose(
        layer.moving_variance.numpy(), 0.9 * weights["moving_variance"] + 0.1 * variance
    )
    layer.trainable = False
    after = layer.get_weights()
    frozen = normalised(after[-2], after[-1])
    np.testing.assert_allclose(layer(x, training=True), frozen, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(layer.moving_mean.numpy(), after[-2])


@pytest.mark.parametrize(
    ("axis", "weights"),
    [(-1, (5,)), (1, (3,)), ((-1,), (5,)), ((2, 3), (4, 5)), ([1, 3], (3, 5)), ((-1, 1, 2), (3, 4, 5))],
)
@pytest.mark.parametrize("options", [{}, {"center": False}, {"scale": False, "epsilon": 0.1}])
def test_layer_normalization(axis, weights, options):
    layer = layers.LayerNormalization(axis, dtype="float64", **options)
    x = data(7, 3, 4, 5) * 2 + 3
    layer.build(x.shape)
    present = [n for n in ("gamma", "beta") if {"gamma": layer.scale, "beta": layer.center}[n]]
    assert names(layer) == [(n, weights) for n in present]
    randomise(layer)
    values = {w.name: w.numpy() for w in layer.weights}
    axes = tuple(sorted(a % 4 for a in layer.axis))
    gamma, beta = values.get("gamma", np.ones(weights)), values.get("beta", np.zeros(weights))
    check(layer, x, ref.layer_normalization(x, gamma, beta, axes, layer.epsilon))


@pytest.mark.parametrize(("axis", "weights"), [(-1, (5,)), (1, (3,)), ((2, 3), (4, 5))])
def test_rms_normalization(axis, weights):
    layer = layers.RMSNormalization(axis, epsilon=1e-4, dtype="float64")
    x = data(7, 3, 4, 5) * 2 + 3
    layer.build(x.shape)
    assert names(layer) == [("scale", weights)]
    randomise(layer)
    axes = tuple(sorted(a % 4 for a in layer.axis))
    scale = layer.get_weights()[0].reshape([x.shape[i] if i in axes else 1 for i in range(1, 4)])
    check(layer, x, x / np.sqrt((x**2).mean(axes, keepdims=True) + 1e-4) * scale)


@pytest.mark.parametrize("groups", [1, 2, -1])
@pytest.mark.parametrize("shape", [(6,), (3, 6), (3, 4, 6)])
@pytest.mark.parametrize("options", [{}, {"center": False}, {"scale": False, "epsilon": 0.1}])
def test_group_normalization(groups, shape, options):
    if groups == -1:
        layer = layers.InstanceNormalization(dtype="float64", **options)
    else:
        layer = layers.GroupNormalization(groups, dtype="float64", **options)
    x = data(7, *shape) * 2 + 3
    layer.build(x.shape)
    present = [n for n in ("gamma", "beta") if {"gamma": layer.scale, "beta": layer.center}[n]]
    assert names(layer) == [(n, (6,)) for n in present]
    randomise(layer)
    values = {w.name: w.numpy() for w in layer.weights}
    parts = x.reshape(7, -1, 6 if groups == -1 else groups, 1 if groups == -1 else 6 // groups)
    mean, variance = parts.mean((1, 3), keepdims=True), parts.var((1, 3), keepdims=True)
    normal = ((parts - mean) / np.sqrt(variance + layer.epsilon)).reshape(x.shape)
    check(layer, x, normal * values.get("gamma", 1.0) + values.get("beta", 0.0))


def test_group_normalization_over_another_axis():
    layer = layers.GroupNormalization(2, axis=1, dtype="float64")
    x = data(3, 4, 5)
    moved = layers.GroupNormalization(2, dtype="float64")(np.moveaxis(x, 1, -1))
    np.testing.assert_allclose(layer(x), np.moveaxis(moved, -1, 1), rtol=1e-12)


def test_group_normalization_refuses():
    with pytest.raises(ValueError, match=r"'norm': groups=4 does not divide the 6 channels.*\(None, 3, 6\)"):
        layers.GroupNormalization(4, name="norm")(data(2, 3, 6))
    with pytest.raises(ValueError, match="groups must be at least 1, or -1"):
        layers.GroupNormalization(0)
    with pytest.raises(TypeError, match="takes no groups"):
        layers.InstanceNormalization(groups=2)
    with pytest.raises(ValueError, match="axis 0 is not among the axes 1 to 1"):
        layers.GroupNormalization(1, axis=0)(data(2, 3))
    with pytest.raises(ValueError, match="epsilon"):
        layers.RMSNormalization(epsilon=-1)
    with pytest.raises(ValueError, match="input has 4 entries, but its scale was built for 3"):
        norm = layers.RMSNormalization()
        norm(data(2, 3))
        norm(data(2, 4))


def test_normalization_axes():
    for make in (layers.BatchNormalization, layers.LayerNormalization, layers.RMSNormalization):
        for axis in (0, 3, -3):
            with pytest.raises(ValueError, match="axis"):
                make(axis)(data(5, 4, 3))


@pytest.mark.parametrize("cls", [layers.Dropout, layers.SpatialDropout2D])
def test_dropout(cls):
    x = np.ones((50, 6, 7, 8))
    layer = cls(0.25, dtype="float64")
    check(layer, x, x)
    out = layer(x, training=True)
    assert set(np.unique(out)) == {0.0, 1 / 0.75}
    kept = (out > 0).mean()
    assert abs(kept - 0.75) < (0.01 if cls is layers.Dropout else 0.06)
    if cls is layers.SpatialDropout2D:
        np.testing.assert_array_equal(out, np.broadcast_to(out[:, :1, :1], x.shape))
    assert np.array_equal(cls(0.0)(x, training=True), x)


def test_dropout_noise_shape():
    x = np.ones((50, 6, 8), "float32")
    out = layers.Dropout(0.5, noise_shape=(None, 1, None))(x, training=True)
    np.testing.assert_array_equal(out, np.broadcast_to(out[:, :1], x.shape))
    assert 0.3 < (out > 0).mean() < 0.7
    with pytest.raises(ValueError, match="noise_shape"):
        layers.Dropout(0.5, noise_shape=(None, 2, None))(x, training=True)


def test_gaussian_noise():
    x = np.full((200, 40), 3.0)
    layer = layers.GaussianNoise(0.5, dtype="float64")
    check(layer, x, x)
    noise = layer(x, training=True) - x
    assert abs(noise.mean()) < 0.03
    assert abs(noise.std() - 0.5) < 0.02


# ---- what the trainer reads ---------------------------------------------------------------------


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
