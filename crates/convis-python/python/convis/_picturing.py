"""What layers can draw of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Picturing:
    """Pictures as methods of layers."""

    def plot_impulse(self, shape: Any = (300, 20, 20), dt: int | None = None, **options: Any) -> Figure:
        """Draw the response to an impulse in time, and in space at its peak; see :func:`convis.plot_impulse`.

        Parameters
        ----------
        shape : (int, int, int)
            Frames, rows and columns of the stimulus.
        dt : int, optional
            Frames per chunk.
        **options
            ``size`` of the impulse and ``background``.
        """
        from ._pictures import plot_impulse

        return plot_impulse(self, shape, dt, **options)

    def plot_impulse_space(self, shape: Any = (100, 31, 31), dt: int | None = None, **options: Any) -> Figure:
        """Draw the response to an impulse in space, at its peak in time; see :func:`convis.plot_impulse_space`.

        Parameters
        ----------
        shape : (int, int, int)
            Frames, rows and columns of the stimulus.
        dt : int, optional
            Frames per chunk.
        **options
            ``size`` of the impulse and ``background``.
        """
        from ._pictures import plot_impulse_space

        return plot_impulse_space(self, shape, dt, **options)

    def plot(self, **options: Any) -> Figure:
        """Draw the response to an impulse, see :meth:`plot_impulse`."""
        return self.plot_impulse(**options)
