import numpy as np
import pytest
import reference
from checks import Refusal, batch, case, check_op, labels, uniform

from fastnn import _core

WRONG = [
    Refusal([batch(5)], r"axis 1 is out of range for 1 dimensions", {"axis": 1}),
    Refusal([batch()], r"at least one dimension beside the batch"),
    Refusal([labels(5, classes=3)], r"needs floating point, got int32", error=TypeError),
]
OPS = {"softmax": reference.softmax, "log_softmax": reference.log_softmax}
wide = uniform(-4, 4)

CASES = [
    *(case(op, [batch(10, make=wide)], f, refuses=WRONG) for op, f in OPS.items()),
    *(case(op, [batch(3, 37, make=wide)], f) for op, f in OPS.items()),
    *(case(op, [batch(4, 5, 3, make=wide)], f, axis=1) for op, f in OPS.items()),
    *(case(op, [batch(3, 70, make=wide)], f, axis=-2) for op, f in OPS.items()),
    *(case(op, [batch(1)], f, gradient=False) for op, f in OPS.items()),
    case("softmax", [batch(16, make=wide)], reference.softmax),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_softmax(declared):
    check_op(declared)


@pytest.mark.parametrize("layout", ["rows", "lanes"])
@pytest.mark.parametrize("op", OPS)
def test_large_and_infinite_inputs_stay_finite(op, layout):
    graph = _core.Graph()
    out = graph.add(op, [graph.input("x", [3])])
    x = np.array([[1e30, 0, -1e30], [-1e30, -1e30, -1e30], [0, -np.inf, 0]], "float32")
    found = _core.Function(graph, out, layout).run([x])[0]
    p = np.array([[1, 0, 0], [1 / 3, 1 / 3, 1 / 3], [0.5, 0, 0.5]])
    if op == "softmax":
        np.testing.assert_allclose(found, p, rtol=1e-6)
    else:
        np.testing.assert_allclose(found[p > 0], np.log(p[p > 0]), rtol=1e-6)
        assert np.isneginf(found[2, 1])


@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_nan_spoils_its_own_sample_alone(layout):
    graph = _core.Graph()
    out = graph.add("softmax", [graph.input("x", [3])])
    x = np.zeros((20, 3), "float32")
    x[7, 1] = np.nan
    found = _core.Function(graph, out, layout).run([x])[0]
    assert np.isnan(found[7]).all()
    assert np.isfinite(np.delete(found, 7, axis=0)).all()
