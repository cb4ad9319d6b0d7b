"""What `import fastnn` and the first use of a model bring in: names are loaded when they are used."""

import ast
import importlib
import json
import pathlib
import subprocess
import sys

import pytest

import fastnn

LAZY = ["callbacks", "layers", "models", "utils"]
PROGRAM = """
import sys, json
import numpy
before = set(sys.modules)
{}
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def imported_by(statements):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(statements)], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_import_alone_loads_nothing_else():
    assert [name for name in imported_by("import fastnn") if not name.startswith("__")] == ["fastnn"]


def test_first_use_of_a_model_loads_little():
    modules = imported_by("import fastnn\nfastnn.Sequential\nfastnn.layers\nfastnn.datasets")
    costly = {
        "click", "csv", "difflib", "importlib.util", "json", "PIL", "pooch", "safetensors", "secrets",
        "shutil", "tqdm", "urllib", "fastnn.callbacks.tensorboard", "fastnn.layers.attention",
        "fastnn.layers.conv2d", "fastnn.layers.depthwise", "fastnn.layers.pooling",
        "fastnn.losses", "fastnn.metrics", "fastnn.models.ready", "fastnn.optimizers", "fastnn.saving",
        "fastnn.utils._scaling",
    }  # fmt: skip
    assert not costly & set(modules)
    assert len(modules) <= 80, modules


def test_one_layer_loads_its_own_module():
    modules = imported_by("from fastnn.layers import Dense")
    assert "fastnn.layers.dense" in modules
    assert "fastnn.layers.pooling2d" not in modules


@pytest.mark.parametrize("name", LAZY)
def test_stub_lists_what_there_is(name):
    package = importlib.import_module(f"fastnn.{name}")
    stub = pathlib.Path(package.__file__).with_name("__init__.pyi")
    lines = ast.parse(stub.read_text()).body
    places = [(node.module, node.names[0].name) for node in lines if isinstance(node, ast.ImportFrom)]
    assert len(places) == len(set(places))
    assert len(package.__all__) == len(lines) - 1  # one declares __all__
    assert set(package.__all__) <= set(dir(package))
    for public in package.__all__:
        assert getattr(package, public).__name__


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match=r"module 'fastnn.layers' has no attribute 'Dence'"):
        fastnn.layers.Dence
    with pytest.raises(ImportError, match="Dence"):
        from fastnn.layers import Dence  # noqa: F401
