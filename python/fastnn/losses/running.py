"""Running losses and metrics on arrays: small graphs, made once for each combination of shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnn import _core, config
from fastnn.data_adapter import to_array

Array = npt.NDArray[Any]
Build = Callable[[_core.Graph, int, int, "int | None"], "list[int]"]

_KEPT = 8


def predictions(y_pred: Any, dtype: str | None, name: str = "y_pred") -> Array:
    """Return predictions as an array of the type to compute in.

    float64 arrays are taken as such, everything else as `fastnn.config.floatx` says, unless `dtype` names
    the type.
    """
    array = to_array(y_pred, name)
    if dtype is None:
        given = hasattr(y_pred, "dtype") and array.dtype == np.float64
        dtype = "float64" if given else config.floatx()
    return np.ascontiguousarray(array, dtype)


class Evaluator:
    """Graphs of labels, predictions and weights by the shapes of these, kept for the next call.

    Parameters
    ----------
    build : callable
        ``build(graph, y_true, y_pred, sample_weight)`` returns the tensors to fetch.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.losses.running import Evaluator
    >>> def build(graph, y_true, y_pred, weight):
    ...     return graph.add("subtract", [y_pred, y_true])
    >>> Evaluator(build)(np.ones(2), np.zeros(2), None, False)
    [array([-1., -1.])]
    """

    def __init__(self, build: Build) -> None:
        self._build = build
        self._functions: dict[Any, _core.Function] = {}

    def __call__(self, y_true: Array, y_pred: Array, weight: Array | None, ids: bool) -> list[Array]:
        """Run; `ids` says that the labels are class indices."""
        dtype = str(y_pred.dtype)
        key = (y_true.shape[1:], ids, y_pred.shape[1:], dtype, None if weight is None else weight.shape[1:])
        function = self._functions.pop(key, None)
        if function is None:
            graph = _core.Graph()
            true = graph.input("y_true", list(y_true.shape[1:]), "int32" if ids else dtype)
            predicted = graph.input("y_pred", list(y_pred.shape[1:]), dtype)
            weights = None if weight is None else graph.input("sample_weight", list(weight.shape[1:]), dtype)
            function = _core.Function(graph, self._build(graph, true, predicted, weights))
        self._functions[key] = function  # most recently used last
        if len(self._functions) > _KEPT:
            self._functions.pop(next(iter(self._functions)))
        return function.run([y_true, y_pred, *([] if weight is None else [weight])])


def same_length(owner: str, y_true: Array, y_pred: Array) -> None:
    """Raise ValueError unless labels and predictions have a row for each other."""
    if y_true.shape[0] != y_pred.shape[0]:
        raise ValueError(
            f"{owner}: y_true has {y_true.shape[0]} rows, but y_pred has {y_pred.shape[0]}; "
            "they must be as many"
        )
