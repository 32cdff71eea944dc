"""Files that appear under their name only when they are complete."""

from __future__ import annotations

import os
import tempfile


class Draft:
    """A file being written under a temporary name beside its target.

    Parameters
    ----------
    path : str or path
        The name it will have.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.target = os.path.realpath(os.fspath(path))  # a link stays a link
        if os.path.exists(self.target) and not os.path.isfile(self.target):
            raise ValueError(f"path: expected the name of a file, got a folder or a device, {self.target}")
        folder = os.path.dirname(self.target)
        if not os.path.isdir(folder):
            raise FileNotFoundError(f"path: the folder {folder} does not exist; create it first")
        # The ending stays: programs tell the format by it.
        handle, self.name = tempfile.mkstemp(os.path.splitext(self.target)[1], ".unfinished-", folder)
        self.file = os.fdopen(handle, "r+b")

    def commit(self) -> None:
        """Complete the file."""
        try:
            self.file.close()
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(self.name, 0o666 & ~mask)
            os.replace(self.name, self.target)
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Leave nothing behind."""
        self.file.close()
        if os.path.exists(self.name):
            os.unlink(self.name)
