"""From a recording to a model: :func:`fit` and its result, a :class:`Fit`."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _native, metrics
from ._files import write
from ._glm import GLM, told
from ._lnp import LNP
from ._movies import whole
from ._text import unknown
from ._training import TrainedFit, train
from .recordings import count_spikes

__all__ = ["Fit", "Split", "TrainedFit", "bin_spikes", "fit", "split", "train"]

_REGULARIZERS = ("none", "ridge", "smooth", "auto", "lasso", "group_lasso", "low_rank")
_METRICS = ("bits_per_spike", "deviance_explained", "log_likelihood", "pearson")


def bin_spikes(times_s: ArrayLike, step_s: float, steps: int, start_s: float = 0.0) -> NDArray[np.float64]:
    """Count spikes in the steps of a stimulus.

    Step k lasts from ``start_s + k step_s`` to the beginning of the next one: :func:`convis.recordings.count_spikes` with steps
    of one length.

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
    if not (step_s > 0 and np.isfinite(step_s)):
        raise ValueError(f"step_s: expected a number above 0, got {step_s}")
    return count_spikes(times_s, start_s + step_s * np.arange(whole("steps", steps) + 1))


class Split(NamedTuple):
    """Which steps of a recording are for what: three arrays of True and False, see :func:`split`."""

    train: NDArray[np.bool_]
    validation: NDArray[np.bool_]
    test: NDArray[np.bool_]


def split(
    steps: int,
    train: float = 0.8,
    validation: float = 0.0,
    test: float | None = None,
    *,
    block: int | None = None,
    gap: int = 0,
    seed: int = 0,
) -> Split:
    """Divide a recording into parts to fit, to choose and to judge by.

    Parts are contiguous, in the order train, validation, test; with `block`, blocks of time are dealt out at random. A filter or
    a history that begins in one part reaches back into the one before: `gap` leaves out as many steps where parts change.

    Parameters
    ----------
    steps : int
        Steps of the recording.
    train, validation, test : float
        Shares of it; `test` is what is left unless given.
    block : int, optional
        Steps of a block, such as a trial, which is then never divided.
    gap : int
        Steps at the beginning of every stretch of a part that belong to none.
    seed : int
        Of the random choice of blocks.

    Returns
    -------
    Split
        Masks for the `steps` of :func:`fit` and :meth:`Fit.score`.

    Examples
    --------
    >>> import convis
    >>> parts = convis.fitting.split(10, train=0.6, gap=1)
    >>> parts.train.astype(int).tolist(), parts.test.astype(int).tolist()
    ([1, 1, 1, 1, 1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 1, 1, 1])
    >>> parts = convis.fitting.split(12, train=0.5, validation=0.25, block=3)
    >>> [int(part.sum()) for part in parts]
    [6, 3, 3]
    """
    steps = whole("steps", steps)
    rest = 1.0 - train - validation
    shares = (float(train), float(validation), rest if test is None else float(test))
    if not (train > 0 and all(0 <= share <= 1 for share in shares[1:]) and sum(shares) <= 1 + 1e-9):
        raise ValueError(f"train, validation, test: expected shares of 0 to 1, train above 0, together at most 1, got {shares}")
    length = 1 if block is None else whole("block", block)
    gap = whole("gap", gap, 0)
    blocks = -(-steps // length)
    order = np.arange(blocks) if block is None else np.random.default_rng(seed).permutation(blocks)
    ends = np.round(np.cumsum(shares) * blocks).astype(int)
    kinds = np.full(blocks, -1)
    for kind, (first, last) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        if last <= first and shares[kind] > 0:
            raise ValueError(f"block: expected blocks short enough for every part, got {blocks} of {length} steps for {shares}")
        kinds[order[first:last]] = kind
    kind_of = np.repeat(kinds, length)[:steps]
    # Where parts change, and as many steps after it as the gap says.
    change = np.flatnonzero(np.diff(kind_of)) + 1
    for start in change:
        kind_of[start : start + gap] = -1
    return Split(*(kind_of == kind for kind in range(3)))


def fit(
    model: Any,
    stimulus: ArrayLike,
    response: ArrayLike | Sequence[ArrayLike],
    loss: str = "poisson",
    regularizer: str | None = None,
    *,
    step_s: float | None = None,
    steps: ArrayLike | None = None,
    ridge: float | None = None,
    time: float | None = None,
    space: float | None = None,
    weight: float | None = None,
    groups: str = "pixel",
    rank: int = 1,
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
    regularizer : {None, "ridge", "smooth", "auto", "lasso", "group_lasso", "low_rank"}
        ``"ridge"`` prefers small filters, ``"smooth"`` smooth ones; ``"auto"`` is a prior for smooth filters confined to a place,
        all scales chosen by the evidence: for filters with more numbers than the data determine. ``"lasso"`` leaves most
        numbers at exactly zero, ``"group_lasso"`` whole pixels or lags; ``"low_rank"`` makes the filter a sum of `rank` products
        of a course in time and a picture.
    step_s : float, optional
        Length of a step in seconds, where `response` is spike times.
    steps : array_like of bool, optional
        Which steps count, such as ``split(...).train``. The others are seen as stimulus and history all the same.
    ridge, time, space : float, optional
        Weights of the quadratic penalties; those that are not given are chosen by cross-validation (with ``"low_rank"``: 0).
    weight : float, optional
        Weight of ``"lasso"`` and ``"group_lasso"``: each group of n numbers costs ``weight sqrt(n)`` times its length. Chosen by
        cross-validation unless given.
    groups : {"pixel", "lag"}
        What ``"group_lasso"`` leaves out as a whole.
    rank : int
        How many products for ``"low_rank"``.
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

    Warns
    -----
    UserWarning
        If a search did not arrive, or a combination of coefficients is hardly determined by the data.

    References
    ----------
    Paninski 2004, Network 15:243; Sahani & Linden 2003, NIPS 15:317; Park & Pillow 2011, PLoS Comput. Biol. 7:e1002219; Friedman,
    Hastie & Tibshirani 2010, J. Stat. Softw. 33(1); Park & Pillow 2013, NIPS 26:1502.

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
        if not (regularizer in (None, "none") and ridge is None and time is None and space is None and weight is None):
            raise ValueError(f"regularizer: expected none for a {type(model).__name__}; it is for LNP and GLM models")
        if steps is not None:
            raise ValueError(f"steps: expected None for a {type(model).__name__}; it is for LNP and GLM models")
        given = {"iterations": iterations, "tolerance": tolerance}
        training |= {name: value for name, value in given.items() if value is not None}
        return train(
            model, stimulus, response, loss, step_s=step_s, dispersion=dispersion, delta=delta, **training
        )
    if training:
        raise TypeError(f"{next(iter(training))}: an LNP or GLM model has no such option; see convis.fitting.train for others")
    movie = model._movie(stimulus)
    counts = _responses(response, len(movie), step_s)
    if regularizer is not None and regularizer not in _REGULARIZERS:
        raise ValueError("regularizer: " + unknown("name", str(regularizer), _REGULARIZERS))
    if regularizer not in ("ridge", "smooth") and not (time is None and space is None):
        raise ValueError('time, space: expected with regularizer "ridge" or "smooth" only')
    if regularizer not in ("ridge", "smooth", "low_rank") and ridge is not None:
        raise ValueError('ridge: expected with regularizer "ridge", "smooth" or "low_rank" only')
    if regularizer not in ("lasso", "group_lasso") and weight is not None:
        raise ValueError('weight: expected with regularizer "lasso" or "group_lasso" only')
    if regularizer == "group_lasso" and groups not in ("pixel", "lag"):
        raise ValueError("groups: " + unknown("name", str(groups), ["pixel", "lag"]))
    options = told(
        model._options(),
        loss=loss,
        dispersion=float(dispersion),
        delta=float(delta),
        regularizer=regularizer or "none",
        ridge=ridge,
        time=time,
        space=space,
        groups=groups if regularizer == "group_lasso" else "single",
        weight=weight,
        rank=whole("rank", rank),
        iterations=100 if iterations is None else iterations,
        tolerance=1e-10 if tolerance is None else tolerance,
    )
    mask = _mask(steps, len(movie))
    recording = (movie.ravel(), np.ascontiguousarray(counts.T), mask)
    cells = _native.fit_glm(options, *recording)
    model._take(cells, loss, float(dispersion))
    result = Fit(model, cells, loss, regularizer)
    result._fitted_to = (options, recording)
    result._warn()
    return result


def _mask(steps: ArrayLike | None, length: int) -> NDArray[np.bool_] | None:
    if steps is None:
        return None
    mask = np.asarray(steps)
    if mask.dtype != np.bool_ or mask.shape != (length,):
        raise ValueError(f"steps: expected {length} times True or False, one for each frame, got {mask.dtype} {mask.shape}")
    return np.ascontiguousarray(mask)


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
        self._fitted_to: tuple[dict[str, Any], Any] | None = None

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
        *,
        steps: ArrayLike | None = None,
        interval: bool = False,
        level: float = 0.95,
        block: int | None = None,
        repeats: int = 500,
        seed: int = 0,
    ) -> Any:
        """How well the model predicts another recording, or other steps of the same.

        Parameters
        ----------
        stimulus, response, step_s
            As in :func:`fit`.
        metric : {"bits_per_spike", "deviance_explained", "log_likelihood", "pearson"}
            See :mod:`convis.metrics`. The null model is the mean rate of the training part.
        steps : array_like of bool, optional
            Which steps are judged, such as ``split(...).test``.
        interval : bool
            Whether to give the interval as well, by drawing blocks of time again and again, see
            :func:`convis.metrics.bootstrap`.
        level : float
            Chance that the interval holds the truth.
        block : int, optional
            Steps of a block; by default ten times what the model remembers, and at most a tenth of the steps.
        repeats, seed : int
            How often blocks are drawn, and the seed of the choice.

        Returns
        -------
        float, or ndarray
            One number a unit; with `interval` three of them: score, lower and upper end.
        """
        if metric not in _METRICS:
            raise ValueError("metric: " + unknown("name", str(metric), list(_METRICS)))
        counts = _responses(response, len(self.model._movie(stimulus)), step_s)
        if counts.shape[1] != self.model.units:
            raise ValueError(f"response: expected {self.model.units} units, as were fitted, got {counts.shape[1]}")
        rate = np.atleast_2d(self.predict(stimulus, counts).T).T
        mask = _mask(steps, len(rate))
        if mask is not None:
            rate, counts = rate[mask], counts[mask]
        if block is None:
            remembered = self.model.lags + (self.model._bumps.shape[-1] if isinstance(self.model, GLM) else 0)
            block = max(1, min(10 * remembered, len(rate) // 10))
        scores: list[Any] = []
        for unit in range(counts.shape[1]):
            more = {"null_rate": float(self.null_rate[unit])} if metric in ("bits_per_spike", "deviance_explained") else {}
            judge, pair = getattr(metrics, metric), (rate[:, unit], counts[:, unit])
            if interval:
                drawn = metrics.bootstrap(judge, *pair, block=block, repeats=repeats, level=level, seed=seed, **more)
                scores.append(drawn)
            else:
                scores.append(judge(*pair, **more))
        return scores[0] if len(scores) == 1 else np.array(scores).T

    def interval(self, level: float = 0.95) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Confidence intervals of all coefficients by their standard errors.

        Parameters
        ----------
        level : float
            Chance that an interval holds the truth.

        Returns
        -------
        dict
            Lower and upper ends of ``"filter"``, ``"bias"`` and, with a history, ``"history_weights"``, shaped as in the model.

        See Also
        --------
        profile : without the assumption that the likelihood is a parabola.
        """
        z = _quantile(level)
        pairs = [("filter", self.model.filter, self.filter_error), ("bias", self._bias(), self.bias_error)]
        if isinstance(self.model, GLM) and self.history_error is not None:
            pairs.append(("history_weights", self.model.history_weights, self.history_error))
        return {name: (value - z * error, value + z * error) for name, value, error in pairs}

    def profile(
        self, unit: int = 0, index: int | tuple[int, ...] = 0, parameter: str = "filter", level: float = 0.95
    ) -> tuple[float, float]:
        """The confidence interval of one coefficient by its profile likelihood.

        The ends are where the likelihood, maximised over everything else, has fallen by half the quantile of the chi-squared
        distribution: right for few data too, where it is no parabola. An end may be infinite.

        Parameters
        ----------
        unit : int
            Which cell.
        index : int or tuple of int
            Which number of the parameter of that cell, e.g. the lag, or ``(lag, row, column)``.
        parameter : {"filter", "history_weights", "bias"}
            Which parameter.
        level : float
            Chance that the interval holds the truth.

        Returns
        -------
        low, high : float

        References
        ----------
        Venzon & Moolgavkar 1988, Appl. Statist. 37:87.
        """
        if self._fitted_to is None:
            raise ValueError("profile: expected a result of convis.fit, which knows its recording")
        shapes = {"filter": self.model.filter.shape[1:], "bias": (1,)}
        if isinstance(self.model, GLM) and self.model.history is not None:
            shapes = {"filter": shapes["filter"], "history_weights": self.model.history_weights.shape[1:], "bias": (1,)}
        if parameter not in shapes:
            raise ValueError("parameter: " + unknown("name", str(parameter), list(shapes)))
        try:
            place = int(np.arange(np.prod(shapes[parameter])).reshape(shapes[parameter])[index])
        except (IndexError, TypeError, ValueError):
            raise ValueError(f"index: expected one within {shapes[parameter]}, got {index}") from None
        for name, shape in shapes.items():
            if name == parameter:
                break
            place += int(np.prod(shape))
        if not 0 <= unit < len(self._cells):
            raise ValueError(f"unit: expected 0 to {len(self._cells) - 1}, got {unit}")
        options, (movie, counts, mask) = self._fitted_to
        cell = self._cells[unit]
        if "penalty" in cell:
            options = options | dict(zip(("ridge", "time", "space"), cell["penalty"], strict=True))
        if "power" in cell:
            options = options | {"power": cell["power"]}
        if "curve" in cell:
            raise ValueError('profile: expected a nonlinearity that is no spline; interval() has the standard errors')
        found = (cell["filter"].tolist(), cell["history"].tolist(), cell["bias"])
        rise = 0.5 * _quantile(level) ** 2
        low, high = _native.profile_glm(options, found, (unit, place, rise), movie, counts, mask)
        return low, high

    def _bias(self) -> NDArray[np.float64]:
        return np.array([cell["bias"] for cell in self._cells])

    def _warn(self) -> None:
        for unit, cell in enumerate(self._cells):
            if not self.converged[unit]:
                warnings.warn(
                    f"unit {unit}: the search ended after {len(self.losses[unit]) - 1} steps without having arrived; give it "
                    "more iterations, or the data a regularizer",
                    stacklevel=3,
                )
            if "weakest" in cell:
                share, direction = cell["weakest"]
                strongest = np.argsort(-np.abs(direction))[:4]
                sum_ = " ".join(f"{direction[i]:+.2f} {self._name(int(i))}" for i in strongest)
                warnings.warn(
                    f"unit {unit}: the data hardly determine {sum_} … (curvature {share:.1g} of that of each alone): the errors "
                    'of these coefficients are large; use a regularizer ("ridge", "auto"), fewer lags, or a stimulus that '
                    "varies more",
                    stacklevel=3,
                )

    def _name(self, index: int) -> str:
        """The name of a coefficient by its place in filter, history, bias."""
        shape = self.model.filter.shape[1:]
        if index < np.prod(shape):
            return f"filter[{', '.join(str(int(i)) for i in np.unravel_index(index, shape))}]"
        index -= int(np.prod(shape))
        history = self.model.history_weights.shape[1:] if isinstance(self.model, GLM) else (0,)
        if index < np.prod(history):
            return f"history_weights[{', '.join(str(int(i)) for i in np.unravel_index(index, history))}]"
        return "bias"

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
            elif cell.get("smoothness") is not None:
                lines.append("     smooth over {:.2g} steps, {:.2g} pixels".format(*cell["smoothness"]))
            if "penalty" in cell:
                lines.append("     weights: ridge {:.3g}, time {:.3g}, space {:.3g}".format(*cell["penalty"]))
            if "weight" in cell:
                kept = np.count_nonzero(cell["filter"])
                lines.append(f"     weight {cell['weight']:.3g}: {kept} of {len(cell['filter'])} numbers are not zero")
            if "power" in cell and getattr(self.model, "_learns_power", False):
                lines.append(f"     exponent {cell['power']:.3g}")
            if "curve" in cell:
                low, high = cell["curve"][:2]
                ends = self.model.respond([low, high], unit)  # type: ignore[union-attr]
                lines.append(f"     curve from {ends[0]:.3g} at drive {low:.3g} to {ends[1]:.3g} at {high:.3g}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.summary()

    def plot(self, unit: int = 0) -> Any:
        """Draw the filter of a unit with its standard error: over time, and in space at its strongest lag;
        its history, or its nonlinearity.

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
        panels = 2 + (k.ndim == 3)
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
        elif isinstance(self.model, LNP):
            self._draw_nonlinearity(axes[0, -1], unit)
        else:
            axes[0, -1].set_visible(False)
        return figure

    def _draw_nonlinearity(self, axes: Any, unit: int) -> None:
        """The nonlinearity over the drives that occurred, and what the cell did there."""
        assert isinstance(self.model, LNP)
        if self._fitted_to is None:
            axes.set_visible(False)
            return
        _, (movie, counts, mask) = self._fitted_to
        frames = movie.reshape(-1, *self.model.spatial)
        k = self.model.conv.weight.data[unit, 0, ::-1]
        drive = np.full(len(frames), self._bias()[unit])
        for lag in range(min(self.model.lags, len(frames))):
            drive[lag:] += np.tensordot(frames[: len(frames) - lag], k[lag], 2)
        seen, response = (drive, counts[unit]) if mask is None else (drive[mask], counts[unit][mask])
        order = np.argsort(seen)
        bins = np.array_split(order, min(20, len(order)))
        axes.plot([seen[b].mean() for b in bins], [response[b].mean() for b in bins], "o", ms=3, label="recorded")
        x = np.linspace(seen[order[0]], seen[order[int(0.999 * (len(order) - 1))]], 200)
        g = self.model.respond(x, unit)
        any_spike = self.loss == "bernoulli" and self.model.nonlinearity not in ("sigmoid", "identity")
        axes.plot(x, -np.expm1(-g) if any_spike else g, label=self.model.nonlinearity)
        axes.set(title="nonlinearity", xlabel="drive", ylabel="response per step")
        axes.legend(frameon=False)

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


def _quantile(level: float) -> float:
    """Standard deviations to either side that hold this share of a normal distribution."""
    if not 0 < level < 1:
        raise ValueError(f"level: expected a number between 0 and 1, got {level}")
    return NormalDist().inv_cdf(0.5 + level / 2)


def _line(axes: Any, x: NDArray[np.float64], y: NDArray[np.float64], error: NDArray[np.float64], label: str = "") -> None:
    """A line in its band of errors."""
    axes.axhline(0, color="0.8", zorder=0)
    (line,) = axes.plot(x, y, label=label)
    axes.fill_between(x, y - error, y + error, alpha=0.3, color=line.get_color())


def __dir__() -> list[str]:
    return __all__
