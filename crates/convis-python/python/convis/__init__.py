"""Simulate and fit filter-based models of the retina on video of any length.

=====================  ==========================================================================
``convis.retina``      the retina of Wohrer & Kornprobst (2009) and its stages
``convis.filters``     filters in space and time
``convis.variables``   parameters, states, tensors
``convis.base``        layers and their outputs
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

from . import _native, base, filters, retina, variables
from ._gradients import no_grad
from ._layer import Layer
from ._native import Tensor
from ._output import Output
from ._parameter import Parameter
from ._resolution import Resolution, default_resolution

__version__: str = _native.__version__

#: Whether new parameters require gradients and calls record them.
default_grad_enabled: bool = True

__all__ = [
    "Layer",
    "Output",
    "Parameter",
    "Resolution",
    "Tensor",
    "__version__",
    "base",
    "config",
    "cuda_is_available",
    "default_grad_enabled",
    "default_resolution",
    "filters",
    "no_grad",
    "retina",
    "seed",
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
