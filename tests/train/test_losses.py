"""Losses as users call them: shapes, weights, reductions, names, and what a graph is made of."""

import copy
import pickle

import numpy as np
import pytest
import reference_losses as reference

from fastnn import _core, losses
from fastnn.losses.labels import match_labels, match_weight

rng = np.random.default_rng(3)
N, T, C = 7, 3, 5
NUMBERS = (rng.uniform(0.1, 2, (N, C)), rng.uniform(0.1, 2, (N, C)))
BITS = (rng.integers(0, 2, (N, C)).astype("float64"), rng.uniform(0.05, 0.95, (N, C)))
IDS = rng.integers(0, C, N)
ONE_HOT = np.eye(C)[IDS]
SCORES = rng.uniform(0.05, 1, (N, C))
LOGITS = rng.normal(size=(N, C)) * 3


def elementwise(kind, **options):
    return lambda y, p: reference.elementwise_loss(p, y, kind=kind, **options)


def of(function, **options):
    return lambda y, p: function(p, y, **options)


# Loss, its name in snake case, labels, predictions, losses of single samples.
CASES = [
    (losses.MeanSquaredError(), "mean_squared_error", NUMBERS, elementwise("squared_error")),
    (losses.MeanAbsoluteError(), "mean_absolute_error", NUMBERS, elementwise("absolute_error")),
    (
        losses.MeanAbsolutePercentageError(),
        "mean_absolute_percentage_error",
        NUMBERS,
        elementwise("absolute_percentage_error"),
    ),
    (
        losses.MeanSquaredLogarithmicError(),
        "mean_squared_logarithmic_error",
        NUMBERS,
        elementwise("squared_logarithmic_error"),
    ),
    (losses.Huber(), "huber", NUMBERS, elementwise("huber")),
    (losses.Huber(delta=0.3), "huber", NUMBERS, elementwise("huber", delta=0.3)),
    (losses.LogCosh(), "log_cosh", NUMBERS, elementwise("log_cosh")),
    (losses.Poisson(), "poisson", NUMBERS, elementwise("poisson")),
    (losses.CosineSimilarity(), "cosine_similarity", NUMBERS, of(reference.cosine_similarity, negative=True)),
    (losses.KLDivergence(), "kl_divergence", BITS, elementwise("kl_divergence")),
    (losses.BinaryCrossentropy(), "binary_crossentropy", BITS, elementwise("binary_cross_entropy")),
    (
        losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1),
        "binary_crossentropy",
        (BITS[0], LOGITS),
        elementwise("binary_cross_entropy_logits", label_smoothing=0.1),
    ),
    (losses.BinaryFocalCrossentropy(), "binary_focal_crossentropy", BITS, elementwise("binary_focal")),
    (
        losses.BinaryFocalCrossentropy(True, 0.3, 1.5, from_logits=True),
        "binary_focal_crossentropy",
        (BITS[0], LOGITS),
        elementwise("binary_focal_logits", alpha=0.3, gamma=1.5, balanced=True),
    ),
    (losses.Hinge(), "hinge", (BITS[0], LOGITS), elementwise("hinge")),
    (losses.SquaredHinge(), "squared_hinge", (2 * BITS[0] - 1, LOGITS), elementwise("squared_hinge")),
    (losses.CategoricalHinge(), "categorical_hinge", (ONE_HOT, LOGITS), of(reference.categorical_hinge)),
    (
        losses.CategoricalCrossentropy(),
        "categorical_crossentropy",
        (ONE_HOT, SCORES),
        of(reference.cross_entropy),
    ),
    (
        losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2),
        "categorical_crossentropy",
        (ONE_HOT, LOGITS),
        of(reference.softmax_cross_entropy, label_smoothing=0.2),
    ),
    (
        losses.CategoricalFocalCrossentropy(),
        "categorical_focal_crossentropy",
        (ONE_HOT, SCORES),
        of(reference.categorical_focal),
    ),
    (
        losses.CategoricalFocalCrossentropy([0.1, 0.2, 0.3, 0.4, 0.5], 3, from_logits=True),
        "categorical_focal_crossentropy",
        (ONE_HOT, LOGITS),
        of(reference.categorical_focal, from_logits=True, gamma=3, alpha=[0.1, 0.2, 0.3, 0.4, 0.5]),
    ),
    (
        losses.SparseCategoricalCrossentropy(),
        "sparse_categorical_crossentropy",
        (IDS, SCORES),
        of(reference.sparse_cross_entropy),
    ),
    (
        losses.SparseCategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
        "sparse_categorical_crossentropy",
        (IDS, LOGITS),
        lambda y, z: reference.softmax_cross_entropy(z, np.eye(C)[y], 0.1),
    ),
]
parametrize = pytest.mark.parametrize(
    ("loss", "name", "arrays", "formula"), CASES, ids=lambda v: repr(v)[:60]
)


@parametrize
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_value_and_reductions(loss, name, arrays, formula, dtype):
    y, p = arrays[0], arrays[1].astype(dtype)
    weight = rng.uniform(0, 2, N)
    each = formula(*arrays)
    near = {"rtol": 2e-5 if dtype == "float32" else 1e-12}

    def made(reduction):
        again = copy.deepcopy(loss)
        again.reduction = reduction
        return again

    assert isinstance(loss(y, p), float)
    np.testing.assert_allclose(loss(y, p), each.mean(), **near)
    np.testing.assert_allclose(loss(y, p, weight), (each * weight).mean(), **near)
    np.testing.assert_allclose(loss(y, p, weight[:, None]), (each * weight).mean(), **near)
    np.testing.assert_allclose(loss(y, p, 0.5), each.mean() / 2, **near)
    np.testing.assert_allclose(made("mean")(y, p, weight), (each * weight).mean(), **near)
    np.testing.assert_allclose(made("sum")(y, p), each.sum(), **near)
    np.testing.assert_allclose(made("sum")(y, p, weight), (each * weight).sum(), **near)
    by_weight = made("mean_with_sample_weight")
    np.testing.assert_allclose(by_weight(y, p), each.mean(), **near)
    np.testing.assert_allclose(by_weight(y, p, weight), (each * weight).sum() / weight.sum(), **near)
    assert by_weight(y, p, np.zeros(N)) == 0
    none = made("none")
    assert none(y, p).dtype == dtype
    np.testing.assert_allclose(none(y, p), each, atol=1e-6, **near)
    np.testing.assert_allclose(none(y, p, weight), each * weight, atol=1e-6, **near)


@parametrize
def test_several_positions(loss, name, arrays, formula):
    y = np.stack([arrays[0]] * T, axis=1)
    p = np.stack([np.roll(arrays[1], k, axis=0) for k in range(T)], axis=1)
    each = np.stack([formula(arrays[0], p[:, k]) for k in range(T)], axis=1)
    weight = rng.uniform(0, 2, (N, T))
    np.testing.assert_allclose(loss(y, p), each.mean())
    np.testing.assert_allclose(loss(y, p, weight), (each * weight).mean())
    np.testing.assert_allclose(loss(y, p, weight[:, 0]), (each * weight[:, :1]).mean())
    by_weight = copy.deepcopy(loss)
    by_weight.reduction = "mean_with_sample_weight"
    np.testing.assert_allclose(by_weight(y, p, weight), (each * weight).sum() / weight.sum())
    none = copy.deepcopy(loss)
    none.reduction = "none"
    np.testing.assert_allclose(none(y, p, weight[:, 0]), each * weight[:, :1])


@parametrize
def test_configuration(loss, name, arrays, formula):
    description = losses.serialize(loss)
    again = losses.deserialize(description)
    assert again.get_config() == loss.get_config() and type(again) is type(loss)
    assert again(*arrays) == loss(*arrays)
    assert pickle.loads(pickle.dumps(loss))(*arrays) == loss(*arrays)
    assert type(losses.get(name)) is type(loss)
    assert type(losses.get(type(loss).__name__)) is type(loss)
    assert losses.get(type(loss)).get_config() == losses.get(name).get_config()
    function = getattr(losses, name)
    assert type(losses.get(function)) is type(loss)
    options = {
        key: value for key, value in loss.get_config().items() if key not in ("reduction", "name", "dtype")
    }
    np.testing.assert_allclose(function(*arrays, **options), formula(*arrays))


def test_functions_take_one_vector():
    assert losses.mean_squared_error([1.0, 2.0], [2.0, 4.0]) == 2.5
    np.testing.assert_allclose(losses.categorical_crossentropy([0, 1], [0.5, 0.5]), np.log(2), rtol=1e-6)
    np.testing.assert_allclose(losses.sparse_categorical_crossentropy(1, [0.5, 0.5]), np.log(2), rtol=1e-6)
    with pytest.raises(TypeError, match="huber: unknown argument 'dleta'"):
        losses.huber([1.0], [1.0], dleta=2)


def test_one_dimensional_arrays():
    assert losses.MeanSquaredError()([1.0, 2.0], [2.0, 4.0]) == 2.5
    np.testing.assert_array_equal(losses.MeanSquaredError(reduction=None)([1.0, 2.0], [2.0, 4.0]), [1, 4])
    np.testing.assert_allclose(losses.MeanSquaredError()([1.0, 2.0], [2.0, 4.0], [1.0, 0.5]), 1.5)
    np.testing.assert_allclose(losses.CategoricalCrossentropy()([0, 1], [0.5, 0.5]), np.log(2), rtol=1e-6)
    np.testing.assert_allclose(
        losses.SparseCategoricalCrossentropy()(1, [0.5, 0.5], 2.0), 2 * np.log(2), rtol=1e-6
    )
    assert losses.CosineSimilarity()([0.0, 2.0], [0.0, 3.0]) == -1


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("ignored", [-1, 255, 2])
def test_ignored_class(from_logits, ignored):
    labels = IDS.copy()
    labels[[1, 4]] = ignored
    kept = labels != ignored
    p = LOGITS if from_logits else SCORES
    formula = reference.softmax_cross_entropy if from_logits else reference.cross_entropy
    each = np.where(kept, formula(p, reference.one_hot(labels, C)), 0)
    weight = rng.uniform(0, 2, N)
    loss = losses.SparseCategoricalCrossentropy(from_logits, ignored, reduction=None)
    np.testing.assert_allclose(loss(labels, p), each)
    loss.reduction = "sum_over_batch_size"
    loss = copy.deepcopy(loss)
    np.testing.assert_allclose(loss(labels, p), each.sum() / kept.sum())
    np.testing.assert_allclose(loss(labels, p, weight), (each * weight).sum() / kept.sum())
    assert loss(np.full(N, ignored), p) == 0
    loss = losses.SparseCategoricalCrossentropy(from_logits, ignored, reduction="mean_with_sample_weight")
    np.testing.assert_allclose(loss(labels, p, weight), (each * weight).sum() / (weight * kept).sum())
    loss = losses.SparseCategoricalCrossentropy(from_logits, ignored, reduction="sum")
    np.testing.assert_allclose(loss(labels, p), each.sum())


def test_gradient_with_ignored_class():
    graph = _core.Graph()
    z, y = graph.input("z", [C], "float64"), graph.input("y", [], "int32")
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0).build(graph, y, z)
    slope = graph.gradients(loss, [z])[0]
    labels = np.array([0, 1, 2, 0, 3, 4, 1])
    found = _core.Function(graph, [slope]).run([LOGITS, labels])[0]
    p = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    kept = (labels != 0)[:, None]
    np.testing.assert_allclose(found, np.where(kept, p - np.eye(C)[labels], 0) / kept.sum(), atol=1e-15)


@pytest.mark.parametrize("reshaped", [False, True])
@pytest.mark.parametrize(
    ("loss", "labels", "function"),
    [
        (losses.CategoricalCrossentropy(), ONE_HOT, "softmax"),
        (losses.SparseCategoricalCrossentropy(), IDS, "softmax"),
        (losses.CategoricalFocalCrossentropy(), ONE_HOT, "softmax"),
        (losses.BinaryCrossentropy(), BITS[0], "sigmoid"),
        (losses.BinaryFocalCrossentropy(), BITS[0], "sigmoid"),
    ],
    ids=repr,
)
def test_models_that_end_in_probabilities_use_logits(loss, labels, function, reshaped):
    graph = _core.Graph()
    z = graph.input("z", [C], "float64")
    p = (
        graph.add("softmax", [z])[0]
        if function == "softmax"
        else graph.add("activation", [z], {"kind": "sigmoid"})[0]
    )
    if reshaped:
        p = graph.add("reshape", [p], {"shape": [1, C]})[0]
        labels = labels[:, None]
    dims, dtype = loss.label_spec(graph.shape(p), "float64")
    y = graph.input("y", dims, dtype)
    made = loss.build(graph, y, p)
    slope = graph.gradients(made, [z])[0]
    assert function not in used_ops(graph, made)
    logits = LOGITS * 100  # the probabilities are 0 or 1 for most
    value, slope = _core.Function(graph, [made, slope]).run([logits, labels])
    config = {**loss.get_config(), "from_logits": True}
    flat = labels.reshape((N, *(() if loss.label_kind == "ids" else (C,))))
    np.testing.assert_allclose(value, type(loss)(**config)(flat, logits), rtol=1e-12)
    assert np.isfinite(slope).all() and np.abs(slope).max() > 0


def used_ops(graph, tensor):
    pending, ops = [tensor], set()
    while pending:
        producer = graph.producer(pending.pop())
        if producer is not None:
            ops.add(producer[0])
            ops.add(producer[2].get("kind", ""))
            ops.add(producer[2].get("activation", ""))
            pending += [t for t in producer[1] if t is not None]
    return ops


def test_sigmoid_fused_into_dense():
    graph = _core.Graph()
    store = _core.Store()
    store.add("kernel", [2, 1], "float64")
    store.set("kernel", np.array([[300.0], [400.0]]))
    x, y = graph.input("x", [2], "float64"), graph.input("y", [1], "float64")
    kernel = graph.parameter(store, "kernel")
    p = graph.add("dense", [x, kernel, None], {"activation": "sigmoid"})[0]
    made = losses.BinaryCrossentropy().build(graph, y, p)
    assert "sigmoid" not in used_ops(graph, made)
    slope = graph.gradients(made, [kernel])[0]
    value, slope = _core.Function(graph, [made, slope]).run([np.ones((1, 2)), np.zeros((1, 1))])
    assert value == 700
    np.testing.assert_array_equal(slope, [[1], [1]])


def test_softmax_over_another_axis_stays():
    graph = _core.Graph()
    z = graph.input("z", [C, 2])
    p = graph.add("softmax", [z], {"axis": 0})[0]
    made = losses.CategoricalCrossentropy().build(graph, graph.input("y", [C, 2]), p)
    assert "softmax" in used_ops(graph, made)


def test_logits_twice_is_worth_a_warning():
    graph = _core.Graph()
    p = graph.add("softmax", [graph.input("z", [C])])[0]
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, name="head")
    with pytest.warns(UserWarning, match=r"'head': from_logits=True, but the model ends in a softmax"):
        loss.build(graph, graph.input("y", [], "int32"), p)


@pytest.mark.parametrize("loss", [losses.CategoricalCrossentropy(), losses.SparseCategoricalCrossentropy()])
def test_one_class_is_worth_a_warning(loss):
    with pytest.warns(UserWarning, match="several classes is expected .* use BinaryCrossentropy"):
        assert loss(np.zeros((3, 1)), np.full((3, 1), 0.5)) < 1e-6


# ---- labels -----------------------------------------------------------------------------------------------


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
