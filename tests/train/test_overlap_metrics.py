"""Intersections over unions and figures at operating points, against NumPy."""

import copy
import pickle

import numpy as np
import pytest
from train.metric_data import BITS, CHANCES, IDS, MANY, MANY_CHANCES, ONE_HOT, SCORES, WEIGHT, C, N

import fastnn
from fastnn import layers, metrics

RANDOM = np.random.default_rng(4)
CHOSEN = SCORES.argmax(axis=1)


def iou(y, p, classes, weight=None, ignored=None):
    """The mean over those of the classes that occur, one position at a time."""
    weight = np.ones(len(y)) if weight is None else weight
    found = []
    for c in classes:
        both = union = 0.0
        for true, guess, w in zip(y, p, weight, strict=True):
            if true == ignored:
                continue
            both += w * (true == c and guess == c)
            union += w * (true == c or guess == c)
        if union:
            found.append(both / union)
    return np.mean(found) if found else 0.0


WEIGHTS = pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])


@WEIGHTS
@pytest.mark.parametrize("classes", [[0], [1, 3], [3, 2, 1, 0]])
def test_iou(classes, weight):
    expected = iou(IDS, CHOSEN, classes, weight)
    assert metrics.IoU(C, classes)(IDS, CHOSEN, weight) == pytest.approx(expected)
    assert metrics.IoU(C, classes, sparse_y_pred=False)(IDS, SCORES, weight) == pytest.approx(expected)
    assert metrics.OneHotIoU(C, classes)(ONE_HOT, SCORES, weight) == pytest.approx(expected)
    in_parts = metrics.IoU(C, classes, dtype="float64")
    for part in (slice(0, 1), slice(1, 50), slice(50, N)):
        in_parts.update_state(IDS[part], CHOSEN[part], None if weight is None else weight[part])
    assert in_parts.result() == pytest.approx(expected)
    every = iou(IDS, CHOSEN, range(C), weight)
    for mean in (metrics.OneHotMeanIoU(C), metrics.MeanIoU(C), metrics.MeanIoU()):
        assert mean(ONE_HOT, SCORES, weight) == pytest.approx(every)
    assert metrics.MeanIoU(C, sparse_y_pred=True)(IDS, CHOSEN, weight) == pytest.approx(every)


def test_iou_of_images():
    y, p = RANDOM.integers(0, 3, (7, 5, 3)), RANDOM.integers(0, 3, (7, 5, 3))
    weight = RANDOM.random((7, 5, 3))
    expected = iou(y.ravel(), p.ravel(), [0, 2], weight.ravel())
    assert metrics.IoU(3, [0, 2])(y, p, weight) == pytest.approx(expected)
    assert metrics.IoU(3, [0, 2], sparse_y_pred=False)(y, np.eye(3)[p], weight) == pytest.approx(expected)
    assert metrics.OneHotIoU(3, [0, 2])(np.eye(3)[y], np.eye(3)[p], weight) == pytest.approx(expected)
    expected = iou(y.ravel(), p.ravel(), [0, 2], ignored=1)
    assert metrics.IoU(3, [0, 2], ignore_class=1)(y, p) == pytest.approx(expected)
    y[0] = 255
    assert metrics.IoU(3, [0, 2], ignore_class=255)(y, p) == pytest.approx(
        iou(y[1:].ravel(), p[1:].ravel(), [0, 2])
    )


@WEIGHTS
@pytest.mark.parametrize("threshold", [0.5, 0.3])
@pytest.mark.parametrize("classes", [(0, 1), (1,), [0]])
def test_binary_iou(classes, threshold, weight):
    expected = iou(BITS, threshold <= CHANCES, classes, weight)
    made = metrics.BinaryIoU(classes, threshold)
    assert made(BITS, CHANCES, weight) == pytest.approx(expected)
    made.reset_state()
    assert made(BITS[:, None], CHANCES[:, None], weight) == pytest.approx(expected)
    spread = None if weight is None else np.repeat(weight, C)
    expected = iou(MANY.ravel(), MANY_CHANCES.ravel() >= threshold, classes, spread)
    assert metrics.BinaryIoU(classes, threshold)(MANY, MANY_CHANCES, weight) == pytest.approx(expected)


def test_a_prediction_at_the_threshold_is_a_yes():
    assert metrics.BinaryIoU([1])([1.0, 0.0], [0.5, 0.25]) == 1
    assert metrics.BinaryIoU([1], 0.1)(np.float32([1, 0]), np.float32([0.1, 0.05])) == 1
    assert metrics.BinaryIoU([1])([0.0], [0.0]) == 0  # nothing of the class


def counts(y, p, w, threshold):
    hit = p > threshold
    return [np.sum(w * part) for part in (hit & (y == 1), hit & (y == 0), ~hit & (y == 1), ~hit & (y == 0))]


FIGURES = {
    "sensitivity": lambda tp, fp, fn, tn: tp / (tp + fn) if tp + fn else 0,
    "specificity": lambda tp, fp, fn, tn: tn / (tn + fp) if tn + fp else 0,
    "recall": lambda tp, fp, fn, tn: tp / (tp + fn) if tp + fn else 0,
    "precision": lambda tp, fp, fn, tn: tp / (tp + fp) if tp + fp else 0,
}
POINTS = [
    (metrics.SensitivityAtSpecificity, "specificity", "sensitivity"),
    (metrics.SpecificityAtSensitivity, "sensitivity", "specificity"),
    (metrics.PrecisionAtRecall, "recall", "precision"),
    (metrics.RecallAtPrecision, "precision", "recall"),
]


@WEIGHTS
@pytest.mark.parametrize("number", [1, 2, 31, 200])
@pytest.mark.parametrize(("cls", "given", "wanted"), POINTS)
def test_operating_points(cls, given, wanted, number, weight):
    thresholds = [0.5] if number == 1 else np.arange(number) / (number - 1)
    for least in (0.0, 0.3, 0.7, 0.9, 1.0):

        def best(y, p, w, least=least):
            w = np.ones(len(y)) if w is None else w
            rows = [counts(y, p, w, t) for t in thresholds]
            return max([FIGURES[wanted](*row) for row in rows if FIGURES[given](*row) >= least], default=0)

        made = cls(least, num_thresholds=number)
        for part in (slice(0, 40), slice(40, N)):
            made.update_state(BITS[part], CHANCES[part], None if weight is None else weight[part])
        assert made.result() == pytest.approx(best(BITS, CHANCES, weight))
        flat = None if weight is None else np.repeat(weight, C)
        expected = best(MANY.ravel(), MANY_CHANCES.ravel(), flat)
        assert cls(least, number)(MANY, MANY_CHANCES, weight) == pytest.approx(expected)
        expected = best(MANY[:, 2], MANY_CHANCES[:, 2], weight)
        assert cls(least, number, class_id=2)(MANY, MANY_CHANCES, weight) == pytest.approx(expected)


ALL = [
    metrics.IoU(3, [0, 2], ignore_class=1),
    metrics.BinaryIoU([1], 0.25),
    metrics.OneHotIoU(3, [1], name="own"),
    metrics.OneHotMeanIoU(3),
    metrics.MeanIoU(3, sparse_y_pred=True),
    *(cls(0.75, 10, class_id=1) for cls, _, _ in POINTS),
]


@pytest.mark.parametrize("metric", ALL, ids=lambda m: type(m).__name__)
def test_configuration(metric):
    again = metrics.deserialize(metrics.serialize(metric))
    assert type(again) is type(metric) and again.get_config() == metric.get_config()
    assert repr(again) == repr(metric) == repr(pickle.loads(pickle.dumps(metric)))
    assert copy.deepcopy(metric).result() == 0
    assert metric.direction == "up"


def test_they_work_in_fit(tmp_path):
    x = RANDOM.normal(size=(60, 4)).astype("float32")
    y = x[:, :3].argmax(axis=1)
    model = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(3, "softmax")])
    used = [
        metrics.OneHotMeanIoU(3),
        metrics.IoU(3, [1], sparse_y_pred=False),
        metrics.RecallAtPrecision(0.5),
    ]
    model.compile("adam", "sparse_categorical_crossentropy", metrics=used)
    model.fit(x, y, verbose=0, batch_size=16)
    found = model.evaluate(x, y, verbose=0, return_dict=True)
    chosen = model.predict(x, verbose=0).argmax(axis=1)
    assert found["one_hot_mean_io_u"] == pytest.approx(iou(y, chosen, range(3)))
    assert found["io_u"] == pytest.approx(iou(y, chosen, [1]))
    assert 0 <= found["recall_at_precision"] <= 1
    model.save(tmp_path / "m.safetensors")
    assert (
        fastnn.models.load_model(tmp_path / "m.safetensors").evaluate(x, y, verbose=0, return_dict=True)
        == found
    )
    model = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(2, "sigmoid")])
    model.compile(
        "adam", "binary_crossentropy", metrics=["binary_iou", metrics.SensitivityAtSpecificity(0.5)]
    )
    bits = (x[:, :2] > 0).astype("float32")
    found = model.evaluate(x, bits, verbose=0, return_dict=True)
    yes = model.predict(x, verbose=0) >= 0.5
    assert found["binary_iou"] == pytest.approx(iou(bits.ravel(), yes.ravel(), [0, 1]))


def test_messages():
    with pytest.raises(ValueError, match="IoU: target_class_ids must list at least one class"):
        metrics.IoU(3, [])
    with pytest.raises(ValueError, match="target_class_ids has 3, but there are 3 classes, 0 to 2"):
        metrics.IoU(3, [3])
    with pytest.raises(ValueError, match="target_class_ids must be at least 0"):
        metrics.BinaryIoU([-1])
    with pytest.raises(ValueError, match="axis must be -1"):
        metrics.OneHotIoU(3, [0], axis=1)
    with pytest.raises(ValueError, match="need labels that are"):
        metrics.IoU(3, [0], sparse_y_true=False)
    with pytest.raises(ValueError, match="num_classes must be given"):
        metrics.MeanIoU(sparse_y_pred=True)
    with pytest.raises(ValueError, match=r"OneHotMeanIoU: sparse_y_pred=True .* take MeanIoU"):
        metrics.OneHotMeanIoU(3, sparse_y_pred=True)
    for y, p in (([0, 3], [0, 1]), ([0, 1], [0, 7]), ([0, 1], [0, -1])):
        with pytest.raises(ValueError, match="class indices that are not among the 3 classes"):
            metrics.IoU(3, [0])(y, p)
    with pytest.raises(ValueError, match="num_classes is 3, but the predictions have 4 classes"):
        metrics.OneHotIoU(3, [0])(ONE_HOT, SCORES)
    with pytest.raises(ValueError, match="'iou' has no default for num_classes and target_class_ids"):
        metrics.get("iou")
    with pytest.raises(ValueError, match="has no default for precision"):
        metrics.get(metrics.RecallAtPrecision)
    for cls, given, _ in POINTS:
        with pytest.raises(ValueError, match=f"{cls.__name__}: {given} must be at least 0 and at most 1"):
            cls(1.5)
        with pytest.raises(ValueError, match="num_thresholds must be at least 1"):
            cls(0.5, 0)
    with pytest.raises(ValueError, match=r"outside \[0, 1\]"):
        metrics.PrecisionAtRecall(0.5)([0, 1], [2.0, 0.5])
