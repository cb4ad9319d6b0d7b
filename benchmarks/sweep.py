"""Arithmetic rates over many shapes: convolutions, poolings and dense layers, forward and both gradients.

No kernel is made for one benchmark: sizes that are multiples of the vector width and sizes that are not, few
and many channels, small and large kernels, strides, batches. Each layer trains alone behind a trainable layer
that costs next to nothing; the times are those of `Model.profile`, so they leave out waiting and all else.

    python benchmarks/sweep.py --json benchmarks/results/sweep.json --picture docs/images/sweep.png
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from peers import machine

import fastnn
from fastnn import _core, layers

# side, input channels, filters, kernel, stride, batch
CONVOLUTIONS = [
    (28, 1, 6, 3, 1, 128), (13, 6, 16, 3, 1, 128), (28, 1, 6, 5, 1, 128), (12, 6, 16, 5, 1, 128),
    (28, 1, 32, 3, 1, 128), (26, 32, 64, 3, 1, 128), (32, 3, 16, 3, 1, 128), (32, 16, 16, 3, 1, 128),
    (32, 16, 32, 3, 2, 128), (16, 32, 32, 3, 1, 128), (16, 32, 64, 3, 2, 128), (8, 64, 64, 3, 1, 128),
    (8, 128, 128, 3, 1, 64), (4, 256, 256, 3, 1, 64), (32, 3, 64, 7, 2, 64), (32, 16, 32, 1, 1, 128),
    (16, 64, 64, 1, 1, 64), (16, 64, 256, 1, 1, 32), (16, 32, 32, 1, 2, 128), (20, 5, 7, 3, 1, 128),
    (20, 7, 13, 3, 1, 128), (17, 17, 31, 3, 1, 100), (15, 30, 50, 3, 1, 64), (21, 10, 20, 4, 1, 64),
    (24, 12, 24, 5, 2, 64), (32, 3, 8, 9, 1, 32), (64, 3, 16, 3, 1, 16), (64, 16, 16, 3, 1, 16),
    (56, 64, 64, 3, 1, 4), (28, 8, 8, 3, 1, 8), (14, 96, 96, 3, 1, 32), (28, 24, 40, 3, 1, 16),
]  # fmt: skip
# inputs, outputs, batch
DENSE = [
    (784, 128, 128), (128, 10, 128), (400, 120, 128), (120, 84, 128), (84, 10, 128), (9216, 128, 128),
    (1024, 2048, 256), (2048, 2048, 256), (2048, 1000, 256), (4, 32, 1000), (32, 16, 1000), (16, 4, 1000),
    (64, 64, 64), (100, 100, 100), (333, 77, 50), (512, 512, 32), (512, 512, 512), (1000, 1000, 64),
    (784, 128, 32), (784, 128, 1024), (17, 33, 130), (4096, 4096, 16), (256, 1, 256), (1, 256, 256),
]  # fmt: skip
# side, channels, size, batch
POOLINGS = [
    (26, 6, 2, 128), (11, 16, 2, 128), (24, 64, 2, 128), (32, 16, 2, 128), (28, 3, 3, 128), (27, 33, 3, 64),
    (16, 128, 2, 32), (20, 10, 4, 64),
]  # fmt: skip


def rates(model: Any, batch: int, ops: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """Operations and bytes a second and thread of each of the ops."""
    model.compile("sgd", "mse")
    found: dict[str, list[tuple[float, float]]] = {}
    for _ in range(3):
        for row in model.profile(batch_size=batch).rows:
            if row["op"] in ops and row["seconds"] > 0:
                speed = (row["flops"] / row["seconds"], row["bytes"] / row["seconds"])
                found.setdefault(row["op"], []).append(speed)
    return {
        op: {"gflops": 1e-9 * max(s[0] for s in seen), "gbytes": 1e-9 * max(s[1] for s in seen)}
        for op, seen in found.items()
    }


def shapes() -> list[tuple[str, str, Any, int, tuple[str, ...]]]:
    made: list[tuple[str, str, Any, int, tuple[str, ...]]] = []
    for side, channels, filters, kernel, stride, batch in CONVOLUTIONS:
        body = [layers.Input((side, side, channels)), layers.PReLU(shared_axes=[1, 2])]
        body += [layers.Conv2D(filters, kernel, strides=stride)]
        name = f"{side}x{side}x{channels} {kernel}x{kernel}/{stride} -> {filters}, batch {batch}"
        ops = ("conv2d", "conv2d_grad_input", "conv2d_grad_kernel")
        made.append(("convolution", name, body, batch, ops))
    for inputs, outputs, batch in DENSE:
        body = [layers.Input((inputs,)), layers.PReLU(), layers.Dense(outputs)]
        ops = ("dense", "dense_grad_input", "dense_grad_kernel")
        made.append(("dense", f"{inputs} -> {outputs}, batch {batch}", body, batch, ops))
    for side, channels, size, batch in POOLINGS:
        body = [layers.Input((side, side, channels)), layers.PReLU(shared_axes=[1, 2])]
        for kind, op in ((layers.MaxPooling2D, "max_pool2d"), (layers.AveragePooling2D, "average_pool2d")):
            name = f"{op} {side}x{side}x{channels} by {size}, batch {batch}"
            made.append(("pooling", name, [*body, kind(size)], batch, (op, f"{op}_grad")))
            body = [layers.Input((side, side, channels)), layers.PReLU(shared_axes=[1, 2])]
    return made


def picture(results: list[dict[str, Any]], peak: float, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(11, 0.19 * len(DENSE + CONVOLUTIONS)), width_ratios=(1, 1))
    for axis, kind in zip(axes, ("convolution", "dense"), strict=True):
        chosen = [r for r in results if r["kind"] == kind]
        for place, row in enumerate(chosen):
            for op, marker in zip(row["rates"], "o<>", strict=False):
                share = 100 * row["rates"][op]["gflops"] / peak
                label = op if place == 0 else None
                axis.plot(share, -place, marker, color={"o": "C0", "<": "C1", ">": "C2"}[marker], label=label)
        axis.set_yticks([-p for p in range(len(chosen))], [r["name"] for r in chosen], fontsize=6)
        axis.set_xlim(0, 100)
        axis.set_xlabel("% of one core's multiply-add peak")
        axis.grid(axis="x", alpha=0.4)
        axis.legend(fontsize=6, loc="lower left")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", choices=["convolution", "dense", "pooling"])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path)
    args = parser.parse_args()
    fastnn.set_num_threads(args.threads)
    results, peaks = [], []
    for kind, name, body, batch, ops in shapes():
        if args.only and kind != args.only:
            continue
        peaks.append(1e-9 * _core.fma_peak(1))
        found = rates(fastnn.Sequential(body), batch, ops)
        results.append({"kind": kind, "name": name, "rates": found})
        peak = max(peaks)
        parts = [
            f"{op} {r['gbytes']:.1f} GB/s" if kind == "pooling" else f"{op} {100 * r['gflops'] / peak:.0f} %"
            for op, r in found.items()
        ]
        print(f"{name:<46} {', '.join(parts)}", flush=True)
    peak = max(peaks)
    shares = [
        100 * r["gflops"] / peak for row in results if row["kind"] != "pooling" for r in row["rates"].values()
    ]
    if shares:
        low = sum(share < 30 for share in shares)
        print(
            f"{len(results)} shapes; peak of a core {peak:.0f} GFLOP/s; share of it: median "
            f"{statistics.median(shares):.0f} %, lowest {min(shares):.0f} %, "
            f"{low} of {len(shares)} below 30 %"
        )
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        held = {"machine": machine(), "peak_gflops": peak, "threads": args.threads, "shapes": results}
        args.json.write_text(json.dumps(held, indent=1) + "\n")
    if args.picture:
        picture(results, peak, args.picture)


if __name__ == "__main__":
    main()
