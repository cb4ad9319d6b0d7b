"""The table that `summary` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fastnn.models.base import Model


def summary_text(model: Model, line_length: int | None = None) -> str:
    """Return the table of a model's layers.

    Parameters
    ----------
    model : Model
    line_length : int, optional
        Width of the table.

    Returns
    -------
    str

    Examples
    --------
    >>> import fastnn
    >>> from fastnn.models.summary import summary_text
    >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1, name="head")], name="tiny")
    >>> print(summary_text(model))
    Model: "tiny"
    ┌──────────────┬──────────────┬─────────┐
    │ Layer (type) │ Output shape │ Param # │
    ├──────────────┼──────────────┼─────────┤
    │ head (Dense) │ (None, 1)    │       3 │
    └──────────────┴──────────────┴─────────┘
    Total params: 3 (12 B)
    Trainable params: 3 (12 B)
    Non-trainable params: 0 (0 B)
    """
    rows = [("Layer (type)", "Output shape", "Param #")]
    for layer, shape in zip(model.layers, model.layer_output_shapes(), strict=True):
        params = f"{layer.count_params():,}" if layer.built else "unbuilt"
        rows.append((f"{layer.name} ({type(layer).__name__})", "?" if shape is None else str(shape), params))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    if line_length is not None:
        widths[0] += max(line_length - sum(widths) - 10, 0)
    lines = [f'Model: "{model.name}"', _rule("┌┬┐", widths), _row(rows[0], widths), _rule("├┼┤", widths)]
    lines += [_row(row, widths) for row in rows[1:]]
    lines.append(_rule("└┴┘", widths))
    trainable = {id(w) for w in model.trainable_weights}
    for title, chosen in (
        ("Total params", model.weights),
        ("Trainable params", [w for w in model.weights if id(w) in trainable]),
        ("Non-trainable params", [w for w in model.weights if id(w) not in trainable]),
    ):
        size = sum(w.size * np.dtype(w.dtype).itemsize for w in chosen)
        lines.append(f"{title}: {sum(w.size for w in chosen):,} ({_bytes(size)})")
    return "\n".join(lines)


def _rule(ends: str, widths: list[int]) -> str:
    return ends[0] + ends[1].join("─" * (w + 2) for w in widths) + ends[2]


def _row(cells: tuple[str, str, str], widths: list[int]) -> str:
    return f"│ {cells[0]:<{widths[0]}} │ {cells[1]:<{widths[1]}} │ {cells[2]:>{widths[2]}} │"


def _bytes(count: float) -> str:
    if count < 1024:
        return f"{count:.0f} B"
    for unit in ("KB", "MB"):
        count /= 1024
        if count < 1024:
            return f"{count:.2f} {unit}"
    return f"{count / 1024:.2f} GB"
