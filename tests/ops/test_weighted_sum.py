import numpy as np
import pytest
import reference_losses as reference
from checks import Refusal, batch, bits, case, check_op, labels, uniform

from fastnn import _core

weight = uniform(0, 2)


def weights(*shape, make=weight):
    return batch(*shape, make=make, differentiable=False)


CASES = [
    case(
        "weighted_sum",
        [batch(), None, None],
        reference.weighted_sum,
        mean=True,
        covers=["weighted_sum_grad"],
        refuses=[
            Refusal(
                [batch(3), batch(4), None],
                r"weights must be float32 of shape \(None,\) or \(None, 3\), got float32 \(None, 4\)",
            ),
            Refusal([batch(3), labels(classes=2), None], r"weights must be float32"),
            Refusal(
                [batch(3), None, batch()], r"the mask must be float32 \(None, 3\), got float32 \(None,\)"
            ),
            Refusal([labels(classes=3), None, None], r"values must be floating point", error=TypeError),
            Refusal([batch(3)], r"expected 3 to 3 inputs"),
        ],
    ),
    case("weighted_sum", [batch(3, 7), None, None], reference.weighted_sum, mean=True),
    case("weighted_sum", [batch(101), None, None], reference.weighted_sum),
    case("weighted_sum", [batch(), weights(), None], reference.weighted_sum),
    case("weighted_sum", [batch(3, 7), weights(), None], reference.weighted_sum, mean=True),
    case("weighted_sum", [batch(3, 7), weights(3), None], reference.weighted_sum, mean=True),
    case("weighted_sum", [batch(3, 7), weights(3, 7), None], reference.weighted_sum),
    case("weighted_sum", [batch(5), None, weights(5, make=bits)], reference.weighted_sum),
    case("weighted_sum", [batch(3, 5), weights(3), weights(3, 5, make=bits)], reference.weighted_sum),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_weighted_sum(declared):
    check_op(declared)


def test_the_second_derivative():
    graph = _core.Graph()
    x, w = graph.input("x", [], "float64"), graph.input("w", [], "float64")
    square = graph.add("multiply", [x, x])[0]
    total = graph.add("weighted_sum", [square, w, None], {"mean": True})[0]
    first = graph.gradients(total, [x])[0]
    second = graph.gradients(graph.add("sample_sum", [first])[0], [x])[0]
    found = _core.Function(graph, [second]).run([np.array([1.0, 2, 3]), np.array([3.0, 6, 0])])[0]
    np.testing.assert_allclose(found, [2, 4, 0])
