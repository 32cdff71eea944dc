"""Running a layer on a movie of any length, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _gradients
from . import _native as compiled
from ._movies import is_stream, labels, movie, size_of, whole
from ._output import Output, as_output, joined, stacked
from ._progress import Progress
from ._resolution import Resolution
from ._text import short, unknown

if TYPE_CHECKING:
    from ._layer import Layer

Tick = Callable[[int], None]


class Plan:
    """How a layer is run: what the arguments of `Layer.run` say, checked."""

    def __init__(
        self, layer: Layer, dt: Any, max_t: Any, probe: str | Iterable[str], events: bool, tick: Tick | None
    ) -> None:
        self.dt = None if dt is None else whole("dt", dt)
        self.max_t = None if max_t is None else whole("max_t", max_t)
        self.stages = _stages(layer, probe)
        self.events = bool(events)
        self.tick = tick


def run(
    layer: Layer,
    x: Any,
    dt: Any,
    max_t: Any,
    probe: str | Iterable[str],
    events: bool,
    trials: Any,
    progress: bool,
) -> Output:
    """What `Layer.run` does."""
    plan = Plan(layer, dt, max_t, probe, events, None)
    repeats = None if trials is None else whole("trials", trials)
    stream = is_stream(x)
    if stream and repeats is not None:
        raise ValueError("trials: expected None for a stream, which passes once; give an array of its frames instead")
    if stream and plan.max_t is None and getattr(x, "endless", False):
        raise ValueError(f"max_t: expected a number of frames, because {type(x).__name__} is endless; got None")
    if stream:
        prepare(x, layer)
    frames = None if stream else movie(x, layer._double)
    total = _length(x, frames, plan.max_t)
    with Progress(None if total is None else total * (repeats or 1), bool(progress)) as bar:
        if progress:
            plan.tick = bar.advance
        if stream:
            parts = list(_stream(layer, x, plan))
            if not parts:
                again = "; reset() begins it again" if callable(getattr(x, "reset", None)) else ""
                raise ValueError(f"input: expected at least one frame, but {type(x).__name__} gave none{again}")
            output = joined(parts)
        elif repeats is None:
            output = layer._run(frames, plan)
        else:
            output = stacked(list(_trials(layer, frames, plan, repeats)))
    output._resolution, output._labels = layer.resolution, labels(x)
    return output


def prepare(stream: Any, layer: Layer) -> None:
    """Refuse a stimulus that was made for another resolution; begin one again that is at its end."""
    made_for, built_for = getattr(stream, "resolution", None), layer._built_for()
    if isinstance(made_for, Resolution) and built_for is not None and made_for != built_for:
        raise ValueError(
            f"input: expected a stimulus for {built_for}, that of the model, got one for {made_for}; build both with the "
            "same resolution=..."
        )
    if getattr(stream, "_begins_again", False) and stream.ended:
        stream.reset()


def _length(x: Any, frames: Any, max_t: int | None) -> int | None:
    """How many frames there will be, if that is known."""
    try:
        there = len(x) if frames is None else int(frames.shape[2])
    except TypeError:
        return max_t
    return there if max_t is None else min(there, max_t)


def _trials(layer: Layer, frames: Any, plan: Plan, repeats: int) -> Iterator[Output]:
    """The outputs of several presentations, each from the same state with noise of its own."""
    before = layer.get_state()
    for k in range(repeats):
        layer.set_state(before._of_trial(k))
        yield layer._run(frames, plan)


def _stream(layer: Layer, stream: Any, plan: Plan) -> Iterator[Output]:
    """The outputs of the chunks of a stream."""
    height, width = size_of(stream)
    chunk = plan.dt or compiled.default_chunk(height * width)
    left = plan.max_t
    while left is None or left > 0:
        part = stream.get(chunk if left is None else min(chunk, left))
        if not np.size(part):
            break
        frames = movie(part, layer._double)
        plan.max_t = None
        yield layer._run(frames, plan)
        if left is not None:
            left -= int(frames.shape[2])


def in_python(layer: Layer, frames: Any, plan: Plan) -> Output:
    """The output of a layer whose `forward` is written in Python."""
    if plan.events:
        raise ValueError("events: expected False for a layer written in Python; run its spiking sub-layer alone")
    total = min(frames.shape[2], plan.max_t or frames.shape[2])
    chunk = plan.dt or compiled.default_chunk(int(np.prod(frames.shape)) // frames.shape[2])
    frames = np.asarray(frames)
    parts: list[Output] = []
    for first in range(0, total, chunk):
        last = min(first + chunk, total)
        before = layer.get_state()
        at = layer._frame()
        seen: dict[str, Output] = {}
        try:
            with _gradients.no_grad(), Probed(layer, plan.stages, seen):
                output = as_output(layer(frames[:, :, first:last]))
        except BaseException:
            layer.set_state(before)
            raise
        for path in plan.stages:
            if path not in seen:
                raise ValueError(f"probe: layer {path!r} was not called by forward")
            output = output._with(path, seen[path])
        output._first_frame = at
        parts.append(output)
        if plan.tick:
            plan.tick(last - first)
    return joined(parts)


def _stages(layer: Layer, probe: str | Iterable[str]) -> list[str]:
    names = [name for name, _ in layer.named_modules() if name]
    if not isinstance(probe, Iterable):
        raise TypeError(f"probe: expected names of layers, got {short(probe)}")
    stages = [probe] if isinstance(probe, str) else list(probe)
    for stage in stages:
        if not isinstance(stage, str):
            raise TypeError(f"probe: expected names of layers, got {short(stage)}")
        if stage not in names:
            raise ValueError("probe: " + unknown("layer", stage, names))
    return stages


class Probed:
    """While it lasts, the outputs of some layers below a model are noted when the model calls them."""

    def __init__(self, model: Layer, paths: list[str], seen: dict[str, Output]) -> None:
        self._model, self._paths, self._seen = model, paths, seen
        self._wrapped: list[Layer] = []
        self._noted: list[Layer] = []

    def __enter__(self) -> None:
        inside: dict[int, tuple[Layer, list[tuple[str, str]]]] = {}
        for path in self._paths:
            layer = self._model._at(path)
            self._wrap(layer, self._noting(path, layer.forward))
            place = layer.__dict__.get("_place")
            if place is not None:
                # A part of a compiled model is reached when the whole is called.
                root, relative = place
                inside.setdefault(id(root), (root, []))[1].append((path, relative))
        for root, paths in inside.values():
            root.__dict__["_noting"] = self._noting_inside(root, paths)
            self._noted.append(root)

    def _wrap(self, layer: Layer, forward: Callable[[Any], Any]) -> None:
        layer.__dict__["forward"] = forward
        self._wrapped.append(layer)

    def __exit__(self, *error: object) -> None:
        for layer in self._wrapped:
            layer.__dict__.pop("forward", None)
        for layer in self._noted:
            layer.__dict__.pop("_noting", None)

    def _noting(self, path: str, forward: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def noting(x: Any) -> Any:
            output = forward(x)
            self._seen[path] = as_output(output)
            return output

        return noting

    def _noting_inside(self, root: Any, paths: list[tuple[str, str]]) -> Callable[[Any], Any]:
        def noting(x: Any) -> Any:
            result, probed = root._call_probed(x, [relative for _, relative in paths])
            for path, relative in paths:
                self._seen[path] = probed[relative]
            return result

        return noting
