"""Spikes of a simulation for other programs: dictionaries, Neo, NWB."""

from __future__ import annotations

import datetime
import importlib
import os
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._draft import Draft

if TYPE_CHECKING:
    from ._output import Output


class Cell:
    """A cell and its spikes."""

    def __init__(self, population: str, unit: int, y: int, x: int, times_s: NDArray[np.float64]) -> None:
        self.name = f"{population}[{unit}]"
        self.population, self.unit, self.y, self.x, self.times_s = population, unit, y, x, times_s


def cells(output: Output, which: int | str | None, trial: int | None) -> list[Cell]:
    """Every cell of the movies that hold spikes, silent ones too, with its spikes of a trial."""
    spikes = output.spikes(which)
    if trial is not None:
        spikes = spikes[spikes["trial"] == trial]
    found = []
    for number in output._with_spikes(which):
        of = spikes[spikes["population"] == number]
        *planes, _, height, width = output[number].shape[-5:]
        count = int(np.prod(planes)) * height * width
        order = np.argsort(of["unit"], kind="stable")
        times = np.split(of["time_s"][order], np.searchsorted(of["unit"][order], np.arange(1, count)))
        for unit in range(count):
            y, x = divmod(unit % (height * width), width)
            found.append(Cell(output.keys()[number], unit, y, x, times[unit]))
    return found


def trials(output: Output) -> list[int | None]:
    """The numbers of the trials; None where there was one."""
    return list(range(len(output[0]))) if output[0].ndim == 6 else [None]


def span_s(output: Output) -> tuple[float, float]:
    """When it began and ended, s since the state was cleared."""
    rate = output._resolution.steps_per_second
    return output._first_frame / rate, (output._first_frame + output[0].shape[-3]) / rate


def to_neo(output: Output, which: int | str | None) -> Any:
    """A block with a segment for each trial."""
    neo = _package("neo")
    start, stop = span_s(output)
    block = neo.Block(name="convis")
    for trial in trials(output):
        segment = neo.Segment(name="simulation" if trial is None else f"trial {trial}")
        for cell in cells(output, which, trial):
            place = {"population": cell.population, "unit": cell.unit, "y": cell.y, "x": cell.x}
            # Rounding may put the last spike at the end behind it.
            times = np.minimum(cell.times_s, stop)
            segment.spiketrains.append(
                neo.SpikeTrain(times, units="s", t_start=start, t_stop=stop, name=cell.name, **place)
            )
        block.segments.append(segment)
    return block


def to_nwb(
    output: Output,
    path: str | os.PathLike[str],
    which: int | str | None,
    stimulus: ArrayLike | None,
    description: str,
    start: datetime.datetime | None,
) -> None:
    """Write the table of units, and the stimulus if there is one; the file appears whole or not at all."""
    pynwb = _package("pynwb")
    if trials(output) != [None]:
        raise ValueError("to_nwb: expected one presentation, got several trials; write each to a file of its own")
    begin, end = span_s(output)
    when = start or datetime.datetime.now(datetime.timezone.utc)
    identifier = os.path.splitext(os.path.basename(os.fspath(path)))[0]
    file = pynwb.NWBFile(session_description=description, identifier=identifier, session_start_time=when)
    for name, text in (("population", "Name of the movie of spikes"), ("y", "Row of the pixel"), ("x", "Column of the pixel")):
        file.add_unit_column(name, text)
    for cell in cells(output, which, None):
        file.add_unit(
            spike_times=cell.times_s, obs_intervals=[[begin, end]], population=cell.population, y=cell.y, x=cell.x
        )
    if stimulus is not None:
        frames = np.asarray(stimulus)
        if frames.ndim != 3:
            raise ValueError(f"stimulus: expected (time, rows, columns), got {frames.shape}")
        rate = output._resolution.steps_per_second
        file.add_stimulus(
            pynwb.image.ImageSeries(
                name="stimulus", data=frames, unit="luminance", rate=rate, starting_time=begin,
                description="Axes: time, rows, columns",
            )
        )
    draft = Draft(path)
    try:
        draft.file.close()
        with pynwb.NWBHDF5IO(draft.name, "w") as io:
            io.write(file)
    except BaseException:
        draft.discard()
        raise
    draft.commit()


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(f"needs the package {name}: pip install convis-rs[recordings]") from error
