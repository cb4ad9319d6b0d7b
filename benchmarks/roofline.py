"""Roofline of the ops of a training step: arithmetic rate against arithmetic intensity.

For each network every op of a training step is timed inside the step (`model.profile`) on one thread. An op
with I operations a byte that it reads and writes can reach I times the memory rate, or the multiply-add peak,
whichever is less (Williams, Waterman, Patterson, "Roofline", Communications of the ACM 52(4), 2009). Three
memory rates are drawn, of copies within the first cache's size, the second's, and main memory; both they and
the peak are measured in the same run.

    python benchmarks/roofline.py
    python benchmarks/roofline.py --json benchmarks/results/roofline.json --picture docs/images/roofline.png
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import numpy as np  # noqa: E402
from peers import machine  # noqa: E402
from sides.cases import CASES  # noqa: E402
from sides.fastnn_side import network  # noqa: E402

import fastnn  # noqa: E402
from fastnn import _core  # noqa: E402

NETWORKS = ("lenet5", "mlp", "cnn", "mlp_wide", "mlp_tiny", "lstm", "gru", "transformer", "resnet8")
LEVELS = {"first-level cache": 24_000, "second-level cache": 512_000, "main memory": 256_000_000}


def measure(name: str) -> list[dict[str, Any]]:
    """Profile a case's training step; return a row for each op that does arithmetic worth plotting."""
    case = CASES[name]
    model = network(name)
    loss: Any = fastnn.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(fastnn.optimizers.Adam(1e-3), "mse" if name == "mlp_tiny" else loss)
    batch = case.batch
    if name == "transformer":
        ids = np.random.default_rng(0).integers(0, 65, (10 * batch, 64)).astype(np.int32)
        profile = model.profile(ids, ids, batch_size=batch, epochs=3)
    else:
        profile = model.profile(batch_size=batch, epochs=3)
    rows = []
    for row in profile.rows:
        if row["flops"] <= 0 or row["bytes"] <= 0 or row["seconds"] <= 0:
            continue
        rows.append(
            {
                "network": name,
                "op": row["op"],
                "layer": row["layer"],
                "us_per_step": 1e6 * row["seconds"] / profile.steps,
                "share": row["seconds"] / sum(r["seconds"] for r in profile.rows),
                "gflops": 1e-9 * row["flops"] / row["seconds"],
                "intensity": row["flops"] / row["bytes"],
            }
        )
    return rows


def picture(figures: dict[str, Any], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(9, 5), layout="constrained")
    peak = figures["peak_gflops"]
    intensities = np.logspace(-2, 3, 200)
    for (level, rate), style in zip(figures["copy_gbytes_per_second"].items(), ("-", "--", ":"), strict=True):
        axis.loglog(
            intensities, np.minimum(peak, intensities * rate), "k" + style, lw=1,
            label=f"{level}, {rate:.0f} GB/s",
        )  # fmt: skip
    for name in NETWORKS:
        rows = [r for r in figures["rows"] if r["network"] == name and r["share"] > 0.005]
        axis.scatter(
            [r["intensity"] for r in rows], [r["gflops"] for r in rows],
            s=[12 + 300 * r["share"] for r in rows], alpha=0.6, label=name,
        )  # fmt: skip
    axis.set_xlabel("operations a byte read or written")
    axis.set_ylabel("GFLOP/s, one thread")
    axis.set_ylim(0.5, 1.5 * peak)
    axis.set_xlim(0.02, 1000)
    axis.set_title(f"Ops of training steps; area is share of the step; peak {peak:.0f} GFLOP/s", fontsize=10)
    axis.grid(alpha=0.3)
    for handle in axis.legend(fontsize=7, ncols=2).legend_handles:
        if hasattr(handle, "set_sizes"):
            handle.set_sizes([30])
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--case", default=",".join(NETWORKS), help="cases, with commas between")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path)
    args = parser.parse_args()
    names = args.case.split(",")
    fastnn.set_num_threads(1)
    figures: dict[str, Any] = {
        "machine": machine(),
        "peak_gflops": 1e-9 * _core.fma_peak(1),
        "copy_gbytes_per_second": {level: 1e-9 * _core.copy_rate(size) for level, size in LEVELS.items()},
        "rows": [row for name in names for row in measure(name)],
    }
    roofs = figures["copy_gbytes_per_second"]
    print(
        f"peak {figures['peak_gflops']:.0f} GFLOP/s; "
        + ", ".join(f"{k} {v:.0f} GB/s" for k, v in roofs.items())
    )
    for name in names:
        print(name)
        rows = sorted((r for r in figures["rows"] if r["network"] == name), key=lambda r: -r["share"])
        for r in rows[:12]:
            roof = min(figures["peak_gflops"], r["intensity"] * roofs["second-level cache"])
            print(
                f"  {r['op']:<28} {r['layer']:<22} {r['us_per_step']:>9.1f} us {100 * r['share']:>5.1f}% "
                f"{r['gflops']:>7.1f} GFLOP/s, {r['intensity']:>7.2f} a byte, "
                f"{100 * r['gflops'] / figures['peak_gflops']:>5.1f}% of peak, "
                f"{100 * r['gflops'] / roof:>4.0f}% of roof"
            )
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(figures, indent=1) + "\n")
    if args.picture:
        picture(figures, args.picture)


if __name__ == "__main__":
    main()
