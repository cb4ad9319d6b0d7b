"""The modules that layers take their parts from."""

from __future__ import annotations

try:
    from fastnn import constraints, initializers, regularizers
except ImportError:
    from fastnn.layers._stand_in import (  # type: ignore[assignment]
        constraints,
        initializers,
        regularizers,
    )

__all__ = ["constraints", "initializers", "regularizers"]
