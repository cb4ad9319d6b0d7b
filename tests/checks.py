"""The shared checker of ops.

A test file declares cases with :func:`case`; ``check_op`` then runs every check that holds for all ops::

    CASES = [case("dense", [batch(5), shared(5, 3), shared(3)], reference.dense, activation="tanh")]

    @pytest.mark.parametrize("declared", CASES, ids=str)
    def test_dense(declared):
        check_op(declared)

For float32 and float64, in both layouts and for batches of 1, 3, 16, 17 and 130 samples: outputs against the
plain NumPy reference; gradients in float64 against central differences, and in float32 against float64; the
same bits from 1, 2, 3 and 4 threads and from a second run; the same rows whichever batches they are cut into;
and a clear error for each refused declaration. Declared cases are registered: ``tests/ops/test_coverage.py``
asserts that no op is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from fastnn import _core

BATCHES = (1, 3, 16, 17, 130)
LAYOUTS = ("rows", "lanes")
SEED, STEP = 20, 7  # of every run; only random ops read them

Maker = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


# -------------------------------------------------------------------------------- operands


def uniform(low: float = -1.0, high: float = 1.0) -> Maker:
    return lambda random, shape: random.uniform(low, high, shape)


def away_from(
    kinks: float | Iterable[float] = 0.0, gap: float = 0.05, low: float = -2.0, high: float = 2.0
) -> Maker:
    """Values that keep their distance from points where the function has no derivative."""
    points = np.atleast_1d(np.asarray(kinks, "float64"))

    def make(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        values = random.uniform(low, high, shape)
        for point in points:
            near = np.abs(values - point) < gap
            values = np.where(near, point + np.where(values < point, -gap, gap), values)
        return values

    return make


def separated(spread: float = 2.0) -> Maker:
    """Values no two of which are nearly equal within a sample, for maxima."""

    def make(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        size = int(np.prod(shape[1:], dtype="int64"))
        ranks = np.argsort(random.random((shape[0], size)), axis=1)
        return ((ranks + 0.5) / size * 2 - 1).reshape(shape) * spread

    return make


@dataclass(frozen=True)
class Operand:
    """One operand: shape without the batch dimension, and how its values are made."""

    shape: tuple[int, ...]
    batched: bool
    dtype: str  # "float" is the float type of the run
    make: Maker
    differentiable: bool

    def type(self, floating: str) -> str:
        return floating if self.dtype == "float" else self.dtype


def batch(
    *shape: int, make: Maker | None = None, dtype: str = "float", differentiable: bool = True
) -> Operand:
    """A batched operand of this per-sample shape."""
    return Operand(shape, True, dtype, make or uniform(), differentiable)


def shared(
    *shape: int, make: Maker | None = None, dtype: str = "float", differentiable: bool = True
) -> Operand:
    """An unbatched operand, as parameters are."""
    return Operand(shape, False, dtype, make or uniform(), differentiable)


def labels(*shape: int, classes: int, low: int = 0) -> Operand:
    """Batched int32 class numbers or ids."""
    return Operand(shape, True, "int32", lambda random, full: random.integers(low, classes, full), False)


# -------------------------------------------------------------------------------- declaration

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


# -------------------------------------------------------------------------------- graphs


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


# -------------------------------------------------------------------------------- checks


def assert_near(got: np.ndarray, expected: np.ndarray, tolerance: float, what: str) -> None:
    expected = np.asarray(expected)
    assert got.shape == expected.shape, f"{what}: shape {got.shape}, expected {expected.shape}"
    if not np.issubdtype(got.dtype, np.floating):
        np.testing.assert_array_equal(got, expected, what)
        return
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(np.isfinite(got), finite, f"{what}: finite")
    if not finite.any():
        return
    scale = max(float(np.abs(expected[finite]).max()), 1e-3)
    error = float(np.abs(got.astype("float64") - expected)[finite].max())
    assert error <= tolerance * scale, f"{what}: error {error:.3g}, largest magnitude {scale:.3g}"


def assert_same_bits(first: Outputs, second: Outputs, what: str) -> None:
    for number, (a, b) in enumerate(zip(first, second, strict=True)):
        assert a.dtype == b.dtype and a.shape == b.shape, f"{what}: result {number}"
        assert a.tobytes() == b.tobytes(), f"{what}: result {number} differs by {np.abs(a - b).max()}"


def as_outputs(value: Any) -> list[np.ndarray]:
    return [np.asarray(v) for v in value] if isinstance(value, (tuple, list)) else [np.asarray(value)]


def check_forward(declared: Case, built: dict[str, Built], samples: int) -> None:
    arrays = make_arrays(declared, samples)
    expected = None
    if declared.reference is not None:
        expected = as_outputs(
            declared.reference(*(None if a is None else a.copy() for a in arrays), **declared.attributes)
        )
    by_layout: dict[tuple[str, str], list[np.ndarray]] = {}
    for dtype, one in built.items():
        typed = cast(declared, arrays, dtype)
        tolerance = declared.tolerance if dtype == "float32" else declared.tolerance64
        for layout in LAYOUTS:
            where = f"{dtype} {layout} batch {samples}"
            found = one.run(typed, layout)
            by_layout[dtype, layout] = found
            if expected is not None:
                assert len(expected) == len(one.outputs), "the reference gives another number of outputs"
                for number, (got, want) in enumerate(zip(found, expected)):
                    assert_near(got, want, tolerance, f"{where} output {number} against the reference")
            assert_same_bits(one.run(typed, layout), found, f"{where}: second run")
            # Fewer samples than that are one tile, and one thread's work.
            for threads in (2, 3, 4) if samples > 16 or not one.feeds else ():
                assert_same_bits(one.run(typed, layout, threads), found, f"{where}: {threads} threads")
            check_cut(declared, one, typed, layout, found, samples)
    for layout in LAYOUTS:
        for number, (low, high) in enumerate(zip(by_layout["float32", layout], by_layout["float64", layout])):
            assert_near(
                low,
                high,
                2 * declared.tolerance,
                f"{layout} batch {samples} result {number}: float32 against float64",
            )
    if declared.random:
        for dtype in built:
            count = len(built[dtype].outputs)
            assert_same_bits(
                by_layout[dtype, "rows"][:count],
                by_layout[dtype, "lanes"][:count],
                f"{dtype}: rows against lanes",
            )


def check_cut(
    declared: Case, one: Built, typed: Sequence[np.ndarray | None], layout: str, found: Outputs, samples: int
) -> None:
    """The same rows, whichever batches they come in: where samples do not depend on each other."""
    if declared.random or samples != 130 or not all(one.graph.batched(t) for t in one.outputs):
        return
    if not is_per_sample(one):
        return
    cut = one.run(typed, layout, gradients=False, batch_size=17)
    assert_same_bits(cut, found[: len(one.outputs)], f"{layout}: batches of 17 against one of {samples}")


def is_per_sample(one: Built) -> bool:
    pending, seen = list(one.outputs), set()
    while pending:
        tensor = pending.pop()
        if tensor in seen:
            continue
        seen.add(tensor)
        producer = one.graph.producer(tensor)
        if producer is None:
            continue
        inputs = [t for t in producer[1] if t is not None]
        if not one.graph.batched(tensor) and any(one.graph.batched(t) for t in inputs):
            return False
        pending += inputs
    return True


def check_gradients(declared: Case, one: Built, samples: int, layout: str) -> None:
    """Central differences of fourth order: along random directions, and for some elements one by one."""
    arrays = make_arrays(declared, samples, seed=1)
    found = one.run(arrays, layout)[len(one.outputs) :]
    random = np.random.default_rng(samples)
    for (outputs, operand, _), got in zip(one.gradients, found):
        value = arrays[operand]
        what = f"{layout} batch {samples}: gradient of outputs {outputs} with respect to operand {operand}"
        assert got.shape == value.shape, f"{what}: shape {got.shape}, expected {value.shape}"
        scale = max(float(np.abs(got).max()), 1e-6)
        directions = [
            random.choice([-1.0, 1.0], value.shape) * random.uniform(0.5, 1, value.shape) for _ in range(3)
        ]
        for index in random.permutation(value.size)[:24]:
            direction = np.zeros(value.size)
            direction[index] = 1
            directions.append(direction.reshape(value.shape))
        for direction in directions:

            def at(distance: float) -> float:
                moved = list(arrays)
                moved[operand] = value + distance * direction
                return one.loss(moved, layout, outputs)

            h = declared.step
            numeric = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
            analytic = float(np.sum(got * direction))
            largest = max(abs(analytic), abs(numeric), scale)
            error = abs(analytic - numeric) / largest
            assert error <= 1e-6, f"{what}: {analytic}, by differences {numeric} (relative error {error:.2g})"


def check_refusals(declared: Case) -> None:
    for refusal in declared.refuses:
        attributes = declared.attributes if refusal.attributes is None else refusal.attributes
        wrong = replace(declared, operands=refusal.operands, attributes=attributes, build=None)
        with pytest.raises(refusal.error) as caught:
            Built(wrong, "float32", gradients=False)
        message = str(caught.value)
        assert re.search(refusal.match, message), f"message: {message}"
        assert f"{declared.op}_layer" in message, f"the message does not name the node: {message}"


def check_op(declared: Case) -> None:
    """Run every check on a declared case."""
    built = {dtype: Built(declared, dtype, gradients=True) for dtype in ("float32", "float64")}
    batches = declared.batches if built["float32"].feeds else (3,)
    for samples in batches:
        check_forward(declared, built, samples)
    if declared.gradient:
        assert built["float64"].gradients, "no operand is differentiable: declare gradient=False"
        for layout, samples in (("rows", 3), ("lanes", 3), ("lanes", 17)):
            check_gradients(declared, built["float64"], min(samples, max(batches)), layout)
    check_refusals(declared)
