"""Batches of sequences of like length."""

import numpy as np
import pytest

import fastnn
from fastnn import layers
from fastnn.utils import LengthBuckets

RNG = np.random.default_rng(0)
SEQUENCES = [RNG.integers(1, 20, n) for n in RNG.integers(1, 30, 100)]
Y = np.arange(100)


def test_every_sequence_comes_once_a_pass_in_another_order():
    batches = LengthBuckets(SEQUENCES, Y, 8, seed=3)
    first, second = list(batches), list(batches)
    assert len(first) == len(batches) == len(second)
    for found in (first, second):
        assert sorted(np.concatenate([y for _, y in found])) == list(range(100))
        for x, y in found:
            assert x.shape[0] == len(y) <= 8 and x.shape[1] in batches.lengths and x.dtype == np.int32
            for row, number in zip(x, y, strict=True):
                np.testing.assert_array_equal(row[: len(SEQUENCES[number])], SEQUENCES[number])
                assert not row[len(SEQUENCES[number]) :].any()
    assert [y.tolist() for _, y in first] != [y.tolist() for _, y in second]
    again = list(LengthBuckets(SEQUENCES, Y, 8, seed=3))
    assert [y.tolist() for _, y in first] == [y.tolist() for _, y in again]


def test_there_is_little_padding():
    whole = 100 * max(map(len, SEQUENCES))
    batches = LengthBuckets(SEQUENCES, batch_size=8)
    assert sum(x.size for x in batches) < 0.75 * whole and len(batches.lengths) <= 8


def test_long_sequences_are_cut_and_targets_may_be_sequences():
    features = [RNG.normal(size=(n, 2)) for n in (3, 5, 9)]
    labels = [np.arange(n) for n in (3, 5, 9)]
    made = LengthBuckets(features, labels, 2, lengths=[4, 6], dtype="float32", shuffle=False, value=-1.0)
    (x, y), (x2, y2) = made
    assert x.shape == (1, 4, 2) and y.tolist() == [[0, 1, 2, -1]] and (x[0, 3] == -1).all()
    assert x2.shape == (2, 6, 2) and y2.tolist() == [[0, 1, 2, 3, 4, -1], [0, 1, 2, 3, 4, 5]]
    np.testing.assert_array_equal(x2[1], features[2][:6].astype("float32"))


def test_models_train_on_them():
    model = fastnn.Sequential(
        [layers.Input((None,)), layers.Embedding(20, 4, mask_zero=True), layers.GRU(4), layers.Dense(1)]
    )
    model.compile("adam", "mse")
    batches = LengthBuckets(SEQUENCES, Y / 100, 16, lengths=[10, 20, 30])
    history = model.fit(batches, epochs=3, verbose=0).history["loss"]
    assert len(history) == 3 and np.isfinite(history).all()
    assert np.isfinite(model.evaluate(batches, verbose=0))
    padded = fastnn.utils.pad_sequences(SEQUENCES, 30, padding="post")
    plain = LengthBuckets(SEQUENCES, None, 16, lengths=[10, 20, 30], shuffle=False)
    order = np.argsort(np.searchsorted([10, 20, 30], [len(s) for s in SEQUENCES]), kind="stable")
    np.testing.assert_allclose(
        model.predict(plain, verbose=0), model.predict(padded, verbose=0)[order], rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), "there are none"),
        (([[1], []],), "sequence 1 has no steps"),
        (([[1]], [1, 2]), "there are 1 sequences, but 2 targets"),
        (([[1], [2]], [[1, 2], [1]]), "targets must be rows of one shape, or sequences as long"),
        (([[1]], None, 0), "batch_size must be an integer of at least 1, got 0"),
        (([[1]], None, 2, [0, 3]), "lengths must be integers of at least 1"),
        (([[1]], None, 2, [3], "left"), "padding must be 'pre' or 'post'"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        LengthBuckets(*arguments)


def test_types_are_kept_and_the_order_is_told():
    batches = LengthBuckets([[0.5, 1.5], [3, 4]], [[1, 2], [0.5, 1.5]], shuffle=False)
    x, y = next(iter(batches))
    np.testing.assert_array_equal(x, [[0.5, 1.5], [3, 4]])
    np.testing.assert_array_equal(y, [[1, 2], [0.5, 1.5]])
    assert x.dtype == "float32" and next(iter(LengthBuckets([[1]]))).dtype == "int32"
    batches = LengthBuckets(SEQUENCES, np.arange(len(SEQUENCES)), 7)
    seen = np.concatenate([y for _, y in batches])
    np.testing.assert_array_equal(seen, batches.order)
