"""Priors p(z): modules that return a distribution over latent vectors, which may be learned."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import zuko
from torch import Tensor, distributions, nn
from torch.distributions import Categorical, Distribution, Independent, MixtureSameFamily

from enfold.errors import InputError
from enfold.nets.posteriors import Codebook, CodesPrior
from enfold.options import Choice, Custom, Need, names_of, option
from enfold.spec import Spec

FIRST_BEND = 0.1  # of the splines of a single coordinate; from 0 all would stay the same
FLOW_HIDDEN = (64, 64)  # units of the networks that give the parameters of a flow
PSEUDO_INPUT = 0.1  # initial distance of pseudo-inputs from the center of the data, in units of its scale


class StandardNormal(nn.Module):
    """p(z) = N(0, I).

    Args:
        latent_dim: Number of latent dimensions.
    """

    zeros: Tensor
    ones: Tensor

    def __init__(self, latent_dim: int):
        super().__init__()
        self.register_buffer("zeros", torch.zeros(latent_dim), persistent=False)
        self.register_buffer("ones", torch.ones(latent_dim), persistent=False)

    def forward(self) -> "Independent[Any]":
        """Return the distribution, over (latent_dim,)."""
        return Independent(distributions.Normal(self.zeros, self.ones, validate_args=False), 1, validate_args=False)


class MixturePrior(nn.Module):
    """p(z) = Σ_k w_k N(z; μ_k, diag σ_k²), all of it learned (Dilokthanakul 2016; Jiang 2017, "VaDE").

    Args:
        latent_dim: Number of latent dimensions.
        components: Number of Gaussians.
    """

    def __init__(self, latent_dim: int, components: int):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(components))
        self.mu = nn.Parameter(torch.randn(components, latent_dim))
        self.log_sigma = nn.Parameter(torch.zeros(components, latent_dim))

    def forward(self) -> MixtureSameFamily:
        """Return the distribution, over (latent_dim,)."""
        each = distributions.Normal(self.mu, self.log_sigma.exp(), validate_args=False)
        parts = Independent(each, 1, validate_args=False)
        return MixtureSameFamily(Categorical(logits=self.logits, validate_args=False), parts, validate_args=False)


class VampPrior(nn.Module):
    """p(z) = Σ_k w_k q(z|u_k): a mixture of the posteriors of learned pseudo-inputs u_k.

    With all data as pseudo-inputs and equal weights it is the aggregate posterior, for which no prior gives a higher
    bound (Tomczak & Welling 2018, "VAE with a VampPrior", equation 9).

    Args:
        encoder: Raw rows → q(z|x), that of the model.
        pseudo_inputs: Their initial values, in raw units, (K, *shape).
        scale: Divides them as parameters, so that their steps are about as large as those of weights.
        limits: Their lowest and highest allowed values, in raw units.
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
        self._encoder = (encoder,)  # in a tuple, so that its weights are not registered twice
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
    """p(z): a Gaussian transformed by learned invertible maps.

    "realnvp" couples halves of z by affine maps (Dinh, Sohl-Dickstein & Bengio 2017), "spline" bends each coordinate
    by a monotonic rational-quadratic spline that depends on those before it (Durkan 2019, "Neural spline flows").
    A single coordinate has only splines.

    Args:
        latent_dim: Number of latent dimensions.
        kind: "realnvp" or "spline".
        transforms: Number of maps, one after the other.
    """

    def __init__(self, latent_dim: int, kind: str = "spline", transforms: int = 4):
        super().__init__()
        flow = zuko.flows.RealNVP if kind == "realnvp" and latent_dim > 1 else zuko.flows.NSF
        self.flow = flow(latent_dim, transforms=transforms, hidden_features=FLOW_HIDDEN)
        if latent_dim == 1:  # whose splines have no networks that would start near the identity
            with torch.no_grad():
                for parameter in self.flow.parameters():
                    parameter *= FIRST_BEND

    def forward(self) -> Distribution:
        """Return the distribution, over (latent_dim,)."""
        return self.flow()


@dataclass(frozen=True)
class Context:
    """What a prior can be built from.

    Attributes:
        latent_dim: Number of latent dimensions.
        spec: The shape, kind and range of the data.
        encoder: The model's encoder, raw rows → q(z|x).
        posterior: Its last module.
    """

    latent_dim: int
    spec: Spec
    encoder: nn.Module
    posterior: nn.Module


@dataclass(frozen=True)
class Prior(Choice, part="prior"):
    """p(z), the distribution that new latent vectors are drawn from."""

    is_learned: ClassVar[bool] = False  # whether training changes it, by the rate
    is_over_codes: ClassVar[bool] = False  # whether it can be over the codes of a discrete posterior

    def build(self, context: Context) -> nn.Module:
        """Return a module, () → p(z) over (latent_dim,)."""
        raise NotImplementedError


@dataclass(frozen=True)
class Auto(Prior, name="auto"):
    """uniform for a posterior with codes, otherwise normal."""

    is_over_codes = True

    def build(self, context: Context) -> nn.Module:
        """Return the prior that suits the posterior."""
        return (Uniform() if isinstance(context.posterior, Codebook) else Normal()).build(context)


@dataclass(frozen=True)
class Normal(Prior, name="normal"):
    """The standard normal distribution."""

    def build(self, context: Context) -> nn.Module:
        """Return a `StandardNormal`."""
        return StandardNormal(context.latent_dim)


@dataclass(frozen=True)
class Mixture(Prior, name="mixture"):
    """A learned mixture of Gaussians."""

    is_learned = True

    components: int = option(100, "Gaussians in the mixture", low=1)

    def build(self, context: Context) -> nn.Module:
        """Return a `MixturePrior`."""
        return MixturePrior(context.latent_dim, self.components)


@dataclass(frozen=True)
class Vamp(Prior, name="vamp"):
    """A mixture of the posteriors of learned pseudo-inputs (VampPrior)."""

    is_learned = True

    components: int = option(100, "pseudo-inputs", low=1)

    def build(self, context: Context) -> nn.Module:
        """Return a `VampPrior`."""
        spec = context.spec
        offset, scale = torch.from_numpy(spec.offset), torch.from_numpy(spec.scale)
        middle = offset + (0.5 * scale if spec.kind == "intensity" else 0)
        begin = middle + PSEUDO_INPUT * scale * torch.randn(self.components, *spec.shape)
        limits = (0.0, float(spec.scale.min())) if spec.kind == "intensity" else None
        return VampPrior(context.encoder, begin, scale, limits)


@dataclass(frozen=True)
class RealNVP(Prior, name="realnvp"):
    """A normalizing flow of affine coupling layers."""

    is_learned = True

    def build(self, context: Context) -> nn.Module:
        """Return a `Flow`."""
        return Flow(context.latent_dim, "realnvp")


@dataclass(frozen=True)
class Spline(Prior, name="spline"):
    """A normalizing flow of rational-quadratic splines."""

    is_learned = True

    def build(self, context: Context) -> nn.Module:
        """Return a `Flow`."""
        return Flow(context.latent_dim, "spline")


@dataclass(frozen=True)
class Uniform(Prior, name="uniform"):
    """The same probability for every code, for a posterior with codes."""

    is_over_codes = True

    def build(self, context: Context) -> nn.Module:
        """Return a `CodesPrior`."""
        assert isinstance(context.posterior, Codebook), "as `needs` asks for"
        return CodesPrior(context.posterior)

    def needs(self) -> Iterable[Need]:
        """Return that the posterior gives codes."""
        yield Need("posterior", names_of("posterior", is_discrete=True), "only these give codes")


@dataclass(frozen=True)
class CustomPrior(Custom, Prior, name="custom"):
    """Your own module, passed in Python: () → p(z) over (latent_dim,)."""

    kind, meaning = nn.Module, "a torch.nn.Module"
    is_learned = is_over_codes = True

    def build(self, context: Context) -> nn.Module:
        """Return the module, if its distribution is over (latent_dim,).

        Raises:
            InputError: It is not.
        """
        shape = getattr(self.value.cpu()(), "event_shape", None)
        if shape != (context.latent_dim,):
            raise InputError(
                f"The prior must return a distribution over ({context.latent_dim},), as latent_dim="
                f"{context.latent_dim} says, but its event shape is {shape}. Change one of them."
            )
        return self.value
