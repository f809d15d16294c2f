"""Distributions for q(z|x) and p(z) that torch.distributions lacks, and functions of posteriors."""

import math
from functools import singledispatch
from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal, kl_divergence, register_kl

from enfold.errors import InputError

CODE_LOG_PROB_TOLERANCE = 1e-4  # largest distance of a vector from a code to count as that code


class CorrelatedNormal(MultivariateNormal):
    """A Gaussian with a full covariance, whose draws are as exact as its parameters.

    Under autocast torch would round the noise and its factor to half precision as it multiplies them.
    """

    def rsample(self, sample_shape: list[int] | tuple[int, ...] = ()) -> Tensor:
        """Return draws, (*sample_shape, B, latent_dim)."""
        with torch.autocast(self.loc.device.type, enabled=False):
            return super().rsample(sample_shape)


class Code(Distribution):
    """A point mass at one of finitely many codes, with a straight-through gradient.

    Gradients pass the rounding as if it were not there (Bengio, Léonard & Courville 2013, "Estimating or propagating
    gradients through stochastic neurons").

    Args:
        continuous: The values before rounding, (B, latent_dim).
        rounded: The codes, (B, latent_dim).
        cost: A penalty on their difference, added to the loss, (B,); None: no penalty.
    """

    arg_constraints = {}  # noqa: RUF012  # pyright: ignore
    has_rsample = True

    def __init__(self, continuous: Tensor, rounded: Tensor, cost: Tensor | None = None):
        self.continuous, self.rounded, self.cost = continuous, rounded, cost
        super().__init__(continuous.shape[:-1], continuous.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The codes, with the gradient of the values before rounding."""
        return self.rounded.detach() + (self.continuous - self.continuous.detach())

    @property
    def stddev(self) -> Tensor:
        """Zeros."""
        return torch.zeros_like(self.continuous)

    def rsample(self, sample_shape: list[int] | tuple[int, ...] = ()) -> Tensor:
        """Return the codes, (*sample_shape, B, latent_dim)."""
        return self.mean.expand(self._extended_shape(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return 0 where the value is the code, else −∞; the shape is (B,)."""
        same = (value - self.rounded).abs().amax(-1) < CODE_LOG_PROB_TOLERANCE
        return torch.where(same, 0.0, -math.inf)


class UniformCodes(Distribution):
    """Each of finitely many codes, one of every codebook side by side, with equal probability.

    Args:
        books: The codebooks, (books, codes, values of a code).
    """

    arg_constraints = {}  # noqa: RUF012  # pyright: ignore

    def __init__(self, books: Tensor):
        self.books = books
        super().__init__(Size(), Size((books.shape[0] * books.shape[2],)), validate_args=False)

    @property
    def entropy_of_codes(self) -> float:
        """The code length, in nats: the number of codebooks times the logarithm of their codes."""
        return self.books.shape[0] * math.log(self.books.shape[1])

    @property
    def spacing(self) -> Tensor:
        """How far a code is from the nearest other one in its codebook: the median over codes, (latent_dim,)."""
        apart = torch.cdist(self.books.detach(), self.books.detach())
        apart.diagonal(dim1=1, dim2=2).fill_(math.inf)
        return apart.amin(2).median(1).values.repeat_interleave(self.books.shape[2])

    def nearest(self, z: Tensor) -> Tensor:
        """Return the code nearest to each vector, (…, latent_dim)."""
        count, _, values = self.books.shape
        split = z.reshape(-1, count, values).transpose(0, 1)  # (books, n, values)
        books = self.books.detach()
        chosen = torch.cdist(split, books).argmin(-1)
        found = books[torch.arange(count, device=z.device)[:, None], chosen]
        return found.transpose(0, 1).reshape(z.shape)

    def sample(self, sample_shape: list[int] | tuple[int, ...] = ()) -> Tensor:
        """Return codes, (*sample_shape, latent_dim)."""
        count, codes, _ = self.books.shape
        chosen = torch.randint(codes, (*sample_shape, count), device=self.books.device)
        return self.books.detach()[torch.arange(count, device=self.books.device), chosen].flatten(-2)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-probability of codes, (B, latent_dim) → (B,), in nats; it is the same for all."""
        return torch.full_like(value[..., 0], -self.entropy_of_codes)


@register_kl(Code, UniformCodes)
def _kl_code_uniform(q: Code, p: UniformCodes) -> Tensor:
    return torch.full_like(q.continuous[..., 0], p.entropy_of_codes)


@register_kl(MultivariateNormal, Independent)
def _kl_full_diagonal(q: MultivariateNormal, p: "Independent[Any]") -> Tensor:
    """KL of a Gaussian with a full covariance from one with a diagonal covariance, in closed form."""
    base = p.base_dist
    if not isinstance(base, Normal):
        raise NotImplementedError
    scaled = q.variance + (q.mean - base.loc).square()
    log_volume = q.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return (0.5 * scaled / base.scale.square() + base.scale.log() - 0.5).sum(-1) - log_volume


def rate(q: Distribution, p: Distribution, z: Tensor) -> Tensor:
    """Return KL(q ‖ p) in nats, (B,): in closed form where torch has one, else log q(z) − log p(z), its estimate.

    Args:
        q: The posteriors, over (latent_dim,), (B,) of them.
        p: The prior.
        z: A draw from each posterior, (B, latent_dim).
    """
    try:
        return kl_divergence(q, p)
    except NotImplementedError:
        return log_ratio(q, p, z)


def log_ratio(q: Distribution, p: Distribution, z: Tensor) -> Tensor:
    """Return log q(z) − log p(z) in nats, in float32 whatever the precision around it.

    Args:
        q: The posteriors, over (latent_dim,), (B,) of them.
        p: The prior.
        z: Draws, (…, B, latent_dim).

    Returns:
        (…, B).
    """
    with torch.autocast(z.device.type, enabled=False):
        return q.log_prob(z) - p.log_prob(z)


@singledispatch
def detached(q: Distribution) -> Distribution:
    """Return the posteriors with detached parameters.

    Raises:
        InputError: They are of an unknown kind.
    """
    raise _unknown(q)


@detached.register(Independent)
def _(q: "Independent[Any]") -> Distribution:
    return Independent(detached(q.base_dist), q.reinterpreted_batch_ndims, validate_args=False)


@detached.register
def _(q: Normal) -> Distribution:
    return Normal(q.loc.detach(), q.scale.detach(), validate_args=False)


@detached.register
def _(q: MultivariateNormal) -> Distribution:
    return MultivariateNormal(q.loc.detach(), scale_tril=q.scale_tril.detach(), validate_args=False)


@singledispatch
def joined(q: Distribution, *others: Any) -> Distribution:
    """Return the posteriors of several batches, all of one kind, as those of one batch.

    Raises:
        InputError: They are of an unknown kind.
    """
    raise _unknown(q)


@joined.register(Independent)
def _(q: "Independent[Any]", *others: Any) -> Distribution:
    base = joined(q.base_dist, *(each.base_dist for each in others))
    return Independent(base, q.reinterpreted_batch_ndims, validate_args=False)


@joined.register
def _(q: Normal, *others: Any) -> Distribution:
    return Normal(_cat("loc", q, *others), _cat("scale", q, *others), validate_args=False)


@joined.register
def _(q: MultivariateNormal, *others: Any) -> Distribution:
    tril = _cat("scale_tril", q, *others)
    return MultivariateNormal(_cat("loc", q, *others), scale_tril=tril, validate_args=False)


@joined.register
def _(q: Code, *others: Any) -> Distribution:
    return Code(_cat("continuous", q, *others), _cat("rounded", q, *others))


@singledispatch
def moved(q: Distribution, noise: Tensor) -> Tensor:
    """Return draws from posteriors made from standard normal noise, (B, latent_dim).

    Args:
        q: (B,) posteriors; noise does not move codes.
        noise: (latent_dim,), or (B, latent_dim).

    Raises:
        InputError: They are of an unknown kind.
    """
    raise _unknown(q)


@moved.register(Independent)
def _(q: "Independent[Any]", noise: Tensor) -> Tensor:
    return moved(q.base_dist, noise)


@moved.register
def _(q: Normal | Code, noise: Tensor) -> Tensor:
    return q.mean + q.stddev * noise


@moved.register
def _(q: MultivariateNormal, noise: Tensor) -> Tensor:
    return q.mean + (q.scale_tril @ noise.unsqueeze(-1)).squeeze(-1)


def _cat(name: str, *parts: Any) -> Tensor:
    return torch.cat([getattr(each, name) for each in parts])


def _unknown(q: Distribution) -> InputError:
    return InputError(
        f"Expected a posterior that is normal or a code, got a {type(q).__name__}. Choose another posterior, or "
        "register what is to be done with this kind in enfold.distributions."
    )
