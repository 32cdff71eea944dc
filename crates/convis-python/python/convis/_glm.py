"""Cells that remember their spikes, and hear those of others."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _native
from ._files import read, write
from ._lnp import frames_of
from ._movies import whole
from ._resolution import Resolution, pair
from ._text import short, unknown

Array = NDArray[np.float64]

_NONLINEARITIES = ("exp", "softplus", "power", "sigmoid", "identity")


@dataclass(frozen=True)
class RaisedCosines:
    """A few smooth bumps that span a spike history: narrow right after a spike, wide long after it.

    ``b_j(u) = 1/2 + 1/2 cos(clip(a (ln(u + c) - ln(u_j + c)), -pi, pi))`` with peaks ``u_j`` evenly spaced in ``ln(u + c)`` and a
    such that a bump ends at the peak after the next.

    Parameters
    ----------
    count : int
        Number of bumps.
    first, last : float
        Their first and last peak, in steps; 0 is the step right after the spike.
    offset : float
        c in steps: below it the axis is nearly linear.

    References
    ----------
    Pillow et al. 2008, Nature 454:995, supplementary methods.

    Examples
    --------
    >>> import convis
    >>> convis.models.RaisedCosines(count=5, last=20.0).bumps().shape
    (5, 97)
    """

    count: int = 8
    first: float = 0.0
    last: float = 30.0
    offset: float = 1.0

    def bumps(self) -> Array:
        """The bumps ``(count, steps)``, the step right after a spike first."""
        return _native.raised_cosines(*self._numbers())

    def _numbers(self) -> tuple[int, float, float, float]:
        return whole("history, count", self.count), float(self.first), float(self.last), float(self.offset)


class GLM:
    """The generalised linear model of recorded cells: what a cell did before counts, and, coupled, what others did.

    ``m_u(t) = g(b_u + sum_l sum_p k_u(l, p) s(t - l, p) + sum_v sum_i h_uv(i) y_v(t - i))`` with lags l from 0, i from 1, and v = u
    alone unless cells are coupled. The history filters h are sums of :class:`RaisedCosines`. Frames and responses before the
    first are zero. :func:`convis.fit` finds k, h and b from a recording.

    Parameters
    ----------
    lags : int
        Frames of the stimulus filter: lags 0 ... `lags` - 1.
    spatial : (int, int), optional
        Rows and columns of a frame; by default one pixel.
    nonlinearity : {"exp", "softplus", "power", "sigmoid", "identity"}
        g, see :class:`convis.models.LNP`.
    history : RaisedCosines or None
        What spans the history filters; None for cells without memory.
    coupled : bool
        Whether every cell also hears the others.
    units : int
        Number of cells; :func:`convis.fit` takes that of the responses.
    power : float
        Exponent of ``"power"``.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``; only :attr:`lags_s` and pictures depend on it.

    Attributes
    ----------
    filter : ndarray
        k, ``(units, lags)``, or ``(units, lags, rows, columns)``; lag 0 (the present) first.
    bias : ndarray
        b, ``(units,)``.
    history_weights : ndarray
        What the bumps of the history are multiplied with: ``(units, bumps)``, coupled ``(units, units, bumps)`` with the cell
        that listens first and the one that fired second.
    loss : str
        The distribution of the responses; :func:`convis.fit` sets the one that was fitted. With ``"bernoulli"`` and a
        nonlinearity of rates, the chance of any spike is ``1 - exp(-g)``.
    dispersion : float
        r of the negative binomial distribution.

    References
    ----------
    Truccolo et al. 2005, J. Neurophysiol. 93:1074; Pillow et al. 2008, Nature 454:995.

    Examples
    --------
    >>> import convis, numpy as np
    >>> cell = convis.models.GLM(lags=2, history=convis.models.RaisedCosines(count=2, last=5.0))
    >>> cell.filter, cell.bias, cell.history_weights = [[1.5, -0.5]], [-1.0], [[-3.0, -0.2]]
    >>> stimulus = np.random.default_rng(1).normal(size=20_000)
    >>> spikes = cell.simulate(stimulus, seed=4)[0]
    >>> other = convis.models.GLM(lags=2, history=convis.models.RaisedCosines(count=2, last=5.0))
    >>> result = convis.fit(other, stimulus, spikes)
    >>> bool(np.abs(other.filter - cell.filter).max() < 0.1)
    True
    """

    def __init__(
        self,
        lags: int = 25,
        spatial: Sequence[int] | None = None,
        nonlinearity: str = "exp",
        history: RaisedCosines | None = RaisedCosines(),  # noqa: B008  (frozen)
        coupled: bool = False,
        units: int = 1,
        power: float = 2.0,
        *,
        resolution: Resolution | None = None,
    ) -> None:
        if nonlinearity not in _NONLINEARITIES:
            raise ValueError("nonlinearity: " + unknown("name", str(nonlinearity), _NONLINEARITIES))
        if history is not None and not isinstance(history, RaisedCosines):
            raise TypeError(f"history: expected a convis.models.RaisedCosines or None, got {short(history)}")
        if coupled and history is None:
            raise ValueError("coupled: expected a history, through which cells hear each other, got history=None")
        if not power > 0:
            raise ValueError(f"power: expected a number above 0, got {power}")
        size = (1, 1) if spatial is None else tuple(whole("spatial", n) for n in spatial)
        if len(size) != 2:
            raise ValueError(f"spatial: expected rows and columns, got {short(spatial)}")
        self._lags, self._spatial = whole("lags", lags), (size[0], size[1])
        if min(self._lags, *size) < 1:
            raise ValueError(f"lags, spatial: expected at least one lag and one pixel, got {lags}, {size}")
        self.nonlinearity, self.power, self.history, self.coupled = nonlinearity, float(power), history, bool(coupled)
        self.resolution = Resolution(*pair(resolution))
        self.loss, self.dispersion = "poisson", 1.0
        self._bumps = np.zeros((0, 0)) if history is None else history.bumps()
        self._start(whole("units", units))

    def _start(self, units: int) -> None:
        if units < 1:
            raise ValueError(f"units: expected at least one, got {units}")
        self._filter = np.zeros((units, self._lags, *self._spatial))
        self._bias = np.zeros(units)
        self._history = np.zeros((units, *([units] if self.coupled else []), len(self._bumps)))

    # ------------------------------------------------------------------ numbers
    @property
    def lags(self) -> int:
        """Frames of the stimulus filter."""
        return self._lags

    @property
    def spatial(self) -> tuple[int, int]:
        """Rows and columns of a frame."""
        return self._spatial

    @property
    def units(self) -> int:
        """Number of cells."""
        return len(self._bias)

    @property
    def lags_s(self) -> Array:
        """Lags of the stimulus filter in seconds, from 0."""
        return np.arange(self.lags) / self.resolution.steps_per_second

    @property
    def history_lags_s(self) -> Array:
        """Lags of the history filters in seconds: the first is one step."""
        return np.arange(1, self._bumps.shape[-1] + 1) / self.resolution.steps_per_second

    @property
    def filter(self) -> Array:
        """The stimulus filters, lag 0 (the present) first."""
        return (self._filter[:, :, 0, 0] if self.spatial == (1, 1) else self._filter).copy()

    @filter.setter
    def filter(self, weights: ArrayLike) -> None:
        self._filter = _shaped("filter", weights, self.filter.shape).reshape(self._filter.shape)

    @property
    def bias(self) -> Array:
        """The biases."""
        return self._bias.copy()

    @bias.setter
    def bias(self, values: ArrayLike) -> None:
        self._bias = _shaped("bias", values, self._bias.shape)

    @property
    def history_weights(self) -> Array:
        """What the bumps of the history are multiplied with."""
        return self._history.copy()

    @history_weights.setter
    def history_weights(self, weights: ArrayLike) -> None:
        self._history = _shaped("history_weights", weights, self._history.shape)

    @property
    def history_filter(self) -> Array:
        """What a spike of its own does to a cell's drive, ``(units, lags)``; the lags are :attr:`history_lags_s`."""
        own = self._history[range(self.units), range(self.units)] if self.coupled else self._history
        result: Array = own @ self._bumps
        return result

    @property
    def coupling_filter(self) -> Array:
        """What a spike of the second cell does to the drive of the first, ``(units, units, lags)``; zero where uncoupled."""
        if self.coupled:
            result: Array = self._history @ self._bumps
            return result
        coupling = np.zeros((self.units, self.units, self._bumps.shape[-1]))
        coupling[range(self.units), range(self.units)] = self.history_filter
        return coupling

    # ------------------------------------------------------------------ what it does
    def predict(self, stimulus: ArrayLike, response: ArrayLike | None = None) -> Array:
        """The expected response in every step, given what the cells really did before it.

        Parameters
        ----------
        stimulus : array_like
            ``(time,)``, or ``(time, rows, columns)`` for filters in space.
        response : array_like
            Counts ``(time,)`` or ``(time, units)``. Not needed without history.

        Returns
        -------
        ndarray
            ``(time,)`` for one cell, ``(time, units)`` for several.

        See Also
        --------
        simulate : when nothing was recorded.
        """
        movie = self._movie(stimulus)
        counts = np.zeros((len(movie), self.units))
        if self.history is not None:
            if response is None:
                raise ValueError(
                    "response: expected what the cells did, which this model's history is made of; without a recording use "
                    "simulate"
                )
            counts = np.asarray(response, dtype=np.float64).reshape(len(response), -1)  # type: ignore[arg-type]
            if counts.shape != (len(movie), self.units):
                raise ValueError(f"response: expected {(len(movie), self.units)} counts, got {np.shape(response)}")
            if not np.isfinite(counts).all():
                raise ValueError("response: expected finite numbers, got NaN or infinity")
        past = np.ascontiguousarray(counts.T)
        options = told(self._options(), loss=self.loss, dispersion=self.dispersion)
        rates = [
            _native.predict_glm(options, cell, unit, movie.ravel(), past) for unit, cell in enumerate(self._cells())
        ]
        return rates[0] if self.units == 1 else np.stack(rates, axis=1)

    def simulate(self, stimulus: ArrayLike, trials: int = 1, seed: int = 0) -> Array:
        """Spikes of the cells left to themselves: what they fired is their history.

        Parameters
        ----------
        stimulus : array_like
            ``(time,)``, or ``(time, rows, columns)`` for filters in space.
        trials : int
            How often it is shown.
        seed : int
            Of the noise. The noise of a step depends on seed, trial, cell and step alone.

        Returns
        -------
        ndarray
            Counts ``(trials, time)`` for one cell, ``(trials, time, units)`` for several.
        """
        movie = self._movie(stimulus)
        options = told(self._options(), loss=self.loss, dispersion=self.dispersion)
        counts = _native.simulate_glm(options, self._cells(), movie.ravel(), seed, whole("trials", trials))
        return counts[:, 0] if self.units == 1 else np.ascontiguousarray(counts.transpose(0, 2, 1))

    # ------------------------------------------------------------------ files
    def save_parameters(self, path: str | os.PathLike[str]) -> None:
        """Write filters, histories and biases to a file: ``.npz``, ``.json`` or ``.safetensors`` by its ending."""
        write(path, self._values())

    def load_parameters(self, path: str | os.PathLike[str], strict: bool = True) -> None:
        """Set filters, histories and biases from a file of :meth:`save_parameters`; all of them, or none if one is refused.

        Parameters
        ----------
        path : str or path
            The file.
        strict : bool
            Whether other values in the file are refused, such as the errors that a :class:`convis.fitting.Fit` saves.
        """
        values, own = read(path), self._values()
        if self.history is None:
            values.pop("history_weights", None)
        missing = [name for name in own if name not in values]
        if missing:
            raise ValueError(f"{os.fspath(path)}: expected {', '.join(own)}, but {', '.join(missing)} missing")
        further = [name for name in values if name not in own]
        if strict and further:
            raise ValueError(f"{os.fspath(path)}: {', '.join(further)} are no parameters of a GLM; strict=False leaves them")
        units = len(values["bias"])
        shapes = {
            "filter": (units, *self.filter.shape[1:]),
            "bias": (units,),
            "history_weights": (units, *([units] if self.coupled else []), len(self._bumps)),
        }
        shaped = {name: _shaped(name, values[name], shapes[name]) for name in own}
        self._start(units)
        for name, value in shaped.items():
            setattr(self, name, value)

    def __repr__(self) -> str:
        shown = f"lags={self.lags}"
        if self.spatial != (1, 1):
            shown += f", spatial={self.spatial}"
        return (
            f"GLM({shown}, nonlinearity={self.nonlinearity!r}, history={self.history}, coupled={self.coupled}, "
            f"units={self.units})"
        )

    # ------------------------------------------------------------------ for fitting
    def _values(self) -> dict[str, Array]:
        values = {"filter": self.filter, "bias": self.bias}
        return values if self.history is None else values | {"history_weights": self.history_weights}

    def _movie(self, stimulus: ArrayLike) -> Array:
        return frames_of(stimulus, self.spatial)

    def _options(self) -> dict[str, Any]:
        """The model, as the library is told about it."""
        return {
            "lags": self.lags,
            "size": self.spatial,
            "nonlinearity": self.nonlinearity,
            "power": self.power,
            "learn_exponent": False,
            "history": self.history and self.history._numbers(),
            "coupled": self.coupled,
        }

    def _cells(self) -> list[tuple[list[float], list[float], float]]:
        return [
            (self._filter[unit].ravel().tolist(), self._history[unit].ravel().tolist(), float(self._bias[unit]))
            for unit in range(self.units)
        ]

    def _take(self, cells: list[dict[str, Any]], loss: str, dispersion: float) -> None:
        """Become what was found."""
        self._start(len(cells))
        self._filter = np.stack([cell["filter"] for cell in cells]).reshape(self._filter.shape)
        self._history = np.stack([cell["history"] for cell in cells]).reshape(self._history.shape)
        self._bias = np.array([cell["bias"] for cell in cells])
        self.loss, self.dispersion = loss, dispersion


def told(options: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Options of a model with what only a fit needs: the maximum of the Poisson likelihood, unless changed."""
    usual = {
        "loss": "poisson",
        "dispersion": 1.0,
        "delta": 1.0,
        "regularizer": "none",
        "ridge": None,
        "time": None,
        "space": None,
        "groups": "single",
        "weight": None,
        "rank": 1,
        "iterations": 100,
        "tolerance": 1e-10,
    }
    return options | usual | changes


def _shaped(name: str, values: ArrayLike, shape: tuple[int, ...]) -> Array:
    array = np.array(values, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(f"{name}: expected shape {shape}, got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: expected finite numbers, got NaN or infinity")
    return array
