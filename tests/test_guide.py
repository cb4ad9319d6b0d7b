"""The guide's Python blocks run, one after the other, as a reader would try them."""

import re
from pathlib import Path

import numpy as np

GUIDE = Path(__file__).parents[1] / "docs" / "guide.md"


def test_the_guide_runs(tmp_path, monkeypatch, capsys):
    blocks = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 5
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    names = {"x": rng.integers(0, 256, (300, 28, 28), dtype="uint8"), "y": rng.integers(0, 10, 300)}
    for block in blocks:
        exec(compile(block, str(GUIDE), "exec"), names)
    assert "Conv2D" in capsys.readouterr().out
    assert (tmp_path / "model.safetensors").exists()
