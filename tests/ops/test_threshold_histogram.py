import numpy as np
import pytest
import reference_losses as reference
from checks import Refusal, batch, bits, case, check_op, labels, run_op, uniform

unit = uniform(0, 1)
eighths = lambda random, shape: random.integers(0, 9, shape) / 8  # noqa: E731 (many ties, exact in float32)
GRID = [0.125, 0.25, 0.5, 0.5, 0.875]
CASES = [
    case(
        "threshold_histogram",
        [batch(1, make=unit), batch(1, make=bits), None],
        reference.threshold_histogram,
        refuses=[
            Refusal([batch(3), batch(3), None], r"thresholds must be ascending", {"thresholds": [0.5, 0.1]}),
            Refusal([batch(3), batch(3), None], r"thresholds must be ascending", {"thresholds": []}),
            Refusal([batch(3), batch(3), None], r"class_id must be .* from 0 to 2, got 3", {"class_id": 3}),
            Refusal([batch(3), batch(3), None], r"top_k must be .* from 1 to 3 .*, got 4", {"top_k": 4}),
            Refusal([batch(3), labels(3, classes=3), None], r"labels must be int32 of shape \(None,\)"),
            Refusal([batch(3), batch(3), batch(2)], r"weights must be float32"),
        ],
        gradient=False,
    ),
    case(
        "threshold_histogram",
        [batch(make=unit), batch(make=bits), batch(make=unit)],
        reference.threshold_histogram,
        gradient=False,
    ),
    case(
        "threshold_histogram",
        [batch(2, 5, make=eighths), batch(2, 5, make=bits), batch(2, make=unit)],
        reference.threshold_histogram,
        thresholds=GRID,
        gradient=False,
    ),
    case(
        "threshold_histogram",
        [batch(5, make=eighths), batch(5, make=bits), batch(make=unit)],
        reference.threshold_histogram,
        thresholds=GRID,
        per_class=True,
        gradient=False,
    ),
    case(
        "threshold_histogram",
        [batch(5, make=unit), labels(classes=5), None],
        reference.threshold_histogram,
        class_id=2,
        gradient=False,
    ),
    case(
        "threshold_histogram",
        [batch(7, make=eighths), labels(classes=7), batch(make=unit)],
        reference.threshold_histogram,
        top_k=3,
        thresholds=GRID,
        gradient=False,
    ),
    case(
        "threshold_histogram",
        [batch(3, make=uniform(-3, 3)), batch(3, make=bits), None],
        reference.threshold_histogram,
        from_logits=True,
        thresholds=GRID,
        per_class=True,
        gradient=False,
    ),
    case(
        "threshold_histogram",
        [batch(3, make=uniform(-1, 2)), batch(3, make=bits), None],
        reference.threshold_histogram,
        gradient=False,
    ),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_threshold_histogram(declared):
    check_op(declared)


@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_a_nan_exceeds_no_threshold(layout):
    scores = np.array([[0.9], [np.nan], [0.9], [np.nan]], "float32")
    labels_ = np.array([[1], [1], [0], [0]], "float32")
    positive, negative, outside = run_op("threshold_histogram", [scores, labels_, None], layout)
    np.testing.assert_array_equal(positive, [[1, 1]])
    np.testing.assert_array_equal(negative, [[1, 1]])
    assert outside == 0


@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_label_out_of_range_names_the_sample(layout):
    given = np.zeros(40, "int32")
    given[37] = 5
    with pytest.raises(
        ValueError, match=r"threshold_histogram_layer .*sample 37 .*got class or id 5, expected .* 0 to 4"
    ):
        run_op("threshold_histogram", [np.zeros((40, 5), "float32"), given, None], layout)
