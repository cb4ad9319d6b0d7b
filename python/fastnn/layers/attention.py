"""Attention layers: every position takes what it needs from the others."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.layers._arguments import integer, positive
from fastnn.layers.attending import Attending
from fastnn.layers.nest import batch_shape


class MultiHeadAttention(Attending):
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
    rotary_max_wavelength : float, optional
        Turn queries and keys by their positions, see `RotaryEmbedding`, with this longest wavelength
        (commonly 10000).
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
        rotary_max_wavelength: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._configure(
            dropout,
            use_bias,
            seed,
            rotary_max_wavelength,
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


class GroupedQueryAttention(Attending):
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
    rotary_max_wavelength : float, optional
        Turn queries and keys by their positions, see `RotaryEmbedding`, with this longest wavelength
        (commonly 10000).
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
        rotary_max_wavelength: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._configure(
            dropout,
            use_bias,
            seed,
            rotary_max_wavelength,
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


def _whole_numbers(label: str, name: str, value: Any, low: int) -> tuple[int, ...] | None:
    if value is None:
        return None
    values = (value,) if isinstance(value, (int, np.integer)) else tuple(value)
    if not values:
        raise ValueError(f"{label}: {name} must name at least one, got {value!r}")
    return tuple(integer(label, name, n, low) for n in values)
