"""Free Spoken Digit Dataset: the digits 0 to 9, spoken in English."""

from __future__ import annotations

import io
import re
import wave
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ._members import archive_of, members
from ._sources import StrPath, Supplied

__all__ = ["SAMPLE_RATE", "Recordings", "load_data"]

SAMPLE_RATE = 8000
"""Values a second of all recordings."""

_NAME = re.compile(r"(\d)_([a-z]+)_(\d+)\.wav")


def _lacks(folder: Path) -> str:
    if archive_of(folder, "fsdd") or (folder / "recordings").is_dir():
        return ""
    return f"{folder} has neither a folder recordings nor fsdd.tar.gz"


_SOURCE = Supplied(
    name="fsdd",
    title="Free Spoken Digit Dataset",
    home="https://github.com/Jakobovski/free-spoken-digit-dataset",
    wanted="the folder recordings, or that packed as fsdd.tar.gz,",
    lacks=_lacks,
)


class Recordings(NamedTuple):
    """Recordings and what is known of them.

    Parameters
    ----------
    waves : list of numpy.ndarray
        int16, 8,000 values a second; of differing lengths.
    digits : numpy.ndarray of uint8
    speakers : list of str
    takes : numpy.ndarray of int32
        Which of a speaker's recordings of a digit it is.

    Examples
    --------
    >>> from fastnn.datasets import spoken_digits
    >>> spoken_digits.Recordings._fields
    ('waves', 'digits', 'speakers', 'takes')
    """

    waves: list[npt.NDArray[Any]]
    digits: npt.NDArray[Any]
    speakers: list[str]
    takes: npt.NDArray[Any]


def load_data(path: StrPath | None = None, held_out: str | None = None) -> tuple[Recordings, Recordings]:
    """Load the spoken digits from this machine.

    The set has 3,000 recordings: six speakers, each digit 50 times by each. It is looked for in `path` alone
    if that is given; else in ``$FASTNN_DATA/fsdd``, then in the cache (``$FASTNN_CACHE``, or
    ``~/.cache/fastnn``).

    Parameters
    ----------
    path : path, optional
        A folder with the published folder ``recordings``, or with that packed as ``fsdd.tar.gz``.
    held_out : str, optional
        The speaker whose recordings are the test set. By default the set's own division: of every speaker and
        digit, takes 0 to 4 are for testing.

    Returns
    -------
    train, test : Recordings

    Raises
    ------
    ValueError
        If `path` lacks files, they are damaged, or nobody is called `held_out`.
    RuntimeError
        If the set is not on this machine.

    Notes
    -----
    By Zohar Jackson and others; CC BY-SA 4.0.

    Examples
    --------
    >>> from fastnn.datasets import spoken_digits
    >>> train, test = spoken_digits.load_data(held_out="theo")  # doctest: +SKIP
    >>> len(train.waves), len(test.waves)  # doctest: +SKIP
    (2500, 500)
    >>> spoken_digits.SAMPLE_RATE
    8000
    """
    folder = _SOURCE.folder(path)
    place = archive_of(folder, "fsdd") or folder / "recordings"
    found = []
    for name, contents in members(place, ".wav"):
        match = _NAME.fullmatch(name.split("/")[-1])
        if match is None:
            raise ValueError(f"{place}: expected recordings <digit>_<speaker>_<take>.wav, got {name}")
        digit, speaker, take = match.groups()
        found.append((int(digit), speaker, int(take), _samples(place, name, contents)))
    found.sort(key=lambda entry: entry[:3])
    names = sorted({speaker for _, speaker, _, _ in found})
    if not found:
        raise ValueError(f"{place}: holds no recordings")
    if held_out is not None and held_out not in names:
        raise ValueError(f"held_out must be one of {', '.join(names)}, got {held_out!r}")
    test = [(take < 5 if held_out is None else speaker == held_out) for _, speaker, take, _ in found]
    train_part, test_part = (
        [entry for entry, is_test in zip(found, test, strict=True) if is_test == wanted]
        for wanted in (False, True)
    )
    return _recordings(train_part), _recordings(test_part)


def _samples(place: Path, name: str, contents: bytes) -> npt.NDArray[Any]:
    try:
        with wave.open(io.BytesIO(contents)) as sound:
            form = (sound.getnchannels(), sound.getsampwidth(), sound.getframerate())
            frames = sound.readframes(sound.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{place}: {name} is no readable recording: {error}") from error
    if form != (1, 2, SAMPLE_RATE):
        raise ValueError(
            f"{place}: expected one channel of 2 bytes at {SAMPLE_RATE} Hz, {name} has (channels, bytes, "
            f"rate) {form}"
        )
    return np.frombuffer(frames, "<i2").astype(np.int16)


def _recordings(entries: list[tuple[int, str, int, npt.NDArray[Any]]]) -> Recordings:
    return Recordings(
        [entry[3] for entry in entries],
        np.array([entry[0] for entry in entries], np.uint8),
        [entry[1] for entry in entries],
        np.array([entry[2] for entry in entries], np.int32),
    )
