import numpy as np
import pytest
import reference_int8
from checks import Refusal, batch, case, check_op, labels, run_op, uniform

WRONG = [
    Refusal([batch(5, dtype="float64")], r"needs float32, got float64", error=TypeError),
    Refusal([labels(5, classes=3)], r"needs float32, got int32", error=TypeError),
    Refusal([batch(5, dtype="float32")], r"scale must be a positive number, got 0", {"scale": 0.0}),
    Refusal([batch(5, dtype="float32")], r"scale must be a positive number, got -1", {"scale": -1.0}),
    Refusal([batch(5, dtype="float32")], r"zero must be from 0 to 255, got 256", {"scale": 1.0, "zero": 256}),
]

X = {"dtype": "float32", "differentiable": False}
CASES = [
    case(
        "quantize",
        [batch(5, **X)],
        reference_int8.quantize,
        scale=0.01,
        zero=100,
        gradient=False,
        refuses=WRONG,
    ),
    case("quantize", [batch(3, 7, 5, **X)], reference_int8.quantize, scale=0.004, zero=0, gradient=False),
    case(
        "quantize",
        [batch(33, make=uniform(-300, 300), **X)],
        reference_int8.quantize,
        scale=1.0,
        zero=128,
        gradient=False,
    ),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_quantize(declared):
    check_op(declared)


def test_halves_go_to_even_numbers_and_what_is_no_number_to_zero():
    x = np.array([[0.5, 1.5, 2.5, -0.5, -1.5, np.nan, np.inf, -np.inf]], "float32")
    found = run_op("quantize", [x], scale=1.0, zero=10)[0]
    assert found.tolist() == [[10, 12, 12, 10, 8, 0, 255, 0]]
