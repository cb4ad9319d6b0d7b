import numpy as np
import pytest
import reference
from checks import Refusal, batch, case, check_op, shared

from fastnn import _core

CASES = [
    case(
        "sample_sum",
        [batch(3, 5)],
        reference.sample_sum,
        refuses=[Refusal([shared(3)], r"sums over samples")],
    ),
    case("sample_sum", [batch(70)], reference.sample_sum, dtype="float64"),
    case(
        "broadcast_samples",
        [shared(3, 5), batch(3, 5, differentiable=False)],
        reference.broadcast_samples,
        refuses=[Refusal([shared(3), batch(4)], r"cannot broadcast \(3,\)")],
    ),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_sample_sum(declared):
    check_op(declared)


def test_sums_keep_float64_precision():
    graph = _core.Graph()
    x = graph.input("x", [1], "float32")
    total = graph.add("sample_sum", [x], {"dtype": "float64"})[0]
    values = np.full((1000, 1), 0.1, "float32")
    found = _core.Function(graph, [total]).run([values])[0]
    assert found[0] == pytest.approx(values.astype("float64").sum(), rel=1e-15)
