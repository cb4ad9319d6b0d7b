"""fastnn.ops against NumPy: on arrays, on tensors within a layer, and on tensors without a graph."""

import numpy as np
import pytest

import fastnn
from fastnn import ops
from fastnn.layers import Layer

RANDOM = np.random.default_rng(3)


class Lambda(Layer):
    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self.function = function

    def call(self, inputs):
        return self.function(inputs)


def in_layer(function, x):
    """What a layer that computes the function gives for a batch."""
    return Lambda(function, dtype=str(x.dtype))(x)


def array(*shape, low=-1.0, high=1.0):
    return RANDOM.uniform(low, high, shape).astype("float32")


def near(got, expected):
    np.testing.assert_allclose(got, expected, rtol=2e-6, atol=2e-6)
    assert np.shape(got) == np.shape(expected)


UNARY = ["exp", "expm1", "sqrt", "log", "log1p", "square", "abs", "sign", "sin", "cos", "tanh", "floor"]
UNARY += ["ceil", "round", "negative", "reciprocal"]


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_number(name):
    x = array(3, 4, low=0.1, high=3)
    near(getattr(ops, name)(x), getattr(np, name)(x))
    near(in_layer(getattr(ops, name), x), getattr(np, name)(x))


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "power", "maximum", "minimum"])
@pytest.mark.parametrize(
    "other", [2.0, 1, array(4), array(1, 4), array(1, 3, 1), array(3, 1), np.float64(0.5)], ids=np.shape
)
def test_functions_of_two_numbers(name, other):
    x = array(5, 3, 4, low=0.5, high=2)
    other = np.abs(other) + 0.5
    f, g = getattr(ops, name), getattr(np, name)
    near(f(x, other), g(x, other))
    near(f(other, x), g(other, x))
    near(in_layer(lambda t: f(t, other), x), g(x, other))
    near(in_layer(lambda t: f(other, t), x), g(other, x))


def test_operators():
    x, w = array(5, 3, low=0.5, high=2), array(3)
    k = array(3, 2)
    pairs = [
        (lambda t: t + w, x + w),
        (lambda t: w + t, w + x),
        (lambda t: t - w, x - w),
        (lambda t: w - t, w - x),
        (lambda t: 1 - t, 1 - x),
        (lambda t: t * w * 2, x * w * 2),
        (lambda t: w * t, w * x),
        (lambda t: t / w, x / w),
        (lambda t: w / t, w / x),
        (lambda t: 1 / t, 1 / x),
        (lambda t: t**2 + t**-1 + t**0.5 + t**1.5, x**2 + 1 / x + x**0.5 + x**1.5),
        (lambda t: 2.0**t, 2.0**x),
        (lambda t: t @ k, x @ k),
        (lambda t: -t, -x),
        (lambda t: abs(t - 1), abs(x - 1)),
        (lambda t: ops.cast(t > w, "float32"), x > w),
        (lambda t: ops.cast(w >= t, "float32"), w >= x),
        (lambda t: ops.cast(t < 1, "float32"), x < 1),
        (lambda t: ops.cast(t >= 1, "float32"), x >= 1),
    ]
    for function, expected in pairs:
        near(in_layer(function, x), expected)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "prod", "var", "std"])
@pytest.mark.parametrize("axis", [1, -1, (1, 2), (-1, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions(name, axis, keepdims):
    x = array(5, 3, 4)
    f, g = getattr(ops, name), getattr(np, name)
    near(f(x, axis, keepdims), g(x, axis=axis, keepdims=keepdims))
    near(in_layer(lambda t: f(t, axis, keepdims), x), g(x, axis=axis, keepdims=keepdims))


@pytest.mark.parametrize("name", ["sum", "mean", "var", "std"])
@pytest.mark.parametrize("axis", [0, (0, 2), None, (0, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions_over_samples(name, axis, keepdims):
    x = array(21, 3, 4)
    f, g = getattr(ops, name), getattr(np, name)
    expected = g(x, axis=axis, keepdims=keepdims)
    near(f(x, axis, keepdims), expected)
    kept = g(x, axis=axis, keepdims=True)
    near(in_layer(lambda t: t * 0 + ops.reshape(f(t, axis, keepdims), kept.shape), x), x * 0 + kept)


def test_logsumexp_does_not_overflow():
    x = np.array([[1000.0, 1000.0], [-1000.0, -1001.0]], "float32")
    expected = np.logaddexp(x[:, 0], x[:, 1])
    near(ops.logsumexp(x, axis=1), expected)
    near(in_layer(lambda t: ops.logsumexp(t, axis=-1), x), expected)


KEYS = [
    np.s_[:, 0],
    np.s_[:, -1, ::2],
    np.s_[..., 1],
    np.s_[:, None, 1:],
    np.s_[:, ::-1, None, 3:0:-2],
    np.s_[:],
    np.s_[..., None],
    np.s_[:, :, 1:2],
    np.s_[:, 2, 3],
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_slices(key):
    x = array(5, 3, 4)
    near(ops.getitem(x, key), x[key])
    near(in_layer(lambda t: t[key], x), x[key])


SHAPES = {
    "reshape": (lambda f, t: f.reshape(t, (-1, 12)), None),
    "transpose": (lambda f, t: f.transpose(t, (0, 2, 1)), None),
    "swapaxes": (lambda f, t: f.swapaxes(t, 1, 2), None),
    "expand_dims": (lambda f, t: f.expand_dims(t, (1, -1)), None),
    "squeeze": (lambda f, t: f.squeeze(f.expand_dims(t, 1), 1), None),
    "broadcast_to": (lambda f, t: f.broadcast_to(t[:, :1], (t.shape[0], 3, 4)), None),
    "concatenate": (lambda f, t: f.concatenate([t, t[:, :1], 2 * t], 1), None),
    "stack": (lambda f, t: f.stack([t, 2 * t], -1), None),
    "split": (lambda f, t: f.concatenate(f.split(t, 2, axis=-1)[::-1], -1), None),
    "split at": (lambda f, t: f.concatenate(f.split(t, [1, 3], axis=2)[::-1], -1), None),
    "flip": (lambda f, t: f.flip(t, 2), None),
    "flip two": (lambda f, t: f.flip(t, (1, 2)), None),
    "tile": (lambda f, t: f.tile(t, (1, 2, 3)), None),
    "repeat": (lambda f, t: f.repeat(t, 3, axis=1), None),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name):
    x = array(5, 3, 4)
    function = SHAPES[name][0]
    near(in_layer(lambda t: function(ops, t), x), function(np, x))


def test_shapes_of_arrays():
    x = array(3, 4)
    near(ops.transpose(x), x.T)
    near(ops.tile(x, (2, 1, 2)), np.tile(x, (2, 1, 2)))
    near(ops.repeat(x, 2), np.repeat(x, 2))
    near(ops.flip(x), np.flip(x))
    near(ops.squeeze(x[None, :, None]), x)
    near(ops.max(x), x.max())
    near(ops.concatenate([x, x], 0), np.concatenate([x, x], 0))


@pytest.mark.parametrize(
    ("a", "b"),
    [((5, 3), (3, 2)), ((5, 3), (3,)), ((5, 4, 3), (3, 2)), ((5, 4, 3), (3,)), ((5, 2, 4, 3), (2, 3, 2))],
    ids=str,
)
def test_matmul_of_a_batch_and_a_weight(a, b):
    x, w = array(*a), array(*b)
    near(ops.matmul(x, w), x @ w)
    near(in_layer(lambda t: t @ w, x), x @ w)


def test_matmul_of_two_batches():
    x = array(5, 4, 3)
    near(in_layer(lambda t: t @ ops.swapaxes(t, 1, 2), x), x @ np.swapaxes(x, 1, 2))
    w, v = array(2, 4), array(4)
    near(in_layer(lambda t: ops.matmul(w, t), x), w @ x)
    near(in_layer(lambda t: ops.matmul(v, t), x), v @ x)


def test_logic():
    x = array(5, 4)
    near(
        in_layer(lambda t: ops.where(ops.logical_and(t > 0, t < 0.5), t, -1.0), x),
        np.where((x > 0) & (x < 0.5), x, -1),
    )
    found = ops.where(ops.logical_not(x > 0), x, 0.0)
    near(found, np.where(x > 0, 0, x))
    assert ops.greater(x, 0).dtype == bool
    assert ops.equal(np.array([1, 2]), np.array([1, 3])).tolist() == [True, False]


def test_integers_and_doubles():
    i = np.arange(6, dtype="int32").reshape(2, 3)
    assert ops.add(i, 1).dtype == np.int32
    np.testing.assert_array_equal(ops.multiply(i, i) - 1, i * i - 1)
    np.testing.assert_array_equal(ops.abs(-i), i)
    np.testing.assert_array_equal(ops.negative(i), -i)
    d = array(3, 4).astype("float64")
    assert ops.exp(d).dtype == np.float64
    assert ops.add(d, array(4)).dtype == np.float64
    near(in_layer(lambda t: ops.mean(t, 1) * 2, d), d.mean(1) * 2)


def test_weights_in_call():
    class Norm(Layer):
        def build(self, input_shape):
            self.scale = self.add_weight((4, 3), "ones", name="scale")

        def call(self, inputs):
            unit = self.scale / ops.sqrt(ops.sum(ops.square(self.scale)))
            return inputs @ unit

    x = array(5, 4)
    near(Norm()(x), x @ np.full((4, 3), 1 / np.sqrt(12), "float32"))


# ---- without a graph -------------------------------------------------------------------------------------


def test_symbolic_tensors_record_what_is_done():
    x = fastnn.Input((4,))
    y = ops.concatenate([x * 2 + np.ones(4, "float32"), x[:, ::-1]], axis=1)
    assert y.shape == (None, 8) and y.graph is None
    assert y.node.layer.function == "concatenate"
    description = fastnn.layers.serialize(y.node.layer)
    again = fastnn.layers.deserialize(description)
    a, b = array(3, 4), array(3, 4)
    near(again([a, b]), np.concatenate([a, b], 1))


def test_symbolic_splits_have_several_outputs():
    a, b = ops.split(fastnn.Input((4, 6)), 2, axis=-1)
    assert a.shape == b.shape == (None, 4, 3)
    assert (a.origin[2], b.origin[2]) == (0, 1)
