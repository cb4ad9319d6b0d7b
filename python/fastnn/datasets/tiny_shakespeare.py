"""Tiny Shakespeare: a million characters of his plays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ._sources import DataFile, Source, StrPath

__all__ = ["load_data", "load_text"]

_SOURCE = Source(
    name="tiny_shakespeare",
    title="Tiny Shakespeare",
    url="https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/",
    files=(
        DataFile(
            "input.txt",
            sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            md5="6fb458f1232090904fb40fe944165e91",
        ),
    ),
)


def load_text(path: StrPath | None = None) -> str:
    """Load the text, downloading it once if it is not on this machine.

    1,115,394 characters, of 65 kinds, collected by A. Karpathy. The file ``input.txt`` is looked for in
    `path` alone if it is given; else in ``$FASTNN_DATA/tiny_shakespeare``, then in the cache
    (``$FASTNN_CACHE/tiny_shakespeare``, or ``~/.cache/fastnn/tiny_shakespeare``), into which it is
    downloaded (1 MB; needs the extra ``data``) if it is in neither. Its contents are verified, wherever it
    comes from.

    Parameters
    ----------
    path : path, optional
        A folder with ``input.txt``.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If the file is missing from `path`, is damaged, or is not the published one.
    RuntimeError
        If the file is not on this machine and cannot be downloaded.

    Examples
    --------
    >>> from fastnn.datasets import tiny_shakespeare
    >>> tiny_shakespeare.load_text()[:14]  # doctest: +SKIP
    'First Citizen:'
    """
    with _SOURCE.files[0].open(_SOURCE.folder(path)) as (stream, _):
        return stream.read().decode()


def load_data(
    path: StrPath | None = None, validation: float = 0.1
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], str]:
    """Load the text as numbers of its characters, the end of it apart.

    Parameters
    ----------
    path : path, optional
        Where the text lies; see `load_text`.
    validation : float, default 0.1
        Part of the text, at its end, that is kept for validation.

    Returns
    -------
    train, validation : numpy.ndarray
        uint8: each character's place in `characters`.
    characters : str
        All that occur, sorted.

    Raises
    ------
    ValueError
        If `validation` is not from 0 to 1, or as `load_text`.
    RuntimeError
        As `load_text`.

    Examples
    --------
    >>> from fastnn.datasets import tiny_shakespeare
    >>> train, validation, characters = tiny_shakespeare.load_data()  # doctest: +SKIP
    >>> len(train), len(validation), len(characters)  # doctest: +SKIP
    (1003854, 111540, 65)
    """
    if not 0 <= validation <= 1:
        raise ValueError(f"Tiny Shakespeare: validation must be from 0 to 1, got {validation!r}")
    text = load_text(path)
    characters = "".join(sorted(set(text)))
    numbers = {character: i for i, character in enumerate(characters)}
    ids = np.array([numbers[character] for character in text], np.uint8)
    cut = int(len(ids) * (1 - validation))
    return ids[:cut], ids[cut:], characters
