"""Movies of any length in numpy's files."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from .._draft import Draft
from .._movies import whole
from ._stream import Frames, Stream, plane

_HEADER_BYTES = 128


class NumpyReader(Stream):
    """The frames of a ``.npy`` file, read as they are needed.

    Values are taken as they are.

    Parameters
    ----------
    path : str or path
        An array (time, height, width), (1, 1, time, height, width) or, for a single frame, (height, width).

    Examples
    --------
    >>> import convis, numpy as np, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "movie.npy")
    >>> np.save(path, np.random.default_rng(0).random((100, 8, 9)))
    >>> with convis.streams.NumpyReader(path) as movie:
    ...     len(movie), movie.size, movie.get(30).shape, len(movie)
    (100, (8, 9), (30, 8, 9), 70)
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        try:
            frames = np.load(self.path, mmap_mode="r", allow_pickle=False)
        except OSError:
            raise
        except Exception as error:  # numpy has several
            raise ValueError(f"{self.path}: is no readable .npy file: {error}") from error
        if not isinstance(frames, np.ndarray):
            raise ValueError(f"{self.path}: expected a single array (.npy), found an archive; load it with numpy")
        try:
            self._frames: Frames = plane(frames)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{self.path}: {error}") from None
        self._at = 0

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a frame."""
        return self._frames.shape[1], self._frames.shape[2]

    def get(self, n: int) -> Frames:
        """The next frames, in memory."""
        part = np.array(self._frames[self._at : self._at + whole("n", n)])
        self._at += len(part)
        return part

    def _remaining(self) -> int:
        return len(self._frames) - self._at

    def reset(self) -> None:
        """Begin again with the first frame."""
        self._at = 0

    def close(self) -> None:
        """Let go of the file."""
        self._frames = np.zeros((0, *self.size), self._frames.dtype)
        self._at = 0


class NumpyWriter(Stream):
    """Writes frames of any number to a ``.npy`` file, which appears when the stream is closed.

    Parameters
    ----------
    path : str or path
        The file; an older one of that name is replaced.
    dtype : numpy dtype, optional
        Type of the numbers; by default that of the first frames. Later frames that it cannot hold are refused.

    Examples
    --------
    >>> import convis, numpy as np, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "response.npy")
    >>> with convis.streams.NumpyWriter(path) as file:
    ...     for _ in range(3):
    ...         file.put(np.ones((100, 8, 9), "float32"))
    >>> np.load(path).shape
    (300, 8, 9)
    """

    def __init__(self, path: str | os.PathLike[str], dtype: Any = None) -> None:
        self.path = os.fspath(path)
        if not self.path.endswith(".npy"):
            raise ValueError(f"path: expected a name ending in .npy, got {self.path!r}")
        self._dtype = None if dtype is None else np.dtype(dtype)
        if self._dtype is not None and self._dtype.kind not in "fiub":
            raise TypeError(f"dtype: expected a type of numbers, got {self._dtype}")
        self._size: tuple[int, int] | None = None
        self._written = 0
        self._draft: Draft | None = Draft(self.path)
        self._draft.file.seek(_HEADER_BYTES)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a frame; known from the first ones."""
        if self._size is None:
            raise ValueError(f"{self.path}: the size is known when the first frame is written")
        return self._size

    def put(self, frames: Any) -> None:
        """Append frames."""
        if self._draft is None:
            raise ValueError(f"{self.path}: the file is closed")
        array = plane(frames, self._size)
        self._size = (array.shape[1], array.shape[2])
        if self._dtype is None:
            self._dtype = array.dtype
        with np.errstate(invalid="ignore", over="ignore"):
            kept = np.ascontiguousarray(array, self._dtype)
        # Rounding is what a type of fewer digits is asked for; other numbers than came are not.
        same = self._dtype.kind == "f" and array.dtype.kind == "f"
        lost = np.isinf(kept) & ~np.isinf(array) if same else kept != array
        if lost.any():
            raise ValueError(
                f"frames: expected numbers that {self._dtype} can hold, the type of the file, got {array[lost].flat[0]}; say "
                'which type it is to have, e.g. dtype="float32"'
            )
        self._draft.file.write(kept.data)
        self._written += len(array)

    def _remaining(self) -> int:
        return self._written

    def close(self) -> None:
        """Complete the file."""
        if self._draft is None:
            return
        draft, self._draft = self._draft, None
        if self._size is None or self._dtype is None:
            draft.discard()
            raise ValueError(f"{self.path}: no frame was written, so there is no file")
        shape = (self._written, *self._size)
        fields = {"descr": np.lib.format.dtype_to_descr(self._dtype), "fortran_order": False, "shape": shape}
        text = "{" + "".join(f"{name!r}: {fields[name]!r}, " for name in sorted(fields)) + "}"
        header = b"\x93NUMPY\x01\x00" + (_HEADER_BYTES - 10).to_bytes(2, "little") + text.encode()
        draft.file.seek(0)
        draft.file.write(header.ljust(_HEADER_BYTES - 1) + b"\n")
        draft.commit()

    def _discard(self) -> None:
        if self._draft is not None:
            self._draft.discard()
            self._draft = None
