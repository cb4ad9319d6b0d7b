"""Metrics: figures of how good predictions are, summed over batches.

Names, arguments and defaults are Keras'. A metric works on arrays by itself, and in `compile`, where its sums
are part of the graph that trains or evaluates. `classification_report` and `confusion_matrix` report on whole
arrays.

Examples
--------
>>> from fastnn import metrics
>>> accuracy = metrics.SparseCategoricalAccuracy()
>>> accuracy.update_state([0, 1], [[0.9, 0.1], [0.8, 0.2]])
>>> accuracy.update_state([1], [[0.3, 0.7]])
>>> round(accuracy.result(), 4)
0.6667
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from fastnn import _registry, losses
from fastnn._names import nearest, snake_case
from fastnn.losses.base import Loss
from fastnn.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)
from fastnn.metrics.auc import AUC
from fastnn.metrics.base import Mean, MeanMetric, Metric
from fastnn.metrics.iou import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from fastnn.metrics.of_losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    LossMetric,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from fastnn.metrics.operating_points import (
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
)
from fastnn.metrics.tables import ConfusionMatrix, R2Score
from fastnn.metrics.threshold_counts import FalseNegatives, FalsePositives, TrueNegatives, TruePositives
from fastnn.metrics.thresholds import F1Score, FBetaScore, Precision, Recall
from fastnn.reports import classification_report, confusion_matrix

__all__ = [
    "Metric",
    "Mean",
    "MeanMetric",
    "LossMetric",
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "SparseCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "AUC",
    "BinaryIoU",
    "IoU",
    "OneHotIoU",
    "OneHotMeanIoU",
    "ConfusionMatrix",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "MeanIoU",
    "TrueNegatives",
    "TruePositives",
    "Precision",
    "Recall",
    "PrecisionAtRecall",
    "RecallAtPrecision",
    "SensitivityAtSpecificity",
    "SpecificityAtSensitivity",
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Hinge",
    "KLDivergence",
    "LogCoshError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "R2Score",
    "RootMeanSquaredError",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "classification_report",
    "confusion_matrix",
    "deserialize",
    "get",
    "resolve",
    "serialize",
]

_CLASSES: tuple[type[Any], ...] = (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    TopKCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    AUC,
    BinaryIoU,
    IoU,
    OneHotIoU,
    OneHotMeanIoU,
    ConfusionMatrix,
    F1Score,
    FBetaScore,
    FalseNegatives,
    FalsePositives,
    MeanIoU,
    TrueNegatives,
    TruePositives,
    Precision,
    Recall,
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    Mean,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    R2Score,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
_NAMES: dict[type[Any], str] = {
    AUC: "auc",
    KLDivergence: "kl_divergence",
    F1Score: "f1_score",
    MeanIoU: "mean_io_u",
    R2Score: "r2_score",
}
_SHORT: dict[str, type[Any]] = {
    "acc": Accuracy,
    "iou": IoU,
    "binary_iou": BinaryIoU,
    "mean_iou": MeanIoU,
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "msle": MeanSquaredLogarithmicError,
    "rmse": RootMeanSquaredError,
    "r2": R2Score,
    "f1": F1Score,
    "fbeta_score": FBetaScore,
    "bce": BinaryCrossentropy,
    "kld": KLDivergence,
    "logcosh": LogCoshError,
    "log_cosh": LogCoshError,
    "cosine": CosineSimilarity,
    "top_k_categorical_accuracy": TopKCategoricalAccuracy,
    "sparse_top_k_categorical_accuracy": SparseTopKCategoricalAccuracy,
}
_OFFERED: dict[str, type[Any]] = {
    **{_NAMES.get(cls, snake_case(cls.__name__)): cls for cls in _CLASSES},
    **_SHORT,
}
_BY_NAME: dict[str, type[Any]] = {**{cls.__name__.lower(): cls for cls in _CLASSES}, **_OFFERED}
_KIND = _registry.Kind("a", "metric", Metric, _BY_NAME)
_BY_SHAPE = ("accuracy", "acc", "crossentropy", "ce")
_SIGNS = (losses.Hinge, losses.SquaredHinge)


def get(identifier: Any) -> Metric:
    """Return a metric: itself, or one with default settings by its name.

    Parameters
    ----------
    identifier : str, Metric, Loss, type, function or mapping
        A name such as ``"mae"``, ``"auc"`` or that of any loss; a metric, a loss, or a class of these; a
        function of `fastnn.losses`; or what `serialize` returned.

    Returns
    -------
    Metric
        Named as `identifier` if that is a name.

    Raises
    ------
    ValueError
        If the name is not known; the message offers the nearest ones.
    TypeError
        If it is none of these.

    Examples
    --------
    >>> from fastnn import metrics
    >>> metrics.get("mse").name
    'mse'
    >>> metrics.get("precission")
    Traceback (most recent call last):
    ValueError: unknown metric 'precission'; did you mean 'precision'?
    """
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, Mapping):
        restored: Metric = deserialize(identifier)
        return restored
    if isinstance(identifier, str):
        cls = _KIND.find(identifier)
        if cls is not None:
            _check_defaults(identifier, cls)
            named: Metric = cls(name=identifier)
            return named
        try:
            return LossMetric(losses.get(identifier), name=identifier)
        except ValueError:
            raise ValueError(
                f"unknown metric {identifier!r}{nearest(identifier, [*_OFFERED, *_loss_names()])}"
            ) from None
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        _check_defaults(identifier.__name__, identifier)
        return identifier()
    if isinstance(identifier, Loss):
        return LossMetric(identifier)
    if (isinstance(identifier, type) and issubclass(identifier, Loss)) or callable(identifier):
        loss = losses.get(identifier)
        name = loss.name if isinstance(identifier, type) else getattr(identifier, "__name__", None)
        return LossMetric(loss, name=name)
    raise TypeError(f"a metric is a name, a Metric, a Loss or a function, got {identifier!r}")


def resolve(
    identifier: Any,
    loss: Loss | None = None,
    prediction_dims: Sequence[int] = (),
    label_dims: Sequence[int] = (),
) -> Metric:
    """Return the metric that a model's `compile` was given, as it fits predictions, labels and loss.

    ``"accuracy"`` and ``"acc"`` (and ``"crossentropy"``, ``"ce"``) are binary for predictions of one score,
    sparse for class indices, else categorical. Accuracy of logits and of margins has its threshold at 0.

    Parameters
    ----------
    identifier : str, Metric, Loss, type, function or mapping
        See `get`.
    loss : Loss, optional
        The model's.
    prediction_dims, label_dims : sequence of int
        Shapes without the batch dimension.

    Returns
    -------
    Metric

    Raises
    ------
    ValueError
        If the name is not known.
    TypeError
        If it is no metric.

    Examples
    --------
    >>> from fastnn import metrics
    >>> metrics.resolve("accuracy", prediction_dims=[10], label_dims=[])
    SparseCategoricalAccuracy(name='accuracy')
    """
    ignored = getattr(loss, "ignore_class", None)
    if isinstance(identifier, str) and identifier.lower() in _BY_SHAPE:
        binary = not prediction_dims or prediction_dims[-1] == 1
        sparse = not binary and (len(label_dims) < len(prediction_dims) or label_dims[-1] == 1)
        logits = bool(getattr(loss, "from_logits", False))
        if binary and loss is not None and loss.label_kind == "ids":
            raise ValueError(
                f"{identifier}: the model has one score for each sample, but {loss.label} wants a score for "
                "each class. For two classes and one sigmoid unit use binary_crossentropy; or give the last"
                " layer a unit for each class."
            )
        if identifier.lower() in ("accuracy", "acc"):
            if binary:
                margin = logits or isinstance(loss, _SIGNS)
                return BinaryAccuracy(name=identifier, threshold=0.0 if margin else 0.5)
            if sparse:
                return SparseCategoricalAccuracy(name=identifier, ignore_class=ignored)
            return CategoricalAccuracy(name=identifier)
        if binary:
            return BinaryCrossentropy(name=identifier, from_logits=logits)
        if sparse:
            return SparseCategoricalCrossentropy(name=identifier, from_logits=logits, ignore_class=ignored)
        return CategoricalCrossentropy(name=identifier, from_logits=logits)
    metric = get(identifier)
    if isinstance(metric, SparseCategoricalAccuracy) and metric.ignore_class is None and ignored is not None:
        metric = copy.copy(metric)  # the user's own stays as it is
        metric.ignore_class = ignored
    return metric


def serialize(metric: Any) -> Any:
    """Describe a metric in plain values.

    Parameters
    ----------
    metric : Metric, or anything that `get` takes
        Names stay names: what ``"accuracy"`` means is settled by shapes.

    Returns
    -------
    str or dict
        With ``class_name`` and ``config``.

    Raises
    ------
    TypeError
        If it holds a function, which has no plain form.

    Examples
    --------
    >>> from fastnn import metrics
    >>> metrics.serialize("accuracy"), metrics.serialize(metrics.BinaryAccuracy())["class_name"]
    ('accuracy', 'BinaryAccuracy')
    """
    if isinstance(metric, str):
        return metric
    made = get(metric)
    return _KIND.describe(made)


def deserialize(description: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Make a metric from what `serialize` returned; names stay names.

    Parameters
    ----------
    description : str or mapping
    custom_objects : mapping, optional
        Other classes of metrics by name.

    Returns
    -------
    Metric or str

    Raises
    ------
    ValueError
        If the class is not known or the description is none.

    Examples
    --------
    >>> from fastnn import metrics
    >>> metrics.deserialize({"class_name": "Precision", "config": {"top_k": 2}})
    Precision(top_k=2)
    """
    if isinstance(description, str):
        return description
    return _KIND.restore(description, {"LossMetric": LossMetric, **(custom_objects or {})})


def _check_defaults(name: str, cls: type[Any]) -> None:
    """Raise ValueError if a metric cannot be made by its name alone."""
    missing = [
        p.name
        for p in inspect.signature(cls).parameters.values()
        if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    if missing:
        raise ValueError(
            f"metric {name!r} has no default for {' and '.join(missing)}: give an object, "
            f"{cls.__name__}({', '.join(f'{item}=...' for item in missing)})"
        )


def _loss_names() -> list[str]:
    return [name for name in losses.__all__ if name.islower()]
