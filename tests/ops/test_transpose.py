import pytest
import reference
from checks import Refusal, batch, case, check_op, labels, shared

WRONG = [
    Refusal(
        [batch(3, 5)], r"perm \(0, 2\) is no order of the 2 dimensions of \(None, 3, 5\)", {"perm": [0, 2]}
    ),
    Refusal([batch(3, 5)], r"perm \(0,\) is no order", {"perm": [0]}),
    Refusal([batch(3, 5)], r"perm \(0, 0\) is no order", {"perm": [0, 0]}),
]

CASES = [
    case("transpose", [batch(3, 5)], reference.transpose, perm=[1, 0], refuses=WRONG),
    case("transpose", [batch(33, 20)], reference.transpose, perm=[1, 0]),
    case("transpose", [batch(2, 3, 4)], reference.transpose, perm=[2, 0, 1]),
    case("transpose", [batch(2, 3, 4)], reference.transpose, perm=[1, 0, 2]),
    case("transpose", [batch(2, 3, 4)], reference.transpose, perm=[0, 1, 2]),
    case("transpose", [batch(2, 3, 4, 5)], reference.transpose, perm=[3, 1, 0, 2]),
    case("transpose", [batch(1, 3, 1, 5)], reference.transpose, perm=[3, 2, 0, 1]),
    case("transpose", [batch(1)], reference.transpose, perm=[0]),
    case("transpose", [batch()], reference.transpose, perm=[]),
    case("transpose", [shared(40, 3)], lambda x, perm: x.transpose(perm), perm=[1, 0]),
    case("transpose", [labels(3, 5, classes=9)], reference.transpose, perm=[1, 0], gradient=False),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_transpose(declared):
    check_op(declared)
