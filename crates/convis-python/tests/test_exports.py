"""Spikes of a simulation for other programs."""

import datetime

import numpy as np
import pytest

import convis

MOVIE = np.random.default_rng(1).random((200, 3, 4)) * 2


def test_trains_of_all_cells():
    retina = convis.retina.Retina()
    output = retina.run(MOVIE, events=True)
    trains = output.spike_trains()
    assert len(trains) == 2 * 12 and sum(map(len, trains.values())) == len(output.spikes()) > 0
    table = output.spikes("ganglion_spikes_OFF")
    np.testing.assert_array_equal(trains["ganglion_spikes_OFF[7]"], table["time_s"][table["unit"] == 7])
    repeated = convis.retina.Retina().run(MOVIE, trials=2)
    assert sum(len(t) for k in (0, 1) for t in repeated.spike_trains(trial=k).values()) == len(repeated.spikes())
    with pytest.raises(ValueError, match="trial: expected a number"):
        repeated.spike_trains()
    silent = convis.retina.GanglionSpiking().run(np.zeros((5, 2, 2))).spike_trains()
    assert [len(t) for t in silent.values()] == [0] * 4
    with pytest.raises(ValueError, match="expected a model with spiking cells"):
        convis.retina.Retina(spikes=False).run(MOVIE).spike_trains()


def test_neo():
    pytest.importorskip("neo", reason="neo is not installed")
    output = convis.retina.Retina().run(MOVIE, events=True, trials=2)
    block = output.to_neo("ganglion_spikes_ON")
    assert [len(s.spiketrains) for s in block.segments] == [12, 12]
    train = block.segments[1].spiketrains[7]
    assert train.annotations["y"] == 1 and train.annotations["x"] == 3 and float(train.t_stop) == pytest.approx(0.2)
    np.testing.assert_allclose(train.magnitude, output.spike_trains("ganglion_spikes_ON", trial=1)["ganglion_spikes_ON[7]"])


@pytest.mark.filterwarnings("ignore")  # of pynwb and hdmf
def test_nwb_comes_back(tmp_path):
    pytest.importorskip("pynwb", reason="pynwb is not installed")
    output = convis.retina.Retina().run(MOVIE, events=True)
    path = tmp_path / "retina.nwb"
    when = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    output.to_nwb(path, stimulus=MOVIE, start=when)
    spikes = convis.recordings.read_spikes(path)
    for (_, trains), back in zip(output.spike_trains().items(), spikes.values(), strict=True):
        np.testing.assert_array_equal(trains, back)
    recording = convis.recordings.read(path)
    assert recording.counts.sum() == len(output.spikes()) and recording.step_s == pytest.approx(0.001)
    np.testing.assert_array_equal(recording.stimulus, MOVIE)
    with pytest.raises(ValueError, match=r"stimulus: expected \(time, rows, columns\)"):
        output.to_nwb(tmp_path / "bad.nwb", stimulus=MOVIE[0])
    assert [p.name for p in tmp_path.iterdir()] == ["retina.nwb"]
