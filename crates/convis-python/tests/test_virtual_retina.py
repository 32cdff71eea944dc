"""Retinas from descriptions."""

import copy
import pickle

import numpy as np
import pytest

import convis
from convis.retina import Retina, RetinaConfiguration, VirtualRetina


def movie(frames=30, height=12, width=14):
    t, y, x = np.mgrid[:frames, :height, :width]
    return 127.5 + 100 * np.sin(0.7 * x + 0.3 * y - 0.2 * t)


def small(preset="cat-x"):
    configuration = RetinaConfiguration(preset)
    configuration.set("retina.pixels-per-degree", 10.0)
    configuration.set("retina.temporal-step__sec", 0.005)
    return configuration


def test_an_even_picture_stays_even():
    configuration = small("linear")
    retina = Retina.virtual_retina(configuration, deriche_blur=False, stage_delays=False, adapted_start=False)
    assert retina.resolution == convis.Resolution(10.0, 200.0)
    assert retina.description.to_dict() == configuration.to_dict()
    uniform = np.ones((200, 5, 6))
    settled = retina.double().run(uniform, probe="opl")["opl"].numpy()[0, 0, -1]
    assert np.ptp(settled) < 1e-9


def test_outputs_spikes_and_where_cells_are():
    retina = VirtualRetina(small("primate"))
    assert retina.resolution.steps_per_second == pytest.approx(200)
    o = retina.run(movie(100), events=True)
    cells = retina.cells((12, 14))
    assert o.keys() == [f"ganglion_{i}" for i in range(4)] and sorted(cells) == [0, 1, 2, 3]
    for number, places in cells.items():
        assert o[number].shape[-2] * o[number].shape[-1] == len(places)
        assert np.abs(places).max() < 2
    spikes = o.spikes()
    assert len(spikes) == sum(o.array(i).sum() for i in range(4)) > 0
    assert 0 <= spikes["time_s"].min() and spikes["time_s"].max() < 0.5


def test_chunks_copies_and_pickles_give_the_same():
    x = movie()
    retina = VirtualRetina(small(), spikes=False)
    whole = retina.run(x).array(0)
    for other in (copy.deepcopy(retina), pickle.loads(pickle.dumps(retina))):
        other.clear_state()
        np.testing.assert_array_equal(other.run(x, dt=7).array(0), whole)


def test_gradients_reach_physical_parameters():
    retina = VirtualRetina(small(), spikes=False).double()
    out = retina(movie())
    response = out if isinstance(out, convis.Tensor) else out[0]
    (response * response).sum().backward()
    parameters = [p for p in retina.parameters() if p.grad is not None and np.abs(np.asarray(p.grad)).max() > 0]
    assert len(parameters) > 5


def test_each_switch_changes_something():
    x = movie()
    original = VirtualRetina(small(), spikes=False).run(x).array(0)
    for switch in ("deriche_blur", "stage_delays", "adapted_start"):
        changed = VirtualRetina(small(), spikes=False, **{switch: False}).run(x).array(0)
        assert np.abs(changed - original).max() > 1e-3 * np.abs(original).max(), switch
    dark = VirtualRetina(small(), spikes=False, initial_luminance=10.0).run(x).array(0)
    assert np.abs(dark - original).max() > 1e-3 * np.abs(original).max()


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match="did you mean 'primate'"):
        Retina.virtual_retina("primat")
    with pytest.raises(TypeError, match="deriche"):
        Retina.virtual_retina("cat-x", deriche=False)
    with pytest.raises(ValueError, match="array_seed"):
        VirtualRetina("cat-x", array_seed=-1)
    with pytest.raises(ValueError, match="image"):
        VirtualRetina("cat-x").cells((0, 4))
