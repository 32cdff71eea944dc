"""Parameters, sub-layers and states of a layer, to be completed by tab.

Their public names are the names of what they hold, and nothing else; everything they do themselves begins with an
underscore.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ._parameter import Parameter
from ._text import html_table, table, unknown

if TYPE_CHECKING:
    from ._layer import Layer


def flat(parameters: Iterable[tuple[str, Parameter]]) -> dict[str, Parameter]:
    """Parameters by path with underscores for dots; by the path itself where another has the same name then."""
    paths = dict(parameters)
    shared = Counter(path.replace(".", "_") for path in paths)
    return {name if shared[name := path.replace(".", "_")] == 1 else path: p for path, p in paths.items()}


class _Named:
    """Things reached by name: as an attribute, as an item, by going through them."""

    __slots__ = ()

    def _entries(self) -> Mapping[str, Any]:
        raise NotImplementedError

    def _find(self, name: str) -> Any:
        """What has this name; KeyError if nothing."""
        return self._entries()[name]

    def __getattr__(self, name: str) -> Any:
        try:
            if name.startswith("__"):
                raise KeyError
            return self._find(name)
        except KeyError:
            raise AttributeError(unknown(self._what(), name, self._entries())) from None

    def __getitem__(self, name: str) -> Any:
        try:
            return self._find(name)
        except KeyError:
            raise KeyError(unknown(self._what(), name, self._entries())) from None

    def _what(self) -> str:
        return "name"

    def __setattr__(self, name: str, value: Any) -> None:
        entry = getattr(self, name)
        if not isinstance(entry, Parameter):
            raise AttributeError(f"{name}: only parameters can be set here, and this is none")
        entry.set(value)

    def __setitem__(self, name: str, value: Any) -> None:
        entry = self[name]
        if not isinstance(entry, Parameter):
            raise KeyError(f"{name}: only parameters can be set here, and this is none")
        entry.set(value)

    def __dir__(self) -> list[str]:
        return [*(name for name in super().__dir__() if name.startswith("_")), *self._entries(), *self._other_names()]

    def _other_names(self) -> Iterable[str]:
        return ()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._entries().values())

    def __iterkeys__(self) -> Iterator[str]:
        return iter(self._entries())

    def __iteritems__(self) -> Iterator[tuple[str, Any]]:
        return iter(self._entries().items())

    def __len__(self) -> int:
        return len(self._entries())

    def __contains__(self, name: object) -> bool:
        return name in self._entries()


class ParameterList(_Named):
    """Parameters by path with underscores, without a hierarchy."""

    __slots__ = ("_dict",)

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        object.__setattr__(self, "_dict", dict(parameters))

    def _entries(self) -> Mapping[str, Parameter]:
        return self._dict  # type: ignore[no-any-return]

    def _find(self, name: str) -> Parameter:
        return self._dict[name if name in self._dict else name.replace(".", "_")]  # type: ignore[no-any-return]

    def _what(self) -> str:
        return "parameter"

    def _rows(self) -> list[tuple[str, ...]]:
        return [(name, *parameter._row()) for name, parameter in self._dict.items()]

    def requires_grad_(self, requires_grad: bool = True) -> ParameterList:
        """Switch the gradients of these parameters off, or back to their defaults; returns the list."""
        for parameter in self:
            parameter._restore_grad(requires_grad)
        return self

    def __repr__(self) -> str:
        return table(self._rows())

    def _repr_html_(self) -> str:
        rows = [(name, *parameter._html_row()) for name, parameter in self._dict.items()]
        return html_table("Parameters", ("parameter", "value", "unit", "meaning"), rows)


class ParameterTree(_Named):
    """The parameters of a layer: its own ones, and those of its sub-layers below their names.

    Examples
    --------
    >>> import convis
    >>> retina = convis.retina.Retina()
    >>> [name for name in dir(retina.p.bipolar) if not name.startswith("_")]
    ['adaptation_sigma', 'g_leak', 'input_amp', 'lambda_amp', 'tau']
    >>> retina.p.bipolar.lambda_amp = 50.0
    >>> float(retina.p["bipolar.lambda_amp"])
    50.0
    >>> retina.p.bipolar.lamda_amp = 1.0
    Traceback (most recent call last):
    AttributeError: parameter 'lamda_amp' does not exist; did you mean 'lambda_amp'?
    >>> for parameter in retina.p._search.i_0:
    ...     parameter.set(20.0)
    """

    __slots__ = ("_layer",)

    def __init__(self, layer: Layer) -> None:
        object.__setattr__(self, "_layer", layer)

    def _entries(self) -> Mapping[str, Any]:
        return {
            name: part if isinstance(part, Parameter) else ParameterTree(part)
            for name, part in self._layer._parts.items()
            if isinstance(part, Parameter) or any(True for _ in part.parameters())
        }

    def _other_names(self) -> Iterable[str]:
        short: Mapping[str, str] = self._layer._aliases()
        return short

    def _find(self, name: str) -> Any:
        layer: Any = self._layer
        part = layer._parts.get(name)
        if part is not None:
            return part if isinstance(part, Parameter) else ParameterTree(part)
        if name in layer._aliases():
            return layer._at(layer._aliases()[name])
        first, _, rest = name.partition(".")
        if rest and first in layer._parts:
            return ParameterTree(layer._parts[first])._find(rest)
        raise KeyError(name)

    def _what(self) -> str:
        return "parameter"

    @property
    def _all(self) -> ParameterList:
        """Every parameter below."""
        return ParameterList(flat(self._layer.named_parameters()))

    @property
    def _search(self) -> Search:
        """Parameters whose path, or short name, holds a text: ``model.p._search.tau``."""
        short = {
            parameter: f"{path}.{alias}".lstrip(".")
            for path, layer in self._layer.named_modules()
            for alias, target in layer._aliases().items()
            for parameter in [layer._at(target)]
        }
        return Search(self._all, short)

    def requires_grad_(self, requires_grad: bool = True) -> ParameterTree:
        """Switch the gradients of all parameters below off, or back to their defaults; returns the tree."""
        self._all.requires_grad_(requires_grad)
        return self

    def __repr__(self) -> str:
        return table(self._all._rows())

    def _repr_html_(self) -> str:
        return self._all._repr_html_()


class Search:
    """Parameters whose path, or short name, holds a text: ``search.tau``, ``search["tau"]`` or ``search("tau")``."""

    __slots__ = ("_list", "_short")

    def __init__(self, parameters: ParameterList, short: Mapping[Parameter, str]) -> None:
        self._list, self._short = parameters, short

    def __call__(self, text: str) -> ParameterList:
        found = {name: p for name, p in self._list.__iteritems__() if text in name or text in self._short.get(p, "")}
        return ParameterList(found)

    def __getattr__(self, text: str) -> ParameterList:
        if text.startswith("__"):
            raise AttributeError(text)
        return self(text)

    def __getitem__(self, text: str) -> ParameterList:
        return self(text)

    def __dir__(self) -> list[str]:
        own = [name for name in super().__dir__() if name.startswith("_")]
        return [*own, *sorted({p.name for p in self._list} | {path.rsplit(".", 1)[-1] for path in self._short.values()})]

    def __repr__(self) -> str:
        return "search for a part of a name, e.g. .tau"


class ModuleTree(_Named):
    """The sub-layers of a layer.

    Examples
    --------
    >>> import convis
    >>> retina = convis.retina.Retina()
    >>> retina.m.bipolar is retina.bipolar
    True
    """

    __slots__ = ("_layer",)

    def __init__(self, layer: Layer) -> None:
        object.__setattr__(self, "_layer", layer)

    def _entries(self) -> Mapping[str, Layer]:
        return dict(self._layer.named_children())

    def _find(self, name: str) -> Layer:
        modules: dict[str, Layer] = dict(self._layer.named_modules())
        return modules[name]

    def _what(self) -> str:
        return "layer"

    def _rows(self) -> list[tuple[str, str, str]]:
        return [(path, type(x).__name__, x._summary()) for path, x in self._layer.named_modules() if path]

    def __repr__(self) -> str:
        return table(self._rows())

    def _repr_html_(self) -> str:
        return html_table("Layers", ("path", "type", "meaning"), self._rows())


class StateTree(_Named):
    """Arrays of a state, below the names of the layers they belong to; unchanging.

    Examples
    --------
    >>> import convis, numpy as np
    >>> retina = convis.retina.Retina()
    >>> _ = retina.run(np.ones((10, 4, 5)))
    >>> retina.s.bipolar.V.shape
    (1, 1, 1, 4, 5)
    """

    __slots__ = ("_arrays",)

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        object.__setattr__(self, "_arrays", dict(arrays))

    def _entries(self) -> Mapping[str, Any]:
        entries: dict[str, Any] = {}
        for path in self._arrays:
            first, _, rest = path.partition(".")
            if first not in entries:
                entries[first] = self._below(first) if rest else self._arrays[path]
        return entries

    def _below(self, name: str) -> StateTree:
        prefix = name + "."
        return StateTree({path[len(prefix) :]: x for path, x in self._arrays.items() if path.startswith(prefix)})

    def _find(self, name: str) -> Any:
        return self._arrays[name] if name in self._arrays else self._entries()[name]

    def _what(self) -> str:
        return "state"

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{name}: states are set all at once, by set_state()")

    def __setitem__(self, name: str, value: Any) -> None:
        raise KeyError(f"{name}: states are set all at once, by set_state()")

    def _rows(self) -> list[tuple[str, str, str]]:
        return [(path, str(x.shape), str(x.dtype)) for path, x in self._arrays.items()]

    def __repr__(self) -> str:
        return table(self._rows())

    def _repr_html_(self) -> str:
        return html_table("State", ("array", "shape", "type"), self._rows())
