"""What tests of ops with compute_dtype "bfloat16" share."""

import numpy as np

from fastnn import _core

BFLOAT16 = {"compute_dtype": "bfloat16"}


def rounded(x):
    """To bfloat16, halves to even; denormal numbers become zeros, NaN stays NaN."""
    bits = np.ascontiguousarray(x, "float32").view("uint32")
    made = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    made = np.where((bits & 0x7FFFFFFF) < 0x00800000, bits & 0x80000000, made)
    made = np.where(np.isnan(x), (bits | 0x00400000) & 0xFFFF0000, made)
    return made.astype("uint32").view("float32").reshape(np.shape(x))


def graph_of(op, x, parameters, attributes, gradients=True):
    """Function of x and of the output's gradient: the output, and all gradients."""
    graph = _core.Graph()
    operands = [graph.input("x", list(x.shape[1:]), "float32")]
    for value in parameters:
        store = _core.Store()
        store.add("value", list(value.shape), "float32")
        store.set("value", value)
        operands.append(graph.parameter(store, "value"))
    y = graph.add(op, [*operands, *[None] * (3 - len(operands))], attributes, "layer")[0]
    if not gradients:
        return graph, [y]
    seed = graph.input("dy", list(graph.shape(y)), "float32")
    return graph, [y, *graph.gradients(y, operands, seed)]


def random(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype("float32")


def near(got, expected, tolerance=2e-6):
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * np.abs(expected).max())
