"""Fits by gradients: any model, from a recording."""

from __future__ import annotations

import os
import sys
import time as clock
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _gradients, _native, metrics
from ._files import read, write
from ._layer import Layer
from ._movies import movie, whole
from ._output import Output
from ._parameter import Parameter
from ._rate_models import SeparableSTRF
from ._text import short, unknown

_READOUTS = ("identity", "softplus", "exp", "power", "sigmoid", "spikes")
_LOSSES = ("poisson", "bernoulli", "negative_binomial", "gaussian", "huber")
_OPTIMIZERS = ("adam", "lbfgs")
_METRICS = ("bits_per_spike", "deviance_explained", "log_likelihood", "pearson")
#: Standard errors cost two runs of the model for every number that is fitted.
_MOST_ERRORS = 512

Numbers = NDArray[np.float64]


def train(
    model: Layer,
    stimulus: ArrayLike,
    response: Any,
    loss: str = "poisson",
    *,
    parameters: str | Iterable[str] | None = None,
    validation: float | ArrayLike = 0.1,
    warmup: int = 0,
    readout: str | None = None,
    gain: bool = False,
    cells: Sequence[Sequence[int]] | None = None,
    output: int | str = 0,
    optimizer: str = "adam",
    learning_rate: float | None = None,
    iterations: int | None = None,
    patience: int | None = None,
    tolerance: float = 1e-9,
    restarts: int = 0,
    jitter: float = 0.3,
    seed: int = 0,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    initialize: bool = True,
    step_s: float | None = None,
    dispersion: float = 1.0,
    delta: float = 1.0,
    errors: bool = True,
    progress: bool | Callable[[int, int, float, float | None], Any] = False,
    checkpoint: str | os.PathLike[str] | None = None,
) -> TrainedFit:
    """Fit any model to a recording by gradients: early stopping, restarts, standard errors, checkpoints.

    :func:`convis.fit` comes here with every model that it has no better method for. The model sees the whole stimulus, in
    order, from a cleared state, in double precision; only frames that count enter the loss. Parameters with a range stay
    within it: they are moved in coordinates (logarithm, softplus, logit) in which every number is allowed.

    Parameters
    ----------
    model : Layer
        Compiled, put together (``Sequential``, ``Parallel``, ``Dict``), or written in Python. It is left with the best
        parameters; after an error or Ctrl-C, with those it had.
    stimulus : array_like
        ``(time,)``, ``(time, rows, columns)`` or ``(1, channels, time, rows, columns)``.
    response : array_like or sequence of array_like
        Counts or rates ``(time,)`` or ``(time, units)``; with `step_s`, a list of spike times in seconds for each unit.
    loss : {"poisson", "bernoulli", "negative_binomial", "gaussian", "huber"}
        How responses scatter around the model.
    parameters : str or sequence of str, optional
        What is fitted, by path or short name; by default every parameter that has a gradient.
    validation : float or array_like
        The last part of the recording that says when to stop, and which point is the best; or a mask ``(time,)`` of such
        frames. 0: none.
    warmup : int
        Frames at the beginning that do not count.
    readout : {"identity", "softplus", "exp", "power", "sigmoid", "spikes"}, optional
        How the output y becomes the expected response: y itself, or ``g(y + offset)`` with an offset of every unit that is
        fitted too, or, for a retina, the probability of a spike of its noisy integrate-and-fire neurons, given the spikes
        before (see below). By default ``"spikes"`` for a retina with spikes, ``"identity"`` for models whose output is a
        rate and for ``"gaussian"`` and ``"huber"``, else ``"softplus"``.
    gain : bool
        Whether every unit has a factor as well, ``g(gain y + offset)``: where no parameter of the model sets the size of y.
    cells : sequence of (row, column) or (channel, row, column), optional
        Where in the output the units are; by default every pixel is one.
    output : int or str
        Which output, of a model with several.
    optimizer : {"adam", "lbfgs"}
        Adam is robust; L-BFGS (strong Wolfe) takes far fewer iterations where the loss is smooth.
    learning_rate : float, optional
        Of Adam, 0.02 unless given.
    iterations : int, optional
        Most iterations of a start: 500 of Adam, 200 of L-BFGS.
    patience : int, optional
        Iterations without a better point after which a start ends; by default 50 and 20 where something is held out.
    tolerance : float
        L-BFGS ends where the loss changes by less than this part of itself, twice in a row.
    restarts : int
        Starts besides the one at the present parameters.
    jitter : float
        How far other starts are moved: in logarithms of positive parameters, in units of their size of the others.
    seed : int
        Seed of the other starts.
    bounds : mapping, optional
        Lowest and highest value by name of parameter.
    initialize : bool
        Whether filters that are all zero, from which no gradient leads away, begin at the spike-triggered average.
    step_s : float, optional
        Length of a step in seconds, where `response` is spike times.
    dispersion, delta : float
        Of ``"negative_binomial"`` and ``"huber"``, see :func:`convis.fit`.
    errors : bool
        Whether to compute standard errors, for up to 512 numbers: two runs of the model for each.
    progress : bool or callable
        Show the loss while it lasts; or call ``progress(start, iteration, loss, validation)``.
    checkpoint : path, optional
        An ``.npz`` file that is kept up to date; where it exists, the fit goes on from it, taking the very steps that it
        would have taken. Remove it to start anew.

    Returns
    -------
    TrainedFit

    Raises
    ------
    ValueError
        If lengths differ, numbers are not finite, a unit has no spikes in the part that is fitted, the stimulus does not
        vary, or nothing is free.
    RuntimeError
        If the loss is no number from the beginning.

    Warns
    -----
    RuntimeWarning
        If a start diverged (the best point is restored), or parameters are not determined by the data, by name.

    Notes
    -----
    ``"spikes"`` is the density of Pillow & Paninski: between the spikes that were recorded, the distribution of the noisy
    membrane potential is followed step by step, with the threshold as a border; what crosses it is the probability of a spike.
    The leak ``g_L`` and the noise ``noise_sigma`` of the ganglion cells are fitted with the rest, the refractory period is
    held. Standard errors are those of the Fisher information at the best point (Laplace).

    References
    ----------
    Paninski, Pillow & Simoncelli 2004, Neural Comput. 16:2533; Kingma & Ba 2015, ICLR; Nocedal & Wright 2006, Numerical
    Optimization.

    Examples
    --------
    >>> import convis, numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=3000)
    >>> truth = convis.filters.TemporalLowPassFilterRecursive(0.005)
    >>> drive = truth.run(x[:, None, None]).array(0).ravel()
    >>> counts = rng.poisson(np.log1p(np.exp(4 * drive - 1)))
    >>> m = convis.filters.TemporalLowPassFilterRecursive(0.02)
    >>> fit = convis.fit(m, x, counts, gain=True, optimizer="lbfgs")
    >>> value, error = fit.parameters["tau"], fit.errors["tau"]
    >>> bool(abs(value - 0.005) < 3 * error < 0.003)
    True
    """
    for name, value, known in [
        ("loss", loss, _LOSSES),
        ("optimizer", optimizer, _OPTIMIZERS),
        ("readout", readout, (None, *_READOUTS)),
    ]:
        if value not in known:
            raise ValueError(f"{name}: " + unknown("name", str(value), [n for n in known if n]))
    adam = optimizer == "adam"
    held_out = np.ndim(validation) > 0 or float(validation) > 0  # type: ignore[arg-type]
    options = {
        "optimizer": optimizer,
        "learning_rate": learning_rate,
        "iterations": whole("iterations", (500 if adam else 200) if iterations is None else iterations),
        "patience": (50 if adam else 20) if patience is None and held_out else patience,
        "tolerance": float(tolerance),
        "restarts": whole("restarts", restarts, least=0),
        "jitter": float(jitter),
        "seed": whole("seed", seed, least=0),
    }
    problem = _Problem(model, stimulus, response, loss, readout, gain, cells, output, step_s, dispersion, delta)
    with problem:
        problem.prepare(parameters, bounds, validation, warmup, initialize)
        watcher = _Watcher(progress, checkpoint)
        found = _native.train(
            options, problem.numbers, problem.start, problem.evaluate, watcher, watcher.resume
        )
        watcher.close()
        fit = TrainedFit(problem, found)
        problem.keep(found["point"])
        if errors and len(problem.start) <= _MOST_ERRORS:
            fit._set_errors(*_native.information(problem.numbers, list(found["point"]), problem.means))
    ended = [start["ended"] for start in found["starts"]]
    if "diverged" in ended:
        warnings.warn(
            f"the fit diverged from {ended.count('diverged')} of {len(ended)} starts; the best point is restored. Try a "
            "smaller learning_rate, or optimizer=\"lbfgs\"",
            RuntimeWarning,
            stacklevel=3,
        )
    told = {tuple(dict.fromkeys(name.split("[")[0] for name in group)) for group in fit.undetermined}
    if told:
        groups = "; ".join(sorted(" and ".join(group) + (", together" if len(group) > 1 else "") for group in told))
        warnings.warn(
            f"not determined by the data: {groups}. Hold some of them (see parameters=), or show a stimulus that tells",
            RuntimeWarning,
            stacklevel=3,
        )
    return fit


class _Problem:
    """A model, a stimulus and a recording; inside ``with``, the model computes in double precision from a cleared state."""

    def __init__(
        self,
        model: Any,
        stimulus: Any,
        response: Any,
        loss: str,
        readout: str | None,
        gain: bool,
        cells: Sequence[Sequence[int]] | None,
        output: int | str,
        step_s: float | None,
        dispersion: float,
        delta: float,
    ) -> None:
        from .fitting import _responses

        if not isinstance(model, Layer):
            raise TypeError(f"model: expected a model of convis, got {short(model)}")
        self.model, self.loss, self.gain, self.output = model, loss, bool(gain), output
        self.cells, self.dispersion, self.delta = cells, float(dispersion), float(delta)
        self.movie = _movie(stimulus)
        first = self.movie.flat[0]
        if (self.movie == first).all():
            raise ValueError(f"stimulus: expected one that varies, got {first} everywhere")
        self.counts = _responses(response, self.movie.shape[2], step_s)
        self.population = _population(model, output) if readout in (None, "spikes") else None
        if readout == "spikes" and self.population is None:
            raise ValueError(
                'readout: "spikes" is for a convis.retina.Retina with spikes; for others choose "softplus", "exp" or '
                '"identity"'
            )
        self.readout: str
        if readout is None:
            rate = loss in ("gaussian", "huber") or getattr(model, "_is_rate", False)
            self.readout = "spikes" if self.population else "identity" if rate else "softplus"
        else:
            self.readout = readout

    # ---------------------------------------------------------------- the model while it is fitted
    def __enter__(self) -> _Problem:
        import convis

        self._before = [(p, p.data, p.requires_grad) for p in self.model.parameters()]
        self._double, self._default = self.model._double, convis.default_grad_enabled
        self.model.push_state()
        self.model.clear_state()
        self.model.double()
        convis.default_grad_enabled = True
        self._cleared = self.model.get_state()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        import convis

        convis.default_grad_enabled = self._default
        if not self._double:
            self.model.float()
        self.model.pop_state()
        for parameter, value, wants in self._before:
            parameter.zero_grad()
            if kind is not None:
                parameter._native.set(value)
            if parameter.requires_grad != wants:
                parameter.requires_grad = wants

    def _output(self, movie: Any) -> Any:
        """The movie (a tensor, perhaps with history) at whose pixels the units are."""
        self.model.set_state(self._cleared)
        if self.population is not None:
            current = self.population[0]
            tracked = _gradients.recorded()
            return self.model._native.call_stage(movie, current, tracked)[0][1]
        y = self.model(movie)
        if isinstance(y, Output):
            y = y[self.output]
        elif isinstance(y, (list, tuple)):
            y = y[int(self.output)]
        return y

    def at_units(self, array: NDArray[Any]) -> Numbers:
        """The numbers of the units ``(time, units)`` in an output."""
        channel, row, column = self.places
        return np.ascontiguousarray(np.asarray(array, np.float64)[0, channel, :, row, column].T)

    def run(self, movie: NDArray[Any]) -> Numbers:
        """The output at the units, without gradients."""
        with _gradients.no_grad():
            return self.at_units(np.asarray(self._output(movie)))

    # ---------------------------------------------------------------- what is fitted
    def prepare(
        self,
        names: str | Iterable[str] | None,
        bounds: Mapping[str, tuple[float, float]] | None,
        validation: float | ArrayLike,
        warmup: int,
        initialize: bool,
    ) -> None:
        zero = [p for p in self.model.parameters() if p.data.ndim == 5 and not p.data.any()]
        with _gradients.no_grad():
            shape = np.asarray(self._output(self.movie)).shape  # layers take sizes from the first frame
        frames = self.movie.shape[2]
        if len(shape) != 5 or shape[0] != 1 or shape[2] != frames:
            raise ValueError(f"output: expected a movie of {frames} frames, as went in, got shape {shape}")
        self.places = _places(self.cells, shape, self.counts.shape[1])
        self.counted = _counted(frames, validation, warmup)
        self.free = self._free(names)
        for parameter in self.model.parameters():
            free = any(parameter is p for p in self.free.values()) and parameter._native.differentiable
            if parameter.requires_grad != free:
                parameter.requires_grad = free
        self.recording = self.recorded(self.counts, self.counted)
        filters = [p._native for p in zero if any(p is free for free in self.free.values())]
        if initialize and filters and self.movie.shape[1] == 1:
            self.recording.start_filters(filters, isinstance(self.model, SeparableSTRF), self.movie[0, 0])
        self.of_readout = list(self.recording.start(self.run(self.movie)))
        self._limits(bounds or {})

    def recorded(self, counts: Numbers, counted: NDArray[np.uint8]) -> _native.Recording:
        """Responses with this read-out and likelihood."""
        options: dict[str, Any]
        if self.population is not None:
            neuron = self._neuron()
            options = {
                "kind": "threshold",
                "step_s": 1 / self.model.resolution.steps_per_second,
                "leak_hz": float(neuron["g_L"]),
                "refractory_s": float(neuron["refr_mu"]),
            }
        else:
            options = {
                "kind": "rate",
                "nonlinearity": self.readout,
                "loss": self.loss,
                "dispersion": self.dispersion,
                "delta": self.delta,
                "offset": self.readout != "identity",
                "gain": self.gain,
            }
        return _native.Recording(np.ascontiguousarray(counts, np.float64), counted, options)

    def _neuron(self) -> dict[str, Parameter]:
        assert self.population is not None
        return dict(self.model._at(self.population[1]).named_parameters())

    def _free(self, names: str | Iterable[str] | None) -> dict[str, Parameter]:
        """Parameters to be fitted, by path, each once."""
        paths: dict[str, Parameter] = {}
        for path, parameter in self.model.named_parameters():
            if not any(parameter is known for known in paths.values()):
                paths[path] = parameter
        neuron = []
        if self.population is not None:
            current, spikes = self.population
            neuron = [f"{spikes}.g_L", f"{spikes}.noise_sigma"]
            other = [path for path in paths if path.startswith("gang_") and path.split(".")[0] not in (current, spikes)]
            paths = {path: p for path, p in paths.items() if path not in other}
        smooth = {p: v for p, v in paths.items() if v._native.differentiable and not (self.population and "_spikes." in p)}
        if names is None:
            free = {path: p for path, p in smooth.items() if p.requires_grad}
            free.update((path, paths[path]) for path in neuron)
        else:
            free = {}
            for name in [names] if isinstance(names, str) else names:
                parameter = self.model._parameter(str(name))
                found = next((path for path, p in paths.items() if p is parameter), None)
                if found is None or not (found in smooth or found in neuron):
                    raise ValueError(f"parameters: {name}: nothing that is fitted depends smoothly on it")
                free[found] = parameter
        if not free:
            raise ValueError("model: expected parameters that are free to be fitted, got none; see requires_grad_()")
        return free

    def _limits(self, bounds: Mapping[str, tuple[float, float]]) -> None:
        """The point to start from, and the domain and scale of every number."""
        limits: dict[int, tuple[float, float]] = {}
        for name, pair in bounds.items():
            try:
                low, high = (float(limit) for limit in pair)
            except (TypeError, ValueError):
                raise TypeError(f"bounds: expected two numbers for {name}, got {short(pair)}") from None
            limits[id(self.model._parameter(name))] = (low, high)
        strange = [name for name in bounds if not any(self.model._parameter(name) is p for p in self.free.values())]
        if strange:
            raise ValueError(f"bounds: {strange[0]} is not fitted")
        self.numbers: list[tuple[str, float, float, float]] = []
        self.start: list[float] = []
        self.names: list[str] = []
        for path, parameter in self.free.items():
            value = parameter.data.ravel()
            scale = float(np.sqrt(np.mean(value**2))) or 1.0
            low, high = limits.get(id(parameter), (0.0, 0.0))
            domain = "between" if id(parameter) in limits else parameter._native.range
            self.numbers += [(domain, scale, low, high)] * value.size
            self.start += value.tolist()
            self.names += [path] if value.size == 1 else [f"{path}[{i}]" for i in range(value.size)]
        self.numbers += [("any", 1.0, 0.0, 0.0)] * len(self.of_readout)
        self.start += self.of_readout
        units = self.counts.shape[1]
        kinds = (["offset"] if self.readout != "identity" else []) + (["gain"] if self.gain else [])
        if self.population is None:
            self.names += [f"readout.{kind}[{unit}]" for kind in kinds for unit in range(units)]

    # ---------------------------------------------------------------- the objective
    def _set(self, point: Numbers) -> list[float]:
        """Set the parameters of the model; those of the read-out."""
        at = 0
        for parameter in self.free.values():
            shape = parameter.shape
            size = int(np.prod(shape))
            parameter._native.set(np.ascontiguousarray(point[at : at + size].reshape(shape)))
            at += size
        if self.population is None:
            return [float(x) for x in point[at:]]
        neuron = self._neuron()
        return [float(neuron["g_L"]), float(neuron["noise_sigma"])]

    def evaluate(self, point: Numbers) -> tuple[float, Numbers, float | None]:
        """Loss, gradient, and the loss of the validation part."""
        readout = self._set(point)
        for parameter in self.free.values():
            parameter.zero_grad()
        y = self._output(self.movie)
        array = np.asarray(y)
        loss, validation, by_output, by_readout = self.recording.compare(self.at_units(array), readout)
        if y.requires_grad:
            gradient = np.zeros(array.shape)
            channel, row, column = self.places
            for unit in range(by_output.shape[1]):  # several may share a pixel
                gradient[0, channel[unit], :, row[unit], column[unit]] += by_output[:, unit]
            y.backward(gradient)
        parts = []
        neuron = self._neuron() if self.population is not None else {}
        for parameter in self.free.values():
            grad = parameter.grad
            part = np.zeros(parameter.data.size) if grad is None else np.asarray(grad, np.float64).ravel()
            for name, by in zip(("g_L", "noise_sigma"), by_readout, strict=False):
                if neuron.get(name) is parameter:
                    part = part + by
            parts.append(part)
        if self.population is None:
            parts.append(by_readout)
        return loss, np.concatenate(parts), validation

    def means(self, point: Numbers) -> tuple[Numbers, Numbers]:
        """Expected responses of the training part, and the information that each carries."""
        readout = self._set(point)
        return self.recording.means(self.run(self.movie), readout)

    def keep(self, point: Numbers) -> None:
        """Leave the model and the read-out at a point."""
        self.of_readout = self._set(point)


def _few(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 6 else f"{', '.join(names[:5])} and {len(names) - 5} more"


def _movie(stimulus: Any) -> NDArray[Any]:
    array = np.asarray(stimulus)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"stimulus: expected numbers, got {short(stimulus)}")
    if array.ndim == 1:
        array = array[:, None, None]
    if array.ndim not in (3, 5) or array.size == 0 or (array.ndim == 5 and array.shape[0] != 1):
        raise ValueError(
            f"stimulus: expected (time,), (time, rows, columns) or (1, channels, time, rows, columns), got {np.shape(stimulus)}"
        )
    array = np.asarray(array, np.float64)
    if not np.isfinite(array).all():
        raise ValueError("stimulus: expected finite numbers, got NaN or infinity")
    frames: NDArray[Any] = np.asarray(movie(array, True))
    return frames


def _population(model: Layer, output: int | str) -> tuple[str, str] | None:
    """The stages that make current and spikes of a retina with spikes: those of an output by number or name."""
    spiking: dict[str, str] = getattr(model, "_spiking", {})
    names = [name for name, path in spiking.items() if path in dict(model.named_modules())]
    if not names or not hasattr(model, "_native"):
        return None
    if isinstance(output, str):
        if output not in names:
            raise ValueError("output: " + unknown("output", output, names))
        spikes = spiking[output]
    elif 0 <= output < len(names):
        spikes = spiking[names[output]]
    else:
        raise ValueError(f"output: expected one of 0 to {len(names) - 1}, got {output}")
    current = spikes.replace("spikes", "input")
    return (current, spikes) if current in dict(model.named_modules()) else None


def _places(
    cells: Sequence[Sequence[int]] | None, shape: tuple[int, ...], units: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Channel, row and column of every unit."""
    _, channels, _, rows, columns = shape
    if cells is None:
        if channels * rows * columns != units:
            raise ValueError(
                f"response: expected {channels * rows * columns} units, one a pixel of the output (channels, rows, columns = "
                f"{channels}, {rows}, {columns}), got {units}; or say where the units are: cells=[(row, column), ...]"
            )
        places = np.indices((channels, rows, columns)).reshape(3, -1)
    else:
        listed = [tuple(whole("cells", n, least=0) for n in cell) for cell in cells]
        if len(listed) != units or any(len(cell) not in (2, 3) for cell in listed):
            raise ValueError(f"cells: expected (row, column) of each of {units} units, got {short(cells)}")
        places = np.array([(0, *cell)[-3:] for cell in listed]).T
        outside = (places >= np.array([[channels], [rows], [columns]])).any(0)
        if outside.any():
            raise ValueError(
                f"cells: expected pixels of {channels} channels, {rows} rows and {columns} columns, got "
                f"{listed[int(np.argmax(outside))]}"
            )
    channel, row, column = places.astype(np.intp)
    return channel, row, column


def _counted(frames: int, validation: Any, warmup: int) -> NDArray[np.uint8]:
    """Which frames count: 0 none, 1 fitted, 2 held out."""
    counted = np.ones(frames, np.uint8)
    if np.ndim(validation) > 0:
        mask = np.asarray(validation)
        if mask.shape != (frames,) or mask.dtype != bool:
            raise ValueError(f"validation: expected a part, or a mask of {frames} times True or False, got {short(validation)}")
        counted[mask] = 2
    else:
        part = float(validation)
        if not 0 <= part < 1:
            raise ValueError(f"validation: expected a part from 0, below 1, got {part}")
        counted[frames - round(part * frames) :] = 2
    counted[: whole("warmup", warmup, least=0)] = 0
    return counted


class _Watcher:
    """Sees every iteration: shows the loss, and keeps the file up to date."""

    def __init__(self, progress: Any, checkpoint: str | os.PathLike[str] | None) -> None:
        self.progress, self.path = progress, checkpoint
        if not (isinstance(progress, bool) or callable(progress)):
            raise TypeError(f"progress: expected True, False or a function, got {short(progress)}")
        self.resume = None
        if checkpoint is not None:
            if not os.fspath(checkpoint).endswith(".npz"):
                raise ValueError(f"checkpoint: expected the name of an .npz file, got {short(checkpoint)}")
            if os.path.exists(checkpoint):
                self.resume = read(checkpoint)
        self._written = self._shown = clock.monotonic()

    def __call__(self, now: _native.Snapshot) -> bool:
        if callable(self.progress):
            self.progress(*now.place())
        elif self.progress and clock.monotonic() - self._shown > 0.1:
            self._show(now)
        # Written at most once a second: what is lost by an interruption is computed again, to the same bits.
        if self.path is not None and (clock.monotonic() - self._written > 1 or now.place()[1] == 0):
            write(self.path, now.arrays())
            self._written = clock.monotonic()
        self._last = now
        return False

    def _show(self, now: _native.Snapshot) -> None:
        start, iteration, loss, validation = now.place()
        held_out = "" if validation is None else f", held out {validation:.6g}"
        sys.stderr.write(f"\rstart {start}, iteration {iteration}: loss {loss:.6g}{held_out}".ljust(70))
        sys.stderr.flush()
        self._shown = clock.monotonic()

    def close(self) -> None:
        """All is done."""
        last = getattr(self, "_last", None)
        if last is not None and self.path is not None:
            write(self.path, last.arrays())
        if self.progress is True and last is not None:
            self._show(last)
            sys.stderr.write("\n")
            sys.stderr.flush()


class TrainedFit:
    """What :func:`convis.fitting.train` has found.

    Attributes
    ----------
    model : Layer
        The fitted model.
    parameters : dict
        Value of everything that was fitted, by path: numbers, arrays; ``"readout.offset"`` and ``"readout.gain"`` of
        every unit where there are some.
    errors : dict
        Their standard errors, of the same shapes; infinite where the data do not determine a number, NaN where they were
        not computed.
    covariance : ndarray or None
        Of all numbers, in the order of `names`.
    names : list of str
        Name of every number that was fitted.
    undetermined : list of list of str
        Numbers that the data do not determine, alone or together.
    loss, validation : float
        Loss per number at the best point, of the part that was fitted and of that held out (None without one).
    curves : list of dict
        Of every start: ``"losses"``, ``"validations"``, ``"ended"`` (why) and ``"best"`` (iteration of the best point).
    start : int
        The start that the best point comes from.
    null_rate : ndarray
        Mean response of every unit in the part that was fitted: the model that :meth:`score` compares with.
    """

    def __init__(self, problem: _Problem, found: dict[str, Any]) -> None:
        self._problem = problem
        self.model = problem.model
        self.names = problem.names
        self.loss: float = found["loss"]
        self.validation: float | None = found["validation"]
        self.start: int = found["start"]
        self.curves: list[dict[str, Any]] = found["starts"]
        self.null_rate = np.array([problem.recording.mean(unit) for unit in range(problem.counts.shape[1])])
        self.parameters = self._by_name(found["point"])
        self.errors = self._by_name(np.full(len(self.names), np.nan))
        self.covariance: Numbers | None = None
        self.undetermined: list[list[str]] = []

    def _by_name(self, numbers: Numbers) -> dict[str, Any]:
        values: dict[str, Any] = {}
        at = 0
        for path, parameter in self._problem.free.items():
            shape = parameter.shape
            size = int(np.prod(shape))
            values[path] = float(numbers[at]) if shape == (1,) else numbers[at : at + size].reshape(shape).copy()
            at += size
        for name in self.names[at:]:
            values.setdefault(name.split("[")[0], []).append(float(numbers[at]))
            at += 1
        return {name: np.array(value) if isinstance(value, list) else value for name, value in values.items()}

    def _set_errors(self, errors: Numbers, covariance: Numbers, groups: list[list[int]]) -> None:
        self.errors = self._by_name(errors)
        self.covariance = covariance
        self.undetermined = [[self.names[i] for i in group] for group in groups]

    def _drive(self, stimulus: ArrayLike) -> Numbers:
        frames = _movie(stimulus)
        with self._problem as problem:
            return problem.run(frames)

    def predict(self, stimulus: ArrayLike, trials: int = 20) -> Numbers:
        """The expected response in every step.

        Parameters
        ----------
        stimulus : array_like
            As it was fitted.
        trials : int
            Where spikes were fitted: the mean over so many simulations, as the probability of a spike depends on those
            before it.

        Returns
        -------
        ndarray
            ``(time,)`` for one unit, ``(time, units)`` for several.
        """
        problem = self._problem
        if problem.population is not None:
            frames = _movie(stimulus)
            self.model.push_state()
            try:
                self.model.clear_state()
                spikes = self.model.run(frames.astype(np.float32), trials=whole("trials", trials))[problem.output]
            finally:
                self.model.pop_state()
            rate = problem.at_units(np.asarray(spikes, np.float64).mean(0))
        else:
            drive = self._drive(stimulus)
            # Rates do not depend on responses: any will do.
            anything = problem.recorded(np.ones_like(drive), np.ones(len(drive), np.uint8))
            rate = anything.expected(drive, problem.of_readout)
        return rate[:, 0].copy() if rate.shape[1] == 1 else rate

    def _given(self, stimulus: ArrayLike, counts: Numbers) -> Numbers:
        """The expected response, given the responses before where it depends on them."""
        drive = self._drive(stimulus)
        return self._problem.recorded(counts, np.ones(len(drive), np.uint8)).expected(drive, self._problem.of_readout)

    def score(
        self, stimulus: ArrayLike, response: Any, metric: str = "bits_per_spike", step_s: float | None = None
    ) -> Any:
        """How well the model predicts another recording.

        Parameters
        ----------
        stimulus, response, step_s
            As in :func:`convis.fit`.
        metric : {"bits_per_spike", "deviance_explained", "log_likelihood", "pearson"}
            See :mod:`convis.metrics`. The null model is the mean rate of the training part. Where spikes were fitted, the
            prediction of each step is given the spikes before it.

        Returns
        -------
        float, or ndarray
            One number a unit.
        """
        from .fitting import _responses

        if metric not in _METRICS:
            raise ValueError("metric: " + unknown("name", str(metric), list(_METRICS)))
        counts = _responses(response, _movie(stimulus).shape[2], step_s)
        if counts.shape[1] != len(self.null_rate):
            raise ValueError(f"response: expected {len(self.null_rate)} units, as were fitted, got {counts.shape[1]}")
        rate = self._given(stimulus, counts)
        scores = []
        for unit in range(counts.shape[1]):
            more = (float(self.null_rate[unit]),) if metric in ("bits_per_spike", "deviance_explained") else ()
            scores.append(getattr(metrics, metric)(rate[:, unit], counts[:, unit], *more))
        return scores[0] if len(scores) == 1 else np.array(scores)

    def summary(self) -> str:
        """What was fitted, what came out, and how well the data determine it."""
        problem = self._problem
        best = self.curves[self.start]
        held_out = "" if self.validation is None else f", held out {self.validation:.6g}"
        lines = [
            f"{type(self.model).__name__}, {problem.loss if problem.population is None else 'spike'} loss, read-out "
            f"{problem.readout}: {len(self.names)} numbers from {problem.recording.fitted}",
            f"loss {self.loss:.6g}{held_out}; best of {len(self.curves)} start{'s' if len(self.curves) > 1 else ''}, "
            f"iteration {best['best']} of {len(best['losses']) - 1} ({best['ended']})",
        ]
        rows = []
        for name, value in self.parameters.items():
            error, parameter = self.errors[name], problem.free.get(name)
            unit = parameter.unit if parameter is not None else ""
            if np.ndim(value) == 0:
                rows.append((name, f"{value:.5g}", f"± {error:.2g}", unit))
            else:
                size = float(np.sqrt(np.mean(np.square(value))))
                typical = float(np.sqrt(np.mean(np.square(error))))
                rows.append((name, f"{'x'.join(map(str, value.shape))}, rms {size:.4g}", f"± {typical:.2g}", unit))
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        lines += ["  " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        lines += [f"not determined by the data: {_few(group)}" for group in self.undetermined[:5]]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.summary()

    def plot(self, unit: int = 0) -> Any:
        """Draw the loss of every start, and the response of a unit as expected and as recorded.

        Parameters
        ----------
        unit : int
            Which one.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from matplotlib import pyplot as plt

        problem = self._problem
        figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5))
        for i, curve in enumerate(self.curves):
            (line,) = left.plot(curve["losses"], label=f"start {i}" if len(self.curves) > 1 else "fitted")
            if curve["validations"]:
                left.plot(curve["validations"], "--", color=line.get_color(), label="held out" if i == 0 else None)
        left.set(xlabel="iteration", ylabel="loss")
        left.legend()
        with problem:
            expected = problem.recording.expected(problem.run(problem.movie), problem.of_readout)[:, unit]
        last = slice(max(len(expected) - 300, 0), None)
        right.step(np.arange(len(expected))[last], problem.counts[last, unit], color="0.7", where="mid", label="recorded")
        right.plot(np.arange(len(expected))[last], expected[last], label="expected")
        right.set(xlabel="step", ylabel="response per step", title=f"unit {unit}")
        right.legend()
        figure.tight_layout()
        return figure

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write values, standard errors (``error.`` in front) and curves: ``.npz``, ``.json`` or ``.safetensors``."""
        values = {name: np.atleast_1d(np.asarray(value, np.float64)) for name, value in self.parameters.items()}
        values |= {f"error.{name}": np.atleast_1d(np.asarray(e, np.float64)) for name, e in self.errors.items()}
        for i, curve in enumerate(self.curves):
            values[f"curve.{i}.losses"] = np.asarray(curve["losses"], np.float64)
            if curve["validations"]:
                values[f"curve.{i}.validations"] = np.asarray(curve["validations"], np.float64)
        write(path, values | {"null_rate": self.null_rate})
