"""Metrics on arrays, against NumPy and, where it is installed, scikit-learn."""

import copy
import itertools
import pickle

import numpy as np
import pytest
import reference_losses as reference
from train.metric_data import (
    BITS,
    CHANCES,
    GUESSES,
    IDS,
    MANY,
    MANY_CHANCES,
    ONE_HOT,
    SCORES,
    TARGETS,
    WEIGHT,
    C,
    N,
    rng,
)

from fastnn import losses, metrics


def mean(values, weight=None):
    return np.average(values, weights=np.broadcast_to(1 if weight is None else weight, values.shape))


def matches(y, p, w=None):
    return mean((p.argmax(axis=-1) == (y if y.ndim < p.ndim else y.argmax(axis=-1))).astype(float), w)


def top(k):
    return lambda y, p, w=None: mean(reference.class_match(p, y, top_k=k), w)


def loss_of(name, **options):
    return lambda y, p, w=None: mean(getattr(losses, name)(y, p.astype("float64"), **options), w)


# Metric, its short name, labels, predictions, the value.
MEANS = [
    (
        metrics.Accuracy(),
        "accuracy",
        IDS,
        (IDS + (rng.random(N) < 0.3)),
        lambda y, p, w=None: mean(y == p, w),
    ),
    (
        metrics.BinaryAccuracy(),
        "binary_accuracy",
        BITS,
        CHANCES,
        lambda y, p, w=None: mean((p > 0.5) == y, w),
    ),
    (
        metrics.BinaryAccuracy(threshold=0.3),
        "binary_accuracy",
        BITS[:, None],
        CHANCES[:, None],
        lambda y, p, w=None: mean(((p > 0.3) == y)[:, 0], w),
    ),
    (
        metrics.BinaryAccuracy(),
        "binary_accuracy",
        MANY,
        MANY_CHANCES,
        lambda y, p, w=None: mean(((p > 0.5) == y).mean(axis=1), w),
    ),
    (metrics.CategoricalAccuracy(), "categorical_accuracy", ONE_HOT, SCORES, matches),
    (metrics.SparseCategoricalAccuracy(), "sparse_categorical_accuracy", IDS, SCORES, matches),
    (metrics.TopKCategoricalAccuracy(2), "top_k_categorical_accuracy", ONE_HOT, SCORES, top(2)),
    (metrics.SparseTopKCategoricalAccuracy(3), "sparse_top_k_categorical_accuracy", IDS, SCORES, top(3)),
    (metrics.MeanSquaredError(), "mse", TARGETS, GUESSES, loss_of("mean_squared_error")),
    (metrics.MeanAbsoluteError(), "mae", TARGETS, GUESSES, loss_of("mean_absolute_error")),
    (
        metrics.MeanAbsolutePercentageError(),
        "mape",
        TARGETS,
        GUESSES,
        loss_of("mean_absolute_percentage_error"),
    ),
    (
        metrics.MeanSquaredLogarithmicError(),
        "msle",
        abs(TARGETS),
        abs(GUESSES),
        loss_of("mean_squared_logarithmic_error"),
    ),
    (
        metrics.RootMeanSquaredError(),
        "rmse",
        TARGETS,
        GUESSES,
        lambda y, p, w=None: np.sqrt(mean(((y - p) ** 2).mean(axis=1), w)),
    ),
    (
        metrics.CosineSimilarity(),
        "cosine_similarity",
        TARGETS,
        GUESSES,
        lambda y, p, w=None: mean(reference.cosine_similarity(p, y), w),
    ),
    (metrics.LogCoshError(), "logcosh", TARGETS, GUESSES, loss_of("log_cosh")),
    (metrics.Poisson(), "poisson", abs(TARGETS), abs(GUESSES), loss_of("poisson")),
    (metrics.Hinge(), "hinge", MANY, GUESSES[:, [0, 1, 2, 0]], loss_of("hinge")),
    (metrics.SquaredHinge(), "squared_hinge", MANY, GUESSES[:, [0, 1, 2, 0]], loss_of("squared_hinge")),
    (metrics.CategoricalHinge(), "categorical_hinge", ONE_HOT, SCORES, loss_of("categorical_hinge")),
    (metrics.KLDivergence(), "kl_divergence", SCORES[::-1], SCORES, loss_of("kl_divergence")),
    (metrics.BinaryCrossentropy(), "binary_crossentropy", MANY, MANY_CHANCES, loss_of("binary_crossentropy")),
    (
        metrics.CategoricalCrossentropy(label_smoothing=0.1),
        "categorical_crossentropy",
        ONE_HOT,
        SCORES,
        loss_of("categorical_crossentropy", label_smoothing=0.1),
    ),
    (
        metrics.SparseCategoricalCrossentropy(from_logits=True),
        "sparse_categorical_crossentropy",
        IDS,
        SCORES,
        loss_of("sparse_categorical_crossentropy", from_logits=True),
    ),
    (metrics.LossMetric("huber"), "huber", TARGETS, GUESSES, loss_of("huber")),
]
parametrize = pytest.mark.parametrize(
    ("metric", "name", "y", "p", "formula"), MEANS, ids=[f"{m[0]!r} {m[3].shape}" for m in MEANS]
)


@parametrize
def test_means(metric, name, y, p, formula):
    metric = copy.deepcopy(metric)
    assert metric.result() == 0
    p = p.astype("float64")
    np.testing.assert_allclose(metric(y, p), formula(y, p))
    metric.reset_state()
    np.testing.assert_allclose(metric(y, p, WEIGHT), formula(y, p, WEIGHT))
    metric.reset_state()
    for first in range(0, N, 17):  # the mean over batches is that over samples
        part = slice(first, first + 17)
        metric.update_state(y[part], p[part], WEIGHT[part])
    np.testing.assert_allclose(metric.result(), formula(y, p, WEIGHT))
    assert isinstance(metric.result(), float)
    metric.reset_state()
    assert metric(y, p, np.zeros(N)) == 0
    metric.reset_state()
    np.testing.assert_allclose(metric(y, p.astype("float32")), formula(y, p), rtol=1e-3)


@parametrize
def test_configuration(metric, name, y, p, formula):
    again = metrics.deserialize(metrics.serialize(metric))
    assert type(again) is type(metric) and again.get_config() == metric.get_config()
    assert repr(again) == repr(metric)
    assert type(metrics.get(name)) is type(metric) and metrics.get(name).name == name
    assert metrics.get(name).direction in ("up", "down")
    copied = pickle.loads(pickle.dumps(metric))
    assert copied(y, p) == copy.deepcopy(metric)(y, p)


@pytest.mark.parametrize("ids", [True, False])
@pytest.mark.parametrize("weighted", [False, True])
def test_confusion_matrix(ids, weighted):
    weight = WEIGHT if weighted else None
    y = IDS if ids else ONE_HOT
    expected = np.zeros((C, C))
    np.add.at(expected, (IDS, SCORES.argmax(axis=1)), WEIGHT if weighted else 1)
    metric = metrics.ConfusionMatrix()
    for part in (slice(0, 50), slice(50, N)):
        metric.update_state(y[part], SCORES[part], None if weight is None else weight[part])
    np.testing.assert_allclose(metric.result(), expected)
    for axis, normalize in ((1, "true"), (0, "pred"), (None, "all")):
        made = metrics.ConfusionMatrix(num_classes=C, normalize=normalize)(y, SCORES, weight)
        np.testing.assert_allclose(made, expected / expected.sum(axis=axis, keepdims=True))
    if not weighted:
        np.testing.assert_array_equal(metrics.confusion_matrix(IDS, SCORES), expected)


def test_confusion_matrix_of_two_classes_and_of_ignored_labels():
    expected = [[np.sum((t == BITS) & ((CHANCES > 0.6) == p)) for p in (0, 1)] for t in (0, 1)]
    np.testing.assert_array_equal(
        metrics.ConfusionMatrix(threshold=0.6)(BITS[:, None], CHANCES[:, None]), expected
    )
    labels = np.where(np.arange(N) % 3 == 0, -1, IDS)
    kept = labels >= 0
    np.testing.assert_array_equal(
        metrics.ConfusionMatrix(ignore_class=-1)(labels, SCORES),
        metrics.ConfusionMatrix()(IDS[kept], SCORES[kept]),
    )


def counts(y, p, w=None, threshold=0.5):
    w = np.ones(y.shape) if w is None else np.broadcast_to(w.reshape(len(w), *[1] * (y.ndim - 1)), y.shape)
    hit = p > threshold
    return [
        (w * part).sum(axis=0) for part in (hit & (y == 1), hit & (y == 0), ~hit & (y == 1), ~hit & (y == 0))
    ]


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_precision_and_recall(weight):
    tp, fp, fn, _ = counts(BITS, CHANCES, weight)
    np.testing.assert_allclose(metrics.Precision()(BITS, CHANCES, weight), tp / (tp + fp))
    np.testing.assert_allclose(metrics.Recall()(BITS[:, None], CHANCES[:, None], weight), tp / (tp + fn))
    several = [0.7, 0.2, 0.5]
    expected = [tp / (tp + fp) for tp, fp, _, _ in (counts(BITS, CHANCES, weight, t) for t in several)]
    np.testing.assert_allclose(metrics.Precision(several)(BITS, CHANCES, weight), expected)
    tp, fp, fn, _ = (part.sum() for part in counts(MANY, MANY_CHANCES, weight))
    np.testing.assert_allclose(metrics.Precision()(MANY, MANY_CHANCES, weight), tp / (tp + fp))
    tp, fp, fn, _ = (part[2] for part in counts(MANY, MANY_CHANCES, weight))
    np.testing.assert_allclose(metrics.Recall(class_id=2)(MANY, MANY_CHANCES, weight), tp / (tp + fn))


def test_precision_of_the_best_k():
    order = np.argsort(-SCORES, axis=1)[:, :2]
    hits = (order == IDS[:, None]).sum()
    np.testing.assert_allclose(metrics.Precision(top_k=2)(ONE_HOT, SCORES), hits / (2 * N))
    np.testing.assert_allclose(metrics.Recall(top_k=2)(IDS, SCORES), hits / N)


@pytest.mark.parametrize(
    "metric", [metrics.Precision(), metrics.Recall(), metrics.F1Score("macro"), metrics.AUC()]
)
def test_nothing_to_divide_by(metric):
    metric = copy.deepcopy(metric)
    assert metric([0, 0], [0.1, 0.2]) == 0


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
@pytest.mark.parametrize("beta", [1.0, 2.0, 0.5])
def test_f_score(beta, weight):
    chosen = np.eye(C)[SCORES.argmax(axis=1)]
    tp, fp, fn, _ = counts(ONE_HOT.astype(int), chosen, weight)
    each = (1 + beta**2) * tp / ((1 + beta**2) * tp + beta**2 * fn + fp)
    total = (1 + beta**2) * tp.sum() / ((1 + beta**2) * tp.sum() + beta**2 * fn.sum() + fp.sum())

    def score(average):
        return metrics.FBetaScore(average, beta)(IDS, SCORES, weight)

    np.testing.assert_allclose(score(None), each)
    np.testing.assert_allclose(score("micro"), total)
    np.testing.assert_allclose(score("macro"), each.mean())
    np.testing.assert_allclose(score("weighted"), np.average(each, weights=tp + fn))
    np.testing.assert_allclose(metrics.FBetaScore(None, beta)(ONE_HOT, SCORES, weight), each)
    tp, fp, fn, _ = counts(MANY, MANY_CHANCES, weight, 0.4)
    np.testing.assert_allclose(
        metrics.FBetaScore(None, beta, 0.4)(MANY, MANY_CHANCES, weight),
        (1 + beta**2) * tp / ((1 + beta**2) * tp + beta**2 * fn + fp),
    )


def test_f_score_of_one_output_has_a_threshold():
    tp, fp, fn, _ = counts(BITS, CHANCES)
    np.testing.assert_allclose(
        metrics.F1Score()(BITS[:, None], CHANCES[:, None]), [2 * tp / (2 * tp + fn + fp)]
    )


@pytest.mark.parametrize("method", ["interpolation", "minoring", "majoring"])
@pytest.mark.parametrize("curve", ["ROC", "PR"])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_area_by_its_definition(curve, method, weight):
    thresholds = np.array([-1e-7, *(np.arange(1, 49) / 49), 1 + 1e-7])
    rows = [counts(BITS, CHANCES, weight, t) for t in thresholds]
    area = 0.0
    for (tp, fp, fn, tn), (tp2, fp2, fn2, tn2) in itertools.pairwise(rows):
        if curve == "ROC":
            x, x2, y, y2 = fp / (fp + tn), fp2 / (fp2 + tn2), tp / (tp + fn), tp2 / (tp2 + fn2)
        else:
            x, x2 = tp / (tp + fn), tp2 / (tp2 + fn2)
            y, y2 = (a / (a + b) if a + b else 0.0 for a, b in ((tp, fp), (tp2, fp2)))
        if curve == "PR" and method == "interpolation":
            # The integral of precision over recall, where false positives grow in line with true ones.
            steps = np.linspace(tp2, tp, 20001)
            false = fp2 + (fp - fp2) * (steps - tp2) / (tp - tp2) if tp != tp2 else np.zeros(20001)
            precision = np.divide(steps, steps + false, out=np.ones(20001), where=steps + false > 0)
            area += np.sum((precision[1:] + precision[:-1]) / 2 * np.diff(steps)) / (tp + fn)
            continue
        height = {"interpolation": (y + y2) / 2, "minoring": min(y, y2), "majoring": max(y, y2)}[method]
        area += (x - x2) * height
    metric = metrics.AUC(50, curve, method)
    np.testing.assert_allclose(metric(BITS, CHANCES, weight), area, rtol=1e-3 if curve == "PR" else 1e-9)


def test_area_of_several_labels():
    each = [metrics.AUC()(MANY[:, c], MANY_CHANCES[:, c]) for c in range(C)]
    np.testing.assert_allclose(metrics.AUC(multi_label=True)(MANY, MANY_CHANCES), np.mean(each))
    weights = [1.0, 2.0, 0.0, 3.0]
    made = metrics.AUC(multi_label=True, num_labels=C, label_weights=weights)(MANY, MANY_CHANCES)
    np.testing.assert_allclose(made, np.average(each, weights=weights))
    flat = metrics.AUC()(MANY.ravel(), MANY_CHANCES.ravel(), np.tile(weights, N))
    np.testing.assert_allclose(metrics.AUC(label_weights=weights)(MANY, MANY_CHANCES), flat)
    with pytest.raises(ValueError, match="num_labels is for 3 classes, but there are 4"):
        metrics.AUC(multi_label=True, num_labels=3)(MANY, MANY_CHANCES)


def test_area_of_logits_and_of_thresholds_given():
    logits = np.log(CHANCES + 1e-9) - np.log1p(1e-9 - CHANCES)
    np.testing.assert_allclose(
        metrics.AUC(from_logits=True)(BITS, logits), metrics.AUC()(BITS, CHANCES), atol=2e-3
    )
    given = metrics.AUC(thresholds=[0.75, 0.25, 0.5, 1.0])
    assert given(BITS, CHANCES) == metrics.AUC(5)(BITS, CHANCES)
    assert metrics.deserialize(metrics.serialize(given))(BITS, CHANCES) == given.result()


@pytest.mark.parametrize("metric", [metrics.AUC(), metrics.Precision(), metrics.Recall()], ids=repr)
def test_scores_that_are_no_probabilities(metric):
    metric = copy.deepcopy(metric)
    with pytest.raises(ValueError, match=r"3 predictions were outside \[0, 1\].*sigmoid"):
        metric([0, 1, 1, 1], [-3.0, 2.0, 5.0, 0.5])


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_r2(weight):
    w = np.ones(N) if weight is None else weight
    mean_ = np.average(TARGETS, axis=0, weights=w)
    missed = (w[:, None] * (TARGETS - GUESSES) ** 2).sum(axis=0)
    varied = (w[:, None] * (TARGETS - mean_) ** 2).sum(axis=0)
    each = 1 - missed / varied
    np.testing.assert_allclose(metrics.R2Score(None)(TARGETS, GUESSES, weight), each)
    np.testing.assert_allclose(metrics.R2Score()(TARGETS, GUESSES, weight), each.mean())
    made = metrics.R2Score("variance_weighted_average")(TARGETS, GUESSES, weight)
    np.testing.assert_allclose(made, 1 - missed.sum() / varied.sum())
    adjusted = 1 - (1 - each.mean()) * (N - 1) / (N - 5 - 1)
    np.testing.assert_allclose(metrics.R2Score(num_regressors=5)(TARGETS, GUESSES, weight), adjusted)
    np.testing.assert_allclose(metrics.R2Score()(TARGETS[:, 1], GUESSES[:, 1], weight), each[1])


def test_r2_of_labels_that_do_not_vary():
    assert metrics.R2Score()([2.0, 2.0], [2.0, 2.0]) == 1
    assert metrics.R2Score()([0.1] * 7, [0.2] * 7) == 0
    assert np.isnan(metrics.R2Score()([1.0, 2.0], [np.nan, 2.0]))
    with pytest.warns(UserWarning, match="2 samples are too few to adjust for 3 regressors"):
        metrics.R2Score(num_regressors=3)([1.0, 2.0], [1.0, 2.0])


def test_mean():
    metric = metrics.Mean()
    assert metric.result() == 0
    metric.update_state(7.0)
    metric.update_state([[1.0, 2.0], [3.0, 4.0]], [1.0, 0.0])
    np.testing.assert_allclose(metric.result(), 10 / 3)
    assert metrics.Mean()([1.0, 5.0], [3.0, 1.0]) == 2


# ---- against scikit-learn ---------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_against_scikit_learn(weight):
    sk = pytest.importorskip("sklearn.metrics")
    best = SCORES.argmax(axis=1)
    hard = (CHANCES > 0.5).astype(int)
    pairs = [
        (
            metrics.SparseCategoricalAccuracy()(IDS, SCORES, weight),
            sk.accuracy_score(IDS, best, sample_weight=weight),
        ),
        (
            metrics.ConfusionMatrix()(IDS, SCORES, weight),
            sk.confusion_matrix(IDS, best, sample_weight=weight),
        ),
        (metrics.Precision()(BITS, CHANCES, weight), sk.precision_score(BITS, hard, sample_weight=weight)),
        (metrics.Recall()(BITS, CHANCES, weight), sk.recall_score(BITS, hard, sample_weight=weight)),
        (metrics.R2Score()(TARGETS, GUESSES, weight), sk.r2_score(TARGETS, GUESSES, sample_weight=weight)),
        (
            metrics.MeanSquaredError()(TARGETS, GUESSES, weight),
            sk.mean_squared_error(TARGETS, GUESSES, sample_weight=weight),
        ),
        (
            metrics.SparseCategoricalCrossentropy()(IDS, SCORES, weight),
            sk.log_loss(IDS, SCORES, sample_weight=weight, labels=range(C)),
        ),
        (
            metrics.SparseTopKCategoricalAccuracy(2)(IDS, SCORES, weight),
            sk.top_k_accuracy_score(IDS, SCORES, k=2, sample_weight=weight),
        ),
    ]
    for average in (None, "micro", "macro", "weighted"):
        pairs.append(
            (
                metrics.F1Score(average)(IDS, SCORES, weight),
                sk.f1_score(IDS, best, average=average, sample_weight=weight),
            )
        )
    for got, expected in pairs:
        np.testing.assert_allclose(got, expected)
    many = metrics.AUC(20001)
    np.testing.assert_allclose(
        many(BITS, CHANCES, weight), sk.roc_auc_score(BITS, CHANCES, sample_weight=weight), rtol=1e-3
    )
