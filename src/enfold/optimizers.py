"""Only what torch.optim lacks."""

# pyright: reportPrivateImportUsage=false, reportPrivateUsage=false

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from inspect import unwrap
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from enfold.options import Choice, option


class _Eager(Optimizer):
    """An optimizer whose methods that training calls are not guarded from `torch.compile`.

    The guards around torch's own import the compiler, compiling or not: 80 MB of memory, and seconds.
    """

    add_param_group = unwrap(Optimizer.add_param_group)
    zero_grad = unwrap(Optimizer.zero_grad)


class EagerAdam(_Eager, torch.optim.Adam):
    """torch's Adam (Kingma & Ba 2015), to the last bit, without the guards; `differentiable` has no effect."""

    step = torch.no_grad()(unwrap(torch.optim.Adam.step))


class KerasRMSprop(_Eager):
    """RMSprop as Keras defines it, with ε inside the root:

        v ← ρ v + (1 − ρ) g²,   w ← w − η g / √(v + ε).

    torch.optim.RMSprop divides by √v + ε instead, which differs while v is small. (Tieleman & Hinton 2012, lecture
    6.5 of "Neural networks for machine learning"; the place of ε is Keras's.)

    Args:
        parameters: What to optimize.
        lr: The step size η.
        rho: The decay ρ of the mean square.
        epsilon: ε, added to the mean square.
    """  # noqa: D400, D415 - the sentence ends in its formula

    def __init__(self, parameters: Iterable[Tensor], lr: float = 1e-3, rho: float = 0.9, epsilon: float = 1e-7):
        super().__init__(parameters, {"lr": lr, "rho": rho, "epsilon": epsilon})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Take one step along the gradients."""
        assert closure is None, "KerasRMSprop takes no closure"
        for group in self.param_groups:
            weights = [w for w in group["params"] if w.grad is not None]
            gradients = [w.grad for w in weights]
            squares = [self._square(w) for w in weights]
            torch._foreach_mul_(squares, group["rho"])
            torch._foreach_addcmul_(squares, gradients, gradients, 1 - group["rho"])
            roots = torch._foreach_add(squares, group["epsilon"])
            torch._foreach_sqrt_(roots)
            torch._foreach_addcdiv_(weights, gradients, roots, -group["lr"])

    def _square(self, w: Tensor) -> Tensor:
        if "square" not in self.state[w]:
            self.state[w]["square"] = torch.zeros_like(w)
        return self.state[w]["square"]


@dataclass(frozen=True)
class OptimizerChoice(Choice, part="optimizer"):
    """The optimizer."""

    learning_rate: float = option(4e-3, "the highest step size", above=0.0)

    def build(self, parameters: Sequence[Tensor]) -> Optimizer:
        """Return the optimizer of the parameters."""
        raise NotImplementedError


@dataclass(frozen=True)
class Adam(OptimizerChoice, name="adam"):
    """Adam."""

    beta2: float = option(0.999, "β₂, the decay of the mean square gradient", low=0.0, high=0.99999)

    def build(self, parameters: Sequence[Tensor]) -> Optimizer:
        """Return an `EagerAdam`."""
        return EagerAdam(parameters, self.learning_rate, betas=(0.9, self.beta2), fused=True)


@dataclass(frozen=True)
class RMSprop(OptimizerChoice, name="rmsprop"):
    """RMSprop, as Keras defines it."""

    learning_rate: float = option(1e-3, "the highest step size", above=0.0)

    def build(self, parameters: Sequence[Tensor]) -> Optimizer:
        """Return a `KerasRMSprop`."""
        return KerasRMSprop(parameters, self.learning_rate)
