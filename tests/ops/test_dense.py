import pytest
import reference
from checks import Refusal, batch, case, check_op, shared, uniform

WRONG = [
    Refusal([batch(6), shared(5, 3), None], r"6 features.*built for 5"),
    Refusal([batch(), shared(5, 3), None], r"dense needs"),
    Refusal([batch(5), shared(5), None], r"dense needs"),
    Refusal([batch(5), shared(5, 3), shared(1, 3)], r"bias must have shape \(3,\), got \(1, 3\)"),
    Refusal([batch(3, 2), shared(2, 3, 4), None], r"\(3, 2\) features.*built for \(2, 3\)", {"in_dims": 2}),
    Refusal([batch(5), shared(5, 3), None], r"dense needs", {"in_dims": 2}),
    Refusal([batch(5), shared(5, 3), None], r"dense needs", {"in_dims": 0}),
    Refusal([batch(5), shared(5, 3), None], r"cannot be fused", {"activation": "gelu"}),
    Refusal([batch(5), shared(5, 3), None], r"unknown activation kind 'rely'", {"activation": "rely"}),
]

CASES = [
    case("dense", [batch(5), shared(5, 3), shared(3)], reference.dense, refuses=WRONG),
    case("dense", [batch(1), shared(1, 1), None], reference.dense),
    case("dense", [batch(70), shared(70, 33), shared(33)], reference.dense, activation="tanh"),
    case("dense", [batch(7), shared(7, 29), shared(29)], reference.dense, activation="sigmoid"),
    case("dense", [batch(3, 5), shared(5, 2, 4), shared(2, 4)], reference.dense, activation="tanh"),
    case("dense", [batch(3, 2, 4), shared(2, 4, 5), shared(5)], reference.dense, in_dims=2),
    case("dense", [batch(2, 3), shared(2, 3, 4, 2), shared(4, 2)], reference.dense, in_dims=2),
    case("dense", [batch(64), shared(64, 64), shared(64)], reference.dense, tolerance64=1e-11),
    case(
        "dense",
        [batch(4), shared(4, 6), shared(6, make=uniform(2, 6))],
        reference.dense,
        activation="relu",
    ),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_dense(declared):
    check_op(declared)
