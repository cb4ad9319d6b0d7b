import numpy as np
import pytest
import reference_losses as reference
from checks import Refusal, case, check_op, shared, uniform

from fastnn import _core

CASES = [
    case(
        "safe_ratio",
        [
            shared(5, dtype="float64"),
            shared(5, dtype="float64", make=uniform(1, 2), differentiable=False),
        ],
        reference.safe_ratio,
        tolerance=1e-12,
        refuses=[Refusal([shared(5), shared(5)], r"a ratio needs two float64 operands")],
    ),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_safe_ratio(declared):
    check_op(declared)


def test_a_ratio_to_zero_is_zero():
    graph = _core.Graph()
    x, mask = graph.input("x", []), graph.input("mask", [])
    total, _, count = graph.add("weighted_sum", [x, None, mask])
    ratio = graph.add("safe_ratio", [total, count])[0]
    slope = graph.gradients(ratio, [x])[0]
    function = _core.Function(graph, [ratio, slope])
    ratio, slope = function.run([np.ones(3, "float32"), np.zeros(3, "float32")])
    assert ratio == 0 and not slope.any()
