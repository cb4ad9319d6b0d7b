"""The table that `summary` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from fastnn.models.base import Model


def summary_text(
    model: Model, line_length: int | None = None, expand_nested: bool = False, show_trainable: bool = False
) -> str:
    """Return the table of a model's layers.

    Parameters
    ----------
    model : Model
    line_length : int, optional
        Width of the table.
    expand_nested, show_trainable : bool, default False
        Show the layers of models within the model; and which layers are trainable.

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
    rows = [["Layer (type)", "Output shape", "Param #", "Connected to", "Trainable"]]
    _add_rows(rows, model, "", expand_nested)
    left_out = [] if show_trainable else [4]
    if not _branches(model):
        left_out.append(3)
    rows = [[cell for i, cell in enumerate(row) if i not in left_out] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    if line_length is not None:
        widths[0] += max(line_length - sum(widths) - 3 * len(widths) - 1, 0)
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


def _branches(model: Any) -> bool:
    """Whether layers take anything else than what the layer before returns."""
    network = getattr(model, "_network", None)
    if network is None:
        return False
    sources = network.connections()
    before: str | None = None
    for layer in network.layers:
        if sources[id(layer)] != ([] if before is None else [before]):
            return True
        before = layer.name
    return False


def _add_rows(rows: list[list[str]], model: Any, indent: str, expand_nested: bool) -> None:
    network = getattr(model, "_network", None)
    connections = {} if network is None else network.connections()
    for layer, shape in zip(model.layers, model.layer_output_shapes(), strict=True):
        sources = connections.get(id(layer), [])
        rows.append(
            [
                f"{indent}{layer.name} ({type(layer).__name__}{_mode(layer)})",
                "?" if shape is None else str(shape),
                f"{layer.count_params():,}" if layer.built else "unbuilt",
                ", ".join(sources[:2]) + ("," if len(sources) > 2 else "") or "-",
                ("yes" if layer.trainable_weights else "no") if layer.weights else "-",
            ]
        )
        for first in range(2, len(sources), 2):
            more = ", ".join(sources[first : first + 2]) + ("," if len(sources) > first + 2 else "")
            rows.append(["", "", "", more, ""])
        if expand_nested and hasattr(layer, "layer_output_shapes"):
            _add_rows(rows, layer, indent + "  ", expand_nested)


def _mode(layer: Any) -> str:
    """How a quantised layer runs."""
    quantization = getattr(layer, "quantization", None)
    return f", {quantization['mode']}" if quantization else ""


def _rule(ends: str, widths: list[int]) -> str:
    return ends[0] + ends[1].join("─" * (w + 2) for w in widths) + ends[2]


def _row(cells: list[str], widths: list[int]) -> str:
    padded = (
        f"{c:>{w}}" if i == 2 else f"{c:<{w}}" for i, (c, w) in enumerate(zip(cells, widths, strict=True))
    )
    return f"│ {' │ '.join(padded)} │"


def _bytes(count: float) -> str:
    if count < 1024:
        return f"{count:.0f} B"
    for unit in ("KB", "MB"):
        count /= 1024
        if count < 1024:
            return f"{count:.2f} {unit}"
    return f"{count / 1024:.2f} GB"
