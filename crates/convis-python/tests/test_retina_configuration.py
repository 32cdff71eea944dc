"""Configurations of retinas: keys, files, and what models take from them."""

import copy
import pickle
import warnings

import convis
import numpy as np
import pytest
from convis.retina import Retina, RetinaConfiguration

GAIN = "contrast-gain-control.adaptation-feedback-amplification__Hz"
NOISE = "ganglion-layers.*.spiking-channel.sigma-V"
LINEAR = "outer-plexiform-layers.0.linear-version"


def applied(retina, configuration):
    """The text of the warning."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        retina.parse_config(configuration)
    assert len(seen) <= 1
    return str(seen[0].message) if seen else ""


def test_values_by_key():
    conf = RetinaConfiguration()
    assert conf.get(GAIN) == 0
    conf.set(GAIN, 30)
    assert conf[GAIN] == 30 and conf.get("contrast-gain-control.adaptation-feedback-amplification") == 30
    conf.set(NOISE, 0.5)
    assert conf.get(NOISE) == [0.5] * 4
    conf.set("ganglion-layers.=.spiking-channel.sigma-V", [0.1, 0.2, 0.3, 0.4])
    assert conf.get("ganglion-layers.1.spiking-channel.sigma-V") == 0.2
    conf["ganglion-layers.=.spiking-channel.sigma-V"] = np.array([0.1, 0.2, 0.3, 0.5])
    assert conf.get(NOISE)[3] == 0.5
    conf.set("ganglion-layers.+.sign", -1)
    assert len(conf.get("ganglion-layers")) == 5
    assert conf.get("ganglion-layers.name=Magnocellular Off.sign") == -1
    assert conf.get("no.such.key", 7) == 7
    conf.set("retina.pixels-per-degree", np.float32(20))
    assert conf.get("retina.pixels-per-degree__inv-deg", None) in (20, None)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("contrast-gain-control.adaptation-tao", 1.0, "adaptation-tau"),
        (GAIN, -1.0, "0 or above"),
        (GAIN, "much", "number"),
        (GAIN, None, "number"),
        (GAIN, object(), "number"),
        ("ganglion-layers.9.sign", 1, "9"),
        ("ganglion-layers.=.sign", [1, 1], "as many values"),
        (5, 1, "key"),
    ],
)
def test_bad_keys_and_values_change_nothing(key, value, words):
    conf = RetinaConfiguration()
    with pytest.raises((ValueError, TypeError), match=words):
        conf.set(key, value)
    assert conf == RetinaConfiguration()


def test_files(tmp_path):
    conf = RetinaConfiguration("cat-x")
    conf.set(GAIN, 42)
    for ending in ("xml", "toml", "json"):
        path = tmp_path / f"retina.{ending}"
        getattr(conf, f"write_{ending}")(path)
        back = RetinaConfiguration()
        getattr(back, f"read_{ending}")(path)
        assert back == conf == RetinaConfiguration(path) and back.get(GAIN) == 42
        with pytest.raises(ValueError, match=f"ending in .{ending}"):
            getattr(conf, f"write_{ending}")(tmp_path / "retina.dat")
    assert RetinaConfiguration(conf.to_dict()) == conf == copy.deepcopy(conf) == pickle.loads(pickle.dumps(conf))
    assert conf != RetinaConfiguration()
    (tmp_path / "bad.xml").write_text("<retina><unclosed>")
    with pytest.raises(ValueError, match="(?i)line"):
        conf.read_xml(tmp_path / "bad.xml")
    text = (tmp_path / "retina.xml").read_text().replace("adaptation-tau__sec", "adaptation-tao__sec")
    (tmp_path / "typo.xml").write_text(text)
    with pytest.raises(ValueError, match=r"line \d+.*adaptation-tau__sec"):
        conf.read_xml(tmp_path / "typo.xml")
    with pytest.warns(UserWarning, match="adaptation-tao"):
        conf.read_xml(tmp_path / "typo.xml", lenient=True)
    with pytest.raises(FileNotFoundError):
        conf.read_xml(tmp_path / "missing.xml")
    for bad, words in (("cat-z", "cat-"), (5, "source"), ("folder/retina.yaml", "ending")):
        with pytest.raises((ValueError, TypeError), match=words):
            RetinaConfiguration(bad)


def test_the_default_configuration_is_the_default_retina():
    plain, configured = Retina(), Retina()
    said = applied(configured, RetinaConfiguration())
    assert plain.get_parameters() == configured.get_parameters()
    for key in (
        "retina.temporal-step__sec",
        "retina.pixels-per-degree",
        "retina.input-luminosity-range",
        f"{LINEAR}.leaky-heat-equation",
        "ganglion-layers.0.spiking-channel.square-array.size-x__deg",
    ):
        assert f"\n  {key}: " in said, key
    assert "microsaccade" not in said and "ganglion-layers.2" not in said  # they are switched off


def test_every_key_is_applied_or_told(tmp_path):
    """A configuration in which every number differs from the default."""
    resolution = convis.Resolution(20, 200)
    conf = RetinaConfiguration("primate")
    conf.set("retina.temporal-step__sec", 0.005)
    conf.set("retina.pixels-per-degree", 20)
    conf.set("retina.input-luminosity-range", 1)
    conf.set("log-polar-scheme.enabled", False)
    conf.set(f"{LINEAR}.leaky-heat-equation", 0)
    conf.set(f"{LINEAR}.undershoot.enabled", True)
    conf.write_xml(tmp_path / "r.xml")
    retina = Retina(resolution=resolution)
    said = applied(retina, tmp_path / "r.xml")
    filter_ = retina.opl.opl_filter
    for parameter, key in (
        (filter_.sigma_center, f"{LINEAR}.center-sigma__deg"),
        (filter_.tau_surround, f"{LINEAR}.surround-tau__sec"),
        (filter_.undershoot_tau_center, f"{LINEAR}.undershoot.tau__sec"),
        (filter_.lambda_opl, f"{LINEAR}.opl-amplification"),
        (retina.bipolar.input_amp, "contrast-gain-control.opl-amplification__Hz"),
        (retina.bipolar.adaptation_sigma, "contrast-gain-control.adaptation-sigma__deg"),
        (retina.gang_1_input.sign, "ganglion-layers.1.sign"),
        (retina.gang_0_input.i_0, "ganglion-layers.0.value-at-linear-threshold__Hz"),
        (retina.gang_1_spikes.noise_sigma, "ganglion-layers.1.spiking-channel.sigma-V"),
    ):
        assert float(parameter) == conf.get(key), key
    lines = said.split("\n  ")[1:]
    assert all("-array." in line or "ganglion-layers.2" in line or "ganglion-layers.3" in line or "random" in line for line in lines)


def test_what_is_switched_off_or_missing():
    conf = RetinaConfiguration("toolbox-2018")
    conf.set(f"{LINEAR}.undershoot.enabled", False)
    conf.set("ganglion-layers.1.enabled", False)
    conf.set("contrast-gain-control.enabled", False)
    conf.set("contrast-gain-control.adaptation-tau__sec", 0.3)
    conf.set("ganglion-layers.*.sigma-pool__deg", 0.2)
    retina = Retina()
    said = applied(retina, conf)
    assert float(retina.opl.opl_filter.undershoot_relative_weight_center) == 0
    assert float(retina.bipolar.tau) == 0.005 and float(retina.gang_1_input.sigma_surround) == 0
    assert float(retina.gang_0_input.sigma_surround) == 0.2
    for node in ("contrast-gain-control", "ganglion-layers.1"):
        assert f"\n  {node}: is missing or switched off" in said
    retina = Retina(bipolar=False, spikes=False)
    said = applied(retina, RetinaConfiguration())
    assert f"{GAIN}: the model has no bipolar.lambda_amp" in said and "sigma-V: the model has no" in said


def test_a_value_the_model_cannot_have_changes_nothing():
    conf = RetinaConfiguration()
    conf.set(GAIN, 30)
    conf.set(f"{LINEAR}.leaky-heat-equation", 0)
    conf.set(f"{LINEAR}.surround-tau__sec", 0)
    retina = Retina()
    before = retina.get_parameters()
    try:
        applied(retina, conf)
    except ValueError as error:
        assert "tau" in str(error) and retina.get_parameters() == before
    else:
        assert float(retina.opl.opl_filter.tau_surround) == 0


def test_for_people():
    conf = RetinaConfiguration()
    assert "adaptation-tau__sec" in repr(conf) and "<table" in conf._repr_html_()
    assert {"cat-x", "cat-y", "primate", "toolbox-2018"} <= set(RetinaConfiguration.presets())
    keys = [key for key, unit, doc, default in RetinaConfiguration.describe()]
    assert NOISE in keys
