import numpy as np
import pytest
from checks import Refusal, batch, case, check_op, labels, shared


def product(a, b, transpose_a=False, transpose_b=False):
    a = np.swapaxes(a, -1, -2) if transpose_a else a
    b = np.swapaxes(b, -1, -2) if transpose_b else b
    return a @ b


WRONG = [
    Refusal([batch(3, 4), batch(3, 5)], r"cannot multiply .*: 4 columns against 3 rows", {}),
    Refusal([batch(3), batch(3, 5)], r"two dimensions beside the batch, got \(None, 3\)", {}),
    Refusal([batch(3, 4), labels(4, 5, classes=2)], r"one floating-point type", {}, TypeError),
    Refusal([batch(2, 3, 4), batch(3, 4, 5)], r"do not broadcast", {}),
]
ORDERS = [(False, False), (True, False), (False, True), (True, True)]


def declared(m, k, n, ta, tb, **options):
    operands = [batch(*((k, m) if ta else (m, k))), batch(*((n, k) if tb else (k, n)))]
    return case("matmul", operands, product, transpose_a=ta, transpose_b=tb, **options)


CASES = [
    *(declared(3, 5, 4, *order, refuses=WRONG) for order in ORDERS),
    *(declared(17, 33, 20, *order, batches=(1, 3), tolerance=1e-5) for order in ORDERS),
    declared(1, 1, 1, False, False),
    case("matmul", [batch(2, 3, 4), batch(2, 4, 5)], product),
    case("matmul", [batch(2, 1, 3, 4), batch(1, 3, 4, 5)], product, batches=(1, 3)),
    case("matmul", [shared(3, 4), batch(4, 5)], product),
    case("matmul", [batch(3, 4), shared(4, 5)], product),
    case("matmul", [batch(2, 3, 4), shared(2, 4, 5)], product, transpose_a=False),
    *(
        case(
            "matmul",
            [shared(*((5, 3) if ta else (3, 5))), shared(*((4, 5) if tb else (5, 4)))],
            product,
            transpose_a=ta,
            transpose_b=tb,
            label="unbatched",
        )
        for ta, tb in ORDERS
    ),
    case("matmul", [shared(300, 5), shared(5, 7)], product, label="unbatched in blocks of rows"),
    case("matmul", [shared(2, 3, 4), shared(4, 5)], product, label="unbatched stacks"),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_matmul(declared):
    check_op(declared)


def test_second_derivative():
    def build(graph, tensors):
        y = graph.add("matmul", tensors)
        cube = graph.add("unary", y, {"kind": "power", "exponent": 3.0})
        total = graph.add("sum_to", graph.add("sample_sum", cube), {"shape": []})[0]
        return graph.gradients(total, tensors)

    def expected(a, b):
        dy = 3 * (a @ b) ** 2
        return dy @ np.swapaxes(b, 1, 2), np.swapaxes(a, 1, 2) @ dy

    check_op(case("matmul", [batch(2, 3), batch(3, 4)], expected, build=build, batches=(3,)))
