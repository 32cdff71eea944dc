"""Whether calls record what gradients need."""

from __future__ import annotations

from types import TracebackType

from . import _native


class no_grad:
    """Calls within this block record nothing for gradients.

    Examples
    --------
    >>> import convis, numpy as np
    >>> blur = convis.filters.GaussianBlur(0.1)
    >>> with convis.no_grad():
    ...     y = blur(np.ones((2, 4, 4)))
    >>> y.requires_grad
    False
    """

    def __enter__(self) -> no_grad:
        _native.pause_recording(1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _native.pause_recording(-1)


def by_default() -> bool:
    """The switch ``convis.default_grad_enabled``."""
    import convis

    return bool(convis.default_grad_enabled)


def recorded() -> bool:
    """Whether a call made now is recorded."""
    return _native.recording() and by_default()
