"""Cells of cells, and what every cell must be like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastnn.layers.base import Layer
from fastnn.layers.serialization import deserialize


class StackedRNNCells(Layer):
    """Cells one on the other, as one cell: each gets the output of the one below.

    Parameters
    ----------
    cells : list of cells
    **kwargs
        ``name``, ``dtype``.

    Notes
    -----
    Called with a step and the states, a list with the states of each cell; returns the last cell's output and
    the new states.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import layers
    >>> cell = layers.StackedRNNCells([layers.LSTMCell(4), layers.GRUCell(3)])
    >>> cell.state_size
    [[4, 4], 3]
    >>> layers.RNN(cell)(np.ones((2, 5, 6), "float32")).shape
    (2, 3)
    """

    def __init__(self, cells: Sequence[Layer], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cells = list(cells)
        if not self.cells:
            raise ValueError(f"{self.label}: needs at least one cell")
        for cell in self.cells:
            check_cell(self.label, cell)

    @property
    def state_size(self) -> list[Any]:
        """State sizes of the cells."""
        return [cell.state_size for cell in self.cells]  # type: ignore[attr-defined]

    @property
    def output_size(self) -> Any:
        """Size of the last cell's output; None if that does not say."""
        return getattr(self.cells[-1], "output_size", None)

    def call(self, inputs: Any, states: Any) -> Any:  # type: ignore[override]
        """Apply the cells, the first one to the input."""
        if len(states) != len(self.cells):
            raise ValueError(f"{self.label}: got states for {len(states)} cells, there are {len(self.cells)}")
        new = []
        for cell, own in zip(self.cells, states, strict=True):
            inputs, made = call_cell(cell, inputs, own)
            new.append(made)
        return inputs, new

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Make the cells from what `get_config` returned."""
        values = dict(config)
        return cls([deserialize(cell) for cell in values.pop("cells")], **values)


def check_cell(label: str, cell: Any) -> None:
    """Raise unless this is a cell: a layer with ``call(inputs, states)`` and ``state_size``."""
    if not isinstance(cell, Layer) or not hasattr(cell, "state_size"):
        raise TypeError(
            f"{label}: expected a cell, a Layer with `call(inputs, states)` and an attribute `state_size`, "
            f"got {cell!r}"
        )


def call_cell(cell: Layer, inputs: Any, states: Any) -> tuple[Any, Any]:
    """Apply a cell to a step; states come back in the structure in which they went in."""
    several = isinstance(states, (list, tuple))
    given = states if several else [states]
    output, new = output_and_states(cell, cell(inputs, given))
    if not isinstance(new, (list, tuple)):
        new = [new]
    if len(new) != len(given):
        raise ValueError(f"{cell.label}: got {len(given)} states, but returned {len(new)}")
    return output, list(new) if several else new[0]


def output_and_states(cell: Layer, returned: Any) -> tuple[Any, Any]:
    """Return the two things that a cell's call returned."""
    if not isinstance(returned, (list, tuple)) or len(returned) != 2:
        raise TypeError(f"{cell.label}: a cell's call must return (output, new states), got {returned!r}")
    return returned[0], returned[1]
