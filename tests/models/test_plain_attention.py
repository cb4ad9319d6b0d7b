"""Attention without projections against NumPy: scores, masks, gradients, configuration, messages."""

import numpy as np
import pytest
from models.graph_gradients import assert_weight_gradients, randomised
from models.layer_checks import data

import fastnn
from fastnn import layers, ops

RANDOM = np.random.default_rng(3)

KINDS = {
    "dot": (layers.Attention, {}),
    "scaled": (layers.Attention, {"use_scale": True}),
    "concat": (layers.Attention, {"score_mode": "concat", "use_scale": True}),
    "plain concat": (layers.Attention, {"score_mode": "concat"}),
    "additive": (layers.AdditiveAttention, {}),
    "plain additive": (layers.AdditiveAttention, {"use_scale": False}),
}


def made(kind, *inputs, **settings):
    cls, options = KINDS[kind]
    layer = cls(dtype="float64", **options, **settings)
    layer(list(inputs))
    return randomised(layer)


def reference(layer, query, value, key=None, seen=None, queries=None):
    """Output and probabilities, one pair of positions at a time; `seen` is (samples, T, S)."""
    key = value if key is None else key
    weights = {w.name: w.numpy() for w in layer.weights}
    scale = weights.get("scale", 1.0)
    scores = np.zeros((len(query), query.shape[1], key.shape[1]))
    for n, t, s in np.ndindex(scores.shape):
        q, k = query[n, t], key[n, s]
        if isinstance(layer, layers.AdditiveAttention):
            scores[n, t, s] = np.sum(scale * np.tanh(q + k))
        elif layer.score_mode == "concat":
            scores[n, t, s] = weights["concat_score_weight"] * np.sum(np.tanh(scale * (q + k)))
        else:
            scores[n, t, s] = scale * np.sum(q * k)
    seen = np.broadcast_to(True if seen is None else seen, scores.shape)
    e = np.where(seen, np.exp(scores - scores.max(-1, keepdims=True)), 0)
    total = e.sum(-1, keepdims=True)
    p = e / np.where(total == 0, 1, total)
    out = np.einsum("nts,nsf->ntf", p, value)
    return out * (1 if queries is None else queries[:, :, None]), p


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("samples", [1, 3, 17])
def test_against_numpy(kind, samples):
    query, value, key = data(samples, 5, 7), data(samples, 4, 3), data(samples, 4, 7)
    layer = made(kind, query, value, key)
    out, scores = layer([query, value, key], return_attention_scores=True)
    expected, probabilities = reference(layer, query, value, key)
    np.testing.assert_allclose(out, expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(scores, probabilities, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(layer([query, value, key]), expected, rtol=1e-9, atol=1e-9)
    copy = type(layer).from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    shapes = [(None, 5, 7), (None, None, 3), (None, None, 7)]
    assert copy.compute_output_shape(shapes) == layer.compute_output_shape(shapes) == (None, 5, 3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("dtype", ["bool", "float64", "int32"])
def test_masks(kind, causal, dtype):
    query, value = data(3, 6, 4), data(3, 5, 4)
    layer = made(kind, query, value)
    queries, values = RANDOM.random((3, 6)) < 0.7, RANDOM.random((3, 5)) < 0.6
    values[1] = False  # a sequence of padding
    seen = values[:, None, :] & (np.tril(np.ones((6, 5), bool)) if causal else True)
    masks = [queries.astype(dtype), values.astype(dtype)]
    expected, probabilities = reference(layer, query, value, seen=seen, queries=queries)
    np.testing.assert_allclose(
        layer([query, value], mask=masks, use_causal_mask=causal), expected, rtol=1e-9, atol=1e-9
    )
    out, scores = layer([query, value], mask=masks, use_causal_mask=causal, return_attention_scores=True)
    np.testing.assert_allclose(out, expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(scores, probabilities, rtol=1e-9, atol=1e-9)
    expected, _ = reference(layer, query, value, seen=values[:, None, :])
    np.testing.assert_allclose(layer([query, value], mask=[None, masks[1]]), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scores", [False, True])
def test_gradients(kind, scores):
    cls, options = KINDS[kind]

    class Within(layers.Layer):
        def build(self, input_shape):
            self.first, self.second = layers.Dense(4, dtype="float64"), layers.Dense(4, dtype="float64")
            self.attention = cls(dtype="float64", **options)

        def call(self, inputs):
            given = [self.first(inputs), self.second(inputs)]
            found = self.attention(given, use_causal_mask=True, return_attention_scores=scores)
            return ops.concatenate(list(found), axis=-1) if scores else found

    x = data(5, 6, 3)
    layer = Within(dtype="float64")
    layer(x)
    assert_weight_gradients(randomised(layer), x)


@pytest.mark.parametrize("kind", ["dot", "concat", "additive"])
def test_dropout(kind):
    cls, options = KINDS[kind]
    layer = cls(dropout=0.5, seed=2, **options)
    query, value = np.ones((40, 3, 4), "float32"), np.ones((40, 30, 4), "float32")
    np.testing.assert_allclose(layer([query, value]), 1, rtol=1e-5)
    dropped = layer([query, value], training=True)
    assert dropped.std() > 0.1 and abs(dropped.mean() - 1) < 0.05
    _, scores = layer([query, value], training=True, return_attention_scores=True)
    np.testing.assert_allclose(scores.sum(-1), 1, rtol=1e-5)


def test_masks_of_embeddings_go_on(tmp_path):
    """What is padding in the value is not seen; the query's mask goes on to the loss."""
    tokens, others = fastnn.Input((None,), dtype="int32"), fastnn.Input((None,), dtype="int32")
    embedding = layers.Embedding(9, 6, mask_zero=True)
    found = layers.Attention(use_scale=True)([embedding(tokens), embedding(others)])
    found = layers.AdditiveAttention()([found, embedding(others)])
    model = fastnn.Model([tokens, others], layers.GlobalAveragePooling1D()(found))
    short = [RANDOM.integers(1, 9, (4, 5)), RANDOM.integers(1, 9, (4, 3))]
    long = [np.pad(x, ((0, 0), (0, 4))) for x in short]
    np.testing.assert_allclose(model.predict(short, verbose=0), model.predict(long, verbose=0), rtol=1e-5)
    model.compile("adam", "mse")
    model.fit(short, np.ones((4, 6)), epochs=2, verbose=0)
    model.save(tmp_path / "model.safetensors")
    again = fastnn.models.load_model(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.predict(long, verbose=0), model.predict(long, verbose=0))


def test_messages():
    query, value = data(2, 3, 4), data(2, 5, 4)
    layer = layers.Attention(name="look")
    with pytest.raises(
        ValueError, match=r"'look': expected a list of inputs, \[query, value\].*one of shape"
    ):
        layer(query)
    with pytest.raises(ValueError, match="got 1 of them"):
        layer([query])
    with pytest.raises(
        ValueError, match=r"value must have shape \(None, positions, features\), got \(None, 5\)"
    ):
        layer([query, value[:, :, 0]])
    with pytest.raises(
        ValueError, match=r"same number of features, got \(None, 3, 4\) and \(None, 5, 3\); project"
    ):
        layer([query, value[:, :, :3]])
    with pytest.raises(ValueError, match=r"same positions, got \(None, 5, 4\) and \(None, 4, 4\)"):
        layer([query, value, value[:, :4]])
    with pytest.raises(ValueError, match=r"the value's mask must have shape \(None, 5\), got \(None, 4\)"):
        layer([query, value], mask=[None, np.ones((2, 4))])
    with pytest.raises(ValueError, match="mask must be a list"):
        layer([query, value], mask=np.ones((2, 3)))
    with pytest.raises(ValueError, match="unknown score_mode 'dots'"):
        layers.Attention(score_mode="dots")
    with pytest.raises(ValueError, match=r"dropout must be in \[0, 1\)"):
        layers.AdditiveAttention(dropout=1.0)
    with pytest.raises(TypeError, match="has no score_mode"):
        layers.AdditiveAttention(score_mode="concat")
