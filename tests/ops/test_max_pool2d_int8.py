import pytest
import reference_int8
from checks import Refusal, batch, case, check_op
from int8_cases import pixels

WRONG = [
    Refusal([batch(4, 4, 2)], r"pooling of bytes needs uint8", error=TypeError),
    Refusal([pixels(4, 4)], r"pooling needs an input"),
    Refusal([pixels(2, 2, 1)], r"window \(3, 3\) is larger", {"pool_size": (3, 3)}),
]


def pool(*shape, refuses=(), **attributes):
    return case(
        "max_pool2d_int8", [pixels(*shape)], reference_int8.max_pool2d_int8, gradient=False, refuses=refuses,
        **attributes,
    )  # fmt: skip


CASES = [
    pool(4, 4, 2, refuses=WRONG),
    pool(5, 7, 6, pool_size=(2, 2)),
    pool(5, 7, 1, pool_size=(3, 2), strides=(2, 1), padding="same"),
    pool(6, 6, 37, pool_size=(3, 3), strides=(2, 2), padding="same"),
    pool(4, 5, 16, **{"global": True}),
    pool(3, 3, 9, **{"global": True, "keepdims": True}),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_max_pool2d_int8(declared):
    check_op(declared)
