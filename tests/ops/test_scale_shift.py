import pytest
import reference
from checks import Refusal, batch, case, check_op, labels, shared

WRONG = [
    Refusal([labels(3, classes=9)], r"needs floating point, got int32", error=TypeError),
    Refusal([batch(3), batch(3)], r"expected 1 to 1 inputs, got 2"),
]

CASES = [
    case("scale_shift", [batch(3, 7)], reference.scale_shift, scale=1 / 255, offset=-0.5, refuses=WRONG),
    case("scale_shift", [shared(40)], reference.scale_shift, scale=-2),
    case("scale_shift", [batch()], reference.scale_shift, offset=1.5),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_scale_shift(declared):
    check_op(declared)
