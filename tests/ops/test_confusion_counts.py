import numpy as np
import pytest
import reference_losses as reference
from checks import Refusal, batch, bits, case, check_op, labels, one_hot, run_op, uniform

unit = uniform(0, 1)
CASES = [
    case(
        "confusion_counts",
        [batch(4), labels(classes=4), None],
        reference.confusion_counts,
        refuses=[
            Refusal([batch(4), labels(classes=4), batch(2)], r"weights must be float32 of shape \(None,\)"),
            Refusal([batch(4), labels(4, classes=4), None], r"labels must be int32"),
        ],
        gradient=False,
    ),
    case(
        "confusion_counts",
        [batch(2, 4), labels(2, classes=4), batch(make=unit)],
        reference.confusion_counts,
        gradient=False,
    ),
    case(
        "confusion_counts",
        [batch(2, 4), batch(2, 4, make=one_hot), batch(2, make=unit)],
        reference.confusion_counts,
        gradient=False,
    ),
    case(
        "confusion_counts",
        [batch(1, make=unit), batch(1, make=bits), None],
        reference.confusion_counts,
        gradient=False,
    ),
    case(
        "confusion_counts",
        [batch(make=unit), batch(make=bits), None],
        reference.confusion_counts,
        threshold=0.3,
        gradient=False,
    ),
    case(
        "confusion_counts",
        [batch(3), labels(classes=3, low=-1), batch(make=unit)],
        reference.confusion_counts,
        ignore_index=-1,
        gradient=False,
    ),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_confusion_counts(declared):
    check_op(declared)


@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_label_out_of_range_names_the_sample(layout):
    given = np.zeros(40, "int32")
    given[37] = 5
    with pytest.raises(
        ValueError, match=r"confusion_counts_layer .*sample 37 .*got class or id 5, expected .* 0 to 4"
    ):
        run_op("confusion_counts", [np.zeros((40, 5), "float32"), given, None], layout)
