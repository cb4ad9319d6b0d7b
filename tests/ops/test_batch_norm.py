import numpy as np
import pytest
import reference
from checks import BATCHES, Refusal, away_from, batch, case, check_op, labels, shared, uniform

from fastnn import _core

positive = uniform(0.2, 2)


def training(graph, tensors, epsilon=1e-3, relu=False):
    """What a layer makes in training: y normalised with the batch's own statistics."""
    x, shift, gamma, beta = tensors
    mean, variance = graph.add(
        "batch_statistics", [*graph.add("batch_moments", [x, shift], {}, "norm"), shift], {}, "norm"
    )
    attributes = {"epsilon": epsilon, "batch_statistics": True, "relu": relu}
    return graph.add("normalize", [x, mean, variance, gamma, beta], attributes, "norm")


def train_case(x, *parameters, epsilon=1e-3):
    """Operands x, shift, gamma, beta."""
    return case(
        "normalize",
        [x, *parameters],
        lambda x, shift, gamma, beta: reference.batch_norm(x, gamma, beta, epsilon),
        build=lambda graph, tensors: training(graph, tensors, epsilon),
        label="batch_norm",
        tolerance=5e-5,
        tolerance64=1e-10,
        # With one value a channel the gradient is 0: what rounding leaves has nothing to be compared with.
        batches=(3, 16, 17, 130) if len(x.shape) == 1 else BATCHES,
    )


def statistics(graph, tensors):
    return graph.add("batch_statistics", [*graph.add("batch_moments", tensors), tensors[1]])


def constant(*shape):
    return shared(*shape, differentiable=False)


MOMENTS_WRONG = [
    Refusal([shared(3), None], r"sums over samples"),
    Refusal([batch(), None], r"channels in the last dimension, got \(None,\)"),
    Refusal([batch(4, 3), shared(4)], r"the shift must have shape \(3,\), got \(4,\)"),
    Refusal([labels(3, classes=3), None], r"needs floating point, got int32", error=TypeError),
]
NORMALIZE_WRONG = [
    Refusal([batch(4, 3), shared(4), shared(3), None, None], r"mean must have shape \(3,\), got \(4,\)"),
    Refusal(
        [batch(4, 3), shared(3), shared(3), shared(1), None], r"gamma must have shape \(3,\), got \(1,\)"
    ),
    Refusal([batch(3), None, shared(3), None, None], r"mean and variance must be given"),
]
AVERAGE_WRONG = [
    Refusal([shared(3), shared(4)], r"cannot average float32 \(3,\) and float32 \(4,\)"),
    Refusal([shared(3), shared(3)], r"momentum must be in \[0, 1\], got 1.5", {"momentum": 1.5}),
]

CASES = [
    train_case(batch(5), constant(5), shared(5), shared(5)),
    train_case(batch(6, 3), None, shared(3), shared(3)),
    train_case(batch(2, 3, 37), constant(37), shared(37), None),
    train_case(batch(4, 4, 16), None, None, shared(16), epsilon=1e-5),
    train_case(batch(3, 1), None, None, None),
    train_case(batch(7, 70, make=uniform(1, 2)), constant(70), shared(70), shared(70)),
    case(
        "batch_moments",
        [batch(4, 3), shared(3)],
        reference.batch_moments,
        gradient=False,
        refuses=MOMENTS_WRONG,
        tolerance=1e-6,
    ),
    case("batch_moments", [batch(2, 35), None], reference.batch_moments, gradient=False),
    case(
        "batch_statistics",
        [batch(4, 3, make=uniform(4, 5)), shared(3, make=uniform(4, 5))],
        lambda x, shift: (x.mean(axis=(0, 1)), x.var(axis=(0, 1))),
        build=statistics,
        gradient=False,
        batches=(3, 16, 17, 130),
    ),
    case(
        "normalize",
        [
            batch(4, 3),
            constant(3),
            shared(3, make=positive, differentiable=False),
            shared(3),
            shared(3),
        ],
        reference.normalize,
        refuses=NORMALIZE_WRONG,
    ),
    case(
        "normalize",
        [batch(19), constant(19), shared(19, make=positive, differentiable=False), None, None],
        reference.normalize,
        epsilon=0.1,
    ),
    case(
        "normalize",
        [
            batch(4, 21),
            constant(21),
            shared(21, make=positive, differentiable=False),
            shared(21, make=uniform(-0.5, 0.5)),
            shared(21, make=away_from(0.0, gap=3.0, low=-4, high=4)),
        ],
        reference.normalize,
        relu=True,
    ),
    case(
        "moving_average",
        [shared(5), shared(5)],
        reference.moving_average,
        momentum=0.9,
        gradient=False,
        refuses=AVERAGE_WRONG,
    ),
    case("moving_average", [shared(5), shared(5, dtype="float64")], reference.moving_average, gradient=False),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_batch_norm(declared):
    check_op(declared)


@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_statistics_keep_their_digits_far_from_zero(layout):
    random = np.random.default_rng(0)
    x = (random.normal(size=(130, 7, 3)) + 1e6).astype("float64")
    graph, store = _core.Graph(), _core.Store()
    store.add("shift", [3], "float64")
    store.set("shift", np.full(3, 1e6 + 0.5))
    found = _core.Function(
        graph,
        statistics(graph, [graph.input("x", [7, 3], "float64"), graph.parameter(store, "shift")]),
        layout,
    ).run([x])
    np.testing.assert_allclose(found[0], x.mean(axis=(0, 1)), rtol=1e-14)
    np.testing.assert_allclose(found[1], x.var(axis=(0, 1)), rtol=1e-8)


@pytest.mark.parametrize("layout", ["rows", "lanes"])
@pytest.mark.parametrize("channels", [3, 16, 70])
@pytest.mark.parametrize("parameters", [(True, True), (True, False), (False, False)])
def test_rectifier_within_is_that_behind(layout, channels, parameters):
    random = np.random.default_rng(channels)
    x = random.normal(size=(21, 6, channels)).astype("float32")
    weights = random.normal(size=x.shape).astype("float32")
    found = []
    for within in (True, False):
        graph, tensors = _core.Graph(), [None, None]
        for i, used in enumerate(parameters):
            if used:
                store = _core.Store()
                store.add("value", [channels])
                store.set("value", np.random.default_rng(i).normal(size=channels).astype("float32"))
                tensors[i] = graph.parameter(store, "value")
        inputs = [graph.input("x", [6, channels]), graph.input("weights", [6, channels])]
        y = training(graph, [inputs[0], None, *tensors], relu=within)[0]
        if not within:
            y = graph.add("activation", [y], {"kind": "relu"})[0]
        loss = graph.add("sum_to", graph.add("multiply", [y, inputs[1]]), {"shape": []})
        targets = [inputs[0], *(t for t in tensors if t is not None)]
        gradients = graph.gradients(graph.add("sample_mean", loss)[0], targets)
        found.append(_core.Function(graph, [y, *gradients], layout).run([x, weights]))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_constant_channel_has_no_negative_variance():
    graph = _core.Graph()
    x = graph.input("x", [2])
    moments = graph.add("batch_moments", [x, None])
    function = _core.Function(graph, graph.add("batch_statistics", [*moments, None]))
    found = function.run([np.full((9, 2), 0.1, "float32")])[1]
    assert (found >= 0).all() and (found < 1e-15).all()
