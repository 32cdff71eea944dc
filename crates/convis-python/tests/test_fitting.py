"""Fitting the model of recorded cells."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

import convis

RNG = np.random.default_rng(5)


def cell(steps=20_000, filter_=(0.1, 0.6, 1.0, -0.5), bias=-1.0):
    stimulus = RNG.normal(size=steps)
    rate = np.exp(np.convolve(stimulus, filter_)[:steps] + bias)
    return stimulus, rate


@pytest.mark.parametrize("loss, nonlinearity", [
    ("poisson", "exp"), ("poisson", "softplus"), ("gaussian", "identity"), ("huber", "identity"),
    ("negative_binomial", "exp"), ("bernoulli", "exp"), ("bernoulli", "sigmoid"),
])
def test_every_loss_finds_the_filter_within_its_errors(loss, nonlinearity):
    k = np.array([0.1, 0.6, 1.0, -0.5]) * (0.5 if loss != "gaussian" else 1.0)
    stimulus = RNG.normal(size=20_000)
    drive = np.convolve(stimulus, k)[:20_000] - 0.5
    mean = {"exp": np.exp, "softplus": lambda x: np.log1p(np.exp(x)), "identity": lambda x: x,
            "sigmoid": lambda x: 1 / (1 + np.exp(-x))}[nonlinearity](drive)
    response = {
        "poisson": lambda: RNG.poisson(mean),
        "gaussian": lambda: mean + RNG.normal(size=len(mean)),
        "huber": lambda: mean + RNG.standard_t(2, size=len(mean)),
        "negative_binomial": lambda: RNG.negative_binomial(1, 1 / (1 + mean)),
        "bernoulli": lambda: RNG.random(len(mean)) < (1 - np.exp(-mean) if nonlinearity == "exp" else mean),
    }[loss]()
    m = convis.models.LNP(lags=5, nonlinearity=nonlinearity)
    result = convis.fit(m, stimulus, np.asarray(response, dtype=float), loss=loss)
    assert result.converged == [True]
    error = np.maximum(result.filter_error[0], 0.01)
    assert (np.abs(m.filter[0] - np.append(k, 0.0)) < 5 * error).all(), (m.filter[0], error)


def test_several_cells_spike_times_and_scores():
    stimulus, rate = cell()
    counts = RNG.poisson(np.stack([rate, rate[::-1]], axis=1))
    m = convis.models.LNP(lags=6)
    result = convis.fit(m, stimulus[:16_000], counts[:16_000])
    assert m.units == 2 and m.predict(stimulus).shape == (20_000, 2)
    scores = result.score(stimulus[16_000:], counts[16_000:])
    assert scores[0] > 0.3 and abs(scores[1]) < 0.05
    for metric in ("deviance_explained", "log_likelihood", "pearson"):
        assert result.score(stimulus[16_000:], counts[16_000:], metric).shape == (2,)
    # The same spikes as times: somewhere within their step.
    trains = [np.repeat(np.arange(16_000), counts[:16_000, u]) * 0.01 + 0.004 for u in (0, 1)]
    again = convis.models.LNP(lags=6)
    convis.fit(again, stimulus[:16_000], trains, step_s=0.01)
    assert np.array_equal(again.filter, m.filter)
    assert "converged" in result.summary()
    copy = pickle.loads(pickle.dumps(m))
    assert np.array_equal(copy.predict(stimulus), m.predict(stimulus))


def test_prediction_is_the_model_itself_and_leaves_the_state():
    stimulus, rate = cell(500)
    m = convis.models.LNP(lags=4)
    convis.fit(m, stimulus, RNG.poisson(rate), regularizer="ridge", ridge=1.0)
    drive = np.convolve(stimulus, m.filter[0])[:500] + float(np.asarray(m.conv.bias)[0])
    np.testing.assert_allclose(m.predict(stimulus), np.exp(drive), rtol=1e-12)
    m.run(stimulus[:10, None, None])
    before = m.get_state()
    m.predict(stimulus)
    after = m.get_state()
    assert all(np.array_equal(np.asarray(before[name]), np.asarray(after[name])) for name in before)


def test_a_filter_in_space_by_evidence_from_little_data():
    frames, size = 1500, (10, 12)
    stimulus = RNG.choice([-1.0, 1.0], size=(frames, *size))
    y, x = np.mgrid[: size[0], : size[1]]
    k = np.exp(-(np.arange(8)[:, None, None] - 3) ** 2 / 4) * np.exp(-((y - 4) ** 2 + (x - 6) ** 2) / 4)
    k /= np.linalg.norm(k)
    drive = sum(np.tensordot(stimulus, k[lag], 2) * 1.0 if lag == 0 else
                np.concatenate([np.zeros(lag), np.tensordot(stimulus[:-lag], k[lag], 2)]) for lag in range(8))
    counts = RNG.poisson(np.exp(drive - 1))
    m = convis.models.LNP(lags=8, spatial=size)
    result = convis.fit(m, stimulus, counts, regularizer="auto")
    assert np.corrcoef(m.filter[0].ravel(), k.ravel())[0, 1] > 0.9
    assert "smooth over" in result.summary() and np.isfinite(result.filter_error).all()


def test_results_are_drawn_and_saved(tmp_path):
    plt = pytest.importorskip("matplotlib.pyplot")
    stimulus, rate = cell(2000)
    m = convis.models.LNP(lags=4)
    result = convis.fit(m, stimulus, RNG.poisson(rate))
    assert result.plot().axes
    plt.close("all")
    result.save(tmp_path / "fit.npz")
    other = convis.models.LNP(lags=4)
    other.load_parameters(tmp_path / "fit.npz", strict=False)
    assert np.array_equal(other.filter, m.filter)


def test_bins_begin_with_their_border():
    assert convis.fitting.bin_spikes([0.3], 0.1, 5).tolist() == [0, 0, 0, 1, 0]
    assert convis.fitting.bin_spikes([10.05, 10.19], 0.1, 2, start_s=10.0).tolist() == [1, 1]
    with pytest.raises(ValueError, match="where the stimulus is"):
        convis.fitting.bin_spikes([7.0], 0.1, 5)


STIMULUS, RATE = cell(300)
COUNTS = RNG.poisson(RATE)


@pytest.mark.parametrize("change, words", [
    (dict(response=COUNTS[1:]), "300"),
    (dict(response=np.zeros(300)), "spikes"),
    (dict(response=-COUNTS), "counts"),
    (dict(stimulus=np.full(300, 0.5)), "varies"),
    (dict(stimulus=np.where(np.arange(300) == 7, np.nan, STIMULUS)), "finite"),
    (dict(stimulus=np.zeros((300, 2, 2))), "stimulus"),
    (dict(loss="poison"), "poisson"),
    (dict(regularizer="rigde"), "ridge"),
    (dict(ridge=1.0), "regularizer"),
    (dict(stimulus=np.tile([1.0, 0.0], 150)), "regularizer"),
])
def test_bad_data_are_refused_by_name_and_leave_the_model(change, words):
    m = convis.models.LNP(lags=5)
    arguments = {"stimulus": STIMULUS, "response": COUNTS, **change}
    with pytest.raises(ValueError, match=words):
        convis.fit(m, **arguments)
    assert not m.filter.any()


def test_a_macaque_ganglion_cell_reaches_the_unique_optimum():
    path = Path(os.environ.get("CONVIS_DATA", Path(__file__).parents[4] / "shared" / "data")) / "rgc_macaque.npz"
    if not path.is_file():
        pytest.skip(f"{path} is not there: recordings stay outside the project (CONVIS_DATA names their folder)")
    with np.load(path) as data:
        stimulus, counts = data["stimulus"], data["counts"]
    train = int(0.8 * len(stimulus))
    m = convis.models.LNP(lags=25, nonlinearity="exp")
    result = convis.fit(m, stimulus[:train], counts[:train], loss="poisson", regularizer=None)
    score = result.score(stimulus[train:], counts[train:], metric="bits_per_spike")
    # The Poisson likelihood of an exponential model has one maximum; other programs find the same numbers.
    np.testing.assert_allclose(score, [1.3688, 1.2608], atol=1e-3)
