import numpy as np
import pytest
import reference_losses as reference
from checks import Refusal, batch, case, check_op, labels, uniform

from fastnn import _core

probability = uniform(0.05, 1)


def one_hot(random, shape):
    return np.eye(shape[-1])[random.integers(0, shape[-1], shape[:-1])]


def target(*shape, make=one_hot):
    return batch(*shape, make=make, differentiable=False)


def wrong(op_takes_ids):
    bad = batch(4) if op_takes_ids else batch(4, differentiable=False)
    good = labels(classes=5) if op_takes_ids else target(5)
    return [
        Refusal([batch(5), bad], r"labels must be int32" if op_takes_ids else r"targets must be float32"),
        Refusal(
            [batch(), labels(classes=5) if op_takes_ids else target(make=uniform())], r"classes in the last"
        ),
        Refusal(
            [batch(5), good], r"label_smoothing must be in \[0, 1\), got -0.1", {"label_smoothing": -0.1}
        ),
    ]


CASES = [
    case(
        "softmax_cross_entropy",
        [batch(5, make=uniform(-3, 3)), target(5)],
        reference.softmax_cross_entropy,
        refuses=wrong(False),
    ),
    case(
        "softmax_cross_entropy",
        [batch(3, 37), target(3, 37)],
        reference.softmax_cross_entropy,
        label_smoothing=0.1,
    ),
    # Labels need not sum to 1.
    case("softmax_cross_entropy", [batch(4), target(4, make=uniform(0, 2))], reference.softmax_cross_entropy),
    case("softmax_cross_entropy", [batch(1), target(1)], reference.softmax_cross_entropy),
    case(
        "cross_entropy",
        [batch(5, make=probability), target(5)],
        reference.cross_entropy,
        refuses=wrong(False),
    ),
    case(
        "cross_entropy",
        [batch(2, 19, make=probability), target(2, 19)],
        reference.cross_entropy,
        label_smoothing=0.2,
    ),
    case(
        "cross_entropy", [batch(4, make=probability), target(4, make=uniform(0, 2))], reference.cross_entropy
    ),
    case(
        "sparse_cross_entropy",
        [batch(5, make=probability), labels(classes=5)],
        reference.sparse_cross_entropy,
        refuses=wrong(True),
    ),
    case(
        "sparse_cross_entropy",
        [batch(2, 19, make=probability), labels(2, classes=19)],
        reference.sparse_cross_entropy,
        label_smoothing=0.2,
    ),
    case(
        "sparse_cross_entropy",
        [batch(3, 4, make=probability), labels(3, classes=4, low=-1)],
        reference.sparse_cross_entropy,
        ignore_index=-1,
    ),
    case(
        "categorical_focal",
        [batch(5, make=probability), target(5)],
        reference.categorical_focal,
        refuses=[
            *wrong(False),
            Refusal(
                [batch(5), target(5)],
                r"alpha must be one number or one for each of the 5",
                {"alpha": [0.1, 0.2]},
            ),
            Refusal([batch(5), target(5)], r"gamma must be a number of at least 0", {"gamma": float("nan")}),
        ],
    ),
    case(
        "categorical_focal",
        [batch(2, 19, make=uniform(-3, 3)), target(2, 19)],
        reference.categorical_focal,
        from_logits=True,
        label_smoothing=0.1,
    ),
    case(
        "categorical_focal",
        [batch(3, make=uniform(-3, 3)), target(3)],
        reference.categorical_focal,
        from_logits=True,
        gamma=0.5,
        alpha=[0.25, 0.5, 2.0],
    ),
    case(
        "categorical_focal",
        [batch(3, make=probability), target(3)],
        reference.categorical_focal,
        gamma=3.5,
        alpha=[0.25, 0.5, 2.0],
    ),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_cross_entropies(declared):
    check_op(declared)


def run(op, scores, given, layout="rows", gradient=False, **attributes):
    graph = _core.Graph()
    scores, given = np.asarray(scores), np.asarray(given)
    x = graph.input("scores", list(scores.shape[1:]), str(scores.dtype))
    y = graph.input("labels", list(given.shape[1:]), str(given.dtype))
    loss = graph.add(op, [x, y], attributes, "loss_layer")[0]
    fetch = graph.gradients(graph.add("sample_mean", [loss])[0], [x]) if gradient else [loss]
    return _core.Function(graph, fetch, layout).run([scores, given])[0]


@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_large_logits_stay_exact(layout):
    z = np.array([[1000.0, 999.0, -1000], [-1e30, 0, 1e30], [3e4, 3e4 + 1, 0]], "float32")
    y = np.eye(3, dtype="float32")[[0, 2, 1]]
    expected = [np.log1p(np.exp(-1)), 0, np.log1p(np.exp(-1))]
    np.testing.assert_allclose(run("softmax_cross_entropy", z, y, layout), expected, rtol=1e-5)
    ids = np.array([0, 2, 1], "int32")
    np.testing.assert_allclose(run("sparse_softmax_cross_entropy", z, ids, layout), expected, rtol=1e-5)


@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_a_class_masked_by_minus_infinity(layout):
    z = np.array([[1.0, -np.inf, 1.0]] * 2, "float32")
    y = np.eye(3, dtype="float32")[[0, 1]]
    np.testing.assert_allclose(run("softmax_cross_entropy", z, y, layout), [np.log(2), np.inf])
    slopes = run("softmax_cross_entropy", z[:1], y[:1], layout, gradient=True)
    np.testing.assert_allclose(slopes, [[-0.5, 0, 0.5]])


@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_confident_focal_slopes_stay_small(layout):
    # (1 - p)^-0.5 is large where log p is nearly 0: the product must not be taken from rounded p.
    z = np.array([[20.0, 0.0], [40.0, 0.0], [300.0, 0.0]], "float32")
    y = np.eye(2, dtype="float32")[[0, 0, 0]]
    found = run("categorical_focal", z, y, layout, gradient=True, from_logits=True, gamma=0.5, alpha=1.0)
    assert np.isfinite(found).all() and np.abs(found).max() < 1e-4
    value = run("categorical_focal", z, y, layout, from_logits=True, gamma=2.0)
    assert np.isfinite(value).all() and value.max() < 1e-20


@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_nan_scores_give_nan(layout):
    p = np.array([[0.5, 0.5], [np.nan, 0.5]], "float32")
    y = np.eye(2, dtype="float32")
    for op in ("cross_entropy", "softmax_cross_entropy", "categorical_focal"):
        np.testing.assert_array_equal(np.isnan(run(op, p, y, layout)), [False, True], op)


@pytest.mark.parametrize("layout", ["rows", "lanes"])
@pytest.mark.parametrize("label", [-1, 5])
def test_label_out_of_range_names_the_sample(layout, label):
    given = np.zeros(40, "int32")
    given[37] = label
    with pytest.raises(
        ValueError, match=rf"loss_layer .*sample 37 .*got class or id {label}, expected .* 0 to 4"
    ):
        run("sparse_cross_entropy", np.full((40, 5), 0.2, "float32"), given, layout)
