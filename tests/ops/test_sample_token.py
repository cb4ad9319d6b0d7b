import numpy as np
import pytest
from checks import Refusal, batch, case, check_op, labels, separated, shared

from fastnn import _core


def best(logits, **_):
    return logits.argmax(1).astype("int32")


WRONG = [
    Refusal([batch(3, 2)], r"needs floating-point logits \(None, n\), got float32 \(None, 3, 2\)", {}),
    Refusal([shared(3)], "needs floating-point logits", {}),
    Refusal([labels(3, classes=2)], "needs floating-point logits .* int32", {}),
    Refusal([batch(3)], "temperature must be at least 0, got -1", {"temperature": -1.0}),
    Refusal([batch(3)], "top_k must be at least 0, got -1", {"top_k": -1}),
    Refusal([batch(3)], "top_p must be above 0 and at most 1, got 0", {"top_p": 0.0}),
    Refusal([batch(3)], "top_p must be above 0 and at most 1, got 1.5", {"top_p": 1.5}),
]

CASES = [
    case("sample_token", [batch(7, make=separated())], best, gradient=False, refuses=WRONG, temperature=0.0),
    case("sample_token", [batch(7, make=separated())], best, gradient=False, top_k=1),
    case("sample_token", [batch(7, make=separated())], best, gradient=False, top_p=1e-9),
    case("sample_token", [batch(40)], None, gradient=False, random=True, top_k=5, top_p=0.9, temperature=0.7),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_sample_token(declared):
    check_op(declared)


def draws(logits, count=20000, seed=0, step=0, **attributes):
    graph = _core.Graph()
    out = graph.add("sample_token", [graph.input("logits", [len(logits)])], attributes)
    rows = np.tile(np.asarray(logits, "float32"), (count, 1))
    return _core.Function(graph, out).run([rows], seed=seed, step=step)[0]


@pytest.mark.parametrize(
    ("attributes", "kept"),
    [
        ({}, 5),
        ({"temperature": 2.0}, 5),
        ({"temperature": 0.3}, 5),
        ({"top_k": 2}, 2),
        ({"top_k": 9}, 5),
        ({"top_p": 0.75}, 2),
        ({"top_p": 0.6}, 1),
        ({"top_k": 3, "top_p": 0.99}, 3),
    ],
)
def test_frequencies(attributes, kept):
    p = np.array([0.05, 0.65, 0.15, 0.1, 0.05])
    weights = p ** (1 / attributes.get("temperature", 1.0))
    order = np.argsort(-weights, kind="stable")
    weights[order[kept:]] = 0
    found = np.bincount(draws(np.log(p), **attributes), minlength=5) / 20000
    np.testing.assert_allclose(found, weights / weights.sum(), atol=0.015)


def test_draws_follow_from_seed_and_step():
    logits = np.zeros(1000)
    first = draws(logits, 100)
    np.testing.assert_array_equal(draws(logits, 100), first)
    assert (draws(logits, 100, seed=1) != first).mean() > 0.9
    assert (draws(logits, 100, step=1) != first).mean() > 0.9


def test_nan_is_refused():
    with pytest.raises(RuntimeError, match="sample 0 .* non-finite"):
        draws([0.0, np.nan], 3)
