"""Small pictures for HTML representations, drawn without matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOST = 24  # pixels along a side of a picture, samples of a curve ×4


def curve(values: Any, width: int = 120, height: int = 28) -> str:
    """A curve of numbers over time, with a line at zero where zero is in range."""
    y = np.asarray(values, float).ravel()
    y = y[np.isfinite(y)]
    if y.size < 2:
        return ""
    if y.size > 4 * _MOST:
        y = np.interp(np.linspace(0, y.size - 1, 4 * _MOST), np.arange(y.size), y)
    low, high = float(y.min()), float(y.max())
    span = high - low or 1.0
    x = np.linspace(1, width - 1, y.size)
    down = 1 + (height - 2) * (high - y) / span if high > low else np.full(y.size, height / 2)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, down, strict=True))
    zero = ""
    if low < 0 < high:
        at = 1 + (height - 2) * high / span
        zero = f"<line x1='0' x2='{width}' y1='{at:.1f}' y2='{at:.1f}' stroke='#bbb' stroke-width='0.7'/>"
    line = f"<polyline points='{points}' fill='none' stroke='#2b6cb0' stroke-width='1.2'/>"
    return f"<svg width='{width}' height='{height}' xmlns='http://www.w3.org/2000/svg'>{zero}{line}</svg>"


def picture(values: Any, size: int = 48) -> str:
    """A matrix as a picture: red above zero, blue below, white at zero."""
    matrix = np.asarray(values, float)
    step = max(1, -(-max(matrix.shape) // _MOST))
    matrix = matrix[::step, ::step]
    rows, columns = matrix.shape
    most = float(np.abs(matrix).max()) or 1.0
    cell = size / max(rows, columns)
    rects = []
    for row in range(rows):
        for column in range(columns):
            weight = float(matrix[row, column]) / most
            fade = round(255 * (1 - abs(weight)))
            colour = f"rgb(255,{fade},{fade})" if weight >= 0 else f"rgb({fade},{fade},255)"
            rects.append(
                f"<rect x='{column * cell:.2f}' y='{row * cell:.2f}' width='{cell:.2f}' height='{cell:.2f}' "
                f"fill='{colour}'/>"
            )
    frame = f"<svg width='{columns * cell:.0f}' height='{rows * cell:.0f}' xmlns='http://www.w3.org/2000/svg'>"
    return f"{frame}{''.join(rects)}</svg>"


def kernel(weight: NDArray[np.float64]) -> str:
    """A kernel (…, time, height, width) or an array of numbers: its course in time and its picture at the peak."""
    numbers = np.asarray(weight, float)
    if numbers.ndim == 1:
        return curve(numbers)
    if numbers.ndim == 2:
        return picture(numbers)
    # Correlation weights are the impulse response backwards.
    numbers = numbers.reshape(-1, *numbers.shape[-3:])[0][::-1, ::-1, ::-1]
    energy = np.abs(numbers)
    _, row, column = np.unravel_index(int(energy.argmax()), numbers.shape)
    parts = []
    if numbers.shape[0] > 1:
        parts.append(curve(numbers[:, row, column]))
    if numbers.shape[1] * numbers.shape[2] > 1:
        parts.append(picture(numbers[int(energy.sum((1, 2)).argmax())]))
    return "".join(parts)
