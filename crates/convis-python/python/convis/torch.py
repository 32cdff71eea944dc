"""Layers as modules of PyTorch: they train inside any network of torch, and optimisers of torch drive them.

Importing ``convis`` does not import torch; this module does, when it is first used.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

try:
    import torch
    from torch.optim.optimizer import register_optimizer_step_post_hook
except ImportError as error:
    raise ImportError("convis.torch needs PyTorch: pip install torch (https://pytorch.org)") from error

from . import _native
from ._output import Output
from ._parameter import Parameter
from ._text import short

if TYPE_CHECKING:
    from ._layer import Layer

__all__ = ["LayerModule", "as_module"]

_modules: weakref.WeakSet[LayerModule] = weakref.WeakSet()


def __dir__() -> list[str]:
    return __all__


def as_module(layer: Layer, keep_state: bool = False) -> LayerModule:
    """Make a torch module of a layer; both share their parameters.

    A step of a torch optimiser, ``load_state_dict`` and any other change of the module's parameters reach the layer, and
    what is set in the layer reaches the module. Numbers are computed in the type of the input (float32 or float64).

    Parameters
    ----------
    layer : convis.Layer
        The layer.
    keep_state : bool
        Whether a call goes on from where the one before ended, as for successive chunks of a movie. By default every
        call begins from the state the layer is in, and leaves it there: the same input gives the same output.

    Returns
    -------
    LayerModule
        A ``torch.nn.Module``; called with a movie (time, height, width) or (batch, channel, time, height, width), it
        returns a tensor, or a tuple of them for several outputs. Gradients go through input and parameters; those of
        gradients do not exist.
    """
    return LayerModule(layer, keep_state)


class LayerModule(torch.nn.Module):
    """A layer as a torch module; made by :func:`as_module`."""

    def __init__(self, layer: Layer, keep_state: bool = False) -> None:
        from ._layer import Layer

        if not isinstance(layer, Layer):
            raise TypeError(f"layer: expected a convis layer, got {short(layer)}")
        super().__init__()
        self.__dict__["layer"] = layer
        self.keep_state = bool(keep_state)
        dtype = torch.float64 if layer._double else torch.float32
        pairs = []
        for path, ours in layer.named_parameters():
            value = torch.from_numpy(ours.numpy()).to(dtype)
            theirs = torch.nn.Parameter(value, requires_grad=ours.requires_grad)
            *folders, name = path.split(".")
            place: torch.nn.Module = self
            for folder in folders:
                if folder not in place._modules:
                    place.add_module(folder, torch.nn.Module())
                place = place.get_submodule(folder)
            place.register_parameter(name, theirs)
            pairs.append((place, name, _Link(ours, theirs)))
        self.__dict__["_links"] = pairs
        _modules.add(self)

    def synchronize(self) -> None:
        """Pass on what has changed in the layer or in the module since the last time; of two changes the module's counts.

        It is done before every call, after every step of a torch optimiser and whenever parameters are listed.
        """
        for place, name, link in self.__dict__["_links"]:
            link.synchronize(place._parameters[name])

    def forward(self, x: torch.Tensor) -> Any:
        """Compute the output for a movie."""
        if not isinstance(x, torch.Tensor):
            raise TypeError(f"x: expected a torch tensor, got {short(x)}")
        self.synchronize()
        self.__dict__["layer"]._take_sizes(x.detach().cpu().numpy())
        self.synchronize()
        parameters = [place._parameters[name] for place, name, _ in self.__dict__["_links"]]
        results = _Call.apply(self, x, *parameters)
        return results if len(results) > 1 else results[0]

    # Whoever looks at the parameters sees those of the layer.
    def named_parameters(self, *args: Any, **kwargs: Any) -> Iterator[tuple[str, torch.nn.Parameter]]:
        self.synchronize()
        named: Iterator[tuple[str, torch.nn.Parameter]] = super().named_parameters(*args, **kwargs)
        return named

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        self.synchronize()
        return super().state_dict(*args, **kwargs)

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        self.synchronize()
        result = super().load_state_dict(*args, **kwargs)
        self.synchronize()
        return result

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any, **kwargs: Any) -> None:
        # Weights that can be of any size take that of the values that follow.
        for path, ours in self.__dict__["layer"].named_parameters():
            value = state_dict.get(prefix + path)
            if isinstance(value, torch.Tensor) and tuple(value.shape) != ours.shape and value.ndim == len(ours.shape):
                try:
                    ours.set(value.detach().cpu().double().numpy())
                except ValueError:
                    continue  # one of a fixed size: torch names it
        self.synchronize()
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def extra_repr(self) -> str:
        """The kind of layer."""
        return type(self.__dict__["layer"]).__name__


class _Link:
    """A parameter of a layer and its counterpart, with the values of both when they were last the same."""

    def __init__(self, ours: Parameter, theirs: torch.nn.Parameter) -> None:
        self.ours = ours
        self._note(theirs)

    def _note(self, theirs: torch.nn.Parameter) -> None:
        self.last = self.ours.numpy()
        self.last_theirs = theirs.detach().clone()

    def synchronize(self, theirs: torch.nn.Parameter) -> None:
        now = self.ours.numpy()
        if theirs.shape != self.last_theirs.shape or not torch.equal(theirs.detach().to(self.last_theirs), self.last_theirs):
            self.ours.set(theirs.detach().cpu().double().numpy())
        elif now.shape != self.last.shape or not np.array_equal(now, self.last):
            with torch.no_grad():
                theirs.data = torch.from_numpy(now).to(theirs)
                if theirs.grad is not None and theirs.grad.shape != theirs.shape:
                    theirs.grad = None
        else:
            return
        self._note(theirs)


class _Call(torch.autograd.Function):
    """A call of a layer, with its gradients."""

    @staticmethod
    def forward(ctx: Any, module: LayerModule, x: torch.Tensor, *parameters: torch.Tensor) -> tuple[torch.Tensor, ...]:
        layer = module.__dict__["layer"]
        double = x.dtype == torch.float64
        if layer._double != double:
            layer.double() if double else layer.float()
        array = x.detach().cpu().numpy() if x.dtype in (torch.float32, torch.float64) else x.detach().cpu().float().numpy()
        frames = _native.Tensor(array, requires_grad=bool(ctx.needs_input_grad[1]))
        before = None if module.keep_state else layer.get_state()
        links = [link.ours for _, _, link in module.__dict__["_links"]]
        wanted = [bool(want) for want in ctx.needs_input_grad[2:]]
        on = [ours.requires_grad for ours in links]
        try:
            for ours, want in zip(links, wanted, strict=True):
                if ours.requires_grad != want:
                    ours.requires_grad = want
            output = layer(frames)
        finally:
            for ours, want in zip(links, on, strict=True):
                if ours.requires_grad != want:
                    ours.requires_grad = want
            if before is not None:
                layer.set_state(before)
        movies = list(output) if isinstance(output, (Output, tuple, list)) else [output]
        ctx.frames, ctx.movies, ctx.links, ctx.wanted, ctx.like = frames, movies, links, wanted, parameters
        results = tuple(torch.from_numpy(np.array(movie)).to(x.device) for movie in movies)
        ctx.mark_non_differentiable(*(r for r, m in zip(results, movies, strict=True) if not m.requires_grad))
        return results

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        # What these parameters have collected elsewhere stays apart.
        kept = [ours._native.swap_gradient(None) for ours in ctx.links]
        ctx.frames.zero_grad()
        try:
            for movie, gradient in zip(ctx.movies, gradients, strict=True):
                if movie.requires_grad and gradient is not None:
                    movie.backward(gradient.detach().cpu().contiguous().numpy())
        finally:
            found = [ours._native.swap_gradient(old) for ours, old in zip(ctx.links, kept, strict=True)]
        by_input = None
        if ctx.needs_input_grad[1] and ctx.frames.grad is not None:
            by_input = torch.from_numpy(np.array(ctx.frames.grad))
        by_parameter = [
            torch.from_numpy(np.array(gradient)).to(like) if want and gradient is not None else None
            for gradient, want, like in zip(found, ctx.wanted, ctx.like, strict=True)
        ]
        return (None, by_input, *by_parameter)


def _after_step(optimizer: torch.optim.Optimizer, *_: Any) -> None:
    """A torch optimiser has moved parameters: tell the layers."""
    moved = {id(p) for group in optimizer.param_groups for p in group["params"]}
    for module in list(_modules):
        for place, name, link in module.__dict__["_links"]:
            theirs = place._parameters[name]
            if id(theirs) in moved:
                link.synchronize(theirs)


register_optimizer_step_post_hook(_after_step)
