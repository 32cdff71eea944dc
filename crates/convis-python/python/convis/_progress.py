"""A bar that shows how far a run is: tqdm's where it is installed, else a plain one."""

from __future__ import annotations

import sys
import time
from typing import Any


class Progress:
    """Shows how many frames are done, while it lasts.

    Parameters
    ----------
    total : int or None
        How many there will be, if that is known.
    shown : bool
        Whether to show anything.
    """

    def __init__(self, total: int | None, shown: bool) -> None:
        self._total, self._shown = total, shown
        self._bar: Any = None
        self._done, self._start, self._last = 0, 0.0, 0.0

    def __enter__(self) -> Progress:
        if self._shown:
            self._start = time.perf_counter()
            try:
                from tqdm.auto import tqdm
            except ImportError:
                self._draw()
            else:
                self._bar = tqdm(total=self._total, unit="frame", unit_scale=True)
        return self

    def advance(self, frames: int) -> None:
        """So many more frames are done."""
        self._done += frames
        if self._bar is not None:
            self._bar.update(frames)
        elif self._shown and time.perf_counter() - self._last > 0.1:
            self._draw()

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()
        elif self._shown:
            self._draw()
            sys.stderr.write("\n")
            sys.stderr.flush()

    def _draw(self) -> None:
        self._last = time.perf_counter()
        speed = self._done / max(self._last - self._start, 1e-9)
        if self._total:
            part = min(self._done / self._total, 1.0)
            bar = ("█" * round(20 * part)).ljust(20)
            text = f"{part:4.0%} |{bar}| {self._done}/{self._total} frames, {speed:.0f} frame/s"
        else:
            text = f"{self._done} frames, {speed:.0f} frame/s"
        sys.stderr.write("\r" + text.ljust(70))
        sys.stderr.flush()
