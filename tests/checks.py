"""The shared checker of ops.

A test file declares cases with :func:`case`; ``check_op`` then runs every check that holds for all ops::

    CASES = [case("dense", [batch(5), shared(5, 3), shared(3)], reference.dense, activation="tanh")]

    @pytest.mark.parametrize("declared", CASES, ids=str)
    def test_dense(declared):
        check_op(declared)

For float32 and float64, in both layouts and for batches of 1, 3, 16, 17 and 130 samples: outputs against the
plain NumPy reference; gradients in float64 against central differences, and in float32 against float64; the
same bits from 1, 2, 3 and 4 threads and from a second run; the same rows whichever batches they are cut into;
the same bits from a node that was written to JSON and read again; and a clear error for operands without
elements and for each refused declaration. Declared cases are registered: ``tests/ops/test_coverage.py``
asserts that no op is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cases import (
    BATCHES,
    LAYOUTS,
    REGISTRY,
    Built,
    Case,
    Outputs,
    Refusal,
    case,
    cast,
    make_arrays,
    run_op,
)
from operands import (
    Maker,
    Operand,
    away_from,
    batch,
    bits,
    labels,
    one_hot,
    separated,
    shared,
    uniform,
)

__all__ = [
    "BATCHES",
    "REGISTRY",
    "Built",
    "Case",
    "Maker",
    "Operand",
    "Refusal",
    "away_from",
    "batch",
    "bits",
    "case",
    "check_op",
    "labels",
    "one_hot",
    "run_op",
    "separated",
    "shared",
    "uniform",
]


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


def check_zero_sizes(declared: Case) -> None:
    """No rows and no elements are refused, whatever the op."""
    one = Built(declared, "float32", gradients=False)
    if one.feeds:
        arrays = cast(declared, make_arrays(declared, 3), one.dtype)
        empty = [a if a is None or i not in one.feeds else a[:0] for i, a in enumerate(arrays)]
        with pytest.raises(ValueError, match="empty"):
            one.run(empty, "rows", gradients=False)
    for number, operand in enumerate(declared.operands):
        for axis in range(len(operand.shape) if operand else 0):
            shape = list(operand.shape)
            shape[axis] = 0
            operands = list(declared.operands)
            operands[number] = replace(operand, shape=tuple(shape))
            with pytest.raises(ValueError, match=r"at least 1|cannot have shape"):
                Built(replace(declared, operands=operands), one.dtype, gradients=False)


def check_saved_node(declared: Case, one: Built) -> None:
    """A node that went through JSON, as configurations in files do, gives the same bits."""
    if declared.build is not None:
        return
    op, _, attributes = one.graph.producer(one.outputs[0])
    try:
        loaded = json.loads(json.dumps(attributes))
    except TypeError:  # a subgraph
        return
    again = Built(replace(declared, op=op, attributes=loaded), one.dtype, gradients=False)
    arrays = cast(declared, make_arrays(declared, 17), one.dtype)
    for layout in LAYOUTS:
        assert_same_bits(
            again.run(arrays, layout, gradients=False),
            one.run(arrays, layout, gradients=False),
            f"{layout}: read from JSON",
        )


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
    check_saved_node(declared, built["float32"])
    check_zero_sizes(declared)
    check_refusals(declared)
