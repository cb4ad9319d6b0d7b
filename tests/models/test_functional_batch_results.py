"""Results that are one for a batch, and truth, between the layers of a functional model."""

import numpy as np
import pytest

import fastnn
from fastnn import layers, ops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 5)).astype("float32")

EXPRESSIONS = {
    "centred": (lambda h, o: h - o.mean(h, axis=0), (None, 5)),
    "standard": (lambda h, o: (h - o.mean(h, axis=0)) / o.std(h, axis=0), (None, 5)),
    "scaled mean": (lambda h, o: o.mean(h) * 0.5, ()),
    "root": (lambda h, o: o.sqrt(o.mean(o.square(h))), ()),
    "two": (lambda h, o: o.mean(h) / o.std(h) - o.sum(h), ()),
    "times all": (lambda h, o: o.mean(h) * h, (None, 5)),
    "stack": (lambda h, o: o.stack([o.mean(h), o.sum(h)]), (2,)),
    "expand": (lambda h, o: h * o.expand_dims(o.mean(h, axis=0), 0), (None, 5)),
    "where": (lambda h, o: o.where(h > 0, h, 0.5 * h), (None, 5)),
    "one truth": (lambda h, o: o.where(o.mean(h) > 5, 0 * h, h), (None, 5)),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_functional_models_compute_with_them(name, tmp_path):
    function, shape = EXPRESSIONS[name]
    inputs = fastnn.Input((5,))
    outputs = function(inputs, ops)
    assert outputs.shape == shape
    model = fastnn.Model(inputs, outputs)
    found = model.predict(X, verbose=0)
    np.testing.assert_allclose(found, function(X, np), rtol=2e-5, atol=2e-5)
    model.save(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(
        fastnn.load_model(tmp_path / "model.safetensors").predict(X, verbose=0), found
    )


def test_they_can_be_losses():
    inputs = fastnn.Input((5,))
    hidden = layers.Dense(2, use_bias=False, name="hidden")(inputs)
    model = fastnn.Model(inputs, hidden)
    model.add_loss(0.1 * ops.mean(ops.square(hidden)))
    model.compile(fastnn.optimizers.SGD(0.5))
    kernel = model.get_weights()[0]
    expected = 0.1 * np.mean((X @ kernel) ** 2)
    assert model.fit(X, batch_size=32, verbose=0).history["loss"][0] == pytest.approx(expected, rel=1e-5)
    step = 0.5 * 0.1 * 2 * X.T @ (X @ kernel) / (32 * 2)
    np.testing.assert_allclose(model.get_weights()[0], kernel - step, rtol=1e-5, atol=1e-6)


def test_several_batches_of_them_are_not_joined():
    inputs = fastnn.Input((5,))
    model = fastnn.Model(inputs, ops.mean(inputs, axis=0))
    np.testing.assert_allclose(model.predict(X, verbose=0), X.mean(axis=0), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match=r"output 'mean\S*' of shape \(5,\) is one for a batch"):
        model.predict(X, batch_size=8, verbose=0)


def test_a_varying_first_dimension_is_refused():
    inputs = fastnn.Input((None, 5))
    with pytest.raises(
        ValueError, match=r"shape \(128, 5\) is one for the batch, and its first dimension varies"
    ):
        ops.mean(inputs, axis=0)
    with pytest.raises(ValueError, match="is unbatched"):
        layers.Lambda(lambda x: x)(ops.mean(fastnn.Input((5,)), axis=0))


def test_a_row_of_models_knows_its_inputs():
    base = fastnn.Sequential([fastnn.Input((5,)), layers.Dense(4)])
    model = fastnn.Sequential([base, layers.Dense(3)])
    assert model.built and model.input_shape == (None, 5) and len(model.weights) == 4
    tokens = fastnn.Sequential([fastnn.Input((7,), dtype="int32"), layers.Embedding(10, 3)])
    outer = fastnn.Sequential([tokens, layers.Flatten()])
    assert outer.predict(np.full((2, 7), 9), verbose=0).shape == (2, 21)
