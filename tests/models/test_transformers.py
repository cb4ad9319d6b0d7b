"""Ready Transformers: they learn, are saved and loaded, and name what is wrong."""

import numpy as np
import pytest

import fastnn


def crossentropy():
    return fastnn.losses.SparseCategoricalCrossentropy(from_logits=True)


@pytest.mark.parametrize("positions", ["learned", "sinusoidal", "rotary"])
def test_a_language_model_learns_a_rule(positions, tmp_path):
    fastnn.random.set_seed(0)
    rng = np.random.default_rng(0)
    starts = rng.integers(0, 11, (256, 1))
    tokens = (starts + 3 * np.arange(13)) % 11  # the next token is 3 more
    model = fastnn.models.transformer_lm(
        11, 12, num_layers=1, model_dim=32, num_heads=2, positions=positions, dropout=0.1
    )
    model.compile(fastnn.optimizers.Adam(3e-3), crossentropy())
    history = model.fit(tokens[:, :-1], tokens[:, 1:], batch_size=32, epochs=12, verbose=0)
    assert history.history["loss"][-1] < 0.3
    found = fastnn.generation.generate(model, [2], 8)
    assert found.tolist() == ((2 + 3 * np.arange(9)) % 11).tolist()
    model.save(tmp_path / "model.safetensors")
    loaded = fastnn.load_model(tmp_path / "model.safetensors")
    x = tokens[:5, :-1]
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert type(loaded).__name__ == "TransformerLM"
    assert loaded.get_config() == model.get_config()


def test_shorter_sequences_and_bytes_are_taken():
    model = fastnn.models.transformer_lm(11, 12, num_layers=1, model_dim=8, num_heads=2)
    ids = np.arange(10).reshape(2, 5)
    long = np.concatenate([ids, ids], 1)
    np.testing.assert_allclose(
        model.predict(ids, verbose=0), model.predict(long, verbose=0)[:, :5], rtol=1e-4, atol=1e-5
    )
    np.testing.assert_array_equal(
        model.predict(ids.astype("uint8"), verbose=0), model.predict(ids, verbose=0)
    )
    with pytest.raises(ValueError, match="got sequences of 13 tokens, but .* sequence_length=12"):
        model.predict(np.zeros((1, 13), int), verbose=0)
    with pytest.raises(ValueError, match="got class or id 11, expected an integer from 0 to 10"):
        model.predict(np.full((1, 3), 11), verbose=0)


def test_a_translator_learns_to_reverse(tmp_path):
    fastnn.random.set_seed(0)
    rng = np.random.default_rng(0)
    lengths = rng.integers(3, 6, 512)
    source, target, labels = (np.zeros((512, 7), int) for _ in range(3))
    for i, n in enumerate(lengths):
        word = rng.integers(3, 9, n)
        source[i, :n] = word
        target[i, : n + 1] = [1, *word[::-1]]
        labels[i, : n + 1] = [*word[::-1], 2]
    model = fastnn.models.transformer(
        9, 9, 8, num_layers=1, model_dim=48, num_heads=4, dropout=0.0, normalize_first=True
    )
    model.compile(fastnn.optimizers.Adam(3e-3), crossentropy())
    history = model.fit(
        [source, target],
        labels,
        sample_weight=(labels > 0).astype("float32"),
        batch_size=32,
        epochs=14,
        verbose=0,
    )
    assert history.history["loss"][-1] < 0.25 * history.history["loss"][0]
    words = [[3, 4, 5], [8, 7, 6, 5], [3, 8, 3, 8, 4]]
    found = fastnn.generation.generate(model, [[1]] * 3, 7, source=words, end_token=2)
    right = sum(row.tolist() == [1, *word[::-1], 2] for row, word in zip(found, words, strict=True))
    assert right >= 2
    model.save(tmp_path / "model.safetensors")
    loaded = fastnn.load_model(tmp_path / "model.safetensors")
    x = [source[:4], target[:4]]
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


def test_padding_of_the_source_changes_nothing():
    model = fastnn.models.transformer(9, 9, 8, num_layers=1, model_dim=8, num_heads=2)
    source, target = np.array([[3, 4]]), np.array([[1, 5, 6]])
    padded = np.array([[3, 4, 0, 0, 0]])
    np.testing.assert_allclose(
        model.predict([padded, target], verbose=0),
        model.predict([source, target], verbose=0),
        rtol=1e-4,
        atol=1e-5,
    )
    only_padding = model.predict([padded * 0, target], verbose=0)
    assert np.isfinite(only_padding).all()


@pytest.mark.parametrize(
    "make", [fastnn.models.transformer_lm, lambda n, **k: fastnn.models.transformer(n, n, **k)]
)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_heads": 3}, "num_heads=3 does not divide model_dim=.* evenly"),
        ({"num_layers": 0}, "num_layers must be at least 1"),
        ({"model_dim": 0}, "model_dim must be at least 1"),
        ({"intermediate_dim": 0}, "intermediate_dim must be at least 1"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\)"),
        ({"positions": "rotery"}, "unknown positions 'rotery'; did you mean 'rotary'"),
        ({"sequence_length": 0}, "sequence_length must be at least 1"),
    ],
)
def test_messages(make, options, message):
    with pytest.raises(ValueError, match=message):
        make(11, **options)
