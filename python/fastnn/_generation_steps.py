"""What models do with each token of sequences that grow, for `fastnn.generation`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnn import _core
from fastnn.layers.context import BuildContext
from fastnn.layers.nest import leaves
from fastnn.models.recurrent import Seq2Seq
from fastnn.models.transformers import Transformer, TransformerLM
from fastnn.tensor import Tensor, apply, graph_input

Array = npt.NDArray[Any]

_KEPT_FUNCTIONS = 16
_GRAIN = 16  # of a cache's length and a source's, so that few functions serve


class Steps:
    """Logits of what comes next, for sequences that grow.

    Parameters
    ----------
    model : Model
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.source: list[Array] = []  # what belongs to each sample besides

    def repeat(self, times: int) -> None:
        """Let so many sequences begin with what each sample has."""
        self.source = [np.repeat(a, times, axis=0) for a in self.source]

    def begin(self, tokens: Array) -> Array:
        """Read (samples, n) tokens; returns logits (samples, vocabulary)."""
        raise NotImplementedError

    def advance(self, tokens: Array) -> Array:
        """Read one more token of each sample."""
        raise NotImplementedError

    def reorder(self, rows: Array) -> None:
        """Go on with these sequences, each in the place of one that belongs to the same sample."""
        raise NotImplementedError

    def _function(self, build: Callable[..., Any], inputs: Sequence[Array]) -> _core.Function:
        """Return a function of arrays of such shapes, made once."""
        kinds = ["int32" if a.dtype.kind in "ib" else self.model.dtype for a in inputs]
        shapes = [((None, *a.shape[1:]), kind) for a, kind in zip(inputs, kinds, strict=True)]
        known: dict[Any, _core.Function] = self.model.step_functions
        key = (build.__name__, *shapes)
        if key in known:
            known[key] = known.pop(key)  # the last used are kept
        else:
            known[key] = function_of(self.model.label, build, shapes, self.model._arenas)
            if len(known) > _KEPT_FUNCTIONS:
                del known[next(iter(known))]
        return known[key]

    def _run(self, build: Callable[..., Any], inputs: Sequence[Array]) -> list[Array]:
        return self._function(build, inputs).run(list(inputs))


class WholeSteps(Steps):
    """Any model: computes all positions again."""

    def __init__(self, model: Any, source: Array | None) -> None:
        super().__init__(model)
        self.source = [] if source is None else [source]
        self.tokens: Array = np.zeros((0, 0), np.int32)

    def begin(self, tokens: Array) -> Array:
        """Read tokens."""
        self.tokens = tokens
        given = [*self.source, tokens] if self.source else tokens
        logits = np.asarray(self.model.predict(given, verbose=0))
        if logits.ndim != 3 or logits.shape[:2] != tokens.shape:
            raise ValueError(
                f"generate: {self.model.label} must return logits (None, T, tokens) for ids (None, T), but "
                f"it returned shape {logits.shape} for ids {tokens.shape}"
            )
        return logits[:, -1]

    def advance(self, tokens: Array) -> Array:
        """Read one more token of each sample."""
        return self.begin(np.concatenate([self.tokens, tokens[:, None]], 1))

    def reorder(self, rows: Array) -> None:
        """Go on with these sequences."""
        self.tokens = self.tokens[rows]


class StateSteps(Steps):
    """`Seq2Seq`: the decoder's states are kept, and the keys and values of the source."""

    def __init__(self, model: Seq2Seq, source: Array) -> None:
        super().__init__(model)

        def encode(source: Tensor) -> Any:
            encoded, seen, states = model.encode(source)
            return [model.attention.project(encoded), apply("cast", [seen], {"dtype": "int32"}), states]

        found = self._run(encode, [source])
        self.source, self.first = found[:3], found[3:]
        self.states = self.first

    def repeat(self, times: int) -> None:
        """Let so many sequences begin with what each sample has."""
        super().repeat(times)
        self.first = [np.repeat(a, times, axis=0) for a in self.first]

    def begin(self, tokens: Array) -> Array:
        """Read tokens."""
        self.states = self.first
        return self._read(tokens)

    def advance(self, tokens: Array) -> Array:
        """Read one more token of each sample."""
        return self._read(tokens[:, None])

    def reorder(self, rows: Array) -> None:
        """Go on with these sequences."""
        self.states = [a[rows] for a in self.states]

    def _read(self, tokens: Array) -> Array:
        def step(ids: Tensor, keys: Tensor, values: Tensor, seen: Tensor, *states: Tensor) -> Any:
            pairs = [list(pair) for pair in zip(states[::2], states[1::2], strict=True)]
            return self.model.step(ids, pairs, (keys, values), seen)

        ids = np.ascontiguousarray(tokens, np.int32)
        logits, *self.states = self._run(step, [ids, *self.source, *self.states])
        return np.asarray(logits)


class CachedSteps(Steps):
    """Transformers: keys and values of earlier positions are kept, and those of the source.

    Parameters
    ----------
    model : TransformerLM or Transformer
    source : array or None
        What the encoder reads.
    room : int
        The most positions that there will be.
    """

    def __init__(self, model: TransformerLM | Transformer, source: Array | None, room: int) -> None:
        super().__init__(model)
        self.width = min(model.sequence_length, -(-room // _GRAIN) * _GRAIN)
        self.caches: list[Array] = []
        self.tokens: Array = np.zeros((0, 0), np.int32)
        self.place = 0
        if isinstance(model, Transformer) and source is not None:
            self.source = self._run(self._encode, [source])

    def _encode(self, source: Tensor) -> Any:
        encoded, seen = self.model.encode(source)
        return [self.model.cross_caches(encoded), apply("cast", [seen], {"dtype": "int32"})]

    def begin(self, tokens: Array) -> Array:
        """Read tokens."""
        shape = self.model.cache_shape(self.width)
        self.caches = [
            np.zeros((len(tokens), *shape), self.model.dtype) for _ in range(2 * self.model.num_layers)
        ]
        self.place = 0
        self.tokens = tokens[:, :0]
        return self._read(tokens)

    def advance(self, tokens: Array) -> Array:
        """Read one more token of each sample."""
        if self.place == self.width:  # no room: what follows sees the latter half
            kept = self.tokens[:, -max(1, self.width // 2) :]
            return self.begin(np.concatenate([kept, tokens[:, None]], 1)[:, -self.width :])
        return self._read(tokens[:, None])

    def reorder(self, rows: Array) -> None:
        """Go on with these sequences."""
        self.tokens = self.tokens[rows]
        self.caches = [np.ascontiguousarray(cache[rows]) for cache in self.caches]

    def _read(self, tokens: Array) -> Array:
        model = self.model
        layers = model.num_layers

        def step(ids: Tensor, index: Tensor, *rest: Tensor) -> Any:
            parts = list(zip(rest[::2], rest[1::2], strict=False))
            if len(rest) == 2 * layers:
                return model.step(ids, index, parts)
            return model.step(ids, index, parts[:layers], parts[layers : 2 * layers], rest[-1])

        if tokens.shape[1] > self.width:
            tokens = tokens[:, -self.width :]
        index = np.full(len(tokens), self.place, np.int32)
        tokens = np.ascontiguousarray(tokens, np.int32)
        logits, *self.caches = self._run(step, [tokens, index, *self.caches, *self.source])
        self.place += tokens.shape[1]
        self.tokens = np.concatenate([self.tokens, tokens], 1)
        return np.asarray(logits)


def steps_of(model: Any, sources: list[Array] | None, room: int) -> Steps:
    """Choose the way in which a model goes on.

    Parameters
    ----------
    model : Model
    sources : list of array, optional
        Ids of what an encoder reads, for each sample.
    room : int
        The most positions that there will be.

    Returns
    -------
    Steps

    Raises
    ------
    ValueError, TypeError
        If the model is none, or it needs a source and there is none, or the reverse.
    """
    translates = isinstance(model, (Transformer, Seq2Seq))
    if translates and sources is None:
        raise ValueError(f"generate: {model.label} needs a source, the tokens that its encoder reads")
    if isinstance(model, TransformerLM) and sources is not None:
        raise ValueError(f"generate: {model.label} has no encoder and takes no source")
    if not hasattr(model, "predict"):
        raise TypeError(f"generate: expected a model, got {type(model).__name__}")
    ids = None if sources is None else _padded(model, sources)
    if isinstance(model, Seq2Seq) and ids is not None:
        return StateSteps(model, ids)
    if isinstance(model, (TransformerLM, Transformer)):
        return CachedSteps(model, ids, room)
    return WholeSteps(model, ids)


def _padded(model: Any, sources: list[Array]) -> Array:
    """Return sources as an array."""
    padding = int(getattr(model, "padding_id", 0))
    longest = max(len(tokens) for tokens in sources)
    length = longest
    if hasattr(model, "step_functions"):  # padding changes nothing
        length = max(longest, min(-(-longest // _GRAIN) * _GRAIN, getattr(model, "sequence_length", 1 << 30)))
    ids = np.full((len(sources), length), padding, np.int32)
    for i, (row, tokens) in enumerate(zip(ids, sources, strict=True)):
        if hasattr(model, "padding_id") and (tokens == padding).all():
            raise ValueError(
                f"generate: source {i} is all padding (token {padding} of {model.label}); it must have at "
                "least one other token"
            )
        row[: len(tokens)] = tokens
    return ids


def function_of(
    label: str,
    build: Callable[..., Any],
    inputs: Sequence[tuple[Any, str]],
    arenas: _core.ArenaPool | None = None,
) -> _core.Function:
    """Make a function of arrays.

    Parameters
    ----------
    label : str
        For messages.
    build : callable
        Takes tensors and returns a structure of tensors.
    inputs : sequence of (shape, dtype)
    arenas : ArenaPool, optional
        Where its runs have their memory; by default the function has its own.

    Returns
    -------
    Function
    """
    with BuildContext() as context:
        context.enter(label)
        given = [
            graph_input(context.graph, shape, dtype, f"input {i}") for i, (shape, dtype) in enumerate(inputs)
        ]
        made = build(*given)
        return _core.Function(context.graph, [tensor.id for tensor in leaves(made)], arenas=arenas)
