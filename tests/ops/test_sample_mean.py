import pytest
import reference
from checks import Refusal, batch, case, check_op, labels, shared

CASES = [
    case(
        "sample_mean",
        [batch(3, 5)],
        reference.sample_mean,
        covers=["sample_mean_grad"],
        refuses=[
            Refusal([shared(3)], r"sums over samples"),
            Refusal([labels(3, classes=3)], r"floating point, got int32", error=TypeError),
        ],
    ),
    case("sample_mean", [batch()], reference.sample_mean),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_sample_mean(declared):
    check_op(declared)
