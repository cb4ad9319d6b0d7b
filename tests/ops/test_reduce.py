import numpy as np
import pytest
from checks import Refusal, batch, case, check_op, labels, separated, shared, uniform

from fastnn import _core

FORMULAS = {"max": np.max, "min": np.min, "prod": np.prod}
WRONG = [
    Refusal(
        [batch(3, 4)],
        r"cannot reduce \(None, 3, 4\) to shape \(None, 2, 1\)",
        {"kind": "max", "shape": [2, 1]},
    ),
    Refusal([batch(3, 4)], r"unknown kind 'most'", {"kind": "most", "shape": []}),
    Refusal(
        [labels(3, classes=3)], r"needs? floating point, got int32", {"kind": "max", "shape": []}, TypeError
    ),
]


def reduced(values, shape, formula):
    """Over the dims in which `shape` is 1 or missing, kept with extent 1 where it has them."""
    rank = values.ndim - len(shape)
    axes = [*range(rank), *(rank + i for i, n in enumerate(shape) if n == 1)]
    return formula(values, axis=tuple(axes), keepdims=True).reshape(shape)


def reference(x, kind, shape):
    return np.stack([reduced(one, shape, FORMULAS[kind]) for one in x])


def others(x, shape):
    def of_one(one):
        full = np.broadcast_to(reduced(one, shape, np.prod), one.shape)
        return full / one

    return np.stack([of_one(one) for one in x])


def others_grad(x, dy, shape):
    """Sum over the others i of dy_i times the product of all but i and the element itself."""

    def of_one(one, slope):
        full = np.broadcast_to(reduced(one, shape, np.prod), one.shape)
        total = np.broadcast_to(reduced(slope / one, shape, np.sum), one.shape)
        return full / one * (total - slope / one)

    return np.stack([of_one(*pair) for pair in zip(x, dy, strict=True)])


CASES = [
    *(
        case("reduce", [batch(*dims, make=separated())], reference, kind=kind, shape=shape, refuses=WRONG)
        for kind in FORMULAS
        for dims, shape in [((3, 17), [3, 1]), ((3, 17), [17]), ((2, 3, 5), [1, 3, 1]), ((37,), [])]
    ),
    case("reduce", [batch(4, 1, make=separated())], reference, kind="max", shape=[1]),
    case(
        "reduce",
        [shared(3, 5, make=separated())],
        lambda x, kind, shape: reduced(x, shape, np.max),
        kind="max",
        shape=[3, 1],
        label="unbatched",
    ),
    case("prod_others", [batch(3, 5, make=uniform(0.5, 2))], others, shape=[3, 1]),
    case("prod_others", [batch(3, 5, make=uniform(0.5, 2))], others, shape=[1]),
    *(
        case(
            "prod_others_grad",
            [batch(3, 5, make=uniform(0.5, 2)), batch(3, 5)],
            others_grad,
            build=lambda graph, tensors, shape=shape: graph.add(
                "prod_others_grad", tensors, {"shape": shape}
            )[:1],
            shape=shape,
            gradient=False,
        )
        for shape in ([3, 1], [1])
    ),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_reduce(declared):
    check_op(declared)


def gradient_of(kind, values):
    graph = _core.Graph()
    x = graph.input("x", [values.shape[1]], "float64")
    y = graph.add("reduce", [x], {"kind": kind, "shape": []})[0]
    total = graph.add("sample_sum", [y])[0]
    return _core.Function(graph, [y, *graph.gradients(total, [x])]).run([values])


def test_ties_share_the_gradient():
    found = gradient_of("max", np.array([[1.0, 3.0, 3.0, 0.0]]))
    np.testing.assert_array_equal(found[1], [[0, 0.5, 0.5, 0]])


def test_zeros_in_a_product_have_gradients():
    found = gradient_of("prod", np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 3.0]]))
    np.testing.assert_array_equal(found[1], [[0, 6, 0], [0, 0, 0]])


@pytest.mark.parametrize("kind", ["max", "min"])
@pytest.mark.parametrize("place", [0, 3, 36])
def test_nan_is_kept(kind, place):
    values = np.zeros((2, 37))
    values[0, place] = np.nan
    found = gradient_of(kind, values)[0]
    assert np.isnan(found[0]) and found[1] == 0


def test_the_second_derivative_of_a_maximum():
    def build(graph, tensors):
        square = graph.add("multiply", [tensors[0], tensors[0]])
        y = graph.add("reduce", square, {"kind": "max", "shape": []})
        total = graph.add("sample_sum", y)[0]
        return graph.gradients(total, tensors)

    def expected(x):
        chosen = x * x == np.max(x * x, axis=1, keepdims=True)
        return np.where(chosen, 2 * x, 0)

    check_op(case("reduce", [batch(7)], expected, build=build, batches=(3,)))
