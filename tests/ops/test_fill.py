import pytest
import reference
from checks import case, check_op

CASES = [
    case("fill", [], reference.fill, value=1.5, shape=[3, 2], gradient=False),
    case("fill", [], reference.fill, value=3.0, shape=[], dtype="int32", gradient=False),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_fill(declared):
    check_op(declared)
