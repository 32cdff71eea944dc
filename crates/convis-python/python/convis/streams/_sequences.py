"""Streams over frames in memory."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._movies import whole
from .._resolution import _positive
from .._text import short
from ._stream import Frames, Stream, plane


class SequenceStream(Stream):
    """Frames in memory, to read and to write.

    A stream that is full keeps the newest frames. Several threads may use it at the same time.

    Parameters
    ----------
    sequence : array_like
        The frames (time, height, width); ``np.zeros((0, height, width))`` for none.
    max_frames : int, optional
        How many frames it holds; as many as come by default.
    live : bool
        Whether :meth:`get` waits for frames that other threads put, until the stream is closed.
    timeout_s : float, optional
        How long a live stream waits, s; without limit by default.

    Attributes
    ----------
    sequence : numpy.ndarray
        All frames it holds, read or not.

    Examples
    --------
    >>> import convis, numpy as np
    >>> stream = convis.streams.SequenceStream(np.zeros((0, 4, 5)), max_frames=10)
    >>> stream.put(np.ones((25, 4, 5)) * np.arange(25)[:, None, None])
    >>> len(stream), stream.sequence[:, 0, 0]
    (10, array([15., 16., 17., 18., 19., 20., 21., 22., 23., 24.]))
    >>> stream.get(3).shape, len(stream)
    ((3, 4, 5), 7)
    """

    def __init__(
        self, sequence: ArrayLike, max_frames: int | None = None, live: bool = False, timeout_s: float | None = None
    ) -> None:
        frames = plane(sequence)
        self._size = (frames.shape[1], frames.shape[2])
        self._most = None if max_frames is None else whole("max_frames", max_frames)
        self._timeout = None if timeout_s is None else _positive("timeout_s", timeout_s)
        self._parts: deque[Frames] = deque([frames] if len(frames) else [])
        self._dtype = frames.dtype
        self._stored = len(frames)
        self._read = 0
        self._open = bool(live)
        self._changed = threading.Condition()
        self._shrink()

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a frame."""
        return self._size

    @property
    def sequence(self) -> Frames:
        """All frames it holds, read or not (time, height, width)."""
        with self._changed:
            if len(self._parts) > 1:
                self._parts = deque([np.concatenate(self._parts)])
            return self._parts[0] if self._parts else np.zeros((0, *self._size), self._dtype)

    def put(self, frames: Any) -> None:
        """Take further frames; the oldest ones go where there are more than `max_frames`."""
        frames = plane(frames, self._size)
        if len(frames) == 0:
            return
        with self._changed:
            self._parts.append(np.array(frames))  # the writer may go on using its memory
            self._stored += len(frames)
            self._shrink()
            self._changed.notify_all()

    def _shrink(self) -> None:
        surplus = 0 if self._most is None else self._stored - self._most
        while surplus > 0:
            part = self._parts.popleft()
            if len(part) > surplus:
                self._parts.appendleft(part[surplus:])
            gone = min(len(part), surplus)
            surplus -= gone
            self._stored -= gone
            self._read = max(self._read - gone, 0)

    def get(self, n: int) -> Frames:
        """The next frames: `n` of them, fewer at the end, none after it."""
        n = whole("n", n)
        with self._changed:
            if not self._changed.wait_for(lambda: not self._open or self._stored - self._read >= n, self._timeout):
                raise TimeoutError(f"no {n} frames came within {self._timeout} s")
            first, last = self._read, min(self._read + n, self._stored)
            taken, at = [], 0
            for part in self._parts:
                taken.append(part[max(first - at, 0) : max(last - at, 0)])
                at += len(part)
                if at >= last:
                    break
            self._read = last
            if not taken:
                return np.zeros((0, *self._size), self._dtype)
            return taken[0] if len(taken) == 1 else np.concatenate(taken)

    def available(self, n: int = 1) -> bool:
        """Whether `n` frames can be had at once."""
        return self._stored - self._read >= n

    @property
    def ended(self) -> bool:
        """Whether no more frames will come."""
        return not self._open and not self.available()

    def _remaining(self) -> int:
        return self._stored - self._read

    def reset(self) -> None:
        """Read again from the oldest frame it holds."""
        with self._changed:
            self._read = 0

    def close(self) -> None:
        """No more frames will be put: whoever waits gets what is there."""
        with self._changed:
            self._open = False
            self._changed.notify_all()


class RepeatingStream(Stream):
    """The same frames again and again.

    Parameters
    ----------
    sequence : array_like
        The frames (time, height, width).
    times : int, optional
        How often they are shown; without end by default.

    Examples
    --------
    >>> import convis, numpy as np
    >>> stream = convis.streams.RepeatingStream(np.arange(3)[:, None, None], times=2)
    >>> stream.get(5).ravel(), stream.get(5).ravel()
    (array([0, 1, 2, 0, 1]), array([2]))
    """

    def __init__(self, sequence: ArrayLike, times: int | None = None) -> None:
        self._frames = plane(sequence)
        if len(self._frames) == 0:
            raise ValueError("sequence: expected at least one frame, got none")
        self._end = None if times is None else whole("times", times) * len(self._frames)
        self._at = 0
        self.endless = times is None

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a frame."""
        return self._frames.shape[1], self._frames.shape[2]

    def get(self, n: int) -> Frames:
        """The next frames."""
        n = whole("n", n)
        if self._end is not None:
            n = min(n, self._end - self._at)
        numbers = np.arange(self._at, self._at + n) % len(self._frames)
        self._at += n
        return self._frames[numbers]

    def _remaining(self) -> int | None:
        return None if self._end is None else self._end - self._at

    def reset(self) -> None:
        """Begin again with the first frame."""
        self._at = 0


class TimedSequenceStream(Stream):
    """Frames with times: each is shown from its time on until the next one's.

    Parameters
    ----------
    sequence : array_like
        The frames (time, height, width).
    times_s : array_like
        When each frame appears, s, in increasing order. What comes before the first time shows the first frame.
    duration_s : float
        Length of the movie, s.
    steps_per_second : float, optional
        Steps of the movie per second; by default those of ``convis.default_resolution`` now.

    Examples
    --------
    >>> import convis, numpy as np
    >>> frames = np.array([0.0, 1.0, 0.5])[:, None, None]
    >>> stream = convis.streams.TimedSequenceStream(frames, [0.0, 0.003, 0.005], duration_s=0.008, steps_per_second=1000)
    >>> len(stream), stream.get(100).ravel()
    (8, array([0. , 0. , 0. , 1. , 1. , 0.5, 0.5, 0.5]))
    """

    def __init__(
        self, sequence: ArrayLike, times_s: ArrayLike, duration_s: float, steps_per_second: float | None = None
    ) -> None:
        self._frames = plane(sequence)
        self._times = np.asarray(times_s, np.float64)
        if self._times.shape != (len(self._frames),) or len(self._times) == 0:
            raise ValueError(
                f"times_s: expected a time for each of {len(self._frames)} frames, got shape {self._times.shape}"
            )
        if not np.isfinite(self._times).all() or (np.diff(self._times) <= 0).any():
            raise ValueError("times_s: expected finite times in increasing order")
        self._rate = _steps_per_second(steps_per_second)
        self._steps = max(1, round(_positive("duration_s", duration_s) * self._rate))
        self._at = 0

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a frame."""
        return self._frames.shape[1], self._frames.shape[2]

    def get(self, n: int) -> Frames:
        """The next frames, one per step."""
        first, self._at = self._at, min(self._at + whole("n", n), self._steps)
        # Half a millionth of a step: a time that is a whole number of steps but for rounding counts as that number.
        times = (np.arange(first, self._at) + 5e-7) / self._rate
        return self._frames[np.maximum(np.searchsorted(self._times, times, side="right") - 1, 0)]

    def _remaining(self) -> int:
        return self._steps - self._at

    def reset(self) -> None:
        """Begin again with the first step."""
        self._at = 0


class TimedResampleStream(Stream):
    """A stream at another rate, such as a video of 25 frames per second for a model of 1000 steps per second.

    Step ``k`` shows the frame that stands at time ``k / steps_per_second``, or, interpolated, the mean of this frame
    and the next one weighted by time. A stream of ``n`` frames gives ``⌈n · steps_per_second / frames_per_second⌉``.

    Parameters
    ----------
    stream : Stream
        What to resample.
    frames_per_second : float, optional
        Its rate; by default what the stream says of itself.
    steps_per_second : float, optional
        The new rate; by default that of ``convis.default_resolution`` now.
    interpolate : bool
        Whether to blend from frame to frame instead of holding each.

    Examples
    --------
    >>> import convis, numpy as np
    >>> video = convis.streams.SequenceStream(np.arange(3)[:, None, None])
    >>> convis.streams.TimedResampleStream(video, 400, 1000).get(100).ravel()
    array([0, 0, 0, 1, 1, 2, 2, 2])
    """

    def __init__(
        self,
        stream: Stream,
        frames_per_second: float | None = None,
        steps_per_second: float | None = None,
        interpolate: bool = False,
    ) -> None:
        self._stream = _stream(stream)
        if frames_per_second is None:
            frames_per_second = getattr(stream, "frames_per_second", None)
            if frames_per_second is None:
                raise ValueError("frames_per_second: the stream does not say its rate; give it")
        rate = _positive("frames_per_second", frames_per_second)
        # Frames per step, exactly: 1 / 3 has no exact double, and a movie may be long.
        self._pace = _fraction(rate) / _fraction(_steps_per_second(steps_per_second))
        self._interpolate = bool(interpolate)
        self.endless = stream.endless
        self._step = 0
        self._first = 0  # number of the first frame that is held
        self._held: Frames | None = None
        self._over = False

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a frame."""
        return self._stream.size

    def get(self, n: int) -> Frames:
        """The next frames at the new rate."""
        n = whole("n", n)
        times = [step * self._pace for step in range(self._step, self._step + n)]
        numbers = np.array([math.floor(time) for time in times])
        self._hold(int(numbers[0]), int(numbers[-1]) + self._interpolate)
        held = self._held
        if held is None:
            return np.zeros((0, *self.size))
        end = self._first + len(held)
        numbers = numbers[numbers < end] - self._first
        self._step += len(numbers)
        frames: Frames = held[numbers]
        if self._interpolate and len(numbers):
            weights = np.array([float(time - math.floor(time)) for time in times[: len(numbers)]], np.float32)
            following = held[np.minimum(numbers + 1, len(held) - 1)]
            frames = frames + weights[:, None, None] * (following - frames.astype(np.float32))
        return frames

    def _hold(self, first: int, last: int) -> None:
        """Hold the frames from `first` to `last`, as far as there are any."""
        if self._held is not None:
            skip = min(first - self._first, len(self._held))
            self._held, self._first = self._held[skip:], self._first + skip
        parts = [] if self._held is None else [self._held]
        have = self._first + sum(map(len, parts))
        while not self._over and have <= last:
            part = self._stream.get(last + 1 - have)
            self._over = len(part) == 0
            skip = min(max(first - have, 0), len(part))
            if not self._over:
                if have < first and not any(map(len, parts)):
                    self._first = have + skip
                parts.append(part[skip:])
            have += len(part)
        if parts:
            self._held = np.concatenate(parts) if len(parts) > 1 else parts[0]

    def _remaining(self) -> int | None:
        left = self._stream._remaining()
        if left is None:
            return None
        total = self._first + (0 if self._held is None else len(self._held)) + left
        return math.ceil(total / self._pace) - self._step

    def available(self, n: int = 1) -> bool:
        """Whether `n` frames can be had at once."""
        last = math.floor((self._step + n - 1) * self._pace)
        have = self._first + (0 if self._held is None else len(self._held))
        return last < have or self._stream.available(last + 1 - have)

    def close(self) -> None:
        """Close the stream it reads."""
        self._stream.close()


class ProcessingStream(Stream):
    """A stream whose frames are changed on the way by a function.

    Parameters
    ----------
    stream : Stream
        Where frames are read from, and written to.
    process : callable
        Gets frames (time, height, width) and returns as many, of any size. It sees them in pieces of any length, so
        it should treat every frame alone.

    Examples
    --------
    >>> import convis
    >>> noise = convis.streams.RandomStream((40, 40))
    >>> binary = convis.streams.ProcessingStream(noise, lambda frames: frames > 0)
    >>> binary.size, binary.get(2).dtype
    ((40, 40), dtype('bool'))
    """

    def __init__(self, stream: Stream, process: Callable[[Frames], ArrayLike]) -> None:
        self._stream = _stream(stream)
        if not callable(process):
            raise TypeError(f"process: expected a function of frames, got {short(process)}")
        self._process = process
        self._size: tuple[int, int] | None = None
        self.endless = stream.endless

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a processed frame."""
        if self._size is None:
            blank = self._apply(np.zeros((1, *self._stream.size), np.float32))
            self._size = (blank.shape[1], blank.shape[2])
        return self._size

    def _apply(self, frames: Frames) -> Frames:
        done = np.asarray(self._process(frames))
        if done.ndim != 3 or len(done) != len(frames):
            raise ValueError(f"process: expected {len(frames)} frames (time, height, width), got shape {done.shape}")
        return done

    def get(self, n: int) -> Frames:
        """The next frames, processed."""
        frames = self._stream.get(n)
        return self._apply(frames) if len(frames) else np.zeros((0, *self.size))

    def put(self, frames: Any) -> None:
        """Process frames and write them."""
        self._stream.put(self._apply(plane(frames)))

    def available(self, n: int = 1) -> bool:
        """Whether `n` frames can be had at once."""
        return self._stream.available(n)

    @property
    def ended(self) -> bool:
        """Whether no more frames will come."""
        return self._stream.ended

    def _remaining(self) -> int | None:
        return self._stream._remaining()

    def close(self) -> None:
        """Close the stream it reads or writes."""
        self._stream.close()

    def _discard(self) -> None:
        self._stream._discard()


def _stream(stream: Any) -> Stream:
    if not isinstance(stream, Stream):
        raise TypeError(f"stream: expected a stream of convis.streams, got {short(stream)}")
    return stream


def _steps_per_second(value: float | None) -> float:
    if value is None:
        from .._resolution import default_resolution

        return default_resolution.steps_per_second
    return _positive("steps_per_second", value)


def _fraction(rate: float) -> Fraction:
    """A rate as the simple fraction it stands for: 29.97… is 30000/1001."""
    return Fraction(rate).limit_denominator(100_000)
