"""What the tests share."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

os.environ["MPLBACKEND"] = "Agg"  # pictures go to memory, not to a window


@pytest.fixture(autouse=True)
def _no_figure_stays_open():
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture
def movie():
    """A function that makes the same random movie for the same sizes."""

    def make(frames=60, height=6, width=5):
        return np.random.default_rng(3).random((frames, height, width)).astype("float32")

    return make


@pytest.fixture
def data():
    """The folder of real recordings, which stay outside the project."""
    folder = Path(os.environ.get("CONVIS_DATA", Path(__file__).parents[4] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: recordings stay outside the project (CONVIS_DATA names their folder)")
    return folder
