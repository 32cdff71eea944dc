"""Models of recorded cells that are fitted by gradients: their output is the expected response per step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._movies import whole
from ._native_layer import NativeLayer, native_layer
from ._parameter import Parameter
from ._resolution import Resolution
from ._text import short
from .filters import RF, Conv3d, TemporalLowPassFilterRecursive


class RateModel(NativeLayer):
    """What they share: a nonlinearity, and the response to a stimulus."""

    #: The output is the expected response: :func:`convis.fit` adds nothing to it.
    _is_rate = True

    def _rate(
        self, resolution: Resolution | None, nonlinearity: str, power: float, options: dict[str, Any]
    ) -> None:
        if not isinstance(nonlinearity, str):
            raise TypeError(f"nonlinearity: expected a name, got {short(nonlinearity)}")
        options["nonlinearity"] = nonlinearity
        if nonlinearity == "power":
            options["power"] = float(power)
        self._build(resolution, **options)

    @property
    def nonlinearity(self) -> str:
        """Name of the nonlinearity."""
        name: str = self.__dict__["_made_by"][0]["nonlinearity"]
        return name

    def predict(self, stimulus: ArrayLike) -> NDArray[np.float64]:
        """The expected response in every step of a stimulus.

        Parameters
        ----------
        stimulus : array_like
            ``(time,)``, or ``(time, rows, columns)``.

        Returns
        -------
        ndarray
            ``(time,)`` for one cell, ``(time, units)`` for several. The state of the model does not matter and stays.
        """
        movie = np.asarray(stimulus, dtype=np.float64)
        if movie.ndim == 1:
            movie = movie[:, None, None]
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
        return rate[:, 0].copy() if rate.shape[1] == 1 else rate.copy()


def _spatial(value: Sequence[int]) -> tuple[int, int]:
    size = tuple(whole("spatial", n) for n in value)
    if len(size) != 2:
        raise ValueError(f"spatial: expected rows and columns, got {short(value)}")
    return size


@native_layer
class SeparableSTRF(RateModel):
    """A receptive field of low rank: a sum of parts, each the product of a time course and a picture.

    ::

        u_r(t) = sum_p a_r(p) s(t, p)                          r = 1 ... rank
        m_u(t) = g(b_u + sum_r sum_l k_ur(l) u_r(t - l))

    Far fewer numbers than a full filter: lags + pixels for each part. Units share the pictures. Frames before the first
    are zero.

    Parameters
    ----------
    lags : int
        Frames of the time courses: lags 0 ... `lags` - 1.
    spatial : (int, int)
        Rows and columns of a frame.
    rank : int
        Number of parts.
    units : int
        Number of cells.
    nonlinearity : {"softplus", "exp", "power", "sigmoid", "identity"}
        g, see :class:`convis.models.LNP`.
    power : float
        Exponent of ``"power"``.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    References
    ----------
    DeAngelis, Ohzawa & Freeman 1995, Trends Neurosci. 18:451; Linden et al. 2003, J. Neurophysiol. 90:2660.

    Examples
    --------
    >>> import convis, numpy as np
    >>> m = convis.models.SeparableSTRF(lags=2, spatial=(1, 2), nonlinearity="identity")
    >>> m.space.weight.set(np.reshape([-1.0, 1.0], (1, 1, 1, 1, 2)))          # right - left
    >>> m.time.weight.set(np.reshape([-1.0, 1.0], (1, 1, 2, 1, 1)))           # now - before
    >>> m.filter[0].tolist()                                                    # (lags, rows, columns)
    [[[-1.0, 1.0]], [[1.0, -1.0]]]
    >>> m.predict([[[0.0, 3.0]], [[1.0, 1.0]]]).tolist()
    [3.0, -3.0]
    """

    space: RF
    time: Conv3d

    def __init__(
        self,
        lags: int = 25,
        spatial: tuple[int, int] = (1, 1),
        rank: int = 1,
        units: int = 1,
        nonlinearity: str = "softplus",
        power: float = 2.0,
        *,
        resolution: Resolution | None = None,
    ) -> None:
        options = {
            "units": whole("units", units),
            "rank": whole("rank", rank),
            "lags": whole("lags", lags),
            "spatial": _spatial(spatial),
        }
        self._rate(resolution, nonlinearity, power, options)

    @property
    def filter(self) -> NDArray[np.float64]:
        """The whole filters ``(units, lags, rows, columns)``, lag 0 (the present) first."""
        time = np.asarray(self.time.weight)[:, :, ::-1, 0, 0]
        space = np.asarray(self.space.weight)[:, 0, 0]
        whole_filter: NDArray[np.float64] = np.einsum("url,rij->ulij", time, space)
        return whole_filter


@native_layer
class Subunits(RateModel):
    """Cells that pool subunits: filters shared by all places, a smooth rectifier, weights of every cell.

    ::

        s_f(t, p) = ln(1 + exp(c_f + (k_f * x)(t, p)))         f = 1 ... filters
        m_u(t)    = g(b_u + sum_f sum_p w_u(f, p) s_f(t, p))

    Frames before the first are zero; at borders, the outermost pixels are repeated.

    Parameters
    ----------
    kernel_dim : (int, int, int)
        Frames, rows and columns of the filters of the subunits.
    spatial : (int, int)
        Rows and columns of a frame; with (1, 1) they are those of the first one.
    filters : int
        Kinds of subunits.
    units : int
        Number of cells.
    nonlinearity : {"softplus", "exp", "power", "sigmoid", "identity"}
        g, see :class:`convis.models.LNP`.
    power : float
        Exponent of ``"power"``.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    References
    ----------
    Hochstein & Shapley 1976, J. Physiol. 262:265; Vintch, Movshon & Simoncelli 2015, J. Neurosci. 35:14829.

    Examples
    --------
    >>> import convis, numpy as np
    >>> m = convis.models.Subunits((1, 1, 1), spatial=(1, 2), nonlinearity="identity")
    >>> m.conv.weight.set(np.full((1, 1, 1, 1, 1), 20.0))
    >>> m.pool.weight.set(np.ones((1, 1, 1, 1, 2)))
    >>> m.predict([[[1.0, -1.0]]]).round(3).tolist()                  # dark and bright do not cancel
    [20.0]
    """

    conv: Conv3d
    pool: RF

    def __init__(
        self,
        kernel_dim: Sequence[int] = (10, 3, 3),
        spatial: tuple[int, int] = (1, 1),
        filters: int = 1,
        units: int = 1,
        nonlinearity: str = "softplus",
        power: float = 2.0,
        *,
        resolution: Resolution | None = None,
    ) -> None:
        sizes = [whole("kernel_dim", n) for n in kernel_dim]
        if len(sizes) != 3:
            raise ValueError(f"kernel_dim: expected frames, rows and columns, got {short(kernel_dim)}")
        options = {
            "units": whole("units", units),
            "filters": whole("filters", filters),
            "kernel_dim": sizes,
            "spatial": _spatial(spatial),
        }
        self._rate(resolution, nonlinearity, power, options)


@native_layer
class SpatialContrast(RateModel):
    """A cell driven by the mean and by the spatial contrast of what is in its receptive field.

    ::

        f(t, p) = sum_l k(l) x(t - l, p)
        m(t)    = sum_p G(p) f(t, p)                     G a Gaussian around (row, column), of sum 1
        c(t)    = sqrt(sum_p G(p) (f(t, p) - m(t))^2)
        rate    = g(b + m + w c)

    Parameters
    ----------
    lags : int
        Frames of the filter in time.
    nonlinearity : {"softplus", "exp", "power", "sigmoid", "identity"}
        g, see :class:`convis.models.LNP`.
    power : float
        Exponent of ``"power"``.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Attributes
    ----------
    row, column, sigma
        Centre and standard deviation of the receptive field (deg), from the pixel in the corner.
    contrast_weight, bias
        w and b.

    References
    ----------
    Liu, Karamanlis & Gollisch 2022, PLoS Comput. Biol. 18:e1009925; Sridhar et al. 2025, doi 10.1371/journal.pcbi.1014157.

    Examples
    --------
    >>> import convis, numpy as np
    >>> m = convis.models.SpatialContrast(lags=1, nonlinearity="identity")
    >>> m.time.weight.set(np.ones((1, 1, 1, 1, 1)))
    >>> m.column = 0.05                                   # between two pixels of 0.1 degrees
    >>> m.contrast_weight = 2.0
    >>> m.predict([[[3.0, 1.0]]]).round(6).tolist()
    [4.0]
    """

    time: Conv3d
    row: Parameter
    column: Parameter
    sigma: Parameter
    contrast_weight: Parameter
    bias: Parameter

    def __init__(
        self,
        lags: int = 25,
        nonlinearity: str = "softplus",
        power: float = 2.0,
        *,
        resolution: Resolution | None = None,
    ) -> None:
        self._rate(resolution, nonlinearity, power, {"lags": whole("lags", lags)})


@native_layer
class DivisiveNormalization(RateModel):
    """A receptive field whose gain falls with its own recent drive.

    ::

        d(t) = sum_l sum_p k(l, p) x(t - l, p)
        v    = low-pass of |d|, time constant tau
        rate = g(b + d / (1 + h v))

    The gain control that feeds back and has the time constants of a membrane is :class:`convis.retina.Bipolar`.

    Parameters
    ----------
    lags : int
        Frames of the filter: lags 0 ... `lags` - 1.
    spatial : (int, int)
        Rows and columns of a frame.
    units : int
        Number of cells.
    nonlinearity : {"softplus", "exp", "power", "sigmoid", "identity"}
        g, see :class:`convis.models.LNP`.
    power : float
        Exponent of ``"power"``.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Attributes
    ----------
    strength, bias
        h, 0 or above, and b.

    References
    ----------
    Shapley & Victor 1978, J. Physiol. 285:275; Heeger 1992, Vis. Neurosci. 9:181.

    Examples
    --------
    >>> import convis, numpy as np
    >>> m = convis.models.DivisiveNormalization(lags=1, nonlinearity="identity")
    >>> m.conv.weight.set(np.full((1, 1, 1, 1, 1), 2.0))
    >>> m.strength = 3.0
    >>> rate = m.predict(np.ones(2000))
    >>> rate[[0, -1]].round(2).tolist()                                # at once, and adapted: 2 / (1 + 3 * 2)
    [1.89, 0.29]
    """

    conv: RF
    pool: TemporalLowPassFilterRecursive
    strength: Parameter
    bias: Parameter

    def __init__(
        self,
        lags: int = 25,
        spatial: tuple[int, int] = (1, 1),
        units: int = 1,
        nonlinearity: str = "softplus",
        power: float = 2.0,
        *,
        resolution: Resolution | None = None,
    ) -> None:
        options = {"units": whole("units", units), "lags": whole("lags", lags), "spatial": _spatial(spatial)}
        self._rate(resolution, nonlinearity, power, options)
