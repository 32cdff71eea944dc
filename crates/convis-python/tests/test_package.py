"""The package as a whole: names, documentation, examples, import."""

import doctest
import importlib
import inspect
import pkgutil
import subprocess
import sys
from importlib import resources

import convis
import numpy as np
import pytest
from convis._native_layer import _classes

def build(cls):
    """A layer of the library, with defaults where it has them."""
    return cls()


MODULES = ["convis", *(m.name for m in pkgutil.walk_packages(convis.__path__, "convis."))]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_documentation_run(name, tmp_path, monkeypatch):
    if name == "convis.torch":
        pytest.importorskip("torch", reason="PyTorch is not installed")
    module = importlib.import_module(name)
    monkeypatch.chdir(tmp_path)  # where examples may leave files
    convis.seed(0)
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert result.failed == 0


@pytest.mark.parametrize("module", [convis, convis.retina, convis.filters, convis.spiking, convis.models, convis.kernels, convis.numerical_filters, convis.samples, convis.stimuli, convis.analysis, convis.variables, convis.base, convis.streams, convis.optim])
def test_every_public_name_is_documented(module):
    assert len(module.__doc__) > 40
    assert set(dir(module)) == set(module.__all__)
    for name in module.__all__:
        thing = getattr(module, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert (thing.__doc__ or "").strip(), name
            for member, value in vars(thing).items():
                if not member.startswith("_") and (callable(value) or isinstance(value, property)):
                    assert (inspect.getdoc(getattr(thing, member)) or "").strip(), f"{name}.{member}"


def test_the_class_of_a_part_is_its_python_class():
    for name, cls in _classes.items():
        layer = build(cls)
        assert layer._native.kind == name == cls.__name__
        for part in layer.modules():
            assert type(part) is _classes[part._native.kind]
            for own, value in part._parts.items():
                documented = any(own in vars(c).get("__annotations__", ()) for c in type(part).__mro__)
                assert documented or own[-1].isdigit(), (name, own)


def test_import_is_light():
    code = """
import numpy, sys, time
start = time.process_time()
import convis
print(time.process_time() - start, "matplotlib" in sys.modules, "torch" in sys.modules)
"""
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        for _ in range(5)
    ]
    assert min(float(run[0]) for run in runs) < 0.15
    assert runs[0][1:3] == ["False", "False"]


def test_resolution():
    with pytest.raises(ValueError, match="steps_per_second"):
        convis.Resolution(10, -1)
    for bad in (0, -1, np.nan, np.inf):
        with pytest.raises(ValueError, match="pixel_per_degree"):
            convis.default_resolution.pixel_per_degree = bad
    for bad in ("10", None, [1, 2]):
        with pytest.raises(TypeError, match="pixel_per_degree"):
            convis.default_resolution.pixel_per_degree = bad
    with pytest.raises(AttributeError, match="pixel_per_degree"):
        convis.default_resolution.pixels_per_degree = 3
    with pytest.raises(TypeError, match="resolution"):
        convis.retina.Retina(resolution=10)
    d = convis.default_resolution
    assert d == convis.Resolution(10, 1000) and d.pixel_to_degree(5) == 0.5 and d.seconds_to_steps(0.5) == 500
    with pytest.raises(AttributeError):
        convis.retina.Retina().resolution.pixel_per_degree = 3


def test_constructors_refuse_what_makes_no_sense():
    for build, words in (
        (lambda: convis.retina.Retina(integration="exactly"), "integration"),
        (lambda: convis.filters.GaussianBlur(-1.0), "sigma"),
        (lambda: convis.filters.GaussianBlur(np.nan), "sigma"),
        (lambda: convis.filters.TemporalLowPassFilterRecursive(0.0), "tau"),
        (lambda: convis.filters.TemporalLowPassFilterRecursive(0.1, n=-1), "n"),
        (lambda: convis.filters.TemporalLowPassFilterRecursive(0.1, n=21), "n"),
        (lambda: convis.filters.TemporalLowPassFilterRecursive(0.1, n=10**30), "n"),
        (lambda: convis.filters.TemporalLowPassFilterRecursive(0.1, n=1.5), "n"),
        (lambda: convis.filters.TemporalHighPassFilterRecursive("fast"), "tau"),
    ):
        with pytest.raises((ValueError, TypeError), match=words):
            build()


def test_what_the_package_says_of_itself():
    assert convis.config()["version"] == convis.__version__ and int(convis.config()["threads"]) >= 1
    assert convis.cuda_is_available() is False
    assert resources.files("convis").joinpath("py.typed").is_file()


def test_the_output():
    o = convis.Output([np.zeros((1, 1, 2, 3, 4), "f4"), np.ones((1, 1, 2, 3, 4), "f4")], ["a", "b.c"])
    assert o["b.c"] is o[1] is o[-1] is o.b_c and "a" in o and dict(o.items())["a"] is o.a
    assert [x.shape for x in o] == [(1, 1, 2, 3, 4)] * 2 and o.mean(which="b.c") == 1.0
    assert "b_c" in dir(o)
    for wrong, kind in ((2, IndexError), ("d", KeyError), (1.5, TypeError)):
        with pytest.raises(kind):
            o[wrong]
    with pytest.raises(AttributeError, match="d"):
        o.d
    with pytest.raises(ValueError, match="keys"):
        convis.Output([np.zeros(3)], ["a", "b"])


def test_the_default_resolution_can_be_assigned():
    kept = convis.default_resolution
    try:
        convis.default_resolution = convis.Resolution(20, 500)
        assert convis.default_resolution is kept and convis.filters.Diff().resolution == convis.Resolution(20, 500)
        with pytest.raises(TypeError, match="default_resolution"):
            convis.default_resolution = 20
        with pytest.raises(TypeError, match="default_grad_enabled"):
            convis.default_grad_enabled = "no"
    finally:
        convis.default_resolution = convis.Resolution()
    assert convis.filters.Diff().resolution == convis.Resolution()


def test_sizes_beyond_any_memory_are_refused():
    for make, name in (
        (lambda: convis.kernels.gauss_filter_2d(1e4), "x_sig"),
        (lambda: convis.kernels.gauss_filter_2d(0.1, 1e300), "y_sig"),
        (lambda: convis.filters.TimePadding(10**12), "length"),
        (lambda: convis.filters.TimePadding(10**8).run(np.ones((5, 10, 10))), "length"),
        (lambda: convis.filters.Delay(10**12), "delay"),
        (lambda: convis.filters.Delay(10**8).run(np.ones((5, 10, 10))), "delay"),
        (lambda: convis.filters.Conv3d(1, 1, (10**6, 10**4, 10**4)), "kernel_size"),
        (lambda: convis.filters.Conv1d(10**9, 10**9, 10**9), "kernel_size"),
    ):
        with pytest.raises(ValueError, match=name):
            make()
