import numpy as np
import pytest
import reference_losses as reference
from checks import batch, case, check_op, labels, uniform
from loss_cases import run_loss, target, wrong

probability = uniform(0.05, 1)

CASES = [
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
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_cross_entropy(declared):
    check_op(declared)


@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_nan_scores_give_nan(layout):
    p = np.array([[0.5, 0.5], [np.nan, 0.5]], "float32")
    y = np.eye(2, dtype="float32")
    np.testing.assert_array_equal(np.isnan(run_loss("cross_entropy", p, y, layout)), [False, True])


@pytest.mark.parametrize("layout", ["rows", "lanes"])
@pytest.mark.parametrize("label", [-1, 5])
def test_label_out_of_range_names_the_sample(layout, label):
    given = np.zeros(40, "int32")
    given[37] = label
    with pytest.raises(
        ValueError, match=rf"loss_layer .*sample 37 .*got class or id {label}, expected .* 0 to 4"
    ):
        run_loss("sparse_cross_entropy", np.full((40, 5), 0.2, "float32"), given, layout)
