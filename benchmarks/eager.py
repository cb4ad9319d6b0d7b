"""`fastnn.ops` on arrays beside NumPy: times for 1e2 to 1e7 elements, alternating.

Both sides use as many threads as they take by themselves (NumPy's elementwise functions one, its products
all). A row is an op; figures are fastnn's median time in microseconds, and NumPy's divided by it::

    python benchmarks/eager.py --largest 7
    python benchmarks/eager.py --ops exp add --rounds 30
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn import ops

Pair = tuple[Callable[..., Any], Callable[..., Any], int]

# Name, fastnn's and NumPy's function, number of operands.
OPS: dict[str, Pair] = {
    **{name: (getattr(ops, name), getattr(np, name), 2) for name in ("add", "multiply", "divide", "maximum")},
    **{
        name: (getattr(ops, name), getattr(np, name), 1)
        for name in ("exp", "log", "tanh", "sin", "sqrt", "abs")
    },
    "x * 2": (lambda x: ops.multiply(x, 2.0), lambda x: x * 2.0, 1),
    "less": (ops.less, np.less, 2),
    "sigmoid": (ops.sigmoid, lambda x: 1 / (1 + np.exp(-x)), 1),
    **{name: (getattr(ops, name), getattr(np, name), 1) for name in ("sum", "mean", "max", "var")},
    "sum axis 0": (lambda x: ops.sum(x, axis=0), lambda x: x.sum(axis=0), -1),
    "sum axis 1": (lambda x: ops.sum(x, axis=1), lambda x: x.sum(axis=1), -1),
    "softmax": (ops.softmax, lambda x: _softmax(x), -1),
    "x + bias": (ops.add, np.add, -2),
    "matmul": (ops.matmul, np.matmul, -3),
}


def _softmax(x: Any) -> Any:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def operands(kind: int, count: int) -> list[Any]:
    """Arrays of that many elements: vectors, or matrices (kind < 0)."""
    random = np.random.default_rng(0)
    if kind > 0:
        return [random.uniform(0.5, 2, count).astype("float32") for _ in range(kind)]
    side = max(2, round(count**0.5))
    shapes = {-1: [(side, side)], -2: [(side, side), (side,)], -3: [(side, side), (side, side)]}[kind]
    return [random.uniform(0.5, 2, shape).astype("float32") for shape in shapes]


def timed(function: Callable[..., Any], arrays: list[Any], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        function(*arrays)
    return (time.perf_counter() - start) / calls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ops", nargs="*", default=list(OPS), metavar="OP")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--smallest", type=int, default=2, help="exponent of 10")
    parser.add_argument("--largest", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.002, help="of a measurement")
    options = parser.parse_args()
    exponents = range(options.smallest, options.largest + 1)
    print(f"{'us (NumPy / fastnn)':20s}" + "".join(f"{f'1e{e}':>18s}" for e in exponents))
    for name in options.ops:
        ours, numpys, kind = OPS[name]
        line = f"{name:20s}"
        for exponent in exponents:
            if name == "matmul" and exponent > 6:
                continue
            arrays = operands(kind, 10**exponent)
            ours(*arrays)
            numpys(*arrays)
            once = timed(numpys, arrays, 1)
            calls = max(1, min(2000, int(options.seconds / max(once, 1e-7))))
            times: list[list[float]] = [[], []]
            for _ in range(options.rounds):
                for function, taken in zip((ours, numpys), times, strict=True):
                    # The other side's threads wait for more work for a while, and would take a core.
                    time.sleep(0.15 if name == "matmul" else 0.02 if exponent > 4 else 0.0)
                    timed(function, arrays, 3)
                    taken.append(timed(function, arrays, calls))
            median = float(np.median(times[0]))
            ratio = float(np.median(np.divide(times[1], times[0])))
            line += f"{median * 1e6:11.1f} ({ratio:4.2f})"
        print(line, flush=True)


if __name__ == "__main__":
    main()
