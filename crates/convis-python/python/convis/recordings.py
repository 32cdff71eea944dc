"""Recorded cells: stimulus and responses on one clock, read from files.

======================  =====================================================================================
:class:`Recording`      a stimulus, and what cells did in every frame of it
:func:`read`            one from a file: npz, HDF5, NWB
:func:`from_neo`        one from objects of Neo
:func:`read_spikes`     spike times only: text, csv, Virtual Retina's ``.spk``, npz, HDF5, NWB, what Neo reads
:func:`count_spikes`    spike times to counts in frames
:func:`frame_means`     a signal with a clock of its own to means in frames
======================  =====================================================================================

HDF5 needs the package h5py, NWB pynwb, the files of amplifiers neo: ``pip install convis-rs[recordings]`` has all three.
"""

from __future__ import annotations

import importlib
import os
import warnings
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._text import short, unknown

__all__ = ["Recording", "count_spikes", "frame_means", "from_neo", "read", "read_spikes"]

Floats = NDArray[np.float64]

#: Two times closer than this part of a frame are one: clocks are often written as rounded decimals.
_SAME = 1e-6


class Recording:
    """A stimulus, and what cells did in every frame of it.

    Frame k lasts from its time to that of the next; the last as long as the median one. A response belongs to the frame in
    which it came, so the filter of a cell that answers after two frames peaks at lag 2.

    Parameters
    ----------
    stimulus : array_like
        ``(time,)`` or ``(time, rows, columns)``.
    response : array_like, or sequence or mapping of array_like
        What `kind` says. A mapping names the units.
    kind : {"counts", "rates", "spike_times", "trains"}
        ``"counts"`` and ``"rates"``: ``(time,)`` or ``(time, units)``, one number a frame, or with `response_times_s` on a
        clock of their own, of which rates are averaged over frames. ``"spike_times"``: seconds, an array for each unit.
        ``"trains"``: zeros and ones (or counts) ``(samples,)`` or ``(samples, units)`` at `response_times_s`.
    step_s : float, optional
        Length of a frame in seconds, where frames follow each other evenly from `start_s`.
    frame_times_s : array_like, optional
        When frames begin, in seconds; instead of `step_s`.
    start_s : float
        When the first frame begins, with `step_s`.
    response_times_s : array_like, optional
        When samples of ``"rates"`` or ``"trains"`` were taken, in seconds.
    units : sequence of str, optional
        Names of the cells.

    Attributes
    ----------
    stimulus : ndarray
        ``(time,)`` or ``(time, rows, columns)``.
    counts : ndarray
        ``(time, units)``.
    edges_s : ndarray
        ``(time + 1,)``, when frames begin and the last ends.
    units : list of str
        Names of the cells.

    Raises
    ------
    ValueError
        If lengths do not agree, numbers are not finite, times do not increase, or the clocks do not overlap.

    Warns
    -----
    UserWarning
        If frames are left out because samples do not cover them, or frames differ in length by more than a tenth.

    Examples
    --------
    >>> import convis
    >>> recording = convis.recordings.Recording([0.0, 1.0, 0.0, 0.0], [[0.11, 0.15, 0.31]], kind="spike_times", step_s=0.1)
    >>> recording.counts[:, 0].tolist()
    [0.0, 2.0, 0.0, 1.0]
    >>> recording[1:].counts[:, 0].tolist()
    [2.0, 0.0, 1.0]
    """

    def __init__(
        self,
        stimulus: ArrayLike,
        response: Any,
        kind: str = "counts",
        *,
        step_s: float | None = None,
        frame_times_s: ArrayLike | None = None,
        start_s: float = 0.0,
        response_times_s: ArrayLike | None = None,
        units: Sequence[str] | None = None,
    ) -> None:
        self.stimulus = _finite("stimulus", stimulus)
        if self.stimulus.ndim not in (1, 3) or len(self.stimulus) == 0:
            raise ValueError(f"stimulus: expected (time,) or (time, rows, columns), got {self.stimulus.shape}")
        self.edges_s = _edges(len(self.stimulus), step_s, frame_times_s, start_s)
        if isinstance(response, Mapping):
            units = list(map(str, response)) if units is None else units
            response = list(response.values())
            if kind != "spike_times":
                response = np.stack([np.asarray(one, dtype=np.float64) for one in response], axis=-1)
        kinds = ("counts", "rates", "spike_times", "trains")
        if kind not in kinds:
            raise ValueError("kind: " + unknown("name", str(kind), kinds))
        if kind == "spike_times":
            if response_times_s is not None:
                raise ValueError('response_times_s: expected with kind "rates" or "trains" only')
            trains = [response] if len(response) and np.ndim(response[0]) == 0 else list(response)
            if not trains:
                raise ValueError("response: expected spike times of at least one unit, got none")
            self.counts = np.stack([count_spikes(train, self.edges_s) for train in trains], axis=1)
        else:
            numbers = _finite("response", response)
            numbers = numbers[:, None] if numbers.ndim == 1 else numbers
            if numbers.ndim != 2 or numbers.shape[1] == 0:
                raise ValueError(f"response: expected (time,) or (time, units), got {np.shape(response)}")
            if response_times_s is None:
                if kind == "trains":
                    raise ValueError("response_times_s: expected with kind \"trains\": when samples were taken, in seconds")
                if len(numbers) != len(self.stimulus):
                    raise ValueError(
                        f"response: expected {len(self.stimulus)} numbers a unit, one for each frame of the stimulus, got "
                        f"{len(numbers)}; with a clock of their own, give response_times_s"
                    )
                self.counts = numbers
            elif kind == "rates":
                self._average(numbers, response_times_s)
            else:
                self._sum(numbers, response_times_s)
        count = self.counts.shape[1]
        self.units = [str(unit) for unit in range(count)] if units is None else [str(unit) for unit in units]
        if len(self.units) != count:
            raise ValueError(f"units: expected {count} names, one a unit, got {len(self.units)}")

    def _average(self, numbers: Floats, times_s: ArrayLike) -> None:
        times = _increasing("response_times_s", times_s, len(numbers))
        means = np.stack([frame_means(column, times, self.edges_s) for column in numbers.T], axis=1)
        covered = np.isfinite(means[:, 0])
        self._keep(covered, means)

    def _sum(self, numbers: Floats, times_s: ArrayLike) -> None:
        times = _increasing("response_times_s", times_s, len(numbers))
        frame = _frame_of(times, self.edges_s)
        counts = np.zeros((len(self.stimulus), numbers.shape[1]))
        inside = frame >= 0
        np.add.at(counts, frame[inside], numbers[inside])
        # A sample stands for the time until the next.
        last = times[-1] + (np.median(np.diff(times)) if len(times) > 1 else 0.0)
        slack = _SAME * float(np.median(np.diff(self.edges_s)))
        covered = (self.edges_s[:-1] >= times[0] - slack) & (self.edges_s[1:] <= last + slack)
        self._keep(covered, counts)

    def _keep(self, covered: NDArray[np.bool_], counts: Floats) -> None:
        if not covered.any():
            raise ValueError(
                f"response_times_s: expected samples from {self.edges_s[0]:g} to {self.edges_s[-1]:g} s, where the stimulus is"
            )
        first, end = int(covered.argmax()), len(covered) - int(covered[::-1].argmax())
        if end - first < len(covered):
            warnings.warn(
                f"{len(covered) - (end - first)} of {len(covered)} frames are left out: samples of the response do not cover "
                "them",
                stacklevel=4,
            )
        self.stimulus, self.counts = self.stimulus[first:end], counts[first:end]
        self.edges_s = self.edges_s[first : end + 1]

    @property
    def step_s(self) -> float:
        """Length of a frame in seconds: the median."""
        return float(np.median(np.diff(self.edges_s)))

    def __len__(self) -> int:
        return len(self.stimulus)

    def __getitem__(self, frames: slice) -> Recording:
        """Some of the frames: ``recording[:8000]``."""
        if not isinstance(frames, slice) or frames.step not in (None, 1):
            raise TypeError(f"expected frames one after the other, as in recording[100:200], got {short(frames)}")
        start, end, _ = frames.indices(len(self))
        if end <= start:
            raise ValueError(f"expected at least one of {len(self)} frames, got {frames.start}:{frames.stop}")
        part = object.__new__(Recording)
        part.stimulus, part.counts = self.stimulus[start:end], self.counts[start:end]
        part.edges_s, part.units = self.edges_s[start : end + 1], list(self.units)
        return part

    def __repr__(self) -> str:
        size = "" if self.stimulus.ndim == 1 else f" of {self.stimulus.shape[1]} × {self.stimulus.shape[2]}"
        seconds = self.edges_s[-1] - self.edges_s[0]
        lines = [f"Recording: {len(self)} frames{size} in {seconds:.6g} s ({1 / self.step_s:.6g} Hz)"]
        width = max(len(unit) for unit in self.units)
        for unit, total in zip(self.units, self.counts.sum(axis=0), strict=True):
            lines.append(f"  {unit:<{width}}  {total:>10.6g} in all, {total / seconds:.4g} a second")
        return "\n".join(lines)


def count_spikes(times_s: ArrayLike, edges_s: ArrayLike) -> Floats:
    """Count spikes in frames.

    A spike on the border of two frames belongs to the later one, also where rounding has put it a millionth of a frame before.

    Parameters
    ----------
    times_s : array_like
        Spike times in seconds, in any order.
    edges_s : array_like
        ``(frames + 1,)``, when frames begin and the last ends.

    Returns
    -------
    ndarray
        ``(frames,)``. Spikes outside of all frames are left out.

    Raises
    ------
    ValueError
        If times are not finite, or there are spikes and all are outside.

    Examples
    --------
    >>> import convis
    >>> convis.recordings.count_spikes([0.1, 0.25, 0.31], [0.0, 0.1, 0.2, 0.4]).tolist()
    [0.0, 1.0, 2.0]
    """
    times = _finite("times_s", times_s).ravel()
    edges = _increasing("edges_s", edges_s)
    frame = _frame_of(times, edges)
    if len(times) and not (frame >= 0).any():
        raise ValueError(
            f"times_s: expected spikes from {edges[0]:g} to {edges[-1]:g} s, where the stimulus is, got {times.min():g} to "
            f"{times.max():g} s; are the clocks the same, and are times in seconds?"
        )
    return np.bincount(frame[frame >= 0], minlength=len(edges) - 1).astype(np.float64)


def frame_means(values: ArrayLike, times_s: ArrayLike, edges_s: ArrayLike) -> Floats:
    """Mean of a sampled signal in every frame.

    Between samples the signal is taken to be straight; the mean is exact for that. No sample shifts in time.

    Parameters
    ----------
    values : array_like
        ``(samples,)``.
    times_s : array_like
        ``(samples,)``, when they were taken, in seconds.
    edges_s : array_like
        ``(frames + 1,)``, when frames begin and the last ends.

    Returns
    -------
    ndarray
        ``(frames,)``, NaN where samples do not cover a frame.

    Examples
    --------
    >>> import convis
    >>> convis.recordings.frame_means([0.0, 1.0, 2.0], [0.0, 1.0, 2.0], [0.0, 0.5, 2.0, 3.0]).tolist()
    [0.25, 1.25, nan]
    """
    values = _finite("values", values).ravel()
    times = _increasing("times_s", times_s, len(values))
    edges = _increasing("edges_s", edges_s)
    if len(values) < 2:
        raise ValueError(f"values: expected at least 2 samples, got {len(values)}")
    slack = _SAME * np.diff(edges).min()
    inside = (edges >= times[0] - slack) & (edges <= times[-1] + slack)
    at = np.clip(edges, times[0], times[-1])
    # The integral from the first sample, at samples and then at edges.
    until = np.concatenate([[0.0], np.cumsum(np.diff(times) * (values[1:] + values[:-1]) / 2)])
    before = np.clip(np.searchsorted(times, at, side="right") - 1, 0, len(times) - 2)
    there = np.interp(at, times, values)
    integral = until[before] + (at - times[before]) * (values[before] + there) / 2
    means = np.diff(integral) / np.diff(edges)
    means[~(inside[1:] & inside[:-1])] = np.nan
    return means


def read(
    path: str | os.PathLike[str],
    *,
    stimulus: str | None = None,
    response: str | None = None,
    kind: str | None = None,
    times: str | None = None,
    step_s: float | None = None,
    start_s: float = 0.0,
    axes: str = "tyx",
) -> Recording:
    """Read a recording.

    Parameters
    ----------
    path : str or path
        ``.npz``; ``.h5`` or ``.hdf5``; ``.nwb``.
    stimulus : str, optional
        Name of the stimulus in the file; by default ``"stimulus"``, in NWB the only one that is presented.
    response : str, optional
        Name of the response; by default the first that is there of ``"counts"``, ``"rates"``, ``"spike_times"``. Spike times
        are an array for each unit: in npz ``spike_times/NAME`` (or ``spike_times_NAME``), in HDF5 a group with one dataset a
        unit. In NWB: the table of units.
    kind : {"counts", "rates", "spike_times"}, optional
        What the response is, where its name does not say.
    times : str, optional
        Name of the times in seconds at which frames begin; by default ``"frame_times_s"`` where that is there. In NWB the
        stimulus has its own.
    step_s : float, optional
        Length of a frame in seconds; by default ``"step_s"`` or ``"dt_s"`` of the file.
    start_s : float
        When the first frame begins, where only the length of frames is known.
    axes : {"tyx", "txy"}
        Order of the axes of movies in the file. The schema of NWB says "txy"; most files have "tyx" nevertheless.

    Returns
    -------
    Recording

    Raises
    ------
    ValueError
        If something is missing (the message names what is there) or does not fit.
    ImportError
        If the package that reads this kind of file is not installed.

    Examples
    --------
    >>> import convis, numpy as np
    >>> np.savez("cell.npz", stimulus=np.ones(4), counts=[0, 2, 1, 0], dt_s=0.01)
    >>> convis.recordings.read("cell.npz")
    Recording: 4 frames in 0.04 s (100 Hz)
      0           3 in all, 75 a second
    """
    path = os.fspath(path)
    if sorted(axes) != ["t", "x", "y"] or axes[0] != "t":
        raise ValueError(f'axes: expected "tyx" or "txy", got {short(axes)}')
    ending = os.path.splitext(path)[1].lower()
    if ending == ".nwb":
        return _read_nwb(path, stimulus, response, axes)
    readers: dict[str, Callable[[str], dict[str, Any]]] = {".npz": _npz, ".h5": _hdf5, ".hdf5": _hdf5}
    if ending not in readers:
        raise ValueError(
            f"path: expected a file that ends with .npz, .h5, .hdf5 or .nwb, got {path!r}; spike times only: read_spikes"
        )
    content = readers[ending](path)
    frames = _member(path, content, stimulus, ["stimulus"], "stimulus")
    name = response or next((one for one in ("counts", "rates", "spike_times") if one in content), None)
    values = _member(path, content, name, [], "response")
    if kind is None:
        kind = next((one for one in ("counts", "rates", "spike_times") if one in str(name)), None)
        kind = kind or ("spike_times" if isinstance(values, Mapping) else "counts")
    frame_times = content.get("frame_times_s") if times is None else _member(path, content, times, [], "times")
    if frame_times is None and step_s is None:
        found = next((content[one] for one in ("step_s", "dt_s") if one in content), None)
        if found is None:
            raise ValueError(f"{path}: has neither frame_times_s nor step_s; give step_s, the length of a frame in seconds")
        step_s = float(np.asarray(found).ravel()[0])
    clock = {"step_s": step_s, "start_s": start_s} if frame_times is None else {"frame_times_s": frame_times}
    return Recording(_movie(frames, axes), values, kind, **clock)


def read_spikes(
    path: str | os.PathLike[str], *, unit: str = "s", columns: Sequence[str] | None = None, response: str | None = None
) -> dict[str, Floats]:
    """Read spike times.

    Parameters
    ----------
    path : str or path
        Text with a time a line, or two columns, separated by blanks, commas, semicolons or tabs (``.txt``, ``.csv``, ``.tsv``,
        ``.spk``; lines that begin with ``#`` are passed over); ``.npz``, ``.h5``, ``.hdf5``, ``.nwb`` as for :func:`read`;
        anything else with Neo.
    unit : {"s", "ms", "us"}
        Of the times in text.
    columns : ("unit", "time") or ("time", "unit"), optional
        What the two columns of a text are; by default what a first line of titles says (one of them has to be "time", or begin
        with it: ``time_s``), else unit and time.
    response : str, optional
        Name of the spike times in npz and HDF5; by default ``"spike_times"``.

    Returns
    -------
    dict
        For each unit its times in seconds, in order.

    Raises
    ------
    ValueError
        If the file does not hold spike times; the message names the line.

    Examples
    --------
    >>> import convis
    >>> with open("two.txt", "w") as file: _ = file.write("a 0.5\\nb 0.75\\na 0.25\\n")
    >>> {name: times.tolist() for name, times in convis.recordings.read_spikes("two.txt").items()}
    {'a': [0.25, 0.5], 'b': [0.75]}
    """
    path = os.fspath(path)
    if unit not in ("s", "ms", "us"):
        raise ValueError("unit: " + unknown("name", str(unit), ["s", "ms", "us"]))
    if columns is not None and sorted(columns) != ["time", "unit"]:
        raise ValueError(f'columns: expected ("unit", "time") or ("time", "unit"), got {short(columns)}')
    ending = os.path.splitext(path)[1].lower()
    spikes: Mapping[str, Any]
    if ending in (".txt", ".csv", ".tsv", ".spk"):
        spikes = _text_spikes(path, {"s": 1.0, "ms": 1e-3, "us": 1e-6}[unit], columns)
    elif ending == ".nwb":
        spikes = _nwb(path, _nwb_spikes)
    elif ending in (".npz", ".h5", ".hdf5"):
        content = _npz(path) if ending == ".npz" else _hdf5(path)
        found = _member(path, content, response, ["spike_times"], "response")
        spikes = found if isinstance(found, Mapping) else {"0": found}
    else:
        spikes = _neo_spikes(path)
    return {str(name): np.sort(_finite(f"{path}: {name}", times).ravel()) for name, times in spikes.items()}


def from_neo(stimulus: ArrayLike, spikes: Any, **clock: Any) -> Recording:
    """A recording from objects of Neo.

    Parameters
    ----------
    stimulus : array_like
        ``(time,)`` or ``(time, rows, columns)``.
    spikes : neo.Block, neo.Segment, neo.SpikeTrain, or a list of spike trains
        Of a block its first segment. Times are converted to seconds.
    **clock
        `step_s`, `frame_times_s`, `start_s` of :class:`Recording`.

    Returns
    -------
    Recording
    """
    return Recording(stimulus, _neo_trains(spikes), "spike_times", **clock)


def _finite(name: str, values: Any) -> Floats:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: expected numbers, got {short(values)}") from error
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: expected finite numbers, got NaN or infinity")
    return array


def _increasing(name: str, values: ArrayLike, count: int | None = None) -> Floats:
    times = _finite(name, values).ravel()
    if count is not None and len(times) != count:
        raise ValueError(f"{name}: expected {count} times, got {len(times)}")
    if len(times) == 0 or (np.diff(times) <= 0).any():
        raise ValueError(f"{name}: expected times in seconds, each later than the one before")
    return times


def _edges(count: int, step_s: float | None, frame_times_s: ArrayLike | None, start_s: float) -> Floats:
    """When frames begin and the last ends."""
    if (step_s is None) == (frame_times_s is None):
        raise ValueError("step_s, frame_times_s: expected one of the two")
    if step_s is not None:
        if not (step_s > 0 and np.isfinite(step_s)):
            raise ValueError(f"step_s: expected a number above 0, got {step_s}")
        return start_s + step_s * np.arange(count + 1, dtype=np.float64)
    times = _increasing("frame_times_s", frame_times_s if frame_times_s is not None else [], count)
    if count < 2:
        raise ValueError("frame_times_s: expected at least 2 frames; for one give step_s")
    lengths = np.diff(times)
    length = float(np.median(lengths))
    uneven = int((np.abs(lengths - length) > 0.1 * length).sum())
    if uneven:
        warnings.warn(
            f"{uneven} of {count} frames differ in length from the median ({length:g} s) by more than a tenth: dropped frames?",
            stacklevel=4,
        )
    return np.append(times, times[-1] + length)


def _frame_of(times: Floats, edges: Floats) -> NDArray[np.int64]:
    """In which frame times are; -1 where in none."""
    slack = _SAME * np.diff(edges).min()
    frame = np.searchsorted(edges, times + slack, side="right") - 1
    return np.where(frame < len(edges) - 1, frame, -1)


def _movie(frames: Any, axes: str) -> Any:
    frames = np.asarray(frames)
    return frames.transpose(0, 2, 1) if axes == "txy" and frames.ndim == 3 else frames


def _member(path: str, content: Mapping[str, Any], name: str | None, defaults: Iterable[str], what: str) -> Any:
    """What has this name, or the first of the defaults that is there."""
    if name is not None and name in content:
        return content[name]
    if name is None:
        for default in defaults:
            if default in content:
                return content[default]
    there = ", ".join(content) or "nothing"
    raise ValueError(f"{path}: expected the name of the {what}{f', not {name!r}' if name else ''}; the file has: {there}")


def _npz(path: str) -> dict[str, Any]:
    """Arrays by name; those with a slash, and spike times with a name, together."""
    with open(path, "rb") as file:
        try:
            with np.load(file, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        except (ValueError, OSError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path}: is no readable npz of plain arrays: {error}") from error
    content: dict[str, Any] = {}
    for name, array in arrays.items():
        group, slash, unit = name.partition("/")
        if not slash and name.startswith("spike_times_"):
            group, unit = "spike_times", name.removeprefix("spike_times_")
        if unit:
            content.setdefault(group, {})[unit] = array
        else:
            content[name] = array
    return content


def _hdf5(path: str) -> dict[str, Any]:
    """Datasets by path; a group with nothing but datasets also as a whole."""
    h5py = _package("h5py", "HDF5")
    content: dict[str, Any] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            content[name] = item[()]
        elif all(isinstance(below, h5py.Dataset) for below in item.values()):
            content[name] = {unit: below[()] for unit, below in item.items()}

    with open(path, "rb") as probe:
        probe.read(1)
    try:
        with h5py.File(path, "r") as file:
            file.visititems(visit)
    except OSError as error:
        raise ValueError(f"{path}: is no readable HDF5: {error}") from error
    return content


def _nwb(path: str, extract: Callable[[Any, str], Any]) -> Any:
    pynwb = _package("pynwb", "NWB")
    with open(path, "rb") as probe:
        probe.read(1)
    try:
        io = pynwb.NWBHDF5IO(path, "r", load_namespaces=True)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{path}: is no readable NWB: {error}") from error
    with io:
        return extract(io.read(), path)


def _nwb_spikes(file: Any, path: str) -> dict[str, Any]:
    if file.units is None or "spike_times" not in file.units.colnames:
        raise ValueError(f"{path}: expected a table of units with spike times, got none")
    return {str(file.units.id[row]): np.asarray(file.units["spike_times"][row]) for row in range(len(file.units))}


def _read_nwb(path: str, stimulus: str | None, response: str | None, axes: str) -> Recording:
    def extract(file: Any, path: str) -> Recording:
        shown = dict(file.stimulus)
        if stimulus is None and len(shown) != 1:
            raise ValueError(f"{path}: expected the name of the stimulus; the file has: {', '.join(shown) or 'nothing'}")
        series = _member(path, shown, stimulus or next(iter(shown)), [], "stimulus")
        frames = series.data
        if hasattr(series, "indexed_timeseries") and series.indexed_timeseries is not None:
            frames = np.asarray(series.indexed_timeseries.data)[np.asarray(series.data)]
        elif hasattr(series, "indexed_images") and series.indexed_images is not None:
            images = [np.asarray(image.data) for image in series.indexed_images.order_of_images.data]
            frames = np.stack(images)[np.asarray(series.data)]
        frames = _movie(np.asarray(frames), axes)
        if frames.ndim == 2 and 1 in frames.shape:
            frames = frames.ravel()
        if frames.size == 0:
            raise ValueError(f"{path}: the stimulus is in another file ({list(series.external_file)}), which has to be read first")
        if series.timestamps is not None:
            clock: dict[str, Any] = {"frame_times_s": np.asarray(series.timestamps)}
        else:
            clock = {"step_s": 1.0 / float(series.rate), "start_s": float(series.starting_time or 0.0)}
        spikes = _nwb_spikes(file, path)
        if response is not None:
            spikes = {response: _member(path, spikes, response, [], "unit")}
        return Recording(frames, spikes, "spike_times", **clock)

    recording: Recording = _nwb(path, extract)
    return recording


def _neo_spikes(path: str) -> dict[str, Any]:
    with open(path, "rb") as probe:
        probe.read(1)
    neo = _package("neo", f"files that end with {os.path.splitext(path)[1]!r}")
    try:
        block = neo.get_io(path).read_block()
    except Exception as error:  # each of its readers has its own
        raise ValueError(f"{path}: Neo cannot read it: {error}") from error
    return _neo_trains(block)


def _neo_trains(spikes: Any) -> dict[str, Any]:
    """Times in seconds of a block, a segment, a train or trains."""
    if hasattr(spikes, "segments"):
        if not spikes.segments:
            raise ValueError("spikes: expected a block with a segment, got none")
        spikes = spikes.segments[0]
    trains = spikes.spiketrains if hasattr(spikes, "spiketrains") else spikes
    trains = [trains] if hasattr(trains, "rescale") else list(trains)
    if not trains or not all(hasattr(train, "rescale") for train in trains):
        raise TypeError(f"spikes: expected spike trains of Neo, or a block or segment that has some, got {short(spikes)}")
    names = [str(train.name or number) for number, train in enumerate(trains)]
    if len(set(names)) < len(names):
        names = [f"{number}: {name}" for number, name in enumerate(names)]
    return {name: np.asarray(train.rescale("s").magnitude) for name, train in zip(names, trains, strict=True)}


def _text_spikes(path: str, scale: float, columns: Sequence[str] | None) -> dict[str, list[float]]:
    spikes: dict[str, list[float]] = {}
    time_column = None if columns is None else list(columns).index("time")
    first, commas = True, True
    with open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            fields = text.replace(",", " ").replace(";", " ").split()
            if first and any(field.strip("'\"").lower().startswith("time") for field in fields):
                if time_column is None and len(fields) == 2:
                    time_column = int(not fields[0].strip("'\"").lower().startswith("time"))
                first = False
                continue
            first = False
            try:
                if len(fields) not in (1, 2):
                    raise ValueError
                time_s = float(fields[1 if time_column is None else time_column] if len(fields) == 2 else fields[0]) * scale
            except ValueError:
                raise ValueError(
                    f"{path}, line {number}: expected a time, or a unit and a time, with decimal points, got {text!r}"
                ) from None
            commas = commas and len(fields) == 2 and text.count(",") == 1 and text.replace(",", "").isdigit()
            other = 0 if time_column is None else 1 - time_column
            spikes.setdefault(fields[other] if len(fields) == 2 else "0", []).append(time_s)
    if spikes and commas and columns is None:
        raise ValueError(
            f"{path}: decimal commas, or columns of units and whole times? Write decimal points, or name the columns"
        )
    return spikes


def _package(name: str, what: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(f"{what} needs the package {name}: pip install convis-rs[recordings]") from error
