import numpy as np
import pytest
import reference
from checks import Refusal, batch, case, check_op, shared

WRONG = [
    Refusal([batch(3, 2, 5), shared(3, 2), shared(3, 2)], r"an even size, got float32 \(None, 3, 2, 5\)"),
    Refusal([batch(4), shared(4, 2), shared(4, 2)], "rotary needs"),
    Refusal([shared(3, 4), shared(3, 2), shared(3, 2)], r"rotary needs.*got float32 \(3, 4\)"),
    Refusal(
        [batch(3, 4), shared(3, 4), shared(3, 2)], r"cosines must be float32 \(3, 2\) .* got float32 \(3, 4\)"
    ),
    Refusal([batch(3, 4), shared(3, 2), batch(4, 2)], r"sines must be float32 \(3, 2\)"),
]


def angles(*shape, batched=False):
    return (batch if batched else shared)(*shape, differentiable=False)


CASES = [
    case("rotary", [batch(3, 2, 6), angles(3, 3), angles(3, 3)], reference.rotary, refuses=WRONG),
    case("rotary", [batch(4, 34), angles(4, 17), angles(4, 17)], reference.rotary, inverse=True),
    case("rotary", [batch(2, 3, 2, 4), angles(2, 2, batched=True), angles(2, 2)], reference.rotary),
    case("rotary", [batch(1, 2, 64), angles(1, 32), angles(1, 32, batched=True)], reference.rotary),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_rotary(declared):
    check_op(declared)


def test_inverse_turns_back():
    x, a = np.ones((2, 3, 4)), np.arange(6.0).reshape(3, 2)
    turned = reference.rotary(x, np.cos(a), np.sin(a))
    np.testing.assert_allclose(reference.rotary(turned, np.cos(a), np.sin(a), inverse=True), x)
