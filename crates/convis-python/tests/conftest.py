"""What the tests share."""

import numpy as np
import pytest


@pytest.fixture
def movie():
    """A function that makes the same random movie for the same sizes."""

    def make(frames=60, height=6, width=5):
        return np.random.default_rng(3).random((frames, height, width)).astype("float32")

    return make
