"""The retina of Wohrer & Kornprobst (2009): from luminance to spikes of ganglion cells.

====================================  =============================================================
:class:`Retina`                       the whole retina
:class:`OPL`                          outer plexiform layer: receptors and horizontal cells
:class:`HalfRecursiveOPLFilter`       its filter: centre minus surround
:class:`RecursiveOPLFilter`           the same, recursive in space as well
:class:`SeparableOPLFilter`           the same by finite kernels
:class:`FullConvolutionOPLFilter`     the same by a single kernel
:class:`Bipolar`                      bipolar cells with contrast gain control
:class:`GanglionInput`                synaptic input of ganglion cells
:class:`GanglionSpiking`              spikes of ganglion cells
:class:`VirtualRetina`                the retina that a description means, every node of it
:class:`RetinaConfiguration`          what a retina is to be like, as files of Virtual Retina say it
====================================  =============================================================

Source: Wohrer & Kornprobst 2009, "Virtual Retina: a biological retina model and simulator, with contrast gain
control", J. Comput. Neurosci. 26:219-249.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ._movies import whole
from ._native_layer import NativeLayer, native_layer
from ._parameter import Parameter
from ._resolution import Resolution
from ._retina_configuration import RetinaConfiguration, parse_config
from ._virtual_retina import VirtualRetina
from ._text import short, unknown

__all__ = [
    "OPL",
    "Bipolar",
    "FullConvolutionOPLFilter",
    "GanglionInput",
    "GanglionSpiking",
    "HalfRecursiveOPLFilter",
    "RecursiveOPLFilter",
    "Retina",
    "RetinaConfiguration",
    "SeparableOPLFilter",
    "SeperatableOPLFilter",
    "VirtualRetina",
]


def __dir__() -> list[str]:
    return __all__


@native_layer
class HalfRecursiveOPLFilter(NativeLayer):
    """Centre minus surround of the outer plexiform layer: Gaussian blurs in space, recursive filters in time.

    The centre (receptors) is the blurred and low-passed luminance with an undershoot; the surround (horizontal cells)
    is the blurred and low-passed centre. Input: luminance; output: current.

    Parameters
    ----------
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Attributes
    ----------
    sigma_center, tau_center, n_center
        Blur (deg), time constant (s) and order of the centre.
    undershoot_tau_center, undershoot_relative_weight_center
        Time constant (s) and weight of the centre's undershoot.
    sigma_surround, tau_surround
        Blur (deg) and time constant (s) of the surround.
    relative_weight
        Weight of the surround.
    lambda_opl
        Amplification, Hz per unit of luminance.

    Examples
    --------
    >>> import convis, numpy as np
    >>> opl = convis.retina.HalfRecursiveOPLFilter()
    >>> opl.tau_center is opl.center_E.tau
    True
    >>> flat = np.ones((500, 3, 3))
    >>> bool(abs(opl.run(flat).array(0)[0, 0, -1]).max() < 1e-3)    # a flat image is answered by nothing
    True
    """

    center_G: NativeLayer
    center_E: NativeLayer
    center_undershoot: NativeLayer
    surround_G: NativeLayer
    surround_E: NativeLayer
    relative_weight: Parameter
    lambda_opl: Parameter

    def __init__(self, *, resolution: Resolution | None = None) -> None:
        self._build(resolution)


@native_layer
class RecursiveOPLFilter(NativeLayer):
    """Centre minus surround by recursive filters, in space as well: the cost does not depend on the width of the blur.

    As :class:`HalfRecursiveOPLFilter`, with the blurs of :class:`convis.filters.RecursiveBlur`.

    Parameters
    ----------
    blur : {"deriche", "gaussian"}
        The shape of the blur.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis, numpy as np
    >>> opl = convis.retina.RecursiveOPLFilter()
    >>> bool(abs(opl.run(np.ones((500, 3, 3))).array(0)[0, 0, -1]).max() < 1e-3)
    True
    """

    center_G: NativeLayer
    center_E: NativeLayer
    center_undershoot: NativeLayer
    surround_G: NativeLayer
    surround_E: NativeLayer
    relative_weight: Parameter
    lambda_opl: Parameter

    def __init__(self, blur: str = "deriche", *, resolution: Resolution | None = None) -> None:
        self._build(resolution, blur=blur)


@native_layer
class SeparableOPLFilter(NativeLayer):
    """Centre minus surround by convolutions alone: Gaussians in space, finite kernels in time.

    As :class:`HalfRecursiveOPLFilter`, with its recursive filters replaced by their responses to one frame, cut where 10⁻⁶
    of them is left. ``SeperatableOPLFilter``, as the toolbox of 2018 spelled it, is the same.

    Parameters
    ----------
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis, numpy as np
    >>> x = np.random.default_rng(0).random((60, 5, 5))
    >>> finite = convis.retina.SeparableOPLFilter().run(x).array(0)
    >>> recursive = convis.retina.HalfRecursiveOPLFilter().run(x).array(0)
    >>> bool(abs(finite - recursive).max() < 1e-5)
    True
    """

    center_G: NativeLayer
    center_E: NativeLayer
    center_undershoot: NativeLayer
    surround_G: NativeLayer
    surround_E: NativeLayer
    relative_weight: Parameter
    lambda_opl: Parameter

    def __init__(self, *, resolution: Resolution | None = None) -> None:
        self._build(resolution)


SeperatableOPLFilter = SeparableOPLFilter


@native_layer
class FullConvolutionOPLFilter(NativeLayer):
    """Centre minus surround by a single convolution in time and space.

    Its kernel is the response of :class:`HalfRecursiveOPLFilter` to a single bright pixel and follows from the parameters
    at every call.

    Parameters
    ----------
    shp : (int, int, int), optional
        Frames, rows and columns of the kernel; by default large enough for both Gaussians, and as long as it takes until
        10⁻⁶ of every exponential is left.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis, numpy as np
    >>> x = np.random.default_rng(0).random((20, 25, 25))
    >>> stages = convis.retina.HalfRecursiveOPLFilter()
    >>> single = convis.retina.FullConvolutionOPLFilter()
    >>> for opl in (stages, single):
    ...     opl.undershoot_tau_center = 0.01               # a short kernel
    >>> difference = single.run(x).array(0) - stages.run(x).array(0)
    >>> bool(abs(difference[..., 12, 12]).max() < 1e-4)    # away from the border
    True
    """

    center_G: NativeLayer
    center_E: NativeLayer
    center_undershoot: NativeLayer
    surround_G: NativeLayer
    surround_E: NativeLayer
    relative_weight: Parameter
    lambda_opl: Parameter

    def __init__(self, shp: Sequence[int] | None = None, *, resolution: Resolution | None = None) -> None:
        sizes = None if shp is None else [whole("shp", n) for n in shp]
        self._build(resolution, shp=sizes)


_FILTERS = (HalfRecursiveOPLFilter, RecursiveOPLFilter, SeparableOPLFilter, FullConvolutionOPLFilter)


def _filter_name(argument: str, kind: Any) -> str:
    """The name of a filter of the outer plexiform layer."""
    names = [known.__name__ for known in _FILTERS]
    if kind in _FILTERS:
        kind = kind.__name__
    if not isinstance(kind, str):
        raise TypeError(
            f"{argument}: expected a kind of filter or its name, e.g. \"RecursiveOPLFilter\", got {short(kind)}; a model "
            "builds its own parts, whose values are set afterwards"
        )
    name = "SeparableOPLFilter" if kind == "SeperatableOPLFilter" else kind
    if name not in names:
        raise ValueError(f"{argument}: " + unknown("filter", name, names))
    return name


@native_layer
class OPL(NativeLayer):
    """Outer plexiform layer: receptors and horizontal cells turn luminance into a current, centre minus surround.

    Parameters
    ----------
    opl_filter : str or class
        How it filters: one of the filters of this module or its name; all have the same parameters.
    blur : {"deriche", "gaussian"}, optional
        The blur of a :class:`RecursiveOPLFilter`.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis
    >>> opl = convis.retina.OPL()
    >>> float(opl.opl_filter.sigma_center)
    0.05
    """

    opl_filter: NativeLayer

    def __init__(
        self,
        opl_filter: str | type[NativeLayer] = HalfRecursiveOPLFilter,
        blur: str | None = None,
        *,
        resolution: Resolution | None = None,
    ) -> None:
        name = _filter_name("opl_filter", opl_filter)
        if blur is not None and name != "RecursiveOPLFilter":
            raise ValueError(f"blur: expected None, as {name} has no blur to choose, got {blur!r}")
        self._build(resolution, opl_filter=name, blur=blur or "deriche")


@native_layer
class Bipolar(NativeLayer):
    """Bipolar cells with contrast gain control: a membrane whose leak grows with recent, nearby contrast.

    Parameters
    ----------
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Attributes
    ----------
    lambda_amp
        Amplification of the gain control, Hz; 0 switches it off.
    g_leak, input_amp
        Leak conductance and amplification of the input, Hz.
    tau, adaptation_sigma
        Time constant (s) and blur (deg) of the gain control.

    Examples
    --------
    >>> import convis
    >>> bipolar = convis.retina.Bipolar()
    >>> bipolar.lambda_amp = 50.0
    >>> float(bipolar.lambda_amp)
    50.0
    """

    lambda_amp: Parameter
    g_leak: Parameter
    input_amp: Parameter
    tau: Parameter
    adaptation_sigma: Parameter

    def __init__(self, *, resolution: Resolution | None = None) -> None:
        self._build(resolution)


@native_layer
class GanglionInput(NativeLayer):
    """Synaptic input of ganglion cells: transient filter, static nonlinearity and pooling of the bipolar potential.

    Parameters
    ----------
    sign : float
        +1 for ON cells, -1 for OFF cells.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis, numpy as np
    >>> on = convis.retina.GanglionInput(sign=1)
    >>> float(on(np.zeros((1, 2, 2))).numpy().mean())     # Hz, at rest
    37.0
    """

    sign: Parameter
    transient_tau_center: Parameter
    transient_relative_weight_center: Parameter
    i_0: Parameter
    v_0: Parameter
    lambda_G: Parameter
    sigma_surround: Parameter

    def __init__(self, sign: float = 1.0, *, resolution: Resolution | None = None) -> None:
        self._build(resolution, sign=sign)


@native_layer
class GanglionSpiking(NativeLayer):
    """Ganglion cells as noisy leaky integrate-and-fire neurons with a refractory period, one per pixel.

    Input: current in Hz; output: spikes per step. Spikes carry no gradient.

    Parameters
    ----------
    integration : {"exact", "euler"}
        Solved exactly within a step, or on the Euler grid of the toolbox of 2018.
    surrogate : tuple, optional
        Gradient of spikes, ``("fast_sigmoid", slope)`` or ``("triangle", width)``; by default they have none.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis, numpy as np
    >>> cells = convis.retina.GanglionSpiking()
    >>> spikes = cells.run(np.full((1000, 1, 1), 150.0)).array(0).sum()
    >>> bool(80 < spikes < 110)
    True
    """

    refr_mu: Parameter
    refr_sigma: Parameter
    noise_sigma: Parameter
    g_L: Parameter
    tau: Parameter
    _spiking: ClassVar[dict[str, str]] = {"output": ""}

    def __init__(
        self,
        integration: str = "exact",
        surrogate: tuple[str, float] | None = None,
        *,
        resolution: Resolution | None = None,
    ) -> None:
        self._build(resolution, integration=integration, surrogate=surrogate)


@native_layer
class Retina(NativeLayer):
    """The retina: outer plexiform layer, bipolar cells with contrast gain control, ON and OFF ganglion cells.

    Input: luminance (0 to 1 for pictures) ``[batch, channel, time, height, width]`` or ``[time, height, width]``.
    Output: ``ganglion_spikes_ON`` and ``ganglion_spikes_OFF``, spikes per step, or the current in Hz without spikes.

    Parameters
    ----------
    opl, bipolar, gang, spikes : bool
        Which stages it has: outer plexiform layer, bipolar cells, input of ganglion cells, their spikes. A missing
        stage passes on what it gets. Instead of True, `opl` may say which filter: one of those of this module or its name,
        see :class:`OPL`.
    integration : {"exact", "euler"}
        How spikes are computed, see :class:`GanglionSpiking`.
    surrogate : tuple, optional
        Gradient of spikes, see :class:`GanglionSpiking`.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis, numpy as np
    >>> convis.seed(1)
    >>> retina = convis.retina.Retina()
    >>> retina.p.bipolar.lambda_amp = 50.0
    >>> movie = np.random.default_rng(1).random((200, 10, 12))
    >>> o = retina.run(movie, dt=100, probe="bipolar")
    >>> o.keys()
    ['ganglion_spikes_ON', 'ganglion_spikes_OFF', 'bipolar']
    >>> o.ganglion_spikes_ON.shape
    (1, 1, 200, 10, 12)

    Without spikes everything has a derivative:

    >>> retina = convis.retina.Retina(spikes=False)
    >>> o = retina(movie[:50])
    >>> o.ganglion_spikes_ON.backward(np.ones(o.ganglion_spikes_ON.shape))
    >>> retina.p.bipolar.tau.grad is not None
    True
    """

    opl: OPL
    bipolar: Bipolar
    gang_0_input: GanglionInput
    gang_0_spikes: GanglionSpiking
    gang_1_input: GanglionInput
    gang_1_spikes: GanglionSpiking
    _spiking: ClassVar[dict[str, str]] = {
        "ganglion_spikes_ON": "gang_0_spikes",
        "ganglion_spikes_OFF": "gang_1_spikes",
    }

    def __init__(
        self,
        opl: bool | str | type[NativeLayer] = True,
        bipolar: bool = True,
        gang: bool = True,
        spikes: bool = True,
        integration: str = "exact",
        surrogate: tuple[str, float] | None = None,
        *,
        resolution: Resolution | None = None,
    ) -> None:
        chosen = isinstance(opl, str) or not isinstance(opl, (bool, int, np.bool_))
        kind = _filter_name("opl", opl) if chosen else HalfRecursiveOPLFilter.__name__
        stages = {"opl": True if chosen else opl, "bipolar": bipolar, "gang": gang, "spikes": spikes}
        self._build(resolution, **stages, opl_filter=kind, integration=integration, surrogate=surrogate)
        if not spikes:
            self.__dict__["_spiking"] = {}

    @staticmethod
    def virtual_retina(description: Any, spikes: bool = True, **conventions: Any) -> VirtualRetina:
        """The retina that a description means, with every node of it, computed as Virtual Retina does.

        Parameters
        ----------
        description : RetinaConfiguration, str, path or dict
            A description, a file of one, nested dictionaries, or the name of one.
        spikes : bool
            Whether cells spike where the description says so.
        **conventions
            The switches of :class:`VirtualRetina`; all off is how convis computes.

        Returns
        -------
        VirtualRetina
        """
        return VirtualRetina(description, spikes, **conventions)

    def parse_config(self, configuration: Any) -> None:
        """Set its parameters to what a configuration says.

        Every value goes to the parameter it belongs to, unchanged. A warning lists the keys that are not applied, with
        the reason: nodes this model does not have, a resolution it was not built for, an input luminosity range (input
        is taken as it is).

        Parameters
        ----------
        configuration : RetinaConfiguration, str, path or dict
            A configuration, a file of one (``.xml``, ``.toml``, ``.json``), nested dictionaries, or the name of one, see
            :meth:`RetinaConfiguration.presets`.
        """
        parse_config(self, configuration)
