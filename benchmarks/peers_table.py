"""Writes README's table from the figures in benchmarks/results/peers_*.json.

Run: python benchmarks/peers_table.py
"""

import json
from pathlib import Path

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- peers: begin (benchmarks/peers_table.py writes this part) -->", "<!-- peers: end -->"


def table(path: Path) -> str:
    """One file's figures as a Markdown table with a caption."""
    data = json.loads(path.read_text())
    machine = data["machine"]
    rounds = len(data["rows"][0]["rounds"])
    caption = (
        f"{data['title']}: one epoch of 60,000 MNIST images, batch {data['batch']}, Adam, "
        f"{data['threads']} threads of an {machine['processor']}. The multiply-add peak, measured in the "
        f"same run, is {data['peak_gflops']:.0f} GFLOP/s. Medians of {rounds} rounds in which the frameworks "
        f"took turns: `{data['command']}`."
    )
    lines = [
        caption,
        "",
        "| | seconds | times fastnn's | of the peak | test accuracy |",
        "|---|---|---|---|---|",
    ]
    for row in data["rows"]:
        lines.append(
            f"| {row['framework']} {row['version']} | {row['seconds']:.2f} | {row['times_fastnn']:.1f} | "
            f"{row['percent_of_peak']:.0f} % | {100 * row['accuracy']:.1f} % |"
        )
    return "\n".join(lines)


def main() -> None:
    parts = [table(path) for path in sorted((ROOT / "benchmarks" / "results").glob("peers_*.json"))]
    readme = ROOT / "README.md"
    text = readme.read_text()
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    readme.write_text(f"{before}{BEGIN}\n\n" + "\n\n".join(parts) + f"\n\n{END}{after}")


if __name__ == "__main__":
    main()
