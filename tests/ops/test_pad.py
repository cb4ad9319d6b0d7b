import pytest
import reference
from checks import Refusal, batch, case, check_op, labels, shared

WRONG = [
    Refusal([batch(7, 3)], r"before and after each of the 2 dimensions", {"before": [1], "after": [1]}),
    Refusal([batch(7, 3)], r"cropping dimension 0.*leaves nothing", {"before": [-4, 0], "after": [-3, 0]}),
    Refusal([batch(7, 3)], r"leaves nothing", {"before": [-7, 0], "after": [2, 0]}),
]

CASES = [
    case("pad", [batch(4, 3)], reference.pad, refuses=WRONG, before=[1, 0], after=[2, 0]),
    case("pad", [batch(4, 3)], reference.pad, before=[0, 2], after=[0, 1], value=1.5),
    case("pad", [batch(4, 5, 2)], reference.pad, before=[-1, 2, 0], after=[0, -3, 0]),
    case("pad", [batch(3, 4, 2, 3)], reference.pad, before=[1, 0, 2, -1], after=[0, -2, 1, 0], value=-2.0),
    case("pad", [batch(5)], reference.pad, before=[0], after=[0]),
    case(
        "pad",
        [labels(4, 2, classes=9)],
        reference.pad,
        gradient=False,
        before=[1, -1],
        after=[0, 2],
        value=7.0,
    ),
    case(
        "pad",
        [shared(3, 2)],
        lambda x, **attributes: reference.pad(x[None], **attributes)[0],
        before=[0, 1],
        after=[-1, 1],
    ),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_pad(declared):
    check_op(declared)
