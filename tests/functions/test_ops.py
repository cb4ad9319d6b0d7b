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
    "repeat each": (lambda f, t: f.repeat(t, [2, 0, 1], axis=1), None),
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
    near(ops.repeat(x, [0, 3, 1], axis=0), np.repeat(x, [0, 3, 1], axis=0))
    near(ops.einsum("ii->i", x[:, :3]), np.diag(x[:, :3]))
    near(ops.einsum("ii", x[:, :3]), np.trace(x[:, :3]))
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


def test_activations_without_a_graph_keep_their_own_arguments():
    x = fastnn.Input((4,))
    y = fastnn.activations.gelu(fastnn.activations.relu(x, negative_slope=0.5, max_value=1.0))
    again = fastnn.layers.deserialize(fastnn.layers.serialize(y.node.layer))
    assert again.function == "activations.gelu"
    value = array(3, 4, low=-2, high=2)
    bounded = np.where(value < 0, 0.5 * value, np.minimum(value, 1))
    near(fastnn.Model(x, y).predict(value, verbose=0), fastnn.activations.gelu(bounded.astype("float32")))
    with pytest.raises(ValueError, match="no function 'activations.nothing'"):
        fastnn.layers.Operation("activations.nothing", {"args": [], "kwargs": {}})
    with pytest.raises(ValueError, match="no function 'os.system'"):
        fastnn.layers.Operation("os.system", {"args": [], "kwargs": {}})


# ---- choosing places -------------------------------------------------------------------------------------


def test_take():
    x = array(5, 4, 3)
    places = np.array([[1, 0], [-1, 2]])
    near(ops.take(x, places, axis=1), np.take(x, places, 1))
    near(ops.take(x, [3, 3]), np.take(x, [3, 3]))
    near(in_layer(lambda t: ops.take(t, places, axis=2), x), np.take(x, places, 2))
    near(in_layer(lambda t: ops.take(t, 2, axis=-1), x), np.take(x, 2, -1))


def test_take_rows_of_a_weight():
    class Table(Layer):
        integer_inputs = True

        def build(self, input_shape):
            self.table = self.add_weight((7, 2), name="table")

        def call(self, inputs):
            return ops.take(self.table, inputs, axis=0)

    layer = Table()
    ids = RANDOM.integers(0, 7, (5, 3)).astype("int32")
    near(layer(ids), layer.table.numpy()[ids])


def test_take_along_axis_and_gather():
    x = array(5, 4, 3)
    order = np.argsort(x, axis=1).astype("int32")
    near(ops.take_along_axis(x, order, 1), np.take_along_axis(x, order, 1))
    near(in_layer(lambda t: ops.take_along_axis(t, order[:1], 1), x), np.take_along_axis(x, order[:1], 1))
    best = in_layer(lambda t: ops.gather(t, ops.argmax(t[:, :, 0], -1), axis=1), x)
    near(best, np.stack([row[np.argmax(row[:, 0])] for row in x]))


def test_scatter_add():
    x, places = array(5, 4), np.array([1, 1, 3])
    updates = array(5, 3)
    expected = x.copy()
    np.add.at(expected, (slice(None), places), updates)
    near(ops.scatter_add(x, places, updates, axis=1), expected)
    added = array(1, 3)
    expected = x.copy()
    np.add.at(expected, (slice(None), places), np.broadcast_to(added, (5, 3)))
    near(in_layer(lambda t: ops.scatter_add(t, places, t[:, :1] * 0 + added[0], axis=1), x), expected)


def test_argmax_top_k_and_one_hot():
    x = array(5, 4, 3)
    for name in ("argmax", "argmin"):
        for axis in (1, 2, -1):
            np.testing.assert_array_equal(getattr(ops, name)(x, axis), getattr(np, name)(x, axis))
        assert getattr(ops, name)(x) == getattr(np, name)(x)
        kept = getattr(ops, name)(x, 1, keepdims=True)
        np.testing.assert_array_equal(kept, getattr(np, name)(x, 1, keepdims=True))
    values, places = ops.top_k(x, 2)
    near(values, np.sort(x, -1)[..., :0:-1])
    near(np.take_along_axis(x, places, -1), values)
    near(in_layer(lambda t: ops.one_hot(ops.argmax(t, -1), 3), x), np.eye(3)[np.argmax(x, -1)])


def test_cumsum():
    x = array(5, 4, 3)
    near(ops.cumsum(x, 1), np.cumsum(x, 1))
    near(ops.cumsum(x), np.cumsum(x))
    near(in_layer(lambda t: ops.cumsum(t, -1, reverse=True), x), np.cumsum(x[..., ::-1], -1)[..., ::-1])
    near(in_layer(lambda t: ops.diff(t, axis=1), x), np.diff(x, axis=1))


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
def test_pad(mode):
    x = array(5, 4, 3)
    widths = [(0, 0), (2, 1), (0, 2)]
    near(ops.pad(x, widths, mode), np.pad(x, widths, mode))
    near(in_layer(lambda t: ops.pad(t, widths, mode), x), np.pad(x, widths, mode))
    near(in_layer(lambda t: ops.pad(t, 1, mode), x), np.pad(x, [(0, 0), (1, 1), (1, 1)], mode))
    near(ops.pad(x, 1, constant_values=2.0), np.pad(x, 1, constant_values=2.0))


EINSUMS = [
    ("nij,njk->nik", (5, 4, 3), (5, 3, 2)),
    ("nij,nkj->nik", (5, 4, 3), (5, 2, 3)),
    ("nhqd,nhkd->nhqk", (5, 2, 4, 3), (5, 2, 6, 3)),
    ("nqhd,nkhd->nhqk", (5, 4, 2, 3), (5, 6, 2, 3)),
    ("nhqk,nkhd->nqhd", (5, 2, 4, 3), (5, 3, 2, 6)),
    ("ni,nj->nij", (5, 4), (5, 3)),
    ("ni,ni->n", (5, 4), (5, 4)),
    ("nij,nij->ni", (5, 4, 3), (5, 4, 3)),
    ("nij,nj->ni", (5, 4, 3), (5, 3)),
    ("nij->nji", (5, 4, 3), None),
    ("nij->ni", (5, 4, 3), None),
    ("nij->n", (5, 4, 3), None),
    ("nii->ni", (5, 4, 4), None),
    ("nii->n", (5, 4, 4), None),
    ("niji->nj", (5, 4, 3, 4), None),
    ("nii,nij->nij", (5, 4, 4), (5, 4, 3)),
]


@pytest.mark.parametrize(("text", "a", "b"), EINSUMS, ids=str)
def test_einsum(text, a, b):
    arrays = [array(*shape) for shape in (a, b) if shape is not None]
    expected = np.einsum(text, *arrays)
    near(ops.einsum(text, *arrays), expected)

    class Product(Layer):
        def call(self, inputs):
            return ops.einsum(text, *inputs)

    near(Product()(arrays), expected)


@pytest.mark.parametrize(
    ("text", "a", "b"),
    [
        ("ni,ij->nj", (5, 4), (4, 3)),
        ("nij,jk->nik", (5, 4, 3), (3, 2)),
        ("nij,jhd->nihd", (5, 4, 3), (3, 2, 6)),
        ("nij,ik->nkj", (5, 4, 3), (4, 2)),
        ("...j,jk->...k", (5, 4, 3), (3, 2)),
        ("nij,i->nj", (5, 4, 3), (4,)),
        ("nij,ki->nkj", (5, 4, 3), (2, 4)),
        ("ni,j->nij", (5, 4), (3,)),
        ("nij,ij->n", (5, 4, 3), (4, 3)),
    ],
    ids=str,
)
def test_einsum_with_a_weight(text, a, b):
    x, w = array(*a), array(*b)
    near(in_layer(lambda t: ops.einsum(text, t, w), x), np.einsum(text, x, w))


def test_einsum_over_samples():
    x = array(21, 4)
    found = in_layer(lambda t: t @ ops.einsum("ni,nj->ij", t, 2 * t), x)
    np.testing.assert_allclose(found, x @ (2 * x.T @ x), rtol=1e-5, atol=1e-5)
    near(ops.einsum("ij,jk,kl->il", x, array(4, 3) * 0 + 1, np.ones((3, 2), "float32")).shape, (21, 2))
    near(ops.einsum("ij,jk", x, array(4, 3) * 0 + 1), np.einsum("ij,jk", x, np.ones((4, 3), "float32")))


def test_softmax():
    x = array(5, 4, 3)
    e = np.exp(x)
    for axis in (1, -1):
        near(ops.softmax(x, axis), e / e.sum(axis, keepdims=True))
        near(in_layer(lambda t, a=axis: ops.log_softmax(t, a), x), np.log(e / e.sum(axis, keepdims=True)))


def test_clip_with_tensors_and_any_and_all():
    x = array(5, 3)
    low = array(3, low=-0.5, high=0.0)
    near(in_layer(lambda t: ops.clip(t, low, t * 0 + 0.25), x), np.clip(x, low, 0.25))
    near(ops.clip(x, None, 0.5), np.clip(x, None, 0.5))
    for name in ("any", "all"):
        expected = getattr(np, name)(x > 0, axis=1)
        np.testing.assert_array_equal(getattr(ops, name)(x > 0, axis=1), expected)
        found = in_layer(lambda t, f=getattr(ops, name): ops.where(f(t > 0, 1, True), t, 0.0), x)
        near(found, np.where(expected[:, None], x, 0))


def test_zeros_and_ones_like():
    x = np.array([[1.0, np.nan], [np.inf, 0.0]], "float32")
    for dtype in ("float32", "float64", "int32", "bool"):
        assert ops.ones_like(x, dtype).dtype == dtype
        np.testing.assert_array_equal(ops.zeros_like(x, dtype), np.zeros((2, 2)))
    np.testing.assert_array_equal(
        in_layer(lambda t: ops.ones_like(t) + ops.zeros_like(t), x), np.ones((2, 2))
    )


# ---- errors ----------------------------------------------------------------------------------------------


def fails(function, error, match, x=None):
    with pytest.raises(error, match=match):
        in_layer(function, array(5, 3) if x is None else x)


def test_axes_that_are_wrong():
    fails(lambda t: ops.sum(t, 2), ValueError, r"sum: axis 2 is out of range for a tensor of 2 dimensions")
    fails(lambda t: ops.sum(t, (1, -1)), ValueError, r"names an axis twice")
    fails(lambda t: ops.sum(t, 1.5), TypeError, r"axis must be an integer, got 1.5")
    fails(
        lambda t: ops.max(t, 0),
        ValueError,
        r"max: axis 0 .* counts the samples .* only sum, mean, var and std",
    )
    fails(lambda t: ops.max(t), ValueError, r"give the axes, as in axis=\(1,\)")
    fails(lambda t: ops.softmax(t, 0), ValueError, r"softmax: axis 0 .* counts the samples")
    fails(lambda t: ops.concatenate([t, t], 0), ValueError, r"concatenate: axis 0 .* counts the samples")
    fails(lambda t: ops.transpose(t, (1, 0)), ValueError, r"counts samples and must stay first")
    fails(lambda t: ops.reshape(t, (15,)), ValueError, r"must begin with None or -1, got \(15,\)")
    fails(lambda t: t[0], ValueError, r"axis 0 .* begin the index with ':'")
    fails(lambda t: ops.einsum("ni->in", t), ValueError, r"the samples' letter 'n' must come first")
    fails(lambda t: ops.tile(t, (2, 1)), ValueError, r"counts samples, which cannot be repeated")
    fails(lambda t: ops.expand_dims(t, 0), ValueError, r"no axis can stand before it")
    fails(lambda t: ops.pad(t, [(1, 1), (0, 0)]), ValueError, r"counts samples, which cannot be padded")
    fails(lambda t: ops.argmax(t), ValueError, r"argmax: give an axis")
    fails(
        lambda t: ops.repeat(t, [1, 2], axis=1),
        ValueError,
        r"a number, 0 or more, for each of the 3 elements",
    )
    fails(lambda t: ops.repeat(t, 1.5, axis=1), TypeError, r"repeats must be an integer, or a sequence")
    fails(lambda t: ops.einsum("ii->i", t), ValueError, r"gives the letter 'i' the extents None and 3")


def test_shapes_that_do_not_broadcast():
    fails(lambda t: t + np.ones(4), ValueError, r"\(None, 3\) and \(4,\) do not broadcast: 3 against 4")
    fails(lambda t: t + np.ones((5, 3)), ValueError, r"axis 0 of a batched tensor counts samples")
    fails(lambda t: t + t[:, None], ValueError, r"both need as many dimensions; see expand_dims")
    fails(lambda t: t @ np.ones((4, 2)), ValueError, r"3 columns against 4 rows")
    fails(lambda t: np.ones((2, 5)) @ t, ValueError, r"would sum over samples; see einsum")
    fails(lambda t: t @ t, ValueError, r"would sum over samples")
    with pytest.raises(ValueError, match="do not broadcast: 3 against 4"):
        ops.add(np.ones(3), np.ones(4))


def test_numpy_functions_of_tensors():
    fails(lambda t: np.sin(t), TypeError, r"numpy.sin was called on tensor .* use fastnn.ops.sin")
    fails(lambda t: np.sum(t), TypeError, r"numpy.sum was called .* use fastnn.ops.sum")
    fails(lambda t: np.fft.fft(t), TypeError, r"numpy.fft was called .* use fastnn's layers and ops")
    fails(lambda t: np.asarray(t), TypeError, r"symbolic and has no values")
    fails(lambda t: np.concatenate([t, t]), TypeError, r"use fastnn.ops.concatenate")
    fails(lambda t: float(t), TypeError, r"symbolic and has no value")
    fails(lambda t: [one for one in t], TypeError, r"cannot be iterated over; see fastnn.ops.split")
    fails(lambda t: t if t > 0 else -t, TypeError, r"truth is not known")


def test_what_call_must_not_return():
    fails(lambda t: None, TypeError, r"call must return tensors, but it returned nothing")
    fails(lambda t: np.ones(3), TypeError, r"returned a ndarray")


def test_tensors_of_another_graph():
    kept = []

    def keep(t):
        kept.append(t)
        return t

    in_layer(keep, array(5, 3))
    fails(lambda t: t + kept[0], ValueError, r"belongs to another graph")
    fails(lambda t: ops.exp(kept[0]), ValueError, r"belongs to another graph")
    fails(lambda t: t + fastnn.Input((3,)), ValueError, r"such without a graph")


def test_dtypes_that_are_mixed():
    ids = np.arange(6, dtype="int32").reshape(2, 3)
    for function, match in [
        (lambda t: ops.cast(t, "int32") / 2, r"needs floating point, got int32"),
        (lambda t: ops.cast(t, "int32") / ops.cast(t, "int32"), r"divide: needs floating point, got int32"),
        (lambda t: ops.cast(t, "int32") * 0.5, r"int32 tensor meets the floating-point constant 0.5"),
        (lambda t: ops.cast(t, "int32") + t, r"operands are int32 and float32: cast one"),
        (lambda t: ops.cast(t, "float64") + t, r"operands are float64 and float32: cast one"),
        (lambda t: ops.exp(ops.cast(t, "int32")), r"exp: needs floating point"),
        (lambda t: ops.where(t, t, t), r"condition must be bool, got float32"),
        (lambda t: ops.take(t, t, axis=1), r"indices must be integers, got float32"),
        (lambda t: t[t > 0], r"indexed by integers, slices, None and Ellipsis"),
        (lambda t: t + "one", r"expected a tensor or numbers, got 'one'"),
    ]:
        fails(function, TypeError, match)
    with pytest.raises(TypeError, match="needs floating point, got int32"):
        ops.divide(ids, ids)


def test_indices_out_of_range():
    fails(lambda t: t[:, 3], IndexError, r"index 3 is out of range for axis 1 of \(None, 3\)")
    fails(lambda t: t[:, 1, 2], IndexError, r"too many indices")
    fails(lambda t: t[:, 2:1], ValueError, r"slice .* of 3 elements is empty")
    fails(lambda t: ops.take(t, [0, 3], axis=1), ValueError, r"3")
    fails(lambda t: ops.split(t, 2, axis=1), ValueError, r"3 elements do not make 2 equal pieces")
