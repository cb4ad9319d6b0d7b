"""Losses as users call them: values, weights, reductions, and what a graph is made of."""

import copy
import pickle

import numpy as np
import pytest
import reference_losses as reference
from train.loss_data import BITS, IDS, LOGITS, NUMBERS, ONE_HOT, SCORES, C, N, T, rng

from fastnn import _core, losses


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
