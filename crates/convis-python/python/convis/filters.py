"""Filters in space and time, each with its parameters in physical units.

======================================  ==========================================================
:class:`GaussianBlur`                   blurs every frame
:class:`TemporalLowPassFilterRecursive`  exponential low-pass in time, alone or in cascade
:class:`TemporalHighPassFilterRecursive` the signal minus a weighted low-pass of it
======================================  ==========================================================
"""

from __future__ import annotations

from . import _native
from ._movies import whole
from ._native_layer import NativeLayer, native_layer
from ._parameter import Parameter
from ._resolution import Resolution

__all__ = ["GaussianBlur", "TemporalHighPassFilterRecursive", "TemporalLowPassFilterRecursive"]


def __dir__() -> list[str]:
    return __all__


@native_layer
class GaussianBlur(NativeLayer):
    """Blurs every frame with a Gaussian of unit sum; the border is replicated.

    Parameters
    ----------
    sigma : float
        Standard deviation, degrees of visual angle; 0 does nothing.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis, numpy as np
    >>> blur = convis.filters.GaussianBlur(0.2)
    >>> x = np.zeros((1, 21, 21)); x[0, 10, 10] = 1
    >>> round(float(blur(x).numpy().sum()), 5)
    1.0
    """

    sigma: Parameter

    def __init__(self, sigma: float = 0.1, *, resolution: Resolution | None = None) -> None:
        self._build(_native.gaussian_blur, sigma, resolution=resolution)


@native_layer
class TemporalLowPassFilterRecursive(NativeLayer):
    """Exponential low-pass filter in time, alone or in cascade, with unit gain at zero frequency and no lag.

    Parameters
    ----------
    tau : float
        Time constant, s.
    n : int, optional
        Order of a cascade: n+1 filters of time constant tau/n. By default a single filter without parameter `n`.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis, numpy as np
    >>> low = convis.filters.TemporalLowPassFilterRecursive(tau=0.01)
    >>> y = low.run(np.ones((10, 1, 1))).array(0)
    >>> bool(np.isclose(y[0, 0, -1, 0, 0], 1 - np.exp(-1)))
    True
    """

    tau: Parameter
    n: Parameter

    def __init__(self, tau: float = 0.01, n: int | None = None, *, resolution: Resolution | None = None) -> None:
        order = None if n is None else whole("n", n, least=0)
        self._build(_native.temporal_low_pass, tau, order, resolution=resolution)


@native_layer
class TemporalHighPassFilterRecursive(NativeLayer):
    """The signal minus a weighted exponential low-pass of it, without lag.

    Parameters
    ----------
    tau : float
        Time constant of the subtracted low-pass, s.
    k : float
        Its weight: 0 passes everything, 1 removes the mean.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis, numpy as np
    >>> high = convis.filters.TemporalHighPassFilterRecursive(tau=0.01, k=1.0)
    >>> bool(abs(high.run(np.ones((200, 1, 1))).array(0)[0, 0, -1]).max() < 1e-6)
    True
    """

    tau: Parameter
    k: Parameter

    def __init__(self, tau: float = 0.01, k: float = 0.5, *, resolution: Resolution | None = None) -> None:
        self._build(_native.temporal_high_pass, tau, k, resolution=resolution)
