"""Triplet, contrastive and NT-Xent losses against NumPy; they train."""

import numpy as np
import pytest

import fastnn
from fastnn import layers, losses

RANDOM = np.random.default_rng(6)


def distance(a, b, kind):
    if kind == "cosine":
        return 1 - (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    return ((a - b) ** 2).sum(-1) if kind == "squared_euclidean" else np.linalg.norm(a - b, axis=-1)


@pytest.mark.parametrize("kind", ["euclidean", "squared_euclidean", "cosine"])
@pytest.mark.parametrize("margin", [0.0, 0.7])
def test_triplet(kind, margin):
    x = RANDOM.normal(size=(9, 3, 4))
    expected = np.maximum(distance(x[:, 0], x[:, 1], kind) - distance(x[:, 0], x[:, 2], kind) + margin, 0)
    found = losses.Triplet(margin, kind, reduction=None)(np.zeros(9), x)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_contrastive():
    x, y = RANDOM.normal(size=(9, 2, 4)), RANDOM.integers(0, 2, 9)
    d = distance(x[:, 0], x[:, 1], "euclidean")
    expected = np.where(y == 1, d**2, np.maximum(2.5 - d, 0) ** 2)
    found = losses.Contrastive(2.5, reduction=None)(y, x)
    np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(losses.Contrastive(2.5)(y[:, None], x), expected.mean())


def test_nt_xent_of_two_views():
    x = RANDOM.normal(size=(5, 2, 4))
    unit = x.reshape(10, 4) / np.linalg.norm(x.reshape(10, 4), axis=1, keepdims=True)
    scores = np.exp(unit @ unit.T / 0.1)
    np.fill_diagonal(scores, 0)
    each = [np.log(scores[i].sum() / scores[i, i ^ 1]) for i in range(10)]
    np.testing.assert_allclose(losses.NTXent(0.1)(np.zeros(5), x), np.mean(each))


@pytest.mark.parametrize("loss", [losses.Triplet(0.3, "cosine"), losses.Contrastive(2.0), losses.NTXent(0.2)])
def test_they_are_described_and_made_again(loss):
    again = losses.deserialize(losses.serialize(loss))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()


@pytest.mark.parametrize("loss", ["triplet", "contrastive", "nt_xent"])
def test_they_train(loss):
    fastnn.random.set_seed(0)
    vectors = 3 if loss == "triplet" else 2
    kinds = RANDOM.integers(0, 4, (128, vectors))
    if loss != "contrastive":
        kinds[:, 1] = kinds[:, 0]
    if loss == "triplet":
        kinds[:, 2] = (kinds[:, 0] + 1 + RANDOM.integers(0, 3, 128)) % 4
    x = np.eye(4)[kinds].repeat(2, -1) + RANDOM.normal(scale=0.3, size=(128, vectors, 8))
    y = (kinds[:, 0] == kinds[:, 1]).astype(int)
    model = fastnn.Sequential([layers.Input((vectors, 8)), layers.Dense(16, "tanh"), layers.Dense(3)])
    model.compile(fastnn.optimizers.Adam(0.01), loss)
    history = model.fit(x, y, batch_size=32, epochs=15, verbose=0)
    # Views of other samples of a kind cannot be told apart: NT-Xent cannot fall far.
    bound = 0.92 if loss == "nt_xent" else 0.85
    assert history.history["loss"][-1] < bound * history.history["loss"][0]


def test_vectors_that_are_the_same_have_finite_gradients():
    model = fastnn.Sequential([layers.Input((3, 2)), layers.Dense(2)])
    for loss in (losses.Triplet(), losses.Triplet(distance="cosine")):
        model.compile("sgd", loss)
        model.fit(np.zeros((4, 3, 2)), np.zeros(4), verbose=0)
        assert all(np.isfinite(w).all() for w in model.get_weights())


def test_messages():
    with pytest.raises(
        ValueError, match=r"must hold 3 vectors a sample, \(None, 3, features\), got \(None, 2, 4\)"
    ):
        losses.Triplet()(np.zeros(5), np.zeros((5, 2, 4)))
    with pytest.raises(ValueError, match=r"must hold 2 vectors a sample, .* got \(None, 4\)"):
        losses.Contrastive()(np.zeros(5), np.zeros((5, 4)))
    with pytest.raises(ValueError, match="must hold at least 2 vectors a sample"):
        losses.NTXent()(np.zeros(5), np.zeros((5, 1, 4)))
    with pytest.raises(ValueError, match="expected y_true of shape"):
        losses.Contrastive()(np.zeros((5, 3)), np.zeros((5, 2, 4)))
    with pytest.raises(ValueError, match="y_true has 4 rows, but y_pred has 5"):
        losses.Triplet()(np.zeros(4), np.zeros((5, 3, 4)))
    with pytest.raises(ValueError, match="margin must be at least 0"):
        losses.Triplet(-1)
    with pytest.raises(ValueError, match="distance"):
        losses.Triplet(distance="manhattan")
    with pytest.raises(ValueError, match="temperature must be above 0"):
        losses.NTXent(0)
