import numpy as np
import pytest
import reference
from checks import Refusal, away_from, batch, case, check_op, labels, shared, uniform

from fastnn import _core

WRONG = [
    Refusal([batch(3), batch(4)], r"shapes \(None, 3\) and \(None, 4\) do not broadcast: 3 against 4"),
    Refusal(
        [batch(3), labels(3, classes=2)], r"one floating-point type, got float32 and int32", error=TypeError
    ),
    Refusal([batch(3)], r"expected 2 to 2 inputs, got 1"),
]
SMOOTH = {
    "add": reference.add,
    "subtract": reference.subtract,
    "multiply": reference.multiply,
    "divide": reference.divide,
}
positive = uniform(0.5, 2)


def declare(op, operands, formula, **options):
    """A case whose reference takes one sample at a time, so that dims are aligned as the op aligns them."""
    a, b = operands

    def reference_of(x, y):
        if not a.batched and not b.batched:
            return formula(x, y)
        samples = len(x) if a.batched else len(y)
        return np.stack([formula(x[i] if a.batched else x, y[i] if b.batched else y) for i in range(samples)])

    return case(op, operands, reference_of, **options)


CASES = [
    # Every pairing of batched and unbatched operands, and of the ways to broadcast.
    *(declare(op, [batch(3, 5), batch(3, 5, make=positive)], f, refuses=WRONG) for op, f in SMOOTH.items()),
    *(declare(op, [batch(3, 5), shared(5, make=positive)], f) for op, f in SMOOTH.items()),
    *(declare(op, [shared(4, 1), batch(3, 1, 37, make=positive)], f) for op, f in SMOOTH.items()),
    *(declare(op, [shared(3, 5), shared(3, 1, make=positive)], f) for op, f in SMOOTH.items()),
    declare("add", [batch(), batch()], reference.add),
    declare("add", [batch(), shared()], reference.add),
    declare("multiply", [batch(2, 3, 4), batch(1, 3, 1)], reference.multiply),
    declare("multiply", [batch(2, 3, 4), batch(2, 1, 4)], reference.multiply),
    declare("multiply", [batch(17), batch(2, 3, 1)], reference.multiply),
    declare("multiply", [shared(2, 5), batch(5)], reference.multiply),
    declare("multiply", [batch(2, 5), shared(1)], reference.multiply),
    declare("multiply", [batch(1), shared(2, 5)], reference.multiply),
    # Gaps between the operands: no ties, no kinks within the differences' reach.
    *(
        declare(
            op, [batch(5, 3, make=away_from()), batch(3, make=lambda r, s: r.choice([-0.02, 0.02], s))], f
        )
        for op, f in {"maximum": reference.maximum, "minimum": reference.minimum}.items()
    ),
    declare(
        "maximum", [batch(5, make=away_from()), shared(make=lambda r, s: np.zeros(s))], reference.maximum
    ),
    *(
        declare(op, [labels(3, 5, classes=9, low=-9), labels(5, classes=9)], f, gradient=False)
        for op, f in {
            "add": np.add,
            "subtract": np.subtract,
            "multiply": np.multiply,
            "maximum": np.maximum,
            "minimum": np.minimum,
        }.items()
    ),
    declare("power", [batch(3, 5, make=positive), batch(5)], np.power, tolerance=1e-5),
    declare("power", [batch(3, 5, make=positive), shared(3, 1)], np.power),
    declare("power", [shared(make=positive), batch(4)], np.power),
    declare(
        "power",
        [
            batch(7, make=away_from(0)),
            shared(7, make=lambda r, s: r.integers(-3, 4, s), differentiable=False),
        ],
        np.power,
    ),
    declare("greater", [batch(5, 3), batch(3)], reference.greater, gradient=False),
    declare("greater_equal", [batch(5, 3), shared(3)], reference.greater_equal, gradient=False),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_binary(declared):
    check_op(declared)


def test_one_tensor_used_twice():
    def square(graph, tensors):
        return graph.add("multiply", [tensors[0], tensors[0]])

    check_op(case("multiply", [batch(4)], lambda x: x * x, build=square))


def test_the_second_derivative_of_a_product():
    def derivative(graph, tensors):
        x = tensors[0]
        cube = graph.add("multiply", [graph.add("multiply", [x, x])[0], x])[0]
        total = graph.add("sum_to", [graph.add("sample_sum", [cube])[0]], {"shape": []})[0]
        return graph.gradients(total, [x])

    check_op(case("multiply", [batch(5)], lambda x: 3 * x * x, build=derivative))


@pytest.mark.parametrize("op", ["maximum", "minimum"])
def test_nan_in_either_operand_gives_nan(op):
    graph = _core.Graph()
    tensors = [graph.input("a", [4]), graph.input("b", [4])]
    out = graph.add(op, tensors)
    a, b = np.array([[np.nan, 1, 0, np.inf]], "float32"), np.array([[1, np.nan, 0, 2]], "float32")
    found = _core.Function(graph, out).run([a, b])[0]
    np.testing.assert_array_equal(found, getattr(np, op)(a, b))


@pytest.mark.parametrize("op", ["maximum", "minimum"])
def test_equal_operands_give_the_gradient_to_the_first(op):
    graph = _core.Graph()
    tensors = [graph.input("a", [2]), graph.input("b", [2])]
    total = graph.add("sample_sum", graph.add(op, tensors))[0]
    total = graph.add("sum_to", [total], {"shape": []})[0]
    found = _core.Function(graph, graph.gradients(total, tensors)).run([np.ones((3, 2), "float32")] * 2)
    np.testing.assert_array_equal(found, [np.ones((3, 2)), np.zeros((3, 2))])


def test_powers_of_zero_and_of_negative_numbers():
    graph = _core.Graph()
    tensors = [graph.input("a", [8]), graph.input("b", [8])]
    out = graph.add("power", tensors)
    total = graph.add("sum_to", graph.add("sample_sum", out), {"shape": []})[0]
    a = np.array([[-2, -2, -2, 0, 0, -8, np.nan, 0]], "float32")
    b = np.array([[3, 2, -1, 0, 2, 1 / 3, 2, 3]], "float32")
    found = _core.Function(graph, [*out, *graph.gradients(total, tensors)]).run([a, b])
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(found[0], a**b, rtol=1e-6)
    np.testing.assert_allclose(found[1][0, [0, 1, 4, 7]], [12, -4, 0, 0])
    np.testing.assert_array_equal(found[2][0, [4, 7]], [0, 0])
