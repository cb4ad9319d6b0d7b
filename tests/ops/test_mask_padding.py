import pytest
from checks import Refusal, batch, case, check_op, shared

CASES = [
    case(
        op,
        [batch(3, 5)],
        lambda x: x,
        refuses=[Refusal([shared(3)], r"batched floating-point tensor, got \(3,\)")],
    )
    for op in ("mask_padding", "repeat_padding")
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_mask_padding(declared):
    check_op(declared)
