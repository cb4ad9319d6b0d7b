import numpy as np
import pytest
import reference
from checks import Refusal, batch, case, check_op, labels, shared, uniform

from fastnn import _core

WRONG = [
    Refusal([batch(3, 5), None, None], r"over the last 3 dimensions of \(None, 3, 5\)", {"dims": 3}),
    Refusal([batch(3, 5), shared(3), None], r"gamma must have shape \(5,\), got \(3,\)"),
    Refusal([batch(3, 5), shared(5), shared(1, 5)], r"beta must have shape \(5,\), got \(1, 5\)"),
    Refusal([batch(3, 5), None, None], r"epsilon must be at least 0", {"epsilon": -1.0}),
    Refusal([labels(5, classes=3), None, None], r"needs floating point", error=TypeError),
]


def output(graph, tensors, attributes):
    return graph.add("layer_norm", tensors, attributes)[:1]


def declare(operands, **attributes):
    """The gradient passes through y alone, so that only y is an output of the case."""
    return case(
        "layer_norm",
        operands,
        reference.layer_norm,
        build=lambda graph, tensors: output(graph, tensors, attributes),
        tolerance=3e-5,
        **attributes,
    )


CASES = [
    declare([batch(5), shared(5), shared(5)]),
    declare([batch(3, 37), shared(37), shared(37)], epsilon=1e-6),
    declare([batch(3, 16), None, None]),
    declare([batch(3, 4, 5), shared(4, 5), None], dims=2),
    declare([batch(4, 7), None, shared(4, 7)], dims=2, epsilon=0.1),
    declare([batch(3, 19), shared(19), None], centred=False, epsilon=1e-6),
    declare([batch(2, 3, 4, make=uniform(1, 2)), shared(3, 4), shared(3, 4)], centred=False, dims=2),
    declare([batch(100, make=uniform(20, 22)), shared(100), shared(100)]),
    case(
        "layer_norm",
        [batch(3, 7), None, None],
        reference.layer_norm_with_statistics,
        gradient=False,
        refuses=WRONG,
        label="layer_norm with its statistics",
    ),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_layer_norm(declared):
    check_op(declared)


@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_the_variance_is_stable_far_from_zero(layout):
    graph = _core.Graph()
    out = graph.add("layer_norm", [graph.input("x", [1000]), None, None], {"epsilon": 0.0})[0]
    x = (np.random.default_rng(0).normal(size=(3, 1000)) + 1000).astype("float32")
    found = _core.Function(graph, [out], layout).run([x])[0]
    exact = x.astype("float64")
    exact = (exact - exact.mean(1, keepdims=True)) / exact.std(1, keepdims=True)
    np.testing.assert_allclose(found, exact, atol=5e-4)
