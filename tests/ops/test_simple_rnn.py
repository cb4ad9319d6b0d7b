import pytest
import reference_recurrent as reference
from checks import Refusal, away_from, batch, check_op, shared, uniform
from recurrent_cases import keep_operand, mask_operand, recurrent_case


def simple_rnn(steps, units, *, state=False, mask=False, keep=False, make=None, **attributes):
    operands = [
        batch(steps, units, make=make),
        shared(units, units),
        batch(units) if state else None,
        mask_operand(steps) if mask else None,
        keep_operand(units) if keep else None,
    ]
    return recurrent_case("simple_rnn", reference.simple_rnn, slice(1, 3), operands, **attributes)


WRONG = [
    Refusal([batch(4, 12), shared(3, 12), None, None, None], r"1 \* units"),
    Refusal([batch(4, 3), shared(3, 3), None, batch(3), None], r"mask must have shape \(None, 4\)"),
    Refusal([batch(4, 3), shared(3, 3), None, None, None], r"not offered", {"activation": "gelu"}),
]

CASES = [
    simple_rnn(5, 3, refuses=WRONG),
    simple_rnn(1, 1, state=True),
    simple_rnn(4, 17, state=True, sequences=False),
    simple_rnn(3, 70, reverse=True, state=True, batches=(1, 17)),
    simple_rnn(5, 4, mask=True, state=True),
    simple_rnn(4, 3, mask=True, reverse=True, processed_order=True, keep=True, state=True),
    simple_rnn(1, 3, activation="relu", make=away_from(0.0)),
    simple_rnn(2, 2, activation="exponential", make=uniform(-2, -1), batches=(3, 17)),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_simple_rnn(declared):
    check_op(declared)
