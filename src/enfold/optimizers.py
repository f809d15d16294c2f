"""Only what torch.optim lacks."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class KerasRMSprop(Optimizer):
    """RMSprop as Keras defines it, with ε inside the root:

        v ← ρ v + (1 − ρ) g²,   w ← w − η g / √(v + ε).

    torch.optim.RMSprop divides by √v + ε instead, which differs while v is small. (Tieleman & Hinton 2012, lecture
    6.5 of "Neural networks for machine learning"; the place of ε is Keras's.)

    Args:
        parameters: What to optimise.
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
            for w in group["params"]:
                if w.grad is None:
                    continue
                if w not in self.state:
                    self.state[w]["square"] = torch.zeros_like(w)
                square = self.state[w]["square"]
                square.mul_(group["rho"]).addcmul_(w.grad, w.grad, value=1 - group["rho"])
                w.addcdiv_(w.grad, (square + group["epsilon"]).sqrt_(), value=-group["lr"])
