"""Stimuli that are designed: what a model likes most, where two models disagree most, what they cannot tell apart.

============================  =======================================================================
:func:`most_exciting`         the movie to which a unit, or a population, responds most
:func:`most_discriminating`   the movie to which two models respond most differently
:func:`metamer`               another movie with the same responses
:class:`Constraints`          what can be shown: luminance, contrast, bands of frequency
:class:`Designed`             what these functions return
============================  =======================================================================

All three look for the best movie within the constraints by the spectral projected gradient method (Birgin, Martínez &
Raydan 2000, SIAM J. Optim. 10:1196): steps along the gradient, projected on what can be shown, as long as the curvature seen
last suggests. They end in a local optimum; other seeds may find others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._layer import Layer
from ._movies import whole
from ._native import Tensor
from ._resolution import Resolution, pair
from ._text import short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Constraints", "Designed", "metamer", "most_discriminating", "most_exciting"]

Floats = NDArray[np.float64]
Objective = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Constraints:
    """What can be shown.

    A movie x is allowed if ``low <= x <= high``, if the root mean square of ``x - mean`` over all pixels and frames is at most
    `rms`, and if ``x - mean`` has no components outside of the bands of frequency.

    Parameters
    ----------
    low, high : float
        Range of luminance, in the units of the movies that the model takes.
    mean : float, optional
        The grey around which contrast is measured; by default the middle of the range.
    rms : float, optional
        Most root mean square of the deviation from `mean`: RMS contrast times mean luminance.
    spatial_band_cpd : (float, float), optional
        Lowest and highest spatial frequency, cycles per degree, in any direction.
    temporal_band_hz : (float, float), optional
        Lowest and highest temporal frequency, Hz.

    Raises
    ------
    ValueError
        If no movie can satisfy them.

    Notes
    -----
    Frequencies are those of the movie continued periodically; 0 is within a band that begins there.

    Examples
    --------
    >>> import convis, numpy as np
    >>> allowed = convis.design.Constraints(low=0.0, high=255.0, rms=25.0)
    >>> movie = allowed.nearest(np.random.default_rng(0).normal(127.5, 80.0, (20, 8, 8)))
    >>> allowed.violation(movie) < 1e-6
    True
    """

    low: float = -1.0
    high: float = 1.0
    mean: float | None = None
    rms: float | None = None
    spatial_band_cpd: tuple[float, float] | None = None
    temporal_band_hz: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not (np.isfinite([self.low, self.high]).all() and self.low < self.high):
            raise ValueError(f"low, high: expected two numbers, the second larger, got {self.low} and {self.high}")
        if not self.low < self.grey < self.high:
            raise ValueError(f"mean: expected a number between {self.low} and {self.high}, got {self.mean}")
        if self.rms is not None and not (self.rms > 0 and np.isfinite(self.rms)):
            raise ValueError(f"rms: expected a number above 0, got {self.rms}")
        for name in ("spatial_band_cpd", "temporal_band_hz"):
            band = getattr(self, name)
            if band is not None and not (np.shape(band) == (2,) and 0 <= band[0] <= band[1]):
                raise ValueError(f"{name}: expected a lowest and a highest frequency, 0 or above, got {short(band)}")

    @property
    def grey(self) -> float:
        """The luminance around which contrast is measured."""
        return (self.low + self.high) / 2 if self.mean is None else self.mean

    def nearest(self, movie: ArrayLike, resolution: Resolution | None = None) -> Floats:
        """The allowed movie that is nearest to a movie.

        Parameters
        ----------
        movie : array_like
            ``(time, rows, columns)``.
        resolution : convis.Resolution, optional
            What frequencies mean; by default ``convis.default_resolution``.

        Returns
        -------
        ndarray
            ``(time, rows, columns)``, by Dykstra's alternating projections; at last scaled towards grey until everything holds
            to the last digits.
        """
        return self._projection(np.shape(movie), resolution)(np.asarray(movie, dtype=np.float64))

    def violation(self, movie: ArrayLike, resolution: Resolution | None = None) -> float:
        """By how much a movie breaks the constraints, at worst, as a part of the range of luminance.

        Parameters
        ----------
        movie : array_like
            ``(time, rows, columns)``.
        resolution : convis.Resolution, optional
            What frequencies mean; by default ``convis.default_resolution``.

        Returns
        -------
        float
            0 for a movie that is allowed.
        """
        x = np.asarray(movie, dtype=np.float64)
        deviation = x - self.grey
        worst = [0.0, float(x.max() - self.high), float(self.low - x.min())]
        if self.rms is not None:
            worst.append(_rms(deviation) - self.rms)
        passes = self._band(x.shape, resolution)
        if passes is not None:
            worst.append(float(np.abs(deviation - _filtered(deviation, passes)).max()))
        return max(worst) / (self.high - self.low)

    def _band(self, shape: tuple[int, ...], resolution: Resolution | None) -> NDArray[np.bool_] | None:
        """Which frequencies of a movie of this shape are allowed; None for all."""
        if self.spatial_band_cpd is None and self.temporal_band_hz is None:
            return None
        if len(shape) != 3:
            raise ValueError(f"movie: expected (time, rows, columns), got shape {shape}")
        pixels_per_degree, steps_per_second = pair(resolution)
        frames, rows, columns = shape
        # Frequencies are multiples of these; a band that ends on one contains it, whatever rounding says.
        slack = 1e-9
        temporal = np.abs(np.fft.fftfreq(frames))[:, None, None] * steps_per_second
        vertical, horizontal = np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns)
        spatial = np.hypot(vertical, horizontal)[None] * pixels_per_degree
        passes = np.ones((frames, rows, columns // 2 + 1), dtype=bool)
        for band, frequency in ((self.temporal_band_hz, temporal), (self.spatial_band_cpd, spatial)):
            if band is not None:
                passes &= (frequency >= band[0] * (1 - slack)) & (frequency <= band[1] * (1 + slack))
        if not passes.any():
            raise ValueError(
                f"bands: a movie of {frames} frames of {rows} × {columns} pixels has no frequency within; the lowest above 0 are "
                f"{steps_per_second / frames:g} Hz and {pixels_per_degree / max(rows, columns):g} cycles/deg"
            )
        return passes

    def _projection(self, shape: tuple[int, ...], resolution: Resolution | None) -> Callable[[Floats], Floats]:
        passes, grey = self._band(shape, resolution), self.grey
        low, high = self.low - grey, self.high - grey

        def within_band(d: Floats) -> Floats:
            return d if passes is None else _filtered(d, passes)

        def within_range_and_contrast(d: Floats) -> Floats:
            clipped = np.clip(d, low, high)
            if self.rms is None or _rms(clipped) <= self.rms:
                return clipped
            # The nearest is the shrunk movie, clipped, with the factor that makes its contrast right.
            factor = self.rms / _rms(d)
            shrunk = d * factor
            if shrunk.max() <= high and shrunk.min() >= low:
                return shrunk
            below, above = factor, 1.0
            for _ in range(50):
                factor = (below + above) / 2
                too_much = _rms(np.clip(d * factor, low, high)) > self.rms
                below, above = (below, factor) if too_much else (factor, above)
            return np.clip(d * below, low, high)

        sets = [within_range_and_contrast] if passes is None else [within_range_and_contrast, within_band]

        def nearest(movie: Floats) -> Floats:
            d = movie - grey
            memory = [np.zeros_like(d) for _ in sets]
            for _ in range(50):
                before = d
                for i, project in enumerate(sets):
                    y = project(d + memory[i])
                    memory[i] += d - y
                    d = y
                if np.abs(d - before).max() <= 1e-7 * (high - low):
                    break
            d = within_band(d)
            # All sets hold grey and are convex, so going towards it ends within them.
            scale = 1.0
            if d.size:
                scale = min(scale, high / max(float(d.max()), high), low / min(float(d.min()), low))
            if self.rms is not None:
                scale = min(scale, self.rms / max(_rms(d), self.rms))
            return grey + scale * d

        return nearest


@dataclass(frozen=True, repr=False)
class Designed:
    """A designed movie.

    Attributes
    ----------
    movie : ndarray
        ``(time, rows, columns)``, float64; within the constraints.
    value : float
        What was to be made large (for :func:`metamer`: small) at this movie.
    values : list of float
        The same after every step.
    converged : bool
        Whether no step within the constraints promised more; else the iterations were used up.
    constraints : Constraints
        What was allowed.
    resolution : Resolution
        Of the model.
    """

    movie: Floats
    value: float
    values: list[float]
    converged: bool
    constraints: Constraints
    resolution: Resolution

    def __repr__(self) -> str:
        frames, rows, columns = self.movie.shape
        end = "converged" if self.converged else "NOT converged"
        return (
            f"Designed movie: {frames} frames of {rows} × {columns}, value {self.value:.6g}, {end} in {len(self.values) - 1} steps"
        )

    def plot(self, frames: int = 8) -> Figure:
        """Draw some frames, evenly spaced, and a cut through time.

        Parameters
        ----------
        frames : int
            How many.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from matplotlib import pyplot as plt

        count = min(whole("frames", frames), len(self.movie))
        chosen = np.unique(np.linspace(0, len(self.movie) - 1, count).round().astype(int))
        low, high = self.constraints.low, self.constraints.high
        figure, axes = plt.subplots(1, len(chosen) + 1, figsize=(1.6 * (len(chosen) + 2), 2.2), layout="constrained", squeeze=False)
        for axis, frame in zip(axes[0], chosen, strict=False):
            axis.imshow(self.movie[frame], cmap="gray", vmin=low, vmax=high)
            axis.set(title=f"{frame / self.resolution.steps_per_second:.3g} s", xticks=[], yticks=[])
        row = int(np.argmax(((self.movie - self.constraints.grey) ** 2).sum(axis=(0, 2))))
        axes[0, -1].imshow(self.movie[:, row], cmap="gray", vmin=low, vmax=high, aspect="auto")
        axes[0, -1].set(title=f"row {row}", xlabel="column", ylabel="frame")
        return figure


def most_exciting(
    model: Layer,
    frames: int,
    size: tuple[int, int],
    constraints: Constraints | None = None,
    *,
    unit: int | tuple[int, ...] | Sequence[tuple[int, ...]] | None = None,
    objective: Objective | None = None,
    window: tuple[int, int] | None = None,
    start: ArrayLike | None = None,
    seed: int = 0,
    iterations: int = 200,
    tolerance: float = 1e-6,
) -> Designed:
    """The movie to which a unit, or a population, responds most.

    Parameters
    ----------
    model : Layer
        Anything with a gradient by its input; a retina without spikes. It starts from rest; its state stays.
    frames : int
        Length of the movie.
    size : (int, int)
        Rows and columns of the movie.
    constraints : Constraints, optional
        By default luminance from -1 to 1, which is what models without one of their own see as full contrast.
    unit : int or tuple of int, or a list of them, optional
        Whose mean response is made large: a channel, a ``(row, column)`` of the first channel, or a ``(channel, row, column)``
        of the first output. By default all of them.
    objective : callable, optional
        Instead of `unit`, what to make large: a function of the first output, a Tensor ``(batch, channel, time, rows, columns)``,
        to one number.
    window : (int, int), optional
        First frame whose response counts, and the one after the last; by default the second half.
    start : array_like, optional
        Movie to begin with; by default noise to which the model responds.
    seed : int
        Of the noise.
    iterations : int
        Most steps.
    tolerance : float
        The search ends where no pixel wants to move by more than this part of the range of luminance.

    Returns
    -------
    Designed

    Raises
    ------
    ValueError
        If the response does not depend on the movie where the search begins, or is not finite.

    References
    ----------
    Walker et al. 2019, Nat. Neurosci. 22:2060 (most exciting inputs); Bashivan, Kar & DiCarlo 2019, Science 364:eaav9436.

    Examples
    --------
    >>> import convis, numpy as np
    >>> model = convis.models.LN((4, 5, 5), population=False)
    >>> model.conv.set_weight(np.random.default_rng(1).normal(size=(4, 5, 5)))
    >>> best = convis.design.most_exciting(model, 8, (5, 5), convis.design.Constraints(rms=0.2))
    >>> best.converged and best.value > best.values[0]
    True
    """
    window = _window(window, frames)
    if objective is not None and unit is not None:
        raise ValueError("unit, objective: expected one of the two")

    def value(x: Tensor) -> Tensor:
        response = _response(model, x)
        return response_of(response) if objective is None else objective(response)

    def response_of(response: Tensor) -> Tensor:
        return _mean(response, unit, window)

    search = _Search(value, constraints, _resolution(model), iterations, tolerance)
    with _Still(model):
        return search.largest(_beginnings(start, frames, size, seed, search.constraints))


def most_discriminating(
    first: Layer,
    second: Layer,
    frames: int,
    size: tuple[int, int],
    constraints: Constraints | None = None,
    *,
    unit: int | tuple[int, ...] | Sequence[tuple[int, ...]] | None = None,
    window: tuple[int, int] | None = None,
    start: ArrayLike | None = None,
    seed: int = 0,
    iterations: int = 200,
    tolerance: float = 1e-6,
) -> Designed:
    """The movie to which two models respond most differently: the one to show a cell to find out which of them it is.

    What is made large is the mean square of the difference of their responses.

    Parameters
    ----------
    first, second : Layer
        Models whose first outputs have one shape.
    frames, size, constraints, unit, window, start, seed, iterations, tolerance
        As for :func:`most_exciting`.

    Returns
    -------
    Designed

    References
    ----------
    Wang & Simoncelli 2008, J. Vision 8(12):8 (maximum differentiation); Golan, Raju & Kriegeskorte 2020, PNAS 117:29330.

    Examples
    --------
    >>> import convis, numpy as np
    >>> on, off = convis.models.LN((1, 3, 3)), convis.models.LN((1, 3, 3))
    >>> on.conv.set_weight(np.ones((1, 3, 3)))
    >>> off.conv.set_weight(-np.ones((1, 3, 3)))
    >>> convis.design.most_discriminating(on, off, 4, (3, 3)).converged
    True
    """
    window = _window(window, frames)
    if _resolution(first) != _resolution(second):
        raise ValueError(f"second: expected the resolution of the first, {_resolution(first)}, got {_resolution(second)}")

    def value(x: Tensor) -> Tensor:
        one, other = _response(first, x), _response(second, x)
        if one.shape != other.shape:
            raise ValueError(f"second: expected outputs of shape {one.shape} as of the first, got {other.shape}")
        return _mean((one - other).square(), unit, window)

    search = _Search(value, constraints, _resolution(first), iterations, tolerance)
    with _Still(first), _Still(second):
        return search.largest(_beginnings(start, frames, size, seed, search.constraints))


def metamer(
    model: Layer,
    movie: ArrayLike,
    constraints: Constraints | None = None,
    *,
    unit: int | tuple[int, ...] | Sequence[tuple[int, ...]] | None = None,
    window: tuple[int, int] | None = None,
    start: ArrayLike | None = None,
    seed: int = 0,
    iterations: int = 3000,
    tolerance: float = 1e-7,
) -> Designed:
    """Another movie with the same responses: what the model does not see is that of other noise.

    What is made small is the mean square of the difference of the responses, as a part of the variance of those to `movie`;
    0.01 leaves a difference of a tenth of a standard deviation.

    Parameters
    ----------
    model : Layer
        Anything with a gradient by its input.
    movie : array_like
        ``(time, rows, columns)``, the movie whose responses are wanted.
    constraints : Constraints, optional
        By default the range of luminance of `movie`.
    unit, start, seed, iterations, tolerance
        As for :func:`most_exciting`.
    window : (int, int), optional
        Frames whose responses have to agree; by default all.

    Returns
    -------
    Designed

    References
    ----------
    Freeman & Simoncelli 2011, Nat. Neurosci. 14:1195.

    Examples
    --------
    >>> import convis, numpy as np
    >>> rng = np.random.default_rng(0)
    >>> blur = convis.filters.Conv3d(1, 1, (1, 5, 5))
    >>> blur.set_weight(np.ones((1, 5, 5)), normalize=True)
    >>> movie = rng.uniform(0, 1, (3, 10, 10))
    >>> other = convis.design.metamer(blur, movie)
    >>> bool(other.value < 1e-3 and np.abs(other.movie - movie).mean() > 0.05)
    True
    """
    wanted = np.asarray(movie, dtype=np.float64)
    if wanted.ndim != 3 or wanted.size == 0 or not np.isfinite(wanted).all():
        raise ValueError(f"movie: expected finite numbers (time, rows, columns), got shape {wanted.shape}")
    if constraints is None:
        if wanted.min() == wanted.max():
            raise ValueError("constraints: expected with a movie of one luminance")
        constraints = Constraints(low=float(wanted.min()), high=float(wanted.max()))
    window = _window((0, len(wanted)) if window is None else window, len(wanted))
    with _Still(model):
        goal = _response(model, Tensor(wanted[None, None])).detach()
        counted = np.asarray(goal)[:, :, window[0] : window[1]]
        variance = float(counted.var())
        if not (variance > 0 and np.isfinite(variance)):
            raise ValueError("movie: expected one to which the model responds, and not always alike")

        def value(x: Tensor) -> Tensor:
            return _mean((_response(model, x) - goal).square(), unit, window) * (-1.0 / variance)

        search = _Search(value, constraints, _resolution(model), iterations, tolerance)
        found = search.largest(_beginnings(start, len(wanted), wanted.shape[1:], seed, constraints))
    return Designed(
        found.movie, -found.value, [-v for v in found.values], found.converged, found.constraints, found.resolution
    )


class _Still:
    """The model at rest and in double precision, its parameters without gradients; afterwards all is as it was."""

    def __init__(self, model: Layer) -> None:
        if not isinstance(model, Layer):
            raise TypeError(f"model: expected a layer of convis, got {short(model)}")
        self._model = model

    def __enter__(self) -> None:
        model = self._model
        self._double = model._double
        self._switched = [parameter for parameter in model.parameters() if parameter.requires_grad]
        model.push_state()
        model.double()
        for parameter in self._switched:
            parameter.requires_grad = False

    def __exit__(self, *_: object) -> None:
        for parameter in self._switched:
            parameter.requires_grad = True
        if not self._double:
            self._model.float()
        self._model.pop_state()


def _response(model: Layer, x: Tensor) -> Tensor:
    model.clear_state()
    output = model(x)
    response: Tensor = output if isinstance(output, Tensor) else output[0]
    return response


def _resolution(model: Layer) -> Resolution:
    if not isinstance(model, Layer):
        raise TypeError(f"model: expected a layer of convis, got {short(model)}")
    return model.resolution


def _window(window: tuple[int, int] | None, frames: int) -> tuple[int, int]:
    frames = whole("frames", frames)
    if window is None:
        return frames // 2, frames
    first, end = window
    if not 0 <= first < end <= frames:
        raise ValueError(f"window: expected a first frame and a later end within {frames} frames, got {short(window)}")
    return int(first), int(end)


def _mean(response: Tensor, unit: Any, window: tuple[int, int]) -> Tensor:
    """Mean response of units over the window."""
    response = response[:, :, window[0] : window[1]]
    if unit is None:
        return response.mean()
    units = unit if isinstance(unit, list) else [unit]
    total: Tensor | None = None
    for one in units:
        place = (one, 0, 0) if isinstance(one, (int, np.integer)) else tuple(one)
        place = (0, *place) if len(place) == 2 else place
        sizes = (response.shape[1], response.shape[3], response.shape[4])
        if len(place) != 3 or not all(-n <= int(k) < n for k, n in zip(place, sizes, strict=True)):
            raise ValueError(
                f"unit: expected a channel, (row, column) or (channel, row, column) within {sizes}, the sizes of the output, got "
                f"{short(one)}"
            )
        channel, row, column = (int(k) % n for k, n in zip(place, sizes, strict=True))
        trace = response[:, channel : channel + 1, :, row : row + 1, column : column + 1].mean()
        total = trace if total is None else total + trace
    if total is None:
        raise ValueError("unit: expected at least one")
    return total * (1.0 / len(units))


def _beginnings(start: Any, frames: int, size: Sequence[int], seed: int, constraints: Constraints) -> Iterator[Floats]:
    """Where the search may begin: at the movie that is given, or at one noise after the other."""
    if np.shape(size) != (2,):
        raise ValueError(f"size: expected rows and columns, got {short(size)}")
    shape = (whole("frames", frames), *(whole("size", n) for n in size))
    if start is not None:
        movie = np.asarray(start, dtype=np.float64)
        if movie.shape != shape or not np.isfinite(movie).all():
            raise ValueError(f"start: expected finite numbers of shape {shape}, got {movie.shape}")
        yield movie
        return
    random = np.random.default_rng(seed)
    spread = (constraints.high - constraints.low) / 6 if constraints.rms is None else constraints.rms
    for _ in range(20):
        yield constraints.grey + spread * random.standard_normal(shape)


class _Search:
    """The spectral projected gradient method, for a value that is to be large."""

    #: The largest of so many values before has to be bettered: steps may lose a little (Grippo, Lampariello & Lucidi 1986).
    MEMORY = 10

    def __init__(
        self,
        value: Objective,
        constraints: Constraints | None,
        resolution: Resolution,
        iterations: int,
        tolerance: float,
    ) -> None:
        self.constraints = Constraints() if constraints is None else constraints
        if not isinstance(self.constraints, Constraints):
            raise TypeError(f"constraints: expected convis.design.Constraints, got {short(constraints)}")
        self._value, self._resolution = value, resolution
        self._iterations, self._tolerance = whole("iterations", iterations), tolerance

    def _at(self, movie: Floats) -> tuple[float, Floats]:
        """What is to be small, and its gradient."""
        x = Tensor(movie[None, None], requires_grad=True)
        value = self._value(x)
        if not isinstance(value, Tensor):
            raise TypeError(f"objective: expected a function that returns a Tensor, got {short(value)}")
        if value.size != 1:
            raise ValueError(f"objective: expected one number, got shape {value.shape}")
        if not value.requires_grad:
            raise ValueError("model: its output does not depend on the movie by operations that have a gradient")
        value.backward()
        gradient = np.zeros_like(movie) if x.grad is None else np.asarray(x.grad, dtype=np.float64)[0, 0]
        number = float(value)
        if not (np.isfinite(number) and np.isfinite(gradient).all()):
            raise ValueError("model: its response to a movie within the constraints is not finite")
        return -number, -gradient

    def largest(self, beginnings: Iterator[Floats]) -> Designed:
        reach = self.constraints.high - self.constraints.low
        for start in beginnings:
            nearest = self.constraints._projection(start.shape, self._resolution)
            x = nearest(start)
            f, g = self._at(x)
            if g.any():
                break
        else:
            raise ValueError(
                "start: the response does not change with the movie there (a rectifier may be closed); give a start that excites, "
                "or allow more contrast"
            )
        values, recent = [-f], deque([f], maxlen=self.MEMORY)
        best, best_f = x, f
        # The first step moves the most eager pixel through the range.
        scale, converged = reach / float(np.abs(g).max()), False
        for _ in range(self._iterations):
            direction = nearest(x - scale * g) - x
            slope = float((g * direction).sum())
            if np.abs(direction).max() <= self._tolerance * reach or slope >= 0:
                converged = True
                break
            part = 1.0
            while True:
                trial = x + part * direction
                trial_f, trial_g = self._at(trial)
                if trial_f <= max(recent) + 1e-4 * part * slope:
                    break
                part /= 2
                if part < 1e-10:
                    break
            if part < 1e-10:  # rounding hides what a step would win
                converged = True
                break
            moved, turned = trial - x, trial_g - g
            along = float((moved * turned).sum())
            # Farther than ten times the range, the projection is the same but harder to compute.
            longest = 10 * reach / max(float(np.abs(trial_g).max()), 1e-300)
            scale = min(float((moved * moved).sum()) / along, longest) if along > 0 else longest
            x, f, g = trial, trial_f, trial_g
            recent.append(f)
            values.append(-f)
            if f < best_f:
                best, best_f = x, f
        return Designed(best, -best_f, values, converged, self.constraints, self._resolution)


def _rms(d: Floats) -> float:
    return float(np.sqrt(np.mean(d * d)))


def _filtered(d: Floats, passes: NDArray[np.bool_]) -> Floats:
    filtered: Floats = np.fft.irfftn(np.fft.rfftn(d) * passes, s=d.shape, axes=(0, 1, 2))
    return filtered
