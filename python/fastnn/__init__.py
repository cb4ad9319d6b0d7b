"""fastnn: small and medium neural networks on CPUs, fast."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import (
        activations,
        callbacks,
        config,
        constraints,
        datasets,
        errors,
        generation,
        initializers,
        layers,
        losses,
        metrics,
        models,
        ops,
        optimizers,
        random,
        regularizers,
        reports,
        saving,
        schedules,
        utils,
    )
    from ._core import __version__
    from .augmentation import Augmentation
    from .config import num_threads, set_num_threads
    from .config import set_dtype_policy as set_policy
    from .layers import Input
    from .models import Model, Sequential
    from .ops.differentiation import grad, value_and_grad
    from .saving import load_model

_MODULES = (
    "activations",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "errors",
    "generation",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "random",
    "regularizers",
    "reports",
    "saving",
    "schedules",
    "utils",
)
_NAMES = {
    "Augmentation": "augmentation",
    "Input": "layers",
    "Model": "models",
    "Sequential": "models",
    "grad": "ops.differentiation",
    "load_model": "saving",
    "value_and_grad": "ops.differentiation",
    "__version__": "_core",
    "num_threads": "config",
    "set_num_threads": "config",
    "set_policy": "config",
}
_OTHER_NAMES = {"set_policy": "set_dtype_policy"}

__all__ = [
    "Augmentation",
    "Input",
    "Model",
    "Sequential",
    "__version__",
    "activations",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "errors",
    "grad",
    "generation",
    "initializers",
    "layers",
    "load_model",
    "losses",
    "metrics",
    "models",
    "num_threads",
    "ops",
    "optimizers",
    "random",
    "regularizers",
    "reports",
    "saving",
    "schedules",
    "set_num_threads",
    "set_policy",
    "utils",
    "value_and_grad",
]


def __getattr__(name: str) -> Any:
    # Submodules are imported at first use, so that `import fastnn` costs little more than NumPy.
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _NAMES:
        value = getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), _OTHER_NAMES.get(name, name))
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
