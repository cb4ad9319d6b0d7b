import pytest
import reference
from checks import Refusal, batch, case, check_op

WRONG = [
    Refusal([batch()], r"needs floating point \(None, ..., channels\)", error=TypeError),
    Refusal([batch(3)], "dims must be from 1 to 1, got 2", {"dims": 2}),
    Refusal([batch(3, dtype="int32")], r"needs floating point.*int32", error=TypeError),
]

CASES = [
    case("bias_grad", [batch(3)], reference.bias_grad, refuses=WRONG),
    case("bias_grad", [batch(4, 5, 17)], reference.bias_grad),
    case("bias_grad", [batch(4, 5, 17)], reference.bias_grad, dims=2),
    case("bias_grad", [batch(300, 2)], reference.bias_grad),
    case("bias_grad", [batch(130, 40)], reference.bias_grad),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_bias_grad(declared):
    check_op(declared)
