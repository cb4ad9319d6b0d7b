"""fastnn: small and medium neural networks on CPUs, fast."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import callbacks, datasets, utils
    from ._core import __version__

__all__ = ["__version__", "callbacks", "datasets", "utils"]


def __getattr__(name: str) -> Any:
    # Submodules are imported at first use, so that `import fastnn` costs little more than NumPy.
    if name == "__version__":
        from ._core import __version__

        return __version__
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
