import numpy as np
import pytest
import reference_losses as reference
from checks import Refusal, batch, case, check_op, uniform
from loss_cases import run_loss, target, wrong

probability = uniform(0.05, 1)

CASES = [
    case(
        "categorical_focal",
        [batch(5, make=probability), target(5)],
        reference.categorical_focal,
        refuses=[
            *wrong(False),
            Refusal(
                [batch(5), target(5)],
                r"alpha must be one number or one for each of the 5",
                {"alpha": [0.1, 0.2]},
            ),
            Refusal([batch(5), target(5)], r"gamma must be a number of at least 0", {"gamma": float("nan")}),
        ],
    ),
    case(
        "categorical_focal",
        [batch(2, 19, make=uniform(-3, 3)), target(2, 19)],
        reference.categorical_focal,
        from_logits=True,
        label_smoothing=0.1,
    ),
    case(
        "categorical_focal",
        [batch(3, make=uniform(-3, 3)), target(3)],
        reference.categorical_focal,
        from_logits=True,
        gamma=0.5,
        alpha=[0.25, 0.5, 2.0],
    ),
    case(
        "categorical_focal",
        [batch(3, make=probability), target(3)],
        reference.categorical_focal,
        gamma=3.5,
        alpha=[0.25, 0.5, 2.0],
    ),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_categorical_focal(declared):
    check_op(declared)


@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_confident_focal_slopes_stay_small(layout):
    # (1 - p)^-0.5 is large where log p is nearly 0: the product must not be taken from rounded p.
    z = np.array([[20.0, 0.0], [40.0, 0.0], [300.0, 0.0]], "float32")
    y = np.eye(2, dtype="float32")[[0, 0, 0]]
    found = run_loss("categorical_focal", z, y, layout, gradient=True, from_logits=True, gamma=0.5, alpha=1.0)
    assert np.isfinite(found).all() and np.abs(found).max() < 1e-4
    value = run_loss("categorical_focal", z, y, layout, from_logits=True, gamma=2.0)
    assert np.isfinite(value).all() and value.max() < 1e-20


@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_nan_scores_give_nan(layout):
    p = np.array([[0.5, 0.5], [np.nan, 0.5]], "float32")
    y = np.eye(2, dtype="float32")
    np.testing.assert_array_equal(np.isnan(run_loss("categorical_focal", p, y, layout)), [False, True])
