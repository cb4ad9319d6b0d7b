import numpy as np
import pytest
from checks import case

from fastnn import _core

DECLARED = [case(op, [], None, gradient=False) for op in ("sample_rows", "sample_rows_of")]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [1, 3, 17, 130])
@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_there_and_back(dtype, rows, layout):
    random = np.random.default_rng(rows)
    state = random.normal(size=(rows, 2, 3)).astype(dtype)
    x = random.normal(size=(rows, 4)).astype(dtype)
    store, graph = _core.Store(), _core.Graph()
    store.add("state", state.shape, dtype)
    store.set("state", state)
    given = graph.parameter(store, "state")
    each = graph.add("sample_rows_of", [given, graph.input("x", [4], dtype)], {}, "layer")[0]
    twice = graph.add("add", [each, each])[0]
    back = graph.add("sample_rows", [twice], {"rows": rows}, "layer")[0]
    weights = graph.input("weights", [2, 3], dtype)
    gradient = graph.gradients(each, [given], weights)[0]
    found = _core.Function(graph, [each, back, gradient], layout).run([x, state])
    np.testing.assert_array_equal(found[0], state)
    np.testing.assert_array_equal(found[1], 2 * state)
    np.testing.assert_array_equal(found[2], state)


def test_batches_of_another_size_are_an_error():
    store, graph = _core.Store(), _core.Graph()
    store.add("state", [3, 2], "float32")
    x = graph.input("x", [4])
    each = graph.add("sample_rows_of", [graph.parameter(store, "state"), x], {}, "memory")[0]
    with pytest.raises(ValueError, match="memory: keeps a state for each of 3 samples .* got a batch of 5"):
        _core.Function(graph, [each]).run([np.zeros((5, 4), "float32")])
    rows = graph.add("sample_rows", [x], {"rows": 3}, "memory")[0]
    with pytest.raises(ValueError, match="memory: keeps a state for each of 3 samples .* got a batch of 2"):
        _core.Function(graph, [rows]).run([np.zeros((2, 4), "float32")])
