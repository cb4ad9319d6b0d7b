"""How layers are called: on tensors of a graph, on tensors without one, and on arrays."""

from __future__ import annotations

import functools
import inspect
import threading
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastnn import _core, random
from fastnn._names import nearest
from fastnn.layers.context import BuildContext, current
from fastnn.layers.held import check_held, naming
from fastnn.layers.nest import leaves, map_leaves
from fastnn.tensor import Node, Tensor, apply

if TYPE_CHECKING:
    from fastnn.layers.input_spec import InputSpec

_KEPT_FUNCTIONS = 4
# Extents that stand for dimensions that are not given. The first serve networks that halve and double them;
# the smaller ones layers that take only so many positions.
_PROBES = ((128, 192), (32, 48), (8, 12), (2, 3))


class Calls:
    """Mixin that makes a layer callable."""

    takes_unbatched = False  # whether inputs may lack the axis of samples
    keeps_layers_used = False  # whether layers that its call uses become parts of it afterwards
    dtype: str
    built: bool
    stateful: bool
    supports_masking: bool
    compute_mask: Callable[[Any, Any], Any]
    _sublayers: Callable[[], list[Any]]
    activity_regularizer: Any
    input_spec: InputSpec | None
    integer_inputs: bool
    casts_inputs: bool
    _nodes: list[Node]
    _functions: dict[Any, Any]
    _lock: threading.RLock
    label: Any
    input_dtype: Any
    build: Callable[..., None]
    call: Callable[..., Any]
    _flatten_layers: Callable[[], list[Any]]

    def __call__(self, inputs: Any, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Apply the layer to tensors, or at once to arrays with a row a sample.

        Parameters
        ----------
        inputs : Tensor or array_like, or a list, tuple or dict of them
        *args, **kwargs
            Further arguments of `call`; tensors and arrays among them are inputs, too.
        training : bool, optional
            Whether to work as in training (dropout, batch statistics), whatever the model does.

        Returns
        -------
        Tensor or numpy.ndarray, or a structure of them
        """
        extra = self._named_arguments(args, kwargs)
        if "training" in extra:
            training = extra.pop("training")
        tensors = [leaf for leaf in (*leaves(inputs), *leaves(extra)) if isinstance(leaf, Tensor)]
        if not tensors:
            self._refuse_layers_and_nothing(inputs)
            return self._call_on_arrays(inputs, bool(training), extra)
        for leaf in (*leaves(inputs), *(leaf for leaf in leaves(extra) if isinstance(leaf, np.ndarray))):
            if leaf is not None and not isinstance(leaf, Tensor):
                raise TypeError(
                    f"{self.label}: inputs must be all tensors or all arrays, got a {type(leaf).__name__} "
                    "among tensors"
                )
        if any((tensor.graph is None) != (tensors[0].graph is None) for tensor in tensors):
            raise ValueError(
                f"{self.label}: among its inputs are tensors of a graph that is being built and such without "
                "a graph, as Input makes them; a layer's `call` can use only what it is given"
            )
        if tensors[0].graph is not None:
            return self._call_in_graph(inputs, training, extra)
        node = Node(self, inputs, extra, training)
        node.outputs = map_leaves(lambda t: node.output(t), self._declare(inputs, training, extra))
        self._nodes.append(node)
        return node.outputs

    def _refuse_layers_and_nothing(self, inputs: Any) -> None:
        given = list(leaves(inputs))
        if all(leaf is None for leaf in given):
            raise TypeError(f"{self.label}: was called without inputs, on {inputs!r}")
        for leaf in given:
            if isinstance(leaf, Calls):
                raise TypeError(
                    f"{self.label}: was called on {leaf.label} itself, not on what it returns; call that "
                    "layer on its own inputs first"
                )

    def _named_arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Further arguments of `call` by their names."""
        names, open_ended, _ = _call_arguments(type(self).call)
        if len(args) > len(names):
            raise TypeError(
                f"{self.label}: call takes {len(names)} arguments after the inputs, got {len(args)}"
            )
        named = dict(zip(names, args, strict=False))
        for name, value in kwargs.items():
            if name in named or (name not in names and not open_ended):
                what = "got its argument twice:" if name in named else "call has no argument"
                raise TypeError(f"{self.label}: {what} '{name}'{nearest(name, names)}")
            named[name] = value
        return named

    def _call_in_graph(
        self, inputs: Any, training: bool | None, extra: Mapping[str, Any] | None = None
    ) -> Any:
        context = current(self.label)
        shapes = map_leaves(lambda t: None if t is None else t.shape, inputs)
        self._check(shapes)
        fresh = not self.built
        if fresh:
            with self._lock:
                if not self.built:
                    self._build_for(shapes)
            self._check(shapes)
        for leaf in leaves(inputs):
            if leaf is not None and leaf.shape[:1] != (None,) and not self.takes_unbatched:
                raise ValueError(
                    f"{self.label}: takes batches, whose axis 0 counts samples, but its input {leaf.name!r} "
                    f"of shape {leaf.shape} is unbatched; in fastnn.grad say which arguments are batches, as "
                    "by batched=0"
                )
            if leaf is not None and leaf.dtype in ("float32", "float64") and leaf.dtype != self.dtype:
                raise TypeError(
                    f"{self.label}: computes in {self.dtype}, but its input {leaf.name!r} is {leaf.dtype}. "
                    "Give all layers of a model the same dtype."
                )
        if self.casts_inputs:
            inputs = map_leaves(self._as_floating, inputs)
        context.given.setdefault(id(self), []).append(inputs)
        outer = context.training
        context.training = outer if training is None else bool(training)
        context.enter(self.label, self)
        try:
            arguments = dict(extra or {})
            names, _, takes_training = _call_arguments(type(self).call)
            if takes_training:
                arguments["training"] = context.training
            masks = map_leaves(lambda t: None if t is None else t.mask, inputs)
            if "mask" in names and arguments.get("mask") is None:
                arguments["mask"] = masks
            try:
                outputs = self.call(inputs, **arguments)
            except (TypeError, ValueError) as error:
                named = naming(error, self.label)
                if named is error:
                    raise
                raise named from error
            if not any(True for _ in leaves(outputs)):
                raise TypeError(f"{self.label}: call must return tensors, but it returned {outputs!r}")
            self._hand_on_masks(inputs, arguments["mask"] if "mask" in names else masks, outputs)
            for leaf in leaves(outputs):
                if not isinstance(leaf, Tensor):
                    found = "nothing" if leaf is None else f"a {type(leaf).__name__}"
                    raise TypeError(f"{self.label}: call must return tensors, but it returned {found}")
                if self.activity_regularizer is not None:
                    context.add_loss(self.activity_regularizer.activity(leaf), self.label)
            context.called.setdefault(id(self), map_leaves(lambda t: t.shape, outputs))
        finally:
            context.leave()
            context.training = outer
        check_held(context.callers, self, fresh)
        return outputs

    def _as_floating(self, tensor: Any) -> Any:
        if tensor is None or tensor.dtype in ("float32", "float64"):
            return tensor
        return apply("cast", [tensor], {"dtype": self.dtype})

    def _build_for(self, shapes: Any) -> None:
        self.build(shapes)

    def _hand_on_masks(self, inputs: Any, masks: Any, outputs: Any) -> None:
        """Give the outputs their masks, unless layers within have done so."""
        found = list(leaves(outputs))
        if any(isinstance(leaf, Tensor) and leaf.mask is not None for leaf in found):
            return
        if not self.supports_masking:
            lost = any(mask is not None for mask in leaves(masks))
            if lost and "mask" not in _call_arguments(type(self).call)[0] and not self._sublayers():
                warnings.warn(
                    f"{self.label}: got an input with a mask, but does not hand masks on: layers behind it "
                    "do not see which steps are padding",
                    stacklevel=2,
                )
            return
        given = list(leaves(self.compute_mask(inputs, masks)))
        if len(given) == 1:
            given *= len(found)
        for leaf, mask in zip(found, given, strict=True):
            if isinstance(leaf, Tensor) and mask is not None:
                leaf.mask = mask

    def add_loss(self, loss: Tensor) -> None:
        """Add to the loss that training minimises; to be called in `call`.

        Parameters
        ----------
        loss : Tensor
            Its mean over samples and positions is added; a float64 scalar is added as it is.

        Examples
        --------
        >>> import numpy as np, fastnn
        >>> class Quiet(fastnn.layers.Layer):
        ...     def call(self, inputs):
        ...         self.add_loss(fastnn.tensor.apply("activation", [inputs], {"kind": "relu"}))
        ...         return inputs
        >>> model = fastnn.Sequential([fastnn.Input((2,)), Quiet()])
        >>> model.compile("sgd", "mse")
        >>> model.evaluate(np.ones((4, 2)), np.ones((4, 2)), verbose=0)
        1.0
        """
        current(f"{self.label}: add_loss").add_loss(loss, self.label)

    def _check(self, shapes: Any) -> None:
        spec = self.input_spec
        if spec is not None:
            if not isinstance(shapes, tuple) or (shapes and isinstance(shapes[0], (tuple, list))):
                raise ValueError(f"{self.label}: expected one input, got {len(shapes)}")
            spec.check(self.label, shapes)

    def _input_dtypes(self, inputs: Any) -> list[str | None]:
        """Say what an `Input` becomes that is given as one of these inputs; None: what it was declared as."""
        own = not type(self).__module__.startswith("fastnn.")  # a class that may do anything with integers
        return [None if own and not self.integer_inputs else self.input_dtype for _ in leaves(inputs)]

    def _declare(
        self, inputs: Any, training: bool | None = None, extra: Mapping[str, Any] | None = None
    ) -> Any:
        """Call the layer in a graph that is thrown away: builds it, checks, finds the outputs' shapes.

        Where dimensions are not given (None), two extents stand for them in turn: a dimension of the outputs
        that differs between the two is None as well.
        """
        tensors = [leaf for leaf in (*leaves(inputs), *leaves(extra or {})) if isinstance(leaf, Tensor)]
        if all(extent is not None for tensor in tensors for extent in tensor.shape[1:]):
            return self._probe(inputs, training, extra or {}, None)
        shapes = map_leaves(lambda t: None if t is None else t.shape, inputs)
        if not self.built:
            try:
                with self._lock, BuildContext() as context:
                    sizes = [tensor.batch_size for tensor in tensors if tensor.batch_size is not None]
                    context.batch_size = sizes[0] if sizes else None
                    self._build_for(shapes)
            except TypeError as error:  # None in arithmetic
                raise ValueError(
                    f"{self.label}: needs dimensions that are not given (input shape {shapes}): {error}"
                ) from error
        self._check(shapes)
        failure: ValueError | None = None
        for extents in _PROBES:
            try:
                first, second = (self._probe(inputs, training, extra or {}, extent) for extent in extents)
            except ValueError as error:
                failure = failure or error
                continue
            others = iter(list(leaves(second)))
            return map_leaves(lambda t, o=others: _common(t, next(o)), first)  # type: ignore[misc]
        raise ValueError(f"{self.label}: does not take inputs of shape {shapes}: {failure}") from failure

    def _probe(self, inputs: Any, training: bool | None, extra: Mapping[str, Any], extent: int | None) -> Any:
        made: dict[int, Tensor] = {}
        dtypes = iter(self._input_dtypes(inputs))

        def stand_in(tensor: Any, dtype: str | None) -> Any:
            if not isinstance(tensor, Tensor):
                return tensor
            if id(tensor) not in made:
                made[id(tensor)] = context.placeholder(tensor, dtype, extent)
            return made[id(tensor)]

        with BuildContext() as context:
            arguments = map_leaves(lambda t: stand_in(t, next(dtypes)), inputs)
            return self._call_in_graph(
                arguments, training, map_leaves(lambda t: stand_in(t, None), dict(extra))
            )

    @property
    def input(self) -> Any:
        """What the layer was called on: a tensor without a graph, or a structure of them.

        Raises
        ------
        ValueError
            If the layer was called on no such tensors yet, or more than once.
        """
        return self._only_node("input").inputs

    @property
    def output(self) -> Any:
        """What the layer returned when it was called on `input`."""
        return self._only_node("output").outputs

    def _only_node(self, what: str) -> Node:
        if not self._nodes:
            raise ValueError(
                f"{self.label}: has no {what} yet: it was not called on an Input or a layer's output"
            )
        if len(self._nodes) > 1:
            raise ValueError(
                f"{self.label}: was called {len(self._nodes)} times, so '{what}' could be any of several; "
                f"use get_{what}_at(index)"
            )
        return self._nodes[0]

    def get_input_at(self, index: int) -> Any:
        """Return what the layer was called on in one of its calls, counted from 0."""
        return self._node_at(index).inputs

    def get_output_at(self, index: int) -> Any:
        """Return what the layer returned in one of its calls, counted from 0."""
        return self._node_at(index).outputs

    def _node_at(self, index: int) -> Node:
        if not -len(self._nodes) <= index < len(self._nodes):
            raise ValueError(f"{self.label}: no call {index}, there were {len(self._nodes)}")
        return self._nodes[index]

    def _call_on_arrays(self, inputs: Any, training: bool, extra: Mapping[str, Any] | None = None) -> Any:
        from fastnn.data_adapter import as_rows

        arrays = map_leaves(
            lambda value: None if value is None else as_rows(value, f"{self.label}: input"), inputs
        )
        given = {
            name: map_leaves(
                lambda value, name=name: (  # type: ignore[misc]
                    as_rows(value, f"{self.label}: {name}") if hasattr(value, "__array__") else value
                ),
                value,
            )
            for name, value in (extra or {}).items()
        }
        rows = [leaf for leaf in (*leaves(arrays), *leaves(given)) if isinstance(leaf, np.ndarray)]
        for name, leaf in (("an input", arrays), *given.items()):
            for other in leaves(leaf):
                if isinstance(other, np.ndarray) and len(other) != len(rows[0]):
                    raise ValueError(
                        f"{self.label}: its input has {len(rows[0])} rows, but {name} has {len(other)}; all "
                        "must have one for each sample"
                    )
        flags = tuple((layer.trainable, layer.dtype_policy) for layer in self._flatten_layers())
        key = (str(map_leaves(_described, [arrays, given])), training, flags)
        with self._lock:
            made = self._functions.get(key)
            if made is None:
                with BuildContext(training=training) as context:

                    def stand_in(array: Any, dtype: str | None) -> Any:
                        if not isinstance(array, np.ndarray):
                            return array
                        declared = Tensor((None, *array.shape[1:]), _dtype_of(array, self.dtype))
                        declared.batch_size = len(array) if self.stateful else None
                        return context.placeholder(declared, dtype)

                    dtypes = iter(self._input_dtypes(arrays))
                    outputs = self._call_in_graph(
                        map_leaves(lambda a: stand_in(a, next(dtypes)), arrays),
                        training,
                        map_leaves(lambda a: stand_in(a, None), given),
                    )
                fetch = [t.id for t in leaves(outputs)] + [value.id for _, value in context.updates]
                made = (_core.Function(context.graph, fetch), outputs, [w for w, _ in context.updates])
                self._functions[key] = made
                if len(self._functions) > _KEPT_FUNCTIONS:
                    del self._functions[next(iter(self._functions))]
        function, outputs, states = made
        results = iter(function.run(rows, seed=random.next_seed() if training else 0))
        values = map_leaves(lambda _: np.asarray(next(results)), outputs)
        for weight in states:
            weight.assign(next(results))
        return values


@functools.lru_cache(maxsize=1024)
def _call_arguments(call: Callable[..., Any]) -> tuple[tuple[str, ...], bool, bool]:
    """Names of a `call`'s arguments after the inputs, whether it takes any keyword, and ``training``."""
    parameters = list(inspect.signature(call).parameters.values())[2:]
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters)
    return tuple(names), open_ended, open_ended or "training" in names


def _common(first: Tensor, second: Tensor) -> Tensor:
    """Return the tensor with None where the extents of two differ."""
    if first.ndim != second.ndim:
        raise ValueError(f"the output's rank depends on the input's extents: {first.shape}, {second.shape}")
    shape = tuple(a if a == b else None for a, b in zip(first.shape, second.shape, strict=True))
    if shape[:1] == (None,) and first.shape[0] is not None:
        raise ValueError(
            f"a result of shape {first.shape} is one for the batch, and its first dimension varies with the "
            "input: between layers that cannot be told from samples; compute on in a layer's call"
        )
    return Tensor(shape, first.dtype, first.name)


def _described(value: Any) -> Any:
    return f"{value.dtype.kind}{value.shape[1:]}" if isinstance(value, np.ndarray) else repr(value)


def _dtype_of(array: npt.NDArray[Any], floating: str) -> str:
    return floating if array.dtype.kind == "f" else str(array.dtype)
