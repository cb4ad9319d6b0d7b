"""The benchmark beside peers runs, and README's table follows from its figures."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "benchmarks" / "peers.py"


@pytest.mark.parametrize("case", ["single_mlp", "mlp_tiny"])
def test_a_case_runs_and_writes_its_figures(case, tmp_path):
    out = tmp_path / "peers.json"
    command = [sys.executable, str(SCRIPT), "--case", case, "--only", "fastnn", "--rounds", "1"]
    done = subprocess.run(
        [*command, "--seconds", "0.05", "--json", str(out)], capture_output=True, text=True, check=True
    )
    assert "of peak" in done.stdout
    figures = json.loads(out.read_text())["cases"][case]
    assert figures["rows"][0]["framework"] == "fastnn" and figures["rows"][0]["seconds"] > 0


def test_unknown_cases_are_named():
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--case", "lenet6"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "unknown case 'lenet6'" in done.stderr


def test_the_roofline_has_a_point_for_each_op_that_computes(tmp_path):
    out = tmp_path / "roofline.json"
    script = ROOT / "benchmarks" / "roofline.py"
    subprocess.run([sys.executable, str(script), "--case", "mlp", "--json", str(out)], check=True)
    figures = json.loads(out.read_text())
    assert figures["peak_gflops"] > 0
    assert set(figures["copy_gbytes_per_second"]) >= {"main memory"}
    ops = {row["op"] for row in figures["rows"]}
    assert {"dense", "dense_grad_kernel", "dense_grad_input"} <= ops
    assert all(0 < row["gflops"] < 2 * figures["peak_gflops"] for row in figures["rows"])


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")
def test_memory_of_training_is_measured():
    command = [sys.executable, str(ROOT / "benchmarks" / "memory.py"), "--worker", "fastnn", "--case", "lstm"]
    done = subprocess.run([*command, "--batch", "8"], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["growth"] > found["data"] == 3 * 8 * (28 * 28 * 4 + 8)
