"""Files of parameter values: npz, json, safetensors."""

from __future__ import annotations

import json
import os
import struct
import tempfile
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

Values = Mapping[str, NDArray[np.float64]]


def write(path: str | os.PathLike[str], values: Values) -> None:
    """Write values by path; the file appears whole or not at all."""
    path = os.fspath(path)
    writer = _format(path)[0]
    folder = os.path.dirname(os.path.abspath(path))
    handle, draft = tempfile.mkstemp(dir=folder, prefix=".", suffix=".draft")
    try:
        with os.fdopen(handle, "wb") as file:
            writer(file, values)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(draft, 0o666 & ~mask)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise


def read(path: str | os.PathLike[str]) -> dict[str, NDArray[np.float64]]:
    """Read values by path."""
    path = os.fspath(path)
    reader = _format(path)[1]
    with open(path, "rb") as file:
        try:
            return reader(file)
        except MemoryError:
            raise
        except Exception as error:  # zip, json, numpy and struct each have their own
            raise ValueError(f"{path}: is no readable file of parameters: {error}") from error


def _write_npz(file: BinaryIO, values: Values) -> None:
    np.savez(file, **values)  # type: ignore[arg-type]


def _read_npz(file: BinaryIO) -> dict[str, NDArray[np.float64]]:
    with np.load(file, allow_pickle=False) as archive:
        return {name: np.asarray(archive[name], np.float64) for name in archive.files}


def _write_json(file: BinaryIO, values: Values) -> None:
    """Tables nested by the parts of the path, as the command line reads them."""
    tree: dict[str, Any] = {}
    for path, value in values.items():
        *folders, name = path.split(".")
        table = tree
        for folder in folders:
            table = table.setdefault(folder, {})
        table[name] = float(value[0]) if value.shape == (1,) else value.tolist()
    file.write(json.dumps(tree, indent=2).encode() + b"\n")


def _read_json(file: BinaryIO) -> dict[str, NDArray[np.float64]]:
    def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, NDArray[np.float64]]:
        values: dict[str, NDArray[np.float64]] = {}
        for name, value in tree.items():
            if isinstance(value, dict):
                values.update(flat(value, f"{prefix}{name}."))
            else:
                values[prefix + name] = np.atleast_1d(np.asarray(value, np.float64))
        return values

    tree = json.load(file)
    if not isinstance(tree, dict):
        raise ValueError("expected an object of values by name")
    return flat(tree)


def _write_safetensors(file: BinaryIO, values: Values) -> None:
    header: dict[str, Any] = {}
    end = 0
    for path, value in values.items():
        start, end = end, end + value.nbytes
        header[path] = {"dtype": "F64", "shape": list(value.shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write(struct.pack("<Q", len(text)) + text)
    for value in values.values():
        file.write(value.astype("<f8").tobytes())


_SAFETENSORS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1"}


def _read_safetensors(file: BinaryIO) -> dict[str, NDArray[np.float64]]:
    content = file.read()
    (length,) = struct.unpack_from("<Q", content)
    if 8 + length > len(content):
        raise ValueError("it ends within its header")
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    values = {}
    for path, entry in header.items():
        if path == "__metadata__":
            continue
        start, end = entry["data_offsets"]
        if not 0 <= start <= end <= len(data):
            raise ValueError(f"the numbers of {path} lie outside the file")
        numbers = np.frombuffer(data[start:end], _SAFETENSORS[entry["dtype"]])
        values[path] = numbers.reshape(entry["shape"]).astype(np.float64)
    return values


Format = tuple[Callable[[BinaryIO, Values], None], Callable[[BinaryIO], dict[str, NDArray[np.float64]]]]

_FORMATS: dict[str, Format] = {
    ".npz": (_write_npz, _read_npz),
    ".json": (_write_json, _read_json),
    ".safetensors": (_write_safetensors, _read_safetensors),
}


def _format(path: str) -> Format:
    ending = os.path.splitext(path)[1].lower()
    if ending not in _FORMATS:
        raise ValueError(f"path: expected a name ending in {', '.join(_FORMATS)}, got {path!r}")
    return _FORMATS[ending]
