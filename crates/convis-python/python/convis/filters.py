"""Filters in space and time, each with its parameters in physical units.

A filter takes a movie ``[batch, channel, time, height, width]`` (or ``[time, height, width]``) and returns one; what it
remembers from chunk to chunk is its state. ``resolution`` says how many pixels make a degree and how many steps a
second.

========================================  ========================================================
:class:`Conv3d`                           convolves in time and space
:class:`Conv2d`                           convolves every frame by itself
:class:`Conv1d`                           convolves every pixel along time
:class:`RF`                               receptive field of one cell
:class:`SmoothConv`                       few spatial filters at several speeds
:class:`GaussianBlur`                     blurs every frame
:class:`RecursiveBlur`                    the same by recursive filters, for wide blurs
:class:`SpatialRecursiveFilter`           the same, by its density per pixel
:class:`TemporalLowPassFilterRecursive`   exponential low-pass in time, alone or in cascade
:class:`TemporalHighPassFilterRecursive`  the signal minus a weighted low-pass of it
:class:`TimePadding`                      puts frames of the past in front of every chunk
:class:`Delay`, :class:`VariableDelay`    the same movie later, everywhere or pixel by pixel
:class:`Diff`                             change from frame to frame
:class:`Sum`, :func:`sum`                 sums along an axis
:class:`NLRectify` and its kin            static nonlinearities
========================================  ========================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from . import _native
from ._movies import movie, whole
from ._native import Tensor
from ._native_layer import NativeLayer, native_layer
from ._parameter import Parameter
from ._resolution import Resolution
from ._text import short
from .kernels import ExponentialKernel

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "Delay",
    "Diff",
    "ExponentialKernel",
    "GaussianBlur",
    "NLRectify",
    "NLRectifyScale",
    "NLRectifySquare",
    "NLSquare",
    "RF",
    "RecursiveBlur",
    "SmoothConv",
    "SpatialRecursiveFilter",
    "Sum",
    "TemporalHighPassFilterRecursive",
    "TemporalLowPassFilterRecursive",
    "TimePadding",
    "VariableDelay",
    "sum",
]


#: More frames than any memory holds are a slip of units.
_MOST_FRAMES = 1 << 28


def __dir__() -> list[str]:
    return __all__


# ---------------------------------------------------------------------- convolutions
class _Convolution(NativeLayer):
    """What the three convolutions share."""

    weight: Parameter
    bias: Parameter

    #: Axes of the kernel: those of the movie (time, height, width) that it has.
    _axes: ClassVar[int]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        bias: bool,
        autopad: bool,
        time_pad: bool,
        mode: str,
        plan: str,
        resolution: Resolution | None,
    ) -> None:
        sizes: Any = (kernel_size,) if isinstance(kernel_size, (int, np.integer)) else kernel_size
        if not isinstance(sizes, (Sequence, np.ndarray)) or isinstance(sizes, str) or len(sizes) != self._axes:
            expected = "a whole number" if self._axes == 1 else f"{self._axes} whole numbers"
            raise ValueError(f"kernel_size: expected {expected}, got {short(kernel_size)}")
        sizes = [whole("kernel_size", size) for size in sizes]
        self._build(
            resolution,
            in_channels=whole("in_channels", in_channels),
            out_channels=whole("out_channels", out_channels),
            kernel_size=sizes[0] if self._axes == 1 else sizes,
            bias=bias,
            autopad=autopad,
            time_pad=time_pad,
            mode=mode,
            plan=plan,
        )

    def set_weight(
        self, w: Any, normalize: bool = False, preserve_channels: bool = False, flip: bool = True
    ) -> None:
        """Set the weight to a kernel.

        Parameters
        ----------
        w : array_like
            A number, which fills the weight as it is, or a kernel with the axes of this convolution, or with channels
            (out, in) in front; the number of channels becomes that of the kernel. For :class:`Conv3d`, one axis is
            time and two are an image.
        normalize : bool
            Divide by the sum of all numbers.
        preserve_channels : bool
            Copy a kernel without channels to every pair of input and output channel.
        flip : bool
            Reverse the kernel, so that the impulse response is the kernel as given.
        """
        kernel = self.weight._numbers(w)
        how = bool(normalize), bool(preserve_channels), bool(flip)
        _native.convolution_set_weight(self._native, kernel, *how)

    def plan(self, shape: Any) -> str:
        """How a movie of this shape would be computed, with a weight of the size it has now.

        Parameters
        ----------
        shape : sequence of int, or a movie
            (time, height, width) or (batch, channel, time, height, width), or something that has a shape. The plan
            does not depend on the time.

        Returns
        -------
        str
        """
        shape = getattr(shape, "shape", shape)
        try:
            sizes = [whole("shape", size) for size in shape]
        except TypeError:
            raise TypeError(f"shape: expected 3 or 5 whole numbers, got {short(shape)}") from None
        if len(sizes) == 3:
            sizes = [1, 1, *sizes]
        return _native.convolution_plan(self._native, sizes)

    @property
    def mode(self) -> str:
        """What stands for the frames before the first: ``"first_frame"``, ``"zeros"``, ``"ones"``, ``"mean"``,
        ``"full_copy"`` or ``"mirror"``; it matters at the next start."""
        return _native.convolution_mode(self._native)

    @mode.setter
    def mode(self, mode: str) -> None:
        if not isinstance(mode, str):
            raise TypeError(f"mode: expected a name, got {short(mode)}")
        _native.convolution_set_mode(self._native, mode)

    def _settings(self) -> list[tuple[str, Any]]:
        return [("mode", self.mode)]


@native_layer
class Conv3d(_Convolution):
    """Convolves in time and space, with a kernel that is a parameter: causal in time, centred in space.

    ``y(o, t, p) = bias(o) + Σ w(o, i, s, q) x(i, t - s, p - q)``: the impulse response is the kernel given to
    :meth:`set_weight`. Of a kernel of size k, ⌊k/2⌋ rows or columns lie before the pixel and k - ⌊k/2⌋ - 1 behind it.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the input and the output.
    kernel_size : tuple of int
        Frames, rows and columns of the kernel.
    bias : bool
        Whether every output channel has a bias.
    autopad : bool
        Whether border pixels are repeated beyond the border, so that the output is as large as the input.
    time_pad : bool
        Whether frames before the movie come from the history, so that the output is as long as the input.
    mode : str
        What stands for the frames before the first: ``"first_frame"``, ``"zeros"``, ``"ones"``, ``"mean"``,
        ``"full_copy"`` or ``"mirror"``.
    plan : str
        How to compute: ``"direct"``, ``"fft"``, ``"separable"`` (passes along time and space, as many as the rank of the
        weights), or ``"auto"``, which picks the fastest by the sizes and the rank (see :meth:`plan`); results agree to 1e-5
        of the largest number.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis, numpy as np
    >>> conv = convis.filters.Conv3d(1, 1, (3, 1, 1), bias=False)
    >>> conv.set_weight([3.0, 2.0, 1.0])
    >>> x = np.zeros((4, 1, 1)); x[1] = 1
    >>> [float(y) for y in conv(x).numpy().ravel()]
    [0.0, 3.0, 2.0, 1.0]
    """

    _axes = 3

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        kernel_size: int | Sequence[int] = (1, 1, 1),
        bias: bool = True,
        autopad: bool = True,
        time_pad: bool = True,
        mode: str = "first_frame",
        plan: str = "auto",
        *,
        resolution: Resolution | None = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, bias, autopad, time_pad, mode, plan, resolution
        )


@native_layer
class Conv2d(_Convolution):
    """Convolves every frame by itself, with a kernel that is a parameter.

    ``y(o, p) = bias(o) + Σ w(o, i, q) x(i, p - q)``, bordered as in :class:`Conv3d`.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the input and the output.
    kernel_size : tuple of int
        Rows and columns of the kernel.
    bias : bool
        Whether every output channel has a bias.
    autopad : bool
        Whether border pixels are repeated beyond the border, so that the output is as large as the input.
    plan : str
        How to compute, see :class:`Conv3d`.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis, numpy as np
    >>> conv = convis.filters.Conv2d(1, 1, (1, 3))
    >>> conv.set_weight([[3.0, 2.0, 1.0]])
    >>> x = np.zeros((1, 1, 5)); x[0, 0, 2] = 1
    >>> [float(y) for y in conv(x).numpy().ravel()]
    [0.0, 3.0, 2.0, 1.0, 0.0]
    """

    _axes = 2

    _remembers = False

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        kernel_size: int | Sequence[int] = (1, 1),
        bias: bool = True,
        autopad: bool = True,
        plan: str = "auto",
        *,
        resolution: Resolution | None = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, bias, autopad, True, "first_frame", plan, resolution
        )


@native_layer
class Conv1d(_Convolution):
    """Convolves every pixel along time, with a kernel that is a parameter; causal.

    ``y(o, t) = bias(o) + Σ w(o, i, s) x(i, t - s)`` at every pixel.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the input and the output.
    kernel_size : int
        Frames of the kernel.
    bias : bool
        Whether every output channel has a bias.
    time_pad : bool
        Whether frames before the movie come from the history, so that the output is as long as the input.
    mode : str
        What stands for the frames before the first, see :class:`Conv3d`.
    plan : str
        How to compute, see :class:`Conv3d`.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis, numpy as np
    >>> conv = convis.filters.Conv1d(1, 1, 2)
    >>> conv.set_weight([0.5, 0.5])
    >>> [float(y) for y in conv(np.array([2.0, 4.0, 6.0]).reshape(3, 1, 1)).numpy().ravel()]
    [2.0, 3.0, 5.0]
    """

    _axes = 1

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        kernel_size: int | Sequence[int] = 1,
        bias: bool = True,
        time_pad: bool = True,
        mode: str = "first_frame",
        plan: str = "auto",
        *,
        resolution: Resolution | None = None,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, bias, True, time_pad, mode, plan, resolution)


@native_layer
class RF(_Convolution):
    """The receptive field of one cell: a convolution in time, a weighted sum over the whole image.

    Where the image is larger than the kernel, the kernel lies on its upper left corner; where it is smaller, it is
    extended with zeros to the lower right. A kernel of one row and column that nobody has set becomes the image, all
    pixels alike with sum 1, at the first frame.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the input and the output.
    kernel_size : tuple of int
        Frames, rows and columns of the kernel.
    bias : bool
        Whether every output channel has a bias.
    time_pad : bool
        Whether frames before the movie come from the history, so that the output is as long as the input.
    mode : str
        What stands for the frames before the first, see :class:`Conv3d`.
    plan : str
        How to compute, see :class:`Conv3d`.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis, numpy as np
    >>> rf = convis.filters.RF(1, 1, (1, 2, 2), bias=False)
    >>> rf.set_weight([[1.0, 2.0], [3.0, 4.0]], flip=False)
    >>> rf(np.array([[[1.0, 0.0], [0.0, 10.0]]])).numpy().ravel().tolist()
    [41.0]
    """

    _axes = 3

    def _waits(self) -> bool:
        return self.weight.shape[3:] == (1, 1) and not self.weight.data.any()

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        kernel_size: int | Sequence[int] = (1, 1, 1),
        bias: bool = True,
        time_pad: bool = True,
        mode: str = "first_frame",
        plan: str = "auto",
        *,
        resolution: Resolution | None = None,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, bias, False, time_pad, mode, plan, resolution)


@native_layer
class SmoothConv(NativeLayer):
    """A sum of spatial filters, each on a slower version of the movie.

    ``y₀ = x``, ``yᵢ = E_τ(yᵢ₋₁)``, output ``Σ gᵢ * yᵢ`` over i = 1 … n: a filter in space and time with few parameters.

    Parameters
    ----------
    n : int
        How many spatial filters.
    tau : float
        Time constant of the low-passes, s; has no gradient unless it is switched on.
    spatial_filter : tuple of int
        Rows and columns of the spatial filters, whose weights begin at random.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis, numpy as np
    >>> smooth = convis.filters.SmoothConv(n=2, tau=0.01, spatial_filter=(1, 1))
    >>> smooth.g_0.set_weight(0.5); smooth.g_1.set_weight(0.5)
    >>> y = smooth.run(np.ones((200, 1, 1))).array(0)
    >>> bool(abs(y[0, 0, -1, 0, 0] - 1) < 1e-6)
    True
    """

    def __init__(
        self,
        n: int = 3,
        tau: float = 0.1,
        spatial_filter: Sequence[int] = (10, 10),
        *,
        resolution: Resolution | None = None,
    ) -> None:
        try:
            height, width = spatial_filter
        except (TypeError, ValueError):
            raise ValueError(f"spatial_filter: expected (height, width), got {short(spatial_filter)}") from None
        size = whole("spatial_filter", height), whole("spatial_filter", width)
        self._build(resolution, n=whole("n", n), tau=tau, spatial_filter=size)


# ---------------------------------------------------------------------- space
@native_layer
class GaussianBlur(NativeLayer):
    """Blurs every frame with a Gaussian; the border is replicated.

    ``y = G * x`` with samples of ``exp(-r²/2σ²)`` at whole pixels within 4σ, divided by their sum; rows, then columns.

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

    _remembers = False

    def __init__(self, sigma: float = 0.1, *, resolution: Resolution | None = None) -> None:
        self._build(resolution, sigma=sigma)


@native_layer
class RecursiveBlur(NativeLayer):
    """Blurs every frame by recursive filters of width `sigma`: the cost does not depend on the width.

    Parameters
    ----------
    sigma : float
        Width, degrees of visual angle; 0 does nothing.
    kind : {"deriche", "gaussian"}
        Deriche's filter of second order, as the toolbox of 2018 and Virtual Retina have it (its response is
        ``(1 + α|r|) exp(-α|r|)`` with α = 1.695/σ, whose standard deviation is 1.18 σ), or one of sixth order whose
        response is a Gaussian to five digits.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    References
    ----------
    R. Deriche 1987, Int. J. Computer Vision 1:167; 1993, INRIA research report 1893.

    Examples
    --------
    >>> import convis, numpy as np
    >>> x = np.zeros((1, 31, 31)); x[0, 15, 15] = 1
    >>> fast = convis.filters.RecursiveBlur(0.2, kind="gaussian")(x).numpy()
    >>> finite = convis.filters.GaussianBlur(0.2)(x).numpy()
    >>> bool(abs(fast - finite).max() < 1e-3 * finite.max())
    True
    """

    sigma: Parameter

    _remembers = False

    def __init__(
        self, sigma: float = 0.1, kind: str = "deriche", *, resolution: Resolution | None = None
    ) -> None:
        self._build(resolution, sigma=sigma, kind=kind)


@native_layer
class SpatialRecursiveFilter(NativeLayer):
    """Blurs every frame by recursive filters of a given density; the border is replicated.

    Parameters
    ----------
    density : float
        One over the width of the blur, per pixel.
    kind : {"deriche", "gaussian"}
        The shape of the blur, see :class:`RecursiveBlur`.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    References
    ----------
    R. Deriche 1987, Int. J. Computer Vision 1:167; 1993, INRIA research report 1893.

    Examples
    --------
    >>> import convis, numpy as np
    >>> blur = convis.filters.SpatialRecursiveFilter()
    >>> blur.gaussian(0.2)                      # degrees; 10 pixels per degree
    >>> float(blur.density)
    0.5
    """

    density: Parameter

    _remembers = False

    def __init__(
        self, density: float = 1.0, kind: str = "deriche", *, resolution: Resolution | None = None
    ) -> None:
        self._build(resolution, density=density, kind=kind)

    def gaussian(self, sigma: float) -> None:
        """Set the density to that of a width in degrees of visual angle: ``1/(σ·pixels per degree)``.

        Parameters
        ----------
        sigma : float
            Width, degrees of visual angle; above 0.
        """
        from ._resolution import _positive

        self.density.set(1.0 / self.resolution.degree_to_pixel(_positive("sigma", sigma)))


# ---------------------------------------------------------------------- time
@native_layer
class TemporalLowPassFilterRecursive(NativeLayer):
    """Exponential low-pass filter in time, alone or in cascade, with unit gain at zero frequency and no lag.

    ``y(t) = (1 - e) x(t) + e y(t-1)``, ``e = exp(-dt/tau)``, from 0; a cascade of order n is n+1 such filters of time
    constant tau/n.

    Parameters
    ----------
    tau : float
        Time constant, s.
    n : int, optional
        Order of a cascade: n+1 filters of time constant tau/n. By default a single filter without parameter `n`.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    References
    ----------
    Wohrer & Kornprobst 2009, J. Comput. Neurosci. 26:219: filters E_τ and E_n,τ.

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
        self._build(resolution, tau=tau, n=None if n is None else whole("n", n, least=0))


@native_layer
class TemporalHighPassFilterRecursive(NativeLayer):
    """The signal minus a weighted exponential low-pass of it, without lag.

    ``y = x - k E(x)`` with E the filter of :class:`TemporalLowPassFilterRecursive`.

    Parameters
    ----------
    tau : float
        Time constant of the subtracted low-pass, s.
    k : float
        Its weight: 0 passes everything, 1 removes the mean.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    References
    ----------
    Wohrer & Kornprobst 2009, J. Comput. Neurosci. 26:219: filter T_w,τ.

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
        self._build(resolution, tau=tau, k=k)


@native_layer
class TimePadding(NativeLayer):
    """Puts the last `length` frames before a chunk in front of it.

    The output has `length` frames more than the input: this is a part of layers that look back, not a filter to be
    run on its own.

    Parameters
    ----------
    length : int
        Frames of the past.
    mode : {"first_frame", "zeros", "ones", "mean", "full_copy", "mirror"}
        What stands for the frames before the first: copies of the first frame, zeros, ones, the mean of the first
        chunk, the first chunk again and again, or backwards. The last three depend on how long the first chunk is.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis, numpy as np
    >>> padding = convis.filters.TimePadding(2)
    >>> x = np.array([1.0, 2.0, 3.0]).reshape(3, 1, 1)
    >>> padding(x).numpy().ravel().tolist()
    [1.0, 1.0, 1.0, 2.0, 3.0]
    >>> padding(10 * x).numpy().ravel().tolist()
    [2.0, 3.0, 10.0, 20.0, 30.0]
    """

    def __init__(
        self, length: int = 0, mode: str = "first_frame", *, resolution: Resolution | None = None
    ) -> None:
        self._build(resolution, length=whole("length", length, 0, _MOST_FRAMES), mode=mode)


@native_layer
class Delay(NativeLayer):
    """The same movie `delay` frames later, zeros before; `length` frames of the past come in front of every chunk.

    Parameters
    ----------
    delay : int
        Frames.
    length : int
        Frames of the past that are put in front of every chunk; 0 for a plain delay.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis, numpy as np
    >>> delay = convis.filters.Delay(2)
    >>> delay.run(np.array([1.0, 2.0, 3.0, 4.0]).reshape(4, 1, 1)).array(0).ravel().tolist()
    [0.0, 0.0, 1.0, 2.0]
    """

    def __init__(self, delay: int = 0, length: int = 0, *, resolution: Resolution | None = None) -> None:
        steps, length = whole("delay", delay, 0, _MOST_FRAMES), whole("length", length, 0, _MOST_FRAMES)
        self._build(resolution, delay=steps, length=length)


@native_layer
class VariableDelay(NativeLayer):
    """Delays every pixel by a time of its own, ``y(t, p) = x(t - d(p), p)``, zeros before.

    Between frames it interpolates linearly, so that the delays have a gradient; whole delays are exact.

    Parameters
    ----------
    delays : array_like, optional
        Delay of every pixel (height, width), or a single one, in steps; 0 by default.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis, numpy as np
    >>> delay = convis.filters.VariableDelay([[1.0, 0.5]])
    >>> delay.run(np.array([[2.0, 2.0], [4.0, 4.0], [6.0, 6.0]])[:, None]).array(0)[0, 0, :, 0].tolist()
    [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    """

    delays: Parameter

    def __init__(self, delays: Any = None, *, resolution: Resolution | None = None) -> None:
        self._build(resolution)
        if delays is not None:
            self.delays.set(delays)


@native_layer
class Diff(NativeLayer):
    """The change from frame to frame, ``y(t) = x(t) - x(t-1)``; the very first frame gives 0.

    Parameters
    ----------
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis, numpy as np
    >>> convis.filters.Diff().run(np.array([1.0, 4.0, 2.0]).reshape(3, 1, 1)).array(0).ravel().tolist()
    [0.0, 3.0, -2.0]
    """

    def __init__(self, *, resolution: Resolution | None = None) -> None:
        self._build(resolution)


# ---------------------------------------------------------------------- point by point
@native_layer
class Sum(NativeLayer):
    """The sum of a movie along one of its axes, which keeps the length 1.

    Parameters
    ----------
    dim : {0, 1, 3, 4}
        The axis: batch, channel, height or width. A sum over time would depend on how the movie is cut into chunks;
        sum the whole output instead.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis, numpy as np
    >>> x = np.arange(8.0).reshape(1, 2, 1, 2, 2)
    >>> convis.filters.Sum(1)(x).numpy().ravel().tolist()
    [4.0, 6.0, 8.0, 10.0]
    """

    _remembers = False

    def __init__(self, dim: int = 1, *, resolution: Resolution | None = None) -> None:
        self._build(resolution, dim=whole("dim", dim, least=0))


def sum(*movies: Any, dim: int = 0) -> Tensor:
    """Sum movies: they are joined along an axis and summed along it, which keeps the length 1.

    Parameters
    ----------
    *movies : array_like, Tensor or Output
        The movies.
    dim : {0, 1, 2, 3, 4}
        The axis: batch, channel, time, height or width.

    Returns
    -------
    Tensor
        Gradients go through.

    Examples
    --------
    >>> import convis, numpy as np
    >>> convis.filters.sum(np.ones((3, 1, 1)), 2 * np.ones((3, 1, 1))).numpy().ravel().tolist()
    [3.0, 3.0, 3.0]
    """
    if not movies:
        raise ValueError("movies: expected at least one, got none")
    tensors = [x if isinstance(x, Tensor) else Tensor(x) for x in (movie(x, False) for x in movies)]
    return _native.combine(tensors, whole("dim", dim, least=0), True)


@native_layer
class NLRectify(NativeLayer):
    """Negative values become 0: ``y = x`` clipped to 0 ... 10⁶.

    Parameters
    ----------
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis, numpy as np
    >>> convis.filters.NLRectify()(np.array([-1.0, 2.0]).reshape(2, 1, 1)).numpy().ravel().tolist()
    [0.0, 2.0]
    """

    _remembers = False

    def __init__(self, *, resolution: Resolution | None = None) -> None:
        self._build(resolution)


@native_layer
class NLRectifyScale(NativeLayer):
    """Scales, adds a bias, and sets negative values to 0: ``y = bias + scale x`` clipped to 0 ... 10⁶.

    Parameters
    ----------
    scale, bias : float
        Factor of the input, and what is added to it.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis, numpy as np
    >>> f = convis.filters.NLRectifyScale(scale=2.0, bias=-1.0)
    >>> f(np.array([0.25, 2.0]).reshape(2, 1, 1)).numpy().ravel().tolist()
    [0.0, 3.0]
    """

    scale: Parameter
    bias: Parameter

    _remembers = False

    def __init__(self, scale: float = 1.0, bias: float = 0.0, *, resolution: Resolution | None = None) -> None:
        self._build(resolution, scale=scale, bias=bias)


@native_layer
class NLSquare(NativeLayer):
    """Scales, adds a bias, and squares: ``y = (bias + scale x)²``.

    Parameters
    ----------
    scale, bias : float
        Factor of the input, and what is added to it.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis, numpy as np
    >>> f = convis.filters.NLSquare(scale=2.0, bias=1.0)
    >>> f(np.array([-1.0, 1.0]).reshape(2, 1, 1)).numpy().ravel().tolist()
    [1.0, 9.0]
    """

    scale: Parameter
    bias: Parameter

    _remembers = False

    def __init__(self, scale: float = 1.0, bias: float = 0.0, *, resolution: Resolution | None = None) -> None:
        self._build(resolution, scale=scale, bias=bias)


@native_layer
class NLRectifySquare(NativeLayer):
    """Scales, adds a bias, rectifies and squares: ``y = (bias + scale x clipped to 0 ... 10⁶)²``.

    Parameters
    ----------
    scale, bias : float
        Factor of the input, and what is added to it.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis, numpy as np
    >>> f = convis.filters.NLRectifySquare(scale=2.0, bias=1.0)
    >>> f(np.array([-1.0, 1.0]).reshape(2, 1, 1)).numpy().ravel().tolist()
    [0.0, 9.0]
    """

    scale: Parameter
    bias: Parameter

    _remembers = False

    def __init__(self, scale: float = 1.0, bias: float = 0.0, *, resolution: Resolution | None = None) -> None:
        self._build(resolution, scale=scale, bias=bias)
