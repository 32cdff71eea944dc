"""The runner: a model in a thread between two streams."""

import threading
import time

import convis
import numpy as np
import pytest
from convis.streams import RandomStream, RepeatingStream, SequenceStream


def empty(height=4, width=5, **options):
    return SequenceStream(np.zeros((0, height, width)), **options)


def until(condition, seconds=20):
    end = time.time() + seconds
    while not condition():
        assert time.time() < end, "it takes too long"
        time.sleep(0.005)


def test_it_computes_what_the_model_computes():
    x = np.random.default_rng(0).random((317, 4, 5))
    convis.seed(1)
    want = convis.retina.Retina().run(x).array(0)[0, 0]
    convis.seed(1)
    out = empty()
    runner = convis.Runner(convis.retina.Retina(), SequenceStream(x), out, dt=50).start().join()
    assert np.array_equal(out.sequence, want) and runner.frames == 317 and not runner.running and runner.speed > 0


def test_it_stops_joins_goes_on_and_starts_again():
    x = np.random.default_rng(0).random((40, 4, 5))
    threads = threading.active_count()
    out = empty()
    runner = convis.Runner(convis.retina.Retina(spikes=False), RepeatingStream(x), out, dt=7)
    assert runner.start().running
    with pytest.raises(RuntimeError, match="stop"):
        runner.start()
    until(lambda: len(out) > 100)
    runner.stop()
    assert threading.active_count() == threads and not runner.running
    stopped = runner.frames
    assert stopped == len(out) > 100
    runner.start(max_t=33).join()
    assert len(out) == stopped + 33
    want = convis.retina.Retina(spikes=False).run(np.resize(x, (len(out), 4, 5))).array(0)[0, 0]
    assert np.array_equal(out.sequence, want)
    before = len(out)
    runner.restart().join()  # with the same max_t
    assert np.array_equal(out.sequence[before:], want[:33])
    runner.stop()
    runner.stop()


def test_errors_appear_where_it_is_joined_and_once():
    class Broken(convis.Layer):
        def forward(self, x):
            raise ZeroDivisionError("boom")

    runner = convis.Runner(Broken(), RandomStream((4, 4)), empty(4, 4)).start()
    until(lambda: not runner.running)
    assert "boom" in repr(runner) and "boom" in runner._repr_html_()
    with pytest.raises(ZeroDivisionError, match="boom"):
        runner.join()
    runner.join()
    with pytest.raises(ValueError, match="4 × 4"):
        convis.Runner(convis.retina.Retina(), RandomStream((3, 3)), empty(4, 4)).start().join()
    with pytest.raises(KeyError, match="inside"), runner:
        raise KeyError("inside")
    with pytest.raises(ZeroDivisionError), runner:
        until(lambda: not runner.running)


def test_outputs_by_name_and_functions():
    on, seen = empty(), []
    outputs = {"ganglion_spikes_ON": on, 1: lambda movie: seen.append(movie.shape)}
    runner = convis.Runner(convis.retina.Retina(), SequenceStream(np.ones((25, 4, 5))), outputs, dt=10)
    assert runner.run().frames == 25
    assert len(on) == 25 and seen == [(1, 1, 10, 4, 5), (1, 1, 10, 4, 5), (1, 1, 5, 4, 5)]


def test_it_waits_for_a_live_stream():
    frames, out = empty(live=True), empty()
    with convis.Runner(convis.retina.Retina(), frames, out, dt=10) as runner:
        frames.put(np.ones((10, 4, 5)))
        until(lambda: len(out) == 10)
        assert runner.running
        frames.put(np.ones((10, 4, 5)))
        until(lambda: len(out) == 20)
    assert not runner.running


def test_it_fits_while_streams_run():
    rng = np.random.default_rng(2)
    x = rng.standard_normal((2000, 6, 6))
    goal = convis.models.LN((3, 3, 3))
    goal.conv.set_weight(rng.random((3, 3, 3)), normalize=True)
    wanted = goal.run(x).array(0)[0, 0]
    model = convis.models.LN((3, 3, 3))
    model.conv.set_weight(np.ones((3, 3, 3)), normalize=True)
    model.set_optimizer.Adam(lr=0.003)
    runner = convis.Runner(model, SequenceStream(x), dt=50)
    runner.optimize(SequenceStream(wanted), loss_fn="mse").join()
    assert runner.frames == 2000 and len(runner.losses) == 40
    assert runner.losses[-1] < 0.1 * runner.losses[0] and "loss" in repr(runner)
    assert model.get_state().frames == 2000  # the state went on from chunk to chunk
    with pytest.raises(ValueError, match="goal"):
        convis.Runner(model, SequenceStream(x), dt=50).optimize(SequenceStream(wanted[:70])).join()
    with pytest.raises(TypeError, match="goal"):
        runner.optimize(wanted)


def test_bad_arguments():
    retina = convis.retina.Retina()
    with pytest.raises(TypeError, match="model"):
        convis.Runner("retina", RandomStream((3, 3)))
    with pytest.raises(TypeError, match="input"):
        convis.Runner(retina, np.ones((3, 3, 3)))
    with pytest.raises(TypeError, match="output"):
        convis.Runner(retina, RandomStream((3, 3)), 5)
    with pytest.raises(ValueError, match="max_t"):
        convis.Runner(retina, RandomStream((3, 3))).run()
    with pytest.raises(TimeoutError, match="stop"):
        runner = convis.Runner(retina, RandomStream((3, 3))).start()
        try:
            runner.join(0.01)
        finally:
            runner.stop()
