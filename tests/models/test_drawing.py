"""summary of models that branch, and plot_model."""

import itertools
import os
import stat
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

import fastnn
from fastnn import layers
from fastnn.utils._layered import layered

SVG = "{http://www.w3.org/2000/svg}"


def residual():
    x = fastnn.Input((8,), name="x")
    shared = layers.Dense(8, "relu", name="shared")
    h = shared(x)
    inner = fastnn.Sequential([layers.Dense(8, name="a"), layers.Dropout(0.5, name="b")], name="inner")
    total = layers.Add(name="total")([x, shared(h), inner(h), layers.Dense(8, name="other")(h)])
    return fastnn.Model(x, [layers.Dense(2, name="out")(total), total], name="net")


def test_summary_shows_connections(capsys):
    residual().summary()
    text = capsys.readouterr().out
    lines = {line.split("│")[1].split()[0]: line for line in text.splitlines() if "(" in line and "│" in line}
    assert "Connected to" in text
    assert "x, shared" in lines["shared"]
    assert "x, shared (2)," in lines["total"]
    assert "inner, other" in text
    assert "(None, 8)" in lines["inner"]
    assert "Total params: 234" in text
    assert len({len(line) for line in text.splitlines() if line.startswith(("│", "┌", "└"))}) == 1


def test_summary_of_a_chain_has_no_such_column(capsys):
    x = fastnn.Input((4,), name="x")
    fastnn.Model(x, layers.Dense(2)(layers.Dense(3)(x))).summary()
    assert "Connected to" not in capsys.readouterr().out


def test_summary_of_a_subclass(capsys):
    class Net(fastnn.Model):
        def __init__(self):
            super().__init__(name="sub")
            self.dense = layers.Dense(3, name="dense_in_net")

        def call(self, x):
            return self.dense(x)

    model = Net()
    model.summary()
    assert "unbuilt" in capsys.readouterr().out
    model.build((None, 4))
    model.summary()
    text = capsys.readouterr().out
    assert "dense_in_net" in text
    assert "(None, 3)" in text
    assert "Total params: 15" in text


@pytest.fixture
def no_graphviz(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)


def boxes_of(path):
    root = ET.parse(path).getroot()
    found = [tuple(float(r.get(k)) for k in ("x", "y", "width", "height")) for r in root.iter(f"{SVG}rect")]
    arrows = [p for p in root.iter(f"{SVG}path") if p.get("marker-end")]
    texts = [t.text for t in root.iter(f"{SVG}text")]
    return found, arrows, texts, root


@pytest.mark.parametrize("expand", [False, True])
def test_own_picture(tmp_path, no_graphviz, expand):
    path = fastnn.utils.plot_model(
        residual(),
        tmp_path / "m.svg",
        show_shapes=True,
        show_dtype=True,
        expand_nested=expand,
        show_trainable=True,
        show_layer_activations=True,
    )
    boxes, arrows, texts, root = boxes_of(path)
    assert len(boxes) == 7 + expand
    assert len(arrows) == 9 + expand
    assert "shared (2) (Dense)" in texts
    assert ("inner/a (Dense)" in texts) is expand
    assert "activation: relu" in texts
    assert "out: (None, 8)" in texts
    for i, (x, y, w, h) in enumerate(boxes):
        assert x >= 0 and x + w <= float(root.get("width"))
        assert y >= 0 and y + h <= float(root.get("height"))
        for a, b, c, d in boxes[:i]:
            assert x + w <= a or a + c <= x or y + h <= b or b + d <= y


def test_arrows_lead_down_and_boxes_never_meet():
    random = np.random.default_rng(0)
    for _ in range(20):
        count = int(random.integers(2, 25))
        sizes = [(float(random.integers(20, 150)), float(random.integers(20, 60))) for _ in range(count)]
        arrows = sorted({(int(random.integers(0, j)), j) for j in range(1, count) for _ in range(2)})
        corners, ways = layered(sizes, arrows)
        for (a, b), way in zip(arrows, ways, strict=True):
            assert way[0][1] == pytest.approx(corners[a][1] + sizes[a][1])
            assert way[-1][1] == pytest.approx(corners[b][1])
            assert all(p[1] <= q[1] for p, q in itertools.pairwise(way))
        for i in range(count):
            for j in range(i):
                (x, y), (w, h), (a, b), (c, d) = corners[i], sizes[i], corners[j], sizes[j]
                assert x + w <= a or a + c <= x or y + h <= b or b + d <= y


def test_graphviz_language(tmp_path):
    path = fastnn.utils.plot_model(residual(), tmp_path / "m.dot", rankdir="LR", dpi=96)
    text = Path(path).read_text()
    assert text.startswith("digraph model {")
    assert "rankdir=LR, dpi=96" in text
    assert text.count("->") == 9
    assert '[label="total (Add)"]' in text


def test_graphviz_is_called(tmp_path, monkeypatch):
    program = tmp_path / "dot"
    program.write_text('#!/bin/sh\n[ "$1" = -Tbad ] && { echo "no such format" >&2; exit 1; }\ncat > "$3"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    path = fastnn.utils.plot_model(residual(), tmp_path / "m.png")
    assert Path(path).read_text().startswith("digraph")
    with pytest.raises(RuntimeError, match="Graphviz made no 'm.bad': no such format"):
        fastnn.utils.plot_model(residual(), tmp_path / "m.bad")


def test_what_cannot_be_drawn(tmp_path, no_graphviz):
    with pytest.raises(RuntimeError, match=r"a .png needs Graphviz"):
        fastnn.utils.plot_model(residual(), tmp_path / "m.png")
    with pytest.raises(ValueError, match="must end with"):
        fastnn.utils.plot_model(residual(), tmp_path / "model")
    with pytest.raises(ValueError, match="rankdir"):
        fastnn.utils.plot_model(residual(), tmp_path / "m.svg", rankdir="UP")
    with pytest.raises(ValueError, match="not built"):
        fastnn.utils.plot_model(fastnn.Sequential([layers.Dense(2)]), tmp_path / "m.svg")


def test_other_models(tmp_path, no_graphviz):
    class Net(fastnn.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3)

        def call(self, x):
            return self.dense(x)

    model = Net()
    model.build((None, 4))
    assert len(boxes_of(fastnn.utils.plot_model(model, tmp_path / "a.svg"))[0]) == 2
    chain = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(2), layers.Dense(2)])
    boxes, arrows, _, _ = boxes_of(fastnn.utils.plot_model(chain, tmp_path / "b.svg", show_layer_names=False))
    assert (len(boxes), len(arrows)) == (3, 2)
