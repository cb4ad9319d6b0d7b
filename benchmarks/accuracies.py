"""Test accuracy of the recipes of `fastnn train`: every ready model, three seeds each.

Run: python benchmarks/accuracies.py [--seeds 3] [--epochs N] [--json benchmarks/results/accuracies.json]
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import fastnn
from fastnn import _core

MODELS = ("lenet5", "mlp", "perceptron")
RESULTS = Path(__file__).parent / "results" / "accuracies.json"


def train(model: str, seed: int, epochs: int | None) -> dict[str, float]:
    """Run the recipe in a process of its own; return what it printed of the test images."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "fastnn.cli", "train", model, "--seed", str(seed), "--verbose", "0"]
        command += ["--out", os.path.join(folder, "model.safetensors")]
        command += [] if epochs is None else ["--epochs", str(epochs)]
        began = time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = re.search(r"test accuracy [\d.]+ \((\d+) of (\d+)\)", done.stdout)
    assert found, done.stdout
    right, total = map(int, found.groups())
    return {"seed": seed, "accuracy": right / total, "seconds": round(time.perf_counter() - began, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0 to N - 1")
    parser.add_argument("--epochs", type=int, help="instead of the recipes'")
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    results = {}
    for model in MODELS:
        runs = [train(model, seed, arguments.epochs) for seed in range(arguments.seeds)]
        median = statistics.median(run["accuracy"] for run in runs)
        results[model] = {"median_accuracy": median, "runs": runs}
        print(f"{model:12s} median {median:.2%} of", *(f"{run['accuracy']:.2%}" for run in runs), flush=True)
    report = {
        "what": "test accuracy on MNIST of `fastnn train MODEL --seed SEED`",
        "fastnn": fastnn.__version__,
        "instruction_set": _core.current_isa(),
        "threads": fastnn.num_threads(),
        "epochs": arguments.epochs or "the recipes'",
        "models": results,
    }
    arguments.json.write_text(json.dumps(report, indent=2) + "\n")
    print(f"written to {arguments.json}")


if __name__ == "__main__":
    main()
