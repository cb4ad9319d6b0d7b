"""Subclasses of Model: tracing of `call`, tracked layers, add_loss, training."""

import copy
import pickle

import numpy as np
import pytest

import fastnn
from fastnn import layers
from fastnn.tensor import apply

RANDOM = np.random.default_rng(2)
X = RANDOM.normal(size=(40, 6)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("int64")


class Net(fastnn.Model):
    traced = 0

    def __init__(self, units=8, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.blocks = [layers.Dense(units, "relu") for _ in range(2)]
        self.heads = {"kind": layers.Dense(2, "softmax")}
        self.dropout = layers.Dropout(0.5)

    def call(self, inputs, training=False):
        type(self).traced += 1
        for block in self.blocks:
            inputs = block(inputs)
        if training:
            inputs = self.dropout(inputs)
        return self.heads["kind"](inputs)


class Bare(fastnn.Model):
    """Neither name nor dtype go to the base."""

    def __init__(self):
        super().__init__()
        self.one, self.two = layers.Dense(3, "tanh"), layers.Dense(2)

    def call(self, x):
        return {"sum": apply("add", [self.one(x), self.one(x)]), "two": self.two(x)}


def same(a, b):
    return all(np.array_equal(p, q) for p, q in zip(a.get_weights(), b.get_weights(), strict=True))


def test_layers_are_tracked():
    model = Net(name="net")
    assert not model.built
    with pytest.raises(ValueError, match="not built yet"):
        model.count_params()
    model.build((None, 6))
    assert len(model.layers) == 4
    assert sorted(model.named_weights()) == [
        "blocks.0/bias",
        "blocks.0/kernel",
        "blocks.1/bias",
        "blocks.1/kernel",
        "heads.kind/bias",
        "heads.kind/kernel",
    ]
    assert model.input_shape == (None, 6)
    assert model.output_shape == (None, 2)
    assert model.count_params() == 6 * 8 + 8 + 8 * 8 + 8 + 16 + 2


def test_call_is_traced_once_for_each_shape():
    model = Net()
    model.predict(X, verbose=0)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(X, Y, epochs=1, verbose=0)
    Net.traced = 0
    model.fit(X, Y, epochs=3, verbose=0)
    model.predict(X[:7], verbose=0)
    assert Net.traced == 0


def test_it_computes_what_its_layers_do():
    model = Net()
    h = X
    for block in model.blocks:
        h = block(h)
    np.testing.assert_allclose(model.predict(X, verbose=0), model.heads["kind"](h), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model(X), model.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
    assert not np.array_equal(model.forward(X, training=True), model.forward(X))


def test_training_and_other_shapes():
    class Pooled(fastnn.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(4)

        def call(self, x):
            return self.dense(x)

    model = Pooled()
    for length in (3, 5, 3):
        assert model.predict(np.zeros((2, length, 6)), verbose=0).shape == (2, length, 4)
    model.compile("sgd", "mse")
    for length in (3, 5):
        model.fit(np.zeros((2, length, 6)), np.zeros((2, length, 4)), verbose=0)


def test_outputs_in_a_dict():
    model = Bare()
    model.build((None, 6))
    assert model.output_names == ["sum", "two"]
    model.compile("sgd", {"sum": "mse", "two": "mae"}, metrics={"two": "mse"})
    logs = model.evaluate(
        X, {"sum": np.zeros((40, 3)), "two": np.zeros((40, 2))}, verbose=0, return_dict=True
    )
    assert list(logs) == ["loss", "sum_loss", "two_loss", "two_mse"]
    made = model.predict(X, verbose=0)
    assert logs["sum_loss"] == pytest.approx(np.mean(made["sum"] ** 2), rel=1e-5)


def test_several_inputs():
    class Two(fastnn.Model):
        def __init__(self):
            super().__init__()
            self.left, self.right = layers.Dense(3), layers.Dense(3)

        def call(self, inputs):
            return apply("add", [self.left(inputs["left"]), self.right(inputs["right"])])

    model = Two()
    x = {"left": X, "right": X[:, :2]}
    found = model.predict(x, verbose=0)
    np.testing.assert_allclose(found, model.left(X) + model.right(X[:, :2]), rtol=1e-5, atol=1e-6)
    model.compile("sgd", "mse")
    model.fit(x, np.zeros((40, 3)), verbose=0, validation_split=0.25)
    with pytest.raises(ValueError, match="x has no part 'right'"):
        model.predict({"left": X}, verbose=0)


def test_add_loss_in_call():
    class Penalised(layers.Layer):
        def call(self, inputs):
            self.add_loss(apply("multiply", [inputs, inputs]))
            return inputs

    model = fastnn.Sequential([fastnn.Input((6,)), Penalised()])
    model.compile("sgd", "mse")
    expected = np.mean(X**2)
    assert model.evaluate(X, X, verbose=0) == pytest.approx(expected, rel=1e-5)
    # Alone it needs no labels.
    alone = fastnn.Sequential([fastnn.Input((6,)), layers.Dense(3, use_bias=False), Penalised()])
    alone.compile(fastnn.optimizers.SGD(0.1))
    first = alone.fit(X, epochs=1, verbose=0).history["loss"][0]
    assert alone.fit(X, epochs=5, verbose=0).history["loss"][-1] < first
    kernel = alone.get_weights()[0]
    assert alone.evaluate(X, verbose=0) == pytest.approx(np.mean((X @ kernel) ** 2), rel=1e-5)


def test_subclass_of_inputs_and_outputs():
    class Wrapped(fastnn.Model):
        def __init__(self, units):
            x = fastnn.Input((6,))
            super().__init__(x, layers.Dense(units)(x))
            self.units = units

    model = Wrapped(3)
    assert model.built
    assert model.predict(X, verbose=0).shape == (40, 3)
    assert Wrapped.from_config(model.get_config()).output_shape == (None, 3)


def test_within_other_models():
    inner = Net(4, name="inner")
    x = fastnn.Input((6,))
    model = fastnn.Model(x, layers.Dense(2)(inner(x)))
    assert inner.built
    assert len(model.weights) == 8
    assert model.predict(X, verbose=0).shape == (40, 2)
    assert fastnn.Sequential([fastnn.Input((6,)), Net(4), layers.Dense(1)]).predict(X, verbose=0).shape == (
        40,
        1,
    )


@pytest.mark.parametrize("how", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies(how):
    model = Net(5)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(X, Y, epochs=1, verbose=0)
    other = how(model)
    assert same(model, other)
    for each in (model, other):
        each.fit(X, Y, epochs=2, verbose=0)
    assert same(model, other)


def test_a_call_that_fails_leaves_the_model_as_it_was():
    class Broken(fastnn.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, x):
            return self.dense(x) if x.ndim == 3 else None

    model = Broken()
    with pytest.raises(TypeError, match=r"Broken '.*': call must return tensors, but it returned nothing"):
        model.predict(X, verbose=0)
    assert not model.built
    assert model.predict(X[:, None], verbose=0).shape == (40, 1, 2)


def test_calls_that_return_no_tensor():
    class Numbers(fastnn.Model):
        def call(self, x):
            return np.zeros(3)

    with pytest.raises(TypeError, match="returned a ndarray"):
        Numbers().predict(X, verbose=0)


@pytest.mark.parametrize("name", ["output", "input", "layers", "weights", "outputs"])
def test_names_that_are_taken(name):
    class Taken(fastnn.Model):
        def __init__(self):
            super().__init__()
            setattr(self, name, layers.Dense(2))

    with pytest.raises(AttributeError, match=f"Taken: '{name}' is what all layers.*'own_{name}'"):
        Taken()


def test_a_constructor_that_forgets_its_base():
    class Forgetful(fastnn.Model):
        def __init__(self):
            self.dense = layers.Dense(2)

        def call(self, x):
            return self.dense(x)

    with pytest.raises(AttributeError, match=r"'Forgetful'.*has not called super\(\).__init__\(\)"):
        Forgetful()(X)
