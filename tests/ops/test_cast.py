import numpy as np
import pytest
from checks import Operand, Refusal, batch, case, check_op, labels, shared

from fastnn import _core


def declare(operand, dtype, **options):
    return case("cast", [operand], lambda x, dtype: x.astype(dtype), dtype=dtype, **options)


truth = Operand((3, 5), True, "bool", lambda random, full: random.random(full) < 0.5, False)
CASES = [
    declare(
        batch(3, 5),
        "float32",
        tolerance64=1e-7,
        gradient=False,
        refuses=[
            Refusal([batch(3)], r"cannot cast float32 to int64", {"dtype": "int64"}, TypeError),
        ],
    ),
    declare(batch(3, 5), "float64"),
    declare(shared(3, 5), "float64", label="unbatched"),
    case(
        "cast", [batch(3, 5)], lambda x, dtype: np.trunc(x * 7).astype(dtype), dtype="int32", gradient=False,
        build=lambda graph, tensors: graph.add(
            "cast", graph.add("scale_shift", tensors, {"scale": 7.0}), {"dtype": "int32"}
        ),
    ),
    declare(labels(3, 5, classes=9), "float32", gradient=False),
    declare(labels(3, 5, classes=9), "float64", gradient=False),
    declare(labels(3, 5, classes=3), "bool", gradient=False),
    declare(truth, "float32", gradient=False),
    declare(truth, "int32", gradient=False),
]  # fmt: skip


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_cast(declared):
    check_op(declared)


def test_numbers_that_int32_does_not_hold():
    graph = _core.Graph()
    x = graph.input("x", [4])
    made = graph.add("cast", [x], {"dtype": "int32"})
    found = _core.Function(graph, made).run([np.array([[np.nan, np.inf, -1e20, 3e9]], "float32")])[0]
    np.testing.assert_array_equal(found, [[0, 2**31 - 1, -(2**31), 2**31 - 1]])
