"""3x3 convolutions in bfloat16 that Winograd's form serves: transformed operands are rounded."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
import reference
from bfloat16 import BFLOAT16, graph_of, near, random, rounded
from winograd import MAKERS, UNIT, per_output, tiles

from fastnn import _core

COARSE = 2.0**-8  # bfloat16's unit roundoff
INPUT = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]], "float64")
KERNEL = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
OUTPUT = np.array([[1, 1, 1, 0], [0, 1, -1, -1]], "float64")


def transformed(left, x):
    """left x left' of blocks x (rows, columns, ...), rounded; its sums are float32's."""
    made = x.astype("float32")
    for axis in (0, 1):
        lines = np.moveaxis(made, axis, 0)
        order = (0, 2, 1) if len(lines) == 3 else range(len(lines))  # a kernel's middle is added last
        factors = left / np.abs(left).max(axis=1, keepdims=True)
        sums = [np.float32(0)] * len(left)
        for k in order:
            sums = [s + np.float32(row[k]) * lines[k] for s, row in zip(sums, factors, strict=True)]
        scale = np.abs(left).max(axis=1).astype("float32")
        made = np.moveaxis(np.stack([f * s for f, s in zip(scale, sums, strict=True)]), 0, axis)
    return rounded(made).astype("float64")


def blocks(image, size, height, width, before):
    """Blocks (size, size, N, rows, columns, channels) of cells two apart, zeros outside the image."""
    rows, columns = (height + 1) // 2, (width + 1) // 2
    padded = np.zeros((len(image), 2 * rows + 4, 2 * columns + 4, image.shape[3]), "float32")
    padded[:, before : before + image.shape[1], before : before + image.shape[2]] = image
    cut = [
        [padded[:, y : y + 2 * rows : 2, x : x + 2 * columns : 2] for x in range(size)] for y in range(size)
    ]
    return np.stack([np.stack(row) for row in cut])


def correlation(x, kernel, height, width, before):
    """By definition: float64 sums of the products of rounded operands."""
    v = transformed(INPUT, blocks(x, 4, height, width, before))
    u = transformed(KERNEL, kernel)
    m = np.einsum("abnyxi,abio->abnyxo", v, u)
    y = np.einsum("pa,qb,abnyxo->nypxqo", OUTPUT, OUTPUT, m)
    n, rows, _, columns, _, out = y.shape
    return y.reshape(n, 2 * rows, 2 * columns, out)[:, :height, :width]


def kernel_gradient(x, dy, before):
    height, width = dy.shape[1:3]
    v = transformed(INPUT, blocks(x, 4, height, width, before))
    g = transformed(OUTPUT.T, blocks(dy, 2, height, width, 0))
    m = np.einsum("abnyxi,abnyxo->abio", v, g)
    return np.einsum("ap,bq,abio->pqio", KERNEL, KERNEL, m)


SHAPES = [
    ((26, 26, 32), 64, "valid", "relu"),
    ((12, 11, 40), 33, "same", "tanh"),
    ((9, 8, 33), 70, "same", "linear"),
    ((8, 10, 64), 32, "causal", "linear"),
]


def run(image, filters, padding, activation, samples=5):
    """Operands, and the output with all gradients for one and for three threads."""
    x, kernel, bias = random(samples, *image), random(3, 3, image[2], filters), random(filters)
    attributes = {**BFLOAT16, "padding": padding, "activation": activation}
    graph, fetch = graph_of("conv2d", x, [kernel, bias], attributes)
    dy = random(samples, *graph.shape(fetch[0]), seed=1)
    function = _core.Function(graph, fetch, "rows")
    return (x, kernel, bias, dy), [function.run([x, dy], threads=threads) for threads in (1, 3)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_conv2d_is_what_it_is_defined_as(shape):
    image, _, padding, activation = shape
    (x, kernel, bias, dy), (found, other) = run(*shape)
    for a, b in zip(found, other, strict=True):
        assert a.tobytes() == b.tobytes()
    before = {"valid": 0, "same": 1, "causal": 2}[padding]
    height, width = dy.shape[1:3]
    linear = correlation(x, kernel, height, width, before) + bias
    y, dx, dkernel, dbias = found
    wanted = {"relu": np.maximum(linear, 0), "tanh": np.tanh(linear), "linear": linear}[activation]
    near(y, wanted, 2e-6 if activation != "tanh" else 2e-5)
    slope = {"relu": y > 0, "tanh": 1 - y**2, "linear": 1}[activation]
    dz = (dy * slope).astype("float32")
    # A gradient that lies between two bfloat16 numbers may be rounded to either.
    tolerance = 2e-6 if activation != "tanh" else 2e-3
    turned = kernel[::-1, ::-1].transpose(0, 1, 3, 2)
    near(dx, correlation(dz, turned, *image[:2], 2 - before), tolerance)
    near(dkernel, kernel_gradient(x, dz, before), tolerance)
    near(dbias, dz.sum((0, 1, 2), dtype="float64"), 1e-5)


@pytest.mark.parametrize("make_kernel", MAKERS)
@pytest.mark.parametrize("make_image", MAKERS)
def test_error_is_bounded(make_image, make_kernel):
    height, width, channels, filters = 9, 8, 32, 48
    generator = np.random.default_rng(0)
    x = make_image(generator, 3, height, width, channels).astype("float32")
    kernel = make_kernel(generator, 3, 3, channels, filters).astype("float32")
    dy = make_image(generator, 3, height, width, filters).astype("float32")
    graph, fetch = graph_of("conv2d", x, [kernel], {**BFLOAT16, "padding": "same"})
    found = _core.Function(graph, fetch, "rows").run([x, dy])
    wide = [a.astype("float64") for a in (x, kernel, dy)]
    cells = tiles(wide[0], height, width, 1, 4).max(axis=0).reshape(-1, channels)
    sums = tiles(wide[2], height, width, 0, 2).sum(axis=0).reshape(-1, filters)
    turned = wide[1].transpose(0, 1, 3, 2)
    exact_of = [
        (reference.conv2d(wide[0], wide[1], None, padding="same"), channels),
        (reference.conv2d(wide[2], turned[::-1, ::-1], None, padding="same"), filters),
        (exact_kernel_gradient(wide[0], wide[2]), len(cells)),
    ]
    bounds = [
        per_output(wide[0], wide[1], height, width, 1),
        per_output(wide[2], turned, height, width, 1),
        cells.T @ sums,
    ]
    for got, (exact, terms), bound in zip(found[:3], exact_of, bounds, strict=True):
        share = np.abs(got - exact) / ((16 * (terms + 12) * UNIT + 32 * COARSE) * bound)
        assert share.max() <= 0.2


def exact_kernel_gradient(x, dy):
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    height, width = x.shape[1:3]
    taps = [padded[:, y : y + height, x : x + width] for y in range(3) for x in range(3)]
    made = np.stack([np.tensordot(tap, dy, ((0, 1, 2), (0, 1, 2))) for tap in taps])
    return made.reshape(3, 3, *made.shape[1:])


def digest():
    """Of all results, as text."""
    made = hashlib.sha256()
    for shape in SHAPES:
        if shape[3] == "tanh":  # its own bits differ between instruction sets
            continue
        for result in run(*shape)[1][0]:
            made.update(result.tobytes())
    return made.hexdigest()


@pytest.mark.parametrize("isa", _core.available_isas())
def test_every_processor_gives_the_same_bits(isa):
    environment = {**os.environ, "FASTNN_ISA": isa, "FASTNN_BFLOAT16": "emulated"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    command = [sys.executable, __file__]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == digest()


if __name__ == "__main__":
    print(digest())
