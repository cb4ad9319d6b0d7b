"""The pages' Python blocks run, one after the other, as a reader would try them."""

import re
from pathlib import Path

import numpy as np

import fastnn

DOCS = Path(__file__).parents[1] / "docs"
GUIDE = DOCS / "guide.md"


def run_blocks(page, names):
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 5
    for block in blocks:
        exec(compile(block, str(page), "exec"), names)


def test_the_guide_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    names = {"x": rng.integers(0, 256, (300, 28, 28), dtype="uint8"), "y": rng.integers(0, 10, 300)}
    run_blocks(GUIDE, names)
    assert "Conv2D" in capsys.readouterr().out
    assert (tmp_path / "model.safetensors").exists()


def test_the_page_about_ops_runs():
    names = {}
    run_blocks(DOCS / "ops.md", names)
    x = np.linspace(-1, 1, 5)[:, None].astype("float32")
    curvature = names["Curvature"](fastnn.layers.Activation("tanh"))(x)
    np.testing.assert_allclose(curvature, -2 * np.tanh(x) / np.cosh(x) ** 2, rtol=1e-4, atol=1e-6)
    model = names["model"]
    model.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0)


def test_the_second_listing_of_the_readme_runs(capsys):
    text = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    names = {}
    exec(compile(blocks[1], "README.md", "exec"), names)
    assert names["model"].predict({k: v[:3] for k, v in names["data"].items()}, verbose=0).shape == (3, 1)
