"""Create the isolated environment in which the 2018 toolbox is measured.

    python3 bench/peers.py setup          create it if needed, print its Python
    python3 bench/peers.py path           print where its Python is (or would be)
    python3 bench/peers.py remove         delete it

The environment is a plain virtual environment below
``${XDG_CACHE_HOME:-~/.cache}/convis/peers-venv``. A stamp file in it holds the
list of requirements; when that list changes, the environment is built again.
Only the standard library is used, so any Python 3.8 or later can run this file.

The toolbox itself is installed from PyPI and only ever *run*, as a black box
through its public interface: it is under the GPL and nothing of it is part of
this project.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

#: What pip installs in one go, so that it finds versions that fit each other.
#: torch 2.2.2 is the last release line that works with numpy 1.x *and* still
#: accepts what a 2018 program asks of it; numpy 1.25 removed names it needs.
REQUIREMENTS = (
    "torch==2.2.2",
    "numpy<1.25",
    "future",
    "litus",
    "matplotlib",
)

#: Installed after the above and without following its own list of
#: dependencies, which names packages that no longer exist in that form.
WITHOUT_DEPENDENCIES = ("convis==0.6.3",)

#: Python versions for which the pinned numpy and torch have ready-made wheels.
OLDEST, NEWEST = (3, 8), (3, 11)


class SetupError(RuntimeError):
    """The peers' environment could not be created; the text says why."""


def environment_folder() -> Path:
    """Folder of the peers' virtual environment (it need not exist yet)."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "convis" / "peers-venv"


def environment_python(folder: Path) -> Path:
    """Path of the Python executable inside a virtual environment."""
    if os.name == "nt":
        return folder / "Scripts" / "python.exe"
    return folder / "bin" / "python"


def version_of(python: str) -> tuple[int, int] | None:
    """(major, minor) of a Python executable, or None if it does not start."""
    question = "import sys; print(*sys.version_info[:2])"
    try:
        answer = subprocess.run([python, "-c", question], capture_output=True, text=True,
                                timeout=30, check=True).stdout.split()
        return int(answer[0]), int(answer[1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def suitable_python(wanted: str | None = None) -> str:
    """A Python executable that the pinned packages have wheels for.

    `wanted` is tried alone if given; else the running interpreter, then
    `python3.11` down to `python3.8` from the search path.
    """
    names = [wanted] if wanted else [sys.executable] + [
        f"python3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    for name in names:
        found = shutil.which(name)
        version = version_of(found) if found else None
        if version and OLDEST <= version <= NEWEST:
            return found
    raise SetupError(
        "no Python between {}.{} and {}.{} found (tried: {}); name one with --base-python".format(
            *OLDEST, *NEWEST, ", ".join(Path(name).name for name in names)))


def stamp_text() -> str:
    """What the stamp file of an up-to-date environment contains."""
    return "\n".join(REQUIREMENTS + WITHOUT_DEPENDENCIES) + "\n"


def is_ready(folder: Path) -> bool:
    """Whether the environment exists, completely and with today's list."""
    stamp = folder / "requirements.stamp"
    return (stamp.is_file() and stamp.read_text() == stamp_text()
            and environment_python(folder).exists())


def run_checked(command: list[str], what: str) -> None:
    """Run a step of the setup; on failure raise SetupError with its last lines."""
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except OSError as error:
        raise SetupError(f"{what} failed: {error}") from error
    except subprocess.CalledProcessError as error:
        lines = (error.stderr or error.stdout or "").strip().splitlines()
        raise SetupError(f"{what} failed:\n  " + "\n  ".join(lines[-4:])) from error


def setup(base_python: str | None = None, say=lambda text: None) -> Path:
    """Create the peers' environment unless it is ready; return its Python.

    The stamp is written last, so an interrupted setup is started afresh.
    Raises SetupError where no fitting Python or no package index is at hand.
    """
    folder = environment_folder()
    python = environment_python(folder)
    if is_ready(folder):
        return python
    base = suitable_python(base_python)
    say("creating the peers' environment (once; about 3 GB with torch) ...")
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    run_checked([base, "-m", "venv", str(folder)], "creating the virtual environment")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run_checked(pip + list(REQUIREMENTS), "installing torch, numpy and their company")
    run_checked(pip + ["--no-deps"] + list(WITHOUT_DEPENDENCIES), "installing convis 0.6.3")
    check = [str(python), "-c", "import shim, convis; convis.retina.Retina()"]
    try:
        subprocess.run(check, check=True, capture_output=True, text=True,
                       env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent)})
    except subprocess.CalledProcessError as error:
        last = (error.stderr or "").strip().splitlines()[-1:] or ["no message"]
        raise SetupError(f"convis 0.6.3 is installed but does not start: {last[0]}") from error
    (folder / "requirements.stamp").write_text(stamp_text())
    return python


def main() -> int:
    """Command line: see the text at the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("setup", "path", "remove"))
    parser.add_argument("--base-python", metavar="PYTHON",
                        help="Python to base the environment on (3.8 to 3.11)")
    options = parser.parse_args()
    folder = environment_folder()
    if options.action == "remove":
        shutil.rmtree(folder, ignore_errors=True)
    elif options.action == "path":
        print(environment_python(folder))
    else:
        try:
            print(setup(options.base_python, say=lambda text: print(text, file=sys.stderr)))
        except SetupError as error:
            print(f"peers: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
