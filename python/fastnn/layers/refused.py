"""Layers of Keras that fastnn does not have, because it does the same in another way; named with the cure."""

from __future__ import annotations

from typing import Any

_AUGMENT = (
    "images are augmented in the batcher, in training only: model.fit(..., augment=fastnn.Augmentation({}))"
)

CURES = {
    "RandomCrop": _AUGMENT.format("shift=4"),
    "RandomErasing": _AUGMENT.format("cutout=8"),
    "RandomShear": _AUGMENT.format("shear=10"),
    "Hashing": "turn texts into ids before training, with zlib.crc32(text.encode()) % num_bins",
    "IntegerLookup": "turn numbers into ids before training, with a dict or numpy.unique",
    "StringLookup": "turn texts into ids before training, with a dict",
    "TextVectorization": "turn texts into ids before training, and pad them with fastnn.utils.pad_sequences",
}


def stand_in(name: str) -> type[Any]:
    """Return a class of that name whose constructor says what to do instead.

    Parameters
    ----------
    name : str

    Returns
    -------
    type
    """

    def refuse(self: Any, *arguments: Any, **keywords: Any) -> None:
        raise NotImplementedError(f"fastnn has no layer {name}: {CURES[name]}")

    return type(name, (), {"__init__": refuse, "__doc__": f"Not there: {CURES[name]}."})
