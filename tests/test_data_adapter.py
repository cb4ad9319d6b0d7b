"""What counts as data: arrays of every kind, and what is refused."""

import array
import collections

import numpy as np
import pytest

from fastnn import data_adapter
from fastnn.data_adapter import as_rows, is_batches, iterate_batches, match_shape, split_batch

X = np.arange(24, dtype="float32").reshape(6, 4)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "uint8", "bool"])
def test_arrays_that_can_be_read_are_not_copied(dtype):
    x = X.astype(dtype)
    assert np.shares_memory(as_rows(x, "x"), x)
    assert np.shares_memory(as_rows(x[::2], "x"), x)
    assert np.shares_memory(as_rows(x[1:], "x"), x)


@pytest.mark.parametrize(
    ("dtype", "read"),
    [
        ("float16", "float32"),
        ("longdouble", "float64"),
        ("int8", "int32"),
        ("int16", "int32"),
        ("uint16", "int32"),
        ("uint32", "int64"),
        ("uint64", "int64"),
        (">f4", "float32"),
        (">f8", "float64"),
        (">i4", "int32"),
        (">i2", "int32"),
    ],
)
def test_other_numbers_are_converted(dtype, read):
    rows = as_rows(X.astype(dtype), "x")
    assert rows.dtype == read
    assert rows.dtype.isnative
    np.testing.assert_array_equal(rows, X)


def test_values_that_no_type_holds():
    with pytest.raises(ValueError, match="x: values above 9223372036854775807"):
        as_rows(np.array([2**63], "uint64"), "x")


@pytest.mark.parametrize(
    "view",
    [
        X.T,
        X[:, ::2],
        X[::-1],
        X[:, ::-1],
        np.asfortranarray(X),
        np.broadcast_to(X[0], (5, 4))[:, ::2],
        np.frombuffer(b"\0" + X.tobytes(), dtype="uint8")[1:].view("float32").reshape(6, 4),
    ],
)
def test_arrays_with_other_strides(view):
    rows = as_rows(view, "x")
    np.testing.assert_array_equal(rows, view)
    assert rows[0].flags.c_contiguous
    assert rows.flags.aligned


def test_repeated_rows_are_not_copied():
    repeated = np.broadcast_to(X[0], (1000, 4))
    assert as_rows(repeated, "x").strides[0] == 0


def test_read_only_and_memory_mapped(tmp_path):
    frozen = X.copy()
    frozen.flags.writeable = False
    assert np.shares_memory(as_rows(frozen, "x"), frozen)
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert np.shares_memory(as_rows(mapped, "x"), mapped)


class Wrapped:
    def __array__(self, dtype=None, copy=None):
        return X


class DLPack:
    def __dlpack__(self, **kwargs):
        return X.__dlpack__()

    def __dlpack_device__(self):
        return X.__dlpack_device__()


@pytest.mark.parametrize("value", [X.tolist(), tuple(map(tuple, X.tolist())), Wrapped(), DLPack(), list(X)])
def test_other_sources(value):
    np.testing.assert_array_equal(as_rows(value, "x"), X)


def test_dlpack_is_not_copied():
    assert np.shares_memory(as_rows(DLPack(), "x"), X)


def test_buffers():
    np.testing.assert_array_equal(as_rows(array.array("d", [1, 2, 3]), "x"), [1, 2, 3])
    np.testing.assert_array_equal(as_rows(memoryview(X), "x"), X)


def test_pandas():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    np.testing.assert_array_equal(as_rows(frame, "x"), X)
    mixed = frame.assign(e=[True, False] * 3)
    np.testing.assert_array_equal(as_rows(mixed, "x")[:, 4], [1, 0] * 3)
    missing = pandas.Series([1, None, 3], dtype="Int64")
    np.testing.assert_array_equal(as_rows(missing, "x"), [1, np.nan, 3])
    frame["e"] = list("uvwxyz")
    with pytest.raises(TypeError, match="columns hold different kinds"):
        as_rows(frame, "x")


@pytest.mark.parametrize(
    ("value", "match"),
    [
        (None, "x: expected an array of numbers, got None"),
        ("text", "got a str"),
        (b"bytes", "got a bytes"),
        ({"a": 1}, "got a dict"),
        (np.array(["a", "b"]), "dtype <U1"),
        (np.array([1, "b"], object), "Python objects"),
        (np.array([1 + 2j]), "complex"),
        (np.array(["2020-01-01"], "datetime64[D]"), "dtype datetime64"),
        (np.array([np.timedelta64(3)]), "timedelta64"),
        (np.zeros(3, [("a", "f4")]), "dtype"),
        (object(), "got an array of Python objects|expected"),
    ],
)
def test_what_is_not_numbers(value, match):
    with pytest.raises(TypeError, match=match):
        as_rows(value, "x")


def test_ragged_lists():
    with pytest.raises(ValueError, match="x: rows must all have the same shape"):
        as_rows([[1, 2], [3]], "x")
    with pytest.raises((TypeError, ValueError), match="rows"):
        as_rows(np.array([[1, 2], [3]], dtype=object), "x")


def test_masked_arrays():
    np.testing.assert_array_equal(as_rows(np.ma.array(X, mask=False), "x"), X)
    with pytest.raises(ValueError, match=r"x: masked entries have no value"):
        as_rows(np.ma.array(X, mask=X > 3), "x")


def test_sparse_matrices():
    class Sparse:
        nnz = 3

        def toarray(self):
            return X

    with pytest.raises(TypeError, match=r"x\.toarray\(\)"):
        as_rows(Sparse(), "x")


@pytest.mark.parametrize("shape", [(0,), (0, 4), (3, 0), (2, 0, 3)])
def test_empty(shape):
    with pytest.raises(ValueError, match=r"x: empty array of shape \("):
        as_rows(np.zeros(shape), "x")


def test_scalar():
    with pytest.raises(ValueError, match="single number"):
        as_rows(3.0, "x")


@pytest.mark.parametrize(
    ("shape", "wanted", "result"),
    [
        ((5, 28, 28), (None, 28, 28, 1), (5, 28, 28, 1)),
        ((5, 28, 28, 1), (None, 28, 28), (5, 28, 28)),
        ((5,), (None, 1), (5, 1)),
        ((5, 1), (None,), (5,)),
        ((5, 3), (None, 3), (5, 3)),
    ],
)
def test_shapes_that_match(shape, wanted, result):
    x = np.zeros(shape)
    matched = match_shape(x, wanted, "Model 'm'")
    assert matched.shape == result
    assert np.shares_memory(matched, x)


@pytest.mark.parametrize(
    ("shape", "wanted", "cure"),
    [
        ((5, 4), (None, 3), ""),
        ((28, 28), (None, 784), ""),
        ((28, 28, 1), (None, 28, 28, 1), "x[None]"),
        ((5, 28, 28), (None, 784), "x.reshape(len(x), -1)"),
        ((5, 784), (None, 28, 28, 1), "x.reshape(-1, 28, 28, 1)"),
        ((5, 3, 32, 32), (None, 32, 32, 3), "np.moveaxis(x, 1, -1)"),
        ((5, 32, 32), (None, 32, 32, 3), "3 channels"),
    ],
)
def test_shapes_that_do_not(shape, wanted, cure):
    with pytest.raises(ValueError, match="Model 'm': expected x of shape") as caught:
        match_shape(np.zeros(shape), wanted, "Model 'm'", "x")
    assert str(wanted) in str(caught.value)
    assert str(shape) in str(caught.value)
    assert cure in str(caught.value)


def test_what_is_an_iterable_of_batches():
    class Loader:
        def __iter__(self):
            return iter([X, X])

    class Indexed:
        def __len__(self):
            return 2

        def __getitem__(self, i):
            return X[i]

    for value in (iter([X]), (b for b in [X]), Loader(), Indexed(), collections.deque([X]), range(3)):
        assert is_batches(value)
    for value in (X, X.tolist(), (X, X), Wrapped(), DLPack(), memoryview(X), array.array("d"), None, "x", {}):
        assert not is_batches(value)
    assert len(list(iterate_batches(Indexed()))) == 2
    assert len(list(iterate_batches(Loader()))) == 2


def test_batches_are_split():
    y, w = np.zeros(6), np.ones(6)
    assert split_batch(X, "data") == (X, None, None)
    assert split_batch((X,), "data")[0] is X
    assert split_batch((X, y), "data") == (X, y, None)
    assert split_batch([X, y, w], "data") == (X, y, w)
    assert split_batch([[1, 2], [3, 4]], "data")[0] == [[1, 2], [3, 4]]
    with pytest.raises(ValueError, match="got 4 entries"):
        split_batch((X, y, w, w), "data")


def test_examples_in_docstrings():
    import doctest

    assert doctest.testmod(data_adapter).failed == 0
