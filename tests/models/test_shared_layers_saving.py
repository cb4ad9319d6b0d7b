"""Layers that stand in a nested model and outside of it remain one layer when the model is made anew."""

import copy
import pickle

import numpy as np
import pytest

import fastnn
from fastnn import layers

X = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")


def dense(name="shared"):
    return layers.Dense(4, "tanh", name=name)


def beside_a_sequential():
    shared = dense()
    inner = fastnn.Sequential([shared, dense("own")], name="inner")
    inputs = fastnn.Input((4,))
    return fastnn.Model(inputs, layers.Add()([inner(inputs), shared(inputs)]))


def before_a_sequential():
    shared = dense()
    inner = fastnn.Sequential([shared, dense("own")], name="inner")
    inputs = fastnn.Input((4,))
    return fastnn.Model(inputs, inner(shared(inputs)))


def in_two_sequentials():
    shared = dense()
    parts = [fastnn.Sequential([shared, *more], name=f"part_{len(more)}") for more in ([], [layers.ReLU()])]
    return fastnn.Sequential([fastnn.Input((4,)), *parts])


def beside_a_model():
    shared, own = dense(), fastnn.Input((4,))
    inner = fastnn.Model(own, shared(own), name="inner")
    inputs = fastnn.Input((4,))
    return fastnn.Model(inputs, layers.Add()([inner(inputs), shared(inputs)]))


def two_levels_down():
    shared = dense()
    inner = fastnn.Sequential([fastnn.Input((4,)), fastnn.Sequential([shared], name="low")], name="inner")
    inputs = fastnn.Input((4,))
    return fastnn.Model(inputs, layers.Multiply()([inner(inputs), shared(inputs)]))


def beside_a_wrapper():
    shared, inputs = dense(), fastnn.Input((4,))
    steps = layers.TimeDistributed(shared)(layers.Reshape((1, 4))(inputs))
    return fastnn.Model(inputs, layers.Add()([layers.Reshape((4,))(steps), shared(inputs)]))


def a_nested_model_twice():
    inner = fastnn.Sequential([dense()], name="inner")
    outer = fastnn.Sequential([inner, dense("own")], name="outer")
    inputs = fastnn.Input((4,))
    return fastnn.Model(inputs, layers.Add()([outer(inputs), inner(inputs)]))


MODELS = [
    beside_a_sequential,
    before_a_sequential,
    in_two_sequentials,
    beside_a_model,
    two_levels_down,
    beside_a_wrapper,
    a_nested_model_twice,
]


def assert_alike(model, twin):
    assert list(twin.named_weights()) == list(model.named_weights())
    np.testing.assert_array_equal(twin.predict(X, verbose=0), model.predict(X, verbose=0))
    for each in (model, twin):
        each.fit(X, X, epochs=3, verbose=0)
    np.testing.assert_array_equal(twin.predict(X, verbose=0), model.predict(X, verbose=0))


def trained(make):
    fastnn.utils.set_random_seed(3)
    model = make()
    model.compile("adam", "mse")
    model.fit(X, X, epochs=2, verbose=0)
    return model


@pytest.mark.parametrize("make", MODELS)
def test_files(make, tmp_path):
    model = trained(make)
    model.save(tmp_path / "model.safetensors")
    assert_alike(model, fastnn.models.load_model(tmp_path / "model.safetensors"))


@pytest.mark.parametrize("make", MODELS)
def test_copies(make):
    model = trained(make)
    assert_alike(model, copy.deepcopy(model))
    assert_alike(model, pickle.loads(pickle.dumps(model)))


@pytest.mark.parametrize("make", MODELS)
def test_configurations(make):
    model = make()
    for twin in (
        fastnn.models.clone_model(model),
        fastnn.models.model_from_json(model.to_json()),
        type(model).from_config(model.get_config()),
    ):
        assert list(twin.named_weights()) == list(model.named_weights())
        twin.set_weights(model.get_weights())
        np.testing.assert_array_equal(twin.predict(X, verbose=0), model.predict(X, verbose=0))


def test_only_what_is_shared_is_marked():
    model = fastnn.Sequential([fastnn.Input((4,)), dense("a"), dense("b")])
    assert "shared" not in model.to_json()
    assert beside_a_sequential().to_json().count('"shared":') == 2


def test_parts_described_apart_stay_apart():
    """Marks count within one description: those of two are not mixed up."""
    first, second = in_two_sequentials().get_config(), in_two_sequentials().get_config()
    both = {"name": "both", "layers": [{"class_name": "Sequential", "config": c} for c in (first, second)]}
    for number, entry in enumerate(both["layers"]):
        entry["config"]["name"] = f"half_{number}"
        for part in entry["config"]["layers"][1:]:
            for layer in part["config"]["layers"]:
                if layer["class_name"] == "Dense":
                    layer["config"]["name"] = f"shared_{number}"
    made = fastnn.Sequential.from_config(both)
    made.build((None, 4))
    assert len(made.weights) == 4
