import pytest
import reference
from checks import Refusal, batch, case, check_op, shared, uniform

WRONG = [
    Refusal([batch(6), shared(5, 3), None], r"6 features.*built for 5"),
    Refusal([batch(), shared(5, 3), None], r"dense needs"),
    Refusal([batch(5), shared(5), None], r"dense needs"),
    Refusal([batch(5), shared(5, 3), shared(1, 3)], r"bias must have shape \(3,\), got \(1, 3\)"),
    Refusal([batch(3, 2), shared(2, 3, 4), None], r"\(3, 2\) features.*built for \(2, 3\)", {"in_dims": 2}),
    Refusal([batch(5), shared(5, 3), None], r"dense needs", {"in_dims": 2}),
    Refusal([batch(5), shared(5, 3), None], r"dense needs", {"in_dims": 0}),
    Refusal([batch(5), shared(5, 3), None], r"cannot be fused", {"activation": "gelu"}),
    Refusal([batch(5), shared(5, 3), None], r"unknown activation kind 'rely'", {"activation": "rely"}),
]

CASES = [
    case("dense", [batch(5), shared(5, 3), shared(3)], reference.dense, refuses=WRONG),
    case("dense", [batch(1), shared(1, 1), None], reference.dense),
    case("dense", [batch(70), shared(70, 33), shared(33)], reference.dense, activation="tanh"),
    case("dense", [batch(7), shared(7, 29), shared(29)], reference.dense, activation="sigmoid"),
    case("dense", [batch(3, 5), shared(5, 2, 4), shared(2, 4)], reference.dense, activation="tanh"),
    case("dense", [batch(3, 2, 4), shared(2, 4, 5), shared(5)], reference.dense, in_dims=2),
    case("dense", [batch(2, 3), shared(2, 3, 4, 2), shared(4, 2)], reference.dense, in_dims=2),
    case("dense", [batch(64), shared(64, 64), shared(64)], reference.dense, tolerance64=1e-11),
    case(
        "dense",
        [batch(4), shared(4, 6), shared(6, make=uniform(2, 6))],
        reference.dense,
        activation="relu",
    ),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_dense(declared):
    check_op(declared)


# ---- Kernels so large that all threads share one product ------------------------------------------------


@pytest.mark.parametrize("samples", [1, 5, 100, 131])
@pytest.mark.parametrize(("dims", "width", "activation"), [((700,), 511, "tanh"), ((3, 300), 1030, "linear")])
def test_wide_dense(samples, dims, width, activation):
    import numpy as np

    from fastnn import _core

    generator = np.random.default_rng(0)
    x = generator.normal(size=(samples, *dims))
    kernel = generator.normal(size=(dims[-1], width)) / dims[-1] ** 0.5
    bias = generator.normal(size=width)
    dy = generator.normal(size=(samples, *dims[:-1], width))
    expected = x @ kernel + bias
    if activation == "tanh":
        expected = np.tanh(expected)
        dz = dy * (1 - expected**2)
    else:
        dz = dy
    for dtype, tolerance in (("float32", 2e-5), ("float64", 1e-13)):
        store = _core.Store()
        for name, value in (("kernel", kernel), ("bias", bias)):
            store.add(name, list(value.shape), dtype)
            store.set(name, value.astype(dtype))
        graph = _core.Graph()
        x_id = graph.input("x", list(dims), dtype)
        seed = graph.input("dy", list(dy.shape[1:]), dtype)
        weights = [graph.parameter(store, name) for name in ("kernel", "bias")]
        y = graph.add("dense", [x_id, *weights], {"activation": activation}, "layer")[0]
        gradients = graph.gradients(y, [x_id, *weights], seed)
        function = _core.Function(graph, [y, *gradients])
        assert "whole  dense " in function.describe(samples)
        runs = [function.run([x.astype(dtype), dy.astype(dtype)], threads=threads) for threads in (1, 2, 3)]
        for other in runs[1:]:
            for a, b in zip(runs[0], other, strict=True):
                np.testing.assert_array_equal(a, b)
        flat = (np.prod(x.shape[:-1]), -1)
        wanted = [
            expected,
            dz @ kernel.T,
            x.reshape(flat).T @ dz.reshape(flat),
            dz.reshape(flat).sum(axis=0),
        ]
        for a, b in zip(runs[0], wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(1.0, np.abs(b).max()))
