"""The file that models are saved in: named arrays and texts, in the safetensors format, with a checksum.

A file is checked from the outside in before anything of the size that it claims is allocated: header length
against the file's, every tensor's extent and place against the data's length, the checksum over all.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

FORMAT = "fastnn"
VERSION = 1

_LARGEST_HEADER = 16 << 20
_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "I64": "<i8",
    "I32": "<i4",
    "U64": "<u8",
    "U32": "<u4",
    "U8": "|u1",
    "I8": "|i1",
    "BOOL": "|b1",
}
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Entry:
    """Where a tensor lies in a file, and what it is."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int
    size: int


def write(path: str | os.PathLike[str], tensors: Mapping[str, Array], metadata: Mapping[str, str]) -> None:
    """Write a file at once or not at all: to a temporary file beside it, synced, then renamed.

    Parameters
    ----------
    path : str or path
    tensors : mapping of str to array
    metadata : mapping of str to str

    Raises
    ------
    OSError
        If the folder is not there or not writable, the disk is full, or the path is that of a folder, a
        device or a pipe. A file that was there stays whole.
    """
    from safetensors.numpy import save

    target = check_target(path)
    arrays = {name: np.asarray(a, a.dtype.newbyteorder("<"), order="C") for name, a in tensors.items()}
    texts = {"format": FORMAT, "format_version": str(VERSION), **metadata}
    digest = _Digest(texts)
    for name in sorted(arrays):
        digest.begin(name, arrays[name].dtype.str, arrays[name].shape)
        digest.update(arrays[name].reshape(-1).view(np.uint8).data)
    texts["checksum"] = digest.text()
    content = save(arrays, texts)
    folder, base = os.path.split(target)
    temporary = os.path.join(folder, f".{base}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        descriptor = os.open(
            temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o666
        )
        with open(descriptor, "wb") as file:
            with contextlib.suppress(OSError):
                os.chmod(temporary, os.stat(target).st_mode & 0o7777)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.remove(temporary)
        if isinstance(error, OSError) and error.errno is not None:  # which names the temporary file
            raise OSError(error.errno, f"cannot save: {error.strerror}", os.fspath(path)) from error
        raise
    _sync_folder(folder)


def check_target(path: Any) -> str:
    """Return the real path of a file to be written, if one could stand there; the disk stays as it is.

    Raises
    ------
    TypeError
        If it is no path.
    OSError
        If its folder is missing, or something stands there that is not a regular file.
    """
    given = os.fspath(path) if isinstance(path, (str, os.PathLike)) else path
    if not isinstance(given, str) or not given:
        raise TypeError(
            f"cannot save: expected the path of a file, such as 'model.safetensors', got {path!r}"
        )
    target = os.path.realpath(given)
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        why = f"cannot save: there is no folder {os.path.dirname(given) or folder!r}, make it first"
        raise FileNotFoundError(errno.ENOENT, why, given)
    if os.path.isdir(target) or given.endswith(("/", os.sep)):
        raise IsADirectoryError(errno.EISDIR, "cannot save: this is a folder, give the path of a file", given)
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(os.stat(target).st_mode):
            raise OSError(errno.EINVAL, "cannot save: this is a device or a pipe, no regular file", given)
    return target


def _sync_folder(folder: str) -> None:
    with contextlib.suppress(OSError):  # some systems cannot open folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class Container:
    """A file that was checked, open for reading; a context manager.

    Parameters
    ----------
    path : str or path

    Attributes
    ----------
    metadata : dict of str to str
    entries : dict of str to Entry

    Raises
    ------
    ValueError
        If the file is truncated, corrupted, of another program or of a newer version.
    OSError
        If it cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._file: IO[bytes] = open(self.path, "rb")  # noqa: SIM115, closed by __exit__
        try:
            self.metadata, self.entries = self._read_header()
            self._check_origin()
            self._check_sum()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def _bad(self, why: str) -> ValueError:
        return ValueError(f"cannot load {self.path!r}: {why}")

    def array(self, name: str) -> Array:
        """Read one tensor."""
        entry = self.entries[name]
        self._file.seek(entry.offset)
        values = np.fromfile(self._file, entry.dtype, entry.size // entry.dtype.itemsize)
        if values.nbytes != entry.size:
            raise self._bad(f"it ends within tensor {name!r}")
        return values.astype(entry.dtype.newbyteorder("="), copy=False).reshape(entry.shape)

    def text(self, name: str) -> Any:
        """Return a metadata entry, parsed as JSON; None if there is none."""
        value = self.metadata.get(name)
        if value is None:
            return None
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            raise self._bad(f"its entry '{name}' is damaged") from None

    def _read_header(self) -> tuple[dict[str, str], dict[str, Entry]]:
        size = os.fstat(self._file.fileno()).st_size
        prefix = self._file.read(8)
        if len(prefix) < 8:
            raise self._bad(f"it has {size} bytes and is no safetensors file, or is truncated")
        length = int.from_bytes(prefix, "little")
        most = min(size - 8, _LARGEST_HEADER)
        if not 2 <= length <= most:
            raise self._bad(
                f"its header claims {length} bytes where {most} are possible; it is no safetensors file, "
                "or is truncated"
            )
        text = self._file.read(length)
        if not text.startswith(b"{"):
            raise self._bad("it is no safetensors file: its header is not a JSON object")
        try:
            header = json.loads(text.decode("utf-8"), object_pairs_hook=_without_duplicates)
        except (ValueError, RecursionError) as error:
            raise self._bad(f"its header is damaged ({str(error)[:80] or 'nested too deep'})") from None
        metadata = header.pop("__metadata__", {})
        if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
            raise self._bad("its header is damaged: the metadata are not texts")
        data = size - 8 - length
        entries = {name: self._entry(name, value, data, 8 + length) for name, value in header.items()}
        end = 8 + length
        for name, entry in sorted(entries.items(), key=lambda item: (item[1].offset, item[1].size)):
            if entry.offset != end:
                how = "overlap" if entry.offset < end else "leave a gap"
                raise self._bad(f"its header is damaged: the tensors {how} at {name!r}")
            end = entry.offset + entry.size
        if end != size:
            raise self._bad(f"it has {size - end} bytes more than its tensors need")
        return metadata, entries

    def _entry(self, name: str, value: Any, data: int, start: int) -> Entry:
        bad = self._bad(f"its header is damaged at tensor {name[:80]!r}")
        if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
            raise bad
        shape, offsets = value["shape"], value["data_offsets"]
        for numbers in (shape, offsets):
            if not isinstance(numbers, list) or len(numbers) > 64:
                raise bad
            if not all(type(n) is int and 0 <= n < 1 << 63 for n in numbers):
                raise bad
        if len(offsets) != 2:
            raise bad
        if not isinstance(value["dtype"], str) or value["dtype"] not in _DTYPES:
            raise self._bad(
                f"tensor {name[:80]!r} has dtype {str(value['dtype'])[:20]!r}, which is not known"
            )
        dtype = np.dtype(_DTYPES[value["dtype"]])
        size = dtype.itemsize
        for extent in shape:
            size *= extent
        begin, end = offsets
        if end > data or begin > end:
            raise self._bad(
                f"tensor {name[:80]!r} claims the bytes {begin} to {end}, but there are {data}; "
                "the file is truncated or damaged"
            )
        if end - begin != size:
            raise self._bad(
                f"tensor {name[:80]!r} of shape {tuple(shape)} needs {size} bytes, but claims {end - begin}"
            )
        return Entry(dtype, tuple(shape), start + begin, size)

    def _check_origin(self) -> None:
        version = self.metadata.get("format_version")
        if self.metadata.get("format") != FORMAT or version is None:
            raise self._bad(
                f"it is a safetensors file of another program: it has {len(self.entries)} tensors, but no "
                "fastnn model. Set its arrays with `set_weights`."
            )
        if not (version.isascii() and version.isdigit() and len(version) < 10):
            raise self._bad(f"its format version {version[:20]!r} is not a number")
        if int(version) > VERSION:
            raise self._bad(
                f"it was written by a newer fastnn (format version {int(version)}; this one reads up to "
                f"{VERSION}). Upgrade fastnn."
            )

    def _check_sum(self) -> None:
        texts = dict(self.metadata)
        expected = texts.pop("checksum", None)
        digest = _Digest(texts)
        for name in sorted(self.entries):
            entry = self.entries[name]
            digest.begin(name, entry.dtype.str, entry.shape)
            self._file.seek(entry.offset)
            left = entry.size
            while left > 0:
                chunk = self._file.read(min(left, _CHUNK))
                if not chunk:
                    raise self._bad(f"it ends within tensor {name!r}")
                digest.update(chunk)
                left -= len(chunk)
        if digest.text() != expected:
            raise self._bad("its checksum does not match: the file is corrupted")


class _Digest:
    """SHA-256 over texts and tensors, whatever their order in the file."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._sum = hashlib.sha256(json.dumps(sorted(texts.items())).encode())

    def begin(self, name: str, dtype: str, shape: tuple[int, ...]) -> None:
        self._sum.update(json.dumps([name, dtype, list(shape)]).encode())

    def update(self, data: bytes | memoryview) -> None:
        self._sum.update(data)

    def text(self) -> str:
        return f"sha256:{self._sum.hexdigest()}"


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name appears twice")
    return result
