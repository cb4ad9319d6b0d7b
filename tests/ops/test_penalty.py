import numpy as np
import pytest
import reference
from checks import Refusal, away_from, batch, case, check_op, shared

from fastnn import _core

WRONG = [
    Refusal([batch(3)], r"takes no batched operands"),
    Refusal([shared(3)], r"l2 must be at least 0, got -1", {"l2": -1.0}),
]
ACTIVITY_WRONG = [
    Refusal([shared(3)], r"use penalty for weights"),
    Refusal([batch(3)], r"l1 must be at least 0, got nan", {"l1": float("nan")}),
]
apart = away_from()

CASES = [
    case("penalty", [shared(3, 5, make=apart)], reference.penalty, l1=0.1, l2=0.01, refuses=WRONG),
    case("penalty", [shared(37, make=apart)], reference.penalty, l1=0.3),
    case("penalty", [shared(130, 130, make=apart)], reference.penalty, l2=0.5),
    case(
        "activity_penalty",
        [batch(3, 5, make=apart)],
        reference.activity_penalty,
        l1=0.1,
        l2=0.2,
        refuses=ACTIVITY_WRONG,
    ),
    case("activity_penalty", [batch(70, make=apart)], reference.activity_penalty, l1=1.0),
    case("activity_penalty", [batch(make=apart)], reference.activity_penalty, l2=1.0),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_penalty(declared):
    check_op(declared)


def test_a_zero_weight_has_no_l1_gradient():
    graph, store = _core.Graph(), _core.Store()
    store.add("w", [3])
    store.set("w", np.array([0.0, -2.0, 2.0], "float32"))
    graph.input("rows", [])
    w = graph.parameter(store, "w")
    gradient = graph.gradients(graph.add("penalty", [w], {"l1": 0.5})[0], [w])
    found = _core.Function(graph, gradient).run([np.zeros(1, "float32")])[0]
    np.testing.assert_array_equal(found, [0, -0.5, 0.5])
