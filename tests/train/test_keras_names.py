"""Keras' other names of things, and the smaller metrics and constraints."""

import numpy as np
import pytest

import fastnn
from fastnn import constraints, initializers, losses, metrics

rng = np.random.default_rng(0)


@pytest.mark.parametrize("name", ["mse", "MSE", "mae", "MAE", "mape", "MAPE", "msle", "MSLE", "kld", "KLD"])
def test_losses_go_by_their_short_names(name):
    function = getattr(losses, name)
    y, p = rng.random((5, 3)) + 0.1, rng.random((5, 3)) + 0.1
    np.testing.assert_allclose(losses.get(name)(y, p), np.mean(function(y, p)), rtol=1e-6)


def test_initializers_go_by_the_names_of_their_functions():
    for name in initializers.__all__:
        if name.islower() and name not in ("get", "serialize", "deserialize", "compute_fans"):
            made = getattr(initializers, name)()
            assert type(made) is type(initializers.get(name)), name
    assert initializers.OrthogonalInitializer is initializers.Orthogonal
    np.testing.assert_array_equal(initializers.zeros()((2, 3)), np.zeros((2, 3)))


def test_counts_of_decisions():
    y = rng.integers(0, 2, (50, 3))
    p = rng.random((50, 3)).astype("float32")
    weights = rng.random(50)
    for at in (0.5, 0.2):
        positive = p > at
        expected = {
            metrics.TruePositives: positive & (y == 1),
            metrics.FalsePositives: positive & (y == 0),
            metrics.FalseNegatives: ~positive & (y == 1),
            metrics.TrueNegatives: ~positive & (y == 0),
        }
        for kind, which in expected.items():
            assert kind(at)(y, p) == which.sum()
            np.testing.assert_allclose(kind(at)(y, p, weights), (which * weights[:, None]).sum(), rtol=1e-6)
    both = metrics.TruePositives([0.7, 0.2])(y, p)
    assert list(both) == [((p > at) & (y == 1)).sum() for at in (np.float32(0.7), np.float32(0.2))]
    with pytest.raises(ValueError, match="TruePositives: thresholds"):
        metrics.TruePositives(1.5)
    made = metrics.get(metrics.serialize(metrics.FalsePositives([0.1, 0.4], name="fp")))
    assert made.thresholds == [0.1, 0.4] and made.name == "fp"


def test_counts_in_fit():
    model = fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Dense(1, "sigmoid")])
    model.compile(
        "sgd", "binary_crossentropy", metrics=["true_positives", metrics.TrueNegatives(), "accuracy"]
    )
    x, y = rng.normal(size=(60, 4)).astype("float32"), rng.integers(0, 2, 60)
    found = model.evaluate(x, y, verbose=0, return_dict=True)
    right = found["true_positives"] + found["true_negatives"]
    assert right == pytest.approx(60 * found["accuracy"])


def test_mean_intersection_over_union():
    y = rng.integers(0, 3, (10, 6))
    scores = rng.random((10, 6, 4)).astype("float32")
    chosen = scores.argmax(axis=-1)
    parts = []
    for c in range(4):
        union = ((y == c) | (chosen == c)).sum()
        if union:
            parts.append(((y == c) & (chosen == c)).sum() / union)
    metric = metrics.MeanIoU(num_classes=4)
    assert metric.name == "mean_io_u"
    assert metric(y, scores) == pytest.approx(np.mean(parts))
    assert type(metrics.get("mean_iou")) is metrics.MeanIoU
    assert metrics.MeanIoU(4, sparse_y_pred=True)(y, chosen) == pytest.approx(np.mean(parts))
    assert metrics.get(metrics.serialize(metric)).num_classes == 4


def test_norms_between_bounds():
    w = rng.normal(size=(5, 7)) * np.array([0.0, 0.01, 0.1, 0.5, 1.0, 2.0, 10.0])
    norms = np.sqrt((w**2).sum(axis=0, keepdims=True))
    for rate in (1.0, 0.3):
        wanted = rate * np.clip(norms, 0.5, 2.0) + (1 - rate) * norms
        found = constraints.MinMaxNorm(0.5, 2.0, rate)(w)
        np.testing.assert_allclose(found, w * wanted / (norms + 1e-7), rtol=1e-6)
    made = constraints.get(constraints.serialize(constraints.MinMaxNorm(0.5, 2.0, 0.3, axis=[0, 1])))
    assert made.get_config() == {"min_value": 0.5, "max_value": 2.0, "rate": 0.3, "axis": [0, 1]}
    with pytest.raises(ValueError, match="max_value"):
        constraints.MinMaxNorm(2.0, 1.0)
    layer = fastnn.layers.Dense(6, kernel_constraint=constraints.min_max_norm(0.5, 0.7))
    model = fastnn.Sequential([fastnn.Input((4,)), layer])
    model.compile("sgd", "mse")
    model.fit(rng.normal(size=(40, 4)), rng.normal(size=(40, 6)), verbose=0)
    norms = np.sqrt((layer.kernel.numpy() ** 2).sum(axis=0))
    assert (norms > 0.49999).all() and (norms < 0.70001).all()


def test_data_sets_of_batches():
    class Data(fastnn.utils.Sequence):
        def __init__(self):
            super().__init__(workers=2)
            self.ends = 0

        def __len__(self):
            return 3

        def __getitem__(self, index):
            return np.full((4, 2), index, "float32"), np.full((4, 1), 2.0 * index, "float32")

        def on_epoch_end(self):
            self.ends += 1

    assert fastnn.utils.Sequence is fastnn.utils.PyDataset
    data = Data()
    model = fastnn.Sequential([fastnn.layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(data, epochs=2, verbose=0)
    assert history.params["steps"] == 3 and data.ends == 2
    assert model.predict(data, verbose=0).shape == (12, 1)
    with pytest.raises(NotImplementedError, match="must define __len__"):
        model.fit(fastnn.utils.PyDataset(), verbose=0)
