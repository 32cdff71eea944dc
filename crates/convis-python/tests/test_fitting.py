"""Fitting the model of recorded cells."""

import os
import pickle
import warnings
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


def spots(frames=1500, pixels=12, lags=3):
    """A movie of one row, and a cell that sees two of its pixels."""
    stimulus = RNG.normal(size=(frames, 1, pixels))
    k = np.zeros((lags, 1, pixels))
    k[:, 0, 3], k[:, 0, 4] = [0.6, 0.3, -0.2], [-0.4, 0.1, 0.1]
    drive = sum(np.concatenate([np.zeros(lag), np.tensordot(stimulus[: frames - lag], k[lag], 2)]) for lag in range(lags))
    return stimulus, RNG.poisson(np.exp(drive - 1)), k


def test_sparse_filters_have_exact_zeros_whole_groups_at_a_time():
    stimulus, counts, k = spots()
    none, lasso, group, lag = (convis.models.LNP(lags=3, spatial=(1, 12)) for _ in range(4))
    convis.fit(none, stimulus, counts)
    result = convis.fit(lasso, stimulus, counts, regularizer="lasso")
    zero = lasso.filter == 0
    assert 8 < zero.sum() < 36 and not zero[0, 0, 0, 3]
    assert np.isnan(result.filter_error[zero]).all() and np.isfinite(result.filter_error[~zero]).all()
    assert ((lasso.filter - k) ** 2).sum() < ((none.filter - k) ** 2).sum()
    assert "are not zero" in result.summary()
    result = convis.fit(group, stimulus, counts, regularizer="group_lasso", weight=60.0)
    kept = (group.filter[0, :, 0] != 0).sum(axis=0)
    assert kept.tolist() == [0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0]
    convis.fit(lag, stimulus, counts, regularizer="group_lasso", groups="lag", weight=1e4)
    assert not lag.filter.any() and float(lag.conv.bias.data[0]) == pytest.approx(np.log(counts.mean()))


def test_a_filter_of_low_rank_is_one():
    stimulus, counts, k = spots()
    m = convis.models.LNP(lags=3, spatial=(1, 12))
    result = convis.fit(m, stimulus, counts, regularizer="low_rank", rank=2)
    values = np.linalg.svd(m.filter[0, :, 0], compute_uv=False)
    assert values[2] < 1e-9 * values[0] and values[1] > 0.1 * values[0]
    assert (np.abs(m.filter[0] - k) < 5 * result.filter_error[0]).all()
    with pytest.raises(ValueError, match="rank"):
        convis.fit(m, stimulus, counts, regularizer="low_rank", rank=4)


def test_a_curve_is_learnt_shown_and_kept(tmp_path):
    pytest.importorskip("matplotlib")
    stimulus = RNG.normal(size=20_000)
    drive = np.convolve(stimulus, [0.2, 0.8, -0.4])[:20_000]
    rate = 3 / (1 + np.exp(-4 * (drive - 0.5)))  # saturates, as no exponential does
    counts = RNG.poisson(np.stack([rate, np.exp(0.5 * drive)], axis=1))
    m, exponential = convis.models.LNP(lags=3, nonlinearity="spline"), convis.models.LNP(lags=3)
    result = convis.fit(m, stimulus[:16_000], counts[:16_000])
    other = convis.fit(exponential, stimulus[:16_000], counts[:16_000])
    better = result.score(stimulus[16_000:], counts[16_000:])[0]
    assert better > other.score(stimulus[16_000:], counts[16_000:])[0] + 0.1
    assert np.corrcoef(m.predict(stimulus)[:, 0], rate)[0, 1] > 0.995
    k = m.filter[0] / m.filter[0][1]
    np.testing.assert_allclose(k, [0.25, 1.0, -0.5], atol=0.04)
    x = np.linspace(-3, 6, 300)
    assert (np.diff(m.respond(x)) >= 0).all()
    # The layer computes the same curve.
    drive = np.convolve(stimulus, m.filter[0])[:20_000] + float(m.conv.bias.data[0])
    np.testing.assert_allclose(m.predict(stimulus)[:, 0], m.respond(drive), rtol=1e-9, atol=1e-9)
    assert "curve" in result.summary() and len(result.plot().axes) == 2
    result.save(tmp_path / "fit.npz")
    again = convis.models.LNP(lags=3, nonlinearity="spline", units=2)
    again.load_parameters(tmp_path / "fit.npz", strict=False)
    assert np.array_equal(again.predict(stimulus), m.predict(stimulus))
    assert np.array_equal(pickle.loads(pickle.dumps(m)).predict(stimulus), m.predict(stimulus))
    with pytest.raises(ValueError, match="spline"):
        convis.fit(m, stimulus, counts, regularizer="lasso")


def test_an_exponent_is_learnt():
    stimulus = RNG.uniform(-1, 1, size=20_000)
    drive = 0.9 + np.convolve(stimulus, [0.3, 0.5])[:20_000]
    counts = RNG.poisson(drive**3)
    m = convis.models.LNP(lags=2, nonlinearity="power", power=None)
    result = convis.fit(m, stimulus, counts)
    assert abs(m.power - 3) < 0.4 and "exponent" in result.summary()
    np.testing.assert_allclose(m.predict(stimulus), m.respond(np.convolve(stimulus, m.filter[0])[:20_000]
                                                              + float(m.conv.bias.data[0])), rtol=1e-9)
    fixed = convis.models.LNP(lags=2, nonlinearity="power", power=1.0)
    assert convis.fit(fixed, stimulus, counts).score(stimulus, counts) < result.score(stimulus, counts)
    assert fixed.power == 1.0


def test_intervals_hold_the_truth_as_often_as_they_say():
    inside = []
    history = convis.models.RaisedCosines(count=2, last=4.0)
    truth = convis.models.GLM(lags=5, history=history)
    truth.filter, truth.bias, truth.history_weights = [[0.1, 0.6, 0.8, -0.5, 0.0]], [-1.0], [[-1.5, 0.2]]
    for seed in range(50):
        stimulus = np.random.default_rng(seed).normal(size=1500)
        m = convis.models.GLM(lags=5, history=history)
        result = convis.fit(m, stimulus, truth.simulate(stimulus, seed=seed)[0])
        for name, (low, high) in result.interval(0.95).items():
            inside.extend(((low <= getattr(truth, name)) & (getattr(truth, name) <= high)).ravel())
    assert 0.88 < np.mean(inside) < 0.99, np.mean(inside)


def test_profiles_agree_with_errors_where_data_are_many_and_not_where_they_are_few():
    stimulus, rate = cell()
    m = convis.models.LNP(lags=5)
    result = convis.fit(m, stimulus, RNG.poisson(rate))
    low, high = result.interval(0.9)["filter"]
    for lag in (0, 2):
        np.testing.assert_allclose(result.profile(0, lag, level=0.9), (low[0, lag], high[0, lag]), atol=2e-3)
    np.testing.assert_allclose(result.profile(parameter="bias", level=0.9), [e[0] for e in result.interval(0.9)["bias"]],
                               atol=4e-3)
    few = convis.models.GLM(lags=2, history=convis.models.RaisedCosines(count=1, last=0.0, offset=0.3))
    spikes = np.zeros(120)
    spikes[::4] = 1  # never two in a row: how strong the refraction is, only its lower end is known
    result = convis.fit(few, RNG.normal(size=120), spikes, regularizer="ridge", ridge=1.0)
    low, high = result.profile(0, 0, "history_weights")
    assert low == -np.inf or low < few.history_weights[0, 0] - 5
    assert high < 0
    for wrong in (dict(index=9), dict(unit=3), dict(parameter="filtre"), dict(level=1.5)):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            result.profile(**wrong)


def test_what_is_hardly_determined_is_told():
    # Two pixels that nearly always agree.
    stimulus = np.repeat(RNG.normal(size=(3000, 1, 1)), 2, axis=2)
    stimulus[:, 0, 1] += 1e-4 * RNG.normal(size=3000)
    counts = RNG.poisson(np.exp(0.3 * stimulus.sum(axis=(1, 2)) - 1))
    m = convis.models.LNP(lags=1, spatial=(1, 2))
    with pytest.warns(UserWarning, match=r"filter\[0, 0, .\].*filter\[0, 0, .\].*ridge"):
        result = convis.fit(m, stimulus, counts)
    assert (result.filter_error > 1).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        convis.fit(m, stimulus, counts, regularizer="ridge", ridge=1.0)
    with pytest.warns(UserWarning, match="without having arrived"):
        convis.fit(m, stimulus, counts, regularizer="ridge", ridge=1.0, iterations=1)


def test_parts_of_a_recording_do_not_touch():
    parts = convis.fitting.split(1000, train=0.6, validation=0.2, block=50, gap=10, seed=3)
    together = np.sum(parts, axis=0)
    assert together.max() == 1 and parts.train.sum() > 500
    kind = np.argmax(np.vstack([~together.astype(bool), *parts]), axis=0)
    # Where one part follows another, ten steps belong to none.
    for t in np.flatnonzero((kind[1:] != kind[:-1]) & (kind[1:] == 0)):
        assert not kind[t + 1 : t + 11].any()
    assert np.array_equal(parts.test, convis.fitting.split(1000, 0.6, 0.2, block=50, gap=10, seed=3).test)
    assert not np.array_equal(parts.test, convis.fitting.split(1000, 0.6, 0.2, block=50, gap=10, seed=4).test)
    for wrong in (dict(train=0.0), dict(train=0.9, validation=0.2), dict(block=1000)):
        with pytest.raises(ValueError, match="train|block"):
            convis.fitting.split(1000, **wrong)
    stimulus, rate = cell(4000)
    counts = RNG.poisson(rate)
    parts = convis.fitting.split(4000, train=0.7)
    m, short = convis.models.LNP(lags=4), convis.models.LNP(lags=4)
    result = convis.fit(m, stimulus, counts, steps=parts.train)
    other = convis.fit(short, stimulus[:2800], counts[:2800])
    np.testing.assert_allclose(m.filter, short.filter, atol=1e-8)
    assert result.null_rate == pytest.approx(other.null_rate)
    score, low, high = result.score(stimulus, counts, steps=parts.test, interval=True, repeats=100)
    assert score == result.score(stimulus, counts, steps=parts.test) and low < score < high
    with pytest.raises(ValueError, match="steps"):
        convis.fit(m, stimulus, counts, steps=[0, 1])


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
    (dict(weight=1.0), "lasso"),
    (dict(regularizer="group_lasso", groups="pixels"), "'pixel'"),
    (dict(regularizer="lasso", weight=-1.0), "weight"),
    (dict(regularizer="low_rank", rank=2), "rank"),
    (dict(steps=np.zeros(300, bool)), "steps"),
    (dict(stimulus=np.tile([1.0, 0.0], 150)), "regularizer"),
])
def test_bad_data_are_refused_by_name_and_leave_the_model(change, words):
    m = convis.models.LNP(lags=5)
    arguments = {"stimulus": STIMULUS, "response": COUNTS, **change}
    with pytest.raises(ValueError, match=words):
        convis.fit(m, **arguments)
    assert not m.filter.any()


@pytest.fixture
def macaque():
    path = Path(os.environ.get("CONVIS_DATA", Path(__file__).parents[4] / "shared" / "data")) / "rgc_macaque.npz"
    if not path.is_file():
        pytest.skip(f"{path} is not there: recordings stay outside the project (CONVIS_DATA names their folder)")
    with np.load(path) as data:
        return data["stimulus"], data["counts"]


def test_a_macaque_ganglion_cell_reaches_the_unique_optimum(macaque):
    stimulus, counts = macaque
    train = int(0.8 * len(stimulus))
    m = convis.models.LNP(lags=25, nonlinearity="exp")
    result = convis.fit(m, stimulus[:train], counts[:train], loss="poisson", regularizer=None)
    score = result.score(stimulus[train:], counts[train:], metric="bits_per_spike")
    # The Poisson likelihood of an exponential model has one maximum; other programs find the same numbers.
    np.testing.assert_allclose(score, [1.3688, 1.2608], atol=1e-3)


def test_regularizers_that_choose_for_themselves_cost_a_macaque_ganglion_cell_nothing(macaque):
    stimulus, counts = macaque
    parts = convis.fitting.split(len(stimulus))
    for regularizer in ("ridge", "smooth", "auto"):
        m = convis.models.LNP(lags=25)
        result = convis.fit(m, stimulus, counts, regularizer=regularizer, steps=parts.train)
        score = result.score(stimulus, counts, steps=parts.test)
        assert (score > [1.3688 - 0.003, 1.2608 - 0.003]).all(), (regularizer, score)
