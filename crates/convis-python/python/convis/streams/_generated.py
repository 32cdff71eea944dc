"""Streams that make their frames."""

from __future__ import annotations

import math

import numpy as np

from .._movies import whole
from .._resolution import _positive
from .._text import short
from ._stream import Frames, Stream, image_size


class RandomStream(Stream):
    """Noise without end: every pixel of every frame is drawn from a normal distribution.

    The frames depend on the seed alone, not on how many are taken at a time.

    Parameters
    ----------
    size : (int, int)
        Rows and columns of a frame.
    pixel_per_degree : float
        Pixels per degree of visual angle, for whoever asks.
    level : float
        Standard deviation of the noise.
    mean : float
        Mean of the noise.
    seed : int
        Seed of the noise, from 0.

    Examples
    --------
    >>> import convis
    >>> noise = convis.streams.RandomStream((20, 30), level=0.2, mean=0.5, seed=4)
    >>> noise.get(100).shape
    (100, 20, 30)
    >>> noise.endless
    True
    """

    endless = True

    def __init__(
        self,
        size: tuple[int, int] = (50, 50),
        pixel_per_degree: float = 10.0,
        level: float = 1.0,
        mean: float = 0.0,
        seed: int = 0,
    ) -> None:
        self._size = image_size("size", size)
        self.pixel_per_degree = _positive("pixel_per_degree", pixel_per_degree)
        for name, value in (("level", level), ("mean", mean)):
            if not isinstance(value, (int, float, np.number)) or not math.isfinite(value):
                raise ValueError(f"{name}: expected a finite number, got {short(value)}")
        if level < 0:
            raise ValueError(f"level: expected a standard deviation, 0 or more, got {short(level)}")
        self.level, self.mean = float(level), float(mean)
        self._seed = whole("seed", seed, 0)
        self.reset()

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a frame."""
        return self._size

    def get(self, n: int) -> Frames:
        """The next `n` frames, float32."""
        noise = self._random.standard_normal((whole("n", n), *self._size), dtype=np.float32)
        noise *= np.float32(self.level)
        noise += np.float32(self.mean)
        return noise

    def reset(self) -> None:
        """Begin again with the first frame."""
        self._random = np.random.default_rng(self._seed)
