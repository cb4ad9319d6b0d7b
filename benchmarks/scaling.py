"""How a training step's cost grows: with batch, width, depth and threads; and what more cores would bring.

Each network is timed by `Model.profile` on one and two threads. The forecast for more cores follows from the
plan: a slot's tiles (or units of work) are dealt out whole, so a slot takes ceil(tiles / cores) tiles' time,
and ends with a barrier of `BARRIER` seconds. It knows nothing of shared caches, memory bandwidth or clock
rates, so it is a bound on what the plan allows, not a promise.

    python benchmarks/scaling.py --json benchmarks/results/scaling.json --picture docs/images/scaling.png
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from peers import machine

import fastnn
from fastnn import _core, layers
from fastnn.models.loop import Loop
from fastnn.models.profiling import _made_up, profile_of

BARRIER = 1.5e-6
CORES = (8, 32, 128)


def mlp(width: int, depth: int) -> Any:
    hidden = [layers.Dense(width, "relu") for _ in range(depth)]
    return fastnn.Sequential([layers.Input((784,)), *hidden, layers.Dense(10)])


def lenet5() -> Any:
    return fastnn.models.lenet5()


def timed(model: Any, batch: int, threads: int) -> tuple[Any, Any]:
    """Profile of some steps on so many threads, and the loop that ran them."""
    fastnn.set_num_threads(threads)
    steps = int(np.clip(2**15 // batch, 4, 200))
    loop = Loop(model, _made_up(model, steps * batch), True)
    data = _made_up(model, steps * batch)
    options = {"batch_size": batch, "learning_rates": [0.0], "on_nonfinite": "ignore"}
    loop.run(data, options)
    best = None
    for _ in range(3):
        loop.trainer.profiling = True
        loop.run(data, options)
        found = profile_of(loop)
        if best is None or found.seconds / found.steps < best.seconds / best.steps:
            best = found
    return best, loop


def forecast(profile: Any, plan: str, batch: int, cores: int) -> float:
    """Seconds a step on so many cores, from a profile of one thread."""
    head = re.match(r"capacity (\d+), tile (\d+), shards (\d+)", plan)
    assert head is not None
    tiles, shards = -(-batch // int(head[2])), int(head[3])
    units = {}
    for line in plan.splitlines()[1:]:
        found = re.match(r"slot (-?\d+)  whole  (\S+).*units (\d+)", line)
        if found:
            units[(int(found[1]), found[2])] = int(found[3])
    partial_slots = {row["slot"] for row in profile.rows if row["kind"] == "partial"}
    total = 0.0
    for row in profile.rows:
        seconds = row["seconds"] / profile.steps
        if row["kind"] == "wait":
            continue
        if row["kind"] in ("gather", "tile", "partial"):
            pieces = min(tiles, shards) if row["slot"] in partial_slots else tiles
        elif row["kind"] == "update":
            pieces = cores
        else:
            pieces = units.get((row["slot"], row["op"]), 1)
        total += seconds * -(-pieces // cores) / pieces
    slots = len({row["slot"] for row in profile.rows}) + 1
    return total + slots * BARRIER * np.log2(max(2, cores))


def measure(name: str, axis: str, value: int, model: Any, batch: int) -> dict[str, Any]:
    model.compile("adam", fastnn.losses.SparseCategoricalCrossentropy(from_logits=name == "MLP"))
    single, loop = timed(model, batch, 1)
    double, _ = timed(model, batch, 2)
    plan = loop.trainer.describe(batch)
    parameters = sum(int(np.prod(w.shape)) for w in model.weights) * 4
    step = single.seconds / single.steps
    row = {
        "network": name, "axis": axis, "value": value, "batch": batch,
        "seconds_1": step, "seconds_2": double.seconds / double.steps,
        "flops": loop.trainer.flops(batch), "gflops_1": 1e-9 * loop.trainer.flops(batch) / step,
        "forecast": {str(cores): forecast(single, plan, batch, cores) for cores in (1, 2, *CORES)},
        "bytes": loop.trainer.bytes + 4 * parameters,  # parameters, gradients, two slots of Adam
    }  # fmt: skip
    print(
        f"{name:<10} {axis} {value:>5}: {1e3 * step:>9.3f} ms, {row['gflops_1']:>6.1f} GFLOP/s, "
        f"2 threads {step / row['seconds_2']:.2f}x (plan allows {step / row['forecast']['2']:.2f}x), "
        + ", ".join(f"{c} cores {step / row['forecast'][str(c)]:.1f}x" for c in CORES)
        + f", {row['bytes'] / 1e6:.1f} MB",
        flush=True,
    )
    return row


def picture(rows: list[dict[str, Any]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    panels = [("LeNet-5", "batch"), ("MLP", "batch"), ("MLP", "width"), ("MLP", "depth")]
    figure, axes = plt.subplots(1, 4, figsize=(14, 3.4))
    for axis, (network, grows) in zip(axes, panels, strict=True):
        chosen = [r for r in rows if r["network"] == network and r["axis"] == grows]
        values = [r["value"] for r in chosen]
        axis.loglog(values, [1e3 * r["seconds_1"] for r in chosen], "o-", label="1 thread")
        axis.loglog(values, [1e3 * r["seconds_2"] for r in chosen], "s-", label="2 threads")
        floor = [1e3 * r["flops"] / _core.fma_peak(1) for r in chosen]
        axis.loglog(values, floor, "k:", label="arithmetic at peak, 1 thread")
        axis.set_title(f"{network}: {grows}", fontsize=9)
        axis.set_xlabel(grows)
        axis.set_ylabel("ms a step")
        axis.grid(alpha=0.4)
    axes[0].legend(fontsize=7)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--most", type=int, default=4096, help="largest batch and width")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path)
    args = parser.parse_args()
    powers = [n for n in (1, 4, 16, 64, 256, 1024, 4096) if n <= args.most]
    rows = [measure("LeNet-5", "batch", n, lenet5(), n) for n in powers]
    rows += [measure("MLP", "batch", n, mlp(128, 1), n) for n in powers]
    rows += [measure("MLP", "width", n, mlp(n, 1), 128) for n in powers if n >= 16]
    rows += [measure("MLP", "depth", n, mlp(128, n), 128) for n in (1, 2, 4, 8, 16, 32, 64)]
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")
    if args.picture:
        picture(rows, args.picture)


if __name__ == "__main__":
    main()
