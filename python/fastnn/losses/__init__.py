"""Losses: how far predictions are from labels, as training minimises it.

Names, arguments and defaults are Keras'. Every loss takes sample weights and a reduction. Cross-entropies of
models that end in a softmax or sigmoid are computed from the logits.

Examples
--------
>>> from fastnn import losses
>>> losses.get("mse")([[1.0], [2.0]], [[1.0], [4.0]])
2.0
>>> losses.SparseCategoricalCrossentropy(ignore_class=-1)([0, -1], [[1.0, 1.0], [1.0, 1.0]]).__round__(4)
0.6931
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastnn import _registry
from fastnn._names import snake_case
from fastnn.losses.base import Loss
from fastnn.losses.binary import BinaryCrossentropy, BinaryFocalCrossentropy, Hinge, SquaredHinge
from fastnn.losses.categorical import (
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalHinge,
    KLDivergence,
    SparseCategoricalCrossentropy,
)
from fastnn.losses.custom import FunctionLoss
from fastnn.losses.functions import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    circle,
    cosine_similarity,
    dice,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
    tversky,
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
from fastnn.losses.sequences import CTC
from fastnn.losses.similarity import Circle, Contrastive, NTXent, Triplet

__all__ = [
    "Loss",
    "FunctionLoss",
    "CTC",
    "Circle",
    "Contrastive",
    "Dice",
    "NTXent",
    "Triplet",
    "Tversky",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "circle",
    "cosine_similarity",
    "dice",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
    "mse",
    "mae",
    "mape",
    "msle",
    "kld",
    "logcosh",
    "MSE",
    "MAE",
    "MAPE",
    "MSLE",
    "KLD",
    "deserialize",
    "get",
    "serialize",
]

mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
kld = KLD = kl_divergence
logcosh = log_cosh

_CLASSES: tuple[type[Any], ...] = (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
    CTC,
    Circle,
    Contrastive,
    Dice,
    NTXent,
    Triplet,
    Tversky,
)
_SHORT: dict[str, type[Any]] = {
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "msle": MeanSquaredLogarithmicError,
    "bce": BinaryCrossentropy,
    "binary_cross_entropy": BinaryCrossentropy,
    "cce": CategoricalCrossentropy,
    "categorical_cross_entropy": CategoricalCrossentropy,
    "scce": SparseCategoricalCrossentropy,
    "sparse_categorical_cross_entropy": SparseCategoricalCrossentropy,
    "huber_loss": Huber,
    "kld": KLDivergence,
    "kullback_leibler_divergence": KLDivergence,
    "logcosh": LogCosh,
}
# "MeanSquaredError", "mean_squared_error", "mse" and "MSE" are all known.
_BY_NAME: dict[str, type[Any]] = {
    **{snake_case(cls.__name__): cls for cls in _CLASSES},
    **{cls.__name__.lower(): cls for cls in _CLASSES},
    "kl_divergence": KLDivergence,
    **_SHORT,
}
_OFFERED = [
    *(snake_case(cls.__name__) for cls in _CLASSES if cls is not KLDivergence),
    "kl_divergence",
    *_SHORT,
]
_KIND = _registry.Kind("a", "loss", Loss, _BY_NAME, offered=_OFFERED)


def get(identifier: Any) -> Loss:
    """Return a loss: itself, or one with default settings by its name.

    Parameters
    ----------
    identifier : str, Loss, type, function or mapping
        A name such as ``"mse"`` or ``"sparse_categorical_crossentropy"``, a loss, its class, a function of
        this module, a function of two symbolic tensors (see `FunctionLoss`), or what `serialize` returned.

    Returns
    -------
    Loss

    Raises
    ------
    ValueError
        If the name is not known; the message offers the nearest ones.
    TypeError
        If it is none of these.

    Examples
    --------
    >>> from fastnn import losses
    >>> losses.get("huber")
    Huber()
    >>> losses.get("mean_square_error")
    Traceback (most recent call last):
    ValueError: unknown loss 'mean_square_error'; did you mean 'mean_squared_error'?
    """
    if isinstance(identifier, Loss):
        return identifier
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    if isinstance(identifier, str):
        found = _KIND.named(identifier)
        made: Loss = found() if isinstance(found, type) else FunctionLoss(found)
        return made
    if isinstance(identifier, type) and issubclass(identifier, Loss):
        return identifier()
    if hasattr(identifier, "loss_class"):
        of_function: Loss = identifier.loss_class()
        return of_function
    if callable(identifier):
        return FunctionLoss(identifier)
    raise TypeError(f"a loss is a name, a Loss or a function, got {identifier!r}")


def serialize(loss: Loss) -> dict[str, Any]:
    """Describe a loss in plain values.

    Parameters
    ----------
    loss : Loss
        The loss.

    Returns
    -------
    dict
        With ``class_name`` and ``config``.

    Raises
    ------
    TypeError
        If it holds a function, which has no plain form.

    Examples
    --------
    >>> from fastnn import losses
    >>> losses.serialize(losses.Huber(2.0))["config"]["delta"]
    2.0
    """
    return _KIND.describe(loss)


def deserialize(description: Any, custom_objects: Mapping[str, Any] | None = None) -> Loss:
    """Make a loss from what `serialize` returned.

    Parameters
    ----------
    description : mapping
        With ``class_name`` and ``config``.
    custom_objects : mapping, optional
        Other classes of losses by name.

    Returns
    -------
    Loss

    Raises
    ------
    ValueError
        If the class is not known or the description is none.

    Examples
    --------
    >>> from fastnn import losses
    >>> losses.deserialize({"class_name": "Huber", "config": {"delta": 2.0}})
    Huber(delta=2.0)
    """
    # FunctionLoss is known to files alone: by its name it could not be made.
    made: Loss = _KIND.restore(description, {"FunctionLoss": FunctionLoss, **(custom_objects or {})})
    return made
