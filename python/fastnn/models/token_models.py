"""What models of tokens share: vectors of tokens and positions, settings, places in a cache."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnn import activations, initializers
from fastnn.layers import LayerNormalization
from fastnn.layers._arguments import choice, number, positive
from fastnn.layers.base import Layer
from fastnn.layers.nest import leaves
from fastnn.layers.positions import rows_at, sinusoids
from fastnn.models.base import Model
from fastnn.tensor import Tensor, apply


class TokenVectors(Layer):
    """Vectors of tokens, with what tells their positions.

    Parameters
    ----------
    vocabulary_size, sequence_length, features : int
    positions : {"learned", "sinusoidal", "rotary"}
        "rotary" adds nothing here: attention does the turning. With "sinusoidal" the tokens' vectors are
        multiplied by the root of `features`.
    **kwargs
        ``name``, ``dtype``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.models.token_models import TokenVectors
    >>> TokenVectors(9, 5, 4, "learned")(np.zeros((2, 3), int)).shape
    (2, 3, 4)
    """

    integer_inputs = True

    def __init__(
        self, vocabulary_size: int, sequence_length: int, features: int, positions: str, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size = positive(self.label, "vocabulary_size", vocabulary_size)
        self.sequence_length = positive(self.label, "sequence_length", sequence_length)
        self.features = positive(self.label, "features", features)
        self.positions = positions

    def build(self, input_shape: Any) -> None:
        """Create the tables."""
        near_zero = initializers.RandomNormal(stddev=0.02)
        if self.positions == "sinusoidal":
            near_zero = initializers.RandomNormal(stddev=self.features**-0.5)
        self.tokens = self.add_weight((self.vocabulary_size, self.features), near_zero, name="tokens")
        self.places = None
        if self.positions == "learned":
            self.places = self.add_weight((self.sequence_length, self.features), near_zero, name="positions")

    def call(self, inputs: Tensor, positions: Any = None) -> Any:
        """Return the vectors of ids (None, T), at positions 0, 1, 2, … or others (None, T)."""
        from fastnn.ops._dispatch import constant

        length = int(inputs.shape[1] or 0)
        if length > self.sequence_length:
            raise ValueError(
                f"{self.label}: got sequences of {length} tokens, but the model was made for "
                f"sequence_length={self.sequence_length}"
            )
        vectors = apply("embedding", [inputs, self.tokens])
        if self.positions == "rotary":
            return vectors
        table: Any = self.places
        if self.positions == "sinusoidal":
            vectors = apply("scale_shift", [vectors], {"scale": math.sqrt(self.features)})
            values = sinusoids(self.sequence_length, self.features)
            table = constant(values.astype(vectors.dtype), vectors.dtype)
        return apply("add", [vectors, rows_at(table, length, 0, positions)])


class TokenModel(Model):
    """What the models of tokens share."""

    def _input_dtypes(self, inputs: Any) -> list[str | None]:
        return ["int32" for _ in leaves(inputs)]

    def _dtype_for(self, array: Any) -> str:
        return "int32"

    def _settings(
        self,
        num_layers: int,
        model_dim: int,
        num_heads: int,
        intermediate_dim: int | None,
        dropout: float,
        positions: str,
        activation: Any,
        normalize_first: bool,
    ) -> None:
        self.step_functions: dict[Any, Any] = {}  # what `fastnn.generation` made of `step`, by shapes
        self.num_layers = positive(self.label, "num_layers", num_layers)
        self.model_dim = positive(self.label, "model_dim", model_dim)
        self.num_heads = positive(self.label, "num_heads", num_heads)
        if self.model_dim % self.num_heads:
            raise ValueError(
                f"{self.label}: num_heads={num_heads} does not divide model_dim={model_dim} evenly"
            )
        self.intermediate_dim = positive(
            self.label, "intermediate_dim", 4 * model_dim if intermediate_dim is None else intermediate_dim
        )
        self.dropout = number(self.label, "dropout", dropout, 0.0, 1.0, below=True)
        self.positions = choice(self.label, "positions", positions, ("learned", "sinusoidal", "rotary"))
        self.activation = activations.get(activation)
        self.normalize_first = bool(normalize_first)

    def _block(self, kind: Any, name: str) -> Any:
        return kind(
            self.intermediate_dim,
            self.num_heads,
            self.dropout,
            self.activation,
            normalize_first=self.normalize_first,
            rotary_max_wavelength=10000.0 if self.positions == "rotary" else None,
            dtype=self.dtype_policy,
            name=name,
        )

    def _final_norm(self, name: str) -> LayerNormalization | None:
        return (
            LayerNormalization(epsilon=1e-5, dtype=self.dtype_policy, name=name)
            if self.normalize_first
            else None
        )

    def cache_shape(self, length: int) -> tuple[int, int, int]:
        """Return the shape of a layer's cached keys, and of its values, in a sample."""
        return (length, self.num_heads, self.model_dim // self.num_heads)

    def _next_positions(self, ids: Tensor, index: Tensor) -> Tensor:
        from fastnn.ops._dispatch import constant

        length = int(ids.shape[1] or 0)
        first = apply("reshape", [index], {"shape": [1]})
        return apply("add", [first, constant(np.arange(length, dtype="int32"), "int32")])


def last_position(x: Tensor) -> Tensor:
    """Return the last of the positions (None, T, features), as (None, 1, features)."""
    length, features = int(x.shape[1] or 0), int(x.shape[2] or 0)
    return x if length == 1 else apply("slice", [x], {"begin": [length - 1, 0], "size": [1, features]})
