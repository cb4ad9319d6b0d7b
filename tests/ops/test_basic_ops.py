"""Shapes, sums over samples and other ops that most graphs have."""

import numpy as np
import pytest
import reference
from checks import Refusal, batch, case, check_op, labels, shared


def through_lanes_and_rows(graph, tensors):
    """Dense works in the layout that is asked for; a fetched output is rows, so it is laid out again."""
    return graph.add("dense", tensors)


CASES = [
    case("fill", [], reference.fill, value=1.5, shape=[3, 2], gradient=False),
    case("fill", [], reference.fill, value=3.0, shape=[], dtype="int32", gradient=False),
    case(
        "reshape",
        [batch(4, 6)],
        lambda x, shape: x.reshape(-1, 3, 8),
        shape=[3, -1],
        refuses=[
            Refusal([batch(4, 6)], r"cannot reshape \(None, 4, 6\)", {"shape": [5, -1]}),
            Refusal([batch(4, 6)], r"at most one -1", {"shape": [-1, -1]}),
            Refusal([batch(4, 6)], r"at least 1", {"shape": [24, 0]}),
        ],
    ),
    case("reshape", [batch(1)], reference.reshape, shape=[]),
    case(
        "mask_padding",
        [batch(3, 5)],
        lambda x: x,
        refuses=[Refusal([shared(3)], r"batched floating-point tensor, got \(3,\)")],
    ),
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
    case(
        "sample_sum",
        [batch(3, 5)],
        reference.sample_sum,
        refuses=[Refusal([shared(3)], r"sums over samples")],
    ),
    case("sample_sum", [batch(70)], reference.sample_sum, dtype="float64"),
    case(
        "broadcast_samples",
        [shared(3, 5), batch(3, 5, differentiable=False)],
        reference.broadcast_samples,
        refuses=[Refusal([shared(3), batch(4)], r"cannot broadcast \(3,\)")],
    ),
    case(
        "relayout",
        [batch(5, 7), shared(7, 3), None],
        reference.dense,
        build=through_lanes_and_rows,
        label="relayout around dense",
    ),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_basic_op(declared):
    check_op(declared)


def test_relayout_by_itself_keeps_every_value():
    check_op(case("relayout", [batch(3, 5)], lambda x: x, gradient=True))


def test_sums_keep_float64_precision():
    from fastnn import _core

    graph = _core.Graph()
    x = graph.input("x", [1], "float32")
    total = graph.add("sample_sum", [x], {"dtype": "float64"})[0]
    values = np.full((1000, 1), 0.1, "float32")
    found = _core.Function(graph, [total]).run([values])[0]
    assert found[0] == pytest.approx(values.astype("float64").sum(), rel=1e-15)
