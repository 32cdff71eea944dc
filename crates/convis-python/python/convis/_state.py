"""What a model remembers from one chunk to the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from numpy.typing import NDArray

from . import _native
from ._text import html_table, table


class State(Mapping[str, NDArray[Any]]):
    """What a model remembers between two chunks: arrays by path, and which noise comes next.

    Made by :meth:`convis.Layer.get_state`, given back by :meth:`convis.Layer.set_state`; it can be pickled. A model
    goes on from it with the same bits, noise included.

    Examples
    --------
    >>> import convis, numpy as np
    >>> x = np.random.default_rng(0).random((60, 4, 5))
    >>> retina = convis.retina.Retina()
    >>> _ = retina.run(x[:30])
    >>> state = retina.get_state()
    >>> a = retina.run(x[30:]).array(0)
    >>> retina.set_state(state)
    >>> bool((retina.run(x[30:]).array(0) == a).all())
    True
    >>> state["opl.opl_filter.surround_E.y"].shape
    (1, 1, 1, 4, 5)
    """

    def __init__(self, kind: str, native: Mapping[str, _native.State]) -> None:
        self._kind = kind
        self._native = dict(native)

    def _tensors(self) -> dict[str, _native.Tensor]:
        return {
            f"{path}.{name}".lstrip("."): tensor
            for path, state in self._native.items()
            for name, tensor in state.arrays().items()
        }

    def __getitem__(self, path: str) -> NDArray[Any]:
        return self._tensors()[path].numpy()

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors())

    def __len__(self) -> int:
        return len(self._tensors())

    @property
    def frames(self) -> int:
        """Frames since the state was cleared."""
        return max((state.frames for state in self._native.values()), default=0)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, State):
            return NotImplemented
        return self._kind == other._kind and self._native == other._native

    __hash__ = None  # type: ignore[assignment]  # as of any mapping

    def _rows(self) -> list[tuple[str, str, str]]:
        return [(path, str(x.shape), str(x.dtype)) for path, x in self._tensors().items()]

    def __repr__(self) -> str:
        return f"State of {self._kind} after {self.frames} frames\n" + table(self._rows(), "  ")

    def _repr_html_(self) -> str:
        title = f"State of {self._kind} after {self.frames} frames"
        return html_table(title, ("array", "shape", "type"), self._rows())
