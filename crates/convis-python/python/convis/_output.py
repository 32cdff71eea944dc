"""What a model returns."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _exports
from ._native import Tensor
from ._resolution import Resolution
from ._svg import curve
from ._text import Markup, html_table, table, unknown

AXES = ("batch", "channel", "time", "height", "width")

_FIELDS = [("population", "i4"), ("unit", "i8"), ("y", "i4"), ("x", "i4"), ("time_s", "f8")]

#: Of a spiking layer: step, time since the beginning of the step, plane, pixel.
Events = Mapping[str, tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]]


class Output:
    """Movies with names: what a model returns.

    A movie is reached by number, by name or as an attribute.

    Parameters
    ----------
    movies : sequence of Tensor or array
        The movies ``[batch, channel, time, height, width]``.
    keys : sequence of str, optional
        Their names.

    Examples
    --------
    >>> import convis, numpy as np
    >>> o = convis.retina.Retina().run(np.ones((30, 4, 5)))
    >>> len(o), o.keys()
    (2, ['ganglion_spikes_ON', 'ganglion_spikes_OFF'])
    >>> o[0] is o.ganglion_spikes_ON and o[0] is o["ganglion_spikes_ON"]
    True
    >>> o.array(0).shape
    (1, 1, 30, 4, 5)
    >>> o.mean(axis=(0, 1, 3, 4)).shape
    (30,)
    """

    def __init__(self, movies: Sequence[Any], keys: Sequence[str] | None = None) -> None:
        if keys is None:
            keys = ["output"] if len(movies) == 1 else [f"output_{i}" for i in range(len(movies))]
        if len(keys) != len(movies) or len(set(keys)) != len(keys):
            raise ValueError(f"keys: expected {len(movies)} different names, got {list(keys)}")
        self._movies = [x if isinstance(x, Tensor) else Tensor(x) for x in movies]
        self._keys = list(keys)
        #: Exact spike times, of each trial.
        self._events: list[Events] = [{}]
        self._spiking: frozenset[str] = frozenset()
        self._first_frame = 0
        self._resolution = Resolution()
        self._labels: dict[str, Any] = {}

    def keys(self) -> list[str]:
        """The names of the movies."""
        return list(self._keys)

    def items(self) -> list[tuple[str, Tensor]]:
        """The movies with their names."""
        return list(zip(self._keys, self._movies, strict=True))

    def array(self, which: int | str = 0) -> NDArray[Any]:
        """A movie as a numpy array, without copying; read-only (``.copy()`` can be written to)."""
        movie: Tensor = self[which]
        return movie.numpy()

    def mean(self, axis: int | tuple[int, ...] | None = None, which: int | str = 0) -> Any:
        """The mean of a movie over axes, or over all its numbers."""
        return self.array(which).mean(axis=axis)

    def spikes(self, which: int | str | None = None, as_frame: bool = False) -> Any:
        """The spikes as a table of events, by time.

        Times count from the moment the model's state was cleared. They are exact if the run was told to record
        events (``run(x, events=True)``); otherwise each is the beginning of the step in which the spike fell.

        Parameters
        ----------
        which : int or str, optional
            A single population; all of them by default.
        as_frame : bool
            Whether to return a ``pandas.DataFrame``.

        Returns
        -------
        numpy.ndarray or pandas.DataFrame
            Structured array with fields ``population`` (number of the movie), ``unit`` (number of the cell: ``y *
            width + x``, counted on through channels and batches), ``y``, ``x`` (pixel) and ``time_s``; after a run of
            several trials also ``trial``, first.

        Examples
        --------
        >>> import convis, numpy as np
        >>> x = np.ones((300, 4, 5))
        >>> table = convis.retina.Retina().run(x, events=True).spikes("ganglion_spikes_ON")
        >>> table.dtype.names
        ('population', 'unit', 'y', 'x', 'time_s')
        >>> bool((np.diff(table["time_s"]) >= 0).all())
        True
        """
        spiking = self._with_spikes(which)
        trials = self._movies[spiking[0]].ndim == 6
        if trials:
            every = list(enumerate(self._events))
            parts = [self._spikes_of(i, self.array(i)[k], events, k) for i in spiking for k, events in every]
        else:
            parts = [self._spikes_of(i, self.array(i), self._events[0], None) for i in spiking]
        spikes = np.concatenate(parts)
        keys = [spikes["unit"], spikes["population"], spikes["time_s"], *([spikes["trial"]] if trials else [])]
        spikes = spikes[np.lexsort(keys)]
        if not as_frame:
            return spikes
        try:
            import pandas
        except ImportError:
            raise ImportError("as_frame=True needs pandas: pip install pandas") from None
        return pandas.DataFrame({name: spikes[name] for name in spikes.dtype.names or ()})

    def _with_spikes(self, which: int | str | None) -> list[int]:
        """The numbers of the movies that hold spikes."""
        populations = range(len(self)) if which is None else [self._number(which)]
        spiking = [i for i in populations if self._movies[i].dtype == np.uint8 or self._keys[i] in self._spiking]
        if not spiking:
            raise ValueError(f"spikes: expected a model with spiking cells; its output is {', '.join(self._keys)}")
        return spiking

    def spike_trains(self, which: int | str | None = None, trial: int | None = None) -> dict[str, NDArray[np.float64]]:
        """The spikes of every cell, silent ones too: what ``pynapple.TsGroup`` and other programs take.

        Parameters
        ----------
        which : int or str, optional
            One movie; all that hold spikes by default.
        trial : int, optional
            Which trial, after a run of several.

        Returns
        -------
        dict
            By ``"population[unit]"`` the times in seconds since the state was cleared, in order.

        Examples
        --------
        >>> import convis, numpy as np
        >>> output = convis.retina.Retina().run(np.ones((300, 4, 5)))
        >>> trains = output.spike_trains("ganglion_spikes_ON")
        >>> len(trains), "ganglion_spikes_ON[19]" in trains
        (20, True)
        """
        if (self[0].ndim == 6) != (trial is not None):
            raise ValueError("trial: expected a number after a run of several trials, None otherwise")
        return {cell.name: cell.times_s for cell in _exports.cells(self, which, trial)}

    def to_neo(self, which: int | str | None = None) -> Any:
        """The spikes as objects of Neo.

        Parameters
        ----------
        which : int or str, optional
            One movie; all that hold spikes by default.

        Returns
        -------
        neo.Block
            A segment for each trial, a train for each cell, annotated with ``population``, ``unit``, ``y`` and ``x``.
        """
        return _exports.to_neo(self, which)

    def to_nwb(
        self,
        path: str | os.PathLike[str],
        which: int | str | None = None,
        stimulus: ArrayLike | None = None,
        description: str = "Simulated with convis",
        start: datetime.datetime | None = None,
    ) -> None:
        """Write the spikes to a file of Neurodata Without Borders.

        Parameters
        ----------
        path : str or path
            ``.nwb``; it appears whole or not at all.
        which : int or str, optional
            One movie; all that hold spikes by default.
        stimulus : array_like, optional
            Movie ``(time, rows, columns)`` that was shown, to be written beside.
        description : str
            Of the session.
        start : datetime.datetime, optional
            When the session began; now by default.
        """
        _exports.to_nwb(self, path, which, stimulus, description, start)

    def plot(self, **options: Any) -> Any:
        """Draw every movie: its course in time and its mean image; see :func:`convis.plot`.

        Parameters
        ----------
        **options
            For :func:`convis.plot_output`.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from ._pictures import plot_output

        return plot_output(self, **options)

    def _spikes_of(self, i: int, movie: NDArray[Any], recorded: Events, trial: int | None) -> NDArray[Any]:
        height, width = movie.shape[3:]
        events = recorded.get(self._keys[i])
        if events is not None:
            steps, offsets = (part.astype(np.float64) for part in events[:2])
            planes, pixels = (part.astype(np.int64) for part in events[2:])
        else:
            b, c, t, y, x = np.nonzero(movie)
            again = np.repeat(np.arange(len(t)), movie[b, c, t, y, x].astype(np.int64))
            steps, offsets = (t[again] + self._first_frame).astype(np.float64), np.zeros(len(again))
            planes, pixels = (b * movie.shape[1] + c)[again], (y * width + x)[again]
        fields = _FIELDS if trial is None else [("trial", "i4"), *_FIELDS]
        spikes = np.empty(len(steps), np.dtype(fields))
        if trial is not None:
            spikes["trial"] = trial
        spikes["population"] = i
        spikes["unit"] = planes * (height * width) + pixels
        spikes["y"], spikes["x"] = np.divmod(pixels, width)
        spikes["time_s"] = steps / self._resolution.steps_per_second + offsets
        return spikes

    def to_xarray(self, which: int | str | None = None) -> Any:
        """As labelled arrays: time in seconds since the state was cleared, height and width in degrees.

        Degrees count from the middle of the picture, downwards and to the right. Where the input was an
        ``xarray.DataArray``, its coordinates are kept on every axis that is as long as it was.

        Parameters
        ----------
        which : int or str, optional
            A single movie; all of them by default.

        Returns
        -------
        xarray.DataArray or xarray.Dataset
            One movie, or a dataset of all by name.

        Examples
        --------
        >>> import convis, numpy as np, pytest
        >>> xarray = pytest.importorskip("xarray")
        >>> o = convis.retina.Retina().run(np.ones((30, 4, 5))).to_xarray()
        >>> o.ganglion_spikes_ON.sel(time=0.01, method="nearest").shape
        (1, 1, 4, 5)
        >>> [float(x) for x in o.width]
        [-0.2, -0.1, 0.0, 0.1, 0.2]
        """
        try:
            import xarray
        except ImportError:
            raise ImportError("to_xarray needs xarray: pip install xarray") from None
        if which is None:
            return xarray.Dataset({key: self.to_xarray(key) for key in self._keys})
        array = self.array(which)
        dims = AXES if array.ndim == 5 else ("trial", *AXES)
        coords = {}
        for dim, n in zip(dims, array.shape, strict=True):
            given = self._labels.get(dim)
            coords[dim] = given.values if given is not None and given.size == n else self._coordinate(dim, n)
        name = self._keys[self._number(which)]
        result = xarray.DataArray(array, dims=dims, coords=coords, name=name)
        for dim, unit in (("time", "s"), ("height", "deg"), ("width", "deg")):
            given = self._labels.get(dim)
            result[dim].attrs.update({"units": unit} if given is None else given.attrs)
        return result

    def _coordinate(self, dim: str, n: int) -> NDArray[Any]:
        if dim == "time":
            return (self._first_frame + np.arange(n)) / self._resolution.steps_per_second
        if dim in ("height", "width"):
            return (np.arange(n) - (n - 1) / 2) / self._resolution.pixel_per_degree
        return np.arange(n)

    def _number(self, which: int | str) -> int:
        if isinstance(which, str):
            if which in self._keys:
                return self._keys.index(which)
            raise KeyError(unknown("output", which, self._keys))
        try:
            return range(len(self))[which]
        except IndexError:
            raise IndexError(f"output {which} does not exist: there are {len(self)}, counted from 0") from None
        except TypeError:
            raise TypeError(f"output: expected a number or a name, got {which!r}") from None

    def __getitem__(self, which: Any) -> Any:
        if isinstance(which, slice):
            keys = self._keys[which]
            part = Output(self._movies[which], keys)
            part.__dict__.update({key: x for key, x in self.__dict__.items() if key not in ("_movies", "_keys")})
            return part
        return self._movies[self._number(which)]

    def __getattr__(self, name: str) -> Tensor:
        keys = self.__dict__.get("_keys", [])
        if name in keys:
            return self._movies[self._number(name)]
        flat = [key.replace(".", "_") for key in keys]
        if name in flat:
            return self._movies[flat.index(name)]
        raise AttributeError(unknown("output", name, flat))

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(key.replace(".", "_") for key in self._keys)]

    def __len__(self) -> int:
        return len(self._movies)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self._movies)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def _of(self, movies: list[NDArray[Any]], parts: list[Output]) -> Output:
        """Other movies of the same names, with the events of all parts."""
        output = Output(movies, self._keys)
        output.__dict__.update({key: value for key, value in self.__dict__.items() if key not in ("_movies", "_keys")})
        events = [part._events[0] for part in parts]

        def column(key: str, i: int) -> NDArray[Any]:
            return np.concatenate([part[key][i] for part in events])

        output._events = [{key: (column(key, 0), column(key, 1), column(key, 2), column(key, 3)) for key in events[0]}]
        return output

    def _with(self, name: str, more: Output) -> Output:
        """This output followed by the movies of another one, below a name."""
        output = Output(
            [*self, *more], [*self._keys, *(name if key == "output" else f"{name}.{key}" for key in more.keys())]
        )
        output.__dict__.update({key: value for key, value in self.__dict__.items() if key not in ("_movies", "_keys")})
        return output

    def _rows(self) -> list[tuple[str, str, str, str]]:
        return [(str(i), key, str(x.shape), str(x.dtype)) for i, (key, x) in enumerate(self.items())]

    def __repr__(self) -> str:
        return "Output\n" + table(self._rows(), "  ")

    def _repr_html_(self) -> str:
        rows = []
        for row, x in zip(self._rows(), self, strict=True):
            array = x.numpy()
            numbers = array if array.size < 1 << 22 else array[..., :: 1 + array.shape[-3] // 500, :, :]
            values = f"{numbers.min():.4g} … {numbers.max():.4g}, mean {numbers.mean():.4g}" if array.size else ""
            mean = numbers.mean(axis=tuple(i for i in range(array.ndim) if i != array.ndim - 3)) if array.ndim > 3 else []
            rows.append((*row, values, Markup(curve(mean))))
        header = ("number", "name", "shape (batch, channel, time, height, width)", "type", "values", "mean over time")
        return html_table("Output", header, rows)


def as_output(result: Any) -> Output:
    """What a forward returned, as an Output."""
    if isinstance(result, Output):
        return result
    if isinstance(result, Mapping):
        return Output(list(result.values()), [str(key) for key in result])
    if isinstance(result, (tuple, list)):
        return Output(result)
    if result is None:
        raise TypeError("forward: expected a tensor, an Output or several tensors, got None; does it end in return?")
    return Output([result])


def joined(parts: list[Output]) -> Output:
    """The outputs of successive chunks as one."""
    first = parts[0]
    if len(parts) == 1:
        return first
    return first._of([np.concatenate([part.array(key) for part in parts], axis=-3) for key in first.keys()], parts)


def stacked(trials: list[Output]) -> Output:
    """The outputs of several presentations as one with a leading axis of trials."""
    first = trials[0]
    output = first._of([np.stack([trial.array(key) for trial in trials]) for key in first.keys()], [first])
    output._events = [events for trial in trials for events in trial._events]
    return output
