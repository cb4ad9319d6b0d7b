"""3x3 convolutions of enough channels for Winograd's form, which serves them in float32 rows."""

from collections.abc import Callable

import numpy as np
import pytest
import reference
from checks import batch, case, check_op, shared
from winograd import MAKERS, UNIT, per_output, tiles

from fastnn import _core

Array = np.ndarray


def conv(image, kernel, bias=True, **attributes):
    operands = [batch(*image), shared(*kernel), shared(kernel[-1]) if bias else None]
    return case("conv2d", operands, reference.conv2d, batches=(1, 3, 17), gradient=False, **attributes)


CASES = [
    conv((7, 8, 32), (3, 3, 32, 33), padding="same", activation="relu"),
    conv((9, 7, 35), (3, 3, 35, 32), activation="tanh"),
    conv((6, 9, 40), (3, 3, 40, 64), bias=False, padding="causal"),
    conv((8, 8, 64), (3, 3, 64, 64), padding="same"),
]


def conv_pool(x, kernel, bias, pool_size, **attributes):
    made = reference.conv2d(x, kernel, bias, **attributes)
    return reference.max_pool2d(made, pool_size=pool_size, strides=pool_size)


def pooled(image, kernel, **attributes):
    operands = [batch(*image), shared(*kernel), shared(kernel[-1])]
    return case("conv2d", operands, conv_pool, batches=(1, 3, 17), gradient=False, **attributes)


CASES += [
    pooled((9, 11, 32), (3, 3, 32, 33), pool_size=[2, 2], activation="relu"),
    pooled((8, 8, 32), (3, 3, 32, 32), pool_size=[3, 3], padding="same", activation="tanh"),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_conv2d(declared):
    check_op(declared)


def function(op: str, a: Array, b: Array, dtype: str, **attributes) -> Callable[[int], Array]:
    """op(a, b) in rows; b is shared by all samples where it has no batch axis."""
    graph = _core.Graph()
    operands, feeds = [], []
    for name, value in (("a", a), ("b", b)):
        if op != "conv2d_grad_kernel" and name == "b":
            store = _core.Store()
            store.add(name, list(value.shape), dtype)
            store.set(name, value.astype(dtype))
            operands.append(graph.parameter(store, name))
        else:
            operands.append(graph.input(name, list(value.shape[1:]), dtype))
            feeds.append(value.astype(dtype))
    if op == "conv2d":
        operands.append(None)
    out = graph.add(op, operands, {"padding": "valid", **attributes})[0]
    made = _core.Function(graph, [out], "rows")
    return lambda threads=1: made.run(feeds, threads=threads)[0]


SHAPES = [((9, 8, 32), 48, "same"), ((11, 8, 64), 64, "valid"), ((6, 6, 160), 96, "valid")]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("make_kernel", MAKERS)
@pytest.mark.parametrize("make_image", MAKERS)
def test_error_is_bounded(make_image, make_kernel, shape):
    (height, width, channels), filters, padding = shape
    random = np.random.default_rng(0)
    pad = int(padding == "same")
    out_size = height + 2 * pad - 2, width + 2 * pad - 2
    x = make_image(random, 3, height, width, channels).astype("float32").astype("float64")
    kernel = make_kernel(random, 3, 3, channels, filters).astype("float32").astype("float64")
    dy = make_image(random, 3, *out_size, filters).astype("float32").astype("float64")
    cells = tiles(x, *out_size, pad, 4).max(axis=0).reshape(-1, channels)
    blocks = tiles(dy, *out_size, 0, 2).sum(axis=0).reshape(-1, filters)
    turned = kernel.transpose(0, 1, 3, 2)
    for op, operands, attributes, terms, bound in (
        ("conv2d", (x, kernel), {}, channels, per_output(x, kernel, *out_size, pad)),
        (
            "conv2d_grad_input",
            (dy, kernel),
            {"input_size": [height, width]},
            filters,
            per_output(dy, turned, height, width, 2 - pad),
        ),
        ("conv2d_grad_kernel", (x, dy), {"kernel_size": [3, 3]}, len(cells), cells.T @ blocks),
    ):
        exact = function(op, *operands, "float64", padding=padding, **attributes)()
        got = function(op, *operands, "float32", padding=padding, **attributes)
        share = np.abs(got() - exact) / (16 * (terms + 12) * UNIT * bound)
        # The largest found here is 0.014: errors of many terms cancel.
        assert share.max() <= 0.1, op
        assert got(2).tobytes() == got().tobytes(), op


def test_what_is_not_finite_stays_in_its_blocks():
    random = np.random.default_rng(0)
    x = random.normal(size=(2, 12, 12, 32)).astype("float32")
    kernel = random.normal(size=(3, 3, 32, 32)).astype("float32")
    before = function("conv2d", x, kernel, "float32", padding="same")()
    x[1, 5, 6, 3] = np.nan
    after = function("conv2d", x, kernel, "float32", padding="same")()
    assert np.isnan(after[1, 4:7, 5:8]).all()
    clear = np.ones(after.shape, bool)
    clear[1, 4:8, 4:8] = False
    np.testing.assert_array_equal(after[clear], before[clear])


def test_small_integers_are_exact():
    random = np.random.default_rng(0)
    x = random.integers(-8, 9, size=(3, 9, 11, 32)).astype("float64")
    kernel = random.integers(-8, 9, size=(3, 3, 32, 32)).astype("float64")
    got = function("conv2d", x, kernel, "float32", padding="same")()
    np.testing.assert_array_equal(got, reference.conv2d(x, kernel, None, padding="same"))


def test_new_weights_are_seen():
    random = np.random.default_rng(0)
    x = random.normal(size=(2, 8, 8, 32)).astype("float32")
    kernel = random.normal(size=(3, 3, 32, 32)).astype("float32")
    graph, store = _core.Graph(), _core.Store()
    store.add("kernel", [3, 3, 32, 32], "float32")
    image = graph.input("x", [8, 8, 32], "float32")
    out = graph.add("conv2d", [image, graph.parameter(store, "kernel"), None], {})[0]
    made = _core.Function(graph, [out], "rows")
    assert "pack" in made.describe(2)
    run = made.run
    for factor in (1, 1, 2, 3, 3):
        store.set("kernel", factor * kernel)
        for _ in range(2):
            expected = factor * reference.conv2d(x, kernel, None)
            np.testing.assert_allclose(run([x])[0], expected, rtol=0, atol=1e-3)
