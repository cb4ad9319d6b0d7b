"""Reading and writing IDX files, the format of MNIST and its relatives.

An IDX file is a four-byte magic number (two zero bytes, a type code, the number of dimensions), then
the dimensions as big-endian 32-bit integers, then the elements in C order, big-endian.

Examples
--------
>>> import io
>>> import numpy as np
>>> from fastnn.datasets import idx
>>> file = io.BytesIO()
>>> idx.write_idx(file, np.array([[1, 2], [3, 4]], dtype=np.int16))
>>> file.getvalue()[:4].hex()
'00000b02'
>>> _ = file.seek(0)
>>> idx.read_idx(file)
array([[1, 2],
       [3, 4]], dtype=int16)
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from ._streams import Reader, inflated, read_up_to

__all__ = ["read_idx", "write_idx"]

_DTYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_CODES = {dtype.newbyteorder("="): code for code, dtype in _DTYPES.items()}
_NAMES = ", ".join(f"0x{code:02x} ({dtype.name})" for code, dtype in _DTYPES.items())
_CHUNK = 1 << 20


def read_idx(file: str | os.PathLike[str] | Reader) -> npt.NDArray[Any]:
    """Read an array from an IDX file, gzipped or not.

    Whether the file is gzipped is seen from its content, not from its name. Memory grows with the data
    that are really there, never with the size that a header merely claims.

    Parameters
    ----------
    file : path or binary file object
        The file. A file object is read from its position to its end, and left open.

    Returns
    -------
    numpy.ndarray
        A writable array in native byte order: uint8, int8, int16, int32, float32 or float64, of the
        shape that the file declares.

    Raises
    ------
    ValueError
        If the file is not an IDX file, has an unknown type code, no dimensions or an empty one, less
        or more data than its dimensions need, or a damaged gzip stream. The message names the file.
    TypeError
        If `file` is neither a path nor opened in binary mode.
    OSError
        If the file cannot be opened or read.

    Examples
    --------
    >>> import io
    >>> from fastnn.datasets.idx import read_idx
    >>> read_idx(io.BytesIO(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9])))
    array([7, 8, 9], dtype=uint8)
    """
    if isinstance(file, (str, os.PathLike)):
        with open(file, "rb") as stream:
            return read_stream(stream, os.fspath(file))
    if not hasattr(file, "read"):
        raise TypeError(f"read_idx: 'file' must be a path or a binary file object, got {type(file).__name__}")
    return read_stream(file, str(getattr(file, "name", "<file object>")))


def read_stream(stream: Reader, name: str) -> npt.NDArray[Any]:
    """Read an open IDX file to its end; `name` is what messages call it."""
    if not isinstance(stream.read(0), bytes):
        raise TypeError(f"{name}: expected a file opened in binary mode, got text; open it with mode 'rb'")
    try:
        return _parse(inflated(stream), name)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{name}: the gzip stream is truncated or damaged: {error}") from error


def _parse(stream: Reader, name: str) -> npt.NDArray[Any]:
    magic = read_up_to(stream, 4)
    if len(magic) < 4:
        raise ValueError(f"{name}: not an IDX file: expected at least 4 bytes, got {len(magic)} bytes")
    if magic[:2] != b"\0\0":
        raise ValueError(
            f"{name}: not an IDX file: expected a magic number that starts with two zero bytes, "
            f"got 0x{magic.hex()}"
        )
    dtype = _DTYPES.get(magic[2])
    if dtype is None:
        raise ValueError(f"{name}: expected an IDX type code out of {_NAMES}, got 0x{magic[2]:02x}")
    rank = magic[3]
    if rank == 0:
        raise ValueError(f"{name}: expected at least one dimension, got 0 (magic number 0x{magic.hex()})")
    sizes = read_up_to(stream, 4 * rank)
    if len(sizes) < 4 * rank:
        raise ValueError(
            f"{name}: truncated: expected {4 * rank} bytes for {rank} dimensions, got {len(sizes)} bytes"
        )
    shape = struct.unpack(f">{rank}I", sizes)
    if 0 in shape:
        raise ValueError(f"{name}: expected dimensions of at least 1, got shape {shape}, which holds no data")

    need = math.prod(shape) * dtype.itemsize
    what = f"expected {need} bytes of data for shape {shape} of {dtype.name}"
    data = bytearray()
    while len(data) <= need:  # one byte further than needed, to notice what trails
        chunk = stream.read(min(_CHUNK, need + 1 - len(data)))
        if not chunk:
            break
        data += chunk
    if len(data) < need:
        raise ValueError(f"{name}: truncated: {what}, got {len(data)} bytes")
    if len(data) > need:
        raise ValueError(f"{name}: trailing bytes: {what}, got at least {len(data)} bytes")

    array: npt.NDArray[Any] = np.frombuffer(data, dtype=dtype)
    native = dtype.newbyteorder("=")
    if native != dtype:
        array = array.byteswap(inplace=True).view(native)
    try:
        return array.reshape(shape)
    except ValueError as error:
        raise ValueError(f"{name}: {rank} dimensions are more than NumPy can hold: {error}") from error


def write_idx(
    file: str | os.PathLike[str] | IO[bytes], array: npt.ArrayLike, compress: bool | None = None
) -> None:
    """Write an array as an IDX file.

    A path is written as a temporary file beside it and then renamed, so that an error leaves whatever
    stood there before. Compressed files carry no time stamp: the same array gives the same bytes.

    Parameters
    ----------
    file : path or binary file object
        Where to write. A file object is written at its position, and left open.
    array : array_like
        uint8, int8, int16, int32, float32 or float64, in any byte order and memory layout, with 1 to
        255 dimensions, none of them empty.
    compress : bool, optional
        Whether to gzip. By default a path that ends in ``.gz`` is gzipped, everything else is not.

    Raises
    ------
    TypeError
        If the array's dtype has no IDX type code, or `file` is neither a path nor a file object.
    ValueError
        If the array has no dimensions, an empty dimension, or one of 2**32 or more.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from fastnn.datasets.idx import read_idx, write_idx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "labels-idx1-ubyte.gz")
    ...     write_idx(path, np.array([5, 0, 4], dtype=np.uint8))
    ...     read_idx(path)
    array([5, 0, 4], dtype=uint8)
    """
    array = np.asarray(array)
    code = _CODES.get(array.dtype.newbyteorder("="))
    if code is None:
        known = ", ".join(dtype.name for dtype in _CODES)
        raise TypeError(f"write_idx: expected an array of {known}, got {array.dtype}; convert it with astype")
    if not 1 <= array.ndim <= 255:
        raise ValueError(f"write_idx: expected 1 to 255 dimensions, got {array.ndim} (shape {array.shape})")
    if 0 in array.shape or max(array.shape) >= 1 << 32:
        raise ValueError(f"write_idx: expected dimensions of 1 to 2**32 - 1, got shape {array.shape}")
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)

    if not isinstance(file, (str, os.PathLike)):
        if not hasattr(file, "write"):
            raise TypeError(
                f"write_idx: 'file' must be a path or a binary file object, got {type(file).__name__}"
            )
        _write(file, header, array, bool(compress))
        return
    path = Path(file)
    temporary = path.with_name(f"{path.name}.{os.urandom(4).hex()}.tmp")
    try:
        with open(temporary, "xb") as stream:
            _write(stream, header, array, path.suffix == ".gz" if compress is None else compress)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _write(stream: IO[bytes], header: bytes, array: npt.NDArray[Any], compress: bool) -> None:
    if compress:
        with gzip.GzipFile(filename="", fileobj=stream, mode="wb", mtime=0) as zipped:
            _write(zipped, header, array, False)  # type: ignore[arg-type]
        return
    stream.write(header)
    for rows in _row_blocks(array):
        stream.write(rows.astype(array.dtype.newbyteorder(">"), order="C", copy=False).tobytes())


def _row_blocks(array: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
    """Cut an array along its first axis into blocks of about a megabyte, the unit of conversion."""
    step = max(1, _CHUNK * len(array) // array.nbytes)
    for start in range(0, len(array), step):
        yield array[start : start + step]
