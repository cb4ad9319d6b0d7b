"""Packages whose names are imported at first use, so that `import fastnn` stays as quick as NumPy's."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable
from typing import Any

_IMPORT = re.compile(r"from (\.[\w.]+) import (\w+) as \2\n")
_ALIAS = re.compile(r"(\w+) = (\w+)\n")


def attach(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Give a package the names that its stub, ``__init__.pyi``, lists.

    The stub's lines are ``__all__: list[str]``, ``from .dense import Dense as Dense`` and, for second names,
    ``Convolution1D = Conv1D``.

    Parameters
    ----------
    package, file : str
        ``__name__`` and ``__file__`` of the package.

    Returns
    -------
    tuple
        Its ``__getattr__``, ``__dir__`` and ``__all__``.

    Examples
    --------
    >>> from fastnn import layers
    >>> "Dense" in layers.__all__, layers.Dense.__module__
    (True, 'fastnn.layers.dense')
    """
    homes: dict[str, tuple[str, str]] = {}
    with open(os.path.join(os.path.dirname(file), "__init__.pyi"), encoding="utf-8") as stub:
        for line in stub:
            if found := _IMPORT.fullmatch(line):
                homes[found[2]] = (found[1], found[2])
            elif found := _ALIAS.fullmatch(line):
                homes[found[1]] = homes[found[2]]
            elif line.strip() and not line.startswith(("#", "__all__:")):
                raise ImportError(f"{package}: cannot read {line!r} in __init__.pyi")
    names = sorted(homes)

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, original = homes[name]
        value = getattr(importlib.import_module(module, package), original)
        setattr(sys.modules[package], name, value)
        return value

    return get, lambda: sorted({*vars(sys.modules[package]), *names}), names
