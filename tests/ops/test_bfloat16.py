"""Ops with compute_dtype "bfloat16" against NumPy, which rounds the operands and sums in the same order."""

import numpy as np
import pytest
import reference
from bfloat16 import BFLOAT16, graph_of, near, random, rounded

from fastnn import _core


def product(a, b, start=0.0):
    """a . b in float32, pair by pair: the odd one's product is added first."""
    a, b = rounded(a), rounded(b)
    if a.shape[1] % 2:
        a, b = np.pad(a, ((0, 0), (0, 1))), np.pad(b, ((0, 1), (0, 0)))
    out = np.zeros((a.shape[0], b.shape[1]), "float32") + np.float32(start)
    for k in range(0, a.shape[1], 2):
        for i in (k + 1, k):
            out = out + a[:, i : i + 1] * b[i]  # the products are exact
    return out


@pytest.mark.parametrize(("features", "units"), [(1, 1), (5, 3), (70, 33), (513, 100), (700, 511)])
@pytest.mark.parametrize("samples", [1, 17, 131])
def test_dense_has_the_bits_of_its_definition(samples, features, units):
    x, kernel, bias = random(samples, features), random(features, units), random(units)
    dy = random(samples, units, seed=1)
    graph, fetch = graph_of("dense", x, [kernel, bias], BFLOAT16)
    function = _core.Function(graph, fetch, "rows")
    runs = [function.run([x, dy], threads=threads) for threads in (1, 2, 3)]
    for other in runs[1:]:
        for a, b in zip(runs[0], other, strict=True):
            assert a.tobytes() == b.tobytes()
    y, dx, dkernel, dbias = runs[0]
    np.testing.assert_array_equal(y, product(x, kernel, bias))
    np.testing.assert_array_equal(dx, product(dy, kernel.T))
    exact = rounded(x).T.astype("float64") @ rounded(dy)
    if features * units > 768:  # else it is summed in shards
        np.testing.assert_array_equal(dkernel, product(x.T, dy))
    np.testing.assert_allclose(dkernel, exact, rtol=0, atol=2e-6 * np.abs(exact).max())
    np.testing.assert_allclose(dbias, dy.sum(0), rtol=0, atol=1e-5 * np.abs(dy.sum(0)).max())


@pytest.mark.parametrize("layout", ["rows", "lanes"])
@pytest.mark.parametrize("dims", [(5,), (3, 5), (2, 70)])
@pytest.mark.parametrize("activation", ["linear", "relu", "tanh"])
def test_dense_in_both_layouts(layout, dims, activation):
    x, kernel, bias = random(19, *dims), random(dims[-1], 34), random(34)
    dy = random(19, *dims[:-1], 34, seed=1)
    graph, fetch = graph_of("dense", x, [kernel, bias], {**BFLOAT16, "activation": activation})
    function = _core.Function(graph, fetch, layout)
    y, dx, dkernel, _ = function.run([x, dy])
    expected = reference.dense(rounded(x).astype("float64"), rounded(kernel), bias, activation)
    np.testing.assert_allclose(y, expected, rtol=0, atol=2e-6 * np.abs(expected).max())
    slope = {"linear": 1.0, "relu": y > 0, "tanh": 1 - y**2}[activation]
    dz = rounded((dy * slope).astype("float32")).astype("float64")
    # A gradient that lies between two bfloat16 numbers may be rounded to either.
    tolerance = 2e-6 if activation != "tanh" else 2e-3
    wanted = dz @ rounded(kernel).T
    np.testing.assert_allclose(dx, wanted, rtol=0, atol=tolerance * np.abs(wanted).max())
    wanted = np.tensordot(rounded(x), dz, [range(len(dims)), range(len(dims))])
    np.testing.assert_allclose(dkernel, wanted, rtol=0, atol=tolerance * np.abs(wanted).max())
    for threads in (2, 3):
        for a, b in zip(function.run([x, dy], threads=threads), [y, dx, dkernel, _], strict=True):
            assert a.tobytes() == b.tobytes()


def test_special_numbers():
    x = np.array([[np.nan], [np.inf], [3e38], [1e-39], [1 + 2.0**-8], [1 + 3 * 2.0**-8]], "float32")
    graph, fetch = graph_of("dense", x, [np.ones((1, 2), "float32")], BFLOAT16, gradients=False)
    y = _core.Function(graph, fetch, "rows").run([x])[0]
    # Denormal numbers are zeros, and halves are rounded to even.
    expected = np.array([np.nan, np.inf, rounded(x)[2, 0], 0, 1, 1 + 2.0**-6], "float32")
    np.testing.assert_array_equal(y, np.stack([expected, expected], 1))


def test_other_types_are_refused():
    x, kernel = random(2, 3), random(3, 4)
    with pytest.raises(ValueError, match="layer: compute_dtype must be 'bfloat16' or absent, got 'float16'"):
        graph_of("dense", x, [kernel], {"compute_dtype": "float16"})
    graph = _core.Graph()
    x64 = graph.input("x", [3], "float64")
    store = _core.Store()
    store.add("kernel", [3, 4], "float64")
    with pytest.raises(ValueError, match="for float32 operands, got .* in float64"):
        graph.add("dense", [x64, graph.parameter(store, "kernel"), None], BFLOAT16, "layer")


def test_without_the_attribute_nothing_is_rounded():
    x, kernel = random(5, 8), random(8, 3)
    graph, fetch = graph_of("dense", x, [kernel], {}, gradients=False)
    y = _core.Function(graph, fetch, "rows").run([x])[0]
    np.testing.assert_allclose(y, x @ kernel, rtol=1e-5, atol=1e-6)
    assert np.abs(y - product(x, kernel)).max() > 1e-4


# ---- Convolution -----------------------------------------------------------------------------------------

# None that Winograd's form serves: these are in test_conv2d_winograd_bfloat16.py.
CONVOLUTIONS = [
    ((7, 6, 2), (3, 3, 2, 5), {"activation": "relu"}),
    ((9, 13, 1), (3, 3, 1, 6), {}),
    ((12, 12, 32), (3, 2, 32, 64), {}),
    ((12, 11, 16), (3, 3, 16, 16), {"padding": "same"}),
    ((9, 14, 3), (5, 5, 3, 33), {"padding": "same"}),
    ((9, 9, 4), (3, 3, 4, 8), {"strides": [2, 2]}),
    ((10, 9, 5), (3, 2, 5, 70), {"strides": [2, 3], "padding": "same"}),
    ((7, 7, 4), (1, 1, 4, 6), {"strides": [2, 2]}),
    ((9, 9, 7), (3, 3, 7, 17), {"dilation": [2, 2], "padding": "same"}),
    ((6, 6, 6), (3, 3, 2, 9), {"groups": 3, "padding": "same"}),
    ((6, 6, 6), (3, 3, 3, 34), {"groups": 2}),
    ((4, 4, 5), (3, 3, 1, 5), {"groups": 5}),
    ((1, 5, 2), (1, 4, 2, 3), {}),
    ((6, 6, 3), (1, 1, 3, 300), {}),
]


@pytest.mark.parametrize("layout", ["rows", "lanes"])
@pytest.mark.parametrize(("image", "shape", "attributes"), CONVOLUTIONS, ids=str)
def test_conv2d(image, shape, attributes, layout):
    samples = 19
    x, kernel, bias = random(samples, *image), random(*shape), random(shape[-1])
    graph, fetch = graph_of("conv2d", x, [kernel, bias], {**BFLOAT16, **attributes})
    dims = graph.shape(fetch[0])
    dy = random(samples, *dims, seed=1)
    function = _core.Function(graph, fetch, layout)
    runs = [function.run([x, dy], threads=threads) for threads in (1, 2, 3)]
    for other in runs[1:]:
        for a, b in zip(runs[0], other, strict=True):
            assert a.tobytes() == b.tobytes()
    y, dx, dkernel, dbias = runs[0]
    wide = (rounded(x).astype("float64"), rounded(kernel).astype("float64"))
    near(y, reference.conv2d(*wide, bias, **attributes))
    dz = (dy * (y > 0)).astype("float32") if "activation" in attributes else dy
    near(dbias, dz.sum((0, 1, 2), dtype="float64"), 1e-5)
    # The gradients of float32, of what is rounded already.
    geometry = {k: v for k, v in attributes.items() if k != "activation"}
    graph, fetch = graph_of("conv2d", x, [rounded(kernel), bias], geometry)
    exact = _core.Function(graph, fetch, "lanes").run([rounded(x), rounded(dz)])
    near(dx, exact[1])
    near(dkernel, exact[2])


def test_kernels_of_convolutions_that_are_no_parameters():
    x, kernel = random(5, 8, 8, 4), random(3, 3, 4, 6)
    graph = _core.Graph()
    store = _core.Store()
    store.add("kernel", list(kernel.shape), "float32")
    store.set("kernel", kernel)
    operands = [graph.input("x", [8, 8, 4], "float32"), graph.parameter(store, "kernel")]
    same = graph.add("scale_shift", operands[1:], {"scale": 1.0}, "same")[0]
    found = []
    for weights in (operands[1], same):
        y = graph.add("conv2d", [operands[0], weights, None], BFLOAT16, "layer")[0]
        seed = graph.input("dy", list(graph.shape(y)), "float32")
        made = [y, *graph.gradients(y, [operands[0], weights], seed)]
        found.append(made)
    dy = random(5, 6, 6, 6)
    results = _core.Function(graph, [t for made in found for t in made], "rows").run([x, dy, dy])
    for a, b in zip(results[:3], results[3:], strict=True):
        assert a.tobytes() == b.tobytes()


# ---- Products of two activations --------------------------------------------------------------------------


@pytest.mark.parametrize("transposed", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize(("m", "k", "n"), [(1, 1, 1), (5, 7, 3), (17, 40, 33), (3, 1, 70)])
def test_matmul(m, k, n, transposed):
    shapes = [(k, m) if transposed[0] else (m, k), (n, k) if transposed[1] else (k, n)]
    a, b = random(5, 2, *shapes[0]), random(5, 1, *shapes[1])
    dy = random(5, 2, m, n, seed=1)
    attributes = {"transpose_a": transposed[0], "transpose_b": transposed[1]}

    def run(attributes, *arrays):
        graph = _core.Graph()
        operands = [graph.input(name, list(x.shape[1:]), "float32") for name, x in (("a", a), ("b", b))]
        y = graph.add("matmul", operands, attributes, "layer")[0]
        seed = graph.input("dy", list(graph.shape(y)), "float32")
        function = _core.Function(graph, [y, *graph.gradients(y, operands, seed)], "rows")
        return [function.run(list(arrays), threads=threads) for threads in (1, 2)]

    found = run({**attributes, **BFLOAT16}, a, b, dy)
    for got, other, exact in zip(*found, run(attributes, *map(rounded, (a, b, dy)))[0], strict=True):
        assert got.tobytes() == other.tobytes()
        near(got, exact)
    left, right = (x.swapaxes(-1, -2) if t else x for x, t in zip((a, b), transposed, strict=True))
    np.testing.assert_array_equal(found[0][0][1, 1], product(left[1, 1], right[1, 0]))
