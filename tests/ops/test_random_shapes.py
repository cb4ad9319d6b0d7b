"""Ops that walk over dims of any number and extent, on shapes that nobody chose."""

import numpy as np
import reference
from hypothesis import given, settings
from hypothesis import strategies as st

from fastnn import _core

extents = st.lists(st.integers(1, 6), max_size=4)
few = settings(max_examples=60, deadline=None)
samples = st.sampled_from([1, 2, 5, 16, 19])


def run(graph, outputs, arrays):
    rows = _core.Function(graph, outputs, "rows").run(arrays)
    for found, other in zip(_core.Function(graph, outputs, "lanes").run(arrays), rows, strict=True):
        # Sums are added up in another order; what matters is their error beside the largest of them.
        np.testing.assert_allclose(found, other, rtol=1e-6, atol=1e-6 * max(1.0, np.abs(other).max()))
    return rows


@st.composite
def broadcast_shapes(draw):
    """Two shapes that fit each other."""
    full = draw(extents)
    shapes = []
    for _ in range(2):
        kept = full[draw(st.integers(0, len(full))) :]
        shapes.append([draw(st.sampled_from([1, extent])) for extent in kept])
    return shapes


@few
@given(broadcast_shapes(), samples, st.booleans())
def test_broadcasting(shapes, count, batched):
    random = np.random.default_rng(0)
    graph, store = _core.Graph(), _core.Store()
    a = random.normal(size=(count, *shapes[0])).astype("float32")
    b = random.normal(size=(count, *shapes[1]) if batched else shapes[1]).astype("float32")
    arrays = [a]
    tensors = [graph.input("a", shapes[0])]
    if batched:
        arrays.append(b)
        tensors.append(graph.input("b", shapes[1]))
    else:
        store.add("b", shapes[1])
        store.set("b", np.asarray(b))
        tensors.append(graph.parameter(store, "b"))
    found = run(graph, graph.add("subtract", tensors), arrays)[0]
    expected = np.stack([a[i] - (b[i] if batched else b) for i in range(count)])
    np.testing.assert_array_equal(found, expected)


@few
@given(extents, st.data(), samples)
def test_sums_and_repeats(shape, data, count):
    kept = shape[data.draw(st.integers(0, len(shape))) :]
    target = [data.draw(st.sampled_from([1, extent])) for extent in kept]
    x = np.random.default_rng(0).normal(size=(count, *shape)).astype("float32")
    graph = _core.Graph()
    sums = graph.add("sum_to", [graph.input("x", shape)], {"shape": target})
    again = graph.add("broadcast_to", sums, {"shape": shape})
    found = run(graph, sums + again, [x])
    expected = reference.sum_to(x.astype("float64"), target)
    np.testing.assert_allclose(found[0], expected, atol=1e-4)
    np.testing.assert_array_equal(found[1], reference.broadcast_to(found[0], shape))


@few
@given(extents, st.randoms(use_true_random=False), samples)
def test_transposition(shape, random, count):
    perm = list(range(len(shape)))
    random.shuffle(perm)
    x = np.arange(count * int(np.prod(shape)), dtype="float32").reshape(count, *shape)
    graph = _core.Graph()
    found = run(graph, graph.add("transpose", [graph.input("x", shape)], {"perm": perm}), [x])[0]
    np.testing.assert_array_equal(found, reference.transpose(x, perm))


@few
@given(st.lists(st.integers(1, 40), min_size=1, max_size=3), st.data(), samples)
def test_softmax_over_any_axis(shape, data, count):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = np.random.default_rng(0).normal(size=(count, *shape)).astype("float32")
    graph = _core.Graph()
    found = run(graph, graph.add("softmax", [graph.input("x", shape)], {"axis": axis}), [x])[0]
    np.testing.assert_allclose(found, reference.softmax(x.astype("float64"), axis), rtol=1e-5)
