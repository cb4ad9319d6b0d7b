"""Reports about classes: against counting by hand, and against scikit-learn where it is installed."""

import warnings

import numpy as np
import pytest

from fastnn.reports import classification_report, confusion_matrix


def sample(seed=0, n=200, classes=5):
    rng = np.random.default_rng(seed)
    true = rng.integers(0, classes, n)
    pred = np.where(rng.random(n) < 0.6, true, rng.integers(0, classes, n))
    return true, pred


def test_confusion_matrix_by_hand():
    matrix = confusion_matrix([0, 1, 1, 2, 2, 2], [0, 1, 2, 2, 2, 0])
    assert matrix.tolist() == [[1, 0, 0], [0, 1, 1], [1, 0, 2]]
    assert matrix.dtype == np.int64
    assert confusion_matrix([0, 1, 1, 2], [0, 1, 2, 2], labels=[2, 1]).tolist() == [[1, 0], [1, 1]]
    normal = confusion_matrix([0, 1, 1], [0, 1, 0], labels=[0, 1, 2], normalize="true")
    assert normal.tolist() == [[1, 0, 0], [0.5, 0.5, 0], [0, 0, 0]]


def test_forms_of_labels_agree():
    true, pred = sample()
    want = confusion_matrix(true, pred)
    one_hot = np.eye(5, dtype=np.float32)[true]
    probabilities = np.full((len(pred), 5), 0.1)
    probabilities[np.arange(len(pred)), pred] = 0.6
    for t in (true, true.tolist(), true[:, None], true.astype(np.uint8), true.astype(float), one_hot):
        for p in (pred, np.eye(5, dtype=int)[pred], probabilities, probabilities.astype(np.float32)):
            assert np.array_equal(confusion_matrix(t, p), want)


def test_binary_probabilities_and_strings():
    assert confusion_matrix([0, 1, 1], [0.2, 0.9, 0.4]).tolist() == [[1, 0], [1, 1]]
    assert confusion_matrix([[0], [1], [1]], [[0.2], [0.9], [0.4]]).tolist() == [[1, 0], [1, 1]]
    assert confusion_matrix(["cat", "dog"], ["dog", "dog"]).tolist() == [[0, 1], [0, 1]]
    assert confusion_matrix(["cat", "dog"], ["dog", "dog"], labels=["dog", "cat"]).tolist() == [
        [1, 0],
        [1, 0],
    ]


def test_columns_give_the_number_of_classes():
    probabilities = np.array([[0.9, 0.05, 0.05], [0.8, 0.1, 0.1]])
    assert confusion_matrix([0, 1], probabilities).shape == (3, 3)
    assert "frog" in classification_report([0, 1], probabilities, target_names=["cat", "dog", "frog"])


def test_report_by_hand():
    report = classification_report([0, 0, 1, 1], [0, 1, 1, 1], output_dict=True)
    assert report["0"] == {"precision": 1.0, "recall": 0.5, "f1-score": pytest.approx(2 / 3), "support": 2.0}
    assert report["accuracy"] == 0.75
    assert list(report) == ["0", "1", "accuracy", "macro avg", "weighted avg"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: confusion_matrix([0, 1], [0]), "2 samples, y_pred 1"),
        (lambda: confusion_matrix([0, 1], [0, 1], normalize="rows"), "normalize"),
        (lambda: confusion_matrix([0, 1], [0, 1], labels=[]), "labels is empty"),
        (lambda: confusion_matrix([0, 1], [0, 1], labels=[7]), "none of labels"),
        (lambda: confusion_matrix([0, 1], [0, 1], labels=[1, 1]), "different classes"),
        (lambda: confusion_matrix([0, 1], ["a", "b"]), "both"),
        (lambda: confusion_matrix([0, 1], [0, 1], sample_weight=[1]), "sample_weight has 1"),
        (lambda: confusion_matrix([[1, 1], [0, 1]], [0, 1]), "row 0 is not one-hot"),
        (lambda: confusion_matrix([[0.0, 0.0], [0.0, 1.0]], [0, 1]), "row 0 is not one-hot"),
        (lambda: confusion_matrix(np.zeros((2, 2, 2)), [0, 1]), "shape"),
        (lambda: confusion_matrix([0, 1], [0.5, np.nan]), "y_pred: contains NaN"),
        (lambda: confusion_matrix([0, 1], [0.5, 3.2]), "neither class ids nor probabilities"),
        (lambda: confusion_matrix([0, 1], [None, 1]), "object"),
        (lambda: confusion_matrix([0, 1], [1j, 1]), "complex"),
        (lambda: classification_report([0, 1], [0, 1], target_names=["a"]), "target_names has 1 names"),
        (lambda: classification_report([0, 1], [0, 1], digits=-1), "digits"),
        (lambda: classification_report([0, 1], [0, 1], zero_division="warn"), "zero_division"),
        (lambda: classification_report([], []), "no classes"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


CASES = [
    {},
    {"digits": 4},
    {"target_names": ["a", "bb", "a long name of a class", "d", "e"]},
    {"labels": [3, 1]},
    {"labels": [0, 1, 2, 3, 4, 9]},
    {"labels": [0, 1, 2, 3, 4, 9], "zero_division": 1.0},
    {"labels": [0, 1, 9], "zero_division": np.nan},
    {"sample_weight": np.linspace(0.5, 2, 200)},
    {"labels": [9], "zero_division": 1.0},
]


@pytest.mark.parametrize("arguments", CASES)
@pytest.mark.parametrize("seed", [0, 1])
def test_report_against_scikit_learn(arguments, seed):
    metrics = pytest.importorskip("sklearn.metrics")
    true, pred = sample(seed)
    arguments = {"zero_division": 0.0, **arguments}
    assert classification_report(true, pred, **arguments) == metrics.classification_report(
        true, pred, **arguments
    )
    ours = classification_report(true, pred, output_dict=True, **arguments)
    theirs = metrics.classification_report(true, pred, output_dict=True, **arguments)
    assert list(ours) == list(theirs)
    for name, value in theirs.items():
        assert ours[name] == pytest.approx(value, nan_ok=True)


def test_report_with_more_names_than_labels_warns_as_scikit_learn_does():
    metrics = pytest.importorskip("sklearn.metrics")
    true, pred = sample()
    arguments = {"labels": [0, 1], "target_names": ["a", "b", "c"], "zero_division": 0.0}
    with pytest.warns(UserWarning, match="target_names has 3 names"):
        ours = classification_report(true, pred, **arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert ours == metrics.classification_report(true, pred, **arguments)


@pytest.mark.parametrize("normalize", [None, "true", "pred", "all"])
@pytest.mark.parametrize("labels", [None, [2, 0], [0, 1, 2, 3, 4, 9]])
@pytest.mark.parametrize("weighted", [False, True])
def test_confusion_matrix_against_scikit_learn(normalize, labels, weighted):
    metrics = pytest.importorskip("sklearn.metrics")
    true, pred = sample(3)
    weight = np.linspace(0.5, 2, len(true)) if weighted else None
    ours = confusion_matrix(true, pred, labels=labels, normalize=normalize, sample_weight=weight)
    theirs = metrics.confusion_matrix(true, pred, labels=labels, normalize=normalize, sample_weight=weight)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
