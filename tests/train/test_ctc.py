"""CTC: the loss on arrays and in training, masks, decoding against all labellings."""

import itertools

import numpy as np
import pytest

import fastnn
from fastnn import layers, losses
from fastnn.generation import ctc_decode

RANDOM = np.random.default_rng(8)


def spelled(path, blank=0):
    return tuple(int(k) for k, _ in itertools.groupby(path) if k != blank)


def labellings(logits, blank=0):
    """Log-probability of each labelling of a sample."""
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    found = {}
    for path in itertools.product(range(logits.shape[1]), repeat=len(logits)):
        labels = spelled(path, blank)
        found[labels] = found.get(labels, 0.0) + np.prod([p[t, k] for t, k in enumerate(path)])
    return {labels: np.log(total) for labels, total in found.items()}


def test_loss_on_arrays():
    logits = RANDOM.normal(size=(3, 5, 3))
    labels = np.array([[1, 2, 0], [2, 2, 1], [1, 0, 0]])
    expected = [-labellings(x)[tuple(k for k in y if k)] for x, y in zip(logits, labels, strict=True)]
    np.testing.assert_allclose(losses.CTC(reduction=None)(labels, logits), expected)
    np.testing.assert_allclose(losses.CTC()(labels, logits), np.mean(expected))
    weights = np.array([1.0, 0.0, 2.0])
    np.testing.assert_allclose(
        losses.CTC(reduction="sum")(labels, logits, weights), np.dot(weights, expected)
    )
    longer = np.concatenate([labels, np.zeros((3, 4), int)], 1)
    np.testing.assert_allclose(losses.CTC(reduction=None)(longer, logits), expected)
    assert losses.get("ctc").get_config()["blank"] == 0
    assert isinstance(losses.deserialize(losses.serialize(losses.CTC(blank=2))), losses.CTC)


def words(count, seed):
    """Steps whose features tell the label, each for two to three steps, and silence."""
    rng = np.random.default_rng(seed)
    x, y, seen = np.zeros((count, 14, 5), "float32"), np.zeros((count, 4), int), np.zeros((count, 14), int)
    for i in range(count):
        t = 0
        for j in range(rng.integers(2, 5)):
            label = rng.integers(1, 4)
            y[i, j] = label
            span = rng.integers(2, 4)
            x[i, t : t + span, label] = 1
            t += span
            x[i, t, 0] = 1
            t += 1
            if t > 10:
                break
        seen[i, :t] = 1
    return x + rng.normal(scale=0.1, size=x.shape).astype("float32"), y, seen


def test_a_model_learns_to_spell():
    fastnn.random.set_seed(1)
    x, y, _ = words(256, 0)
    model = fastnn.Sequential([layers.Input((14, 5)), layers.Dense(24, "relu"), layers.Dense(4)])
    model.compile(fastnn.optimizers.Adam(0.01), losses.CTC())
    history = model.fit(x, y, batch_size=32, epochs=15, verbose=0)
    assert history.history["loss"][-1] < 0.2 * history.history["loss"][0]
    x, y, _ = words(64, 1)
    for strategy in ("greedy", "beam"):
        found, _ = ctc_decode(model.predict(x, verbose=0), strategy=strategy, beam_width=8)
        right = [labels.tolist() == [k for k in row if k] for labels, row in zip(found, y, strict=True)]
        assert np.mean(right) > 0.9


def test_masked_steps_are_not_there():
    x = RANDOM.normal(size=(2, 6, 4)).astype("float32")
    x[0, 4:] = 0  # masked: all features are 0
    y = np.array([[1, 2], [2, 1]])
    inputs = fastnn.Input((6, 4))
    model = fastnn.Model(inputs, layers.Dense(3)(layers.Masking()(inputs)))
    model.compile("sgd", losses.CTC())
    found = model.evaluate(x, y, verbose=0)
    logits = model.predict(x, verbose=0).astype("float64")
    expected = [-labellings(logits[0, :4])[1, 2], -labellings(logits[1])[2, 1]]
    np.testing.assert_allclose(found, np.mean(expected), rtol=1e-5)


def test_greedy():
    p = np.full((2, 5, 3), 0.1)
    for t, k in enumerate([1, 1, 0, 1, 2]):
        p[0, t, k] = 0.8
    p[1, :, 0] = 0.8
    found, scores = ctc_decode(np.log(p))
    assert [labels.tolist() for labels in found] == [[1, 1, 2], []]
    np.testing.assert_allclose(scores, 5 * np.log(0.8))
    found, scores = ctc_decode(np.log(p), lengths=[2, 0])
    assert [labels.tolist() for labels in found] == [[1], []]
    np.testing.assert_allclose(scores, [2 * np.log(0.8), 0.0])


@pytest.mark.parametrize("blank", [0, 2])
def test_a_wide_beam_finds_the_best_labellings(blank):
    logits = RANDOM.normal(size=(3, 5, 3)) * 1.5
    found, scores = ctc_decode(logits, strategy="beam", beam_width=1000, top_paths=4, blank=blank)
    for i in range(3):
        every = labellings(logits[i], blank)
        best = sorted(every, key=lambda labels: -every[labels])[:4]
        assert [tuple(path[i].tolist()) for path in found] == best
        np.testing.assert_allclose(scores[i], [every[labels] for labels in best])


def test_a_beam_adds_up_what_greedy_does_not():
    p = np.array([[[0.6, 0.4], [0.6, 0.4]]])  # blank blank: 0.36; all that spell 1: 0.64
    assert ctc_decode(np.log(p))[0][0].tolist() == []
    found, scores = ctc_decode(np.log(p), strategy="beam")
    assert found[0].tolist() == [1]
    np.testing.assert_allclose(scores, np.log(0.64))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"beam_width": 0}, ValueError, "beam_width must be at least 1, got 0"),
        ({"top_paths": 0}, ValueError, "top_paths must be at least 1"),
        ({"top_paths": 2}, ValueError, "top_paths=2 needs a beam"),
        ({"strategy": "beams"}, ValueError, "unknown strategy 'beams'; did you mean 'beam'"),
        ({"blank": 3}, ValueError, "blank must be a class, 0 to 2, got 3"),
        ({"lengths": [1]}, ValueError, "lengths must be 2 whole numbers"),
        ({"lengths": [1, 6]}, ValueError, "lengths must be from 0 to 5"),
        (
            {"logits": np.zeros((5, 3))},
            ValueError,
            r"of shape \(samples, steps, classes\), got float64 of shape \(5, 3\)",
        ),
        ({"logits": np.zeros((2, 5, 3), int)}, ValueError, "floating point"),
    ],
)
def test_messages_of_decoding(options, error, message):
    with pytest.raises(error, match=message):
        ctc_decode(**{"logits": np.zeros((2, 5, 3)), **options})


def test_messages_of_the_loss():
    logits = np.zeros((2, 3, 4))
    with pytest.raises(ValueError, match=r"y_true must have shape \(None, length\), got \(2,\)"):
        losses.CTC()(np.array([1, 2]), logits)
    with pytest.raises(
        ValueError, match=r"predictions must have shape \(None, steps, classes\), got \(None, 4\)"
    ):
        losses.CTC()(np.array([[1], [2]]), logits[:, 0])
    with pytest.raises(ValueError, match=r"y_true\[1\] has more labels than there are steps \(3\)"):
        losses.CTC()(np.array([[1, 2, 0, 0], [1, 2, 1, 2]]), logits)
    with pytest.raises(ValueError, match="got class or id 4, expected an integer from 0 to 3"):
        losses.CTC()(np.array([[1, 2], [4, 2]]), logits)
    with pytest.raises(ValueError, match="must hold class indices, but y_true"):
        losses.CTC()(np.array([[1.5, 2], [1, 2]]), logits)
    with pytest.raises(ValueError, match="blank must be at least 0"):
        losses.CTC(blank=-1)
