"""Labels from the steps of connectionist temporal classification."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastnn import activations
from fastnn._names import nearest
from fastnn.layers._arguments import integer, positive

Array = npt.NDArray[Any]


def ctc_decode(
    logits: Any,
    lengths: Any = None,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    blank: int = 0,
) -> tuple[Any, Array]:
    """Find the labels that steps spell, as `fastnn.losses.CTC` reads them.

    Parameters
    ----------
    logits : array_like
        (samples, steps, classes).
    lengths : sequence of int, optional
        How many steps of each sample there are; all by default.
    strategy : {"greedy", "beam"}, default "greedy"
        Take the most probable class of each step; or search for the most probable labels, whose probability
        is the sum over all ways to spell them, of `beam_width` kept at each step (Graves and Jaitly 2014).
    beam_width : int, default 100
    top_paths : int, default 1
        Of a beam: how many labellings to return, the best first.
    blank : int, default 0
        The class that says nothing.

    Returns
    -------
    labels : list of numpy.ndarray, or list of such lists
        For each sample its labels; with several `top_paths`, for each path such a list.
    scores : numpy.ndarray
        The logarithm of the probability: of the path (greedy), or of the labels, (samples,); with several
        `top_paths` (samples, top_paths).

    Raises
    ------
    ValueError
        If shapes do not fit or a number is out of range.
    TypeError
        If a number is none.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.generation import ctc_decode
    >>> steps = np.log([[[0.1, 0.8, 0.1], [0.1, 0.8, 0.1], [0.8, 0.1, 0.1], [0.1, 0.1, 0.8]]])
    >>> ctc_decode(steps)[0][0].tolist()
    [1, 2]
    """
    label = "ctc_decode"
    scores = np.asarray(logits)
    if scores.ndim != 3 or scores.dtype.kind != "f":
        raise ValueError(
            f"{label}: logits must be floating point of shape (samples, steps, classes), got {scores.dtype} "
            f"of shape {scores.shape}"
        )
    width = positive(label, "beam_width", beam_width)
    paths = positive(label, "top_paths", top_paths)
    if strategy not in ("greedy", "beam"):
        raise ValueError(
            f"{label}: unknown strategy {strategy!r}{nearest(str(strategy), ('greedy', 'beam'))}"
        )
    if paths > (width if strategy == "beam" else 1):
        raise ValueError(
            f"{label}: top_paths={paths} needs a beam of at least that width, got {strategy} {width}"
        )
    silent = integer(label, "blank", blank, 0)
    if silent >= scores.shape[2]:
        raise ValueError(f"{label}: blank must be a class, 0 to {scores.shape[2] - 1}, got {silent}")
    spans = np.full(len(scores), scores.shape[1]) if lengths is None else np.asarray(lengths)
    if spans.shape != (len(scores),) or spans.dtype.kind not in "iu":
        raise ValueError(f"{label}: lengths must be {len(scores)} whole numbers, got {lengths!r}")
    if (spans < 0).any() or (spans > scores.shape[1]).any():
        raise ValueError(f"{label}: lengths must be from 0 to {scores.shape[1]}, the number of steps")
    if scores.size == 0:
        return ([] if paths == 1 else [[] for _ in range(paths)]), np.zeros(len(scores))
    logp = np.asarray(activations.log_softmax(scores), np.float64)
    if strategy == "greedy":
        found = [_spelled(steps[:n], silent) for steps, n in zip(logp, spans, strict=True)]
        return [labels for labels, _ in found], np.array([score for _, score in found])
    beams = [_prefix_search(steps[:n], width, silent) for steps, n in zip(logp, spans, strict=True)]
    # Fewer labellings than asked for may be possible at all.
    beams = [(beam + [(np.zeros(0, np.int32), -np.inf)] * paths)[:paths] for beam in beams]
    table = np.array([[score for _, score in beam] for beam in beams])
    labels = [[beam[i][0] for beam in beams] for i in range(paths)]
    return (labels[0], table[:, 0]) if paths == 1 else (labels, table)


def _spelled(logp: Array, blank: int) -> tuple[Array, float]:
    best = logp.argmax(-1)
    said = best[np.r_[True, best[1:] != best[:-1]]] if len(best) else best
    return said[said != blank].astype(np.int32), float(logp.max(-1).sum()) if len(best) else 0.0


def _prefix_search(logp: Array, width: int, blank: int) -> list[tuple[Array, float]]:
    """Return labellings and their log-probabilities, the best first."""
    # For each labelling: log-probabilities of the ways to spell it that end in the blank, and that do not.
    beam: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, -np.inf)}
    for step in logp:
        grown: dict[tuple[int, ...], tuple[float, float]] = {}

        def add(labels: tuple[int, ...], with_blank: float, without: float, grown: Any = grown) -> None:
            a, b = grown.get(labels, (-np.inf, -np.inf))
            grown[labels] = (float(np.logaddexp(a, with_blank)), float(np.logaddexp(b, without)))

        for labels, (with_blank, without) in beam.items():
            either = float(np.logaddexp(with_blank, without))
            add(labels, either + step[blank], -np.inf)
            for k, p in enumerate(step):
                if k == blank:
                    continue
                if labels and labels[-1] == k:
                    add(labels, -np.inf, without + p)
                    add((*labels, k), -np.inf, with_blank + p)
                else:
                    add((*labels, k), -np.inf, either + p)
        # Ties go to the labelling that comes first, so that the result does not depend on the order of work.
        ranked = sorted(grown.items(), key=lambda item: (-np.logaddexp(*item[1]), item[0]))
        beam = dict(ranked[:width])
    final = sorted(beam.items(), key=lambda item: (-np.logaddexp(*item[1]), item[0]))
    return [(np.array(labels, np.int32), float(np.logaddexp(*p))) for labels, p in final]
