"""What a model returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._native import Tensor
from ._resolution import Resolution
from ._text import html_table, table, unknown

_SPIKE = np.dtype([("population", "i4"), ("unit", "i8"), ("y", "i4"), ("x", "i4"), ("time_s", "f8")])

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
        self._events: Events = {}
        self._first_frame = 0
        self._resolution = Resolution()

    def keys(self) -> list[str]:
        """The names of the movies."""
        return list(self._keys)

    def items(self) -> list[tuple[str, Tensor]]:
        """The movies with their names."""
        return list(zip(self._keys, self._movies, strict=True))

    def array(self, which: int | str = 0) -> NDArray[Any]:
        """A movie as a numpy array, without copying; read-only (``.copy()`` can be written to)."""
        return self[which].numpy()

    def mean(self, axis: int | tuple[int, ...] | None = None, which: int | str = 0) -> Any:
        """The mean of a movie over axes, or over all its numbers."""
        return self.array(which).mean(axis=axis)

    def spikes(self, which: int | str | None = None) -> NDArray[Any]:
        """The spikes as a table of events, by time.

        Times count from the moment the model's state was cleared. They are exact if the run was told to record
        events (``run(x, events=True)``); otherwise each is the beginning of the step in which the spike fell.

        Parameters
        ----------
        which : int or str, optional
            A single population; all of them by default.

        Returns
        -------
        numpy.ndarray
            Structured array with fields ``population`` (number of the movie), ``unit`` (number of the cell: ``y *
            width + x``, counted on through channels and batches), ``y``, ``x`` (pixel) and ``time_s``.

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
        populations = range(len(self)) if which is None else [self._number(which)]
        parts = [self._spikes_of(i) for i in populations if self._movies[i].dtype == np.uint8]
        if not parts:
            raise ValueError(f"spikes: expected a model with spiking cells; its output is {', '.join(self._keys)}")
        spikes = np.concatenate(parts)
        return spikes[np.lexsort((spikes["unit"], spikes["population"], spikes["time_s"]))]

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

    def _spikes_of(self, i: int) -> NDArray[Any]:
        movie = self.array(i)
        height, width = movie.shape[3:]
        events = self._events.get(self._keys[i])
        if events is not None:
            steps, offsets = (part.astype(np.float64) for part in events[:2])
            planes, pixels = (part.astype(np.int64) for part in events[2:])
        else:
            b, c, t, y, x = np.nonzero(movie)
            again = np.repeat(np.arange(len(t)), movie[b, c, t, y, x])
            steps, offsets = (t[again] + self._first_frame).astype(np.float64), np.zeros(len(again))
            planes, pixels = (b * movie.shape[1] + c)[again], (y * width + x)[again]
        spikes = np.empty(len(steps), _SPIKE)
        spikes["population"] = i
        spikes["unit"] = planes * (height * width) + pixels
        spikes["y"], spikes["x"] = np.divmod(pixels, width)
        spikes["time_s"] = steps / self._resolution.steps_per_second + offsets
        return spikes

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

    def __getitem__(self, which: int | str) -> Tensor:
        return self._movies[self._number(which)]

    def __getattr__(self, name: str) -> Tensor:
        keys = self.__dict__.get("_keys", [])
        if name in keys:
            return self[name]
        flat = [key.replace(".", "_") for key in keys]
        if name in flat:
            return self[flat.index(name)]
        raise AttributeError(unknown("output", name, flat))

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(key.replace(".", "_") for key in self._keys)]

    def __len__(self) -> int:
        return len(self._movies)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self._movies)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def _rows(self) -> list[tuple[str, str, str, str]]:
        return [(str(i), key, str(x.shape), str(x.dtype)) for i, (key, x) in enumerate(self.items())]

    def __repr__(self) -> str:
        return "Output\n" + table(self._rows(), "  ")

    def _repr_html_(self) -> str:
        header = ("number", "name", "shape (batch, channel, time, height, width)", "type")
        return html_table("Output", header, self._rows())
