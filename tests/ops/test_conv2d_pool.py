"""conv2d with pool_size, which plans for inference make of conv2d and max_pool2d."""

import numpy as np
import pytest
import reference
from checks import Refusal, batch, case, check_op, shared

import fastnn
from fastnn import _core, layers


def conv_pool(x, kernel, bias, pool_size, pool_strides=None, pool_padding="valid", **attributes):
    made = reference.conv2d(x, kernel, bias, **attributes)
    return reference.max_pool2d(
        made, pool_size=pool_size, strides=pool_strides or pool_size, padding=pool_padding
    )


def pooled(image, kernel, bias=True, refuses=(), **attributes):
    operands = [batch(*image), shared(*kernel), shared(kernel[-1]) if bias else None]
    return case("conv2d", operands, conv_pool, gradient=False, refuses=refuses, **attributes)


WRONG = [
    Refusal([batch(4, 4, 1), shared(3, 3, 1, 2), None], r"\(3, 3\) is larger", {"pool_size": [3, 3]}),
    Refusal([batch(7, 7, 1), shared(3, 3, 1, 2), None], "two positive integers", {"pool_size": [2, 0]}),
]
CASES = [
    pooled((9, 8, 2), (3, 3, 2, 5), pool_size=[2, 2], refuses=WRONG),
    # Rows and columns that no window sees; windows that overlap, lie apart, or reach into padding.
    pooled((13, 13, 6), (3, 3, 6, 16), activation="relu", pool_size=[2, 2]),
    pooled((9, 10, 1), (3, 3, 1, 4), pool_size=[3, 2], pool_strides=[2, 1]),
    pooled((9, 10, 1), (2, 3, 1, 3), False, pool_size=[2, 2], pool_strides=[3, 3], padding="same"),
    pooled((7, 9, 3), (3, 3, 3, 4), pool_size=[2, 2], pool_padding="same", activation="tanh"),
    pooled((8, 7, 2), (3, 3, 2, 17), pool_size=[3, 3], pool_strides=[2, 2], pool_padding="same"),
    pooled((6, 5, 2), (1, 1, 2, 3), pool_size=[2, 2]),
    pooled((9, 9, 4), (3, 3, 2, 6), groups=2, strides=[2, 2], padding="same", pool_size=[2, 2]),
    pooled((12, 11, 1), (3, 2, 1, 8), dilation=[2, 3], padding="same", pool_size=[2, 2]),
    # Every number of channels that a register tile holds, beside as many windows as fit and one fewer.
    *(pooled((8, 23, 2), (3, 3, 2, n), padding="same", pool_size=[2, 2]) for n in (1, 2, 3, 4, 5, 7)),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_conv2d_pool(declared):
    check_op(declared)


def test_no_gradient():
    graph = _core.Graph()
    x = graph.input("x", [6, 6, 1], "float32")
    kernel = graph.input("kernel", [3, 3, 1, 2], "float32", batched=False)
    y = graph.add("conv2d", [x, kernel, None], {"pool_size": [2, 2]})[0]
    weights = graph.input("weights", [2, 2, 2], "float32")
    with pytest.raises(ValueError, match="use conv2d and max_pool2d"):
        graph.gradients(y, [x], weights)


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", None])
@pytest.mark.parametrize(
    "pool",
    [
        layers.MaxPooling2D(),
        layers.MaxPooling2D(3, strides=2),
        layers.MaxPooling2D((3, 2), strides=(1, 3), padding="same"),
    ],
    ids=str,
)
def test_prediction_has_the_bits_of_two_ops(pool, activation):
    inputs = fastnn.Input((13, 12, 3))
    between = layers.Conv2D(5, 3, activation=activation)(inputs)
    outputs = pool(between)
    x = np.random.default_rng(0).standard_normal((37, 13, 12, 3)).astype("float32")
    x[3, 5, 5, 1] = np.nan
    x[4, 5, 5, 1], x[4, 7, 7, 2] = np.inf, -np.inf
    x[20, 8, :, 0] = np.nan
    fused = fastnn.Model(inputs, outputs).predict(x, verbose=0)
    # Whoever asks for the convolution's own result gets it.
    both = fastnn.Model(inputs, [between, outputs]).predict(x, verbose=0)
    assert both[0].shape == (37, 11, 10, 5)
    np.testing.assert_array_equal(fused, both[1])
