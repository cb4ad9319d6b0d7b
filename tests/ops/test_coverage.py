"""Every op that the library lists is declared in a test file of this folder."""

import importlib.util
from pathlib import Path

from checks import REGISTRY, Built

from fastnn import _core


def test_every_op_is_declared():
    declared = len(REGISTRY)
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if path != Path(__file__):
            spec = importlib.util.spec_from_file_location(f"declared_{path.stem}", path)
            spec.loader.exec_module(importlib.util.module_from_spec(spec))
    cases = REGISTRY[declared:]
    covered = {op for case in cases for op in (case.op, *case.covers)}
    # Ops that only gradients use are tested wherever a gradient is checked.
    for case in cases:
        if case.gradient:
            covered |= {op for op in Built(case, "float64", gradients=True).used_ops() if "_grad" in op}
    missing = sorted(set(_core.op_names()) - covered)
    assert not missing, f"no test file declares a case (tests/checks.py) for: {', '.join(missing)}"
