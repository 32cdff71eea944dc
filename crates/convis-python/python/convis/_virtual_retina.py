"""A retina from its description, with the conventions of Virtual Retina."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from . import _native
from ._movies import whole
from ._native_layer import NativeLayer
from ._resolution import Resolution
from ._retina_configuration import RetinaConfiguration


class VirtualRetina(NativeLayer):
    """The retina that a description means: every node of it, computed as Virtual Retina does or, switch by switch, as convis.

    Stages, as far as the description has them: ``opl``, ``bipolar``, ``gang_0_input``, ``gang_0_spikes``, ``gang_1_input`` ….
    Output: ``ganglion_0``, ``ganglion_1`` …, spikes per step of the cells of each layer, or its current in Hz; without ganglion
    layers what the last stage computes. Input: luminance from 0 to the range of the description (255), of pixels and steps as
    the description says. Every analog stage has a gradient.

    Parameters
    ----------
    description : RetinaConfiguration, str, path or dict
        A description, a file (``.xml``, ``.toml``, ``.json``), nested dictionaries, or the name of one, see
        :meth:`RetinaConfiguration.presets`.
    spikes : bool
        Whether cells spike where the description says so; else the output is their current at every pixel.
    deriche_blur : bool
        Blur by Deriche's recursive filter, 1.18 times as wide as its sigma; else by a Gaussian.
    stage_delays : bool
        Every stage sees the one before it a step late; else all stages of a frame see that frame.
    adapted_start : bool
        Begin adapted to a luminance; else from zero.
    saturation : bool
        Conductances and currents saturate at 5e5 Hz.
    whole_pixel_gaze : bool
        Microsaccades move the image by whole pixels; else by parts of pixels.
    initial_luminance : float, optional
        What it is adapted to before the first frame; half the range by default.
    array_seed : int
        Of the angles of rings and the displacements of cells.

    References
    ----------
    Wohrer & Kornprobst 2009, J. Comput. Neurosci. 26:219. What each convention makes of the numbers:
    docs/parity/virtual-retina.md.

    Examples
    --------
    >>> import convis, numpy as np
    >>> cat = convis.retina.Retina.virtual_retina("cat-x", spikes=False).double()
    >>> grey = np.full((20, 8, 9), 127.5)
    >>> current = cat.run(grey).array(0)
    >>> rest = cat.description.get("ganglion-layers.0.value-at-linear-threshold__Hz")
    >>> bool(np.abs(current - rest).max() < 1e-9)                # adapted to grey, it sees grey
    True
    >>> primate = convis.retina.Retina.virtual_retina("primate")
    >>> primate.cells((128, 160))[0].shape                       # x and y of the cells of its first layer, degrees
    (3435, 2)
    """

    # For the library it is a Retina, made from other options.
    _kind: ClassVar[str] = "VirtualRetina"

    def __init__(
        self,
        description: Any = "primate",
        spikes: bool = True,
        *,
        deriche_blur: bool = True,
        stage_delays: bool = True,
        adapted_start: bool = True,
        saturation: bool = True,
        whole_pixel_gaze: bool = True,
        initial_luminance: float | None = None,
        array_seed: int = 0,
    ) -> None:
        configuration = RetinaConfiguration(description)
        pixels_per_degree = configuration.get("retina.pixels-per-degree")
        step_s = configuration.get("retina.temporal-step__sec")
        self._build(
            Resolution(pixels_per_degree, 1.0 / step_s),
            description=configuration._description.format("json"),
            spikes=bool(spikes),
            deriche_blur=bool(deriche_blur),
            stage_delays=bool(stage_delays),
            adapted_start=bool(adapted_start),
            saturation=bool(saturation),
            whole_pixel_gaze=bool(whole_pixel_gaze),
            initial_luminance=None if initial_luminance is None else float(initial_luminance),
            array_seed=whole("array_seed", array_seed, least=0),
        )
        stages = {name for name, _ in self.named_children()}
        populations = sum(name.startswith("gang_") and name.endswith("_input") for name in stages)
        names = {f"ganglion_{i}": f"gang_{i}_spikes" for i in range(populations)}
        self.__dict__["_spiking"] = {output: path for output, path in names.items() if path in stages}

    @property
    def description(self) -> RetinaConfiguration:
        """What it was built from; a copy."""
        return RetinaConfiguration(json.loads(self.__dict__["_made_by"][0]["description"]))

    def cells(self, image: tuple[int, int]) -> dict[int, NDArray[np.float64]]:
        """Where the cells that spike are.

        Parameters
        ----------
        image : (int, int)
            Rows and columns of the frames that it will see.

        Returns
        -------
        dict
            For the number of each layer with spikes ``(cells, 2)``: x to the right and y downwards from the middle, degrees, in
            the order of the output.
        """
        rows, columns = (whole("image", n) for n in image)
        layers = _native.virtual_retina_cells(dict(self.__dict__["_made_by"][0]), (rows, columns))
        return {number: np.array(places, dtype=np.float64).reshape(-1, 2) for number, places in layers}
