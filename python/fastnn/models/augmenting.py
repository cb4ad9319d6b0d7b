"""Which of a model's inputs an augmentation changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from fastnn.augmentation import Augmentation
from fastnn.models.structure import distribute

if TYPE_CHECKING:
    from fastnn._core import AugmentConfig

Augmentations: TypeAlias = "Augmentation | Mapping[Any, Any] | Sequence[Any] | None"


def check_augment(augment: Any) -> None:
    """Refuse what cannot be an argument `augment` of `fit`, before there are data."""
    if augment is not None and not isinstance(augment, (Augmentation, Mapping, list, tuple)):
        raise TypeError(
            "fit: augment must be a fastnn.Augmentation or None, or a dict of them by the names of inputs or "
            f"a list, got {augment!r}"
        )


def configs_of(
    model: Any, augment: Augmentations, arrays: Sequence[npt.NDArray[Any]]
) -> list[AugmentConfig | None]:
    """Return what the batcher needs to change each of the model's inputs; None where it stays as it is.

    Parameters
    ----------
    model : Model
        Built.
    augment : Augmentation, mapping or sequence, optional
        As `fit` takes it; one alone is the first input's.
    arrays : sequence of ndarray
        The inputs.

    Raises
    ------
    ValueError
        If a name is unknown, a list has another length than the inputs, or an input does not hold images.
    TypeError
        If a part is no Augmentation.
    """
    names = model.input_names
    if isinstance(augment, Augmentation):
        parts: list[Any] = [augment, *[None] * (len(names) - 1)]
    else:
        parts = distribute("fit", "augment", augment, model.input, names, optional=True)
        if len(names) == 1 and isinstance(parts[0], (list, tuple)) and len(parts[0]) == 1:
            parts = list(parts[0])
    result: list[AugmentConfig | None] = []
    for part, name, array in zip(parts, names, arrays, strict=True):
        if part is not None and not isinstance(part, Augmentation):
            raise TypeError(
                f"fit: augment for input '{name}' must be a fastnn.Augmentation or None, got {part!r}"
            )
        try:
            result.append(None if part is None else part.config_for(np.asarray(array)))
        except ValueError as error:
            raise ValueError(f"fit: input '{name}': {error}") from None
    return result
