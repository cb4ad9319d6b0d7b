import itertools

import numpy as np
import pytest
import reference
from checks import Refusal, batch, case, check_op, shared, uniform

from fastnn import _core

WRONG = [
    Refusal([batch(7, 7), shared(3, 3, 1, 2), None], r"height, width, channels.*Add a channel axis"),
    Refusal([batch(7, 7, 1), shared(3, 3, 2), None], r"kernel \(rows, columns"),
    Refusal([batch(7, 7, 3), shared(3, 3, 1, 2), None], r"input has 3 channels.*built for 1"),
    Refusal(
        [batch(2, 7, 1), shared(3, 3, 1, 2), None], r"kernel \(3, 3\) is larger than its input of 2 x 7.*same"
    ),
    Refusal(
        [batch(4, 7, 1), shared(3, 3, 1, 2), None], r"with dilation \(2, 1\) is larger", {"dilation": [2, 1]}
    ),
    Refusal([batch(7, 7, 1), shared(3, 3, 1, 2), shared(3)], r"bias must have shape \(2,\).*got \(3,\)"),
    Refusal([batch(7, 7, 1), shared(3, 3, 1, 2), None], r"strides must be two positive", {"strides": [0, 1]}),
    Refusal([batch(7, 7, 1), shared(3, 3, 1, 2), None], r"strides must be two positive", {"strides": [2]}),
    Refusal(
        [batch(7, 7, 1), shared(3, 3, 1, 2), None],
        r"strides \(2, 1\) and dilation \(1, 2\) cannot both",
        {"strides": [2, 1], "dilation": [1, 2]},
    ),
    Refusal(
        [batch(7, 7, 1), shared(3, 3, 1, 2), None], r"'valid' or 'same', got 'full'", {"padding": "full"}
    ),
    Refusal([batch(7, 7, 3), shared(3, 3, 1, 4), None], r"groups=2 must divide the 3 input", {"groups": 2}),
    Refusal([batch(7, 7, 4), shared(3, 3, 2, 3), None], r"groups=2 must divide.*3 filters", {"groups": 2}),
    Refusal([batch(7, 7, 1), shared(3, 3, 1, 2), None], r"groups must be at least 1", {"groups": 0}),
    Refusal([batch(7, 7, 1), shared(3, 3, 1, 2), None], r"cannot be fused", {"activation": "gelu"}),
    Refusal(
        [batch(7, 7, 1), shared(3, 3, 1, 2, dtype="float64"), None],
        r"one floating-point dtype",
        error=TypeError,
    ),
    Refusal(
        [batch(7, 7, 1, dtype="int32"), shared(3, 3, 1, 2), None], r"one floating-point", error=TypeError
    ),
]


def conv(image, kernel, bias=True, tolerance64=1e-12, **attributes):
    operands = [batch(*image), shared(*kernel), shared(kernel[-1]) if bias else None]
    return case("conv2d", operands, reference.conv2d, tolerance64=tolerance64, **attributes)


CASES = [
    case("conv2d", [batch(7, 6, 2), shared(3, 3, 2, 5), shared(5)], reference.conv2d, refuses=WRONG),
    # Shapes of tiles: one channel and many, borders, kernels that meet little of the image.
    conv((9, 13, 1), (3, 3, 1, 6)),
    conv((6, 11, 3), (1, 1, 3, 7), bias=False),
    conv((1, 5, 2), (1, 4, 2, 3)),
    conv((5, 5, 1), (5, 5, 1, 2)),
    conv((6, 7, 6), (5, 5, 6, 16), padding="same"),
    conv((9, 14, 1), (3, 3, 1, 4), padding="same"),
    conv((2, 2, 3), (5, 4, 3, 9), padding="same"),
    conv((4, 9, 17), (2, 3, 17, 21), padding="same"),
    conv((5, 6, 33), (3, 3, 33, 40), bias=False),
    # Strides: phases of the input gradient, some of which no tap reaches.
    conv((8, 9, 2), (3, 3, 2, 4), strides=[2, 2]),
    conv((8, 9, 2), (3, 3, 2, 4), strides=[2, 2], padding="same"),
    conv((7, 10, 3), (2, 5, 3, 5), strides=[1, 3], padding="same"),
    conv((7, 8, 2), (1, 1, 2, 3), strides=[2, 2]),
    conv((9, 8, 1), (2, 2, 1, 3), strides=[3, 4]),
    conv((11, 11, 1), (5, 5, 1, 8), strides=[2, 1], padding="same"),
    # Dilation and groups.
    conv((9, 10, 2), (3, 3, 2, 3), dilation=[2, 3]),
    conv((6, 7, 1), (3, 2, 1, 3), dilation=[2, 2], padding="same"),
    conv((5, 6, 4), (3, 3, 2, 6), groups=2, padding="same"),
    conv((5, 6, 3), (3, 3, 1, 3), groups=3),
    conv((6, 6, 4), (3, 3, 1, 8), groups=4, strides=[2, 2], padding="same"),
    conv((5, 5, 32), (2, 2, 16, 32), groups=2, bias=False),
    # Nothing sees what comes after it.
    conv((1, 9, 3), (1, 3, 3, 5), padding="causal"),
    conv((1, 11, 2), (1, 3, 2, 4), padding="causal", dilation=[1, 2]),
    conv((4, 7, 2), (2, 3, 2, 17), padding="causal", strides=[1, 2]),
    conv((1, 4, 2), (1, 6, 2, 3), padding="causal"),
    # Fused activations.
    conv((6, 7, 2), (3, 3, 2, 4), activation="tanh", padding="same"),
    conv((5, 6, 1), (3, 3, 1, 3), activation="sigmoid"),
    case(
        "conv2d",
        [batch(6, 5, 2), shared(3, 3, 2, 3, make=uniform(-0.2, 0.2)), shared(3, make=uniform(4, 5))],
        reference.conv2d,
        activation="relu",
    ),
    case(
        "conv2d",
        [batch(5, 5, 1), shared(2, 2, 1, 3, make=uniform(-0.2, 0.2)), shared(3, make=uniform(-5, -4))],
        reference.conv2d,
        activation="leaky_relu",
        alpha=0.3,
    ),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_conv2d(declared):
    check_op(declared)


def second_order(graph, tensors):
    """The squares of the input's gradient, as gradient penalties have them."""
    x, kernel, weights = tensors
    y = graph.add("conv2d", [x, kernel, None], {"padding": "same", "strides": [1, 2]})[0]
    (dx,) = graph.gradients(y, [x], weights)
    return graph.add("multiply", [dx, dx])


def test_input_gradient_can_be_differentiated():
    operands = [batch(5, 6, 2), shared(3, 3, 2, 3), batch(5, 3, 3)]
    check_op(case("conv2d", operands, None, build=second_order, label="conv2d second order"))


GEOMETRIES = [
    (size, strides, padding, dilation)
    for size in ((1, 1), (2, 3), (5, 4))
    for strides in ((1, 1), (2, 2), (3, 1))
    for padding in ("valid", "same")
    for dilation in ((1, 1), (2, 2))
    if dilation == (1, 1) or strides == (1, 1)
]


@pytest.mark.parametrize("layout", ["rows", "lanes"])
@pytest.mark.parametrize("channels", [(1, 2), (3, 17), (6, 4)])
def test_every_geometry(layout, channels):
    random = np.random.default_rng(0)
    for (size, strides, padding, dilation), extent in itertools.product(GEOMETRIES, ((9, 10), (12, 9))):
        x = random.normal(size=(5, *extent, channels[0]))
        kernel = random.normal(size=(*size, *channels))
        attributes = {"strides": list(strides), "padding": padding, "dilation": list(dilation)}
        expected = reference.conv2d(x, kernel, None, **attributes)
        weights = random.normal(size=expected.shape)

        graph = _core.Graph()
        store = _core.Store()
        store.add("kernel", list(kernel.shape), "float64")
        store.set("kernel", kernel)
        tensors = [graph.input("x", list(x.shape[1:]), "float64"), graph.parameter(store, "kernel")]
        w = graph.input("w", list(weights.shape[1:]), "float64")
        y = graph.add("conv2d", [*tensors, None], attributes)[0]
        loss = graph.add("sum_to", graph.add("multiply", [y, w]), {"shape": []})
        gradients = graph.gradients(graph.add("sample_mean", loss)[0], tensors)
        got, dx, dk = _core.Function(graph, [y, *gradients], layout).run([x, weights])

        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12, err_msg=str(attributes))
        # The loss is linear in x and in the kernel: its value is the product of either with its gradient.
        total = (expected * weights).sum() / len(x)
        assert np.isclose((dx * x).sum(), total, rtol=1e-10), attributes
        assert np.isclose((dk * kernel).sum(), total, rtol=1e-10), attributes
