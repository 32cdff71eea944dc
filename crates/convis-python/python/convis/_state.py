"""What a model remembers from one chunk to the next."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
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

    def __init__(
        self,
        kind: str,
        native: Mapping[str, _native.State],
        own: Mapping[str, Any] = MappingProxyType({}),
        frames: int = 0,
    ) -> None:
        self._kind = kind
        self._native = dict(native)
        #: What layers written in Python remember, by path.
        self._own = dict(own)
        #: What a layer written in Python has counted.
        self._frames = frames

    def _of_trial(self, k: int) -> State:
        """The same memory with the noise of the k-th trial from here."""
        native = {}
        for path, state in self._native.items():
            seed, model, trial = state.noise
            native[path] = _native.State(state.arrays(), (seed, model, trial + k), state.frames, state.sizes)
        return State(self._kind, native, self._own, self._frames)

    def _arrays(self) -> dict[str, NDArray[Any]]:
        arrays = {
            f"{path}.{name}".lstrip("."): tensor.numpy()
            for path, state in self._native.items()
            for name, tensor in state.arrays().items()
        }
        arrays.update((path, np.asarray(value)) for path, value in self._own.items() if value is not None)
        return arrays

    def __getitem__(self, path: str) -> NDArray[Any]:
        return self._arrays()[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays())

    def __len__(self) -> int:
        return len(self._arrays())

    @property
    def frames(self) -> int:
        """Frames since the state was cleared."""
        return self._frames or max((state.frames for state in self._native.values()), default=0)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, State):
            return NotImplemented
        same = self._kind == other._kind and self.frames == other.frames and self._native == other._native
        return same and _same(self._own, other._own)

    __hash__ = None  # type: ignore[assignment]  # as of any mapping

    def _rows(self) -> list[tuple[str, str, str]]:
        return [(path, str(x.shape), str(x.dtype)) for path, x in self._arrays().items()]

    def __repr__(self) -> str:
        return f"State of {self._kind} after {self.frames} frames\n" + table(self._rows(), "  ")

    def _repr_html_(self) -> str:
        title = f"State of {self._kind} after {self.frames} frames"
        return html_table(title, ("array", "shape", "type"), self._rows())


def kept(value: Any) -> Any:
    """A value as a state keeps it: its own copy, without history."""
    return value.detach() if isinstance(value, _native.Tensor) else copy.deepcopy(value)


def _same(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    if a.keys() != b.keys():
        return False
    return all((x is None) == (b[path] is None) and np.array_equal(x, b[path]) for path, x in a.items())
