import pytest
import reference
from checks import Refusal, batch, case, check_op

WRONG = [
    Refusal([batch(7, 7)], r"height, width, channels", {"size": [2, 2]}),
    Refusal([batch(7, 7, 3)], r"needs a size", {}),
    Refusal([batch(7, 7, 3)], r"size must be two positive", {"size": [0, 2]}),
    Refusal(
        [batch(7, 7, 3)], r"'nearest' or 'bilinear', got 'cubic'", {"size": [2, 2], "interpolation": "cubic"}
    ),
    Refusal([batch(7, 7, 3, dtype="int32")], r"floating point, got int32", {"size": [2, 2]}, TypeError),
]

CASES = [
    case(
        "resize2d",
        [batch(*shape)],
        reference.resize2d,
        refuses=WRONG if i == 0 and how == "nearest" else (),
        size=size,
        interpolation=how,
    )
    for how in ("nearest", "bilinear")
    for i, (shape, size) in enumerate(
        [
            ((3, 4, 2), [6, 12]),
            ((1, 5, 17), [1, 10]),
            ((5, 6, 3), [3, 4]),
            ((4, 3, 1), [7, 3]),
            ((2, 2, 33), [5, 1]),
        ]
    )
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_resize2d(declared):
    check_op(declared)
