import numpy as np
import pytest
import reference
import reference_losses
from checks import Refusal, batch, case, check_op, labels, uniform
from loss_cases import run_loss, target, wrong

from fastnn import _core

SPARSE = "sparse_softmax_cross_entropy"
WRONG = [
    Refusal(
        [batch(5), labels(5, classes=5)], r"labels must be int32 of shape \(None,\), got int32 \(None, 5\)"
    ),
    Refusal([batch(5), batch()], r"labels must be int32"),
    Refusal([batch(), labels(classes=5)], r"classes in the last dimension"),
    Refusal(
        [batch(5), labels(classes=5)], r"label_smoothing must be in \[0, 1\), got 1", {"label_smoothing": 1.0}
    ),
]

CASES = [
    case(
        "softmax_cross_entropy",
        [batch(5, make=uniform(-3, 3)), target(5)],
        reference_losses.softmax_cross_entropy,
        refuses=wrong(False),
    ),
    case(
        "softmax_cross_entropy",
        [batch(3, 37), target(3, 37)],
        reference_losses.softmax_cross_entropy,
        label_smoothing=0.1,
    ),
    # Labels need not sum to 1.
    case(
        "softmax_cross_entropy",
        [batch(4), target(4, make=uniform(0, 2))],
        reference_losses.softmax_cross_entropy,
    ),
    case("softmax_cross_entropy", [batch(1), target(1)], reference_losses.softmax_cross_entropy),
    case(
        SPARSE,
        [batch(5, make=uniform(-3, 3)), labels(classes=5)],
        reference.sparse_softmax_cross_entropy,
        refuses=WRONG,
    ),
    case(
        SPARSE,
        [batch(3, 11), labels(3, classes=11)],
        reference.sparse_softmax_cross_entropy,
        label_smoothing=0.1,
    ),
    case(SPARSE, [batch(4), labels(classes=4)], reference.sparse_softmax_cross_entropy, ignore_index=2),
    case(SPARSE, [batch(1), labels(classes=1)], reference.sparse_softmax_cross_entropy),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_softmax_cross_entropy(declared):
    check_op(declared)


@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_large_logits_stay_finite(layout):
    graph = _core.Graph()
    tensors = [graph.input("logits", [3]), graph.input("labels", [], "int32")]
    loss = graph.add(SPARSE, tensors)[0]
    values = np.array([[1000.0, 0, -1000], [-1e30, 0, 1e30]], "float32")
    found = _core.Function(graph, [loss], layout).run([values, np.array([0, 2], "int32")])[0]
    np.testing.assert_array_equal(found, [0, 0])


@pytest.mark.parametrize("layout", ["rows", "lanes"])
@pytest.mark.parametrize("label", [-1, 5])
def test_label_out_of_range_names_the_sample(layout, label):
    graph = _core.Graph()
    tensors = [graph.input("logits", [5]), graph.input("labels", [], "int32")]
    loss = graph.add(SPARSE, tensors, {}, "head")[0]
    function = _core.Function(graph, [loss], layout)
    given = np.zeros(40, "int32")
    given[37] = label
    with pytest.raises(ValueError, match=rf"head .*sample 37 .*got class or id {label}, expected .* 0 to 4"):
        function.run([np.zeros((40, 5), "float32"), given])
    function.run([np.zeros((40, 5), "float32"), np.zeros(40, "int32")])


@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_large_logits_stay_exact(layout):
    z = np.array([[1000.0, 999.0, -1000], [-1e30, 0, 1e30], [3e4, 3e4 + 1, 0]], "float32")
    y = np.eye(3, dtype="float32")[[0, 2, 1]]
    expected = [np.log1p(np.exp(-1)), 0, np.log1p(np.exp(-1))]
    np.testing.assert_allclose(run_loss("softmax_cross_entropy", z, y, layout), expected, rtol=1e-5)
    ids = np.array([0, 2, 1], "int32")
    np.testing.assert_allclose(run_loss("sparse_softmax_cross_entropy", z, ids, layout), expected, rtol=1e-5)


@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_a_class_masked_by_minus_infinity(layout):
    z = np.array([[1.0, -np.inf, 1.0]] * 2, "float32")
    y = np.eye(3, dtype="float32")[[0, 1]]
    np.testing.assert_allclose(run_loss("softmax_cross_entropy", z, y, layout), [np.log(2), np.inf])
    slopes = run_loss("softmax_cross_entropy", z[:1], y[:1], layout, gradient=True)
    np.testing.assert_allclose(slopes, [[-0.5, 0, 0.5]])


@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_nan_scores_give_nan(layout):
    p = np.array([[0.5, 0.5], [np.nan, 0.5]], "float32")
    y = np.eye(2, dtype="float32")
    np.testing.assert_array_equal(np.isnan(run_loss("softmax_cross_entropy", p, y, layout)), [False, True])
