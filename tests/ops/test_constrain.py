import numpy as np
import pytest
import reference
from checks import Refusal, batch, case, check_op, shared, uniform

WRONG = [
    Refusal([batch(3)], r"takes no batched operands"),
    Refusal([shared(3, 4)], r"axis 2 is out of range for 2 dimensions", {"axis": [2]}),
]
large = uniform(-3, 3)
NORMS = {
    "constrain_max_norm": reference.constrain_max_norm,
    "constrain_unit_norm": reference.constrain_unit_norm,
}

CASES = [
    *(case(op, [shared(7, 5, make=large)], f, gradient=False, refuses=WRONG) for op, f in NORMS.items()),
    *(case(op, [shared(7, 5, make=large)], f, gradient=False, axis=[1]) for op, f in NORMS.items()),
    *(
        case(op, [shared(3, 3, 4, 6, make=large)], f, gradient=False, axis=[0, 1, 2])
        for op, f in NORMS.items()
    ),
    *(case(op, [shared(3, 4, 6, make=large)], f, gradient=False, axis=[0, -1]) for op, f in NORMS.items()),
    case(
        "constrain_max_norm",
        [shared(9, make=large)],
        reference.constrain_max_norm,
        gradient=False,
        max_value=1.5,
    ),
    case(
        "constrain_unit_norm",
        [shared(2, 3, make=lambda random, shape: np.zeros(shape))],
        reference.constrain_unit_norm,
        gradient=False,
    ),
    case(
        "constrain_non_negative",
        [shared(3, 37)],
        reference.constrain_non_negative,
        gradient=False,
        refuses=WRONG[:1],
    ),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_constraint(declared):
    check_op(declared)
