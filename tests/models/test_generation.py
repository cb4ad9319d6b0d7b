"""Generation: steps with a cache against whole sequences, strategies against plain searches."""

import itertools

import numpy as np
import pytest

import fastnn
from fastnn import layers
from fastnn.generation import generate

RANDOM = np.random.default_rng(3)


def language_model(vocabulary=7, length=12, **options):
    fastnn.random.set_seed(4)
    settings = {"num_layers": 2, "model_dim": 16, "num_heads": 2, **options}
    model = fastnn.models.transformer_lm(vocabulary, length, **settings)
    # Weights far from zero, so that tokens differ in their probabilities.
    model.set_weights([RANDOM.normal(size=w.shape) * 0.5 for w in model.get_weights()])
    return model


def next_logits(model, tokens):
    return model.predict(np.array([tokens]), verbose=0)[0, -1].astype("float64")


def log_probabilities(logits):
    shifted = logits - logits.max()
    return shifted - np.log(np.exp(shifted).sum())


def greedy(model, prompt, count, end=None):
    tokens = list(prompt)
    for _ in range(count):
        tokens.append(int(next_logits(model, tokens).argmax()))
        if tokens[-1] == end:
            break
    return tokens


@pytest.mark.parametrize("positions", ["learned", "sinusoidal", "rotary"])
@pytest.mark.parametrize("first", [True, False])
def test_greedy(positions, first):
    model = language_model(positions=positions, normalize_first=first)
    found = generate(model, [1, 2, 3], 6)
    assert found.dtype == np.int32
    assert found.tolist() == greedy(model, [1, 2, 3], 6)


def test_prompts_of_different_lengths():
    model = language_model()
    prompts = [[1, 2, 3, 4], [5], [6, 0]]
    found = generate(model, prompts, 5)
    assert [row.tolist() for row in found] == [greedy(model, p, 5) for p in prompts]
    assert [row.tolist() for row in generate(model, np.array([[1, 2], [3, 4]]), 2)] == [
        greedy(model, p, 2) for p in ([1, 2], [3, 4])
    ]


def test_end_token():
    model = language_model()
    whole = greedy(model, [1], 8)
    end = whole[3]
    assert generate(model, [1], 8, end_token=end).tolist() == whole[: whole.index(end, 1) + 1]


def test_any_model_of_sequences():
    class Bigrams(fastnn.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.table = layers.TokenAndPositionEmbedding(7, 20, 8)
            self.head = layers.Dense(7)

        def call(self, inputs):
            return self.head(self.table(inputs))

    model = Bigrams()
    model.predict(np.zeros((1, 3), int), verbose=0)
    model.set_weights([RANDOM.normal(size=w.shape) for w in model.get_weights()])
    assert generate(model, [1, 2], 5).tolist() == greedy(model, [1, 2], 5)
    with pytest.raises(ValueError, match=r"must return logits \(None, T, tokens\)"):
        generate(fastnn.Sequential([fastnn.Input((2,)), layers.Dense(3)]), [1, 2], 1)


def test_samples_follow_from_the_seed():
    model = language_model()
    options = {"strategy": "sample", "temperature": 1.3}
    first = generate(model, [[1]] * 4, 10, seed=5, **options)
    again = generate(model, [[1]] * 4, 10, seed=5, **options)
    other = generate(model, [[1]] * 4, 10, seed=6, **options)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))
    assert not np.array_equal(first[0], first[1])
    before = fastnn.num_threads()
    try:
        fastnn.set_num_threads(1)
        alone = generate(model, [[1]] * 4, 10, seed=5, **options)
    finally:
        fastnn.set_num_threads(before)
    assert all(np.array_equal(a, b) for a, b in zip(first, alone, strict=True))


@pytest.mark.parametrize(("options", "kept"), [({"top_k": 2}, 2), ({"top_p": 0.5}, None), ({}, 7)])
def test_samples_come_from_the_right_distribution(options, kept):
    model = language_model()
    p = np.exp(log_probabilities(next_logits(model, [1, 2]) / 1.5))
    order = np.argsort(-p)
    kept = int(np.searchsorted(np.cumsum(p[order]), 0.5) + 1) if kept is None else kept
    expected = np.zeros(7)
    expected[order[:kept]] = p[order[:kept]] / p[order[:kept]].sum()
    found = generate(model, [[1, 2]] * 8000, 1, strategy="sample", temperature=1.5, **options)
    frequencies = np.bincount([row[-1] for row in found], minlength=7) / 8000
    np.testing.assert_allclose(frequencies, expected, atol=0.02)


def test_temperature_0_and_one_token_are_greedy():
    model = language_model()
    expected = greedy(model, [1], 6)
    for options in ({"temperature": 0}, {"top_k": 1}, {"top_p": 1e-9}):
        assert generate(model, [1], 6, strategy="sample", **options).tolist() == expected


def score(model, prompt, continuation):
    tokens, total = list(prompt), 0.0
    for token in continuation:
        total += log_probabilities(next_logits(model, tokens))[token]
        tokens.append(token)
    return total


def test_a_wide_beam_finds_the_best_of_all():
    model = language_model(vocabulary=4)
    best = max(itertools.product(range(4), repeat=3), key=lambda c: score(model, [1, 2], c))
    found = generate(model, [1, 2], 3, strategy="beam", beam_width=64)
    assert found.tolist() == [1, 2, *best]
    found = generate(model, [[1, 2], [0, 3]], 3, strategy="beam", beam_width=64)
    best = max(itertools.product(range(4), repeat=3), key=lambda c: score(model, [0, 3], c))
    assert found[1].tolist() == [0, 3, *best]


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_a_beam_compares_sequences_that_ended(penalty):
    model = language_model(vocabulary=3)
    end = 0
    candidates = []
    for length in (1, 2, 3):
        for c in itertools.product(range(3), repeat=length):
            if end not in c[:-1] and (c[-1] == end or length == 3):
                candidates.append(c)
    best = max(candidates, key=lambda c: score(model, [1], c) / len(c) ** penalty)
    found = generate(model, [1], 3, strategy="beam", beam_width=27, end_token=end, length_penalty=penalty)
    assert found.tolist() == [1, *best]


def test_a_beam_of_one_is_greedy():
    model = language_model()
    assert generate(model, [1, 2], 5, strategy="beam", beam_width=1).tolist() == greedy(model, [1, 2], 5)


def test_sequences_may_outgrow_the_model():
    model = language_model(length=8)
    found = generate(model, [1, 2, 3], 20)
    assert found.shape == (23,)
    assert found[:8].tolist() == greedy(model, [1, 2, 3], 5)
    # The first token that did not fit comes after the last four of those before it and itself.
    assert found[9] == next_logits(model, found[4:9].tolist()).argmax()
    assert generate(model, np.arange(15) % 7, 2).shape == (17,)


def translator(kind, vocabulary=7):
    fastnn.random.set_seed(2)
    if kind == "transformer":
        model = fastnn.models.transformer(9, vocabulary, 10, num_layers=2, model_dim=16, num_heads=2)
    else:
        model = fastnn.models.seq2seq(9, vocabulary, units=16, num_layers=2)
    model.set_weights([RANDOM.normal(size=w.shape) * 0.6 for w in model.get_weights()])
    return model


SOURCES = [[3, 4, 5, 6], [7, 8]]
PADDED = np.array([[3, 4, 5, 6], [7, 8, 0, 0]])


@pytest.mark.parametrize("kind", ["transformer", "seq2seq"])
def test_translation(kind):
    model = translator(kind)
    tokens = np.full((2, 1), 1)
    for _ in range(5):
        logits = model.predict([PADDED, tokens], verbose=0)[:, -1]
        tokens = np.concatenate([tokens, logits.argmax(1)[:, None]], 1)
    found = generate(model, [[1], [1]], 5, source=SOURCES)
    assert [row.tolist() for row in found] == tokens.tolist()
    alone = generate(model, [1], 5, source=[7, 8])  # padding changes nothing
    assert alone.tolist() == tokens[1].tolist()
    longer = generate(
        model, tokens[:, :3].tolist(), 3, source=SOURCES
    )  # several tokens at once, then one each
    assert [row.tolist() for row in longer] == tokens.tolist()
    narrow = generate(model, [[1], [1]], 5, source=SOURCES, strategy="beam", beam_width=1)
    assert [row.tolist() for row in narrow] == tokens.tolist()
    whole = tokens[0].tolist()
    ended = generate(model, [1], 5, source=SOURCES[0], end_token=whole[2])
    assert ended.tolist() == whole[: whole.index(whole[2], 1) + 1]


@pytest.mark.parametrize("penalty", [0.0, 1.0])
@pytest.mark.parametrize("kind", ["transformer", "seq2seq"])
def test_a_wide_beam_finds_the_best_translations(kind, penalty):
    model = translator(kind, vocabulary=3)
    end = 0
    candidates = [
        c
        for length in (1, 2, 3)
        for c in itertools.product(range(3), repeat=length)
        if end not in c[:-1] and (c[-1] == end or length == 3)
    ]
    best = []
    for row in PADDED:
        targets = np.array([[1, *c, 0, 0][:4] for c in candidates])  # what comes after is not looked at
        logits = model.predict([np.tile(row, (len(targets), 1)), targets], verbose=0)
        scores = [
            sum(
                log_probabilities(step.astype("float64"))[token]
                for step, token in zip(steps, c, strict=False)
            )
            / len(c) ** penalty
            for steps, c in zip(logits, candidates, strict=True)
        ]
        best.append([1, *candidates[int(np.argmax(scores))]])
    options = {"strategy": "beam", "beam_width": 27, "end_token": end, "length_penalty": penalty}
    found = generate(model, [[1], [1]], 3, source=SOURCES, **options)
    assert [row.tolist() for row in found] == best
    alone = generate(model, [1], 3, source=SOURCES[1], **options)
    assert alone.tolist() == best[1]


def test_translation_by_any_model_of_two_inputs():
    source, target = (fastnn.Input((None,), dtype="int32", name=n) for n in ("source", "target"))
    read = layers.GlobalAveragePooling1D()(layers.Embedding(9, 8)(source))
    written = layers.GRU(8, return_sequences=True)(layers.Embedding(7, 8)(target), initial_state=read)
    model = fastnn.Model([source, target], layers.Dense(7)(written))
    model.set_weights([RANDOM.normal(size=w.shape) for w in model.get_weights()])
    tokens = np.full((2, 1), 1)
    for _ in range(4):
        logits = model.predict([PADDED, tokens], verbose=0)[:, -1]
        tokens = np.concatenate([tokens, logits.argmax(1)[:, None]], 1)
    assert [row.tolist() for row in generate(model, [[1], [1]], 4, source=SOURCES)] == tokens.tolist()
    beams = generate(model, [[1], [1]], 4, source=SOURCES, strategy="beam", beam_width=1)
    assert [row.tolist() for row in beams] == tokens.tolist()


def test_beams_stop_when_nothing_can_be_better(monkeypatch):
    model = translator("seq2seq")
    bias = model.get_weights()
    bias[-1][2] = 50.0  # token 2 ends, and is all but certain
    model.set_weights(bias)
    from fastnn import _generation_steps

    def never(self, tokens):
        raise AssertionError("went on after the best had ended")

    monkeypatch.setattr(_generation_steps.StateSteps, "advance", never)
    found = generate(model, [1], 9, source=[3, 4], strategy="beam", beam_width=3, end_token=2)
    assert found.tolist() == [1, 2]


@pytest.mark.parametrize("kind", ["transformer", "seq2seq"])
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"source": None}, ValueError, "needs a source, the tokens that its encoder reads"),
        ({"source": SOURCES}, ValueError, "there are 1 prompts, but 2 sources"),
        ({"source": []}, ValueError, "source must be a sequence of tokens"),
        ({"source": 3}, ValueError, "source must be a sequence of tokens, or of such sequences, got 3"),
        ({"source": np.array(3)}, ValueError, "source must be a sequence of tokens"),
        (
            {"source": [[]]},
            ValueError,
            r"source 0 must be .* one token, got shape \(0,\)",
        ),
        ({"source": [[[3]]]}, ValueError, r"source 0 must be .* got shape \(1, 1\)"),
        ({"source": np.ones((1, 2, 2), int)}, ValueError, r"source 0 must be .* got shape \(2, 2\)"),
        ({"source": [3.5]}, TypeError, "source 0 must hold whole numbers, got dtype float64"),
        ({"source": [3, 9]}, ValueError, "source 0: got class or id 9, expected an integer from 0 to 8"),
        ({"source": [-1]}, ValueError, "source 0: got class or id -1, expected an integer from 0 to 8"),
        ({"source": [0, 0]}, ValueError, "source 0 is all padding"),
        ({"prompt": [7]}, ValueError, "prompt 0: got class or id 7, expected an integer from 0 to 6"),
        ({"prompt": [[[1]]]}, ValueError, r"prompt 0 must be .* got shape \(1, 1\)"),
        ({"strategy": "beam", "beam_width": 0}, ValueError, "beam_width must be at least 1, got 0"),
        ({"end_token": 7}, ValueError, "end_token must be below 7, the model's number of tokens, got 7"),
        ({"strategy": "beam", "end_token": 7}, ValueError, "end_token must be below 7"),
    ],
)
def test_messages_of_translation(kind, options, error, message):
    arguments = {"model": translator(kind), "prompt": [1], "max_tokens": 2, "source": [3, 4], **options}
    with pytest.raises(error, match=message):
        generate(**arguments)


def test_a_source_must_fit_the_model():
    with pytest.raises(ValueError, match="got sequences of 11 tokens, but the model was made for"):
        generate(translator("transformer"), [1], 2, source=[3] * 11)
    assert generate(translator("transformer"), [1], 2, source=[3] * 10).shape == (3,)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"max_tokens": 0}, ValueError, "max_tokens must be at least 1"),
        ({"max_tokens": 1.5}, TypeError, "max_tokens must be an integer"),
        ({"beam_width": 0}, ValueError, "beam_width must be at least 1, got 0"),
        ({"strategy": "beem"}, ValueError, "unknown strategy 'beem'; did you mean 'beam'"),
        ({"temperature": -1}, ValueError, "temperature must be at least 0"),
        ({"top_k": 0}, ValueError, "top_k must be at least 1"),
        ({"top_p": 0}, ValueError, "top_p must be above 0"),
        ({"top_p": 1.1}, ValueError, r"top_p must be in \[0, 1\]"),
        ({"length_penalty": -1}, ValueError, "length_penalty must be at least 0"),
        ({"end_token": -1}, ValueError, "end_token must be at least 0"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"prompt": []}, ValueError, "prompt must be a sequence of tokens"),
        ({"prompt": [[1], []]}, ValueError, "prompt 1 must be a sequence of at least one token"),
        ({"prompt": [0.5]}, TypeError, "prompt 0 must hold whole numbers, got dtype float64"),
        ({"prompt": [7]}, ValueError, "got class or id 7, expected an integer from 0 to 6"),
        ({"prompt": [[1], [1, 2]], "strategy": "beam"}, ValueError, "a beam needs prompts of one length"),
        ({"source": [1]}, ValueError, "has no encoder and takes no source"),
        ({"model": None}, TypeError, "expected a model, got NoneType"),
    ],
)
def test_messages(options, error, message):
    arguments = {"model": language_model(), "prompt": [1, 2], "max_tokens": 2, **options}
    with pytest.raises(error, match=message):
        generate(**arguments)
