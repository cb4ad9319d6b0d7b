"""Losses: the labels that they take and refuse, their arguments, and losses of one's own."""

import numpy as np
import pytest
from train.loss_data import NUMBERS, ONE_HOT, SCORES, C, N, T

from fastnn import _core, losses
from fastnn.losses.labels import match_labels, match_weight


@pytest.mark.parametrize(
    ("kind", "shape", "dims", "result"),
    [
        ("values", (4, 3), [3], (4, 3)),
        ("values", (4,), [1], (4, 1)),
        ("values", (4, 1), [], (4,)),
        ("values", (4, 2), [2, 1], (4, 2, 1)),
        ("values", (4, 2, 1), [2], (4, 2)),
        ("one-hot", (4, 3), [3], (4, 3)),
        ("ids", (4,), [3], (4,)),
        ("ids", (4, 1), [3], (4,)),
        ("ids", (4, 1), [1], (4,)),
        ("ids", (4, 2), [2, 3], (4, 2)),
        ("ids", (4, 2, 1), [2, 3], (4, 2)),
        ("any", (4,), [3], (4,)),
        ("any", (4, 3), [3], (4, 3)),
        ("any", (4,), [1], (4, 1)),
        ("any", (4,), [], (4,)),
    ],
)
def test_labels_take_the_shape_of_predictions(kind, shape, dims, result):
    assert match_labels(np.zeros(shape), dims, kind, "loss").shape == result


@pytest.mark.parametrize(
    ("loss", "labels", "dims", "message"),
    [
        ("scce", np.eye(3), [3], r"column for each class.*CategoricalCrossentropy.*argmax\(axis=-1\)"),
        ("scce", np.zeros((3, 2)), [3], r"class indices of shape \(None,\), got \(3, 2\)"),
        ("scce", np.zeros(3), [], r"need predictions with a score for each class"),
        ("scce", np.array([0.0, 0.5]), [3], r"must hold class indices, but y\[1\] is 0.5"),
        ("scce", np.array([0.0, np.nan]), [3], r"y\[1\] is nan"),
        ("scce", np.array([0, 2**40]), [3], r"y\[1\] is 1099511627776"),
        ("cce", np.zeros(3, int), [3], r"as class indices have.*SparseCategorical.*to_categorical\(y, 3\)"),
        ("cce", np.zeros((3, 1), int), [3], r"as class indices have"),
        (
            "cce",
            np.zeros((3, 4)),
            [3],
            r"expected y of shape \(None, 3\), as the predictions have, got \(3, 4\)",
        ),
        ("mse", np.zeros((3, 4)), [3], r"expected y of shape \(None, 3\)"),
        ("mse", np.zeros(3), [3], r"expected y of shape \(None, 3\).*got \(3,\)"),
        ("bce", np.zeros(3), [2], r"For class indices use SparseCategoricalCrossentropy"),
        ("mse", np.zeros((0, 3)), [3], r"empty array"),
        ("mse", np.float64(3), [3], r"single number"),
    ],
)
def test_labels_that_do_not_fit(loss, labels, dims, message):
    with pytest.raises(ValueError, match=message):
        losses.get(loss).check_labels(labels, dims)


@pytest.mark.parametrize(
    "labels", [np.array([object()]), np.array(["a"]), "labels", None, np.zeros(3, complex)]
)
def test_labels_that_are_no_numbers(labels):
    with pytest.raises(TypeError, match="mean_squared_error.*y: "):
        losses.get("mse").check_labels(labels, [1])


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "uint32", "int64", ">i4", "float16", "float64"])
def test_labels_of_any_dtype(dtype):
    labels = np.array([0, 1, 1, 0]).astype(dtype)
    p = np.array([[0.2, 0.8]] * 4)
    expected = losses.SparseCategoricalCrossentropy()([0, 1, 1, 0], p)
    assert losses.SparseCategoricalCrossentropy()(labels, p) == expected
    assert losses.SparseCategoricalCrossentropy()(np.repeat(labels, 2)[::2], p) == expected


@pytest.mark.parametrize("label", [-1, 5])
def test_labels_out_of_range(label):
    with pytest.raises(ValueError, match=rf"head .*sample 2 .*got class or id {label}, expected .* 0 to 4"):
        losses.SparseCategoricalCrossentropy(name="head")([0, 4, label, 1, 0, 0, 0], SCORES)


def test_targets_out_of_range():
    with pytest.raises(ValueError, match=r"sample 1 .*got target 2, expected a number from 0 to 1"):
        losses.BinaryCrossentropy()([1.0, 2.0], [0.5, 0.5])


def test_nan_stays_visible():
    assert np.isnan(losses.MeanSquaredError()([1.0, np.nan], [1.0, 1.0]))
    assert np.isnan(losses.CategoricalCrossentropy()([[0.0, 1.0]], [[np.nan, 1.0]]))
    assert losses.MeanSquaredError()([1.0, np.inf], [1.0, 1.0]) == np.inf


def test_weights_that_do_not_fit():
    loss = losses.MeanSquaredError(name="m")
    with pytest.raises(ValueError, match=r"'m': expected sample_weight of shape \(7,\), got \(6,\)"):
        loss(*NUMBERS, np.ones(6))
    with pytest.raises(ValueError, match=r"sample_weight of shape \(7,\) or \(7, 3\), got \(7, 2\)"):
        loss(np.zeros((N, T, C)), np.zeros((N, T, C)), np.ones((N, 2)))
    with pytest.raises(TypeError, match="sample_weight: expected an array of numbers"):
        loss(*NUMBERS, ["a"] * N)
    assert match_weight(np.ones((7, 3, 1)), 7, [3], "m").shape == (7, 3)


def test_rows_that_do_not_match():
    with pytest.raises(ValueError, match="y_true has 6 rows, but y_pred has 7"):
        losses.MeanSquaredError()(NUMBERS[0][:6], NUMBERS[1])


def test_negative_weights_are_taken_as_they_are():
    assert losses.MeanSquaredError(reduction="sum")([1.0, 1.0], [0.0, 3.0], [1.0, -1.0]) == -3


# ---- arguments --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identifier", "message"),
    [
        ("mean_square_error", r"unknown loss 'mean_square_error'; did you mean 'mean_squared_error'"),
        ("categorical_crossentrpy", r"did you mean 'categorical_crossentropy'"),
        ({"class_name": "Hubre", "config": {}}, r"unknown loss 'Hubre'; did you mean .*Huber"),
        ({"class_name": "Huber"}, r"described by 'class_name' and 'config'"),
    ],
)
def test_unknown_names(identifier, message):
    with pytest.raises(ValueError, match=message):
        losses.get(identifier)


def test_what_is_no_loss():
    with pytest.raises(TypeError, match="a loss is a name, a Loss or a function, got 3"):
        losses.get(3)
    with pytest.raises(TypeError, match="got None"):
        losses.get(None)


@pytest.mark.parametrize(
    "name", ["mse", "MSE", "mae", "mape", "msle", "bce", "kld", "logcosh", "huber_loss", "scce"]
)
def test_short_names(name):
    assert isinstance(losses.get(name), losses.Loss)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: losses.MeanSquaredError(reduction="avg"), ValueError, "unknown reduction 'avg'"),
        (lambda: losses.MeanSquaredError(dtype="int32"), ValueError, "dtype must be 'float32' or 'float64'"),
        (lambda: losses.Huber(delta=0), ValueError, "Huber: delta must be above 0"),
        (lambda: losses.Huber(delta="1"), TypeError, "Huber: delta must be a number"),
        (
            lambda: losses.BinaryCrossentropy(label_smoothing=1),
            ValueError,
            "label_smoothing must be .* below 1",
        ),
        (lambda: losses.BinaryFocalCrossentropy(gamma=-1), ValueError, "gamma must be at least 0"),
        (lambda: losses.BinaryFocalCrossentropy(alpha=2), ValueError, "alpha must be .* at most 1"),
        (lambda: losses.CategoricalFocalCrossentropy(alpha=[0.1, "a"]), TypeError, "alpha must be a number"),
        (lambda: losses.CategoricalCrossentropy(axis=1), ValueError, "axis must be -1, got 1"),
        (
            lambda: losses.SparseCategoricalCrossentropy(ignore_class=0.5),
            TypeError,
            "ignore_class must be an",
        ),
    ],
)
def test_wrong_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_one_alpha_for_each_class():
    with pytest.raises(ValueError, match="alpha must be one number or one for each of the 5 classes, got 2"):
        losses.CategoricalFocalCrossentropy(alpha=[0.1, 0.2])(ONE_HOT, SCORES)


def test_training_needs_one_number():
    graph = _core.Graph()
    p, y = graph.input("p", [1]), graph.input("y", [1])
    with pytest.raises(ValueError, match="reduction=None gives a loss for each sample"):
        losses.MeanSquaredError(reduction=None).build(graph, y, p)


def test_float64_is_kept_and_others_follow_floatx():
    assert losses.MeanSquaredError(reduction=None)([1.0], np.array([1.0])).dtype == "float64"
    assert losses.MeanSquaredError(reduction=None)([1.0], [1.0]).dtype == "float32"
    assert losses.MeanSquaredError(reduction=None, dtype="float64")([1.0], [1.0]).dtype == "float64"


# ---- losses of one's own ----------------------------------------------------------------------------------


class Cubed(losses.Loss):
    def __init__(self, factor=1.0, name="cubed"):
        super().__init__(name)
        self.factor = factor

    def call(self, graph, y_true, y_pred):
        error = graph.add("elementwise_loss", [y_pred, y_true], {"kind": "absolute_error"})[0]
        square = graph.add("multiply", [error, error])[0]
        return graph.add("scale_shift", [graph.add("multiply", [square, error])[0]], {"scale": self.factor})[
            0
        ]


def test_a_subclass():
    loss = Cubed(2.0)
    assert loss([[1.0], [2.0]], [[2.0], [4.0]]) == 9
    again = losses.deserialize(losses.serialize(loss), {"Cubed": Cubed})
    assert again([[1.0]], [[2.0]]) == 2 and repr(again) == "Cubed(factor=2.0)"
    with pytest.raises(ValueError, match="unknown loss 'Cubed'.*custom_objects"):
        losses.deserialize(losses.serialize(loss))


def test_a_function():
    from fastnn.tensor import apply

    def halved(y_true, y_pred):
        error = apply("elementwise_loss", [y_pred, y_true], {"kind": "squared_error"})
        return apply("scale_shift", [error], {"scale": 0.5})

    loss = losses.get(halved)
    assert loss.name == "halved" and loss([[1.0]], [[3.0]]) == 2
    with pytest.raises(TypeError, match="cannot be saved"):
        losses.serialize(loss)
    with pytest.raises(TypeError, match="must return a symbolic tensor"):
        losses.get(lambda y_true, y_pred: 3)([[1.0]], [[3.0]])
