"""How many pixels make a degree of visual angle, and how many steps a second."""

from __future__ import annotations

import math

from ._text import short


def _positive(name: str, value: float) -> float:
    if isinstance(value, (str, bytes)) or value is None:
        raise TypeError(f"{name}: expected a positive number, got {short(value)}")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: expected a positive number, got {short(value)}") from None
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"{name}: expected a positive number, got {short(value)}")
    return number


class Resolution:
    """Pixels per degree of visual angle and simulation steps per second.

    A model reads its resolution once, when it is built.

    Parameters
    ----------
    pixel_per_degree : float
        Pixels per degree of visual angle.
    steps_per_second : float
        Simulation steps per second.

    Examples
    --------
    >>> import convis
    >>> fine = convis.Resolution(pixel_per_degree=40, steps_per_second=2000)
    >>> fine.degree_to_pixel(0.5), fine.steps_to_seconds(100)
    (20.0, 0.05)
    >>> convis.retina.Retina(resolution=fine).resolution
    Resolution(pixel_per_degree=40.0, steps_per_second=2000.0)
    """

    def __init__(self, pixel_per_degree: float = 10.0, steps_per_second: float = 1000.0) -> None:
        self._pixel_per_degree = _positive("pixel_per_degree", pixel_per_degree)
        self._steps_per_second = _positive("steps_per_second", steps_per_second)

    @property
    def pixel_per_degree(self) -> float:
        """Pixels per degree of visual angle."""
        return self._pixel_per_degree

    @property
    def steps_per_second(self) -> float:
        """Simulation steps per second."""
        return self._steps_per_second

    def degree_to_pixel(self, degree: float) -> float:
        """Degrees of visual angle in pixels."""
        return degree * self._pixel_per_degree

    def pixel_to_degree(self, pixel: float) -> float:
        """Pixels in degrees of visual angle."""
        return pixel / self._pixel_per_degree

    def seconds_to_steps(self, seconds: float) -> float:
        """Seconds in steps, not rounded."""
        return seconds * self._steps_per_second

    def steps_to_seconds(self, steps: float) -> float:
        """Steps in seconds."""
        return steps / self._steps_per_second

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Resolution):
            return NotImplemented
        return self._pair() == other._pair()

    def __hash__(self) -> int:
        return hash(self._pair())

    def __repr__(self) -> str:
        pixels, steps = self._pair()
        return f"{type(self).__name__}(pixel_per_degree={pixels}, steps_per_second={steps})"

    def _pair(self) -> tuple[float, float]:
        return self._pixel_per_degree, self._steps_per_second


class DefaultResolution(Resolution):
    """The resolution of models built from now on; both numbers can be set.

    Examples
    --------
    >>> import convis
    >>> convis.default_resolution.pixel_per_degree
    10.0
    >>> convis.default_resolution.pixel_per_degree = 0
    Traceback (most recent call last):
    ValueError: pixel_per_degree: expected a positive number, got 0
    """

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __setattr__(self, name: str, value: float) -> None:
        if name in ("pixel_per_degree", "steps_per_second"):
            name, value = "_" + name, _positive(name, value)
        elif name not in ("_pixel_per_degree", "_steps_per_second"):
            from ._text import unknown

            raise AttributeError(unknown("default_resolution:", name, ("pixel_per_degree", "steps_per_second")))
        object.__setattr__(self, name, value)


default_resolution = DefaultResolution()


def pair(resolution: Resolution | None) -> tuple[float, float]:
    """The numbers of a resolution, or of the default one."""
    if resolution is None:
        return default_resolution._pair()
    if not isinstance(resolution, Resolution):
        raise TypeError(f"resolution: expected a convis.Resolution, got {short(resolution)}")
    return resolution._pair()
