import numpy as np
import pytest
from checks import Refusal, batch, case, check_op, labels, shared


def running(x, axis, reverse=False, exclusive=False):
    x = np.flip(x, axis) if reverse else x
    sums = np.cumsum(x, axis) - (x if exclusive else 0)
    return np.flip(sums, axis) if reverse else sums


def reference(x, axis=-1, **attributes):
    return running(x, axis + 1 if axis >= 0 else axis, **attributes)


WRONG = [
    Refusal([batch(3)], r"axis 1 is out of range", {"axis": 1}),
    Refusal([labels(3, classes=4)], r"floating point, got int32", {}, TypeError),
]
CASES = [
    case("cumsum", [batch(5)], reference, refuses=WRONG),
    case("cumsum", [batch(3, 17, 2)], reference, axis=1),
    case("cumsum", [batch(3, 5)], reference, axis=0, reverse=True),
    case("cumsum", [batch(3, 5)], reference, exclusive=True),
    case("cumsum", [batch(3, 5)], reference, reverse=True, exclusive=True),
    case("cumsum", [shared(5, 3)], lambda x, axis: np.cumsum(x, axis), axis=0, label="unbatched"),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_cumsum(declared):
    check_op(declared)
