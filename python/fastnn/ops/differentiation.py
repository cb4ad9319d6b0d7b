"""Gradients within a graph, and of functions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnn import _core, config, random
from fastnn.ops._dispatch import FLOATS, dims, is_batched
from fastnn.tensor import Tensor, apply, graph_input, graph_tensor

_KEPT = 8


def gradients(y: Tensor, xs: Any, seed: Tensor | None = None, unconnected: str = "raise") -> Any:
    """Return the gradients of a tensor with respect to others, as nodes of the graph that is being built.

    To be used in a layer's `call` or a loss: for gradient penalties and physics-informed networks. The
    results are tensors like others, and can be differentiated again.

    Parameters
    ----------
    y : Tensor
        What to differentiate. Of more than a single number the sum is taken: where samples do not depend on
        each other, that gives each sample's derivative by its own `xs`.
    xs : Tensor, Weight, or sequence of them
        With respect to what.
    seed : Tensor, optional
        Of y's shape: weights of that sum, 1 by default.
    unconnected : {"raise", "zeros"}
        What to do if y does not depend on one of the `xs`.

    Returns
    -------
    Tensor or list of Tensor
        As `xs`, of the same shapes.

    Raises
    ------
    TypeError
        If y or one of the `xs` is no tensor of a graph, or not floating point.
    ValueError
        If y does not depend on one of the `xs`, or an op in between has no gradient, or no second one.

    Examples
    --------
    >>> import numpy as np, fastnn
    >>> from fastnn import ops
    >>> class Slope(fastnn.layers.Layer):
    ...     def call(self, inputs):
    ...         return ops.gradients(inputs**3, inputs)
    >>> Slope()(np.array([[1.0, 2.0]]))
    array([[ 3., 12.]], dtype=float32)
    """
    if unconnected not in ("raise", "zeros"):
        raise ValueError(f"gradients: unconnected must be 'raise' or 'zeros', got {unconnected!r}")
    given = list(xs) if isinstance(xs, (list, tuple)) else [xs]
    results = _found(y, given, len(given) if unconnected == "raise" else 0, seed)
    return results if isinstance(xs, (list, tuple)) else results[0]


def _found(y: Any, xs: Sequence[Any], strict: int, seed: Tensor | None = None) -> list[Tensor]:
    """Return gradients; of those after the first `strict` ones zeros where y does not depend on them."""
    from fastnn.layers.weight import Weight

    for what, tensor in (("y", y), *((f"xs[{i}]", x) for i, x in enumerate(xs))):
        if isinstance(tensor, Weight):
            continue
        if not isinstance(tensor, Tensor) or tensor.graph is None:
            raise TypeError(
                f"gradients: {what} must be a tensor of the graph that is being built, got {tensor!r}; call "
                "it in a layer's `call`, or use fastnn.grad"
            )
        if tensor.dtype not in FLOATS:
            raise TypeError(
                f"gradients: {what}, tensor {tensor.name!r}, holds {tensor.dtype}, which has no gradient"
            )
    targets = [_used(x) for x in xs]
    made = _add_gradients(_used(y), targets, seed)
    for i, (found, target) in enumerate(zip(made, targets, strict=True)):
        if found is None and i < strict:
            raise ValueError(
                f"gradients: y, tensor {y.name!r}, does not depend on xs[{i}], tensor {target.name!r}; "
                "unconnected='zeros' gives zeros"
            )
    return [_zeros(t) if found is None else found for found, t in zip(made, targets, strict=True)]


def _used(x: Any) -> Tensor:
    from fastnn.layers.context import current

    context = current("gradients")
    return context.adopt(x) if isinstance(x, Tensor) else context.use(x)


def _add_gradients(y: Tensor, targets: Sequence[Tensor], seed: Tensor | None = None) -> list[Tensor | None]:
    graph = y.graph
    assert graph is not None
    if seed is None and (is_batched(y) or y.shape):
        seed = _filled(y, 1.0)
    ids = graph.gradients(y.id, [target.id for target in targets], None if seed is None else seed.id)
    made = [None if found is None else graph_tensor(graph, found, "gradient") for found in ids]
    # Gradients are 0 in lanes without a sample; as values to go on with they must be as those of samples.
    return [apply("repeat_padding", [t]) if t is not None and is_batched(t) else t for t in made]


def _filled(like: Tensor, value: float) -> Tensor:
    made = apply("fill", [], {"value": value, "shape": dims(like), "dtype": like.dtype})
    return apply("broadcast_samples", [made, like]) if is_batched(like) else made


def _zeros(like: Tensor) -> Tensor:
    return _filled(like, 0.0)


def value_and_grad(
    f: Callable[..., Any],
    argnums: int | Sequence[int] | None = 0,
    weights: Any = None,
    batched: int | Sequence[int] = (),
    training: bool = False,
    dtype: str | None = None,
) -> Callable[..., Any]:
    """Make of a function one that returns its value and its gradients.

    Parameters
    ----------
    f : callable
        A function of tensors, made of ops, layers and models, that returns a scalar: the sum or mean of
        something. It is called once for arguments of each shape and dtype, and its graph is kept: what else
        it reads is as it was then, but for weights.
    argnums : int, sequence of int or None, default 0
        With respect to which arguments; None for none.
    weights : Layer, Model, Weight or sequence of them, optional
        With respect to which weights, besides; of layers and models the trainable ones. Zeros where one has
        no effect.
    batched : int or sequence of int, default ()
        Which arguments are batches, with a row a sample, as layers and models want them.
    training : bool, default False
        Whether layers work as in training. State is updated then.
    dtype : {"float32", "float64"}, optional
        What arguments of floating point are converted to; by default batches become
        `fastnn.config.floatx()`, as layers want them, and of others float64 arrays stay and the rest become
        float32.

    Returns
    -------
    callable
        ``g(*args)``, which returns the value and the gradients: an array for an int, a tuple for a sequence;
        with `weights` a tuple of these and a list for the weights, or that list alone if `argnums` is None.
        Called on tensors, it adds nodes to the graph that is being built; so it nests.

    Raises
    ------
    TypeError
        When called: if f does not return a tensor, or an argument is of integers.
    ValueError
        When called: if f returns no scalar, or does not depend on an argument.

    Examples
    --------
    >>> import numpy as np, fastnn
    >>> from fastnn import ops
    >>> value, slope = fastnn.value_and_grad(lambda x: ops.sum(x**2))(np.array([1.0, 2.0]))
    >>> float(value), slope
    (5.0, array([2., 4.]))
    >>> model = fastnn.Sequential([fastnn.Input((3,)), fastnn.layers.Dense(1)])
    >>> loss = lambda x, y: ops.mean((model(x) - y) ** 2)
    >>> step = fastnn.value_and_grad(loss, argnums=None, weights=model, batched=(0, 1))
    >>> value, gradients = step(np.ones((8, 3)), np.zeros((8, 1)))
    >>> [g.shape for g in gradients]
    [(3, 1), (1,)]
    """
    if not callable(f):
        raise TypeError(f"grad: expected a function, got {f!r}")
    transformed = _Differentiated(f, argnums, weights, batched, training, dtype)

    def with_value(*args: Any) -> Any:
        return transformed(args)

    with_value.__name__ = f"value_and_grad_of_{getattr(f, '__name__', 'function')}"
    return with_value


def grad(
    f: Callable[..., Any],
    argnums: int | Sequence[int] | None = 0,
    weights: Any = None,
    batched: int | Sequence[int] = (),
    training: bool = False,
    dtype: str | None = None,
) -> Callable[..., Any]:
    """Make of a function one that returns its gradients.

    Parameters
    ----------
    f : callable
        A function of tensors that returns a scalar.
    argnums, weights, batched, training, dtype
        See `value_and_grad`.

    Returns
    -------
    callable
        ``g(*args)``, which returns the gradients, as `value_and_grad` does beside the value. It nests:
        ``grad(lambda x: ops.sum(grad(f)(x)))`` is of the second order.

    Raises
    ------
    TypeError, ValueError
        As `value_and_grad`.

    Examples
    --------
    >>> import numpy as np, fastnn
    >>> from fastnn import ops
    >>> slope = fastnn.grad(lambda x: ops.sum(ops.sin(x)))
    >>> bend = fastnn.grad(lambda x: ops.sum(slope(x)))
    >>> slope(np.array([1.0, 2.0])).round(4), bend(np.array([1.0, 2.0])).round(4)
    (array([ 0.5403, -0.4161]), array([-0.8415, -0.9093]))
    """
    both = value_and_grad(f, argnums, weights, batched, training, dtype)

    def gradients_only(*args: Any) -> Any:
        return both(*args)[1]

    gradients_only.__name__ = f"grad_of_{getattr(f, '__name__', 'function')}"
    return gradients_only


class _Differentiated:
    """A function with its gradients, and the graphs that were made for arguments so far."""

    def __init__(
        self, f: Any, argnums: Any, weights: Any, batched: Any, training: bool, dtype: str | None
    ) -> None:
        self.f = f
        self.single = isinstance(argnums, (int, np.integer))
        self.argnums = () if argnums is None else tuple(np.atleast_1d(np.asarray(argnums, int)).tolist())
        self.weights = weights
        self.batched = tuple(np.atleast_1d(np.asarray(batched, int)).tolist())
        self.training = training
        self.dtype = None if dtype is None else config.check_floating("grad", dtype)
        self.made: dict[Any, Any] = {}
        self.lock = threading.RLock()
        if not self.argnums and weights is None:
            raise ValueError("grad: give argnums, weights or both")

    def __call__(self, args: tuple[Any, ...]) -> Any:
        for number in (*self.argnums, *self.batched):
            if not -len(args) <= number < len(args):
                raise ValueError(f"grad: there is no argument {number}, the function was given {len(args)}")
        if any(isinstance(arg, Tensor) for arg in args):
            y = _scalar(self.f(*args))
            chosen = [args[number] for number in self.argnums]
            weights = self._weights()
            found = _found(y, [*chosen, *weights], len(chosen))
            return y, self._shaped(found[: len(chosen)], found[len(chosen) :])
        return self._on_arrays(args)

    def _weights(self) -> list[Any]:
        from fastnn.layers.base import Layer

        given = self.weights
        if given is None:
            return []
        found: list[Any] = []
        for one in given if isinstance(given, (list, tuple)) else [given]:
            found += one.trainable_weights if isinstance(one, Layer) else [one]
        return found

    def _shaped(self, of_args: Sequence[Any], of_weights: Sequence[Any]) -> Any:
        arguments = of_args[0] if self.single else tuple(of_args)
        if self.weights is None:
            return arguments
        return (arguments, list(of_weights)) if self.argnums else list(of_weights)

    def _on_arrays(self, args: tuple[Any, ...]) -> Any:
        batched = {number % len(args) for number in self.batched}
        kinds = [self.dtype or (config.floatx() if i in batched else None) for i in range(len(args))]
        arrays = [_array(arg, i, kind) for i, (arg, kind) in enumerate(zip(args, kinds, strict=True))]
        key = tuple((a.shape[1:] if i in batched else a.shape, str(a.dtype)) for i, a in enumerate(arrays))
        flags = tuple(id(w) for w in self._weights())
        with self.lock:
            function = self.made.get((key, flags))
            if function is None:
                function = _Traced(self, arrays, batched)
                # Tracing may have built layers, and so made weights.
                self.made[(key, tuple(id(w) for w in self._weights()))] = function
                while len(self.made) > _KEPT:
                    del self.made[next(iter(self.made))]
            return function.run(arrays)


class _Traced:
    """The graph of a function and its gradients for arguments of certain shapes."""

    def __init__(self, owner: _Differentiated, arrays: list[npt.NDArray[Any]], batched: set[int]) -> None:
        from fastnn.layers.context import BuildContext

        self.owner = owner
        self.batched = sorted(batched)
        self.stores: list[tuple[int, _core.Store]] = []
        with BuildContext(training=owner.training) as context:
            context.enter(getattr(owner.f, "__name__", "function"))
            tensors = [self._argument(context.graph, i, array) for i, array in enumerate(arrays)]
            y = _scalar(owner.f(*tensors))
            weights = owner._weights()
            chosen = [tensors[number] for number in owner.argnums]
            found = _found(y, [*chosen, *weights], len(chosen))
        self.arguments = len(chosen)
        self.updates = [weight for weight, _ in context.updates] if owner.training else []
        values = [value for _, value in context.updates] if owner.training else []
        self.count = 1 + len(found)
        fetch = [tensor.id for tensor in (y, *found, *values)]
        self.function = _core.Function(context.graph, fetch)

    def _argument(self, graph: _core.Graph, number: int, array: npt.NDArray[Any]) -> Tensor:
        name = f"argument {number}"
        if number in self.batched:
            if array.ndim == 0:
                raise ValueError(f"grad: {name} is said to be batched, but is a single number")
            return graph_input(graph, (None, *array.shape[1:]), str(array.dtype), name)
        if array.size == 0:
            raise ValueError(f"grad: {name} of shape {array.shape} has no elements")
        store = _core.Store()
        store.add("value", list(array.shape), str(array.dtype))
        self.stores.append((number, store))
        return graph_tensor(graph, graph.parameter(store, "value"), name)

    def run(self, arrays: list[npt.NDArray[Any]]) -> Any:
        for number, store in self.stores:
            store.set("value", arrays[number])
        inputs = [np.ascontiguousarray(arrays[number]) for number in self.batched]
        seed = random.next_seed() if self.owner.training else 0
        made = [np.asarray(value)[()] for value in self.function.run(inputs, seed=seed)]
        for weight, value in zip(self.updates, made[self.count :], strict=True):
            weight.assign(value)
        found = made[1 : self.count]
        return made[0], self.owner._shaped(found[: self.arguments], found[self.arguments :])


def _scalar(y: Any) -> Tensor:
    if not isinstance(y, Tensor):
        raise TypeError(f"grad: the function must return a tensor, got {y!r}")
    if y.shape:
        raise ValueError(
            f"grad: the function must return a scalar, got a tensor of shape {y.shape}: take its sum or "
            "mean, or use fastnn.ops.gradients"
        )
    return y


def _array(value: Any, number: int, dtype: str | None) -> npt.NDArray[Any]:
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"grad: argument {number} must be an array of numbers, got {value!r}")
    if array.dtype.kind == "f":
        own = hasattr(value, "dtype") and array.dtype == np.float64
        return array.astype(dtype or ("float64" if own else "float32"), copy=False)
    return array.astype("bool" if array.dtype.kind == "b" else "int32")
