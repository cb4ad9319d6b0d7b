"""Byte streams of data files: gzip recognised by content, checksums compared while reading."""

from __future__ import annotations

import gzip
import hashlib
from typing import IO, Protocol, cast

GZIP_MAGIC = b"\x1f\x8b"


class Reader(Protocol):
    """What the loaders need of a file: ``read(n)`` returns at most ``n`` bytes, none at the end."""

    def read(self, size: int = -1, /) -> bytes: ...


class _Rewound:
    """A stream whose first bytes, already taken to look at, are given out again."""

    def __init__(self, head: bytes, rest: Reader) -> None:
        self._head, self._rest = head, rest

    def read(self, size: int = -1, /) -> bytes:
        if not self._head:
            return self._rest.read(size)
        if size < 0:
            size = len(self._head) + 1
            got, self._head = self._head, b""
            return got + self._rest.read(-1)
        got, self._head = self._head[:size], self._head[size:]
        return got


class Hashed:
    """Passes bytes on; at the end raises ``ValueError`` unless their SHA-256 is the expected one.

    Whoever reads to the end (until ``read`` returns nothing) has therefore read verified bytes.
    """

    def __init__(self, stream: Reader, sha256: str, mismatch: str) -> None:
        self._stream, self._expected, self._mismatch = stream, sha256, mismatch
        self._hash = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self._hash.update(data)
        if (not data and size != 0) or size < 0:
            got = self._hash.hexdigest()
            if got != self._expected:
                raise ValueError(f"{self._mismatch}: expected SHA-256 {self._expected}, got {got}")
        return data


def read_up_to(stream: Reader, size: int) -> bytes:
    """Read ``size`` bytes, fewer only at the end (raw streams may return less than was asked)."""
    data = stream.read(size)
    while data and len(data) < size:
        more = stream.read(size - len(data))
        if not more:
            break
        data += more
    return data


def inflated(stream: Reader) -> Reader:
    """Return the stream's contents, gunzipped if its first two bytes are gzip's."""
    head = read_up_to(stream, 2)
    rewound = _Rewound(head, stream)
    if head != GZIP_MAGIC:
        return rewound
    return gzip.GzipFile(fileobj=cast(IO[bytes], rewound), mode="rb")
