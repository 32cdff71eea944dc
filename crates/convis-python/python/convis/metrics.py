"""How well a prediction describes a response, and how much of it could be described at all.

Responses to repeated presentations are arrays ``(trials, time)``; predictions and single responses are ``(time,)``.

===============================================  =====================================================================
:func:`pearson`                                  correlation of prediction and response
:func:`signal_power`, :func:`cc_max`,            how much of the response repeats, and the correlation in units of what
:func:`cc_norm`                                  a perfect prediction would reach
:func:`explainable_variance`, :func:`feve`       the same for variances
:func:`oracle`, :func:`conservative_oracle`      what trials tell about each other
:func:`log_likelihood`, :func:`bits_per_spike`,  likelihood of counts
:func:`deviance_explained`
:func:`coherence`, :func:`information_rate`      frequency by frequency
:func:`victor_purpura`, :func:`van_rossum`,      distances of spike trains
:func:`spike_distance`
:func:`quality_index`,                           of responses to chirps and moving bars
:func:`direction_selectivity`,
:func:`orientation_selectivity`
:func:`bootstrap`                                confidence interval of any of them
===============================================  =====================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "bits_per_spike",
    "bootstrap",
    "cc_max",
    "cc_norm",
    "coherence",
    "conservative_oracle",
    "deviance_explained",
    "direction_selectivity",
    "explainable_variance",
    "feve",
    "information_rate",
    "log_likelihood",
    "oracle",
    "orientation_selectivity",
    "pearson",
    "quality_index",
    "signal_power",
    "spike_distance",
    "van_rossum",
    "victor_purpura",
]

Array = NDArray[np.float64]


def _numbers(name: str, x: ArrayLike, ndim: int) -> Array:
    array = np.asarray(x, dtype=np.float64)
    if array.ndim != ndim or array.size == 0:
        axes = {1: "(time,)", 2: "(trials, time)"}[ndim]
        raise ValueError(f"{name}: expected an array {axes} that is not empty, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: expected finite numbers, got NaN or infinity")
    return array


def _pair(a_name: str, a: ArrayLike, b_name: str, b: ArrayLike) -> tuple[Array, Array]:
    first, second = _numbers(a_name, a, 1), _numbers(b_name, b, 1)
    if first.shape != second.shape:
        raise ValueError(f"{b_name}: expected {len(first)} numbers, as {a_name} has, got {len(second)}")
    return first, second


def _trials(trials: ArrayLike) -> Array:
    array = _numbers("trials", trials, 2)
    if array.shape[0] < 2 or array.shape[1] < 2:
        raise ValueError(f"trials: expected at least two trials of two steps, got shape {array.shape}")
    return array


def _predicted(prediction: ArrayLike, trials: ArrayLike) -> tuple[Array, Array]:
    repeated = _trials(trials)
    predicted = _numbers("prediction", prediction, 1)
    if len(predicted) != repeated.shape[1]:
        raise ValueError(
            f"prediction: expected {repeated.shape[1]} numbers, one for each step of the trials, got {len(predicted)}"
        )
    return predicted, repeated


def pearson(prediction: ArrayLike, response: ArrayLike) -> float:
    """Correlation of prediction p and response r: ``cov(p, r) / (std(p) std(r))``.

    Parameters
    ----------
    prediction, response : array_like
        ``(time,)`` each.

    Returns
    -------
    float
        Between -1 and 1; NaN where one of them is constant.

    Examples
    --------
    >>> import convis
    >>> round(convis.metrics.pearson([0.0, 1.0, 2.0], [1.0, 3.0, 5.0]), 12)
    1.0
    """
    p, r = _pair("prediction", prediction, "response", response)
    p, r = p - p.mean(), r - r.mean()
    scale = np.sqrt((p @ p) * (r @ r))
    return float(p @ r / scale) if scale > 0 else float("nan")


def signal_power(trials: ArrayLike) -> float:
    """Variance over time of what repeats from trial to trial.

    ``SP = (var(sum_n r_n) - sum_n var(r_n)) / (N (N - 1))`` over N trials, variances over time (divided by T - 1).

    Parameters
    ----------
    trials : array_like
        ``(trials, time)``.

    References
    ----------
    Sahani & Linden 2003, NIPS 15:125.

    Examples
    --------
    >>> import convis
    >>> convis.metrics.signal_power([[0.0, 2.0], [0.0, 2.0]])        # without noise: the variance itself
    2.0
    """
    r = _trials(trials)
    n = r.shape[0]
    return float((r.sum(0).var(ddof=1) - r.var(1, ddof=1).sum()) / (n * (n - 1)))


def cc_max(trials: ArrayLike) -> float:
    """Correlation of the mean response with a perfect prediction: ``sqrt(SP / var(mean_n r_n))``.

    Parameters
    ----------
    trials : array_like
        ``(trials, time)``.

    Returns
    -------
    float
        NaN where the trials share no signal.

    References
    ----------
    Schoppe et al. 2016, Front. Comput. Neurosci. 10:10.
    """
    r = _trials(trials)
    ratio = signal_power(r) / max(float(r.mean(0).var(ddof=1)), np.finfo(float).tiny)
    return float(np.sqrt(ratio)) if ratio > 0 else float("nan")


def cc_norm(prediction: ArrayLike, trials: ArrayLike) -> float:
    """Correlation of a prediction with the mean response, in units of what a perfect prediction would reach.

    ``CC_norm = cov(p, mean_n r_n) / sqrt(var(p) SP)``.

    Parameters
    ----------
    prediction : array_like
        ``(time,)``.
    trials : array_like
        ``(trials, time)``.

    Returns
    -------
    float
        About 1 for a perfect prediction; NaN where the trials share no signal or the prediction is constant.

    References
    ----------
    Schoppe et al. 2016, Front. Comput. Neurosci. 10:10, equations 6 and 8.

    Examples
    --------
    >>> import convis, numpy as np
    >>> signal = np.sin(np.arange(1000) / 10)
    >>> trials = signal + np.random.default_rng(0).normal(size=(8, 1000))
    >>> round(convis.metrics.cc_norm(signal, trials), 1)
    1.0
    """
    p, r = _predicted(prediction, trials)
    power, mean = signal_power(r), r.mean(0)
    variance = p.var(ddof=1)
    if power <= 0 or variance == 0:
        return float("nan")
    return float(np.cov(p, mean)[0, 1] / np.sqrt(variance * power))


def explainable_variance(trials: ArrayLike) -> float:
    """Part of the variance of single trials that repeats: ``(total - noise) / total``.

    ``total`` is the variance of all numbers, ``noise`` the mean over time of the variance over trials (both divided by
    one less than their number).

    Parameters
    ----------
    trials : array_like
        ``(trials, time)``.

    Examples
    --------
    >>> import convis
    >>> convis.metrics.explainable_variance([[0.0, 2.0], [0.0, 2.0]])
    1.0
    """
    total, noise = _total_and_noise(_trials(trials))
    return (total - noise) / total if total > 0 else float("nan")


def _total_and_noise(r: Array) -> tuple[float, float]:
    return float(r.var(ddof=1)), float(r.var(0, ddof=1).mean())


def feve(prediction: ArrayLike, trials: ArrayLike, clip: bool = False) -> float:
    """Fraction of the explainable variance that a prediction explains.

    ``FEVe = 1 - (mean (r - p)^2 - noise) / (total - noise)``, with noise and total as in :func:`explainable_variance`.

    Parameters
    ----------
    prediction : array_like
        ``(time,)``.
    trials : array_like
        ``(trials, time)``.
    clip : bool
        Whether errors below the noise and results below 0 count as 0, as some packages do: that flatters bad
        predictions and is off by default.

    Examples
    --------
    >>> import convis, numpy as np
    >>> signal = np.sin(np.arange(1000) / 10)
    >>> trials = signal + np.random.default_rng(0).normal(size=(8, 1000))
    >>> round(convis.metrics.feve(signal, trials), 1), round(convis.metrics.feve(0 * signal, trials), 1)
    (1.0, 0.0)
    """
    p, r = _predicted(prediction, trials)
    total, noise = _total_and_noise(r)
    if total <= noise:
        return float("nan")
    error = float(((r - p) ** 2).mean()) - noise
    if clip:
        return max(0.0, 1.0 - max(0.0, error) / (total - noise))
    return 1.0 - error / (total - noise)


def oracle(trials: ArrayLike) -> float:
    """Mean correlation of each trial with the mean of the others: what trials tell about each other.

    It underestimates what a perfect prediction reaches, as the mean of the others is noisy.

    Parameters
    ----------
    trials : array_like
        ``(trials, time)``.
    """
    r = _trials(trials)
    others = (r.sum(0) - r) / (r.shape[0] - 1)
    return float(np.mean([pearson(trial, other) for trial, other in zip(r, others)]))


def conservative_oracle(trials: ArrayLike) -> float:
    """``sqrt(V / (V + noise))`` with V the variance of the mean response; it overestimates, as V holds noise.

    Parameters
    ----------
    trials : array_like
        ``(trials, time)``.
    """
    r = _trials(trials)
    variance, noise = float(r.mean(0).var(ddof=1)), float(r.var(0, ddof=1).mean())
    return float(np.sqrt(variance / (variance + noise))) if variance + noise > 0 else float("nan")


def _rates(rate: ArrayLike, counts: ArrayLike) -> tuple[Array, Array]:
    expected, seen = _pair("rate", rate, "counts", counts)
    if (expected < 0).any():
        raise ValueError(f"rate: expected counts per step of 0 or more, got {expected.min()}")
    if (seen < 0).any():
        raise ValueError(f"counts: expected numbers of 0 or more, got {seen.min()}")
    return expected, seen


def log_likelihood(rate: ArrayLike, counts: ArrayLike) -> float:
    """Logarithm (natural) of the Poisson likelihood of counts, without the factorial: ``sum(y ln m - m)``.

    Parameters
    ----------
    rate : array_like
        Expected counts per step m.
    counts : array_like
        Counts y.

    Returns
    -------
    float
        Minus infinity where a count was expected never to come.
    """
    m, y = _rates(rate, counts)
    if (m[y > 0] == 0).any():
        return float("-inf")
    return float((y[y > 0] * np.log(m[y > 0])).sum() - m.sum())


def bits_per_spike(rate: ArrayLike, counts: ArrayLike, null_rate: float | None = None) -> float:
    """How much better than a constant rate a prediction is, per spike.

    ``(L(rate) - L(null)) / (spikes ln 2)`` with L the log-likelihood of :func:`log_likelihood`.

    Parameters
    ----------
    rate : array_like
        Expected counts per step.
    counts : array_like
        Counts.
    null_rate : float, optional
        Constant rate to compare with, in counts per step; by default the mean of `counts`. For held-out data use the mean
        of the training part.

    References
    ----------
    Brenner et al. 2000, Neural Comput. 12:1531; Pillow et al. 2008, Nature 454:995.

    Examples
    --------
    >>> import convis
    >>> convis.metrics.bits_per_spike([0.5, 0.5], [1, 0])
    0.0
    >>> round(convis.metrics.bits_per_spike([1.0, 1e-12], [1, 0]), 3)     # which of two steps: one bit
    1.0
    """
    m, y = _rates(rate, counts)
    spikes = y.sum()
    if spikes == 0:
        raise ValueError("counts: expected at least one spike, got none")
    null = float(y.mean() if null_rate is None else null_rate)
    if not (null > 0 and np.isfinite(null)):
        raise ValueError(f"null_rate: expected a number above 0, got {null}")
    of_null = spikes * np.log(null) - null * len(y)
    return float((log_likelihood(m, y) - of_null) / (spikes * np.log(2)))


def deviance_explained(rate: ArrayLike, counts: ArrayLike, null_rate: float | None = None) -> float:
    """Poisson deviance that a prediction removes: ``1 - D(rate) / D(null)``.

    ``D(m) = 2 sum(y ln(y / m) - (y - m))``.

    Parameters
    ----------
    rate, counts, null_rate
        As in :func:`bits_per_spike`.

    References
    ----------
    Cameron & Windmeijer 1997, J. Econometrics 77:329.

    Examples
    --------
    >>> import convis
    >>> convis.metrics.deviance_explained([2.0, 1.0], [2, 1])
    1.0
    """
    m, y = _rates(rate, counts)
    null = float(y.mean() if null_rate is None else null_rate)
    best = float((y[y > 0] * np.log(y[y > 0])).sum() - y.sum())
    of_null = log_likelihood(np.full_like(y, null), y)
    return float(1.0 - (best - log_likelihood(m, y)) / (best - of_null)) if best > of_null else float("nan")


def coherence(prediction: ArrayLike, response: ArrayLike, step_s: float, segment: int = 256) -> tuple[Array, Array]:
    """Part of the response's power that a linear filter of the prediction explains, frequency by frequency.

    ``C(f) = |S_pr(f)|^2 / (S_pp(f) S_rr(f))`` with spectra averaged over segments under a Hann window that overlap by half.

    Parameters
    ----------
    prediction, response : array_like
        ``(time,)`` each.
    step_s : float
        Length of a step in seconds.
    segment : int
        Steps of a segment: the more, the finer the frequencies and the noisier the coherence.

    Returns
    -------
    frequencies_hz, coherence : ndarray
        ``segment // 2 + 1`` numbers each.

    References
    ----------
    Welch 1967, IEEE Trans. Audio Electroacoust. 15:70.
    """
    p, r = _pair("prediction", prediction, "response", response)
    if not step_s > 0:
        raise ValueError(f"step_s: expected a number above 0, got {step_s}")
    if not 4 <= segment <= len(p) // 2:
        raise ValueError(f"segment: expected 4 to {len(p) // 2} steps (two segments at least), got {segment}")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(segment) + 0.5) / segment)

    def spectra(x: Array) -> NDArray[np.complex128]:
        parts = np.lib.stride_tricks.sliding_window_view(x, segment)[:: segment // 2]
        return np.fft.rfft((parts - parts.mean(1, keepdims=True)) * window, axis=1)

    a, b = spectra(p), spectra(r)
    cross = np.abs((a.conj() * b).mean(0)) ** 2
    power = (np.abs(a) ** 2).mean(0) * (np.abs(b) ** 2).mean(0)
    coherence: Array = np.divide(cross, power, out=np.zeros_like(cross), where=power > 0)
    return np.fft.rfftfreq(segment, step_s).astype(np.float64), coherence


def information_rate(prediction: ArrayLike, response: ArrayLike, step_s: float, segment: int = 256) -> float:
    """Lower bound of the information that the response carries about the prediction, in bits per second.

    ``- integral log2(1 - C(f)) df`` over the :func:`coherence`; exact for Gaussian signals and noise.

    Parameters
    ----------
    prediction, response, step_s, segment
        As in :func:`coherence`.

    References
    ----------
    Borst & Theunissen 1999, Nat. Neurosci. 2:947.
    """
    frequencies, c = coherence(prediction, response, step_s, segment)
    return float(-np.log2(1.0 - np.minimum(c, 1.0 - 1e-12)).sum() * (frequencies[1] - frequencies[0]))


def _times(name: str, times_s: ArrayLike) -> Array:
    times = np.sort(np.asarray(times_s, dtype=np.float64).ravel())
    if not np.isfinite(times).all():
        raise ValueError(f"{name}: expected finite times in seconds, got NaN or infinity")
    return times


def victor_purpura(a_s: ArrayLike, b_s: ArrayLike, cost_hz: float) -> float:
    """Least cost of turning one spike train into the other.

    Adding or removing a spike costs 1, moving one by dt seconds costs ``cost_hz * dt``.

    Parameters
    ----------
    a_s, b_s : array_like
        Spike times in seconds.
    cost_hz : float
        Cost of moving a spike by a second.

    References
    ----------
    Victor & Purpura 1996, J. Neurophysiol. 76:1310.

    Examples
    --------
    >>> import convis
    >>> convis.metrics.victor_purpura([0.1, 0.5], [0.11], cost_hz=10.0)    # move by 10 ms, remove one
    1.1
    """
    a, b = _times("a_s", a_s), _times("b_s", b_s)
    if not cost_hz >= 0:
        raise ValueError(f"cost_hz: expected a number of 0 or more, got {cost_hz}")
    places = np.arange(len(b) + 1, dtype=np.float64)
    row = places.copy()
    for time in a:
        # Remove this spike, or move it to one of the other train ...
        best = row + 1
        best[1:] = np.minimum(best[1:], row[:-1] + cost_hz * np.abs(b - time))
        # ... and add those that are left, one after the other.
        row = places + np.minimum.accumulate(best - places)
    return float(round(row[-1], 12))


def van_rossum(a_s: ArrayLike, b_s: ArrayLike, tau_s: float) -> float:
    """Distance of spike trains that are filtered by a decaying exponential.

    ``D^2 = (1 / tau) integral (f_a - f_b)^2 dt`` with ``f(t) = sum exp(-(t - t_i) / tau)`` over spikes before t: a single
    spike is 1/sqrt(2) away from none.

    Parameters
    ----------
    a_s, b_s : array_like
        Spike times in seconds.
    tau_s : float
        Time constant in seconds.

    References
    ----------
    van Rossum 2001, Neural Comput. 13:751, equation 2.4.

    Examples
    --------
    >>> import convis
    >>> round(convis.metrics.van_rossum([0.1], [], tau_s=0.01) ** 2, 12)
    0.5
    """
    a, b = _times("a_s", a_s), _times("b_s", b_s)
    if not tau_s > 0:
        raise ValueError(f"tau_s: expected a number above 0, got {tau_s}")

    def overlap(x: Array, y: Array) -> float:
        return float(np.exp(-np.abs(x[:, None] - y[None, :]) / tau_s).sum()) if len(x) and len(y) else 0.0

    return float(np.sqrt(max(0.0, 0.5 * (overlap(a, a) + overlap(b, b) - 2 * overlap(a, b)))))


def spike_distance(a_s: ArrayLike, b_s: ArrayLike, duration_s: float) -> float:
    """The SPIKE distance: how far, on average over time, the nearest spikes of two trains are from each other.

    At each moment, the distances of the spikes before and after it to the nearest ones of the other train, weighted by
    how near they are, in units of the interspike intervals. Both trains get a spike at 0 and at the end.

    Parameters
    ----------
    a_s, b_s : array_like
        Spike times in seconds, within the duration.
    duration_s : float
        Length of the recording in seconds.

    Returns
    -------
    float
        0 for equal trains, below 1.

    References
    ----------
    Kreuz et al. 2013, J. Neurophysiol. 109:1457, equations 8-12.

    Examples
    --------
    >>> import convis
    >>> convis.metrics.spike_distance([0.2, 0.6], [0.2, 0.6], 1.0)
    0.0
    """
    if not duration_s > 0:
        raise ValueError(f"duration_s: expected a number above 0, got {duration_s}")
    trains = []
    for name, times in (("a_s", a_s), ("b_s", b_s)):
        spikes = _times(name, times)
        if len(spikes) and (spikes[0] < 0 or spikes[-1] > duration_s):
            raise ValueError(f"{name}: expected times from 0 to {duration_s} s, got {spikes[0]} to {spikes[-1]}")
        trains.append(np.unique(np.concatenate([[0.0], spikes, [duration_s]])))

    def nearest(x: Array, y: Array) -> Array:
        after = np.clip(np.searchsorted(y, x), 1, len(y) - 1)
        distance: Array = np.minimum(np.abs(x - y[after - 1]), np.abs(x - y[after]))
        return distance

    edges = np.unique(np.concatenate(trains))
    start, end = edges[:-1], edges[1:]
    intervals, parts = [], []
    for this, other in (trains, trains[::-1]):
        far = nearest(this, other)
        after = np.searchsorted(this, start, side="right")
        before_s, after_s = this[after - 1], this[after]
        interval = after_s - before_s
        intervals.append(interval)
        # Within a piece the profile is a straight line: its ends say all.
        parts.append(
            [(far[after - 1] * (after_s - t) + far[after] * (t - before_s)) / interval for t in (start, end)]
        )
    mean = 0.5 * (intervals[0] + intervals[1])
    ends = [(parts[0][i] * intervals[1] + parts[1][i] * intervals[0]) / (2 * mean**2) for i in (0, 1)]
    return float((0.5 * (ends[0] + ends[1]) * (end - start)).sum() / duration_s)


def quality_index(trials: ArrayLike) -> float:
    """How much of the response repeats: ``var_t(mean_n r) / mean_n(var_t r)``.

    Parameters
    ----------
    trials : array_like
        ``(trials, time)``.

    Returns
    -------
    float
        1 where all trials are equal, about 1 / trials where they share nothing. Baden et al. keep cells above 0.45 (chirp) or
        0.6 (moving bars).

    References
    ----------
    Baden et al. 2016, Nature 529:345.
    """
    r = _trials(trials)
    variance = r.var(1).mean()
    return float(r.mean(0).var() / variance) if variance > 0 else float("nan")


def direction_selectivity(responses: ArrayLike, directions_deg: ArrayLike) -> tuple[float, float]:
    """Direction selectivity by the vector sum: ``|sum r exp(i phi)| / sum r``, and the preferred direction.

    Parameters
    ----------
    responses : array_like
        Response to each direction, 0 or more.
    directions_deg : array_like
        The directions in degrees.

    Returns
    -------
    index, preferred_deg : float
        From 0 (all directions alike) to 1; preferred direction in 0...360 degrees.

    References
    ----------
    Mazurek et al. 2014, Front. Neural Circuits 8:92, equation 3.

    Examples
    --------
    >>> import convis
    >>> convis.metrics.direction_selectivity([0.0, 2.0, 0.0, 0.0], [0, 90, 180, 270])
    (1.0, 90.0)
    """
    return _vector_sum(responses, directions_deg, 1)


def orientation_selectivity(responses: ArrayLike, directions_deg: ArrayLike) -> tuple[float, float]:
    """Orientation selectivity by the vector sum: ``|sum r exp(2 i phi)| / sum r``, and the preferred orientation.

    Parameters
    ----------
    responses, directions_deg : array_like
        As in :func:`direction_selectivity`.

    Returns
    -------
    index, preferred_deg : float
        From 0 to 1; preferred orientation in 0...180 degrees.

    References
    ----------
    Mazurek et al. 2014, Front. Neural Circuits 8:92, equation 2.
    """
    return _vector_sum(responses, directions_deg, 2)


def _vector_sum(responses: ArrayLike, directions_deg: ArrayLike, order: int) -> tuple[float, float]:
    r, phi = _pair("responses", responses, "directions_deg", directions_deg)
    if (r < 0).any() or r.sum() == 0:
        raise ValueError("responses: expected numbers of 0 or more, at least one of them above")
    vector = (r * np.exp(1j * order * np.deg2rad(phi))).sum() / r.sum()
    preferred = np.rad2deg(np.angle(vector)) / order % (360 / order)
    return float(round(abs(vector), 12)), float(round(preferred, 9))


def bootstrap(
    metric: Callable[..., float],
    *arrays: ArrayLike,
    block: int = 1,
    repeats: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    **options: Any,
) -> tuple[float, float, float]:
    """A metric with its confidence interval, by drawing blocks of time again and again.

    Parameters
    ----------
    metric : callable
        Of the arrays, e.g. :func:`bits_per_spike`.
    *arrays : array_like
        Arrays with time as their last axis, all of the same length.
    block : int
        Steps of a block: longer than what the response remembers.
    repeats : int
        How often blocks are drawn.
    level : float
        Chance that the interval holds the truth.
    seed : int
        Of the random choice.
    **options
        Passed on to `metric`.

    Returns
    -------
    value, low, high : float
        The metric of all the data, and the interval between the quantiles ``(1 - level) / 2`` and ``(1 + level) / 2``.

    References
    ----------
    Kuensch 1989, Ann. Statist. 17:1217.

    Examples
    --------
    >>> import convis, numpy as np
    >>> rng = np.random.default_rng(1)
    >>> rate = rng.uniform(0.1, 1.0, 2000)
    >>> value, low, high = convis.metrics.bootstrap(convis.metrics.bits_per_spike, rate, rng.poisson(rate), block=20)
    >>> low < value < high
    True
    """
    data = [np.asarray(array, dtype=np.float64) for array in arrays]
    if not data or any(array.ndim == 0 for array in data):
        raise ValueError("arrays: expected at least one array with a time axis")
    steps = data[0].shape[-1]
    if any(array.shape[-1] != steps for array in data):
        raise ValueError(f"arrays: expected the same length of time, got {[array.shape[-1] for array in data]}")
    if not 1 <= block <= steps:
        raise ValueError(f"block: expected 1 to {steps} steps, got {block}")
    if not 0 < level < 1:
        raise ValueError(f"level: expected a number between 0 and 1, got {level}")
    rng = np.random.default_rng(seed)
    count = -(-steps // block)
    values = []
    for _ in range(repeats):
        starts = rng.integers(0, steps - block + 1, count)
        chosen = (starts[:, None] + np.arange(block)).ravel()[:steps]
        values.append(metric(*(array[..., chosen] for array in data), **options))
    low, high = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(metric(*data, **options)), float(low), float(high)


def __dir__() -> list[str]:
    return __all__
