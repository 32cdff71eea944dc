"""Layers: what a model is made of."""

from __future__ import annotations

import os
from abc import ABCMeta
from collections.abc import Callable, Iterable, Iterator, Mapping
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _gradients
from . import _native as compiled
from ._movies import movie
from ._native import Tensor
from ._native import nearest as nearest_name
from ._optimizing import Optimizing
from ._output import Output
from ._parameter import Parameter
from ._picturing import Picturing
from ._resolution import Resolution, pair
from ._run import Plan, in_python, run
from ._state import State, kept
from ._text import html_table, short, table, unknown
from ._trees import ModuleTree, ParameterList, ParameterTree, StateTree, flat


class _Complete(ABCMeta):
    """Layers know when they are complete: what is assigned to them afterwards should exist."""

    def __call__(cls, *args: Any, **options: Any) -> Any:
        layer = super().__call__(*args, **options)
        layer.__dict__["_complete"] = True
        return layer


class Layer(Optimizing, Picturing, metaclass=_Complete):
    """A causal filter on movies, with parameters, sub-layers and a state.

    Subclass it to build a layer of one's own: parameters and layers assigned to attributes become part of it (a list of
    layers as a :class:`convis.models.List`), and
    ``forward`` computes its output from the input, a :class:`convis.Tensor` ``[batch, channel, time, height, width]``.

    Examples
    --------
    >>> import convis, numpy as np
    >>> class Smooth(convis.Layer):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.space = convis.filters.GaussianBlur(0.1)
    ...         self.time = convis.filters.TemporalLowPassFilterRecursive(0.02)
    ...
    ...     def forward(self, x):
    ...         return self.time(self.space(x))
    >>> model = Smooth()
    >>> sorted(model.get_parameters())
    ['space_sigma', 'time_tau']
    >>> model.run(np.ones((50, 8, 8)), dt=20).array(0).shape
    (1, 1, 50, 8, 8)
    """

    _parts: dict[str, Any]
    _double: bool = False
    #: Whether it is in training mode; convis' own layers compute the same in both.
    training: bool = True

    def __init__(self) -> None:
        self.__dict__.setdefault("_parts", {})

    # ------------------------------------------------------------------ computing
    def forward(self, x: Tensor) -> Any:
        """Compute the output for a chunk of frames; to be written by subclasses."""
        raise NotImplementedError(f"{type(self).__name__} has no forward(self, x)")

    def __call__(self, x: Any) -> Any:
        """Compute the output for a chunk of frames, going on from the state.

        Parameters
        ----------
        x : array_like, Tensor, Output or Parameter
            Movie with axes (time, height, width) or (batch, channel, time, height, width).

        Returns
        -------
        Tensor or Output
            What ``forward`` returns. Gradients are recorded where parameters or the input require them.
        """
        for name in self.__dict__.get("_states", ()):
            self.__dict__[name] = kept(self.__dict__[name]) if isinstance(self.__dict__[name], Tensor) else self.__dict__[name]
        return self._counted(self._prepared(x))

    def _counted(self, x: Any) -> Any:
        """What `forward` returns, with the time at which it begins."""
        first = self._frame()
        result = self.forward(x)
        self.__dict__["_frames"] = first + int(x.shape[2])
        if isinstance(result, Output):
            result._first_frame, result._resolution = first, self.resolution
        return result

    def _prepared(self, x: Any) -> Any:
        x = movie(x, self._double)
        return x if isinstance(x, Tensor) else Tensor(x)

    def run(
        self,
        x: Any,
        dt: int | None = None,
        max_t: int | None = None,
        probe: str | Iterable[str] = (),
        events: bool = False,
        trials: int | None = None,
        progress: bool = False,
    ) -> Output:
        """Run on a movie of any length, chunk by chunk, going on from the state.

        Results do not depend on the chunk length. Nothing is recorded for gradients. After an error or Ctrl-C the
        state is that after the last whole chunk.

        Parameters
        ----------
        x : array_like, Tensor, Output or Stream
            Movie with axes (time, height, width) or (batch, channel, time, height, width): anything numpy can read,
            tensors of other libraries, an ``xarray.DataArray``, whose coordinates are found again in
            :meth:`convis.base.Output.to_xarray`; or a stream of frames, see :mod:`convis.streams`.
        dt : int, optional
            Frames per chunk; by default as many as suit the processor.
        max_t : int, optional
            Stop after so many frames.
        probe : str or sequence of str
            Paths of sub-layers, e.g. ``["opl", "bipolar"]``, whose outputs follow those of the model by name.
        events : bool
            Whether to record exact spike times, see :meth:`convis.base.Output.spikes`.
        trials : int, optional
            Show the movie so many times, each time from the same state and with noise of its own; the output has a
            leading axis of trials.
        progress : bool
            Whether to show a bar.

        Returns
        -------
        Output

        Examples
        --------
        >>> import convis, numpy as np
        >>> retina = convis.retina.Retina()
        >>> output = retina.run(np.ones((100, 4, 5)), dt=30, probe="bipolar", trials=3)
        >>> output.ganglion_spikes_ON.shape, output.bipolar.shape
        ((3, 1, 1, 100, 4, 5), (3, 1, 1, 100, 4, 5))
        """
        return run(self, x, dt, max_t, probe, events, trials, progress)

    def _run(self, frames: Any, plan: Plan) -> Output:
        """Run on a movie in memory."""
        return in_python(self, frames, plan)

    def _frame(self) -> int:
        """How many frames it has computed since its state was cleared."""
        frames: int = self.__dict__.get("_frames", 0)
        return frames

    def _waits(self) -> bool:
        """Whether a weight of its own takes its size from a first frame that has not come yet."""
        return False

    def _remembers_something(self) -> bool:
        """Whether it keeps a state of its own, besides those of its sub-layers."""
        return bool(self.__dict__.get("_states"))

    def _take_sizes(self, frames: Any) -> None:
        """Let weights that take their size from the first frame have it, before their numbers are counted."""
        if not any(layer._waits() for layer in self.modules()):
            return
        before = self.get_state()
        try:
            with _gradients.no_grad():
                self(frames)
        finally:
            self.set_state(before)

    # ------------------------------------------------------------------ attributes
    def __getattr__(self, name: str) -> Any:
        parts = self.__dict__.get("_parts", {})
        if name in parts:
            return parts[name]
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        path = self._aliases().get(name)
        if path is not None:
            return self._at(path)
        raise AttributeError(f"{type(self).__name__}: " + unknown("attribute", name, self.__dir__()))

    def __setattr__(self, name: str, value: Any) -> None:
        parts = self.__dict__.setdefault("_parts", {})
        old = parts.get(name)
        if isinstance(value, (list, tuple)) and any(isinstance(part, Layer) for part in value):
            value = self._as_list(name, value)
        if name in self._inner() and value is not old and isinstance(value, (Layer, Parameter)):
            raise AttributeError(f"{name}: is built into {type(self).__name__} and cannot be replaced; set its values")
        if isinstance(value, (Layer, Parameter)):
            if hasattr(type(self), name):
                raise AttributeError(f"{name}: is an attribute of every {type(self).__name__}; choose another name")
            if isinstance(value, Layer) and any(layer is self for layer in value.modules()):
                raise ValueError(f"{name}: a layer cannot contain itself")
            if isinstance(value, Parameter) and old is None:
                self._refuse_misspelt(name, False)
            self.__dict__.pop(name, None)
            parts[name] = value
            if isinstance(value, Parameter) and value._owner is None and not value._name:
                value._name = name
        elif isinstance(old, Parameter):
            old.set(value)
        elif isinstance(old, Layer):
            raise TypeError(f"{name}: is a layer; expected a layer in its place, got {short(value)}")
        elif name in self._aliases():
            self._at(self._aliases()[name]).set(value)
        else:
            self._refuse_misspelt(name, isinstance(value, (int, float, np.generic, np.ndarray)))
            object.__setattr__(self, name, value)

    def _refuse_misspelt(self, name: str, number: bool) -> None:
        """Refuse what is assigned to a complete layer by a name that looks like that of a parameter."""
        if not (self.__dict__.get("_complete") or "_place" in self.__dict__) or name.startswith("_"):
            return
        if hasattr(type(self), name) or name in self.__dict__:
            return
        from difflib import get_close_matches

        compiled_parts = "_native" in self.__dict__
        paths = {path.rsplit(".", 1)[-1]: path for path, _ in self.named_parameters() if compiled_parts or "." not in path}
        paths.update((alias, alias) for alias in self._aliases())
        # A number given to a compiled layer can hardly be anything else; other things may be attributes of one's own.
        near = get_close_matches(name, paths, 1, 0.75)
        nearest = nearest_name(name, list(paths)) if number and compiled_parts else near[0] if near else None
        if nearest:
            kind = type(self).__name__
            other = "" if number and compiled_parts else "; attributes of another meaning are made in __init__"
            raise AttributeError(f"{kind} has no parameter {name!r}; did you mean {paths[nearest]!r}?{other}")

    def _as_list(self, name: str, layers: Any) -> Layer:
        """Layers in a list as a part of this one."""
        from ._containers import List

        strange = [part for part in layers if isinstance(part, type) or not callable(part)]
        if strange:
            raise TypeError(
                f"{name}: expected layers alone in a list of layers, which becomes a part of the model, got {short(strange[0])}"
            )
        return List(layers)

    def __delattr__(self, name: str) -> None:
        if name in self._inner():
            raise AttributeError(f"{name}: is built into {type(self).__name__} and cannot be removed")
        if self.__dict__.get("_parts", {}).pop(name, None) is None:
            object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.__dict__.get("_parts", {}), *self._aliases()]

    def _aliases(self) -> dict[str, str]:
        return {}

    def _inner(self) -> frozenset[str]:
        """Names of the parts that belong to the compiled layer."""
        return frozenset()

    def _at(self, path: str) -> Any:
        part: Any = self
        for name in path.split("."):
            part = part._parts[name]
        return part

    # ------------------------------------------------------------------ parts
    def _walk(self, prefix: str = "") -> Iterator[tuple[str, Any]]:
        """Every parameter and sub-layer below with its path: the only walk over them."""
        for name, part in self.__dict__.get("_parts", {}).items():
            yield prefix + name, part
            if isinstance(part, Layer):
                yield from part._walk(f"{prefix}{name}.")

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Every parameter with its path, e.g. ``"bipolar.tau"``."""
        return ((path, part) for path, part in self._walk() if isinstance(part, Parameter))

    def parameters(self) -> Iterator[Parameter]:
        """Every parameter."""
        return (parameter for _, parameter in self.named_parameters())

    def named_children(self) -> Iterator[tuple[str, Layer]]:
        """Its direct sub-layers with their names."""
        parts = self.__dict__.get("_parts", {})
        return ((name, part) for name, part in parts.items() if isinstance(part, Layer))

    def children(self) -> Iterator[Layer]:
        """Its direct sub-layers."""
        return (child for _, child in self.named_children())

    def named_modules(self) -> Iterator[tuple[str, Layer]]:
        """Itself (path ``""``) and every layer below with its path."""
        yield "", self
        yield from ((path, part) for path, part in self._walk() if isinstance(part, Layer))

    def modules(self) -> Iterator[Layer]:
        """Itself and every layer below."""
        return (layer for _, layer in self.named_modules())

    @property
    def resolution(self) -> Resolution:
        """The resolution it was built for: that of its sub-layers, or the default where none has one.

        A layer written in Python may set one of its own.
        """
        return self._built_for() or Resolution(*pair(None))

    @resolution.setter
    def resolution(self, value: Resolution) -> None:
        if not isinstance(value, Resolution):
            raise TypeError(f"resolution: expected a convis.Resolution, got {short(value)}")
        self.__dict__["_resolution"] = value

    def _built_for(self) -> Resolution | None:
        own: Resolution | None = self.__dict__.get("_resolution")
        return own or next((found for child in self.children() if (found := child._built_for())), None)

    def apply(self, f: Callable[[Layer], Any]) -> Layer:
        """Call `f` with every layer below, then with this one; returns the layer."""
        for layer in list(self.modules())[::-1]:
            f(layer)
        return self

    @property
    def p(self) -> ParameterTree:
        """Its parameters, to be completed by tab; also ``model.p._search.tau`` and ``model.p._all``."""
        return ParameterTree(self)

    @property
    def user_parameters(self) -> ParameterList:
        """Every parameter below by its path with underscores."""
        return self.p._all

    @property
    def m(self) -> ModuleTree:
        """Its sub-layers, to be completed by tab."""
        return ModuleTree(self)

    @property
    def s(self) -> StateTree:
        """What it remembers now, array by array."""
        return StateTree(dict(self.get_state()))

    # ------------------------------------------------------------------ values of parameters
    def _parameter(self, name: str) -> Parameter:
        """The parameter of this path (dots or underscores, short names allowed)."""
        paths = dict(self.named_parameters())
        if name in paths:
            return paths[name]
        flat = name.replace(".", "_")
        meant = [path for path in paths if path.replace(".", "_") == flat]
        if len(meant) > 1:
            raise ValueError(f"parameter {name!r}: expected one of {' and '.join(meant)}, with dots, as it could be either")
        if meant:
            return paths[meant[0]]
        for path, layer in self.named_modules():
            for alias, target in layer._aliases().items():
                if f"{path}.{alias}".lstrip(".").replace(".", "_") == flat:
                    found: Parameter = layer._at(target)
                    return found
        same_ending = [path for path in paths if path.rsplit(".", 1)[-1] == name]
        raise ValueError(
            f"parameter {name!r} does not exist; did you mean {same_ending[0]!r}?"
            if same_ending
            else unknown("parameter", name, paths)
        )

    def get_parameters(self) -> dict[str, NDArray[np.float64]]:
        """A copy of the value of every parameter, by path with underscores; with dots where two would be the same."""
        return {name: parameter._numbers_now() for name, parameter in flat(self.named_parameters()).items()}

    def set_parameters(self, values: Mapping[str, Any], strict: bool = True) -> None:
        """Set parameters by path (dots or underscores) or short name; all of them, or none if one is refused.

        Parameters
        ----------
        values : mapping
            Value by name.
        strict : bool
            Whether a name that does not exist is an error; otherwise it is passed over.
        """
        if not isinstance(values, Mapping):
            raise TypeError(f"values: expected a dictionary of values by name, got {short(values)}")
        checked = []
        for name, value in values.items():
            try:
                parameter = self._parameter(str(name))
            except ValueError:
                if strict:
                    raise
                continue
            checked.append((parameter, parameter._checked(value)))
        for parameter, number in checked:
            parameter.set(number)

    def save_parameters(self, path: str | os.PathLike[str]) -> None:
        """Write the value of every parameter to a file: ``.npz``, ``.json`` or ``.safetensors`` by its ending."""
        from ._files import write

        write(path, {name: parameter.data for name, parameter in self.named_parameters()})

    def load_parameters(self, path: str | os.PathLike[str], strict: bool = True) -> None:
        """Set parameters from a file written by :meth:`save_parameters`; all of them, or none if one is refused."""
        from ._files import read

        self.set_parameters(read(path), strict)

    def state_dict(self) -> dict[str, NDArray[np.float64]]:
        """A copy of the value of every parameter, by path with dots."""
        return {path: parameter._numbers_now() for path, parameter in self.named_parameters()}

    def load_state_dict(self, values: Mapping[str, Any], strict: bool = True) -> None:
        """Set the parameters from a dictionary made by :meth:`state_dict`.

        Parameters
        ----------
        values : mapping
            Value by path.
        strict : bool
            Whether unknown and missing names are errors.
        """
        missing = [path for path in self.state_dict() if path not in values]
        if strict and missing:
            raise ValueError(f"values: expected every parameter, but {', '.join(missing)} missing")
        self.set_parameters(values, strict)

    # ------------------------------------------------------------------ gradients
    def requires_grad_(self, requires_grad: bool = True) -> Layer:
        """Switch the gradients of all parameters off, or back to their defaults; returns the layer.

        What has no gradient by default, such as ``gang_0_input.sign`` or refractory periods, is switched on one by one:
        ``model.p.gang_0_input.sign.requires_grad_(True)``, where a derivative exists.
        """
        for parameter in self.parameters():
            parameter._restore_grad(requires_grad)
        return self

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.zero_grad()

    # ------------------------------------------------------------------ state
    def _roots(self, prefix: str = "") -> Iterator[tuple[str, compiled.Layer]]:
        """The compiled layers below that have a state of their own, with their paths."""
        native: compiled.Layer | None = self.__dict__.get("_native")
        if native is not None:
            yield prefix, native
        for name, child in self.named_children():
            if name not in self._inner():
                yield from child._roots(f"{prefix}.{name}".lstrip("."))

    def register_state(self, name: str, value: Any = None) -> None:
        """Make an attribute part of the state: what `forward` keeps there is there at the next chunk.

        It is saved and restored with the state and set back by :meth:`clear_state`. Gradients end at it.

        Parameters
        ----------
        name : str
            Name of the attribute.
        value : optional
            What it is at the start: None, a number, an array or a tensor.

        Examples
        --------
        >>> import convis, numpy as np
        >>> class Count(convis.Layer):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.register_state("frames_seen", 0)
        ...
        ...     def forward(self, x):
        ...         self.frames_seen = self.frames_seen + x.shape[2]
        ...         return x
        >>> count = Count()
        >>> _ = count.run(np.ones((50, 4, 5)), dt=20)
        >>> count.frames_seen, count.get_state()["frames_seen"]
        (50, array(50))
        >>> count.clear_state()
        >>> count.frames_seen
        0
        """
        if not (isinstance(name, str) and name.isidentifier()) or name.startswith("_"):
            raise ValueError(f"name: expected that of an attribute without an underscore in front, got {short(name)}")
        if hasattr(type(self), name) or name in self.__dict__.get("_parts", {}):
            raise ValueError(f"name: {name!r} is an attribute already; choose another name")
        self.__dict__.setdefault("_states", {})[name] = kept(value)
        self.__dict__[name] = kept(value)

    def _registered(self) -> Iterator[tuple[str, Layer, str]]:
        """The registered states below: path, layer, attribute."""
        for path, layer in self.named_modules():
            for name in layer.__dict__.get("_states", {}):
                yield f"{path}.{name}".lstrip("."), layer, name

    def get_state(self) -> State:
        """What it remembers, to be given back by :meth:`set_state`, here or in an equal model."""
        native = {path: native.get_state() for path, native in self._roots()}
        own = {path: kept(layer.__dict__[name]) for path, layer, name in self._registered()}
        return State(type(self).__name__, native, own, self._frame())

    def set_state(self, state: State) -> None:
        """Go on from a state."""
        if not isinstance(state, State):
            raise TypeError(f"state: expected what get_state() returned, got {short(state)}")
        roots = dict(self._roots())
        own = {path: (layer, name) for path, layer, name in self._registered()}
        if state._kind != type(self).__name__ or set(state._native) != set(roots) or set(state._own) != set(own):
            kind = type(self).__name__
            raise ValueError(f"state: expected that of a {kind} like this one, got that of a {state._kind}")
        for path, native in roots.items():
            places = {"", *native.stages()}
            for name in state._native[path].arrays():
                if name.rpartition(".")[0] not in places:
                    kind = type(self).__name__
                    raise ValueError(f"state: expected that of a {kind} like this one, which has no {name!r}")
        for path, native in roots.items():
            native.set_state(state._native[path])
        for path, (layer, name) in own.items():
            layer.__dict__[name] = kept(state._own[path])
        for layer in self.modules():
            layer.__dict__["_frames"] = state.frames

    def clear_state(self) -> None:
        """Forget everything; the next frame is the first one of a new trial, with noise of its own."""
        for _, native in self._roots():
            native.clear_state()
        for _, layer, name in self._registered():
            layer.__dict__[name] = kept(layer.__dict__["_states"][name])
        for layer in self.modules():
            layer.__dict__["_frames"] = 0

    # ------------------------------------------------------------------ stacks
    def _stack(self, what: str) -> list[Any]:
        stacks: dict[str, list[Any]] = self.__dict__.setdefault("_stacks", {})
        return stacks.setdefault(what, [])

    def _pop(self, what: str) -> Any:
        if not self._stack(what):
            raise IndexError(f"pop_{what}: there is nothing to pop; push_{what}() comes first")
        return self._stack(what).pop()

    def push_state(self) -> None:
        """Put the state on a stack; it stays in force."""
        self._stack("state").append(self.get_state())

    def pop_state(self) -> None:
        """Go back to the state pushed last."""
        self.set_state(self._pop("state"))

    def push_parameters(self) -> None:
        """Put the values of all parameters on a stack; they stay in force."""
        self._stack("parameters").append(self.state_dict())

    def pop_parameters(self) -> None:
        """Go back to the values pushed last."""
        self.load_state_dict(self._pop("parameters"))

    def get_all(self) -> dict[str, Any]:
        """The values of all parameters, the state, and the optimizer with what it remembers."""
        return {
            "parameters": self.state_dict(),
            "state": self.get_state(),
            "optimizer": self._optimizer_state(),
        }

    def set_all(self, everything: Mapping[str, Any]) -> None:
        """Go back to what :meth:`get_all` returned."""
        self.load_state_dict(everything["parameters"])
        self.set_state(everything["state"])
        self._set_optimizer_state(everything["optimizer"])

    def push_all(self) -> None:
        """Put parameters and state on a stack."""
        self._stack("all").append(self.get_all())

    def pop_all(self) -> None:
        """Go back to the parameters and the state pushed last."""
        self.set_all(self._pop("all"))

    def store_all(self, name: str = "stored") -> None:
        """Keep parameters and state under a name."""
        self.__dict__.setdefault("_stored", {})[name] = self.get_all()

    def retrieve_all(self, name: str = "stored") -> None:
        """Go back to what was stored under a name."""
        stored = self.__dict__.get("_stored", {})
        if name not in stored:
            raise KeyError(unknown("store", name, stored))
        self.set_all(stored[name])

    # ------------------------------------------------------------------ how it computes
    def train(self, mode: bool = True) -> Layer:
        """Set training mode for this and all layers below; returns the layer."""
        for layer in self.modules():
            layer.__dict__["training"] = bool(mode)
        return self

    def eval(self) -> Layer:
        """Leave training mode; returns the layer."""
        return self.train(False)

    def cpu(self) -> Layer:
        """Compute on the processor, as always; returns the layer."""
        return self

    def cuda(self) -> Layer:
        """Compute on a GPU: this build cannot, and says so."""
        raise RuntimeError("cuda: this build of convis has no GPU support; it computes on the CPU")

    def double(self) -> Layer:
        """Compute in double precision from now on; returns the layer."""
        return self._compute_in(True)

    def float(self) -> Layer:
        """Compute in single precision from now on, the default; returns the layer."""
        return self._compute_in(False)

    def half(self) -> Layer:
        """Refused: convis computes in single or double precision."""
        raise RuntimeError("half: convis computes in single or double precision; see float() and double()")

    def _compute_in(self, double: bool) -> Layer:
        for _, native in self._roots():
            native.cast_state(double)
        for layer in self.modules():
            layer.__dict__["_double"] = double
        return self

    # ------------------------------------------------------------------ for people
    def _rows(self) -> list[tuple[str, ...]]:
        return [(path, *parameter._row()) for path, parameter in self.named_parameters()]

    def _summary(self) -> str:
        doc = (type(self).__doc__ or "").strip()
        return doc.split("\n\n")[0].replace("\n", " ")

    def __repr__(self) -> str:
        rows = [(*row[:-1], row[-1].split(". ")[0].rstrip(".")) for row in self._rows()]
        head = type(self).__name__ + (f": {self._summary()}" if self._summary() else "")
        return head + "\n" + table(rows, "  ")

    def _repr_html_(self) -> str:
        rows = [(path, *parameter._html_row()) for path, parameter in self.named_parameters()]
        table = html_table(type(self).__name__, ("parameter", "value", "unit", "meaning"), rows)
        return f"<div>{escape(self._summary())}</div>{table}"
