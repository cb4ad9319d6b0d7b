import numpy as np
import pytest
import reference
from checks import Refusal, batch, case, check_op, labels, shared

CONCATENATIONS = [
    case(
        "concatenate",
        [batch(3, 2), batch(1, 2), batch(4, 2)],
        reference.concatenate,
        refuses=[
            Refusal([], r"at least one"),
            Refusal([batch(3, 2), batch(3, 3)], r"along axis 0.*alone, got shapes"),
            Refusal([batch(3, 2), batch(3, 2, 1)], r"along axis 0.*alone, got shapes"),
            Refusal([batch(3, 2), shared(3, 2)], r"all have a value a sample, or none"),
            Refusal([batch(3, 2), batch(3, 2, dtype="int32")], r"one dtype", error=TypeError),
            Refusal([batch(3, 2)], r"axis 2 is out of range", {"axis": 2}),
        ],
        axis=0,
    ),
    case("concatenate", [batch(3, 2), batch(3, 5)], reference.concatenate),
    case("concatenate", [batch(2, 3, 2), batch(2, 1, 2)], reference.concatenate, axis=-2),
    case("concatenate", [batch(4)], reference.concatenate),
    case("concatenate", [labels(2, classes=9), labels(3, classes=9)], reference.concatenate, gradient=False),
    case(
        "concatenate",
        [shared(2, 3), shared(2, 1)],
        lambda *inputs, **attributes: np.concatenate(inputs, -1),
    ),
]


@pytest.mark.parametrize("declared", CONCATENATIONS, ids=str)
def test_concatenate(declared):
    check_op(declared)
