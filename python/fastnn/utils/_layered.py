"""Places for the boxes of a directed graph: in rows, each below those that lead to it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

Point = tuple[float, float]

_GAP = 28.0  # between boxes of a row
_ROW_GAP = 44.0
_SWEEPS = 8


def layered(
    sizes: Sequence[tuple[float, float]], arrows: Sequence[tuple[int, int]]
) -> tuple[list[Point], list[list[Point]]]:
    """Place boxes and lead arrows around them (after Sugiyama, Tagawa and Toda, 1981).

    Parameters
    ----------
    sizes : sequence of (width, height)
    arrows : sequence of (int, int)
        From box to box, by number; none leads to an earlier box.

    Returns
    -------
    list of (x, y)
        The boxes' upper left corners.
    list of list of (x, y)
        The points that each arrow goes through.

    Examples
    --------
    >>> from fastnn.utils._layered import layered
    >>> places, ways = layered([(10, 10), (10, 10)], [(0, 1)])
    >>> places
    [(0.0, 0.0), (0.0, 54.0)]
    >>> ways
    [[(5.0, 10.0), (5.0, 54.0)]]
    """
    ranks = [0] * len(sizes)
    for source, target in sorted(arrows, key=lambda arrow: arrow[1]):
        ranks[target] = max(ranks[target], ranks[source] + 1)
    widths = [size[0] for size in sizes]
    rows: list[list[int]] = [[] for _ in range(max(ranks, default=-1) + 1)]
    for box, rank in enumerate(ranks):
        rows[rank].append(box)
    # An arrow over several rows gets a narrow place in each between, so that it meets no box.
    chains = []
    above: dict[int, list[int]] = {}
    below: dict[int, list[int]] = {}
    for source, target in arrows:
        chain = [source]
        for rank in range(ranks[source] + 1, ranks[target]):
            widths.append(0.0)
            chain.append(len(widths) - 1)
            rows[rank].append(chain[-1])
        chain.append(target)
        chains.append(chain)
        for one, next_one in itertools.pairwise(chain):
            below.setdefault(one, []).append(next_one)
            above.setdefault(next_one, []).append(one)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        neighbours = above if down else below
        for row in rows if down else reversed(rows):
            places = {item: i for other in rows for i, item in enumerate(other)}
            weights = {
                item: _mean([places[n] for n in neighbours.get(item, [])], places[item]) for item in row
            }
            row.sort(key=lambda item: weights[item])
    heights = [max((sizes[i][1] for i in row if i < len(sizes)), default=0.0) for row in rows]
    centres = _centres(rows, widths, above, below)
    tops = [sum(heights[:rank]) + _ROW_GAP * rank for rank in range(len(rows))]
    left = min((centres[i] - widths[i] / 2 for row in rows for i in row), default=0.0)
    rank_of = {item: rank for rank, row in enumerate(rows) for item in row}
    corners = [(centres[i] - widths[i] / 2 - left, tops[ranks[i]]) for i in range(len(sizes))]
    ways = []
    for chain in chains:
        first, last = chain[0], chain[-1]
        way = [(centres[first] - left, corners[first][1] + sizes[first][1])]
        for item in chain[1:-1]:
            rank = rank_of[item]
            way += [(centres[item] - left, tops[rank]), (centres[item] - left, tops[rank] + heights[rank])]
        way.append((centres[last] - left, corners[last][1]))
        ways.append(way)
    return corners, ways


def _centres(
    rows: list[list[int]], widths: list[float], above: dict[int, list[int]], below: dict[int, list[int]]
) -> list[float]:
    """Middles of all items: near those that they are connected to, in order, with gaps between."""
    centres = [0.0] * len(widths)
    for row in rows:
        edge = 0.0
        for item in row:
            centres[item] = edge + widths[item] / 2
            edge += widths[item] + _GAP
    for sweep in range(_SWEEPS):
        neighbours = above if sweep % 2 == 0 else below
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wanted = [_mean([centres[n] for n in neighbours.get(i, [])], centres[i]) for i in row]
            _spread(row, wanted, widths, centres)
    return centres


def _spread(row: list[int], wanted: list[float], widths: list[float], centres: list[float]) -> None:
    """Give a row's items the places they want, moved apart where they would meet."""
    blocks: list[tuple[list[int], float]] = []  # items that touch, and where the first one's middle is
    for item, place in zip(row, wanted, strict=True):
        blocks.append(([item], place))
        while len(blocks) > 1:
            (left, start), (right, begin) = blocks[-2], blocks[-1]
            reach = start + _extent(left, widths) + (widths[left[-1]] + widths[right[0]]) / 2 + _GAP
            if begin >= reach:
                break
            # Joined, they lie so that all miss their wishes by as much to the left as to the right.
            shift = (reach - begin) * len(right) / (len(left) + len(right))
            blocks[-2:] = [(left + right, start - shift)]
    for items, start in blocks:
        place = start
        for i, item in enumerate(items):
            if i:
                place += (widths[items[i - 1]] + widths[item]) / 2 + _GAP
            centres[item] = place


def _extent(items: list[int], widths: list[float]) -> float:
    pairs = itertools.pairwise(items)
    return sum((widths[a] + widths[b]) / 2 + _GAP for a, b in pairs)


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else float(otherwise)
