"""Memory that training takes, fastnn beside PyTorch: growth of a process's resident set.

Each framework trains the same network on the same data (`sides/cases.py`) in a process of its own. Counted
is what the process grows by from the moment before the network and its data are made to the peak while it
trains: data, weights, gradients, optimizer's state, activations, workspaces, threads' stacks, and pages of
library code that the first step touches. What the batch takes is that growth, less the data, less the growth
in another process that trains with a batch of one: activations and workspaces, without libraries and weights.
Processes take turns; the table gives medians.

    python benchmarks/memory.py --json benchmarks/results/memory.json
    python benchmarks/memory.py --case lstm --python torch=/path/to/python

Linux alone tells a process's peak and lets it be set back (``/proc/self/clear_refs``).
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

FRAMEWORKS = ("fastnn", "torch")
NETWORKS = ("lstm", "gru", "transformer", "resnet8")


def held(field: str) -> int:
    """Bytes of a field of /proc/self/status: VmRSS (now) or VmHWM (peak)."""
    found = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found.group(1)) * 1024


def work(framework: str, case: str, batch: int) -> None:
    """Body of a worker process: trains for some steps, prints what that took as a JSON line."""
    from sides.cases import CASES, synthetic

    CASES[case] = dataclasses.replace(CASES[case], batch=batch, steps=3)
    side = importlib.import_module(f"sides.{framework}_side")
    data = sum(array.nbytes for array in synthetic(case))
    before = held("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    prepared = side.prepare(case, "")
    prepared.run()
    version = sys.modules[framework].__version__
    growth = held("VmHWM") - before
    print(json.dumps({"imported": before, "growth": growth, "data": data, "version": version}))


def measure(name: str, args: argparse.Namespace, interpreters: dict[str, str]) -> dict[str, Any]:
    """Let the frameworks take their turns at a network; return its figures."""
    from peers import can_import
    from sides.cases import CASES

    found = [f for f in FRAMEWORKS if can_import(interpreters.get(f, sys.executable), f)]
    environment = dict(os.environ, OMP_NUM_THREADS=str(args.threads), FASTNN_NUM_THREADS=str(args.threads))
    runs: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for _ in range(args.rounds):
        for framework in found:
            for batch in (CASES[name].batch, 1):
                command = [interpreters.get(framework, sys.executable), __file__, "--worker", framework]
                command += ["--case", name, "--batch", str(batch)]
                made = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
                if made.returncode != 0:
                    raise SystemExit(f"{framework}, {name}:\n{made.stderr}")
                runs.setdefault((framework, batch), []).append(json.loads(made.stdout.splitlines()[-1]))
    rows = []
    for framework in found:
        full, single = (
            {key: int(statistics.median(run[key] for run in made)) for key in ("imported", "growth", "data")}
            for made in (runs[framework, CASES[name].batch], runs[framework, 1])
        )
        by_batch = full["growth"] - full["data"] - single["growth"] + single["data"]
        version = runs[framework, 1][0]["version"]
        rows.append({"framework": framework, "version": version, **full, "by_batch": by_batch})
    return {"case": name, "title": CASES[name].title, "batch": CASES[name].batch, "rows": rows}


def show(figures: dict[str, Any]) -> None:
    print(f"{figures['title']}, batch {figures['batch']}")
    for row in figures["rows"]:
        imported, growth, by_batch = (row[key] / 2**20 for key in ("imported", "growth", "by_batch"))
        print(
            f"  {row['framework']:<8} {row['version']:<12} after imports {imported:6.1f} MiB, training adds "
            f"{growth:6.1f} MiB, of which for the batch {by_batch:6.1f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--case", default=",".join(NETWORKS), help="networks, with commas between")
    parser.add_argument("--rounds", type=int, default=3, help="times each framework takes its turn")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--python", action="append", default=[], metavar="NAME=PATH", help="interpreter of a framework"
    )
    parser.add_argument("--json", type=Path, help="file of figures")
    parser.add_argument("--worker", choices=FRAMEWORKS, help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        work(args.worker, args.case, args.batch)
        return
    if not Path("/proc/self/clear_refs").exists():
        parser.error("needs /proc, which only Linux has")
    from peers import machine

    interpreters = dict(item.split("=", 1) for item in args.python)
    cases = {}
    for name in args.case.split(","):
        cases[name] = measure(name, args, interpreters)
        show(cases[name])
    if args.json:
        kept = json.loads(args.json.read_text())["cases"] if args.json.exists() else {}
        figures = {
            "command": f"python benchmarks/memory.py --rounds {args.rounds} --json {args.json}",
            "machine": machine(),
            "threads": args.threads,
            "cases": {**kept, **cases},
        }
        args.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
