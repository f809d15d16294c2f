"""Mixtures of normals that are fitted to latent vectors."""

import warnings

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

LEAST_VARIANCE = 1e-6  # of the mean variance: keeps a normal on equal rows from having no width
SMALLEST = 1e-12  # mean variance
AT_ONCE = 4096  # rows whose densities are in memory


def normal_mixture(z: np.ndarray, components: int, seed: int = 0) -> GaussianMixture:
    """Return a mixture of normals with full covariances, fitted to rows by expectation maximization.

    Args:
        z: (n, latent_dim) float64.
        components: How many normals, at most n.
        seed: Of where the iteration begins.
    """
    floor = LEAST_VARIANCE * max(float(z.var(0).mean()), SMALLEST)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a density that could be a little better is one
        return GaussianMixture(components, reg_covar=floor, random_state=seed).fit(z)


def as_distribution(
    fitted: GaussianMixture, dtype: torch.dtype = torch.float64, device: torch.device | None = None
) -> MixtureSameFamily:
    """Return a fitted mixture as one of torch's, over (latent_dim,)."""
    arrays = (fitted.weights_, fitted.means_, np.linalg.cholesky(np.asarray(fitted.covariances_)))
    weights, mu, tril = (torch.from_numpy(each).to(device, dtype) for each in arrays)
    parts = MultivariateNormal(mu, scale_tril=tril, validate_args=False)
    return MixtureSameFamily(Categorical(weights, validate_args=False), parts, validate_args=False)


def responsibilities(mixture: MixtureSameFamily, z: np.ndarray) -> np.ndarray:
    """Return how likely each latent vector is of each component, (n, latent_dim) → (n, components) float64."""
    weights, parts = mixture.mixture_distribution.logits, mixture.component_distribution
    found = np.empty((len(z), len(weights)))
    with torch.inference_mode():
        for start in range(0, len(z), AT_ONCE):
            part = torch.from_numpy(np.ascontiguousarray(z[start : start + AT_ONCE])).to(weights)
            found[start : start + AT_ONCE] = (parts.log_prob(part[:, None]) + weights).softmax(1).cpu()
    return found
