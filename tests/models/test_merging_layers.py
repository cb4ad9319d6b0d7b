"""Layers that make one tensor of several against NumPy."""

import numpy as np
import pytest
from models.test_layers import data

from fastnn import layers
from fastnn.tensor import Tensor


def check(layer, arrays, expected):
    out = layer(arrays)
    assert out.dtype == np.float64
    np.testing.assert_allclose(out, expected, rtol=1e-12, atol=1e-12)
    shapes = [(None, *a.shape[1:]) for a in arrays]
    assert layer.compute_output_shape(shapes) == (None, *expected.shape[1:])
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert again([Tensor(shape) for shape in shapes]).shape == (None, *expected.shape[1:])


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("Add", lambda *a: sum(a)),
        ("Multiply", lambda *a: np.multiply(*a[:2]) * (a[2] if len(a) > 2 else 1)),
        ("Average", lambda *a: sum(a) / len(a)),
        ("Maximum", lambda *a: np.maximum.reduce(np.broadcast_arrays(*a))),
        ("Minimum", lambda *a: np.minimum.reduce(np.broadcast_arrays(*a))),
    ],
)
def test_elementwise(name, function):
    cls = getattr(layers, name)
    same = [data(3, 4, 5) for _ in range(3)]
    check(cls(dtype="float64"), same, function(*same))
    check(cls(dtype="float64"), same[:2], function(*same[:2]))
    mixed = [data(3, 4, 5), data(3, 1, 5), data(3, 4, 1)]
    check(cls(dtype="float64"), mixed, function(*mixed))


def test_subtract():
    a, b = data(3, 4), data(3, 4)
    check(layers.Subtract(dtype="float64"), [a, b], a - b)
    with pytest.raises(ValueError, match="expected a list of 2 inputs, got 3"):
        layers.Subtract()([a, b, a])


def test_inputs_of_lower_rank_count_from_the_last_axis():
    a, b = data(3, 4, 5), data(3, 5)
    check(layers.Add(dtype="float64"), [a, b], a + b[:, None])


@pytest.mark.parametrize("axis", [-1, 2, 1, -2])
def test_concatenate(axis):
    shapes = [(3, 4, 2), (3, 4, 5), (3, 4, 1)] if axis in (-1, 2) else [(3, 4, 2), (3, 1, 2)]
    arrays = [data(*shape) for shape in shapes]
    check(layers.Concatenate(axis, dtype="float64"), arrays, np.concatenate(arrays, axis))


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize(
    ("shapes", "axes", "sums"),
    [
        ([(3, 5), (3, 5)], 1, "nk,nk->n"),
        ([(3, 4, 5), (3, 2, 5)], 2, "nak,nbk->nab"),
        ([(3, 5, 4), (3, 2, 5)], (1, -1), "nka,nbk->nab"),
        ([(3, 5), (3, 2, 5)], (1, 2), "nk,nbk->nb"),
        ([(3, 4, 5, 2), (3, 5, 6)], (2, 1), "nakc,nkb->nacb"),
    ],
)
def test_dot(shapes, axes, sums, normalize):
    arrays = [data(*shape) for shape in shapes]
    given = axes if isinstance(axes, tuple) else (axes, axes)
    scaled = [a / np.sqrt((a * a).sum(axis, keepdims=True)) for a, axis in zip(arrays, given)]
    expected = np.einsum(sums, *(scaled if normalize else arrays))
    expected = expected[:, None] if expected.ndim == 1 else expected
    check(layers.Dot(axes, normalize, dtype="float64"), arrays, expected)


@pytest.mark.parametrize(
    ("layer", "inputs", "match"),
    [
        (lambda: layers.Add(), data(3, 4), r"a list of 2 or more inputs, got one of shape \(None, 4\)"),
        (lambda: layers.Add(), [data(3, 4)], r"expected a list of 2 or more inputs, got 1"),
        (lambda: layers.Add(), [data(3, 4), data(3, 5)], r"that broadcast, got \(None, 4\), \(None, 5\)"),
        (lambda: layers.Dot(0), [data(3, 4), data(3, 4)], r"axis 0 is not one of an input"),
        (lambda: layers.Dot(2), [data(3, 4), data(3, 4)], r"axis 2 is not one of an input"),
        (lambda: layers.Dot(1), [data(3, 4), data(3, 5)], r"the inputs have 4 and 5 entries along axes 1"),
        (lambda: layers.Dot((1, 2, 3)), None, r"axes must be an integer or two"),
        (lambda: layers.Concatenate(0), None, r"axis 0 counts samples"),
        (lambda: layers.Concatenate(3), [data(3, 4), data(3, 4)], r"axis 3 is out of range for inputs of"),
        (lambda: layers.Concatenate(1), [data(3, 4, 2), data(3, 4, 3)], r"differ along axis 1 alone"),
        (lambda: layers.Concatenate(), [data(3, 4, 2), data(3, 4)], r"differ along axis 2 alone"),
    ],
)
def test_messages(layer, inputs, match):
    with pytest.raises(ValueError, match=match):
        layer()(inputs)
