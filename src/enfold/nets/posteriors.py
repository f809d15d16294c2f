"""Features → q(z|x): the last module of an encoder."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal

from enfold.distributions import Code, CorrelatedNormal, UniformCodes
from enfold.errors import InputError
from enfold.options import Choice, Need, names_of, option

COMMITMENT = 0.25  # van den Oord 2017, equation 3
NARROWEST = -40.0  # gives a standard deviation of e^-20; 0 would cost infinitely many nats


def at_most_one(raw: Tensor) -> Tensor:
    """Return a standard deviation between e^-20 and 1: √sigmoid(raw).

    A diagonal posterior is then never wider than the standard normal prior, and its rate cannot explode by its width.
    """
    return torch.sigmoid(raw.clamp(min=NARROWEST)).sqrt()


class DiagonalNormal(nn.Module):
    """Features → a Gaussian with a diagonal covariance: q(z|x) = N(μ(h), diag σ(h)²).

    Args:
        features: Number of features.
        latent_dim: Number of latent dimensions.
        scale: Maps the output of a linear layer to σ; with torch.exp the layer gives log σ.
    """

    def __init__(self, features: int, latent_dim: int, scale: Callable[[Tensor], Tensor] = at_most_one):
        super().__init__()
        self.mu = nn.Linear(features, latent_dim)
        self.raw_sigma = nn.Linear(features, latent_dim)
        self.scale = scale

    def forward(self, h: Tensor) -> "Independent[Any]":  # (B, features) → over (latent_dim,)
        """Return the distribution, in float32 whatever the features' precision."""
        with torch.autocast(h.device.type, enabled=False):
            mu, sigma = self.mu(h.float()), self.scale(self.raw_sigma(h.float()))
        return Independent(Normal(mu, sigma, validate_args=False), 1, validate_args=False)


class FullNormal(nn.Module):
    """Features → a Gaussian with a full covariance: q(z|x) = N(μ(h), L(h) L(h)ᵀ), L lower triangular.

    (Kingma & Welling 2019, "An introduction to variational autoencoders", section 2.5.1.)

    Args:
        features: Number of features.
        latent_dim: Number of latent dimensions.
    """

    places: Tensor

    def __init__(self, features: int, latent_dim: int):
        super().__init__()
        self.mu = nn.Linear(features, latent_dim)
        self.raw_sigma = nn.Linear(features, latent_dim)
        self.below = nn.Linear(features, latent_dim * (latent_dim - 1) // 2)
        self.register_buffer("places", torch.tril_indices(latent_dim, latent_dim, -1), persistent=False)

    def forward(self, h: Tensor) -> CorrelatedNormal:  # (B, features) → over (latent_dim,)
        """Return the distribution, in float32 whatever the features' precision."""
        with torch.autocast(h.device.type, enabled=False):
            h = h.float()
            diagonal = torch.diag_embed(at_most_one(self.raw_sigma(h)))
            row, column = self.places
            tril = diagonal.index_put(
                (torch.arange(h.shape[0], device=h.device)[:, None], row, column), self.below(h)
            )
            return CorrelatedNormal(self.mu(h), scale_tril=tril, validate_args=False)


class FiniteScalar(nn.Module):
    """Features → a code whose every coordinate is one of a few levels in −1…1 .

    Each coordinate is squashed by tanh and rounded to the nearest level; nothing is learned for it
    (Mentzer 2023, "Finite scalar quantization", section 3.1).

    Args:
        features: Number of features.
        latent_dim: Number of latent dimensions.
        levels: Number of values of each coordinate, at least 2.
    """

    def __init__(self, features: int, latent_dim: int, levels: int = 8):
        super().__init__()
        self.linear = nn.Linear(features, latent_dim)
        self.levels = levels

    def forward(self, h: Tensor) -> Code:  # (B, features) → over (latent_dim,)
        """Return the code, in float32 whatever the features' precision."""
        with torch.autocast(h.device.type, enabled=False):
            bounded = torch.tanh(self.linear(h.float()))
        half = (self.levels - 1) / 2
        steps = ((bounded + 1) * half).round()
        return Code(bounded, steps / half - 1)

    def codes(self) -> Tensor:
        """Return the values of each coordinate as a codebook, (latent_dim, levels, 1)."""
        levels = torch.linspace(-1, 1, self.levels, device=self.linear.weight.device)
        return levels.expand(self.linear.out_features, -1).unsqueeze(-1)


class VectorQuantized(nn.Module):
    """Features → the nearest of learned codes, in each codebook (van den Oord, Vinyals & Kavukcuoglu 2017).

    The code's cost is their equation 3: the codebook moves to the features, and they commit to it, in squared units.

    Args:
        features: Number of features.
        latent_dim: Number of latent dimensions; `num_codebooks` divides it.
        codebook_size: Number of codes in each codebook.
        num_codebooks: Number of codebooks, which share the coordinates evenly.
    """

    def __init__(self, features: int, latent_dim: int, codebook_size: int = 64, num_codebooks: int = 1):
        super().__init__()
        self.linear = nn.Linear(features, latent_dim)
        self.books = nn.Parameter(torch.randn(num_codebooks, codebook_size, latent_dim // num_codebooks))

    def forward(self, h: Tensor) -> Code:  # (B, features) → over (latent_dim,)
        """Return the code, in float32 whatever the features' precision."""
        with torch.autocast(h.device.type, enabled=False):
            z = self.linear(h.float())
            shares = z.unflatten(1, (self.books.shape[0], -1)).transpose(0, 1)  # (books, B, values)
            squares = self.books.square().sum(2).unsqueeze(1)
            nearest = (squares - 2 * shares @ self.books.mT).argmin(-1)  # by |z − c|² without what all codes share
            chosen = self.books.gather(1, nearest.unsqueeze(-1).expand(-1, -1, self.books.shape[2]))
            rounded = chosen.transpose(0, 1).flatten(1)
            cost = (z.detach() - rounded).square().sum(1) + COMMITMENT * (z - rounded.detach()).square().sum(1)
        return Code(z, rounded, cost)

    def codes(self) -> Tensor:
        """Return the codebooks, (books, codes, latent_dim / books)."""
        return self.books


@runtime_checkable
class Codebook(Protocol):
    """A posterior whose z is made of codes."""

    def codes(self) -> Tensor:
        """Return the values that each group of coordinates may take, (groups, codes, coordinates in a group)."""
        ...


class CodesPrior(nn.Module):
    """p(z): every code of a posterior with equal probability.

    Args:
        posterior: The module that gives the codes.
    """

    def __init__(self, posterior: Codebook):
        super().__init__()
        self._posterior = (posterior,)  # in a tuple, so that its weights are not registered twice

    def forward(self) -> UniformCodes:
        """Return the distribution, over (latent_dim,)."""
        return UniformCodes(self._posterior[0].codes())


@dataclass(frozen=True)
class Posterior(Choice, part="posterior"):
    """q(z|x), the distribution that the encoder gives each row."""

    is_discrete: ClassVar[bool] = False  # whether z is one of finitely many codes
    has_covariance: ClassVar[bool] = False  # whether the coordinates of z may depend on each other

    def build(self, features: int, latent_dim: int) -> nn.Module:
        """Return a module from features, (B, features), to q(z|x) over (latent_dim,)."""
        raise NotImplementedError


@dataclass(frozen=True)
class Diagonal(Posterior, name="diagonal"):
    """A Gaussian with a diagonal covariance."""

    scale: Literal["bounded", "exp"] = option(
        "bounded", "how its standard deviation is made of a linear layer: bounded, at most 1; exp, of its logarithm"
    )

    def build(self, features: int, latent_dim: int) -> nn.Module:
        """Return a `DiagonalNormal`."""
        return DiagonalNormal(features, latent_dim, torch.exp if self.scale == "exp" else at_most_one)


@dataclass(frozen=True)
class Full(Posterior, name="full"):
    """A Gaussian with a full covariance."""

    has_covariance = True

    def build(self, features: int, latent_dim: int) -> nn.Module:
        """Return a `FullNormal`; of a single coordinate a `DiagonalNormal`."""
        return FullNormal(features, latent_dim) if latent_dim > 1 else DiagonalNormal(features, latent_dim)


@dataclass(frozen=True)
class _Discrete(Posterior):
    is_discrete = True

    def needs(self) -> Iterable[Need]:
        """Return that the prior must be over codes, and that neighbors cannot be preserved."""
        yield Need("prior", names_of("prior", is_over_codes=True), "it must be a distribution over codes")
        yield Need("n_neighbors", (0,), "codes cannot be moved towards each other bit by bit")


@dataclass(frozen=True)
class FSQ(_Discrete, name="fsq"):
    """Codes with each coordinate rounded to one of a few levels (finite scalar quantization)."""

    levels: int = option(8, "values that each coordinate may take", low=2)

    def build(self, features: int, latent_dim: int) -> nn.Module:
        """Return a `FiniteScalar`."""
        return FiniteScalar(features, latent_dim, self.levels)


@dataclass(frozen=True)
class VQ(_Discrete, name="vq"):
    """Codes from learned codebooks (vector quantization)."""

    codebook_size: int = option(64, "codes in each codebook", low=2)
    num_codebooks: int = option(1, "codebooks, which share the coordinates of z evenly", low=1)

    def build(self, features: int, latent_dim: int) -> nn.Module:
        """Return a `VectorQuantized`.

        Raises:
            InputError: The codebooks cannot share the coordinates evenly.
        """
        if latent_dim % self.num_codebooks:
            raise InputError(
                f"{self.num_codebooks} codebooks cannot share {latent_dim} latent dimensions evenly. Choose a "
                f"multiple, as with --latent-dim {self.num_codebooks * max(1, latent_dim // self.num_codebooks)}."
            )
        return VectorQuantized(features, latent_dim, self.codebook_size, self.num_codebooks)
