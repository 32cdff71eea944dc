"""Neurons that fire: one per pixel and channel.

=================================================  ===============================================
:class:`Poisson`                                   spikes at random with a given probability or rate
:class:`LeakyIntegrateAndFireNeuron`               leaky integrate-and-fire
:class:`RefractoryLeakyIntegrateAndFireNeuron`     the same with a refractory period
:class:`Izhikevich`                                Izhikevich's simple neuron, parameters of 20 behaviours
:class:`FitzHughNagumo`                            FitzHugh-Nagumo oscillator
:class:`HodgkinHuxley` (or ``HogkinHuxley``)       Hodgkin-Huxley axon
:class:`IntegrativeMotionSensor`                   ON and OFF events of a change detector
=================================================  ===============================================

Spiking ganglion cells are :class:`convis.retina.GanglionSpiking`. Spikes are numbers per step. By default they have no
gradient; `surrogate` puts a smooth function in place of the derivative of a spike: ``("fast_sigmoid", slope)`` or
``("triangle", width)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from . import _native
from ._native_layer import NativeLayer, native_layer
from ._parameter import Parameter
from ._resolution import Resolution
from ._text import unknown

__all__ = [
    "FitzHughNagumo",
    "HodgkinHuxley",
    "HogkinHuxley",
    "IntegrativeMotionSensor",
    "Izhikevich",
    "LeakyIntegrateAndFireNeuron",
    "Poisson",
    "RefractoryLeakyIntegrateAndFireNeuron",
]

Surrogate = tuple[str, float]


def __dir__() -> list[str]:
    return __all__


@native_layer
class Poisson(NativeLayer):
    """Spikes at random, independent from step to step and cell to cell.

    A spike falls where a random number from 0 to 1 is less than the probability p: the input itself, or
    ``1 - exp(-input·dt)`` of a rate.

    Parameters
    ----------
    input : {"per_step", "Hz"}
        Whether the input is a probability per step or a rate.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis, numpy as np
    >>> cells = convis.spiking.Poisson(input="Hz")
    >>> spikes = cells.run(np.full((1000, 10, 10), 20.0)).array(0)      # 20 Hz for a second in 100 cells
    >>> bool(abs(spikes.sum() - 2000) < 200)
    True
    """

    _spiking: ClassVar[dict[str, str]] = {"output": ""}

    def __init__(self, input: str = "per_step", *, resolution: Resolution | None = None) -> None:
        self._build(resolution, input=input)


@native_layer
class LeakyIntegrateAndFireNeuron(NativeLayer):
    """Noisy leaky integrate-and-fire neurons without a refractory period.

    ``dV/dt = I - g V + noise``; at V = 1 a spike, and V becomes 0. The noise gives V the standard deviation
    `noise_sigma`.

    Parameters
    ----------
    input : {"per_step", "Hz"}
        Whether the input is an increment of V per step, as in the toolbox of 2018, or a current in Hz.
    integration : {"exact", "euler"}
        Solved exactly within a step, or on the Euler grid of that toolbox.
    surrogate : tuple, optional
        Gradient of spikes, ``("fast_sigmoid", slope)`` or ``("triangle", width)``.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Attributes
    ----------
    noise_sigma, g_L, tau
        Standard deviation of V; leak (Hz); step of the integration (s).

    Examples
    --------
    >>> import convis, numpy as np
    >>> cells = convis.spiking.LeakyIntegrateAndFireNeuron(input="Hz")
    >>> cells.noise_sigma = 0.0
    >>> spikes = cells.run(np.full((2000, 1, 1), 100.0)).array(0)       # intervals of ln 2 / 50 s
    >>> bool(abs(spikes.sum() - 2 * 50 / np.log(2)) <= 1)
    True
    """

    noise_sigma: Parameter
    g_L: Parameter
    tau: Parameter
    _spiking: ClassVar[dict[str, str]] = {"output": ""}

    def __init__(
        self,
        input: str = "per_step",
        integration: str = "exact",
        surrogate: Surrogate | None = None,
        *,
        resolution: Resolution | None = None,
    ) -> None:
        self._build(resolution, input=input, integration=integration, surrogate=surrogate)


@native_layer
class RefractoryLeakyIntegrateAndFireNeuron(NativeLayer):
    """Noisy leaky integrate-and-fire neurons with a refractory period after each spike.

    As :class:`LeakyIntegrateAndFireNeuron`; after a spike V stays 0 for a random time of mean `refr_mu` and standard
    deviation `refr_sigma`.

    Parameters
    ----------
    input : {"per_step", "Hz"}
        Whether the input is an increment of V per step, as in the toolbox of 2018, or a current in Hz.
    integration : {"exact", "euler"}
        Solved exactly within a step, or on the Euler grid of that toolbox.
    surrogate : tuple, optional
        Gradient of spikes, ``("fast_sigmoid", slope)`` or ``("triangle", width)``.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Attributes
    ----------
    refr_mu, refr_sigma, noise_sigma, g_L, tau
        Refractory period and its standard deviation (s); standard deviation of V; leak (Hz); step (s).

    Examples
    --------
    >>> import convis, numpy as np
    >>> cells = convis.spiking.RefractoryLeakyIntegrateAndFireNeuron(input="Hz")
    >>> cells.refr_mu = 0.01
    >>> spikes = cells.run(np.full((1000, 1, 1), 1e4)).array(0)         # a strong current for 1 s
    >>> bool(80 < spikes.sum() < 110)
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
        input: str = "per_step",
        integration: str = "exact",
        surrogate: Surrogate | None = None,
        *,
        resolution: Resolution | None = None,
    ) -> None:
        self._build(resolution, input=input, integration=integration, surrogate=surrogate)


@native_layer
class Izhikevich(NativeLayer):
    """Izhikevich's simple neurons.

    ::

        dv/dt = 0.04 v² + 5 v + 140 - u + I          v in mV, t in ms
        du/dt = a (b v - u)
        v ≥ threshold:  a spike, v becomes c, u grows by d

    in pairs of Euler half-steps of at most 1 ms together.

    The parameters of all 20 behaviours of Izhikevich 2004 are there by name. Three of them, as that paper states, need more
    than parameters and do not appear by these equations alone: "Class 1" and "Integrator" have 4.1 v + 108 in place of
    5 v + 140, "Accomodation" has du/dt = a b (v + 65). Behaviours with an input of 0 need pulses or ramps, see figure 1 there.

    Parameters
    ----------
    output_only_spikes : bool
        Whether the output is spikes per step alone, unsigned bytes, or three channels of numbers for each: spikes, v and u.
    preset : str, optional
        The name of a behaviour, see :attr:`presets`.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Attributes
    ----------
    a, b, c, d, threshold, noise_strength
        Speed of u (1/ms); its sensitivity to v; potential after a spike (mV); what a spike adds to u; potential at
        which a spike ends (mV); standard deviation of noise added to the input.

    References
    ----------
    Izhikevich 2003, IEEE Trans. Neural Netw. 14:1569; presets: Izhikevich 2004, ibid. 15:1063, figure 1.

    Examples
    --------
    >>> import convis, numpy as np
    >>> cells = convis.spiking.Izhikevich(preset="Phasic bursting")
    >>> float(cells.c)
    -55.0
    >>> cells.load_parameters_by_name("Tonic spiking")
    >>> spikes = cells.run(np.full((1000, 1, 1), cells.presets["Tonic spiking"]["input"])).array(0)
    >>> bool(30 < spikes.sum() < 50)
    True
    """

    a: Parameter
    b: Parameter
    c: Parameter
    d: Parameter
    threshold: Parameter
    noise_strength: Parameter

    #: Parameters and input of the 20 behaviours by name.
    presets: ClassVar[Mapping[str, Mapping[str, float]]] = MappingProxyType(
        {
            name: MappingProxyType(dict(zip(("a", "b", "c", "d", "input"), values, strict=True)))
            for name, values in _native.izhikevich_presets()
        }
    )

    def __init__(
        self, output_only_spikes: bool = True, preset: str | None = None, *, resolution: Resolution | None = None
    ) -> None:
        self._build(resolution, output_only_spikes=output_only_spikes, preset=preset)
        if output_only_spikes:
            self.__dict__["_spiking"] = {"output": ""}

    def load_parameters_by_name(self, name: str) -> None:
        """Set a, b, c and d to those of a behaviour.

        Parameters
        ----------
        name : str
            One of :attr:`presets`; upper and lower case are the same.
        """
        for preset, values in self.presets.items():
            if preset.lower() == str(name).lower():
                self.set_parameters({key: value for key, value in values.items() if key != "input"})
                return
        raise ValueError("name: " + unknown("preset", name, self.presets))


@native_layer
class FitzHughNagumo(NativeLayer):
    """FitzHugh-Nagumo oscillators; the output is the fast variable v.

    ::

        dv/dt = v - v³/3 - w + I                     one unit of time = 1 ms
        dw/dt = tau (v + a - b w)

    in Euler steps of at most 0.1 ms.

    Parameters
    ----------
    sign : {"plus", "minus"}
        The sign of a; the toolbox of 2018 had a minus.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Attributes
    ----------
    a, b, tau, noise_strength
        Offset and decay of w, its speed (1/ms), standard deviation of noise added to the input.

    References
    ----------
    FitzHugh 1961, Biophys. J. 1:445, equations 1 and 2.

    Examples
    --------
    >>> import convis, numpy as np
    >>> v = convis.spiking.FitzHughNagumo().run(np.full((300, 1, 1), 0.5)).array(0)
    >>> bool(v.max() > 1.8)                     # a steady current makes it oscillate
    True
    """

    a: Parameter
    b: Parameter
    tau: Parameter
    noise_strength: Parameter

    def __init__(self, sign: str = "plus", *, resolution: Resolution | None = None) -> None:
        self._build(resolution, sign=sign)


@native_layer
class HodgkinHuxley(NativeLayer):
    """Hodgkin-Huxley axons; the output is the potential in mV above rest.

    ::

        Cm dv/dt = I - gK n⁴ (v - VK) - gNa m³ h (v - VNa) - gL (v - Vl)
        dx/dt    = α_x(v) (1 - x) - β_x(v) x         for x = n, m, h; t in ms

    in Euler steps of at most 0.05 ms. ``HogkinHuxley``, as the toolbox of 2018 spelled it, is the same.

    Parameters
    ----------
    gates : {"steady_state", "zero"}
        Where n, m and h begin.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Attributes
    ----------
    gK, gNa, gL, Cm, VK, VNa, Vl, noise_strength
        Conductances (mS/cm²), capacity (µF/cm²), equilibrium potentials above rest (mV), noise (µA/cm²).

    References
    ----------
    Hodgkin & Huxley 1952, J. Physiol. 117:500.

    Examples
    --------
    >>> import convis, numpy as np
    >>> v = convis.spiking.HodgkinHuxley().run(np.full((100, 1, 1), 10.0)).array(0)
    >>> bool(80 < v.max() < 110)                # spikes of about 100 mV
    True
    """

    gK: Parameter
    gNa: Parameter
    gL: Parameter
    Cm: Parameter
    VK: Parameter
    VNa: Parameter
    Vl: Parameter
    noise_strength: Parameter

    def __init__(self, gates: str = "steady_state", *, resolution: Resolution | None = None) -> None:
        self._build(resolution, gates=gates)


HogkinHuxley = HodgkinHuxley


@native_layer
class IntegrativeMotionSensor(NativeLayer):
    """ON and OFF events where the summed input, or its ratio to the last level, crosses a threshold θ.

    ::

        linear   f += x;  on = f > θ;    off = f < -θ;     f -= θ on - θ off      f = 0 at the start
        log      on = x/f > θ;           off = x/f < 1/θ;  f *= θ^(on - off)      f = 1/2 at the start

    Parameters
    ----------
    mode : {"linear", "log"}
        Sums or ratios.
    threshold : float
        θ: above 0; above 1 for ratios.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Returns
    -------
    movie
        Twice the channels: ON and OFF.

    References
    ----------
    Lichtsteiner, Posch & Delbruck 2008, IEEE J. Solid-State Circuits 43:566.

    Examples
    --------
    >>> import convis, numpy as np
    >>> sensor = convis.spiking.IntegrativeMotionSensor()
    >>> sensor.run(np.array([0.6, 0.6, -2.0]).reshape(3, 1, 1)).array(0)[0, :, :, 0, 0].tolist()
    [[0, 1, 0], [0, 0, 1]]
    """

    def __init__(
        self, mode: str = "linear", threshold: float = 1.0, *, resolution: Resolution | None = None
    ) -> None:
        self._build(resolution, mode=mode, threshold=threshold)
