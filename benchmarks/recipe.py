"""From a cold start to a printed test accuracy: LeNet-5 on MNIST by a fixed recipe.

The recipe (network, epochs, batch size, schedule) was chosen on the last 6,000 training images with
`--choose`. A run starts a new process, loads the data, trains on all 60,000 training images, reads the test
images once and prints the accuracy; its time is that of the whole process.

    python benchmarks/recipe.py --seeds 10 --json benchmarks/results/recipe.json
    python benchmarks/recipe.py --seeds 3 --only torch --python torch=/path/to/python
    python benchmarks/recipe.py --choose
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

EPOCHS, BATCH, RATE = 5, 64, 6e-3  # the best of --choose (99.24 %); the rate falls along half a cosine


def fastnn_run(seed: int, epochs: int, batch: int, rate: float, validate: bool) -> float:
    import fastnn

    fastnn.utils.set_random_seed(seed)
    (x, y), (xt, yt) = fastnn.datasets.mnist.load_data()
    if validate:
        x, y, xt, yt = x[:-6000], y[:-6000], x[-6000:], y[-6000:]
    model = fastnn.models.lenet5()
    steps = epochs * -(-len(x) // batch)
    model.compile(
        fastnn.optimizers.Adam(fastnn.schedules.CosineDecay(rate, steps)),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(x, y, batch_size=batch, epochs=epochs, verbose=0)
    return float(model.evaluate(xt, yt, verbose=0)[1])


def torch_run(seed: int, epochs: int, batch: int, rate: float, data: str) -> float:
    import numpy as np
    import torch
    from torch import nn

    torch.manual_seed(seed)
    with np.load(data) as held:
        x, y, xt, yt = (torch.from_numpy(held[name]) for name in ("x", "y", "xt", "yt"))
    x, xt = x[:, None].float() / 255, xt[:, None].float() / 255
    y, yt = y.long(), yt.long()
    model = nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), rate)
    steps = epochs * -(-len(x) // batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    criterion = nn.CrossEntropyLoss()
    for _ in range(epochs):
        order = torch.randperm(len(x))
        for first in range(0, len(x), batch):
            rows = order[first : first + batch]
            optimizer.zero_grad()
            criterion(model(x[rows]), y[rows]).backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        return float((model(xt).argmax(1) == yt).float().mean())


def choose() -> None:
    """Print the validation accuracy of some recipes, four seeds each."""
    seeds = range(100, 104)
    for epochs in (3, 4, 5):
        for batch in (64, 128):
            for rate in (4e-3, 6e-3, 8e-3):
                start = time.perf_counter()
                found = [fastnn_run(seed, epochs, batch, rate, True) for seed in seeds]
                took = (time.perf_counter() - start) / len(seeds)
                print(
                    f"{epochs} epochs, batch {batch}, rate {rate}: validation {statistics.mean(found):.4f}, "
                    f"{took:.2f} s",
                    flush=True,
                )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="fastnn", help="fastnn, torch, or both with a comma")
    parser.add_argument("--python", action="append", default=[], metavar="NAME=PATH")
    parser.add_argument("--choose", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--data", default="", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.choose:
        choose()
        return
    if args.worker == "torch":
        print(torch_run(args.seed, EPOCHS, BATCH, RATE, args.data))
        return
    if args.worker:
        print(fastnn_run(args.seed, EPOCHS, BATCH, RATE, False))
        return
    import tempfile

    import numpy as np

    import fastnn

    interpreters = dict(item.split("=", 1) for item in args.python)
    environment = dict(os.environ, OMP_NUM_THREADS=str(args.threads), FASTNN_NUM_THREADS=str(args.threads))
    figures: dict[str, Any] = {"epochs": EPOCHS, "batch": BATCH, "rate": RATE, "threads": args.threads}
    with tempfile.TemporaryDirectory() as folder:
        (x, y), (xt, yt) = fastnn.datasets.mnist.load_data()
        data = str(Path(folder) / "mnist.npz")
        np.savez(data, x=x, y=y, xt=xt, yt=yt)
        for framework in args.only.split(","):
            runs = []
            for seed in range(args.seeds):
                command = [interpreters.get(framework, sys.executable), __file__, "--worker", framework]
                start = time.perf_counter()
                made = subprocess.run(
                    [*command, "--seed", str(seed), "--data", data],
                    env=environment, check=True, capture_output=True, text=True,
                )  # fmt: skip
                seconds = time.perf_counter() - start
                runs.append({"seed": seed, "seconds": seconds, "accuracy": float(made.stdout.split()[-1])})
                print(f"{framework} seed {seed}: {runs[-1]['accuracy']:.4f} in {seconds:.2f} s", flush=True)
            figures[framework] = runs
            print(
                f"{framework}: median accuracy {statistics.median(r['accuracy'] for r in runs):.4f}, "
                f"median {statistics.median(r['seconds'] for r in runs):.2f} s"
            )
    if args.json:
        from peers import machine

        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps({"machine": machine(), **figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
