import pytest
import reference_losses as reference
from checks import Refusal, batch, case, check_op, uniform

unit = uniform(0, 1)
CASES = [
    case(
        "regression_moments",
        [batch(3), batch(3), None],
        reference.regression_moments,
        refuses=[Refusal([batch(3), batch(2), None], r"targets must be float32")],
        gradient=False,
    ),
    case(
        "regression_moments",
        [batch(), batch(), batch(make=unit)],
        reference.regression_moments,
        gradient=False,
    ),
    case(
        "regression_moments",
        [batch(2, 5), batch(2, 5), batch(2, make=unit)],
        reference.regression_moments,
        gradient=False,
    ),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_regression_moments(declared):
    check_op(declared)
