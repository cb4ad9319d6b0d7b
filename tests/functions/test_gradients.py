"""fastnn.grad, fastnn.value_and_grad and ops.gradients."""

import numpy as np
import pytest

import fastnn
from fastnn import ops
from fastnn.layers import Dense, Layer

RANDOM = np.random.default_rng(5)


def array(*shape, low=-1.0, high=1.0, dtype="float64"):
    return RANDOM.uniform(low, high, shape).astype(dtype)


def difference(f, x, h=1e-5):
    """Gradient of a function of an array by central differences."""
    out = np.zeros_like(x)
    for index in np.ndindex(*x.shape):
        step = np.zeros_like(x)
        step[index] = h
        out[index] = (f(x + step) - f(x - step)) / (2 * h)
    return out


FUNCTIONS = {
    "polynomial": lambda f, x: f.sum(x**3 - 2 * x + 1 / (2 + x)),
    "mean of a product": lambda f, x: f.mean(x[:, :2] * x[:, 1:]),
    "norm": lambda f, x: f.sqrt(f.sum(f.square(x))),
    "rows": lambda f, x: f.sum(f.max(x, axis=1) * f.min(x, axis=1)),
    "matmul": lambda f, x: f.sum(f.matmul(x, f.transpose(x)) ** 2),
    "std": lambda f, x: f.sum(f.std(x, axis=1)),
    "where": lambda f, x: f.sum(f.where(x > 0, f.exp(x), f.sin(x))),
    "stack": lambda f, x: f.sum(f.stack([x, x * x], 1) ** 2),
    "prod": lambda f, x: f.sum(f.prod(x, axis=0)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_grad_of_arrays(name):
    x = array(4, 3)
    value, found = fastnn.value_and_grad(lambda t: FUNCTIONS[name](ops, t))(x)
    assert value == pytest.approx(FUNCTIONS[name](np, x), rel=1e-12)
    np.testing.assert_allclose(found, difference(lambda a: FUNCTIONS[name](np, a), x), rtol=1e-6, atol=1e-8)


def test_several_arguments():
    a, b = array(3), array(3)
    f = fastnn.grad(lambda x, y: ops.sum(x * x * y), argnums=(0, 1))
    da, db = f(a, b)
    np.testing.assert_allclose(da, 2 * a * b)
    np.testing.assert_allclose(db, a * a)
    np.testing.assert_allclose(fastnn.grad(lambda x, y: ops.sum(x * x * y), argnums=-1)(a, b), a * a)
    np.testing.assert_allclose(f(b, a)[0], 2 * a * b)  # the kept graph takes new values
    assert f(a[:2], b[:2])[0].shape == (2,)


def test_grad_nests_three_times():
    f = fastnn.grad(lambda x: ops.sum(ops.sin(x)))
    for _ in range(2):
        f = fastnn.grad(lambda x, g=f: ops.sum(g(x)))
    x = array(5)
    np.testing.assert_allclose(f(x), -np.cos(x), rtol=1e-10)


def test_weights_of_models():
    model = fastnn.Sequential(
        [fastnn.Input((3,)), Dense(4, "tanh", dtype="float64"), Dense(1, dtype="float64")]
    )
    x, y = array(8, 3), array(8, 1)

    def loss(a, b):
        return ops.mean(ops.square(model(a) - b))

    value, gradients = fastnn.value_and_grad(
        loss, argnums=None, weights=model, batched=(0, 1), dtype="float64"
    )(x, y)
    assert value == pytest.approx(np.mean((model.predict(x, verbose=0) - y) ** 2))
    predicted = model.forward(x)
    expected = model.vjp(x, 2 * (predicted - y) / len(x))[1]
    for got, wanted in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-9)
    of_input, of_weights = fastnn.grad(loss, weights=model, batched=(0, 1), dtype="float64")(x, y)
    assert of_input.shape == x.shape and len(of_weights) == 4


def test_gradient_descent_by_hand_lowers_the_loss():
    layer = Dense(1)
    x = array(32, 2, dtype="float32")
    y = x @ np.array([[2.0], [-1.0]], "float32")
    step = fastnn.value_and_grad(
        lambda a, b: ops.mean((layer(a) - b) ** 2), argnums=None, weights=layer, batched=(0, 1)
    )
    optimizer = fastnn.optimizers.SGD(0.5)
    first = step(x, y)[0]
    for _ in range(50):
        gradients = step(x, y)[1]
        optimizer.apply_gradients(zip(gradients, layer.trainable_weights, strict=True))
    assert step(x, y)[0] < 1e-3 * first


def test_an_unbuilt_layer_is_built_by_the_first_call():
    layer = Dense(2)
    f = fastnn.grad(lambda a: ops.sum(layer(a)), argnums=None, weights=layer, batched=0)
    assert [g.shape for g in f(np.ones((3, 4)))] == [(4, 2), (2,)]


def test_hessian_of_weights():
    """A gradient of the weights' gradient's norm, as sharpness penalties need it."""
    layer = Dense(1, use_bias=False, dtype="float64")
    x, y = array(6, 3), array(6, 1)

    def norm(a, b):
        error = layer(a) - b
        return ops.sum(ops.gradients(ops.mean(error * error), layer.kernel) ** 2)

    found = fastnn.grad(norm, argnums=None, weights=layer, batched=(0, 1), dtype="float64")(x, y)[0]

    def expected(kernel):
        gradient = 2 * x.T @ (x @ kernel - y) / len(x)
        return np.sum(gradient**2)

    np.testing.assert_allclose(found, difference(expected, layer.kernel.numpy()), rtol=1e-6)


class Curvature(Layer):
    """Second derivative of a network of one input and output."""

    def __init__(self, network, **kwargs):
        super().__init__(**kwargs)
        self.network = network

    def call(self, inputs):
        slope = ops.gradients(self.network(inputs), inputs)
        return ops.gradients(slope, inputs)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "silu", "softplus", "gelu"])
def test_second_derivatives_within_call(activation):
    network = fastnn.Sequential(
        [
            fastnn.Input((1,)),
            Dense(8, activation, dtype="float64"),
            Dense(8, activation, dtype="float64"),
            Dense(1, dtype="float64"),
        ]
    )
    x = array(7, 1)
    found = Curvature(network, dtype="float64")(x)
    h = 1e-4
    f = network.forward
    np.testing.assert_allclose(found, (f(x + h) - 2 * f(x) + f(x - h)) / h**2, rtol=1e-4, atol=1e-6)


def test_a_gradient_penalty_trains():
    class Penalised(Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inner = Dense(16, "tanh")
            self.outer = Dense(1)

        def call(self, inputs):
            y = self.outer(self.inner(inputs))
            slope = ops.gradients(y, inputs)
            self.add_loss(10.0 * ops.square(ops.sum(ops.square(slope), axis=1)))
            return y

    x = array(256, 2, dtype="float32")
    y = (x[:, :1] * 3).astype("float32")
    fastnn.random.set_seed(1)
    steep = fastnn.Sequential([fastnn.Input((2,)), Penalised()])
    steep.compile(fastnn.optimizers.Adam(0.02), "mse")
    steep.fit(x, y, epochs=20, verbose=0)
    field = fastnn.grad(lambda a: ops.sum(steep(a)), batched=0)(x)
    assert np.sqrt((field**2).sum(1)).mean() < 1.5  # 3 without the penalty


@pytest.mark.parametrize("samples", [1, 5, 16, 19])
@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_roots_of_gradients_in_lanes_without_a_sample(samples, layout):
    """A gradient penalty's norm has a derivative wherever the samples' norms have one."""
    from fastnn import _core
    from fastnn.layers.context import BuildContext
    from fastnn.tensor import graph_input

    layer = Dense(1, "tanh", dtype="float64")
    layer.build((None, 3))
    with BuildContext() as context:
        context.enter("penalty")
        x = graph_input(context.graph, (None, 3), "float64", "x")
        slope = ops.gradients(layer(x), x)
        penalty = ops.mean((ops.sqrt(ops.sum(slope**2, axis=1)) - 1) ** 2)
        of_kernel = ops.gradients(penalty, layer.kernel)
    values = array(samples, 3)
    found = _core.Function(context.graph, [penalty.id, of_kernel.id], layout).run([values])

    def expected(kernel):
        slopes = (1 - np.tanh(values @ kernel) ** 2) * kernel.T
        return np.mean((np.sqrt((slopes**2).sum(1)) - 1) ** 2)

    kernel = layer.kernel.numpy()
    assert found[0] == pytest.approx(expected(kernel))
    np.testing.assert_allclose(found[1], difference(expected, kernel), rtol=1e-6)


def test_a_gradient_penalty_through_convolutions():
    """As critics of Wasserstein GANs have it: its gradient by differences."""
    convolution = fastnn.layers.Conv2D(3, 3, strides=2, padding="same", dtype="float64")
    pooled = fastnn.layers.AveragePooling2D(dtype="float64")
    head = Dense(1, dtype="float64")

    def penalty(x):
        y = fastnn.activations.leaky_relu(convolution(x), 0.2)
        y = head(fastnn.layers.Flatten(dtype="float64")(pooled(y)))
        slope = ops.gradients(y, x)
        return ops.mean((ops.sqrt(ops.sum(slope**2, axis=(1, 2, 3))) - 1) ** 2)

    x = array(5, 8, 8, 2)
    step = fastnn.value_and_grad(
        penalty, argnums=None, weights=[convolution, head], batched=0, dtype="float64"
    )
    _, found = step(x)
    kernel = convolution.kernel.numpy()
    for index in [(0, 0, 0, 0), (1, 2, 1, 2), (2, 1, 0, 1)]:
        values = []
        for h in (1e-5, -1e-5):
            moved = kernel.copy()
            moved[index] += h
            convolution.kernel.assign(moved)
            values.append(step(x)[0])
        convolution.kernel.assign(kernel)
        assert found[0][index] == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-5, abs=1e-8)


# ---- errors ----------------------------------------------------------------------------------------------


def fails(function, x, error, match):
    class Failing(Layer):
        def call(self, inputs):
            return function(inputs)

    with pytest.raises(error, match=match):
        Failing(name="failing")(x)


def test_gradient_of_integers():
    x = np.ones((2, 3), "float32")
    fails(lambda t: ops.gradients(ops.argmax(t, axis=1), t), x, TypeError, r"y, tensor .* holds int32")
    fails(lambda t: ops.gradients(t, ops.cast(t, "int32")), x, TypeError, r"xs\[0\], tensor .* holds int32")
    fails(lambda t: ops.gradients(t, t > 0), x, TypeError, r"xs\[0\], tensor .* holds bool")
    with pytest.raises(TypeError, match=r"xs\[0\], tensor 'argument 0', holds int32"):
        fastnn.grad(lambda a: ops.sum(ops.cast(a, "float32")))(np.array([1, 2]))
    with pytest.raises(TypeError, match=r"holds bool"):
        fastnn.grad(lambda a: ops.sum(ops.cast(a, "float32")))(np.array([True, False]))
    with pytest.raises(TypeError, match=r"y, tensor .* holds int32"):
        fastnn.grad(lambda a: ops.argmax(a))(np.array([1.0, 2.0]))


def test_gradient_of_disconnected_tensors():
    x = np.ones((2, 3), "float32")
    fails(lambda t: ops.gradients(t * 2, t * 3), x, ValueError, r"does not depend on xs\[0\]")
    fails(lambda t: ops.gradients(ops.stop_gradient(t), [t, t]), x, ValueError, r"does not depend on xs\[0\]")

    through = {
        "integers": lambda t: ops.cast(ops.cast(t, "int32"), "float32"),
        "comparisons": lambda t: ops.cast(t > 0, "float32"),
        "places": lambda t: ops.cast(ops.argmax(t, axis=1), "float32"),
    }
    for function in through.values():
        fails(lambda t, f=function: ops.gradients(f(t), t), x, ValueError, r"does not depend on xs\[0\]")
        with pytest.raises(ValueError, match=r"does not depend on xs\[0\]"):
            fastnn.grad(lambda a, f=function: ops.sum(f(a)))(x)
    fails(lambda t: ops.gradients(t, t, unconnected="none"), x, ValueError, "must be 'raise' or 'zeros'")

    class Zeros(Layer):
        def call(self, inputs):
            return ops.gradients(ops.stop_gradient(inputs), inputs, unconnected="zeros") + inputs

    np.testing.assert_array_equal(Zeros()(x), x)
    with pytest.raises(ValueError, match=r"does not depend on xs\[1\]"):
        fastnn.grad(lambda a, b: ops.sum(a), argnums=(0, 1))(np.ones(2), np.ones(2))


def test_what_has_no_second_gradient_is_named():
    pooled = fastnn.layers.MaxPooling2D()

    def twice(t):
        slope = ops.gradients(pooled(t) ** 2, t)
        return ops.gradients(slope, t)

    fails(
        twice,
        np.ones((1, 4, 4, 1), "float32"),
        ValueError,
        r"MaxPooling2D.*max_pool2d_grad.*no gradient rule",
    )


def test_grad_wants_a_scalar_tensor():
    with pytest.raises(ValueError, match=r"must return a scalar, got a tensor of shape \(3,\)"):
        fastnn.grad(lambda x: x * 2)(np.ones(3))
    with pytest.raises(TypeError, match=r"must return a tensor, got 3"):
        fastnn.grad(lambda x: 3)(np.ones(3))
    with pytest.raises(ValueError, match=r"no argument 2, the function was given 1"):
        fastnn.grad(lambda x: ops.sum(x), argnums=2)(np.ones(3))
    with pytest.raises(TypeError, match="expected a function"):
        fastnn.grad(3)
    with pytest.raises(TypeError, match=r"must be a tensor of the graph"):
        ops.gradients(np.ones(3), np.ones(3))
