"""The stimuli of the toolbox of 2018, by its own formulas, as arrays (time, height, width).

=====================================  ==================================================
:func:`moving_grating`                 a drifting grating
:func:`moving_bar`                     a bar that moves to and fro
:func:`pulse`                          the whole picture on and off
:func:`chirp`                          a step, an amplitude sweep, a frequency sweep
:func:`random_checker_stimulus`        binary checks
:func:`sparse_input`                   few single bright pixels
:func:`gabor_kernel`                   a Gabor patch
:func:`mask_square`, :func:`mask_circle`  masks
:func:`generate_sample_data`           stimulus and response of a known cell; :class:`SampleGenerator`
:class:`StimulusSize`                  frames and pixels, to pass on
=====================================  ==================================================

Positions and speeds are in units of the picture and the frame. What the toolbox calls x is the height, y the width.
Stimuli in degrees and seconds, also endless ones, are in :mod:`convis.stimuli`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import _native
from ._movies import movie, whole
from ._resolution import pair

__all__ = [
    "SampleData",
    "SampleGenerator",
    "StimulusSize",
    "chirp",
    "gabor_kernel",
    "generate_sample_data",
    "mask_circle",
    "mask_square",
    "moving_bar",
    "moving_grating",
    "pulse",
    "random_checker_stimulus",
    "sparse_input",
]

Movie = NDArray[np.float32]


def __dir__() -> list[str]:
    return __all__


def _shown(kind: str, t: int, x: int, y: int, **options: Any) -> Movie:
    size = {name: whole(name, value) for name, value in (("t", t), ("x", x), ("y", y))}
    stimulus = _native.stimulus(kind, {**size, **options}, pair(None))
    return stimulus.render(0, size["t"])


class StimulusSize:
    """Frames and pixels of a stimulus.

    Parameters
    ----------
    t, x, y : int
        Frames, rows and columns.

    Examples
    --------
    >>> import convis
    >>> size = convis.samples.StimulusSize(t=100, x=8, y=6)
    >>> size.pulse(pulse_length=10).shape
    (100, 8, 6)
    """

    def __init__(self, t: int = 2000, x: int = 20, y: int = 20) -> None:
        self.t, self.x, self.y = whole("t", t), whole("x", x), whole("y", y)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Frames, rows and columns."""
        return self.t, self.x, self.y

    def __repr__(self) -> str:
        return f"StimulusSize(t={self.t}, x={self.x}, y={self.y})"

    def moving_grating(self, **options: Any) -> Movie:
        """See :func:`moving_grating`."""
        return moving_grating(*self.shape, **options)

    def moving_bar(self, **options: Any) -> Movie:
        """See :func:`moving_bar`."""
        return moving_bar(*self.shape, **options)

    def pulse(self, **options: Any) -> Movie:
        """See :func:`pulse`."""
        return pulse(*self.shape, **options)

    def chirp(self, **options: Any) -> Movie:
        """See :func:`chirp`."""
        return chirp(*self.shape, **options)

    def random_checker_stimulus(self, **options: Any) -> Movie:
        """See :func:`random_checker_stimulus`."""
        return random_checker_stimulus(*self.shape, **options)

    def sparse_input(self, **options: Any) -> Movie:
        """See :func:`sparse_input`."""
        return sparse_input(*self.shape, **options)


def moving_grating(
    t: int = 2000, x: int = 20, y: int = 20, vt: float = 1 / 200, vx: float = 3.0, vy: float = 2.0
) -> Movie:
    """Show a drifting grating, ``sin(vt τ + vx ξ + vy η)``, ξ and η from -1 to 1.

    Its clock is the toolbox's own, τ = k·t/(t - 1); :class:`convis.stimuli.DriftingGrating` has none of that.

    Parameters
    ----------
    t, x, y : int
        Frames, rows and columns.
    vt, vx, vy : float
        Radians per frame, per half height and per half width.

    Returns
    -------
    numpy.ndarray
        (time, height, width).

    Examples
    --------
    >>> import convis
    >>> convis.samples.moving_grating(60, 6, 8).shape
    (60, 6, 8)
    """
    return _shown("moving_grating", t, x, y, vt=vt, vx=vx, vy=vy)


def moving_bar(
    t: int = 2000,
    x: int = 20,
    y: int = 20,
    bar_pos: float = -1.0,
    bar_direction: float = 0.0,
    bar_width: float = 1.0,
    bar_v: float = 0.01,
    sharp: bool = False,
    temporal_smoothing: float = 1.0,
) -> Movie:
    """Show a bright bar that crosses the picture again and again.

    Parameters
    ----------
    t, x, y : int
        Frames, rows and columns.
    bar_pos : float
        Position, in half pictures.
    bar_direction : float
        Direction, radians.
    bar_width : float
        Half width of the bar, in pixels times two.
    bar_v : float
        Speed, half pictures per frame.
    sharp : bool
        Whether it is not smoothed in time.
    temporal_smoothing : float
        Standard deviation of the smoothing, frames.

    Returns
    -------
    numpy.ndarray
        (time, height, width).

    Examples
    --------
    >>> import convis
    >>> bar = convis.samples.moving_bar(60, 7, 9, bar_v=0.03, sharp=True)
    >>> sorted(set(bar.ravel().tolist()))
    [0.0, 1.0]
    """
    return _shown(
        "moving_bar",
        t,
        x,
        y,
        bar_pos=bar_pos,
        bar_direction=bar_direction,
        bar_width=bar_width,
        bar_v=bar_v,
        sharp=sharp,
        temporal_smoothing=temporal_smoothing,
    )


def pulse(t: int = 2000, x: int = 20, y: int = 20, pulse_length: int = 100) -> Movie:
    """Show the whole picture on for `pulse_length` frames, off for as many, and so on.

    Parameters
    ----------
    t, x, y : int
        Frames, rows and columns.
    pulse_length : int
        Frames of a pulse.

    Returns
    -------
    numpy.ndarray
        (time, height, width).

    Examples
    --------
    >>> import convis
    >>> convis.samples.pulse(6, 1, 1, pulse_length=2).ravel().tolist()
    [1.0, 1.0, 0.0, 0.0, 1.0, 1.0]
    """
    return _shown("pulse", t, x, y, pulse_length=whole("pulse_length", pulse_length))


def chirp(
    t: int = 2000,
    x: int = 20,
    y: int = 20,
    amp_freq: float = 5.0,
    amp_1: float = 0.0,
    amp_2: float = 1.0,
    freq_1: float = 0.1,
    freq_2: float = 10.0,
    scale: bool = True,
    pulse_on: int = 500,
    pulse_off: int = 1000,
    amp_on: int = 1500,
    amp_off: int = 2500,
    freq_on: int = 3000,
    freq_off: int = 4000,
    fps: float = 1000.0,
) -> Movie:
    """Show a step, a sweep of amplitude and a sweep of frequency.

    The sweep ends at ``2 freq_2 - freq_1``, as the toolbox had it; :class:`convis.stimuli.EulerChirp` is the published
    stimulus.

    Parameters
    ----------
    t, x, y : int
        Frames, rows and columns.
    amp_freq : float
        Frequency of the amplitude part, Hz.
    amp_1, amp_2 : float
        First and last amplitude.
    freq_1, freq_2 : float
        First and last frequency, Hz.
    scale : bool
        Whether the markers are stretched from 4500 frames to the movie's length.
    pulse_on, pulse_off, amp_on, amp_off, freq_on, freq_off : int
        Markers: begin and end of the three parts, frames.
    fps : float
        Frames per second.

    Returns
    -------
    numpy.ndarray
        (time, height, width).

    Examples
    --------
    >>> import convis
    >>> convis.samples.chirp(450, 1, 2).shape
    (450, 1, 2)
    """
    markers = dict(
        pulse_on=pulse_on, pulse_off=pulse_off, amp_on=amp_on, amp_off=amp_off, freq_on=freq_on, freq_off=freq_off
    )
    return _shown(
        "chirp",
        t,
        x,
        y,
        amp_freq=amp_freq,
        amp_1=amp_1,
        amp_2=amp_2,
        freq_1=freq_1,
        freq_2=freq_2,
        scale=scale,
        fps=fps,
        **{name: whole(name, value, least=0) for name, value in markers.items()},
    )


def random_checker_stimulus(
    t: int = 2000, x: int = 20, y: int = 20, checker_size: int = 5, seed: int = 123
) -> Movie:
    """Show checks that are bright or dark at random, anew in every frame.

    Parameters
    ----------
    t, x, y : int
        Frames, rows and columns.
    checker_size : int
        Side of a check, pixels.
    seed : int
        Which random movie.

    Returns
    -------
    numpy.ndarray
        (time, height, width).

    Examples
    --------
    >>> import convis
    >>> a = convis.samples.random_checker_stimulus(10, 20, 20, seed=1)
    >>> bool((a == convis.samples.random_checker_stimulus(10, 20, 20, seed=1)).all())
    True
    """
    size = whole("checker_size", checker_size)
    return _shown("random_checker_stimulus", t, x, y, checker_size=size, seed=whole("seed", seed, least=0))


def sparse_input(t: int = 2000, x: int = 20, y: int = 20, probability: float = 0.01, seed: int = 123) -> Movie:
    """Show single bright pixels, each with the same probability in every frame.

    Parameters
    ----------
    t, x, y : int
        Frames, rows and columns.
    probability : float
        Probability of a 1.
    seed : int
        Which random movie.

    Returns
    -------
    numpy.ndarray
        (time, height, width).

    Examples
    --------
    >>> import convis
    >>> bool(abs(convis.samples.sparse_input(1000, 10, 10).mean() - 0.01) < 0.002)
    True
    """
    return _shown("sparse_input", t, x, y, probability=probability, seed=whole("seed", seed, least=0))


def gabor_kernel(
    phi: float = 2.0,
    size: int = 16,
    resolution: float = 2.0,
    f: float = 10.0,
    phase: float = 0.0,
    sigma_x: float = 1.0,
    sigma_y: float = 1.0,
) -> NDArray[np.float64]:
    """Compute a Gabor patch.

    ``exp(-(σx u/2)² - (σy v/2)²) sin((u sin φ + v cos φ) f/2π + phase)``, u along columns and v along rows.

    Parameters
    ----------
    phi : float
        Orientation, radians.
    size : int
        Pixels along each side.
    resolution : float
        Pixels per unit.
    f : float
        Frequency, (2π)² cycles per unit.
    phase : float
        Phase, radians.
    sigma_x, sigma_y : float
        Sharpness along columns and rows.

    Returns
    -------
    numpy.ndarray
        (height, width).

    Examples
    --------
    >>> import convis
    >>> convis.samples.gabor_kernel(size=11).shape
    (11, 11)
    """
    options = dict(
        phi=phi, size=whole("size", size), resolution=resolution, f=f, phase=phase, sigma_x=sigma_x, sigma_y=sigma_y
    )
    return np.array(_native.kernel("gabor", options, pair(None)))


def mask_square(x: int = 20, y: int = 20, width: float = 10.0, center_on_pixel: bool = True) -> NDArray[np.float64]:
    """Compute a mask that is 1 within a square.

    Parameters
    ----------
    x, y : int
        Columns and rows.
    width : float
        Half width of the square, pixels.
    center_on_pixel : bool
        Whether the middle of an even size is a pixel.

    Returns
    -------
    numpy.ndarray
        (1, y, x).

    Examples
    --------
    >>> import convis
    >>> convis.samples.mask_square(5, 5, width=2)[0].sum().item()
    9.0
    """
    options = dict(x=whole("x", x), y=whole("y", y), width=width, center_on_pixel=center_on_pixel)
    return np.array(_native.kernel("mask_square", options, pair(None)))


def mask_circle(
    x: int = 20,
    y: int = 20,
    radius: float = 10.0,
    smooth: bool = True,
    sharpness: float = 5.0,
    center_on_pixel: bool = True,
) -> NDArray[np.float64]:
    """Compute a mask that is 1 within a circle.

    Parameters
    ----------
    x, y : int
        Columns and rows.
    radius : float
        Radius, pixels.
    smooth : bool
        Whether the border is soft.
    sharpness : float
        Steepness of a soft border.
    center_on_pixel : bool
        Whether the middle of an even size is a pixel.

    Returns
    -------
    numpy.ndarray
        (1, y, x).

    Examples
    --------
    >>> import convis
    >>> convis.samples.mask_circle(9, 9, radius=3).shape
    (1, 9, 9)
    """
    options = dict(
        x=whole("x", x),
        y=whole("y", y),
        radius=radius,
        smooth=smooth,
        sharpness=sharpness,
        center_on_pixel=center_on_pixel,
    )
    return np.array(_native.kernel("mask_circle", options, pair(None)))


class SampleData(NamedTuple):
    """A stimulus, the response of a cell at every pixel, and the kernel of the cell."""

    #: The stimulus (1, 1, time, height, width).
    stimulus: NDArray[np.float32]
    #: The response at every pixel, of the same shape.
    response: NDArray[np.float32]
    #: The kernel (lags, height, width); its last frame weighs the present.
    kernel: NDArray[np.float32]


class SampleGenerator:
    """A cell with a random, sparse kernel, to try a fit on.

    Parameters
    ----------
    kernel_size : (int, int, int)
        Lags, rows and columns of the kernel.
    p : float
        Probability that a weight is not 0.
    rectify : bool
        Whether the response is rectified.
    noise : float
        Standard deviation of noise that is added to the response.
    seed : int
        Which random kernel and noise.

    Examples
    --------
    >>> import convis
    >>> cell = convis.samples.SampleGenerator((5, 3, 3), seed=4)
    >>> data = cell.generate(convis.samples.random_checker_stimulus(100, 8, 8, checker_size=1))
    >>> data.response.shape, data.kernel.shape
    ((1, 1, 100, 8, 8), (5, 3, 3))
    """

    def __init__(
        self,
        kernel_size: tuple[int, int, int] = (10, 5, 5),
        p: float = 0.1,
        rectify: bool = True,
        noise: float = 0.0,
        seed: int = 123,
    ) -> None:
        sizes = [whole("kernel_size", n) for n in kernel_size]
        if len(sizes) != 3:
            raise ValueError(f"kernel_size: expected (lags, height, width), got {kernel_size}")
        self._options = dict(
            kernel_size=sizes, density=p, rectify=rectify, noise=noise, seed=whole("seed", seed, least=0)
        )

    def generate(self, stimulus: Any) -> SampleData:
        """Respond to a stimulus.

        Parameters
        ----------
        stimulus : array_like
            Movie (time, height, width) or with five axes.

        Returns
        -------
        SampleData
        """
        shown, response, kernel = _native.sample_data(self._options, movie(stimulus, False))
        return SampleData(np.array(shown), np.array(response), np.array(kernel))


def generate_sample_data(
    input: Any = None, size: tuple[int, int, int] = (2000, 20, 20), seed: int = 123, **options: Any
) -> SampleData:
    """Make a stimulus and the response of a known cell to it.

    Parameters
    ----------
    input : array_like, optional
        The stimulus; binary checks of one pixel by default.
    size : (int, int, int)
        Frames, rows and columns of that default.
    seed : int
        Which random cell, and which checks.
    **options
        `kernel_size`, `p`, `rectify` and `noise` of :class:`SampleGenerator`.

    Returns
    -------
    SampleData

    Examples
    --------
    >>> import convis
    >>> stimulus, response, kernel = convis.samples.generate_sample_data(size=(200, 10, 10))
    >>> stimulus.shape == response.shape == (1, 1, 200, 10, 10)
    True
    """
    if input is None:
        input = random_checker_stimulus(*size, checker_size=1, seed=seed)
    return SampleGenerator(seed=seed, **options).generate(input)
