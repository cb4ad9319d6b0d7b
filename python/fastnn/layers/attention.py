"""Attention layers: every position takes what it needs from the others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnn import constraints, initializers, regularizers
from fastnn.layers._arguments import integer, number, positive
from fastnn.layers.base import Layer
from fastnn.layers.nest import batch_shape
from fastnn.tensor import Shape, Tensor, apply, apply_all


class Projection(Layer):
    """Dense layer whose inputs or outputs are several dimensions: heads and the features of each.

    Parameters
    ----------
    units : tuple of int
        The dimensions that take the place of the last `in_dims` ones.
    in_dims : int, default 1
    use_bias : bool, default True
    kernel_initializer, bias_initializer : str or Initializer
        "glorot_uniform" and "zeros" by default.
    kernel_regularizer, bias_regularizer : str, Regularizer or None
    kernel_constraint, bias_constraint : str, Constraint or None
    **kwargs
        ``name``, ``trainable``, ``dtype``.

    Notes
    -----
    Weights: ``kernel`` (*inputs, *units) and ``bias`` (*units,).

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers.attention import Projection
    >>> Projection((4, 8))(np.ones((2, 5, 3), "float32")).shape
    (2, 5, 4, 8)
    """

    def __init__(
        self,
        units: Any,
        in_dims: int = 1,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = tuple(positive(self.label, "units", n) for n in units)
        self.in_dims = positive(self.label, "in_dims", in_dims)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def build(self, input_shape: Any) -> None:
        """Create kernel and bias."""
        self.kernel = self.add_weight(
            (*input_shape[-self.in_dims :], *self.units),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                self.units,
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def call(self, inputs: Tensor) -> Any:
        """Compute the outputs."""
        return apply("dense", [inputs, self.kernel, self.bias], {"in_dims": self.in_dims})


class _Attention(Layer):
    """What attention with as many key heads as query heads and with fewer share."""

    dropout: float
    seed: int | None
    attention_axes: tuple[int, ...] | None = None

    def _configure(self, dropout: Any, use_bias: Any, seed: Any, **settings: Any) -> None:
        self.dropout = number(self.label, "dropout", dropout, 0.0, 1.0, below=True)
        self.use_bias = bool(use_bias)
        self.seed = None if seed is None else integer(self.label, "seed", seed, 0)
        self.kernel_initializer = initializers.get(settings["kernel_initializer"])
        self.bias_initializer = initializers.get(settings["bias_initializer"])
        self.kernel_regularizer = regularizers.get(settings["kernel_regularizer"])
        self.bias_regularizer = regularizers.get(settings["bias_regularizer"])
        self.kernel_constraint = constraints.get(settings["kernel_constraint"])
        self.bias_constraint = constraints.get(settings["bias_constraint"])
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
            dtype=self.dtype,
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
            (None, S): 0 or False where there is no key.
        attention_mask : Tensor, optional
            (None, T, S), or (None, heads, T, S), extents of 1 allowed: 0 or False where a query does not see
            a key.
        return_attention_scores : bool, default False
            Return the probabilities as well. They are computed and stored as a whole then, which is slower.
        training : bool, default False
            Whether probabilities are dropped.
        use_causal_mask : bool, default False
            Let each query see its own position and those before only.

        Returns
        -------
        Tensor, or two
            (None, T, features), and the probabilities (None, heads, T, S).
        """
        if value is None:
            raise self._no_value()
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
        mask = _all_of([m for m in masks if m is not None])
        heads = self._query(query), self._key(key), self._value(value)
        attributes = {
            "causal": bool(use_causal_mask),
            "scale": 1 / math.sqrt(heads[0].shape[-1]),
            "dropout": self.dropout if training else 0.0,
            "seed": self.seed,
        }
        if return_attention_scores:
            mixed, scores = attention_with_scores(*heads, mask, attributes)
            return self._restored(self._output(mixed), lead), scores  # type: ignore[misc]
        mixed = apply_all("attention", [*heads, mask], attributes)[0]
        return self._restored(self._output(mixed), lead)  # type: ignore[misc]

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


class MultiHeadAttention(_Attention):
    """Attention in several heads (Vaswani et al. 2017).

    Each head projects queries, keys and values to a few features, and gives each query the mean of the
    values, weighted by the softmax of ``query . key / sqrt(key_dim)``; the heads' results are projected
    together.

    Parameters
    ----------
    num_heads : int
    key_dim : int
        Features of a head's queries and keys.
    value_dim : int, optional
        Features of a head's values; `key_dim` by default.
    dropout : float, default 0.0
        Part of the probabilities that is set to 0 in training.
    use_bias : bool, default True
    output_shape : int or tuple of int, optional
        Features of the output; the query's by default.
    attention_axes : int or tuple of int, optional
        The axes of positions. Only all of them can be attended over: with inputs (None, height, width,
        features), each place attends to all others. To attend along one axis, bring the others into the
        samples.
    flash_attention : bool, optional
        Without effect: probabilities are never stored as a whole, unless they are asked for.
    kernel_initializer, bias_initializer : str or Initializer
        "glorot_uniform" and "zeros" by default.
    kernel_regularizer, bias_regularizer, activity_regularizer : str, Regularizer or None
    kernel_constraint, bias_constraint : str, Constraint or None
    seed : int, optional
        Makes the pattern of dropout independent of other layers'.
    **kwargs
        ``name``, ``trainable``, ``dtype``.

    Notes
    -----
    Weights, in this order: ``kernel`` and ``bias`` of ``query`` (features, heads, key_dim), (heads, key_dim);
    of ``key``, the same; of ``value`` (features, heads, value_dim), (heads, value_dim); of
    ``attention_output`` (heads, value_dim, outputs), (outputs,). PyTorch's ``in_proj_weight`` (3 d, d),
    transposed, cut in three and shaped (d, heads, d / heads), gives the first three kernels; its
    ``out_proj.weight``, transposed and shaped (heads, d / heads, d), the last.

    A query that sees no key gets 0 from every head. Probabilities are dropped where they are used: the
    pattern is drawn from a counter in the forward pass and drawn again in the backward pass, so that it takes
    no memory.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import MultiHeadAttention
    >>> x, context = np.ones((2, 5, 16), "float32"), np.ones((2, 7, 12), "float32")
    >>> MultiHeadAttention(4, 8)(x, x, use_causal_mask=True).shape
    (2, 5, 16)
    >>> layer = MultiHeadAttention(num_heads=4, key_dim=8)
    >>> y, scores = layer(x, context, return_attention_scores=True)
    >>> y.shape, scores.shape
    ((2, 5, 16), (2, 4, 5, 7))
    >>> [w.shape for w in layer.weights]
    [(16, 4, 8), (4, 8), (12, 4, 8), (4, 8), (12, 4, 8), (4, 8), (4, 8, 16), (16,)]
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._configure(
            dropout,
            use_bias,
            seed,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )
        self.num_heads = positive(self.label, "num_heads", num_heads)
        self.key_dim = positive(self.label, "key_dim", key_dim)
        self.value_dim = None if value_dim is None else positive(self.label, "value_dim", value_dim)
        self.output_shape = _whole_numbers(self.label, "output_shape", output_shape, 1)
        self.attention_axes = _whole_numbers(self.label, "attention_axes", attention_axes, -16)
        self.flash_attention = flash_attention
        size = self.value_dim or self.key_dim
        self._make_projections(self.num_heads, self.num_heads, self.key_dim, size, self.output_shape)

    def compute_output_shape(self, query_shape: Any, value_shape: Any = None, key_shape: Any = None) -> Any:
        """Return the output's shape for the query's."""
        shape = batch_shape(self.label, query_shape)
        return (*shape[:-1], *(self.output_shape or shape[-1:]))


class GroupedQueryAttention(_Attention):
    """Attention in which several query heads share keys and values (Ainslie et al. 2023).

    Parameters
    ----------
    head_dim : int
        Features of a head.
    num_query_heads : int
    num_key_value_heads : int
        Number of heads of keys and values; it divides that of query heads. With 1 it is multi-query
        attention.
    dropout : float, default 0.0
        Part of the probabilities that is set to 0 in training.
    use_bias : bool, default True
    flash_attention : bool, optional
        Without effect: probabilities are never stored as a whole, unless they are asked for.
    kernel_initializer, bias_initializer : str or Initializer
        "glorot_uniform" and "zeros" by default.
    kernel_regularizer, bias_regularizer, activity_regularizer : str, Regularizer or None
    kernel_constraint, bias_constraint : str, Constraint or None
    seed : int, optional
        Makes the pattern of dropout independent of other layers'.
    **kwargs
        ``name``, ``trainable``, ``dtype``.

    Notes
    -----
    Called as `MultiHeadAttention`. Query head h uses key head
    ``h // (num_query_heads // num_key_value_heads)``. Weights as there, but ``key`` and ``value`` have
    (features, num_key_value_heads, head_dim).

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import GroupedQueryAttention
    >>> x = np.ones((2, 5, 16), "float32")
    >>> layer = GroupedQueryAttention(head_dim=4, num_query_heads=4, num_key_value_heads=2)
    >>> layer(x, x, use_causal_mask=True).shape
    (2, 5, 16)
    >>> [w.shape for w in layer.weights if w.name == "kernel"]
    [(16, 4, 4), (16, 2, 4), (16, 2, 4), (4, 4, 16)]
    """

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._configure(
            dropout,
            use_bias,
            seed,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )
        self.head_dim = positive(self.label, "head_dim", head_dim)
        self.num_query_heads = positive(self.label, "num_query_heads", num_query_heads)
        self.num_key_value_heads = positive(self.label, "num_key_value_heads", num_key_value_heads)
        if self.num_query_heads % self.num_key_value_heads != 0:
            raise ValueError(
                f"{self.label}: num_query_heads={num_query_heads} is not a multiple of "
                f"num_key_value_heads={num_key_value_heads}"
            )
        self.flash_attention = flash_attention
        self._make_projections(
            self.num_query_heads, self.num_key_value_heads, self.head_dim, self.head_dim, None
        )

    def compute_output_shape(self, query_shape: Any, value_shape: Any = None, key_shape: Any = None) -> Any:
        """Return the output's shape: the query's."""
        return batch_shape(self.label, query_shape)


def attention_with_scores(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, attributes: dict[str, Any]
) -> tuple[Tensor, Tensor]:
    """Compute what the op `attention` does by matrix products; return the probabilities as well."""
    from fastnn.ops._dispatch import constant

    length, heads, size = (int(n or 0) for n in query.shape[1:])
    keys, key_heads = (int(n or 0) for n in key.shape[1:3])
    grouped = [key_heads, heads // key_heads]
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
    scores = apply("reshape", [scores], {"shape": [heads, length, keys]})
    seen = [] if mask is None else [mask]
    if attributes["causal"]:
        seen.append(constant(np.tril(np.ones((length, keys), "int32")), "int32"))
    visible = _all_of(seen)
    if visible is not None:
        lowest = constant(np.full((), np.finfo(query.dtype).min / 2), query.dtype)
        scores = apply("where", [apply("cast", [visible], {"dtype": "bool"}), scores, lowest])
    scores = apply("softmax", [scores], {"axis": 2})
    if visible is not None:  # a query that sees no key gets nothing
        scores = apply("multiply", [scores, apply("cast", [visible], {"dtype": query.dtype})])
    used = scores
    if attributes["dropout"] > 0:
        used = apply("dropout", [scores], {"rate": attributes["dropout"], "seed": attributes["seed"]})
    mixed = apply("matmul", [apply("reshape", [used], {"shape": [*grouped, length, keys]}), v])
    mixed = apply("reshape", [mixed], {"shape": [heads, length, value.shape[3]]})
    return apply("transpose", [mixed], {"perm": [1, 0, 2]}), scores


def _all_of(masks: list[Tensor]) -> Tensor | None:
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


def _whole_numbers(label: str, name: str, value: Any, low: int) -> tuple[int, ...] | None:
    if value is None:
        return None
    values = (value,) if isinstance(value, (int, np.integer)) else tuple(value)
    if not values:
        raise ValueError(f"{label}: {name} must name at least one, got {value!r}")
    return tuple(integer(label, name, n, low) for n in values)
