"""Weights in layers of one's own: operators on them, state that `call` assigns, layers that nobody keeps."""

import numpy as np
import pytest

import fastnn
from fastnn import layers, ops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 5)).astype("float32")


class Weighted(layers.Layer):
    """Computes a function of inputs and weights."""

    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self.function = function

    def build(self, input_shape):
        self.row = self.add_weight((5,), "ones", name="row")
        self.table = self.add_weight((5, 3), "ones", name="table")

    def call(self, inputs):
        return self.function(inputs, self.row, self.table)


EXPRESSIONS = {
    "1 - w": lambda x, w, k: x * (1.0 - w) + x * w * w,
    "2 w": lambda x, w, k: x * (w * 2.0),
    "-w": lambda x, w, k: x + (-w),
    "w squared": lambda x, w, k: x * w**2,
    "2 to the w": lambda x, w, k: x * 2.0**w,
    "slice": lambda x, w, k: x * k[:, 0],
    "row": lambda x, w, k: x * ops.transpose(k)[1],
    "abs": lambda x, w, k: x * abs(w),
    "two weights": lambda x, w, k: x * (w + k[:, 1]),
    "array times w": lambda x, w, k: x * (np.full(5, 2.0, "float32") * w),
    "w over array": lambda x, w, k: x * (w / np.full(5, 2.0, "float32")),
    "product": lambda x, w, k: x @ (k * 2.0),
    "where": lambda x, w, k: x * ops.where(w > 0.5, w, 0.0),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_operators_on_weights_compute_and_train(name):
    function = EXPRESSIONS[name]
    layer = Weighted(function)
    model = fastnn.Sequential([fastnn.Input((5,)), layer])
    expected = function(X, np.ones(5), np.ones((5, 3))) if name not in ("where", "row") else X
    np.testing.assert_allclose(model.predict(X, verbose=0), expected, rtol=1e-5, atol=1e-6)
    model.compile(fastnn.optimizers.SGD(0.1), "mse")
    before = [w.copy() for w in model.get_weights()]
    model.fit(X, np.full_like(expected, 3.0, dtype="float32"), verbose=0)
    assert any(np.abs(a - b).max() > 0 for a, b in zip(before, model.get_weights(), strict=True))


def test_operators_on_weights_outside_of_a_graph_give_arrays():
    layer = Weighted(lambda x, w, k: x)
    layer(X)
    np.testing.assert_array_equal(layer.row * 2 + 1, np.full(5, 3.0))
    np.testing.assert_array_equal(layer.table[1:3, 0], np.ones(2))
    np.testing.assert_array_equal(np.arange(5.0) - layer.row, np.arange(5.0) - 1)
    np.testing.assert_allclose(np.exp(layer.row), np.full(5, np.e), rtol=1e-6)
    np.testing.assert_array_equal(np.concatenate([layer.row, layer.row]), np.ones(10))
    assert layer.table.ndim == 2
    with pytest.raises(TypeError, match=r"weight 'row' cannot be iterated over"):
        list(layer.row)


@pytest.mark.parametrize("function", [np.sin, np.mean])
def test_numpy_on_a_weight_within_call_is_refused(function):
    layer = Weighted(lambda x, w, k: x * function(w), name="mine")
    with pytest.raises(
        TypeError, match=rf"Weighted 'mine': numpy.{function.__name__} .* constant of it: use"
    ):
        layer(X)


class Centred(layers.Layer):
    """Takes a running mean off."""

    def build(self, input_shape):
        self.mean = self.add_weight((input_shape[-1],), "zeros", trainable=False, name="mean")

    def call(self, inputs, training=False):
        if training:
            self.mean.assign(0.5 * self.mean + 0.5 * ops.mean(inputs, axis=0))
        return inputs - self.mean


def test_call_assigns_state():
    layer = Centred()
    model = fastnn.Sequential([fastnn.Input((5,)), layer, layers.Dense(1)])
    model.compile("sgd", "mse")
    model.predict(X, verbose=0)
    np.testing.assert_array_equal(layer.mean.numpy(), 0)
    model.fit(X, X[:, :1], batch_size=32, epochs=2, verbose=0)
    np.testing.assert_allclose(layer.mean.numpy(), 0.75 * X.mean(axis=0), rtol=1e-5, atol=1e-6)
    assert len(model.trainable_weights) == 2


class Counter(layers.Layer):
    """Counts its calls, of whatever kind."""

    def build(self, input_shape):
        self.count = self.add_weight((), "zeros", trainable=False, name="count")

    def call(self, inputs):
        self.count.assign_add(1.0)
        return inputs


def test_state_that_is_no_row_a_sample_is_assigned_in_predict_as_well():
    layer = Counter()
    model = fastnn.Sequential([fastnn.Input((5,)), layer])
    np.testing.assert_array_equal(model.predict(X, batch_size=8, verbose=0), X)
    assert layer.count.numpy() == 4
    layer.count.assign_sub(np.float32(1.5))
    assert layer.count.numpy() == 2.5


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda layer, x: x[:, :], r"'mean' is float32 of shape \(5,\).* shape \(None, 5\)\. Take a mean"),
        (lambda layer, x: ops.mean(x), r"cannot be assigned float32 of shape \(\)\.$"),
    ],
)
def test_assigning_what_does_not_fit_is_refused(value, message):
    class Wrong(Centred):
        def call(self, inputs):
            self.mean.assign(value(self, inputs))
            return inputs

    with pytest.raises(ValueError, match=message):
        Wrong()(X)


def test_assigning_a_parameter_in_call_is_refused():
    class Wrong(Weighted):
        def call(self, inputs):
            self.row.assign(self.row * 2)
            return inputs

    with pytest.raises(ValueError, match=r"'row' is a parameter, only state can be assigned"):
        Wrong(None)(X)


def test_layers_made_in_call_are_refused():
    class Forgetful(layers.Layer):
        def call(self, inputs):
            return layers.Dense(3, name="lost")(inputs)

    message = r"Forgetful 'mine': its call made weights of Dense 'lost', which is kept in no attribute"
    with pytest.raises(ValueError, match=message):
        Forgetful(name="mine")(X)
    with pytest.raises(ValueError, match=message):
        fastnn.Sequential([fastnn.Input((5,)), Forgetful(name="mine")])


def test_layers_without_weights_may_be_made_in_call():
    class Fine(layers.Layer):
        def call(self, inputs):
            return layers.Activation("relu")(inputs)

    np.testing.assert_array_equal(Fine()(X), np.maximum(X, 0))


def test_layers_that_nobody_keeps_are_warned_of():
    dense = layers.Dense(3, name="outside")
    dense(X)
    with pytest.warns(
        UserWarning, match=r"Lambda 'mine': its call uses Dense 'outside', which is kept in no"
    ):
        layers.Lambda(lambda x: dense(x), name="mine")(X)


def test_a_weight_made_in_call_is_refused_the_second_time():
    class Again(layers.Layer):
        def call(self, inputs):
            return inputs * self.add_weight((5,), name="w")

    layer = Again(name="mine")
    with pytest.raises(
        ValueError, match=r"Again 'mine': has a weight named 'w' already; make weights in build"
    ):
        fastnn.Sequential([fastnn.Input((5,)), layer]).predict(X, verbose=0)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: [], r"call must return tensors, but it returned \[\]"),
        (lambda x: float(x), r"is symbolic and has no value"),
        (lambda x: int(x), r"is symbolic and has no value"),
        (lambda x: len(x), r"is symbolic and has no len"),
        (lambda x: x.__setitem__((0, 1), 1), r"its elements cannot be set"),
    ],
)
def test_what_python_would_do_with_values_is_refused(function, message):
    with pytest.raises(TypeError, match=message):
        layers.Lambda(function)(X)


class States(layers.Layer):
    """Assigns its two states by a function of them in each training step."""

    def __init__(self, assign, width=5, **kwargs):
        super().__init__(**kwargs)
        self.change, self.width = assign, width

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], self.width), name="kernel")
        self.a = self.add_weight((self.width,), "zeros", trainable=False, name="a")
        self.b = self.add_weight((self.width,), "ones", trainable=False, name="b")
        self.old = self.add_weight((input_shape[-1], self.width), "zeros", trainable=False, name="old")

    def call(self, inputs, training=False):
        if training:
            self.change(self)
        return inputs @ self.kernel


def swap(states):
    a, b = ops.stop_gradient(states.a), ops.reshape(states.b, (5,))
    states.a.assign(b)
    states.b.assign(a)


def follow(states):
    states.a.assign(states.b)  # a weight, not a tensor made of it
    states.b.assign(states.b + 1)


@pytest.mark.parametrize(("assign", "steps", "a", "b"), [(swap, 3, 1, 0), (follow, 2, 2, 3)])
def test_states_are_assigned_at_once_at_the_end_of_a_step(assign, steps, a, b):
    layer = States(assign)
    model = fastnn.Sequential([fastnn.Input((5,)), layer])
    model.compile("sgd", "mse")
    model.fit(X[: 8 * steps], np.zeros((8 * steps, 5)), batch_size=8, epochs=1, verbose=0)
    np.testing.assert_array_equal(layer.a, np.full(5, a))
    np.testing.assert_array_equal(layer.b, np.full(5, b))


def test_arrays_are_assigned_at_the_end_of_each_step():
    def change(states):
        states.a.assign(np.arange(5))
        states.b.assign(
            states.a + 1
        )  # what the step before ended with is not asked for: a is assigned already

    layer = States(change)
    model = fastnn.Sequential([fastnn.Input((5,)), layer])
    model.compile("sgd", "mse")
    model.predict(X[:8], verbose=0)
    np.testing.assert_array_equal(layer.a, np.zeros(5))
    for _ in range(2):
        model.train_on_batch(X[:8], np.zeros((8, 5)))
        np.testing.assert_array_equal(layer.a, np.arange(5))
        np.testing.assert_array_equal(layer.b, np.arange(5) + 1)
        layer.a.assign(np.full(5, 7.0))  # outside of call: at once
        np.testing.assert_array_equal(layer.a, np.full(5, 7))


def test_arrays_that_build_assigns_are_where_the_state_begins():
    class Begins(layers.Layer):
        def build(self, input_shape):
            self.inner = layers.Dense(2)
            self.state = self.add_weight((), "zeros", trainable=False, name="state")
            self.state.assign(4.0)

        def call(self, inputs, training=False):
            if training:
                self.state.assign(self.state + 1)
            return self.inner(inputs)

    layer = Begins()
    model = fastnn.Sequential([fastnn.Input((5,)), fastnn.Sequential([layer])])
    assert float(layer.state.numpy()) == 4
    model.compile("sgd", "mse")
    model.train_on_batch(X[:8], np.zeros((8, 2)))
    assert float(layer.state.numpy()) == 5


def test_a_state_that_is_a_parameters_value_has_it_from_before_the_update():
    before = fastnn.config.num_threads()
    fastnn.set_num_threads(2)
    try:
        layer = States(lambda s: s.old.assign(ops.stop_gradient(s.kernel)), width=512)
        model = fastnn.Sequential([fastnn.Input((512,)), layer])
        model.compile(fastnn.optimizers.SGD(0.5), "mse")
        x = RNG.normal(size=(64, 512)).astype("float32")
        for _ in range(4):
            kernel = layer.kernel.numpy() if layer.built else None
            model.train_on_batch(x, x)
            if kernel is not None:
                np.testing.assert_array_equal(layer.old, kernel)
    finally:
        fastnn.set_num_threads(before)


def test_predicting_with_state_and_one_number_for_a_batch():
    class Counting(layers.Layer):
        def build(self, input_shape):
            self.count = self.add_weight((), "zeros", trainable=False, name="count")

        def call(self, inputs):
            self.count.assign(self.count + 1)
            return ops.sum(ops.mean(inputs, axis=0))

    inputs = fastnn.Input((5,))
    layer = Counting()
    model = fastnn.Model(inputs, layer(inputs))
    np.testing.assert_allclose(model.predict_on_batch(X), X.mean(0).sum(), rtol=1e-4)
    assert float(layer.count.numpy()) == 1
