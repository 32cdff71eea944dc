"""What every model is made of: layers, the outputs they return, and the runner that connects them with streams."""

from __future__ import annotations

from ._layer import Layer
from ._output import Output
from ._runner import Runner

__all__ = ["Layer", "Output", "Runner"]


def __dir__() -> list[str]:
    return __all__
