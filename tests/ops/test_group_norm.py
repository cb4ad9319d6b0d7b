import pytest
import reference
from checks import Refusal, batch, case, check_op, labels, shared, uniform

WRONG = [
    Refusal(
        [batch(3, 5), None, None],
        r"5 channels \(input shape \(None, 3, 5\)\) cannot be cut into 2",
        {"groups": 2},
    ),
    Refusal([batch(3, 5), None, None], r"cannot be cut into 0 groups", {"groups": 0}),
    Refusal([batch(), None, None], r"needs x \(None, ..., channels\), got \(None,\)", {}),
    Refusal([shared(3, 5), None, None], r"needs x \(None, ..., channels\), got \(3, 5\)", {}),
    Refusal([batch(3, 5), shared(3), None], r"gamma must have shape \(5,\), got \(3,\)", {}),
    Refusal([batch(3, 5), shared(5), shared(1, 5)], r"beta must have shape \(5,\), got \(1, 5\)", {}),
    Refusal([batch(3, 5), None, None], r"epsilon must be at least 0", {"epsilon": -1.0}),
    Refusal([labels(5, classes=3), None, None], r"needs floating point", {}, error=TypeError),
]


def declare(operands, **attributes):
    """The gradient passes through y alone, so that only y is an output of the case."""
    return case(
        "group_norm",
        operands,
        reference.group_norm,
        build=lambda graph, tensors: graph.add("group_norm", tensors, attributes)[:1],
        tolerance=3e-5,
        **attributes,
    )


CASES = [
    declare([batch(5), shared(5), shared(5)]),
    declare([batch(3, 4, 6), shared(6), shared(6)], groups=2, epsilon=1e-5),
    declare([batch(3, 16), None, None], groups=16),
    declare([batch(9, 34), shared(34), None], groups=2),
    declare([batch(100, 3, make=uniform(20, 22)), None, shared(3)], groups=3),
    declare([batch(2, 40), shared(40), shared(40)], groups=8, epsilon=0.1),
    case(
        "group_norm",
        [batch(3, 8), None, None],
        reference.group_norm_with_statistics,
        gradient=False,
        refuses=WRONG,
        groups=4,
        label="group_norm with its statistics",
    ),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_group_norm(declared):
    check_op(declared)
