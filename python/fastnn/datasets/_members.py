"""Files of a set that comes as a folder or as an archive of it."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path


def archive_of(folder: Path, name: str) -> Path | None:
    """Return ``<name>.tar.gz``, ``.tgz`` or ``.tar`` in a folder, or None."""
    for ending in (".tar.gz", ".tgz", ".tar"):
        if (path := folder / f"{name}{ending}").is_file():
            return path
    return None


def members(place: Path, ending: str) -> Iterator[tuple[str, bytes]]:
    """Give (path with slashes, contents) of all files with this ending, in a folder or a tar archive."""
    if place.is_dir():
        for path in sorted(place.rglob(f"*{ending}")):
            yield path.relative_to(place).as_posix(), path.read_bytes()
        return
    try:
        with tarfile.open(place) as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.isfile() else None
                if stream is not None and member.name.endswith(ending):
                    yield member.name, stream.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ValueError(f"{place}: cannot be read as a tar archive: {error}") from error
