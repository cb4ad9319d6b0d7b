"""NaN, infinities and the sign of zero: nothing is simplified that they make differ."""

import numpy as np
import pytest

import fastnn
from fastnn import ops

VALUES = np.array([0.0, -0.0, 1.5, -2.0, 3.0, np.inf, -np.inf, np.nan, 1e-45, 3e38], "float32")
TWO = ["add", "subtract", "multiply", "divide", "maximum", "minimum", "power"]


def assert_equal(found, expected):
    found, expected = np.asarray(found), np.asarray(expected)
    np.testing.assert_array_equal(found, expected)
    numbers = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found)[numbers], np.signbit(expected)[numbers])


def assert_close(found, expected, name):
    """Powers are right to the last bit or two; of -0 they are taken as of 0."""
    if name == "power":
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    else:
        assert_equal(found, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", TWO)
def test_with_numbers(name, dtype):
    values = VALUES.astype(dtype)
    with np.errstate(all="ignore"):
        for number in values:
            if name != "power" or number not in (3.0, -2.0):  # -0 to a whole power
                expected = getattr(np, name)(values, number)
                assert_close(getattr(ops, name)(values, float(number)), expected, name)
            expected = getattr(np, name)(number, values)
            assert_close(getattr(ops, name)(float(number), values), expected, name)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", TWO)
def test_with_arrays(name, dtype):
    a, b = (each.ravel() for each in np.meshgrid(VALUES.astype(dtype), VALUES.astype(dtype)))
    if name == "power":
        kept = ~((a == 0) & np.signbit(a))
        a, b = a[kept], b[kept]
    with np.errstate(all="ignore"):
        assert_close(getattr(ops, name)(a, b), getattr(np, name)(a, b), name)


def test_negative_and_clip():
    assert_equal(ops.negative(VALUES), -VALUES)
    assert_equal(ops.clip(VALUES, -1.0, 1.0), np.clip(VALUES, -1, 1))


@pytest.mark.parametrize("name", ["sum", "max", "min", "prod", "mean"])
def test_reductions(name):
    for values in ([1, np.nan, 3], [np.inf, 1], [-np.inf, 1], [-np.inf, np.inf]):
        with np.errstate(all="ignore"):
            array = np.array(values, "float32")
            np.testing.assert_array_equal(getattr(ops, name)(array), getattr(np, name)(array))


NOTHING = {
    "x - x": lambda x: x - x,
    "x * 0": lambda x: x * 0.0,
    "0 * x": lambda x: 0.0 * x,
    "x / x": lambda x: x / x,
    "0 / x": lambda x: 0.0 / x,
    "x + (-x)": lambda x: x + (-x),
    "x * -0": lambda x: x * -0.0,
}


@pytest.mark.parametrize("name", NOTHING)
def test_what_looks_like_nothing(name):
    x = np.concatenate([VALUES] * 7)  # more than a vector
    compiled = fastnn.Model(inputs := fastnn.Input((len(x),)), NOTHING[name](inputs))
    with np.errstate(all="ignore"):
        expected = NOTHING[name](x)
    assert_equal(compiled.predict(x[None], verbose=0)[0], expected)
    assert_equal(compiled.predict(np.stack([x] * 40), verbose=0)[33], expected)


def gradient(f, x):
    return fastnn.grad(lambda x: ops.sum(f(x)))(np.asarray(x, "float32"))


def test_gradients():
    np.testing.assert_array_equal(gradient(lambda x: x * 0.0, [1, np.inf, np.nan]), [0, 0, 0])
    np.testing.assert_array_equal(gradient(lambda x: x**0.0, [0.0, 2.0, np.inf]), [0, 0, 0])
    np.testing.assert_array_equal(gradient(lambda x: x**1.0, [0.0, 2.0, np.inf]), [1, 1, 1])
    # A product with NaN is NaN, whichever branch is taken: where() chooses values, not what is computed.
    np.testing.assert_array_equal(
        gradient(lambda x: ops.where(x > 0, x, 2.0 * x), [-1.0, 3.0, np.inf, -np.inf]), [2, 1, 1, 2]
    )
    # The same by way of a safe operand.
    safe = gradient(lambda x: ops.where(x > 0, ops.log(ops.where(x > 0, x, 1.0)), 0.0), [-1.0, 0.0, 4.0])
    np.testing.assert_array_equal(safe, [0, 0, 0.25])


def test_gradients_of_powers_with_respect_to_exponents():
    base = np.array([0.0, 1.0, 2.0, np.inf], "float32")
    found = fastnn.grad(lambda y: ops.sum(ops.power(base, y)))(np.full(4, 2.0, "float32"))
    np.testing.assert_allclose(found, [0, 0, 4 * np.log(2), np.inf], rtol=1e-6)


def test_slopes_of_infinite_inputs():
    layer = fastnn.layers.PReLU(alpha_initializer=fastnn.initializers.Constant(0.25))
    x = np.array([[np.inf, -np.inf, 0.0, -3.0]], "float32")
    first = fastnn.grad(lambda x: ops.sum(layer(x)), batched=0)
    np.testing.assert_array_equal(first(x), [[1, 0.25, 1, 0.25]])
