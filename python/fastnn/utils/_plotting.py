"""Pictures of models: by Graphviz where it is installed, else an SVG of our own."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from html import escape
from pathlib import Path
from typing import Any

from fastnn._names import one_of
from fastnn.utils._layered import layered
from fastnn.utils._model_graph import Box, ModelGraph, model_graph

_CHARACTER = 7.3  # width of one, 12 pixels high, in a monospaced font
_LINE = 16.0
_MARGIN = 12.0


def plot_model(
    model: Any,
    to_file: str | os.PathLike[str] = "model.svg",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
) -> str:
    """Draw a model's layers and what leads from one to the other.

    Parameters
    ----------
    model : Model
        It must be built.
    to_file : str or path, default "model.svg"
        Its ending says what is made: ``.dot`` (Graphviz' language) and ``.svg`` always; ``.png``, ``.pdf``
        and others if Graphviz' ``dot`` is installed.
    show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable : bool
        What the boxes tell beside the layer's class.
    rankdir : {"TB", "LR"}, default "TB"
        From top to bottom, or from left to right (with Graphviz).
    expand_nested : bool, default False
        Whether models within are shown with their layers.
    dpi : int, default 200
        Pixels an inch, of pictures in pixels.

    Returns
    -------
    str
        The file.

    Raises
    ------
    ValueError
        If the model is not built, or the ending is none.
    RuntimeError
        If the ending needs Graphviz and it is not installed, or it fails.

    Examples
    --------
    >>> import os, pathlib, tempfile, fastnn
    >>> x = fastnn.Input((4,))
    >>> model = fastnn.Model(x, fastnn.layers.Add()([x, fastnn.layers.Dense(4)(x)]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = fastnn.utils.plot_model(model, os.path.join(folder, "model.svg"), show_shapes=True)
    ...     pathlib.Path(path).read_text().count("<rect")
    3
    """
    path = Path(to_file)
    kind = path.suffix[1:].lower()
    if not kind:
        raise ValueError(f"plot_model: to_file must end with .svg, .dot, .png or the like, got {str(path)!r}")
    direction = one_of("plot_model", "rankdir", rankdir, ("TB", "LR"))
    graph = model_graph(model, expand_nested)
    shown = {
        "shapes": show_shapes,
        "dtype": show_dtype,
        "names": show_layer_names,
        "activations": show_layer_activations,
        "trainable": show_trainable,
    }
    texts = [_lines(box, shown) for box in graph.boxes]
    dot = _dot(graph, texts, direction, dpi)
    program = shutil.which("dot")
    if kind == "dot":
        path.write_text(dot, encoding="utf-8")
    elif program is not None:
        command = [program, f"-T{kind}", "-o", str(path)]
        made = subprocess.run(command, input=dot.encode(), capture_output=True, check=False)
        if made.returncode:
            message = made.stderr.decode(errors="replace").strip()
            raise RuntimeError(f"plot_model: Graphviz made no {path.name!r}: {message}")
    elif kind == "svg":
        path.write_text(_svg(graph, texts), encoding="utf-8")
    else:
        raise RuntimeError(
            f"plot_model: a .{kind} needs Graphviz, whose program 'dot' was not found; install it, or "
            "take .svg"
        )
    return str(path)


def _lines(box: Box, shown: dict[str, bool]) -> list[str]:
    kind = type(box.layer).__name__
    lines = [f"{box.name} ({kind})" if shown["names"] else kind]
    activation = getattr(box.layer, "activation", None)
    if shown["activations"] and activation is not None:
        lines.append(f"activation: {getattr(activation, '__name__', type(activation).__name__)}")
    if shown["dtype"]:
        lines.append(f"dtype: {box.dtype}")
    if shown["shapes"]:
        lines += [f"in:  {box.input_shape}", f"out: {box.output_shape}"]
    if shown["trainable"] and box.layer.weights:
        lines.append("trainable" if box.layer.trainable_weights else "frozen")
    return lines


def _dot(graph: ModelGraph, texts: list[list[str]], direction: str, dpi: int) -> str:
    def quoted(lines: list[str]) -> str:
        return "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)

    head = f"digraph model {{\n  graph [rankdir={direction}, dpi={dpi}];"
    head += '\n  node [shape=box, fontname="monospace"];'
    boxes = [f'  n{i} [label="{quoted(lines)}"];' for i, lines in enumerate(texts)]
    return "\n".join([head, *boxes, *(f"  n{a} -> n{b};" for a, b in graph.arrows), "}"]) + "\n"


def _svg(graph: ModelGraph, texts: list[list[str]]) -> str:
    sizes = [(max(map(len, lines)) * _CHARACTER + 20, len(lines) * _LINE + 14) for lines in texts]
    corners, ways = layered(sizes, graph.arrows)
    width = max((x + w for (x, _), (w, _) in zip(corners, sizes, strict=True)), default=0) + 2 * _MARGIN
    width = max(width, max((x for way in ways for x, _ in way), default=0) + 2 * _MARGIN)
    height = max((y + h for (_, y), (_, h) in zip(corners, sizes, strict=True)), default=0) + 2 * _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="monospace" font-size="12">',
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0,0 L10,5 L0,10 z" fill="#555"/></marker></defs>',
        f'<path d="M0,0 H{width:.0f} V{height:.0f} H0 z" fill="white"/>',
    ]
    for way in ways:
        points = [(x + _MARGIN, y + _MARGIN) for x, y in way]
        curve = f"M{points[0][0]:.1f},{points[0][1]:.1f}"
        for (x0, y0), (x1, y1) in itertools.pairwise(points):
            middle = (y0 + y1) / 2
            curve += f" C{x0:.1f},{middle:.1f} {x1:.1f},{middle:.1f} {x1:.1f},{y1:.1f}"
        parts.append(f'<path d="{curve}" fill="none" stroke="#555" marker-end="url(#tip)"/>')
    for box, (x, y), (w, h), lines in zip(graph.boxes, corners, sizes, texts, strict=True):
        fill = "#e8f0fe" if type(box.layer).__name__ == "InputLayer" else "#f6f6f6"
        parts.append(
            f'<rect x="{x + _MARGIN:.1f}" y="{y + _MARGIN:.1f}" width="{w:.1f}" height="{h:.1f}" rx="4" '
            f'fill="{fill}" stroke="#555"/>'
        )
        for number, line in enumerate(lines):
            parts.append(
                f'<text x="{x + _MARGIN + 10:.1f}" y="{y + _MARGIN + 7 + _LINE * (number + 0.75):.1f}" '
                f'xml:space="preserve">{escape(line)}</text>'
            )
    return "\n".join([*parts, "</svg>"]) + "\n"
