"""`scan`: a function applied along an axis, one node of the graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastnn.layers.base import Layer
from fastnn.layers.context import BuildContext, current
from fastnn.layers.nest import leaves, map_leaves
from fastnn.layers.weight import Weight
from fastnn.ops._dispatch import as_tensor, is_batched
from fastnn.tensor import Tensor, apply, graph_tensor

__all__ = ["scan"]


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
    recompute: bool = False,
) -> tuple[Any, Any]:
    """Apply a function along the axis of steps, carrying values from step to step.

    ``carry, y = f(carry, x)`` for each step; the function is traced once, into a graph of its own that one
    node of the model runs. For gradients the carries of all steps are kept, and the results of dense products
    and convolutions; the rest of a step is computed again on the way back.

    Parameters
    ----------
    f : callable
        Gets the carry and one step of `xs`, returns the new carry, like the old one in structure, shapes and
        dtypes, and what is to be collected, or None. It may call layers, use weights, and use tensors from
        around it, which are the same at every step.
    init : Tensor, Weight, or a nest (tuple, list, dict) of them
        The first carry: (None, ...), or without a batch dimension where it is the same for all samples.
    xs : Tensor or a nest of them, optional
        Steps along the first axis after that of the samples: (None, steps, ...).
    length : int, optional
        Number of steps; needed where there are no `xs`.
    reverse : bool, default False
        Whether to go from the last step to the first. What is collected keeps the order of `xs`.
    unroll : int or bool
        Accepted for likeness to other libraries; it changes nothing.
    recompute : bool, default False
        Whether gradients keep the carries alone and compute all of a step again: less memory, more time.

    Returns
    -------
    carry, ys
        The last carry, and what was collected, with an axis of steps after that of the samples.

    Raises
    ------
    ValueError
        If lengths differ, or the carry's structure or shape changes.
    TypeError
        If `f` does not return a carry and an output, or a carry's dtype changes.

    Notes
    -----
    Weights within may be used by dense products, as biases, in elementwise ops and in layer normalisation.
    Ops over the whole batch, as batch normalisation in training, are refused.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import layers, ops
    >>> class RunningSum(layers.Layer):
    ...     def call(self, inputs):
    ...         def add(total, x):
    ...             total = total + x
    ...             return total, total
    ...         last, sums = ops.scan(add, 0 * inputs[:, 0], inputs)
    ...         return sums
    >>> RunningSum()(np.array([[[1.0], [2.0], [3.0]]], "float32"))[0, :, 0]
    array([1., 3., 6.], dtype=float32)
    """
    if not callable(f):
        raise TypeError(f"scan: f must be a function of a carry and a step, got {f!r}")
    given = [leaf for leaf in (*leaves(init), *leaves(xs)) if isinstance(leaf, Tensor)]
    if any(tensor.graph is None for tensor in given):
        layer = Scan(f, length, reverse, recompute, dtype=_floating(given))
        found = iter(list(leaves(layer([init, xs]))))
        carry, ys = map_leaves(lambda leaf: None if leaf is None else next(found), layer.returned)
        return carry, ys
    if not given and not _building():
        raise TypeError("scan: works on tensors; call it in a layer's `call`, or on an Input")
    return trace_scan(f, init, xs, length, reverse, recompute)


class Zeros:
    """A carry that begins as zeros.

    Parameters
    ----------
    shape : tuple of int
        Without the samples.
    dtype : str

    Examples
    --------
    >>> from fastnn.ops.loops import Zeros
    >>> Zeros((3,), "float32").shape
    (None, 3)
    """

    def __init__(self, shape: Sequence[int], dtype: str) -> None:
        self.shape = (None, *shape)
        self.dtype = dtype
        self.id: int | None = None


class Scan(Layer):
    """Applies `fastnn.ops.scan`: what is recorded where it is called on an `Input`.

    Parameters
    ----------
    f : callable
    length, reverse, recompute
        See `fastnn.ops.scan`.
    **kwargs
        ``name``, ``dtype``.

    Notes
    -----
    The layers that `f` calls belong to it. It cannot be saved, for a function cannot: put the scan into the
    `call` of a layer of your own, or write a cell and take `fastnn.layers.RNN`.

    Examples
    --------
    >>> import fastnn
    >>> from fastnn.ops.loops import Scan
    >>> x = fastnn.Input(shape=(5, 3))
    >>> last, steps = Scan(lambda total, x: (total + x, total))([fastnn.Input(shape=(3,)), x])
    >>> last.shape, steps.shape
    ((None, 3), (None, 5, 3))
    """

    def __init__(
        self,
        f: Callable[[Any, Any], tuple[Any, Any]],
        length: int | None = None,
        reverse: bool = False,
        recompute: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.f = f
        self.length = length
        self.reverse = bool(reverse)
        self.recompute = bool(recompute)
        self._inner: list[Layer] = []  # those that `f` was found to use
        self.returned: Any = None  # what the last trace gave, with its structure

    keeps_layers_used = True

    def _input_dtypes(self, inputs: Any) -> list[str | None]:
        return [None for _ in leaves(inputs)]

    def call(self, inputs: Any) -> Any:
        """Run the function along the steps; returns all tensors in a list."""
        init, xs = inputs
        before = len(current(self.label).weights)
        result = trace_scan(self.f, init, xs, self.length, self.reverse, self.recompute)
        for weight, _ in current(self.label).weights[before:]:
            if all(weight.owner is not layer for layer in self._inner):
                self._inner.append(weight.owner)
        self.returned = list(result)
        return [leaf for leaf in leaves(self.returned) if leaf is not None]

    def get_config(self) -> dict[str, Any]:
        """Raise NotImplementedError: a function has no plain form."""
        raise NotImplementedError(
            f"{self.label}: the function of a scan cannot be saved; put the scan into the `call` of a "
            "layer of your own, or write a cell and take layers.RNN"
        )


class BodyContext(BuildContext):
    """The graph of a scan's body under construction.

    Weights are also used in the graph around it, where their gradients arrive; tensors of that graph become
    constants.

    Parameters
    ----------
    outer : BuildContext
        That of the graph around it.

    Examples
    --------
    >>> from fastnn.layers import BuildContext
    >>> from fastnn.ops.loops import BodyContext
    >>> BodyContext(BuildContext(training=True)).training
    True
    """

    def __init__(self, outer: BuildContext) -> None:
        super().__init__(training=outer.training)
        self.outer = outer
        self.constants: list[tuple[Tensor, Tensor]] = []  # outer's tensor, the body's
        self.samples: Tensor | None = None  # a batched tensor of the graph around it
        self._made: dict[Any, Tensor] = {}
        self._scopes = [*outer._scopes]
        self._calling = [*outer._calling]

    def use(self, weight: Weight) -> Tensor:
        """Return the tensor of a weight."""
        known = self._used.get(id(weight))
        if known is None:
            with self.outer:  # its penalty belongs there
                self.outer.use(weight)
            known = graph_tensor(self.graph, self.graph.parameter(weight.store, weight.name), weight.path)
            self._used[id(weight)] = known
            self.weights.append((weight, known))
        return known

    def adopt(self, tensor: Tensor) -> Tensor:
        """Return the body's stand-in for a tensor from around it."""
        if tensor.graph is self.graph:
            return tensor
        for outside, inside in self.constants:
            if outside.id == tensor.id and outside.graph is tensor.graph:
                return inside
        around = self.outer.adopt(tensor)
        inside = self.input(tensor.name, around, batched=None)
        self.constants.append((around, inside))
        if around is not tensor:  # asked for by its own number next time
            self.constants.append((tensor, inside))
        return inside

    def once(self, key: Any, make: Callable[[Tensor], Tensor], like: Tensor) -> Tensor:
        """Return the body's stand-in for what `make` computed outside of the loop."""
        if key not in self._made:
            if self.samples is None:
                raise ValueError(f"{self.scope}: a scan without xs and init of samples has none to draw for")
            with self.outer:
                self._made[key] = self.outer.once(key, make, self.samples)
        return self.adopt(self._made[key])

    def input(self, name: str, like: Any, batched: bool | None = True, stepped: bool = False) -> Tensor:
        """Add an input to the body: one sample of `like`, or a step of it."""
        own = bool(like.shape) and like.shape[0] is None
        dims = [n for n in like.shape if n is not None][1 if stepped else 0 :]
        kind = own if batched is None else batched
        return graph_tensor(self.graph, self.graph.input(name, dims, like.dtype, kind), name)

    def assign(self, weight: Weight, value: Tensor) -> None:
        """Refuse: state is assigned once a training step."""
        raise ValueError(
            f"{self.scope}: state '{weight.path}' cannot be assigned in a scan (that of "
            f"{self.outer.scope or 'a function'}); make it part of the carry"
        )


def trace_scan(
    f: Callable[[Any, Any], Any],
    init: Any,
    xs: Any,
    length: int | None = None,
    reverse: bool = False,
    recompute: bool = False,
) -> tuple[Any, Any]:
    """Add the node of a scan to the graph that is being built; see `scan`."""
    outer = current("scan")
    scope = outer.scope or "scan"
    name = scope if scope == "scan" else f"{scope}: scan"
    begin = map_leaves(lambda leaf: _operand(outer, name, "init", leaf), init)
    steps = map_leaves(lambda leaf: None if leaf is None else _operand(outer, name, "xs", leaf), xs)
    count = _length(name, [leaf for leaf in leaves(steps) if leaf is not None], length)
    body = BodyContext(outer)
    known = [t for t in (*leaves(steps), *leaves(begin)) if isinstance(t, Tensor)]
    body.samples = next((t for t in known if is_batched(t)), None)
    with body:
        body.enter(name)
        paths = iter(list(_paths("carry", begin)))
        carry = map_leaves(lambda t: body.input(next(paths), t), begin)
        step = map_leaves(lambda t: None if t is None else body.input(t.name, t, stepped=True), steps)
        returned = f(carry, step)
        if not isinstance(returned, (tuple, list)) or len(returned) != 2:
            raise TypeError(f"{name}: the function must return a pair (carry, y), got {returned!r}")
        new, ys = returned
        made = _checked_carry(body, name, carry, new)
        outputs = [_output(body, name, leaf) for leaf in leaves(ys) if leaf is not None]
    if body.penalties:
        raise ValueError(
            f"{name}: losses and activity regularizers cannot be added within a scan; collect what they "
            "are made of and add them outside"
        )
    outer.largest = max(outer.largest, count * body.largest)
    inputs, constants = _constants(body, outer)
    attributes = {
        "body": body.graph,
        "length": count,
        "reverse": bool(reverse),
        "carries": [t.id for t in leaves(carry)],
        "sequences": [t.id for t in leaves(step) if t is not None],
        "constants": [t.id for t in constants],
        "carry_outputs": [t.id for t in made],
        "outputs": [t.id for t in outputs],
        "residuals": [] if recompute else None,
    }
    operands = [
        *(t.id for t in leaves(begin)),
        *(t.id for t in leaves(steps) if t is not None),
        *(t.id for t in inputs),
        *outer.graph.parameters_of(body.graph),
    ]
    results = outer.graph.add("scan", operands, attributes, scope)
    tensors = iter([graph_tensor(outer.graph, number, scope) for number in results])
    last = map_leaves(lambda _: next(tensors), begin)
    return last, map_leaves(lambda leaf: None if leaf is None else next(tensors), ys)


def _constants(body: BodyContext, outer: BuildContext) -> tuple[list[Tensor], list[Tensor]]:
    """Return captured tensors: the outer graph's and the body's, each pair once."""
    pairs = [(out, inner) for out, inner in body.constants if out.graph is outer.graph]
    return [out for out, _ in pairs], [inner for _, inner in pairs]


def _operand(outer: BuildContext, name: str, argument: str, leaf: Any) -> Any:
    if isinstance(leaf, Zeros):
        return leaf
    if isinstance(leaf, Weight):
        return outer.use(leaf)
    if isinstance(leaf, Tensor):
        return outer.adopt(leaf)
    if isinstance(leaf, (int, float, np.number, np.ndarray)) and not isinstance(leaf, bool):
        return as_tensor(leaf)
    raise TypeError(f"{name}: {argument} must hold tensors, got {leaf!r}")


def _output(body: BodyContext, name: str, leaf: Any) -> Tensor:
    if isinstance(leaf, Weight):
        leaf = body.use(leaf)
    if not isinstance(leaf, Tensor):
        raise TypeError(f"{name}: the function must return tensors, got {leaf!r}")
    return body.adopt(leaf)


def _checked_carry(body: BodyContext, name: str, old: Any, new: Any) -> list[Tensor]:
    before, after = list(_paths("carry", old)), list(_paths("carry", new))
    if before != after:
        missing = next((p for p in before if p not in after), None)
        extra = next((p for p in after if p not in before), None)
        what = (
            f"{missing} is missing" if missing else f"{extra} was not there" if extra else "its order differs"
        )
        raise ValueError(f"{name}: the carry that the function returns is not like the one it got: {what}")
    made = []
    for path, begin, leaf in zip(before, leaves(old), leaves(new), strict=True):
        tensor = _output(body, name, leaf)
        if tensor.shape == begin.shape[1:] and tensor.dtype == begin.dtype:
            tensor = apply("broadcast_samples", [tensor, begin])  # the same for all samples
        if tensor.shape != begin.shape or tensor.dtype != begin.dtype:
            kind = ValueError if tensor.dtype == begin.dtype else TypeError
            raise kind(
                f"{name}: {path} begins as {begin.shape} {begin.dtype}, but the function returns "
                f"{tensor.shape} {tensor.dtype} for it; shape and dtype must stay the same"
            )
        made.append(tensor)
    return made


def _paths(prefix: str, value: Any) -> Any:
    """Names of a nest's leaves."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(f"{prefix}[{key!r}]", inner)
    elif isinstance(value, (list, tuple)):
        for i, inner in enumerate(value):
            yield from _paths(f"{prefix}[{i}]", inner)
    else:
        yield prefix


def _length(name: str, steps: Sequence[Tensor], length: int | None) -> int:
    found: int | None = None if length is None else int(length)
    if found is not None and found < 1:
        raise ValueError(f"{name}: length must be at least 1, got {length}")
    for tensor in steps:
        extents = [n for n in tensor.shape if n is not None]
        if not extents:
            raise ValueError(f"{name}: xs of shape {tensor.shape} have no axis of steps")
        if found is not None and extents[0] != found:
            raise ValueError(f"{name}: xs have {extents[0]} steps (shape {tensor.shape}), expected {found}")
        found = extents[0]
    if found is None:
        raise ValueError(f"{name}: without xs the number of steps must be given as length")
    return found


def _floating(tensors: Sequence[Tensor]) -> str | None:
    return next((t.dtype for t in tensors if t.dtype in ("float32", "float64")), None)


def _building() -> bool:
    try:
        current("scan")
    except RuntimeError:
        return False
    return True
