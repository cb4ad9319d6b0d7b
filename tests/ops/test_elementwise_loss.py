import numpy as np
import pytest
from checks import Refusal, away_from, batch, case, check_op, labels, uniform
from reference_losses import elementwise_loss

from fastnn import _core

OP = "elementwise_loss"
probability = uniform(0.05, 0.95)


def choice(*values):
    return lambda random, shape: random.choice(values, shape)


def target(*shape, make):
    return batch(*shape, make=make, differentiable=False)


WRONG = [
    Refusal(
        [batch(5), batch(4)],
        r"targets must be float32 of the predictions' shape \(None, 5\), got float32 \(None, 4\)",
    ),
    Refusal([batch(5), labels(5, classes=2)], r"targets must be float32"),
    Refusal([labels(5, classes=2), batch(5)], r"predictions must be floating point", error=TypeError),
    Refusal([batch(5), batch(5)], r"unknown kind of loss 'squared'", {"kind": "squared"}),
    Refusal([batch(5), batch(5)], r"delta must be greater than 0, got 0", {"delta": 0.0}),
    Refusal([batch(5), batch(5)], r"label_smoothing must be in \[0, 1\), got 1.5", {"label_smoothing": 1.5}),
    Refusal([batch(5), batch(5)], r"gamma must be a number of at least 0, got -1", {"gamma": -1.0}),
    Refusal([batch(5)], r"expected 2 to 2 inputs, got 1"),
]


def errors(kind, predictions, targets, dims=((5,), (3, 37), (1,), ()), **options):
    """A case for each per-sample shape: vectors, several positions, one number a sample."""
    return [
        case(
            OP,
            [batch(*shape, make=predictions), batch(*shape, make=targets, differentiable=symmetric(kind))],
            elementwise_loss,
            kind=kind,
            **options,
        )
        for shape in dims
    ]


def symmetric(kind):
    return kind in ("squared_error", "absolute_error", "huber", "log_cosh", "squared_logarithmic_error")


small = choice(-0.02, 0.02)
CASES = [
    case(OP, [batch(5), batch(5)], elementwise_loss, refuses=WRONG),
    *errors("squared_error", uniform(), uniform()),
    *errors("absolute_error", away_from(), small),
    *errors("absolute_percentage_error", uniform(-2, 0.5), uniform(1, 2), dims=[(5,), ()]),
    *errors("squared_logarithmic_error", uniform(0.1, 3), uniform(0.1, 3), dims=[(5,), (2, 17), ()]),
    *errors("huber", away_from([-1, 1], gap=0.1), small),
    *errors("huber", away_from([-0.3, 0.3], gap=0.1), small, dims=[(5,)], delta=0.3),
    *errors("log_cosh", uniform(-3, 3), uniform()),
    *errors("poisson", uniform(0.1, 3), uniform(0, 3), dims=[(5,), ()]),
    *errors("hinge", away_from([-1, 1], gap=0.1), choice(-1, 1)),
    *errors("hinge", away_from([-1, 1], gap=0.1), choice(0, 1), dims=[(5,)]),
    *errors("squared_hinge", away_from([-1, 1], gap=0.1), choice(-1, 1)),
    *errors("squared_hinge", away_from([-1, 1], gap=0.1), choice(0, 1), dims=[(5,)]),
    *errors("kl_divergence", probability, probability),
    *errors("binary_cross_entropy", probability, choice(0, 1)),
    *errors("binary_cross_entropy", probability, uniform(0, 1), dims=[(5,), ()], label_smoothing=0.2),
    *errors("binary_cross_entropy_logits", uniform(-4, 4), choice(0, 1)),
    *errors("binary_cross_entropy_logits", uniform(-4, 4), choice(0, 1), dims=[(5,)], label_smoothing=0.2),
    *errors("binary_focal", probability, choice(0, 1), dims=[(5,), ()]),
    *errors("binary_focal", probability, choice(0, 1), dims=[(5,)], gamma=1.5, alpha=0.3, balanced=True),
    *errors("binary_focal", probability, choice(0, 1), dims=[(5,)], gamma=0.0, label_smoothing=0.1),
    *errors("binary_focal_logits", uniform(-4, 4), choice(0, 1), dims=[(5,), (2, 17), ()]),
    *errors("binary_focal_logits", uniform(-4, 4), choice(0, 1), dims=[(5,)], gamma=0.5, balanced=True),
    *errors("binary_focal_logits", uniform(-4, 4), uniform(0, 1), dims=[(5,)], gamma=1.0),
    *errors("equal", choice(0, 1, 2), choice(0, 1, 2), dims=[(5,), (1,), ()], gradient=False),
    *errors("threshold_equal", uniform(0, 1), choice(0, 1), dims=[(5,), ()], gradient=False),
    *errors("threshold_equal", uniform(0, 1), choice(-1, 1), dims=[(5,)], gradient=False, threshold=0.25),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_elementwise_loss(declared):
    check_op(declared)


def run(kind, p, t, layout="rows", dtype="float32", gradient=False, **options):
    """Per-element losses, or slopes, of numbers taken as samples."""
    graph = _core.Graph()
    tensors = [graph.input("p", [], dtype), graph.input("t", [], dtype)]
    loss = graph.add(OP, tensors, {"kind": kind, **options}, "loss_layer")[0]
    fetch = graph.gradients(graph.add("sample_mean", [loss])[0], tensors[:1]) if gradient else [loss]
    found = _core.Function(graph, fetch, layout).run([np.asarray(p, dtype), np.asarray(t, dtype)])[0]
    return found * len(p) if gradient else found


@pytest.mark.parametrize("layout", ["rows", "lanes"])
@pytest.mark.parametrize("kind", ["binary_cross_entropy_logits", "binary_focal_logits"])
def test_extreme_logits_are_exact(kind, layout):
    p, t = [200.0, -200.0, 200.0, -200.0, 1e30, -1e30], [1.0, 0.0, 0.0, 1.0, 1.0, 0.0]
    np.testing.assert_allclose(run(kind, p, t, layout), [0, 0, 200, 200, 0, 0])
    np.testing.assert_allclose(run(kind, p, t, layout, gradient=True), [0, 0, 1, -1, 0, 0])


@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_impossible_probabilities_are_clipped(layout):
    found = run("binary_cross_entropy", [0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0], layout, "float64")
    np.testing.assert_allclose(found, [-np.log(1e-7)] * 2 + [-np.log(1 - 1e-7)] * 2, rtol=1e-6)
    slopes = run("binary_cross_entropy", [0.0, 1.0], [1.0, 0.0], layout, "float64", gradient=True)
    np.testing.assert_array_equal(slopes, [0, 0])


def test_log_cosh_near_zero_and_far():
    distances = np.array([1e-4, 3e-3, 0.99, 1.01, 80.0, 1e4])
    expected = np.logaddexp(distances, -distances) - np.log(2)
    expected[:2] = distances[:2] ** 2 / 2 - distances[:2] ** 4 / 12
    np.testing.assert_allclose(run("log_cosh", distances, np.zeros(6)), expected, rtol=1e-5)


@pytest.mark.parametrize("layout", ["rows", "lanes"])
@pytest.mark.parametrize("kind", ["squared_error", "hinge", "binary_cross_entropy", "huber", "log_cosh"])
def test_a_nan_stays_one(kind, layout):
    found = run(kind, [0.5, np.nan, 0.5], [1.0, 1.0, 1.0], layout)
    np.testing.assert_array_equal(np.isnan(found), [False, True, False])


@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_a_nan_agrees_with_nothing(layout):
    np.testing.assert_array_equal(run("equal", [1, np.nan], [1, np.nan], layout), [1, 0])
    np.testing.assert_array_equal(run("threshold_equal", [0.2, np.nan], [0, 0], layout), [1, 0])


@pytest.mark.parametrize("layout", ["rows", "lanes"])
@pytest.mark.parametrize("kind", ["binary_cross_entropy", "binary_focal_logits"])
@pytest.mark.parametrize("target", [-1, 2, 255])
def test_targets_of_another_scale(kind, target, layout):
    targets = np.array([0, 1, 1.2, -0.1] * 10)
    p = np.full(40, 0.5)
    assert np.isfinite(run(kind, p, targets, layout)).all()
    targets[37] = target
    with pytest.raises(
        ValueError, match=rf"loss_layer .*sample 37 .*got target {target}, expected .* 0 to 1"
    ):
        run(kind, p, targets, layout)


def test_sums_over_long_axes_keep_their_precision():
    values = np.full((2, 100_003), 0.1, "float32")
    graph = _core.Graph()
    tensors = [graph.input(name, [values.shape[1]]) for name in "pt"]
    loss = graph.add(OP, tensors, {"kind": "absolute_error"})[0]
    found = _core.Function(graph, [loss], "rows").run([values, np.zeros_like(values)])[0]
    np.testing.assert_allclose(found, 0.1, rtol=1e-6)


def test_what_cannot_be_differentiated():
    graph = _core.Graph()
    p, t = graph.input("p", [3]), graph.input("t", [3])
    count = graph.add(OP, [p, t], {"kind": "equal"}, "metric_layer")[0]
    with pytest.raises(ValueError, match="metric_layer: a count of agreements has no gradient"):
        graph.gradients(graph.add("sample_mean", [count])[0], [p])
    loss = graph.add(OP, [p, t], {"kind": "poisson"}, "poisson_layer")[0]
    with pytest.raises(ValueError, match="poisson_layer: there is no gradient with respect to the targets"):
        graph.gradients(graph.add("sample_mean", [loss])[0], [t])
