"""Optimisers: from a loss and its gradient to better parameters.

Names, defaults and equations are those of ``torch.optim``; they are computed in double precision by the compiled library.
Use them through a layer, ``model.set_optimizer.Adam(lr=0.01)`` and ``model.optimize(x, y)``, or by hand:

>>> import convis, numpy as np
>>> x = np.random.default_rng(0).standard_normal((60, 6, 6))
>>> goal, model = convis.filters.GaussianBlur(0.2), convis.filters.GaussianBlur(0.1)
>>> y = goal(x).detach()
>>> opt = convis.optim.LBFGS(model.parameters(), line_search_fn="strong_wolfe")
>>> def closure():
...     opt.zero_grad()
...     loss = ((y - model(x)) ** 2).sum()
...     loss.backward()
...     return loss
>>> for _ in range(3):
...     _ = opt.step(closure)
>>> round(float(model.sigma), 4)
0.2
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _native
from ._parameter import Parameter
from ._text import short

__all__ = [
    "LBFGS",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "CautiousLBFGS",
    "FiniteDifferenceGradientOptimizer",
    "Optimizer",
    "RMSprop",
]


def __dir__() -> list[str]:
    return __all__


class Optimizer:
    """What all optimisers offer.

    An optimiser fits those of its parameters that require gradients. It can be pickled and copied: options and memory go
    along, parameters do not (see :meth:`attach`).
    """

    #: Whether one loss and gradient are enough for a step.
    _single = True
    _parameters: list[Parameter] | None

    def __init__(self, params: Iterable[Parameter], **options: Any) -> None:
        self._options = options
        self._native = _native.Optimizer(type(self).__name__, options)
        self.attach(params)

    def attach(self, params: Iterable[Parameter]) -> None:
        """Fit these parameters from now on."""
        if isinstance(params, Parameter):
            raise TypeError("params: expected a list of parameters, got a single one; write [parameter]")
        found: dict[int, Parameter] = {}
        for parameter in params:
            if not isinstance(parameter, Parameter):
                raise TypeError(f"params: expected parameters, e.g. model.parameters(), got {short(parameter)}")
            found[id(parameter)] = parameter
        if not found:
            raise ValueError("params: expected at least one parameter, got none")
        self._parameters = list(found.values())

    @property
    def lr(self) -> float | None:
        """How far a step goes; it can be changed at any time."""
        return self._native.lr

    @lr.setter
    def lr(self, lr: float) -> None:
        try:
            self._native.set_lr(float(lr))
        except TypeError:
            raise TypeError(f"lr: expected a number, got {short(lr)}") from None
        self._options = {**self._options, "lr": float(lr)}

    def zero_grad(self) -> None:
        """Forget the gradients of its parameters."""
        for parameter in self._all():
            parameter.zero_grad()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move the parameters.

        Parameters
        ----------
        closure : callable, optional
            Forgets the gradients, computes the loss, calls ``backward`` on it and returns it. Without one, the gradients
            that are there are used; LBFGS needs one.

        Returns
        -------
        The loss that the closure returned first; None without a closure. After an error all parameters are what they
        were.
        """
        if closure is None and not self._single:
            raise TypeError(f"{type(self).__name__}.step: expected a closure, which computes the loss again; got None")
        parameters = [parameter for parameter in self._all() if parameter.requires_grad]
        if not parameters:
            raise RuntimeError("step: none of the parameters requires a gradient; see requires_grad_()")
        start = _values(parameters)
        at = start
        first: list[Any] = []

        def evaluate(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            nonlocal at
            if not np.array_equal(point, at):
                try:
                    _set(parameters, point)
                except ValueError:
                    return float("inf"), np.zeros_like(point)  # outside the range of a parameter
                at = point
            loss = closure() if closure is not None else 0.0
            if not first:
                first.append(loss)
            return _number(loss), _gradients(parameters)

        try:
            point, _ = self._native.step(start, evaluate)
            try:
                _set(parameters, point)
            except ValueError as error:
                raise RuntimeError(f"a step left the range of a parameter ({error}); try a smaller lr") from None
        except BaseException:
            _set(parameters, start)
            raise
        return first[0] if closure is not None else None

    def _all(self) -> list[Parameter]:
        if self._parameters is None:
            raise RuntimeError("a restored optimizer has no parameters; call attach(model.parameters())")
        return self._parameters

    def state_dict(self) -> dict[str, Any]:
        """Its options, and a copy of what it remembers."""
        return {"options": dict(self._options), "memory": self._native.memory()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state_dict` returned."""
        if not isinstance(state, Mapping) or set(state) != {"options", "memory"}:
            raise ValueError(f"state: expected what state_dict() returned, got {short(state)}")
        native = _native.Optimizer(type(self).__name__, dict(state["options"]))
        native.restore({name: np.asarray(array, np.float64) for name, array in state["memory"].items()})
        self._options, self._native = dict(state["options"]), native

    def __getstate__(self) -> dict[str, Any]:
        return self.state_dict()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._parameters = None
        self.load_state_dict(state)

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self._options.items())
        return f"{type(self).__name__}({options})"


def _values(parameters: list[Parameter]) -> NDArray[np.float64]:
    return np.concatenate([parameter._native.value().ravel() for parameter in parameters])


def _gradients(parameters: list[Parameter]) -> NDArray[np.float64]:
    parts = []
    for parameter in parameters:
        gradient = parameter.grad
        size = int(np.prod(parameter.shape))
        parts.append(np.zeros(size) if gradient is None else np.asarray(gradient, np.float64).ravel())
    return np.concatenate(parts)


def _set(parameters: list[Parameter], point: NDArray[np.float64]) -> None:
    """Set all of them, or none if a value makes no sense."""
    parts, start = [], 0
    for parameter in parameters:
        shape = parameter.shape
        end = start + int(np.prod(shape))
        part = point[start:end].reshape(shape)
        parameter._native.check(part)
        parts.append(part)
        start = end
    for parameter, part in zip(parameters, parts, strict=True):
        parameter._native.set(part)


def _number(loss: Any) -> float:
    try:
        return float(loss)
    except (TypeError, ValueError):
        raise TypeError(f"closure: expected it to return the loss, a single number, got {short(loss)}") from None


class SGD(Optimizer):
    """Gradient descent with momentum.

    With g the gradient plus ``weight_decay`` times the parameter: b ← momentum·b + (1 − dampening)·g (b ← g at first), and
    p ← p − lr·b, or p ← p − lr·(g + momentum·b) with ``nesterov``.

    Parameters
    ----------
    params : iterable of Parameter
        What is fitted.
    lr : float
        Learning rate.
    momentum, dampening, weight_decay : float
        See above.
    nesterov : bool
        See above; needs momentum and no dampening.

    References
    ----------
    Sutskever, Martens, Dahl & Hinton, ICML 2013.
    """

    def __init__(
        self,
        params: Iterable[Parameter],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov
        )


class Adam(Optimizer):
    """Steps from running means of the gradient and of its square.

    With g the gradient plus ``weight_decay`` times the parameter, in step t: m ← β₁·m + (1 − β₁)·g, v ← β₂·v + (1 − β₂)·g²,
    p ← p − lr·m/(1 − β₁ᵗ)/(√(v/(1 − β₂ᵗ)) + eps). With ``amsgrad`` the largest v so far takes the place of v.

    Parameters
    ----------
    params : iterable of Parameter
        What is fitted.
    lr : float
        Learning rate.
    betas : (float, float)
        β₁ and β₂.
    eps : float
        Keeps the divisor from zero.
    weight_decay : float
        See above.
    amsgrad : bool
        See above.

    References
    ----------
    Kingma & Ba, ICLR 2015; Reddi, Kale & Kumar, ICLR 2018.
    """

    def __init__(
        self,
        params: Iterable[Parameter],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, betas=tuple(betas), eps=eps, weight_decay=weight_decay, amsgrad=amsgrad)


class AdamW(Optimizer):
    """Adam with a decay of the parameters that does not go through the moments.

    Before the step of :class:`Adam`, p ← p − lr·weight_decay·p.

    Parameters
    ----------
    params : iterable of Parameter
        What is fitted.
    lr, betas, eps, weight_decay, amsgrad
        As for :class:`Adam`.

    References
    ----------
    Loshchilov & Hutter, ICLR 2019.
    """

    def __init__(
        self,
        params: Iterable[Parameter],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, betas=tuple(betas), eps=eps, weight_decay=weight_decay, amsgrad=amsgrad)


class Adagrad(Optimizer):
    """Each number's steps are divided by the root of the sum of its squared gradients.

    With g the gradient plus ``weight_decay`` times the parameter, in step t: s ← s + g² (at first
    ``initial_accumulator_value``), p ← p − lr/(1 + (t − 1)·lr_decay)·g/(√s + eps).

    Parameters
    ----------
    params : iterable of Parameter
        What is fitted.
    lr : float
        Learning rate.
    lr_decay, weight_decay, initial_accumulator_value, eps : float
        See above.

    References
    ----------
    Duchi, Hazan & Singer, J. Mach. Learn. Res. 12 (2011).
    """

    def __init__(
        self,
        params: Iterable[Parameter],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
        )


class RMSprop(Optimizer):
    """Each number's steps are divided by the root of a running mean of its squared gradients.

    With g the gradient plus ``weight_decay`` times the parameter: v ← alpha·v + (1 − alpha)·g²,
    b ← momentum·b + g/(√v + eps), p ← p − lr·b. With ``centered``, v minus the square of a running mean of g takes the
    place of v.

    Parameters
    ----------
    params : iterable of Parameter
        What is fitted.
    lr : float
        Learning rate.
    alpha, eps, weight_decay, momentum : float
        See above.
    centered : bool
        See above.

    References
    ----------
    Tieleman & Hinton, Neural Networks for Machine Learning, lecture 6.5 (2012).
    """

    def __init__(
        self,
        params: Iterable[Parameter],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum, centered=centered
        )


class LBFGS(Optimizer):
    """Newton's method with an inverse Hessian estimated from the last few steps.

    A step makes up to ``max_iter`` iterations and needs a closure. What it remembers goes on in the next step.

    Parameters
    ----------
    params : iterable of Parameter
        What is fitted.
    lr : float
        How far an iteration goes; the very first one is scaled by min(1, 1/Σ|g|).
    max_iter : int
        Most iterations of a step.
    max_eval : int, optional
        Most evaluations of a step; by default 5/4 of ``max_iter``.
    tolerance_grad, tolerance_change : float
        Done where the largest number of the gradient, or the change of parameters or loss, is this small.
    history_size : int
        How many steps and changes of the gradient are remembered.
    line_search_fn : {None, "strong_wolfe"}
        Whether ``lr`` alone says how far an iteration goes, or a search along the line.

    References
    ----------
    Nocedal, Math. Comput. 35 (1980); Nocedal & Wright, Numerical Optimization, algorithms 7.4, 7.5, 3.5 and 3.6.
    """

    _single = False

    def __init__(
        self,
        params: Iterable[Parameter],
        lr: float = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            max_iter=max_iter,
            max_eval=max_eval,
            tolerance_grad=tolerance_grad,
            tolerance_change=tolerance_change,
            history_size=history_size,
            line_search_fn=line_search_fn,
        )


class CautiousLBFGS(LBFGS):
    """LBFGS that refuses to end at a worse place than it began.

    A step ends at the point with the lowest finite loss of all that were evaluated. If that is the one at its beginning,
    the estimate of the Hessian is forgotten and the next step goes half as far; a step that improves doubles it again, up
    to ``lr``. A loss that is not finite ends the step, not the fit.

    Parameters
    ----------
    params : iterable of Parameter
        What is fitted.
    lr, max_iter, max_eval, tolerance_grad, tolerance_change, history_size, line_search_fn
        As for :class:`LBFGS`.
    """


class FiniteDifferenceGradientOptimizer(Optimizer):
    """Steps to where each number's gradient would vanish if it were linear between the points visited so far.

    Made for losses whose numbers hardly influence each other's gradients. The first step is p ← p − g/std(g). Afterwards,
    over all pairs of neighbouring points visited, with w the root mean square change of the gradient: p ← Σ w·r/Σ w with
    the root r of each number's gradient by the secant. Pairs that say nothing are passed over; a number about whose root
    nothing is known stays.

    Parameters
    ----------
    params : iterable of Parameter
        What is fitted.
    """

    def __init__(self, params: Iterable[Parameter]) -> None:
        super().__init__(params)
