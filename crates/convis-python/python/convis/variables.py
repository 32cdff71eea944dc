"""Values: parameters, states, and the tensors that layers compute with."""

from __future__ import annotations

from ._native import Tensor
from ._parameter import Parameter
from ._state import State

__all__ = ["Parameter", "State", "Tensor"]


def __dir__() -> list[str]:
    return __all__
