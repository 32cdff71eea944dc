"""Layers put together: one after the other, or side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import index
from typing import Any

from . import _native
from ._layer import Layer
from ._movies import whole
from ._native import Tensor
from ._output import as_output
from ._text import short, unknown

#: Combinations by name: axis, and whether the outputs are summed along it.
COMBINATIONS: dict[str, tuple[int, bool]] = {
    "sum": (0, True),
    "sum_0": (0, True),
    "sum_1": (1, True),
    "cat": (0, False),
    **{f"cat_{axis}": (axis, False) for axis in range(5)},
}

Combination = str | Callable[..., Any]


class Function(Layer):
    """A function of a movie as a layer: what other functions than layers become when a model holds them.

    Parameters
    ----------
    function : callable
        Takes a :class:`convis.Tensor` and returns one.

    Examples
    --------
    >>> import convis, numpy as np
    >>> model = convis.models.Sequential(convis.filters.Diff(), lambda x: convis.Tensor(np.square(x)))
    >>> model.run(np.array([1.0, 3.0, 0.0]).reshape(3, 1, 1)).array(0).ravel().tolist()
    [0.0, 4.0, 9.0]
    """

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        if not callable(function):
            raise TypeError(f"function: expected a function of a movie, got {short(function)}")
        self._function = function

    def forward(self, x: Tensor) -> Any:
        """Apply the function."""
        return self._function(x)

    def _summary(self) -> str:
        return f"{getattr(self._function, '__name__', 'a function')}, applied to a movie."


class Container(Layer):
    """Layers with names, run one after the other or side by side."""

    _mode: str
    _combination: Combination

    def __init__(self, mode: str, combination: Combination) -> None:
        super().__init__()
        if mode in COMBINATIONS:
            mode, combination = "parallel", mode
        if mode not in ("sequential", "parallel"):
            existing = ("sequential", "parallel", *COMBINATIONS)
            raise ValueError("mode: " + unknown("arrangement", str(mode), existing))
        if isinstance(combination, str):
            if combination not in COMBINATIONS:
                raise ValueError("combination: " + unknown("combination", combination, COMBINATIONS))
        elif not callable(combination):
            raise TypeError(f"combination: expected a name, a layer or a function, got {short(combination)}")
        self._mode = mode
        if isinstance(combination, Layer):
            # It has parameters and perhaps a state: part of the model.
            self.combination = combination
        else:
            self.__dict__["_combination"] = combination

    def _add(self, name: Any, layer: Any) -> None:
        if not isinstance(name, str) or not name.isidentifier() or name.startswith("_"):
            raise ValueError(f"name: expected that of an attribute without an underscore in front, got {short(name)}")
        if name in self._parts:
            raise ValueError(f"name: {name!r} is taken; choose another name")
        setattr(self, name, _as_layer(layer))

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Layer):
            self._admit(name, value)
        super().__setattr__(name, value)

    def _admit(self, name: str, layer: Layer) -> None:
        """Refuse a layer that does not go with the others."""
        if any(part is self for part in layer.modules()):
            raise ValueError(f"{name}: a layer cannot contain itself")
        for other, before in self.named_children():
            if other == name:
                continue
            ours, theirs = layer._built_for(), before._built_for()
            if ours is not None and theirs is not None and ours != theirs:
                raise ValueError(f"resolution of {name}: expected that of {other}, {theirs}, got {ours}")
            there = {id(part): path for path, part in before.named_modules()}
            for path, part in layer.named_modules():
                if id(part) in there and part._remembers_something():
                    at, again = f"{other}.{there[id(part)]}".rstrip("."), f"{name}.{path}".rstrip(".")
                    raise ValueError(
                        f"{again}: is the very layer that {at} is; one layer has one state, which both would advance. "
                        "Give each its own: copy.deepcopy(layer)"
                    )

    def _layers(self) -> list[tuple[str, Layer]]:
        # A layer that combines is no member; without one, any member may have that name.
        combining = "_combination" not in self.__dict__
        return [(name, layer) for name, layer in self.named_children() if not (combining and name == "combination")]

    def forward(self, x: Tensor) -> Any:
        """Run the layers and combine their outputs."""
        return self._in_a_row(x) if self._mode == "sequential" else self._side_by_side(x)

    def _in_a_row(self, x: Any) -> Any:
        before = "the input"
        for name, layer in self._layers():
            output = as_output(x)
            if len(output) != 1:
                raise ValueError(
                    f"input of {name} ({type(layer).__name__}): expected one movie, got the {len(output)} of {before}: "
                    f"{', '.join(output.keys())}; put {before} into a parallel model, which combines them"
                )
            x, before = layer(output[0]), name
        return x

    def _side_by_side(self, x: Tensor) -> Any:
        movies = [movie for _, layer in self._layers() for movie in as_output(layer(x))]
        if not movies:
            raise ValueError("layers: expected at least one layer side by side, got none")
        combining = self.__dict__.get("_combination")
        if combining is None:
            return self._parts["combination"](_native.combine(movies, 1, False))
        if callable(combining):
            return combining(*movies)
        axis, summed = COMBINATIONS[combining]
        return _native.combine(movies, axis, summed)

    def __len__(self) -> int:
        return len(self._layers())

    def __iter__(self) -> Iterator[Layer]:
        return (layer for _, layer in self._layers())

    def __bool__(self) -> bool:
        return True

    def _key(self, key: Any) -> str:
        names = [name for name, _ in self._layers()]
        if isinstance(key, str):
            if key in names:
                return key
            raise KeyError(unknown("layer", key, names))
        try:
            return names[index(key)]
        except IndexError:
            raise IndexError(f"layer {key} does not exist: there are {len(names)}, counted from 0") from None
        except TypeError:
            raise TypeError(f"layer: expected a number or a name, got {short(key)}") from None

    def __getitem__(self, key: int | str) -> Any:
        return self._parts[self._key(key)]

    def __setitem__(self, key: int | str, layer: Any) -> None:
        setattr(self, self._key(key), _as_layer(layer))

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(name for name, _ in self._layers())]


def _as_layer(layer: Any) -> Layer:
    if isinstance(layer, Layer):
        return layer
    if isinstance(layer, type) or not callable(layer):
        raise TypeError(f"layers: expected layers, got {short(layer)}")
    return Function(layer)


def _listed(layers: tuple[Any, ...]) -> Iterable[Any]:
    """Layers one by one, or in a single sequence."""
    if len(layers) == 1 and isinstance(layers[0], Sequence):
        return layers[0]
    return layers


class List(Container):
    """Layers by number, run one after the other or side by side.

    ::

        y = fₙ(… f₁(f₀(x)))                          sequential
        y = combination of f₀(x), f₁(x) … fₙ(x)      parallel

    The layers are ``layer_0``, ``layer_1`` … and ``model[0]``, ``model[1]`` …; compiled layers, layers written in Python
    and functions mix freely. An empty sequential list passes its input on.

    Parameters
    ----------
    layers : sequence of layers
        The layers.
    mode : str
        ``"sequential"``, ``"parallel"``, or the name of a combination, which means parallel.
    combination : str, Layer or callable
        How outputs side by side become one: ``"sum"`` or ``"sum_0"`` (joined along the batch axis and summed),
        ``"sum_1"`` (along the channels), ``"cat"`` or ``"cat_0"`` … ``"cat_4"`` (joined along an axis), a layer (which
        gets the outputs joined along the channels), or a function of all outputs.

    Examples
    --------
    >>> import convis, numpy as np
    >>> model = convis.models.List(mode="parallel", combination="cat_1")
    >>> model.append(convis.filters.NLRectifyScale(2.0))
    >>> model.append(convis.filters.NLRectifyScale(-1.0))
    >>> len(model), model[-1] is model.layer_1
    (2, True)
    >>> model.run(np.array([1.0, -3.0]).reshape(2, 1, 1)).array(0)[0, :, :, 0, 0].tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """

    def __init__(
        self, layers: Iterable[Any] = (), mode: str = "sequential", combination: Combination = "sum"
    ) -> None:
        super().__init__(mode, combination)
        self.extend(layers)

    def append(self, layer: Any) -> None:
        """Add a layer at the end.

        Parameters
        ----------
        layer : Layer or callable
            The layer, or a function of a movie.
        """
        self._add(f"layer_{len(self)}", layer)

    def extend(self, layers: Iterable[Any]) -> None:
        """Add layers at the end.

        Parameters
        ----------
        layers : iterable of layers
            The layers.
        """
        if isinstance(layers, (str, Mapping)) or not isinstance(layers, Iterable):
            raise TypeError(f"layers: expected a sequence of layers, got {short(layers)}")
        for layer in layers:
            self.append(layer)


class Dict(Container):
    """Layers by name, run one after the other or side by side.

    Parameters
    ----------
    layers : mapping of layers
        The layers by name, in the order in which they run.
    mode, combination
        See :class:`List`.

    Examples
    --------
    >>> import convis, numpy as np
    >>> model = convis.models.Dict({"slow": convis.filters.TemporalLowPassFilterRecursive(0.1)}, mode="sum")
    >>> model["fast"] = convis.filters.TemporalLowPassFilterRecursive(0.01)
    >>> model.keys(), model.fast is model["fast"]
    (['slow', 'fast'], True)
    >>> [name for name, _ in model.named_parameters()]
    ['slow.tau', 'fast.tau']
    """

    def __init__(
        self, layers: Mapping[str, Any] | None = None, mode: str = "sequential", combination: Combination = "sum"
    ) -> None:
        super().__init__(mode, combination)
        if layers is not None and not isinstance(layers, Mapping):
            raise TypeError(f"layers: expected a dictionary of layers by name, got {short(layers)}")
        for name, layer in (layers or {}).items():
            self._add(name, layer)

    def keys(self) -> list[str]:
        """The names of the layers."""
        return [name for name, _ in self._layers()]

    def values(self) -> list[Layer]:
        """The layers."""
        return [layer for _, layer in self._layers()]

    def items(self) -> list[tuple[str, Layer]]:
        """The layers with their names."""
        return self._layers()

    def __contains__(self, name: object) -> bool:
        return name in self.keys()

    def __setitem__(self, key: int | str, layer: Any) -> None:
        if isinstance(key, str) and key not in self.keys():
            self._add(key, layer)
        else:
            super().__setitem__(key, layer)


class Sequential(List):
    """Layers one after the other.

    Parameters
    ----------
    *layers : layers, or one sequence of them
        The layers: compiled ones, ones written in Python, functions.

    Examples
    --------
    >>> import convis, numpy as np
    >>> model = convis.models.Sequential(convis.filters.Diff(), convis.filters.NLRectify())
    >>> model.run(np.array([1.0, 4.0, 2.0]).reshape(3, 1, 1)).array(0).ravel().tolist()
    [0.0, 3.0, 0.0]
    """

    def __init__(self, *layers: Any) -> None:
        super().__init__(_listed(layers))


class Parallel(List):
    """Layers side by side, whose outputs are combined.

    Parameters
    ----------
    *layers : layers, or one sequence of them
        The layers: compiled ones, ones written in Python, functions.
    combination : str, Layer or callable
        How outputs become one, see :class:`List`.

    Examples
    --------
    >>> import convis, numpy as np
    >>> model = convis.models.Parallel(convis.filters.NLRectifyScale(1.0), convis.filters.NLRectifyScale(-1.0))
    >>> model.run(np.array([1.0, -3.0]).reshape(2, 1, 1)).array(0).ravel().tolist()    # the absolute value
    [1.0, 3.0]
    """

    def __init__(self, *layers: Any, combination: Combination = "sum") -> None:
        super().__init__(_listed(layers), "parallel", combination)


def make_sequential_parallel_model(layers: Sequence[Any]) -> List:
    """Make a model from a nested list: the outermost level one after the other, the next one side by side, and so on.

    ``[A, [B, C]]`` is A, then B and C side by side on its output. Outputs side by side are joined along the batch axis.

    Parameters
    ----------
    layers : nested list of layers
        The layers.

    Returns
    -------
    List

    Examples
    --------
    >>> import convis, numpy as np
    >>> square = convis.filters.NLSquare
    >>> model = convis.models.make_sequential_parallel_model([square(2.0), [square(1.0), square(3.0)]])
    >>> model(np.ones((1, 1, 1))).numpy().ravel().tolist()
    [16.0, 144.0]
    """
    return _nested(layers, True)


def make_parallel_sequential_model(layers: Sequence[Any]) -> List:
    """Make a model from a nested list: the outermost level side by side, the next one one after the other, and so on.

    ``[A, [B, C]]`` is A beside C after B. Outputs side by side are joined along the batch axis.

    Parameters
    ----------
    layers : nested list of layers
        The layers.

    Returns
    -------
    List

    Examples
    --------
    >>> import convis, numpy as np
    >>> square = convis.filters.NLSquare
    >>> model = convis.models.make_parallel_sequential_model([square(2.0), [square(1.0), square(3.0)]])
    >>> model(np.ones((1, 1, 1))).numpy().ravel().tolist()
    [4.0, 9.0]
    """
    return _nested(layers, False)


def _nested(layers: Sequence[Any], sequential: bool) -> List:
    if not isinstance(layers, (list, tuple)):
        raise TypeError(f"layers: expected a list of layers and lists, got {short(layers)}")
    members = [_nested(layer, not sequential) if isinstance(layer, (list, tuple)) else layer for layer in layers]
    return List(members, "sequential" if sequential else "cat")


class LNCascade(Layer):
    """Any filters and any nonlinearities in turn: ``y = N₁(L₁(N₀(L₀(x))))`` and so on.

    Parameters
    ----------
    stages : int or sequence of pairs
        The stages (linear, nonlinear), None where there is no filter; a missing nonlinearity is a rectifier,
        :class:`convis.filters.NLRectify`. A number makes so many convolutions of `kernel_dim` and rectifiers.
    kernel_dim : (int, int, int)
        Frames, rows and columns of the kernels, where `stages` is a number.

    Examples
    --------
    >>> import convis, numpy as np
    >>> model = convis.models.LNCascade([(convis.filters.Diff(), None), (None, convis.filters.NLSquare())])
    >>> model.run(np.array([1.0, 3.0, 0.0]).reshape(3, 1, 1)).array(0).ravel().tolist()
    [0.0, 4.0, 0.0]
    >>> model = convis.models.LNCascade(2, kernel_dim=(5, 3, 3))
    >>> [name for name, _ in model.named_parameters()]
    ['linearities.layer_0.weight', 'linearities.layer_1.weight']
    """

    def __init__(
        self, stages: int | Iterable[tuple[Any, Any]] = 0, kernel_dim: Sequence[int] = (1, 1, 1)
    ) -> None:
        super().__init__()
        from .filters import Conv3d

        self.linearities = Dict()
        self.nonlinearities = Dict()
        if not isinstance(stages, Iterable):
            stages = [
                (Conv3d(1, 1, kernel_dim, bias=False), None) for _ in range(whole("stages", stages, least=0))
            ]
        for stage in stages:
            try:
                linear, nonlinear = stage
            except (TypeError, ValueError):
                raise TypeError(f"stages: expected pairs (linear, nonlinear), got {short(stage)}") from None
            self.add_layer(linear, nonlinear)

    def add_layer(self, linear: Any = None, nonlinear: Any = None) -> None:
        """Add a stage at the end.

        Parameters
        ----------
        linear : Layer or callable, optional
            The filter; without one the input goes straight to the nonlinearity.
        nonlinear : Layer or callable, optional
            The nonlinearity; a rectifier by default.
        """
        from .filters import NLRectify

        name = f"layer_{len(self)}"
        if linear is not None:
            self.linearities[name] = linear
        self.nonlinearities[name] = nonlinear if nonlinear is not None else NLRectify()

    def __len__(self) -> int:
        return len(self.nonlinearities)

    def __bool__(self) -> bool:
        return True

    def forward(self, x: Tensor) -> Any:
        """Run the stages."""
        for name, nonlinear in self.nonlinearities.items():
            if name in self.linearities:
                x = self.linearities[name](x)
            x = nonlinear(x)
        return x
