"""Models that run in int8, made of trained ones."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastnn import _core, _registry
from fastnn._names import nearest
from fastnn.activations import fused_kind
from fastnn.layers.nest import leaves
from fastnn.layers.serialization import serialize
from fastnn.models.copying import own_things, unpack

if TYPE_CHECKING:
    from fastnn.layers.base import Layer
    from fastnn.layers.quantized import Quantizable
    from fastnn.models.base import Model
    from fastnn.tensor import Tensor

Array = npt.NDArray[Any]

_RANGES = ("mse", "minmax", "percentile")
_BINS = 2048
_PERCENTILE = 0.9999
_LARGEST = 2**22  # elements of all observed tensors that are looked at together
_MOST_TERMS = 65536  # products that a sum in int32 holds


def quantize_model(model: Model, mode: str, calibration: Any, ranges: str) -> Any:
    """Make a model that runs in int8; see `Model.quantize`.

    Parameters
    ----------
    model : Model
    mode : {"int8"}
    calibration : array_like, or list or dict of them
    ranges : {"mse", "minmax", "percentile"}

    Returns
    -------
    Model
    """
    _check(model, mode, calibration, ranges)
    arrays = model._input_arrays(calibration)
    model._require_built("quantize")
    for array, name in zip(arrays, model.input_names, strict=True):
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            row = int(np.argwhere(~np.isfinite(array))[0, 0])
            raise ValueError(f"quantize: calibration has NaN or Inf in row {row} of input '{name}'")
    context = model.trace(training=False, inputs=model._inputs_like(arrays))
    observed: list[tuple[Any, list[Tensor]]] = []
    for layer in {id(x): x for part in _composed(model) for x in part.layers}.values():
        tensors = [t for given in context.given.get(id(layer), []) for t in leaves(given)]
        if _fits(layer) and tensors and all(t.graph is context.graph for t in tensors):
            observed.append((layer, tensors))
    if not observed:
        raise ValueError(
            f"quantize: {model.label} has no layer that runs in int8: Dense, Conv1D and Conv2D do, where "
            "they are layers of the model itself, or of a model in it, and have one group"
        )
    scales = _scales(context.graph, observed, arrays, ranges)
    called_once = {key for key, calls in context.given.items() if len(calls) == 1}
    folded = _foldable(model, {id(layer) for layer, _ in observed} & called_once, called_once)
    known = own_things(model)
    with _registry.knowing(known):
        description = serialize(model)
    made = unpack(known, description, model.get_build_config(), model.get_weights(), None, None)
    twins = {id(old): new for old, new in zip(model._flatten_layers(), made._flatten_layers(), strict=True)}
    for layer, _ in observed:
        scale, zero = scales[id(layer)]
        twin: Quantizable = twins[id(layer)]
        kernel, bias = twin.kernel.numpy(), None if twin.bias is None else twin.bias.numpy()
        if id(layer) in folded:
            kernel, bias = _fold(twins[id(folded[id(layer)])], kernel, bias)
        twin._become_int8({"mode": "int8", "input_scale": scale, "input_zero": zero}, kernel, bias)
    for layer in made._flatten_layers():
        if hasattr(layer, "structure_version"):
            layer.structure_version += 1
    compiled = model.get_compile_config()
    if compiled is not None:
        with _registry.knowing(known):
            made.compile_from_config(compiled)
    return made


def is_quantized(model: Layer) -> bool:
    """Whether any layer of a model runs in int8.

    Parameters
    ----------
    model : Layer

    Returns
    -------
    bool
    """
    return any(layer.quantization is not None for layer in model._flatten_layers())


def _check(model: Model, mode: str, calibration: Any, ranges: str) -> None:
    if mode != "int8":
        raise ValueError(f"quantize: unknown mode {mode!r}{nearest(str(mode), ['int8'])}")
    if ranges not in _RANGES:
        raise ValueError(f"quantize: ranges must be 'mse', 'minmax' or 'percentile', got {ranges!r}")
    if calibration is None:
        raise ValueError(
            "quantize: calibration is missing: pass some hundred rows of training data, small = "
            "model.quantize('int8', calibration=x_train[:1000]); a new model is returned, this one stays"
        )
    from fastnn.models.sequential import Sequential

    for part in _composed(model):
        if not isinstance(part, Sequential) and part._network is None:
            raise TypeError(
                f"quantize: takes Sequential models and models of inputs and outputs, but {part.label} has a "
                "`call` of its own: make it of inputs and outputs"
            )
    if is_quantized(model):
        raise ValueError(f"quantize: {model.label} is quantised already")
    wide = [layer for layer in model._flatten_layers() if layer.quantizable and layer.dtype == "float64"]
    if wide:
        raise ValueError(f"quantize: {wide[0].label} computes in float64; only float32 models are quantised")


def _composed(model: Any) -> Iterator[Any]:
    """Yield a model and the models in it."""
    for layer in model._flatten_layers():
        if hasattr(layer, "structure_version"):
            yield layer


def _fits(layer: Any) -> bool:
    """Whether a layer can run in int8."""
    return bool(layer.quantizable and layer.built and math.prod(layer.kernel.shape[:-1]) <= _MOST_TERMS)


# ---- Batch normalisation -----------------------------------------------------------------------------


def _foldable(model: Model, layers: set[int], called_once: set[int]) -> dict[int, Any]:
    """Return the batch normalisations that follow layers and nothing else, by these layers' ids."""
    found: dict[int, Any] = {}
    for part in _composed(model):
        if part._network is None:
            pairs = list(itertools.pairwise(part.layers))
        else:
            uses = Counter(id(t) for node in part._network.nodes for t in node.tensors())
            uses.update(id(t) for t in (*leaves(part._network.outputs), *part._network.losses))
            pairs = [
                (t.node.layer, node.layer)
                for node in part._network.nodes
                for t in node.tensors()
                if t.node is not None and uses[id(t)] == 1
            ]
        for layer, after in pairs:
            linear = id(layer) in layers and fused_kind(layer.activation) == "linear"
            if linear and after.foldable and id(after) in called_once and not layer.activity_regularizer:
                rank = after.input_spec.ndim
                if after._place(rank) == rank - 1:
                    found[id(layer)] = after
    return found


def _fold(layer: Any, kernel: Array, bias: Array | None) -> tuple[Array, Array]:
    """Take a batch normalisation into the kernel and bias of what comes before it."""
    factor = 1.0 / np.sqrt(layer.moving_variance.numpy().astype("float64") + layer.epsilon)
    if layer.gamma is not None:
        factor = factor * layer.gamma.numpy()
    shift = (0.0 if bias is None else bias) - layer.moving_mean.numpy().astype("float64")
    beta = 0.0 if layer.beta is None else layer.beta.numpy()
    layer._forget_weights()
    layer.gamma = layer.beta = None
    del layer.moving_mean, layer.moving_variance
    layer.quantization = {"mode": "folded"}
    return kernel * factor, shift * factor + beta


# ---- Ranges ------------------------------------------------------------------------------------------


def _scales(
    graph: _core.Graph, observed: list[tuple[Layer, list[Tensor]]], arrays: list[Array], ranges: str
) -> dict[int, tuple[float, int]]:
    """Return for each layer what its inputs' bytes stand for: scale and zero."""
    numbers = list(dict.fromkeys(t.id for _, tensors in observed for t in tensors))
    labels = {t.id: layer.label for layer, tensors in observed for t in tensors}
    lows, highs = _extremes(graph, numbers, arrays, labels)
    limits: dict[int, tuple[float, float]] = {}
    for layer, tensors in observed:
        # Bytes must hold 0 exactly: padding is made of it.
        low = min([0.0, *(lows[t.id] for t in tensors)])
        high = max([0.0, *(highs[t.id] for t in tensors)])
        limits[id(layer)] = low, high
    if ranges != "minmax":
        counts = {key: np.zeros(_BINS) for key in limits}
        for values in _batches(graph, numbers, arrays):
            for layer, tensors in observed:
                low, high = limits[id(layer)]
                if high > low:
                    for tensor in tensors:
                        found, _ = np.histogram(values[tensor.id], _BINS, (low, high))
                        counts[id(layer)] += found
        narrow = _least_error if ranges == "mse" else _percentile
        limits = {
            key: narrow(counts[key], low, high) if high > low else (low, high)
            for key, (low, high) in limits.items()
        }
    return {key: _scale(low, high) for key, (low, high) in limits.items()}


def _batches(graph: _core.Graph, numbers: list[int], arrays: list[Array]) -> Iterator[dict[int, Array]]:
    """Yield the values of tensors, some rows at a time."""
    function = _core.Function(graph, numbers)
    elements = sum(math.prod(graph.shape(number)) for number in numbers)
    rows = max(1, min(256, _LARGEST // max(elements, 1)))
    for first in range(0, len(arrays[0]), rows):
        found = function.run([a[first : first + rows] for a in arrays], batch_size=rows)
        yield dict(zip(numbers, found, strict=True))


def _extremes(
    graph: _core.Graph, numbers: list[int], arrays: list[Array], labels: dict[int, str]
) -> tuple[dict[int, float], dict[int, float]]:
    lows, highs = dict.fromkeys(numbers, math.inf), dict.fromkeys(numbers, -math.inf)
    for values in _batches(graph, numbers, arrays):
        for number, value in values.items():
            lows[number] = min(lows[number], float(value.min()))
            highs[number] = max(highs[number], float(value.max()))
            if not math.isfinite(lows[number] - highs[number]):
                raise ValueError(
                    f"quantize: on the calibration data the input of {labels[number]} has NaN or Inf"
                )
    return lows, highs


def _scale(low: float, high: float) -> tuple[float, int]:
    scale = float(np.float32((high - low) / 255.0))
    if not scale > 1e-30:
        return 1.0, 0
    return scale, min(255, max(0, round(-low / scale)))


def _percentile(counts: Array, low: float, high: float) -> tuple[float, float]:
    """Leave the outermost values aside."""
    total = np.cumsum(counts) / max(counts.sum(), 1.0)
    edges = np.linspace(low, high, _BINS + 1)
    inner_high = edges[1:][min(int(np.searchsorted(total, _PERCENTILE)), _BINS - 1)]
    inner_low = edges[:-1][int(np.searchsorted(total, 1.0 - _PERCENTILE))]
    return min(0.0, float(inner_low)), max(0.0, float(inner_high))


def _least_error(counts: Array, low: float, high: float) -> tuple[float, float]:
    """Find the part of the range whose bytes are off by the least mean square."""
    width = (high - low) / _BINS
    centers = low + (np.arange(_BINS) + 0.5) * width
    best, found = math.inf, (low, high)
    for part in np.linspace(1.0, 0.2, 81):
        inner_low, inner_high = low * part, high * part
        step = (inner_high - inner_low) / 255.0
        beyond = np.maximum(np.maximum(inner_low - centers, centers - inner_high), 0.0)
        error = float((counts * (beyond**2 + step**2 / 12.0 * (beyond == 0))).sum())
        if error < best:
            best, found = error, (float(inner_low), float(inner_high))
    return found
