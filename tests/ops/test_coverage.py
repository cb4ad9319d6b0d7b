"""Every op that the library lists is declared in a test file of this folder, the one of its stem."""

import importlib.util
import re
from pathlib import Path

import pytest
from checks import REGISTRY, Built

from fastnn import _core

HERE = Path(__file__).parent
LIST = HERE.parents[1] / "csrc" / "ops" / "ops.inc"


def declared_in(path):
    """Cases of a test file; declaring them again here changes nothing."""
    declared = len(REGISTRY)
    spec = importlib.util.spec_from_file_location(f"declared_{path.stem}", path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    cases = REGISTRY[declared:]
    del REGISTRY[declared:]
    return cases


def test_every_op_is_declared():
    cases = [
        case
        for path in sorted(HERE.glob("test_*.py"))
        if path != Path(__file__)
        for case in declared_in(path)
    ]
    covered = {op for case in cases for op in (case.op, *case.covers)}
    # Ops that only gradients use are tested wherever a gradient is checked.
    for case in cases:
        if case.gradient:
            covered |= {op for op in Built(case, "float64", gradients=True).used_ops() if "_grad" in op}
    missing = sorted(set(_core.op_names()) - covered)
    assert not missing, f"no test file declares a case (tests/checks.py) for: {', '.join(missing)}"


@pytest.mark.skipif(not LIST.exists(), reason="needs the sources")
def test_every_stem_has_a_file():
    lines = re.findall(r"^FASTNN_OP\((\w+), (\w+)\)$", LIST.read_text(), re.MULTILINE)
    assert {op for _, op in lines} <= set(_core.op_names())
    absent = sorted({stem for stem, _ in lines if not (HERE / f"test_{stem}.py").exists()})
    assert not absent, f"no tests/ops/test_<stem>.py for: {', '.join(absent)}"
