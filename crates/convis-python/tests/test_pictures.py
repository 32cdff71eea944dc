"""Pictures: what they show, with units and honest colours."""

import io
import os
import shutil
import subprocess
import sys

import convis
import numpy as np
import pytest

pytest.importorskip("matplotlib")
from convis._pictures import colour_scale  # noqa: E402
from matplotlib import pyplot as plt  # noqa: E402


def drawn(figure=None):
    figure = figure or plt.gcf()
    buffer = io.BytesIO()
    figure.savefig(buffer)
    assert buffer.tell() > 1000
    return figure


@pytest.fixture
def output(movie):
    return convis.retina.Retina(spikes=False).run(movie(80), probe="bipolar")


def test_colours_are_symmetric_about_zero_where_there_are_both_signs():
    assert colour_scale(np.array([-1.0, 3.0]))[1:] == (-3.0, 3.0)
    assert colour_scale(np.array([-4.0, -1.0]))[1:] == (-4.0, 4.0)
    assert colour_scale(np.array([1.0, 4.0])) == ("gray", 0.0, 4.0)
    assert colour_scale(np.array([90.0, 100.0]))[1:] == (90.0, 100.0)
    assert colour_scale(np.zeros(3))[1:] == (0.0, 1.0)
    assert colour_scale(np.array([np.nan, 2.0]))[2] == 2.0


def test_an_output_is_drawn_movie_by_movie_in_seconds_and_degrees(output):
    figure = drawn(output.plot())
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert [t for t in titles if t] == ["ganglion_spikes_ON", "ganglion_spikes_OFF", "bipolar"]
    labels = {axes.get_xlabel() for axes in figure.axes}
    assert {"time (s)", "width (deg)"} <= labels
    assert len(drawn(convis.plot(output)).axes) == len(figure.axes)
    spikes = convis.retina.Retina().run(np.ones((200, 4, 4)))
    assert "cell" in {axes.get_ylabel() for axes in drawn(spikes.plot()).axes}


def test_lines_in_time(movie):
    x = movie(50, 3, 3)
    axes = convis.plot_5d_time(x)
    assert len(axes.lines) == 10 and axes.get_xlabel() == "time (frames)"
    assert np.allclose(axes.lines[-1].get_ydata(), x.mean(axis=(1, 2)))
    fine = convis.Resolution(10, 500)
    axes = convis.plot_5d_time(x, mean=(3, 4), resolution=fine, ylabel="luminance")
    assert len(axes.lines) == 1 and axes.lines[0].get_xdata()[-1] == 49 / 500 and axes.get_ylabel() == "luminance"
    many = convis.plot_5d_time(movie(50, 20, 20))
    assert len(many.lines) == 1 and len(many.collections) == 2
    drawn(many.figure)
    with pytest.raises(ValueError, match="axis 2"):
        convis.plot_5d_time(x, mean=(2,))


def test_frames_side_by_side(movie):
    x = movie(30)
    figure = drawn(convis.plot_5d_matshow(x, most=5))
    images = [axes.images[0] for axes in figure.axes if axes.images]
    assert len(images) == 5 and {image.get_clim() for image in images} == {images[0].get_clim()}
    assert np.array_equal(images[-1].get_array(), x[-1])
    batches = drawn(convis.plot_5d_matshow(np.random.default_rng(0).random((2, 3, 4, 5, 5))))
    assert len([axes for axes in batches.axes if axes.images]) == 24
    assert any("batch 1\nchannel 2" in axes.get_ylabel() for axes in batches.axes)


@pytest.mark.parametrize("shape", [(), (7,), (5, 6), (9, 5, 6), (2, 9, 5, 6), (1, 1, 9, 5, 6), (1, 5, 5), (9, 1, 1), (3, 1, 1, 9, 5, 6)])
def test_tensors_of_any_number_of_axes(shape):
    drawn(convis.plot_tensor(np.random.default_rng(0).standard_normal(shape)))
    drawn(convis.plot(np.ones(shape)))


def test_parameters_and_layers_are_drawn():
    drawn(convis.plot(convis.retina.Retina().p.bipolar.tau))
    drawn(convis.plot(convis.filters.GaussianBlur(0.2)))


def test_the_response_to_an_impulse_leaves_the_layer_as_it_is(movie):
    low_pass = convis.filters.TemporalLowPassFilterRecursive(0.02)
    low_pass.run(movie())
    before = low_pass.get_state()
    figure = drawn(low_pass.plot_impulse((60, 9, 9), dt=20))
    assert low_pass.get_state() == before
    line = figure.axes[0].lines[0].get_ydata()
    decay = np.exp(-1 / 20)
    assert np.allclose(line, (1 - decay) * decay ** np.arange(60), atol=1e-6)
    retina = convis.retina.Retina()
    retina.run(movie())
    drawn(retina.plot_impulse((60, 8, 8), dt=20, size=300.0))
    drawn(retina.bipolar.plot_impulse((60, 8, 8)))
    drawn(retina.opl.plot_impulse_space((1, 12, 12)))
    blur = convis.filters.GaussianBlur(0.1)
    figure = drawn(blur.plot_impulse_space((1, 9, 9)))
    assert figure.axes[1].lines[0].get_ydata().sum() < 1 < figure.axes[0].images[0].get_array().sum() + 1e-5
    with pytest.raises(ValueError, match="shape"):
        blur.plot_impulse((5, 5))


def test_animations(movie, tmp_path):
    x = movie(20)
    html = convis.animate_to_html(convis.animate(x, skip=7))
    assert html._repr_html_().count("data:image/png") == 3
    both = convis.animate_double_plot(x, 2 * x, skip=10, resolution=convis.Resolution())
    assert "img" in convis.animate_to_video(both, tmp_path / "x.gif").text
    assert os.listdir(tmp_path) == ["x.gif"] and (tmp_path / "x.gif").stat().st_size > 2000
    with pytest.raises(ValueError, match="skip=3"):
        convis.animate(movie(1500, 2, 2))
    with pytest.raises(ValueError, match="20 frames"):
        convis.animate_double_plot(x, x[1:])
    with pytest.raises(TypeError, match="skip"):
        convis.animate_to_html(both, skip=2)
    both._draw_was_started = True  # it was drawn only into files


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_animations_as_video(movie, tmp_path):
    html = convis.animate_to_video(movie(10), tmp_path / "x.mp4", skip=5)
    assert "<video" in html.text and (tmp_path / "x.mp4").stat().st_size > 1000


def test_what_cannot_be_drawn_is_said():
    for bad in (None, "movie", np.zeros((0, 3, 3)), np.zeros((2,) * 7)):
        with pytest.raises((TypeError, ValueError), match="x:"):
            convis.plot_tensor(bad)
    with pytest.raises(ValueError, match="plot_tensor"):
        convis.plot_5d_time(np.zeros(5))
    with pytest.raises(TypeError, match="resolution"):
        convis.plot_tensor(np.zeros((3, 3)), resolution=10)


def test_without_matplotlib_the_message_says_so():
    code = """
import sys
sys.modules["matplotlib"] = None
import convis, numpy
try:
    convis.plot(numpy.ones((3, 3)))
except ImportError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "pip install matplotlib" in said


def test_a_stimulus_is_drawn():
    flash = convis.stimuli.FullFieldFlash(before_s=0.02, on_s=0.02, after_s=0.0, height=3, width=4)
    assert flash.frames == 40 and convis.plot(flash).axes and len(flash) == 40
    noise = convis.stimuli.Checkers(height=3, width=4, resolution=convis.Resolution(10, 100))
    assert noise.frames is None and convis.plot(noise).axes
    labels = [axes.get_ylabel() for axes in convis.plot_5d_matshow(np.random.default_rng(0).random((2, 2, 9, 4, 4))).axes]
    assert "batch 1\nchannel 0" in labels
