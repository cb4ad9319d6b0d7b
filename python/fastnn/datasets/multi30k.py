"""Multi30k: descriptions of photographs in English, German and French, sentence by sentence."""

from __future__ import annotations

from pathlib import Path

from ._sources import DataFile, Source, StrPath

__all__ = ["load_data"]

_LANGUAGES = ("de", "en", "fr")
_PARTS = {"train": 29000, "val": 1014, "test_2016_flickr": 1000}

_CHECKSUMS = {  # SHA-256 of the contents, MD5 of the published file
    "train.en": (
        "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6",
        "0065d13af80720a55ca8153d126e6627",
    ),
    "train.de": (
        "2c2b73fd2b548fbcde3a875e0a78d6ee94d498bfdee6bd3eae3945779e9ddf72",
        "81ff90b99829c0cd4b1b587d394afd39",
    ),
    "train.fr": (
        "5925a3c18f1587b6b54b87743106e6e8ab93618edb6f65d19eac0621f853a10d",
        "6cb767741dcad3931f966fefbc05203f",
    ),
    "val.en": (
        "1f2a23d992769b5b3d209b0a10dd0b77c08cceb1f20dfb97ed0aafa49d107227",
        "2b69aa9253948ac9f67e94917272dd40",
    ),
    "val.de": (
        "660e09eb7e1da2f856ea13ee5ad3cf6d36b3d5b0b733c857e94c5747a3dfc660",
        "6e0e229eb049e3fc99a1ef02fb2d5f91",
    ),
    "val.fr": (
        "5304e444d842e962b2dda4d816b70b22a1765b15401642b7ca37a67477e708dc",
        "93fc564584b7e5ba410c761ea5a1c682",
    ),
    "test_2016_flickr.en": (
        "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182",
        "ff2c0fcb4893a13bd73414306bc250ae",
    ),
    "test_2016_flickr.de": (
        "4be6b5b3236b79c25475c6bb829800a7ce559e9ba7a1f6c2394fe4d40be46d16",
        "efd67d314d98489b716b145475101932",
    ),
    "test_2016_flickr.fr": (
        "cb3160d69b002bb638e66cc7612fcd56cb0af82eadc9c142dedc438afb885ef6",
        "08dc7cd4a662f31718412de95ca9bfe3",
    ),
}

Pair = tuple[list[str], list[str]]


def load_data(path: StrPath | None = None, source: str = "en", target: str = "de") -> tuple[Pair, Pair, Pair]:
    """Load Multi30k, downloading it once if it is not on this machine.

    Multi30k [Elliott16]_ has 29,000 training, 1,014 validation and 1,000 test pairs of sentences that
    describe the same photograph; the test set is that of 2016. The files are looked for in `path` alone if
    it is given; else in ``$FASTNN_DATA/multi30k``, then in the cache (``$FASTNN_CACHE/multi30k``, or
    ``~/.cache/fastnn/multi30k``), into which they are downloaded (1.3 MB a pair; needs the extra ``data``)
    if they are in neither. Their contents are verified, wherever they come from.

    Parameters
    ----------
    path : path, optional
        A folder with ``train.en.gz``, ``train.de.gz``, ``val.en.gz``, …, each packed or not.
    source, target : {"en", "de", "fr"}
        Languages to translate from and into.

    Returns
    -------
    train, validation, test : tuple of (list of str, list of str)
        Sentences of the source language, and their translations.

    Raises
    ------
    ValueError
        If a language is not known, or a file is missing from `path`, is damaged, or is not the published one.
    RuntimeError
        If the files are not on this machine and cannot be downloaded.

    Notes
    -----
    For research and education, not for trade.

    References
    ----------
    .. [Elliott16] D. Elliott, S. Frank, K. Sima'an, L. Specia, "Multi30K: multilingual English-German image
       descriptions", 5th Workshop on Vision and Language, 2016.

    Examples
    --------
    >>> from fastnn.datasets import multi30k
    >>> (english, german), _, _ = multi30k.load_data()  # doctest: +SKIP
    >>> english[0]  # doctest: +SKIP
    'Two young, White males are outside near many bushes.'
    """
    for name, language in (("source", source), ("target", target)):
        if language not in _LANGUAGES:
            raise ValueError(f"Multi30k: {name} must be one of {', '.join(_LANGUAGES)}, got {language!r}")
    files = {
        f"{part}.{language}": DataFile(f"{part}.{language}.gz", *_CHECKSUMS[f"{part}.{language}"])
        for part in _PARTS
        for language in dict.fromkeys((source, target))
    }
    folder = Source(
        name="multi30k",
        title="Multi30k",
        url="https://raw.githubusercontent.com/multi30k/dataset/a3d2e0d26b56f3846f66a952536ffed4e401d05a/"
        "data/task1/raw/",
        files=tuple(files.values()),
    ).folder(path)
    train, validation, test = (
        (_sentences(files[f"{part}.{source}"], folder), _sentences(files[f"{part}.{target}"], folder))
        for part in _PARTS
    )
    return train, validation, test


def _sentences(file: DataFile, folder: Path) -> list[str]:
    with file.open(folder) as (stream, _):
        text = stream.read().decode()
    return [line.strip() for line in text.split("\n")[: text.count("\n")]]
