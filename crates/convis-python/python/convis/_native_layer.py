"""Layers that compute in the compiled library."""

from __future__ import annotations

import copyreg
from typing import Any, ClassVar, TypeVar

from . import _gradients
from . import _native as compiled
from ._layer import Layer
from ._movies import movie, whole
from ._native import Tensor
from ._output import Output
from ._parameter import Parameter
from ._resolution import Resolution, pair
from ._run import Plan

_classes: dict[str, type[NativeLayer]] = {}

Class = TypeVar("Class", bound="type[NativeLayer]")


def native_layer(cls: Class) -> Class:
    """Registers the Python class of a layer of the library; they have the same name."""
    cls._kind = cls.__name__
    _classes[cls._kind] = cls
    return cls


class NativeLayer(Layer):
    """A layer of the compiled library, alone or as part of another one."""

    _native: compiled.Layer
    #: The name of the type in the library.
    _kind: ClassVar[str]
    #: The model it is part of, and its path there; None for a model of its own.
    _place: tuple[NativeLayer, str] | None = None
    #: Whether it keeps something from chunk to chunk.
    _remembers: ClassVar[bool] = True
    #: Names of the outputs that hold spikes, with the paths of the layers that fire them.
    _spiking: ClassVar[dict[str, str]] = {}

    # ------------------------------------------------------------------ building
    def _build(self, resolution: Resolution | None, **options: Any) -> None:
        """Build the compiled layer of this type with these options."""
        super().__init__()
        self.__dict__["_made_by"] = (options, pair(resolution))
        self._bind(compiled.build(self._kind, options, pair(resolution)))
        if not _gradients.by_default():
            self.requires_grad_(False)

    def _bind(self, native: compiled.Layer) -> None:
        parts: dict[str, Any] = {}
        for name, part in native.parts():
            if isinstance(part, compiled.Parameter):
                parts[name] = Parameter._of_layer(part, self)
            else:
                cls = _classes.get(part.kind, NativeLayer)
                child = cls.__new__(cls)
                root, path = self._place or (self, "")
                child.__dict__["_place"] = (root, f"{path}.{name}".lstrip("."))
                child._bind(part)
                parts[name] = child
        self.__dict__.update(_native=native, _parts=parts, _names=frozenset(parts), _short=dict(native.aliases()))

    def _inner(self) -> frozenset[str]:
        names: frozenset[str] = self.__dict__.get("_names", frozenset())
        return names

    def _aliases(self) -> dict[str, str]:
        short: dict[str, str] = self.__dict__.get("_short", {})
        return short

    def _built_for(self) -> Resolution:
        return Resolution(*self._native.resolution)

    # ------------------------------------------------------------------ computing
    def _prepared(self, x: Any) -> Any:
        return super()._prepared(x) if self._in_python() else x

    def _counted(self, x: Any) -> Any:
        return super()._counted(x) if self._in_python() else self.forward(x)

    def _remembers_something(self) -> bool:
        return self._remembers or super()._remembers_something()

    def _frame(self) -> int:
        return super()._frame() if self._in_python() else self._native.frames

    def _in_python(self) -> bool:
        """Whether a subclass has written a `forward` of its own."""
        return type(self).forward is not NativeLayer.forward

    def forward(self, x: Any) -> Any:
        """Compute the output for a chunk of frames."""
        noting = self.__dict__.get("_noting")
        if noting is not None:
            return noting(x)
        first = self._native.frames
        return self._result(self._native.call(movie(x, self._double), _gradients.recorded()), first)

    def checkpointed(self, x: Any, frames: int | None = None) -> Any:
        """Compute the output for a chunk of frames as a call does, in little memory for gradients.

        A call keeps about a movie for every operation until its gradient has been computed. This keeps the state every
        ``frames`` frames and computes what lies between again when the gradient is asked for: memory grows as the square
        root of the number of frames, beside input and output, and every frame is computed twice. Outputs are the same bits,
        gradients the same to rounding.

        Parameters
        ----------
        x : array_like, Tensor, Output or Parameter
            Movie with axes (time, height, width) or (batch, channel, time, height, width).
        frames : int, optional
            Frames between two states that are kept; by default the square root of their number.

        Returns
        -------
        Tensor or Output
            What a call returns. Parameters must stay what they are until ``backward`` has been called.

        Examples
        --------
        >>> import convis, numpy as np
        >>> retina = convis.retina.Retina(spikes=False)
        >>> movie = np.random.default_rng(0).random((400, 8, 8))
        >>> on, off = retina.checkpointed(movie)
        >>> (on.sum() + off.sum()).backward()
        >>> retina.p.bipolar.g_leak.grad is not None
        True
        """
        if type(self).forward is not NativeLayer.forward:
            raise TypeError(f"{type(self).__name__}: its forward is written in Python; checkpoints need a layer of the library")
        frames = None if frames is None else whole("frames", frames)
        if not _gradients.recorded():
            return self(x)
        first = self._native.frames
        return self._result(self._native.call_checkpointed(movie(x, self._double), frames), first)

    def _result(self, movies: list[tuple[str, Tensor]], first: int) -> Any:
        if len(movies) == 1 and not movies[0][0]:
            return movies[0][1]
        return self._output(movies, first)

    def _run(self, frames: Any, plan: Plan) -> Output:
        if self._in_python() or "forward" in self.__dict__:
            return super()._run(frames, plan)
        first = self._native.frames
        movies, probed, spikes = self._native.run(frames, plan.dt, plan.max_t, plan.stages, plan.events, plan.tick)
        output = self._output([*movies, *probed], first)
        if plan.events:
            output._events = [{key: spikes[path] for key, path in self._spiking.items() if path in spikes}]
        return output

    def _call_probed(self, x: Any, stages: list[str]) -> tuple[Any, dict[str, Output]]:
        """Compute the output for a chunk of frames, and those of some parts."""
        frames, first = movie(x, self._double), self._native.frames
        outputs, probed, _ = self._native.run(frames, int(frames.shape[2]), None, stages, False, None)
        of: dict[str, list[tuple[str, Tensor]]] = {stage: [] for stage in stages}
        for name, movie_of_part in probed:
            stage = max((s for s in stages if name == s or name.startswith(f"{s}.")), key=len)
            of[stage].append((name[len(stage) + 1 :], movie_of_part))
        parts = {stage: self._output(movies, first) for stage, movies in of.items()}
        return self._result(outputs, first), parts

    def _output(self, movies: list[tuple[str, Tensor]], first: int) -> Output:
        output = Output([x for _, x in movies], [name or "output" for name, _ in movies])
        output._resolution, output._first_frame = self.resolution, first
        output._spiking = frozenset(self._spiking)
        return output

    def _compute_in(self, double: bool) -> Layer:
        if self._place is not None:
            raise RuntimeError("a part of a model computes in the number type of the whole; call this on the model")
        return super()._compute_in(double)

    # ------------------------------------------------------------------ copies
    def __reduce__(self) -> Any:
        if self._place is not None:
            return _part_of, self._place
        return copyreg.__newobj__, (type(self),), self.__getstate__()  # type: ignore[attr-defined]

    def __getstate__(self) -> dict[str, Any]:
        inner = self._inner()
        derived = ("_native", "_parts", "_names", "_short")
        return {
            "attributes": {name: value for name, value in self.__dict__.items() if name not in derived},
            "own": {name: part for name, part in self._parts.items() if name not in inner},
            "parameters": [(path, p.data, p.requires_grad) for path, p in self._inner_parameters()],
            "settings": [(path, name, value) for path, layer in self._bound() for name, value in layer._settings()],
            "state": self._native.get_state(),
        }

    def __setstate__(self, saved: dict[str, Any]) -> None:
        self.__dict__.update(saved["attributes"])
        options, resolution = self.__dict__["_made_by"]
        self._bind(compiled.build(self._kind, options, resolution, saved["state"].noise))
        self._native.set_state(saved["state"])
        for path, value, requires_grad in saved["parameters"]:
            parameter: Parameter = self._at(path)
            parameter.set(value)
            parameter.requires_grad = requires_grad
        for path, name, value in saved["settings"]:
            setattr(self._at(path) if path else self, name, value)
        for child in self.modules():
            child.__dict__["_double"] = self._double
        self._parts.update(saved["own"])

    def _settings(self) -> list[tuple[str, Any]]:
        """What can be changed besides parameters: names and values."""
        return []

    def _bound(self) -> list[tuple[str, NativeLayer]]:
        """Itself and the compiled layers that are part of it, with their paths."""
        inner = self._inner()
        return [
            (path, layer)
            for path, layer in self.named_modules()
            if isinstance(layer, NativeLayer) and (not path or path.split(".")[0] in inner)
        ]

    def _inner_parameters(self) -> list[tuple[str, Parameter]]:
        inner = self._inner()
        return [(path, p) for path, p in self.named_parameters() if path.split(".")[0] in inner]


def _part_of(model: Layer, path: str) -> Any:
    return model._at(path)
