"""Times of fastnn and of its peers, side by side in one run.

Every framework runs the same network on the same data at its own defaults, in a process of its own; the
processes take turns, round after round, so that a machine whose speed drifts is fair to all. The table gives
medians, fastnn's advantage as the median of the rounds' ratios, and the share of the multiply-add peak
measured in the same run. Where there are more threads, fastnn takes a further turn on one, which tells what
the others bring.

    python benchmarks/peers.py                        # LeNet-5, all frameworks that can be imported
    python benchmarks/peers.py --case all --rounds 5 --json benchmarks/results/peers.json
    python benchmarks/peers.py --case lstm,gru --only fastnn,torch
    python benchmarks/peers.py --python torch=/path/to/python --python jax=/path/to/python

Frameworks that are not installed are left out, and named. The networks are in `sides/cases.py`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

FRAMEWORKS = ("fastnn", "torch", "jax", "tensorflow", "onnxruntime")


def work(framework: str, case: str, data: str, seconds: float) -> None:
    """Body of a worker process: warms up, repeats the case for a while; prints one JSON line."""
    prepared = importlib.import_module(f"sides.{framework}_side").prepare(case, data)
    prepared.run()
    prepared.run()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or (time.perf_counter() < end and len(times) < 100_000):
        start = time.perf_counter()
        prepared.run()
        times.append((time.perf_counter() - start) / prepared.units)
    accuracy = prepared.accuracy() if prepared.accuracy is not None else None
    version = sys.modules[framework].__version__
    print(json.dumps({"seconds": statistics.median(times), "accuracy": accuracy, "version": version}))


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


def can_import(interpreter: str, framework: str) -> bool:
    code = f"import importlib.util as u,sys; sys.exit(u.find_spec({framework!r}) is None)"
    return subprocess.run([interpreter, "-c", code], check=False).returncode == 0


def time_case(name: str, args: argparse.Namespace, interpreters: dict[str, str], data: str) -> dict[str, Any]:
    """Let the frameworks take their turns at a case; return its figures."""
    from sides.cases import CASES

    from fastnn import _core

    case = CASES[name]
    asked = [f for f in FRAMEWORKS if f in case.frameworks and f in args.only.split(",")]
    found: dict[str, list[dict[str, Any]]] = {
        f: [] for f in asked if can_import(interpreters.get(f, sys.executable), f)
    }
    threads = case.threads or args.threads
    one_thread: list[dict[str, Any]] = []

    def turn(framework: str, threads: int) -> dict[str, Any]:
        command = [interpreters.get(framework, sys.executable), __file__, "--worker", framework]
        command += ["--case", name, "--data", data, "--seconds", str(args.seconds)]
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads), FASTNN_NUM_THREADS=str(threads))
        made = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
        if made.returncode != 0:
            raise SystemExit(f"{framework}, {name}:\n{made.stderr}")
        run: dict[str, Any] = json.loads(made.stdout.strip().splitlines()[-1])
        print(f"{name}: {framework}, threads: {threads}, {run['seconds']:.6f} s", file=sys.stderr, flush=True)
        return run

    peaks = []
    for _ in range(args.rounds):
        peaks.append(_core.fma_peak(threads))
        for framework, runs in found.items():
            runs.append(turn(framework, threads))
            if framework == "fastnn" and threads > 1:
                one_thread.append(turn(framework, 1))
    peak = statistics.median(peaks)
    samples = 60_000 if case.unit == "epoch" else case.batch
    rows = []
    for framework, runs in found.items():
        seconds = statistics.median(run["seconds"] for run in runs)
        ratio = None
        if "fastnn" in found:
            ratio = statistics.median(
                run["seconds"] / own["seconds"] for run, own in zip(runs, found["fastnn"], strict=True)
            )
        accuracies = [run["accuracy"] for run in runs if run["accuracy"] is not None]
        rows.append(
            {
                "framework": framework,
                "version": runs[0]["version"],
                "seconds": seconds,
                "times_fastnn": ratio,
                "percent_of_peak": 100 * case.flops * samples / seconds / peak,
                "accuracy": statistics.median(accuracies) if accuracies else None,
                "rounds": [run["seconds"] for run in runs],
            }
        )
    gain = None
    if one_thread:
        pairs = zip(one_thread, found["fastnn"], strict=True)
        gain = statistics.median(alone["seconds"] / together["seconds"] for alone, together in pairs)
    return {
        "case": name,
        "title": case.title,
        "unit": case.unit,
        "batch": case.batch,
        "threads": threads,
        "peak_gflops": peak * 1e-9,
        "arithmetic_floor_seconds": case.flops * samples / peak,
        "rows": rows,
        "threads_gain": gain,
        "rounds_on_one_thread": [run["seconds"] for run in one_thread],
        "absent": [f for f in asked if f not in found],
    }


def show(figures: dict[str, Any]) -> None:
    floor, peak = figures["arithmetic_floor_seconds"], figures["peak_gflops"]
    print(
        f"{figures['title']}: one {figures['unit']}, batch {figures['batch']}, {figures['threads']} threads; "
        f"multiply-add peak {peak:.0f} GFLOP/s, arithmetic floor {1e3 * floor:.4g} ms"
    )
    for row in figures["rows"]:
        ratio = "" if row["times_fastnn"] is None else f"{row['times_fastnn']:.2f}x"
        accuracy = "" if row["accuracy"] is None else f"{row['accuracy']:.4f}"
        print(
            f"  {row['framework']:<12} {row['version']:<12} {1e3 * row['seconds']:>11.4f} ms {ratio:>8} "
            f"{row['percent_of_peak']:>6.1f}% of peak {accuracy}"
        )
    if figures["threads_gain"]:
        print(f"  fastnn is {figures['threads_gain']:.2f}x as fast as on one thread")
    if figures["absent"]:
        print("  not installed: " + ", ".join(figures["absent"]))


def main() -> None:
    from sides.cases import CASES

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--case", default="lenet5", help=f"'all', or of {', '.join(CASES)}, with commas")
    parser.add_argument("--rounds", type=int, default=3, help="times each framework takes its turn")
    parser.add_argument("--seconds", type=float, default=2.0, help="time a turn lasts, after warming up")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default=",".join(FRAMEWORKS), help="frameworks, with commas between")
    parser.add_argument(
        "--python", action="append", default=[], metavar="NAME=PATH", help="interpreter of a framework"
    )
    parser.add_argument("--json", type=Path, help="file of figures; cases that it has and are not run stay")
    parser.add_argument("--worker", choices=FRAMEWORKS, help=argparse.SUPPRESS)
    parser.add_argument("--data", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        work(args.worker, args.case, args.data, args.seconds)
        return
    names = list(CASES) if args.case == "all" else args.case.split(",")
    unknown = [name for name in names if name not in CASES]
    if unknown:
        parser.error(f"unknown case {unknown[0]!r}; known: {', '.join(CASES)}")

    import numpy as np

    import fastnn

    interpreters = dict(item.split("=", 1) for item in args.python)
    with tempfile.TemporaryDirectory() as folder:
        (x, y), (xt, yt) = fastnn.datasets.mnist.load_data()
        data = str(Path(folder) / "mnist.npz")
        np.savez(data, x=x, y=y, xt=xt, yt=yt)
        for name in names:
            figures = time_case(name, args, interpreters, data)
            show(figures)
            if args.json:
                save(args.json, figures)


def save(path: Path, figures: dict[str, Any]) -> None:
    """Put one case's figures into the file, in the place of older ones."""
    from sides.cases import CASES

    shown = [a for a in sys.argv[1:] if "=" not in a and a != "--python"]
    figures["command"] = " ".join(["python", "benchmarks/peers.py", *shown])
    held = json.loads(path.read_text()) if path.exists() else {"cases": {}}
    held["machine"] = machine()
    held["cases"][figures["case"]] = figures
    held["cases"] = {name: held["cases"][name] for name in CASES if name in held["cases"]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(held, indent=2) + "\n")


if __name__ == "__main__":
    main()
