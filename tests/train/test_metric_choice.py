"""Metrics by name and by the shapes they see, what they refuse, and metrics in graphs."""

import copy

import numpy as np
import pytest
from train.metric_data import (
    BITS,
    CHANCES,
    GUESSES,
    IDS,
    ONE_HOT,
    SCORES,
    TARGETS,
    WEIGHT,
    C,
    N,
)

from fastnn import _core, losses, metrics


@pytest.mark.parametrize(
    ("loss", "dims", "labels", "expected"),
    [
        (losses.BinaryCrossentropy(), [1], [1], "BinaryAccuracy(name='acc')"),
        (losses.BinaryCrossentropy(), [], [], "BinaryAccuracy(name='acc')"),
        (losses.BinaryCrossentropy(from_logits=True), [1], [1], "BinaryAccuracy(name='acc', threshold=0.0)"),
        (losses.Hinge(), [1], [1], "BinaryAccuracy(name='acc', threshold=0.0)"),
        (losses.CategoricalCrossentropy(), [C], [C], "CategoricalAccuracy(name='acc')"),
        (losses.SparseCategoricalCrossentropy(), [C], [], "SparseCategoricalAccuracy(name='acc')"),
        (losses.SparseCategoricalCrossentropy(), [3, C], [3], "SparseCategoricalAccuracy(name='acc')"),
        (
            losses.SparseCategoricalCrossentropy(ignore_class=-1),
            [C],
            [],
            "SparseCategoricalAccuracy(name='acc', ignore_class=-1)",
        ),
        (None, [C], [1], "SparseCategoricalAccuracy(name='acc')"),
    ],
)
def test_accuracy_fits_the_shapes(loss, dims, labels, expected):
    assert repr(metrics.resolve("acc", loss, dims, labels)) == expected


def test_crossentropy_fits_the_shapes():
    logits = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=3)
    made = metrics.resolve("crossentropy", logits, [C], [])
    assert repr(made) == (
        "SparseCategoricalCrossentropy(name='crossentropy', from_logits=True, ignore_class=3)"
    )
    assert type(metrics.resolve("ce", None, [1], [1])) is metrics.BinaryCrossentropy
    assert type(metrics.resolve("ce", None, [C], [C])) is metrics.CategoricalCrossentropy


def test_the_class_that_a_loss_ignores():
    own = metrics.SparseTopKCategoricalAccuracy(2)
    made = metrics.resolve(own, losses.SparseCategoricalCrossentropy(ignore_class=-1), [C], [])
    labels = np.where(np.arange(N) % 3 == 0, -1, IDS)
    kept = labels >= 0
    assert made(labels, SCORES) == own(IDS[kept], SCORES[kept])
    assert own.ignore_class is None
    with pytest.raises(ValueError, match="got class or id -1"):
        own(labels, SCORES)


def test_what_metrics_can_be_made_of():
    assert metrics.get(metrics.AUC).name == "auc"
    assert metrics.get(losses.Huber(2.0)).name == "huber_loss"
    assert metrics.get(losses.mean_squared_error).name == "mean_squared_error"
    assert metrics.get({"class_name": "AUC", "config": {"num_thresholds": 7}}).num_thresholds == 7
    assert metrics.get("binary_focal_crossentropy").direction == "down"
    assert metrics.deserialize("accuracy") == "accuracy"
    again = metrics.deserialize(metrics.serialize(metrics.LossMetric(losses.Huber(2.0), "h")))
    assert again.name == "h" and again.loss.delta == 2
    for name in ("rmse", "AUC", "f1_score", "r2", "ConfusionMatrix", "top_k_categorical_accuracy", "cosine"):
        assert metrics.get(name).name == name
    for given in (3, None):
        with pytest.raises(TypeError, match="a metric is a name"):
            metrics.get(given)


@pytest.mark.parametrize(
    ("name", "offer"),
    [("accuracyy", "accuracy"), ("precison", "precision"), ("mean_square_error", "mean_squared_error")],
)
def test_unknown_names(name, offer):
    with pytest.raises(ValueError, match=f"unknown metric '{name}'; did you mean .*'{offer}'"):
        metrics.get(name)
    with pytest.raises(ValueError, match="unknown metric 'Acuracy'"):
        metrics.deserialize({"class_name": "Acuracy", "config": {}})


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: metrics.AUC(curve="RCO"), ValueError, "AUC: unknown curve 'RCO'"),
        (lambda: metrics.AUC(summation_method="mid"), ValueError, "AUC: unknown summation_method 'mid'"),
        (lambda: metrics.AUC(num_thresholds=1), ValueError, "num_thresholds must be at least 2"),
        (lambda: metrics.AUC(thresholds=[2.0]), ValueError, "thresholds must be .* at most 1"),
        (lambda: metrics.Precision(thresholds=[]), ValueError, "thresholds is empty"),
        (lambda: metrics.Precision(thresholds=-1), ValueError, "thresholds must be at least 0"),
        (lambda: metrics.Precision(top_k=0), ValueError, "top_k must be at least 1"),
        (lambda: metrics.Recall(class_id=1.5), TypeError, "class_id must be an integer"),
        (lambda: metrics.F1Score(average="mean"), ValueError, "F1Score: unknown average 'mean'"),
        (lambda: metrics.FBetaScore(beta=0), ValueError, "beta must be above 0"),
        (lambda: metrics.TopKCategoricalAccuracy(k=0), ValueError, "k must be at least 1"),
        (lambda: metrics.BinaryAccuracy(threshold="a"), TypeError, "threshold must be a number"),
        (lambda: metrics.ConfusionMatrix(normalize="rows"), ValueError, "unknown normalize 'rows'"),
        (lambda: metrics.R2Score("mean"), ValueError, "unknown class_aggregation 'mean'"),
        (lambda: metrics.R2Score(num_regressors=-1), ValueError, "num_regressors must be at least 0"),
        (lambda: metrics.MeanSquaredError(dtype="int8"), ValueError, "dtype must be"),
        (
            lambda: metrics.ConfusionMatrix(num_classes=3)(IDS, SCORES),
            ValueError,
            "num_classes is 3, but .* 4 classes",
        ),
        (
            lambda: metrics.Precision(class_id=4)(IDS, SCORES),
            ValueError,
            "class_id must be .* from 0 to 3, got 4",
        ),
        (lambda: metrics.Precision(top_k=5)(IDS, SCORES), ValueError, "top_k must be .* from 1 to 4"),
    ],
)
def test_wrong_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("metric", "y", "p", "message"),
    [
        (metrics.SparseCategoricalAccuracy(), ONE_HOT, SCORES, "column for each class"),
        (metrics.CategoricalAccuracy(), IDS, SCORES, "as class indices have"),
        (
            metrics.SparseCategoricalAccuracy(),
            IDS + 1,
            SCORES,
            "got class or id 4, expected an integer from 0 to 3",
        ),
        (metrics.ConfusionMatrix(), IDS + 1, SCORES, "got class or id 4"),
        (metrics.Precision(), IDS + 1, SCORES, "got class or id 4"),
        (metrics.MeanSquaredError(), TARGETS, GUESSES[:, :2], r"expected y_true of shape \(None, 2\)"),
        (metrics.MeanSquaredError(), TARGETS[:5], GUESSES, "y_true has 5 rows, but y_pred has 103"),
        (metrics.AUC(), BITS[:0], CHANCES[:0], "empty array"),
    ],
)
def test_data_that_do_not_fit(metric, y, p, message):
    with pytest.raises(ValueError, match=message):
        copy.deepcopy(metric)(y, p)


def test_classes_may_not_change_between_batches():
    metric = metrics.ConfusionMatrix()
    metric.update_state([0], [[0.5, 0.5]])
    with pytest.raises(ValueError, match=r"another number of classes.*reset_state\(\)"):
        metric.update_state([0], [[0.5, 0.3, 0.2]])


def test_nan_predictions_are_wrong_or_visible():
    p = SCORES.copy()
    p[3, 1] = np.nan
    kept = np.arange(N) != 3
    right = (SCORES.argmax(axis=1) == IDS)[kept].sum() / N
    np.testing.assert_allclose(metrics.SparseCategoricalAccuracy()(IDS, p), right)
    assert metrics.BinaryAccuracy()([1, 0, 0], [np.nan, np.nan, 0.1]) == 1 / 3
    assert metrics.Precision()([1, 1], [np.nan, 0.9]) == 1 and metrics.Recall()([1, 1], [np.nan, 0.9]) == 0.5
    assert np.isnan(metrics.MeanSquaredError()([1.0, 1.0], [np.nan, 1.0]))


# ---- in graphs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["rows", "lanes"])
@pytest.mark.parametrize(
    ("metric", "y", "p"),
    [
        (metrics.SparseCategoricalAccuracy(), IDS, SCORES),
        (metrics.AUC(), BITS[:, None], CHANCES[:, None]),
        (metrics.F1Score(), IDS, SCORES),
        (metrics.ConfusionMatrix(), IDS, SCORES),
        (metrics.R2Score(), TARGETS, GUESSES),
        (metrics.RootMeanSquaredError(), TARGETS, GUESSES),
    ],
    ids=repr,
)
def test_sums_of_batches_add_up(metric, y, p, layout):
    graph = _core.Graph()
    predicted = graph.input("p", list(p.shape[1:]))
    ids = y.shape[1:] != p.shape[1:]
    true = graph.input("y", list(y.shape[1:]), "int32" if ids else "float32")
    weight = graph.input("w", [])
    sums = metric.build(graph, true, predicted, weight)
    assert all(not graph.batched(t) and graph.dtype(t) == "float64" for t in sums)
    function = _core.Function(graph, sums, layout)
    total = None
    for first in range(0, N, 20):
        part = slice(first, first + 20)
        found = function.run([p[part].astype("float32"), y[part], WEIGHT[part]])
        total = found if total is None else [a + b for a, b in zip(total, found)]
    expected = copy.deepcopy(metric)(y, p.astype("float32"), WEIGHT.astype("float32"))
    np.testing.assert_allclose(metric.result(total), expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["acc", "top_k_categorical_accuracy", "confusion_matrix"])
def test_the_best_class_needs_no_softmax(name):
    graph = _core.Graph()
    z = graph.input("z", [C])
    metric = metrics.resolve(name, None, [C], [C])
    sums = metric.build(graph, graph.input("y", [C]), graph.add("softmax", [z])[0])
    pending, ops = list(sums), set()
    while pending:
        producer = graph.producer(pending.pop())
        if producer is not None:
            ops.add(producer[0])
            pending += [t for t in producer[1] if t is not None]
    assert "softmax" not in ops


def test_metrics_work_together_with_a_loss():
    graph = _core.Graph()
    z = graph.input("z", [C], "float64")
    y = graph.input("y", [], "int32")
    p = graph.add("softmax", [z])[0]
    loss = losses.SparseCategoricalCrossentropy()
    fetch = [loss.build(graph, y, p)]
    chosen = [metrics.resolve(name, loss, [C], []) for name in ("accuracy", "ce", "auc", "f1_score")]
    made = [metric.build(graph, y, p) for metric in chosen]
    found = _core.Function(graph, fetch + [t for sums in made for t in sums]).run([np.log(SCORES), IDS])
    np.testing.assert_allclose(found[0], loss(IDS, SCORES))
    rest = iter(found[1:])
    for metric, sums in zip(chosen, made):
        value = metric.result([next(rest) for _ in sums])
        alone = metrics.get(metrics.serialize(metric))
        np.testing.assert_allclose(value, alone(IDS, SCORES), atol=1e-12)
