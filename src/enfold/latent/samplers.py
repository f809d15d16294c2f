"""Distributions to draw new latent vectors from after training.

Where the aggregate posterior q(z), the mean of q(z|x) over the data, differs from the prior, the decoder has never
seen some of what the prior draws. A density fitted to q(z) after training avoids that (Ghosh, Sajjadi, Vergari, Black
& Schölkopf 2020, "From variational to deterministic autoencoders", section 4).
"""

import math

import numpy as np
import torch
from torch import Size, Tensor
from torch.distributions import (
    AffineTransform,
    Distribution,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
)
from zuko.distributions import NormalizingFlow
from zuko.transforms import ComposedTransform

from enfold.devices import seeded
from enfold.distributions import UniformCodes
from enfold.errors import InputError, unknown
from enfold.inference import conditioned_chunks, evaluating, in_one
from enfold.latent.mixtures import as_distribution, gaussian_mixture
from enfold.model import Autoencoder
from enfold.optimizers import EagerAdam
from enfold.priors import Flow
from enfold.rows import Examples, drawn, selected

SAMPLERS = ("prior", "mixture", "flow")
AGGREGATED = 20_000  # rows, at most; more would hardly change q(z)
COMPONENTS = 20  # of the mixture, at most
ROWS_FOR_A_COVARIANCE = 10  # for each latent dimension; with fewer it is noisy
FLOW_STEPS, FLOW_BATCH, FLOW_RATE, FLOW_TRANSFORMS = 300, 256, 5e-3, 3
BLUR = 0.15  # standard deviation, in distances between codes; a density needs some, and 0.1% of it changes the code


class NearestCode(Distribution):
    """The codes nearest to draws from a density.

    Args:
        density: Over (latent_dim,).
        codes: What may be drawn.
    """

    arg_constraints = {}  # noqa: RUF012  # pyright: ignore

    def __init__(self, density: Distribution, codes: UniformCodes):
        self.density, self.codes = density, codes
        super().__init__(Size(), density.event_shape, validate_args=False)

    def sample(self, sample_shape: list[int] | tuple[int, ...] = ()) -> Tensor:
        """Return codes, (*sample_shape, latent_dim)."""
        return self.codes.nearest(self.density.sample(sample_shape))


def sampler(
    model: Autoencoder,
    kind: str,
    x: Examples | None = None,
    *,
    condition: Tensor | None = None,
    means: bool = False,
    seed: int = 0,
) -> Distribution:
    """Return a distribution over (latent_dim,) to draw new latent vectors from.

    Args:
        kind: "prior": the model's p(z). "mixture": Gaussians with full covariances, fitted by expectation
            maximization to draws from q(z|x) of the rows. "flow": a neural spline flow (Durkan 2019), fitted to the
            same draws by maximum likelihood, in some seconds. For a model with codes both are fitted to codes with a
            little noise, and their draws are rounded to the nearest code.
        x: Raw rows, (n, *shape), n > 1; 20,000 of them are used. Not needed for the prior.
        condition: The class of each, (n,) integers, for a conditional model.
        means: Whether to use the means of q(z|x), as for a plain autoencoder, whose q has no learned scale.
        seed: Of the rows, the draws and the fit.

    Raises:
        InputError: The kind is unknown, or there are too few rows.
    """
    if kind not in SAMPLERS:
        raise unknown("sampler", kind, SAMPLERS)
    with torch.no_grad():
        prior = model.prior()
    if kind == "prior":
        return prior
    z = aggregate(model, x if x is not None else np.empty(0), condition, means=means, seed=seed)
    codes = prior if isinstance(prior, UniformCodes) else None
    with seeded(seed):
        z = z if codes is None else z + BLUR * codes.spacing.cpu() * torch.randn_like(z)
        density = _mixture(z, seed, model.device) if kind == "mixture" else _flow(z, model.device)
    return density if codes is None else NearestCode(density, codes)


def aggregate(
    model: Autoencoder, x: Examples, condition: Tensor | None = None, *, means: bool = False, seed: int = 0
) -> Tensor:
    """Return draws from the aggregate posterior, (n, latent_dim) on the CPU: one from q(z|x) for each row.

    Args:
        x: Raw rows, (n, *shape), n > 1; at most 20,000 are used, drawn at random.
        condition: The class of each, (n,) integers, for a conditional model.
        means: Whether to return the means of q(z|x) instead.
        seed: Of the rows and the draws.

    Raises:
        InputError: There are too few rows.
    """
    if len(x) < 2:
        raise InputError(f"A sampler is fitted to at least 2 rows, got {len(x)}. Give more, or use the prior.")
    rows = drawn(len(x), AGGREGATED, seed)
    some = selected(x, rows)
    classes = None if condition is None else condition[torch.from_numpy(rows)]
    with evaluating(model), seeded(seed, model.device):
        posteriors = (each.encode(part) for each, part in conditioned_chunks(model, some, classes))
        found = in_one(some, ((q.mean if means else q.sample()).cpu().numpy() for q in posteriors))
    return torch.from_numpy(found)


def prior_samples(model: Autoencoder, n: int, seed: int = 0) -> np.ndarray:
    """Return `n` latent vectors drawn from the prior, (n, latent_dim) float32; the same for the same seed."""
    with torch.no_grad():
        return draws(model.prior(), n, seed, model.device)


def draws(p: Distribution, n: int, seed: int = 0, device: torch.device | None = None) -> np.ndarray:
    """Return `n` draws, (n, latent_dim) float32; the same for the same seed.

    Args:
        p: A distribution over (latent_dim,).
        n: How many.
        seed: Of the draws.
        device: Where the distribution is, if not on the CPU.

    Raises:
        InputError: `n` is below 1.
    """
    if n < 1:
        raise InputError(f"Expected at least 1 draw, got {n}.")
    with seeded(seed, device), torch.inference_mode():
        return p.sample((n,)).cpu().numpy()


def tempered(p: Distribution, temperature: float) -> Distribution:
    """Return the distribution with its standard deviations multiplied by a temperature.

    Below 1, draws are more typical and less varied. The components of a mixture shrink about their means and keep
    their weights, so that no draw falls between them. A flow transforms a narrower Gaussian (Kingma &
    Dhariwal 2018, "Glow", section 6).

    Args:
        p: A Gaussian, a Gaussian mixture, a flow, or the nearest codes to one.
        temperature: Above 0; 1 changes nothing.

    Raises:
        InputError: The temperature is not above 0, or the distribution has no standard deviation: it is uniform over
            codes, or of a custom type.
    """
    if not 0 < temperature < math.inf:
        raise InputError(f"Expected a temperature above 0, such as 0.7, got {temperature}.")
    return p if temperature == 1 else _tempered(p, temperature)


def _tempered(p: Distribution, by: float) -> Distribution:
    match p:
        case Normal():
            return Normal(p.loc, p.scale * by, validate_args=False)
        case MultivariateNormal():
            return MultivariateNormal(p.loc, scale_tril=p.scale_tril * by, validate_args=False)
        case Independent():
            return Independent(_tempered(p.base_dist, by), p.reinterpreted_batch_ndims, validate_args=False)
        case MixtureSameFamily():
            components = _tempered(p.component_distribution, by)
            return MixtureSameFamily(p.mixture_distribution, components, validate_args=False)
        case NormalizingFlow():
            return NormalizingFlow(p.transform, _tempered(p.base, by))
        case NearestCode():
            return NearestCode(_tempered(p.density, by), p.codes)
        case _:
            raise InputError(
                f"A temperature needs a distribution with a standard deviation, and a {type(p).__name__} has none. "
                "Leave it at 1, or choose another sampler."
            )


def _mixture(z: Tensor, seed: int, device: torch.device) -> MixtureSameFamily:
    n, dim = z.shape
    components = int(np.clip(n // (ROWS_FOR_A_COVARIANCE * dim), 1, COMPONENTS))
    return as_distribution(gaussian_mixture(z.double().numpy(), components, seed), torch.float32, device)


def _flow(z: Tensor, device: torch.device) -> NormalizingFlow:
    mean, scale = z.mean(0), z.std(0).clamp(min=1e-6)  # the splines only transform what is near 0
    rows = ((z - mean) / scale).to(device)
    flow = Flow(z.shape[1], "spline", FLOW_TRANSFORMS).to(device)
    optimizer = EagerAdam(flow.parameters(), FLOW_RATE)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, FLOW_STEPS)
    for _ in range(FLOW_STEPS):
        batch = rows[torch.randint(len(rows), (min(FLOW_BATCH, len(rows)),))]
        loss = -flow().log_prob(batch).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rates.step()
    standardize = AffineTransform((-mean / scale).to(device), (1 / scale).to(device), event_dim=1)
    fitted = flow.requires_grad_(False)()
    return NormalizingFlow(ComposedTransform(standardize, fitted.transform), fitted.base)
