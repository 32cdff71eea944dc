"""From responses back to filters.

====================================  ==================================================================
:func:`sta`                           the average stimulus before a spike
:func:`stc`                           directions in which spikes change the variance of the stimulus
:func:`nonlinearity`                  firing rate as a function of the filtered stimulus
:func:`generator_signal`              the filtered stimulus
:class:`LinearGradientExplorer`       the linear filter that a model is at one point of its input
====================================  ==================================================================

A window of `lags` frames *ends* at the spike: its last frame is the one in which the spike falls. A filter found here, used
as a kernel whose last frame weighs the present, predicts the response. Spikes too early to have a whole window are left
out, and counted as such.

Spikes are given as counts (time,) or (time, unit), as a movie of spikes (every pixel a unit), as an
:class:`convis.base.Output` (its first movie), or as a list with the frames of the spikes of each unit.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import _native
from ._layer import Layer
from ._movies import movie, whole
from ._native import Tensor
from ._output import Output, as_output
from ._resolution import _positive
from ._text import short

__all__ = [
    "LinearGradientExplorer",
    "Nonlinearity",
    "Sta",
    "Stc",
    "generator_signal",
    "nonlinearity",
    "sta",
    "stc",
]


def __dir__() -> list[str]:
    return __all__


class Sta(NamedTuple):
    """A spike-triggered average."""

    #: (unit, lags, height, width); the last frame is that of the spike. Zeros for a unit without used spikes.
    average: NDArray[np.float32]
    #: Spikes of each unit that have a whole window.
    used: NDArray[np.float64]
    #: Spikes of each unit that came too early.
    skipped: NDArray[np.float64]


class Stc(NamedTuple):
    """Directions of the stimulus in which spikes change its variance."""

    #: The spike-triggered average (lags, height, width).
    average: NDArray[np.float32]
    #: Eigenvalues of the change of covariance, largest first.
    eigenvalues: NDArray[np.float64]
    #: Their eigenvectors (eigenvalue, lags, height, width), of length 1.
    filters: NDArray[np.float32]
    #: Smallest and largest eigenvalue that chance makes; None without shuffles.
    chance: tuple[float, float] | None
    #: Numbers of the eigenvalues beyond what chance makes.
    significant: list[int]
    #: Spikes that have a whole window.
    used: float


class Nonlinearity(NamedTuple):
    """Firing rate as a function of the filtered stimulus, bin by bin."""

    #: Mean generator signal.
    generator: NDArray[np.float64]
    #: Mean rate, spikes per second.
    rate_hz: NDArray[np.float64]
    #: Standard error of the rate.
    error_hz: NDArray[np.float64]
    #: Frames in the bin.
    frames: NDArray[np.float64]


def _counts(spikes: Any, frames: int) -> NDArray[np.float32]:
    """Counts (time, unit)."""
    if isinstance(spikes, Output):
        spikes = spikes[0]
    if isinstance(spikes, (list, tuple)) and spikes and all(np.ndim(unit) == 1 for unit in spikes):
        counts = np.zeros((frames, len(spikes)), np.float32)
        for unit, at in enumerate(spikes):
            places = np.asarray(at)
            if places.size and (places.dtype.kind not in "iu" or places.min() < 0 or places.max() >= frames):
                raise ValueError(f"spikes: expected frames from 0 to {frames - 1} for unit {unit}, got {short(at)}")
            counts[:, unit] = np.bincount(places.astype(np.int64), minlength=frames)
        return counts
    array = np.asarray(spikes)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"spikes: expected counts or frames, got {short(spikes)}")
    if array.ndim in (3, 5):
        planes = array.reshape(-1, *array.shape[-3:])
        array = np.moveaxis(planes, 1, 0).reshape(array.shape[-3], -1)
    return np.ascontiguousarray(array, np.float32)


def _stimulus(x: Any) -> Any:
    return np.ascontiguousarray(np.asarray(movie(x, False)), np.float32)


def sta(stimulus: Any, spikes: Any, lags: int = 10) -> Sta:
    """Compute the spike-triggered average, ``A(i, p) = Σₜ n(t) s(t - (lags - 1 - i), p) / Σₜ n(t)``.

    Parameters
    ----------
    stimulus : array_like
        Movie (time, height, width), or with one batch and channel.
    spikes : array_like, Output or list
        Spikes of one or more units, see :mod:`convis.analysis`.
    lags : int
        Frames of the window.

    Returns
    -------
    Sta
        `average`, `used` and `skipped`.

    References
    ----------
    de Boer & Kuyper 1968, IEEE Trans. Biomed. Eng. 15:169; Chichilnisky 2001, Network 12:199.

    Examples
    --------
    >>> import convis, numpy as np
    >>> x = convis.samples.random_checker_stimulus(500, 4, 5, checker_size=1)
    >>> spikes = np.roll(x[:, 2, 3] > 0.5, 3)              # three frames after a pixel was bright
    >>> found = convis.analysis.sta(x, spikes, lags=10)
    >>> found.average.shape, float(found.average[0, 10 - 1 - 3, 2, 3])
    ((1, 10, 4, 5), 1.0)
    """
    shown = _stimulus(stimulus)
    average, used, skipped = _native.sta(shown, _counts(spikes, shown.shape[2]), whole("lags", lags))
    return Sta(average.numpy(), used, skipped)


def stc(
    stimulus: Any,
    spikes: Any,
    lags: int = 10,
    unit: int = 0,
    shuffles: int = 100,
    confidence: float = 0.95,
    seed: int = 0,
) -> Stc:
    """Compute the change of the stimulus' covariance that comes with the spikes of one unit, and its eigenvectors.

    Eigenvectors with large eigenvalues span the space in which a cell squares its input, those with small ones the space
    that suppresses it. They are compared with those of spikes shifted against the stimulus.

    Parameters
    ----------
    stimulus : array_like
        Movie (time, height, width), or with one batch and channel; lags · height · width at most 2048.
    spikes : array_like, Output or list
        Spikes, see :mod:`convis.analysis`.
    lags : int
        Frames of the window.
    unit : int
        Which unit.
    shuffles : int
        How often the spikes are shifted to learn what chance does; 0 for no test.
    confidence : float
        Chance, without any effect, that no eigenvalue is called significant.
    seed : int
        Which random shifts.

    Returns
    -------
    Stc
        `average`, `eigenvalues`, `filters`, `chance`, `significant` and `used`.

    References
    ----------
    Schwartz, Pillow, Rust & Simoncelli 2006, J. Vision 6:484.

    Examples
    --------
    >>> import convis, numpy as np
    >>> x = np.random.default_rng(1).normal(size=(3000, 1, 4))
    >>> spikes = np.abs(np.roll(x[:, 0, 1], 2)) > 1.5      # very bright or very dark, two frames ago
    >>> found = convis.analysis.stc(x, spikes, lags=4, shuffles=40)
    >>> found.significant, bool(abs(found.filters[0, 4 - 1 - 2, 0, 1]) > 0.9)
    ([0], True)
    """
    shown = _stimulus(stimulus)
    average, eigenvalues, filters, chance, significant, used = _native.stc(
        shown,
        _counts(spikes, shown.shape[2]),
        whole("unit", unit, least=0),
        whole("lags", lags),
        whole("shuffles", shuffles, least=0),
        confidence,
        whole("seed", seed, least=0),
    )
    return Stc(average.numpy(), eigenvalues, filters.numpy(), chance, significant, used)


def generator_signal(stimulus: Any, filter: Any) -> NDArray[np.float32]:
    """Filter a stimulus: what drives a linear-nonlinear cell.

    Parameters
    ----------
    stimulus : array_like
        Movie (time, height, width), or with one batch and channel.
    filter : array_like
        (lags, height, width), the last frame weighs the present, as in :class:`Sta`.

    Returns
    -------
    numpy.ndarray
        One number per frame, from frame ``lags - 1`` on.

    Examples
    --------
    >>> import convis, numpy as np
    >>> convis.analysis.generator_signal(np.arange(4.0).reshape(4, 1, 1), [[[1.0]], [[10.0]]]).tolist()
    [10.0, 21.0, 32.0]
    """
    return _native.generator_signal(_stimulus(stimulus), np.ascontiguousarray(filter, np.float32))


def nonlinearity(
    stimulus: Any, filter: Any, spikes: Any, unit: int = 0, bins: int = 20, step_s: float | None = None
) -> Nonlinearity:
    """Estimate the firing rate as a function of the filtered stimulus.

    Frames are sorted by their generator signal and cut into bins with as many frames each. Use a filter that was found on
    other frames, or the same frames' noise bends the curve.

    Parameters
    ----------
    stimulus : array_like
        Movie (time, height, width), or with one batch and channel.
    filter : array_like
        (lags, height, width), as in :class:`Sta`.
    spikes : array_like, Output or list
        Spikes, see :mod:`convis.analysis`.
    unit : int
        Which unit.
    bins : int
        How many bins.
    step_s : float, optional
        Duration of a frame, s; by default that of ``convis.default_resolution``.

    Returns
    -------
    Nonlinearity
        `generator`, `rate_hz`, `error_hz` and `frames`.

    References
    ----------
    Chichilnisky 2001, Network 12:199.

    Examples
    --------
    >>> import convis, numpy as np
    >>> x = np.random.default_rng(0).random((1000, 1, 1))
    >>> bins = convis.analysis.nonlinearity(x, [[[1.0]]], x[:, 0, 0] > 0.5, bins=2)
    >>> bool(bins.rate_hz[0] < 100 and bins.rate_hz[1] > 900)
    True
    """
    from ._resolution import default_resolution

    shown = _stimulus(stimulus)
    kernel = np.ascontiguousarray(filter, np.float32)
    step = 1 / default_resolution.steps_per_second if step_s is None else _positive("step_s", step_s)
    counts = _counts(spikes, shown.shape[2])
    columns = _native.nonlinearity(shown, kernel, counts, whole("unit", unit, least=0), whole("bins", bins), step)
    return Nonlinearity(*columns)


class LinearGradientExplorer:
    """Looks at a model as a linear filter around stimuli: for a cell that adapts or has a threshold, another around each.

    For the output pixel q at frame t, around the stimulus x, ``f(i, p) = ∂y(t, q)/∂x(t - (lags - 1 - i), p)``: a window that
    ends at t, as in :func:`sta`. The state of the model stays as it is.

    Parameters
    ----------
    model : Layer
        The model, in the state in which it is before each stimulus.

    Examples
    --------
    >>> import convis, numpy as np
    >>> model = convis.filters.TemporalLowPassFilterRecursive(0.01)
    >>> explorer = convis.analysis.LinearGradientExplorer(model)
    >>> f = explorer.filter(np.full((40, 2, 3), 0.5), frame=30, pixel=(1, 2), lags=5)
    >>> f.shape, int(np.count_nonzero(f))                  # one pixel only
    ((5, 2, 3), 5)
    """

    def __init__(self, model: Layer) -> None:
        if not isinstance(model, Layer):
            raise TypeError(f"model: expected a layer, got {short(model)}")
        self._model = model

    def gradient(self, stimulus: Any, weights: Any, which: int | str = 0) -> NDArray[Any]:
        """Compute the gradient of a weighted sum of an output with respect to the stimulus.

        Parameters
        ----------
        stimulus : array_like
            Movie.
        weights : array_like or callable
            Weights of the shape of the output, or a function that makes them from the output.
        which : int or str
            The output, where there are several.

        Returns
        -------
        numpy.ndarray
            Of the shape of the stimulus with five axes.
        """
        import convis

        before, switched = self._model.get_state(), convis.default_grad_enabled
        x = Tensor(np.array(movie(stimulus, self._model._double)), True)
        parameters = list(self._model.parameters())
        self._model._take_sizes(x)
        # Gradients of the parameters are not asked for; those collected elsewhere stay as they are.
        wanted = [parameter for parameter in parameters if parameter.requires_grad]
        try:
            for parameter in wanted:
                parameter.requires_grad = False
            convis.default_grad_enabled = True
            output = as_output(self._model(x))[which]
            output.backward(weights(output) if callable(weights) else weights)
        finally:
            convis.default_grad_enabled = switched
            for parameter in wanted:
                parameter.requires_grad = True
            self._model.set_state(before)
        gradient = x.grad
        return np.zeros(x.shape, x.dtype) if gradient is None else gradient.numpy()

    def filter(
        self, stimulus: Any, frame: int, pixel: tuple[int, int], lags: int = 100, which: int | str = 0
    ) -> NDArray[Any]:
        """Compute the filter behind one pixel of the output at one frame.

        Parameters
        ----------
        stimulus : array_like
            Movie (time, height, width), or with one batch and channel.
        frame : int
            The frame of the output.
        pixel : (int, int)
            Its row and column.
        lags : int
            Frames of the filter, at most ``frame + 1``.
        which : int or str
            The output, where there are several.

        Returns
        -------
        numpy.ndarray
            (lags, height, width).
        """
        shown = movie(stimulus, self._model._double)
        if tuple(shown.shape[:2]) != (1, 1):
            raise ValueError(f"stimulus: expected one batch and one channel, got shape {tuple(shown.shape)}")
        frame, lags = whole("frame", frame, least=0), whole("lags", lags)
        row, column = (whole("pixel", place, least=0) for place in pixel)
        if frame >= shown.shape[2] or lags > frame + 1:
            raise ValueError(f"lags: expected 1 to {frame + 1} at a frame below {shown.shape[2]}, got {lags}, {frame}")

        def one(output: Tensor) -> NDArray[Any]:
            weights = np.zeros(output.shape, output.dtype)
            if row >= output.shape[3] or column >= output.shape[4]:
                raise ValueError(f"pixel: expected a place within {output.shape[3:]}, got ({row}, {column})")
            weights[0, 0, frame, row, column] = 1
            return weights

        # What comes after the frame cannot matter.
        upto = np.asarray(shown)[:, :, : frame + 1]
        return self.gradient(upto, one, which)[0, 0, frame + 1 - lags : frame + 1]
