"""Attention without projections: queries look at keys, and take what values they find."""

from __future__ import annotations

from typing import Any

from fastnn import ops
from fastnn.layers._arguments import choice, integer, number
from fastnn.layers.attending import all_of, attention_with_scores, causal_mask, masked_softmax
from fastnn.layers.base import Layer
from fastnn.layers.nest import batch_shape
from fastnn.tensor import Tensor, apply, apply_all


class Attention(Layer):
    """Attention by dot products (Luong et al. 2015), without weights unless they are asked for.

    Each query gets the mean of the values, weighted by the softmax of its scores: ``scale * query . key``
    with ``score_mode="dot"``, ``weight * sum(tanh(scale * (query + key)))`` with "concat".

    Parameters
    ----------
    use_scale : bool, default False
        Whether there is a weight ``scale``, one number, that multiplies; 1 at first.
    score_mode : {"dot", "concat"}, default "dot"
        "concat" has the weight ``concat_score_weight``, one number, 1 at first.
    dropout : float, default 0.0
        Part of the probabilities that is set to 0 in training.
    seed : int, optional
        Makes the pattern of dropout independent of other layers'.
    **kwargs
        ``name``, ``trainable``, ``dtype``.

    Notes
    -----
    ``call([query, value, key], mask=None, return_attention_scores=False, use_causal_mask=False)``: query
    (None, T, features), value (None, S, values), key (None, S, features), by default the value. ``mask`` is a
    list of the masks of query (None, T) and value (None, S), None where there is none; by default those that
    came with the tensors. Masked values are not seen, and masked queries get 0, as a query does that sees
    nothing. With `use_causal_mask` each query sees its own position and those before. The probabilities
    (None, T, S), if they are asked for, are those before dropout; they are stored as a whole then, which is
    slower. See `MultiHeadAttention` for attention with projections.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Attention
    >>> query, value = np.ones((2, 3, 4), "float32"), np.ones((2, 5, 4), "float32")
    >>> Attention()([query, value]).shape
    (2, 3, 4)
    >>> y, scores = Attention()([query, value], return_attention_scores=True)
    >>> scores[0, 0]
    array([0.2, 0.2, 0.2, 0.2, 0.2], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.use_scale = bool(use_scale)
        self.score_mode = choice(self.label, "score_mode", score_mode, ("dot", "concat"))
        self.dropout = number(self.label, "dropout", dropout, 0.0, 1.0, below=True)
        self.seed = None if seed is None else integer(self.label, "seed", seed, 0)

    def build(self, input_shape: Any) -> None:
        """Create the weights that were asked for."""
        _check_shapes(self.label, input_shape)
        self.scale = self.add_weight((), "ones", name="scale") if self.use_scale else None
        self.concat_score_weight = None
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight")

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """Attend."""
        query, value, key = _parts(self.label, inputs)
        queries, values = _masks(self.label, mask, query, value)
        attributes = {
            "causal": bool(use_causal_mask),
            "scale": 1.0,
            "dropout": self.dropout if training else 0.0,
            "seed": self.seed,
        }
        if self.score_mode == "dot":
            if self.scale is not None:
                query = ops.multiply(query, self.scale)
            heads = [
                apply("reshape", [x], {"shape": [x.shape[1], 1, x.shape[2]]}) for x in (query, key, value)
            ]
            if return_attention_scores:
                mixed, scores = attention_with_scores(heads, values, attributes)
            else:
                mixed, scores = apply_all("attention", [*heads, values], attributes)[0], None
            mixed = apply("reshape", [mixed], {"shape": [query.shape[1], value.shape[2]]})
            if scores is not None:
                scores = apply("reshape", [scores], {"shape": [query.shape[1], value.shape[1]]})
        else:
            scores = ops.multiply(
                ops.sum(ops.tanh(_sums(query, key, self.scale)), axis=-1), self.concat_score_weight
            )
            mixed, scores = _mix(scores, value, values, attributes)
        return _result(mixed, scores if return_attention_scores else None, queries)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the query's mask."""
        return mask[0] if isinstance(mask, (list, tuple)) else None

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape: the query's, with the value's features."""
        shapes = batch_shape(self.label, input_shape)
        _check_shapes(self.label, shapes)
        return (*shapes[0][:-1], shapes[1][-1])


class AdditiveAttention(Attention):
    """Attention by sums (Bahdanau et al. 2015): the scores are ``sum(scale * tanh(query + key))``.

    Parameters
    ----------
    use_scale : bool, default True
        Whether there is a weight ``scale`` (features,), drawn by "glorot_uniform".
    dropout : float, default 0.0
        Part of the probabilities that is set to 0 in training.
    **kwargs
        ``seed``, and ``name``, ``trainable``, ``dtype``.

    Notes
    -----
    Called as `Attention`. It holds T x S x features numbers a sample.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import AdditiveAttention
    >>> query, value = np.ones((2, 3, 4), "float32"), np.ones((2, 5, 4), "float32")
    >>> layer = AdditiveAttention()
    >>> layer([query, value]).shape
    (2, 3, 4)
    >>> [w.shape for w in layer.weights]
    [(4,)]
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)
        if self.score_mode != "dot":
            raise TypeError(
                f"{self.label}: has no score_mode; take Attention(score_mode={self.score_mode!r})"
            )

    def build(self, input_shape: Any) -> None:
        """Create the scale."""
        _check_shapes(self.label, input_shape)
        self.scale = None
        if self.use_scale:
            self.scale = self.add_weight((input_shape[0][-1],), "glorot_uniform", name="scale")

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """Attend."""
        query, value, key = _parts(self.label, inputs)
        queries, values = _masks(self.label, mask, query, value)
        each = ops.tanh(_sums(query, key))
        scores = ops.sum(each if self.scale is None else ops.multiply(each, self.scale), axis=-1)
        attributes = {
            "causal": bool(use_causal_mask),
            "dropout": self.dropout if training else 0.0,
            "seed": self.seed,
        }
        mixed, scores = _mix(scores, value, values, attributes)
        return _result(mixed, scores if return_attention_scores else None, queries)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make a layer like this one."""
        config = super().get_config()
        config.pop("score_mode", None)
        return config


def _check_shapes(label: str, shapes: Any) -> None:
    several = isinstance(shapes, (list, tuple)) and shapes and isinstance(shapes[0], (list, tuple))
    if not several or len(shapes) not in (2, 3):
        got = f"{len(shapes)} of them" if several else f"one of shape {shapes}"
        raise ValueError(
            f"{label}: expected a list of inputs, [query, value] or [query, value, key], got {got}"
        )
    names = ("query", "value", "key")
    for name, shape in zip(names, shapes, strict=False):
        if len(shape) != 3:
            raise ValueError(
                f"{label}: {name} must have shape (None, positions, features), got {tuple(shape)}"
            )
    key = tuple(shapes[2] if len(shapes) == 3 else shapes[1])
    query, value = tuple(shapes[0]), tuple(shapes[1])
    if None not in (query[2], key[2]) and query[2] != key[2]:
        which = "key" if len(shapes) == 3 else "value (which is the key, too)"
        raise ValueError(
            f"{label}: query and {which} must have the same number of features, got {query} and {key}; "
            "project one of them with a Dense layer"
        )
    if None not in (value[1], key[1]) and value[1] != key[1]:
        raise ValueError(f"{label}: value and key must have the same positions, got {value} and {key}")


def _parts(label: str, inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
    several = isinstance(inputs, (list, tuple))
    _check_shapes(label, [x.shape for x in inputs] if several else inputs.shape)
    query, value = inputs[:2]
    return query, value, inputs[2] if len(inputs) == 3 else value


def _masks(label: str, mask: Any, query: Tensor, value: Tensor) -> tuple[Tensor | None, Tensor | None]:
    """Return the masks of query and value, after a look at their shapes."""
    if mask is None:
        return None, None
    if not isinstance(mask, (list, tuple)) or len(mask) not in (2, 3):
        given = f"{len(mask)} of them" if isinstance(mask, (list, tuple)) else type(mask).__name__
        raise ValueError(f"{label}: mask must be a list, [query's mask, value's mask], got {given}")
    for name, found, like in zip(("query", "value"), mask, (query, value), strict=False):
        if found is not None and (not isinstance(found, Tensor) or found.shape != like.shape[:2]):
            got = found.shape if isinstance(found, Tensor) else repr(found)
            raise ValueError(f"{label}: the {name}'s mask must have shape {like.shape[:2]}, got {got}")
    return mask[0], mask[1]


def _sums(query: Tensor, key: Tensor, scale: Any = None) -> Any:
    """Return query + key for each pair of positions: (None, T, S, features)."""
    pairs = ops.add(ops.expand_dims(query, 2), ops.expand_dims(key, 1))
    return pairs if scale is None else ops.multiply(pairs, scale)


def _mix(
    scores: Tensor, value: Tensor, mask: Tensor | None, attributes: dict[str, Any]
) -> tuple[Tensor, Tensor]:
    """Return the values weighted by the softmax of scores (None, T, S), and that."""
    seen = [] if mask is None else [apply("reshape", [mask], {"shape": [1, mask.shape[1]]})]
    if attributes["causal"]:
        seen.append(causal_mask(scores.shape[1], scores.shape[2]))
    weights = used = masked_softmax(scores, all_of(seen))
    if attributes["dropout"] > 0:
        used = apply("dropout", [weights], {"rate": attributes["dropout"], "seed": attributes["seed"]})
    return apply("matmul", [used, value]), weights


def _result(mixed: Tensor, scores: Tensor | None, mask: Tensor | None) -> Any:
    if mask is not None:
        there = apply("reshape", [ops.cast(mask, mixed.dtype)], {"shape": [mask.shape[1], 1]})
        mixed = ops.multiply(mixed, there)
        mixed.mask = mask
    return mixed if scores is None else (mixed, scores)
