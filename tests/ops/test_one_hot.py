import numpy as np
import pytest
from checks import Operand, Refusal, batch, case, check_op, labels


def reference(ids, depth, dtype="float32"):
    return (ids[..., None] == np.arange(depth)).astype("float64")


WRONG = [
    Refusal([labels(3, classes=4)], r"depth must be at least 1, got 0", {"depth": 0}),
    Refusal([batch(3)], r"needs int32 ids, got float32", {"depth": 3}, TypeError),
    Refusal(
        [labels(3, classes=4)], r"gives floating point, not int32", {"depth": 3, "dtype": "int32"}, TypeError
    ),
]
shared_ids = Operand((3,), False, "int32", lambda random, full: random.integers(0, 4, full), False)
CASES = [
    case("one_hot", [labels(3, classes=6, low=-1)], reference, depth=4, gradient=False, refuses=WRONG),
    case("one_hot", [labels(2, 3, classes=4)], reference, depth=4, dtype="float64", gradient=False),
    case("one_hot", [labels(classes=4)], reference, depth=1, gradient=False),
    case("one_hot", [shared_ids], reference, depth=4, gradient=False, label="unbatched"),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_one_hot(declared):
    check_op(declared)
