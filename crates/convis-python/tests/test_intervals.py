"""Whether reported 95 % intervals cover the truth in 88 to 99 of 100 cases, pooled over 50 recordings of one model.

Minutes of work: only where CONVIS_SLOW is set. ``CONVIS_SLOW=1 pytest tests/test_intervals.py -s`` prints the shares.
"""

import os

import convis
import numpy as np
import pytest

pytestmark = pytest.mark.skipif("CONVIS_SLOW" not in os.environ, reason="takes minutes: set CONVIS_SLOW=1")

SEEDS = 50
rng = np.random.default_rng


def linear_nonlinear(seed):
    x = rng(seed).normal(size=4000)
    k = np.array([0.1, 0.6, 1.0, -0.5])
    counts = rng(1000 + seed).poisson(np.exp(np.convolve(x, k)[:4000] - 1.0))
    m = convis.models.LNP(lags=4)
    fit = convis.fit(m, x, counts)
    return np.append(m.filter[0] - k, float(np.asarray(m.conv.bias)[0]) + 1.0), np.append(fit.filter_error[0], fit.bias_error)


def with_history(seed):
    x = rng(seed).normal(size=4000)
    memory = convis.models.RaisedCosines(count=3, last=10.0)
    truth = convis.models.GLM(lags=3, history=memory)
    truth.filter, truth.bias, truth.history_weights = [[0.3, 0.8, -0.4]], [-1.0], [[-2.0, -0.5, -0.2]]
    m = convis.models.GLM(lags=3, history=memory)
    fit = convis.fit(m, x, truth.simulate(x, seed=seed)[0])
    return np.append(m.filter - truth.filter, m.bias - truth.bias), np.append(fit.filter_error, fit.bias_error)


def normalized(seed):
    x = rng(seed).normal(size=6000) * np.repeat(rng(500 + seed).choice([0.5, 2.0], size=20), 300)
    truth = {"conv.weight": np.array([-0.5, 1.0, 2.0]).reshape(1, 1, 3, 1, 1), "pool.tau": 0.05, "strength": 0.8, "bias": -0.5}
    cell = convis.models.DivisiveNormalization(3)
    cell.set_parameters(truth)
    counts = rng(1000 + seed).poisson(np.asarray(cell.predict(x)))
    return against(convis.fit(convis.models.DivisiveNormalization(3), x, counts, optimizer="lbfgs", validation=0.0), truth)


def two_stages(seed):
    """Two rectified stages. The scale of the first is that of the second, so the first is held where it is."""
    x = rng(seed).normal(size=(6000, 1, 1))
    held, k = (np.array(values).reshape(1, 1, 3, 1, 1) for values in ([0.2, 1.0, -0.6], [0.6, 1.6, 1.0]))
    cell, m = (convis.models.LNLN((3, 1, 1)) for _ in range(2))
    names = tuple(name for name, _ in cell.named_parameters())
    cell.set_parameters(dict(zip(names, (held, k), strict=True)))
    counts = rng(1000 + seed).poisson(np.log1p(np.exp(cell.run(x).array(0).ravel() - 1.0)))
    m.set_parameters(dict(zip(names, (held, np.full(k.shape, 0.5)), strict=True)))
    fit = convis.fit(m, x, counts, parameters=[names[1]], optimizer="lbfgs", validation=0.0)
    return against(fit, {names[1]: k, "readout.offset": -1.0})


def gain_control_retina(seed):
    convis.seed(seed)
    retina = convis.retina.Retina()
    truth = {"bipolar.lambda_amp": 100.0, "gang_0_input.lambda_G": 100.0, "gang_0_spikes.g_L": 50.0, "gang_0_spikes.noise_sigma": 0.1}
    retina.p.bipolar.lambda_amp.set(100.0)
    movie = np.repeat(rng(seed).random((150, 3, 3)), 20, axis=0)
    spikes = np.asarray(retina.run(movie).ganglion_spikes_ON)[0, 0].reshape(3000, 9)
    m = convis.retina.Retina()
    m.p.bipolar.lambda_amp.set(60.0)
    return against(
        convis.fit(m, movie, spikes, parameters=list(truth), optimizer="lbfgs", validation=0.0, iterations=100), truth
    )


def against(fit, truth):
    wrong = [np.ravel(np.asarray(fit.parameters[name]) - value) for name, value in truth.items()]
    errors = [np.ravel(np.asarray(fit.errors[name])) for name in truth]
    return np.concatenate(wrong), np.concatenate(errors)


@pytest.mark.parametrize("one", [linear_nonlinear, with_history, normalized, two_stages, gain_control_retina])
@pytest.mark.filterwarnings("ignore")  # of searches that end by their number of steps
def test_intervals_cover_the_truth(one):
    inside = np.array([np.abs(wrong) < 1.96 * error for wrong, error in map(one, range(SEEDS))])
    share = inside.mean()
    print(f"\n{one.__name__}: {share:.1%} of {inside.size}")
    assert 0.88 <= share <= 0.99, (one.__name__, inside.mean(axis=0))
