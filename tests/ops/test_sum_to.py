import numpy as np
import pytest
import reference
from checks import Refusal, batch, case, check_op, shared

from fastnn import _core

SUM_WRONG = [
    Refusal([batch(3, 5)], r"cannot sum \(None, 3, 5\) to shape \(None, 2, 5\)", {"shape": [2, 5]}),
    Refusal([batch(3, 5)], r"cannot sum", {"shape": [1, 3, 5]}),
]
SPREAD_WRONG = [
    Refusal([batch(3, 5)], r"cannot broadcast \(None, 3, 5\) to shape \(None, 3, 10\)", {"shape": [3, 10]}),
    Refusal([batch(3, 5)], r"cannot broadcast", {"shape": [5]}),
]

CASES = [
    case("sum_to", [batch(3, 5)], reference.sum_to, shape=[5], refuses=SUM_WRONG),
    case("sum_to", [batch(3, 35)], reference.sum_to, shape=[3, 1]),
    case("sum_to", [batch(150, 2)], reference.sum_to, shape=[]),
    case("sum_to", [batch(4, 3, 2, 5)], reference.sum_to, shape=[3, 1, 5]),
    case("sum_to", [batch(4, 3, 2, 20)], reference.sum_to, shape=[4, 1, 2, 1]),
    case("sum_to", [batch(4, 3)], reference.sum_to, shape=[4, 3]),
    case("sum_to", [batch(1)], reference.sum_to, shape=[]),
    case("sum_to", [shared(70, 3)], reference.sum_to_unbatched, shape=[3]),
    case("sum_to", [shared(3, 70)], reference.sum_to_unbatched, shape=[]),
    case("broadcast_to", [batch(3, 1)], reference.broadcast_to, shape=[3, 5], refuses=SPREAD_WRONG),
    case("broadcast_to", [batch()], reference.broadcast_to, shape=[3, 5]),
    case("broadcast_to", [batch(5)], reference.broadcast_to, shape=[2, 3, 5]),
    case("broadcast_to", [batch(2, 1, 5)], reference.broadcast_to, shape=[2, 3, 5]),
    case("broadcast_to", [batch(2, 1, 1)], reference.broadcast_to, shape=[4, 2, 3, 5]),
    case("broadcast_to", [shared(2, 1)], lambda x, shape: np.broadcast_to(x, shape), shape=[2, 6]),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_sum_to(declared):
    check_op(declared)


@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_long_sums_do_not_gather_rounding_errors(layout):
    graph = _core.Graph()
    x = graph.input("x", [100_000])
    total = graph.add("sum_to", [x], {"shape": []})
    values = np.random.default_rng(0).random((2, 100_000)).astype("float32")
    found = _core.Function(graph, total, layout).run([values])[0]
    np.testing.assert_allclose(found, values.sum(axis=1, dtype="float64"), rtol=1e-6)
