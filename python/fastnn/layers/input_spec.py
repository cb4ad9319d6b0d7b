"""What a layer asks of its input's shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fastnn.tensor import Shape

_WORD = {2: "(samples, features)", 3: "(samples, steps, features)", 4: "(samples, height, width, channels)"}


@dataclass(frozen=True)
class InputSpec:
    """Rank and extents that a layer takes.

    Parameters
    ----------
    ndim, min_ndim : int, optional
        Number of dimensions, that of the batch included.
    axes : mapping of int to int
        Extents that are fixed, by axis.
    what, part : str
        Words for messages: what the extent counts ("features", "channels") and which weight was built for it.
    cure : str
        How to mend a wrong extent.

    Examples
    --------
    >>> from fastnn.layers.input_spec import InputSpec
    >>> InputSpec(min_ndim=2, axes={-1: 400}).check("Dense", (None, 3))
    Traceback (most recent call last):
    ValueError: Dense: input has 3 features, but its kernel was built for 400 (input shape (None, 3)).
    """

    ndim: int | None = None
    min_ndim: int | None = None
    axes: Mapping[int, int] = field(default_factory=dict)
    what: str = "features"
    part: str = "kernel"
    cure: str = ""

    def check(self, label: str, shape: Shape) -> None:
        """Raise ValueError, naming the layer, unless the shape fits."""
        rank = len(shape)
        if self.ndim is not None and rank != self.ndim:
            form = f" {_WORD[self.ndim]}" if self.ndim in _WORD else ""
            raise ValueError(
                f"{label}: expected an input of rank {self.ndim}{form}, got rank {rank} "
                f"(input shape {shape}).{_rank_cure(rank, self.ndim)}"
            )
        if self.min_ndim is not None and rank < self.min_ndim:
            raise ValueError(
                f"{label}: expected an input of rank {self.min_ndim} or more, got rank {rank} "
                f"(input shape {shape})."
            )
        for axis, extent in self.axes.items():
            if not -rank <= axis < rank:
                raise ValueError(f"{label}: expected an input with an axis {axis}, got input shape {shape}.")
            if shape[axis] != extent:
                cure = f" {self.cure}" if self.cure else ""
                raise ValueError(
                    f"{label}: input has {shape[axis]} {self.what}, but its {self.part} was built for "
                    f"{extent} (input shape {shape}).{cure}"
                )


def _rank_cure(rank: int, wanted: int) -> str:
    if rank == 3 and wanted == 4:
        return " If the channel axis is missing, add it: x[..., None]."
    if rank > 2 and wanted == 2:
        return " Put a Flatten layer before it."
    if rank == 2 and wanted == 3:
        return " Give a recurrent layer before it return_sequences=True, or put a Reshape layer there."
    if rank == 2 and wanted == 4:
        return " Put a Reshape layer before it."
    return ""
