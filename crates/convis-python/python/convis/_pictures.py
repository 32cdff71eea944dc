"""Pictures of movies, responses and kernels, by matplotlib, which is needed only here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._movies import whole
from ._native import Tensor
from ._output import Output
from ._parameter import Parameter
from ._resolution import Resolution
from ._text import short

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[Any]

_SIGNED, _UNSIGNED, _LINE = "RdBu_r", "gray", "#1f5f8b"
#: More lines than these are shown as a band.
_MOST_LINES = 60


def _pyplot() -> Any:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(f"pictures need matplotlib, which is not installed ({error}): pip install matplotlib") from None
    return pyplot


def _figure(rows: int = 1, columns: int = 1, **options: Any) -> tuple[Figure, Any]:
    """A figure and its axes: rows of columns, or the only one."""
    figure: Figure
    figure, axes = _pyplot().subplots(rows, columns, layout="constrained", **options)
    return figure, axes


# ------------------------------------------------------------------ what is shown
class _Scale:
    """Units on axes: seconds and degrees where the resolution is known, steps and pixels elsewhere."""

    def __init__(self, resolution: Resolution | None) -> None:
        if resolution is not None and not isinstance(resolution, Resolution):
            raise TypeError(f"resolution: expected a convis.Resolution, got {short(resolution)}")
        self.step = 1.0 if resolution is None else 1 / resolution.steps_per_second
        self.pixel = 1.0 if resolution is None else 1 / resolution.pixel_per_degree
        self.time_label = "time (frames)" if resolution is None else "time (s)"
        self.space_unit = "pixels" if resolution is None else "deg"

    def times(self, frames: int) -> Array:
        return np.arange(frames) * self.step

    def moment(self, frame: int) -> str:
        return f"frame {frame}" if self.step == 1.0 else f"{frame * self.step:.3g} s"

    def extent(self, height: int, width: int) -> tuple[float, float, float, float]:
        """Pixel centres lie at whole pixels, row 0 is on top."""
        half = self.pixel / 2
        return -half, width * self.pixel - half, height * self.pixel - half, -half


def _array(x: Any) -> Array:
    if isinstance(x, Output):
        x = x[0]
    elif isinstance(x, Parameter):
        x = x.data
    array = x.numpy() if isinstance(x, Tensor) else np.asarray(x)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"x: expected numbers to draw, got {short(x)}")
    if array.size == 0:
        raise ValueError(f"x: expected something to draw, got shape {array.shape}")
    return array.astype(np.float64) if array.dtype.kind != "f" else array


def _movie(x: Any) -> Array:
    """Five axes; trials and batches are one."""
    array = _array(x)
    if array.ndim == 6:
        array = array.reshape(-1, *array.shape[2:])
    if array.ndim > 5:
        raise ValueError(f"x: expected up to 6 axes, got shape {array.shape}")
    if array.ndim < 3:
        raise ValueError(f"x: expected a movie (time, height, width), got shape {array.shape}; see plot_tensor")
    return array[(None,) * (5 - array.ndim)]


def _resolution_of(x: Any, resolution: Resolution | None) -> Resolution | None:
    return x._resolution if resolution is None and isinstance(x, Output) else resolution


def colour_scale(array: Array) -> tuple[str, float, float]:
    """Colours that tell the truth: symmetric about zero where there are both signs, grey from the least value else."""
    finite = array[np.isfinite(array)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if low < 0 < high or high <= 0 > low:
        most = max(-low, high)
        return _SIGNED, -most, most
    from_zero = low < 0.5 * high or low == high
    return _UNSIGNED, 0.0 if from_zero else low, high or 1.0


def _image(axes: Axes, picture: Array, scale: _Scale, colours: tuple[str, float, float]) -> Any:
    name, low, high = colours
    extent = scale.extent(*picture.shape)
    return axes.imshow(picture, cmap=name, vmin=low, vmax=high, extent=extent, interpolation="nearest")


def _label_space(axes: Axes, scale: _Scale) -> None:
    axes.set_xlabel(f"width ({scale.space_unit})")
    axes.set_ylabel(f"height ({scale.space_unit})")


def _bare(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


# ------------------------------------------------------------------ movies
def plot(x: Any, resolution: Resolution | None = None, **options: Any) -> Figure:
    """Draw anything convis makes: an output, a tensor or array, a parameter, a layer.

    An output with several movies is drawn movie by movie, a layer by its response to an impulse, a stimulus by its first
    ten seconds, everything else by :func:`plot_tensor`.

    Parameters
    ----------
    x : Output, Tensor, array_like, Parameter, Layer or Stimulus
        What to draw.
    resolution : convis.Resolution, optional
        Gives axes in seconds and degrees; outputs know their own.
    **options
        For the function that draws.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import convis, numpy as np
    >>> figure = convis.plot(convis.retina.Retina().run(np.ones((300, 8, 8))))
    >>> len(figure.axes) > 2
    True
    """
    from ._layer import Layer
    from .stimuli import Stimulus

    if isinstance(x, Layer):
        return plot_impulse(x, **options)
    if isinstance(x, Stimulus):
        shown = max(round(10 * x.resolution.steps_per_second), 1)
        there = x.frames
        return plot_tensor(
            x.movie(shown if there is None else min(shown, there)), resolution or x.resolution, **options
        )
    if isinstance(x, Output) and len(x) > 1:
        return plot_output(x, resolution)
    if isinstance(x, (list, tuple)) and any(isinstance(part, (Tensor, Output)) for part in x):
        parts = [movie for part in x for movie in (part if isinstance(part, Output) else [part])]
        return plot_output(Output(parts), resolution)
    return plot_tensor(x, resolution, **options)


def plot_output(output: Output, resolution: Resolution | None = None) -> Figure:
    """Draw every movie of an output: its course in time, and its mean image.

    Parameters
    ----------
    output : Output
        What a model returned.
    resolution : convis.Resolution, optional
        By default that of the model.

    Returns
    -------
    matplotlib.figure.Figure
    """
    scale = _Scale(_resolution_of(output, resolution))
    size = (9, 2.4 * len(output))
    figure, rows = _figure(len(output), 2, figsize=size, width_ratios=[2.4, 1], squeeze=False)
    for (key, movie), (left, right) in zip(output.items(), rows, strict=True):
        _course_and_image(_movie(movie), left, right, scale, movie.dtype == np.uint8)
        left.set_title(key, loc="left")
    for left, _ in rows[:-1]:
        left.set_xlabel("")
    return figure


def plot_tensor(x: Any, resolution: Resolution | None = None) -> Figure:
    """Draw numbers with any number of axes up to five.

    One axis is drawn as a line, two as an image, a movie by its course in time and its mean image; a single number as
    text.

    Parameters
    ----------
    x : Tensor, array_like, Output or Parameter
        What to draw.
    resolution : convis.Resolution, optional
        Gives axes in seconds and degrees; outputs know their own.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import convis, numpy as np
    >>> figure = convis.plot_tensor(np.random.default_rng(0).random((40, 8, 9)))
    >>> figure.axes[0].get_xlabel()
    'time (frames)'
    """
    array = _array(x)
    scale = _Scale(_resolution_of(x, resolution))
    if array.ndim >= 3:
        spikes = getattr(x[0] if isinstance(x, Output) else x, "dtype", None) == np.uint8
        movie = _movie(array)
        if movie.shape[2] == 1:
            return plot_5d_matshow(movie, resolution=_resolution_of(x, resolution))
        figure, (left, right) = _figure(1, 2, figsize=(9, 3), width_ratios=[2.4, 1])
        _course_and_image(movie, left, right, scale, spikes)
        return figure
    figure, axes = _figure(figsize=(6, 3.2))
    if array.size == 1:
        axes.text(0.5, 0.5, f"{array.item():.6g}", ha="center", va="center", size=20)
        axes.set_axis_off()
    elif array.ndim == 1:
        axes.plot(scale.times(len(array)), array, color=_LINE)
        axes.set_xlabel("element" if scale.step == 1.0 else scale.time_label)
        axes.set_ylabel("value")
        axes.margins(x=0.01)
        _bare(axes)
    else:
        figure.colorbar(_image(axes, array, scale, colour_scale(array)), ax=axes, label="value")
        _label_space(axes, scale)
    return figure


def _course_and_image(movie: Array, left: Axes, right: Axes, scale: _Scale, spikes: bool = False) -> None:
    """The course in time of a movie's pixels, and its mean image."""
    frames = movie.shape[2]
    lines = np.moveaxis(movie, 2, 0).reshape(frames, -1)
    if spikes:
        _raster(left, lines, scale)
    else:
        _lines(left, lines, scale, _per_time(frames))
        left.set_ylabel("value")
    picture = movie.mean(axis=(0, 1, 2))
    if spikes:
        picture = picture / scale.step
    name = ("spikes per frame" if scale.step == 1.0 else "rate (Hz)") if spikes else "mean over time"
    if picture.size == 1:
        right.text(0.5, 0.5, f"{name}\n{picture.item():.4g}", ha="center", va="center")
        right.set_axis_off()
        return
    right.figure.colorbar(_image(right, picture, scale, colour_scale(picture)), ax=right, label=name)
    _label_space(right, scale)


def _per_time(frames: int) -> str:
    return "-" if frames > 1 else "o"


def _lines(axes: Axes, lines: Array, scale: _Scale, style: str = "-", label: bool = True) -> None:
    """Lines in time (frames, lines): all of them where they are few, their spread where they are many."""
    times = scale.times(len(lines))
    count = lines.shape[1]
    if count > _MOST_LINES:
        for (low, high), shade in (((0, 100), 0.15), ((25, 75), 0.3)):
            low, high = np.percentile(lines, (low, high), axis=1)
            name = f"all {count} pixels" if shade < 0.2 else "half of them"
            axes.fill_between(times, low, high, color=_LINE, alpha=shade, lw=0, label=name)
    elif count > 1:
        axes.plot(times, lines, style, color=_LINE, alpha=max(0.15, min(0.6, 8 / count)), lw=0.7)
    mean = f"mean of {count}" if count > 1 else None
    axes.plot(times, lines.mean(axis=1), style, color="black" if count > 1 else _LINE, lw=1.4, label=mean)
    if label and count > 1:
        axes.legend(frameon=False, fontsize="small", loc="upper right")
    axes.set_xlabel(scale.time_label)
    axes.margins(x=0.01)
    _bare(axes)


def _raster(axes: Axes, spikes: Array, scale: _Scale) -> None:
    """Spikes (frames, cells): a dot for each, of cells evenly chosen where they are many."""
    count = spikes.shape[1]
    shown = np.unique(np.linspace(0, count - 1, min(count, 100)).round().astype(int))
    frame, cell = np.nonzero(spikes[:, shown])
    axes.plot(frame * scale.step, shown[cell], "|", color="black", ms=max(2, min(8, 250 / len(shown))), mew=0.6)
    axes.set_xlim(0, len(spikes) * scale.step)
    axes.set_ylim(count - 0.5, -0.5)
    axes.set_xlabel(scale.time_label)
    axes.set_ylabel("cell" if len(shown) == count else f"cell ({len(shown)} of {count})")
    _bare(axes)


def plot_5d_time(
    x: Any,
    mean: Sequence[int] = (),
    resolution: Resolution | None = None,
    axes: Axes | None = None,
    **options: Any,
) -> Axes:
    """Draw a movie as lines in time, one for every batch, channel and pixel.

    Up to 60 lines are drawn one by one with their mean; of more, the mean, the middle half and the whole range.

    Parameters
    ----------
    x : Tensor, array_like or Output
        A movie (time, height, width) or (batch, channel, time, height, width).
    mean : sequence of int
        Axes to average first, e.g. ``(3, 4)``: a line for every batch and channel.
    resolution : convis.Resolution, optional
        Gives the axis in seconds; outputs know their own.
    axes : matplotlib.axes.Axes, optional
        Where to draw.
    **options
        For ``axes.set``, e.g. ``ylabel="current (Hz)"``.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import convis, numpy as np
    >>> axes = convis.plot_5d_time(np.random.default_rng(0).random((50, 3, 3)), ylabel="luminance")
    >>> len(axes.lines)
    10
    """
    movie = _movie(x)
    mean = (mean,) if isinstance(mean, int) else tuple(mean)
    if not all(axis in (0, 1, 3, 4) for axis in mean):
        raise ValueError(f"mean: expected some of the axes 0, 1, 3, 4 (not time, axis 2), got {mean}")
    if mean:
        movie = movie.mean(axis=mean, keepdims=True)
    if axes is None:
        axes = _figure(figsize=(8, 3))[1]
    lines = np.moveaxis(movie, 2, 0).reshape(movie.shape[2], -1)
    _lines(axes, lines, _Scale(_resolution_of(x, resolution)), _per_time(len(lines)))
    axes.set(**{"ylabel": "value", **options})
    return axes


def plot_5d_matshow(x: Any, resolution: Resolution | None = None, most: int = 12) -> Figure:
    """Draw frames of a movie side by side, on one colour scale; of several batches and channels, a row for each.

    Parameters
    ----------
    x : Tensor, array_like or Output
        A movie (time, height, width) or (batch, channel, time, height, width).
    resolution : convis.Resolution, optional
        Gives times in seconds and axes in degrees; outputs know their own.
    most : int
        How many frames are shown at most: of a longer movie, evenly spaced ones, the first and the last among them.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import convis, numpy as np
    >>> figure = convis.plot_5d_matshow(np.random.default_rng(0).random((100, 8, 8)), most=4)
    >>> [axes.get_title() for axes in figure.axes][:4]
    ['frame 0', 'frame 33', 'frame 66', 'frame 99']
    """
    movie = _movie(x)
    scale = _Scale(_resolution_of(x, resolution))
    _, channels, frames, height, width = movie.shape
    planes = movie.reshape(-1, frames, height, width)
    shown = np.unique(np.linspace(0, frames - 1, min(frames, whole("most", most))).round().astype(int))
    pictures = [(plane, frame) for plane in range(len(planes)) for frame in shown]
    columns = min(6, len(shown)) if len(planes) == 1 else len(shown)
    rows = math.ceil(len(pictures) / columns)
    side = min(2.2, 9 / columns)
    size = (side * columns + 1.2, (side * height / width + 0.25) * rows + 0.6)
    figure, grid = _figure(rows, columns, figsize=size, squeeze=False, sharex=True, sharey=True)
    colours = colour_scale(planes[:, shown])
    for axes in grid.flat[len(pictures) :]:
        axes.set_axis_off()
    for (plane, frame), axes in zip(pictures, grid.flat, strict=False):
        image = _image(axes, planes[plane, frame], scale, colours)
        axes.locator_params(nbins=3)
        if plane == 0:
            axes.set_title(scale.moment(frame), fontsize="small")
        if len(planes) > 1 and frame == shown[0]:
            label = f"batch {plane // channels}\nchannel {plane % channels}"
            axes.set_ylabel(label, fontsize="x-small", rotation=0, ha="right", va="center")
    if len(planes) == 1:
        grid[-1, 0].set_ylabel(f"height ({scale.space_unit})")
    grid[-1, 0].set_xlabel(f"width ({scale.space_unit})")
    figure.colorbar(image, ax=grid.ravel().tolist(), label="value", shrink=0.9)
    return figure


# ------------------------------------------------------------------ responses to an impulse
def impulse_response(
    layer: Any, shape: Sequence[int], dt: int | None = None, size: float = 1.0, background: float = 0.0
) -> Output:
    """What an impulse adds to the response to a background; the state of the layer stays as it is."""
    import copy

    try:
        frames, height, width = shape
    except (TypeError, ValueError):
        raise ValueError(f"shape: expected (time, height, width), got {short(shape)}") from None
    frames, height, width = (whole("shape", n) for n in (frames, height, width))
    model = copy.deepcopy(layer)
    whole_model = (getattr(model, "_place", None) or (model, ""))[0]  # a part shares the state of the whole
    whole_model.clear_state()
    start = whole_model.get_state()
    stimulus = np.full((frames, height, width), background, np.float32)
    without = model.run(stimulus, dt=dt)
    whole_model.set_state(start)  # the same noise
    stimulus[0, height // 2, width // 2] += size
    response = model.run(stimulus, dt=dt)
    movies = [with_it.numpy() * 1.0 - blank.numpy() for with_it, blank in zip(response, without, strict=True)]
    output = Output(movies, response.keys())
    output._resolution = model.resolution
    return output


def plot_impulse(
    layer: Any,
    shape: Sequence[int] = (300, 20, 20),
    dt: int | None = None,
    size: float = 1.0,
    background: float = 0.0,
) -> Figure:
    """Draw the response to an impulse in time: at the impulse, beside it, and in space at its peak.

    The impulse brightens the middle pixel for the first frame. Drawn is what it adds to the response to the plain
    background, under the same noise. The layer itself stays as it is.

    Parameters
    ----------
    layer : Layer
        What responds.
    shape : (int, int, int)
        Frames, rows and columns of the stimulus.
    dt : int, optional
        Frames per chunk.
    size : float
        What the impulse adds.
    background : float
        Luminance elsewhere.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import convis
    >>> figure = convis.filters.TemporalLowPassFilterRecursive(0.02).plot_impulse((100, 8, 8))
    >>> figure.axes[0].get_xlabel()
    'time (s)'
    """
    output = impulse_response(layer, shape, dt, size, background)
    scale = _Scale(output._resolution)
    size_of_figure = (9, 2.8 * len(output))
    figure, rows = _figure(len(output), 2, figsize=size_of_figure, width_ratios=[2, 1], squeeze=False)
    for (key, tensor), (left, right) in zip(output.items(), rows, strict=True):
        movie = tensor.numpy()[0].sum(axis=0) if tensor.shape[1] == 1 else tensor.numpy()[0, 0]
        _draw_impulse(left, right, movie, scale)
        left.set_title(key if len(output) > 1 else type(layer).__name__, loc="left")
    return figure


def _distances(height: int, width: int) -> list[int]:
    """A few pixels to the side of the middle that exist."""
    return [d for d in (0, 1, 2, 4, 8) if width // 2 + d < width][:4]


def _draw_impulse(left: Axes, right: Axes, movie: Array, scale: _Scale) -> None:
    frames, height, width = movie.shape
    y, x = height // 2, width // 2
    distances, times = _distances(height, width), scale.times(frames)
    for distance, shade in zip(distances, np.linspace(0, 0.7, len(distances)), strict=True):
        away = f"{distance * scale.pixel:.2g} {scale.space_unit} away" if distance else "at the impulse"
        line = movie[:, y, x + distance]
        width_of_line = 1.1 if distance else 1.6
        left.plot(times, line, _per_time(frames), color=str(shade), lw=width_of_line, label=away)
    left.axhline(0, color="0.8", lw=0.8, zorder=0)
    left.set(xlabel=scale.time_label, ylabel="response to the impulse")
    left.legend(frameon=False, fontsize="small")
    left.margins(x=0.01)
    _bare(left)
    if not movie.any():
        hint = "the impulse changes nothing;\ntry another size or background"
        left.text(0.5, 0.6, hint, transform=left.transAxes, ha="center", va="bottom")
    peak = int(np.abs(movie).max(axis=(1, 2)).argmax())
    right.figure.colorbar(_image(right, movie[peak], scale, colour_scale(movie[peak])), ax=right, label="response")
    right.set_title(f"at {scale.moment(peak)}", fontsize="medium")
    _label_space(right, scale)


def plot_impulse_space(
    layer: Any,
    shape: Sequence[int] = (100, 31, 31),
    dt: int | None = None,
    size: float = 1.0,
    background: float = 0.0,
) -> Figure:
    """Draw the response to an impulse in space, at its peak in time: an image and a cut through the middle.

    Parameters
    ----------
    layer : Layer
        What responds.
    shape : (int, int, int)
        Frames, rows and columns of the stimulus.
    dt : int, optional
        Frames per chunk.
    size : float
        What the impulse adds.
    background : float
        Luminance elsewhere.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import convis
    >>> figure = convis.filters.GaussianBlur(0.2).plot_impulse_space((1, 15, 15))
    >>> len(figure.axes)
    3
    """
    output = impulse_response(layer, shape, dt, size, background)
    scale = _Scale(output._resolution)
    figure, rows = _figure(len(output), 2, figsize=(9, 3.4 * len(output)), squeeze=False)
    for (key, tensor), (left, right) in zip(output.items(), rows, strict=True):
        movie = tensor.numpy()[0, 0]
        peak = int(np.abs(movie).max(axis=(1, 2)).argmax())
        picture = movie[peak]
        figure.colorbar(_image(left, picture, scale, colour_scale(picture)), ax=left, label="response")
        _label_space(left, scale)
        title = key if len(output) > 1 else type(layer).__name__
        left.set_title(f"{title}, at {scale.moment(peak)}", loc="left", fontsize="medium")
        row, column = (n // 2 for n in picture.shape)
        for line, name, middle in ((picture[row], "along the width", column), (picture[:, column], "along the height", row)):
            style = "-" if name.endswith("width") else "--"
            right.plot((np.arange(len(line)) - middle) * scale.pixel, line, style, label=name, color=_LINE, marker=".")
        right.axhline(0, color="0.8", lw=0.8, zorder=0)
        right.set(xlabel=f"distance from the impulse ({scale.space_unit})", ylabel="response")
        right.legend(frameon=False, fontsize="small")
        _bare(right)
    return figure


# ------------------------------------------------------------------ animations
def _frames_of(x: Any) -> Array:
    movie = _movie(x)
    if movie.shape[:2] != (1, 1):
        raise ValueError(f"x: expected a movie of one batch and one channel, got shape {movie.shape}")
    return movie.reshape(movie.shape[2:])


def animate(
    x: Any,
    frames_per_second: float = 25.0,
    skip: int = 1,
    resolution: Resolution | None = None,
    most: int = 500,
) -> FuncAnimation:
    """A movie as an animation of matplotlib. Keep what it returns as long as it shall play.

    Parameters
    ----------
    x : Tensor, array_like or Output
        A movie (time, height, width) or (1, 1, time, height, width).
    frames_per_second : float
        How fast it is shown.
    skip : int
        Show every so many-th frame.
    resolution : convis.Resolution, optional
        Gives times in seconds and axes in degrees; outputs know their own.
    most : int
        Longer animations are refused, as drawing takes a while; choose `skip` or cut the movie.

    Returns
    -------
    matplotlib.animation.FuncAnimation

    Examples
    --------
    >>> import convis, numpy as np
    >>> animation = convis.animate(np.random.default_rng(0).random((20, 8, 8)), skip=5)
    >>> html = convis.animate_to_html(animation)
    >>> "<img" in html._repr_html_()
    True
    """
    return _animation(_frames_of(x), None, frames_per_second, skip, _Scale(_resolution_of(x, resolution)), most)


def animate_double_plot(
    x: Any,
    y: Any,
    frames_per_second: float = 25.0,
    skip: int = 1,
    resolution: Resolution | None = None,
    most: int = 500,
) -> FuncAnimation:
    """A movie beside its response: two movies of the same length side by side, the mean of each below.

    Parameters
    ----------
    x, y : Tensor, array_like or Output
        Movies (time, height, width) or (1, 1, time, height, width).
    frames_per_second : float
        How fast it is shown.
    skip : int
        Show every so many-th frame.
    resolution : convis.Resolution, optional
        Gives times in seconds and axes in degrees; outputs know their own.
    most : int
        Longer animations are refused, as drawing takes a while.

    Returns
    -------
    matplotlib.animation.FuncAnimation
    """
    left, right = _frames_of(x), _frames_of(y)
    if len(left) != len(right):
        raise ValueError(f"y: expected {len(left)} frames as x has, got {len(right)}")
    resolution = _resolution_of(y, _resolution_of(x, resolution))
    return _animation(left, right, frames_per_second, skip, _Scale(resolution), most)


def _animation(
    left: Array, right: Array | None, frames_per_second: float, skip: int, scale: _Scale, most: int
) -> FuncAnimation:
    from ._resolution import _positive

    pyplot = _pyplot()
    from matplotlib.animation import FuncAnimation

    shown = np.arange(0, len(left), whole("skip", skip))
    if len(shown) > whole("most", most):
        raise ValueError(
            f"x: {len(shown)} frames are many to draw; choose skip={math.ceil(len(left) / most)}, cut the movie, or set "
            "most; convis.streams.VideoWriter writes movies of any length"
        )
    interval = 1000 / _positive("frames_per_second", frames_per_second)
    movies = [left] if right is None else [left, right]
    if right is None:
        figure, axes = _figure(figsize=(4.6, 4), squeeze=False)
    else:
        figure, axes = _figure(2, 2, figsize=(8, 5), height_ratios=[2.5, 1])
    images, marks = [], []
    for i, movie in enumerate(movies):
        images.append(_image(axes[0, i], movie[0], scale, colour_scale(movie)))
        figure.colorbar(images[-1], ax=axes[0, i], shrink=0.8)
        _label_space(axes[0, i], scale)
        if right is not None:
            below = axes[1, i]
            below.plot(scale.times(len(movie)), movie.mean(axis=(1, 2)), color=_LINE)
            below.set(xlabel=scale.time_label, ylabel="mean")
            below.margins(x=0.01)
            _bare(below)
            marks.append(below.axvline(0, color="black", lw=1))
    title = axes[0, 0].set_title(scale.moment(0), fontsize="medium", loc="left")

    def show(frame: int) -> list[Any]:
        for image, movie in zip(images, movies, strict=True):
            image.set_data(movie[frame])
        for mark in marks:
            mark.set_xdata([frame * scale.step] * 2)
        title.set_text(scale.moment(frame))
        return [*images, *marks, title]

    animation = FuncAnimation(figure, show, frames=shown.tolist(), interval=interval)
    pyplot.close(figure)  # notebooks would show it a second time, at rest
    return animation


class HTML:
    """A piece of HTML that notebooks show.

    Parameters
    ----------
    text : str
        The HTML.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def _repr_html_(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<HTML of {len(self.text)} characters>"


def animate_to_html(x: Any, **options: Any) -> HTML:
    """An animation with buttons, as HTML that a notebook shows.

    Parameters
    ----------
    x : Tensor, array_like, Output or FuncAnimation
        A movie, or an animation of :func:`animate` or :func:`animate_double_plot`.
    **options
        For :func:`animate`.

    Returns
    -------
    HTML
        ``.text`` is the HTML.
    """
    animation = _as_animation(x, options)
    return HTML(animation.to_jshtml())


def animate_to_video(x: Any, path: Any = None, **options: Any) -> HTML:
    """An animation as a video: as HTML that a notebook shows, and in a file.

    Parameters
    ----------
    x : Tensor, array_like, Output or FuncAnimation
        A movie, or an animation of :func:`animate` or :func:`animate_double_plot`.
    path : str or path, optional
        A file to write as well, ``.mp4`` or ``.gif``.
    **options
        For :func:`animate`.

    Returns
    -------
    HTML
        ``.text`` is the HTML, the video inside.

    Notes
    -----
    Everything but a GIF needs the program ``ffmpeg``; without it, see also :func:`animate_to_html`.
    """
    import base64
    import os

    from ._draft import Draft
    from .streams._pictures import _ffmpeg

    animation = _as_animation(x, options)
    gif = path is not None and os.fspath(path).lower().endswith(".gif")
    if not gif:
        _ffmpeg("animate_to_video" if path is None else os.fspath(path))
    if path is None:
        return HTML(animation.to_html5_video())
    draft = Draft(path)
    try:
        animation.save(draft.name, writer="pillow" if gif else "ffmpeg")
        with open(draft.name, "rb") as file:
            content = base64.b64encode(file.read()).decode()
        draft.commit()
    except BaseException:
        draft.discard()
        raise
    if gif:
        return HTML(f'<img src="data:image/gif;base64,{content}">')
    return HTML(f'<video controls autoplay loop src="data:video/mp4;base64,{content}"></video>')


def _as_animation(x: Any, options: dict[str, Any]) -> FuncAnimation:
    _pyplot()
    from matplotlib.animation import FuncAnimation

    if isinstance(x, FuncAnimation):
        if options:
            raise TypeError(f"{', '.join(options)}: expected with a movie, not with an animation that is already made")
        return x
    return animate(x, **options)
