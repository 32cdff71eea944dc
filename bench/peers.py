"""Create the isolated environments in which the peers are measured.

    python3 bench/peers.py setup [PEER]   create one if needed, print its Python
    python3 bench/peers.py path [PEER]    print where its Python is (or would be)
    python3 bench/peers.py remove [PEER]  delete it

PEER is ``convis`` (the 2018 toolbox, the default), ``bioinspired`` (the retina
of OpenCV) or ``sklearn`` (scikit-learn). An environment is a plain virtual environment below
``${XDG_CACHE_HOME:-~/.cache}/convis``. A stamp file in it holds the list of
requirements; when that list changes, the environment is built again.
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
from typing import NamedTuple

class Peer(NamedTuple):
    """One peer and what its environment needs."""

    #: Folder of the environment below the cache.
    folder: str
    #: What pip installs in one go, so that it finds versions that fit each other.
    requirements: tuple[str, ...]
    #: Installed after the above and without following its own list of
    #: dependencies, which names packages that no longer exist in that form.
    without_dependencies: tuple[str, ...]
    #: Statement that shows that it works.
    check: str
    #: For the user who waits.
    size: str
    #: Python versions for which the requirements have ready-made wheels.
    oldest: tuple[int, int]
    newest: tuple[int, int]


PEERS = {
    # torch 2.2.2 is the last release line that works with numpy 1.x *and* still
    # accepts what a 2018 program asks of it; numpy 1.25 removed names it needs.
    "convis": Peer("peers-venv", ("torch==2.2.2", "numpy<1.25", "future", "litus", "matplotlib"),
                   ("convis==0.6.3",), "import shim, convis; convis.retina.Retina()",
                   "about 3 GB with torch", (3, 8), (3, 11)),
    "bioinspired": Peer("bioinspired-venv", ("numpy", "opencv-contrib-python-headless"), (),
                        "import cv2; cv2.bioinspired.Retina_create((8, 8), False)",
                        "about 0.3 GB", (3, 8), (3, 14)),
    "sklearn": Peer("sklearn-venv", ("numpy", "scikit-learn>=1.2"), (),
                    "from sklearn.linear_model import PoissonRegressor", "about 0.2 GB",
                    (3, 9), (3, 14)),
}


class SetupError(RuntimeError):
    """The peers' environment could not be created; the text says why."""


def environment_folder(peer: str = "convis") -> Path:
    """Folder of a peer's virtual environment (it need not exist yet)."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "convis" / PEERS[peer].folder


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


def suitable_python(peer: Peer, wanted: str | None = None) -> str:
    """A Python executable that the pinned packages have wheels for.

    `wanted` is tried alone if given; else the running interpreter, then
    those of the search path, newest first.
    """
    names = [wanted] if wanted else [sys.executable] + [
        f"python3.{minor}" for minor in range(peer.newest[1], peer.oldest[1] - 1, -1)]
    for name in names:
        found = shutil.which(name)
        version = version_of(found) if found else None
        if version and peer.oldest <= version <= peer.newest:
            return found
    raise SetupError(
        "no Python between {}.{} and {}.{} found (tried: {}); name one with --base-python".format(
            *peer.oldest, *peer.newest, ", ".join(Path(name).name for name in names)))


def stamp_text(peer: Peer) -> str:
    """What the stamp file of an up-to-date environment contains."""
    return "\n".join(peer.requirements + peer.without_dependencies) + "\n"


def is_ready(peer: Peer, folder: Path) -> bool:
    """Whether the environment exists, completely and with today's list."""
    stamp = folder / "requirements.stamp"
    return (stamp.is_file() and stamp.read_text() == stamp_text(peer)
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


def setup(name: str = "convis", base_python: str | None = None, say=lambda text: None) -> Path:
    """Create a peer's environment unless it is ready; return its Python.

    The stamp is written last, so an interrupted setup is started afresh.
    Raises SetupError where no fitting Python or no package index is at hand.
    """
    peer, folder = PEERS[name], environment_folder(name)
    python = environment_python(folder)
    if is_ready(peer, folder):
        return python
    base = suitable_python(peer, base_python)
    say(f"creating the environment of {name} (once; {peer.size}) ...")
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    run_checked([base, "-m", "venv", str(folder)], "creating the virtual environment")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run_checked(pip + list(peer.requirements), "installing " + ", ".join(peer.requirements))
    if peer.without_dependencies:
        run_checked(pip + ["--no-deps"] + list(peer.without_dependencies),
                    "installing " + ", ".join(peer.without_dependencies))
    check = [str(python), "-c", peer.check]
    try:
        subprocess.run(check, check=True, capture_output=True, text=True,
                       env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent)})
    except subprocess.CalledProcessError as error:
        last = (error.stderr or "").strip().splitlines()[-1:] or ["no message"]
        raise SetupError(f"{name} is installed but does not start: {last[0]}") from error
    (folder / "requirements.stamp").write_text(stamp_text(peer))
    return python


def main() -> int:
    """Command line: see the text at the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("setup", "path", "remove"))
    parser.add_argument("peer", nargs="?", choices=PEERS, default="convis")
    parser.add_argument("--base-python", metavar="PYTHON",
                        help="Python to base the environment on (3.8 to 3.11 for convis)")
    options = parser.parse_args()
    folder = environment_folder(options.peer)
    if options.action == "remove":
        shutil.rmtree(folder, ignore_errors=True)
    elif options.action == "path":
        print(environment_python(folder))
    else:
        try:
            print(setup(options.peer, options.base_python, say=lambda text: print(text, file=sys.stderr)))
        except SetupError as error:
            print(f"peers: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
