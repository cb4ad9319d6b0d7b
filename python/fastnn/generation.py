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

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnn import _core, activations
from fastnn._ctc_decoding import ctc_decode
from fastnn._names import nearest
from fastnn.layers._arguments import integer, number, positive
from fastnn.layers.context import BuildContext
from fastnn.layers.nest import leaves
from fastnn.models.transformers import Transformer, TransformerLM
from fastnn.tensor import Tensor, apply, graph_input

__all__ = ["ctc_decode", "generate"]

Array = npt.NDArray[Any]

_KEPT_FUNCTIONS = 8
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

    `TransformerLM` and `Transformer` keep the keys and values of what went before, so that a step costs one
    position. Other models compute the whole sequence again in each step.

    Parameters
    ----------
    model : Model
        Takes ids (None, T) and returns logits (None, T, tokens), those of each next token; or a
        `Transformer`.
    prompt : sequence of int, or of such sequences
        What is there already: at least a token each. For a `Transformer` the tokens that the target begins
        with, commonly one that marks the beginning.
    max_tokens : int
        How many tokens to add, at least 1.
    source : sequence of int, or of such sequences, optional
        For a `Transformer`: what the encoder reads. Shorter ones are padded.
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
        If an argument is out of range, a prompt is empty, or a token is not in the model's vocabulary.
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
    prompts, single = _sequences("prompt", prompt)
    steps = _steps_of(model, source, len(prompts))
    if strategy == "beam":
        found = _beam(steps, prompts, added, width, penalty, end)
    else:
        if strategy == "greedy":
            attributes = {"temperature": 0.0}
        found = _draw(steps, prompts, added, attributes, key, end)
    return found[0] if single else found


def _sequences(what: str, given: Any) -> tuple[list[Array], bool]:
    """Return sequences of tokens as arrays, and whether there was just one."""
    if isinstance(given, np.ndarray):
        given = given if given.ndim == 1 else list(given)
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
    return [tokens.astype(np.int32) for tokens in found], single


# What a model does with each token ---------------------------------------------------------------


class _Steps:
    """Logits of what comes next, for sequences that grow. `width` is the most positions that fit, or 0."""

    width = 0
    extra: Sequence[Array] = ()  # what belongs to each sample besides

    def begin(self, tokens: Array) -> Array:
        """Read (samples, n) tokens; returns logits (samples, vocabulary)."""
        raise NotImplementedError

    def advance(self, tokens: Array) -> Array:
        """Read one more token of each sample."""
        raise NotImplementedError

    def reorder(self, rows: Array) -> None:
        """Go on with these samples in the place of those that there were."""
        raise NotImplementedError


class _WholeSteps(_Steps):
    """Any model: computes all positions again."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.tokens: Array = np.zeros((0, 0), np.int32)

    def begin(self, tokens: Array) -> Array:
        self.tokens = tokens
        logits = np.asarray(self.model.predict(tokens, verbose=0))
        if logits.ndim != 3 or logits.shape[:2] != tokens.shape:
            raise ValueError(
                f"generate: {self.model.label} must return logits (None, T, tokens) for ids (None, T), but "
                f"it returned shape {logits.shape} for ids {tokens.shape}"
            )
        return logits[:, -1]

    def advance(self, tokens: Array) -> Array:
        return self.begin(np.concatenate([self.tokens, tokens[:, None]], 1))

    def reorder(self, rows: Array) -> None:
        self.tokens = self.tokens[rows]


class _CachedSteps(_Steps):
    """Models with a `step`: keys and values of earlier positions are kept."""

    def __init__(self, model: Any, extra: Sequence[Array] = ()) -> None:
        self.model = model
        self.width = model.sequence_length
        self.extra = [np.asarray(a) for a in extra]  # of a `Transformer`: cross caches, then the mask
        self.caches: list[Array] = []
        self.tokens: Array = np.zeros((0, 0), np.int32)
        self.place = 0

    def begin(self, tokens: Array) -> Array:
        shape = self.model.cache_shape(self.width)
        self.caches = [
            np.zeros((len(tokens), *shape), self.model.dtype) for _ in range(2 * self.model.num_layers)
        ]
        self.place = 0
        self.tokens = tokens[:, :0]
        return self._read(tokens)

    def advance(self, tokens: Array) -> Array:
        if self.place == self.width:  # no room: what follows sees the latter half
            kept = self.tokens[:, -max(1, self.width // 2) :]
            return self.begin(np.concatenate([kept, tokens[:, None]], 1)[:, -self.width :])
        return self._read(tokens[:, None])

    def reorder(self, rows: Array) -> None:
        self.tokens = self.tokens[rows]
        self.caches = [np.ascontiguousarray(cache[rows]) for cache in self.caches]
        self.extra = [np.ascontiguousarray(a[rows]) for a in self.extra]

    def _read(self, tokens: Array) -> Array:
        if tokens.shape[1] > self.width:
            tokens = tokens[:, -self.width :]
        index = np.full(len(tokens), self.place, np.int32)
        tokens = np.ascontiguousarray(tokens, np.int32)
        function = self._function(tokens.shape[1])
        logits, *self.caches = function.run([tokens, index, *self.caches, *self.extra])
        self.place += tokens.shape[1]
        self.tokens = np.concatenate([self.tokens, tokens], 1)
        return np.asarray(logits)

    def _function(self, length: int) -> _core.Function:
        model = self.model
        arrays = [*self.caches, *self.extra]
        kinds = ["int32" if a.dtype.kind in "ib" else model.dtype for a in arrays]
        shapes = [((None, length), "int32"), ((None,), "int32")]
        shapes += [((None, *a.shape[1:]), kind) for a, kind in zip(arrays, kinds, strict=True)]

        def build(ids: Tensor, index: Tensor, *rest: Tensor) -> Any:
            parts = list(zip(rest[::2], rest[1::2], strict=False))
            own, others = parts[: model.num_layers], parts[model.num_layers : 2 * model.num_layers]
            if len(rest) % 2 == 0:
                return model.step(ids, index, own)
            return model.step(ids, index, own, others, rest[-1])

        known: dict[Any, _core.Function] = model.step_functions
        key = tuple(shapes)
        if key not in known:
            known[key] = _function_of(model.label, build, shapes)
            if len(known) > _KEPT_FUNCTIONS:
                del known[next(iter(known))]
        return known[key]


def _function_of(label: str, build: Callable[..., Any], inputs: Sequence[tuple[Any, str]]) -> _core.Function:
    with BuildContext() as context:
        context.enter(label)
        given = [
            graph_input(context.graph, shape, dtype, f"input {i}") for i, (shape, dtype) in enumerate(inputs)
        ]
        made = build(*given)
        return _core.Function(context.graph, [tensor.id for tensor in leaves(made)])


def _steps_of(model: Any, source: Any, count: int) -> _Steps:
    if isinstance(model, Transformer):
        if source is None:
            raise ValueError(f"generate: {model.label} needs a source, the tokens that its encoder reads")
        sources, _ = _sequences("source", source)
        if len(sources) != count:
            raise ValueError(f"generate: there are {count} prompts, but {len(sources)} sources")
        length = max(len(s) for s in sources)
        ids = np.full((count, length), model.padding_id, np.int32)
        for row, tokens in zip(ids, sources, strict=True):
            row[: len(tokens)] = tokens

        def build(source: Tensor) -> Any:
            encoded, seen = model.encode(source)
            return [model.cross_caches(encoded), apply("cast", [seen], {"dtype": "int32"})]

        made = _function_of(model.label, build, [((None, length), "int32")]).run([ids])
        return _CachedSteps(model, made)
    if source is not None:
        raise ValueError("generate: only a Transformer, with an encoder, takes a source")
    if isinstance(model, TransformerLM):
        return _CachedSteps(model)
    if not hasattr(model, "predict"):
        raise TypeError(f"generate: expected a model, got {type(model).__name__}")
    return _WholeSteps(model)


# Choosing tokens ---------------------------------------------------------------------------------


def _draw(
    steps: _Steps, prompts: list[Array], added: int, attributes: dict[str, Any], seed: int, end: int
) -> list[Array]:
    """Greedy or random: each sequence by itself."""
    lengths = np.array([len(tokens) for tokens in prompts])
    rows = [tokens.tolist() for tokens in prompts]
    place = int(lengths.min())
    logits = steps.begin(np.stack([tokens[:place] for tokens in prompts]))
    chooser = _function_of(
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
    steps: _Steps, prompts: list[Array], added: int, width: int, penalty: float, end: int
) -> list[Array]:
    """Keep the `width` best sequences of each prompt."""
    if len({len(tokens) for tokens in prompts}) > 1:
        raise ValueError("generate: a beam needs prompts of one length; call generate for each length")
    count = len(prompts)
    tokens = np.repeat(np.stack(prompts), width, axis=0)
    first = tokens.shape[1]
    steps.extra = [np.repeat(a, width, axis=0) for a in steps.extra]
    logits = steps.begin(tokens)
    scores = np.full((count, width), -np.inf)
    scores[:, 0] = 0.0  # all beams are the same at first
    ended = np.zeros((count, width), bool)
    lengths = np.zeros((count, width))
    for _ in range(added):
        logp = np.asarray(activations.log_softmax(logits), np.float64).reshape(count, width, -1)
        size = logp.shape[-1]
        total = scores[:, :, None] + logp
        total[ended] = -np.inf  # an ended sequence stays as it is, once
        if end >= 0:
            total[ended, min(end, size - 1)] = scores[ended]
        grown = lengths + ~ended
        rank = total / np.maximum(grown, 1.0)[:, :, None] ** penalty
        best = np.argsort(-rank.reshape(count, -1), axis=1, kind="stable")[:, :width]
        beams, chosen = best // size, best % size
        scores = np.take_along_axis(total.reshape(count, -1), best, 1)
        lengths = np.take_along_axis(grown, beams, 1)
        ended = np.take_along_axis(ended, beams, 1)
        rows = (np.arange(count)[:, None] * width + beams).reshape(-1)
        tokens = np.concatenate([tokens[rows], chosen.reshape(-1, 1).astype(np.int32)], 1)
        ended |= chosen == end
        if ended.all():
            break
        if tokens.shape[1] < first + added:
            steps.reorder(rows)
            logits = steps.advance(tokens[:, -1])
    rank = scores / np.maximum(lengths, 1.0) ** penalty
    winners = tokens.reshape(count, width, -1)[np.arange(count), rank.argmax(1)]
    spans = first + lengths[np.arange(count), rank.argmax(1)].astype(int)
    return [row[:span] for row, span in zip(winners, spans, strict=True)]
