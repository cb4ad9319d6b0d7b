"""Where the files of a data set come from: a folder, the cache, or a checksummed download.

A data set declares a `Source` (its files, their checksums, where they are published); its module then
only turns the opened files into arrays. See ``fashion_mnist.py``.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ._streams import Hashed, Reader, inflated

StrPath = str | os.PathLike[str]


@dataclass(frozen=True)
class DataFile:
    """One file of a data set.

    Parameters
    ----------
    name : str
        Its published name. A name that ends in ``.gz`` also finds the unpacked file without that ending.
    sha256 : str
        The SHA-256 of its contents (unpacked), so that recompressed and unpacked copies pass as well; or
        of the file itself if `packed`, which is quicker and suits files that come with the package.
    md5 : str
        The MD5 of the file as published, which a download is compared with.
    packed : bool
        What `sha256` is of.
    """

    name: str
    sha256: str
    md5: str = ""
    packed: bool = False

    def find(self, folder: Path) -> Path | None:
        """Return the file's path in a folder, or None if it is not there."""
        return find_file(folder, self.name)

    @contextlib.contextmanager
    def open(self, folder: Path) -> Iterator[tuple[Reader, Path]]:
        """Open for reading, unpacked; reading to the end raises ValueError if the checksum is wrong.

        Gives the stream and the path, which messages should name.
        """
        path = self.find(folder)
        if path is None:
            raise FileNotFoundError(f"{folder / self.name} is missing")
        mismatch = f"{path}: wrong checksum: the file is damaged or another version; delete or replace it"
        with open(path, "rb") as stream:
            if self.packed:
                yield inflated(Hashed(stream, self.sha256, mismatch)), path
            else:
                yield Hashed(inflated(stream), self.sha256, mismatch), path


@dataclass(frozen=True)
class Source:
    """The files of a data set and where to look for them.

    Parameters
    ----------
    name : str
        The name of the folder that holds the set, under ``$FASTNN_DATA`` and in the cache.
    title : str
        What messages call the set.
    url : str
        Where the files are published: the address of a file without its name, with a final slash.
    files : tuple of DataFile
        The files.
    """

    name: str
    title: str
    url: str
    files: tuple[DataFile, ...]

    def folder(self, path: StrPath | None = None) -> Path:
        """Return a folder that holds all the files.

        That is `path` if given; else ``$FASTNN_DATA/<name>``, else ``<cache>/<name>``, into which the
        files are downloaded if they are in neither.

        Raises
        ------
        ValueError
            If `path` is given and lacks files.
        RuntimeError
            If the files are nowhere and cannot be downloaded.
        """
        found, reasons = _search(self.title, self.name, path, self._lacks)
        if found is not None:
            return found
        cache = cache_folder() / self.name
        try:
            self._download(cache)
        except (ImportError, OSError, ValueError) as error:
            names = ", ".join(file.name for file in self.files)
            raise RuntimeError(
                f"{self.title} is not on this machine and could not be downloaded from {self.url}.\n"
                f"Looked for it, but {'; '.join(reasons)}.\n"
                f"Download failed: {error}\n"
                f"To supply the files yourself, put {names} into a folder and pass it as 'path', or into "
                f"the sub-folder '{self.name}' of a folder that the environment variable FASTNN_DATA names."
            ) from error
        return cache

    def _lacks(self, folder: Path) -> str:
        """Say what a folder lacks; the empty string if nothing."""
        missing = [file.name for file in self.files if file.find(folder) is None]
        return f"{folder} has no {', '.join(missing)}" if missing else ""

    def _download(self, cache: Path) -> None:
        try:
            import pooch
        except ImportError as error:
            raise ImportError("the package pooch is needed: pip install 'fastnn[data]'") from error
        for file in self.files:
            # pooch writes to a temporary file, compares the checksum, and only then renames.
            pooch.retrieve(self.url + file.name, known_hash=f"md5:{file.md5}", fname=file.name, path=cache)


@dataclass(frozen=True)
class Supplied:
    """A data set that has no lasting address to be downloaded from: the user supplies it.

    Parameters
    ----------
    name : str
        The name of the folder that holds the set, under ``$FASTNN_DATA`` and in the cache.
    title : str
        What messages call the set.
    home : str
        Where it comes from.
    wanted : str
        What the folder must hold, for messages.
    lacks : callable
        Says what an existing folder lacks; the empty string if nothing.
    """

    name: str
    title: str
    home: str
    wanted: str
    lacks: Callable[[Path], str]

    def folder(self, path: StrPath | None = None) -> Path:
        """Return the folder that holds the set: `path`, ``$FASTNN_DATA/<name>`` or ``<cache>/<name>``.

        Raises
        ------
        ValueError
            If `path` is given and does not hold it.
        RuntimeError
            If it is nowhere.
        """
        found, reasons = _search(self.title, self.name, path, self.lacks)
        if found is not None:
            return found
        raise RuntimeError(
            f"{self.title} is not on this machine. Looked for it, but {'; '.join(reasons)}.\n"
            f"Get it from {self.home}, put {self.wanted} into a folder, and pass that as 'path', or make it "
            f"the sub-folder '{self.name}' of a folder that the environment variable FASTNN_DATA names."
        )


def _search(
    title: str, name: str, path: StrPath | None, lacks: Callable[[Path], str]
) -> tuple[Path | None, list[str]]:
    """Return the folder that lacks nothing, if there is one, and why others were passed over."""

    def reason_against(folder: Path) -> str:
        return lacks(folder) if folder.is_dir() else f"{folder} is not a folder"

    if path is not None:
        folder = Path(path).expanduser()
        if reason := reason_against(folder):
            raise ValueError(f"{title}: argument 'path': {reason}")
        return folder, []
    data = os.environ.get("FASTNN_DATA")
    looked = [Path(data).expanduser() / name] if data else []
    reasons: list[str] = []
    for folder in [*looked, cache_folder() / name]:
        reason = reason_against(folder)
        if not reason:
            return folder, reasons
        reasons.append(reason)
    return None, reasons


def cache_folder() -> Path:
    """Return the folder for downloads: ``$FASTNN_CACHE`` if set, else ``~/.cache/fastnn``."""
    return Path(os.environ.get("FASTNN_CACHE") or "~/.cache/fastnn").expanduser()


def find_file(folder: Path, name: str) -> Path | None:
    """Return the path of a file in a folder, packed or (without the ending ``.gz``) unpacked, or None."""
    for candidate in (name, name.removesuffix(".gz")):
        path = folder / candidate
        if path.is_file():
            return path
    return None
