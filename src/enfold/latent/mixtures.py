"""Gaussian mixtures fitted to latent vectors."""

import warnings

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

LEAST_VARIANCE = 1e-6  # of the mean variance: keeps a component of equal rows from having zero variance
SMALLEST = 1e-12  # mean variance
AT_ONCE = 4096  # rows whose densities are in memory


def gaussian_mixture(z: np.ndarray, components: int, seed: int = 0) -> GaussianMixture:
    """Return a mixture of Gaussians with full covariances, fitted to rows by expectation maximization.

    Args:
        z: (n, latent_dim) float64.
        components: How many Gaussians, at most n.
        seed: Of the starting point of the iteration.
    """
    floor = LEAST_VARIANCE * max(float(z.var(0).mean()), SMALLEST)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a fit that has not converged is still a density
        return GaussianMixture(components, reg_covar=floor, random_state=seed).fit(z)


def as_distribution(
    fitted: GaussianMixture, dtype: torch.dtype = torch.float64, device: torch.device | None = None
) -> MixtureSameFamily:
    """Return a fitted mixture as one of torch's, over (latent_dim,)."""
    arrays = (fitted.weights_, fitted.means_, np.linalg.cholesky(np.asarray(fitted.covariances_)))
    weights, mu, tril = (torch.from_numpy(each).to(device, dtype) for each in arrays)
    components = MultivariateNormal(mu, scale_tril=tril, validate_args=False)
    return MixtureSameFamily(Categorical(weights, validate_args=False), components, validate_args=False)


def responsibilities(mixture: MixtureSameFamily, z: np.ndarray) -> np.ndarray:
    """Return the probability that each latent vector is of each component, (n, latent_dim) → (n, components)."""
    weights, components = mixture.mixture_distribution.logits, mixture.component_distribution
    found = np.empty((len(z), len(weights)))
    with torch.inference_mode():
        for start in range(0, len(z), AT_ONCE):
            part = torch.from_numpy(np.ascontiguousarray(z[start : start + AT_ONCE])).to(weights)
            found[start : start + AT_ONCE] = (components.log_prob(part[:, None]) + weights).softmax(1).cpu()
    return found
