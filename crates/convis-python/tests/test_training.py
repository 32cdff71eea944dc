"""Fits by gradients: what was simulated is recovered, what cannot be fitted is refused, what was interrupted goes on."""

import warnings

import convis
import numpy as np
import pytest

rng = np.random.default_rng


def counts_of(rate, seed=0):
    return rng(seed).poisson(np.asarray(rate))


def within(fit, name, truth, errors=4.0):
    """Whether a value is as far from the truth as its standard error says."""
    value, error = np.asarray(fit.parameters[name]), np.asarray(fit.errors[name])
    assert np.isfinite(error).all(), name
    return np.abs((value - truth) / error).max() < errors


# ------------------------------------------------------------------ models recover what they simulated
def test_ln():
    x = rng(0).normal(size=8000)
    truth = convis.models.LN((5, 1, 1))
    k = np.array([0.1, -0.2, 0.4, 1.0, 0.5]).reshape(1, 1, 5, 1, 1)
    truth.conv.weight.set(k)
    rate = np.log1p(np.exp(2 * truth.run(x[:, None, None]).array(0).ravel() - 1))
    m = convis.models.LN((5, 1, 1))
    fit = convis.fit(m, x, counts_of(rate), optimizer="lbfgs", validation=0.0)
    assert within(fit, "conv.weight", 2 * k) and within(fit, "readout.offset", -1.0)
    assert np.array_equal(np.asarray(m.conv.weight), fit.parameters["conv.weight"])
    assert np.corrcoef(fit.predict(x), rate)[0, 1] > 0.999


def test_lnln_and_lnsn_explain_as_much_as_the_truth():
    x = rng(1).normal(size=(4000, 1, 4))
    for make in (
        lambda: convis.models.LNLN((3, 1, 3), population=False),
        lambda: convis.models.LNSN((3, 1, 2), (1, 4), population=False),
    ):
        truth = make()
        first, second = (p for _, p in truth.named_parameters())
        k = rng(2).normal(size=first.shape)
        first.set(k)
        second.set(0.2 * np.abs(rng(3).normal(size=second.shape)))
        truth(x[:2])
        rate = truth.run(x).array(0).ravel() + 0.1
        counts = counts_of(rate)
        m = make()
        fit = convis.fit(m, x[:3000], counts[:3000], restarts=1, optimizer="lbfgs", iterations=60, errors=False)
        explained = fit.score(x[3000:], counts[3000:])
        null = np.full(1000, counts[:3000].mean())
        best = convis.metrics.bits_per_spike(rate[3000:], counts[3000:], float(null[0]))
        assert explained > 0.85 * best > 0.1, (explained, best)


def test_separable_strf():
    x = rng(2).normal(size=(6000, 4, 5))
    truth = convis.models.SeparableSTRF(6, (4, 5), rank=2)
    truth.space.weight.set(0.6 * rng(3).normal(size=(2, 1, 1, 4, 5)))
    truth.time.weight.set(0.6 * rng(4).normal(size=(1, 2, 6, 1, 1)))
    truth.time.bias.set(np.array([-1.0]))
    counts = counts_of(truth.predict(x))
    m = convis.models.SeparableSTRF(6, (4, 5), rank=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # products: the sizes of their factors are not determined
        fit = convis.fit(m, x, counts, optimizer="lbfgs", validation=0.0)
    assert np.corrcoef(m.filter.ravel(), truth.filter.ravel())[0, 1] > 0.98
    assert fit.undetermined and within(fit, "time.bias", -1.0)


def test_spatial_contrast():
    x = rng(3).normal(size=(8000, 4, 4))
    truth = convis.models.SpatialContrast(3)
    values = {"row": 0.12, "column": 0.2, "sigma": 0.1, "contrast_weight": 1.5, "bias": -2.0}
    k = np.array([0.3, -1.0, 2.0]).reshape(1, 1, 3, 1, 1)
    truth.set_parameters({**values, "time.weight": k})
    m = convis.models.SpatialContrast(3)
    m.set_parameters({"row": 0.15, "column": 0.15, "sigma": 0.2, "contrast_weight": 0.1})
    fit = convis.fit(m, x, counts_of(truth.predict(x)), optimizer="lbfgs", validation=0.0)
    for name, value in values.items():
        assert within(fit, name, value), (name, fit)
    assert within(fit, "time.weight", k)


def test_divisive_normalization():
    x = rng(4).normal(size=12000) * np.repeat(rng(5).choice([0.5, 2.0], size=40), 300)
    truth = convis.models.DivisiveNormalization(3)
    k = np.array([-0.5, 1.0, 2.0]).reshape(1, 1, 3, 1, 1)
    truth.set_parameters({"conv.weight": k, "pool.tau": 0.05, "strength": 0.8, "bias": -0.5})
    m = convis.models.DivisiveNormalization(3)
    fit = convis.fit(m, x, counts_of(truth.predict(x)), optimizer="lbfgs", validation=0.0)
    for name, value in {"pool.tau": 0.05, "strength": 0.8, "bias": -0.5}.items():
        assert within(fit, name, value), (name, fit)
    assert within(fit, "conv.weight", k)


def test_subunits_see_what_a_linear_model_cannot():
    x = rng(6).normal(size=(5000, 4, 4))
    truth = convis.models.Subunits((1, 2, 2), (4, 4))
    edge = 3 * np.array([[1.0, -1.0], [1.0, -1.0]]).reshape(1, 1, 1, 2, 2)
    pool = np.full((1, 1, 1, 4, 4), 0.12)
    truth.set_parameters({"conv.weight": edge, "pool.weight": pool, "pool.bias": -3.0})
    rate = truth.predict(x)
    counts = counts_of(rate)
    m = convis.models.Subunits((1, 2, 2), (4, 4))
    # Its spike-triggered average says little: several starts.
    fit = convis.fit(m, x[:4000], counts[:4000], optimizer="lbfgs", restarts=2, jitter=1.0, seed=2, errors=False)
    k = np.asarray(m.conv.weight).ravel()
    assert abs(np.corrcoef(k, edge.ravel())[0, 1]) > 0.95, (k, fit)
    best = convis.metrics.bits_per_spike(rate[4000:], counts[4000:], float(counts[:4000].mean()))
    assert fit.score(x[4000:], counts[4000:]) > 0.95 * best > 0.2


def test_layers_put_together_and_written_in_python():
    class Gain(convis.Layer):
        def __init__(self, gain):
            super().__init__()
            self.gain = convis.variables.Parameter(gain, unit="Hz")

        def forward(self, x):
            return x * self.gain

    def build(gain, tau):
        return convis.models.Sequential(convis.filters.TemporalLowPassFilterRecursive(tau), Gain(gain))

    x = rng(7).normal(size=5000)
    y = build(3.0, 0.004).run(x[:, None, None]).array(0).ravel() + 0.1 * rng(8).normal(size=5000)
    m = build(1.0, 0.01)
    fit = convis.fit(m, x, y, loss="gaussian", optimizer="lbfgs")
    assert fit.predict(x).shape == (5000,)
    assert within(fit, "layer_1.gain", 3.0) and within(fit, "layer_0.tau", 0.004)
    assert "Hz" in fit.summary()


def test_cells_of_a_population_and_units():
    x = rng(9).normal(size=(3000, 5, 6))
    truth = convis.filters.GaussianBlur(0.15)
    cells = [(1, 1), (2, 4), (3, 2)]
    drive = truth.run(x).array(0)[0, 0]
    rates = np.stack([np.exp(8 * drive[:, r, c] - 1) for r, c in cells], axis=1)
    m = convis.filters.GaussianBlur(0.25)
    fit = convis.fit(m, x, counts_of(rates), readout="exp", gain=True, cells=cells, optimizer="lbfgs", validation=0.0)
    assert within(fit, "sigma", 0.15)
    assert within(fit, "readout.gain", 8.0) and within(fit, "readout.offset", -1.0)
    assert fit.score(x, counts_of(rates, 1)).shape == (3,)


# ------------------------------------------------------------------ the retina, from its spikes
def test_the_gain_control_retina_from_its_spikes():
    """Also to be seen: standard errors that are as large as the distance from the truth."""
    convis.seed(3)
    retina = convis.retina.Retina()
    retina.p.bipolar.lambda_amp.set(100.0)
    movie = np.repeat(rng(10).random((150, 3, 3)), 20, axis=0)
    spikes = np.asarray(retina.run(movie).ganglion_spikes_ON)[0, 0].reshape(3000, 9)
    m = convis.retina.Retina()
    m.p.bipolar.lambda_amp.set(30.0)
    m.p.gang_0_spikes.g_L.set(40.0)
    names = ["bipolar.lambda_amp", "gang_0_input.lambda_G", "gang_0_spikes.g_L", "gang_0_spikes.noise_sigma"]
    fit = convis.fit(m, movie, spikes, parameters=names, optimizer="lbfgs", validation=0.0, iterations=40)
    assert not fit.undetermined
    for name, value in zip(names, (100.0, 100.0, 50.0, 0.1), strict=True):
        assert within(fit, name, value, 3.5), (name, fit)
        assert fit.errors[name] < 0.5 * value, (name, fit)
    assert fit.score(movie, spikes).min() > 0.3
    assert fit.predict(movie[:200], trials=3).shape == (200, 9)
    assert float(m.gang_1_spikes.g_L) == 50.0


def test_off_cells_and_what_they_cannot_see():
    convis.seed(4)
    movie = np.repeat(rng(11).random((40, 2, 2)), 20, axis=0)
    retina = convis.retina.Retina()
    spikes = np.asarray(retina.run(movie).ganglion_spikes_OFF)[0, 0].reshape(800, 4)
    # Without gain control, the strengths of two stages in a row cannot be told apart.
    names = ["opl.opl_filter.lambda_opl", "bipolar.input_amp", "g_L"]
    m = convis.retina.Retina()
    with pytest.raises(ValueError, match="gang_0_spikes"):
        convis.fit(m, movie, spikes, parameters=["gang_0_spikes.g_L"], output="ganglion_spikes_OFF")
    names[2] = "gang_1_spikes.g_L"
    with pytest.warns(RuntimeWarning, match="lambda_opl and bipolar.input_amp, together"):
        fit = convis.fit(
            m, movie, spikes, parameters=names, output="ganglion_spikes_OFF", optimizer="lbfgs", iterations=5
        )
    assert np.isinf(fit.errors["bipolar.input_amp"]) and np.isfinite(fit.errors["gang_1_spikes.g_L"])


# ------------------------------------------------------------------ how it is done
def low_pass(tau=0.02):
    return convis.filters.TemporalLowPassFilterRecursive(tau)


def recording(frames=600):
    x = rng(12).normal(size=frames)
    y = low_pass(0.005).run(x[:, None, None]).array(0).ravel() + 0.05 * rng(13).normal(size=frames)
    return x, y


def test_an_interrupted_fit_goes_on_with_the_same_steps(tmp_path):
    x, y = recording()
    options = dict(loss="gaussian", iterations=60, restarts=1, errors=False)
    whole = convis.fit(low_pass(), x, y, **options)
    path = tmp_path / "fit.npz"

    class Stop(Exception):
        pass

    seen = []

    def interrupt(start, iteration, loss, validation):
        seen.append((start, iteration, loss, validation))
        if len(seen) == 20:
            raise Stop

    m = low_pass()
    with pytest.raises(Stop):
        convis.fit(m, x, y, checkpoint=path, progress=interrupt, **options)
    assert float(m.tau) == 0.02 and path.exists()
    again = convis.fit(m, x, y, checkpoint=path, **options)
    assert again.curves == whole.curves and again.parameters == whole.parameters
    with pytest.raises(ValueError, match="another optimizer"):
        convis.fit(m, x, y, checkpoint=path, **{**options, "optimizer": "lbfgs"})
    with pytest.raises(ValueError, match="npz"):
        convis.fit(m, x, y, checkpoint=tmp_path / "fit.json", **options)


def test_the_model_is_left_as_it_was_but_for_the_fit():
    x, y = recording()
    m = low_pass()
    m(x[:50, None, None])
    state = {name: array.copy() for name, array in m.get_state().items()}
    convis.fit(m, x, y, loss="gaussian", iterations=3)
    assert not m._double and m.tau.grad is None and m.tau.requires_grad
    assert all(np.array_equal(array, state[name]) for name, array in m.get_state().items())


def test_the_held_out_part_decides_and_bounds_hold():
    x, y = recording()
    m = low_pass()
    fit = convis.fit(m, x, y, loss="gaussian", bounds={"tau": (0.008, 0.05)}, learning_rate=0.3, patience=5)
    curve = fit.curves[0]
    assert fit.validation == curve["validations"][curve["best"]] == min(curve["validations"])
    assert 0.008 <= fit.parameters["tau"] < 0.0085
    mask = np.zeros(600, bool)
    mask[100:200] = True
    fit = convis.fit(m, x, y, loss="gaussian", validation=mask, warmup=50, iterations=3, errors=False)
    assert "450" in fit.summary().split("\n")[0]
    with pytest.raises(ValueError, match="sigma"):
        convis.fit(m, x, y, loss="gaussian", bounds={"sigma": (0, 1)})


def test_divergence_is_told_and_the_best_point_restored():
    class Cliff(convis.Layer):
        def __init__(self):
            super().__init__()
            self.a = convis.variables.Parameter(0.5)

        def forward(self, x):
            return x * self.a if float(self.a) < 1.0 else x * (self.a * 1e9)

    x = rng(14).normal(size=100)
    m = Cliff()
    with pytest.warns(RuntimeWarning, match="diverged.*learning_rate"):
        fit = convis.fit(m, x, 2 * x, loss="gaussian", learning_rate=0.5, validation=0.0, errors=False)
    assert fit.curves[0]["ended"] == "diverged" and 0.5 < float(m.a) < 1.0


def test_summary_plot_and_files(tmp_path):
    x, y = recording()
    fit = convis.fit(low_pass(), x, y, loss="gaussian", optimizer="lbfgs", restarts=1)
    assert "tau" in fit.summary() and "best of 2 starts" in repr(fit)
    assert len(fit.plot().axes) == 2
    fit.save(tmp_path / "fit.npz")
    with np.load(tmp_path / "fit.npz") as saved:
        assert saved["tau"][0] == fit.parameters["tau"] and saved["error.tau"][0] == fit.errors["tau"]
        assert saved["curve.1.losses"].tolist() == fit.curves[1]["losses"]
    assert fit.score(x, y, metric="pearson") > 0.9


# ------------------------------------------------------------------ what is refused
def test_bad_input_gets_one_clear_error():
    x, y = recording()
    m = low_pass()
    counts = np.ones(600)
    held = low_pass()
    held.requires_grad_(False)
    spoilt = x.copy()
    spoilt[3] = np.nan
    late = np.where(np.arange(600) > 570, 1.0, 0.0)
    for arguments, options, message in [
        ((m, x, counts[:-1]), {}, "response: expected .600,"),
        ((m, spoilt, counts), {}, "stimulus: expected finite"),
        ((m, x, np.where(np.arange(600) == 5, np.nan, 1.0)), {}, "response: expected counts"),
        ((m, np.ones(600), counts), {}, "one that varies, got 1.0 everywhere"),
        ((m, x, late), {}, "spikes in the part that is fitted"),
        ((m, x, y), {}, "response: expected counts, 0 or above"),
        ((held, x, counts), {}, "parameters that are free"),
        ((m, x, counts), {"parameters": "tua"}, "there are tau"),
        ((m, x, counts), {"loss": "poison"}, "did you mean 'poisson'"),
        ((m, x, counts), {"optimizer": "lbgfs"}, "did you mean 'lbfgs'"),
        ((m, x, counts), {"readout": "spikes"}, "with spikes"),
        ((m, x, counts), {"validation": 1.0}, "below 1"),
        ((m, x, counts), {"cells": [(3, 0)]}, "cells: expected pixels"),
        ((m, x, counts), {"regularizer": "ridge"}, "for LNP and GLM models"),
        ((m, np.zeros((600, 2, 2)) + x[:, None, None], counts), {}, "cells="),
        ((m, x, counts), {"patience": 0}, "patience"),
    ]:
        with pytest.raises(ValueError, match=message):
            convis.fit(*arguments, **options)
        assert float(m.tau) == 0.02 and not m._double
    with pytest.raises(TypeError, match="restarts: an LNP or GLM"):
        convis.fit(convis.models.LNP(3), x, counts, restarts=2)
    with pytest.raises(TypeError, match="expected a model"):
        convis.fit("LNP", x, counts)
