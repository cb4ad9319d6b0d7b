import numpy as np
import pytest
import reference_int8
from checks import Refusal, batch, case, check_op, shared
from int8_cases import biases, pixels, random_layer, scales
from int8_cases import int8_weights as weights
from operands import uniform

from fastnn import _core

WRONG = [
    Refusal([pixels(5, 5, 2), weights(3, 3, 3, 4), scales(4), None], r"2 channels.*built for 3"),
    Refusal([pixels(5, 5), weights(3, 3, 1, 4), scales(4), None], r"conv2d needs an input"),
    Refusal([pixels(2, 2, 1), weights(3, 3, 1, 4), scales(4), None], r"kernel \(3, 3\) is larger"),
    Refusal([pixels(5, 5, 2), weights(3, 3, 1, 4), scales(4), None], r"one group, got 2", {"groups": 2}),
    Refusal([pixels(5, 5, 1), weights(3, 3, 1, 4), scales(3), None], r"kernel_scale must be float32 of"),
    Refusal([pixels(5, 5, 1), weights(3, 3, 1, 4), scales(4), biases(3)], r"bias must be float32 of"),
    Refusal([pixels(3, 3, 7282), weights(3, 3, 7282, 1), scales(1), None], r"at most 65536"),
    Refusal(
        [batch(5, 5, 1), shared(3, 3, 1, 4), scales(4), None],
        r"needs x in uint8 and a kernel in int8",
        error=TypeError,
    ),
]  # fmt: skip
BYTES = {"output_scale": 0.02, "output_zero": 30}


def conv(x, kernel, bias=True, **attributes):
    out = kernel.shape[-1]
    refuses = attributes.pop("refuses", ())
    return case(
        "conv2d_int8", [x, kernel, scales(out), biases(out) if bias else None], reference_int8.conv2d_int8,
        gradient=False, refuses=refuses, batches=(1, 3, 17, 130), tolerance=1e-6, tolerance64=1e-6,
        **{"input_scale": 0.1, "input_zero": 7, **attributes},
    )  # fmt: skip


CASES = [
    conv(pixels(5, 6, 1), weights(3, 3, 1, 6), refuses=WRONG),
    conv(pixels(5, 6, 3), weights(2, 3, 3, 5), False, padding="same", activation="relu", **BYTES),
    conv(pixels(7, 7, 4), weights(3, 3, 4, 33), strides=(2, 2), padding="same", input_zero=200),
    conv(pixels(8, 5, 2), weights(3, 2, 2, 16), strides=(2, 1), **BYTES),
    conv(pixels(8, 9, 3), weights(3, 3, 3, 7), dilation=(2, 2), activation="tanh"),
    conv(pixels(8, 9, 5), weights(3, 3, 5, 70), dilation=(1, 2), padding="same", **BYTES),
    conv(pixels(4, 4, 8), weights(1, 1, 8, 20), activation="relu", **BYTES),
    conv(pixels(1, 9, 3), weights(1, 4, 3, 3), padding="causal"),
    conv(pixels(3, 3, 6), weights(3, 3, 6, 64), activation="sigmoid", **BYTES),
]


def conv_pool(x, kernel, scale, bias, pool_size, **attributes):
    made = reference_int8.conv2d_int8(x, kernel, scale, bias, **attributes)
    return reference_int8.max_pool2d_int8(made, pool_size=pool_size, strides=pool_size, padding="valid")


def either_sign(n):
    return shared(n, make=uniform(-1e-4, 1e-4), dtype="float32", differentiable=False)


def pooled(x, kernel, bias=True, **attributes):
    out = kernel.shape[-1]
    refuses = attributes.pop("refuses", ())
    return case(
        "conv2d_int8", [x, kernel, either_sign(out), biases(out) if bias else None], conv_pool,
        gradient=False, refuses=refuses, batches=(1, 3, 17, 130), tolerance=1e-6, tolerance64=1e-6,
        **{"input_scale": 0.1, "input_zero": 7, "pool_size": (2, 2), **BYTES, **attributes},
    )  # fmt: skip


WRONG_POOLS = [
    Refusal([pixels(6, 6, 1), weights(3, 3, 1, 4), scales(4), None], "windows of", changed)
    for changed in (
        {"pool_size": (3, 3), **BYTES},
        {"pool_size": (2, 2), "activation": "tanh", **BYTES},
        {"pool_size": (2, 2), "pool_strides": (1, 1), **BYTES},
        {"pool_size": (2, 2)},
    )
]
CASES += [
    pooled(pixels(6, 7, 1), weights(3, 3, 1, 6), activation="relu", refuses=WRONG_POOLS),
    pooled(pixels(13, 20, 3), weights(3, 3, 3, 5), False, padding="same"),
    pooled(pixels(9, 16, 4), weights(3, 3, 4, 33), strides=(2, 1), padding="same", input_zero=200),
    pooled(pixels(9, 8, 5), weights(2, 2, 5, 16), dilation=(2, 3), activation="relu"),
    pooled(pixels(4, 12, 8), weights(1, 1, 8, 50), activation="relu"),
    pooled(pixels(5, 5, 2), weights(2, 2, 2, 130)),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_conv2d_int8(declared):
    check_op(declared)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_kernels_that_are_parameters_are_packed_before(padding):
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (37, 11, 10, 6), dtype="uint8")
    values = random_layer(random, 3, 3, 6, 40)
    attributes = {"input_scale": 0.01, "input_zero": 12, "padding": padding, "output_scale": 0.05}
    store, graph = _core.Store(), _core.Graph()
    operands = [graph.input("x", [11, 10, 6], "uint8")]
    for name, value in zip(("kernel", "scale", "bias"), values, strict=True):
        store.add(name, list(value.shape), str(value.dtype))
        store.set(name, value)
        operands.append(graph.parameter(store, name))
    function = _core.Function(graph, graph.add("conv2d_int8", operands, attributes, "layer"))
    assert "pack" in function.describe(37)
    expected = reference_int8.conv2d_int8(x, *values, **attributes)
    for threads in (1, 3):
        np.testing.assert_array_equal(function.run([x], threads=threads)[0], expected)


@pytest.mark.parametrize("size, fused", [(2, True), (3, False)])
@pytest.mark.parametrize("activation", ["relu", "linear", "tanh"])
def test_plans_pool_in_the_convolution(size, fused, activation):
    random = np.random.default_rng(1)
    x = random.integers(0, 256, (9, 11, 12, 3), dtype="uint8")
    graph = _core.Graph()
    image = graph.input("x", [11, 12, 3], "uint8")
    values = random_layer(random, 3, 3, 3, 7)
    operands = [image]
    for name, value in zip(("kernel", "scale", "bias"), values, strict=True):
        operands.append(graph.input(name, list(value.shape), str(value.dtype), batched=False))
    attributes = {"input_scale": 0.01, "input_zero": 12, "activation": activation, **BYTES}
    between = graph.add("conv2d_int8", operands, attributes)[0]
    last = graph.add("max_pool2d_int8", [between], {"pool_size": [size, size]})[0]
    function = _core.Function(graph, [last])
    assert ("max_pool2d_int8" in function.describe(9)) != (fused and activation != "tanh")
    both = _core.Function(graph, [between, last]).run([x, *values])
    np.testing.assert_array_equal(function.run([x, *values])[0], both[1])
