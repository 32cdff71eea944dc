"""Parameters: a value with a name, a unit, a meaning and a gradient."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import _gradients, _native
from ._operand import Operand
from ._svg import kernel
from ._text import Markup, html_table, short

if TYPE_CHECKING:
    from ._layer import Layer


class Parameter(Operand):
    """A value that a layer uses and that can be fitted.

    The parameters of a layer are found as its attributes, or below ``.p``. A parameter of one's own becomes part of
    a layer by being assigned to one of its attributes; it can also be the input of a model, to fit the input.

    It computes and compares as its value does, ``gain == 3.0``; but of two parameters ``==`` says whether they are the same
    one, not whether their values are equal (compare ``float(a) == float(b)``).

    Parameters
    ----------
    value : array_like
        The value; a single number or an array.
    doc : str
        What it does.
    unit : str
        Its unit, e.g. ``"s"``.
    requires_grad : bool, optional
        Whether gradients with respect to it are wanted; by default ``convis.default_grad_enabled``.

    Examples
    --------
    >>> import convis
    >>> gain = convis.variables.Parameter(2.0, doc="Output gain.", unit="Hz")
    >>> gain.set(3.0)
    >>> float(gain)
    3.0
    >>> retina = convis.retina.Retina()
    >>> retina.p.bipolar.lambda_amp.set(50.0)
    >>> retina.bipolar.lambda_amp.unit
    'Hz'
    >>> retina.p.bipolar.tau.set(-1.0)
    Traceback (most recent call last):
    ValueError: tau: expected a number above 0, got -1
    """

    __slots__ = ("__weakref__", "_doc", "_name", "_native", "_owner", "_unit", "_wants_grad")

    def __init__(self, value: Any, doc: str = "", unit: str = "", requires_grad: bool | None = None) -> None:
        self._name, self._doc, self._unit = "", doc, unit
        self._owner: Layer | None = None
        numbers = self._numbers(value)
        if numbers.ndim == 0:
            numbers = numbers.reshape(1)
        on = _gradients.by_default() if requires_grad is None else bool(requires_grad)
        self._native = _native.Parameter(numbers, on)
        self._wants_grad = True

    @classmethod
    def _of_layer(cls, native: _native.Parameter, owner: Layer) -> Parameter:
        self = cls.__new__(cls)
        self._native, self._owner = native, owner
        self._name, self._doc, self._unit = native.name, native.doc, native.unit
        self._wants_grad = native.requires_grad
        return self

    # -- what it is
    @property
    def name(self) -> str:
        """Its name within its layer."""
        return self._name

    @property
    def doc(self) -> str:
        """What it does."""
        return self._doc

    @property
    def unit(self) -> str:
        """Its unit; empty for a pure number."""
        return self._unit

    @property
    def default(self) -> float | None:
        """Its value unless set; None for parameters of one's own."""
        return self._native.default

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of its axes; ``(1,)`` for a single number."""
        return self._native.value().shape

    # -- its value
    def set(self, value: Any) -> None:
        """Set the value.

        Parameters
        ----------
        value : array_like
            A number, or an array of the parameter's shape; that of a kernel may have other lengths, not another number
            of axes. If it makes no sense, the old value stays.
        """
        self._native.set(self._checked(value))

    def _checked(self, value: Any) -> NDArray[np.float64]:
        """The value as an array of the parameter's shape, or a clear error."""
        numbers, shape = self._numbers(value), self.shape
        if numbers.shape != shape and numbers.ndim != len(shape):
            if not (numbers.size == 1 == int(np.prod(shape)) or numbers.squeeze().shape == shape):
                expected = "one number" if shape == (1,) else f"an array of shape {shape}"
                raise ValueError(f"{self._name or 'value'}: expected {expected}, got shape {numbers.shape}")
            numbers = numbers.reshape(shape)
        self._native.check(numbers)
        return numbers

    def _numbers(self, value: Any) -> NDArray[np.float64]:
        name = self._name or "value"
        try:
            array = np.asarray(value)
        except ValueError:
            raise ValueError(f"{name}: expected a number or an array of numbers, got {short(value)}") from None
        if array.dtype.kind not in "fiub":
            raise TypeError(f"{name}: expected a number or an array of numbers, got {short(value)}")
        return np.array(array, np.float64, order="C")

    @property
    def value(self) -> Any:
        """Its value: a float, or a copy of its array that refuses to be written to."""
        numbers = self._native.value()
        return float(numbers[0]) if numbers.shape == (1,) else _fixed(numbers)

    def _numbers_now(self) -> NDArray[np.float64]:
        return self._native.value()

    def numpy(self) -> NDArray[np.float64]:
        """A copy of its numbers as an array, to be written to at will."""
        return self._native.value()

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return self._native.value().size

    @property
    def data(self) -> NDArray[np.float64]:
        """A copy of its numbers as an array that refuses to be written to: assign to `data`, or call :meth:`set`."""
        return _fixed(self._native.value())

    @data.setter
    def data(self, value: Any) -> None:
        self.set(value)

    def item(self) -> float:
        """The only number."""
        return float(self)

    def __float__(self) -> float:
        numbers = self._native.value()
        if numbers.size != 1:
            raise TypeError(f"{self._name or 'parameter'}: an array of shape {numbers.shape} is not a single number")
        return float(numbers.reshape(-1)[0])

    def __int__(self) -> int:
        return int(float(self))

    def __bool__(self) -> bool:
        numbers = self._native.value()
        if numbers.size != 1:
            raise ValueError(
                f"{self._name or 'parameter'}: the truth of an array of shape {numbers.shape} is ambiguous; use .data.all() or "
                ".data.any()"
            )
        return bool(numbers.any())

    def __format__(self, spec: str) -> str:
        return format(float(self), spec) if spec else str(self)

    # Two parameters are equal if they are one: they are looked for in lists. All else is compared by value.
    def __eq__(self, other: object) -> Any:
        if isinstance(other, Parameter):
            return self is other
        return self._operand() == other if _is_numeric(other) else NotImplemented

    def __ne__(self, other: object) -> Any:
        if isinstance(other, Parameter):
            return self is not other
        return self._operand() != other if _is_numeric(other) else NotImplemented

    def __hash__(self) -> int:
        return object.__hash__(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("copy: expected True or None, as the value of a parameter is always copied; got False")
        return self._native.value().astype(dtype or np.float64, copy=False)

    def _operand(self) -> _native.Tensor:
        return self._native.operand(_gradients.by_default())

    # -- its gradient
    @property
    def requires_grad(self) -> bool:
        """Whether calls record what its gradient needs."""
        return self._native.requires_grad

    @requires_grad.setter
    def requires_grad(self, on: bool) -> None:
        self._native.set_requires_grad(bool(on))

    def _restore_grad(self, on: bool) -> None:
        """Switch its gradient off, or back to what it is by default."""
        self.requires_grad = on and self._wants_grad

    def requires_grad_(self, requires_grad: bool = True) -> Parameter:
        """Switch its gradient on or off; returns the parameter."""
        self.requires_grad = requires_grad
        return self

    @property
    def grad(self) -> _native.Tensor | None:
        """The gradient that ``backward`` has summed up, or None."""
        return self._native.gradient()

    @grad.setter
    def grad(self, gradient: None) -> None:
        if gradient is not None:
            raise TypeError(f"grad: expected None, which forgets the gradient, got {short(gradient)}")
        self._native.zero_grad()

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self._native.zero_grad()

    # -- for people and files
    def _value_text(self) -> str:
        numbers = self._native.value()
        return repr(float(numbers[0])) if numbers.shape == (1,) else f"array of shape {numbers.shape}"

    def _row(self) -> tuple[str, str, str]:
        return self._value_text(), self._unit, self._doc

    def __repr__(self) -> str:
        value = f"{self._value_text()} {self._unit}".rstrip()
        return f"{self._name or 'Parameter'} = {value}" + (f"\n    {self._doc}" if self._doc else "")

    def _picture(self) -> str:
        """A small picture of an array."""
        numbers = self._native.value()
        return kernel(numbers) if numbers.size > 1 and np.any(numbers) else ""

    def _html_row(self) -> tuple[str, ...]:
        value, unit, doc = self._row()
        picture = self._picture()
        return (Markup(f"{escape(value)}<br>{picture}") if picture else value), unit, doc

    def _repr_html_(self) -> str:
        return html_table(self._name or "Parameter", ("value", "unit", "meaning"), [self._html_row()])

    def __reduce__(self) -> Any:
        if self._owner is not None:
            return getattr, (self._owner, self._name)
        return _restored, (self._native.value(), self._doc, self._unit, self.requires_grad, self._name)


def _is_numeric(other: object) -> bool:
    return isinstance(other, (int, float, np.generic, np.ndarray, _native.Tensor))


def _fixed(array: NDArray[np.float64]) -> NDArray[np.float64]:
    """An array that cannot be written to: what changed in a copy would go unnoticed."""
    array.flags.writeable = False
    return array


def _restored(value: Any, doc: str, unit: str, requires_grad: bool, name: str) -> Parameter:
    parameter = Parameter(value, doc, unit, requires_grad)
    parameter._name = name
    return parameter
