"""Simulate and fit filter-based models of the retina on video of any length.

=====================  ==========================================================================
``convis.retina``      the retina of Wohrer & Kornprobst (2009) and its stages
``convis.filters``     filters in space and time
``convis.spiking``     neurons that fire
``convis.metrics``     how well a prediction describes a response
``convis.streams``     movies that come and go frame by frame: files, video, cameras, sockets
``convis.variables``   parameters, states, tensors
``convis.base``        layers, their outputs, and the runner
=====================  ==========================================================================

Examples
--------
>>> import convis, numpy as np
>>> retina = convis.retina.Retina()
>>> retina.p.bipolar.lambda_amp = 50.0
>>> movie = np.random.default_rng(0).random((300, 20, 20))     # time, height, width
>>> output = retina.run(movie, dt=100)
>>> output.ganglion_spikes_ON.shape
(1, 1, 300, 20, 20)
"""

from __future__ import annotations

import operator as _operator

from . import _native, base, filters, metrics, retina, spiking, streams, variables
from ._gradients import no_grad
from ._layer import Layer
from ._native import Tensor
from ._output import Output
from ._parameter import Parameter
from ._pictures import (
    animate,
    animate_double_plot,
    animate_to_html,
    animate_to_video,
    plot,
    plot_5d_matshow,
    plot_5d_time,
    plot_impulse,
    plot_impulse_space,
    plot_output,
    plot_tensor,
)
from ._resolution import Resolution, default_resolution
from ._runner import Runner

__version__: str = _native.__version__

#: Whether new parameters require gradients and calls record them.
default_grad_enabled: bool = True

__all__ = [
    "Layer",
    "Output",
    "Parameter",
    "Resolution",
    "Runner",
    "Tensor",
    "__version__",
    "animate",
    "animate_double_plot",
    "animate_to_html",
    "animate_to_video",
    "base",
    "config",
    "cuda_is_available",
    "default_grad_enabled",
    "default_resolution",
    "filters",
    "metrics",
    "no_grad",
    "plot",
    "plot_5d_matshow",
    "plot_5d_time",
    "plot_impulse",
    "plot_impulse_space",
    "plot_output",
    "plot_tensor",
    "retina",
    "seed",
    "spiking",
    "streams",
    "variables",
]


def seed(n: int) -> None:
    """Set the seed of the noise of models built from now on, and count models from zero again.

    Two programs that set the same seed and build the same models in the same order see the same noise.

    Parameters
    ----------
    n : int
        The seed, from 0.

    Examples
    --------
    >>> import convis, numpy as np
    >>> x = np.ones((200, 5, 5))
    >>> convis.seed(7)
    >>> a = convis.retina.Retina().run(x).array(0)
    >>> convis.seed(7)
    >>> b = convis.retina.Retina().run(x).array(0)
    >>> bool((a == b).all())
    True
    """
    try:
        number = _operator.index(n)
    except TypeError:
        raise TypeError(f"n: expected a whole number from 0, got {n!r}") from None
    if not 0 <= number < 2**64:
        raise ValueError(f"n: expected a whole number from 0 to 2**64 - 1, got {number}")
    _native.seed(number)


def cuda_is_available() -> bool:
    """Whether this build computes on a GPU that this machine has."""
    return False


def config() -> dict[str, str]:
    """What computes: version, number of threads, vector instructions.

    ``CONVIS_NUM_THREADS`` and ``CONVIS_SIMD`` in the environment change the latter two; results stay the same.

    Examples
    --------
    >>> import convis
    >>> sorted(convis.config())
    ['simd', 'threads', 'version']
    """
    return {"version": __version__, **_native.config()}


def __dir__() -> list[str]:
    return __all__
