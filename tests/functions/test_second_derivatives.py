"""Gradients of gradients of fastnn.ops, and the errors where there are none."""

import numpy as np
import pytest

import fastnn
from fastnn import layers, ops

RNG = np.random.default_rng(1)
X = RNG.normal(size=(3, 4))

FUNCTIONS = {
    "prod": lambda a: ops.prod(a, axis=1),
    "sum": lambda a: ops.sum(a, axis=0),
    "var": lambda a: ops.var(a, axis=1),
    "max": lambda a: ops.max(a, axis=1),
    "logsumexp": lambda a: ops.logsumexp(a, axis=1),
    "cumsum": lambda a: ops.cumsum(a, axis=1),
    "softmax": lambda a: ops.softmax(a, axis=1),
    "trace": lambda a: ops.einsum("ii->i", a[:, :3]),
    "top_k": lambda a: ops.top_k(a, 2)[0],
    "scatter_add": lambda a: ops.scatter_add(a, np.array([0, 2, 0]), a * a),
    "matmul": lambda a: a @ ops.transpose(a),
}


@pytest.mark.parametrize("at_zero", [False, True])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_of_gradients_fit_differences(name, at_zero):
    function = FUNCTIONS[name]
    first = fastnn.grad(lambda a: ops.sum(ops.sin(function(a))))
    second = fastnn.grad(lambda a: ops.sum(ops.square(first(a))))
    x = X.copy()
    if at_zero:
        x[1, 2] = 0.0
        x[2, 1:3] = 0.0 if name == "prod" else x[2, 1:3]
    along = RNG.normal(size=x.shape)
    step = 1e-5
    ahead, behind = (np.sum(np.asarray(first(x + s * along)) ** 2) for s in (step, -step))
    assert np.sum(second(x) * along) == pytest.approx((ahead - behind) / (2 * step), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("layer", [layers.LSTM(3, name="it"), layers.LayerNormalization(name="it")])
def test_where_there_are_none_the_error_says_so(layer):
    class Bend(layers.Layer):
        def __init__(self, inner):
            super().__init__(name="bend")
            self.inner = inner

        def call(self, x):
            slope = ops.gradients(ops.square(self.inner(x)), x)
            return ops.gradients(ops.square(slope), x)

    with pytest.raises(
        ValueError, match=r"'it': op '\w+_grad\w*' .*first gradient only, no gradient of grad"
    ):
        Bend(layer)(np.ones((2, 3, 4), "float32"))


def test_an_error_of_an_op_names_the_layer_whose_call_it_is():
    class Wrong(layers.Layer):
        def call(self, x):
            return x @ np.ones((3, 3))

    class Outer(layers.Layer):
        def __init__(self):
            super().__init__(name="outer")
            self.inner = Wrong(name="mine")

        def call(self, x):
            return self.inner(x)

    with pytest.raises(ValueError, match=r"^Wrong 'mine': matmul: cannot multiply \(None, 5\) and \(3, 3\)"):
        Outer()(np.ones((2, 5)))
    with pytest.raises(TypeError, match=r"^Lambda 'f': unsupported operand type"):
        layers.Lambda(lambda x: "a" - x.ndim, name="f")(np.ones((2, 5)))
