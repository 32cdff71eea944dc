"""Metrics against their definitions and closed forms."""

import doctest

import numpy as np
import pytest

import convis.metrics as metrics

RNG = np.random.default_rng(11)


def noisy(trials=20, steps=4000, noise=1.0):
    signal = np.convolve(RNG.normal(size=steps + 20), np.hanning(21), "valid")
    signal /= signal.std()
    return signal, signal + noise * RNG.normal(size=(trials, steps))


def test_examples():
    assert doctest.testmod(metrics).failed == 0


def test_normalised_correlation_does_not_depend_on_the_noise():
    signal, trials = noisy(noise=2.0)
    # Signal variance 1, noise variance 4 over 20 trials: 1 / sqrt(1 + 0.2).
    assert metrics.cc_max(trials) == pytest.approx(1 / np.sqrt(1.2), abs=0.02)
    assert metrics.cc_norm(signal, trials) == pytest.approx(1.0, abs=0.02)
    assert metrics.pearson(signal, trials.mean(0)) == pytest.approx(metrics.cc_norm(signal, trials) * metrics.cc_max(trials))
    assert metrics.signal_power(trials) == pytest.approx(1.0, abs=0.05)


def test_explained_variance_of_a_half_right_prediction():
    signal, trials = noisy(noise=1.0)
    assert metrics.explainable_variance(trials) == pytest.approx(0.5, abs=0.03)
    # Half the signal leaves a quarter of its variance unexplained.
    assert metrics.feve(0.5 * signal, trials) == pytest.approx(0.75, abs=0.03)
    bad = metrics.feve(-signal, trials)
    assert bad == pytest.approx(-3.0, abs=0.2) and metrics.feve(-signal, trials, clip=True) == 0.0


def test_oracles_bracket_the_truth():
    signal, trials = noisy(trials=10, noise=1.0)
    truth = np.mean([metrics.pearson(signal, trial) for trial in trials])
    assert metrics.oracle(trials) < truth < metrics.conservative_oracle(trials)


def test_likelihoods_agree_with_their_definitions():
    rate = RNG.uniform(0.05, 2.0, 500)
    counts = RNG.poisson(rate)
    null = 0.7
    by_hand = ((counts * np.log(rate) - rate).sum() - (counts * np.log(null) - null).sum()) / (counts.sum() * np.log(2))
    assert metrics.bits_per_spike(rate, counts, null_rate=null) == pytest.approx(by_hand)
    assert 0 < metrics.deviance_explained(rate, counts) < 1
    assert metrics.deviance_explained(np.full(500, counts.mean()), counts) == pytest.approx(0.0, abs=1e-12)
    assert metrics.log_likelihood([0.0, 1.0], [1, 1]) == -np.inf


def test_coherence_is_one_behind_a_filter_and_falls_with_noise():
    x = RNG.normal(size=40_000)
    frequencies, c = metrics.coherence(x, np.convolve(x, [0.5, 0.3, 0.2])[: len(x)], 0.001)
    assert c.min() > 0.99 and frequencies[-1] == pytest.approx(500.0)
    _, c = metrics.coherence(x, x + RNG.normal(size=len(x)), 0.001)
    assert c.mean() == pytest.approx(0.5, abs=0.02)
    # Signal-to-noise ratio 1 up to 500 Hz: log2(2) bits per hertz.
    assert metrics.information_rate(x, x + RNG.normal(size=len(x)), 0.001) == pytest.approx(500, rel=0.05)


def test_victor_purpura_agrees_with_the_recursion_written_out():
    def slow(a, b, q):
        d = np.zeros((len(a) + 1, len(b) + 1))
        d[:, 0], d[0] = np.arange(len(a) + 1), np.arange(len(b) + 1)
        for i in range(1, len(a) + 1):
            for j in range(1, len(b) + 1):
                d[i, j] = min(d[i - 1, j] + 1, d[i, j - 1] + 1, d[i - 1, j - 1] + q * abs(a[i - 1] - b[j - 1]))
        return d[-1, -1]

    for n, m in ((0, 5), (7, 3), (20, 25)):
        a, b = np.sort(RNG.uniform(0, 1, n)), np.sort(RNG.uniform(0, 1, m))
        for q in (0.0, 3.0, 100.0):
            assert metrics.victor_purpura(a, b, q) == pytest.approx(slow(a, b, q))


def test_van_rossum_agrees_with_the_integral():
    a, b, tau = [0.1, 0.13, 0.4], [0.11, 0.35], 0.02
    t = np.arange(0, 1, 1e-5)

    def filtered(spikes):
        return sum(np.where(t >= s, np.exp(-np.maximum(t - s, 0) / tau), 0.0) for s in spikes)

    integral = ((filtered(a) - filtered(b)) ** 2).sum() * 1e-5 / tau
    assert metrics.van_rossum(a, b, tau) ** 2 == pytest.approx(integral, rel=1e-3)


def test_spike_distance_by_hand_and_by_sampling():
    # One spike each, 0.4 and 0.6 of a second: the profile is made of straight lines.
    a, b = [0.4], [0.6]
    t = np.linspace(0, 1, 200_001)[:-1] + 2.5e-6

    def profile(this, other):
        this, other = np.array([0, *this, 1.0]), np.array([0, *other, 1.0])
        far = np.abs(this[:, None] - other[None]).min(1)
        k = np.searchsorted(this, t, side="right")
        before, after = this[k - 1], this[k]
        return (far[k - 1] * (after - t) + far[k] * (t - before)) / (after - before), after - before

    (s1, i1), (s2, i2) = profile(a, b), profile(b, a)
    sampled = ((s1 * i2 + s2 * i1) / (2 * (0.5 * (i1 + i2)) ** 2)).mean()
    assert metrics.spike_distance(a, b, 1.0) == pytest.approx(sampled, rel=1e-4)
    assert metrics.spike_distance(a, b, 1.0) == pytest.approx(metrics.spike_distance(b, a, 1.0))


def test_selectivity():
    directions = np.arange(0, 360, 45)
    tuned = 1 + np.cos(np.deg2rad(directions - 135))
    index, preferred = metrics.direction_selectivity(tuned, directions)
    assert (index, preferred) == pytest.approx((0.5, 135.0))
    index, preferred = metrics.orientation_selectivity(1 + np.cos(2 * np.deg2rad(directions - 30)), directions)
    assert (index, preferred) == pytest.approx((0.5, 30.0))
    assert metrics.quality_index(np.tile(np.arange(5.0), (3, 1))) == pytest.approx(1.0)


def test_intervals_hold_the_truth_as_often_as_they_say():
    hits = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=200)
        _, low, high = metrics.bootstrap(lambda a: float(a.mean()), x, repeats=200, seed=seed)
        hits += low <= 0.0 <= high
    # 57 expected; fewer than 50 would happen once in a thousand times.
    assert hits >= 50


@pytest.mark.parametrize("call, words", [
    (lambda: metrics.pearson([1.0, 2.0], [1.0]), "response: expected 2"),
    (lambda: metrics.pearson([1.0, np.nan], [1.0, 2.0]), "finite"),
    (lambda: metrics.cc_norm([1.0], [[1.0, 2.0], [1.0, 2.0]]), "prediction: expected 2"),
    (lambda: metrics.signal_power([[1.0, 2.0]]), "two trials"),
    (lambda: metrics.bits_per_spike([1.0, 1.0], [0, 0]), "spike"),
    (lambda: metrics.bits_per_spike([-1.0, 1.0], [0, 1]), "rate"),
    (lambda: metrics.victor_purpura([0.1], [0.2], -1.0), "cost_hz"),
    (lambda: metrics.spike_distance([2.0], [0.2], 1.0), "a_s"),
    (lambda: metrics.coherence(np.ones(8), np.ones(8), 0.1), "segment"),
    (lambda: metrics.bootstrap(metrics.pearson, [1.0, 2.0], [1.0], block=1), "same length"),
])
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
