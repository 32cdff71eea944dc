"""Pictures in the IDX format of the MNIST collection."""

from __future__ import annotations

import gzip
import os

import numpy as np

from .._movies import whole
from .._resolution import _positive
from ._stream import Frames, Stream


class IdxStream(Stream):
    """Pictures of an IDX file, as MNIST and its kin have them, each shown for some frames.

    The files are yours to get; convis downloads nothing. Files ending in ``.gz`` are unpacked in memory.

    Parameters
    ----------
    path : str or path
        Pictures: unsigned bytes with three axes (number, height, width), e.g. ``train-images-idx3-ubyte``.
    labels : str or path, optional
        Their labels: unsigned bytes with one axis, e.g. ``train-labels-idx1-ubyte``.
    frames_per_picture : int
        How long each is shown.
    blank_frames : int
        How many black frames follow each.
    luminance_range : float
        The luminance of white.

    Attributes
    ----------
    labels : numpy.ndarray or None
        The label of each picture.

    Examples
    --------
    >>> import convis, numpy as np, os, struct, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "two-images-idx3-ubyte")
    >>> with open(path, "wb") as file:
    ...     _ = file.write(struct.pack(">HBBIII", 0, 8, 3, 2, 1, 2) + bytes([255, 0, 0, 255]))
    >>> stream = convis.streams.IdxStream(path, frames_per_picture=2, blank_frames=1)
    >>> len(stream), stream.get(6)[:, 0, 0]
    (6, array([1., 1., 0., 0., 0., 0.], dtype=float32))
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        labels: str | os.PathLike[str] | None = None,
        frames_per_picture: int = 100,
        blank_frames: int = 0,
        luminance_range: float = 1.0,
    ) -> None:
        self.path = os.fspath(path)
        self._pictures = _read(self.path, 3)
        self.labels = None if labels is None else np.array(_read(os.fspath(labels), 1))
        if self.labels is not None and len(self.labels) != len(self._pictures):
            raise ValueError(f"labels: expected {len(self._pictures)}, one a picture, found {len(self.labels)}")
        self._shown = whole("frames_per_picture", frames_per_picture)
        self._period = self._shown + whole("blank_frames", blank_frames, 0)
        self._white = _positive("luminance_range", luminance_range)
        self._at = 0

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a picture."""
        return self._pictures.shape[1], self._pictures.shape[2]

    def get(self, n: int) -> Frames:
        """The next frames, float32."""
        first, self._at = self._at, self._at + min(whole("n", n), self._remaining())
        picture, phase = np.divmod(np.arange(first, self._at), self._period)
        frames = self._pictures[picture] * np.float32(self._white / 255)
        frames[phase >= self._shown] = 0
        return frames

    def label(self, frame: int) -> int:
        """The label of the picture shown in a frame."""
        if self.labels is None:
            raise ValueError("labels: none were given")
        return int(self.labels[whole("frame", frame, 0) // self._period])

    def _remaining(self) -> int:
        return len(self._pictures) * self._period - self._at

    def reset(self) -> None:
        """Begin again with the first picture."""
        self._at = 0


def _read(path: str, axes: int) -> Frames:
    """The bytes of an IDX file, read as they are needed."""
    opened = gzip.open(path) if path.endswith(".gz") else open(path, "rb")
    try:
        with opened as file:
            header = file.read(4 + 4 * axes)
            if len(header) < 4 + 4 * axes or header[:4] != bytes([0, 0, 8, axes]):
                raise ValueError(f"{path}: expected an IDX file of unsigned bytes with {axes} axes, found {header[:4]!r}")
            shape = tuple(int.from_bytes(header[4 + 4 * i : 8 + 4 * i], "big") for i in range(axes))
            if 0 in shape:
                raise ValueError(f"{path}: expected pictures, found shape {shape}")
            count = int(np.prod([*map(int, shape)], dtype=object))
            if path.endswith(".gz"):
                data = file.read(count + 1)
                found = len(data)
            else:
                found = os.path.getsize(path) - len(header)
    except (EOFError, gzip.BadGzipFile) as error:
        raise ValueError(f"{path}: is no readable gzip file: {error}") from None
    if found != count:
        raise ValueError(f"{path}: expected {count} bytes for shape {shape}, found {found}; is the file whole?")
    if path.endswith(".gz"):
        return np.frombuffer(data, np.uint8).reshape(shape)
    return np.memmap(path, np.uint8, "r", 4 + 4 * axes, shape)
