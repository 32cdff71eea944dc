"""Stimuli as streams and arrays, kernels, and the analysis of responses."""

import copy
import inspect
import json
import os
import pickle

import convis
import numpy as np
import pytest

GOLDEN = os.path.join(os.environ.get("CONVIS_GOLDEN", "../shared/golden"), "convis")
STIMULI = [getattr(convis.stimuli, name) for name in convis.stimuli.__all__ if name != "Stimulus"]


def built(cls, **options):
    if cls is convis.stimuli.JitteredImage:
        options["picture"] = np.random.default_rng(0).random((40, 50))
    return cls(height=6, width=5, **options)


@pytest.mark.parametrize("cls", STIMULI)
def test_any_frames_of_a_stimulus_are_those_of_the_whole(cls):
    stimulus = built(cls)
    whole = stimulus.movie(50, first=1200)
    assert whole.shape == (50, 6, 5) and whole.dtype == np.float32 and np.isfinite(whole).all()
    assert np.array_equal(stimulus.movie(7, first=1230), whole[30:37])
    assert np.array_equal(stimulus.get(3), stimulus.movie(3)) and np.array_equal(stimulus.get(2), stimulus.movie(2, 3))
    for same in (copy.deepcopy(stimulus), pickle.loads(pickle.dumps(stimulus))):
        assert np.array_equal(same.get(4), stimulus.movie(4, first=5))
    if stimulus.endless:
        with pytest.raises(ValueError, match="endless"):
            stimulus.movie()
    else:
        frames = len(stimulus) + 5
        assert stimulus.movie(3, first=frames - 3).shape == (3, 6, 5)
        with pytest.raises(ValueError, match="at most"):
            stimulus.movie(4, first=frames - 3)


@pytest.mark.parametrize("cls", STIMULI)
def test_the_defaults_of_python_are_those_of_the_library(cls):
    doc = inspect.getdoc(cls)
    for name in inspect.signature(cls).parameters:
        assert name in doc
    other = built(cls, resolution=convis.Resolution(20, 500))
    assert other.resolution == convis.Resolution(20, 500)
    with pytest.raises((ValueError, TypeError)):
        cls(height=0, width=5)


def test_bad_constants_name_the_argument():
    for make, words in (
        (lambda: convis.stimuli.Checkers(contrast=-1.0), "contrast"),
        (lambda: convis.stimuli.Checkers(distribution="uniform"), "distribution"),
        (lambda: convis.stimuli.Checkers(seed=1.5), "seed"),
        (lambda: convis.stimuli.DriftingGrating(mean="dark"), "mean"),
        (lambda: convis.stimuli.JitteredImage(np.ones(3)), "picture"),
        (lambda: convis.samples.pulse(t=0), "t"),
        (lambda: convis.samples.SampleGenerator((3, 3)), "kernel_size"),
        (lambda: convis.kernels.exponential_filter_1d(-1.0), "tau"),
        (lambda: convis.kernels.gauss_filter_2d(0.1, rule="best"), "rule"),
        (lambda: convis.kernels.ExponentialKernel(length=0), "length"),
    ):
        with pytest.raises((ValueError, TypeError), match=words):
            make()


def recorded(name):
    path = os.path.join(GOLDEN, name)
    if not os.path.exists(path):
        pytest.skip(f"{path} is not there")
    file = np.load(path)
    return file, json.loads(str(file["params_json"]))


@pytest.mark.parametrize("name", ["samples_stimuli.npz", "samples_masks_square.npz"])
def test_samples_are_those_recorded(name):
    file, about = recorded(name)
    for i, (function, options) in enumerate(about["cases"]):
        got = getattr(convis.samples, function)(**options)
        want = file[f"output_{i}"]
        assert got.shape == want.shape and np.abs(got - want).max() <= 2e-5 * max(np.abs(want).max(), 1), function


def test_an_exponential_kernel_is_copied_with_its_values():
    kernel = convis.kernels.ExponentialKernel(0.02, n=2, length=30)
    kernel.tau.set(0.03)
    for same in (copy.deepcopy(kernel), pickle.loads(pickle.dumps(kernel))):
        assert np.array_equal(np.asarray(same()), np.asarray(kernel())) and float(same.tau) == 0.03
        same.tau = 0.01
        assert float(kernel.tau) == 0.03
    assert kernel.get_parameters().keys() == {"tau", "amplification"}
    assert convis.numerical_filters.gauss_filter_5d is convis.kernels.gauss_filter_5d


def test_spikes_in_every_form_give_one_average():
    x = convis.samples.random_checker_stimulus(200, 3, 4, checker_size=1)
    spikes = np.zeros((200, 3, 4), np.uint8)
    spikes[[20, 50, 199], 1, 2] = [1, 2, 1]
    spikes[3, 0, 0] = 1
    frames = [[] for _ in range(12)]
    frames[6], frames[0] = [20, 50, 50, 199], [3]
    want = convis.analysis.sta(x, spikes, 5)
    assert want.average.shape == (12, 5, 3, 4) and want.used[6] == 4 and want.skipped[0] == 1
    for same in (spikes[None, None], spikes.reshape(200, 12), frames, convis.Output([spikes[None, None]])):
        got = convis.analysis.sta(x, same, 5)
        assert np.array_equal(got.average, want.average) and np.array_equal(got.used, want.used)
    assert np.allclose(convis.analysis.sta(x, spikes[:, 1, 2], 5).average[0], want.average[6])
    for bad in ([[200]], [[-1]], [["a"]], np.ones(7), None):
        with pytest.raises((ValueError, TypeError)):
            convis.analysis.sta(x, bad, 5)


def test_the_filter_of_a_model_written_in_python(movie):
    class Scaled(convis.Layer):
        def __init__(self):
            super().__init__()
            self.conv = convis.filters.Conv3d(1, 1, (4, 1, 1), bias=False)
            self.conv.set_weight([4.0, 3.0, 2.0, 1.0])

        def forward(self, x):
            return self.conv(x)

    model = Scaled()
    model.run(movie(10))
    before = model.get_state()
    explorer = convis.analysis.LinearGradientExplorer(model)
    f = explorer.filter(movie(20), frame=15, pixel=(2, 3), lags=6)
    assert f[:, 2, 3].tolist() == [0.0, 0.0, 1.0, 2.0, 3.0, 4.0] and np.count_nonzero(f) == 4
    assert model.get_state() == before
    g = explorer.gradient(movie(20), lambda y: np.ones(y.shape))
    assert g.shape == (1, 1, 20, 6, 5)
    for bad in (dict(frame=20, pixel=(0, 0)), dict(frame=3, pixel=(0, 0), lags=5), dict(frame=3, pixel=(6, 0), lags=2)):
        with pytest.raises(ValueError, match="lags|pixel"):
            explorer.filter(movie(20), **bad)


def test_a_stimulus_begins_again_and_fits_the_model():
    flash = convis.stimuli.FullFieldFlash(before_s=0.02, on_s=0.02, after_s=0.0, height=3, width=4)
    blur = convis.filters.GaussianBlur(0.1)
    first = blur.run(flash).array(0)
    assert np.array_equal(blur.run(flash).array(0), first)
    assert blur.run(flash, max_t=10).array(0).shape[2] == 10 and len(flash) == 30
    fine = convis.Resolution(20.0, 500.0)
    other = convis.stimuli.FullFieldFlash(height=3, width=4, resolution=fine)
    for model in (convis.retina.Retina(), convis.models.Sequential(blur)):
        with pytest.raises(ValueError, match="pixel_per_degree=20.0"):
            model.run(other)
    with pytest.raises(ValueError, match="pixel_per_degree=20.0"):
        convis.Runner(blur, input=other)
    assert convis.filters.GaussianBlur(0.1, resolution=fine).run(other).array(0).shape[2] == 1500
    frames = convis.streams.SequenceStream(np.ones((5, 3, 4)))
    blur.run(frames)
    with pytest.raises(ValueError, match="reset"):
        blur.run(frames)


def test_a_picture_smaller_than_the_screen_is_refused():
    for shape in ((10, 100), (100, 10)):
        with pytest.raises(ValueError, match="picture"):
            convis.stimuli.JitteredImage(np.zeros(shape), height=20, width=20)
