"""Movies to show to a model, in degrees and seconds, as streams that cost no memory.

A stimulus computes any frame from its number: hand it to ``model.run(stimulus)`` whole, or take frames as an array with
:meth:`Stimulus.movie`. Luminance runs from 0 to 1. Positions are in degrees from the middle of the screen, x to the right and
y downwards; directions in degrees, 0 to the right, 90 upwards.

=====================================  =================================================================
:class:`FullFieldFlash`                the whole screen steps up and back
:class:`EulerChirp`                    steps, frequency sweep, contrast sweep (Baden et al. 2016)
:class:`MovingBarSet`                  a bar in eight directions (Baden et al. 2016)
:class:`SumOfSinusoids`                eight frequencies at once (Shapley & Victor 1978)
:class:`Checkers`                      binary or Gaussian white noise
:class:`MSequence`                     binary noise that is exactly balanced over its period
:class:`DriftingGrating`               a grating that moves
:class:`ContrastReversingGrating`      a grating that reverses
:class:`GratingBattery`                gratings of many conditions in turn
:class:`JitteredImage`                 a picture seen by a fixating eye
:class:`LoomingDisc`                   an object that approaches
:class:`DifferentialMotion`            an object that moves with or against its background
=====================================  =================================================================

The stimuli of the toolbox of 2018, as arrays, are in :mod:`convis.samples`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _native
from ._movies import whole
from ._resolution import Resolution, pair
from .streams import Stream

__all__ = [
    "Checkers",
    "ContrastReversingGrating",
    "DifferentialMotion",
    "DriftingGrating",
    "EulerChirp",
    "FullFieldFlash",
    "GratingBattery",
    "JitteredImage",
    "LoomingDisc",
    "MSequence",
    "MovingBarSet",
    "Stimulus",
    "SumOfSinusoids",
]

Movie = NDArray[np.float32]

#: Eight frequencies about an octave apart, Hz.
_OCTAVES = tuple((2**power - 1) / 65.526 for power in range(4, 12))


def __dir__() -> list[str]:
    return __all__


class Stimulus(Stream):
    """What every stimulus offers: a stream of frames that can also be taken from anywhere.

    Examples
    --------
    >>> import convis
    >>> flash = convis.stimuli.FullFieldFlash(before_s=0.05, on_s=0.1, after_s=0.05, height=4, width=5)
    >>> len(flash), flash.get(60).shape, len(flash)
    (200, (60, 4, 5), 140)
    >>> flash.movie(first=50, frames=2)[:, 0, 0].tolist()      # does not move the stream on
    [1.0, 1.0]
    >>> flash.reset()                                          # a run does so itself at the end of a stimulus
    >>> convis.retina.Retina().run(flash).array(0).shape
    (1, 1, 200, 4, 5)
    """

    _frames: _native.Stimulus
    #: A run that finds it at its end shows it once more.
    _begins_again = True

    def _show(self, arguments: dict[str, Any]) -> None:
        """Build the stimulus from all arguments of its constructor."""
        own = {name: value for name, value in arguments.items() if name not in ("self", "resolution", "__class__", "shape")}
        numbers = pair(arguments["resolution"])
        for name in ("height", "width", "repeats", "order", "seed"):
            if name in own:
                own[name] = whole(name, own[name], least=0)
        if "picture" in own:
            own["picture"] = np.ascontiguousarray(own["picture"], np.float32)
        self._frames = _native.stimulus(type(self).__name__, own, numbers)
        self._options, self._resolution, self._next = own, Resolution(*numbers), 0

    @property
    def resolution(self) -> Resolution:
        """Pixels per degree and frames per second."""
        return self._resolution

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a frame."""
        return self._frames.size

    @property
    def endless(self) -> bool:  # type: ignore[override]
        """Whether it gives frames for ever."""
        return self._frames.frames is None

    @property
    def frames(self) -> int | None:
        """How many frames it has from its beginning; None if it is endless."""
        return self._frames.frames

    def _remaining(self) -> int | None:
        frames = self._frames.frames
        return None if frames is None else max(frames - self._next, 0)

    def get(self, n: int) -> Movie:
        """The next `n` frames (time, height, width), fewer at the end."""
        left = self._remaining()
        frames = self._frames.render(self._next, whole("n", n) if left is None else min(whole("n", n), left))
        self._next += len(frames)
        return frames

    def movie(self, frames: int | None = None, first: int = 0) -> Movie:
        """Frames as an array (time, height, width), wherever the stream is.

        Parameters
        ----------
        frames : int, optional
            How many; by default all that there are.
        first : int
            The number of the first one.

        Returns
        -------
        numpy.ndarray
        """
        first, there = whole("first", first, least=0), self._frames.frames
        if frames is None and there is None:
            raise ValueError(f"frames: expected a number, because {type(self).__name__} is endless; got None")
        most = None if there is None else max(there - first, 0)
        n = most if frames is None else whole("frames", frames)
        if most is not None and n is not None and n > most:
            raise ValueError(f"frames: expected at most {most} from frame {first} on, got {n}")
        return self._frames.render(first, n or 0)

    def reset(self) -> None:
        """Begin again with the first frame."""
        self._next = 0

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_frames"}

    def __setstate__(self, saved: dict[str, Any]) -> None:
        self.__dict__.update(saved)
        self._frames = _native.stimulus(type(self).__name__, self._options, self._resolution._pair())


class FullFieldFlash(Stimulus):
    """The whole screen steps to a luminance and back.

    Parameters
    ----------
    before_s : float
        Background before, s.
    on_s : float
        Duration of the step, s.
    after_s : float
        Background after, s.
    background : float
        Luminance before and after.
    luminance : float
        Luminance of the step.
    repeats : int
        How often it is shown.
    height, width : int
        Rows and columns of a frame.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis
    >>> len(convis.stimuli.FullFieldFlash(repeats=2))
    6000
    """

    def __init__(
        self,
        before_s: float = 1.0,
        on_s: float = 1.0,
        after_s: float = 1.0,
        background: float = 0.0,
        luminance: float = 1.0,
        repeats: int = 1,
        height: int = 50,
        width: int = 50,
        *,
        resolution: Resolution | None = None,
    ) -> None:
        self._show(locals())


class EulerChirp(Stimulus):
    """A disc with a bright step, a sweep of frequency and a sweep of contrast.

    Parameters
    ----------
    diameter_um : float
        Diameter of the disc on the retina, µm.
    um_per_degree : float
        Micrometres of retina per degree; 31 in the mouse.
    display_rate_hz : float, optional
        Pictures per second of the display; None for as many as frames.
    eight_bit : bool
        Whether luminance is rounded to 256 levels.
    repeats : int
        How often it is shown, 33 s each.
    height, width : int
        Rows and columns of a frame.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    References
    ----------
    Baden et al. 2016, Nature 529:345.

    Examples
    --------
    >>> import convis
    >>> chirp = convis.stimuli.EulerChirp()
    >>> len(chirp)
    33000
    """

    def __init__(
        self,
        diameter_um: float = 1000.0,
        um_per_degree: float = 31.0,
        display_rate_hz: float | None = 60.0,
        eight_bit: bool = True,
        repeats: int = 1,
        height: int = 50,
        width: int = 50,
        *,
        resolution: Resolution | None = None,
    ) -> None:
        self._show(locals())


class MovingBarSet(Stimulus):
    """A bright bar that moves in several directions, one after the other.

    Parameters
    ----------
    length_um, thickness_um : float
        Size of the bar on the retina, µm.
    speed_um_per_s : float
        Speed on the retina, µm/s.
    um_per_degree : float
        Micrometres of retina per degree; 31 in the mouse.
    directions_deg : sequence of float
        Directions in their order.
    direction_s : float
        Duration of each, s.
    before_s, after_s : float
        Background before the first and after the last, s.
    bar, background : float
        Luminance of both.
    height, width : int
        Rows and columns of a frame.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    References
    ----------
    Baden et al. 2016, Nature 529:345.

    Examples
    --------
    >>> import convis
    >>> len(convis.stimuli.MovingBarSet()) / 1000
    36.0
    """

    def __init__(
        self,
        length_um: float = 1000.0,
        thickness_um: float = 300.0,
        speed_um_per_s: float = 1000.0,
        um_per_degree: float = 31.0,
        directions_deg: Sequence[float] = (0.0, 180.0, 45.0, 225.0, 90.0, 270.0, 135.0, 315.0),
        direction_s: float = 4.0,
        before_s: float = 3.0,
        after_s: float = 1.0,
        bar: float = 1.0,
        background: float = 0.0,
        height: int = 50,
        width: int = 50,
        *,
        resolution: Resolution | None = None,
    ) -> None:
        self._show(locals())


class SumOfSinusoids(Stimulus):
    """Several temporal frequencies at once, on a full field or a grating.

    Parameters
    ----------
    frequencies_hz : sequence of float
        The frequencies.
    contrast : float
        Contrast of each.
    spatial_frequency_cpd : float
        Cycles per degree of the grating; 0 is a full field.
    orientation_deg : float
        Orientation of the grating.
    phase_deg : float
        Phase of the grating.
    mean : float
        Mean luminance.
    height, width : int
        Rows and columns of a frame.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    References
    ----------
    Shapley & Victor 1978, J. Physiol. 285:275.

    Examples
    --------
    >>> import convis
    >>> convis.stimuli.SumOfSinusoids(height=4, width=5).movie(100).shape
    (100, 4, 5)
    """

    def __init__(
        self,
        frequencies_hz: Sequence[float] = _OCTAVES,
        contrast: float = 0.05,
        spatial_frequency_cpd: float = 0.0,
        orientation_deg: float = 0.0,
        phase_deg: float = 0.0,
        mean: float = 0.5,
        height: int = 50,
        width: int = 50,
        *,
        resolution: Resolution | None = None,
    ) -> None:
        self._show(locals())


class Checkers(Stimulus):
    """White noise on checks: binary or Gaussian, without end.

    Parameters
    ----------
    check_deg : float
        Side of a check, degrees.
    pictures_per_second : float
        How often the checks change.
    distribution : {"binary", "gaussian"}
        What luminance is drawn from.
    contrast : float
        Standard deviation over mean.
    mean : float
        Mean luminance.
    seed : int
        Which random movie.
    height, width : int
        Rows and columns of a frame.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis
    >>> noise = convis.stimuli.Checkers(seed=4)
    >>> noise.endless, noise.movie(100).shape
    (True, (100, 50, 50))
    """

    def __init__(
        self,
        check_deg: float = 0.5,
        pictures_per_second: float = 60.0,
        distribution: str = "binary",
        contrast: float = 1.0,
        mean: float = 0.5,
        seed: int = 0,
        height: int = 50,
        width: int = 50,
        *,
        resolution: Resolution | None = None,
    ) -> None:
        self._show(locals())


class MSequence(Stimulus):
    """Binary white noise from a shift register: exactly balanced over its period.

    Parameters
    ----------
    order : int
        Length of the register; the period is 2^order - 1 pictures.
    check_deg : float
        Side of a check, degrees.
    pictures_per_second : float
        How often the checks change.
    contrast : float
        Contrast.
    mean : float
        Mean luminance.
    height, width : int
        Rows and columns of a frame.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    References
    ----------
    Reid, Victor & Shapley 1997, Vis. Neurosci. 14:1015.

    Examples
    --------
    >>> import convis
    >>> sorted(set(convis.stimuli.MSequence(order=12).movie(50).ravel().tolist()))
    [0.0, 1.0]
    """

    def __init__(
        self,
        order: int = 16,
        check_deg: float = 0.5,
        pictures_per_second: float = 60.0,
        contrast: float = 1.0,
        mean: float = 0.5,
        height: int = 50,
        width: int = 50,
        *,
        resolution: Resolution | None = None,
    ) -> None:
        self._show(locals())


class DriftingGrating(Stimulus):
    """A grating that moves, without end.

    Parameters
    ----------
    spatial_frequency_cpd : float
        Cycles per degree.
    temporal_frequency_hz : float
        Cycles per second.
    direction_deg : float
        Direction of motion.
    phase_deg : float
        Phase in the middle of the screen at the start.
    contrast : float
        Michelson contrast.
    mean : float
        Mean luminance.
    waveform : {"sine", "square"}
        Profile of the grating.
    height, width : int
        Rows and columns of a frame.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis
    >>> grating = convis.stimuli.DriftingGrating(temporal_frequency_hz=10.0)
    >>> x = grating.movie(101)
    >>> bool(abs(x[0] - x[100]).max() < 1e-5)              # a period of 100 ms
    True
    """

    def __init__(
        self,
        spatial_frequency_cpd: float = 0.5,
        temporal_frequency_hz: float = 4.0,
        direction_deg: float = 0.0,
        phase_deg: float = 0.0,
        contrast: float = 1.0,
        mean: float = 0.5,
        waveform: str = "sine",
        height: int = 50,
        width: int = 50,
        *,
        resolution: Resolution | None = None,
    ) -> None:
        self._show(locals())


class ContrastReversingGrating(Stimulus):
    """A standing grating whose contrast oscillates, without end.

    Parameters
    ----------
    spatial_frequency_cpd : float
        Cycles per degree.
    temporal_frequency_hz : float
        Cycles per second.
    orientation_deg : float
        Direction across the stripes.
    phase_deg : float
        Phase in the middle of the screen at the start.
    temporal_phase_deg : float
        Phase of the oscillation at the start.
    contrast : float
        Michelson contrast.
    mean : float
        Mean luminance.
    waveform : {"sine", "square"}
        Profile of the grating.
    height, width : int
        Rows and columns of a frame.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis
    >>> convis.stimuli.ContrastReversingGrating(waveform="square").movie(10).shape
    (10, 50, 50)
    """

    def __init__(
        self,
        spatial_frequency_cpd: float = 0.5,
        temporal_frequency_hz: float = 4.0,
        orientation_deg: float = 0.0,
        phase_deg: float = 0.0,
        temporal_phase_deg: float = 0.0,
        contrast: float = 1.0,
        mean: float = 0.5,
        waveform: str = "sine",
        height: int = 50,
        width: int = 50,
        *,
        resolution: Resolution | None = None,
    ) -> None:
        self._show(locals())


class GratingBattery(Stimulus):
    """Gratings of every combination of conditions, one after the other, with blanks between.

    Parameters
    ----------
    modulation : {"drifting", "reversing"}
        What the gratings do.
    directions_deg : sequence of float
        Directions.
    spatial_frequencies_cpd : sequence of float
        Cycles per degree.
    temporal_frequencies_hz : sequence of float
        Cycles per second.
    phases_deg : sequence of float
        Phases.
    contrasts : sequence of float
        Michelson contrasts.
    grating_s, blank_s : float
        Durations of a grating and of the blank before and after, s.
    repeats : int
        How often all conditions are shown.
    shuffle : int, optional
        Seed of a random order; None for the order given.
    mean : float
        Mean luminance.
    waveform : {"sine", "square"}
        Profile of the gratings.
    height, width : int
        Rows and columns of a frame.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis
    >>> len(convis.stimuli.GratingBattery()) / 1000        # 8 directions of 2 s, 9 blanks of 1 s
    25.0
    """

    def __init__(
        self,
        modulation: str = "drifting",
        directions_deg: Sequence[float] = (0.0, 45.0, 90.0, 135.0, 180.0, 225.0, 270.0, 315.0),
        spatial_frequencies_cpd: Sequence[float] = (0.5,),
        temporal_frequencies_hz: Sequence[float] = (4.0,),
        phases_deg: Sequence[float] = (0.0,),
        contrasts: Sequence[float] = (1.0,),
        grating_s: float = 2.0,
        blank_s: float = 1.0,
        repeats: int = 1,
        shuffle: int | None = None,
        mean: float = 0.5,
        waveform: str = "sine",
        height: int = 50,
        width: int = 50,
        *,
        resolution: Resolution | None = None,
    ) -> None:
        self._show(locals())


class JitteredImage(Stimulus):
    """A picture seen by a fixating eye: drift that returns, and microsaccades; without end.

    Parameters
    ----------
    picture : array_like
        Luminance (height, width), at least as large as the screen and its jitter.
    diffusion_deg2_per_s : float
        Diffusion of the drift, degrees² per second.
    return_time_s : float
        Time constant of its return, s.
    microsaccade_rate_hz : float
        Microsaccades per second.
    microsaccade_amplitude_deg : float
        Their size, degrees.
    microsaccade_duration_s : float
        Their duration, s.
    seed : int
        Which random walk.
    height, width : int
        Rows and columns of a frame.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis, numpy as np
    >>> picture = np.random.default_rng(0).random((80, 100))
    >>> convis.stimuli.JitteredImage(picture, height=20, width=30).movie(10).shape
    (10, 20, 30)
    """

    def __init__(
        self,
        picture: Any,
        diffusion_deg2_per_s: float = 40.0 / 3600.0,
        return_time_s: float = 1.0,
        microsaccade_rate_hz: float = 1.5,
        microsaccade_amplitude_deg: float = 0.4,
        microsaccade_duration_s: float = 0.025,
        seed: int = 0,
        height: int = 50,
        width: int = 50,
        *,
        resolution: Resolution | None = None,
    ) -> None:
        shape = np.shape(picture)
        if len(shape) == 2 and (shape[0] < height or shape[1] < width):
            raise ValueError(f"picture: expected at least the {height} × {width} pixels of the screen, got {shape}")
        self._show(locals())


class LoomingDisc(Stimulus):
    """A disc that grows as an object approaching at constant speed.

    Parameters
    ----------
    half_size_to_speed_s : float
        Half the size of the object over its speed, s.
    start_deg, end_deg : float
        Diameter at the start and at the end.
    before_s, hold_s : float
        Duration of the first and of the last picture, s.
    x_deg, y_deg : float
        Where it is.
    disc, background : float
        Luminance of both.
    height, width : int
        Rows and columns of a frame.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    References
    ----------
    Gabbiani, Krapp & Laurent 1999, J. Neurosci. 19:1122.

    Examples
    --------
    >>> import convis
    >>> disc = convis.stimuli.LoomingDisc(height=40, width=40)
    >>> bool(disc.movie(1, first=len(disc) - 1).mean() < disc.movie(1).mean())     # a dark disc that grows
    True
    """

    def __init__(
        self,
        half_size_to_speed_s: float = 0.05,
        start_deg: float = 2.0,
        end_deg: float = 50.0,
        before_s: float = 0.5,
        hold_s: float = 0.5,
        x_deg: float = 0.0,
        y_deg: float = 0.0,
        disc: float = 0.0,
        background: float = 0.5,
        height: int = 50,
        width: int = 50,
        *,
        resolution: Resolution | None = None,
    ) -> None:
        self._show(locals())


class DifferentialMotion(Stimulus):
    """A grating object that jitters with, against or without its background; without end.

    Parameters
    ----------
    motion : {"differential", "global", "object_only", "background_only"}
        What moves.
    radius_deg : float
        Radius of the object.
    gap_deg : float
        Width of the grey ring around it.
    period_deg : float
        Period of the gratings.
    step_deg : float
        Size of a step of the jitter.
    step_rate_hz : float
        Steps per second.
    orientation_deg : float
        Direction of motion.
    contrast : float
        Michelson contrast.
    mean : float
        Mean luminance.
    waveform : {"sine", "square"}
        Profile of the gratings.
    seed : int
        Which random walk.
    height, width : int
        Rows and columns of a frame.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    References
    ----------
    Ölveczky, Baccus & Meister 2003, Nature 423:401.

    Examples
    --------
    >>> import convis
    >>> convis.stimuli.DifferentialMotion(motion="global").movie(10).shape
    (10, 50, 50)
    """

    def __init__(
        self,
        motion: str = "differential",
        radius_deg: float = 1.0,
        gap_deg: float = 0.1,
        period_deg: float = 0.6,
        step_deg: float = 0.05,
        step_rate_hz: float = 66.7,
        orientation_deg: float = 0.0,
        contrast: float = 1.0,
        mean: float = 0.5,
        waveform: str = "square",
        seed: int = 0,
        height: int = 50,
        width: int = 50,
        *,
        resolution: Resolution | None = None,
    ) -> None:
        self._show(locals())
