"""How well a model accounts for data, and how much of its latent space it uses."""

import numpy as np
import torch

from enfold.distributions import moved, rate
from enfold.model import Autoencoder, chunks, decode_means, evaluating, in_one
from enfold.objectives import EVALUATION_SEED, elbo, terms_of_rows
from enfold.rows import Examples

DRAWS = 4  # of z for each example, in the mean distortion
SHARED_DRAWS = 32  # of noise for all examples, in the bound of each; a power of two, for Sobol's balance
ACTIVE_VARIANCE = 0.01  # Burda, Grosse & Salakhutdinov 2016, section 5.2


def negative_elbo(model: Autoencoder, x: Examples) -> dict[str, float]:
    """Return the means over examples of −ELBO, distortion and rate, in nats:

        negative_elbo = distortion + rate ≥ −log p(x).

    Args:
        model: The model.
        x: Raw examples, (n, *shape).
    """  # noqa: D400, D415 - the sentence ends in its formula
    loss, distortion, rate = terms_of_rows(model, elbo, x, draws=DRAWS).mean(1).tolist()
    return {"negative_elbo": loss, "distortion": distortion, "rate": rate}


def log_likelihood_bounds(model: Autoencoder, x: Examples) -> np.ndarray:
    """Return the ELBO of each example, (n,), in nats: a lower bound to log p(x).

    Every example is given the same `SHARED_DRAWS` draws of noise, spread evenly by a scrambled Sobol sequence (Owen
    1995; Buchholz, Wenzel & Mandt 2018). So its figure is the same at every call and does not depend on the
    examples beside it.

    Args:
        model: The model, with a normal posterior.
        x: Raw examples, (n, *shape).
    """
    spread = torch.quasirandom.SobolEngine(model.latent_dim, scramble=True, seed=EVALUATION_SEED).draw(SHARED_DRAWS)
    noise = torch.special.ndtri(spread.double()).float()

    def bounds_of(part: np.ndarray) -> np.ndarray:
        batch = torch.from_numpy(part).to(model.device)
        q = model.encode(batch)
        p, draws = model.prior(), [moved(q, each) for each in noise.to(model.device)]
        bounds = [model.decode(z).log_prob(batch) - rate(q, p, z) for z in draws]
        return torch.stack(bounds).mean(0).cpu().double().numpy()

    with evaluating(model):
        return in_one(x, map(bounds_of, chunks(x)))


def active_units(means: np.ndarray) -> int:
    """Return how many latent dimensions vary with x: Var_x(E[z|x]) > 0.01 (Burda et al. 2016, section 5.2).

    Args:
        means: Posterior means, (n, latent_dim).
    """
    return int((means.var(0) > ACTIVE_VARIANCE).sum())


def reconstruction_mse(model: Autoencoder, x: Examples, means: np.ndarray) -> float:
    """Return the mean squared error of the reconstructions at the posterior means.

    Args:
        model: The model.
        x: Raw examples, (n, *shape).
        means: Their posterior means, (n, latent_dim).

    Returns:
        The mean over examples and values, in units of each column's squared scale: of 0…1 for pixels, of the
        training rows' variance for real columns.
    """
    total = 0.0
    for part, z in zip(chunks(x), chunks(means), strict=True):
        error = (decode_means(model, z) - part) / model.spec.scale
        total += float(np.square(error, dtype=np.float64).sum())
    return total / (len(x) * model.spec.size)
