"""Ops on arrays: kept graphs compute what a new graph does, from the values of each call."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from fastnn import ops
from fastnn.ops import _dispatch, _eager

RANDOM = np.random.default_rng(0)


def array(*shape: int, dtype: str = "float32") -> np.ndarray:
    return RANDOM.uniform(0.25, 2, shape).astype(dtype)


CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("add", (array(3, 4), array(4)), {}),
    ("add", (array(3, 4), 2), {}),
    ("subtract", (1.5, array(3, 4)), {}),
    ("multiply", (array(3, 4, dtype="float64"), 2.5), {}),
    ("multiply", (array(2, 3), True), {}),
    ("divide", (array(3, 4), np.float64(3)), {}),
    ("divide", (array(3, 4), np.float32(3)), {}),
    ("divide", (array(3, 4), [1, 2, 3, 4]), {}),
    ("add", (array(3, 4), array(3, 4, dtype="float64")), {}),
    ("add", (array(3, 4), np.arange(4)), {}),
    ("power", (array(5), 0.5), {}),
    ("clip", (array(5), 0.5, 1.0), {}),
    ("maximum", (array(5), array(5)), {}),
    ("exp", (array(70001),), {}),
    ("tanh", (array(2, 3, 4),), {}),
    ("where", (array(3, 4) > 1, array(3, 4), 0.5), {}),
    ("where", (array(3, 4) > 1, array(3, 4), array(4)), {}),
    ("less", (array(3, 4), array(3, 4)), {}),
    ("equal", (array(3), 1), {}),
    ("logical_not", (array(3) > 1,), {}),
    ("logical_and", (array(3) > 1, array(3) > 0.5), {}),
    ("cast", (array(3), "float64"), {}),
    ("sum", (array(3, 4),), {}),
    ("sum", (array(3, 4),), {"axis": 0}),
    ("mean", (array(3, 4, 5),), {"axis": (0, 2), "keepdims": True}),
    ("var", (array(3, 4),), {"axis": -1}),
    ("max", (array(200, 301),), {"axis": 1}),
    ("logsumexp", (array(3, 4),), {}),
    ("softmax", (array(3, 4),), {}),
    ("argmax", (array(3, 4),), {"axis": 1}),
    ("top_k", (array(3, 4), 2), {}),
    ("matmul", (array(3, 4), array(4, 5)), {}),
    ("matmul", (array(4), array(4)), {}),
    ("einsum", ("ij,kj->ik", array(3, 4), array(5, 4)), {}),
    ("concatenate", ([array(3, 4), array(2, 4)],), {"axis": 0}),
    ("stack", ((array(3), array(3)),), {}),
    ("split", (array(4, 6), 2), {"axis": 1}),
    ("getitem", (array(4, 6), (slice(1, 3), None, Ellipsis, -1)), {}),
    ("reshape", (array(4, 6), (8, -1)), {}),
    ("transpose", (array(2, 3, 4),), {}),
    ("broadcast_to", (array(3), (2, 3)), {}),
    ("take", (array(5, 3), np.array([4, 0])), {"axis": 0}),
    ("pad", (array(2, 3), ((1, 0), (0, 2))), {}),
    ("cumsum", (array(2, 3),), {"axis": 1}),
    ("exp", ([1.0, 2.0],), {}),
    ("exp", (0.5,), {}),
    ("sum", (array(3, 4)[:, ::2],), {"axis": 1}),
    ("exp", (array(6, 4).T,), {}),
]


def leaves(value: Any) -> list[Any]:
    return [leaf for item in value for leaf in leaves(item)] if isinstance(value, (list, tuple)) else [value]


def fresh(function: Any, args: Any, kwargs: Any) -> Any:
    return _dispatch._on_arrays(function.__wrapped__, args, kwargs)


def moved(value: Any) -> Any:
    """Other numbers, of the same shape and dtype."""
    if isinstance(value, np.ndarray):
        return value[::-1].copy() if value.dtype.kind in "bi" else value * value.dtype.type(0.75)
    if isinstance(value, (list, tuple)) and any(isinstance(item, np.ndarray) for item in value):
        return type(value)(moved(item) for item in value)
    return value


@pytest.mark.parametrize("call", CALLS, ids=lambda c: c[0])
def test_kept_graphs_compute_the_same(call: tuple[str, tuple[Any, ...], dict[str, Any]]) -> None:
    name, args, kwargs = call
    function = getattr(ops, name)
    for given in (args, tuple(moved(arg) for arg in args), args):
        expected = leaves(fresh(function, given, kwargs))
        found = leaves(function(*given, **kwargs))
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            assert type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape
            assert a.tobytes() == b.tobytes()


def kept() -> int:
    return sum(one is not None for one in _eager._kept.values())


def test_one_graph_for_arrays_of_one_shape() -> None:
    _eager._kept.clear()
    for _ in range(3):
        ops.exp(array(7))
        ops.add(array(7), array(7))
        ops.sum(array(2, 7), axis=1)
    assert kept() == 3
    ops.exp(array(8))
    assert kept() == 4


def test_numbers_that_are_equal_but_not_the_same() -> None:
    x = array(3)
    with np.errstate(divide="ignore"):
        assert (ops.divide(x, 0.0) == np.inf).all()
        assert (ops.divide(x, -0.0) == -np.inf).all()
    assert ops.cast(ops.add(np.array([1.0, 2.0]), 1), "float32").dtype == np.float32
    assert ops.divide(x, 2.0).dtype == np.float32
    assert ops.divide(x, np.float64(2)).dtype == np.float64
    assert ops.divide(x, np.float32(2)).dtype == np.float32
    for _ in range(2):
        assert np.isnan(ops.add(x, float("nan"))).all()


def test_results_are_the_callers() -> None:
    x = array(5)
    first = ops.exp(x)
    again = first.copy()
    first[:] = 0
    x[:] += 1
    np.testing.assert_allclose(ops.exp(x), again * np.e, rtol=1e-6)
    assert ops.reshape(x, (1, 5)).base is not x
    whole = ops.reshape(x, (5,))
    whole[:] = 0
    assert (x != 0).all()


def test_arrays_that_lie_otherwise() -> None:
    x = array(6, 8)
    odd = np.frombuffer(b"\0" + x.tobytes(), "float32", count=x.size - 1, offset=1)
    for value in (x.T, x[::2], x[:, ::-1], odd, x.astype(">f4"), np.asfortranarray(x)):
        np.testing.assert_allclose(ops.exp(value), np.exp(value.astype("float32")), rtol=1e-6)
    frozen = x.copy()
    frozen.flags.writeable = False
    np.testing.assert_allclose(ops.exp(frozen), np.exp(x), rtol=1e-6)


def test_refusals_are_those_of_a_new_graph() -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match=r"shapes \(3\) and \(4\) do not broadcast|\(3,\) and \(4,\)"):
            ops.add(array(3), array(4))
        with pytest.raises(TypeError, match="needs floating point"):
            ops.sum(array(3) > 1)
        with pytest.raises(ValueError, match="axis 2 is out of range"):
            ops.sum(array(3), axis=2)
        with pytest.raises(IndexError, match="out of range"):
            ops.getitem(array(3), 3)
        with pytest.raises(ValueError, match="no elements"):
            ops.exp(np.zeros((0, 3), "float32"))


def test_kept_graphs_are_few() -> None:
    for number in range(_eager._MOST + 20):
        ops.multiply(array(2), float(number))
    assert len(_eager._kept) <= _eager._MOST


def test_calls_from_many_threads() -> None:
    x = array(1000)
    expected = ops.tanh(ops.exp(x)).tobytes()
    wrong: list[int] = []

    def call(number: int) -> None:
        for _ in range(50):
            if ops.tanh(ops.exp(x)).tobytes() != expected:
                wrong.append(number)

    threads = [threading.Thread(target=call, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_nan_among_the_arguments_keeps_one_graph():
    x = array(7)
    ops.multiply(x, float("nan"))
    kept = len(_eager._kept)
    for _ in range(5):
        assert np.isnan(ops.multiply(x, float("nan"))).all()
    assert len(_eager._kept) == kept
