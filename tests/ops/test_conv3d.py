import pytest
import reference
from checks import Refusal, batch, case, check_op, shared, uniform

WRONG = [
    Refusal([batch(7, 7, 2), shared(3, 3, 3, 2, 1), None], r"depth, height, width, channels"),
    Refusal([batch(4, 4, 4, 3), shared(3, 3, 3, 2, 1), None], r"input has 3 channels.*built for 2"),
    Refusal(
        [batch(4, 2, 4, 1), shared(3, 3, 3, 1, 1), None], r"\(3, 3, 3\) is larger than its input of 4 x 2 x 4"
    ),
    Refusal(
        [batch(4, 4, 4, 1), shared(3, 3, 3, 1, 2), shared(3)], r"bias must have shape \(2,\).*got \(3,\)"
    ),
    Refusal(
        [batch(4, 4, 4, 3), shared(3, 3, 3, 1, 4), None], r"groups=2 must divide the 3 input", {"groups": 2}
    ),
    Refusal([batch(4, 4, 4, 1), shared(3, 3, 3, 1, 2), None], r"cannot be fused", {"activation": "gelu"}),
    Refusal(
        [batch(4, 4, 4, 1), shared(2, 2, 2, 1, 2), None], r"three positive integers", {"strides": [1, 2]}
    ),
    Refusal(
        [batch(4, 4, 4, 1), shared(2, 2, 2, 1, 2), None],
        r"cannot both be greater",
        {"strides": [1, 2, 1], "dilation": [2, 1, 1]},
    ),
    Refusal(
        [batch(4, 4, 4, 1, dtype="int32"), shared(2, 2, 2, 1, 2), None],
        r"one floating-point",
        error=TypeError,
    ),
]


def conv(image, kernel, bias=True, **attributes):
    operands = [batch(*image), shared(*kernel), shared(kernel[-1]) if bias else None]
    return case("conv3d", operands, reference.conv3d, batches=(1, 3, 17), **attributes)


CASES = [
    case(
        "conv3d",
        [batch(4, 3, 5, 2), shared(2, 3, 2, 2, 5), shared(5)],
        reference.conv3d,
        refuses=WRONG,
    ),
    conv((3, 4, 5, 3), (3, 2, 3, 3, 17), padding="same"),
    conv((5, 4, 3, 2), (3, 2, 2, 2, 3), bias=False, strides=[2, 1, 2], padding="same"),
    conv((5, 4, 6, 1), (2, 2, 3, 1, 3), dilation=[2, 1, 2]),
    conv((3, 4, 3, 4), (2, 2, 2, 2, 6), groups=2),
    conv((3, 3, 3, 2), (1, 1, 1, 2, 4), activation="tanh"),
    case(
        "conv3d",
        [batch(3, 3, 4, 2), shared(2, 2, 2, 2, 3, make=uniform(-0.2, 0.2)), shared(3, make=uniform(4, 5))],
        reference.conv3d,
        activation="relu",
        batches=(1, 17),
    ),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_conv3d(declared):
    check_op(declared)


def second_order(graph, tensors):
    """The squares of the input's gradient."""
    x, kernel, weights = tensors
    y = graph.add("conv3d", [x, kernel, None], {"padding": "same", "strides": [1, 2, 1]})[0]
    (dx,) = graph.gradients(y, [x], weights)
    return graph.add("multiply", [dx, dx])


def test_input_gradient_can_be_differentiated():
    operands = [batch(3, 4, 3, 2), shared(2, 3, 2, 2, 3), batch(3, 2, 3, 3)]
    check_op(case("conv3d", operands, None, build=second_order, label="conv3d second order", batches=(3,)))
