"""Rows of arrays of every type, converted and laid out as plans want them."""

import numpy as np
import pytest

from fastnn import _core

SOURCES = ["uint8", "bool", "float32", "float64", "int32", "int64"]
TARGETS = ["float32", "float64", "int32", "int64"]
LAYOUTS = sorted({1, _core.lanes("float32"), _core.lanes("float64")})
SIZES = [1, 3, 15, 16, 17, 784]


def rows_of(dtype, shape, seed=0):
    generator = np.random.default_rng(seed)
    if dtype == "bool":
        return generator.random(shape) < 0.5
    if dtype == "uint8":
        return generator.integers(0, 256, shape).astype("uint8")
    if dtype.startswith("int"):
        return generator.integers(-1000, 1000, shape).astype(dtype)
    return generator.uniform(-1000, 1000, shape).astype(dtype)


def in_rows(laid, count, lanes):
    """Undo the batch-lane layout, padding included."""
    if lanes == 1:
        return laid.reshape(count, -1)
    groups, size, width = laid.shape
    assert width == lanes
    return laid.transpose(0, 2, 1).reshape(groups * lanes, size)


def check(array, target, lanes, rows=None):
    wanted = array if rows is None else array[rows]
    count = len(wanted)
    got = in_rows(_core.gather(array, target, lanes, rows), count, lanes)
    assert got.dtype == target
    np.testing.assert_array_equal(got[:count], wanted.reshape(count, -1).astype(target))
    # Padding repeats the last sample.
    np.testing.assert_array_equal(got[count:], np.broadcast_to(got[count - 1], got[count:].shape))


@pytest.mark.parametrize("lanes", LAYOUTS)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", SOURCES)
def test_types_layouts_sizes(source, target, lanes):
    for size in SIZES:
        for count in (1, 3, 15, 16, 17, 33):
            check(rows_of(source, (count, size)), target, lanes)


@pytest.mark.parametrize("lanes", LAYOUTS)
@pytest.mark.parametrize("source", SOURCES)
def test_scattered_rows(source, lanes):
    generator = np.random.default_rng(1)
    for size in (1, 17, 100):
        rows = generator.integers(0, 150, 131)
        check(rows_of(source, (150, size)), "float32", lanes, rows)


@pytest.mark.parametrize("lanes", LAYOUTS)
@pytest.mark.parametrize("source", SOURCES)
def test_strided_and_unaligned_rows(source, lanes):
    wide = rows_of(source, (40, 60))
    for view in (wide[:, 3:36], wide[::2, :17], wide[::-1], wide[5:6]):
        check(view, "float32", lanes)
    item = np.dtype(source).itemsize
    buffer = np.zeros(20 * 35 * item + 1, dtype="uint8")
    unaligned = buffer[1:].view(source).reshape(20, 35)
    unaligned[...] = rows_of(source, (20, 35))
    assert item == 1 or not unaligned.flags.aligned
    check(unaligned, "float32", lanes)
    check(unaligned, source if source in TARGETS else "int32", lanes)


@pytest.mark.parametrize("lanes", LAYOUTS)
def test_one_row_for_all(lanes):
    row = rows_of("float32", (1, 50))
    check(np.broadcast_to(row, (37, 50)), "float32", lanes)
    check(np.broadcast_to(row, (37, 50)), "float32", lanes, np.arange(36, -1, -1))


@pytest.mark.parametrize("lanes", LAYOUTS)
@pytest.mark.parametrize("size", [1, 40])
def test_integers_saturate(size, lanes):
    def column(values, dtype):
        return np.repeat(np.array(values, dtype=dtype)[:, None], size, axis=1)

    low, high = -(2**31), 2**31 - 1
    wide = column([2**32 + 3, 2**31, high, 7, -1, low, low - 1, -(2**40)], "int64")
    got = in_rows(_core.gather(wide, "int32", lanes), len(wide), lanes)[: len(wide)]
    np.testing.assert_array_equal(got, column([high, high, high, 7, -1, low, low, low], "int32"))
    for dtype in ("float32", "float64"):
        floats = column([2.75, -2.75, 0.0, 1e10, -1e10, np.inf, -np.inf, np.nan], dtype)
        for target in ("int32", "int64"):
            limits = np.iinfo(target)
            top, bottom = (limits.max, limits.min) if target == "int32" else (10**10, -(10**10))
            got = in_rows(_core.gather(floats, target, lanes), len(floats), lanes)[: len(floats)]
            expected = [2, -2, 0, top, bottom, limits.max, limits.min, limits.min]
            np.testing.assert_array_equal(got, column(expected, target))


def test_any_byte_of_a_bool_is_true():
    flags = np.tile(np.array([0, 1, 2, 255], dtype="uint8"), 10).view("bool")[None]
    for lanes in LAYOUTS:
        got = in_rows(_core.gather(flags, "float32", lanes), 1, lanes)[0]
        np.testing.assert_array_equal(got, np.tile([0.0, 1.0, 1.0, 1.0], 10))


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("target", ["float32", "float64"])
def test_inside_a_function(source, target):
    for size in SIZES:
        for count in (1, 3, 16, 17, 130):
            graph = _core.Graph()
            x = graph.input("x", [size], target)
            doubled = graph.add("add", [x, x])[0]
            reshaped = graph.add("reshape", [doubled], {"shape": [size, 1]})[0]
            function = _core.Function(graph, [doubled, reshaped])
            array = rows_of(source, (count, size))
            expected = array.astype(target) * 2
            first, second = function.run([array])
            np.testing.assert_array_equal(first, expected)
            np.testing.assert_array_equal(second, expected[..., None])


def test_threads_do_not_matter():
    array = rows_of("uint8", (3000, 784))
    before = _core.num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            _core.set_num_threads(threads)
            results.append(_core.gather(array, lanes=_core.lanes("float32")))
    finally:
        _core.set_num_threads(before)
    assert all(np.array_equal(results[0], other) for other in results[1:])


def test_bad_requests():
    array = np.zeros((4, 3), dtype="float32")
    with pytest.raises(ValueError, match="expected 0 to 3"):
        _core.gather(array, rows=np.array([0, 4]))
    with pytest.raises(ValueError, match="expected 0 to 3"):
        _core.gather(array, rows=np.array([-1]))
    with pytest.raises(ValueError, match="lanes must be 1"):
        _core.gather(array, lanes=3)
    with pytest.raises(TypeError, match="float16"):
        _core.gather(array.astype("float16"))
    with pytest.raises(ValueError, match="contiguous"):
        _core.gather(np.zeros((4, 3, 5))[:, :, ::2])
