"""The movies of Virtual Retina."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from .. import _native
from .._movies import whole
from ._stream import Frames, Stream, plane


class InrImageStreamer(Stream):
    """The frames of an ``.inr`` file, read as they are needed.

    Values are taken as they are, in double precision.

    Parameters
    ----------
    path : str or path
        The file.

    Examples
    --------
    >>> import convis, numpy as np, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "movie.inr")
    >>> with convis.streams.InrImageStreamWriter(path) as file:
    ...     file.put(np.arange(12.0).reshape(3, 2, 2))
    >>> movie = convis.streams.InrImageStreamer(path)
    >>> len(movie), movie.get(10)[:, 1, 0]
    (3, array([ 2.,  6., 10.]))
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self.reset()

    def reset(self) -> None:
        """Begin again with the first frame."""
        self._file: _native.InrFile | None = _native.InrFile(self.path)
        self._left, *size = self._file.shape
        self._size = (size[0], size[1])

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a frame."""
        return self._size

    def get(self, n: int) -> Frames:
        """The next frames, float64."""
        n = whole("n", n)
        if self._file is None:
            return np.zeros((0, *self._size))
        frames = self._file.read(n)
        self._left -= len(frames)
        return frames

    def _remaining(self) -> int:
        return self._left

    def close(self) -> None:
        """Let go of the file."""
        self._file, self._left = None, 0


class InrImageStreamWriter(Stream):
    """Writes frames to an ``.inr`` file, which appears when the stream is closed.

    Parameters
    ----------
    path : str or path
        The file; an older one of that name is replaced.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        if not self.path.lower().endswith(".inr"):
            raise ValueError(f"path: expected a name ending in .inr, got {self.path!r}")
        self._file: _native.InrWriter | None = None
        self._size: tuple[int, int] | None = None
        self._written = 0
        self._closed = False

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a frame; known from the first ones."""
        if self._size is None:
            raise ValueError(f"{self.path}: the size is known when the first frame is written")
        return self._size

    def put(self, frames: Any) -> None:
        """Append frames."""
        if self._closed:
            raise ValueError(f"{self.path}: the file is closed")
        array = plane(frames, self._size)
        if self._file is None:
            self._size = (array.shape[1], array.shape[2])
            self._file = _native.InrWriter(self.path, *self._size)
        self._file.append(np.asarray(array, np.float64))
        self._written += len(array)

    def _remaining(self) -> int:
        return self._written

    def close(self) -> None:
        """Complete the file."""
        if self._closed:
            return
        self._closed = True
        if self._file is None:
            raise ValueError(f"{self.path}: no frame was written, so there is no file")
        self._file.finish()

    def _discard(self) -> None:
        if not self._closed and self._file is not None:
            self._file.discard()
        self._closed = True
