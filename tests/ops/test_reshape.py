import pytest
import reference
from checks import Refusal, batch, case, check_op

CASES = [
    case(
        "reshape",
        [batch(4, 6)],
        lambda x, shape: x.reshape(-1, 3, 8),
        shape=[3, -1],
        refuses=[
            Refusal([batch(4, 6)], r"cannot reshape \(None, 4, 6\)", {"shape": [5, -1]}),
            Refusal([batch(4, 6)], r"at most one -1", {"shape": [-1, -1]}),
            Refusal([batch(4, 6)], r"at least 1", {"shape": [24, 0]}),
        ],
    ),
    case("reshape", [batch(1)], reference.reshape, shape=[]),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_reshape(declared):
    check_op(declared)
