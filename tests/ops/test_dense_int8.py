import os
import subprocess
import sys

import numpy as np
import pytest
import reference_int8
from checks import Refusal, batch, case, check_op, shared
from int8_cases import biases, pixels, random_layer, scales
from int8_cases import int8_weights as weights

from fastnn import _core

WRONG = [
    Refusal([pixels(6), weights(5, 3), scales(3), None], r"6 features.*built for 5"),
    Refusal([pixels(), weights(5, 3), scales(3), None], r"dense_int8 needs"),
    Refusal([pixels(5), weights(5, 3), scales(4), None], r"kernel_scale must be float32 of shape \(3,\)"),
    Refusal([pixels(5), weights(5, 3), scales(3), biases(1)], r"bias must be float32 of shape \(3,\)"),
    Refusal([pixels(5), weights(5, 3), scales(3), None], r"input_scale must be", {"input_scale": 0.0}),
    Refusal([pixels(5), weights(5, 3), scales(3), None], r"output_zero must be", {"output_zero": -1}),
    Refusal([pixels(5), weights(5, 3), scales(3), None], r"unknown activation kind", {"activation": "rely"}),
    Refusal([pixels(65537), weights(65537, 1), scales(1), None], r"outgrow int32, at most 65536"),
    Refusal(
        [batch(5), shared(5, 3), scales(3), None], r"needs x in uint8 and a kernel in int8", error=TypeError
    ),
]
BYTES = {"output_scale": 0.01, "output_zero": 30}


def dense(x, kernel, bias, **attributes):
    """A case with a scale that brings the sums to the size of 1."""
    out = kernel.shape[-1]
    refuses = attributes.pop("refuses", ())
    return case(
        "dense_int8", [x, kernel, scales(out), biases(out) if bias else None], reference_int8.dense_int8,
        gradient=False, refuses=refuses, tolerance=1e-6, tolerance64=1e-6,
        **{"input_scale": 0.1, "input_zero": 7, **attributes},
    )  # fmt: skip


CASES = [
    dense(pixels(5), weights(5, 3), True, refuses=WRONG),
    dense(pixels(1), weights(1, 1), False),
    dense(pixels(70), weights(70, 33), True, activation="relu"),
    dense(pixels(7), weights(7, 29), True, activation="tanh"),
    dense(pixels(64), weights(64, 64), False, activation="relu", **BYTES),
    dense(pixels(64), weights(64, 100), True, input_zero=255, **BYTES),
    dense(pixels(23), weights(23, 70), True, activation="sigmoid", **BYTES),
    dense(pixels(3, 2, 9), weights(9, 6), True, **BYTES),
    dense(pixels(130), weights(130, 161), True, input_zero=0),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_dense_int8(declared):
    check_op(declared)


def build(kernel, scale, bias, attributes):
    store = _core.Store()
    graph = _core.Graph()
    x = graph.input("x", [kernel.shape[0]], "uint8")
    operands = [x]
    for name, value in (("kernel", kernel), ("scale", scale), ("bias", bias)):
        store.add(name, list(value.shape), str(value.dtype))
        store.set(name, value)
        operands.append(graph.parameter(store, name))
    return _core.Function(graph, graph.add("dense_int8", operands, attributes, "layer")), store


@pytest.mark.parametrize("samples", [1, 5, 131, 400])
def test_wide_kernels_are_shared_by_all_threads(samples):
    random = np.random.default_rng(samples)
    x = random.integers(0, 256, (samples, 1501), dtype="uint8")
    kernel, scale, bias = random_layer(random, 1501, 999)
    attributes = {"input_scale": 0.02, "input_zero": 99, "activation": "relu", "output_scale": 0.01}
    function, _ = build(kernel, scale, bias, attributes)
    assert "whole  dense_int8" in function.describe(samples)
    expected = reference_int8.dense_int8(x, kernel, scale, bias, **attributes)
    for threads in (1, 2, 3):
        np.testing.assert_array_equal(function.run([x], threads=threads)[0], expected)


def test_extreme_values_do_not_saturate():
    x = np.full((3, 65536), 255, "uint8")
    kernel = np.where(np.arange(3) < 2, 127, -127).astype("int8") * np.ones((65536, 1), "int8")
    kernel = kernel.view("uint8")
    one, none = np.ones(3, "float32"), np.zeros(3, "float32")
    found = build(kernel, one, none, {})[0].run([x])[0]
    total = np.float32(65536 * 255 * 127)
    np.testing.assert_array_equal(found, [[total, total, -total]] * 3)


def test_other_weights_count_at_once():
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (4, 20), dtype="uint8")
    kernel = random.integers(-127, 128, (20, 6), dtype="int8")
    scale, bias = np.ones(6, "float32"), np.zeros(6, "float32")
    function, store = build(kernel.view("uint8"), scale, bias, {})
    first = function.run([x])[0]
    np.testing.assert_array_equal(function.run([x])[0], first)  # the kernel stays packed
    np.testing.assert_array_equal(function.run([x], batch_size=3)[0], first)
    store.set("kernel", (-kernel).view("uint8"))
    np.testing.assert_array_equal(function.run([x])[0], -first)


PROGRAM = """
import hashlib
import numpy as np
from int8_cases import random_layer
from test_dense_int8 import build
digest = hashlib.sha256()
for n, k in ((6, 54), (64, 288), (100, 33), (999, 1501)):
    random = np.random.default_rng(n)
    x = random.integers(0, 256, (37, k), dtype="uint8")
    kernel, scale, bias = random_layer(random, k, n)
    for attributes in ({}, {"output_scale": 0.013, "output_zero": 3, "activation": "relu"}):
        attributes |= {"input_scale": 0.021, "input_zero": 99}
        digest.update(build(kernel, scale, bias, attributes)[0].run([x])[0].tobytes())
print(digest.hexdigest())
"""


def test_every_instruction_set_gives_the_same_bits():
    here = os.path.dirname(__file__)
    path = os.pathsep.join([here, os.path.dirname(here), *sys.path])
    found = set()
    for isa in _core.available_isas():
        for vnni in ("1", "0"):
            environment = {**os.environ, "FASTNN_ISA": isa, "FASTNN_VNNI": vnni, "PYTHONPATH": path}
            done = subprocess.run(
                [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
            )
            found.add(done.stdout.strip())
    assert len(found) == 1, found
