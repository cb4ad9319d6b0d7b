"""Compile and run the C++ test programs beside this file, once per compiler and instruction set."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FLAGS = [
    "-std=c++20",
    "-O2",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-psabi",
    "-fno-math-errno",
    "-fno-trapping-math",
    f"-I{HERE.parents[1] / 'csrc'}",
]
# What /proc/cpuinfo must list for a level to run.
LEVELS = {
    "v2": ("-march=x86-64-v2", {"sse4_1", "sse4_2", "ssse3", "popcnt"}),
    "v3": ("-march=x86-64-v3", {"avx2", "fma", "bmi2", "f16c"}),
    "v4": ("-march=x86-64-v4", {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}),
}
COMPILERS = ("g++", "clang++", "clang++-14")


def cpu_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return next((set(line.split(":", 1)[1].split()) for line in lines if line.startswith("flags")), set())


def run_program(source: Path, compiler: str, level: str, folder: Path) -> str:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    march, needed = LEVELS[level]
    missing = needed - cpu_flags()
    if missing:
        pytest.skip(f"this processor has no {', '.join(sorted(missing))}")
    program, compiled = folder / source.stem, folder / f"{source.stem}.o"
    ccache = ["ccache"] if shutil.which("ccache") else []
    commands = [
        [*ccache, compiler, *FLAGS, march, "-c", str(source), "-o", str(compiled)],
        [compiler, str(compiled), "-o", str(program)],
    ]
    for command in commands:
        built = subprocess.run(command, capture_output=True, text=True)
        assert built.returncode == 0, f"{' '.join(command)}\n{built.stdout}{built.stderr}"
    ran = subprocess.run([str(program)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("source", sorted(HERE.glob("test_*.cpp")), ids=lambda path: path.stem)
def test_program(source: Path, compiler: str, level: str, tmp_path: Path) -> None:
    print(run_program(source, compiler, level, tmp_path))
