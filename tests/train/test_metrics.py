"""Metrics on arrays, against NumPy and, where it is installed, scikit-learn; and in graphs."""

import copy
import itertools
import pickle

import numpy as np
import pytest
import reference_losses as reference

from fastnn import _core, losses, metrics

rng = np.random.default_rng(11)
N, C = 103, 4
IDS = rng.integers(0, C, N)
ONE_HOT = np.eye(C)[IDS]
SCORES = rng.dirichlet(np.ones(C), N) * 0.6 + 0.4 * ONE_HOT * rng.random((N, 1))
SCORES /= SCORES.sum(axis=1, keepdims=True)
WEIGHT = rng.uniform(0, 2, N)
BITS = rng.integers(0, 2, N)
CHANCES = np.clip(BITS * 0.3 + rng.uniform(0, 0.7, N), 0, 1)
MANY = rng.integers(0, 2, (N, C))
MANY_CHANCES = np.clip(MANY * 0.2 + rng.uniform(0, 0.8, (N, C)), 0, 1)
TARGETS = rng.normal([0, 5, -3], 1, (N, 3))
GUESSES = TARGETS + rng.normal(size=(N, 3)) * [0.1, 1, 3]


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


# ---- choosing ---------------------------------------------------------------------------------------------


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
