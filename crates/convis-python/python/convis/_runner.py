"""A model at work in a thread of its own, between two streams."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import numpy as np

from ._layer import Layer
from ._movies import whole
from ._run import prepare
from ._text import short
from .streams import Stream

#: How long to wait before looking again whether frames have come, s.
_NAP_S = 0.002


class Runner:
    """Runs a model in a thread: frames from a stream, through the model, into a stream.

    The state of the model goes on from chunk to chunk, and from :meth:`stop` to :meth:`start`. While it runs, the model
    belongs to the thread; parameters may be set, and count from the next chunk on.

    Parameters
    ----------
    model : Layer
        What computes.
    input : Stream
        Where frames come from.
    output : Stream, callable, or dict of them by name, optional
        Where the model's output goes. A single one gets the output `which`; a dictionary says by name, or number, which
        output goes where. A stream gets frames (time, height, width), a function the tensor with five axes.
    dt : int
        Frames per chunk: fewer answer sooner, more are faster.
    which : int or str
        The output that a single stream gets.

    Attributes
    ----------
    running : bool
        Whether the thread is at work.
    frames : int
        How many frames have been computed since the runner was built.
    speed : float
        Frames per second since the last start, waiting included.
    losses : list of float
        What :meth:`optimize` has reached, chunk by chunk.

    Examples
    --------
    >>> import convis, numpy as np
    >>> camera = convis.streams.RandomStream((10, 10), level=0.1, mean=0.5)
    >>> spikes = convis.streams.SequenceStream(np.zeros((0, 10, 10)), max_frames=1000)
    >>> runner = convis.base.Runner(convis.retina.Retina(), input=camera, output=spikes)
    >>> runner.run(300).frames                # in this thread; runner.start() begins one of its own
    300
    >>> spikes.sequence.shape
    (300, 10, 10)

    As a context manager it starts, and stops at the end; errors of the thread appear there:

    >>> with runner:
    ...     while len(spikes) < 600:
    ...         pass
    >>> runner.running
    False
    """

    def __init__(
        self,
        model: Layer,
        input: Stream | None = None,
        output: Stream | Callable[[Any], Any] | Mapping[str | int, Stream | Callable[[Any], Any]] | None = None,
        dt: int = 100,
        which: int | str = 0,
    ) -> None:
        if not isinstance(model, Layer):
            raise TypeError(f"model: expected a layer, got {short(model)}")
        if not isinstance(input, Stream):
            raise TypeError(f"input: expected a stream of convis.streams, got {short(input)}")
        prepare(input, model)
        targets = output if isinstance(output, Mapping) else {} if output is None else {which: output}
        for key, target in targets.items():
            if not isinstance(target, Stream) and not callable(target):
                raise TypeError(f"output: expected a stream or a function for {key!r}, got {short(target)}")
        self.model, self.input, self.output = model, input, output
        self.dt = whole("dt", dt)
        self._targets = dict(targets)
        self.frames = 0
        self.losses: list[float] = []
        self._thread: threading.Thread | None = None
        self._halt = threading.Event()
        self._error: BaseException | None = None
        self._began = self._ended = time.perf_counter()
        self._counted = 0
        self._work: Callable[[], None] = self._computed
        self._max_t: int | None = None

    # ------------------------------------------------------------------ control
    def start(self, max_t: int | None = None) -> Runner:
        """Begin, or go on, in a thread; returns the runner.

        Parameters
        ----------
        max_t : int, optional
            Stop by itself after so many frames; by default at the end of the input, or at :meth:`stop`.
        """
        return self._start(self._computed, max_t)

    def optimize(
        self,
        goal: Stream,
        optimizer: Any = None,
        loss_fn: Any = None,
        max_t: int | None = None,
    ) -> Runner:
        """Fit the model in a thread, chunk by chunk, so that its output becomes that of a stream; returns the runner.

        Each chunk of the input is one step of the optimiser; the state then goes on to the next chunk. What was
        reached is kept in ``losses``.

        Parameters
        ----------
        goal : Stream
            The wanted output, frame by frame with the input.
        optimizer : optional
            By default the one chosen by ``model.set_optimizer``.
        loss_fn : callable or str, optional
            As for :meth:`convis.Layer.optimize`.
        max_t : int, optional
            Stop by itself after so many frames.
        """
        if not isinstance(goal, Stream):
            raise TypeError(f"goal: expected a stream of convis.streams, got {short(goal)}")
        options = {"optimizer": optimizer, "loss_fn": loss_fn}
        options = {name: value for name, value in options.items() if value is not None}
        return self._start(lambda: self._fitted(goal, options), max_t)

    def _start(self, work: Callable[[], None], max_t: int | None) -> Runner:
        if self.running:
            raise RuntimeError("the runner is running; stop() it first")
        self._collect()
        self._max_t = None if max_t is None else whole("max_t", max_t)
        self._work = work
        self._halt.clear()
        self._began, self._counted = time.perf_counter(), 0
        name = f"convis runner of {type(self.model).__name__}"
        self._thread = threading.Thread(target=self._guarded, name=name, daemon=True)
        self._thread.start()
        return self

    def run(self, max_t: int | None = None) -> Runner:
        """Do the same in this thread, to the end of the input or for `max_t` frames; returns the runner."""
        if self.running:
            raise RuntimeError("the runner is running; stop() it first")
        if max_t is None and self.input.endless:
            raise ValueError("max_t: the input is endless; say how many frames to run")
        self._max_t = None if max_t is None else whole("max_t", max_t)
        self._halt.clear()
        self._began, self._counted = time.perf_counter(), 0
        try:
            self._computed()
        finally:
            self._ended = time.perf_counter()
        return self

    def stop(self) -> Runner:
        """Stop after the current chunk and wait for the thread; returns the runner.

        An error of the model or of a stream is raised here, or by :meth:`join`.
        """
        self._halt.set()
        return self.join()

    def join(self, timeout_s: float | None = None) -> Runner:
        """Wait for the end of the input, at most `timeout_s`; returns the runner."""
        if self._thread is not None:
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                raise TimeoutError(f"the runner is still running after {timeout_s} s; stop() ends it")
            self._thread = None
        self._collect()
        return self

    def restart(self) -> Runner:
        """Stop, forget the state of the model, begin the input again where it can, and start; returns the runner."""
        max_t, work = self._max_t, self._work
        self.stop()
        self.model.clear_state()
        if hasattr(self.input, "reset"):
            self.input.reset()
        return self._start(work, max_t)

    @property
    def running(self) -> bool:
        """Whether the thread is at work."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def speed(self) -> float:
        """Frames per second since the last start, waiting included."""
        end = time.perf_counter() if self.running else self._ended
        return self._counted / max(end - self._began, 1e-9)

    @property
    def exception(self) -> BaseException | None:
        """The error that ended the thread and has not been raised yet."""
        return self._error

    def _collect(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    def __enter__(self) -> Runner:
        return self.start()

    def __exit__(self, kind: object, *rest: object) -> None:
        if kind is None:
            self.stop()
            return
        try:
            self.stop()
        except Exception:  # the error that left the block is the one to be seen
            pass

    # ------------------------------------------------------------------ work
    def _guarded(self) -> None:
        try:
            self._work()
        except BaseException as error:  # raised by stop() or join()
            self._error = error
        finally:
            self._ended = time.perf_counter()

    def _chunk(self, stream: Stream, most: int) -> Any:
        """The next frames, None at the end or when the runner is stopped."""
        while not self._halt.is_set():
            if stream.available():
                frames = stream.get(most)
                if len(frames):
                    return frames
            if stream.ended:
                return None
            self._halt.wait(_NAP_S)
        return None

    def _wanted(self) -> int:
        return self.dt if self._max_t is None else min(self.dt, self._max_t - self._counted)

    def _count(self, frames: int) -> None:
        self.frames += frames
        self._counted += frames

    def _computed(self) -> None:
        while (most := self._wanted()) > 0 and (frames := self._chunk(self.input, most)) is not None:
            output = self.model.run(frames, dt=self.dt)
            for key, target in self._targets.items():
                movie = output[key]
                target.put(_one_plane(movie, key)) if isinstance(target, Stream) else target(movie)
            self._count(len(frames))

    def _fitted(self, goal: Stream, options: dict[str, Any]) -> None:
        while (most := self._wanted()) > 0 and (frames := self._chunk(self.input, most)) is not None:
            wanted = self._chunk(goal, len(frames))
            if wanted is None:
                return
            while len(wanted) < len(frames):
                more = self._chunk(goal, len(frames) - len(wanted))
                if more is None:
                    raise ValueError("goal: expected as many frames as the input has, but it ended before")
                wanted = np.concatenate([wanted, more])
            x, y = frames[None, None], wanted[None, None]
            self.losses.append(float(self.model.optimize(x, y, **options)))
            self.model.run(x, dt=self.dt)  # optimize goes back to the state before; this goes on
            self._count(len(frames))

    # ------------------------------------------------------------------ for people
    def _words(self) -> str:
        if self._error is not None:
            state = f"failed: {type(self._error).__name__}: {self._error}"
        else:
            state = "running" if self.running else "stopped"
        words = f"{self.frames} frames"
        if self._counted:
            words += f", {self.speed:.0f} frames per second"
        if self.losses:
            words += f", loss {self.losses[-1]:.4g}"
        return f"{state}; {words}"

    def __repr__(self) -> str:
        return f"<Runner of {type(self.model).__name__}: {self._words()}>"

    def _repr_html_(self) -> str:
        return f"<div><b>Runner</b> of {escape(type(self.model).__name__)}: {escape(self._words())}</div>"


def _one_plane(movie: Any, key: int | str) -> Any:
    if movie.shape[:2] != (1, 1):
        raise ValueError(
            f"output: a stream takes movies of one batch and one channel, but output {key!r} has shape {movie.shape}; "
            "give a function instead"
        )
    return movie

