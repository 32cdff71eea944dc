"""Runs on streams and labelled arrays, trials, bars; outputs as tables and labelled arrays; descriptions."""

import io
import sys
from contextlib import redirect_stderr

import convis
import numpy as np
import pytest


def retina(**options):
    convis.seed(2)
    return convis.retina.Retina(**options)


class Frames:
    """The least that a stream is: a size, and frames until there are none."""

    size = (6, 5)

    def __init__(self, movie):
        self.left = list(movie)

    def get(self, n):
        part, self.left = self.left[:n], self.left[n:]
        return np.reshape(part, (len(part), 6, 5))


@pytest.mark.parametrize("dt", [None, 1, 7, 200])
def test_a_stream_gives_what_its_frames_give(movie, dt):
    want = retina().run(movie(60), events=True)
    for stream in (Frames(movie(60)), convis.streams.SequenceStream(movie(60))):
        got = retina().run(stream, dt=dt, events=True, probe="bipolar")
        assert np.array_equal(got.array(1), want.array(1)) and got.bipolar.shape == (1, 1, 60, 6, 5)
        assert np.array_equal(got.spikes(), want.spikes())
    r = retina()
    r.run(Frames(movie(60)), dt=dt, max_t=33)
    assert r.get_state().frames == 33


def test_streams_that_cannot_be_run(movie):
    endless = convis.streams.RandomStream((6, 5))
    with pytest.raises(ValueError, match="max_t"):
        retina().run(endless)
    assert retina().run(endless, max_t=12).array(0).shape[2] == 12
    with pytest.raises(ValueError, match="trials"):
        retina().run(Frames(movie(5)), trials=2)
    with pytest.raises(ValueError, match="at least one frame"):
        retina().run(Frames([]))

    class Broken(Frames):
        def get(self, n):
            if len(self.left) < 30:
                raise OSError("unplugged")
            return super().get(n)

    r = retina()
    with pytest.raises(OSError, match="unplugged"):
        r.run(Broken(movie(60)), dt=20)
    assert r.get_state().frames == 40


def test_trials_have_noise_of_their_own(movie):
    x = movie(200)
    o = retina().run(x, trials=3, events=True, dt=70)
    assert o.array(0).shape == (3, 1, 1, 200, 6, 5)
    assert np.array_equal(o.array(0)[0], retina().run(x).array(0))
    assert not np.array_equal(o.array(0)[0], o.array(0)[1])
    r = retina()
    r.run(x)
    r.clear_state()
    assert np.array_equal(o.array(0)[1], r.run(x).array(0))
    table = o.spikes()
    assert table.dtype.names == ("trial", "population", "unit", "y", "x", "time_s")
    assert len(table) == o.array(0).sum() + o.array(1).sum()
    assert (np.diff(table["trial"]) >= 0).all()
    without = retina().run(x, trials=3).spikes()
    assert len(without) == len(table)
    with pytest.raises(ValueError, match="trials"):
        retina().run(o)
    for bad in (0, -1, 1.5, "a"):
        with pytest.raises((ValueError, TypeError), match="trials"):
            retina().run(x, trials=bad)


def test_trials_go_on_from_the_same_memory(movie):
    r = retina(spikes=False)
    r.run(movie(50)[:30])
    o = r.run(movie(50)[30:], trials=2)
    assert np.array_equal(o.array(0)[0], o.array(0)[1])
    assert np.array_equal(o.array(0)[0], retina(spikes=False).run(movie(50)).array(0)[:, :, 30:])


def test_a_bar_is_drawn_with_and_without_tqdm(movie, monkeypatch):
    for without in (False, True):
        if without:
            monkeypatch.setitem(sys.modules, "tqdm.auto", None)
        for model in (retina(), convis.models.Sequential(convis.filters.Diff(), np.asarray)):
            text = io.StringIO()
            with redirect_stderr(text):
                model.run(movie(50), dt=20, progress=True)
            assert "50" in text.getvalue() and "100%" in text.getvalue()
    text = io.StringIO()
    with redirect_stderr(text):
        retina().run(Frames(movie(50)), progress=True)
        retina().run(movie(50))
    assert "50 frames" in text.getvalue()


def test_labelled_arrays_keep_their_labels(movie):
    xarray = pytest.importorskip("xarray")
    coords = {"time": np.arange(60) / 200, "height": np.arange(6) * 0.5, "width": np.arange(5) - 7.0}
    labelled = xarray.DataArray(movie(60), dims=("time", "height", "width"), coords=coords)
    labelled["height"].attrs["units"] = "mm"
    o = retina(spikes=False).run(labelled.transpose("width", "time", "height"), dt=13)
    assert np.array_equal(o.array(0), retina(spikes=False).run(movie(60)).array(0))
    back = o.to_xarray("ganglion_spikes_ON")
    assert np.array_equal(back.time, coords["time"]) and np.array_equal(back.width, coords["width"])
    assert back["height"].attrs["units"] == "mm" and back.dims == ("batch", "channel", "time", "height", "width")
    r = retina()
    r.run(movie(60))
    o = r.run(movie(60), trials=2).to_xarray()
    assert list(o) == ["ganglion_spikes_ON", "ganglion_spikes_OFF"] and o.sizes["trial"] == 2
    assert float(o.time[0]) == 0.06 and o.time.attrs["units"] == "s" and o.width.attrs["units"] == "deg"
    assert np.allclose(o.width.values, -o.width.values[::-1])
    assert retina().run(o["ganglion_spikes_ON"][0].astype("f4")).array(0).shape == (1, 1, 60, 6, 5)


def test_tensors_of_another_library_go_in(movie):
    torch = pytest.importorskip("torch")
    want = retina().run(movie(30)).array(0)
    assert np.array_equal(retina().run(torch.from_numpy(movie(30))).array(0), want)

    class Capsule:
        """Memory that only speaks DLPack."""

        def __init__(self, x):
            self.x = x

        def __dlpack__(self, **options):
            return self.x.__dlpack__(**options)

        def __dlpack_device__(self):
            return self.x.__dlpack_device__()

    assert np.array_equal(retina().run(Capsule(movie(30))).array(0), want)
    with pytest.raises(ValueError, match="grad"):
        retina().run(torch.from_numpy(movie(30)).requires_grad_())


def test_buffers_go_in(movie):
    want = retina().run(movie(30)).array(0)
    assert np.array_equal(retina().run(memoryview(movie(30))).array(0), want)

    class Interface:
        def __init__(self, x):
            self.x = x
            self.__array_interface__ = x.__array_interface__

    assert np.array_equal(retina().run(Interface(movie(30))).array(0), want)


def test_layers_that_change_the_number_of_frames(movie):
    x = movie(20)
    conv = convis.filters.Conv3d(1, 1, (3, 1, 1), bias=False, time_pad=False)
    conv.set_weight([1.0, 0.0, 0.0])
    assert np.allclose(conv.run(x).array(0)[0, 0], x[2:])
    assert conv.run(x, dt=10).array(0).shape[2] == 16
    padding = convis.filters.TimePadding(2)
    assert padding.run(x, dt=10).array(0).shape[2] == 24


def test_spikes_as_a_table_of_pandas(movie):
    pandas = pytest.importorskip("pandas")
    table = retina().run(movie(200)).spikes(as_frame=True)
    assert isinstance(table, pandas.DataFrame) and list(table) == ["population", "unit", "y", "x", "time_s"]
    cells = convis.spiking.Izhikevich()
    o = cells.run(np.full((300, 1, 2), 14.0))
    assert len(o.spikes()) == o.array(0).sum() > 0
    with pytest.raises(ValueError, match="spiking"):
        convis.spiking.Izhikevich(output_only_spikes=False).run(np.ones((5, 1, 1))).spikes()


def test_html_shows_pictures_of_kernels_and_outputs(movie):
    m = convis.models.LN((5, 3, 3))
    assert "<svg" not in m._repr_html_()
    m.conv.set_weight(np.random.default_rng(0).normal(size=(5, 3, 3)))
    for html in (m._repr_html_(), m.p._repr_html_(), m.conv.weight._repr_html_(), m.run(movie(9))._repr_html_()):
        assert html.count("<svg") >= 1 and html.count("<svg") == html.count("</svg>")
    assert "<td" in convis.describe(m)._repr_html_() and "conv" in repr(convis.describe(m))
    assert "&lt;" in convis.Output([np.ones((1, 1, 1, 1, 1))], ["<b>"])._repr_html_()


def test_help_tells_of_layers_functions_and_parameters(capsys):
    convis.help(convis.models.LN())
    text = capsys.readouterr().out
    assert "Chichilnisky" in text and "conv.weight" in text
    for thing in (None, convis.seed, convis.filters, convis.filters.Conv3d, convis.retina.Bipolar().tau, 3):
        convis.help(thing)
        assert capsys.readouterr().out.strip()
        assert repr(convis.describe(thing))


def test_gradients_come_back_to_their_defaults():
    r = convis.retina.Retina()
    before = [p.requires_grad for p in r.parameters()]
    assert not r.gang_0_input.sign.requires_grad
    r.requires_grad_(False)
    assert not any(p.requires_grad for p in r.parameters())
    r.bipolar.p.requires_grad_(True)
    assert {n for n, p in r.named_parameters() if p.requires_grad} == {f"bipolar.{n}" for n, _ in r.bipolar.named_parameters()}
    r.p.requires_grad_(True)
    assert [p.requires_grad for p in r.parameters()] == before
    r.gang_0_input.sign.requires_grad_(True)
    assert r.gang_0_input.sign.requires_grad


def test_half_precision_is_refused():
    with pytest.raises(RuntimeError, match="double"):
        convis.retina.Retina().half()


def test_times_count_from_the_cleared_state_however_a_model_is_run():
    pytest.importorskip("xarray")
    drive, x = np.full((200, 4, 5), 120.0), np.random.default_rng(0).random((100, 4, 5))

    class Own(convis.Layer):
        def __init__(self):
            super().__init__()
            self.retina = convis.retina.Retina()

        def forward(self, x):
            return self.retina(x)

    class Plain(convis.Layer):
        def forward(self, x):
            return convis.Output([x], ["x"])

    cells = convis.models.Sequential(convis.retina.GanglionSpiking())
    first = cells.run(drive).spikes()["time_s"]
    again = cells.run(drive, dt=30)
    assert first.min() < 0.1 and again.spikes()["time_s"].min() >= 0.2 and float(again.to_xarray("output").time[0]) == 0.2
    for make in (convis.retina.Retina, Own, Plain):
        m = make()
        m(x)
        before = m.get_state()
        for run in (m, lambda x, m=m: m.run(x, dt=33), m):
            output = run(x)
            key = output.keys()[0]
            start = float(output.to_xarray(key).time[0])
            assert start == pytest.approx(before.frames / 1000)
            if make is not Plain:
                assert output.spikes()["time_s"].min() >= start
            assert m.get_state().frames == before.frames + 100
            before = m.get_state()
        m.set_state(before)
        assert m.run(x)._first_frame == before.frames == 400
        m.clear_state()
        assert m.run(x)._first_frame == 0 and m.run(x, trials=2)._first_frame == 100


def test_dimensions_of_labelled_arrays_go_by_their_names(movie):
    xarray = pytest.importorskip("xarray")
    want = retina(spikes=False).run(movie(20)).array(0)
    for dims in (("time", "y", "x"), ("t", "row", "column"), ("Time", "height", "x"), ("dim_0", "dim_1", "dim_2")):
        labelled = xarray.DataArray(movie(20), dims=dims)
        for order in ((0, 1, 2), (2, 0, 1), (1, 2, 0)):
            if dims[0] == "dim_0" and order != (0, 1, 2):
                continue  # without names, the position says
            assert np.array_equal(retina(spikes=False).run(labelled.transpose(*[dims[i] for i in order])).array(0), want), dims
    coords = {"y": np.arange(6) * 0.5}
    o = retina(spikes=False).run(xarray.DataArray(movie(20), dims=("time", "y", "x"), coords=coords).transpose("x", "y", "time"))
    assert np.array_equal(o.to_xarray("ganglion_spikes_ON").height, coords["y"])
    for dims in (("trial", "time", "y"), ("y", "height", "x"), ("a", "b", "c")):
        with pytest.raises(ValueError, match="dimensions named time"):
            retina().run(xarray.DataArray(movie(20), dims=dims))
