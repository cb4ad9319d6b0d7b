"""What layers of attention share: projections, masks, caches."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnn import constraints, initializers, regularizers
from fastnn.layers._arguments import integer, number
from fastnn.layers.base import Layer
from fastnn.layers.positions import RotaryEmbedding
from fastnn.layers.projection import Projection
from fastnn.tensor import Shape, Tensor, apply, apply_all


class Attending(Layer):
    """What attention with as many key heads as query heads and with fewer share."""

    supports_masking = True
    dropout: float
    seed: int | None
    attention_axes: tuple[int, ...] | None = None
    rotary_max_wavelength: float | None

    def _configure(self, dropout: Any, use_bias: Any, seed: Any, rotary: Any, **settings: Any) -> None:
        self.dropout = number(self.label, "dropout", dropout, 0.0, 1.0, below=True)
        self.use_bias = bool(use_bias)
        self.seed = None if seed is None else integer(self.label, "seed", seed, 0)
        self.kernel_initializer = initializers.get(settings["kernel_initializer"])
        self.bias_initializer = initializers.get(settings["bias_initializer"])
        self.kernel_regularizer = regularizers.get(settings["kernel_regularizer"])
        self.bias_regularizer = regularizers.get(settings["bias_regularizer"])
        self.kernel_constraint = constraints.get(settings["kernel_constraint"])
        self.bias_constraint = constraints.get(settings["bias_constraint"])
        self.rotary_max_wavelength = None
        self._rotary: RotaryEmbedding | None = None
        if rotary is not None:
            self._rotary = RotaryEmbedding(rotary, dtype=self.dtype_policy, name="rotary")
            self.rotary_max_wavelength = self._rotary.max_wavelength
        self._widths: tuple[Any, ...] = ()  # features of query, value and key, noted at the first call

    def _projection(self, name: str, units: tuple[int, ...], in_dims: int = 1) -> Projection:
        return Projection(
            units,
            in_dims,
            self.use_bias,
            self.kernel_initializer,
            self.bias_initializer,
            self.kernel_regularizer,
            self.bias_regularizer,
            self.kernel_constraint,
            self.bias_constraint,
            dtype=self.dtype_policy,
            name=name,
        )

    def _make_projections(
        self, heads: int, key_heads: int, size: int, value_size: int, outputs: tuple[int, ...] | None
    ) -> None:
        self._query = self._projection("query", (heads, size))
        self._key = self._projection("key", (key_heads, size))
        self._value = self._projection("value", (key_heads, value_size))
        self._output = None if outputs is None else self._projection("attention_output", outputs, 2)
        self._heads = (heads, value_size)

    def __call__(self, inputs: Any, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Attend; see `call` for the arguments."""
        if not self.built:
            given = self._named_arguments(args, kwargs)
            value, key = given.get("value"), given.get("key")
            if value is None:
                raise self._no_value()
            parts = (inputs, value, value if key is None else key)
            self._widths = tuple(_features(self.label, x) for x in parts)
        return super().__call__(inputs, *args, training=training, **kwargs)

    def build(self, input_shape: Any) -> None:
        """Create the projections' weights."""
        query, value, key = self._widths or (input_shape[-1],) * 3
        if self._output is None:
            self._output = self._projection("attention_output", (query,), 2)
        self._query.build((None, query))
        self._key.build((None, key))
        self._value.build((None, value))
        self._output.build((None, *self._heads))

    def build_for(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:
        """Create the weights for a value, and a key, whose features are not the query's."""
        key_shape = value_shape if key_shape is None else key_shape
        self._widths = (query_shape[-1], value_shape[-1], key_shape[-1])
        self.build(query_shape)

    def call(
        self,
        query: Tensor,
        value: Any = None,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool = False,
        use_causal_mask: bool = False,
        cache: Any = None,
        cache_update_index: Any = None,
    ) -> Any:
        """Attend.

        Parameters
        ----------
        query : Tensor
            (None, T, features).
        value, key : Tensor
            (None, S, features); the key is the value by default.
        query_mask : Tensor, optional
            (None, T): 0 or False where there is no query. What comes out there is not to be used.
        value_mask, key_mask : Tensor, optional
            (None, S): 0 or False where there is no key; by default the mask of `value`, `key`.
        attention_mask : Tensor, optional
            (None, T, S), or (None, heads, T, S), extents of 1 allowed: 0 or False where a query does not see
            a key.
        return_attention_scores : bool, default False
            Return the probabilities as well. They are computed and stored as a whole then, which is slower.
        training : bool, default False
            Whether probabilities are dropped.
        use_causal_mask : bool, default False
            Let each query see its own position and those before only.
        cache : pair of Tensor, optional
            Keys and values that were projected before, each (None, S, heads, size). Without
            `cache_update_index` they are attended to, and `value` is not needed.
        cache_update_index : Tensor, optional
            int32 (None,): the place in the cache of the first of these positions, whose keys and values are
            put there; a query sees what is in the cache up to its own place. For one sequence a step at a
            time (see `fastnn.generation`).

        Returns
        -------
        Tensor, or a tuple
            (None, T, features); then the probabilities (None, heads, T, S) if they are asked for; then the
            new cache, if there is a `cache_update_index`.
        """
        if cache is not None:
            return self._call_with_cache(query, value, cache, cache_update_index, value_mask)
        if value is None:
            raise self._no_value()
        own_mask = query.mask
        value_mask = value.mask if value_mask is None else value_mask
        if key is not None and key_mask is None and key.mask is not value_mask:
            key_mask = key.mask
        key = value if key is None else key
        shapes = [self._positions(name, x) for name, x in (("query", query), ("value", value), ("key", key))]
        if shapes[1] != shapes[2]:
            raise ValueError(
                f"{self.label}: value and key must have the same positions, got {value.shape} and {key.shape}"
            )
        axes = self.attention_axes
        if axes is not None and sorted(a % query.ndim for a in axes) != list(range(1, query.ndim - 1)):
            raise ValueError(
                f"{self.label}: attention_axes={axes} must be all axes of positions, "
                f"{tuple(range(1, query.ndim - 1))} for a query of shape {query.shape}; bring axes that are "
                "not attended over into the samples"
            )
        lead = query.shape[1:-1]
        query, value, key = (_flat(x) for x in (query, value, key))
        masks = [
            *(self._sequence_mask(name, mask, shapes[0], -2) for name, mask in (("query_mask", query_mask),)),
            *(
                self._sequence_mask(n, m, shapes[1], -1)
                for n, m in (("value_mask", value_mask), ("key_mask", key_mask))
            ),
            self._attention_mask(attention_mask, shapes[0], shapes[1]),
        ]
        mask = all_of([m for m in masks if m is not None])
        heads = [self._query(query), self._key(key), self._value(value)]
        if self._rotary is not None:
            heads[:2] = (self._rotary(x) for x in heads[:2])
        attributes = {
            "causal": bool(use_causal_mask),
            "scale": 1 / math.sqrt(heads[0].shape[-1]),
            "dropout": self.dropout if training else 0.0,
            "seed": self.seed,
        }
        if return_attention_scores:
            mixed, scores = attention_with_scores(heads, mask, attributes)
        else:
            mixed, scores = apply_all("attention", [*heads, mask], attributes)[0], None
        out = self._restored(self._output(mixed), lead)  # type: ignore[misc]
        out.mask = own_mask
        return out if scores is None else (out, scores)

    def project(self, value: Tensor, key: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return keys and values (None, S, heads, size) of a sequence, to be given as `cache`."""
        keys = self._key(value if key is None else key)
        return (keys if self._rotary is None else self._rotary(keys)), self._value(value)

    def _call_with_cache(self, query: Tensor, value: Any, cache: Any, index: Any, mask: Any) -> Any:
        from fastnn.ops._dispatch import constant

        if not isinstance(cache, (list, tuple)) or len(cache) != 2:
            raise ValueError(
                f"{self.label}: cache must be a pair of tensors, keys and values, got {type(cache).__name__}"
            )
        keys, values = cache
        queries = self._query(query)
        length, places = self._positions("query", query), int(keys.shape[1])
        masks = [self._sequence_mask("value_mask", mask, places, -1)]
        if index is not None:
            if value is None:
                raise self._no_value()
            new_keys, new_values = self._key(value), self._value(value)
            first = apply("reshape", [index], {"shape": [1]})
            positions = apply("add", [first, constant(np.arange(length, dtype="int32"), "int32")])
            if self._rotary is not None:
                tables = self._rotary.tables(places, queries.shape[-1], queries.dtype)
                queries, new_keys = (
                    self._rotary.turned(x, tables, positions=positions) for x in (queries, new_keys)
                )
            keys = apply("cache_update", [keys, new_keys, index])
            values = apply("cache_update", [values, new_values, index])
            own = apply("reshape", [positions], {"shape": [length, 1]})
            every = constant(np.arange(places, dtype="int32"), "int32")
            masks.append(apply("compare", [every, own], {"kind": "less_equal"}))
        mask = all_of([m for m in masks if m is not None])
        attributes = {"scale": 1 / math.sqrt(queries.shape[-1])}
        out = self._output(apply_all("attention", [queries, keys, values, mask], attributes)[0])  # type: ignore[misc]
        return out if index is None else (out, (keys, values))

    def _no_value(self) -> TypeError:
        return TypeError(
            f"{self.label}: call needs a query and a value; give the query twice for self-attention"
        )

    def _positions(self, name: str, x: Any) -> int:
        if not isinstance(x, Tensor) or x.ndim < 3:
            raise ValueError(
                f"{self.label}: {name} must have shape (None, positions, features), got "
                f"{getattr(x, 'shape', type(x).__name__)}"
            )
        return math.prod(n for n in x.shape[1:-1] if n is not None)

    def _restored(self, x: Tensor, lead: Shape) -> Tensor:
        return x if len(lead) == 1 else apply("reshape", [x], {"shape": [*lead, *x.shape[2:]]})

    def _sequence_mask(self, name: str, mask: Any, extent: int, axis: int) -> Any:
        """Return a mask of positions in a shape that broadcasts against (heads, T, S)."""
        if mask is None:
            return None
        if not isinstance(mask, Tensor) or mask.shape != (None, extent):
            raise ValueError(
                f"{self.label}: {name} must have shape (None, {extent}), got "
                f"{getattr(mask, 'shape', type(mask).__name__)}"
            )
        return mask if axis == -1 else apply("reshape", [mask], {"shape": [extent, 1]})

    def _attention_mask(self, mask: Any, queries: int, keys: int) -> Any:
        if mask is None:
            return None
        shape = mask.shape if isinstance(mask, Tensor) else None
        wanted = (self._heads[0], queries, keys)
        if (
            shape is None
            or len(shape) not in (3, 4)
            or any(n not in (1, w) for n, w in zip(shape[1:][::-1], wanted[::-1], strict=False))
        ):
            raise ValueError(
                f"{self.label}: attention_mask must have shape (None, {queries}, {keys}) or "
                f"(None, {', '.join(map(str, wanted))}), got {shape or type(mask).__name__}"
            )
        return mask


def attention_with_scores(
    heads: list[Tensor], mask: Tensor | None, attributes: dict[str, Any]
) -> tuple[Tensor, Tensor]:
    """Compute what the op `attention` does by matrix products; return the probabilities as well."""
    query, key, value = heads
    length, count, size = (int(n or 0) for n in query.shape[1:])
    keys, key_heads = (int(n or 0) for n in key.shape[1:3])
    grouped = [key_heads, count // key_heads]
    q = apply(
        "reshape", [apply("transpose", [query], {"perm": [1, 0, 2]})], {"shape": [*grouped, length, size]}
    )
    k, v = (
        apply(
            "reshape",
            [apply("transpose", [x], {"perm": [1, 0, 2]})],
            {"shape": [key_heads, 1, keys, x.shape[3]]},
        )
        for x in (key, value)
    )
    scores = apply(
        "scale_shift", [apply("matmul", [q, k], {"transpose_b": True})], {"scale": attributes["scale"]}
    )
    scores = apply("reshape", [scores], {"shape": [count, length, keys]})
    seen = [] if mask is None else [mask]
    if attributes["causal"]:
        seen.append(causal_mask(length, keys))
    scores = masked_softmax(scores, all_of(seen))
    used = scores
    if attributes["dropout"] > 0:
        used = apply("dropout", [scores], {"rate": attributes["dropout"], "seed": attributes["seed"]})
    mixed = apply("matmul", [apply("reshape", [used], {"shape": [*grouped, length, keys]}), v])
    mixed = apply("reshape", [mixed], {"shape": [count, length, value.shape[3]]})
    return apply("transpose", [mixed], {"perm": [1, 0, 2]}), scores


def causal_mask(queries: Any, keys: Any) -> Tensor:
    """Return which keys are at a query's own position or before it: (queries, keys)."""
    from fastnn.ops._dispatch import constant

    return constant(np.tril(np.ones((queries, keys), "int32")), "int32")


def masked_softmax(scores: Tensor, visible: Tensor | None) -> Tensor:
    """Return the softmax along the last axis of what is visible, and 0 for the rest."""
    from fastnn.ops._dispatch import constant

    if visible is not None:
        lowest = constant(np.full((), np.finfo(scores.dtype).min / 2), scores.dtype)
        scores = apply("where", [apply("cast", [visible], {"dtype": "bool"}), scores, lowest])
    scores = apply("softmax", [scores], {"axis": scores.ndim - 2})
    if visible is not None:  # a query that sees no key gets nothing
        scores = apply("multiply", [scores, apply("cast", [visible], {"dtype": scores.dtype})])
    return scores


def all_of(masks: list[Tensor]) -> Tensor | None:
    """Return the mask that is set where all are; a single one as it is."""
    if len(masks) < 2:
        return masks[0] if masks else None
    result = apply("cast", [masks[0]], {"dtype": "bool"})
    for mask in masks[1:]:
        result = apply("logical", [result, apply("cast", [mask], {"dtype": "bool"})], {"kind": "and"})
    return result


def _features(label: str, x: Any) -> Any:
    shape = x.shape if isinstance(x, Tensor) else np.shape(x)
    if len(shape) < 3:
        raise ValueError(f"{label}: expected inputs of shape (None, positions, features), got {tuple(shape)}")
    return shape[-1]


def _flat(x: Tensor) -> Tensor:
    """Bring all positions into one axis."""
    if x.ndim == 3:
        return x
    return apply(
        "reshape", [x], {"shape": [math.prod(n for n in x.shape[1:-1] if n is not None), x.shape[-1]]}
    )
