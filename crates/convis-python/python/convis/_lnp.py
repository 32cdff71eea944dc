"""The model of recorded cells."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._movies import whole
from ._native_layer import NativeLayer, native_layer
from ._parameter import Parameter
from ._resolution import Resolution
from ._text import short
from .filters import RF


@native_layer
class LNP(NativeLayer):
    """The linear-nonlinear-Poisson model of recorded cells: the expected response of each per step.

    ``m(t) = g(b + sum_l sum_p k(l, p) s(t - l, p))`` with a filter k of `lags` frames; frames before the first are zero.
    :func:`convis.fit` finds k and b from a recording.

    Parameters
    ----------
    lags : int
        Frames of the filter: lags 0 ... `lags` - 1.
    nonlinearity : {"exp", "softplus", "power", "sigmoid", "identity", "spline"}
        g: e^x, ln(1 + e^x), max(x, 0)^power, 1 / (1 + e^-x), x, or a monotone spline, whose form :func:`convis.fit` learns.
    spatial : (int, int)
        Rows and columns of a frame.
    units : int
        Number of cells; :func:`convis.fit` takes that of the responses.
    power : float or None
        Exponent of ``"power"``; with None :func:`convis.fit` learns it.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    References
    ----------
    Chichilnisky 2001, Network 12:199; Paninski 2004, Network 15:243.

    Examples
    --------
    >>> import convis, numpy as np
    >>> m = convis.models.LNP(lags=2, nonlinearity="identity")
    >>> m.filter = [[1.0, -0.5]]                                # now, and half of the frame before
    >>> m.predict([2.0, 2.0, 0.0]).tolist()
    [2.0, 1.0, -1.0]
    """

    conv: RF
    exponent: Parameter
    curve: Parameter

    def __init__(
        self,
        lags: int = 25,
        nonlinearity: str = "exp",
        spatial: tuple[int, int] = (1, 1),
        units: int = 1,
        power: float | None = 2.0,
        *,
        resolution: Resolution | None = None,
    ) -> None:
        if not isinstance(nonlinearity, str):
            raise TypeError(f"nonlinearity: expected a name, got {short(nonlinearity)}")
        size = tuple(whole("spatial", n) for n in spatial)
        if len(size) != 2:
            raise ValueError(f"spatial: expected rows and columns, got {short(spatial)}")
        options: dict[str, Any] = {
            "units": whole("units", units),
            "lags": whole("lags", lags),
            "spatial": size,
            "nonlinearity": nonlinearity,
        }
        if nonlinearity == "power":
            options["power"] = 2.0 if power is None else float(power)
        self._build(resolution, **options)
        self.__dict__["_learns_power"] = nonlinearity == "power" and power is None

    @property
    def nonlinearity(self) -> str:
        """Name of the nonlinearity."""
        name: str = self.__dict__["_made_by"][0]["nonlinearity"]
        return name

    @property
    def power(self) -> Any:
        """Exponent of the nonlinearity ``"power"``: a number, or where cells differ, one for each."""
        if self.nonlinearity != "power":
            return 2.0
        exponents = np.asarray(self._learnt().data, dtype=np.float64)
        return float(exponents[0]) if (exponents == exponents[0]).all() else exponents.copy()

    def _learnt(self) -> Any:
        """The parameter of the nonlinearity, or None."""
        name = {"power": "exponent", "spline": "curve"}.get(self.nonlinearity)
        return name and getattr(self, name)

    def respond(self, drive: ArrayLike, unit: int = 0) -> NDArray[np.float64]:
        """The nonlinearity of a cell: its expected response to a drive ``b + sum k s``.

        Parameters
        ----------
        drive : array_like
            Any numbers.
        unit : int
            Which cell.

        Examples
        --------
        >>> import convis
        >>> convis.models.LNP(nonlinearity="power", power=2.0).respond([-1.0, 3.0]).tolist()
        [0.0, 9.0]
        """
        x = np.asarray(drive, dtype=np.float64)
        if self.nonlinearity == "spline":
            low, high, base, *slopes = np.asarray(self.curve.data, dtype=np.float64)[unit]
            slope = np.array([0.0, *slopes])
            knots = np.linspace(low, high, len(slope))
            step = knots[1] - knots[0]
            value = base + np.concatenate([[0.0], np.cumsum(step * (slope[1:] + slope[:-1]) / 2)])
            piece = np.clip(((x - low) / step).astype(int), 0, len(slope) - 1)
            along = np.maximum(x - knots[piece], 0.0)
            rise = np.append(np.diff(slope), 0.0) / step
            curved: NDArray[np.float64] = value[piece] + along * (slope[piece] + along * rise[piece] / 2)
            return curved
        if self.nonlinearity == "power":
            raised: NDArray[np.float64] = np.maximum(x, 0.0) ** np.asarray(self._learnt().data)[unit]
            return raised
        if self.nonlinearity == "exp":
            return np.exp(x)
        if self.nonlinearity == "softplus":
            return np.logaddexp(x, 0.0)
        return np.exp(-np.logaddexp(-x, 0.0)) if self.nonlinearity == "sigmoid" else x.copy()

    @property
    def lags(self) -> int:
        """Frames of the filter."""
        return int(self.conv.weight.shape[2])

    @property
    def spatial(self) -> tuple[int, int]:
        """Rows and columns of a frame."""
        _, _, _, rows, columns = self.conv.weight.shape
        return int(rows), int(columns)

    @property
    def units(self) -> int:
        """Number of cells."""
        return int(self.conv.weight.shape[0])

    @property
    def filter(self) -> NDArray[np.float64]:
        """The filters ``(units, lags, rows, columns)``, lag 0 (the present) first; ``(units, lags)`` for one pixel."""
        k: NDArray[np.float64] = np.asarray(self.conv.weight)[:, 0, ::-1].copy()
        return k[:, :, 0, 0] if self.spatial == (1, 1) else k

    @filter.setter
    def filter(self, value: ArrayLike) -> None:
        k = np.asarray(value, dtype=np.float64)
        shape = (len(k) if k.ndim else 0, self.lags, *self.spatial)
        if k.ndim < 2 or k.size != np.prod(shape):
            raise ValueError(f"filter: expected shape (units, {self.lags}, …) as the model has, got {k.shape}")
        self.conv.weight.set(k.reshape(shape)[:, None, ::-1].copy())
        if len(np.asarray(self.conv.bias)) != shape[0]:
            self.conv.bias.set(np.zeros(shape[0]))
        learnt = self._learnt()
        if learnt is not None and len(learnt.data) != shape[0]:
            learnt.set(np.repeat(learnt.data[:1], shape[0], axis=0))

    def predict(self, stimulus: ArrayLike) -> NDArray[np.float64]:
        """The expected response in every step of a stimulus.

        Parameters
        ----------
        stimulus : array_like
            ``(time,)``, or ``(time, rows, columns)`` for filters in space.

        Returns
        -------
        ndarray
            ``(time,)`` for one cell, ``(time, units)`` for several. The state of the model does not matter and stays.
        """
        movie = self._movie(stimulus)
        double = self._double
        self.push_state()
        try:
            self.clear_state()
            self.double()
            rate = np.asarray(self.run(movie)[0])[0, :, :, 0, 0].T
        finally:
            if not double:
                self.float()
            self.pop_state()
        return rate[:, 0].copy() if self.units == 1 else rate.copy()

    def _movie(self, stimulus: ArrayLike) -> NDArray[np.float64]:
        return frames_of(stimulus, self.spatial)

    def _options(self) -> dict[str, Any]:
        """The model, as the library is told about it."""
        return {
            "lags": self.lags,
            "size": self.spatial,
            "nonlinearity": self.nonlinearity,
            "power": 2.0 if self.nonlinearity != "power" else float(self._learnt().data[0]),
            "learn_exponent": self.__dict__.get("_learns_power", False),
            "history": None,
            "coupled": False,
        }

    def _take(self, cells: list[dict[str, Any]], loss: str, dispersion: float) -> None:
        """Become what was found."""
        self.filter = np.stack([cell["filter"] for cell in cells]).reshape(len(cells), self.lags, *self.spatial)
        self.conv.bias.set(np.array([cell["bias"] for cell in cells]))
        learnt = self._learnt()
        if learnt is not None:
            learnt.set(np.stack([cell["power" if self.nonlinearity == "power" else "curve"] for cell in cells]))

    def _values(self) -> dict[str, NDArray[np.float64]]:
        return {path: np.asarray(value, dtype=np.float64) for path, value in self.state_dict().items()}


def frames_of(stimulus: ArrayLike, spatial: tuple[int, int]) -> NDArray[np.float64]:
    """A stimulus (time,) or (time, rows, columns) as frames of this size."""
    movie = np.asarray(stimulus, dtype=np.float64)
    if movie.ndim == 1 and spatial == (1, 1):
        movie = movie[:, None, None]
    if movie.ndim != 3 or movie.shape[1:] != spatial or len(movie) == 0:
        axes = "(time,)" if spatial == (1, 1) else f"(time, {spatial[0]}, {spatial[1]})"
        raise ValueError(f"stimulus: expected shape {axes}, got {movie.shape}")
    return np.ascontiguousarray(movie)
