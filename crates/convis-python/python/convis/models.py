"""Models: layers put together.

==========================================  ======================================================
:class:`L`, :class:`RF`                     a linear filter; the receptive field of one cell
:class:`LN`, :class:`RFN`                   the same with a rectifier
:class:`LNLN` … :class:`LNLNLNLN`           two, three, four of them in a row
:class:`LNSN`                               rectified subunits that are summed and rectified again
:class:`LNFDLNF` (or ``LNFDSNF``)           two stages with feedback, and a delay between them
:class:`LNCascade`                          any filters and any nonlinearities in turn
:class:`LNP`                                a receptive field and a nonlinearity, fitted to recorded cells
:class:`GLM`                                the same for cells that remember their spikes and hear those of others
:class:`McIntosh`                           the convolutional network of McIntosh et al. (2016)
:class:`List`, :class:`Dict`                any layers by number or by name
:class:`Sequential`, :class:`Parallel`      any layers one after the other, side by side
==========================================  ======================================================

The retina is :class:`convis.retina.Retina`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._containers import (
    Dict,
    Function,
    List,
    LNCascade,
    Parallel,
    Sequential,
    make_parallel_sequential_model,
    make_sequential_parallel_model,
)
from ._glm import GLM, RaisedCosines
from ._lnp import LNP
from ._movies import whole
from ._native_layer import NativeLayer, native_layer
from ._parameter import Parameter
from ._rate_models import DivisiveNormalization, SeparableSTRF, SpatialContrast, Subunits
from ._resolution import Resolution
from ._text import short
from .filters import RF, NLRectify, _Convolution

__all__ = [
    "GLM",
    "LN",
    "LNFDLNF",
    "LNFDSNF",
    "LNLN",
    "LNLNLN",
    "LNLNLNLN",
    "LNP",
    "LNSN",
    "RF",
    "RFN",
    "Dict",
    "DivisiveNormalization",
    "Function",
    "L",
    "LNCascade",
    "List",
    "McIntosh",
    "Parallel",
    "RaisedCosines",
    "Readout",
    "SeparableSTRF",
    "Sequential",
    "SpatialContrast",
    "Subunits",
    "make_parallel_sequential_model",
    "make_sequential_parallel_model",
]


def __dir__() -> list[str]:
    return __all__


def _sizes(name: str, value: Any, counts: tuple[int, ...]) -> list[int]:
    """Whole numbers, as many as one of `counts`."""
    if not isinstance(value, str):
        try:
            sizes = [whole(name, size) for size in value]
        except TypeError as error:
            if not hasattr(value, "__iter__"):
                raise TypeError(f"{name}: expected {counts[0]} whole numbers, got {short(value)}") from None
            raise error
        if len(sizes) in counts:
            return sizes
    expected = " or ".join(str(n) for n in counts)
    raise ValueError(f"{name}: expected {expected} whole numbers, got {short(value)}")


class _LinearNonlinear(NativeLayer):
    """What models of linear filters and rectifiers share."""

    def __init__(
        self,
        kernel_dim: Sequence[int] = (1, 1, 1),
        bias: bool = False,
        population: bool = True,
        mode: str = "first_frame",
        *,
        resolution: Resolution | None = None,
    ) -> None:
        axes = (3, 5) if self._kind in ("L", "LN", "RFN") else (3,)
        self._build(
            resolution, kernel_dim=_sizes("kernel_dim", kernel_dim, axes), bias=bias, population=population, mode=mode
        )


@native_layer
class L(_LinearNonlinear):
    """A linear filter, ``y = k * x``: one convolution, or one receptive field.

    Parameters
    ----------
    kernel_dim : tuple of int
        Frames, rows and columns of the kernel, or these with channels (out, in) in front.
    bias : bool
        Whether every output channel has a bias.
    population : bool
        Whether the model is a population of cells, one per pixel; else its filter is the receptive field
        (:class:`RF`) of a single cell, and the output one number per frame.
    mode : str
        What stands for the frames before the first, see :class:`convis.filters.Conv3d`.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    References
    ----------
    Chichilnisky 2001, Network 12:199.

    Examples
    --------
    >>> import convis, numpy as np
    >>> model = convis.models.L((2, 1, 1))
    >>> model.conv.set_weight([1.0, -1.0])                 # now - before
    >>> model.run(np.array([1.0, 4.0, 2.0]).reshape(3, 1, 1)).array(0).ravel().tolist()
    [0.0, 3.0, -2.0]
    """

    conv: _Convolution


@native_layer
class LN(_LinearNonlinear):
    """A linear-nonlinear model: one convolution, or one receptive field, and a rectifier.

    ``y = k * x`` clipped to 0 ... 10⁶.

    Parameters
    ----------
    kernel_dim : tuple of int
        Frames, rows and columns of the kernel, or these with channels (out, in) in front.
    bias : bool
        Whether every output channel has a bias.
    population : bool
        Whether the model is a population of cells, one per pixel; else its filter is the receptive field
        (:class:`RF`) of a single cell, and the output one number per frame.
    mode : str
        What stands for the frames before the first, see :class:`convis.filters.Conv3d`.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    References
    ----------
    Chichilnisky 2001, Network 12:199.

    Examples
    --------
    >>> import convis, numpy as np
    >>> model = convis.models.LN((2, 1, 1))
    >>> model.conv.set_weight([1.0, -1.0])                 # now - before
    >>> model.run(np.array([1.0, 4.0, 2.0]).reshape(3, 1, 1)).array(0).ravel().tolist()
    [0.0, 3.0, 0.0]
    """

    conv: _Convolution
    nonlinearity: NLRectify


@native_layer
class RFN(_LinearNonlinear):
    """The receptive field of one cell and a rectifier.

    As :class:`LN` with a receptive field: the filter has the size of the image, the output is one number per frame.

    Parameters
    ----------
    kernel_dim : tuple of int
        Frames, rows and columns of the receptive field, or these with channels (out, in) in front. One row and column
        that nobody has set become the image, all pixels alike, at the first frame.
    bias : bool
        Whether every output channel has a bias.
    mode : str
        What stands for the frames before the first, see :class:`convis.filters.Conv3d`.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis, numpy as np
    >>> cell = convis.models.RFN()
    >>> cell.run(np.ones((3, 4, 5))).array(0).shape
    (1, 1, 3, 1, 1)
    """

    conv: RF
    nonlinearity: NLRectify

    def __init__(
        self,
        kernel_dim: Sequence[int] = (1, 1, 1),
        bias: bool = False,
        mode: str = "first_frame",
        *,
        resolution: Resolution | None = None,
    ) -> None:
        super().__init__(kernel_dim, bias, False, mode, resolution=resolution)


@native_layer
class LNLN(_LinearNonlinear):
    """Two linear filters of one size, each followed by a rectifier.

    Parameters
    ----------
    kernel_dim : tuple of int
        Frames, rows and columns of the kernels.
    bias : bool
        Whether every filter has a bias.
    population : bool
        Whether the model is a population of cells, one per pixel; else its last filter is the receptive field
        (:class:`RF`) of a single cell.
    mode : str
        What stands for the frames before the first, see :class:`convis.filters.Conv3d`.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis
    >>> [name for name, _ in convis.models.LNLN((5, 3, 3)).named_parameters()]
    ['conv1.weight', 'conv2.weight']
    """

    conv1: _Convolution
    nonlinearity1: NLRectify
    conv2: _Convolution
    nonlinearity2: NLRectify


@native_layer
class LNLNLN(_LinearNonlinear):
    """Three linear filters of one size, each followed by a rectifier.

    Parameters
    ----------
    kernel_dim, bias, population, mode, resolution
        See :class:`LNLN`.

    Examples
    --------
    >>> import convis
    >>> len(list(convis.models.LNLNLN((5, 3, 3)).parameters()))
    3
    """

    conv1: _Convolution
    nonlinearity1: NLRectify
    conv2: _Convolution
    nonlinearity2: NLRectify
    conv3: _Convolution
    nonlinearity3: NLRectify


@native_layer
class LNLNLNLN(_LinearNonlinear):
    """Four linear filters of one size, each followed by a rectifier.

    Parameters
    ----------
    kernel_dim, bias, population, mode, resolution
        See :class:`LNLN`.

    Examples
    --------
    >>> import convis
    >>> len(list(convis.models.LNLNLNLN((5, 3, 3)).parameters()))
    4
    """

    conv1: _Convolution
    nonlinearity1: NLRectify
    conv2: _Convolution
    nonlinearity2: NLRectify
    conv3: _Convolution
    nonlinearity3: NLRectify
    conv4: _Convolution
    nonlinearity4: NLRectify


@native_layer
class LNSN(NativeLayer):
    """The subunit model: filtered and rectified subunits, a weighted sum of them, a rectifier.

    ``s = R(k * x)``, ``y = R(w * s)``, R clips to 0 ... 10⁶.

    Parameters
    ----------
    kernel_dim : tuple of int
        Frames, rows and columns of the filter of the subunits.
    pool_dim : tuple of int
        Rows and columns of the neighbourhood that is summed.
    bias : bool
        Whether both stages have a bias.
    population : bool
        Whether every pixel has a cell; else a single cell sums the whole image.
    mode : str
        What stands for the frames before the first, see :class:`convis.filters.Conv3d`.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    References
    ----------
    Real, Asari, Gollisch & Meister 2017, Curr. Biol. 27:189.

    Examples
    --------
    >>> import convis, numpy as np
    >>> model = convis.models.LNSN((1, 1, 1), (1, 3))
    >>> model.conv.set_weight(1.0)
    >>> model.sum.set_weight(1.0)
    >>> x = np.array([0.0, -1.0, 1.0, -1.0, 0.0]).reshape(1, 1, 5)
    >>> model(x).numpy().ravel().tolist()                  # rectified first, dark and bright do not cancel
    [0.0, 1.0, 1.0, 1.0, 0.0]
    """

    conv: _Convolution
    nonlinearity1: NLRectify
    sum: _Convolution
    nonlinearity2: NLRectify

    def __init__(
        self,
        kernel_dim: Sequence[int] = (1, 1, 1),
        pool_dim: Sequence[int] = (1, 1),
        bias: bool = False,
        population: bool = True,
        mode: str = "first_frame",
        *,
        resolution: Resolution | None = None,
    ) -> None:
        self._build(
            resolution,
            kernel_dim=_sizes("kernel_dim", kernel_dim, (3,)),
            pool_dim=_sizes("pool_dim", pool_dim, (2,)),
            bias=bias,
            population=population,
            mode=mode,
        )


@native_layer
class LNFDLNF(NativeLayer):
    """Two linear-nonlinear stages, each with feedback that is subtracted, and a delay of every pixel between them.

    ::

        a = R(k₁ * x)      b = a - f₁ * a      c(t, p) = b(t - d(p), p)
        e = R(k₂ * c)      y = e - f₂ * e      R(u) = u clipped to 0 … 10⁶

    The feedback filters f run along time and include the present frame; what is subtracted is made of the stage's own
    input to the loop, not of its output. ``LNFDSNF`` is the same.

    Parameters
    ----------
    kernel_dim : tuple of int
        Frames, rows and columns of the kernels k.
    feedback_length : int
        Frames of the feedback filters.
    bias : bool
        Whether the filters k have a bias.
    population : bool
        Whether every pixel has a cell; else the last filter k is the receptive field of a single one.
    mode : str
        What stands for the frames before the first, see :class:`convis.filters.Conv3d`.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    References
    ----------
    Real, Asari, Gollisch & Meister 2017, Curr. Biol. 27:189.

    Examples
    --------
    >>> import convis, numpy as np
    >>> model = convis.models.LNFDLNF((1, 1, 1), feedback_length=2)
    >>> model.conv1.set_weight(1.0); model.conv2.set_weight(1.0)
    >>> model.feedback1.set_weight([0.0, 0.5])             # half of the frame before is fed back
    >>> model.delay.delays.set(1.0)
    >>> model.run(np.array([0.0, 1.0, 1.0, 1.0]).reshape(4, 1, 1)).array(0).ravel().tolist()
    [0.0, 0.0, 1.0, 0.5]
    """

    conv1: _Convolution
    feedback1: _Convolution
    delay: NativeLayer
    conv2: _Convolution
    feedback2: _Convolution

    def __init__(
        self,
        kernel_dim: Sequence[int] = (1, 1, 1),
        feedback_length: int = 50,
        bias: bool = False,
        population: bool = True,
        mode: str = "first_frame",
        *,
        resolution: Resolution | None = None,
    ) -> None:
        self._build(
            resolution,
            kernel_dim=_sizes("kernel_dim", kernel_dim, (3,)),
            feedback_length=whole("feedback_length", feedback_length),
            bias=bias,
            population=population,
            mode=mode,
        )


LNFDSNF = LNFDLNF


@native_layer
class Readout(NativeLayer):
    """Weighted sums of all channels and pixels of a frame: ``y(o, t) = Σ w(o, ·) x(·, t)``.

    The numbers of a frame are counted through channels, then rows, then columns. Output (batch, 1, time, 1, out).

    Parameters
    ----------
    out_channels : int
        How many sums. A weight that nobody has set takes its size from the first frame and is 1.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis, numpy as np
    >>> readout = convis.models.Readout(2)
    >>> readout.weight.set([[1.0, 0.0], [0.5, 0.5]])
    >>> readout(np.array([2.0, 4.0]).reshape(1, 1, 2)).numpy().ravel().tolist()
    [2.0, 3.0]
    """

    weight: Parameter
    _remembers = False

    def _waits(self) -> bool:
        return self.weight.shape[1] == 1 and bool((self.weight.data == 1.0).all())

    def __init__(self, out_channels: int = 1, *, resolution: Resolution | None = None) -> None:
        self._build(resolution, out_channels=whole("out_channels", out_channels))


@native_layer
class McIntosh(NativeLayer):
    """A convolutional network for ganglion cells: two layers of rectified filters and a linear read-out.

    ::

        a = R(w₁ * x + b₁)      c = R(w₂ * a + b₂)      y(o, t) = Σ w(o, ·) c(·, t)

    Weights begin at random, other ones for every network (see :func:`convis.seed`).

    Parameters
    ----------
    filter_size, filter_2_size : tuple of int
        Frames, rows and columns of the filters of both layers.
    out_channels : int
        Cells that are read out.
    layer1_channels, layer2_channels : int
        Filters of both layers.
    mode : str
        What stands for the frames before the first, see :class:`convis.filters.Conv3d`.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    References
    ----------
    McIntosh, Maheswaranathan, Nayebi, Ganguli & Baccus 2016, NIPS 29:1369.

    Examples
    --------
    >>> import convis, numpy as np
    >>> model = convis.models.McIntosh(out_channels=3)
    >>> model.run(np.ones((20, 6, 6))).array(0).shape
    (1, 1, 20, 1, 3)
    """

    layer1: _Convolution
    nonlinearity1: NLRectify
    layer2: _Convolution
    nonlinearity2: NLRectify
    readout: Readout

    def __init__(
        self,
        filter_size: Sequence[int] = (10, 5, 5),
        filter_2_size: Sequence[int] = (1, 1, 1),
        out_channels: int = 1,
        layer1_channels: int = 8,
        layer2_channels: int = 16,
        mode: str = "first_frame",
        *,
        resolution: Resolution | None = None,
    ) -> None:
        self._build(
            resolution,
            filter_size=_sizes("filter_size", filter_size, (3,)),
            filter_2_size=_sizes("filter_2_size", filter_2_size, (3,)),
            out_channels=whole("out_channels", out_channels),
            layer1_channels=whole("layer1_channels", layer1_channels),
            layer2_channels=whole("layer2_channels", layer2_channels),
            mode=mode,
        )
