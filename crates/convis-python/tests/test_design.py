"""Designed stimuli: within the constraints, and what theory says they are."""

import numpy as np
import pytest

import convis
from convis.design import Constraints, metamer, most_discriminating, most_exciting

RESOLUTION = convis.Resolution(pixel_per_degree=10.0, steps_per_second=100.0)


@pytest.mark.parametrize("limits", [
    {},
    {"rms": 0.1},
    {"rms": 0.6, "mean": 0.4},
    {"spatial_band_cpd": (0.5, 2.0)},
    {"temporal_band_hz": (0.0, 20.0), "rms": 0.3},
    {"spatial_band_cpd": (0.0, 1.5), "temporal_band_hz": (5.0, 25.0), "rms": 0.2, "mean": -0.3},
])
def test_the_nearest_movie_is_allowed_and_is_the_nearest(limits):
    rng = np.random.default_rng(2)
    allowed = Constraints(**limits)
    x = rng.normal(0.2, 1.0, (12, 7, 8))
    p = allowed.nearest(x, RESOLUTION)
    assert allowed.violation(x, RESOLUTION) > 0.1 and allowed.violation(p, RESOLUTION) < 1e-12
    assert np.abs(allowed.nearest(p, RESOLUTION) - p).max() < 1e-6
    # Of a projection on a convex set: no allowed movie lies on the side of what was projected.
    for _ in range(20):
        other = allowed.nearest(rng.normal(0, 1.0, x.shape), RESOLUTION)
        assert ((x - p) * (other - p)).sum() <= 0.01 * np.linalg.norm(x - p) * np.linalg.norm(other - p)


def linear(kernel):
    model = convis.models.L(kernel.shape, population=False, resolution=RESOLUTION)
    model.conv.set_weight(kernel)
    return model


def test_the_best_movie_for_a_linear_cell_is_its_filter():
    kernel = np.random.default_rng(3).normal(size=(5, 6, 6))
    best = most_exciting(linear(kernel), 5, (6, 6), Constraints(rms=0.1), window=(4, 5))
    assert best.converged
    assert Constraints(rms=0.1).violation(best.movie) < 1e-12
    # Cauchy and Schwarz: the largest response at this contrast is that to the filter itself.
    largest = 0.1 * np.sqrt(kernel.size) * np.linalg.norm(kernel)
    assert best.value == pytest.approx(largest, rel=1e-6)
    assert np.corrcoef(best.movie.ravel(), weight(kernel).ravel())[0, 1] > 1 - 1e-6
    # Without a limit of contrast every pixel is as bright or as dark as can be.
    full = most_exciting(linear(kernel), 5, (6, 6), window=(4, 5))
    assert full.value == pytest.approx(np.abs(kernel).sum(), rel=1e-6)
    assert (np.diff(full.values[-3:]) >= -1e-9).all()


def weight(kernel):
    """As it multiplies the movie."""
    return np.asarray(linear(kernel).conv.weight)[0, 0]


def direction_selective(direction):
    """A cell that prefers gratings of 1.25 cycles/deg drifting to higher (+1) or lower (-1) columns at 10 Hz: energy of a pair."""
    t, _, x = np.mgrid[:10, :1, -8:9]
    envelope = np.exp(-(((t - 4.5) / 2.5) ** 2) - (x / 4.0) ** 2)
    phase = 2 * np.pi * (1.25 * x / 10 - direction * 10 * t / 100)
    pair = [envelope * f(phase) for f in (np.cos, np.sin)]
    return convis.models.Parallel([convis.models.Sequential([linear(k), convis.filters.NLSquare(resolution=RESOLUTION)]) for k in pair], combination="sum")


@pytest.mark.parametrize("direction", [1, -1])
def test_the_best_movie_for_a_direction_selective_cell_moves_in_its_direction(direction):
    limits = Constraints(rms=0.3, spatial_band_cpd=(0.0, 2.5), temporal_band_hz=(0.0, 30.0))
    model = direction_selective(direction)
    before = model.get_parameters()
    best = most_exciting(model, 20, (1, 17), limits)
    assert limits.violation(best.movie, RESOLUTION) < 1e-6
    # In the plane of temporal and spatial frequency, power lies where direction * f_x * f_t < 0 (the sign of the transform).
    power = np.abs(np.fft.fft2(best.movie[:, 0])) ** 2
    ft, fx = np.fft.fftfreq(20)[:, None], np.fft.fftfreq(17)[None]
    along, against = power[ft * fx * direction < 0].sum(), power[ft * fx * direction > 0].sum()
    assert along > 20 * against
    assert best.value > 10 * best.values[0]
    after = model.get_parameters()
    assert all((before[name] == after[name]).all() for name in before)
    assert all(parameter.requires_grad for parameter in model.parameters() if "weight" in parameter.name)
    assert best.plot().axes[0].images


def test_two_models_are_told_apart_best_by_what_only_one_of_them_sees():
    rng = np.random.default_rng(4)
    common, extra = rng.normal(size=(2, 4, 5, 5))
    extra -= common * (extra * common).sum() / (common * common).sum()
    one, other = linear(common), linear(common + 0.1 * extra)
    best = most_discriminating(one, other, 4, (5, 5), Constraints(rms=0.2), window=(3, 4))
    assert abs(np.corrcoef(best.movie.ravel(), weight(extra).ravel())[0, 1]) > 0.9999
    with pytest.raises(ValueError, match="outputs of shape"):
        most_discriminating(one, convis.models.L((4, 5, 5), population=True, resolution=RESOLUTION), 4, (5, 5))
    with pytest.raises(ValueError, match="expected the resolution of the first"):
        most_discriminating(one, convis.models.L((4, 5, 5)), 4, (5, 5))


def test_a_metamer_of_a_retina_gives_the_same_responses_to_another_movie():
    retina = convis.retina.Retina(spikes=False, resolution=convis.Resolution(10.0, 200.0))
    retina.p.bipolar.lambda_amp = 10.0
    movie = np.random.default_rng(5).uniform(0, 255, (12, 6, 6))
    found = metamer(retina, movie, Constraints(0.0, 255.0), seed=3)
    assert found.value < 1e-3
    assert np.abs(found.movie - movie).mean() > 20  # of 255
    responses = [np.asarray(retina.double()(x)[0]) for x in (movie, found.movie) if retina.clear_state() is None]
    assert np.corrcoef(responses[0].ravel(), responses[1].ravel())[0, 1] > 0.999


def test_populations_and_objectives():
    kernel = np.random.default_rng(6).normal(size=(3, 5, 5))
    model = convis.models.LN(kernel.shape, population=True, resolution=RESOLUTION)
    model.conv.set_weight(kernel)
    limits = Constraints(rms=0.2)
    one = most_exciting(model, 6, (9, 9), limits, unit=(4, 4), window=(5, 6))
    two = most_exciting(model, 6, (9, 9), limits, unit=[(4, 4), (0, 8)], window=(5, 6))
    # Each of two gets less than one alone.
    assert 0.3 * one.value < two.value < one.value
    # As an objective, the same.
    again = most_exciting(model, 6, (9, 9), limits, objective=lambda r: r[0, 0, 5, 4, 4].sum())
    assert again.value == pytest.approx(one.value, rel=1e-3)


@pytest.mark.parametrize("change, message", [
    ({"unit": (9, 0)}, r"unit: expected a channel, \(row, column\)"),
    ({"unit": []}, "unit: expected at least one"),
    ({"window": (3, 3)}, "window: expected a first frame"),
    ({"start": np.zeros((2, 5, 5))}, "start: expected finite numbers of shape"),
    ({"start": np.zeros((4, 5, 5))}, "start: the response does not change"),
    ({"objective": lambda r: r}, "objective: expected one number"),
])
def test_what_does_not_fit_is_named(change, message):
    model = convis.models.LN((2, 3, 3), bias=True, population=True)
    model.conv.set_weight(np.ones((2, 3, 3)))
    model.conv.bias.set([-0.5])
    with pytest.raises(ValueError, match=message):
        most_exciting(model, 4, (5, 5), **change)


def test_constraints_that_cannot_be_met_are_refused():
    for change, message in [
        ({"low": 1.0, "high": 0.0}, "low, high"), ({"spatial_band_cpd": 3.0}, "spatial_band_cpd"), ({"mean": 2.0}, "mean"), ({"rms": 0.0}, "rms"),
        ({"temporal_band_hz": (5.0, 1.0)}, "temporal_band_hz"),
    ]:
        with pytest.raises(ValueError, match=message):
            Constraints(**change)
    with pytest.raises(ValueError, match="no frequency within; the lowest above 0 are 10 Hz"):
        Constraints(temporal_band_hz=(1.0, 2.0)).nearest(np.zeros((10, 3, 3)), RESOLUTION)
    with pytest.raises(TypeError, match="convis.design.Constraints"):
        most_exciting(linear(np.ones((1, 1, 1))), 2, (1, 1), {"rms": 1.0})
    with pytest.raises(TypeError, match="expected a layer"):
        most_exciting("model", 2, (1, 1))
    with pytest.raises(ValueError, match="size: expected rows and columns, got 5"):
        most_exciting(linear(np.ones((1, 1, 1))), 2, 5)
    with pytest.raises(TypeError, match="returns a Tensor, got 3"):
        most_exciting(linear(np.ones((1, 1, 1))), 2, (1, 1), objective=lambda r: 3.0)
