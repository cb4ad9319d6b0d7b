import numpy as np
import pytest
from checks import Refusal, batch, case, check_op, separated
from reference_losses import categorical_hinge

from fastnn import _core


def one_hot(random, shape):
    return np.eye(shape[-1])[random.integers(0, shape[-1], shape[:-1])]


def signs(random, shape):
    return 2 * one_hot(random, shape) - 1


CASES = [
    case(
        "categorical_hinge",
        [batch(5, make=separated(3)), batch(5, make=one_hot, differentiable=False)],
        categorical_hinge,
        refuses=[
            Refusal([batch(5), batch(4)], r"targets must be float32 of the predictions' shape \(None, 5\)")
        ],
    ),
    case(
        "categorical_hinge",
        [batch(3, 17, make=separated(3)), batch(3, 17, make=one_hot, differentiable=False)],
        categorical_hinge,
    ),
    case(
        "categorical_hinge",
        [batch(4, make=separated(3)), batch(4, make=signs, differentiable=False)],
        categorical_hinge,
    ),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_categorical_hinge(declared):
    check_op(declared)


@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_a_nan_stays_one(layout):
    graph = _core.Graph()
    tensors = [graph.input(name, [3]) for name in "pt"]
    loss = graph.add("categorical_hinge", tensors)[0]
    p = np.array([[0, 1, 2], [np.nan, 1, 2], [0, np.nan, 2]], "float32")
    found = _core.Function(graph, [loss], layout).run([p, np.eye(3, dtype="float32")[[2, 2, 2]]])[0]
    np.testing.assert_array_equal(found, [0, np.nan, np.nan])
