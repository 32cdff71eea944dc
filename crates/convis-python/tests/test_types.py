"""The stubs and annotations are those of the package."""

import os
import subprocess
import sys

import convis
import pytest

PROJECT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def test_stubs_say_what_the_package_has(tmp_path):
    pytest.importorskip("mypy")
    where = os.path.dirname(os.path.dirname(convis.__file__))
    # What is derived from classes of PyTorch or scikit-learn has what those have, if they are there at all.
    (tmp_path / "allowed").write_text("convis\\.torch.*\nconvis\\.estimators.*")
    command = [sys.executable, "-m", "mypy.stubtest", "convis", "--mypy-config-file", os.path.join(PROJECT, "pyproject.toml")]
    command += ["--allowlist", "allowed", "--ignore-unused-allowlist"]
    environment = dict(os.environ)
    if os.path.basename(where) != "site-packages":  # an installed package is found anyway, and must not be named
        environment.update(MYPYPATH=where, PYTHONPATH=where)
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert run.returncode == 0, run.stdout + run.stderr
