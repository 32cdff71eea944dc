"""What every model is made of: layers, and the outputs they return."""

from __future__ import annotations

from ._layer import Layer
from ._output import Output

__all__ = ["Layer", "Output"]


def __dir__() -> list[str]:
    return __all__
