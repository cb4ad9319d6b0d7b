"""Sequences from models: tokens that continue a prompt, labels that steps spell.

Examples
--------
>>> import numpy as np, fastnn
>>> model = fastnn.models.transformer_lm(65, sequence_length=16, num_layers=1, model_dim=16)
>>> text = fastnn.generation.generate(model, [3, 1, 4], 5, strategy="sample", top_k=10, seed=0)
>>> len(text), text[:3].tolist()
(8, [3, 1, 4])
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastnn._ctc_decoding import ctc_decode
from fastnn._generation_steps import Steps, function_of, steps_of
from fastnn._names import nearest
from fastnn.layers._arguments import integer, number, positive
from fastnn.tensor import apply, apply_all

__all__ = ["ctc_decode", "generate"]

Array = npt.NDArray[Any]

_STRATEGIES = ("greedy", "sample", "beam")


def generate(
    model: Any,
    prompt: Any,
    max_tokens: int,
    source: Any = None,
    strategy: str = "greedy",
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    beam_width: int = 4,
    length_penalty: float = 0.0,
    end_token: int | None = None,
    seed: int = 0,
) -> Any:
    """Continue sequences of tokens.

    `TransformerLM` and `Transformer` keep the keys and values of what went before, `Seq2Seq` its states, so
    that a step costs one position. Other models compute the whole sequence again in each step.

    Parameters
    ----------
    model : Model
        Takes ids (None, T), or with a source [ids (None, S), ids (None, T)], and returns logits
        (None, T, tokens), those of each next token.
    prompt : sequence of int, or of such sequences
        What is there already: at least a token each. With a source these are the tokens that the target
        begins with, commonly one that marks the beginning.
    max_tokens : int
        How many tokens to add, at least 1.
    source : sequence of int, or of such sequences, optional
        For models from one sequence to another, as `Transformer` and `Seq2Seq`: what the encoder reads.
        Shorter ones are padded at the end, by the model's `padding_id`, or 0.
    strategy : {"greedy", "sample", "beam"}, default "greedy"
        Take the most probable token; draw one; or search for the sequence whose tokens together are most
        probable, of `beam_width` kept at each step. A beam needs prompts of one length.
    temperature : float, default 1.0
        Of a sample: logits are divided by it. 0 is greedy.
    top_k : int, optional
        Of a sample: draw among so many most probable tokens.
    top_p : float, optional
        Of a sample: draw among the fewest tokens whose probabilities together reach it (Holtzman et al.
        2020).
    beam_width : int, default 4
    length_penalty : float, default 0.0
        Sums of log-probabilities are divided by the number of tokens to this power, so that with 1 means are
        compared.
    end_token : int, optional
        Ends a sequence.
    seed : int, default 0
        Of a sample; the same seed gives the same tokens, whatever the number of threads.

    Returns
    -------
    numpy.ndarray, or list of them
        Prompt and what was added to it, up to `end_token` and with it; one array for a single prompt.

    Raises
    ------
    ValueError
        If an argument is out of range, a prompt or a source is empty, a source is all padding, or a token is
        not in the model's vocabulary.
    TypeError
        If tokens are not whole numbers.

    Notes
    -----
    A sequence that outgrows `TransformerLM.sequence_length` goes on from the latter half of what fits.

    Examples
    --------
    >>> import numpy as np, fastnn
    >>> model = fastnn.models.transformer_lm(65, sequence_length=16, num_layers=1, model_dim=16)
    >>> [len(s) for s in fastnn.generation.generate(model, [[1, 2], [3]], 6, strategy="sample")]
    [8, 7]
    >>> fastnn.generation.generate(model, [1, 2], 3, strategy="beam", beam_width=2).shape
    (5,)
    >>> model = fastnn.models.seq2seq(100, 80, units=16)
    >>> pair = fastnn.generation.generate(model, [[1], [1]], 4, source=[[5, 6, 7], [8, 9]])
    >>> [len(tokens) for tokens in pair]
    [5, 5]
    """
    label = "generate"
    added = positive(label, "max_tokens", max_tokens)
    if strategy not in _STRATEGIES:
        raise ValueError(f"{label}: unknown strategy {strategy!r}{nearest(str(strategy), _STRATEGIES)}")
    width = positive(label, "beam_width", beam_width)
    penalty = number(label, "length_penalty", length_penalty, 0.0)
    attributes = {
        "temperature": number(label, "temperature", temperature, 0.0),
        "top_k": None if top_k is None else positive(label, "top_k", top_k),
        "top_p": None if top_p is None else number(label, "top_p", top_p, 0.0, 1.0),
    }
    if top_p == 0:
        raise ValueError(f"{label}: top_p must be above 0, got 0")
    key = integer(label, "seed", seed, 0)
    end = -1 if end_token is None else integer(label, "end_token", end_token, 0)
    prompts, single = _sequences("prompt", prompt, _vocabulary(model, "target"))
    sources = None
    if source is not None:
        sources, _ = _sequences("source", source, _vocabulary(model, "source"))
        if len(sources) != len(prompts):
            raise ValueError(f"generate: there are {len(prompts)} prompts, but {len(sources)} sources")
    steps = steps_of(model, sources, max(len(tokens) for tokens in prompts) + added)
    if strategy == "beam":
        found = _beam(steps, prompts, added, width, penalty, end)
    else:
        if strategy == "greedy":
            attributes = {"temperature": 0.0}
        found = _draw(steps, prompts, added, attributes, key, end)
    return found[0] if single else found


def _vocabulary(model: Any, which: str) -> int:
    """Return the number of tokens that a model knows; if it does not say, that of int32."""
    size = getattr(model, f"{which}_vocabulary_size", getattr(model, "vocabulary_size", None))
    return size if isinstance(size, int) else 2**31


def _sequences(what: str, given: Any, size: int) -> tuple[list[Array], bool]:
    """Return sequences of tokens below `size` as arrays, and whether there was just one."""
    if isinstance(given, np.ndarray) and given.ndim != 1:
        given = list(given) if given.ndim > 1 else given.tolist()
    if not isinstance(given, (list, tuple, np.ndarray)) or len(given) == 0:
        raise ValueError(
            f"generate: {what} must be a sequence of tokens, or of such sequences, got {given!r}"
        )
    single = np.ndim(given[0]) == 0
    found = [np.asarray(s) for s in ([given] if single else given)]
    for i, tokens in enumerate(found):
        if tokens.ndim != 1 or tokens.size == 0:
            raise ValueError(
                f"generate: {what} {i} must be a sequence of at least one token, got shape {tokens.shape}"
            )
        if tokens.dtype.kind not in "iu":
            raise TypeError(f"generate: {what} {i} must hold whole numbers, got dtype {tokens.dtype}")
        outside = tokens[(tokens < 0) | (tokens >= size)]
        if outside.size:
            raise ValueError(
                f"generate: {what} {i}: got class or id {outside[0]}, expected an integer from 0 to "
                f"{size - 1}"
            )
    return [tokens.astype(np.int32) for tokens in found], single


# Choosing tokens ---------------------------------------------------------------------------------


def _draw(
    steps: Steps, prompts: list[Array], added: int, attributes: dict[str, Any], seed: int, end: int
) -> list[Array]:
    """Greedy or random: each sequence by itself."""
    lengths = np.array([len(tokens) for tokens in prompts])
    rows = [tokens.tolist() for tokens in prompts]
    place = int(lengths.min())
    logits = steps.begin(np.stack([tokens[:place] for tokens in prompts]))
    _check_end(end, logits)
    chooser = function_of(
        "generate",
        lambda x: apply("sample_token", [x], attributes),
        [((None, logits.shape[1]), str(logits.dtype))],
    )
    done = np.zeros(len(rows), bool)
    while True:
        chosen = np.asarray(chooser.run([logits], seed=seed, step=place)[0])
        for i, row in enumerate(rows):
            if place < lengths[i]:
                chosen[i] = row[place]
            elif not done[i]:
                row.append(int(chosen[i]))
                done[i] = chosen[i] == end or len(row) == lengths[i] + added
        if done.all():
            return [np.array(row, np.int32) for row in rows]
        place += 1
        logits = steps.advance(chosen)


def _beam(
    steps: Steps, prompts: list[Array], added: int, width: int, penalty: float, end: int
) -> list[Array]:
    """Keep the `width` best sequences of each prompt."""
    if len({len(tokens) for tokens in prompts}) > 1:
        raise ValueError("generate: a beam needs prompts of one length; call generate for each length")
    count = len(prompts)
    tokens = np.repeat(np.stack(prompts), width, axis=0)
    first = tokens.shape[1]
    steps.repeat(width)
    logits = steps.begin(tokens)
    _check_end(end, logits)
    likely = min(width, logits.shape[1])  # no beam has more of the best continuations
    chooser = function_of(
        "generate",
        lambda x: apply_all("top_k", [apply("log_softmax", [x])], {"k": likely}),
        [((None, logits.shape[1]), str(logits.dtype))],
    )
    scores = np.full((count, width), -np.inf)
    scores[:, 0] = 0.0  # all beams are the same at first
    ended = np.zeros((count, width), bool)
    lengths = np.zeros((count, width))
    for _ in range(added):
        logp, ids = (np.asarray(a).reshape(count, width, likely) for a in chooser.run([logits]))
        total = scores[:, :, None] + logp.astype(np.float64)
        total[ended] = -np.inf  # an ended sequence stays as it is, once
        total[ended, 0] = scores[ended]
        ids[ended, 0] = end
        grown = lengths + ~ended
        rank = total / np.maximum(grown, 1.0)[:, :, None] ** penalty
        best = np.argsort(-rank.reshape(count, -1), axis=1, kind="stable")[:, :width]
        beams = best // likely
        chosen = np.take_along_axis(ids.reshape(count, -1), best, 1)
        scores = np.take_along_axis(total.reshape(count, -1), best, 1)
        lengths = np.take_along_axis(grown, beams, 1)
        ended = np.take_along_axis(ended, beams, 1)
        rows = (np.arange(count)[:, None] * width + beams).reshape(-1)
        tokens = np.concatenate([tokens[rows], chosen.reshape(-1, 1).astype(np.int32)], 1)
        ended |= chosen == end
        rank = scores / np.maximum(lengths, 1.0) ** penalty
        reachable = np.where(ended, -np.inf, scores) / float(added) ** penalty  # no further token adds to it
        if np.all(np.where(ended, rank, -np.inf).max(1) >= reachable.max(1)):
            break
        if tokens.shape[1] < first + added:
            steps.reorder(rows)
            logits = steps.advance(tokens[:, -1])
    winners = tokens.reshape(count, width, -1)[np.arange(count), rank.argmax(1)]
    spans = first + lengths[np.arange(count), rank.argmax(1)].astype(int)
    return [row[:span] for row, span in zip(winners, spans, strict=True)]


def _check_end(end: int, logits: Array) -> None:
    if end >= logits.shape[1]:
        raise ValueError(
            f"generate: end_token must be below {logits.shape[1]}, the model's number of tokens, got {end}"
        )
