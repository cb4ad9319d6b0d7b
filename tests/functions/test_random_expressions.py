"""Random expressions: on arrays and in layers they give what NumPy gives, with gradients by differences."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnn
from fastnn import ops
from fastnn.layers import Layer

UNARY = {
    "tanh": np.tanh,
    "sin": np.sin,
    "square": np.square,
    "abs": np.abs,
    "negative": np.negative,
    "floor": np.floor,
}
BINARY = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "maximum": np.maximum}


@st.composite
def expressions(draw, depth=4):
    """A tree of ("x",), ("constant", array), (name, tree...) for x of shape (None, 3, 4)."""
    kind = draw(st.sampled_from(["x", "constant", "unary", "binary", "reduce", "slice"])) if depth else "x"
    if kind == "x":
        return ("x",)
    if kind == "constant":
        shape = draw(st.sampled_from([(), (4,), (3, 1), (3, 4), (1, 3, 4)]))
        values = draw(st.lists(st.integers(-8, 8), min_size=12, max_size=12))
        return ("constant", np.array(values[: int(np.prod(shape))], "float64").reshape(shape) / 4)
    inner = draw(expressions(depth - 1))
    if kind == "unary":
        return (draw(st.sampled_from(sorted(UNARY))), inner)
    if kind == "binary":
        return (draw(st.sampled_from(sorted(BINARY))), inner, draw(expressions(depth - 1)))
    if kind == "reduce":
        # Multiplied with x, so that a constant is of x's shape, too.
        axis = draw(st.sampled_from([1, 2, (1, 2), 0]))
        name = "mean" if axis == 0 else draw(st.sampled_from(["sum", "mean", "max", "var"]))
        return ("reduce", name, axis, inner)
    return ("slice", draw(st.sampled_from([1, -1])), inner)


def evaluate(tree, x, f):
    name = tree[0]
    if name == "x":
        return x
    if name == "constant":
        return tree[1]
    if name == "reduce":
        inner = evaluate(tree[3], x, f) + 0 * x
        return getattr(f, tree[1])(inner, axis=tree[2], keepdims=True)
    if name == "slice":
        inner = evaluate(tree[2], x, f) + 0 * x
        return inner[:, :: tree[1], ::-1]
    parts = [evaluate(part, x, f) for part in tree[1:]]
    return getattr(f, name)(*parts)


class Expression(Layer):
    def __init__(self, tree, **kwargs):
        super().__init__(dtype="float64", **kwargs)
        self.tree = tree

    def call(self, inputs):
        return evaluate(self.tree, inputs, ops) + 0 * inputs


@settings(max_examples=60, deadline=None)
@given(expressions(), st.integers(0, 2**31))
def test_expressions(tree, seed):
    x = np.random.default_rng(seed).uniform(-2, 2, (5, 3, 4))
    expected = evaluate(tree, x, np) + 0 * x
    np.testing.assert_allclose(Expression(tree)(x), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ops.add(evaluate(tree, x, ops), 0 * x), expected, rtol=1e-9, atol=1e-9)

    gradient = fastnn.grad(lambda t: ops.sum(evaluate(tree, t, ops) + t), batched=0, dtype="float64")(x)
    direction = np.random.default_rng(seed + 1).uniform(-1, 1, x.shape)
    slopes = []
    for h in (1e-5, 1e-6):
        upper, lower = (np.sum(evaluate(tree, x + s * direction, np) + x + s * direction) for s in (h, -h))
        slopes.append((upper - lower) / (2 * h))
    found = np.sum(gradient * direction)
    if abs(slopes[0] - slopes[1]) < 1e-6 * max(1.0, abs(found)):  # not at a kink
        assert abs(slopes[0] - found) <= 1e-5 * max(1.0, abs(found))
