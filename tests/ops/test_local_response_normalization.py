import numpy as np
import pytest
import reference
from checks import Refusal, batch, case, check_op, labels, shared, uniform

from fastnn import _core

OP = "local_response_normalization"
WRONG = [
    Refusal([batch()], r"needs x \(None, ..., channels\), got \(None,\)"),
    Refusal([shared(3, 5)], r"needs x \(None, ..., channels\), got \(3, 5\)"),
    Refusal([labels(5, classes=3)], r"needs floating point, got int32", error=TypeError),
    Refusal([batch(5)], r"size must be at least 1, got 0", {"size": 0}),
    Refusal([batch(5)], r"alpha must be at least 0, got -1", {"alpha": -1.0}),
    Refusal([batch(5)], r"k must be above 0, got 0", {"k": 0.0}),
]
wide = uniform(-3, 3)


def declare(operand, **attributes):
    return case(OP, [operand], reference.local_response_normalization, tolerance=3e-5, **attributes)


CASES = [
    case(OP, [batch(8)], reference.local_response_normalization, refuses=WRONG),
    declare(batch(3, 2, 6, make=wide), alpha=1.0),
    declare(batch(2, 37, make=wide), alpha=2.0, k=2.0),
    declare(batch(19, make=wide), size=4, alpha=1.5, beta=0.5, k=0.5),
    declare(batch(2, 16, make=wide), size=2, alpha=1.0, beta=-0.5),
    declare(batch(3, 4, make=wide), size=1, alpha=1.0, beta=1.0),
    declare(batch(3, make=wide), size=12, alpha=5.0, k=1.5),
    declare(batch(2, 1, make=wide), size=3, alpha=5.0),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_local_response_normalization(declared):
    check_op(declared)


@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_neighbouring_positions_and_samples_stay_apart(layout):
    graph = _core.Graph()
    out = graph.add(OP, [graph.input("x", [2, 3])], {"alpha": 1.0})
    x = np.ones((20, 2, 3), "float32")
    clean = _core.Function(graph, out, layout).run([x])[0]
    x[7, 1, 2] = np.nan
    found = _core.Function(graph, out, layout).run([x])[0]
    assert np.isnan(found[7, 1]).all()
    np.testing.assert_array_equal(np.delete(found, 7, axis=0), np.delete(clean, 7, axis=0))
    np.testing.assert_array_equal(found[7, 0], clean[7, 0])
