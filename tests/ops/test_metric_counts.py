"""The ops of metrics: class_match, confusion_counts, threshold_histogram, regression_moments."""

import numpy as np
import pytest
import reference_losses as reference
from checks import Refusal, batch, case, check_op, labels, uniform

from fastnn import _core

unit = uniform(0, 1)
eighths = lambda random, shape: random.integers(0, 9, shape) / 8  # noqa: E731 (many ties, exact in float32)


def bits(random, shape):
    return random.integers(0, 2, shape).astype("float64")


def one_hot(random, shape):
    return np.eye(shape[-1])[random.integers(0, shape[-1], shape[:-1])]


def declare(op, operands, formula, **options):
    return case(op, operands, formula, gradient=False, **options)


MATCH = reference.class_match
CONFUSION = reference.confusion_counts
HISTOGRAM = reference.threshold_histogram
GRID = [0.125, 0.25, 0.5, 0.5, 0.875]
CASES = [
    declare(
        "class_match",
        [batch(5), labels(classes=5)],
        MATCH,
        refuses=[
            Refusal([batch(5), labels(1, classes=5)], r"labels must be int32 of shape \(None,\)"),
            Refusal([batch(5), batch(4)], r"targets must be float32 of the predictions' shape \(None, 5\)"),
            Refusal([batch(), batch()], r"classes in the last dimension"),
            Refusal([batch(5), labels(classes=5)], r"top_k must be at least 0, got -1", {"top_k": -1}),
        ],
    ),
    declare("class_match", [batch(3, 37), labels(3, classes=37)], MATCH),
    declare("class_match", [batch(5, make=eighths), labels(classes=5)], MATCH),
    declare("class_match", [batch(2, 5, make=eighths), batch(2, 5, make=one_hot)], MATCH),
    declare("class_match", [batch(37), labels(classes=37)], MATCH, top_k=3),
    declare("class_match", [batch(7, make=eighths), batch(7, make=one_hot)], MATCH, top_k=2),
    declare("class_match", [batch(4), labels(classes=4, low=-1)], MATCH, ignore_index=-1),
    declare(
        "confusion_counts",
        [batch(4), labels(classes=4), None],
        CONFUSION,
        refuses=[
            Refusal([batch(4), labels(classes=4), batch(2)], r"weights must be float32 of shape \(None,\)"),
            Refusal([batch(4), labels(4, classes=4), None], r"labels must be int32"),
        ],
    ),
    declare("confusion_counts", [batch(2, 4), labels(2, classes=4), batch(make=unit)], CONFUSION),
    declare("confusion_counts", [batch(2, 4), batch(2, 4, make=one_hot), batch(2, make=unit)], CONFUSION),
    declare("confusion_counts", [batch(1, make=unit), batch(1, make=bits), None], CONFUSION),
    declare("confusion_counts", [batch(make=unit), batch(make=bits), None], CONFUSION, threshold=0.3),
    declare(
        "confusion_counts",
        [batch(3), labels(classes=3, low=-1), batch(make=unit)],
        CONFUSION,
        ignore_index=-1,
    ),
    declare(
        "threshold_histogram",
        [batch(1, make=unit), batch(1, make=bits), None],
        HISTOGRAM,
        refuses=[
            Refusal([batch(3), batch(3), None], r"thresholds must be ascending", {"thresholds": [0.5, 0.1]}),
            Refusal([batch(3), batch(3), None], r"thresholds must be ascending", {"thresholds": []}),
            Refusal([batch(3), batch(3), None], r"class_id must be .* from 0 to 2, got 3", {"class_id": 3}),
            Refusal([batch(3), batch(3), None], r"top_k must be .* from 1 to 3 .*, got 4", {"top_k": 4}),
            Refusal([batch(3), labels(3, classes=3), None], r"labels must be int32 of shape \(None,\)"),
            Refusal([batch(3), batch(3), batch(2)], r"weights must be float32"),
        ],
    ),
    declare("threshold_histogram", [batch(make=unit), batch(make=bits), batch(make=unit)], HISTOGRAM),
    declare(
        "threshold_histogram",
        [batch(2, 5, make=eighths), batch(2, 5, make=bits), batch(2, make=unit)],
        HISTOGRAM,
        thresholds=GRID,
    ),
    declare(
        "threshold_histogram",
        [batch(5, make=eighths), batch(5, make=bits), batch(make=unit)],
        HISTOGRAM,
        thresholds=GRID,
        per_class=True,
    ),
    declare("threshold_histogram", [batch(5, make=unit), labels(classes=5), None], HISTOGRAM, class_id=2),
    declare(
        "threshold_histogram",
        [batch(7, make=eighths), labels(classes=7), batch(make=unit)],
        HISTOGRAM,
        top_k=3,
        thresholds=GRID,
    ),
    declare(
        "threshold_histogram",
        [batch(3, make=uniform(-3, 3)), batch(3, make=bits), None],
        HISTOGRAM,
        from_logits=True,
        thresholds=GRID,
        per_class=True,
    ),
    declare("threshold_histogram", [batch(3, make=uniform(-1, 2)), batch(3, make=bits), None], HISTOGRAM),
    declare(
        "regression_moments",
        [batch(3), batch(3), None],
        reference.regression_moments,
        refuses=[Refusal([batch(3), batch(2), None], r"targets must be float32")],
    ),
    declare("regression_moments", [batch(), batch(), batch(make=unit)], reference.regression_moments),
    declare(
        "regression_moments", [batch(2, 5), batch(2, 5), batch(2, make=unit)], reference.regression_moments
    ),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_metric_counts(declared):
    check_op(declared)


def run(op, arrays, layout, **attributes):
    graph = _core.Graph()
    tensors = [
        None if a is None else graph.input(f"operand {i}", list(a.shape[1:]), str(a.dtype))
        for i, a in enumerate(arrays)
    ]
    made = graph.add(op, tensors, attributes, "metric_layer")
    return _core.Function(graph, made, layout).run([a for a in arrays if a is not None])


@pytest.mark.parametrize("layout", ["rows", "lanes"])
@pytest.mark.parametrize("top_k", [0, 1, 2])
def test_scores_with_a_nan_match_nothing(layout, top_k):
    scores = np.array([[0, 1], [np.nan, 1], [0, np.nan]], "float32")
    found = run("class_match", [scores, np.ones(3, "int32")], layout, top_k=top_k)[0]
    assert found[0] == 1 and found[2] == 0
    assert top_k == 2 or found[1] == 0


@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_a_nan_exceeds_no_threshold(layout):
    scores = np.array([[0.9], [np.nan], [0.9], [np.nan]], "float32")
    labels_ = np.array([[1], [1], [0], [0]], "float32")
    positive, negative, outside = run("threshold_histogram", [scores, labels_, None], layout)
    np.testing.assert_array_equal(positive, [[1, 1]])
    np.testing.assert_array_equal(negative, [[1, 1]])
    assert outside == 0


@pytest.mark.parametrize("layout", ["rows", "lanes"])
@pytest.mark.parametrize("op", ["class_match", "confusion_counts", "threshold_histogram"])
def test_label_out_of_range_names_the_sample(op, layout):
    given = np.zeros(40, "int32")
    given[37] = 5
    rest = [] if op == "class_match" else [None]
    with pytest.raises(ValueError, match=r"metric_layer .*sample 37 .*got class or id 5, expected .* 0 to 4"):
        run(op, [np.zeros((40, 5), "float32"), given, *rest], layout)
