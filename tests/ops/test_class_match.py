import numpy as np
import pytest
import reference_losses as reference
from checks import Refusal, batch, case, check_op, labels, one_hot, run_op

eighths = lambda random, shape: random.integers(0, 9, shape) / 8  # noqa: E731 (many ties, exact in float32)
CASES = [
    case(
        "class_match",
        [batch(5), labels(classes=5)],
        reference.class_match,
        refuses=[
            Refusal([batch(5), labels(1, classes=5)], r"labels must be int32 of shape \(None,\)"),
            Refusal([batch(5), batch(4)], r"targets must be float32 of the predictions' shape \(None, 5\)"),
            Refusal([batch(), batch()], r"classes in the last dimension"),
            Refusal([batch(5), labels(classes=5)], r"top_k must be at least 0, got -1", {"top_k": -1}),
        ],
        gradient=False,
    ),
    case("class_match", [batch(3, 37), labels(3, classes=37)], reference.class_match, gradient=False),
    case("class_match", [batch(5, make=eighths), labels(classes=5)], reference.class_match, gradient=False),
    case(
        "class_match",
        [batch(2, 5, make=eighths), batch(2, 5, make=one_hot)],
        reference.class_match,
        gradient=False,
    ),
    case("class_match", [batch(37), labels(classes=37)], reference.class_match, top_k=3, gradient=False),
    case(
        "class_match",
        [batch(7, make=eighths), batch(7, make=one_hot)],
        reference.class_match,
        top_k=2,
        gradient=False,
    ),
    case(
        "class_match",
        [batch(4), labels(classes=4, low=-1)],
        reference.class_match,
        ignore_index=-1,
        gradient=False,
    ),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_class_match(declared):
    check_op(declared)


@pytest.mark.parametrize("layout", ["rows", "lanes"])
@pytest.mark.parametrize("top_k", [0, 1, 2])
def test_scores_with_a_nan_match_nothing(layout, top_k):
    scores = np.array([[0, 1], [np.nan, 1], [0, np.nan]], "float32")
    found = run_op("class_match", [scores, np.ones(3, "int32")], layout, top_k=top_k)[0]
    assert found[0] == 1 and found[2] == 0
    assert top_k == 2 or found[1] == 0


@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_label_out_of_range_names_the_sample(layout):
    given = np.zeros(40, "int32")
    given[37] = 5
    with pytest.raises(
        ValueError, match=r"class_match_layer .*sample 37 .*got class or id 5, expected .* 0 to 4"
    ):
        run_op("class_match", [np.zeros((40, 5), "float32"), given], layout)
