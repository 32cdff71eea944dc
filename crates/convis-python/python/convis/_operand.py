"""Arithmetic for what is not a tensor itself but stands for one."""

from __future__ import annotations

from typing import Any

from ._native import Tensor


class Operand:
    """Computes as the tensor it stands for; results are tensors, recorded where a gradient is wanted."""

    __slots__ = ()

    def _operand(self) -> Tensor:
        raise NotImplementedError

    def tensor(self) -> Tensor:
        """Its numbers as a tensor; gradients of what is computed from it come back here."""
        return self._operand()

    def __add__(self, other: Any) -> Any:
        return self._operand() + other

    def __radd__(self, other: Any) -> Any:
        return other + self._operand()

    def __sub__(self, other: Any) -> Any:
        return self._operand() - other

    def __rsub__(self, other: Any) -> Any:
        return other - self._operand()

    def __mul__(self, other: Any) -> Any:
        return self._operand() * other

    def __rmul__(self, other: Any) -> Any:
        return other * self._operand()

    def __truediv__(self, other: Any) -> Any:
        return self._operand() / other

    def __rtruediv__(self, other: Any) -> Any:
        return other / self._operand()

    def __pow__(self, other: Any) -> Any:
        return self._operand() ** other

    def __rpow__(self, other: Any) -> Any:
        return other ** self._operand()

    def __matmul__(self, other: Any) -> Any:
        return self._operand() @ other

    def __rmatmul__(self, other: Any) -> Any:
        return other @ self._operand()

    def __neg__(self) -> Tensor:
        return -self._operand()

    def __abs__(self) -> Tensor:
        return abs(self._operand())

    def __lt__(self, other: Any) -> Any:
        return self._operand() < other

    def __le__(self, other: Any) -> Any:
        return self._operand() <= other

    def __gt__(self, other: Any) -> Any:
        return self._operand() > other

    def __ge__(self, other: Any) -> Any:
        return self._operand() >= other

    def __getitem__(self, key: Any) -> Tensor:
        return self._operand()[key]

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        inputs = tuple(x._operand() if isinstance(x, Operand) else x for x in inputs)
        return getattr(ufunc, method)(*inputs, **options)
