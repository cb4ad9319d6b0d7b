"""Inputs to mean 0 and variance 1, by what was seen before training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn import data_adapter
from fastnn.layers.activation import SameShape
from fastnn.layers.nest import batch_shape
from fastnn.tensor import Tensor, apply

_EPSILON = 1e-7  # the least standard deviation that is divided by


class Normalization(SameShape):
    """``(inputs - mean) / sqrt(variance)``, with mean and variance given, or taken from data by `adapt`.

    Unlike `BatchNormalization` it learns nothing in training.

    Parameters
    ----------
    axis : int, sequence of int or None, default -1
        Axes whose entries have a mean and a variance each; None: one for all.
    mean, variance : float or array_like, optional
        Given both; then the layer has no weights and no `adapt`.
    invert : bool, default False
        ``inputs * sqrt(variance) + mean``.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Notes
    -----
    Weights are ``mean``, ``variance`` and ``count``, as in Keras.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Normalization
    >>> layer = Normalization()
    >>> layer.adapt(np.array([[1.0, 10.0], [3.0, 30.0]]))
    >>> layer(np.array([[3.0, 20.0]], "float32"))
    array([[1., 0.]], dtype=float32)
    """

    casts_inputs = True

    def __init__(
        self,
        axis: int | Sequence[int] | None = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        axes = () if axis is None else (axis,) if isinstance(axis, (int, np.integer)) else tuple(axis)
        for item in axes:
            if isinstance(item, bool) or not isinstance(item, (int, np.integer)):
                raise TypeError(f"{self.label}: axis must be an integer, several or None, got {axis!r}")
            if item == 0:
                raise ValueError(f"{self.label}: axis 0 is that of the samples; name others, or None")
        self.axis = axis if axis is None else [int(a) for a in axes] if len(axes) != 1 else int(axes[0])
        if (mean is None) != (variance is None):
            raise ValueError(f"{self.label}: give both mean and variance, or none of them")
        self.mean: Any = None if mean is None else np.asarray(mean, "float64")
        self.variance: Any = None if variance is None else np.asarray(variance, "float64")
        if variance is not None and not (np.asarray(variance, "float64") >= 0).all():
            raise ValueError(f"{self.label}: variance must be at least 0, got {variance!r}")
        self.invert = bool(invert)
        self._given = mean is not None

    def _axes(self, rank: int) -> list[int]:
        axes = [] if self.axis is None else self.axis if isinstance(self.axis, list) else [self.axis]
        found = sorted(a + rank if a < 0 else a for a in axes)
        if any(not 0 < a < rank for a in found) or len(set(found)) < len(found):
            raise ValueError(f"{self.label}: axis {self.axis} does not fit inputs of rank {rank}")
        return found

    def build(self, input_shape: Any) -> None:
        """Create the weights."""
        axes = self._axes(len(input_shape))
        if not self._given:
            shape = tuple(input_shape[a] for a in axes)
            self.mean = self.add_weight(shape, "zeros", trainable=False, name="mean")
            self.variance = self.add_weight(shape, "ones", trainable=False, name="variance")
            self.count = self.add_weight((), "zeros", trainable=False, name="count")

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Take mean and variance from data; what was there before is forgotten.

        Parameters
        ----------
        data : array_like, or iterable of batches of inputs
        batch_size : int, optional
            Has no effect.
        steps : int, optional
            Batches to take of an iterable.
        """
        if self._given:
            raise RuntimeError(f"{self.label}: mean and variance were given; there is nothing to adapt")
        array = data_adapter.all_rows(data, f"{self.label}: data", steps)
        if array.ndim == 1:
            array = array[:, None]
        from fastnn.utils import StandardScaler

        if not self.built:
            self.build(batch_shape(self.label, (None, *array.shape[1:])))
        kept = self._axes(array.ndim)
        others = tuple(a for a in range(array.ndim) if a not in kept)
        scaler = StandardScaler(axis=others).fit(array)
        self.mean.assign(scaler.mean_.reshape(self.mean.shape))
        self.variance.assign(scaler.var_.reshape(self.variance.shape))
        self.count.assign(np.asarray(float(math.prod(array.shape[a] for a in others))))

    def call(self, inputs: Tensor) -> Any:
        """Standardise."""
        from fastnn import ops

        axes = self._axes(inputs.ndim)
        places = [inputs.shape[a] if a in axes else 1 for a in range(1, inputs.ndim)]
        if self._given:
            extents = (1, *places)
            mean: Any = np.asarray(self.mean, inputs.dtype)
            variance: Any = np.asarray(self.variance, inputs.dtype)
            if mean.size > 1:
                mean = mean.reshape(extents)
            deviation: Any = np.maximum(np.sqrt(variance), np.asarray(_EPSILON, inputs.dtype))
            if deviation.size > 1:
                deviation = deviation.reshape(extents)
        else:
            mean, variance = (apply("reshape", [v], {"shape": places}) for v in (self.mean, self.variance))
            deviation = ops.maximum(ops.sqrt(variance), _EPSILON)
        return inputs * deviation + mean if self.invert else (inputs - mean) / deviation

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make a layer like this one."""
        own = {"name": self.name, "trainable": self._trainable, "dtype": self.dtype_policy}
        given = {"mean": self.mean.tolist(), "variance": self.variance.tolist()} if self._given else {}
        return {**own, "axis": self.axis, "invert": self.invert, **given}
