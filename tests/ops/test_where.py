import numpy as np
import pytest
from checks import Operand, Refusal, batch, case, check_op, labels, shared

COMPARISONS = {
    "equal": np.equal,
    "not_equal": np.not_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
}
LOGIC = {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor}


def truth(*shape, batched=True):
    return Operand(shape, batched, "bool", lambda random, full: random.random(full) < 0.5, False)


def whole(random, shape):
    """Numbers of which some are equal."""
    return random.integers(-1, 2, shape).astype("float64")


def of_samples(formula):
    """The formula of NumPy on each sample, so that dims are aligned as the op aligns them."""

    def reference(*operands, **_):
        samples = max(len(x) for x, batched in operands if batched)
        return np.stack([formula(*(x[i] if b else x for x, b in operands)) for i in range(samples)])

    return reference


def declare(op, operands, formula, **options):
    reference = of_samples(formula)
    flags = [o.batched for o in operands]
    if not any(flags):
        return case(op, operands, lambda *xs, **a: formula(*xs), **options)
    return case(op, operands, lambda *xs, **a: reference(*zip(xs, flags), **a), **options)


WRONG = [
    Refusal([batch(3), batch(4)], r"do not broadcast", {"kind": "less"}),
    Refusal(
        [batch(3), labels(3, classes=2)], r"cannot compare float32 and int32", {"kind": "less"}, TypeError
    ),
    Refusal([batch(3), batch(3)], r"unknown kind 'lesser'", {"kind": "lesser"}),
]
numbers = batch(3, 5, make=whole)
CASES = [
    *(
        declare("compare", [numbers, numbers], f, kind=k, gradient=False, refuses=WRONG)
        for k, f in COMPARISONS.items()
    ),
    declare(
        "compare", [batch(3, 5, make=whole), shared(5, make=whole)], np.less, kind="less", gradient=False
    ),
    declare("compare", [shared(make=whole), batch(2, 3, make=whole)], np.less, kind="less", gradient=False),
    declare(
        "compare", [batch(3, 1, make=whole), batch(3, 7, make=whole)], np.equal, kind="equal", gradient=False
    ),
    declare("compare", [labels(5, classes=3), labels(5, classes=3)], np.equal, kind="equal", gradient=False),
    declare(
        "compare", [shared(3, make=whole), shared(3, make=whole)], np.equal, kind="equal", gradient=False
    ),
    *(declare("logical", [truth(3, 5), truth(5)], f, kind=k, gradient=False) for k, f in LOGIC.items()),
    declare("logical", [truth(3, 5), truth(3, 5)], np.logical_xor, kind="xor", gradient=False),
    declare(
        "logical",
        [truth(3, 5)],
        np.logical_not,
        kind="not",
        gradient=False,
        refuses=[
            Refusal([batch(3)], r"need bool, got float32", error=TypeError),
            Refusal([truth(3), truth(3)], r"expected 1 to 1 inputs, got 2"),
            Refusal([truth(3)], r"expected 2 to 2 inputs, got 1", {"kind": "or"}),
        ],
    ),
    declare(
        "where",
        [truth(3, 5), batch(3, 5), batch(3, 5)],
        np.where,
        refuses=[
            Refusal([batch(3), batch(3), batch(3)], r"needs a bool mask, got float32", error=TypeError),
            Refusal([truth(3), batch(3), labels(3, classes=2)], r"operands of one dtype", error=TypeError),
            Refusal([truth(3), batch(4), batch(4)], r"do not broadcast"),
        ],
    ),
    declare("where", [truth(3, 1), batch(3, 5), batch(1, 5)], np.where),
    declare("where", [truth(5), shared(5), batch(2, 5)], np.where),
    declare("where", [truth(2, 3, 4), shared(), shared(3, 1)], np.where),
    declare("where", [truth(4, batched=False), batch(4), shared()], np.where),
    declare("where", [truth(3, batched=False), shared(3), shared(3)], np.where),
    declare("where", [truth(5), labels(5, classes=9), labels(5, classes=9)], np.where, gradient=False),
    declare("where", [truth(5), truth(5), truth(5)], np.where, gradient=False),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_where(declared):
    check_op(declared)
