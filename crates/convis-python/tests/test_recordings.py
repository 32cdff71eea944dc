"""Recorded cells: clocks, files, and the alignment of lags."""

import numpy as np
import pytest

import convis
from convis.recordings import Recording, count_spikes, frame_means, read, read_spikes

RNG = np.random.default_rng(11)


def flicker(frames=4000):
    return RNG.choice([-0.5, 0.5], size=frames)


def test_a_spike_on_a_border_belongs_to_the_later_frame():
    edges = 0.1 * np.arange(1001)
    spikes = np.round(0.1 * np.arange(1000), 9)  # as decimals, not as multiples
    assert count_spikes(spikes, edges).tolist() == [1.0] * 1000
    assert count_spikes([-0.05, 0.05, 100.0, 100.1], edges).sum() == 1
    with pytest.raises(ValueError, match="from 0 to 100 s, where the stimulus is, got 250 to 250 s; are the clocks"):
        count_spikes([250.0], edges)
    with pytest.raises(ValueError, match="NaN"):
        count_spikes([np.nan], edges)


@pytest.mark.parametrize("delay", [0, 1, 3])
@pytest.mark.parametrize("kind", ["counts", "spike_times", "trains", "rates"])
def test_every_kind_of_response_has_its_peak_at_the_delay(kind, delay):
    """A cell that answers `delay` frames later has its filter there, whatever the response and its clock."""
    step, start = 0.008, 12.5
    stimulus = flicker()
    drive = np.concatenate([np.zeros(delay), stimulus[: len(stimulus) - delay]])
    counts = RNG.poisson(np.exp(1.5 * drive))
    edges = start + step * np.arange(len(stimulus) + 1)
    clock = {"step_s": step, "start_s": start}
    if kind == "counts":
        recording = Recording(stimulus, counts, **clock)
    elif kind == "spike_times":
        frame = np.repeat(np.arange(len(counts)), counts)
        recording = Recording(stimulus, [edges[frame] + step * RNG.random(len(frame))], kind, **clock)
        assert (recording.counts[:, 0] == counts).all()
    elif kind == "trains":
        samples = start + 1e-4 * np.arange(80 * len(stimulus))  # 80 samples a frame
        train = np.zeros(len(samples))
        frame = np.repeat(np.arange(len(counts)), counts)
        np.add.at(train, 80 * frame + RNG.integers(0, 80, len(frame)), 1)
        recording = Recording(stimulus, train, kind, response_times_s=samples, **clock)
        assert (recording.counts[:, 0] == counts).all()
    else:
        samples = np.arange(start, edges[-1], 0.0013)
        rate = counts[np.minimum(((samples - start) / step).astype(int), len(counts) - 1)]
        with pytest.warns(UserWarning, match="1 of 4000 frames are left out"):
            recording = Recording(stimulus, rate, kind, response_times_s=samples, **clock)
    m = convis.models.LNP(lags=6, nonlinearity="identity" if kind == "rates" else "exp")
    convis.fit(m, recording.stimulus, recording.counts, loss="gaussian" if kind == "rates" else "poisson")
    assert np.abs(m.filter[0]).argmax() == delay
    # Nothing leaks into the neighbours: a shift by half a frame would put half of it there.
    rest = np.delete(m.filter[0], delay)
    assert np.abs(rest).max() < 0.2 * np.abs(m.filter[0]).max()


def test_steps_of_one_length_are_counted_alike():
    times = np.arange(5000) * 0.001 + 7.3  # every one on a border, as rounding has it
    assert (convis.fitting.bin_spikes(times, 0.001, 5000, start_s=7.3) == 1).all()


def test_means_are_exact_for_straight_signals():
    times = np.sort(RNG.random(300)) * 10
    edges = np.linspace(times[0], times[-1], 41)
    means = frame_means(3 * times + 1, times, edges)
    np.testing.assert_allclose(means, 3 * (edges[1:] + edges[:-1]) / 2 + 1, rtol=1e-12)
    assert np.isnan(frame_means(times, times, [-1.0, 5.0, 11.0])).all()


def test_frames_may_be_uneven_and_the_user_is_told():
    times = np.cumsum(np.full(50, 0.01))
    times[20:] += 0.005
    with pytest.warns(UserWarning, match="1 of 50 frames differ in length"):
        recording = Recording(np.zeros(50), [[times[20] - 0.001, times[20]]], "spike_times", frame_times_s=times)
    assert recording.counts[19, 0] == 1 and recording.counts[20, 0] == 1
    assert recording.step_s == pytest.approx(0.01)


def test_parts_and_the_description():
    recording = Recording(np.zeros((10, 2, 3)), np.ones((10, 2)), step_s=0.1, units=["a", "b"])
    part = recording[2:6]
    assert len(part) == 4 and part.edges_s[0] == pytest.approx(0.2) and part.units == ["a", "b"]
    assert repr(recording).splitlines()[0] == "Recording: 10 frames of 2 × 3 in 1 s (10 Hz)"
    with pytest.raises(ValueError, match="at least one of 10 frames, got 6:2"):
        recording[6:2]
    with pytest.raises(TypeError, match="one after the other"):
        recording[3]


@pytest.mark.parametrize("change, message", [
    ({"stimulus": np.zeros((10, 2))}, r"stimulus: expected \(time,\) or"),
    ({"stimulus": np.full(10, np.nan)}, "stimulus: expected finite"),
    ({"response": np.zeros(9)}, "response: expected 10 numbers a unit"),
    ({"response": np.zeros((10, 0))}, "response: expected"),
    ({"response": [], "kind": "spike_times"}, "at least one unit"),
    ({"kind": "count"}, "did you mean 'counts'"),
    ({"kind": "trains"}, "response_times_s: expected with kind"),
    ({"step_s": -1.0}, "step_s: expected a number above 0"),
    ({"step_s": None}, "expected one of the two"),
    ({"step_s": None, "frame_times_s": np.zeros(10)}, "each later than the one before"),
    ({"units": ["a", "b"]}, "units: expected 1 names"),
    ({"kind": "rates", "response_times_s": 100.0 + np.arange(10)}, "where the stimulus is"),
])
def test_what_does_not_fit_is_named(change, message):
    arguments = {"stimulus": np.zeros(10), "response": np.zeros(10), "step_s": 0.1, **change}
    with pytest.raises(ValueError, match=message):
        Recording(**arguments)


def test_npz(tmp_path):
    stimulus, spikes = flicker(100), {"one": [0.1, 0.2], "two": [0.5]}
    np.savez(tmp_path / "times.npz", stimulus=stimulus, frame_times_s=0.01 * np.arange(100),
             **{f"spike_times/{name}": times for name, times in spikes.items()})
    recording = read(tmp_path / "times.npz")
    assert recording.units == ["one", "two"] and recording.counts.sum(axis=0).tolist() == [2, 1]
    assert recording.counts[10, 0] == 1 and recording.counts[50, 1] == 1
    assert read_spikes(tmp_path / "times.npz")["one"].tolist() == [0.1, 0.2]
    np.savez(tmp_path / "counts.npz", movie=np.zeros((5, 2, 3)), counts=np.ones((5, 1)), dt_s=0.1)
    with pytest.raises(ValueError, match="expected the name of the stimulus; the file has: movie, counts, dt_s"):
        read(tmp_path / "counts.npz")
    assert read(tmp_path / "counts.npz", stimulus="movie", axes="txy").stimulus.shape == (5, 3, 2)
    np.savez(tmp_path / "clockless.npz", stimulus=np.zeros(5), counts=np.ones(5))
    with pytest.raises(ValueError, match="give step_s"):
        read(tmp_path / "clockless.npz")
    (tmp_path / "broken.npz").write_bytes(b"PK\3\4 nothing")
    with pytest.raises(ValueError, match="no readable npz"):
        read(tmp_path / "broken.npz")
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none.npz")
    with pytest.raises(ValueError, match=r"ends with \.npz"):
        read(tmp_path / "cell.mat")


def test_text(tmp_path):
    path = tmp_path / "one.txt"
    path.write_text("# in milliseconds\ntime\n20\n\n10.5\n")
    assert read_spikes(path, unit="ms")["0"] == pytest.approx([0.0105, 0.02])
    path.write_text("time;unit\n0.5;7\n0.25;7\n1.5;8\n")
    assert {k: v.tolist() for k, v in read_spikes(path, columns=("time", "unit")).items()} == {"7": [0.25, 0.5], "8": [1.5]}
    assert {k: v.tolist() for k, v in read_spikes(path).items()} == {"7": [0.25, 0.5], "8": [1.5]}  # as the titles say
    path.write_text("3,0\n4,7\n")
    with pytest.raises(ValueError, match="decimal commas, or columns of units and whole times"):
        read_spikes(path)
    assert read_spikes(path, columns=("unit", "time"))["4"].tolist() == [7.0]
    path.write_text("0,512 1,5\n")
    with pytest.raises(ValueError, match="line 1: expected a time, or a unit and a time, with decimal points"):
        read_spikes(path)
    path.write_text("0.5 ms\n")
    with pytest.raises(ValueError, match="line 1"):
        read_spikes(path)
    path.write_text("0.5\n0.7\nlate\n")
    with pytest.raises(ValueError, match=r"line 3: expected a time, .* got 'late'"):
        read_spikes(path)
    path.write_text("1 2 3\n4 5 6\n")
    with pytest.raises(ValueError, match="line 1"):
        read_spikes(path)
    (tmp_path / "nan.txt").write_text("nan\n")
    with pytest.raises(ValueError, match="finite"):
        read_spikes(tmp_path / "nan.txt")
    with pytest.raises(ValueError, match="did you mean 'ms'"):
        read_spikes(path, unit="msec")


def test_hdf5(tmp_path):
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    path = tmp_path / "cells.h5"
    with h5py.File(path, "w") as file:
        file["noise/stimulus"] = flicker(100)
        file["noise/frames"] = 0.01 * np.arange(100) + 5
        file["spikes/a"] = [5.1, 5.2]
        file["spikes/b"] = [5.5]
    recording = read(path, stimulus="noise/stimulus", response="spikes", times="noise/frames")
    assert recording.units == ["a", "b"] and recording.counts[10, 0] == 1 and recording.counts[50, 1] == 1
    with pytest.raises(ValueError, match="the file has: noise.*, spikes"):
        read(path)
    (tmp_path / "broken.h5").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="no readable HDF5"):
        read(tmp_path / "broken.h5")


@pytest.mark.filterwarnings("ignore")  # of pynwb and hdmf
@pytest.mark.parametrize("indexed", [False, True])
def test_nwb(tmp_path, indexed):
    pynwb = pytest.importorskip("pynwb", reason="pynwb is not installed")
    import datetime

    image, index = pynwb.image, None
    file = pynwb.NWBFile("cells", "one", datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc))
    frames = RNG.random((40, 3, 4))
    if indexed:
        pictures = [image.GrayscaleImage(name=f"picture {i}", data=frame) for i, frame in enumerate(frames[:5])]
        order = pynwb.base.ImageReferences("order_of_images", pictures)
        template = pynwb.base.Images("pictures", images=pictures, order_of_images=order)
        file.add_stimulus_template(template)
        index = RNG.integers(0, 5, 40)
        shown = image.IndexSeries(name="noise", data=index.astype(np.uint32), unit="N/A", indexed_images=template,
                                  rate=20.0, starting_time=3.0)
    else:
        shown = image.ImageSeries(name="noise", data=frames, unit="n.a.", timestamps=3.0 + 0.05 * np.arange(40))
    file.add_stimulus(shown)
    file.add_unit(spike_times=[3.01, 3.12])
    file.add_unit(spike_times=[4.99])
    path = str(tmp_path / "cells.nwb")
    with pynwb.NWBHDF5IO(path, "w") as io:
        io.write(file)
    recording = read(path)
    assert recording.counts.sum(axis=0).tolist() == [2, 1]
    assert recording.counts[0, 0] == 1 and recording.counts[2, 0] == 1 and recording.counts[39, 1] == 1
    np.testing.assert_array_equal(recording.stimulus, frames[index] if indexed else frames)
    assert read(path, response="1", axes="txy").stimulus.shape == (40, 4, 3)
    assert read_spikes(path)["1"].tolist() == [4.99]
    with pytest.raises(ValueError, match="the file has: noise"):
        read(path, stimulus="movie")


def test_neo(tmp_path):
    neo = pytest.importorskip("neo", reason="neo is not installed")
    trains = [neo.SpikeTrain([10.0, 250.0], units="ms", t_stop=1000.0, name="a"), neo.SpikeTrain([0.3], units="s", t_stop=1.0)]
    segment = neo.Segment()
    segment.spiketrains.extend(trains)
    block = neo.Block()
    block.segments.append(segment)
    for spikes in (block, segment, trains):
        recording = convis.recordings.from_neo(np.zeros(10), spikes, step_s=0.1)
        assert recording.units == ["a", "1"] and np.flatnonzero(recording.counts[:, 0]).tolist() == [0, 2]
    path = tmp_path / "cells.pkl"
    neo.PickleIO(str(path)).write_block(block)
    assert read_spikes(path)["a"] == pytest.approx([0.01, 0.25])
    with pytest.raises(TypeError, match="spike trains of Neo"):
        convis.recordings.from_neo(np.zeros(10), [1, 2], step_s=0.1)


def test_real_cells(data):
    recording = read(data / "rgc_macaque.npz")
    assert recording.counts.shape == (144_051, 2)
    assert 100 < 1 / recording.step_s < 125
