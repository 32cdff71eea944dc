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
from ._text import short, unknown

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "CautiousLBFGS",
    "FiniteDifferenceGradientOptimizer",
    "NAdam",
    "Optimizer",
    "ParameterGroup",
    "RAdam",
    "RMSprop",
    "Rprop",
]


#: What is fitted: parameters, or groups of them with options of their own.
Params = Iterable[Parameter | Mapping[str, Any]]


def __dir__() -> list[str]:
    return __all__


class Optimizer:
    """What all optimisers offer.

    An optimiser fits those of its parameters that require gradients. It can be pickled and copied: options and memory go
    along, parameters do not (see :meth:`attach`).

    Parameters can be given in groups with options of their own, as dictionaries: ``[{"params": [blur.sigma], "lr": 0.01},
    {"params": [blur.gain], "lr": 1.0}]``. :attr:`param_groups` shows them.
    """

    #: Whether one loss and gradient are enough for a step.
    _single = True
    _groups: list[ParameterGroup]

    def __init__(self, params: Params, **options: Any) -> None:
        self._options = options
        self._groups = []
        self.attach(params)

    def attach(self, params: Params) -> None:
        """Fit these parameters from now on; as many groups as before."""
        described = self._described(params)
        if not self._groups:
            kind = type(self).__name__
            self._groups = [ParameterGroup(kind, {**self._options, **own}) for _, own in described]
        elif len(described) != len(self._groups):
            raise ValueError(f"params: expected {len(self._groups)} groups, as before, got {len(described)}")
        for group, (parameters, _) in zip(self._groups, described, strict=True):
            group.parameters = parameters

    def _described(self, params: Any) -> list[tuple[list[Parameter], dict[str, Any]]]:
        """Parameters and options of every group."""
        if isinstance(params, Parameter):
            raise TypeError("params: expected a list of parameters, got a single one; write [parameter]")
        if isinstance(params, Mapping) or not isinstance(params, Iterable):
            raise TypeError(f"params: expected a list of parameters or of groups, got {short(params)}")
        members = list(params)
        groups = members if any(isinstance(member, Mapping) for member in members) else [{"params": members}]
        if len(groups) > 1 and not self._single:
            raise ValueError(f"params: expected one group, as {type(self).__name__} moves all numbers together")
        described: list[tuple[list[Parameter], dict[str, Any]]] = []
        seen: set[int] = set()
        for group in groups:
            if not isinstance(group, Mapping) or "params" not in group:
                raise TypeError(f'params: expected groups {{"params": [...], "lr": ...}}, got {short(group)}')
            own = {name: value for name, value in group.items() if name != "params"}
            for name in own:
                if name not in self._options:
                    raise ValueError("params: " + unknown("option", str(name), self._options))
            found: dict[int, Parameter] = {}
            listed = group["params"]
            for parameter in [listed] if isinstance(listed, Parameter) else listed:
                if not isinstance(parameter, Parameter):
                    raise TypeError(f"params: expected parameters, e.g. model.parameters(), got {short(parameter)}")
                if id(parameter) in seen:
                    raise ValueError(f"params: {parameter.name} is in two groups")
                found[id(parameter)] = parameter
            if not found:
                raise ValueError("params: expected at least one parameter, got none")
            seen.update(found)
            described.append((list(found.values()), own))
        return described

    @property
    def param_groups(self) -> list[ParameterGroup]:
        """The groups of parameters: ``group["params"]``, ``group["lr"]`` (which can be set) and other options."""
        return list(self._groups)

    @property
    def lr(self) -> float | None:
        """How far a step goes; it can be changed at any time. None where groups differ, see :attr:`param_groups`."""
        rates = {group.native.lr for group in self._groups}
        return rates.pop() if len(rates) == 1 else None

    @lr.setter
    def lr(self, lr: float) -> None:
        for group in self._groups:
            group["lr"] = lr
        self._options = {**self._options, "lr": float(lr)}

    def zero_grad(self) -> None:
        """Forget the gradients of its parameters."""
        for parameter in self._all():
            parameter.zero_grad()

    def step(self, closure: Callable[[], Any] | None = None, bounded: bool = False) -> Any:
        """Move the parameters.

        Parameters
        ----------
        closure : callable, optional
            Forgets the gradients, computes the loss, calls ``backward`` on it and returns it. Without one, the gradients
            that are there are used; LBFGS needs one.
        bounded : bool
            Move the parameters in coordinates in which every number is allowed, so that none leaves its range: the
            logarithm of a positive number, the inverse softplus of one from 0, others in units of the size they had at
            the first step. Learning rates are parts of the present value then. An optimiser steps in one way for all of
            its life.

        Returns
        -------
        The loss that the closure returned first; None without a closure. After an error all parameters are what they
        were.
        """
        if closure is None and not self._single:
            raise TypeError(f"{type(self).__name__}.step: expected a closure, which computes the loss again; got None")
        if not any(parameter.requires_grad for parameter in self._all()):
            raise RuntimeError("step: none of the parameters requires a gradient; see requires_grad_()")
        before = [(parameter, parameter._native.value()) for parameter in self._all()]
        try:
            if bounded:
                for group in self._groups:
                    group.move_inside()
            # The first evaluation comes before the numbers are counted: a weight may take its size from the first frame.
            first = closure() if closure is not None else None
            loss = _number(first) if closure is not None else 0.0
            moved = [(group, *group.moved(loss, closure, bounded)) for group in self._groups]
            for group, parameters, point in moved:
                try:
                    _set(parameters, point)
                except ValueError as error:
                    raise RuntimeError(
                        f"a step left the range of a parameter ({error}); try a smaller lr, or bounded=True"
                    ) from None
                group.stepped = True
        except BaseException:
            for parameter, value in before:
                if parameter.shape == value.shape:  # else it has taken its size meanwhile
                    parameter._native.set(value)
            raise
        return first

    def _all(self) -> list[Parameter]:
        if self._detached:
            raise RuntimeError("a restored optimizer has no parameters; call attach(model.parameters())")
        return [parameter for group in self._groups for parameter in group.parameters]

    @property
    def _detached(self) -> bool:
        return not all(group.parameters for group in self._groups)

    def state_dict(self) -> dict[str, Any]:
        """Its options, and a copy of what it remembers; of each group, where there are several."""
        groups = [group.state() for group in self._groups]
        return groups[0] if len(groups) == 1 else {"groups": groups}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state_dict` returned."""
        groups = state.get("groups", [state]) if isinstance(state, Mapping) else [state]
        if not all(isinstance(group, Mapping) and set(group) == {"options", "memory"} for group in groups):
            raise ValueError(f"state: expected what state_dict() returned, got {short(state)}")
        if self._groups and len(groups) != len(self._groups):
            raise ValueError(f"state: expected that of {len(self._groups)} groups, got that of {len(groups)}")
        restored = [ParameterGroup.restored(type(self).__name__, group) for group in groups]
        for new, old in zip(restored, self._groups, strict=False):
            new.parameters = old.parameters
        self._groups, self._options = restored, {**getattr(self, "_options", {}), **restored[0].options}

    def __getstate__(self) -> dict[str, Any]:
        return self.state_dict()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._groups = []
        self.load_state_dict(state)

    def __repr__(self) -> str:
        texts = [", ".join(f"{name}={value!r}" for name, value in group.options.items()) for group in self._groups]
        if len(texts) == 1:
            return f"{type(self).__name__}({texts[0]})"
        return "\n".join([type(self).__name__, *(f"  group {i}: {text}" for i, text in enumerate(texts))])


class ParameterGroup:
    """Parameters that are moved by the same options: one of :attr:`Optimizer.param_groups`.

    Examples
    --------
    >>> import convis
    >>> blur, low = convis.filters.GaussianBlur(0.1), convis.filters.TemporalLowPassFilterRecursive(0.01)
    >>> groups = [{"params": [blur.sigma]}, {"params": [low.tau], "lr": 1e-4}]
    >>> optimizer = convis.optim.Adam(groups, lr=0.01)
    >>> optimizer.param_groups[1]["lr"] /= 2
    >>> [group["lr"] for group in optimizer.param_groups]
    [0.01, 5e-05]
    """

    def __init__(self, kind: str, options: dict[str, Any]) -> None:
        self.native = _native.Optimizer(kind, options)
        self.options = options
        self.parameters: list[Parameter] = []
        self.stepped = False
        #: What one unit of a coordinate means, number by number, for steps within ranges.
        self.scale: NDArray[np.float64] | None = None

    @classmethod
    def restored(cls, kind: str, state: Mapping[str, Any]) -> ParameterGroup:
        """A group without parameters, from its state."""
        self = cls(kind, dict(state["options"]))
        memory = {name: np.asarray(array, np.float64) for name, array in state["memory"].items()}
        self.scale = memory.pop("scale", None)
        self.native.restore(memory)
        self.stepped = bool(memory) or self.scale is not None
        return self

    def state(self) -> dict[str, Any]:
        """Its options, and a copy of what it remembers."""
        memory = self.native.memory()
        return {"options": dict(self.options), "memory": memory if self.scale is None else {**memory, "scale": self.scale}}

    def __getitem__(self, name: str) -> Any:
        return list(self.parameters) if name == "params" else self.options[name]

    def __setitem__(self, name: str, value: Any) -> None:
        if name != "lr":
            raise KeyError(f"{name}: only the learning rate, lr, can be changed")
        try:
            self.native.set_lr(float(value))
        except TypeError:
            raise TypeError(f"lr: expected a number, got {short(value)}") from None
        self.options = {**self.options, "lr": float(value)}

    def keys(self) -> list[str]:
        """``"params"`` and the names of the options."""
        return ["params", *self.options]

    def _fitted(self) -> list[Parameter]:
        return [parameter for parameter in self.parameters if parameter.requires_grad]

    def _coordinates(self, parameters: list[Parameter]) -> _native.Coordinates:
        """The coordinates of the numbers of these parameters in which every number is allowed."""
        values = [parameter._native.value().ravel() for parameter in parameters]
        size = sum(len(value) for value in values)
        if self.scale is None or (len(self.scale) != size and not self.stepped):
            self.scale = np.concatenate([np.full(len(v), float(np.sqrt(np.mean(v**2))) or 1.0) for v in values])
        if len(self.scale) != size:
            raise ValueError(f"parameters: expected {len(self.scale)} numbers, as in the steps before, got {size}")
        domains = [parameter._native.range for parameter, value in zip(parameters, values, strict=True) for _ in value]
        return _native.Coordinates([(domain, float(s), 0.0, 0.0) for domain, s in zip(domains, self.scale, strict=True)])

    def move_inside(self) -> None:
        """Move numbers on the border of their range just inside: there, their coordinates would be infinite."""
        parameters = self._fitted()
        if parameters:
            coordinates, values = self._coordinates(parameters), _values(parameters)
            _set(parameters, np.asarray(coordinates.outward(coordinates.inward(values))))

    def moved(
        self, loss: float, closure: Callable[[], Any] | None, bounded: bool
    ) -> tuple[list[Parameter], NDArray[np.float64]]:
        """Its parameters, and their numbers after a step, given the loss, and the gradients, where they are now."""
        parameters = self._fitted()
        if not parameters:
            return parameters, np.zeros(0)
        if self.stepped and bounded != (self.scale is not None):
            raise RuntimeError("bounded: expected what it was in the steps before; use a new optimizer")
        coordinates = self._coordinates(parameters) if bounded else None
        start, gradient = _values(parameters), _gradients(parameters)

        def inner(gradient: NDArray[np.float64], u: NDArray[np.float64]) -> NDArray[np.float64]:
            return gradient if coordinates is None else gradient * coordinates.slopes(u)

        at = start if coordinates is None else coordinates.inward(start)
        known = [(loss, inner(gradient, at))]
        now = at

        def evaluate(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            nonlocal now
            if not np.array_equal(point, now):
                try:
                    _set(parameters, point if coordinates is None else coordinates.outward(point))
                except ValueError:
                    return float("inf"), np.zeros_like(point)  # outside the range of a parameter
                now = point
            elif known:
                return known.pop()
            known.clear()
            loss = _number(closure()) if closure is not None else 0.0
            return loss, inner(_gradients(parameters), point)

        point, _ = self.native.step(at, evaluate)
        return parameters, point if coordinates is None else coordinates.outward(point)


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
        params: Params,
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
        params: Params,
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
        params: Params,
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
        params: Params,
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
        params: Params,
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


class Adadelta(Optimizer):
    """Each number's steps have the size of its recent steps, relative to its recent gradients.

    With g the gradient plus ``weight_decay`` times the parameter: v ← rho·v + (1 − rho)·g², Δ = √((d + eps)/(v + eps))·g,
    d ← rho·d + (1 − rho)·Δ², p ← p − lr·Δ.

    Parameters
    ----------
    params : iterable of Parameter
        What is fitted.
    lr, rho, eps, weight_decay : float
        See above.

    References
    ----------
    Zeiler, arXiv:1212.5701.
    """

    def __init__(
        self, params: Params, lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, lr=lr, rho=rho, eps=eps, weight_decay=weight_decay)


class Adamax(Optimizer):
    """Adam with the largest recent gradient in place of the root mean square.

    With g the gradient plus ``weight_decay`` times the parameter, in step t: m ← β₁·m + (1 − β₁)·g, u ← max(β₂·u, |g| + eps),
    p ← p − lr/(1 − β₁ᵗ)·m/u.

    Parameters
    ----------
    params : iterable of Parameter
        What is fitted.
    lr, betas, eps, weight_decay
        As for :class:`Adam`.

    References
    ----------
    Kingma & Ba, ICLR 2015.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, betas=tuple(betas), eps=eps, weight_decay=weight_decay)


class NAdam(Optimizer):
    """Adam with Nesterov's momentum, which looks one step ahead.

    As :class:`Adam`, with μₜ₊₁/(1 − μ₁ … μₜ₊₁)·m + (1 − μₜ)/(1 − μ₁ … μₜ)·g in place of m/(1 − β₁ᵗ), where
    μₜ = β₁·(1 − ½·0.96^(t·momentum_decay)).

    Parameters
    ----------
    params : iterable of Parameter
        What is fitted.
    lr, betas, eps, weight_decay
        As for :class:`Adam`.
    momentum_decay : float
        See above.

    References
    ----------
    Dozat, ICLR 2016 workshop.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
    ) -> None:
        super().__init__(
            params, lr=lr, betas=tuple(betas), eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay
        )


class RAdam(Optimizer):
    """Adam that trusts its mean square only when enough steps have gone into it, and moves by the mean gradient before.

    Parameters
    ----------
    params : iterable of Parameter
        What is fitted.
    lr, betas, eps, weight_decay
        As for :class:`Adam`.

    References
    ----------
    Liu et al., ICLR 2020.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, betas=tuple(betas), eps=eps, weight_decay=weight_decay)


class Rprop(Optimizer):
    """Steps by the sign of the gradient alone: they grow while a number's gradient keeps its sign, else they shrink.

    Parameters
    ----------
    params : iterable of Parameter
        What is fitted.
    lr : float
        The first step.
    etas : (float, float)
        Factors of a step where the sign has changed and where it has not.
    step_sizes : (float, float)
        Smallest and largest step.

    References
    ----------
    Riedmiller & Braun, IEEE Int. Conf. Neural Networks 1993.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50.0),
    ) -> None:
        super().__init__(params, lr=lr, etas=tuple(etas), step_sizes=tuple(step_sizes))


class ASGD(Optimizer):
    """Gradient descent with falling steps; the mean of the points is kept in ``state_dict()["memory"]["ax"]``.

    With g the gradient plus ``weight_decay`` times the parameter, in step t, η = lr at first: p ← p·(1 − lambd·η) − η·g,
    ax ← ax + (p − ax)/max(1, t − 1 − t0), η ← lr/(1 + lambd·lr·t)^alpha.

    Parameters
    ----------
    params : iterable of Parameter
        What is fitted.
    lr, lambd, alpha, t0, weight_decay : float
        See above.

    References
    ----------
    Polyak & Juditsky, SIAM J. Control Optim. 30 (1992).
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, lambd=lambd, alpha=alpha, t0=t0, weight_decay=weight_decay)


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
        params: Params,
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

    def __init__(self, params: Params) -> None:
        super().__init__(params)
