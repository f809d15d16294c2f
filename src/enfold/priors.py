"""Priors p(z): modules that return a distribution over latent vectors, so that a prior may learn."""

import torch
import zuko
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, Independent, MixtureSameFamily, Normal

FIRST_BEND = 0.1  # of the splines of a single coordinate; with 0 all would stay the same
FLOW_HIDDEN = (64, 64)  # units of the networks that make a flow's parameters


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


class Mixture(nn.Module):
    """p(z) = Σ_k w_k N(z; μ_k, diag σ_k²), all of it learned (Dilokthanakul 2016; Jiang 2017, "VaDE").

    Args:
        latent_dim: How many coordinates z has.
        components: How many normal distributions are mixed.
    """

    def __init__(self, latent_dim: int, components: int):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(components))
        self.mu = nn.Parameter(torch.randn(components, latent_dim))
        self.log_sigma = nn.Parameter(torch.zeros(components, latent_dim))

    def forward(self) -> MixtureSameFamily:
        """Return the distribution, over (latent_dim,)."""
        parts = Independent(Normal(self.mu, self.log_sigma.exp(), validate_args=False), 1, validate_args=False)
        return MixtureSameFamily(Categorical(logits=self.logits, validate_args=False), parts, validate_args=False)


class VampPrior(nn.Module):
    """p(z) = Σ_k w_k q(z|u_k): a mixture of the posteriors of learned pseudo-inputs u_k.

    With all data as pseudo-inputs and equal weights it is the aggregate posterior, for which no prior gives a higher
    bound (Tomczak & Welling 2018, "VAE with a VampPrior", equation 9).

    Args:
        encoder: Raw examples → q(z|x), that of the model.
        pseudo_inputs: Where they begin, in raw units, (K, *shape).
        scale: What to divide them by as parameters, so that a step of theirs is like one of the weights'.
        limits: The lowest and the highest value that they may have, in raw units.
    """

    scale: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        pseudo_inputs: Tensor,
        scale: Tensor | float = 1.0,
        limits: tuple[float | None, float | None] | None = None,
    ):
        super().__init__()
        self._encoder = (encoder,)  # not a module of this one, whose weights it would double
        self.register_buffer("scale", torch.as_tensor(scale), persistent=False)
        self.scaled = nn.Parameter(pseudo_inputs / self.scale)
        self.logits = nn.Parameter(torch.zeros(len(pseudo_inputs)))
        self.limits = limits

    @property
    def pseudo_inputs(self) -> Tensor:
        """The pseudo-inputs, (K, *shape), in raw units."""
        raw = self.scaled * self.scale
        return raw if self.limits is None else raw.clamp(*self.limits)

    def forward(self) -> MixtureSameFamily:
        """Return the distribution, over (latent_dim,)."""
        parts = self._encoder[0](self.pseudo_inputs)
        return MixtureSameFamily(Categorical(logits=self.logits, validate_args=False), parts, validate_args=False)


class Flow(nn.Module):
    """p(z): a normal distribution bent by learned invertible maps.

    "realnvp" couples halves of z by affine maps (Dinh, Sohl-Dickstein & Bengio 2017), "spline" bends each coordinate
    by a monotonic rational-quadratic spline that depends on those before it (Durkan 2019, "Neural spline flows").
    A single coordinate has only splines.

    Args:
        latent_dim: How many coordinates z has.
        kind: "realnvp" or "spline".
        transforms: How many maps follow each other.
    """

    def __init__(self, latent_dim: int, kind: str = "spline", transforms: int = 4):
        super().__init__()
        options = {"transforms": transforms, "hidden_features": FLOW_HIDDEN}
        coupled = kind == "realnvp" and latent_dim > 1
        self.flow = zuko.flows.RealNVP(latent_dim, **options) if coupled else zuko.flows.NSF(latent_dim, **options)
        if latent_dim == 1:  # whose splines have no networks that would begin near the identity
            with torch.no_grad():
                for parameter in self.flow.parameters():
                    parameter *= FIRST_BEND

    def forward(self) -> Distribution:
        """Return the distribution, over (latent_dim,)."""
        return self.flow()
