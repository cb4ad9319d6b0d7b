"""Reduced precision beside float32: seconds of training steps and of predictions, and accuracies on MNIST.

Both sides run in turns in one process, so that they meet the same machine; what is told is the median of the
rounds' ratios. `--accuracy` trains each network in both precisions with several seeds and reads the test set
once for each.

    python benchmarks/reduced_precision.py --json benchmarks/results/reduced_precision.json
    python benchmarks/reduced_precision.py --accuracy --json benchmarks/results/reduced_precision.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from peers import machine

import fastnn
from fastnn import layers

MIXED = "mixed_bfloat16"


def large_mlp() -> Any:
    hidden = [layers.Dense(2048, "relu"), layers.Dense(2048, "relu")]
    return fastnn.Sequential([layers.Input((1024,)), *hidden, layers.Dense(1000)])


def cnn() -> Any:
    return fastnn.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(128, "relu"),
            layers.Dense(10),
        ]
    )


NETWORKS: dict[str, tuple[Callable[[], Any], int]] = {"large MLP": (large_mlp, 256), "CNN": (cnn, 128)}


def make(build: Callable[[], Any], policy: str, weights: Any = None) -> Any:
    """A compiled network whose layers have that policy."""
    fastnn.set_policy(policy)
    model = build()
    fastnn.set_policy("float32")
    if weights is not None:
        model.set_weights(weights)
    loss = fastnn.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(fastnn.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    return model


def seconds(work: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def compared(first: Callable[[], Any], second: Callable[[], Any], rounds: int) -> dict[str, float]:
    """Medians of both, and of the ratios of rounds in which they run in turns."""
    first(), second()
    pairs = [(seconds(first), seconds(second)) for _ in range(rounds)]
    return {
        "float32": statistics.median(a for a, _ in pairs),
        "reduced": statistics.median(b for _, b in pairs),
        "ratio": statistics.median(a / b for a, b in pairs),
    }


def speeds(name: str, rounds: int, steps: int) -> list[dict[str, Any]]:
    """Training and prediction of one network in float32 and in bfloat16."""
    build, batch = NETWORKS[name]
    random = np.random.default_rng(0)
    exact, mixed = make(build, "float32"), make(build, MIXED)
    x = random.normal(size=(batch * steps, *exact.input_shape[1:])).astype("float32")
    y = random.integers(0, 10, len(x)).astype("int32")

    def fit(model: Any) -> Callable[[], Any]:
        return lambda: model.fit(x, y, batch_size=batch, verbose=0)

    def predict(model: Any) -> Callable[[], Any]:
        return lambda: model.predict(x, batch_size=batch, verbose=0)

    rows = []
    for what, work in (("training step", fit), ("prediction of a batch", predict)):
        found = compared(work(exact), work(mixed), rounds)
        row = {"network": name, "work": what, "batch": batch, "precision": "bfloat16", **found}
        row["float32"], row["reduced"] = found["float32"] / steps, found["reduced"] / steps
        rows.append(row)
        print(
            f"{name:10} {what:22} batch {batch:4}: float32 {row['float32'] * 1e3:7.2f} ms, "
            f"bfloat16 {row['reduced'] * 1e3:7.2f} ms, {row['ratio']:.2f} times as fast",
            flush=True,
        )
    return rows


def scaled_cnn() -> Any:
    parts = [layers.Rescaling(1 / 255), *cnn().layers, layers.Softmax()]
    return fastnn.Sequential([layers.Input((28, 28, 1)), *parts])


# Networks of images of bytes, and epochs.
ON_MNIST: dict[str, tuple[Callable[[], Any], int]] = {
    "MLP": (lambda: fastnn.models.mlp(dropout=0), 5),
    "LeNet-5": (lambda: fastnn.models.lenet5(), 5),
    "CNN": (scaled_cnn, 1),
}


def accuracies(name: str, seeds: int) -> dict[str, Any]:
    """Test accuracies of training in both precisions, and of predicting in bfloat16 after float32."""
    (x, y), (x_test, y_test) = fastnn.datasets.mnist.load_data()
    if name != "MLP":
        x, x_test = x[..., None], x_test[..., None]
    build, epochs = ON_MNIST[name]
    row: dict[str, Any] = {"network": name, "epochs": epochs, "float32": [], MIXED: [], "predicting": []}
    for seed in range(seeds):
        for policy in ("float32", MIXED):
            fastnn.utils.set_random_seed(seed)
            fastnn.set_policy(policy)
            model = build()
            fastnn.set_policy("float32")
            model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
            model.fit(x, y, batch_size=128, epochs=epochs, verbose=0)
            row[policy].append(model.evaluate(x_test, y_test, verbose=0)[1])
            if policy == "float32":
                model.dtype_policy = MIXED
                row["predicting"].append(model.evaluate(x_test, y_test, verbose=0)[1])
    for kind in ("float32", MIXED, "predicting"):
        print(
            f"{name:8} {epochs} epochs, {kind:15}",
            " ".join(f"{100 * a:.2f} %" for a in row[kind]),
            flush=True,
        )
    return row


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20, help="training steps in a round")
    parser.add_argument("--network", choices=sorted({*NETWORKS, *ON_MNIST}), action="append")
    parser.add_argument("--accuracy", action="store_true", help="train on MNIST instead")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="file to write, or to add to")
    args = parser.parse_args()
    if args.accuracy:
        made = {"accuracies": [accuracies(name, args.seeds) for name in args.network or ON_MNIST]}
    else:
        rows = [row for name in args.network or NETWORKS for row in speeds(name, args.rounds, args.steps)]
        made = {"machine": machine(), "rows": rows}
    if args.json:
        known = json.loads(args.json.read_text()) if args.json.exists() else {}
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps({**known, **made}, indent=1) + "\n")


if __name__ == "__main__":
    main()
