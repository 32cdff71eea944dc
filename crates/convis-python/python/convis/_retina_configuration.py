"""The configuration of a retina, as files of Virtual Retina have it, and applying it to a model."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from ._layer import Layer
from ._native import RetinaDescription
from ._text import html_table, short, unknown

_NOTHING = object()


class RetinaConfiguration:
    """What a retina is to be like: the tree of a configuration file of Virtual Retina, by keys.

    A key is a path with dots. In lists, a number means an item, ``*`` every item, ``=`` item by item (a list of values, one
    for each), ``name=Parasol On`` the items with this value, and, when setting, ``+`` a new item. ``__unit`` at the end of a
    name may be left out. Names that do not exist and values out of range are refused.

    Parameters
    ----------
    source : str, path or dict, optional
        A file (``.xml``, ``.toml``, ``.json``), nested dictionaries, or one of the names that :meth:`presets` lists; the
        configuration of the toolbox of 2018 by default.

    Examples
    --------
    >>> import convis
    >>> configuration = convis.retina.RetinaConfiguration()
    >>> configuration.get("contrast-gain-control.adaptation-feedback-amplification__Hz")
    0.0
    >>> configuration.set("ganglion-layers.*.spiking-channel.sigma-V", 0.05)
    >>> configuration.set("ganglion-layers.=.bipolar-amplification__Hz", [100, 110, 400, 410])
    >>> configuration.get("ganglion-layers.*.bipolar-amplification__Hz")
    [100.0, 110.0, 400.0, 410.0]
    >>> retina = convis.retina.Retina()
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")          # it tells what this model has no place for
    ...     retina.parse_config(configuration)
    >>> float(retina.p.gang_1_input.lambda_G)
    110.0
    """

    def __init__(self, source: Any = "toolbox-2018") -> None:
        if isinstance(source, Mapping):
            self._description, _ = RetinaDescription.from_tree(dict(source), False)
        elif isinstance(source, RetinaConfiguration):
            self._description = RetinaDescription.from_tree(source.to_dict(), False)[0]
        elif isinstance(source, str) and source in dict(RetinaDescription.presets()):
            self._description = RetinaDescription(source)
        elif isinstance(source, (str, os.PathLike)):
            path = os.fspath(source)
            if not os.path.splitext(path)[1]:
                names = [name for name, _ in RetinaDescription.presets()]
                raise ValueError("source: " + unknown("configuration", path, names) + "; a file has an ending")
            self._description, _ = RetinaDescription.read(path, False)
        else:
            raise TypeError(f"source: expected a file, a dictionary or a name, got {short(source)}")

    @staticmethod
    def presets() -> dict[str, str]:
        """Configurations that can be had by name, with their meaning.

        Examples
        --------
        >>> import convis
        >>> "primate" in convis.retina.RetinaConfiguration.presets()
        True
        """
        return dict(RetinaDescription.presets())

    @staticmethod
    def describe() -> list[tuple[str, str, str, Any]]:
        """Every key there can be, with unit, meaning and default value."""
        return RetinaDescription.reference()

    # ------------------------------------------------------------------ values
    def get(self, key: str, default: Any = _NOTHING) -> Any:
        """What stands at a key: a value, a list or a dictionary.

        Parameters
        ----------
        key : str
            The key.
        default : optional
            What to return where there is nothing; an error by default.
        """
        if not isinstance(key, str):
            raise TypeError(f"key: expected a path with dots, got {short(key)}")
        try:
            return self._description.get(key)
        except ValueError:
            if default is _NOTHING:
                raise
            return default

    def set(self, key: str, value: Any) -> None:
        """Set what stands at a key; nodes on the way that are missing are made.

        Parameters
        ----------
        key : str
            The key.
        value : number, bool, str, list or dict
            Its value.
        """
        if not isinstance(key, str):
            raise TypeError(f"key: expected a path with dots, got {short(key)}")
        if hasattr(value, "tolist"):
            value = value.tolist()  # numbers and arrays of numpy
        self._description.set(key, value)

    def __getitem__(self, key: str) -> Any:
        return self.get(key)

    def __setitem__(self, key: str, value: Any) -> None:
        self.set(key, value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RetinaConfiguration):
            return NotImplemented
        return self._description == other._description

    __hash__ = None  # type: ignore[assignment]

    def to_dict(self) -> dict[str, Any]:
        """Everything in nested dictionaries and lists."""
        tree: dict[str, Any] = self._description.tree()
        return tree

    # ------------------------------------------------------------------ files
    def read_xml(self, path: str | os.PathLike[str], lenient: bool = False) -> None:
        """Take everything from a file of Virtual Retina.

        Parameters
        ----------
        path : str or path
            The file, ``.xml``.
        lenient : bool
            Whether to pass over names that do not exist, with a warning, instead of refusing them.
        """
        self._read(path, ".xml", lenient)

    def read_toml(self, path: str | os.PathLike[str], lenient: bool = False) -> None:
        """Take everything from a ``.toml`` file; see :meth:`read_xml`."""
        self._read(path, ".toml", lenient)

    def read_json(self, path: str | os.PathLike[str], lenient: bool = False) -> None:
        """Take everything from a ``.json`` file; see :meth:`read_xml`."""
        self._read(path, ".json", lenient)

    def write_xml(self, path: str | os.PathLike[str]) -> None:
        """Write a file that Virtual Retina reads."""
        self._description.write(_ending(path, ".xml"))

    def write_toml(self, path: str | os.PathLike[str]) -> None:
        """Write a ``.toml`` file."""
        self._description.write(_ending(path, ".toml"))

    def write_json(self, path: str | os.PathLike[str]) -> None:
        """Write a ``.json`` file."""
        self._description.write(_ending(path, ".json"))

    def _read(self, path: str | os.PathLike[str], ending: str, lenient: bool) -> None:
        self._description, passed_over = RetinaDescription.read(_ending(path, ending), bool(lenient))
        for name in passed_over:
            warnings.warn(f"{os.fspath(path)}: {name}", stacklevel=3)

    def __repr__(self) -> str:
        return self._description.format("toml")

    def _repr_html_(self) -> str:
        rows = [(key, str(value)) for key, value in _leaves(self.to_dict())]
        return html_table(type(self).__name__, ("key", "value"), rows)


def _ending(path: str | os.PathLike[str], ending: str) -> str:
    path = os.fspath(path)
    if not path.lower().endswith(ending):
        raise ValueError(f"path: expected a name ending in {ending}, got {path!r}")
    return path


def _leaves(tree: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every value with its key."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for name, value in items:
        if isinstance(value, (dict, list)):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


# ------------------------------------------------------------------ applying it to a model
_OPL = "outer-plexiform-layers.0.linear-version"
_GAIN = "contrast-gain-control"

#: Parameters by the keys that say their values; ``i`` counts layers of ganglion cells.
_PLACES = {
    f"{_OPL}.center-sigma__deg": "opl.opl_filter.center_G.sigma",
    f"{_OPL}.center-tau__sec": "opl.opl_filter.center_E.tau",
    f"{_OPL}.center-n__uint": "opl.opl_filter.center_E.n",
    f"{_OPL}.undershoot.tau__sec": "opl.opl_filter.center_undershoot.tau",
    f"{_OPL}.undershoot.relative-weight": "opl.opl_filter.center_undershoot.k",
    f"{_OPL}.surround-sigma__deg": "opl.opl_filter.surround_G.sigma",
    f"{_OPL}.surround-tau__sec": "opl.opl_filter.surround_E.tau",
    f"{_OPL}.opl-relative-weight": "opl.opl_filter.relative_weight",
    f"{_OPL}.opl-amplification": "opl.opl_filter.lambda_opl",
    f"{_GAIN}.opl-amplification__Hz": "bipolar.input_amp",
    f"{_GAIN}.bipolar-inert-leaks__Hz": "bipolar.g_leak",
    f"{_GAIN}.adaptation-sigma__deg": "bipolar.adaptation_sigma",
    f"{_GAIN}.adaptation-tau__sec": "bipolar.tau",
    f"{_GAIN}.adaptation-feedback-amplification__Hz": "bipolar.lambda_amp",
}
_GANGLION_PLACES = {
    "sign": "gang_{i}_input.sign",
    "transient-tau__sec": "gang_{i}_input.transient_tau_center",
    "transient-relative-weight": "gang_{i}_input.transient_relative_weight_center",
    "bipolar-linear-threshold": "gang_{i}_input.v_0",
    "value-at-linear-threshold__Hz": "gang_{i}_input.i_0",
    "bipolar-amplification__Hz": "gang_{i}_input.lambda_G",
    "sigma-pool__deg": "gang_{i}_input.sigma_surround",
    "spiking-channel.g-leak__Hz": "gang_{i}_spikes.g_L",
    "spiking-channel.sigma-V": "gang_{i}_spikes.noise_sigma",
    "spiking-channel.refr-mean__sec": "gang_{i}_spikes.refr_mu",
    "spiking-channel.refr-stdev__sec": "gang_{i}_spikes.refr_sigma",
}
for _i in (0, 1):
    for _key, _place in _GANGLION_PLACES.items():
        _PLACES[f"ganglion-layers.{_i}.{_key}"] = _place.format(i=_i)


def parse_config(model: Layer, source: Any) -> None:
    """Set the parameters of the nodes a model has, and warn of every key that it does not apply."""
    configuration = source if isinstance(source, RetinaConfiguration) else RetinaConfiguration(source)
    values, left = _applied(model, configuration)
    model.set_parameters(values)
    if left:
        lines = "".join(f"\n  {key}: {why}" for key, why in left)
        warnings.warn(f"parse_config: these keys are not applied:{lines}", stacklevel=3)


#: Nodes of a configuration, and the parts of the model that take their values.
_NODES = [
    (_GAIN, "bipolar"),
    *((f"ganglion-layers.{i}", f"gang_{i}_input") for i in (0, 1)),
    *((f"ganglion-layers.{i}.spiking-channel", f"gang_{i}_spikes") for i in (0, 1)),
]


def _applied(model: Layer, configuration: RetinaConfiguration) -> tuple[dict[str, float], list[tuple[str, str]]]:
    """Values of parameters by path, and the keys that say nothing to the model, with the reason."""
    have = {path for path, _ in model.named_parameters()}
    parts = {name for name, _ in model.named_children()}
    values: dict[str, float] = {}
    left: list[tuple[str, str]] = []
    for key, value in _leaves(configuration.to_dict()):
        if key.rpartition(".")[2] in ("enabled", "name") or _switched_off(configuration, key):
            continue
        if _PLACES.get(key) in have:
            values[_PLACES[key]] = float(value)
        elif why := _why_not(model, key, value):
            left.append((key, why))
    undershoot = "opl.opl_filter.center_undershoot.k"
    if undershoot in have and not configuration.get(f"{_OPL}.undershoot.enabled", False):
        values[undershoot] = 0.0
    for node, part in _NODES:
        if part in parts and not _switched_off(configuration, node):
            if not configuration.get(f"{node}.enabled", False):
                left.append((node, f"is missing or switched off; {part} of the model stays as it is"))
    return values, left


def _switched_off(configuration: RetinaConfiguration, key: str) -> bool:
    """Whether a node on the way to a key is switched off."""
    parts = key.split(".")
    return any(configuration.get(".".join([*parts[:i], "enabled"]), True) is False for i in range(1, len(parts)))


def _why_not(model: Layer, key: str, value: Any) -> str | None:
    """Why a key is not applied; None if there is nothing to apply."""
    resolution = model.resolution
    built = {
        "retina.temporal-step__sec": 1 / resolution.steps_per_second,
        "retina.pixels-per-degree": resolution.pixel_per_degree,
    }
    if key in built:
        same = math.isclose(value, built[key], rel_tol=1e-9)
        return None if same else f"is {value:g}, but the model was built for {built[key]:g}; see Retina(resolution=…)"
    if key == "retina.input-luminosity-range":
        return None if value == 1 else f"input is not divided by {value:g}; scale pictures to 0…1"
    if key.startswith("ganglion-layers.") and int(key.split(".")[1]) > 1:
        return "the model has two layers of ganglion cells"
    if key in _PLACES:
        return f"the model has no {_PLACES[key]}"
    last = key.rpartition(".")[2]
    if last == "leaky-heat-equation":
        return "the model blurs and filters one after the other" if value else None
    if last == "random-init":
        return None if value else "the cells of the model start at random potentials"
    if last == "noise_pos" and not value:
        return None  # no cell is moved
    if "-array." in key or ".units." in key:
        return "the model has a cell at every pixel"
    return "the model has no such node"
