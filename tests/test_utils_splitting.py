import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnn.utils import train_val_test_indices, train_val_test_split

KNOWN = [[7, 5, 1, 11, 2, 10, 6, 4], [8, 3], [0, 9]]
KNOWN_PLAIN = [[7, 5, 1, 11, 2, 10, 6, 4], [9, 3], [0, 8]]
LABELS = np.repeat([0, 1, 2], [600, 300, 100])


def as_ints(parts):
    return [part.tolist() for part in parts]


def test_known_order():
    # Pins the parts for a seed: a change here would mix people's training and test parts.
    train, val, test = train_val_test_indices([0, 1] * 6, val=2, test=2, seed=0)
    assert as_ints((train, val, test)) == KNOWN
    plain = train_val_test_indices([0, 1] * 6, val=2, test=2, seed=0, stratify=False)
    assert as_ints(plain) == KNOWN_PLAIN


@given(
    counts=st.lists(st.integers(3, 60), min_size=1, max_size=8),
    val=st.one_of(st.just(0), st.integers(8, 20), st.floats(0.05, 0.4)),
    test=st.one_of(st.just(0), st.integers(8, 20), st.floats(0.05, 0.4)),
    seed=st.integers(0, 2**64 - 1),
)
def test_stratified_parts(counts, val, test, seed):
    y = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    n = len(y)
    try:
        parts = train_val_test_indices(y, val, test, seed=seed)
    except ValueError as error:
        assert (
            "fewer than the" in str(error)
            or "is none" in str(error)
            or "leaves none" in str(error)
            or "of 0 to" in str(error)
        )
        return
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(n))
    for size, part in zip((val, test), parts[1:], strict=True):
        wanted = size if isinstance(size, int) else int(size * n + 0.5)
        assert len(part) == wanted
        per_class = np.bincount(y[part], minlength=len(counts))
        if wanted:
            assert (per_class >= 1).all()
    assert (np.bincount(y[parts[0]], minlength=len(counts)) >= 1).all()


def test_shares_of_classes_are_exact_where_they_can_be():
    for part, share in zip(train_val_test_indices(LABELS, 0.2, 0.1), (0.7, 0.2, 0.1), strict=True):
        assert np.bincount(LABELS[part]).tolist() == [600 * share, 300 * share, 100 * share]


def test_remainders_go_to_the_largest():
    y = np.repeat([0, 1, 2], [10, 11, 12])
    _, val, test = train_val_test_indices(y, val=4, test=10)  # dues 3.03, 3.33, 3.64 and 1.2, 1.3, 1.5
    assert np.bincount(y[test]).tolist() == [3, 3, 4]
    assert np.bincount(y[val]).tolist() == [1, 1, 2]


def test_rare_class_is_in_every_part():
    y = np.repeat([0, 1], [1000, 3])
    assert [np.bincount(y[part])[1] for part in train_val_test_indices(y)] == [1, 1, 1]


def test_seeds():
    same = [train_val_test_indices(LABELS, seed=3) for _ in range(2)]
    assert as_ints(same[0]) == as_ints(same[1])
    for stratify in (True, False):
        parts = [
            train_val_test_indices(LABELS, stratify=stratify, seed=seed)[2].tolist() for seed in range(5)
        ]
        assert len({tuple(part) for part in parts}) == 5


def test_parts_are_shuffled():
    for stratify in (True, False):
        for part in train_val_test_indices(LABELS, stratify=stratify):
            assert (np.diff(part) < 0).mean() == pytest.approx(0.5, abs=0.1)


def test_plain_split_is_uniform():
    hits = np.zeros(20)
    for seed in range(2000):
        hits[train_val_test_indices(np.arange(20.0), 0, 5, stratify=False, seed=seed)[2]] += 1
    assert np.abs(hits / 2000 - 0.25).max() < 0.05


@pytest.mark.parametrize(
    "labels",
    [
        LABELS[:, None],
        np.eye(3, dtype=np.float32)[LABELS],
        np.array(["cat", "dog", "emu"])[LABELS],
        LABELS.astype(np.float32),
        LABELS.astype(">i2"),
        LABELS.tolist(),
        np.array(["cat", "dog", "emu"], dtype=object)[LABELS],
    ],
)
def test_forms_of_labels(labels):
    assert as_ints(train_val_test_indices(labels)) == as_ints(train_val_test_indices(LABELS))
    assert as_ints(train_val_test_indices(np.arange(1000.0), stratify=labels)) == as_ints(
        train_val_test_indices(LABELS)
    )


def test_arrays():
    x = np.arange(3000).reshape(1000, 3)
    parts = train_val_test_split(x, LABELS, val=0.25, test=50, seed=1)
    indices = train_val_test_indices(LABELS, val=0.25, test=50, seed=1)
    assert [len(part[0]) for part in parts] == [700, 250, 50]
    for (part_x, part_y), index in zip(parts, indices, strict=True):
        np.testing.assert_array_equal(part_x, x[index])
        np.testing.assert_array_equal(part_y, LABELS[index])
        assert not np.shares_memory(part_x, x)


def test_empty_parts():
    for stratify in (True, False):
        train, val, test = train_val_test_split(np.ones((9, 2)), [0, 1, 2] * 3, 0, 0.0, stratify=stratify)
        assert [part[0].shape for part in (train, val, test)] == [(9, 2), (0, 2), (0, 2)]


def test_regression_targets():
    y = np.random.default_rng(0).normal(size=(100, 2))
    assert [len(part) for part in train_val_test_indices(y, stratify=False)] == [80, 10, 10]
    with pytest.raises(
        ValueError, match=r"shape \(100, 2\) is not one-hot; pass the classes as 'stratify', or"
    ):
        train_val_test_indices(y)
    with pytest.raises(
        ValueError, match=r"has too few samples \(1\): .* or pass stratify=False \(for regression, always\)"
    ):
        train_val_test_indices(y[:, 0])


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        (([0, 1] * 5, -0.1), ValueError, r"'val' to be a fraction of at least 0 and below 1, .*got -0.1"),
        (([0, 1] * 5, 0.1, 1.0), ValueError, r"'test' to be a fraction .*below 1, or an integer, got 1.0"),
        (([0, 1] * 5, 0.1, float("nan")), ValueError, r"'test' to be a fraction .*got nan"),
        (([0, 1] * 5, 10), ValueError, r"expected 'val' of 0 to 9 of 10 samples, got 10"),
        (([0, 1] * 5, -1), ValueError, r"expected 'val' of 0 to 9 of 10 samples, got -1"),
        (([0, 1] * 5, "half"), TypeError, r"'val' to be a fraction or a number of samples, got 'half'"),
        (([0, 1] * 5, True), TypeError, r"'val' to be a fraction or a number of samples, got True"),
        (
            ([0, 1] * 5, 0.5, 5),
            ValueError,
            r"val=0.5 and test=5 take 5 \+ 5 of 10 samples, which leaves none",
        ),
        (([0, 1] * 2, 0.1), ValueError, r"val=0.1 of 4 samples is none; pass a number of samples"),
        (([], 0, 0), ValueError, r"at least one sample, got 'y' of shape \(0,\)"),
        ((3, 0, 0), ValueError, r"at least one sample, got 'y' of shape \(\)"),
        (
            ([0] * 9 + [7] * 2, 2, 2),
            ValueError,
            r"class 7 has too few samples \(2\): .* training, validation, test; merge",
        ),
        (
            ([0] * 9 + [7], 0, 2),
            ValueError,
            r"class 7 has too few samples \(1\): .* each of training, test; merge",
        ),
        (([0, 1, 2] * 4, 2, 3), ValueError, r"the validation part has 2 samples, fewer than the 3 classes"),
        (([0, 1, 2] * 4, 3, 2), ValueError, r"the test part has 2 samples, fewer than the 3 classes"),
        (([0, 1, 2] * 4, 5, 5), ValueError, r"the training part has 2 samples, fewer than the 3 classes"),
        (([0.0, float("nan")] * 5,), ValueError, r"the class at index 1 is NaN"),
        ((np.zeros((10, 2, 2)),), ValueError, r"one class a sample to stratify by, got shape \(10, 2, 2\)"),
        (([0, 1] * 5, 2, 2, [0, 1]), ValueError, r"'stratify' to hold 10 classes, got shape \(2,\)"),
        (([0, 1] * 5, 2, 2, "yes"), ValueError, r"'stratify' to hold 10 classes, got shape \(\)"),
        (([0, 1] * 5, 2, 2, True, 1.5), TypeError, r"'seed' to be an integer, got 1.5"),
        (([0, 1] * 5, 2, 2, True, None), TypeError, r"'seed' to be an integer, got None"),
        (([0, 1] * 5, 2, 2, True, -1), ValueError, r"'seed' of at least 0, got -1"),
    ],
)
def test_bad_input(args, error, message):
    with pytest.raises(error, match="train_val_test_split: .*" + message):
        train_val_test_indices(*args)


@pytest.mark.parametrize(("x", "y"), [(np.ones(3), np.ones(4)), (np.float64(1), [1]), ([1], np.float64(1))])
def test_different_lengths(x, y):
    with pytest.raises(ValueError, match=r"'x' and 'y' of one length, got shapes \(.*\) and \(.*\)"):
        train_val_test_split(x, y)
