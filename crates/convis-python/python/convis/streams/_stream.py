"""What every stream has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .._movies import whole
from .._native import Tensor
from .._output import Output
from .._text import short

Frames = NDArray[Any]
Self = TypeVar("Self", bound="Stream")


class Stream:
    """A movie that comes or goes frame by frame.

    A stream to read from gives its next frames by :meth:`get`; a stream to write to takes frames by :meth:`put`. A
    class of one's own needs ``size`` and one of the two.

    Streams are context managers: on leaving, they are closed.

    Examples
    --------
    A stream of one's own, black and white frames in turn:

    >>> import convis, numpy as np
    >>> class Blinking(convis.streams.Stream):
    ...     size = (4, 5)
    ...     endless = True
    ...     shown = 0
    ...
    ...     def get(self, n):
    ...         numbers = np.arange(self.shown, self.shown + n) % 2
    ...         self.shown += n
    ...         return np.ones((n, 4, 5)) * numbers[:, None, None]
    >>> Blinking().get(3).mean(axis=(1, 2))
    array([0., 1., 0.])
    """

    #: Whether it gives frames for ever.
    endless: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a frame."""
        raise NotImplementedError(f"{type(self).__name__} has no size")

    def get(self, n: int) -> Frames:
        """The next frames (time, height, width): `n` of them, fewer at the end, none after it."""
        raise TypeError(f"{type(self).__name__} is written to, not read from; expected a stream with frames to give")

    def put(self, frames: Any) -> None:
        """Take further frames: (time, height, width), (height, width), or a movie with five axes that is one plane."""
        raise TypeError(f"{type(self).__name__} is read from, not written to; see SequenceStream, NumpyWriter")

    def available(self, n: int = 1) -> bool:
        """Whether `n` frames can be had at once, without waiting."""
        remaining = self._remaining()
        return remaining is None or remaining >= n

    @property
    def ended(self) -> bool:
        """Whether no more frames will come."""
        return not self.available()

    def _remaining(self) -> int | None:
        """How many frames are left; None if that cannot be told."""
        return None

    def __len__(self) -> int:
        """How many frames are left to read."""
        remaining = None if self.endless else self._remaining()
        if remaining is None:
            what = "is endless" if self.endless else "does not know how many frames will come"
            raise TypeError(f"{type(self).__name__} {what}; it has no length")
        return remaining

    def __bool__(self) -> bool:
        return True

    def close(self) -> None:
        """Let go of files and connections; for a stream that writes a file: complete it."""

    def _discard(self) -> None:
        """Called instead of `close` where an error ends the use of the stream."""
        self.close()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        self.close() if kind is None else self._discard()

    def __iter__(self) -> Iterator[Frames]:
        """Frame by frame, each (height, width)."""
        while True:
            frames = self.get(1)
            if len(frames) == 0:
                return
            yield frames[0]

    def _describe(self) -> list[str]:
        """What its repr shows."""
        words = []
        try:
            words.append("{} × {} pixels".format(*self.size))
        except (OSError, ValueError):
            pass  # a size that is not known yet
        if self.endless:
            words.append("endless")
        elif self._remaining() is not None:
            words.append(f"{len(self)} frames")
        return words

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {', '.join(self._describe())}>"


def plane(frames: Any, size: tuple[int, int] | None = None) -> Frames:
    """Frames to write as (time, height, width); of the given size, if there is one."""
    if isinstance(frames, Output):
        if len(frames) != 1:
            raise ValueError(f"frames: expected one movie, got an Output of {len(frames)}: {', '.join(frames.keys())}")
        frames = frames[0]
    array = frames.numpy() if isinstance(frames, Tensor) else np.asarray(frames)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"frames: expected numbers, got {short(frames)}")
    given = array.shape
    if array.ndim == 5 and array.shape[:2] == (1, 1):
        array = array[0, 0]
    elif array.ndim == 2:
        array = array[None]
    if array.ndim != 3:
        raise ValueError(f"frames: expected (time, height, width) or (height, width), got shape {given}")
    if size is not None and array.shape[1:] != size:
        raise ValueError(f"frames: expected frames of {size[0]} × {size[1]} pixels as before, got shape {given}")
    return array


def image_size(name: str, size: Any) -> tuple[int, int]:
    """Rows and columns, both at least 1."""
    try:
        height, width = size
    except (TypeError, ValueError):
        raise TypeError(f"{name}: expected two whole numbers (height, width), got {short(size)}") from None
    return whole(name, height), whole(name, width)
