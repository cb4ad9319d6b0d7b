"""Writes README's table from the figures in benchmarks/results/peers.json.

Run: python benchmarks/peers_table.py
"""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- peers: begin (benchmarks/peers_table.py writes this part) -->", "<!-- peers: end -->"
PEERS = {"torch": "PyTorch", "jax": "JAX", "tensorflow": "TensorFlow", "onnxruntime": "ONNX Runtime"}


def time_text(seconds: float) -> str:
    if seconds >= 0.1:
        return f"{seconds:.2f} s"
    return f"{1e3 * seconds:.2f} ms" if seconds >= 1e-3 else f"{1e6 * seconds:.1f} us"


def main() -> None:
    data = json.loads((ROOT / "benchmarks" / "results" / "peers.json").read_text())
    cases = list(data["cases"].values())
    versions = {r["framework"]: r["version"] for case in cases for r in case["rows"]}
    peaks = [case["peak_gflops"] for case in cases if case["threads"] > 1]
    rounds = min(len(row["rounds"]) for case in cases for row in case["rows"])
    names = ", ".join(f"{PEERS[f]} {v}" for f, v in versions.items() if f in PEERS)
    command = re.sub(r"--case \S+", "--case NAME", cases[0]["command"])
    lines = [
        f"Times on 2 threads (single samples: 1) of an {data['machine']['processor']} whose multiply-add "
        f"peak on 2 threads, measured in the same runs, is {min(peaks):.0f} to {max(peaks):.0f} GFLOP/s; "
        f"float32, Adam, each framework at its defaults ({names}). Medians of at least {rounds} rounds in "
        "which the frameworks took turns; in brackets, the median of the rounds' ratios to fastnn. Shares of "
        "the peak count a convolution's direct arithmetic, of which Winograd's form needs 4 of 9; the gain "
        "by threads is fastnn's speed beside its own on one thread, in the same rounds. A row's "
        f"command: `{command}`, with the case's name from `benchmarks/sides/cases.py`.",
        "",
        "| work | fastnn | of the peak | by threads | " + " | ".join(PEERS.values()) + " |",
        "|---|---|---|---|" + "---|" * len(PEERS),
    ]
    for case in cases:
        rows = {row["framework"]: row for row in case["rows"]}
        own = rows["fastnn"]
        article = "an" if case["unit"] == "epoch" else "a"
        title = f"{case['title']}, batch {case['batch']}, {article} {case['unit']}"
        cells = [title, f"**{time_text(own['seconds'])}**", f"{own['percent_of_peak']:.0f} %"]
        cells.append(f"{case['threads_gain']:.2f}x" if case.get("threads_gain") else "")
        for peer in PEERS:
            row = rows.get(peer)
            ratio = "" if row is None else f" ({row['times_fastnn']:.1f}x)"
            cells.append("" if row is None else time_text(row["seconds"]) + ratio)
        lines.append("| " + " | ".join(cells) + " |")
    readme = ROOT / "README.md"
    text = readme.read_text()
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    readme.write_text(f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{after}")


if __name__ == "__main__":
    main()
