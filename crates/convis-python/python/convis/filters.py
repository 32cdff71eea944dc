"""Filters in space and time, each with its parameters in physical units.

======================================  ==========================================================
:class:`Conv3d`                         convolves in time and space
:class:`Conv2d`                         convolves every frame by itself
:class:`Conv1d`                         convolves every pixel along time
:class:`GaussianBlur`                   blurs every frame
:class:`TemporalLowPassFilterRecursive`  exponential low-pass in time, alone or in cascade
:class:`TemporalHighPassFilterRecursive` the signal minus a weighted low-pass of it
======================================  ==========================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from . import _native
from ._movies import whole
from ._native_layer import NativeLayer, native_layer
from ._parameter import Parameter
from ._resolution import Resolution
from ._text import short

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "GaussianBlur",
    "TemporalHighPassFilterRecursive",
    "TemporalLowPassFilterRecursive",
]


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


class _Convolution(NativeLayer):
    """What the three convolutions share."""

    weight: Parameter
    bias: Parameter

    _make: ClassVar[Callable[..., Any]]
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
        sizes = (kernel_size,) if isinstance(kernel_size, (int, np.integer)) else kernel_size
        if not isinstance(sizes, (Sequence, np.ndarray)) or isinstance(sizes, str) or len(sizes) != self._axes:
            expected = "a whole number" if self._axes == 1 else f"{self._axes} whole numbers"
            raise ValueError(f"kernel_size: expected {expected}, got {short(kernel_size)}")
        for name, word in (("mode", mode), ("plan", plan)):
            if not isinstance(word, str):
                raise TypeError(f"{name}: expected a name, got {short(word)}")
        channels = whole("in_channels", in_channels), whole("out_channels", out_channels)
        kernel = tuple(whole("kernel_size", size) for size in sizes)
        how = bool(bias), bool(autopad), bool(time_pad), mode, plan
        self._build(type(self)._make, channels, kernel, how, resolution=resolution)

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
        """How a movie of this shape would be computed, with the weight as it is now.

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

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "mode": self.mode, "weight": self.weight.data}

    def __setstate__(self, saved: dict[str, Any]) -> None:
        make, arguments = saved["attributes"]["_made_by"]
        # The kernel may have another shape now than when the layer was built.
        outputs, inputs, *kernel = saved["weight"].shape
        arguments = ((inputs, outputs), tuple(kernel), *arguments[2:])
        saved["attributes"] = {**saved["attributes"], "_made_by": (make, arguments)}
        super().__setstate__(saved)
        self.mode = saved["mode"]


@native_layer
class Conv3d(_Convolution):
    """Convolves in time and space, with a kernel that is a parameter: causal in time, centred in space.

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
        How to compute: ``"auto"`` picks the fastest by the sizes (see :meth:`plan`); results agree to 1e-5 of the
        largest number.
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

    _make = _native.conv3d
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

    _make = _native.conv2d
    _axes = 2

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

    _make = _native.conv1d
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
