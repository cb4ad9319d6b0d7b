"""Positions and Transformer blocks against NumPy; steps with a cache against whole sequences."""

import numpy as np
import pytest

import fastnn
from fastnn import _core, layers
from fastnn.layers.context import BuildContext
from fastnn.layers.nest import leaves
from fastnn.tensor import graph_input

RANDOM = np.random.default_rng(9)


def data(*shape):
    return RANDOM.normal(size=shape)


def randomise(layer):
    layer.set_weights([RANDOM.normal(size=w.shape) * 0.4 for w in layer.get_weights()])


def same_config(layer):
    copy = type(layer).from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()


# ---- positions ----------------------------------------------------------------------------------


def test_sine_position_encoding():
    layer = layers.SinePositionEncoding(100, dtype="float64")
    x = data(2, 5, 6)
    expected = np.zeros((5, 6))
    for t in range(5):
        for i in range(3):
            expected[t, 2 * i] = np.sin(t / 100 ** (2 * i / 6))
            expected[t, 2 * i + 1] = np.cos(t / 100 ** (2 * i / 6))
    np.testing.assert_allclose(layer(x), np.broadcast_to(expected, x.shape), atol=1e-12)
    np.testing.assert_allclose(layer(x[:, :2], start_index=3)[0], expected[3:], atol=1e-12)
    assert layer.compute_output_shape((None, 5, 6)) == (None, 5, 6)
    same_config(layer)


def test_position_embedding():
    layer = layers.PositionEmbedding(7, dtype="float64")
    x = data(2, 5, 6)
    layer(x)
    randomise(layer)
    (table,) = layer.get_weights()
    assert [(w.name, w.shape) for w in layer.weights] == [("embeddings", (7, 6))]
    np.testing.assert_array_equal(layer(x), np.broadcast_to(table[:5], x.shape))
    np.testing.assert_array_equal(layer(x, start_index=2)[0], table[2:])
    with pytest.raises(
        ValueError, match=r"positions up to 8, .* sequence_length=7 \(input shape \(None, 5, 6\)\)"
    ):
        layer(x, start_index=3)
    with pytest.raises(ValueError, match="start_index must be at least 0"):
        layer(x, start_index=-1)
    same_config(layer)


def test_token_and_position_embedding():
    layer = layers.TokenAndPositionEmbedding(9, 7, 4, dtype="float64")
    ids = RANDOM.integers(0, 9, (3, 5))
    layer(ids)
    randomise(layer)
    tokens, positions = layer.get_weights()
    assert tokens.shape == (9, 4)
    assert positions.shape == (7, 4)
    np.testing.assert_allclose(layer(ids), tokens[ids] + positions[:5])
    places = RANDOM.integers(0, 7, (3, 5))
    np.testing.assert_allclose(layer(ids, positions=places), tokens[ids] + positions[places])
    assert layer.compute_output_shape((None, 5)) == (None, 5, 4)
    same_config(layer)
    with pytest.raises(ValueError, match="got class or id 9, expected an integer from 0 to 8"):
        layer(np.full((1, 2), 9))
    with pytest.raises(ValueError, match="has 8 positions, but sequence_length is 7"):
        layer(np.zeros((1, 8), int))
    with pytest.raises(ValueError, match=r"positions must have shape \(None, 5\), got \(None, 4\)"):
        layer(ids, positions=places[:, :4])


@pytest.mark.parametrize("shape", [(5, 6), (5, 2, 6)])
def test_rotary_embedding(shape):
    layer = layers.RotaryEmbedding(50, scaling_factor=2.0, dtype="float64")
    x = data(3, *shape)
    expected = np.zeros_like(x)
    for t in range(5):
        for i in range(3):
            turn = (t + 4) / 2 / 50 ** (2 * i / 6)
            a, b = x[:, t, ..., i], x[:, t, ..., i + 3]
            expected[:, t, ..., i] = a * np.cos(turn) - b * np.sin(turn)
            expected[:, t, ..., i + 3] = b * np.cos(turn) + a * np.sin(turn)
    np.testing.assert_allclose(layer(x, start_index=4), expected, atol=1e-12)
    same_config(layer)


def test_rotated_products_depend_on_the_distance_alone():
    layer = layers.RotaryEmbedding(dtype="float64")
    q, k = (np.repeat(data(1, 1, 8), 6, 1) for _ in range(2))
    products = layer(q)[0] @ layer(k)[0].T
    for distance in range(-5, 6):
        np.testing.assert_allclose(np.ptp(np.diagonal(products, distance)), 0, atol=1e-12)


def test_messages_of_positions():
    with pytest.raises(ValueError, match=r"turned in pairs, but there are 5 \(input shape \(None, 3, 5\)\)"):
        layers.RotaryEmbedding()(data(2, 3, 5))
    with pytest.raises(ValueError, match="sequence_axis=1 and feature_axis=-1, got 2 and -1; put a Permute"):
        layers.RotaryEmbedding(sequence_axis=2)
    with pytest.raises(ValueError, match="expected an input of rank 3"):
        layers.SinePositionEncoding()(data(2, 3))
    for make in (layers.RotaryEmbedding, layers.SinePositionEncoding):
        with pytest.raises(ValueError, match="max_wavelength"):
            make(max_wavelength=0)
    with pytest.raises(ValueError, match="sequence_length must be at least 1"):
        layers.PositionEmbedding(0)
    with pytest.raises(ValueError, match="vocabulary_size must be at least 1"):
        layers.TokenAndPositionEmbedding(0, 1, 1)


# ---- blocks -------------------------------------------------------------------------------------


class Numpy:
    """A block written out; weights are taken in the layer's order, part by part."""

    def __init__(self, layer, epsilon=1e-5):
        self.weights = {w.path: w.numpy() for part in layer._sublayers() for w in part.weights}
        self.parts = {part.name: [w.numpy() for w in part.weights] for part in layer._sublayers()}
        self.first, self.epsilon = layer.normalize_first, epsilon

    def norm(self, name, x):
        gamma, beta = self.parts[name]
        return (x - x.mean(-1, keepdims=True)) / np.sqrt(
            x.var(-1, keepdims=True) + self.epsilon
        ) * gamma + beta

    def attention(self, name, query, value, seen):
        wq, bq, wk, bk, wv, bv, wo, bo = self.parts[name]
        q, k, v = (
            np.einsum("itf,fhd->ihtd", x, w) + b[:, None]
            for x, w, b in ((query, wq, bq), (value, wk, bk), (value, wv, bv))
        )
        scores = np.where(seen, np.einsum("ihtd,ihsd->ihts", q, k) / np.sqrt(q.shape[-1]), -np.inf)
        p = np.exp(scores - scores.max(-1, keepdims=True))
        return np.einsum("ihts,ihsd,hdo->ito", p / p.sum(-1, keepdims=True), v, wo) + bo

    def part(self, x, norm, function):
        if self.first:
            return x + function(self.norm(norm, x))
        return self.norm(norm, x + function(x))

    def feed_forward(self, x):
        w1, b1 = self.parts["feedforward_intermediate_dense"]
        w2, b2 = self.parts["feedforward_output_dense"]
        return self.part(x, "feedforward_layer_norm", lambda y: np.maximum(y @ w1 + b1, 0) @ w2 + b2)

    def encoder(self, x, seen):
        x = self.part(
            x, "self_attention_layer_norm", lambda y: self.attention("self_attention_layer", y, y, seen)
        )
        return self.feed_forward(x)

    def decoder(self, x, seen, source=None, source_seen=True):
        x = self.part(x, "self_attention_layer_norm", lambda y: self.attention("self_attention", y, y, seen))
        if source is not None:
            x = self.part(
                x,
                "cross_attention_layer_norm",
                lambda y: self.attention("cross_attention", y, source, source_seen),
            )
        return self.feed_forward(x)


PADDING = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]], bool)
CAUSAL = np.tril(np.ones((5, 5), bool))


@pytest.mark.parametrize("first", [False, True])
def test_encoder(first):
    layer = layers.TransformerEncoder(10, 2, normalize_first=first, dropout=0.3, dtype="float64")
    x = data(3, 5, 6)
    layer(x)
    randomise(layer)
    np.testing.assert_allclose(layer(x), Numpy(layer).encoder(x, True), rtol=1e-9, atol=1e-9)
    expected = Numpy(layer).encoder(x, PADDING[:, None, None])
    np.testing.assert_allclose(layer(x, padding_mask=PADDING), expected, rtol=1e-9, atol=1e-9)
    mask = np.broadcast_to(CAUSAL, (3, 5, 5))
    expected = Numpy(layer).encoder(x, mask[:, None])
    np.testing.assert_allclose(layer(x, attention_mask=mask), expected, rtol=1e-9, atol=1e-9)
    assert not np.array_equal(layer(x, training=True), layer(x, training=True))
    assert layer.compute_output_shape((None, 5, 6)) == (None, 5, 6)
    same_config(layer)


@pytest.mark.parametrize("first", [False, True])
def test_decoder_alone(first):
    layer = layers.TransformerDecoder(10, 2, normalize_first=first, dtype="float64")
    x = data(3, 5, 6)
    layer(x)
    randomise(layer)
    np.testing.assert_allclose(layer(x), Numpy(layer).decoder(x, CAUSAL), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(
        layer(x, use_causal_mask=False), Numpy(layer).decoder(x, True), rtol=1e-9, atol=1e-9
    )
    expected = Numpy(layer).decoder(x, CAUSAL & PADDING[:, None, None])
    np.testing.assert_allclose(layer(x, decoder_padding_mask=PADDING), expected, rtol=1e-9, atol=1e-9)
    same_config(layer)


@pytest.mark.parametrize("first", [False, True])
def test_decoder_with_encoder(first):
    layer = layers.TransformerDecoder(10, 2, normalize_first=first, dtype="float64")
    x, source = data(3, 4, 6), data(3, 5, 8)
    layer(x, source)
    randomise(layer)
    expected = Numpy(layer).decoder(x, CAUSAL[:4, :4], source, PADDING[:, None, None])
    found = layer(x, source, encoder_padding_mask=PADDING)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    assert fastnn.layers.TransformerDecoder(10, 2)(fastnn.Input((4, 6)), fastnn.Input((5, 8))).shape == (
        None,
        4,
        6,
    )
    with pytest.raises(ValueError, match="was built with an encoder_sequence, and is called without"):
        layer(x)


def test_messages_of_blocks():
    for make in (layers.TransformerEncoder, layers.TransformerDecoder):
        with pytest.raises(ValueError, match=r"num_heads=4 does not divide the 6 features .*\(None, 5, 6\)"):
            make(8, 4)(data(2, 5, 6))
        with pytest.raises(ValueError, match=r"expected an input of shape \(None, positions, features\)"):
            make(8, 2)(data(2, 6))
        with pytest.raises(ValueError, match="intermediate_dim must be at least 1"):
            make(0, 2)
        with pytest.raises(ValueError, match=r"dropout must be in \[0, 1\)"):
            make(8, 2, dropout=1)
    with pytest.raises(ValueError, match=r"value_mask must have shape \(None, 5\), got \(None, 4\)"):
        layers.TransformerEncoder(8, 2)(data(2, 5, 6), padding_mask=np.ones((2, 4)))
    layer = layers.TransformerDecoder(8, 2)
    layer(data(2, 5, 6))
    with pytest.raises(ValueError, match="was built without an encoder_sequence, and is called with"):
        layer(data(2, 5, 6), data(2, 5, 6))


# ---- steps with a cache -------------------------------------------------------------------------


def function_of(build, arrays):
    """Compute `build(*tensors)` on arrays; floats in float64."""
    with BuildContext() as context:
        context.enter("test")
        given = []
        for i, a in enumerate(arrays):
            kind = "float64" if a.dtype.kind == "f" else "int32"
            given.append(graph_input(context.graph, (None, *a.shape[1:]), kind, f"input {i}"))
        made = build(*given)
        return _core.Function(context.graph, [t.id for t in leaves(made)]).run(list(arrays))


@pytest.mark.parametrize("rotary", [None, 100.0])
@pytest.mark.parametrize("pieces", [[1] * 6, [3, 1, 2], [6]])
def test_steps_with_a_cache_give_what_the_whole_sequence_gives(rotary, pieces):
    layer = layers.TransformerDecoder(10, 2, rotary_max_wavelength=rotary, dtype="float64")
    x = data(3, 6, 8)
    layer(x)
    randomise(layer)
    whole = layer(x)
    keys, values = np.zeros((3, 9, 2, 4)), np.zeros((3, 9, 2, 4))
    found, start = [], 0
    for length in pieces:
        out, keys, values = function_of(
            lambda x, k, v, i: layer(x, self_attention_cache=(k, v), self_attention_cache_update_index=i),
            [x[:, start : start + length], keys, values, np.full(3, start)],
        )
        found.append(out)
        start += length
    np.testing.assert_allclose(np.concatenate(found, 1), whole, rtol=1e-9, atol=1e-9)


def test_samples_may_be_at_different_places():
    layer = layers.TransformerDecoder(10, 2, dtype="float64")
    x = data(3, 6, 8)
    layer(x)
    randomise(layer)
    whole = layer(x)
    keys, values = np.zeros((3, 6, 2, 4)), np.zeros((3, 6, 2, 4))
    _, keys, values = function_of(
        lambda x, k, v, i: layer(x, self_attention_cache=(k, v), self_attention_cache_update_index=i),
        [x, keys, values, np.zeros(3, int)],
    )
    places = np.array([5, 2, 0])  # what is behind a place must not count
    out, _, _ = function_of(
        lambda x, k, v, i: layer(x, self_attention_cache=(k, v), self_attention_cache_update_index=i),
        [x[np.arange(3), places][:, None], keys, values, places],
    )
    np.testing.assert_allclose(out[:, 0], whole[np.arange(3), places], rtol=1e-9, atol=1e-9)


def test_keys_and_values_of_the_encoder_are_made_once():
    layer = layers.TransformerDecoder(10, 2, dtype="float64")
    x, source = data(3, 4, 6), data(3, 5, 6)
    layer(x, source)
    randomise(layer)
    whole = layer(x, source, encoder_padding_mask=PADDING)
    out = function_of(
        lambda x, s, m: layer(
            x, cross_attention_cache=layer.cross_attention_cache(s), encoder_padding_mask=m
        ),
        [x, source, PADDING.astype("int32")],
    )[0]
    np.testing.assert_allclose(out, whole, rtol=1e-9, atol=1e-9)


def test_a_cache_that_is_full_is_named():
    layer = layers.MultiHeadAttention(2, 4, dtype="float64", name="mha")
    x = data(1, 1, 8)
    layer(x, x)
    with pytest.raises(ValueError, match="mha.*sample 0.*got class or id 3, expected an integer from 0 to 2"):
        function_of(
            lambda x, k, v, i: layer(x, x, cache=(k, v), cache_update_index=i),
            [x, np.zeros((1, 3, 2, 4)), np.zeros((1, 3, 2, 4)), np.array([3])],
        )
    with pytest.raises(ValueError, match="cache must be a pair of tensors"):
        function_of(lambda x: layer(x, x, cache=x), [x])


# ---- masks that come with the inputs ------------------------------------------------------------


def test_masks_of_embeddings_are_heeded_and_handed_on():
    ids = np.array([[3, 1, 4, 1, 5], [2, 7, 0, 0, 0], [6, 0, 0, 0, 0]])
    fastnn.random.set_seed(1)
    given = fastnn.Input((5,), dtype="int32")
    x = layers.TokenAndPositionEmbedding(9, 5, 8, mask_zero=True)(given)
    encoder = layers.TransformerEncoder(16, 2)
    decoder = layers.TransformerDecoder(16, 2)
    attention = layers.MultiHeadAttention(2, 4)
    y1, y2 = encoder(x), decoder(x, x)
    y3 = attention(y1, y2)
    model = fastnn.Model(given, [y1, y2, y3, layers.GlobalAveragePooling1D()(y3)])
    whole = model.predict(ids, verbose=0)
    for row, length in ((1, 2), (2, 1)):
        cut = ids[row : row + 1, :length]
        small = fastnn.Input((length,), dtype="int32")
        z = model.layers[1](small)
        u1, u2 = encoder(z), decoder(z, z)
        u3 = attention(u1, u2)
        alone = fastnn.Model(small, [u1, u2, u3, layers.GlobalAveragePooling1D()(u3)]).predict(cut, verbose=0)
        for long, short in zip(whole[:3], alone[:3], strict=True):
            np.testing.assert_allclose(long[row, :length], short[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(whole[3][row], alone[3][0], rtol=1e-4, atol=1e-5)
