"""Embedding layer."""

from __future__ import annotations

from typing import Any

from fastnn import constraints, initializers, regularizers
from fastnn.layers._arguments import positive
from fastnn.layers.base import Layer
from fastnn.layers.nest import batch_shape
from fastnn.tensor import Tensor, apply


class Embedding(Layer):
    """Turns ids into vectors: rows of a table that is trained.

    Parameters
    ----------
    input_dim : int
        Number of rows: ids go from 0 to ``input_dim - 1``.
    output_dim : int
        Width of the vectors.
    embeddings_initializer : str or Initializer, default "uniform"
    embeddings_regularizer : str, Regularizer or None
    embeddings_constraint : str, Constraint or None
    mask_zero : bool, default False
        Whether id 0 is padding: the output then has a mask, which recurrent layers and the loss heed.
    **kwargs
        ``name``, ``trainable``, ``dtype``, ``input_shape``, ``activity_regularizer``.

    Notes
    -----
    Input (None, ...) of integers, output (None, ..., output_dim). Weight: ``embeddings`` (input_dim,
    output_dim). The gradient is summed in a fixed order, whatever the number of threads.

    Raises
    ------
    ValueError
        When it is run on an id that is out of range; the message names layer, sample and id.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Embedding
    >>> layer = Embedding(10, 3)
    >>> layer(np.array([[1, 2], [3, 0]])).shape
    (2, 2, 3)
    """

    integer_inputs = True
    supports_masking = True

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        **kwargs: Any,
    ) -> None:
        length = kwargs.pop("input_length", None)
        if length is not None:
            kwargs.setdefault("input_shape", (length,))
        super().__init__(**kwargs)
        self.input_dim = positive(self.label, "input_dim", input_dim)
        self.output_dim = positive(self.label, "output_dim", output_dim)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = bool(mask_zero)

    def build(self, input_shape: Any = None) -> None:
        """Create the table."""
        self.embeddings = self.add_weight(
            (self.input_dim, self.output_dim),
            self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
            name="embeddings",
        )

    def call(self, inputs: Tensor) -> Any:
        """Look the ids up."""
        return apply("embedding", [inputs, self.embeddings])

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return which ids are not 0, if `mask_zero`."""
        if not self.mask_zero:
            return None
        return apply("step_mask", [inputs], {"value": 0.0, "dtype": self.dtype})

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for an input's."""
        return (*batch_shape(self.label, input_shape), self.output_dim)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make a layer like this one."""
        return {"input_dim": self.input_dim, **super().get_config()}
