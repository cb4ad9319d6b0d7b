import numpy as np
import pytest
import reference
from checks import Refusal, batch, case, check_op, labels, shared

from fastnn import _core

WRONG = [
    Refusal(
        [batch(5, 3), batch(6, 3), labels(classes=1)],
        r"n <= S, got float32 \(None, 5, 3\) and float32 \(None, 6, 3\)",
    ),
    Refusal([batch(5, 3), batch(2, 4), labels(classes=1)], "cache_update needs"),
    Refusal([batch(5, 3), batch(2), labels(classes=1)], "cache_update needs"),
    Refusal([shared(5, 3), batch(2, 3), labels(classes=1)], "cache_update needs"),
    Refusal(
        [batch(5, 3), batch(2, 3), labels(1, classes=1)],
        r"index must be int32 \(None,\), got int32 \(None, 1\)",
    ),
    Refusal([batch(5, 3), batch(2, 3), batch()], "index must be int32"),
]

CASES = [
    case(
        "cache_update",
        [batch(5, 3), batch(2, 3), labels(classes=4)],
        reference.cache_update,
        gradient=False,
        refuses=WRONG,
    ),
    case("cache_update", [batch(5), batch(1), labels(classes=5)], reference.cache_update, gradient=False),
    case(
        "cache_update",
        [batch(2, 3, 17), batch(2, 3, 17), labels(classes=1)],
        reference.cache_update,
        gradient=False,
    ),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_cache_update(declared):
    check_op(declared)


@pytest.mark.parametrize("index", [-1, 4])
def test_an_index_out_of_range_is_named(index):
    graph = _core.Graph()
    given = [graph.input("cache", [5, 3]), graph.input("rows", [2, 3]), graph.input("index", [], "int32")]
    out = graph.add("cache_update", given, {}, "decoder")
    indices = np.array([0, index], "int32")
    with pytest.raises(
        ValueError, match=f"decoder .* sample 1 .*got class or id {index}, expected an integer from 0 to 3"
    ):
        _core.Function(graph, out).run(
            [np.zeros((2, 5, 3), "float32"), np.zeros((2, 2, 3), "float32"), indices]
        )
