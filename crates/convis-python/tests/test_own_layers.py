"""Layers written in Python from compiled ones."""

import copy
import pickle

import convis
import numpy as np
import pytest


class Smooth(convis.Layer):
    """A blur in space, then one in time."""

    def __init__(self):
        super().__init__()
        self.space = convis.filters.GaussianBlur(0.1)
        self.time = convis.filters.TemporalLowPassFilterRecursive(0.02)
        self.gain = convis.variables.Parameter(1.0, doc="Output gain.", unit="Hz")
        self.times = 0

    def forward(self, x):
        self.times += 1
        return self.time(self.space(x))


class Two(convis.Layer):
    """A retina within a model."""

    def __init__(self):
        super().__init__()
        self.smooth = Smooth()
        self.retina = convis.retina.Retina(spikes=False)

    def forward(self, x):
        o = self.retina(self.smooth(x))
        return {"on": o[0], "off": o[1]}


class Louder(convis.retina.Bipolar):
    """A compiled layer with something more."""

    def __init__(self):
        super().__init__()
        self.before = convis.filters.GaussianBlur(0.2)

    def forward(self, x):
        return super().forward(self.before(x))


def test_parts_are_found_by_attribute():
    m = Two()
    assert {"smooth_space_sigma", "smooth_time_tau", "smooth_gain", "retina_bipolar_tau"} <= set(m.get_parameters())
    assert [name for name, _ in m.named_children()] == ["smooth", "retina"]
    m.smooth.gain = 3.0
    assert float(m.p.smooth.gain) == 3.0 and m.smooth.gain.name == "gain" and "Hz" in repr(m)
    m.set_parameters({"retina.opl.opl_filter.tau_center": 0.03})
    assert float(m.retina.opl.opl_filter.center_E.tau) == 0.03
    with pytest.raises(AttributeError, match="every"):
        m.run = convis.filters.GaussianBlur()
    with pytest.raises(TypeError, match="layer"):
        m.smooth = 3
    with pytest.raises(ValueError, match="itself"):
        m.smooth.all = m
    m.smooth = Smooth()
    assert len(list(m.named_parameters())) == len(list(Two().named_parameters()))


@pytest.mark.parametrize("model", [Smooth, Two, Louder])
def test_chunks_copies_and_states(movie, model):
    x = movie(60)
    m = model()
    whole = m.run(x)
    m.clear_state()
    parts = m.run(x, dt=7)
    assert parts.keys() == whole.keys()
    assert all(np.array_equal(parts.array(key), whole.array(key)) for key in whole.keys())
    m.clear_state()
    m.run(x[:25], dt=10)
    for q in (copy.deepcopy(m), pickle.loads(pickle.dumps(m)), model()):
        q.set_state(pickle.loads(pickle.dumps(m.get_state())))
        assert np.array_equal(q.run(x[25:]).array(0), whole.array(0)[:, :, 25:])


def test_gradients_go_through(movie):
    m = Smooth()
    y = m(movie(20))
    y.backward(np.ones(y.shape))
    assert float(m.space.sigma.grad) != 0 and float(m.time.tau.grad) != 0
    m.zero_grad()
    assert m.time.tau.grad is None
    with convis.no_grad():
        assert not m(movie(20)).requires_grad
    assert m(movie(20)).requires_grad and not m.requires_grad_(False)(movie(20)).requires_grad


def test_an_error_leaves_the_state_after_the_last_whole_chunk(movie):
    m = Smooth()
    m.run(movie(20))
    before = m.get_state()

    class Broken(Smooth):
        def forward(self, x):
            y = super().forward(x)
            if self.times == 3:
                raise RuntimeError("boom")
            return y

    b = Broken()
    with pytest.raises(RuntimeError, match="boom"):
        b.run(movie(60), dt=10)
    assert b.get_state().frames == 20
    assert np.array_equal(b.get_state()["time.y"], before["time.y"])


def test_probes_of_what_forward_calls(movie):
    m = Two()
    o = m.run(movie(30), dt=7, probe=["smooth", "smooth.space", "retina"])
    assert o.keys() == [
        "on",
        "off",
        "smooth",
        "smooth.space",
        "retina.ganglion_spikes_ON",
        "retina.ganglion_spikes_OFF",
    ]
    assert np.array_equal(o.array("on"), o.array("retina.ganglion_spikes_ON"))
    assert o["smooth"].shape == (1, 1, 30, 6, 5)
    assert "forward" not in m.smooth.__dict__
    assert "forward" not in m.retina.__dict__ and "_noting" not in m.retina.__dict__


def test_probes_within_a_compiled_model(movie):
    m = Two()
    want = convis.retina.Retina(spikes=False).run(m.smooth.run(movie(30)), probe=["opl", "opl.opl_filter.center_G"])
    m.clear_state()
    o = m.run(movie(30), dt=7, probe=["retina.opl", "retina.opl.opl_filter.center_G", "smooth"])
    assert o.keys() == ["on", "off", "retina.opl", "retina.opl.opl_filter.center_G", "smooth"]
    assert np.array_equal(o.array("retina.opl"), want.array("opl"))
    assert np.array_equal(o.array("retina.opl.opl_filter.center_G"), want.array("opl.opl_filter.center_G"))
    louder = Louder()
    o = louder.run(movie(30), dt=7, probe="before")
    assert o["before"].shape == (1, 1, 30, 6, 5)

    class Idle(Smooth):
        def forward(self, x):
            return self.space(x)

    with pytest.raises(ValueError, match="not called"):
        Idle().run(movie(30), probe="time")


def test_mistakes_are_named(movie):
    class Nothing(convis.Layer):
        def forward(self, x):
            pass

    class Unfinished(convis.Layer):
        pass

    with pytest.raises(TypeError, match="return"):
        Nothing().run(movie(5))
    with pytest.raises(NotImplementedError, match="forward"):
        Unfinished()(movie(5))
    with pytest.raises(ValueError, match="events"):
        Smooth().run(movie(5), events=True)


def test_a_list_of_layers_is_a_part(movie):
    class Many(convis.Layer):
        def __init__(self):
            super().__init__()
            self.steps = [convis.filters.TemporalLowPassFilterRecursive(0.02), convis.filters.NLSquare()]

        def forward(self, x):
            for step in self.steps:
                x = step(x)
            return x

    m = Many()
    assert [path for path, _ in m.named_parameters()] == ["steps.layer_0.tau", "steps.layer_1.scale", "steps.layer_1.bias"]
    whole = m.run(movie(20)).array(0)
    m.clear_state()
    assert np.array_equal(m.run(movie(20), dt=3).array(0), whole)
    with pytest.raises(TypeError, match="layers alone"):
        m.more = [convis.filters.Diff(), "diff"]
