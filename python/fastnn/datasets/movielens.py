"""MovieLens: who gave which film how many stars."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ._sources import StrPath, Supplied

__all__ = ["Ratings", "load_data"]


def _lacks(folder: Path) -> str:
    missing = [name for name in ("ratings.csv", "movies.csv") if not (folder / name).is_file()]
    return f"{folder} has no {', '.join(missing)}" if missing else ""


_SOURCE = Supplied(
    name="movielens_latest_small",
    title="MovieLens",
    home="https://grouplens.org/datasets/movielens/latest/ (ml-latest-small.zip)",
    wanted="ratings.csv and movies.csv",
    lacks=_lacks,
)


class Ratings(NamedTuple):
    """Ratings, one a row, in the order of the file; users and items are numbered from 0.

    Parameters
    ----------
    users, items : numpy.ndarray of int32
    ratings : numpy.ndarray of float32
        Stars, 0.5 to 5.
    times : numpy.ndarray of int64
        Seconds since 1970.
    user_ids, item_ids : numpy.ndarray of int64
        The file's numbers of users and films, by ours.
    titles : list of str
        Of the items.

    Examples
    --------
    >>> from fastnn.datasets import movielens
    >>> movielens.Ratings._fields[:4]
    ('users', 'items', 'ratings', 'times')
    """

    users: npt.NDArray[Any]
    items: npt.NDArray[Any]
    ratings: npt.NDArray[Any]
    times: npt.NDArray[Any]
    user_ids: npt.NDArray[Any]
    item_ids: npt.NDArray[Any]
    titles: list[str]


def load_data(path: StrPath | None = None) -> Ratings:
    """Load MovieLens' small set of ratings from this machine.

    MovieLens [Harper15]_ "latest small" has about 100,000 ratings of 9,700 films by 610 users. It is looked
    for in `path` alone if that is given; else in ``$FASTNN_DATA/movielens_latest_small``, then in the cache
    (``$FASTNN_CACHE``, or ``~/.cache/fastnn``). GroupLens changes the set from time to time, so it is neither
    downloaded nor compared with checksums.

    Parameters
    ----------
    path : path, optional
        A folder with ``ratings.csv`` and ``movies.csv``.

    Returns
    -------
    Ratings

    Raises
    ------
    ValueError
        If `path` lacks files, or they are damaged.
    RuntimeError
        If the set is not on this machine.

    Notes
    -----
    By GroupLens, University of Minnesota; not for trade.

    References
    ----------
    .. [Harper15] F. M. Harper, J. A. Konstan, "The MovieLens datasets: history and context", ACM Transactions
       on Interactive Intelligent Systems 5, 2015.

    Examples
    --------
    >>> from fastnn.datasets import movielens
    >>> data = movielens.load_data()  # doctest: +SKIP
    >>> len(data.users), len(data.user_ids)  # doctest: +SKIP
    (100836, 610)
    """
    folder = _SOURCE.folder(path)
    columns = _columns(folder / "ratings.csv", ("userId", "movieId", "rating", "timestamp"))
    titles = dict(zip(*_columns(folder / "movies.csv", ("movieId", "title")), strict=True))
    try:
        users = np.array(columns[0], np.int64)
        items = np.array(columns[1], np.int64)
        ratings = np.array(columns[2], np.float32)
        times = np.array(columns[3], np.int64)
    except ValueError as error:
        raise ValueError(f"{folder / 'ratings.csv'}: {error}") from error
    user_ids, user_numbers = np.unique(users, return_inverse=True)
    item_ids, item_numbers = np.unique(items, return_inverse=True)
    return Ratings(
        user_numbers.astype(np.int32),
        item_numbers.astype(np.int32),
        ratings,
        times,
        user_ids,
        item_ids,
        [titles.get(str(number), f"film {number}") for number in item_ids],
    )


def _columns(path: Path, wanted: tuple[str, ...]) -> list[list[str]]:
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
    header = rows[0] if rows else []
    missing = [name for name in wanted if name not in header]
    if missing or len(rows) < 2:
        raise ValueError(f"{path}: expected a table with columns {', '.join(wanted)}, got {header}")
    places = [header.index(name) for name in wanted]
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise ValueError(f"{path}, line {number}: expected {len(header)} entries, got {len(row)}")
    return [[row[place] for row in rows[1:]] for place in places]
