import numpy as np
import pytest
from checks import Refusal, batch, case, check_op, labels, shared

from fastnn import _core


def reference(x, ids, gamma=80.0, margin=0.4, remove_diagonal=True):
    """The definition, one pair at a time."""
    losses = np.zeros(len(x))
    for i in range(len(x)):
        alike = other = 0.0
        for j in range(len(x)):
            s = x[i] @ x[j]
            if ids[i] != ids[j]:
                other += np.exp(gamma * max(s + margin, 0) * (s - margin))
            elif i != j or not remove_diagonal:
                alike += np.exp(-gamma * max(1 + margin - s, 0) * (s - 1 + margin))
        losses[i] = np.log1p(alike * other)
    return losses


WRONG = [
    Refusal([batch(2, 4), labels(classes=3)], r"circle_loss needs floating-point x \(None, features\)"),
    Refusal([shared(4), labels(classes=3)], "circle_loss needs floating-point x"),
    Refusal([batch(4), labels(1, classes=3)], r"needs int32 labels \(None,\), got int32 \(None, 1\)"),
    Refusal([batch(4), batch()], "needs int32 labels"),
    Refusal([batch(4), labels(classes=3)], "gamma must be finite and above 0, got 0", {"gamma": 0.0}),
]


def short(random, shape):
    """Vectors no longer than 1, so that exponents stay small."""
    x = random.normal(size=shape)
    return 0.8 * x / np.linalg.norm(x, axis=-1, keepdims=True)


CASES = [
    case(
        "circle_loss",
        [batch(5, make=short), labels(classes=3)],
        reference,
        batches=(1, 3, 17),
        gamma=3.0,
        refuses=WRONG,
    ),
    case(
        "circle_loss",
        [batch(4, make=short), labels(classes=2)],
        reference,
        batches=(1, 3, 17),
        gamma=2.0,
        margin=0.2,
        remove_diagonal=False,
    ),
    case("circle_loss", [batch(33, make=short), labels(classes=5)], reference, batches=(3, 40), gamma=5.0),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_circle_loss(declared):
    check_op(declared)


def test_a_vector_that_is_not_a_number_is_seen_in_the_loss():
    graph = _core.Graph()
    x = graph.input("x", [4])
    ids = graph.input("ids", [], "int32")
    function = _core.Function(graph, graph.add("circle_loss", [x, ids], {}))
    values = short(np.random.default_rng(0), (5, 4)).astype("float32")
    values[2, 1] = np.nan
    (loss,) = function.run([values, np.array([0, 1, 0, 1, 0], "int32")])
    assert np.isnan(loss).all()
