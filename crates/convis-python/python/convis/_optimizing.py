"""What every layer offers for fitting its parameters to wanted outputs."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _gradients, _native, optim
from ._movies import movie, whole
from ._native import Tensor
from ._output import Output
from ._parameter import Parameter
from ._text import short, unknown

if TYPE_CHECKING:
    from ._layer import Layer

LossFunction = Callable[[Tensor, Tensor], Tensor]

#: Losses by name.
LOSSES = ("sse", "mse", "poisson", "bce", "huber")


class Optimizing:
    """Fitting: the part of every layer that is about losses and optimisers."""

    @property
    def set_optimizer(self) -> OptimizerMenu:
        """Choose how :meth:`optimize` moves the parameters, to be completed by tab.

        Examples
        --------
        >>> import convis
        >>> model = convis.filters.GaussianBlur(0.1)
        >>> model.set_optimizer.Adam(lr=0.01)
        Adam(lr=0.01, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0, amsgrad=False)
        """
        return OptimizerMenu(self)

    def optimize(
        self,
        inp: Any,
        out: Any,
        optimizer: Any = None,
        loss_fn: str | LossFunction | None = None,
        dt: int | None = None,
        t_skip: int = 0,
        bptt: int = 0,
        checkpoint: bool | int = False,
        bounded: bool = False,
    ) -> Any:
        """Move the parameters one step towards an output that is wanted; one step per chunk.

        The layer goes on from its state; afterwards the state is what it was before. Every evaluation of the loss within
        a step begins from the same state, that at the beginning of the chunk, and the next chunk begins from the state
        after the first of them. Gradients end at the beginning of a chunk unless ``bptt`` says otherwise. After an error
        all parameters are what they were.

        Parameters
        ----------
        inp : array_like, Tensor, Output or Parameter
            Movie with axes (time, height, width) or (batch, channel, time, height, width).
        out : array_like, Tensor or Output
            What the first output should be, of its shape; (time, height, width) and (time,) are understood. A constant.
        optimizer : optional
            An optimiser of :mod:`convis.optim`, or anything with ``step(closure)`` and ``zero_grad()``; by default the one
            chosen by :attr:`set_optimizer`.
        loss_fn : {"sse", "mse", "poisson", "bce", "huber"} or callable, optional
            The loss: by name, or a function of two tensors, wanted and actual output, that returns one number. By
            default the sum of squared errors, "sse".
        dt : int, optional
            Frames per chunk; by default the whole movie.
        t_skip : int
            So many frames at the beginning do not enter the loss.
        bptt : int
            How many frames before the chunk gradients are followed; these frames are computed again in every evaluation.
        checkpoint : bool or int
            Whether to compute gradients in little memory, as ``checkpointed`` of a layer of the library does; a number is
            that of the frames between two states that are kept. Losses are the same, gradients the same to rounding; every
            frame is computed twice.
        bounded : bool
            Whether parameters move in coordinates that never leave their range, positive ones by their logarithm, and
            learning rates are parts of their size, see :meth:`convis.optim.Optimizer.step`.

        Returns
        -------
        float or list of float
            The loss before the step; with ``dt`` that of every chunk.

        Raises
        ------
        RuntimeError
            If no optimiser has been chosen, or the loss has no gradient with respect to any parameter.

        Examples
        --------
        >>> import convis, numpy as np
        >>> x = np.random.default_rng(0).standard_normal((50, 8, 8))
        >>> y = convis.filters.GaussianBlur(0.2)(x)
        >>> model = convis.filters.GaussianBlur(0.1)
        >>> optimizer = model.set_optimizer.LBFGS(line_search_fn="strong_wolfe")
        >>> first = model.optimize(x, y)
        >>> model.compute_loss(x, y) < 1e-3 * first
        True
        """
        optimizer = self._chosen(optimizer)
        if bounded and not isinstance(optimizer, optim.Optimizer):
            raise TypeError(f"bounded: expected False for optimisers other than those of convis.optim, got {bounded}")
        trial = _Trial(self, inp, out, loss_fn, dt, t_skip, bptt, checkpoint)
        self._layer()._take_sizes(trial._movie()[:, :, : trial.dt])
        parameters = list(self._layer().parameters())
        start, before = self._layer().get_state(), [parameter.data for parameter in parameters]
        losses = []
        try:
            for piece in trial.pieces():
                if piece.counted == piece.end:
                    trial.pass_over(piece)
                    continue
                closure = trial.closure(piece, optimizer)
                losses.append(float(optimizer.step(closure, bounded=True) if bounded else optimizer.step(closure)))
                trial.finish(piece)
        except BaseException:
            for parameter, value in zip(parameters, before, strict=True):
                parameter._native.set(value)
            raise
        finally:
            self._layer().set_state(start)
        return losses if dt is not None else losses[0]

    def compute_loss(
        self,
        inp: Any,
        out: Any,
        loss_fn: str | LossFunction | None = None,
        dt: int | None = None,
        t_skip: int = 0,
    ) -> Any:
        """Compute how far the output is from one that is wanted; nothing changes, the state included.

        Parameters
        ----------
        inp, out, loss_fn, dt, t_skip
            As for :meth:`optimize`.

        Returns
        -------
        float or list of float
            The loss; with ``dt`` that of every chunk.

        Examples
        --------
        >>> import convis, numpy as np
        >>> blur = convis.filters.GaussianBlur(0.1)
        >>> round(blur.compute_loss(np.ones((10, 4, 4)), np.zeros((10, 4, 4)), "mse"), 5)
        1.0
        """
        trial = _Trial(self, inp, out, loss_fn, dt, t_skip, 0)
        start = self._layer().get_state()
        losses = []
        try:
            with _gradients.no_grad():
                for piece in trial.pieces():
                    loss = trial.loss(piece, piece.start) if piece.counted < piece.end else None
                    if loss is None:
                        trial.pass_over(piece)
                    else:
                        losses.append(float(loss))
        finally:
            self._layer().set_state(start)
        return losses if dt is not None else losses[0]

    # ------------------------------------------------------------------ the optimiser that was chosen
    @property
    def optimizer(self) -> Any:
        """The optimiser chosen by :attr:`set_optimizer`, or None."""
        return self.__dict__.get("_optimizer")

    @optimizer.setter
    def optimizer(self, optimizer: Any) -> None:
        self.__dict__["_optimizer"] = None if optimizer is None else self._chosen(optimizer)

    def push_optimizer(self) -> None:
        """Put the optimiser and what it remembers on a stack; it stays in force."""
        self._layer()._stack("optimizer").append(self._optimizer_state())

    def pop_optimizer(self) -> None:
        """Go back to the optimiser pushed last, and to what it remembered then."""
        self._set_optimizer_state(self._layer()._pop("optimizer"))

    def _optimizer_state(self) -> Any:
        chosen = self.optimizer
        memory = chosen.state_dict() if hasattr(chosen, "state_dict") else None
        return chosen, memory

    def _set_optimizer_state(self, state: Any) -> None:
        chosen, memory = state
        if memory is not None:
            chosen.load_state_dict(memory)
        self.__dict__["_optimizer"] = chosen

    def _chosen(self, optimizer: Any) -> Any:
        chosen = self.optimizer if optimizer is None else optimizer
        if chosen is None:
            raise RuntimeError(
                "optimizer: none has been chosen; choose one, e.g. model.set_optimizer.Adam(lr=0.01), or pass one to "
                "optimize(..., optimizer=...)"
            )
        if not (callable(getattr(chosen, "step", None)) and callable(getattr(chosen, "zero_grad", None))):
            raise TypeError(f"optimizer: expected one of convis.optim, got {short(chosen)}")
        if isinstance(chosen, optim.Optimizer) and chosen._detached:
            chosen.attach(self._layer().parameters())  # it came with a copy of this layer
        return chosen

    def _layer(self) -> Layer:
        return self  # type: ignore[return-value]  # every layer is one


class OptimizerMenu:
    """The optimisers a layer can be fitted with, to be completed by tab; call one with its options."""

    def __init__(self, layer: Optimizing) -> None:
        self._layer = layer

    def __call__(self, optimizer: Any) -> Any:
        """Use an optimiser that exists; returns it."""
        self._layer.__dict__["_optimizer"] = self._layer._chosen(optimizer)
        return optimizer

    def __dir__(self) -> list[str]:
        return [name for name in optim.__all__ if name not in ("Optimizer", "ParameterGroup")]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_") or name not in dir(self):
            raise AttributeError("set_optimizer: " + unknown("optimizer", name, dir(self)))
        kind = getattr(optim, name)

        @functools.wraps(kind.__init__)
        def choose(*args: Any, **options: Any) -> Any:
            optimizer = kind(self._layer._layer().parameters(), *args, **options)
            return self(optimizer)

        signature = inspect.signature(kind)
        own = [p for p in signature.parameters.values() if p.name != "params"]
        choose.__signature__ = signature.replace(parameters=own)  # type: ignore[attr-defined]
        choose.__name__, choose.__doc__ = name, kind.__doc__
        return choose

    def __repr__(self) -> str:
        return f"set_optimizer: {', '.join(dir(self))}\nnow: {self._layer.optimizer}"


class _Piece:
    """The frames of a chunk, and the first one that enters the loss."""

    def __init__(self, start: int, end: int, counted: int) -> None:
        self.start, self.end, self.counted = start, end, counted


class _Trial:
    """A layer on its way through a movie whose output is known; the rule is that of :meth:`Optimizing.optimize`."""

    def __init__(
        self,
        layer: Optimizing,
        inp: Any,
        out: Any,
        loss_fn: str | LossFunction | None,
        dt: int | None,
        t_skip: int,
        bptt: int,
        checkpoint: bool | int = False,
    ) -> None:
        self.layer = layer._layer()
        self.compute = self.layer if checkpoint is False else _checkpointed(self.layer, checkpoint)
        # A parameter as input may be what is fitted: it is looked at anew in every evaluation.
        self.input = inp if isinstance(inp, Parameter) else movie(inp, self.layer._double)
        self.frames = int(self._movie().shape[2])
        self.target = _target(out, self.layer._double)
        if self.target.shape[2] != self.frames:
            raise ValueError(
                f"out: expected a shape of {self.frames} frames, as the input has, got shape {self.target.shape}"
            )
        self.of = _loss(loss_fn)
        self.dt = self.frames if dt is None else whole("dt", dt)
        self.skip, self.bptt = whole("t_skip", t_skip, 0), whole("bptt", bptt, 0)
        if self.skip >= self.frames:
            raise ValueError(f"t_skip: expected fewer than the {self.frames} frames, got {self.skip}")
        self.now = self.earlier = self.layer.get_state()
        self.earlier_at = 0
        self.after: Any = None

    def _movie(self) -> Any:
        return movie(self.input, self.layer._double) if isinstance(self.input, Parameter) else self.input

    def pieces(self) -> Iterator[_Piece]:
        for start in range(0, self.frames, self.dt):
            end = min(start + self.dt, self.frames)
            yield _Piece(start, end, min(max(self.skip, start), end))

    def pass_over(self, piece: _Piece) -> None:
        """Frames that do not enter the loss only advance the state."""
        with _gradients.no_grad():
            self.layer.set_state(self.now)
            self.layer(self._movie()[:, :, piece.start : piece.end])
        self.now = self.layer.get_state()

    def loss(self, piece: _Piece, start: int) -> Tensor:
        """The loss of a piece, computed from the state at frame `start`."""
        output = self.compute(self._movie()[:, :, start : piece.end])
        output = output[0] if isinstance(output, (Output, list, tuple)) else output
        target = self.target[:, :, piece.counted : piece.end]
        if not isinstance(output, Tensor) or output.ndim != 5 or output.shape[2] != piece.end - start:
            shape = getattr(output, "shape", type(output).__name__)
            raise ValueError(f"the output has shape {shape}: expected a movie of as many frames as went in")
        output = output[:, :, piece.counted - start :]
        if output.shape != target.shape:
            raise ValueError(f"out: expected shape {output.shape}, that of the output, got shape {target.shape}")
        loss = self.of(target, output)
        if getattr(loss, "size", None) != 1:
            raise TypeError(f"loss_fn: expected a function that returns a tensor of one number, got {short(loss)}")
        return loss

    def closure(self, piece: _Piece, optimizer: Any) -> Callable[[], Tensor]:
        """Computes loss and gradients of a piece, each time from the same state."""
        start = max(piece.start - self.bptt, 0) if self.bptt else piece.start
        before = self.now
        if self.bptt:
            if start > self.earlier_at:
                with _gradients.no_grad():
                    self.layer.set_state(self.earlier)
                    self.layer(self._movie()[:, :, self.earlier_at : start])
                self.earlier, self.earlier_at = self.layer.get_state(), start
            before = self.earlier
        self.after = None

        def closure() -> Tensor:
            optimizer.zero_grad()
            self.layer.set_state(before)
            loss = self.loss(piece, start)
            if self.after is None:
                self.after = self.layer.get_state()
            if loss.requires_grad:
                loss.backward()
            elif isinstance(optimizer, optim.Optimizer):  # others may do without gradients
                raise RuntimeError(self._without_gradient())
            return loss

        return closure

    def _without_gradient(self) -> str:
        """Why a loss has no gradient, and what to do."""
        problem = "optimize: the loss has no gradient with respect to any parameter"
        if not _gradients.recorded():
            return f"{problem}, as gradients are switched off; see convis.default_grad_enabled and convis.no_grad"
        if not any(parameter.requires_grad for parameter in self.layer.parameters()):
            return f"{problem}, as none requires one; see requires_grad_()"
        if any(getattr(layer, "_spiking", None) for layer in self.layer.modules()):
            return (
                f"{problem}, as spikes have no derivative; fit the current instead, e.g. Retina(spikes=False), give the "
                'spikes a surrogate one, e.g. surrogate=("fast_sigmoid", 10.0), or use convis.fit'
            )
        return f"{problem}; does its output depend on the parameters, and is it made of tensors throughout?"

    def finish(self, piece: _Piece) -> None:
        """The next chunk begins where the first evaluation of this one ended."""
        self.now = self.after


def _checkpointed(layer: Any, checkpoint: bool | int) -> Callable[[Any], Any]:
    """Calls of a layer that keep a state every so many frames."""
    if not hasattr(layer, "checkpointed"):
        raise TypeError(
            f"checkpoint: {type(layer).__name__} is written in Python; this needs a layer of the library. Use dt to "
            "limit memory instead"
        )
    frames = None if checkpoint is True else whole("checkpoint", checkpoint)
    return functools.partial(layer.checkpointed, frames=frames)


def _target(out: Any, double: bool) -> Tensor:
    """What is wanted, as a movie without history."""
    if isinstance(out, Output):
        out = out[0]
    try:
        array = np.asarray(out)
    except Exception as error:  # whatever foreign objects raise
        raise ValueError(f"out: could not be read as an array of numbers: {error}") from error
    if array.dtype.kind not in "fiub":
        raise TypeError(f"out: expected numbers, got {short(out)}")
    if array.ndim == 1:
        array = array[:, None, None]
    if array.ndim == 3:
        array = array[None, None]
    if array.ndim != 5:
        raise ValueError(f"out: expected the shape of the output, with 5 axes, got shape {array.shape}")
    array = np.asarray(array, np.float64 if double else np.float32, order="C")
    if not np.isfinite(array).all():
        raise ValueError("out: expected finite numbers, got NaN or infinity")
    return Tensor(array)


def _loss(loss_fn: str | LossFunction | None) -> LossFunction:
    if loss_fn is None:
        loss_fn = "sse"
    if isinstance(loss_fn, str):
        name = loss_fn
        if name not in LOSSES:
            raise ValueError(f"loss_fn: expected one of {', '.join(LOSSES)}, or a function; got {name!r}")
        return lambda target, output: _native.loss(name, output, target)
    if not callable(loss_fn):
        raise TypeError(f"loss_fn: expected a function of two tensors or the name of a loss, got {short(loss_fn)}")
    return loss_fn
