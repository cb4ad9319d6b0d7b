"""IMDB: film reviews and whether they praise or pan."""

from __future__ import annotations

import collections
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ._members import members
from ._sources import DataFile, StrPath, Supplied

__all__ = ["get_word_index", "load_data", "load_texts", "words_of"]

_TABLES = {
    "train": DataFile(
        "train.tsv.gz", sha256="030cc75d57cc5bc6bb77c592a1055dc9c30477386d4d9170a04c3c1299870779"
    ),
    "test": DataFile(
        "test.tsv.gz", sha256="44b837c14dfe46c76edbf5fcf1e8eaae3335648f0b3d13923479975f0b89d60b"
    ),
}
_CLASSES = ("neg", "pos")


def _has_tables(folder: Path) -> bool:
    return all(file.find(folder) is not None for file in _TABLES.values())


def _lacks(folder: Path) -> str:
    if _has_tables(folder):
        return ""
    missing = [
        f"{part}/{kind}" for part in _TABLES for kind in _CLASSES if not (folder / part / kind).is_dir()
    ]
    return f"{folder} has no folders {', '.join(missing)}" if missing else ""


_SOURCE = Supplied(
    name="imdb",
    title="IMDB reviews",
    home="https://ai.stanford.edu/~amaas/data/sentiment/ (aclImdb_v1.tar.gz, unpacked)",
    wanted="its folders train and test",
    lacks=_lacks,
)

Texts = tuple[list[str], npt.NDArray[Any]]
Part = tuple[npt.NDArray[Any], npt.NDArray[Any]]


def load_texts(path: StrPath | None = None) -> tuple[Texts, Texts]:
    """Load the reviews as they were written, from this machine.

    The set [Maas11]_ has 25,000 training and 25,000 test reviews, half of each positive. It is looked for in
    `path` alone if that is given; else in ``$FASTNN_DATA/imdb``, then in the cache (``$FASTNN_CACHE``, or
    ``~/.cache/fastnn``): the published folders ``train/pos``, ``train/neg``, ``test/pos`` and ``test/neg``,
    or tables ``train.tsv.gz`` and ``test.tsv.gz`` of label, rating and text, whose contents are verified.

    Parameters
    ----------
    path : path, optional
        A folder with these.

    Returns
    -------
    (train_texts, y_train), (test_texts, y_test)
        Lists of str, and uint8 arrays: 1 is praise. Positive and negative reviews take turns.

    Raises
    ------
    ValueError
        If `path` lacks files, or they are damaged.
    RuntimeError
        If the set is not on this machine.

    References
    ----------
    .. [Maas11] A. L. Maas, R. E. Daly, P. T. Pham, D. Huang, A. Y. Ng, C. Potts, "Learning word vectors for
       sentiment analysis", Annual Meeting of the Association for Computational Linguistics, 2011.

    Examples
    --------
    >>> from fastnn.datasets import imdb
    >>> (texts, y_train), _ = imdb.load_texts()  # doctest: +SKIP
    >>> y_train[:4]  # doctest: +SKIP
    array([0, 1, 0, 1], dtype=uint8)
    """
    folder = _SOURCE.folder(path)
    tables = _has_tables(folder)
    train, test = (
        _alternating(_read_table(folder, part) if tables else _read_folders(folder, part)) for part in _TABLES
    )
    return train, test


def _read_table(folder: Path, part: str) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {0: [], 1: []}
    with _TABLES[part].open(folder) as (stream, path):
        lines = stream.read().decode().split("\n")
    for number, line in enumerate(lines, start=1):
        entries = line.split("\t")
        if line and (len(entries) != 3 or entries[0] not in ("0", "1")):
            raise ValueError(f"{path}, line {number}: expected label, rating and text between tabs")
        if line:
            found[int(entries[0])].append(entries[2])
    return found


def _read_folders(folder: Path, part: str) -> dict[int, list[str]]:
    return {
        label: [contents.decode() for _, contents in members(folder / part / kind, ".txt")]
        for label, kind in enumerate(_CLASSES)
    }


def _alternating(found: dict[int, list[str]]) -> Texts:
    entries = [(i, label) for label, texts in found.items() for i in range(len(texts))]
    entries.sort()
    return [found[label][i] for i, label in entries], np.array([label for _, label in entries], np.uint8)


_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?|[.!?]")


def words_of(text: str) -> list[str]:
    """Split a text into words in lower case; full stops, exclamation and question marks count as words.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of str

    Raises
    ------
    AttributeError
        If it is not a string.

    Examples
    --------
    >>> from fastnn.datasets.imdb import words_of
    >>> words_of("It isn't good!<br />Bad.")
    ['it', "isn't", 'good', '!', 'bad', '.']
    """
    return _WORD.findall(text.replace("<br />", " ").lower())


def get_word_index(texts: Iterable[str] | None = None, path: StrPath | None = None) -> dict[str, int]:
    """Return numbers of words by how often they occur; the most frequent one has 1.

    Parameters
    ----------
    texts : iterable of str, optional
        By default the training reviews.
    path : path, optional
        Where these lie; see `load_texts`.

    Returns
    -------
    dict of str to int

    Raises
    ------
    ValueError, RuntimeError
        As `load_texts`, unless `texts` are given.

    Examples
    --------
    >>> from fastnn.datasets import imdb
    >>> imdb.get_word_index(["good film", "bad film"])
    {'film': 1, 'bad': 2, 'good': 3}
    """
    counts: collections.Counter[str] = collections.Counter()
    for text in load_texts(path)[0][0] if texts is None else texts:
        counts.update(words_of(text))
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return {word: rank for rank, word in enumerate(ranked, start=1)}


def load_data(
    path: StrPath | None = None,
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> tuple[Part, Part]:
    """Load the reviews as sequences of word numbers.

    Words are numbered by their frequency in the training reviews (`get_word_index`), plus `index_from`.

    Parameters
    ----------
    path : path, optional
        Where the reviews lie; see `load_texts`.
    num_words : int, optional
        Numbers at and above it are replaced by `oov_char`; None keeps all.
    skip_top : int, default 0
        So many of the most frequent words are replaced, too.
    maxlen : int, optional
        Longer reviews are left out.
    seed : int, default 113
        Of the order of the reviews.
    start_char : int or None, default 1
        What every sequence begins with.
    oov_char : int or None, default 2
        What stands for words that are left out; None drops them.
    index_from : int, default 3
        Number of the most frequent word, less 1.

    Returns
    -------
    (x_train, y_train), (x_test, y_test) : tuple of tuples of numpy.ndarray
        Arrays of lists of int, of differing lengths, and uint8 labels: 1 is praise.

    Raises
    ------
    ValueError, RuntimeError
        As `load_texts`.

    Examples
    --------
    >>> from fastnn.datasets import imdb
    >>> (x_train, y_train), _ = imdb.load_data(num_words=20000)  # doctest: +SKIP
    """
    train, test = load_texts(path)
    index = get_word_index(train[0])
    low = skip_top + index_from + 1 if skip_top else 0

    def numbers(text: str) -> list[int]:
        result = [] if start_char is None else [start_char]
        for word in words_of(text):
            number = index[word] + index_from if word in index else -1
            if number >= low and (num_words is None or number < num_words) and number >= 0:
                result.append(number)
            elif oov_char is not None:
                result.append(oov_char)
        return result

    random = np.random.default_rng(seed)
    first, second = (_part(texts, labels, numbers, maxlen, random) for texts, labels in (train, test))
    return first, second


def _part(
    texts: Sequence[str],
    labels: npt.NDArray[Any],
    numbers: Any,
    maxlen: int | None,
    random: np.random.Generator,
) -> Part:
    sequences = [numbers(text) for text in texts]
    kept = [i for i in random.permutation(len(texts)) if maxlen is None or len(sequences[i]) <= maxlen]
    result = np.empty(len(kept), object)
    result[:] = [sequences[i] for i in kept]
    return result, labels[kept]
