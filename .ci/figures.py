"""Holds a wheel, and the fastnn installed beside this Python, to the figures that the project promises."""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

WHEEL_BYTES = 8_000_000  # without the embedded data
IMPORT_SECONDS = 0.03  # more than NumPy
TRAINING_BYTES = 400_000_000  # peak memory of one epoch of LeNet-5


def wheel_bytes(path: Path) -> float:
    with zipfile.ZipFile(path) as wheel:
        return sum(e.compress_size for e in wheel.infolist() if "/datasets/data/" not in e.filename)


def import_seconds() -> float:
    """How much more of the processor's time fastnn takes than NumPy alone: the least of several tries."""

    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    best: dict[str, float] = {}
    for modules in ("numpy", "numpy, fastnn") * 7:
        before = spent()
        subprocess.run([sys.executable, "-c", f"import {modules}"], check=True)
        best[modules] = min(best.get(modules, 1e9), spent() - before)
    return best["numpy, fastnn"] - best["numpy"]


def training_bytes() -> float:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "fastnn.cli", "train", "lenet5", "--epochs", "1", "--verbose", "0"]
        command += ["--out", os.path.join(folder, "model.safetensors")]
        # Of this child alone: a process may have inherited others, a compiler for one.
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status != 0:
            raise SystemExit(f"{' '.join(command)} failed")
    peak = usage.ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    arguments = parser.parse_args()
    rows = [
        ("wheel without data", wheel_bytes(arguments.wheel), WHEEL_BYTES, 1e-6, "MB"),
        ("import, beyond NumPy's", import_seconds(), IMPORT_SECONDS, 1e3, "ms"),
        ("peak memory of training", training_bytes(), TRAINING_BYTES, 1e-6, "MB"),
    ]
    for what, found, most, scale, unit in rows:
        verdict = "ok" if found <= most else "TOO MUCH"
        print(f"{what:24s} {found * scale:8.1f} {unit}, at most {most * scale:.0f}: {verdict}")
    return int(any(found > most for _, found, most, _, _ in rows))


if __name__ == "__main__":
    sys.exit(main())
