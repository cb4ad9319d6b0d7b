"""Declared cases of ops, and the graphs that are made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from operands import Operand

from fastnn import _core

BATCHES = (1, 3, 16, 17, 130)
LAYOUTS = ("rows", "lanes")
SEED, STEP = 20, 7  # of every run; only random ops read them

Outputs = Sequence[np.ndarray]


@dataclass(frozen=True)
class Refusal:
    """Operands and attributes that the op must refuse, and a pattern of the message."""

    operands: Sequence[Operand | None]
    match: str
    attributes: dict[str, Any] | None = None
    error: type[Exception] = ValueError


@dataclass(frozen=True)
class Case:
    """A declared case; see :func:`case`."""

    op: str
    operands: Sequence[Operand | None]
    reference: Callable[..., Any] | None
    attributes: dict[str, Any] = field(default_factory=dict)
    build: Callable[..., Sequence[int]] | None = None
    covers: tuple[str, ...] = ()
    refuses: Sequence[Refusal] = ()
    gradient: bool = True
    random: bool = False
    batches: Sequence[int] = BATCHES
    tolerance: float = 1e-5
    tolerance64: float = 1e-12
    step: float = 1e-4
    label: str = ""

    def __str__(self) -> str:
        shapes = "-".join("x".join(map(str, o.shape)) or "scalar" if o else "none" for o in self.operands)
        words = [f"{k}={v}" for k, v in self.attributes.items()]
        return " ".join([self.label or self.op, shapes, *words]).strip()


REGISTRY: list[Case] = []


def case(
    op: str,
    operands: Sequence[Operand | None],
    reference: Callable[..., Any] | None,
    *,
    build: Callable[..., Sequence[int]] | None = None,
    covers: Sequence[str] = (),
    refuses: Sequence[Refusal] = (),
    gradient: bool = True,
    random: bool = False,
    batches: Sequence[int] = BATCHES,
    tolerance: float = 1e-5,
    tolerance64: float = 1e-12,
    step: float = 1e-4,
    label: str = "",
    **attributes: Any,
) -> Case:
    """Declare and register a case.

    reference
        Takes the operands in float64 (batch dimension first for batched ones, None for absent ones) and
        the attributes as keywords; returns the output, or a tuple of outputs. No reference: for random ops.
    build
        ``build(graph, tensors) -> outputs`` for what is more than one node. Default: the op itself.
    covers
        Further ops that the case tests.
    refuses
        Operands or attributes that must end in an error.
    gradient
        False for ops without gradients.
    random
        True: results depend on the sample's place in its batch. Both layouts must then give the same bits.
    tolerance, tolerance64
        Largest error in float32 and float64, relative to the output's largest magnitude.
    step
        Of the central differences.
    """
    made = Case(
        op=op,
        operands=operands,
        reference=reference,
        attributes=attributes,
        build=build,
        covers=tuple(covers),
        refuses=refuses,
        gradient=gradient,
        random=random,
        batches=batches,
        tolerance=tolerance,
        tolerance64=tolerance64,
        step=step,
        label=label,
    )
    REGISTRY.append(made)
    return made


class Built:
    """A case's graph for one float type: outputs, and gradients of weighted sums of outputs."""

    def __init__(self, declared: Case, dtype: str, gradients: bool) -> None:
        self.declared, self.dtype = declared, dtype
        self.graph = _core.Graph()
        self.stores: dict[int, Any] = {}
        self.feeds: list[int] = []  # operand numbers, in the order of the graph's inputs
        self.tensors: list[int | None] = []
        for number, operand in enumerate(declared.operands):
            if operand is None:
                self.tensors.append(None)
            elif operand.batched:
                self.feeds.append(number)
                name = f"operand {number}"
                self.tensors.append(self.graph.input(name, list(operand.shape), operand.type(dtype)))
            else:
                self.stores[number], tensor = self._parameter(operand.shape, operand.type(dtype))
                self.tensors.append(tensor)
        if not self.feeds:
            self.graph.input("rows", [], dtype)  # a run needs to know its number of samples
        self.outputs = list(self._outputs())
        self.forward_nodes = self.graph.node_count
        self.targets = [
            i for i, o in enumerate(declared.operands) if o and o.differentiable and o.type(dtype) == dtype
        ]
        self.differentiable = [
            k for k, t in enumerate(self.outputs) if self.graph.dtype(t).startswith("float")
        ]
        self.weight_inputs: dict[int, int] = {}  # output -> graph input
        self.shared_weights: dict[int, np.ndarray] = {}  # of unbatched outputs
        self.gradients: list[tuple[tuple[int, ...], int, int | None]] = []  # (outputs, operand, gradient)
        if gradients and declared.gradient:
            for output in self.differentiable:
                self._add_gradients([output])
            if len(self.differentiable) > 1:
                self._add_gradients(self.differentiable)
        self._functions: dict[str, Any] = {}

    def _parameter(
        self, shape: Sequence[int], dtype: str, value: np.ndarray | None = None
    ) -> tuple[Any, int]:
        store = _core.Store()
        store.add("value", list(shape), dtype)
        if value is not None:
            store.set("value", np.asarray(value, dtype))
        return store, self.graph.parameter(store, "value")

    def _outputs(self) -> Sequence[int]:
        if self.declared.build is not None:
            return self.declared.build(self.graph, self.tensors)
        return self.graph.add(
            self.declared.op, self.tensors, self.declared.attributes, f"{self.declared.op}_layer"
        )

    def _add_gradients(self, outputs: Sequence[int]) -> None:
        """The loss is sum(weights * output), averaged over samples if the output is batched."""
        targets = [self.tensors[i] for i in self.targets]
        parts = [self._batched_loss(k) if self.graph.batched(self.outputs[k]) else None for k in outputs]
        if None not in parts:
            loss = parts[0]
            for part in parts[1:]:
                loss = self.graph.add("add", [loss, part])[0]
            found = self.graph.gradients(loss, targets)
        elif len(outputs) == 1:
            tensor = self.outputs[outputs[0]]
            shape = self.graph.shape(tensor)
            self.shared_weights[outputs[0]] = weights_like((1, *shape), outputs[0])[0]
            _, seed = self._parameter(shape, self.graph.dtype(tensor), self.shared_weights[outputs[0]])
            found = self.graph.gradients(tensor, targets, seed)
        else:
            return
        self.gradients += [
            (tuple(outputs), operand, gradient) for operand, gradient in zip(self.targets, found)
        ]

    def _batched_loss(self, output: int) -> int:
        tensor = self.outputs[output]
        if output not in self.weight_inputs:
            weights = self.graph.input(
                f"weights {output}", self.graph.shape(tensor), self.graph.dtype(tensor)
            )
            self.weight_inputs[output] = weights
        weighted = self.graph.add("multiply", [tensor, self.weight_inputs[output]])[0]
        return self.graph.add("sample_mean", self.graph.add("sum_to", [weighted], {"shape": []}))[0]

    def used_ops(self) -> set[str]:
        """Ops of the gradients' nodes."""
        seen: set[str] = set()
        tensors = [gradient for _, _, gradient in self.gradients if gradient is not None]
        visited: set[int] = set()
        while tensors:
            tensor = tensors.pop()
            producer = None if tensor in visited else self.graph.producer(tensor)
            visited.add(tensor)
            if producer is not None:
                seen.add(producer[0])
                tensors += [t for t in producer[1] if t is not None]
        return seen

    def run(
        self, arrays: Sequence[np.ndarray | None], layout: str, threads: int = 1, *, gradients: bool = True,
        batch_size: int = 0,
    ) -> list[np.ndarray]:  # fmt: skip
        """Outputs, then gradients (zeros for a target that an output does not depend on)."""
        wanted = [g for _, _, g in self.gradients if g is not None] if gradients else []
        key = f"{layout} {gradients}"
        if key not in self._functions:
            self._functions[key] = _core.Function(self.graph, self.outputs + wanted, layout)
        for number, store in self.stores.items():
            store.set("value", np.asarray(arrays[number]))
        feeds = [np.ascontiguousarray(arrays[i]) for i in self.feeds] or [np.zeros(3, self.dtype)]
        for output in self.weight_inputs:
            tensor = self.outputs[output]
            shape = (len(feeds[0]), *self.graph.shape(tensor))
            feeds.append(weights_like(shape, output).astype(self.graph.dtype(tensor)))
        found = self._functions[key].run(feeds, batch_size=batch_size, seed=SEED, step=STEP, threads=threads)
        results, rest = found[: len(self.outputs)], iter(found[len(self.outputs) :])
        if gradients:
            for _, operand, gradient in self.gradients:
                results.append(np.zeros_like(arrays[operand]) if gradient is None else next(rest))
        return results

    def loss(self, arrays: Sequence[np.ndarray | None], layout: str, outputs: Sequence[int]) -> float:
        values = self.run(arrays, layout, gradients=False)
        total = 0.0
        for output in outputs:
            if self.graph.batched(self.outputs[output]):
                value = values[output]
                total += float(np.sum(value * weights_like(value.shape, output))) / len(value)
            else:
                total += float(np.sum(values[output] * self.shared_weights[output]))
        return total


def weights_like(shape: Sequence[int], seed: int) -> np.ndarray:
    """Weights of outputs in the loss: of both signs, none near zero, other ones for every sample."""
    random = np.random.default_rng(seed)
    return random.uniform(0.5, 1.5, shape) * random.choice([-1.0, 1.0, 1.0], shape)


def make_arrays(declared: Case, samples: int, seed: int = 0) -> list[np.ndarray | None]:
    """Operands in float64, with values that float32 holds exactly."""
    random = np.random.default_rng([seed, samples])
    arrays: list[np.ndarray | None] = []
    for operand in declared.operands:
        if operand is None:
            arrays.append(None)
            continue
        # Shared operands get a leading dimension while they are made, so that makers see one rule.
        value = operand.make(random, ((samples if operand.batched else 1), *operand.shape))
        value = value if operand.batched else np.asarray(value[0])
        arrays.append(
            value.astype("float32").astype("float64") if operand.dtype.startswith("float") else value
        )
    return arrays


def cast(declared: Case, arrays: Sequence[np.ndarray | None], dtype: str) -> list[np.ndarray | None]:
    return [
        None if a is None or o is None else a.astype(o.type(dtype)) for a, o in zip(arrays, declared.operands)
    ]


def run_op(
    op: str, arrays: Sequence[np.ndarray | None], layout: str = "rows", **attributes: Any
) -> list[np.ndarray]:
    """Outputs of an op named "<op>_layer" on arrays as they are, all of them batched."""
    graph = _core.Graph()
    tensors = [
        None if a is None else graph.input(f"operand {i}", list(a.shape[1:]), str(a.dtype))
        for i, a in enumerate(arrays)
    ]
    made = graph.add(op, tensors, attributes, f"{op}_layer")
    return _core.Function(graph, made, layout).run([a for a in arrays if a is not None])
