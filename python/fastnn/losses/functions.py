"""Losses as plain functions of arrays."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.losses.base import Loss
from fastnn.losses.binary import BinaryCrossentropy, BinaryFocalCrossentropy, Hinge, SquaredHinge
from fastnn.losses.categorical import (
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalHinge,
    KLDivergence,
    SparseCategoricalCrossentropy,
)
from fastnn.losses.overlap import Dice, Tversky
from fastnn.losses.regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
)
from fastnn.losses.similarity import Circle

_LEFT_OUT = ("self", "reduction", "name", "dtype")
_DOC = """Compute `{cls}` of arrays, one loss for {each}.

    Parameters
    ----------
    y_true, y_pred : array_like
        Labels and predictions, as the class takes them{single}.
    **options
        {options}

    Returns
    -------
    numpy.ndarray or float
        {shape}

    Raises
    ------
    ValueError, TypeError
        If shapes do not fit, or a class index is out of range.

    Examples
    --------
    >>> from fastnn.losses import {name}
    >>> {name}({example}).round(4)
    {result}
    """


_EACH_VECTOR = (
    "each vector along the last axis",
    "; one-dimensional ones are a single vector",
    "Of the predictions' shape without the last axis.",
)
_OVER_AXES = (
    "all of them, or for each of what `axis` leaves",
    "",
    "A number; with `axis`, of the predictions' shape without those axes.",
)
_EACH_SAMPLE = ("each sample", "", "Of shape (samples,).")


def _function(
    cls: type[Loss], name: str, example: str, result: str, words: tuple[str, str, str] = _EACH_VECTOR
) -> Callable[..., Any]:
    parameters = [p for p in inspect.signature(cls.__init__).parameters.values() if p.name not in _LEFT_OUT]

    def compute(y_true: Any, y_pred: Any, **options: Any) -> Any:
        unknown = sorted(set(options) - {p.name for p in parameters})
        if unknown:
            raise TypeError(f"{name}: unknown argument '{unknown[0]}'")
        loss: Any = cls(reduction=None, name=name, **options)
        if np.ndim(y_pred) != 1 or words is not _EACH_VECTOR:
            return loss(y_true, y_pred)
        return loss(np.asarray(y_true)[None], np.asarray(y_pred)[None])[0]

    positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
    compute.__name__ = compute.__qualname__ = name
    compute.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter("y_true", positional),
            inspect.Parameter("y_pred", positional),
            *(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters),
        ]
    )
    listed = ", ".join(f"`{p.name}`" for p in parameters)
    options = f"Of the class: {listed}." if listed else "There are none."
    compute.__doc__ = _DOC.format(
        cls=cls.__name__,
        name=name,
        options=options,
        example=example,
        result=result,
        **dict(zip(("each", "single", "shape"), words, strict=True)),
    )
    compute.loss_class = cls  # type: ignore[attr-defined]
    return compute


_NUMBERS = "[[1.0, 2.0], [3.0, 4.0]], [[1.0, 1.0], [5.0, 4.0]]"
_BITS = "[[0.0, 1.0], [0.0, 0.0]], [[0.6, 0.4], [0.4, 0.6]]"
_CLASSES = "[[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [[0.05, 0.95, 0.0], [0.1, 0.8, 0.1]]"

mean_squared_error = _function(
    MeanSquaredError, "mean_squared_error", _NUMBERS, "array([0.5, 2. ], dtype=float32)"
)
mean_absolute_error = _function(
    MeanAbsoluteError, "mean_absolute_error", _NUMBERS, "array([0.5, 1. ], dtype=float32)"
)
mean_absolute_percentage_error = _function(
    MeanAbsolutePercentageError,
    "mean_absolute_percentage_error",
    _NUMBERS,
    "array([25.    , 33.3333], dtype=float32)",
)
mean_squared_logarithmic_error = _function(
    MeanSquaredLogarithmicError,
    "mean_squared_logarithmic_error",
    _NUMBERS,
    "array([0.0822, 0.0822], dtype=float32)",
)
huber = _function(Huber, "huber", _NUMBERS, "array([0.25, 0.75], dtype=float32)")
log_cosh = _function(LogCosh, "log_cosh", _NUMBERS, "array([0.2169, 0.6625], dtype=float32)")
poisson = _function(Poisson, "poisson", _NUMBERS, "array([ 1.    , -0.6867], dtype=float32)")
cosine_similarity = _function(
    CosineSimilarity, "cosine_similarity", _NUMBERS, "array([-0.9487, -0.9683], dtype=float32)"
)
kl_divergence = _function(
    KLDivergence,
    "kl_divergence",
    "[[0.5, 0.5], [1.0, 0.0]], [[0.5, 0.5], [0.5, 0.5]]",
    "array([0.    , 0.6931], dtype=float32)",
)
binary_crossentropy = _function(
    BinaryCrossentropy, "binary_crossentropy", _BITS, "array([0.9163, 0.7136], dtype=float32)"
)
binary_focal_crossentropy = _function(
    BinaryFocalCrossentropy, "binary_focal_crossentropy", _BITS, "array([0.3299, 0.2058], dtype=float32)"
)
categorical_crossentropy = _function(
    CategoricalCrossentropy, "categorical_crossentropy", _CLASSES, "array([0.0513, 2.3026], dtype=float32)"
)
categorical_focal_crossentropy = _function(
    CategoricalFocalCrossentropy,
    "categorical_focal_crossentropy",
    _CLASSES,
    "array([0.    , 0.4663], dtype=float32)",
)
sparse_categorical_crossentropy = _function(
    SparseCategoricalCrossentropy,
    "sparse_categorical_crossentropy",
    "[1, 2], [[0.05, 0.95, 0.0], [0.1, 0.8, 0.1]]",
    "array([0.0513, 2.3026], dtype=float32)",
)
hinge = _function(
    Hinge,
    "hinge",
    "[[0.0, 1.0], [1.0, 1.0]], [[0.5, 2.0], [0.5, 1.0]]",
    "array([0.75, 0.25], dtype=float32)",
)
squared_hinge = _function(
    SquaredHinge,
    "squared_hinge",
    "[[0.0, 1.0], [1.0, 1.0]], [[0.5, 2.0], [0.5, 1.0]]",
    "array([1.125, 0.125], dtype=float32)",
)
categorical_hinge = _function(
    CategoricalHinge,
    "categorical_hinge",
    "[[0.0, 1.0], [0.0, 1.0]], [[0.5, 0.25], [0.0, 2.0]]",
    "array([1.25, 0.  ], dtype=float32)",
)
dice = _function(Dice, "dice", _BITS, "np.float32(0.7333)", _OVER_AXES)
tversky = _function(Tversky, "tversky", _BITS, "np.float32(0.7333)", _OVER_AXES)
circle = _function(
    Circle,
    "circle",
    "[0, 0, 1], [[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]], gamma=1.0",
    "array([0.6163, 0.9617, 0.    ], dtype=float32)",
    _EACH_SAMPLE,
)
