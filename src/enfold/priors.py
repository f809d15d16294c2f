"""Priors p(z): modules that return a distribution over latent vectors, so that a prior may learn."""

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal


class StandardNormal(nn.Module):
    """p(z) = N(0, I).

    Args:
        latent_dim: How many coordinates z has.
    """

    zeros: Tensor
    ones: Tensor

    def __init__(self, latent_dim: int):
        super().__init__()
        self.register_buffer("zeros", torch.zeros(latent_dim), persistent=False)
        self.register_buffer("ones", torch.ones(latent_dim), persistent=False)

    def forward(self) -> Independent:
        """Return the distribution, over (latent_dim,)."""
        return Independent(Normal(self.zeros, self.ones, validate_args=False), 1, validate_args=False)
