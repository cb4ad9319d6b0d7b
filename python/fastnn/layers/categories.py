"""Class numbers as vectors, and numbers as class numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn import data_adapter, ops
from fastnn.layers._arguments import choice, integer, number, positive
from fastnn.layers.base import Layer
from fastnn.layers.nest import batch_shape
from fastnn.ops._align import over_samples
from fastnn.ops._dispatch import constant
from fastnn.tensor import Tensor

_VECTORS = ("multi_hot", "one_hot", "count")


class CategoryEncoding(Layer):
    """Turns class numbers into vectors with a place for each class.

    Parameters
    ----------
    num_tokens : int
        Number of classes: 0 to ``num_tokens - 1``.
    output_mode : {"multi_hot", "one_hot", "count"}, default "multi_hot"
        "one_hot" makes a vector of each number, which is 1 at its place; "multi_hot" one vector of all
        numbers along the last axis, 1 where there is such a number; "count" says how many there are.
    sparse : bool, default False
        True is refused: there are no sparse arrays.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Notes
    -----
    ``call(inputs, count_weights=None)``. Inputs are integers, (None, ..., numbers); the output has
    `num_tokens` in the place of the last axis, or, with "one_hot" and a last axis longer than 1, after it.
    `count_weights`, of the input's shape, are added up in the place of ones with "count".

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import CategoryEncoding
    >>> CategoryEncoding(4)(np.array([[0, 1], [2, 2]]))
    array([[1., 1., 0., 0.],
           [0., 0., 1., 0.]], dtype=float32)
    >>> CategoryEncoding(4, "count")(np.array([[0, 1], [2, 2]]))
    array([[1., 1., 0., 0.],
           [0., 0., 2., 0.]], dtype=float32)
    """

    integer_inputs = True

    def __init__(
        self, num_tokens: int, output_mode: str = "multi_hot", sparse: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.num_tokens = positive(self.label, "num_tokens", num_tokens)
        self.output_mode = choice(self.label, "output_mode", output_mode, _VECTORS)
        self.sparse = _dense(self.label, sparse)

    def call(self, inputs: Tensor, count_weights: Any = None) -> Any:
        """Make the vectors."""
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(
                f"{self.label}: count_weights are for output_mode='count', this is {self.output_mode!r}"
            )
        if inputs.dtype not in ("int32", "bool"):
            raise TypeError(f"{self.label}: inputs must be integers, got {inputs.dtype}")
        return encode(self.label, inputs, self.num_tokens, self.output_mode, self.dtype, count_weights)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for an input's."""
        return encoded_shape(batch_shape(self.label, input_shape), self.num_tokens, self.output_mode)


class Discretization(Layer):
    """Turns numbers into the numbers of the bins that they lie in.

    Parameters
    ----------
    bin_boundaries : sequence of float, optional
        Ascending; n of them make n + 1 bins, a number on a boundary belongs to the bin above.
    num_bins : int, optional
        In their place: how many bins `adapt` should make, which hold equal shares of its data.
    epsilon : float, default 0.01
        Without effect: `adapt` computes the boundaries exactly.
    output_mode : {"int", "one_hot", "multi_hot", "count"}, default "int"
        "int" gives the bins' numbers, int32; for the others see `CategoryEncoding`.
    sparse : bool, default False
        True is refused: there are no sparse arrays.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Discretization
    >>> Discretization(bin_boundaries=[0.0, 1.0, 2.0])(np.array([[-1.5, 1.0, 3.4, 0.5]]))
    array([[0, 2, 3, 1]], dtype=int32)
    >>> layer = Discretization(num_bins=4)
    >>> layer.adapt(np.arange(10.0))
    >>> layer.bin_boundaries
    [1.5, 4.0, 6.5]
    """

    casts_inputs = True

    def __init__(
        self,
        bin_boundaries: Sequence[float] | None = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if bin_boundaries is None and num_bins is None:
            raise ValueError(f"{self.label}: give bin_boundaries, or num_bins and call adapt")
        self.num_bins = None if num_bins is None else integer(self.label, "num_bins", num_bins, 2)
        self.epsilon = number(self.label, "epsilon", epsilon, 0.0)
        self.output_mode = choice(self.label, "output_mode", output_mode, ("int", *_VECTORS))
        self.sparse = _dense(self.label, sparse)
        self.bin_boundaries: list[float] | None = None
        if bin_boundaries is not None:
            given = [number(self.label, "bin_boundaries", item) for item in bin_boundaries]
            if not given or any(a >= b for a, b in itertools.pairwise(given)):
                raise ValueError(
                    f"{self.label}: bin_boundaries must be at least one number, each above the one before, "
                    f"got {bin_boundaries!r}"
                )
            if self.num_bins not in (None, len(given) + 1):
                raise ValueError(
                    f"{self.label}: num_bins is {num_bins}, but {len(given)} bin_boundaries make "
                    f"{len(given) + 1} bins"
                )
            self.bin_boundaries = given

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Find boundaries between which equal shares of the data lie.

        Parameters
        ----------
        data : array_like, or iterable of batches of inputs
        batch_size : int, optional
            Has no effect.
        steps : int, optional
            Batches to take of an iterable.
        """
        if self.num_bins is None:
            raise RuntimeError(f"{self.label}: bin_boundaries were given; there is nothing to adapt")
        array = data_adapter.all_rows(data, f"{self.label}: data", steps)
        shares = np.arange(1, self.num_bins) / self.num_bins
        found = np.quantile(array.astype("float64").ravel(), shares, method="interpolated_inverted_cdf")
        if not np.isfinite(found).all():
            raise ValueError(f"{self.label}: the data to adapt to must be finite")
        self.bin_boundaries = [float(item) for item in found]
        self._functions = {}

    def call(self, inputs: Tensor) -> Any:
        """Find the bins."""
        bins = self._bins()
        boundaries = np.asarray(self.bin_boundaries, inputs.dtype)
        above = ops.greater_equal(ops.expand_dims(inputs, -1), boundaries)
        found = ops.cast(ops.sum(ops.cast(above, inputs.dtype), axis=-1), "int32")
        if self.output_mode == "int":
            return found
        return encode(self.label, found, bins, self.output_mode, self.dtype)

    def _bins(self) -> int:
        if self.bin_boundaries is None:
            raise RuntimeError(f"{self.label}: has no boundaries yet; call adapt with training data first")
        return len(self.bin_boundaries) + 1

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for an input's."""
        shape = batch_shape(self.label, input_shape)
        return shape if self.output_mode == "int" else encoded_shape(shape, self._bins(), self.output_mode)


def encode(label: str, ids: Tensor, classes: int, mode: str, dtype: str, weights: Any = None) -> Any:
    """Return vectors with a place for each class; see `CategoryEncoding`.

    Parameters
    ----------
    label : str
    ids : Tensor
        Class numbers; others are an error.
    classes : int
    mode : {"multi_hot", "one_hot", "count"}
    dtype : str
        Of the vectors.
    weights : Tensor, optional

    Returns
    -------
    Tensor
    """
    ids = ops.cast(ids, "int32")
    if ids.ndim == 1:
        ids = ops.expand_dims(ids, -1)
    if mode == "one_hot":
        # Taken from the numbers of all classes, so that one out of range is found.
        checked = ops.cast(ops.take(np.arange(classes, dtype=dtype), ids, axis=0), "int32")
        made = ops.one_hot(checked, classes, dtype=dtype)
        return ops.squeeze(made, -2) if ids.shape[-1] == 1 else made
    spread = [n for n in ids.shape[1:] if n is not None]
    rows = math.prod(spread[:-1])
    values = ops.ones_like(ops.cast(ids, dtype))
    if weights is not None:
        if weights.shape != ids.shape:
            raise ValueError(
                f"{label}: count_weights must have the inputs' shape {ids.shape}, got {weights.shape}"
            )
        values = ops.cast(weights, dtype)
    if rows > 1:  # each has places of its own
        inside = ops.cast(ops.take(np.arange(classes, dtype=dtype), ids, axis=0), "int32")
        ids = ops.add(inside, np.arange(rows, dtype="int32").reshape(1, *spread[:-1], 1) * classes)
    flat, values = (ops.reshape(x, (-1, rows * spread[-1])) for x in (ids, values))
    zeros = over_samples(constant(np.zeros(rows * classes), dtype), values)
    totals = ops.scatter_add(zeros, flat, values, axis=1)
    if mode == "multi_hot":
        totals = ops.cast(ops.greater(totals, 0.0), dtype)
    return ops.reshape(totals, (-1, *spread[:-1], classes))


def encoded_shape(shape: Any, classes: int, mode: str) -> Any:
    """Return the shape of what `encode` makes of numbers of a shape."""
    if len(shape) == 1:
        return (None, classes)
    if mode == "one_hot" and shape[-1] != 1:
        return (*shape, classes)
    return (*shape[:-1], classes)


def _dense(label: str, sparse: Any) -> bool:
    if sparse:
        raise ValueError(f"{label}: sparse=True is not supported: there are no sparse arrays; leave it out")
    return False
