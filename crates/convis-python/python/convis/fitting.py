"""From a recording to a model: :func:`fit` and its result, a :class:`Fit`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _native, metrics
from ._files import write
from ._glm import GLM, told
from ._lnp import LNP
from ._text import unknown
from ._training import TrainedFit, train

__all__ = ["Fit", "TrainedFit", "bin_spikes", "fit", "train"]

_METRICS = ("bits_per_spike", "deviance_explained", "log_likelihood", "pearson")


def bin_spikes(times_s: ArrayLike, step_s: float, steps: int, start_s: float = 0.0) -> NDArray[np.float64]:
    """Count spikes in the steps of a stimulus.

    Step k lasts from ``start_s + k step_s`` to the beginning of the next one; a spike on the border belongs to the later.

    Parameters
    ----------
    times_s : array_like
        Spike times in seconds, on the clock of `start_s`.
    step_s : float
        Length of a step in seconds.
    steps : int
        Number of steps.
    start_s : float
        When the first step begins.

    Returns
    -------
    ndarray
        ``(steps,)`` counts. Spikes before the first and after the last step are left out.

    Examples
    --------
    >>> import convis
    >>> convis.fitting.bin_spikes([0.1, 0.25, 0.31, 0.9], step_s=0.1, steps=4).tolist()
    [0.0, 1.0, 1.0, 1.0]
    """
    times = np.asarray(times_s, dtype=np.float64).ravel()
    if not np.isfinite(times).all():
        raise ValueError("times_s: expected finite times in seconds, got NaN or infinity")
    if not (step_s > 0 and np.isfinite(step_s)):
        raise ValueError(f"step_s: expected a number above 0, got {step_s}")
    # A time on the border must not fall into the step before by rounding.
    step = np.floor((times - start_s) / step_s * (1 + 4 * np.finfo(float).eps))
    inside = (step >= 0) & (step < steps)
    if len(times) and not inside.any():
        end = start_s + steps * step_s
        raise ValueError(
            f"times_s: expected spikes from {start_s} to {end} s, where the stimulus is, got {times.min()} to {times.max()} s"
        )
    return np.bincount(step[inside].astype(int), minlength=steps).astype(np.float64)


def fit(
    model: Any,
    stimulus: ArrayLike,
    response: ArrayLike | Sequence[ArrayLike],
    loss: str = "poisson",
    regularizer: str | None = None,
    *,
    step_s: float | None = None,
    ridge: float | None = None,
    time: float | None = None,
    space: float | None = None,
    dispersion: float = 1.0,
    delta: float = 1.0,
    iterations: int | None = None,
    tolerance: float | None = None,
    **training: Any,
) -> Any:
    """Fit a model to a recording.

    The models of recorded cells, :class:`convis.models.LNP` and :class:`convis.models.GLM`: the maximum of the (penalised)
    likelihood, by Newton's method.
    Every other model is fitted by gradients: :func:`train` says how, and which further options there are.

    Parameters
    ----------
    model : LNP, GLM, or any Layer
        The model; its filters, histories and biases are set. It takes the number of cells of `response`.
    stimulus : array_like
        ``(time,)``, or ``(time, rows, columns)`` for filters in space. Frames before the first count as zero.
    response : array_like or sequence of array_like
        Counts or rates ``(time,)`` or ``(time, units)``; with `step_s`, a list of spike times in seconds for each unit, from
        the beginning of the stimulus.
    loss : {"poisson", "bernoulli", "negative_binomial", "gaussian", "huber"}
        How responses scatter around the model.
    regularizer : {None, "ridge", "smooth", "auto"}
        ``"ridge"`` prefers small filters, ``"smooth"`` smooth ones; ``"auto"`` is a prior for smooth filters confined to a place,
        all scales chosen by the evidence: for filters with more numbers than the data determine.
    step_s : float, optional
        Length of a step in seconds, where `response` is spike times.
    ridge, time, space : float, optional
        Weights of the penalties; those that are not given are chosen by cross-validation.
    dispersion : float
        r of the negative binomial distribution, whose variance is ``m + m^2 / r``.
    delta : float
        Where outliers begin for ``"huber"``.
    iterations : int, optional
        Most iterations: 100.
    tolerance : float, optional
        The search ends where a step promises less than this part of the loss: 1e-10.
    **training
        Options of :func:`train`, for other models.

    Returns
    -------
    Fit, or TrainedFit

    Raises
    ------
    ValueError
        If lengths differ, numbers are not finite, a cell never responds, the stimulus does not vary, or coefficients are not
        determined by the data (use a regularizer).

    References
    ----------
    Paninski 2004, Network 15:243; Sahani & Linden 2003, NIPS 15:317; Park & Pillow 2011, PLoS Comput. Biol. 7:e1002219.

    Examples
    --------
    >>> import convis, numpy as np
    >>> rng = np.random.default_rng(0)
    >>> stimulus = rng.normal(size=5000)
    >>> rate = np.exp(np.convolve(stimulus, [0.2, 0.8, -0.4])[:5000] - 1.5)
    >>> m = convis.models.LNP(lags=3)
    >>> result = convis.fit(m, stimulus, rng.poisson(rate))
    >>> bool(np.abs(m.filter[0] - [0.2, 0.8, -0.4]).max() < 0.1)
    True
    """
    if not isinstance(model, (LNP, GLM)):
        if not (regularizer in (None, "none") and ridge is None and time is None and space is None):
            raise ValueError(f"regularizer: expected none for a {type(model).__name__}; it is for LNP and GLM models")
        given = {"iterations": iterations, "tolerance": tolerance}
        training |= {name: value for name, value in given.items() if value is not None}
        return train(
            model, stimulus, response, loss, step_s=step_s, dispersion=dispersion, delta=delta, **training
        )
    if training:
        raise TypeError(f"{next(iter(training))}: an LNP or GLM model has no such option; see convis.fitting.train for others")
    movie = model._movie(stimulus)
    counts = _responses(response, len(movie), step_s)
    names = (None, "none", "ridge", "smooth", "auto")
    if regularizer not in names:
        raise ValueError("regularizer: " + unknown("name", str(regularizer), [n for n in names if n]))
    if regularizer not in ("ridge", "smooth") and not (ridge is None and time is None and space is None):
        raise ValueError('ridge, time, space: expected with regularizer "ridge" or "smooth" only')
    options = told(
        model._options(),
        loss=loss,
        dispersion=float(dispersion),
        delta=float(delta),
        regularizer=regularizer or "none",
        ridge=ridge,
        time=time,
        space=space,
        iterations=100 if iterations is None else iterations,
        tolerance=1e-10 if tolerance is None else tolerance,
    )
    cells = _native.fit_glm(options, movie.ravel(), np.ascontiguousarray(counts.T))
    model._take(cells, loss, float(dispersion))
    return Fit(model, cells, loss, regularizer)


def _responses(response: Any, steps: int, step_s: float | None) -> NDArray[np.float64]:
    """Counts (time, units)."""
    if step_s is not None:
        trains = list(response)
        if trains and np.ndim(trains[0]) == 0:
            trains = [trains]
        if not trains:
            raise ValueError("response: expected spike times of at least one unit, got none")
        return np.stack([bin_spikes(train, step_s, steps) for train in trains], axis=1)
    counts = np.asarray(response, dtype=np.float64)
    if counts.ndim == 1:
        counts = counts[:, None]
    if counts.ndim != 2 or len(counts) != steps or counts.shape[1] == 0:
        raise ValueError(
            f"response: expected ({steps},) or ({steps}, units), one number for each frame of the stimulus, got "
            f"{np.shape(response)}"
        )
    return counts


class Fit:
    """What :func:`fit` has found.

    Attributes
    ----------
    model : LNP or GLM
        The fitted model.
    filter_error, bias_error, history_error : ndarray
        Standard errors, shaped as ``model.filter``, ``(units,)`` and ``model.history_weights`` (of a GLM; else None), by the
        curvature of the penalised likelihood at its maximum.
    history_filter_error : ndarray
        That of ``model.coupling_filter`` where cells are coupled, else of ``model.history_filter``; None without history.
    losses : list of list of float
        The penalised loss after every iteration, for each unit.
    converged : list of bool
        Whether the search of each unit arrived.
    null_rate : ndarray
        Mean response of each unit: the model that :meth:`score` compares with.
    """

    def __init__(self, model: LNP | GLM, cells: list[dict[str, Any]], loss: str, regularizer: str | None) -> None:
        self.model = model
        self.loss = loss
        self.regularizer = regularizer
        self.filter_error = np.stack([cell["filter_error"] for cell in cells]).reshape(model.filter.shape)
        self.bias_error = np.array([cell["bias_error"] for cell in cells])
        self.history_error = self.history_filter_error = None
        if isinstance(model, GLM) and model.history is not None:
            shape = model.history_weights.shape
            self.history_error = np.stack([cell["history_error"] for cell in cells]).reshape(shape)
            bumps = model._bumps
            spread = np.stack([cell["history_covariance"] for cell in cells])  # (units, all bumps, all bumps)
            sources, n = spread.shape[1] // len(bumps), len(bumps)
            variances = [
                np.einsum("it,uij,jt->ut", bumps, spread[:, v * n : (v + 1) * n, v * n : (v + 1) * n], bumps)
                for v in range(sources)
            ]
            error = np.sqrt(np.maximum(np.stack(variances, axis=1), 0.0))
            self.history_filter_error = error if model.coupled else error[:, 0]
        self.losses = [list(cell["losses"]) for cell in cells]
        self.converged = [bool(cell["converged"]) for cell in cells]
        self.null_rate = np.array([cell["mean"] for cell in cells])
        self._cells = cells

    def predict(self, stimulus: ArrayLike, response: ArrayLike | None = None) -> NDArray[np.float64]:
        """The expected response in every step, see :meth:`convis.models.LNP.predict` and :meth:`convis.models.GLM.predict`.

        Parameters
        ----------
        stimulus : array_like
            As in :func:`fit`.
        response : array_like, optional
            Counts, where the model's history is made of them.
        """
        if isinstance(self.model, GLM):
            return self.model.predict(stimulus, response)
        rate = self.model.predict(stimulus)
        # Where any spike counts as one, what is expected is its chance.
        any_spike = self.loss == "bernoulli" and self.model.nonlinearity in ("exp", "softplus", "power", "spline")
        return -np.expm1(-rate) if any_spike else rate

    def score(
        self,
        stimulus: ArrayLike,
        response: ArrayLike | Sequence[ArrayLike],
        metric: str = "bits_per_spike",
        step_s: float | None = None,
    ) -> Any:
        """How well the model predicts another recording.

        Parameters
        ----------
        stimulus, response, step_s
            As in :func:`fit`.
        metric : {"bits_per_spike", "deviance_explained", "log_likelihood", "pearson"}
            See :mod:`convis.metrics`. The null model is the mean rate of the training part.

        Returns
        -------
        float, or ndarray
            One number a unit.
        """
        if metric not in _METRICS:
            raise ValueError("metric: " + unknown("name", str(metric), list(_METRICS)))
        counts = _responses(response, len(self.model._movie(stimulus)), step_s)
        if counts.shape[1] != self.model.units:
            raise ValueError(f"response: expected {self.model.units} units, as were fitted, got {counts.shape[1]}")
        rate = np.atleast_2d(self.predict(stimulus, counts).T).T
        scores = []
        for unit in range(counts.shape[1]):
            more = (float(self.null_rate[unit]),) if metric in ("bits_per_spike", "deviance_explained") else ()
            scores.append(getattr(metrics, metric)(rate[:, unit], counts[:, unit], *more))
        return scores[0] if len(scores) == 1 else np.array(scores)

    def summary(self) -> str:
        """A table: what was fitted, and what came out for each unit."""
        lines = [f"{type(self.model).__name__}, {self.model.nonlinearity}, {self.loss} loss, regularizer {self.regularizer or 'none'}"]
        lines.append(f"{'unit':>4} {'mean':>9} {'bias':>9} {'± s.e.':>8} {'|filter|':>9} {'steps':>5}  converged")
        for unit, cell in enumerate(self._cells):
            norm = float(np.linalg.norm(self.model.filter[unit]))
            lines.append(
                f"{unit:>4} {self.null_rate[unit]:>9.4g} {cell['bias']:>9.4g} {cell['bias_error']:>8.2g} {norm:>9.4g} "
                f"{len(self.losses[unit]) - 1:>5}  {'yes' if self.converged[unit] else 'NO'}"
            )
            if cell.get("smoothness") is not None and cell.get("envelope") is not None:
                (steps, pixels), (_, width) = cell["smoothness"], cell["envelope"]
                lines.append(f"     smooth over {steps:.2g} steps, {pixels:.2g} pixels; confined to {width[0]:.2g}, {width[1]:.2g}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.summary()

    def plot(self, unit: int = 0) -> Any:
        """Draw the filter of a unit with its standard error: over time, and in space at its strongest lag; its history.

        Parameters
        ----------
        unit : int
            Which one.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from ._pictures import _figure

        k, error = self.model.filter[unit], self.filter_error[unit]
        lag_s = np.arange(len(k)) / self.model.resolution.steps_per_second
        history = isinstance(self.model, GLM) and self.model.history is not None
        panels = 1 + (k.ndim == 3) + history
        figure, axes = _figure(1, panels, squeeze=False, figsize=(4.2 * panels, 3.2))
        if k.ndim == 3:
            lag, row, column = np.unravel_index(np.abs(k).argmax(), k.shape)
            most = float(np.abs(k).max()) or 1.0
            image = axes[0, 1].imshow(k[lag], cmap="RdBu_r", vmin=-most, vmax=most)
            axes[0, 1].set(title=f"lag {lag_s[lag]:.3g} s", xlabel="column", ylabel="row")
            figure.colorbar(image, ax=axes[0, 1])
            k, error = k[:, row, column], error[:, row, column]
        _line(axes[0, 0], lag_s, k, error)
        axes[0, 0].set(title=f"filter of unit {unit} ± s.e.", xlabel="lag (s)", ylabel="weight")
        if history:
            assert isinstance(self.model, GLM) and self.history_filter_error is not None
            sources = range(self.model.units) if self.model.coupled else [unit]
            for source in sources:
                error = self.history_filter_error[unit]
                h = self.model.coupling_filter[unit, source]
                _line(axes[0, -1], self.model.history_lags_s, h, error[source] if self.model.coupled else error, f"unit {source}")
            axes[0, -1].set(title=f"after a spike of … to unit {unit}", xlabel="time since the spike (s)", ylabel="drive")
            axes[0, -1].legend(frameon=False)
        return figure

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write parameters and errors to a file: ``.npz``, ``.json`` or ``.safetensors`` by its ending.

        ``model.load_parameters(path, strict=False)`` reads the parameters.
        """
        values = self.model._values() | {
            "filter_error": self.filter_error,
            "bias_error": self.bias_error,
            "null_rate": self.null_rate,
        }
        if self.history_error is not None:
            values["history_error"] = self.history_error
        write(path, values)


def _line(axes: Any, x: NDArray[np.float64], y: NDArray[np.float64], error: NDArray[np.float64], label: str = "") -> None:
    """A line in its band of errors."""
    axes.axhline(0, color="0.8", zorder=0)
    (line,) = axes.plot(x, y, label=label)
    axes.fill_between(x, y - error, y + error, alpha=0.3, color=line.get_color())


def __dir__() -> list[str]:
    return __all__
