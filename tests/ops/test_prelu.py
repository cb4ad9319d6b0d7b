import pytest
import reference
from checks import Refusal, away_from, batch, case, check_op, shared, uniform

WRONG = [
    Refusal([batch(3, 5), shared(4)], r"do not broadcast"),
    Refusal(
        [batch(5), shared(3, 5)], r"slopes of shape \(3, 5\) do not broadcast to the input's \(None, 5\)"
    ),
]
slopes = uniform(-0.5, 0.5)

CASES = [
    case("prelu", [batch(5, make=away_from()), shared(5, make=slopes)], reference.prelu, refuses=WRONG),
    case("prelu", [batch(2, 3, 5, make=away_from()), shared(1, 1, 5, make=slopes)], reference.prelu),
    case("prelu", [batch(2, 3, 5, make=away_from()), shared(2, 3, 5, make=slopes)], reference.prelu),
    case("prelu", [batch(4, 19, make=away_from()), shared(4, 1, make=slopes)], reference.prelu),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_prelu(declared):
    check_op(declared)
