"""Running models: chunks, inputs, interruptions, threads, stages, spikes."""

import copy
import gc
import os
import signal
import subprocess
import sys
import threading
import time

import convis
import numpy as np
import pytest


def retina(**options):
    convis.seed(5)
    return convis.retina.Retina(**options)


@pytest.mark.parametrize("dt", [1, 7, 60, 1000, np.int64(9)])
def test_results_do_not_depend_on_the_chunk_length(movie, dt):
    x = movie()
    whole = retina().run(x)
    parts = retina().run(x, dt=dt)
    called = retina()(x)
    for key in whole.keys():
        assert np.array_equal(whole.array(key), parts.array(key))
        assert np.array_equal(whole.array(key), called.array(key))


def test_max_t_stops_and_the_next_run_goes_on(movie):
    x = movie()
    whole = retina().run(x).array(0)
    r = retina()
    first = r.run(x, dt=10, max_t=25)
    assert first[0].shape[2] == 25 and r.get_state().frames == 25
    second = r.run(x[25:], max_t=1000)
    assert np.array_equal(np.concatenate([first.array(0), second.array(0)], axis=2), whole)


def test_batches_and_channels(movie):
    x = np.random.default_rng(0).random((2, 3, 40, 4, 5)).astype("f4")
    together = retina(spikes=False).run(x, dt=11).array(0)
    for b in range(2):
        for c in range(3):
            alone = retina(spikes=False).run(x[b : b + 1, c : c + 1]).array(0)
            assert np.array_equal(together[b, c], alone[0, 0])


@pytest.mark.parametrize("kind", ["f2", "f4", ">f4", "f8", "i2", "i8", "u1", "u4", "bool"])
def test_numbers_of_every_kind(kind):
    x = (np.random.default_rng(0).random((20, 4, 5)) * 2).astype(kind)
    want = retina(spikes=False).run(x.astype("f4")).array(0)
    assert np.array_equal(retina(spikes=False).run(x).array(0), want)
    assert np.array_equal(retina(spikes=False).run(x[:, ::-1][:, ::-1]).array(0), want)
    np.testing.assert_array_equal(
        retina(spikes=False).double().run(x).array(0),
        retina(spikes=False).double().run(x.astype("f8")).array(0),
    )


class _DLPack:
    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def test_inputs_of_other_kinds(movie):
    x = movie(20)
    want = retina(spikes=False).run(x).array(0)
    unaligned = np.frombuffer(b"." + x.tobytes(), dtype="u1")[1:].view("f4").reshape(x.shape)
    for same in (
        x.tolist(),
        memoryview(x),
        convis.Tensor(x),
        convis.Parameter(x),
        convis.Output([x[None, None]]),
        _DLPack(x.copy()),
        unaligned,
    ):
        assert np.array_equal(retina(spikes=False).run(same).array(0), want), type(same)
        np.testing.assert_array_equal(retina(spikes=False)(same).array(0), want)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (np.zeros((5, 5)), "input: expected 3 axes"),
        (np.zeros((2, 5, 5, 5)), "got shape (2, 5, 5, 5)"),
        (np.zeros((0, 5, 5)), "at least one frame"),
        (np.full((5, 4, 4), np.inf), "finite"),
        (np.full((5, 4, 4), 1e300), "finite"),
        ("text", "input: expected numbers"),
        (None, "got None"),
        (np.zeros((3, 3, 3), complex), "complex"),
        ([[[1.0], [2.0, 3.0]]], "input: could not be read"),
        ({"a": 1}, "input: expected numbers"),
    ],
)
def test_bad_input_is_one_clear_error(bad, words):
    r = retina()
    before = r.get_state()
    for use in (r.run, r):
        with pytest.raises((ValueError, TypeError)) as error:
            use(bad)
        assert words in str(error.value)
    assert r.get_state() == before


def test_bad_lengths_name_the_argument(movie):
    for name in ("dt", "max_t"):
        assert retina().run(movie(5), **{name: 10**30})[0].shape[2] == 5
        for bad, kind in (
            (0, ValueError),
            (-3, ValueError),
            (2.5, TypeError),
            ("a", TypeError),
            (True, TypeError),
        ):
            with pytest.raises(kind, match=name):
                retina().run(movie(), **{name: bad})


def test_a_changed_image_size_needs_clear_state(movie):
    r = retina()
    r.run(movie(10))
    for use in (r.run, r, r.bipolar.run):
        with pytest.raises(ValueError, match="clear_state"):
            use(movie(10, 9, 9))
    r.clear_state()
    assert r.run(movie(10, 9, 9))[0].shape[-2:] == (9, 9)


def test_a_borrowed_array_is_not_kept(movie):
    x = movie(30)
    references = sys.getrefcount(x)
    passing = convis.retina.Retina(opl=False, bipolar=False, gang=False, spikes=False)
    outputs = [passing(x)[0], passing.run(x)[0]]
    values = x.copy()
    x[:] = -1
    assert all(np.array_equal(y.numpy()[0, 0], values) for y in outputs)
    gc.collect()
    assert sys.getrefcount(x) == references


def test_a_recorded_call_keeps_its_own_copy(movie):
    x = movie(20)
    gradients = []
    for change in (False, True):
        blur = convis.filters.GaussianBlur(0.2)
        y = blur(x)
        if change:
            x[:] = 0
        y.backward(np.ones(y.shape))
        gradients.append(float(blur.sigma.grad))
    assert gradients[0] == gradients[1] != 0


def test_stages_can_be_probed(movie):
    x = movie()
    o = retina(spikes=False).run(x, dt=13, probe=["bipolar", "opl.opl_filter.center_G"])
    assert o.keys() == ["ganglion_spikes_ON", "ganglion_spikes_OFF", "bipolar", "opl.opl_filter.center_G"]
    alone = retina(spikes=False)
    assert np.array_equal(o.array("bipolar"), alone.bipolar.run(alone.opl.run(x)).array())
    assert o.opl_opl_filter_center_G is o[3]
    with pytest.raises(ValueError, match=r"probe.*bipolar"):
        retina().run(x, probe="bipola")
    with pytest.raises(TypeError, match="probe"):
        retina().run(x, probe=[3])
    with pytest.raises(TypeError, match="probe"):
        retina().run(x, probe=3)


def test_a_part_of_a_model_shares_its_state(movie):
    x = movie()
    r = retina(spikes=False)
    r.run(x[:30])
    q = retina(spikes=False)
    q.gang_0_input.run(q.bipolar.run(q.opl.run(x[:30])))
    assert np.array_equal(q.s.opl.opl_filter.surround_E.y, r.s.opl.opl_filter.surround_E.y)
    assert np.array_equal(q.gang_0_input.s.y, r.s.gang_0_input.y)
    q.set_state(q.get_state())
    q.opl.run(x[30:])
    q.opl.clear_state()
    assert "opl.opl_filter.surround_E.y" not in q.get_state() and "bipolar.V" in q.get_state()


def test_spikes_are_listed_with_exact_times(movie):
    x = movie(400)
    o = retina().run(x, dt=37, events=True)
    exact = o.spikes("ganglion_spikes_OFF")
    assert len(exact) == o.array(1).sum() > 0 and (exact["population"] == 1).all()
    assert (np.diff(exact["time_s"]) >= 0).all()
    again = np.zeros(o.array(1).shape[2:], int)
    np.add.at(again, (np.floor(exact["time_s"] * 1000).astype(int), exact["y"], exact["x"]), 1)
    assert np.array_equal(again, o.array(1)[0, 0])
    assert np.array_equal(exact["unit"], exact["y"] * 5 + exact["x"])
    steps = retina().run(x).spikes("ganglion_spikes_OFF")
    assert len(steps) == len(exact) and abs(np.sort(steps["time_s"]) - exact["time_s"]).max() <= 0.001
    assert np.array_equal(retina().run(x, dt=400, events=True).spikes(), o.spikes())
    r = retina()
    r.run(x[:100])
    assert r.run(x[100:], events=True).spikes()["time_s"].min() >= 0.1
    with pytest.raises(ValueError, match="spiking"):
        retina(spikes=False).run(x).spikes()


def test_noise_follows_seed_model_and_trial(movie):
    x = movie(200)
    a, b = retina(), convis.retina.Retina()
    first, other = a.run(x).array(0), b.run(x).array(0)
    assert not np.array_equal(first, other)
    a.clear_state()
    assert not np.array_equal(a.run(x).array(0), first)
    assert np.array_equal(retina().run(x).array(0), first)
    for bad in (-1, 2**64, 1.5, "a"):
        with pytest.raises((ValueError, TypeError), match="n: expected"):
            convis.seed(bad)


def test_other_threads_go_on_while_a_model_runs():
    r = retina()
    x = np.random.default_rng(0).random((600, 100, 100)).astype("f4")
    done = threading.Event()
    runner = threading.Thread(target=lambda: (r.run(x), done.set()))
    runner.start()
    counted = 0
    refused = None
    while not done.is_set():
        counted += 1
        if counted == 100:
            try:
                r.run(x[:1])
            except RuntimeError as error:
                refused = str(error)
        time.sleep(0)
    runner.join()
    assert counted > 100
    assert refused is None or "another thread" in refused


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_computes_the_same():
    code = """
import os, signal
import numpy as np, convis
x = np.random.default_rng(0).random((60, 64, 64)).astype("f4")
r = convis.retina.Retina()
want = r.run(x).array(0)
q = r.get_state()
after = r.run(x).array(0)
r.set_state(q)
child = os.fork()
if child == 0:
    signal.alarm(20)
    os._exit(0 if np.array_equal(r.run(x).array(0), after) else 3)
assert os.waitpid(child, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
def test_an_interruption_comes_at_once_and_leaves_whole_chunks():
    code = """
import signal, sys, time
import numpy as np, convis
x = np.random.default_rng(0).random((3000, 64, 64)).astype("f4")
whole = convis.retina.Retina(spikes=False).run(x[:600]).array(0)
r = convis.retina.Retina(spikes=False)
signal.signal(signal.SIGALRM, signal.default_int_handler)
signal.setitimer(signal.ITIMER_REAL, 0.05)
start = time.perf_counter()
try:
    while True:
        r.clear_state()
        r.run(x, dt=50)
except KeyboardInterrupt:
    waited = time.perf_counter() - start
frames = r.get_state().frames
assert waited < 1 and frames % 50 == 0, (waited, frames)
if 0 < frames < 500:
    assert np.array_equal(r.run(x[frames:600]).array(0), whole[:, :, frames:])
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_filter_of_the_outer_plexiform_layer_is_the_one_asked_for(movie):
    kinds = [
        convis.retina.HalfRecursiveOPLFilter,
        convis.retina.RecursiveOPLFilter,
        convis.retina.SeparableOPLFilter,
        convis.retina.FullConvolutionOPLFilter,
    ]
    for kind in kinds:
        for spelt in (kind, kind.__name__):
            r = convis.retina.Retina(opl=spelt, spikes=False)
            assert type(r.opl.opl_filter) is kind and float(r.opl.opl_filter.lambda_opl) == 10.0
        alone = kind()
        alone.lambda_opl = 10.0
        assert np.array_equal(r.run(movie(10), probe="opl").array("opl"), alone.run(movie(10)).array(0))
        assert type(copy.deepcopy(r).opl.opl_filter) is kind
    assert type(convis.retina.Retina(opl="SeperatableOPLFilter").opl.opl_filter) is convis.retina.SeparableOPLFilter
    with pytest.raises(TypeError, match="kind of filter"):
        convis.retina.Retina(opl=convis.retina.OPL("RecursiveOPLFilter"))
    with pytest.raises(ValueError, match="RecursiveOPLFilter"):
        convis.retina.Retina(opl="RecursiveOPLFiltr")
    for stage in ("opl", "bipolar", "gang", "spikes"):
        with pytest.raises(TypeError, match=stage):
            convis.retina.Retina(**{stage: None})
