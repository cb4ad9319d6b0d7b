"""Losses of sequences whose labels are not aligned with their steps."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnn import _core
from fastnn._numbers import count
from fastnn.data_adapter import as_rows
from fastnn.losses.base import Loss
from fastnn.losses.labels import class_ids


class CTC(Loss):
    """Connectionist temporal classification: the labels are spelled somewhere within the steps.

    The negative logarithm of the probability that the steps, each of which says a class or the blank, spell
    the labels, where a class that is said several times in a row counts once (Graves et al. 2006).
    Predictions are logits (None, steps, classes); labels (None, length) are classes, ended by the blank, by a
    negative number or by the row's end. Steps that the predictions' mask leaves out are not there. Labels
    that cannot be spelled in so many steps give an infinite loss. See `fastnn.generation.ctc_decode`.

    Parameters
    ----------
    reduction, name, dtype
        See `Loss`.
    blank : int, default 0
        The class that says nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.losses import CTC
    >>> logits = np.zeros((1, 2, 3), "float32")  # paths 1 1, 0 1 and 1 0, of 9
    >>> round(CTC()([[1]], logits), 4)
    1.0986
    """

    label_kind = "ids"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "ctc",
        dtype: str | None = None,
        blank: int = 0,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.blank = count("CTC", "blank", blank)
        self._steps: int | None = None

    def label_spec(self, prediction_dims: Sequence[int], dtype: str = "float32") -> tuple[list[int], str]:
        """Say what the labels' graph input must be: int32, as long as there are steps."""
        return [int(prediction_dims[0])] if prediction_dims else [1], "int32"

    def check_labels(self, y: Any, prediction_dims: Sequence[int], name: str = "y") -> npt.NDArray[Any]:
        """Check labels and fill them up with -1 to the number of steps."""
        dims = [int(n) for n in prediction_dims]
        if len(dims) != 2:
            raise ValueError(
                f"{self.label}: predictions must have shape (None, steps, classes), got {(None, *dims)}"
            )
        array = as_rows(y, f"{self.label}: {name}")
        if array.ndim != 2:
            raise ValueError(f"{self.label}: {name} must have shape (None, length), got {array.shape}")
        array = class_ids(array, self.label, name)
        steps, length = dims[0], array.shape[1]
        if length > steps:
            ends = (array < 0) | (array == self.blank)
            if not ends[:, : steps + 1].any(axis=1).all():
                row = int(np.argmin(ends[:, : steps + 1].any(axis=1)))
                raise ValueError(
                    f"{self.label}: {name}[{row}] has more labels than there are steps ({steps}): they "
                    "cannot be spelled"
                )
            return array[:, :steps]
        filled = np.full((len(array), steps), -1, np.int32)
        filled[:, :length] = array
        return filled

    def call(self, graph: _core.Graph, y_true: int, y_pred: int) -> int:
        """Add the losses' node."""
        return graph.add("ctc", [y_pred, y_true, self._steps], {"blank": self.blank}, self.name)[0]

    def build(
        self,
        graph: _core.Graph,
        y_true: int,
        y_pred: int,
        sample_weight: int | None = None,
        name: str | None = None,
        mask: int | None = None,
    ) -> int:
        """Add the nodes that compute the batch's loss; the mask says which steps there are."""
        bound = copy.copy(self)
        bound._steps = mask
        return Loss.build(bound, graph, y_true, y_pred, sample_weight, name)
