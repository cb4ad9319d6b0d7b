"""Positions: what tells attention the order of a sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastnn import initializers
from fastnn.layers._arguments import integer, number, positive
from fastnn.layers.activation import SameShape
from fastnn.layers.base import Layer
from fastnn.layers.input_spec import InputSpec
from fastnn.layers.nest import batch_shape
from fastnn.layers.weight import Weight
from fastnn.tensor import Tensor, apply


def sinusoids(length: int, features: int, max_wavelength: float = 10000.0) -> npt.NDArray[np.float64]:
    """Return sines (even features) and cosines (odd ones) of positions, (length, features), in float64."""
    pairs = np.arange(features) // 2 * 2
    angles = np.arange(length)[:, None] * max_wavelength ** (-pairs / features)
    return np.where(np.arange(features) % 2 == 0, np.sin(angles), np.cos(angles))


def rows_at(table: Tensor | Weight, length: int, start: int, positions: Any) -> Tensor | Weight:
    """Return rows start, start + 1, … of a table (rows, features), or those at `positions` (None, length)."""
    if positions is not None:
        return apply("embedding", [positions, table])
    rows, features = (int(n or 0) for n in table.shape)
    if start == 0 and rows == length:
        return table
    return apply("slice", [table], {"begin": [start, 0], "size": [length, features]})


def _check_positions(label: str, positions: Any, length: int) -> None:
    if positions is not None and (not isinstance(positions, Tensor) or positions.shape != (None, length)):
        raise ValueError(
            f"{label}: positions must have shape (None, {length}), got "
            f"{getattr(positions, 'shape', type(positions).__name__)}"
        )


def _over_samples(rows: Tensor | Weight, like: Tensor) -> Tensor:
    """Give each sample the rows."""
    return apply("broadcast_samples", [rows, like])


class SinePositionEncoding(SameShape):
    """Sines and cosines of the positions, of wavelengths in geometric progression (Vaswani et al. 2017).

    Returns the encoding alone, in the input's shape: add the two.

    Parameters
    ----------
    max_wavelength : float, default 10000
        The longest wavelength, over 2 pi.
    **kwargs
        ``name``, ``dtype``.

    Notes
    -----
    Input (None, positions, features), of which only the shape counts. Feature 2 i is
    ``sin(position / max_wavelength ** (2 i / features))``, feature 2 i + 1 the cosine. `call` takes also
    ``start_index``, the first position (0).

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import SinePositionEncoding
    >>> SinePositionEncoding()(np.zeros((1, 2, 4), "float32")).round(2)
    array([[[0.  , 1.  , 0.  , 1.  ],
            [0.84, 0.54, 0.01, 1.  ]]], dtype=float32)
    """

    def __init__(self, max_wavelength: float = 10000, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_wavelength = number(self.label, "max_wavelength", max_wavelength, 1.0)
        self.input_spec = InputSpec(ndim=3)

    def call(self, inputs: Tensor, start_index: int = 0) -> Any:
        """Return the encoding for inputs of this shape."""
        from fastnn.ops._dispatch import constant

        start = integer(self.label, "start_index", start_index, 0)
        _, length, features = (int(n or 0) for n in inputs.shape)
        table = sinusoids(start + length, features, self.max_wavelength)[start:]
        return _over_samples(constant(table.astype(inputs.dtype), inputs.dtype), inputs)


class PositionEmbedding(SameShape):
    """A trained vector for each position.

    Returns the vectors alone, in the input's shape: add the two. `TokenAndPositionEmbedding` does so at once.

    Parameters
    ----------
    sequence_length : int
        Number of positions; inputs may be shorter.
    initializer : str or Initializer, default "glorot_uniform"
    **kwargs
        ``name``, ``trainable``, ``dtype``.

    Notes
    -----
    Input (None, positions, features), of which only the shape counts. Weights: ``embeddings``
    (sequence_length, features). `call` takes also ``start_index``, the first position (0).

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import PositionEmbedding
    >>> PositionEmbedding(10)(np.zeros((2, 6, 4), "float32")).shape
    (2, 6, 4)
    """

    def __init__(self, sequence_length: int, initializer: Any = "glorot_uniform", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sequence_length = positive(self.label, "sequence_length", sequence_length)
        self.initializer = initializers.get(initializer)
        self.input_spec = InputSpec(ndim=3)

    def build(self, input_shape: Any) -> None:
        """Create the vectors."""
        features = input_shape[-1]
        self.embeddings = self.add_weight(
            (self.sequence_length, features), self.initializer, name="embeddings"
        )
        self.input_spec = InputSpec(ndim=3, axes={-1: features}, part="embeddings")

    def call(self, inputs: Tensor, start_index: int = 0) -> Any:
        """Return the vectors for inputs of this shape."""
        start = integer(self.label, "start_index", start_index, 0)
        length = int(inputs.shape[1] or 0)
        if start + length > self.sequence_length:
            raise ValueError(
                f"{self.label}: the input has positions up to {start + length}, but the embeddings were "
                f"made for sequence_length={self.sequence_length} (input shape {inputs.shape})"
            )
        return _over_samples(rows_at(self.embeddings, length, start, None), inputs)


class TokenAndPositionEmbedding(Layer):
    """The sum of a trained vector for each token and one for its position.

    Parameters
    ----------
    vocabulary_size : int
        Number of tokens; ids go from 0 to vocabulary_size - 1.
    sequence_length : int
        Number of positions; inputs may be shorter.
    embedding_dim : int
        Features of the vectors.
    embeddings_initializer : str or Initializer, default "uniform"
    mask_zero : bool, default False
        Whether the id 0 is padding, that layers behind mask.
    **kwargs
        ``name``, ``trainable``, ``dtype``.

    Notes
    -----
    Input (None, positions) of ids, output (None, positions, embedding_dim). Weights: ``token_embeddings``
    (vocabulary_size, embedding_dim) and ``position_embeddings`` (sequence_length, embedding_dim). `call`
    takes also ``positions`` (None, positions), where they are not 0, 1, 2, ….

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import TokenAndPositionEmbedding
    >>> TokenAndPositionEmbedding(100, 10, 4)(np.array([[1, 2, 99]])).shape
    (1, 3, 4)
    """

    integer_inputs = True

    def __init__(
        self,
        vocabulary_size: int,
        sequence_length: int,
        embedding_dim: int,
        embeddings_initializer: Any = "uniform",
        mask_zero: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.mask_zero = self.supports_masking = bool(mask_zero)
        self.vocabulary_size = positive(self.label, "vocabulary_size", vocabulary_size)
        self.sequence_length = positive(self.label, "sequence_length", sequence_length)
        self.embedding_dim = positive(self.label, "embedding_dim", embedding_dim)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.input_spec = InputSpec(ndim=2)

    def build(self, input_shape: Any) -> None:
        """Create both tables."""
        self.token_embeddings = self.add_weight(
            (self.vocabulary_size, self.embedding_dim), self.embeddings_initializer, name="token_embeddings"
        )
        self.position_embeddings = self.add_weight(
            (self.sequence_length, self.embedding_dim),
            self.embeddings_initializer,
            name="position_embeddings",
        )

    def call(self, inputs: Tensor, positions: Any = None) -> Any:
        """Return the vectors of the ids at their positions."""
        length = int(inputs.shape[1] or 0)
        if positions is None and length > self.sequence_length:
            raise ValueError(
                f"{self.label}: the input has {length} positions, but sequence_length is "
                f"{self.sequence_length} (input shape {inputs.shape})"
            )
        _check_positions(self.label, positions, length)
        tokens = apply("embedding", [inputs, self.token_embeddings])
        return apply("add", [tokens, rows_at(self.position_embeddings, length, 0, positions)])

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return where the ids are not 0, if that is padding."""
        if not self.mask_zero:
            return None
        return apply("step_mask", [inputs], {"value": 0.0, "dtype": self.dtype})

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the vectors."""
        return (*batch_shape(self.label, input_shape), self.embedding_dim)


class RotaryEmbedding(SameShape):
    """Turns pairs of features by angles that grow with the position (Su et al. 2021).

    The product of a turned query with a turned key depends on how far apart they are alone.

    Parameters
    ----------
    max_wavelength : float, default 10000
        The longest wavelength, over 2 pi.
    scaling_factor : float, default 1.0
        Positions are divided by it.
    sequence_axis, feature_axis : int, default 1 and -1
        Only these.
    **kwargs
        ``name``, ``dtype``.

    Notes
    -----
    Input (None, positions, ..., features), commonly queries or keys (None, positions, heads, size). Features
    i and i + features / 2 are turned by ``position / max_wavelength ** (2 i / features)``. `call` takes also
    ``start_index``, the first position (0).

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import RotaryEmbedding
    >>> RotaryEmbedding()(np.array([[[1.0, 0.0], [1.0, 0.0]]], "float32")).round(2)
    array([[[1.  , 0.  ],
            [0.54, 0.84]]], dtype=float32)
    """

    def __init__(
        self,
        max_wavelength: float = 10000,
        scaling_factor: float = 1.0,
        sequence_axis: int = 1,
        feature_axis: int = -1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.max_wavelength = number(self.label, "max_wavelength", max_wavelength, 1.0)
        self.scaling_factor = number(self.label, "scaling_factor", scaling_factor, 1e-6)
        if sequence_axis != 1 or feature_axis != -1:
            raise ValueError(
                f"{self.label}: expected sequence_axis=1 and feature_axis=-1, got {sequence_axis} and "
                f"{feature_axis}; put a Permute layer before it"
            )
        self.sequence_axis, self.feature_axis = 1, -1
        self.input_spec = InputSpec(min_ndim=3)

    def call(self, inputs: Tensor, start_index: int = 0) -> Any:
        """Turn the features."""
        start = integer(self.label, "start_index", start_index, 0)
        length, size = int(inputs.shape[1] or 0), int(inputs.shape[-1] or 0)
        if size % 2 != 0:
            raise ValueError(
                f"{self.label}: features are turned in pairs, but there are {size} "
                f"(input shape {inputs.shape})"
            )
        return self.turned(inputs, self.tables(start + length, size, inputs.dtype), start)

    def tables(self, length: int, size: int, dtype: str) -> tuple[Tensor, Tensor]:
        """Return cosines and sines (length, size / 2) as constants of the graph."""
        from fastnn.ops._dispatch import constant

        rates = self.max_wavelength ** (-np.arange(0, size, 2) / size) / self.scaling_factor
        angles = np.arange(length)[:, None] * rates
        return constant(np.cos(angles).astype(dtype), dtype), constant(np.sin(angles).astype(dtype), dtype)

    def turned(
        self, x: Tensor, tables: tuple[Tensor, Tensor], start: int = 0, positions: Any = None
    ) -> Tensor:
        """Turn `x` by the angles of its positions, rows of `tables`."""
        length = int(x.shape[1] or 0)
        rows = [rows_at(table, length, start, positions) for table in tables]
        return apply("rotary", [x, *rows])
