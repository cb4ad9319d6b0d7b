import itertools

import numpy as np
import pytest
from checks import Refusal, batch, case, check_op, labels, shared, uniform

from fastnn import _core


def spelled(path, blank):
    """What a path of classes says: repetitions are one, blanks nothing."""
    return [k for k, _ in itertools.groupby(path) if k != blank]


def by_all_paths(logits, ids, mask=None, blank=0):
    """The definition: the probabilities of all paths that spell the labels are added up."""
    losses = []
    for i, steps in enumerate(logits):
        steps = steps if mask is None else steps[mask[i] != 0]
        p = np.exp(steps - steps.max(-1, keepdims=True, initial=-1e30))
        p = p / p.sum(-1, keepdims=True)
        wanted = []
        for k in ids[i]:
            if k < 0 or k == blank:
                break
            wanted.append(k)
        total = 0.0
        for path in itertools.product(range(logits.shape[-1]), repeat=len(steps)):
            if spelled(path, blank) == wanted:
                total += np.prod([p[t, k] for t, k in enumerate(path)])
        losses.append(-np.log(total) if total > 0 else np.inf)
    return np.array(losses)


def words(length, classes, repeat=False):
    """Labels of 1 to `length` classes, of which none is blank; ended by 0."""

    def make(random, shape):
        made = random.integers(1, classes, shape)
        if not repeat:
            made = np.where(np.arange(shape[1]) % 2 == 0, 1, np.maximum(made, 2))
        ends = random.integers(1, length + 1, (shape[0], 1))
        return np.where(np.arange(shape[1]) < ends, made, 0)

    return batch(length, make=make, dtype="int32", differentiable=False)


def last_steps(random, shape):
    return (np.arange(shape[1]) < random.integers(3, shape[1] + 1, (shape[0], 1))).astype("float64")


WRONG = [
    Refusal([batch(4), labels(3, classes=2), None], r"ctc needs logits \(None, steps, classes\)"),
    Refusal([batch(4, 3), labels(classes=2), None], "ctc needs"),
    Refusal([batch(4, 3), batch(3), None], "ctc needs"),
    Refusal(
        [batch(4, 3), labels(2, classes=2), batch(3)],
        r"mask must be float32 \(None, 4\), got float32 \(None, 3\)",
    ),
    Refusal([batch(4, 3), labels(2, classes=2), labels(4, classes=2)], "mask must be float32"),
    Refusal([batch(4, 3), labels(2, classes=2), None], "blank must be a class, 0 to 2, got 3", {"blank": 3}),
    Refusal(
        [shared(4, 3), labels(2, classes=2), None],
        "logits must be floating point with a batch",
        error=TypeError,
    ),
]

CASES = [
    case(
        "ctc",
        [batch(5, 3, make=uniform(-2, 2)), words(2, 3), None],
        by_all_paths,
        batches=(1, 3, 17),
        refuses=WRONG,
    ),
    case("ctc", [batch(1, 2), words(1, 2), None], by_all_paths, batches=(1, 3)),
    case("ctc", [batch(6, 3), words(3, 3, repeat=True), None], by_all_paths, batches=(1, 3)),
    case(
        "ctc",
        [batch(5, 3), words(2, 3), batch(5, make=last_steps, differentiable=False)],
        by_all_paths,
        batches=(1, 3, 17),
    ),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_ctc(declared):
    check_op(declared)


def run(logits, ids, mask=None, **attributes):
    """Losses and the gradient of their mean, in float64."""
    graph = _core.Graph()
    x = graph.input("logits", list(logits.shape[1:]), "float64")
    y = graph.input("labels", list(ids.shape[1:]), "int32")
    given = [x, y, None]
    arrays = [logits, ids]
    if mask is not None:
        given[2] = graph.input("mask", list(mask.shape[1:]), "float64")
        arrays.append(mask)
    loss = graph.add("ctc", given, attributes, "speech")[0]
    gradient = graph.gradients(graph.add("sample_mean", [loss])[0], [x])[0]
    return _core.Function(graph, [loss, gradient]).run(arrays)


def test_another_class_may_be_the_blank():
    logits = np.random.default_rng(0).normal(size=(2, 4, 3))
    ids = np.array([[0, 1], [1, -1]], "int32")
    losses, _ = run(logits, ids, blank=2)
    np.testing.assert_allclose(losses, by_all_paths(logits, ids, blank=2))


def test_labels_that_do_not_fit_have_no_gradient():
    logits = np.random.default_rng(0).normal(size=(3, 2, 3))
    ids = np.array(
        [[1, 2, 1], [1, 1, 0], [1, 2, 0]], "int32"
    )  # too long; no room for the blank between; fits
    losses, gradient = run(logits, ids)
    assert np.isinf(losses).tolist() == [True, True, False]
    assert (gradient[:2] == 0).all()
    assert (gradient[2] != 0).any()


def test_empty_labels_and_no_steps():
    logits = np.random.default_rng(0).normal(size=(3, 2, 3))
    ids = np.array([[0], [0], [1]], "int32")
    mask = np.array([[1, 1], [0, 0], [0, 0]], "float64")
    losses, gradient = run(logits, ids, mask)
    p = np.exp(logits[0]) / np.exp(logits[0]).sum(-1, keepdims=True)
    np.testing.assert_allclose(losses, [-np.log(p[:, 0]).sum(), 0.0, np.inf])
    assert (gradient[1:] == 0).all()


def test_long_sequences_do_not_underflow():
    logits = np.random.default_rng(0).normal(size=(1, 800, 30)) * 5
    losses, gradient = run(logits, np.random.default_rng(1).integers(1, 30, (1, 100)).astype("int32"))
    assert np.isfinite(losses).all()
    np.testing.assert_allclose(gradient.sum(-1), 0, atol=1e-9)


def test_a_label_that_is_no_class_is_named():
    with pytest.raises(
        ValueError, match="speech.*sample 1.*got class or id 3, expected an integer from 0 to 2"
    ):
        run(np.zeros((2, 4, 3)), np.array([[1, 2], [1, 3]], "int32"))
