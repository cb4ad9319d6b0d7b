"""The examples in docstrings run, and each public name has one."""

import doctest
import importlib
import inspect

import numpy as np
import pytest

MODULES = [
    "fastnn.activations",
    "fastnn.augmentation",
    "fastnn.callbacks",
    "fastnn.config",
    "fastnn.constraints",
    "fastnn.datasets",
    "fastnn.datasets.cifar10",
    "fastnn.datasets.fashion_mnist",
    "fastnn.datasets.idx",
    "fastnn.datasets.imdb",
    "fastnn.datasets.mnist",
    "fastnn.datasets.movielens",
    "fastnn.datasets.multi30k",
    "fastnn.datasets.spoken_digits",
    "fastnn.datasets.tiny_shakespeare",
    "fastnn.generation",
    "fastnn.initializers",
    "fastnn.layers",
    "fastnn.losses",
    "fastnn.metrics",
    "fastnn.models",
    "fastnn.ops",
    "fastnn.optimizers",
    "fastnn.random",
    "fastnn.regularizers",
    "fastnn.reports",
    "fastnn.saving",
    "fastnn.schedules",
    "fastnn.utils",
]


def public_objects(module):
    for name in getattr(module, "__all__", []):
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            yield name, value


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    module = importlib.import_module(name)
    finder = doctest.DocTestFinder()
    tests = finder.find(module, name, globs={})
    for public, value in public_objects(module):
        if value.__module__ != name:  # re-exported from a private module
            tests += finder.find(value, f"{name}.{public}", globs={})
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    with np.printoptions():
        for test in tests:
            runner.run(test)
    assert runner.tries > 0 or not list(public_objects(module))
    assert runner.failures == 0


@pytest.mark.parametrize("name", MODULES)
def test_public_names_are_documented(name):
    module = importlib.import_module(name)
    assert module.__doc__
    for public, value in public_objects(module):
        doc = inspect.getdoc(value) or ""
        parts = ["Parameters", "Examples"] if inspect.signature(value).parameters else ["Examples"]
        for part in parts:
            assert f"{part}\n---" in doc, f"{name}.{public} has no section {part}"
        if inspect.isfunction(value):
            assert "Raises\n---" in doc, f"{name}.{public} has no section Raises"
