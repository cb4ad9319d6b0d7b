import gzip
import io
import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastnn.datasets import idx
from fastnn.datasets.idx import read_idx, write_idx

TYPES = {
    np.uint8: 0x08,
    np.int8: 0x09,
    np.int16: 0x0B,
    np.int32: 0x0C,
    np.float32: 0x0D,
    np.float64: 0x0E,
}


def header(code, *shape):
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, code, len(shape), *shape)


def read_bytes(data):
    return read_idx(io.BytesIO(data))


def write_bytes(array, **kwargs):
    file = io.BytesIO()
    write_idx(file, array, **kwargs)
    return file.getvalue()


def test_layout_of_bytes():
    array = np.array([[1, -2, 3]], dtype=np.int16)
    expected = bytes([0, 0, 0x0B, 2, 0, 0, 0, 1, 0, 0, 0, 3, 0, 1, 0xFF, 0xFE, 0, 3])
    assert write_bytes(array) == expected
    np.testing.assert_array_equal(read_bytes(expected), array)


@pytest.mark.parametrize(("dtype", "code"), TYPES.items())
def test_each_type_is_big_endian(dtype, code):
    values = [0, 1, 100]
    native = read_bytes(header(code, 3) + struct.pack(f">3{np.dtype(dtype).char}", *values))
    assert native.dtype == np.dtype(dtype)
    assert native.dtype.isnative
    assert native.flags.writeable and native.flags.aligned and native.flags.c_contiguous
    np.testing.assert_array_equal(native, np.array(values, dtype))


@given(
    array=st.sampled_from(list(TYPES)).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=1, max_dims=5, min_side=1, max_side=5))
    ),
    byteorder=st.sampled_from("<>"),
    compress=st.booleans(),
    order=st.sampled_from("CF"),
)
def test_round_trip(array, byteorder, compress, order):
    source = array.astype(array.dtype.newbyteorder(byteorder), order=order)
    before = source.copy()
    back = read_bytes(write_bytes(source, compress=compress))
    assert back.dtype == array.dtype.newbyteorder("=")
    assert back.shape == array.shape
    assert back.tobytes() == np.ascontiguousarray(array).tobytes()  # NaNs too, bit by bit
    assert source.tobytes() == before.tobytes()


@given(data=st.binary(max_size=64))
def test_any_bytes_give_an_array_or_a_value_error(data):
    for content in (data, b"\0\0" + data, b"\x1f\x8b" + data, gzip.compress(data)):
        try:
            array = read_bytes(content)
        except ValueError as error:
            assert "<file object>" in str(error)
        else:
            assert array.size > 0


@given(data=st.data())
def test_damaged_gzip_is_never_silent(data):
    good = write_bytes(np.arange(64, dtype=np.int32), compress=True)
    place = data.draw(st.integers(0, len(good) - 1))
    bad = bytearray(good)
    bad[place] ^= data.draw(st.integers(1, 255))
    try:
        array = read_bytes(bytes(bad))
    except ValueError as error:
        assert "<file object>" in str(error)
    else:  # bits that carry no data: time, system and the like, padding after the last block
        np.testing.assert_array_equal(array, np.arange(64))


@pytest.mark.parametrize("cut", [1, 2, 3, 10, 20, -9, -8, -4, -1])
def test_truncated_gzip(tmp_path, cut):
    path = tmp_path / "cut-idx1.gz"
    path.write_bytes(write_bytes(np.arange(1000, dtype=np.int32), compress=True)[:cut])
    with pytest.raises(ValueError, match=r"cut-idx1.gz: (the gzip stream is truncated|not an IDX file)"):
        read_idx(path)


def test_paths_and_compression(tmp_path):
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    for name, compress, zipped in [
        ("a", None, False),
        ("a.gz", None, True),
        ("b.gz", False, False),
        ("b", True, True),
    ]:
        path = tmp_path / name
        write_idx(str(path), array, compress=compress)
        assert (path.read_bytes()[:2] == b"\x1f\x8b") is zipped
        np.testing.assert_array_equal(read_idx(path), array)
        np.testing.assert_array_equal(read_idx(str(path)), array)
        with open(path, "rb") as file:
            np.testing.assert_array_equal(read_idx(file), array)
            assert not file.closed
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "a.gz", "b", "b.gz"]
    write_idx(tmp_path / "again.gz", array)
    assert (tmp_path / "again.gz").read_bytes() == (tmp_path / "a.gz").read_bytes()


def test_several_gzip_members_are_one_file():
    data = write_bytes(np.arange(10, dtype=np.float64))
    np.testing.assert_array_equal(read_bytes(gzip.compress(data[:7]) + gzip.compress(data[7:])), range(10))


class Dribble:
    """A raw stream that gives one to three bytes a time, as pipes and sockets may."""

    def __init__(self, data):
        self.file, self.turn = io.BytesIO(data), 0

    def read(self, size=-1):
        self.turn += 1
        return self.file.read(1 + self.turn % 3 if size < 0 else min(size, 1 + self.turn % 3))


@pytest.mark.parametrize("compress", [False, True])
def test_streams_that_give_less_than_asked(compress):
    array = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    np.testing.assert_array_equal(read_idx(Dribble(write_bytes(array, compress=compress))), array)


def test_larger_than_one_block_and_not_contiguous():
    array = np.arange(3_000_000, dtype=np.int32).reshape(1000, 1000, 3)
    views = [array, array[::-1, ::2], array.transpose(2, 0, 1), np.broadcast_to(array[:1], (4, 1000, 3))]
    for view in views:
        np.testing.assert_array_equal(read_bytes(write_bytes(view)), view)


def test_empty_file(tmp_path):
    path = tmp_path / "empty"
    path.touch()
    with pytest.raises(ValueError, match=r"empty: not an IDX file: expected at least 4 bytes, got 0 bytes"):
        read_idx(path)


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04 something", b"\x89PNG\r\n", b"\x93NUMPY\x01", b"\0\x01\x08\x01"]
)
def test_foreign_file(tmp_path, content):
    path = tmp_path / "foreign"
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=rf"foreign: not an IDX file: .* two zero bytes, got 0x{content[:4].hex()}"
    ):
        read_idx(path)


@pytest.mark.parametrize("code", [0x00, 0x07, 0x0A, 0x0F, 0xFF])
def test_unknown_type(code):
    with pytest.raises(
        ValueError, match=rf"<file object>: .*0x08 \(uint8\), .*0x0e \(float64\), got 0x{code:02x}$"
    ):
        read_bytes(header(code, 1) + b"1")


def test_no_dimensions():
    with pytest.raises(
        ValueError, match=r"<file object>: expected at least one dimension, got 0 .*0x00000800"
    ):
        read_bytes(header(8) + b"1")


@pytest.mark.parametrize("shape", [(0,), (3, 0, 2)])
def test_empty_dimension(shape):
    with pytest.raises(ValueError, match=rf"dimensions of at least 1, got shape \({shape[0]},.*\)"):
        read_bytes(header(8, *shape))


def test_truncated_dimensions():
    with pytest.raises(ValueError, match=r"truncated: expected 12 bytes for 3 dimensions, got 5 bytes"):
        read_bytes(header(8, 1, 2, 3)[: 4 + 5])


@pytest.mark.parametrize("missing", [1, 5, 24])
def test_truncated_data(missing):
    data = write_bytes(np.ones((2, 3), np.int32))
    message = rf"truncated: expected 24 bytes of data for shape \(2, 3\) of int32, got {24 - missing} bytes"
    with pytest.raises(ValueError, match=message):
        read_bytes(data[:-missing])
    with pytest.raises(ValueError, match=message):
        read_bytes(gzip.compress(data[:-missing]))


@pytest.mark.parametrize("extra", [b"\0", b"\0\n", b"x" * 5000])
def test_trailing_bytes(extra):
    data = write_bytes(np.ones((2, 3), np.int16))
    message = r"trailing bytes: expected 12 bytes of data for shape \(2, 3\) of int16, got at least 13 bytes"
    with pytest.raises(ValueError, match=message):
        read_bytes(data + extra)
    with pytest.raises(ValueError, match=message):
        read_bytes(gzip.compress(data + extra))


@pytest.mark.parametrize("wrap", [bytes, gzip.compress])
@pytest.mark.parametrize("shape", [(2**32 - 1,), (2**32 - 1,) * 3, (60000, 28, 28), (2**32 - 1,) * 64])
def test_huge_declared_size_allocates_nothing(wrap, shape):
    import tracemalloc

    data = wrap(header(0x0E, *shape) + b"12345678")
    tracemalloc.start()
    try:
        with pytest.raises(
            ValueError, match=f"truncated: expected {math.prod(shape) * 8} bytes .* got 8 bytes"
        ):
            read_bytes(data)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_gzip_bomb_is_read_no_further_than_declared():
    import tracemalloc

    bomb = gzip.compress(header(0x08, 10) + bytes(100_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="trailing bytes: expected 10 bytes"):
            read_bytes(bomb)
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


def test_more_dimensions_than_numpy_has():
    with pytest.raises(ValueError, match="200 dimensions are more than NumPy can hold"):
        read_bytes(header(8, *[1] * 200) + b"1")


def test_read_wants_a_binary_file(tmp_path):
    path = tmp_path / "text"
    path.write_text("0123")
    with open(path) as file, pytest.raises(TypeError, match=r"text: .*got text; open it with mode 'rb'"):
        read_idx(file)
    with pytest.raises(TypeError, match=r"'file' must be a path or a binary file object, got int"):
        read_idx(3)
    with pytest.raises(FileNotFoundError, match="no-such-file"):
        read_idx(tmp_path / "no-such-file")


@pytest.mark.parametrize(
    "array",
    [np.arange(3, dtype=np.int64), np.ones(2, bool), np.ones(2, complex), np.array(["a"]), np.array([None])],
)
def test_write_refuses_other_types(array):
    with pytest.raises(
        TypeError, match=rf"uint8, int8, int16, int32, float32, float64, got {array.dtype}; .*astype"
    ):
        write_bytes(array)


def test_write_refuses_bad_shapes():
    with pytest.raises(ValueError, match=r"expected 1 to 255 dimensions, got 0 \(shape \(\)\)"):
        write_bytes(np.float32(1))
    with pytest.raises(ValueError, match=r"dimensions of 1 to 2\*\*32 - 1, got shape \(2, 0\)"):
        write_bytes(np.ones((2, 0), np.uint8))
    with pytest.raises(ValueError, match=r"got shape \(4294967296,\)"):
        write_bytes(np.broadcast_to(np.uint8(0), (1 << 32,)))
    with pytest.raises(TypeError, match="'file' must be a path or a binary file object, got int"):
        write_idx(3, np.ones(1, np.uint8))


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.gz"
    write_idx(path, np.ones(3, np.uint8))
    before = path.read_bytes()

    def fail(array):
        yield array[:1]
        raise OSError("disk full")

    monkeypatch.setattr(idx, "_row_blocks", fail)
    with pytest.raises(OSError, match="disk full"):
        write_idx(path, np.zeros(3, np.uint8))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.gz"]


def test_write_into_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        write_idx(tmp_path / "nowhere" / "a", np.ones(3, np.uint8))
