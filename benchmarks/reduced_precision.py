"""Reduced precision beside float32: seconds of training steps and of predictions, and accuracies on MNIST.

Both sides run in turns in one process, so that they meet the same machine; what is told is the median of the
rounds' ratios. `--accuracy` trains each network in both precisions with several seeds and reads the test set
once for each.

    python benchmarks/reduced_precision.py --json benchmarks/results/reduced_precision.json
    python benchmarks/reduced_precision.py --accuracy --json benchmarks/results/reduced_precision.json

`--int8` measures models that `Model.quantize` made: predictions of large batches and of single samples and
sizes of files; with `--peers PYTHON` ONNX Runtime's static quantisation, too, by an interpreter that has it;
with `--accuracy` what float32 models lose.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
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


def cnn(kernel: int = 3) -> Any:
    return fastnn.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(32, kernel, activation="relu"),
            layers.Conv2D(64, kernel, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(128, "relu"),
            layers.Dense(10),
        ]
    )


NETWORKS: dict[str, tuple[Callable[[], Any], int]] = {
    "large MLP": (large_mlp, 256),
    "CNN": (cnn, 128),
    "CNN 5x5": (lambda: cnn(5), 128),
}


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


# ---- int8 ------------------------------------------------------------------------------------------------


def lenet5() -> Any:
    return fastnn.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(6, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(120, "relu"),
            layers.Dense(84, "relu"),
            layers.Dense(10),
        ]
    )


INT8_NETWORKS: dict[str, tuple[Callable[[], Any], int]] = {
    "large MLP": (large_mlp, 4096),
    "CNN": (cnn, 2048),
    "LeNet-5": (lenet5, 10000),
}
ONNXRUNTIME = Path(__file__).parent / "sides" / "onnxruntime_int8.py"


def size(model: Any) -> int:
    """Bytes of the model's file."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.safetensors")
        model.save(path)
        return os.path.getsize(path)


def int8_speeds(name: str, rounds: int, peers: str | None) -> dict[str, Any]:
    """Predictions of a large batch with all threads, and of single samples with one; sizes of files."""
    build, rows = INT8_NETWORKS[name]
    exact = build()
    x = np.random.default_rng(0).random((rows, *exact.input_shape[1:])).astype("float32")
    small = exact.quantize("int8", calibration=x[:256])

    def single(model: Any) -> Callable[[], Any]:
        def run() -> None:
            for _ in range(100):
                model.predict_on_batch(x[:1])

        return run

    batch = compared(lambda: exact.predict(x, verbose=0), lambda: small.predict(x, verbose=0), rounds)
    threads = fastnn.num_threads()
    fastnn.set_num_threads(1)
    one = compared(single(exact), single(small), rounds)
    fastnn.set_num_threads(threads)
    row: dict[str, Any] = {"network": name, "rows": rows, "threads": threads, "batch": batch, "single": one}
    one["float32"], one["reduced"] = one["float32"] / 100, one["reduced"] / 100
    row["bytes"] = {"float32": size(exact), "int8": size(small)}
    files = " and ".join(f"{n / 1e6:.2f} MB" for n in row["bytes"].values())
    print(
        f"{name:10} {rows} rows: float32 {batch['float32'] * 1e3:.1f} ms, "
        f"int8 {batch['reduced'] * 1e3:.1f} ms, {batch['ratio']:.2f} times as fast; one row: "
        f"{one['float32'] * 1e6:.1f} us, {one['reduced'] * 1e6:.1f} us, {one['ratio']:.2f}; files {files}",
        flush=True,
    )
    if peers:
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        command = [peers, str(ONNXRUNTIME), name, str(rows), str(rounds)]
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        row["onnxruntime"] = json.loads(done.stdout.splitlines()[-1])
        found = row["onnxruntime"]
        print(
            f"{'':10} ONNX Runtime: float32 {found['float32'] * 1e3:.1f} ms, "
            f"int8 {found['int8'] * 1e3:.1f} ms; "
            f"one row: {found['float32_one'] * 1e6:.1f} us, {found['int8_one'] * 1e6:.1f} us",
            flush=True,
        )
    return row


def int8_accuracies(name: str, seeds: int) -> dict[str, Any]:
    """Test accuracies in float32 and in int8, calibrated on training images."""
    (x, y), (x_test, y_test) = fastnn.datasets.mnist.load_data()
    build, epochs = ON_MNIST[name]
    row: dict[str, Any] = {"network": name, "epochs": epochs, "float32": [], "int8": []}
    for seed in range(seeds):
        fastnn.utils.set_random_seed(seed)
        model = build()
        shape = model.input_shape[1:]
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x.reshape(-1, *shape), y, batch_size=128, epochs=epochs, verbose=0)
        small = model.quantize("int8", calibration=x[:1000].reshape(-1, *shape))
        for kind, made in (("float32", model), ("int8", small)):
            row[kind].append(made.evaluate(x_test.reshape(-1, *shape), y_test, verbose=0)[1])
    for kind in ("float32", "int8"):
        print(
            f"{name:8} {epochs} epochs, {kind:8}", " ".join(f"{100 * a:.2f} %" for a in row[kind]), flush=True
        )
    return row


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20, help="training steps in a round")
    parser.add_argument("--network", choices=sorted({*NETWORKS, *ON_MNIST}), action="append")
    parser.add_argument("--int8", action="store_true", help="models in int8 instead of bfloat16")
    parser.add_argument("--peers", help="Python that has onnxruntime and onnx")
    parser.add_argument("--accuracy", action="store_true", help="train on MNIST instead")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="file to write, or to add to")
    args = parser.parse_args()
    if args.int8 and args.accuracy:
        made = {"int8_accuracies": [int8_accuracies(n, args.seeds) for n in args.network or ON_MNIST]}
    elif args.int8:
        names = args.network or list(INT8_NETWORKS)
        made = {"machine": machine(), "int8": [int8_speeds(n, args.rounds, args.peers) for n in names]}
    elif args.accuracy:
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
