import numpy as np
import pytest
from checks import Refusal, batch, case, check_op, labels, separated, shared

from fastnn import _core


def places(x, axis=-1, kind="max"):
    return (np.argmax if kind == "max" else np.argmin)(x, axis + 1 if axis >= 0 else axis).astype("int32")


def largest(x, k):
    order = np.argsort(-x, axis=-1, kind="stable")[..., :k]
    return np.take_along_axis(x, order, -1), order.astype("int32")


def whole(random, shape):
    return random.integers(-3, 3, shape).astype("float64")


CASES = [
    *(
        case("arg_extremum", [batch(3, 5, make=whole)], places, axis=axis, kind=kind, gradient=False)
        for axis in (0, 1)
        for kind in ("max", "min")
    ),
    case(
        "arg_extremum",
        [batch(37)],
        places,
        gradient=False,
        refuses=[
            Refusal([batch(3)], r"unknown kind 'most'", {"kind": "most"}),
            Refusal([batch(3)], r"axis 1 is out of range", {"axis": 1}),
        ],
    ),
    case("arg_extremum", [labels(5, classes=9)], places, gradient=False),
    case("arg_extremum", [shared(5, 3)], lambda x: np.argmax(x, -1), gradient=False, label="unbatched"),
    case(
        "top_k",
        [batch(3, 7, make=separated())],
        largest,
        k=3,
        refuses=[
            Refusal([batch(3)], r"k must be from 1 to the last axis's extent, got 4", {"k": 4}),
            Refusal([batch(3)], r"got 0", {"k": 0}),
            Refusal([batch()], r"k must be", {"k": 1}),
            Refusal([labels(3, classes=3)], r"floating point, got int32", {"k": 1}, TypeError),
        ],
    ),
    case("top_k", [batch(5, make=separated())], largest, k=5),
    case("top_k", [shared(2, 5, make=separated())], largest, k=2, label="unbatched"),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_top_k(declared):
    check_op(declared)


def test_the_first_of_equals_and_nan():
    graph = _core.Graph()
    x = graph.input("x", [4])
    values, order = graph.add("top_k", [x], {"k": 4})
    most = graph.add("arg_extremum", [x])[0]
    rows = np.array([[1, 2, 2, 1], [1, np.nan, 3, np.nan]], "float32")
    found = _core.Function(graph, [values, order, most]).run([rows])
    np.testing.assert_array_equal(found[1], [[1, 2, 0, 3], [1, 3, 2, 0]])
    np.testing.assert_array_equal(found[2], [1, 1])
