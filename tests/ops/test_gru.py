import pytest
import reference_recurrent as reference
from checks import Refusal, batch, check_op, shared
from recurrent_cases import keep_operand, mask_operand, recurrent_case


def gru(steps, units, *, bias=False, state=False, mask=False, keep=False, **attributes):
    operands = [
        batch(steps, 3 * units),
        shared(units, 3 * units),
        shared(2, 3 * units) if bias else None,
        batch(units) if state else None,
        mask_operand(steps) if mask else None,
        keep_operand(units) if keep else None,
    ]
    return recurrent_case("gru", reference.gru, slice(1, 3), operands, **attributes)


WRONG = [
    Refusal([batch(4, 12), shared(3, 12), None, None, None, None], r"3 \* units"),
    Refusal([batch(4, 12), shared(4, 12), shared(12), None, None, None], r"bias must be \(2, 12\)"),
    Refusal(
        [batch(4, 12), shared(4, 12), shared(2, 12), None, None, None], "reset_after", {"reset_after": False}
    ),
    Refusal([batch(4, 12), shared(4, 12), None, batch(5), None, None], r"initial state must have shape"),
    Refusal([batch(4, 12), shared(4, 12), None, None, batch(3), None], r"mask must have shape \(None, 4\)"),
]

CASES = [
    gru(5, 3, bias=True, refuses=WRONG),
    gru(1, 1, state=True),
    gru(4, 17, bias=True, state=True, sequences=False),
    gru(3, 33, bias=True, reverse=True, state=True, batches=(1, 17)),
    gru(5, 4, mask=True, state=True, bias=True),
    gru(4, 3, mask=True, reverse=True, processed_order=True, keep=True, state=True),
    gru(4, 5, reset_after=False),
    gru(4, 18, reset_after=False, mask=True, keep=True, state=True, reverse=True),
    gru(4, 70, reset_after=False, state=True, sequences=False, batches=(1, 17)),
    gru(3, 3, activation="softsign", recurrent_activation="hard_sigmoid", bias=True, step=1e-5),
    gru(2, 64, bias=True, batches=(3, 130)),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_gru(declared):
    check_op(declared)
