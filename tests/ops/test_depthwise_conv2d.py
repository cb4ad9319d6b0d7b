import itertools

import numpy as np
import pytest
import reference
from checks import Refusal, batch, case, check_op, shared, uniform

from fastnn import _core

WRONG = [
    Refusal([batch(7, 7), shared(3, 3, 1, 1), None], r"height, width, channels"),
    Refusal([batch(7, 7, 2), shared(3, 3, 2, 2), None], r"channels, 1\), got"),
    Refusal([batch(7, 7, 3), shared(3, 3, 2, 1), None], r"input has 3 channels.*built for 2"),
    Refusal([batch(2, 7, 1), shared(3, 3, 1, 1), None], r"\(3, 3\) is larger than its input of 2 x 7"),
    Refusal([batch(7, 7, 2), shared(3, 3, 2, 1), shared(3)], r"bias must have shape \(2,\).*got \(3,\)"),
    Refusal([batch(7, 7, 2), shared(3, 3, 2, 1), None], r"cannot be fused", {"activation": "gelu"}),
    Refusal(
        [batch(7, 7, 2, dtype="int32"), shared(3, 3, 2, 1), None], r"one floating-point", error=TypeError
    ),
]


def conv(image, size, bias=True, **attributes):
    channels = image[-1]
    operands = [batch(*image), shared(*size, channels, 1), shared(channels) if bias else None]
    return case("depthwise_conv2d", operands, reference.depthwise_conv2d, **attributes)


CASES = [
    case(
        "depthwise_conv2d",
        [batch(7, 6, 3), shared(3, 3, 3, 1), shared(3)],
        reference.depthwise_conv2d,
        refuses=WRONG,
    ),
    conv((9, 13, 1), (3, 3)),
    conv((6, 15, 17), (3, 3), padding="same"),
    conv((5, 30, 4), (2, 5), bias=False, padding="same"),
    conv((2, 2, 5), (5, 4), padding="same"),
    conv((8, 9, 6), (3, 3), strides=[2, 2], padding="same"),
    conv((7, 10, 3), (2, 5), strides=[1, 3], padding="same"),
    conv((9, 8, 2), (2, 2), strides=[3, 4]),
    conv((7, 8, 2), (1, 1), strides=[2, 2]),
    conv((9, 10, 2), (3, 3), dilation=[2, 3]),
    conv((1, 12, 4), (1, 4), padding="causal", dilation=[1, 2]),
    conv((6, 7, 2), (3, 3), activation="tanh", padding="same"),
    case(
        "depthwise_conv2d",
        [batch(6, 5, 2), shared(3, 3, 2, 1, make=uniform(-0.2, 0.2)), shared(2, make=uniform(4, 5))],
        reference.depthwise_conv2d,
        activation="relu",
    ),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_depthwise_conv2d(declared):
    check_op(declared)


def second_order(graph, tensors):
    """The squares of the input's gradient."""
    x, kernel, weights = tensors
    y = graph.add("depthwise_conv2d", [x, kernel, None], {"padding": "same", "strides": [1, 2]})[0]
    (dx,) = graph.gradients(y, [x], weights)
    return graph.add("multiply", [dx, dx])


def test_input_gradient_can_be_differentiated():
    operands = [batch(5, 6, 2), shared(3, 3, 2, 1), batch(5, 3, 2)]
    check_op(case("depthwise_conv2d", operands, None, build=second_order, label="second order"))


GEOMETRIES = [
    (size, strides, padding, dilation)
    for size in ((1, 1), (2, 3), (5, 4))
    for strides in ((1, 1), (2, 2), (3, 1))
    for padding in ("valid", "same", "causal")
    for dilation in ((1, 1), (2, 2))
    if dilation == (1, 1) or strides == (1, 1)
]


@pytest.mark.parametrize("layout", ["rows", "lanes"])
@pytest.mark.parametrize("channels", [1, 19])
def test_every_geometry(layout, channels):
    random = np.random.default_rng(0)
    for (size, strides, padding, dilation), extent in itertools.product(GEOMETRIES, ((9, 10), (12, 9))):
        x = random.normal(size=(5, *extent, channels))
        kernel = random.normal(size=(*size, channels, 1))
        attributes = {"strides": list(strides), "padding": padding, "dilation": list(dilation)}
        expected = reference.depthwise_conv2d(x, kernel, None, **attributes)
        weights = random.normal(size=expected.shape)

        graph = _core.Graph()
        store = _core.Store()
        store.add("kernel", list(kernel.shape), "float64")
        store.set("kernel", kernel)
        tensors = [graph.input("x", list(x.shape[1:]), "float64"), graph.parameter(store, "kernel")]
        w = graph.input("w", list(weights.shape[1:]), "float64")
        y = graph.add("depthwise_conv2d", [*tensors, None], attributes)[0]
        loss = graph.add("sum_to", graph.add("multiply", [y, w]), {"shape": []})
        gradients = graph.gradients(graph.add("sample_mean", loss)[0], tensors)
        got, dx, dk = _core.Function(graph, [y, *gradients], layout).run([x, weights])

        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12, err_msg=str(attributes))
        # The loss is linear in x and in the kernel: its value is the product of either with its gradient.
        total = (expected * weights).sum() / len(x)
        assert np.isclose((dx * x).sum(), total, rtol=1e-10), attributes
        assert np.isclose((dk * kernel).sum(), total, rtol=1e-10), attributes
