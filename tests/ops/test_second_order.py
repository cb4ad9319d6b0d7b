"""Gradients of gradients: of fused ops whose gradient op has a rule of its own."""

import numpy as np
import pytest
import reference
from checks import away_from, batch, case, check_op, shared, uniform

STEP = 1e-4


def derivative(function):
    """Of a function of single numbers, by central differences of fourth order."""

    def of(x):
        h = STEP
        return (8 * (function(x + h) - function(x - h)) - (function(x + 2 * h) - function(x - 2 * h))) / (
            12 * h
        )

    return of


def gradients_of(op, attributes, power=1.0, extra=()):
    """Builds the gradient, with respect to all operands, of the sum of an op's output to some power."""

    def build(graph, tensors):
        y = graph.add(op, [*tensors, *extra], attributes)
        y = graph.add("unary", y, {"kind": "power", "exponent": power})
        total = graph.add("sum_to", graph.add("sample_sum", y), {"shape": []})[0]
        return graph.gradients(total, tensors)

    return build


SMOOTH = ["gelu", "gelu_tanh", "silu", "mish", "sigmoid", "tanh", "softplus", "exponential"]
BENT = ["relu", "leaky_relu", "elu", "selu", "celu", "softsign", "hard_sigmoid"]
ALPHA = {"elu": 0.7, "celu": 2.0, "leaky_relu": 0.1}


@pytest.mark.parametrize("kind", SMOOTH + BENT)
def test_activations(kind):
    make = uniform(-3, 3) if kind in SMOOTH else away_from([0, -3, 3], gap=0.1, low=-4, high=4)
    attributes = {"kind": kind, **({"alpha": ALPHA[kind]} if kind in ALPHA else {})}
    declared = case(
        "activation",
        [batch(7, make=make)],
        lambda x: derivative(lambda v: reference.activation(v, **attributes) ** 2)(x),
        build=gradients_of("activation", attributes, 2.0),
        tolerance=1e-4,
        tolerance64=1e-8,
        batches=(3, 17),
        label=kind,
    )
    check_op(declared)


@pytest.mark.parametrize("kind", ["gelu", "silu", "mish"])
def test_third_derivatives_of_activations(kind):
    def build(graph, tensors):
        y = graph.add("activation", tensors, {"kind": kind})
        for _ in range(2):
            total = graph.add("sum_to", graph.add("sample_sum", y), {"shape": []})[0]
            y = graph.gradients(total, tensors)
        return y

    twice = derivative(derivative(lambda v: reference.activation(v, kind=kind)))
    declared = case(
        "activation",
        [batch(5)],
        twice,
        build=build,
        tolerance=1e-4,
        tolerance64=1e-5,
        batches=(3,),
        label=kind,
    )
    check_op(declared)


@pytest.mark.parametrize("activation", ["linear", "tanh", "sigmoid"])
def test_dense(activation):
    def expected(x, kernel, bias):
        f = {"linear": lambda z: z, "tanh": np.tanh, "sigmoid": lambda z: 1 / (1 + np.exp(-z))}[activation]
        z = x @ kernel + bias
        dz = derivative(lambda v: f(v) ** 3)(z)
        return dz @ kernel.T, x.T @ dz, dz.sum(0)

    declared = case(
        "dense",
        [batch(4), shared(4, 3), shared(3)],
        expected,
        build=gradients_of("dense", {"activation": activation}, 3.0),
        tolerance=1e-4,
        tolerance64=1e-8,
        batches=(3, 17),
        label=activation,
    )
    check_op(declared)


def test_prelu():
    def expected(x, alpha):
        y = np.where(x < 0, alpha * x, x)
        return 3 * y**2 * np.where(x < 0, alpha, 1), (3 * y**2 * np.minimum(x, 0)).sum(0)

    declared = case(
        "prelu",
        [batch(5, make=away_from([0], gap=0.1)), shared(5, make=uniform(-0.5, 0.5))],
        expected,
        build=gradients_of("prelu", {}, 3.0),
        batches=(3, 17),
    )
    check_op(declared)


@pytest.mark.parametrize("op", ["softmax", "log_softmax"])
@pytest.mark.parametrize("axis", [0, 1])
def test_softmax(op, axis):
    def expected(x, **_):
        y = getattr(reference, op)(x, axis=axis)
        dy = 2 * y
        if op == "softmax":
            return y * (dy - (dy * y).sum(axis + 1, keepdims=True))
        return dy - np.exp(y) * dy.sum(axis + 1, keepdims=True)

    declared = case(
        op,
        [batch(3, 5)],
        expected,
        build=gradients_of(op, {"axis": axis}, 2.0),
        tolerance=1e-4,
        batches=(3, 17),
        label=f"{op} {axis}",
    )
    check_op(declared)


def test_mean_over_samples():
    def build(graph, tensors):
        mean = graph.add("sample_mean", tensors)
        cube = graph.add("unary", mean, {"kind": "power", "exponent": 3.0})
        total = graph.add("sum_to", cube, {"shape": []})[0]
        return graph.gradients(total, tensors)

    def expected(x):
        return np.broadcast_to(3 * x.mean(0) ** 2 / len(x), x.shape)

    check_op(case("sample_mean", [batch(4)], expected, build=build, batches=(1, 3, 17)))


@pytest.mark.parametrize(
    "attributes",
    [{"padding": "valid"}, {"padding": "same", "strides": [2, 1]}, {"groups": 2}, {"activation": "tanh"}],
    ids=str,
)
def test_conv2d(attributes):
    """No formula: the gradient's own gradients are checked by differences, and rows against lanes."""

    def loss(x, kernel, bias):
        plain = {k: v for k, v in attributes.items() if k != "activation"}
        y = reference.conv2d(x, kernel, bias, **plain)
        return np.sum((np.tanh(y) if "activation" in attributes else y) ** 3)

    def expected(*operands):
        h = 1e-5
        found = []
        for number, value in enumerate(operands):
            gradient = np.zeros_like(value)
            for index in np.ndindex(*value.shape):
                moved = [np.array(v) for v in operands]
                moved[number][index] += h
                upper = loss(*moved)
                moved[number][index] -= 2 * h
                gradient[index] = (upper - loss(*moved)) / (2 * h)
            found.append(gradient)
        return tuple(found)

    channels = 2 // attributes.get("groups", 1)
    declared = case(
        "conv2d",
        [batch(4, 3, 2), shared(2, 2, channels, 4), shared(4)],
        expected,
        build=gradients_of("conv2d", attributes, 3.0),
        tolerance=1e-3,
        tolerance64=1e-6,
        batches=(1, 3),
        label=str(attributes),
    )
    check_op(declared)
