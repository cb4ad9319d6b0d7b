"""Training time of fastnn and of its peers, side by side in one run.

Every framework trains the same network on the same data with its own defaults, in a process of its own; the
processes take turns, round after round, so that a machine whose speed drifts is fair to all. The table gives
medians, fastnn's advantage as the median of the rounds' ratios, and the share of the multiply-add peak
measured in the same run.

    python benchmarks/peers.py  # LeNet-5, all frameworks that can be imported
    python benchmarks/peers.py --case mlp --rounds 5
    python benchmarks/peers.py --python torch=/path/to/python --python jax=/path/to/python

Frameworks that are not installed are left out, and named.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

FRAMEWORKS = ("fastnn", "torch", "jax", "tensorflow")
CASES = {
    "lenet5": "LeNet-5 (3x3 kernels, 6-16-120-84-10)",
    "mlp": "MLP 784-128-10",
    "cnn": "CNN 32-64-pool-128-10 (3x3)",
}


# ---- Data, the same for all ------------------------------------------------------------------------------


def load(path: str | None) -> tuple[Any, Any, Any, Any]:
    """MNIST as float32 in [0, 1], shape (n, 28, 28, 1), and int64 labels, from the parent's .npz file."""
    import numpy as np

    with np.load(path or "") as data:
        x, y, xt, yt = (data[name] for name in ("x", "y", "xt", "yt"))
    scale = np.float32(1 / 255)
    return x[..., None] * scale, y.astype(np.int64), xt[..., None] * scale, yt.astype(np.int64)


# ---- One worker for each framework: returns (epoch function, accuracy function) -------------------------


def fastnn_worker(case: str, batch: int, data: Any) -> Any:
    import fastnn
    from fastnn import layers

    fastnn.utils.set_random_seed(0)
    x, y, xt, yt = data
    convolutions = {
        "lenet5": [
            layers.Conv2D(6, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
        ],
        "cnn": [
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
        ],
        "mlp": [],
    }[case]
    widths = {"lenet5": [120, 84], "cnn": [128], "mlp": [128]}[case]
    model = fastnn.Sequential(
        [
            layers.Input((28, 28, 1)),
            *convolutions,
            layers.Flatten(),
            *[layers.Dense(width, activation="relu") for width in widths],
            layers.Dense(10),
        ]
    )
    model.compile(
        fastnn.optimizers.Adam(1e-3),
        fastnn.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )

    def epoch() -> None:
        model.fit(x, y, batch_size=batch, epochs=1, verbose=0)

    return epoch, lambda: model.evaluate(xt, yt, verbose=0)[1]


def torch_worker(case: str, batch: int, data: Any) -> Any:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x, y, xt, yt = (torch.from_numpy(a) for a in data)
    x, xt = x.permute(0, 3, 1, 2).contiguous(), xt.permute(0, 3, 1, 2).contiguous()
    features: dict[str, list[Any]] = {
        "lenet5": [
            nn.Conv2d(1, 6, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ],
        "cnn": [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)],
        "mlp": [],
    }
    widths = {"lenet5": [400, 120, 84], "cnn": [9216, 128], "mlp": [784, 128]}[case]
    dense: list[Any] = []
    for a, b in itertools.pairwise(widths):
        dense += [nn.Linear(a, b), nn.ReLU()]
    model = nn.Sequential(*features[case], nn.Flatten(), *dense, nn.Linear(widths[-1], 10))
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    criterion = nn.CrossEntropyLoss()

    def epoch() -> None:
        order = torch.randperm(len(x))
        for first in range(0, len(x), batch):
            rows = order[first : first + batch]
            optimizer.zero_grad()
            criterion(model(x[rows]), y[rows]).backward()
            optimizer.step()

    def accuracy() -> float:
        with torch.no_grad():
            return float((model(xt).argmax(1) == yt).float().mean())

    return epoch, accuracy


def jax_worker(case: str, batch: int, data: Any) -> Any:
    import jax
    import jax.numpy as jnp
    import numpy as np
    import optax

    x, y, xt, yt = jnp.asarray(data[0]), jnp.asarray(data[1].astype(np.int32)), jnp.asarray(data[2]), data[3]
    keys = iter(jax.random.split(jax.random.PRNGKey(0), 8))

    def dense(a: int, b: int) -> Any:
        return jax.random.normal(next(keys), (a, b)) * (2 / a) ** 0.5, jnp.zeros(b)

    def kernel(a: int, b: int) -> Any:
        return jax.random.normal(next(keys), (3, 3, a, b)) * (2 / (9 * a)) ** 0.5, jnp.zeros(b)

    def convolve(h: Any, p: Any) -> Any:
        made = jax.lax.conv_general_dilated(
            h, p[0], (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return jax.nn.relu(made + p[1])

    def pool(h: Any) -> Any:
        return jax.lax.reduce_window(h, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    plans: dict[str, tuple[list[tuple[int, int]], list[bool], list[int]]] = {
        "lenet5": ([(1, 6), (6, 16)], [True, True], [400, 120, 84, 10]),
        "cnn": ([(1, 32), (32, 64)], [False, True], [9216, 128, 10]),
        "mlp": ([], [], [784, 128, 10]),
    }
    channels, pools, widths = plans[case]
    parameters = [kernel(a, b) for a, b in channels] + [dense(a, b) for a, b in itertools.pairwise(widths)]

    def forward(p: Any, h: Any) -> Any:
        for weights, pooled in zip(p, pools, strict=False):
            h = convolve(h, weights)
            h = pool(h) if pooled else h
        h = h.reshape(h.shape[0], -1)
        for w, b in p[len(pools) : -1]:
            h = jax.nn.relu(h @ w + b)
        return h @ p[-1][0] + p[-1][1]

    adam = optax.adam(1e-3)

    def loss(p: Any, xb: Any, yb: Any) -> Any:
        return optax.softmax_cross_entropy_with_integer_labels(forward(p, xb), yb).mean()

    def step(carry: Any, rows: Any) -> Any:
        p, state = carry
        gradients = jax.grad(loss)(p, x[rows], y[rows])
        updates, state = adam.update(gradients, state)
        return (optax.apply_updates(p, updates), state), 0.0

    steps = len(x) // batch

    @jax.jit
    def run(p: Any, state: Any, key: Any) -> Any:
        order = jax.random.permutation(key, len(x))[: steps * batch].reshape(steps, batch)
        return jax.lax.scan(step, (p, state), order)[0]

    one_step = jax.jit(lambda carry, rows: step(carry, rows)[0])
    held = {"carry": (parameters, adam.init(parameters)), "epoch": 0}

    def epoch() -> None:
        key = jax.random.PRNGKey(held["epoch"])
        if channels:  # XLA's convolutions are several times slower inside a scan on CPUs
            order = np.asarray(jax.random.permutation(key, len(x)))[: steps * batch].reshape(steps, batch)
            for rows in order:
                held["carry"] = one_step(held["carry"], rows)
        else:
            held["carry"] = run(*held["carry"], key)
        jax.block_until_ready(held["carry"][0])
        held["epoch"] += 1

    return epoch, lambda: float((np.asarray(jax.jit(forward)(held["carry"][0], xt)).argmax(1) == yt).mean())


def tensorflow_worker(case: str, batch: int, data: Any) -> Any:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    keras = tf.keras
    layers = keras.layers
    x, y, xt, yt = data
    convolutions = {
        "lenet5": [
            layers.Conv2D(6, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
        ],
        "cnn": [
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
        ],
        "mlp": [],
    }[case]
    widths = {"lenet5": [120, 84], "cnn": [128], "mlp": [128]}[case]
    model = keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            *convolutions,
            layers.Flatten(),
            *[layers.Dense(width, activation="relu") for width in widths],
            layers.Dense(10),
        ]
    )
    model.compile(
        keras.optimizers.Adam(1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )

    def epoch() -> None:
        model.fit(x, y, batch_size=batch, epochs=1, verbose=0)

    return epoch, lambda: model.evaluate(xt, yt, verbose=0)[1]


WORKERS = {
    "fastnn": fastnn_worker,
    "torch": torch_worker,
    "jax": jax_worker,
    "tensorflow": tensorflow_worker,
}


def work(args: argparse.Namespace) -> None:
    """Body of a worker process: one warm-up epoch, then timed ones; prints one JSON line."""
    data = load(args.data)
    epoch, accuracy = WORKERS[args.worker](args.case, args.batch, data)
    times = []
    for _ in range(args.epochs + 1):
        start = time.perf_counter()
        epoch()
        times.append(time.perf_counter() - start)
    print(
        json.dumps(
            {
                "first": times[0],
                "epoch": statistics.median(times[1:]),
                "accuracy": accuracy(),
                "version": sys.modules[args.worker].__version__,
            }
        )
    )


# ---- The parent -----------------------------------------------------------------------------------------


def flops_per_sample(case: str) -> float:
    """Operations (two a multiply-add) of forward, input gradients and kernel gradients; none for x itself."""

    def conv(side: int, kernel: int, a: int, b: int) -> float:
        return 2.0 * (side - kernel + 1) ** 2 * kernel**2 * a * b

    def dense(*widths: int) -> list[float]:
        return [2.0 * a * b for a, b in itertools.pairwise(widths)]

    layers = {
        "lenet5": [conv(28, 3, 1, 6), conv(13, 3, 6, 16), *dense(400, 120, 84, 10)],
        "cnn": [conv(28, 3, 1, 32), conv(26, 3, 32, 64), *dense(9216, 128, 10)],
        "mlp": dense(784, 128, 10),
    }[case]
    return 3 * sum(layers) - layers[0]


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--case", choices=list(CASES), default="lenet5")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3, help="times each framework takes its turn")
    parser.add_argument("--epochs", type=int, default=2, help="timed epochs in a turn, after one to warm up")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default=",".join(FRAMEWORKS), help="frameworks, with commas between")
    parser.add_argument(
        "--python", action="append", default=[], metavar="NAME=PATH", help="interpreter of a framework"
    )
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--worker", choices=FRAMEWORKS, help=argparse.SUPPRESS)
    parser.add_argument("--data", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        work(args)
        return

    import tempfile

    import numpy as np

    import fastnn
    from fastnn import _core

    interpreters = dict(item.split("=", 1) for item in args.python)
    with tempfile.TemporaryDirectory() as folder:
        (x, y), (xt, yt) = fastnn.datasets.mnist.load_data()
        data = str(Path(folder) / "mnist.npz")
        np.savez(data, x=x, y=y, xt=xt, yt=yt)
        found: dict[str, list[dict[str, Any]]] = {}
        absent = []
        names = [name for name in FRAMEWORKS if name in args.only.split(",")]
        for name in names:
            check = subprocess.run(
                [
                    interpreters.get(name, sys.executable),
                    "-c",
                    f"import importlib.util as u,sys; sys.exit(u.find_spec('{name}') is None)",
                ],
                check=False,
            )
            if check.returncode == 0:
                found[name] = []
            else:
                absent.append(name)
        environment = dict(
            os.environ, OMP_NUM_THREADS=str(args.threads), FASTNN_NUM_THREADS=str(args.threads)
        )
        peaks = []
        for number in range(args.rounds):
            peaks.append(_core.fma_peak(args.threads))
            for name in found:
                command = [interpreters.get(name, sys.executable), __file__, "--worker", name, "--data", data]
                command += ["--case", args.case, "--batch", str(args.batch), "--epochs", str(args.epochs)]
                made = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
                found[name].append(json.loads(made.stdout.strip().splitlines()[-1]))
                print(
                    f"round {number + 1}: {name} {found[name][-1]['epoch']:.3f} s",
                    file=sys.stderr,
                    flush=True,
                )

    peak = statistics.median(peaks)
    arithmetic = flops_per_sample(args.case) * 60000
    rows = []
    for name, runs in found.items():
        seconds = statistics.median(run["epoch"] for run in runs)
        ratio = None
        if "fastnn" in found:
            ratio = statistics.median(
                r["epoch"] / f["epoch"] for r, f in zip(runs, found["fastnn"], strict=True)
            )
        rows.append(
            {
                "framework": name,
                "version": runs[0]["version"],
                "seconds": seconds,
                "times_fastnn": ratio,
                "percent_of_peak": 100 * arithmetic / seconds / peak,
                "accuracy": statistics.median(run["accuracy"] for run in runs),
                "rounds": [run["epoch"] for run in runs],
            }
        )
    print(f"{CASES[args.case]}: one epoch of 60,000 images, batch {args.batch}, Adam, {args.threads} threads")
    print(
        f"multiply-add peak {peak * 1e-9:.0f} GFLOP/s; arithmetic floor {arithmetic / peak:.3f} s; "
        f"medians of {args.rounds} rounds"
    )
    print(
        f"{'framework':<12} {'version':<10} {'seconds':>8} {'vs fastnn':>10} {'of peak':>8} {'accuracy':>9}"
    )
    for row in rows:
        ratio_text = "" if row["times_fastnn"] is None else f"{row['times_fastnn']:.2f}x"
        print(
            f"{row['framework']:<12} {row['version']:<10} {row['seconds']:>8.3f} {ratio_text:>10} "
            f"{row['percent_of_peak']:>7.1f}% {row['accuracy']:>9.4f}"
        )
    if absent:
        print("not installed: " + ", ".join(absent))
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        figures = {
            "case": args.case,
            "title": CASES[args.case],
            "batch": args.batch,
            "threads": args.threads,
            "machine": machine(),
            "peak_gflops": peak * 1e-9,
            "arithmetic_floor_seconds": arithmetic / peak,
            "rows": rows,
            "command": " ".join(
                [
                    "python",
                    "benchmarks/peers.py",
                    *(a for a in sys.argv[1:] if "=" not in a and a != "--python"),
                ]
            ),
        }
        args.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
